//! Where a run stands with the matcher: a pure state machine.

use model::Digest;
use model::lifecycle::Phase;
use serde::{Deserialize, Serialize};

use crate::lifecycle::{Lifecycle, OutOfTurn};

/// Where a run stands with the matcher.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case", deny_unknown_fields)]
pub enum MatcherState {
    /// Takes encodings.
    #[default]
    Open,
    /// Has the encodings of all parties.
    Sealed {
        /// Digests of their manifests, in the schema's order of parties.
        manifests: Vec<Digest>,
    },
    /// Has compared them.
    Matched {
        /// Digests of the manifests compared.
        manifests: Vec<Digest>,
        /// Digest of the comparisons.
        comparisons: Digest,
        /// How many comparisons there are.
        pairs: u64,
        /// By party: the digest of its rows' handles.
        handles: Vec<Digest>,
    },
    /// Could not compare them.
    Failed {
        /// Why, for people.
        reason: String,
    },
    /// Nothing of it is left.
    Destroyed,
}

/// What can happen to a run with the matcher.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatcherStep {
    /// The input is final.
    Seal {
        /// Digests of the manifests, in the schema's order of parties.
        manifests: Vec<Digest>,
    },
    /// All pairs are compared.
    Match {
        /// Digest of the comparisons.
        comparisons: Digest,
        /// How many.
        pairs: u64,
        /// By party: the digest of its rows' handles.
        handles: Vec<Digest>,
    },
    /// The input cannot be compared.
    Fail {
        /// Why, for people.
        reason: String,
    },
}

impl MatcherState {
    /// The state after `step`.
    ///
    /// # Errors
    /// [`OutOfTurn`] when the run does not stand where the step begins.
    pub fn apply(self, step: MatcherStep) -> Result<Self, OutOfTurn> {
        let state = self.run_state();
        match (self, step) {
            (Self::Open, MatcherStep::Seal { manifests }) => Ok(Self::Sealed { manifests }),
            (
                Self::Sealed { manifests },
                MatcherStep::Match {
                    comparisons,
                    pairs,
                    handles,
                },
            ) => Ok(Self::Matched {
                manifests,
                comparisons,
                pairs,
                handles,
            }),
            (Self::Open | Self::Sealed { .. }, MatcherStep::Fail { reason }) => {
                Ok(Self::Failed { reason })
            }
            (_, step) => Err(OutOfTurn {
                step: step.name(),
                state,
            }),
        }
    }

    /// Tells the program's log where the run stands now.
    pub(super) fn tell(&self) {
        match self {
            Self::Failed { reason } => tracing::error!(role = "matcher", reason, "run failed"),
            Self::Matched { pairs, .. } => {
                tracing::info!(role = "matcher", pairs, "run matched");
            }
            _ => tracing::info!(role = "matcher", state = %self.run_state(), "run went on"),
        }
    }
}

impl MatcherStep {
    fn name(&self) -> &'static str {
        match self {
            Self::Seal { .. } => "sealed",
            Self::Match { .. } => "matched",
            Self::Fail { .. } => "given up",
        }
    }
}

impl Lifecycle for MatcherState {
    fn run_state(&self) -> Phase {
        match self {
            Self::Open => Phase::Open,
            Self::Sealed { .. } => Phase::Sealed,
            // What is left to do is the resolver's.
            Self::Matched { .. } => Phase::Linking,
            Self::Failed { .. } => Phase::Failed,
            Self::Destroyed => Phase::Destroyed,
        }
    }

    fn destroyed() -> Self {
        Self::Destroyed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal() -> MatcherStep {
        let manifests = vec![Digest::of(b"m")];
        MatcherStep::Seal { manifests }
    }

    fn matched() -> MatcherStep {
        let comparisons = Digest::of(b"c");
        MatcherStep::Match {
            comparisons,
            pairs: 3,
            handles: vec![Digest::of(b"h")],
        }
    }

    fn fail() -> MatcherStep {
        let reason = "why".to_owned();
        MatcherStep::Fail { reason }
    }

    #[test]
    fn only_the_next_step_is_taken() {
        let open = MatcherState::default();
        let sealed = open.clone().apply(seal()).unwrap();
        let done = sealed.clone().apply(matched()).unwrap();
        let failed = sealed.clone().apply(fail()).unwrap();
        assert!(open.clone().apply(matched()).is_err());
        assert!(sealed.clone().apply(seal()).is_err());
        for end in [done, failed] {
            for step in [seal(), matched(), fail()] {
                assert!(end.clone().apply(step).is_err());
            }
        }
    }

    #[test]
    fn states_round_trip_as_text() {
        let sealed = MatcherState::default().apply(seal()).unwrap();
        let done = sealed.clone().apply(matched()).unwrap();
        for state in [MatcherState::default(), sealed, done] {
            let text = serde_json::to_string(&state).unwrap();
            assert_eq!(serde_json::from_str::<MatcherState>(&text).unwrap(), state);
        }
    }
}
