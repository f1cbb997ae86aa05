//! What a recipient is told of one of its records: its pseudonym, at whom else the person is known, and
//! which events others registered, each only as far as the agreement gives it.

use std::collections::HashMap;

use model::agreement::Rights;
use model::{LifeEvent, LinkageSchema, PartyIndex, RecordHandle};
use wire::{EventMark, ResultsRow};

use super::clusters::ClusterRow;
use super::pseudonym::{LinkageIds, Pseudonyms};
use crate::project::Project;

/// The clusters of a run, by what is asked of them.
pub(super) struct Known<'a> {
    rows: &'a [ClusterRow],
    /// By first record of a cluster: the parties with a record in it, by bit.
    parties: Vec<u32>,
    /// By first record of a cluster and event: the parties that registered it, by bit.
    registered: HashMap<(u32, LifeEvent), u32>,
}

impl<'a> Known<'a> {
    /// Looks through clusters, and the marks of each party.
    pub(super) fn new(rows: &'a [ClusterRow], marks: &[(PartyIndex, Vec<EventMark>)]) -> Self {
        let mut parties = vec![0; rows.len()];
        for row in rows {
            parties[row.first as usize] |= 1 << row.party.0;
        }
        let marked = marks.iter().flat_map(|(party, marks)| {
            let of = move |mark: &EventMark| ((*party, mark.record), mark.event);
            marks.iter().map(of)
        });
        let marked: HashMap<(PartyIndex, RecordHandle), LifeEvent> = marked.collect();
        let mut registered = HashMap::new();
        for row in rows {
            if let Some(event) = marked.get(&(row.party, row.record)) {
                *registered.entry((row.first, *event)).or_default() |= 1 << row.party.0;
            }
        }
        Self {
            rows,
            parties,
            registered,
        }
    }

    /// The rows of a party.
    pub(super) fn own(&self, party: PartyIndex) -> impl Iterator<Item = &'a ClusterRow> + use<'a> {
        self.rows.iter().filter(move |row| row.party == party)
    }

    /// Whether `other` has a record of the person of `row`.
    pub(super) fn is_at(&self, row: &ClusterRow, other: PartyIndex) -> bool {
        self.parties[row.first as usize] >> other.0 & 1 == 1
    }

    /// Whether another party than that of `row` registered the event of its person.
    fn is_registered(&self, row: &ClusterRow, event: LifeEvent) -> bool {
        let by = self.registered.get(&(row.first, event));
        by.is_some_and(|by| by & !(1 << row.party.0) != 0)
    }
}

/// Answers the questions of one recipient.
pub(super) struct Answers<'a> {
    known: &'a Known<'a>,
    project: &'a Project,
    ids: &'a LinkageIds<'a>,
    pseudonyms: Option<Pseudonyms>,
    known_at: Vec<PartyIndex>,
    events: Vec<LifeEvent>,
}

impl<'a> Answers<'a> {
    /// Answers as `rights` allow; `pseudonyms` makes those of the recipient.
    pub(super) fn new(
        known: &'a Known<'a>,
        project: &'a Project,
        ids: &'a LinkageIds<'a>,
        rights: &Rights,
        pseudonyms: Pseudonyms,
    ) -> Self {
        let schema: &LinkageSchema = &project.schema;
        let known_at = rights.known_at.iter();
        Self {
            known,
            project,
            ids,
            pseudonyms: rights.pseudonyms.then_some(pseudonyms),
            // Custodians of an agreement are parties of its schema.
            known_at: known_at
                .filter_map(|name| schema.party_index(name))
                .collect(),
            events: rights.events.clone(),
        }
    }

    /// What is told of `row`.
    pub(super) fn row(&self, row: &ClusterRow) -> ResultsRow {
        let bits = |answers: &mut dyn Iterator<Item = bool>| {
            let places = answers.enumerate();
            places.fold(0_u32, |bits, (place, is)| bits | u32::from(is) << place)
        };
        let mut known_at = self
            .known_at
            .iter()
            .map(|other| self.known.is_at(row, *other));
        let mut events = self.events.iter();
        let mut events = events
            .by_ref()
            .map(|event| self.known.is_registered(row, *event));
        ResultsRow {
            record: row.record,
            pseudonym: self
                .pseudonyms
                .as_ref()
                .map(|of| of.of(&self.linkage_id(row))),
            known_at: bits(&mut known_at),
            // Events are few enough for a byte.
            events: bits(&mut events) as u8,
        }
    }

    fn linkage_id(&self, row: &ClusterRow) -> model::LinkageId {
        let first = &self.known.rows[row.first as usize];
        let party = &self.project.schema.party(first.party).name;
        self.ids.of(party, &first.record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fixture;
    use secret::Key32;

    fn row(party: u8, record: u8, first: u32) -> ClusterRow {
        ClusterRow {
            party: PartyIndex(party),
            record: RecordHandle::new([record; 16]),
            first,
        }
    }

    fn died(record: u8) -> EventMark {
        EventMark {
            record: RecordHandle::new([record; 16]),
            event: LifeEvent::Death,
        }
    }

    /// Of the fixture's two parties, a has records 1, 2 and 3, and b has 11 and 12; 1 and 11 are one
    /// person, and so are 2 and 12.
    #[test]
    fn each_is_told_what_it_may_know_and_nothing_of_its_own_events() {
        let rows = [
            row(0, 1, 0),
            row(0, 2, 1),
            row(0, 3, 2),
            row(1, 11, 0),
            row(1, 12, 1),
        ];
        let marks = [
            (PartyIndex(0), vec![died(1)]),
            (PartyIndex(1), vec![died(12)]),
        ];
        let known = Known::new(&rows, &marks);
        let project = fixture::project();
        let key = Key32::from_bytes(&mut [5; 32]);
        let ids = LinkageIds::new(&key, &project);
        let told = |party: u8, rights: &Rights| {
            let name = &project.schema.party(PartyIndex(party)).name;
            let pseudonyms = Pseudonyms::new(&key, &project, name);
            let answers = Answers::new(&known, &project, &ids, rights, pseudonyms);
            let rows = known.own(PartyIndex(party)).map(|row| answers.row(row));
            rows.collect::<Vec<_>>()
        };
        let yes_no = Rights {
            known_at: vec!["b".parse().unwrap()],
            ..Rights::default()
        };
        let rows = told(0, &yes_no);
        assert!(rows.iter().all(|row| row.fits(&yes_no)));
        let known_at: Vec<u32> = rows.iter().map(|row| row.known_at).collect();
        assert_eq!(known_at, [1, 1, 0]);
        let notices = Rights {
            events: vec![LifeEvent::Birth, LifeEvent::Death],
            ..Rights::default()
        };
        let events =
            |party| -> Vec<u8> { told(party, &notices).iter().map(|row| row.events).collect() };
        // a registered the death of 1 itself, and hears of that of 2 from b; b hears of that of 11.
        assert_eq!(events(0), [0, 2, 0]);
        assert_eq!(events(1), [2, 0]);
    }
}
