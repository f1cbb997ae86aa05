//! How a role shows its log to members: its head with the proof that it extends what the member saw
//! last, its entries, and what other members say they were shown.
//!
//! What a member was shown is kept as it comes back with the member's cosignature, if this role did
//! sign it. Members hold the role to all of it, so a role that tells two members two histories is
//! found out by either, as long as the role passes on what they say.

use std::fs;
use std::io;
use std::path::PathBuf;

use audit::Checkpoint;
use model::PartyName;
use service::files::{create_dir_private, write_atomic_private};
use wire::{Fault, LogHead, Logs};

use crate::context::RoleContext;
use crate::intake::{Desk, failed};
use crate::lifecycle::Lifecycle;

/// What members say they were shown of a role's log: a file a member.
pub(crate) struct Shown(PathBuf);

impl Shown {
    /// Kept in `directory`, made when it is needed.
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self(directory)
    }

    /// Keeps what `party` says it was shown.
    fn keep(&self, party: &PartyName, checkpoint: &Checkpoint) -> io::Result<()> {
        create_dir_private(&self.0)?;
        let path = self.0.join(party.as_str());
        write_atomic_private(&path, checkpoint.to_string().as_bytes())
    }

    /// Keeps a checkpoint that this log does not have, beside what fits and for good.
    fn keep_misfit(&self, party: &PartyName, checkpoint: &Checkpoint) -> io::Result<()> {
        create_dir_private(&self.0)?;
        let path = self.0.join(format!("{party}.{}", checkpoint.head().size));
        match path.try_exists()? {
            true => Ok(()),
            false => write_atomic_private(&path, checkpoint.to_string().as_bytes()),
        }
    }

    /// What `party` says it was shown last, if anything.
    fn of(&self, party: &PartyName) -> io::Result<Option<Checkpoint>> {
        match fs::read_to_string(self.0.join(party.as_str())) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            text => text?.parse().map(Some).map_err(io::Error::other),
        }
    }

    /// What `party` was shown that this log does not have.
    fn misfits_of(&self, party: &PartyName) -> io::Result<Vec<Checkpoint>> {
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut misfits = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let is_its = path.file_stem().is_some_and(|stem| stem == party.as_str());
            if is_its && path.extension().is_some() {
                misfits.push(
                    fs::read_to_string(path)?
                        .parse()
                        .map_err(io::Error::other)?,
                );
            }
        }
        Ok(misfits)
    }
}

impl<L: Lifecycle> RoleContext<L> {
    /// Keeps a checkpoint that this role signed. One that does not fit the log is kept for good: it
    /// shows that another history was told under this role's key.
    fn keep_seen(&self, party: &PartyName, seen: &Checkpoint) -> Result<(), Fault> {
        if seen.signed_by(self.journal.key()).is_err() {
            return Ok(());
        }
        let fits = self.journal.has(&seen.head()).map_err(failed)?;
        if !fits {
            let size = seen.head().size;
            tracing::error!(role = %self.role, %party, size, "a member was shown another history of this log");
        }
        if !fits {
            return Ok(self.shown.keep_misfit(party, seen)?);
        }
        let before = self.shown.of(party)?;
        match before.is_none_or(|before| before.head().size < seen.head().size) {
            true => Ok(self.shown.keep(party, seen)?),
            false => Ok(()),
        }
    }

    /// What all members but `party` say they were shown.
    fn seen_by_others(&self, party: &PartyName) -> Result<Vec<(PartyName, Checkpoint)>, Fault> {
        let mut seen = Vec::new();
        for other in self.project.parties() {
            if other == *party {
                continue;
            }
            let shown = self.shown.of(&other)?.into_iter();
            let misfits = self.shown.misfits_of(&other)?;
            seen.extend(
                shown
                    .chain(misfits)
                    .map(|checkpoint| (other.clone(), checkpoint)),
            );
        }
        Ok(seen)
    }
}

impl<L: Lifecycle + 'static> Logs for Desk<L> {
    fn log_head(&self, party: &PartyName, seen: Option<&Checkpoint>) -> Result<LogHead, Fault> {
        let context = self.context();
        context.project.member(party)?;
        if let Some(seen) = seen {
            context.keep_seen(party, seen)?;
        }
        let others = context.seen_by_others(party)?;
        context.journal.show(seen, others).map_err(failed)
    }

    fn log_entries(
        &self,
        party: &PartyName,
        from: u64,
        limit: usize,
    ) -> Result<Vec<Vec<u8>>, Fault> {
        let context = self.context();
        context.project.member(party)?;
        context.journal.entries(from, limit).map_err(failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use audit::verify;
    use audit::{Event, TreeHead};
    use model::{Digest, RunNumber};
    use secret::SeededEntropy;
    use tempfile::TempDir;
    use tokio::sync::Notify;
    use wire::{HistoryError, Role};

    use crate::directory::StateDir;
    use crate::log_key;
    use crate::matcher::MatcherState;
    use crate::tests::fixture;

    /// A matcher's desk, and the key of its log.
    fn desk() -> (TempDir, Desk<MatcherState>) {
        let dir = tempfile::tempdir().unwrap();
        let directory = StateDir::new(dir.path()).role(Role::Matcher);
        fs::create_dir(directory.path()).unwrap();
        log_key::make(&directory, &mut SeededEntropy::new(1)).unwrap();
        let project = Arc::new(fixture::project());
        let context = RoleContext::open(Role::Matcher, &directory, project, fixture::clock());
        let desk = Desk::new(Arc::new(context.unwrap()), None, Arc::new(Notify::new()));
        (dir, desk)
    }

    fn party(name: &str) -> PartyName {
        name.parse().unwrap()
    }

    fn seal(desk: &Desk<MatcherState>, run: u32) {
        let event = Event::RunSealed {
            run: RunNumber(run),
            manifest_digests: vec![Digest::of(b"m")],
        };
        desk.context().journal.record(event).unwrap();
    }

    #[test]
    fn members_are_shown_one_history_and_what_others_saw() {
        let (_dir, desk) = desk();
        seal(&desk, 1);
        let first = desk.log_head(&party("a"), None).unwrap();
        let key = first.key.clone();
        assert_eq!(first.check(&key, None).unwrap().size, 1);
        seal(&desk, 2);
        let again = desk.log_head(&party("a"), Some(&first.checkpoint)).unwrap();
        let head = again.check(&key, Some(&first.checkpoint)).unwrap();
        let other = desk.log_head(&party("b"), None).unwrap();
        assert_eq!(other.check(&key, None), Ok(head));
        assert_eq!(other.seen.len(), 1);
        assert_eq!(other.seen[0].party, party("a"));
        assert!(desk.log_head(&party("c"), None).is_err());
    }

    #[test]
    fn a_fork_that_one_member_was_shown_is_passed_on_and_found_by_the_other() {
        let (dir, desk) = desk();
        seal(&desk, 1);
        let directory = StateDir::new(dir.path()).role(Role::Matcher);
        let signer = log_key::read(&directory, Role::Matcher, &fixture::project().name).unwrap();
        let root = Digest::of(b"told to a alone");
        let forked = Checkpoint::sign(TreeHead { size: 1, root }, &signer).unwrap();
        desk.log_head(&party("a"), Some(&forked)).unwrap();
        let shown = desk.log_head(&party("b"), None).unwrap();
        let found = shown.check(signer.key(), None);
        assert!(
            matches!(found, Err(HistoryError::Forked { party, .. }) if party == self::party("a"))
        );
        // A later head that fits does not hide it.
        seal(&desk, 2);
        let fits = desk.log_head(&party("a"), None).unwrap().checkpoint;
        desk.log_head(&party("a"), Some(&fits)).unwrap();
        let shown = desk.log_head(&party("b"), None).unwrap();
        assert_eq!(shown.seen.len(), 2);
        assert!(shown.check(signer.key(), None).is_err());
    }

    #[test]
    fn what_this_role_never_signed_is_not_passed_on() {
        let (_dir, desk) = desk();
        seal(&desk, 1);
        let foreign = fixture::signer(Role::Matcher);
        let root = Digest::of(b"made up");
        let made_up = Checkpoint::sign(TreeHead { size: 1, root }, &foreign).unwrap();
        desk.log_head(&party("a"), Some(&made_up)).unwrap();
        assert!(desk.log_head(&party("b"), None).unwrap().seen.is_empty());
    }

    #[test]
    fn entries_come_page_by_page_and_are_those_of_the_tree() {
        let (_dir, desk) = desk();
        (0..5).for_each(|run| seal(&desk, run));
        let head = desk.log_head(&party("a"), None).unwrap().checkpoint.head();
        let mut tree = audit::tree::CompactTree::default();
        loop {
            let page = desk
                .log_entries(&party("a"), tree.head().size, 400)
                .unwrap();
            assert!(page.len() <= 2);
            if page.is_empty() {
                break;
            }
            page.iter()
                .for_each(|entry| tree.push(audit::tree::leaf_hash(entry)));
        }
        assert_eq!(tree.head(), head);
        assert_eq!(verify::consistency(&head, &tree.head(), &[]), Ok(()));
    }
}
