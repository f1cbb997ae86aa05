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
        let floor = agreement.terms().count_floor;
        let parties = project.schema.parties.len() as u64;
        // Of each party its persons, and its records at each other party.
        let counting = Counting::new(
            &agreement,
            project.run,
            parties * parties,
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
                let review = PartyReview::of(party, project, &kept, &totals.review, floor);
                review.write(&outputs, name)?;
            }
        }
        Ok(ResolverStep::Release)
    }

    pub(super) fn release_files(&self, run: RunNumber, party: &PartyName) -> ReleaseFiles {
        ReleaseFiles::of(&self.context.outputs(run), party)
    }
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
        let count = self.own(party).filter(is_there).count() as u64;
        let name = self.project.schema.party(other).name.clone();
        let told = self.told(party, count, &format!("found at {name}"));
        (name, told)
    }

    fn told(&self, party: PartyIndex, count: u64, name: &str) -> Count {
        let party = &self.project.schema.party(party).name;
        self.counting.told(count, party, name)
    }
}
