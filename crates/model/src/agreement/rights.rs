//! What an agreement gives one custodian of a run, put together from its clauses.

use serde::{Deserialize, Serialize};

use super::{Agreement, Clause, Output};
use crate::id::PartyName;
use crate::life_event::LifeEvent;
use crate::refusal::Refusal;

/// What a member may have of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rights {
    /// A pseudonym of its own for each of its records.
    pub pseudonyms: bool,
    /// Counts.
    pub counts: bool,
    /// The parties of which it may know whether they know a person of its own.
    pub known_at: Vec<PartyName>,
    /// The events it is given notice of.
    pub events: Vec<LifeEvent>,
}

impl Rights {
    /// Whether anything is told of single records.
    pub fn has_rows(&self) -> bool {
        self.pseudonyms || !self.known_at.is_empty() || !self.events.is_empty()
    }

    /// Whether everything that `other` gives is given here too.
    pub fn cover(&self, other: &Self) -> bool {
        let pseudonyms = self.pseudonyms || !other.pseudonyms;
        let counts = self.counts || !other.counts;
        let known_at = other
            .known_at
            .iter()
            .all(|name| self.known_at.contains(name));
        let events = other.events.iter().all(|event| self.events.contains(event));
        pseudonyms && counts && known_at && events
    }
}

impl Agreement {
    /// What `party` may have of a run.
    ///
    /// # Errors
    /// A [`Refusal`] that names the clause, when it takes no part or may have nothing.
    pub fn rights(&self, party: &PartyName) -> Result<Rights, Refusal> {
        let Some(member) = self.find(party) else {
            return Err(Clause::Member.refuse(format!("{party} takes no part")));
        };
        let has = |output| member.outputs.contains(&output);
        if member.outputs.is_empty() {
            return Err(Clause::Outputs.refuse(format!("{party} may have nothing")));
        }
        Ok(Rights {
            pseudonyms: has(Output::OwnPseudonyms),
            counts: has(Output::Counts),
            known_at: member.known_at.clone(),
            events: member.events.clone(),
        })
    }

    /// Whether anybody is given notice of `event`.
    pub fn gives_notice_of(&self, event: LifeEvent) -> bool {
        self.custodians()
            .any(|member| member.events.contains(&event))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> PartyName {
        name.parse().unwrap()
    }

    #[test]
    fn rights_cover_what_is_a_part_of_them() {
        let all = Rights {
            pseudonyms: true,
            counts: true,
            known_at: vec![name("b"), name("c")],
            events: vec![LifeEvent::Death, LifeEvent::Birth],
        };
        assert!(all.cover(&all) && all.cover(&Rights::default()));
        for part in [
            Rights {
                pseudonyms: false,
                ..all.clone()
            },
            Rights {
                counts: false,
                ..all.clone()
            },
            Rights {
                known_at: vec![name("c")],
                ..all.clone()
            },
            Rights {
                events: vec![LifeEvent::Birth],
                ..all.clone()
            },
        ] {
            assert!(all.cover(&part) && !part.cover(&all), "{part:?}");
            assert!(part.has_rows());
        }
        let counts = Rights {
            counts: true,
            ..Rights::default()
        };
        assert!(!counts.has_rows());
    }
}
