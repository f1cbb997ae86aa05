//! Checks a bundle by itself, without a network and without trusting any party in it.
//!
//! For each log: its own signature under the checkpoint; every entry against the tree, which is
//! built anew from the entries; every stored hash against that tree. Then everything that parties
//! kept of the log, checkpoints and receipts, against the same tree: a log that told two parties
//! two stories cannot fit both.

use std::collections::BTreeSet;

use audit::tiles::{Row, TileError, hash_rows, tiles};
use audit::tree::{HashTree, leaf_hash};
use audit::{Checkpoint, Entry, Event, KeyKind, KeyName, TileDir, TreeHead, VerifierKey};
use model::{Digest, ProjectName};

use crate::bundle::{Bundle, BundleError, Kept, keeper_of};
use crate::finding::{Finding, Severity, Verdict};
use crate::kept::{check_cosigned, check_receipt, check_seen, check_uploads, unreadable};

/// A log whose entries were read and built into a tree.
pub struct CheckedLog {
    /// Its name in the bundle.
    pub name: String,
    /// Its entries in order, as far as they could be read.
    pub entries: Vec<Entry>,
    /// The key that it was checked with.
    pub key: VerifierKey,
    /// Whether that key came another way than the bundle.
    pub is_known: bool,
    /// Its head, which that key signed.
    pub checkpoint: Checkpoint,
    tree: HashTree,
    findings: Vec<Finding>,
}

/// Checks all of `bundle`. `known` are keys that came another way than the bundle did, as from the
/// custodians' own files; a log without one is checked with the key in the bundle, and that is told.
///
/// # Errors
/// A bundle that cannot be read.
pub fn verify(
    bundle: &Bundle,
    known: &[VerifierKey],
) -> Result<(Verdict, Vec<CheckedLog>), BundleError> {
    let mut findings = Vec::new();
    let mut logs = Vec::new();
    let pinned = bundle.pinned()?;
    for (name, files) in bundle.logs()? {
        match check_log(&name, &files, known, &pinned) {
            Ok(mut log) => {
                findings.append(&mut log.findings);
                logs.push(log);
            }
            Err(finding) => findings.push(*finding),
        }
    }
    findings.extend(check_names(&logs));
    findings.extend(check_missing(&logs));
    findings.extend(pinned.iter().filter_map(unreadable));
    for kept in bundle.seen()? {
        findings.push(check_seen(
            &logs,
            &kept.name,
            &kept.party,
            &kept.party,
            &kept.what,
        ));
    }
    for kept in bundle.told()? {
        // What does not fit is kept as `PARTY.SIZE`.
        let party = kept.name.split('.').next().unwrap_or_default();
        let told = check_seen(&logs, &kept.party, party, &kept.party, &kept.what);
        // That a log says of itself what fits it, without the party's signature, says nothing.
        findings.extend(Some(told).filter(|told| told.severity != Severity::Unproved));
    }
    for kept in bundle.cosigned()? {
        findings.extend(check_cosigned(&logs, &kept, known));
    }
    let receipts = bundle.receipts()?;
    findings.extend(receipts.iter().map(|kept| check_receipt(&logs, kept)));
    findings.extend(
        logs.iter()
            .flat_map(|log| check_uploads(log, &logs, &receipts)),
    );
    Ok((Verdict::of(findings), logs))
}

/// Checks one log for itself.
fn check_log(
    name: &str,
    files: &TileDir,
    known: &[VerifierKey],
    pinned: &[Kept<VerifierKey>],
) -> Result<CheckedLog, Box<Finding>> {
    let wrong = |text: String| Box::new(Finding::new(Severity::Wrong, name, text));
    let unreadable = |error: TileError| match error {
        // Nobody's doing but that of this machine's disk, or of who copied the bundle.
        TileError::Store(_) | TileError::Missing(_) => {
            Box::new(Finding::new(Severity::Unproved, name, error.to_string()))
        }
        error => wrong(error.to_string()),
    };
    let checkpoint = files.checkpoint().map_err(unreadable)?;
    let checkpoint = checkpoint.ok_or_else(|| {
        let text = "it has no checkpoint: fetch the log again";
        Box::new(Finding::new(Severity::Unproved, name, text))
    })?;
    if project_of(name, checkpoint.origin()).is_none() {
        return Err(wrong(format!("it is the log {}", checkpoint.origin())));
    }
    let (key, about_key) =
        key_of(name, checkpoint.origin(), files, known, pinned).map_err(wrong)?;
    let head = checkpoint
        .signed_by(&key)
        .map_err(|error| wrong(error.to_string()))?;
    let mut log = CheckedLog {
        name: name.to_owned(),
        entries: Vec::new(),
        is_known: known.contains(&key),
        key,
        checkpoint,
        tree: HashTree::default(),
        findings: about_key,
    };
    log.read_entries(files, head.size).map_err(unreadable)?;
    log.check_hashes(files).map_err(unreadable)?;
    log.findings.push(match log.tree.head() == head {
        true => log.right(format!("its {} entries are those it signed", head.size)),
        false => log.wrong(format!(
            "its {} entries do not lead to the root it signed: entries were altered, removed or put in",
            head.size
        )),
    });
    Ok(log)
}

/// The project of the log that its keeper calls `origin`, if that is what the bundle calls `name`.
fn project_of(name: &str, origin: &KeyName) -> Option<ProjectName> {
    let rest = origin.as_str().strip_prefix("symbolon/")?;
    let project: ProjectName = rest.split('/').next()?.parse().ok()?;
    (KeyName::of_log(&project, &keeper_of(name)?) == *origin).then_some(project)
}

/// All logs are of one project.
fn check_names(logs: &[CheckedLog]) -> Option<Finding> {
    let projects: BTreeSet<ProjectName> = logs
        .iter()
        .filter_map(|log| project_of(&log.name, &log.key.name))
        .collect();
    let names: Vec<&str> = projects.iter().map(ProjectName::as_str).collect();
    let text = format!("the logs are of different projects: {}", names.join(", "));
    let first = logs.first().filter(|_| names.len() > 1)?;
    Some(Finding::new(Severity::Wrong, &first.name, text))
}

/// The logs that there should be, by what the coordinator's say of the project.
fn check_missing(logs: &[CheckedLog]) -> Vec<Finding> {
    let opened = logs
        .iter()
        .flat_map(|log| &log.entries)
        .find_map(|entry| match &entry.event {
            Event::ProjectOpened { parties, .. } => Some(parties),
            _ => None,
        });
    let nodes = opened
        .into_iter()
        .flatten()
        .map(|party| format!("node-{party}"));
    let expected = ["matcher", "resolver"]
        .map(str::to_owned)
        .into_iter()
        .chain(nodes);
    let is_there = |name: &String| logs.iter().any(|log| log.name == *name);
    let missing = expected.filter(|name| !logs.is_empty() && !is_there(name));
    let text = "its log could not be checked: nothing of it is proved, nor what others say of it";
    missing
        .map(|name| Finding::new(Severity::Unproved, &name, text))
        .collect()
}

/// The key to check a log with: one that came another way, or the bundle's.
fn key_of(
    name: &str,
    origin: &KeyName,
    files: &TileDir,
    known: &[VerifierKey],
    pinned: &[Kept<VerifierKey>],
) -> Result<(VerifierKey, Vec<Finding>), String> {
    let own = files.key().map_err(|error| error.to_string())?;
    let is_its = |key: &VerifierKey| key.name == *origin && key.kind == KeyKind::Log;
    let own = own.filter(is_its);
    let given = known.iter().find(|key| is_its(key)).cloned();
    let mut findings = Vec::new();
    if given.is_none() {
        let text = "its key came with the bundle: compare it with the one its keeper tells you";
        findings.push(Finding::new(Severity::Unproved, name, text));
    }
    let key = given.or(own).ok_or("there is no key for it")?;
    for kept in pinned.iter().filter(|kept| kept.name == name) {
        if kept.what.as_ref().is_ok_and(|pinned| *pinned != key) {
            let text = format!("{} knows it by another key", kept.party);
            findings.push(Finding::new(Severity::Wrong, name, text).shown_by(&kept.party));
        }
    }
    Ok((key, findings))
}

impl CheckedLog {
    pub(crate) fn right(&self, text: impl Into<String>) -> Finding {
        Finding::new(Severity::Right, &self.name, text)
    }

    pub(crate) fn wrong(&self, text: impl Into<String>) -> Finding {
        Finding::new(Severity::Wrong, &self.name, text)
    }

    /// Reads every entry and builds the tree from them.
    fn read_entries(&mut self, files: &TileDir, size: u64) -> Result<(), TileError> {
        for tile in tiles(Row::Entries, 0, size) {
            for bytes in files.entries(&tile)? {
                let index = self.tree.size();
                self.tree.push(leaf_hash(&bytes));
                match Entry::from_bytes(&bytes) {
                    Ok(entry) => self.take(index, entry),
                    Err(error) => self.findings.push(self.wrong(error.to_string()).at(index)),
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, index: u64, entry: Entry) {
        if entry.sequence != index {
            let text = format!(
                "it says it is entry {}: the log was rearranged",
                entry.sequence
            );
            self.findings.push(self.wrong(text).at(index));
        }
        let last = self.entries.last().map_or(0, |last| last.unix_millis);
        if entry.unix_millis < last {
            let text = "it is dated before the entry before it: its keeper's clock went back";
            let finding = Finding::new(Severity::Unproved, &self.name, text);
            self.findings.push(finding.at(index));
        }
        self.entries.push(entry);
    }

    /// Compares every stored hash with the tree; the first leaf that differs is an altered entry.
    fn check_hashes(&mut self, files: &TileDir) -> Result<(), TileError> {
        for row in hash_rows() {
            let Row::Hashes(level) = row else { continue };
            for tile in tiles(row, 0, self.tree.size()) {
                let stored = files.hashes(&tile)?;
                for (place, hash) in (tile.start()..).zip(&stored) {
                    if self.tree.subtree(8 * level, place) == Some(hash) {
                        continue;
                    }
                    self.findings.push(match level {
                        0 => self.wrong("it is not the entry that the log's tree was built from: it was altered").at(place),
                        _ => self.wrong(format!("the hash in {} does not follow from the entries", tile.path())),
                    });
                }
            }
        }
        Ok(())
    }

    /// The entry at `index`, if the log has one that could be read.
    pub fn entry(&self, index: u64) -> Option<&Entry> {
        // Where entries could not be read or are not in their places, their numbers do not help.
        let place = usize::try_from(index).ok()?;
        let there = self
            .entries
            .get(place)
            .filter(|entry| entry.sequence == index);
        there.or_else(|| self.entries.iter().find(|entry| entry.sequence == index))
    }

    /// The proof that the entries extend the first `old_size` of them; none if there are fewer.
    pub fn consistency(&self, old_size: u64) -> Option<Vec<Digest>> {
        self.tree.consistency_path(old_size)
    }

    /// Whether the log has the history that `head` stands for; if not, in what it differs.
    pub(crate) fn history(&self, head: &TreeHead) -> Result<(), String> {
        match self.tree.head_at(head.size) {
            None => Err(format!(
                "it was shown {} entries, and now there are {}: entries were removed",
                head.size,
                self.tree.size()
            )),
            Some(own) if own != *head => Err(format!(
                "it was shown another history of its first {} entries: the log was forked or rewritten",
                head.size
            )),
            Some(_) => Ok(()),
        }
    }
}
