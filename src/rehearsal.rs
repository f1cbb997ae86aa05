//! A linkage on local files: the same prepare, match and resolve that nodes and coordinator run,
//! without a network between them, under keys made from a seed.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use encode::{ClearReader, LinkageKey, NodeKeys, PrepareReport, Preparer, Sampled};
use link::matcher::MatchReport;
use link::{PartyRows, RecordSet, Resolution, Scratch};
use model::{
    Epoch, Layout, LinkageSchema, PartyIndex, PassHandle, Progress, ProjectName, RunNumber,
};
use records::ColumnPlan;
use secret::{Key32, SeededEntropy};
use service::Stopwatch;
use sources::CsvFile;

use crate::clear::{self, ClearRecords, Similarities};
use crate::standing::{Batch, StandingRun};
use crate::truth::Assignments;

/// Records read and encoded at a time.
const CHUNK: usize = 4096;

/// One party's registry on this machine.
pub(crate) struct PartyFile {
    pub(crate) party: PartyIndex,
    /// What the user calls the party; it stands in the output.
    pub(crate) label: String,
    pub(crate) path: PathBuf,
}

/// A linkage to be run.
pub(crate) struct Rehearsal {
    schema: LinkageSchema,
    layout: Layout,
    seed: u64,
    similarities: Similarities,
}

/// The records a party brings, prepared.
struct Added {
    batch: Batch,
    gone: Vec<PassHandle>,
    sample: Vec<Sampled>,
    report: PrepareReport,
    /// Empty unless similarities are to come from them.
    clear: ClearRecords,
}

/// One record of the result.
pub(crate) struct LinkedRecord {
    pub(crate) label: String,
    pub(crate) record_id: String,
    /// Its number in the resolution; none for a record set aside.
    pub(crate) number: Option<u32>,
}

/// How long each stage took.
#[derive(Default)]
pub(crate) struct Timings {
    pub(crate) encode: Duration,
    pub(crate) compare: Duration,
    pub(crate) resolve: Duration,
}

/// What came of it.
pub(crate) struct Linked {
    pub(crate) schema: LinkageSchema,
    /// All records, party by party in the order of their files.
    pub(crate) records: Vec<LinkedRecord>,
    pub(crate) resolution: Resolution,
    pub(crate) reports: Vec<(String, PrepareReport)>,
    pub(crate) matched: MatchReport,
    pub(crate) timings: Timings,
    pub(crate) seed: u64,
}

impl Rehearsal {
    pub(crate) fn new(schema: LinkageSchema, seed: u64) -> Self {
        let layout = Layout::of(&schema);
        Self {
            schema,
            layout,
            seed,
            similarities: Similarities::Encoded,
        }
    }

    /// Takes similarities from clear tokens instead of encodings.
    ///
    /// # Errors
    /// A schema of one vector a record has no fitted model, so there is nothing to hold equal.
    pub(crate) fn on_clear_values(mut self) -> anyhow::Result<Self> {
        ensure!(
            !self.schema.profile.is_whole_record(),
            "the profile record-clk has no fitted model to take clear similarities under; use another profile"
        );
        self.similarities = Similarities::Clear;
        Ok(self)
    }

    /// Links the records of `files`.
    pub(crate) fn run(
        self,
        files: &[PartyFile],
        progress: &dyn Progress,
    ) -> anyhow::Result<Linked> {
        let (linked, _) = self.extend(StandingRun::default(), files, progress)?;
        Ok(linked)
    }

    /// Adds the records of `files` to a finished run made under the same schema and seed. The
    /// clusters are those of all records linked at once.
    pub(crate) fn extend(
        self,
        mut standing: StandingRun,
        files: &[PartyFile],
        progress: &dyn Progress,
    ) -> anyhow::Result<(Linked, StandingRun)> {
        let mut timings = Timings::default();
        let added = timed(&mut timings.encode, || {
            self.prepare_all(&standing, files, progress)
        })?;
        let matched = timed(&mut timings.compare, || {
            self.compare(&mut standing, &added, progress)
        })?;
        let mut reports = Vec::new();
        for own in added {
            reports.push((own.batch.label.clone(), own.report));
            standing.samples.insert(own.batch.set.party, own.sample);
            standing.batches.push(own.batch);
        }
        let batches = standing.batches.iter_mut();
        let sets: Vec<RecordSet> = batches.map(|batch| take_set(&mut batch.set)).collect();
        let resolution = timed(&mut timings.resolve, || {
            link::resolve(
                &self.schema,
                &self.layout,
                &sets,
                &[],
                &mut standing.comparisons.as_slice(),
                &Scratch::in_memory(),
                progress,
            )
        })?;
        for (batch, set) in standing.batches.iter_mut().zip(sets) {
            batch.set = set;
        }
        let clusters = resolution.records.list.iter().zip(&resolution.cluster_of);
        standing.clusters = clusters
            .map(|(record, cluster)| (*record, *cluster))
            .collect();
        let linked = Linked {
            schema: self.schema,
            records: linked_records(&standing, &resolution),
            resolution,
            reports,
            matched,
            timings,
            seed: self.seed,
        };
        Ok((linked, standing))
    }

    fn prepare_all(
        &self,
        standing: &StandingRun,
        files: &[PartyFile],
        progress: &dyn Progress,
    ) -> anyhow::Result<Vec<Added>> {
        let project: ProjectName = "rehearsal".parse()?;
        let mut entropy = SeededEntropy::new(self.seed);
        let linkage = LinkageKey::new(Key32::generate(&mut entropy));
        let epoch = linkage.epoch(&project, Epoch(1), &self.schema);
        // One for every party, whichever bring records now: a party's key must not depend on others.
        let parties = self.schema.party_indices();
        let secrets: Vec<Key32> = parties.map(|_| Key32::generate(&mut entropy)).collect();
        let prepare = |file: &PartyFile| {
            let secret = &secrets[file.party.index()];
            let keys = NodeKeys::derive(secret, &project, Epoch(1), RunNumber(1));
            self.prepare(file, &epoch, &keys, standing.of_party(file.party), progress)
                .with_context(|| format!("party `{}` cannot be prepared", file.label))
        };
        files.iter().map(prepare).collect()
    }

    fn prepare(
        &self,
        file: &PartyFile,
        epoch: &encode::EpochKeys,
        keys: &NodeKeys,
        standing: encode::Standing,
        progress: &dyn Progress,
    ) -> anyhow::Result<Added> {
        progress.stage(&format!("encode {}", file.label), 0);
        let plan = ColumnPlan::of(&self.schema, file.party);
        let mut source = CsvFile::open(&file.path, &plan)?;
        let mut preparer =
            Preparer::new(&self.schema, &self.layout, file.party, &plan, epoch, keys)
                .after(standing);
        let reader = ClearReader::new(&self.schema, &self.layout, file.party, &plan, keys);
        let mut clear = ClearRecords::new();
        loop {
            let chunk = source.next_chunk(CHUNK)?;
            if chunk.is_empty() {
                break;
            }
            progress.advance(chunk.len() as u64);
            if self.similarities == Similarities::Clear {
                clear.extend(chunk.iter().map(|raw| reader.read(raw)));
            }
            preparer
                .add(chunk)
                .with_context(|| file.path.display().to_string())?;
        }
        let prepared = preparer.finish();
        let handles = prepared
            .handle_map
            .iter()
            .map(|entry| (entry.pass, entry.record))
            .collect();
        let batch = Batch {
            label: file.label.clone(),
            rows: prepared.rows,
            gone: Vec::new(),
            set: RecordSet {
                party: file.party,
                handles,
            },
            records: prepared
                .vault
                .iter()
                .map(|(handle, key)| (*handle, record_id(key)))
                .collect(),
        };
        Ok(Added {
            batch,
            gone: prepared.gone,
            sample: prepared.sample,
            report: prepared.report,
            clear,
        })
    }

    /// Brings the comparisons of `standing` to what they are with the added records.
    fn compare(
        &self,
        standing: &mut StandingRun,
        added: &[Added],
        progress: &dyn Progress,
    ) -> anyhow::Result<MatchReport> {
        for own in added {
            standing.mark_gone(own.batch.set.party, &own.gone);
        }
        let before = std::mem::take(&mut standing.comparisons);
        let old = standing.batches.iter().map(|batch| rows(batch, true));
        let new = added.iter().map(|own| rows(&own.batch, false));
        let inputs: Vec<PartyRows<'_>> = old.chain(new).collect();
        let mut comparisons = Vec::new();
        let extension = link::extend(
            &self.schema,
            &self.layout,
            &inputs,
            &mut before.as_slice(),
            progress,
            |part| {
                comparisons.extend_from_slice(part);
                Ok::<(), std::convert::Infallible>(())
            },
        )?;
        if self.similarities == Similarities::Clear {
            let parties: Vec<_> = added
                .iter()
                .map(|own| (&own.batch.set, &own.clear))
                .collect();
            clear::regrade(&self.layout, &parties, &mut comparisons);
        }
        standing.comparisons = comparisons;
        Ok(extension.all)
    }
}

fn rows(batch: &Batch, standing: bool) -> PartyRows<'_> {
    PartyRows {
        party: batch.set.party,
        bytes: &batch.rows,
        standing,
        gone: &batch.gone,
    }
}

fn take_set(set: &mut RecordSet) -> RecordSet {
    RecordSet {
        party: set.party,
        handles: std::mem::take(&mut set.handles),
    }
}

/// All records, party by party.
fn linked_records(standing: &StandingRun, resolution: &Resolution) -> Vec<LinkedRecord> {
    let mut batches: Vec<&Batch> = standing.batches.iter().collect();
    batches.sort_by_key(|batch| batch.set.party);
    let of = |batch: &&Batch| {
        let (party, label) = (batch.set.party, batch.label.clone());
        let records = batch.records.clone().into_iter();
        records.map(move |(handle, record_id)| LinkedRecord {
            label: label.clone(),
            record_id,
            number: resolution.records.number(party, handle),
        })
    };
    batches.iter().flat_map(of).collect()
}

impl Linked {
    /// The cluster of every record: the number of its first record, or one of its own for a record
    /// set aside.
    pub(crate) fn cluster_ids(&self) -> impl Iterator<Item = (&LinkedRecord, String)> {
        self.records.iter().enumerate().map(|(place, record)| {
            let id = match record.number {
                Some(number) => format!("c{}", self.resolution.cluster_of[number as usize]),
                None => format!("s{place}"),
            };
            (record, id)
        })
    }

    /// The same, as read from a file.
    pub(crate) fn assignments(&self) -> Assignments {
        self.cluster_ids()
            .map(|(record, id)| ((record.label.to_lowercase(), record.record_id.clone()), id))
            .collect()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a rehearsal writes record ids to its user's own files"
)]
/// The record id itself, as the user's own files name it.
pub(crate) fn record_id(key: &records::LocalKey) -> String {
    key.expose().to_owned()
}

fn timed<T>(spent: &mut Duration, work: impl FnOnce() -> T) -> T {
    let watch = Stopwatch::start();
    let result = work();
    *spent = watch.elapsed();
    result
}
