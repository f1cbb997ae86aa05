//! The resolver's last stage: each party's rows and totals, written out for collecting.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use model::{Digest, PartyIndex, PartyName, RunNumber};
use serde::{Deserialize, Serialize};
use wire::{Count, ResultsRow, RowsDigester};

use super::clusters::{self, ClusterRow};
use super::counts::Counting;
use super::pseudonym::{LinkageIds, Pseudonyms};
use super::review::{self, PartyReview};
use super::state::Totals;
use super::{Resolver, ResolverStep};
use crate::lifecycle::StageError;
use crate::outputs::{self, OutputFile};
use crate::project::Project;

/// Totals of one party's results, with small counts floored already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PartyTotals {
    pub(super) rows: u64,
    pub(super) rows_digest: Digest,
    pub(super) clusters: Count,
    pub(super) found: Vec<(PartyName, Count)>,
}

/// Where the results of a party are.
pub(super) struct ReleaseFiles {
    /// 32 bytes a row: record handle and pseudonym.
    pub(super) rows: PathBuf,
    pub(super) totals: PathBuf,
}

impl ReleaseFiles {
    pub(super) fn of(outputs: &Path, party: &PartyName) -> Self {
        let directory = outputs.join("release");
        Self {
            rows: directory.join(format!("{party}.rows")),
            totals: directory.join(format!("{party}.json")),
        }
    }
}

impl Resolver {
    /// Writes every party's results. Starting over gives the same bytes.
    pub(super) fn release(&self, totals: &Totals) -> Result<ResolverStep, StageError> {
        let project = &self.context.project;
        let agreement = self.context.agreed(project.run)?;
        let outputs = self.context.outputs(project.run);
        outputs::prepare(&outputs.join("release"))?;
        let bytes = std::fs::read(outputs.join("clusters.bin"))?;
        let damaged = || StageError::input("the clusters were damaged after they were formed");
        if Digest::of(&bytes) != totals.clusters_digest {
            return Err(damaged());
        }
        let rows = clusters::decode(&bytes).map_err(|_| damaged())?;
        let counts = counts(project, totals.review.digest.is_some());
        let counting = Counting::new(
            &agreement,
            project.run,
            counts,
            self.context.all_outputs(),
            &self.context.journal,
            &self.keys.pseudonym,
        )?;
        let release = Release::new(self, project, &rows, &counting);
        let kept = review::load(&outputs, &totals.review)?;
        for party in project.schema.party_indices() {
            release.write(&outputs, party)?;
            if totals.review.digest.is_some() {
                let name = &project.schema.party(party).name;
                let review = PartyReview::of(party, project, &kept, &totals.review, &counting);
                review.write(&outputs, name)?;
            }
        }
        Ok(ResolverStep::Release)
    }

    pub(super) fn release_files(&self, run: RunNumber, party: &PartyName) -> ReleaseFiles {
        ReleaseFiles::of(&self.context.outputs(run), party)
    }
}

/// How many records there are; with noise, how many persons: noise that hides a change by one hides a
/// person, who may have several records, only where each person counts once.
fn count_of<'a>(rows: impl Iterator<Item = &'a ClusterRow>, is_of_persons: bool) -> u64 {
    match is_of_persons {
        true => rows.map(|row| row.first).collect::<BTreeSet<_>>().len() as u64,
        false => rows.count() as u64,
    }
}

/// How many counts a run tells: of each party its persons and its records at each other party, and
/// what became of verdicts where there is review.
fn counts(project: &Project, has_review: bool) -> u64 {
    let parties = project.schema.parties.len() as u64;
    parties * parties + if has_review { 2 * parties } else { 0 }
}

/// Clusters on their way to the parties.
struct Release<'a> {
    resolver: &'a Resolver,
    project: &'a Project,
    ids: LinkageIds<'a>,
    rows: &'a [ClusterRow],
    counting: &'a Counting<'a>,
    /// By first record of a cluster: the parties with a record in it, by bit.
    parties: Vec<u32>,
}

impl<'a> Release<'a> {
    fn new(
        resolver: &'a Resolver,
        project: &'a Project,
        rows: &'a [ClusterRow],
        counting: &'a Counting<'a>,
    ) -> Self {
        let mut parties = vec![0; rows.len()];
        for row in rows {
            parties[row.first as usize] |= 1 << row.party.0;
        }
        Self {
            resolver,
            project,
            ids: LinkageIds::new(&resolver.keys.pseudonym, project),
            rows,
            counting,
            parties,
        }
    }

    fn own(&self, party: PartyIndex) -> impl Iterator<Item = &ClusterRow> {
        self.rows.iter().filter(move |row| row.party == party)
    }

    fn write(&self, outputs: &Path, party: PartyIndex) -> io::Result<()> {
        let name = &self.project.schema.party(party).name;
        let files = ReleaseFiles::of(outputs, name);
        let pseudonyms = Pseudonyms::new(&self.resolver.keys.pseudonym, self.project, name);
        let mut out = OutputFile::create(&files.rows)?;
        let mut digester = RowsDigester::new();
        for row in self.own(party) {
            let row = self.results_row(row, &pseudonyms);
            digester.add(&row);
            out.write(row.record.as_bytes())?;
            out.write(row.pseudonym.as_bytes())?;
        }
        out.finish()?;
        let totals = self.totals(party, digester);
        outputs::write_json(&files.totals, &totals)
    }

    fn results_row(&self, row: &ClusterRow, pseudonyms: &Pseudonyms) -> ResultsRow {
        let first = &self.rows[row.first as usize];
        let party = &self.project.schema.party(first.party).name;
        ResultsRow {
            record: row.record,
            pseudonym: pseudonyms.of(&self.ids.of(party, &first.record)),
        }
    }

    fn totals(&self, party: PartyIndex, digester: RowsDigester) -> PartyTotals {
        let clusters: BTreeSet<u32> = self.own(party).map(|row| row.first).collect();
        let others = self.project.schema.party_indices();
        let found = others
            .filter(|other| *other != party)
            .map(|other| self.found(party, other));
        PartyTotals {
            rows: digester.rows(),
            clusters: self.told(party, clusters.len() as u64, "persons"),
            found: found.collect(),
            rows_digest: digester.finish(),
        }
    }

    /// How many records of `party` share a cluster with one of `other`.
    fn found(&self, party: PartyIndex, other: PartyIndex) -> (PartyName, Count) {
        let is_there = |row: &&ClusterRow| self.parties[row.first as usize] >> other.0 & 1 == 1;
        let there = self.own(party).filter(is_there);
        let count = count_of(there, self.counting.has_noise());
        let name = self.project.schema.party(other).name.clone();
        let told = self.told(party, count, &format!("found at {name}"));
        (name, told)
    }

    fn told(&self, party: PartyIndex, count: u64, name: &str) -> Count {
        let party = &self.project.schema.party(party).name;
        self.counting.told(count, party, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::RecordHandle;

    #[test]
    fn with_noise_a_person_with_several_records_counts_once() {
        let row = |record: u8, first| ClusterRow {
            party: PartyIndex(0),
            record: RecordHandle::new([record; 16]),
            first,
        };
        let rows = [row(1, 0), row(2, 0), row(3, 0), row(4, 3)];
        assert_eq!(count_of(rows.iter(), false), 4);
        assert_eq!(count_of(rows.iter(), true), 2);
        // One person more or less, with however many records, changes the count by one.
        assert_eq!(count_of(rows[3..].iter(), true), 1);
    }
}
