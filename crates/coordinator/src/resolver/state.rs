//! Where a run stands with the resolver: a pure state machine.

use model::lifecycle::Command;
use model::lifecycle::Phase;
use model::{Digest, PartyName};
use serde::{Deserialize, Serialize};

use crate::lifecycle::{Lifecycle, OutOfTurn};

/// What linking gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Records of all parties.
    pub records: u64,
    /// Pairs of records compared.
    pub pairs: u64,
    /// Pairs accepted.
    pub links: u64,
    /// Clusters the records form.
    pub clusters: u64,
    /// Digest of the clusters' file.
    pub clusters_digest: Digest,
    /// What became of clerical review; runs before there was any have none.
    #[serde(default)]
    pub review: ReviewTotals,
}

/// What became of clerical review in a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewTotals {
    /// Pairs put up for review.
    pub pairs: u64,
    /// Digest of their file, where the schema has review.
    pub digest: Option<Digest>,
    /// Earlier decisions that were followed.
    pub followed: u64,
    /// Earlier decisions about a record that is not in this run.
    pub unknown: u64,
    /// Earlier decisions that others contradict.
    pub contradicted: u64,
    /// How far decisions moved the posterior odds, in thousandths of a bit; above 0, more is linked.
    pub shift_millibits: i32,
}

/// Where a run stands with the resolver.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ResolverState {
    /// Takes handle maps.
    #[default]
    Open,
    /// Has the handle maps of all parties.
    Sealed {
        /// Digests of their manifests, in the schema's order of parties.
        manifests: Vec<Digest>,
    },
    /// Has formed clusters.
    Linked {
        /// Digests of the manifests linked.
        manifests: Vec<Digest>,
        /// What came out.
        totals: Totals,
    },
    /// Serves results.
    Released {
        /// Digests of the manifests linked.
        manifests: Vec<Digest>,
        /// What came out.
        totals: Totals,
    },
    /// Could not link them.
    Failed {
        /// Why, for people.
        reason: String,
    },
    /// Nothing of it is left.
    Destroyed,
}

/// What can happen to a run with the resolver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResolverStep {
    /// The input is final.
    Seal {
        /// Digests of the manifests, in the schema's order of parties.
        manifests: Vec<Digest>,
    },
    /// Clusters are formed.
    Link {
        /// What came out.
        totals: Totals,
    },
    /// Results are ready to be served.
    Release,
    /// The input cannot be linked.
    Fail {
        /// Why, for people.
        reason: String,
    },
}

impl ResolverState {
    /// The state after `step`.
    ///
    /// # Errors
    /// [`OutOfTurn`] when the run does not stand where the step begins.
    pub fn apply(self, step: ResolverStep) -> Result<Self, OutOfTurn> {
        let state = self.run_state();
        match (self, step) {
            (Self::Open, ResolverStep::Seal { manifests }) => Ok(Self::Sealed { manifests }),
            (Self::Sealed { manifests }, ResolverStep::Link { totals }) => {
                Ok(Self::Linked { manifests, totals })
            }
            (Self::Linked { manifests, totals }, ResolverStep::Release) => {
                Ok(Self::Released { manifests, totals })
            }
            (
                Self::Open | Self::Sealed { .. } | Self::Linked { .. },
                ResolverStep::Fail { reason },
            ) => Ok(Self::Failed { reason }),
            (_, step) => Err(OutOfTurn {
                step: step.name(),
                state,
            }),
        }
    }

    /// The run's life up to here, with the approvals there are.
    pub(super) fn commands(&self, approvals: Vec<PartyName>) -> Vec<Command> {
        let mut commands = vec![Command::Sign, Command::Open];
        let linked = [Command::Seal, Command::Link, Command::Finish];
        match self {
            Self::Open => {}
            Self::Sealed { .. } => commands.push(Command::Seal),
            Self::Linked { .. } => {
                commands.extend(linked);
                commands.extend(approvals.into_iter().map(Command::Approve));
            }
            Self::Released { .. } => {
                commands.extend(linked);
                commands.extend(approvals.into_iter().map(Command::Approve));
                commands.push(Command::Release);
            }
            Self::Failed { .. } => commands.push(Command::Fail),
            Self::Destroyed => commands.extend([Command::Cancel, Command::Destroy]),
        }
        commands
    }

    /// What linking gave, once it is done.
    pub fn totals(&self) -> Option<&Totals> {
        match self {
            Self::Linked { totals, .. } | Self::Released { totals, .. } => Some(totals),
            _ => None,
        }
    }

    /// Tells the program's log where the run stands now.
    pub(super) fn tell(&self) {
        match self {
            Self::Failed { reason } => tracing::error!(role = "resolver", reason, "run failed"),
            Self::Linked { totals, .. } => {
                let (records, clusters) = (totals.records, totals.clusters);
                tracing::info!(role = "resolver", records, clusters, "run linked");
            }
            _ => tracing::info!(role = "resolver", state = %self.run_state(), "run went on"),
        }
    }
}

impl ResolverStep {
    /// What happens in the run's life by this step.
    pub(super) fn commands(&self) -> Vec<Command> {
        match self {
            Self::Seal { .. } => vec![Command::Seal],
            Self::Link { .. } => vec![Command::Link, Command::Finish],
            Self::Release => vec![Command::Release],
            Self::Fail { .. } => vec![Command::Fail],
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Seal { .. } => "sealed",
            Self::Link { .. } => "linked",
            Self::Release => "released",
            Self::Fail { .. } => "given up",
        }
    }
}

impl Lifecycle for ResolverState {
    fn run_state(&self) -> Phase {
        match self {
            Self::Open => Phase::Open,
            Self::Sealed { .. } => Phase::Sealed,
            Self::Linked { .. } => Phase::Linked,
            Self::Released { .. } => Phase::Released,
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

    fn steps() -> [ResolverStep; 3] {
        let totals = Totals {
            records: 4,
            pairs: 3,
            links: 2,
            clusters: 2,
            clusters_digest: Digest::of(b"c"),
            review: ReviewTotals {
                pairs: 5,
                digest: Some(Digest::of(b"r")),
                shift_millibits: -700,
                ..ReviewTotals::default()
            },
        };
        let manifests = vec![Digest::of(b"m")];
        [
            ResolverStep::Seal { manifests },
            ResolverStep::Link { totals },
            ResolverStep::Release,
        ]
    }

    /// The states on the way to released, each before the step of the same index.
    fn states() -> Vec<ResolverState> {
        let mut states = vec![ResolverState::default()];
        for (at, step) in steps().into_iter().enumerate() {
            states.push(states[at].clone().apply(step).unwrap());
        }
        states
    }

    #[test]
    fn only_the_next_step_is_taken() {
        for (at, state) in states().iter().enumerate() {
            for (place, step) in steps().into_iter().enumerate() {
                assert_eq!(state.clone().apply(step).is_ok(), at == place);
            }
        }
    }

    #[test]
    fn a_run_fails_any_time_before_it_is_released() {
        let fail = || ResolverStep::Fail {
            reason: "why".to_owned(),
        };
        let outcomes: Vec<bool> = states()
            .into_iter()
            .map(|state| state.apply(fail()).is_ok())
            .collect();
        assert_eq!(outcomes, [true, true, true, false]);
    }

    #[test]
    fn totals_from_before_there_was_review_are_read() {
        let digest = Digest::of(b"c");
        let text = format!(
            r#"{{"records":4,"pairs":3,"links":2,"clusters":2,"clusters_digest":"{digest}"}}"#
        );
        let totals: Totals = serde_json::from_str(&text).unwrap();
        assert_eq!(totals.review, ReviewTotals::default());
    }

    #[test]
    fn states_round_trip_as_text() {
        for state in states() {
            let text = serde_json::to_string(&state).unwrap();
            assert_eq!(serde_json::from_str::<ResolverState>(&text).unwrap(), state);
        }
    }
}
