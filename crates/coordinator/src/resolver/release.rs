//! The resolver's last stage: each party's rows and totals, written out for collecting.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use model::agreement::{Clause, Rights};
use model::{Digest, PartyIndex, PartyName, Refusal, RunNumber, SignedAgreement};
use serde::{Deserialize, Serialize};
use wire::{Count, RowsDigester};

use super::answers::{Answers, Known};
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
    /// Its records that took part.
    pub(super) records: u64,
    pub(super) clusters: Count,
    pub(super) found: Vec<(PartyName, Count)>,
    /// What the rows tell.
    pub(super) rights: Rights,
}

impl PartyTotals {
    /// What may be served of it under `agreement`, which may have been amended since the release: counts
    /// as it tells them, and rows only where it still gives all that they tell.
    ///
    /// # Errors
    /// A [`Refusal`] that names the clause.
    pub(super) fn under(
        mut self,
        agreement: &SignedAgreement,
        party: &PartyName,
    ) -> Result<Self, Refusal> {
        let terms = agreement.terms();
        let mut now = terms.rights(party)?;
        let keeps_counts = now.counts;
        now.counts = true;
        if !now.cover(&self.rights) {
            let detail = format!(
                "what was released to {party} tells more than it may have since the agreement was amended; a new run gives what it may"
            );
            return Err(Clause::Outputs.refuse(detail));
        }
        let retold = |count: Count| match count {
            _ if !keeps_counts => Count::Withheld,
            Count::Exact(_) if terms.noise.is_some() => Count::Withheld,
            Count::Exact(value) | Count::About(value) if value < terms.count_floor.into() => {
                Count::FewerThan(terms.count_floor)
            }
            Count::FewerThan(floor) => Count::FewerThan(floor.max(terms.count_floor)),
            told => told,
        };
        self.clusters = retold(self.clusters);
        self.found
            .iter_mut()
            .for_each(|(_, count)| *count = retold(*count));
        self.rights.counts &= keeps_counts;
        Ok(self)
    }
}

/// Where the results of a party are.
pub(super) struct ReleaseFiles {
    /// Rows in the bytes of [`wire::ResultsRow`].
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
    pub(super) fn release(
        &self,
        manifests: &[Digest],
        totals: &Totals,
    ) -> Result<ResolverStep, StageError> {
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
        let known = Known::new(&rows, &self.marks(manifests)?);
        let release = Release {
            resolver: self,
            project,
            ids: LinkageIds::new(&self.keys.pseudonym, project),
            known: &known,
            counting: &counting,
        };
        let kept = review::load(&outputs, &totals.review)?;
        for party in project.schema.party_indices() {
            let name = &project.schema.party(party).name;
            // Who may have nothing is refused when it asks.
            if let Ok(rights) = agreement.terms().rights(name) {
                release.write(&outputs, party, rights)?;
            }
            if totals.review.digest.is_some() {
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
    known: &'a Known<'a>,
    counting: &'a Counting<'a>,
}

impl Release<'_> {
    fn write(&self, outputs: &Path, party: PartyIndex, rights: Rights) -> io::Result<()> {
        let name = &self.project.schema.party(party).name;
        let files = ReleaseFiles::of(outputs, name);
        let pseudonyms = Pseudonyms::new(&self.resolver.keys.pseudonym, self.project, name);
        let answers = Answers::new(self.known, self.project, &self.ids, &rights, pseudonyms);
        let mut out = OutputFile::create(&files.rows)?;
        let mut digester = RowsDigester::new();
        for row in self.known.own(party).filter(|_| rights.has_rows()) {
            let row = answers.row(row);
            digester.add(&row);
            out.write(&row.to_bytes())?;
        }
        out.finish()?;
        let totals = self.totals(party, digester, rights);
        outputs::write_json(&files.totals, &totals)
    }

    fn totals(&self, party: PartyIndex, digester: RowsDigester, rights: Rights) -> PartyTotals {
        let clusters: BTreeSet<u32> = self.known.own(party).map(|row| row.first).collect();
        let others = self.project.schema.party_indices();
        let found = others
            .filter(|other| *other != party)
            .map(|other| self.found(party, other));
        PartyTotals {
            rows: digester.rows(),
            records: self.known.own(party).count() as u64,
            clusters: self.told(party, clusters.len() as u64, "persons"),
            found: found.collect(),
            rows_digest: digester.finish(),
            rights,
        }
    }

    /// How many records of `party` share a cluster with one of `other`.
    fn found(&self, party: PartyIndex, other: PartyIndex) -> (PartyName, Count) {
        let there = self
            .known
            .own(party)
            .filter(|row| self.known.is_at(row, other));
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
