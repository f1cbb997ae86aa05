//! The life of a run under its agreement, as one pure function: a state, a command, the next state or
//! a refusal. Programs drive it; each transition is one event in a log.
//!
//! ```text
//! Draft -> Signed -> Open -> Sealed -> Linking -> Linked -> Approved -> Released -> Destroyed
//!   any before Released -> Cancelled (people) or Failed (programs) -> Destroyed
//! ```

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::PartyName;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Its agreement is not signed by all.
    Draft,
    /// Its agreement is signed by all, and no batch has come.
    Signed,
    /// Takes batches.
    Open,
    /// Has every batch, takes no more.
    Sealed,
    /// Is being linked.
    Linking,
    /// Is linked; waits for the custodians' approval.
    Linked,
    /// Every custodian approved.
    Approved,
    /// Results can be collected.
    Released,
    /// Nothing readable is left.
    Destroyed,
    /// Was given up by people.
    Cancelled,
    /// Was given up by the programs.
    Failed,
}

impl Phase {
    /// Every phase, in the order a run passes them; the last two end it early.
    pub const ALL: [Self; 11] = [
        Self::Draft,
        Self::Signed,
        Self::Open,
        Self::Sealed,
        Self::Linking,
        Self::Linked,
        Self::Approved,
        Self::Released,
        Self::Destroyed,
        Self::Cancelled,
        Self::Failed,
    ];

    /// The phase's name for people, files and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Signed => "signed",
            Self::Open => "open",
            Self::Sealed => "sealed",
            Self::Linking => "linking",
            Self::Linked => "linked",
            Self::Approved => "approved",
            Self::Released => "released",
            Self::Destroyed => "destroyed",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// Whether results were not given out yet, so that the run can still be given up.
    pub const fn is_before_release(self) -> bool {
        matches!(
            self,
            Self::Draft
                | Self::Signed
                | Self::Open
                | Self::Sealed
                | Self::Linking
                | Self::Linked
                | Self::Approved
        )
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A run's state: its phase, and who approved what came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunLife {
    phase: Phase,
    /// Whose approval a release takes.
    custodians: BTreeSet<PartyName>,
    approvals: BTreeSet<PartyName>,
}

/// What can happen to a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Every custodian's officer signed the agreement.
    Sign,
    /// The coordinator takes batches.
    Open,
    /// Every batch is there.
    Seal,
    /// Linking begins.
    Link,
    /// Linking is done.
    Finish,
    /// A custodian approves what came out.
    Approve(PartyName),
    /// Results may be collected.
    Release,
    /// People give the run up.
    Cancel,
    /// The programs give the run up.
    Fail,
    /// Everything of the run is destroyed.
    Destroy,
}

impl Command {
    /// What would happen, for messages.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Sign => "signed",
            Self::Open => "opened",
            Self::Seal => "sealed",
            Self::Link => "linked",
            Self::Finish => "finished",
            Self::Approve(_) => "approved",
            Self::Release => "released",
            Self::Cancel => "cancelled",
            Self::Fail => "given up",
            Self::Destroy => "destroyed",
        }
    }
}

/// Why a command changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotNow {
    /// The run stands elsewhere.
    #[error("a run that is {phase} cannot be {step}")]
    OutOfTurn {
        /// Where it stands.
        phase: Phase,
        /// What was to happen.
        step: &'static str,
    },
    /// Whoever approves has no say in it.
    #[error("{0} holds no records of this run, and has nothing to approve")]
    NoCustodian(PartyName),
    /// Somebody has not approved.
    #[error("not yet approved by {0}")]
    NotApproved(String),
}

impl RunLife {
    /// A run whose agreement is a draft between these custodians.
    pub fn new(custodians: impl IntoIterator<Item = PartyName>) -> Self {
        Self {
            phase: Phase::Draft,
            custodians: custodians.into_iter().collect(),
            approvals: BTreeSet::new(),
        }
    }

    /// Where the run stands.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// Who approved.
    pub fn approvals(&self) -> impl Iterator<Item = &PartyName> {
        self.approvals.iter()
    }

    /// Whose approval is missing.
    pub fn missing(&self) -> impl Iterator<Item = &PartyName> {
        self.custodians.difference(&self.approvals)
    }
}

/// The state after `command`.
///
/// # Errors
/// [`NotNow`] when the run does not stand where the command begins; nothing changes then.
pub fn apply(state: &RunLife, command: &Command) -> Result<RunLife, NotNow> {
    let phase = match (state.phase, command) {
        (Phase::Draft, Command::Sign) => Phase::Signed,
        (Phase::Signed, Command::Open) => Phase::Open,
        (Phase::Open, Command::Seal) => Phase::Sealed,
        (Phase::Sealed, Command::Link) => Phase::Linking,
        (Phase::Linking, Command::Finish) => Phase::Linked,
        (Phase::Linked, Command::Approve(party)) => return approve(state, party),
        (Phase::Linked, Command::Release) => return Err(not_approved(state)),
        (Phase::Approved, Command::Release) => Phase::Released,
        (phase, Command::Cancel) if phase.is_before_release() => Phase::Cancelled,
        (phase, Command::Fail) if phase.is_before_release() => Phase::Failed,
        (Phase::Released | Phase::Cancelled | Phase::Failed, Command::Destroy) => Phase::Destroyed,
        (phase, command) => {
            let step = command.as_str();
            return Err(NotNow::OutOfTurn { phase, step });
        }
    };
    Ok(RunLife {
        phase,
        ..state.clone()
    })
}

/// The last approval takes the run on. One that is given twice changes nothing.
fn approve(state: &RunLife, party: &PartyName) -> Result<RunLife, NotNow> {
    if !state.custodians.contains(party) {
        return Err(NotNow::NoCustodian(party.clone()));
    }
    let mut next = state.clone();
    next.approvals.insert(party.clone());
    if next.missing().next().is_none() {
        next.phase = Phase::Approved;
    }
    Ok(next)
}

fn not_approved(state: &RunLife) -> NotNow {
    let missing: Vec<&str> = state.missing().map(PartyName::as_str).collect();
    NotNow::NotApproved(missing.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn name(party: &str) -> PartyName {
        party.parse().unwrap()
    }

    fn life() -> RunLife {
        RunLife::new(["a", "b", "c"].map(name))
    }

    /// Where the commands lead; those that are refused change nothing.
    fn after(commands: &[Command]) -> RunLife {
        commands.iter().fold(life(), |state, command| {
            apply(&state, command).unwrap_or(state)
        })
    }

    fn whole() -> Vec<Command> {
        use Command::*;
        vec![
            Sign,
            Open,
            Seal,
            Link,
            Finish,
            Approve(name("a")),
            Approve(name("b")),
            Approve(name("c")),
            Release,
            Destroy,
        ]
    }

    fn command() -> impl Strategy<Value = Command> {
        let mut all = whole();
        all.extend([Command::Cancel, Command::Fail, Command::Approve(name("d"))]);
        prop::sample::select(all)
    }

    #[test]
    fn a_run_passes_every_phase_in_order() {
        let mut state = life();
        let mut passed = vec![state.phase()];
        for command in whole() {
            state = apply(&state, &command).unwrap();
            if passed.last() != Some(&state.phase()) {
                passed.push(state.phase());
            }
        }
        assert_eq!(passed, Phase::ALL[..9]);
    }

    #[test]
    fn a_release_names_who_has_not_approved() {
        let state = after(&whole()[..6]);
        let refused = apply(&state, &Command::Release).unwrap_err();
        assert_eq!(refused, NotNow::NotApproved("b, c".to_owned()));
        let stranger = apply(&state, &Command::Approve(name("d"))).unwrap_err();
        assert_eq!(stranger, NotNow::NoCustodian(name("d")));
        let again = apply(&state, &Command::Approve(name("a"))).unwrap();
        assert_eq!(again, state);
    }

    #[test]
    fn a_run_can_be_given_up_until_its_release() {
        for steps in 0..whole().len() {
            let state = after(&whole()[..steps]);
            let before = state.phase().is_before_release();
            for command in [Command::Cancel, Command::Fail] {
                assert_eq!(apply(&state, &command).is_ok(), before, "{}", state.phase());
            }
        }
    }

    proptest! {
        /// Whatever happens in whatever order.
        #[test]
        fn nothing_is_released_without_every_approval(commands in prop::collection::vec(command(), 0..60)) {
            let mut state = life();
            for command in &commands {
                let before = state.clone();
                match apply(&state, command) {
                    Ok(next) => state = next,
                    Err(_) => continue,
                }
                if state.phase() == Phase::Released {
                    prop_assert!(state.missing().next().is_none());
                }
                prop_assert!(state.approvals().all(|party| before.custodians.contains(party)));
                prop_assert!(before.approvals.is_subset(&state.approvals));
                // Phases only move on, but for the ways out, which only destruction leaves.
                let moved = before.phase() <= state.phase();
                let destroyed = state.phase() == Phase::Destroyed;
                prop_assert!(moved || destroyed, "{} to {}", before.phase(), state.phase());
            }
        }

        #[test]
        fn what_is_destroyed_stays_so(commands in prop::collection::vec(command(), 0..60)) {
            let destroyed = after(&whole());
            for command in &commands {
                prop_assert!(apply(&destroyed, command).is_err());
            }
        }

        #[test]
        fn a_refused_command_is_refused_again(commands in prop::collection::vec(command(), 0..20), next in command()) {
            let state = after(&commands);
            prop_assert_eq!(apply(&state, &next), apply(&state, &next));
        }
    }
}
