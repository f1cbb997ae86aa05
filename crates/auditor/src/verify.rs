//! Checks a bundle by itself, without a network and without trusting any party in it.
//!
//! For each log: its own signature under the checkpoint; every entry against the tree, which is
//! built anew from the entries; every stored hash against that tree. Then everything that parties
//! kept of the log, checkpoints and receipts, against the same tree: a log that told two parties
//! two stories cannot fit both.

use audit::tiles::{Row, TileError, hash_rows, tiles};
use audit::tree::{HashTree, leaf_hash};
use audit::{Checkpoint, Entry, KeyName, TileDir, TreeHead, VerifierKey};
use model::Digest;
use wire::Receipt;

use crate::bundle::{Bundle, BundleError, Kept};
use crate::finding::{Finding, Severity, Verdict};

/// A log whose entries were read and built into a tree.
pub struct CheckedLog {
    /// Its name in the bundle.
    pub name: String,
    /// Its entries in order, as far as they could be read.
    pub entries: Vec<Entry>,
    /// The key that it was checked with.
    pub key: VerifierKey,
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
    for kept in bundle.seen()? {
        findings.push(check_seen(&logs, &kept));
    }
    for kept in bundle.receipts()? {
        findings.push(check_receipt(&logs, &kept));
    }
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
    let unreadable = |error: TileError| wrong(error.to_string());
    let checkpoint = files.checkpoint().map_err(unreadable)?;
    let checkpoint = checkpoint.ok_or_else(|| wrong("it has no checkpoint".to_owned()))?;
    let (key, about_key) =
        key_of(name, checkpoint.origin(), files, known, pinned).map_err(wrong)?;
    let head = checkpoint
        .signed_by(&key)
        .map_err(|error| wrong(error.to_string()))?;
    let mut log = CheckedLog {
        name: name.to_owned(),
        entries: Vec::new(),
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

/// The key to check a log with: one that came another way, or the bundle's.
fn key_of(
    name: &str,
    origin: &KeyName,
    files: &TileDir,
    known: &[VerifierKey],
    pinned: &[Kept<VerifierKey>],
) -> Result<(VerifierKey, Vec<Finding>), String> {
    let own = files.key().map_err(|error| error.to_string())?;
    let own = own.filter(|key| key.name == *origin);
    let given = known.iter().find(|key| key.name == *origin).cloned();
    let mut findings = Vec::new();
    if given.is_none() {
        let text = "its key came with the bundle: compare it with the one its keeper tells you";
        findings.push(Finding::new(Severity::Unproved, name, text));
    }
    let key = given.or(own).ok_or("there is no key for it")?;
    for kept in pinned.iter().filter(|kept| kept.name == name) {
        if kept.what != key {
            let text = format!("{} knows it by another key", kept.party);
            findings.push(Finding::new(Severity::Wrong, name, text).shown_by(&kept.party));
        }
    }
    Ok((key, findings))
}

impl CheckedLog {
    fn right(&self, text: impl Into<String>) -> Finding {
        Finding::new(Severity::Right, &self.name, text)
    }

    fn wrong(&self, text: impl Into<String>) -> Finding {
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
        self.entries.iter().find(|entry| entry.sequence == index)
    }

    /// The proof that the entries extend the first `old_size` of them; none if there are fewer.
    pub fn consistency(&self, old_size: u64) -> Option<Vec<Digest>> {
        self.tree.consistency_path(old_size)
    }

    /// Whether the log has the history that `head` stands for; if not, in what it differs.
    fn history(&self, head: &TreeHead) -> Result<(), String> {
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

/// Checks a checkpoint that a party was shown.
fn check_seen(logs: &[CheckedLog], kept: &Kept<Checkpoint>) -> Finding {
    let Some(log) = logs.iter().find(|log| log.name == kept.name) else {
        return unchecked(&kept.name, &kept.party, "the checkpoint it was shown");
    };
    let told = match shown(log, &kept.what) {
        Ok(size) => log.right(format!(
            "{} was shown these same first {size} entries",
            kept.party
        )),
        Err(text) => log.wrong(text),
    };
    told.shown_by(&kept.party)
}

fn shown(log: &CheckedLog, checkpoint: &Checkpoint) -> Result<u64, String> {
    let head = checkpoint.signed_by(&log.key);
    let head = head.map_err(|error| format!("the checkpoint it keeps: {error}"))?;
    log.history(&head).map(|()| head.size)
}

/// Checks a receipt that a party keeps.
fn check_receipt(logs: &[CheckedLog], kept: &Kept<Receipt>) -> Finding {
    let receipt = &kept.what;
    let origin = receipt.checkpoint.origin();
    let Some(log) = logs.iter().find(|log| log.key.name == *origin) else {
        return unchecked(origin.as_str(), &kept.party, "its receipt");
    };
    let entry = receipt.entry.sequence;
    let told = match receipt_holds(log, receipt) {
        Ok(()) => log.right(format!(
            "the acceptance that {} has a receipt for is in it",
            kept.party
        )),
        Err(text) => log.wrong(text),
    };
    told.at(entry).shown_by(&kept.party)
}

fn receipt_holds(log: &CheckedLog, receipt: &Receipt) -> Result<(), String> {
    let signed = receipt.check_signed(&receipt.manifest_digest, &log.key);
    signed.map_err(|error| error.to_string())?;
    match log.entry(receipt.entry.sequence) {
        Some(entry) if *entry == receipt.entry => log.history(&receipt.proof.head),
        Some(_) => {
            Err("it is not the entry that the receipt was given for: it was altered".to_owned())
        }
        None => Err("the entry that the receipt was given for is gone".to_owned()),
    }
}

fn unchecked(log: &str, party: &str, what: &str) -> Finding {
    let text = format!("{what} cannot be checked: the bundle does not have the log");
    Finding::new(Severity::Unproved, log, text).shown_by(party)
}
