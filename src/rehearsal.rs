//! A linkage on local files: the same prepare, match and resolve that nodes and coordinator run,
//! without a network between them, under keys made from a seed.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, ensure};
use encode::{ClearReader, LinkageKey, NodeKeys, PrepareReport, Preparer};
use link::matcher::MatchReport;
use link::{PartyRows, RecordSet, Resolution};
use model::{
    Epoch, Layout, LinkageSchema, PartyIndex, Progress, ProjectName, RecordHandle, RunNumber,
};
use records::ColumnPlan;
use secret::{Key32, SeededEntropy};
use service::Stopwatch;
use sources::CsvFile;

use crate::clear::{self, ClearRecords, Similarities};
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

/// One party, prepared.
struct PartyBatch {
    rows: Vec<u8>,
    set: RecordSet,
    records: Vec<(RecordHandle, String)>,
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

    pub(crate) fn run(
        self,
        files: &[PartyFile],
        progress: &dyn Progress,
    ) -> anyhow::Result<Linked> {
        let mut timings = Timings::default();
        let project: ProjectName = "rehearsal".parse()?;
        let mut entropy = SeededEntropy::new(self.seed);
        let linkage = LinkageKey::new(Key32::generate(&mut entropy));
        let epoch = linkage.epoch(&project, Epoch(1), &self.schema);
        let batches = timed(&mut timings.encode, || {
            let prepare = |file: &PartyFile| {
                let node = Key32::generate(&mut entropy);
                let keys = NodeKeys::derive(&node, &project, Epoch(1), RunNumber(1));
                self.prepare(file, &epoch, &keys, progress)
                    .with_context(|| format!("party `{}` cannot be prepared", file.label))
            };
            files
                .iter()
                .map(prepare)
                .collect::<anyhow::Result<Vec<_>>>()
        })?;
        let (comparisons, matched) =
            timed(&mut timings.compare, || self.compare(&batches, progress))?;
        let sets: Vec<RecordSet> = batches.iter().map(|batch| batch.set.clone()).collect();
        let resolution = timed(&mut timings.resolve, || {
            link::resolve(
                &self.schema,
                &self.layout,
                &sets,
                &[],
                [comparisons.as_slice()],
                progress,
            )
        })?;
        let mut records = Vec::new();
        let mut reports = Vec::new();
        for (file, batch) in files.iter().zip(batches) {
            reports.push((file.label.clone(), batch.report));
            records.extend(
                batch
                    .records
                    .into_iter()
                    .map(|(handle, record_id)| LinkedRecord {
                        label: file.label.clone(),
                        record_id,
                        number: resolution.records.number(file.party, handle),
                    }),
            );
        }
        Ok(Linked {
            schema: self.schema,
            records,
            resolution,
            reports,
            matched,
            timings,
            seed: self.seed,
        })
    }

    fn prepare(
        &self,
        file: &PartyFile,
        epoch: &encode::EpochKeys,
        keys: &NodeKeys,
        progress: &dyn Progress,
    ) -> anyhow::Result<PartyBatch> {
        progress.stage(&format!("encode {}", file.label), 0);
        let plan = ColumnPlan::of(&self.schema, file.party);
        let mut source = CsvFile::open(&file.path, &plan)?;
        let mut preparer =
            Preparer::new(&self.schema, &self.layout, file.party, &plan, epoch, keys);
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
        Ok(PartyBatch {
            rows: prepared.rows,
            set: RecordSet {
                party: file.party,
                handles,
            },
            records: prepared
                .vault
                .iter()
                .map(|(handle, key)| (*handle, record_id(key)))
                .collect(),
            report: prepared.report,
            clear,
        })
    }

    fn compare(
        &self,
        batches: &[PartyBatch],
        progress: &dyn Progress,
    ) -> anyhow::Result<(Vec<u8>, MatchReport)> {
        let inputs: Vec<PartyRows<'_>> = batches
            .iter()
            .map(|batch| PartyRows {
                party: batch.set.party,
                bytes: &batch.rows,
            })
            .collect();
        let mut comparisons = Vec::new();
        let matched = link::compare(&self.schema, &self.layout, &inputs, progress, |part| {
            comparisons.extend_from_slice(part);
            Ok::<(), std::convert::Infallible>(())
        })?;
        if self.similarities == Similarities::Clear {
            let parties: Vec<_> = batches.iter().map(|own| (&own.set, &own.clear)).collect();
            clear::regrade(&self.layout, &parties, &mut comparisons);
        }
        Ok((comparisons, matched))
    }
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
