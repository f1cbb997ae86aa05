//! From clusters to what is released: a linkage id for each person and run, known to nobody, and of
//! it one pseudonym for each recipient. Both are keyed (HMAC-SHA256, halved); without the resolver's
//! key no two recipients can tell that their pseudonyms mean one person.

use model::{LinkageId, PartyName, Pseudonym, RecordHandle};
use secret::{Key32, Prf};

use crate::project::Project;

/// Makes linkage ids within one run.
pub(super) struct LinkageIds<'a> {
    key: Prf,
    project: &'a Project,
}

/// Makes the pseudonyms of one recipient.
pub(super) struct Pseudonyms(Prf);

impl<'a> LinkageIds<'a> {
    pub(super) fn new(key: &Key32, project: &'a Project) -> Self {
        Self {
            key: key.derive("linkage id v1", &[]).prf(),
            project,
        }
    }

    /// The linkage id of the cluster whose first record is `record` of `party`.
    pub(super) fn of(&self, party: &PartyName, record: &RecordHandle) -> LinkageId {
        LinkageId::new(self.key.tag16(&[
            self.project.name.as_str().as_bytes(),
            &self.project.epoch.0.to_le_bytes(),
            &self.project.run.0.to_le_bytes(),
            party.as_str().as_bytes(),
            record.as_bytes(),
        ]))
    }
}

impl Pseudonyms {
    pub(super) fn new(key: &Key32, project: &Project, recipient: &PartyName) -> Self {
        let context: [&[u8]; 3] = [
            project.name.as_str().as_bytes(),
            &project.epoch.0.to_le_bytes(),
            recipient.as_str().as_bytes(),
        ];
        Self(key.derive("pseudonym v1", &context).prf())
    }

    pub(super) fn of(&self, linkage_id: &LinkageId) -> Pseudonym {
        Pseudonym::new(self.0.tag16(&[linkage_id.as_bytes()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fixture;
    use model::{Epoch, RunNumber};

    fn key() -> Key32 {
        Key32::from_bytes(&mut [5; 32])
    }

    fn name(text: &str) -> PartyName {
        text.parse().unwrap()
    }

    #[test]
    fn linkage_ids_depend_on_everything_they_are_made_of() {
        let record = RecordHandle::new([1; 16]);
        let of = |project: &Project, party: &str, record: &RecordHandle| {
            LinkageIds::new(&key(), project).of(&name(party), record)
        };
        let project = fixture::project();
        let (mut later, mut other_run) = (project.clone(), project.clone());
        later.epoch = Epoch(2);
        other_run.run = RunNumber(2);
        let mut ids = vec![
            of(&project, "a", &record),
            of(&project, "b", &record),
            of(&project, "a", &RecordHandle::new([2; 16])),
            of(&later, "a", &record),
            of(&other_run, "a", &record),
        ];
        assert_eq!(ids[0], of(&project, "a", &record));
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 5);
    }

    #[test]
    fn a_person_has_another_pseudonym_for_each_recipient() {
        let project = fixture::project();
        let id = LinkageId::new([9; 16]);
        let of = |recipient| Pseudonyms::new(&key(), &project, &name(recipient)).of(&id);
        assert_ne!(of("a"), of("b"));
        assert_eq!(of("a"), of("a"));
        assert_ne!(of("a").as_bytes(), id.as_bytes());
    }
}
