//! What adding records did to the clusters that were there: which grew, which became one, which fell
//! apart, and why.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Write;

use link::{CutReason, Resolution};
use model::{PartyIndex, RecordHandle};

use crate::rehearsal::Linked;

/// The cluster each record was in before, by party and handle.
pub(crate) type Before = HashMap<(PartyIndex, RecordHandle), u32>;

/// What happened to a cluster that is not as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// Two clusters became one.
    Merged,
    /// One cluster became several.
    Split,
    /// Both: its records are spread and mixed with others.
    Mixed,
}

impl Change {
    fn in_words(self) -> &'static str {
        match self {
            Self::Merged => "merged",
            Self::Split => "split",
            Self::Mixed => "split and merged",
        }
    }
}

/// What became of the clusters of a finished run.
pub(crate) struct Changes<'a> {
    linked: &'a Linked,
    /// By record number: the cluster before; none for added records.
    before: Vec<Option<u32>>,
    /// By cluster before: those its records are in now.
    now: BTreeMap<u32, BTreeSet<u32>>,
    /// By cluster now: those its records were in.
    were: BTreeMap<u32, BTreeSet<u32>>,
    /// Clusters of now with an added record.
    grown: BTreeSet<u32>,
    /// Clusters of now whose older parts hold together without an added record.
    direct: BTreeSet<u32>,
    /// By cluster before: why likely pairs within it were cut.
    cuts: BTreeMap<u32, CutReason>,
}

impl<'a> Changes<'a> {
    /// Compares the clusters of `linked` with those of `before`.
    pub(crate) fn of(linked: &'a Linked, before: &Before) -> Self {
        let resolution = &linked.resolution;
        let was = |record: &(PartyIndex, RecordHandle)| before.get(record).copied();
        let mut changes = Self {
            linked,
            before: resolution.records.list.iter().map(was).collect(),
            now: BTreeMap::new(),
            were: BTreeMap::new(),
            grown: BTreeSet::new(),
            direct: BTreeSet::new(),
            cuts: BTreeMap::new(),
        };
        changes.follow(resolution);
        changes
    }

    fn follow(&mut self, resolution: &Resolution) {
        for (was, now) in self.before.iter().zip(&resolution.cluster_of) {
            if let Some(was) = was {
                self.now.entry(*was).or_default().insert(*now);
                self.were.entry(*now).or_default().insert(*was);
            } else {
                self.grown.insert(*now);
            }
        }
        for link in &resolution.links {
            let ends = (self.was(link.left), self.was(link.right));
            if let (Some(left), Some(right)) = ends
                && left != right
            {
                let now = resolution.cluster_of[link.left as usize];
                self.direct.insert(now);
            }
        }
        for cut in &resolution.cuts {
            let (left, right) = resolution.scored.at(cut.pair).pair;
            if let (Some(was), Some(other)) = (self.was(left), self.was(right))
                && was == other
            {
                self.cuts.entry(was).or_insert(cut.reason);
            }
        }
    }

    fn was(&self, record: u32) -> Option<u32> {
        self.before[record as usize]
    }

    /// What happened to a cluster of before.
    fn change(&self, was: u32) -> Option<Change> {
        let now = &self.now[&was];
        let joined = now.iter().any(|now| self.were[now].len() > 1);
        match (now.len() > 1, joined) {
            (false, false) => None,
            (false, true) => Some(Change::Merged),
            (true, false) => Some(Change::Split),
            (true, true) => Some(Change::Mixed),
        }
    }

    fn reason(&self, was: u32, change: Change) -> &'static str {
        if change == Change::Merged {
            let through_old = self.now[&was].iter().any(|now| self.direct.contains(now));
            return if through_old {
                "fitted on more pairs, the model finds their own records likely to be of one person"
            } else {
                "an added record belongs to both"
            };
        }
        self.cuts.get(&was).map_or(
            "fitted on more pairs, the model no longer finds them likely to be of one person",
            |reason| reason.in_words(),
        )
    }

    /// How many clusters of before are as they were, were only added to, and changed.
    pub(crate) fn summary(&self) -> String {
        let changed = self.now.keys().filter(|was| self.change(**was).is_some());
        let changed = changed.count();
        let only_grown = |now: &&u32| {
            self.were
                .get(now)
                .is_some_and(|were| were.iter().all(|was| self.change(*was).is_none()))
        };
        let grown = self.grown.iter().filter(only_grown).count();
        format!(
            "of {} clusters that stood, {} are as they were, {grown} have added records, {changed} differ otherwise (changes.csv says why)",
            self.now.len(),
            self.now.len() - changed - grown,
        )
    }

    /// One line a record of a cluster that differs otherwise than by added records.
    pub(crate) fn write(&self, out: &mut dyn Write) -> anyhow::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record([
            "source",
            "record_id",
            "cluster_before",
            "cluster_id",
            "change",
            "reason",
        ])?;
        for (record, cluster) in self.linked.cluster_ids() {
            let was = record.number.and_then(|number| self.was(number));
            let Some((was, change)) = was.and_then(|was| Some((was, self.change(was)?))) else {
                continue;
            };
            csv.write_record([
                &record.label,
                &record.record_id,
                &format!("c{was}"),
                &cluster,
                change.in_words(),
                self.reason(was, change),
            ])?;
        }
        Ok(csv.flush()?)
    }
}
