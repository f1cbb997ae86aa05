//! A linkage on local files: the same prepare, match and resolve that nodes and coordinator run,
//! without a network between them, under keys made from a seed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use encode::{ClearReader, EpochKeys, NodeKeys, PrepareReport, Prepared, Preparer, UnsortedBatch};
use link::matcher::MatchReport;
use link::{Comparer, RecordSet, Resolution, Resolver, RowBatch, Scratch, Spool};
use model::layout::Row;
use model::{
    Epoch, Layout, LinkageSchema, PartyIndex, PassHandle, Progress, RecordHandle, RunNumber,
};
use rayon::prelude::*;
use records::ColumnPlan;
use service::Stopwatch;
use sources::CsvFile;

use crate::clear::{self, ClearRecords, Similarities};
use crate::key_server::KeyServer;
use crate::keys::RehearsalKeys;
use crate::standing::{Batch, StandingRun};
use crate::truth::Assignments;

mod handing_on;

/// Records read and encoded at a time.
pub(crate) const CHUNK: usize = 4096;
/// A batch takes at most about this part of the memory.
const BATCHES_IN_MEMORY: usize = 16;

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
    scratch: Scratch,
    keeps_rows: bool,
    /// In place of keys made from the seed.
    keys: Option<RehearsalKeys>,
    key_server: Option<KeyServer>,
}

/// One record of the result.
pub(crate) struct LinkedRecord {
    pub(crate) label: String,
    pub(crate) record_id: String,
    /// Its handle.
    pub(crate) handle: RecordHandle,
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
    /// Records that stood before this linkage, by party.
    pub(crate) stood: BTreeMap<String, u64>,
    /// What was prepared for it, by party.
    pub(crate) reports: Vec<(String, PrepareReport)>,
    pub(crate) matched: MatchReport,
    pub(crate) timings: Timings,
    pub(crate) seed: u64,
}

impl Rehearsal {
    /// A linkage under keys made from `seed`, in memory.
    pub(crate) fn new(schema: LinkageSchema, seed: u64) -> Self {
        let layout = Layout::of(&schema);
        Self {
            schema,
            layout,
            seed,
            similarities: Similarities::Encoded,
            scratch: Scratch::in_memory(),
            keeps_rows: false,
            keys: None,
            key_server: None,
        }
    }

    /// Takes these keys in place of those made from the seed.
    pub(crate) fn under(mut self, keys: RehearsalKeys) -> Self {
        self.keys = Some(keys);
        self
    }

    /// Sets aside what outgrows memory; the result is the same.
    pub(crate) fn within(mut self, scratch: Scratch) -> Self {
        self.scratch = scratch;
        self
    }

    /// Has identifiers' tokens take a key server, in this process.
    pub(crate) fn with_key_server(mut self, key_server: KeyServer) -> Self {
        self.key_server = Some(key_server);
        self
    }

    /// Keeps the rows, so that the run can be added to. They stay in memory.
    pub(crate) fn keeping_rows(mut self) -> Self {
        self.keeps_rows = true;
        self
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
        standing: StandingRun,
        files: &[PartyFile],
        progress: &dyn Progress,
    ) -> anyhow::Result<(Linked, StandingRun)> {
        let mut timings = Timings::default();
        let stood = standing.record_counts();
        let is_kept = self.keeps_rows || !standing.batches.is_empty();
        let mut work = Work::new(&self, standing)?;
        let reports = timed(&mut timings.encode, || work.prepare_all(files, progress))?;
        let batches = work.standing.batches.iter();
        let sets: Vec<RecordSet> = batches.map(|batch| batch.set.clone()).collect();
        let resolver = Resolver::new(&self.schema, &self.layout, &sets, &self.scratch)?;
        let (mut standing, matched) = timed(&mut timings.compare, || match is_kept {
            true => work.compare_in_order(&resolver, progress),
            false => work.compare(&resolver, progress),
        })?;
        let resolution = timed(&mut timings.resolve, || {
            resolver.finish(&[], progress).map_err(anyhow::Error::from)
        })?;
        if is_kept {
            let clusters = resolution.records.list.iter().zip(&resolution.cluster_of);
            standing.clusters = clusters
                .map(|(record, cluster)| (*record, *cluster))
                .collect();
        }
        let linked = Linked {
            records: linked_records(&standing, &resolution),
            schema: self.schema,
            resolution,
            stood,
            reports,
            matched,
            timings,
            seed: self.seed,
        };
        Ok((linked, standing))
    }
}

/// A rehearsal under way.
struct Work<'a> {
    plan: &'a Rehearsal,
    standing: StandingRun,
    comparer: Comparer<'a>,
    /// By batch: empty unless similarities are to come from them.
    clear: Vec<ClearRecords>,
}

impl<'a> Work<'a> {
    fn new(plan: &'a Rehearsal, standing: StandingRun) -> anyhow::Result<Self> {
        let mut comparer = Comparer::new(&plan.schema, &plan.layout, &plan.scratch);
        if plan.keeps_rows {
            comparer = comparer.to_be_kept();
        }
        for batch in &standing.batches {
            let rows = RowBatch {
                party: batch.set.party,
                standing: true,
            };
            let handles = comparer.add(&rows, &mut batch.rows.as_slice())?;
            ensure!(
                handles == batch.set.handles_digest(),
                "the rows kept of `{}` and their records do not belong together",
                batch.label
            );
        }
        let clear = standing.batches.iter().map(|_| ClearRecords::new());
        Ok(Self {
            clear: clear.collect(),
            plan,
            standing,
            comparer,
        })
    }

    fn prepare_all(
        &mut self,
        files: &[PartyFile],
        progress: &dyn Progress,
    ) -> anyhow::Result<Vec<(String, PrepareReport)>> {
        let schema = &self.plan.schema;
        let of_seed = match self.plan.keys {
            Some(_) => None,
            None => Some(RehearsalKeys::from_seed(schema, self.plan.seed)?),
        };
        let Some(RehearsalKeys {
            project,
            linkage,
            secrets,
        }) = of_seed.as_ref().or(self.plan.keys.as_ref())
        else {
            bail!("a rehearsal has no keys");
        };
        let epoch = match &self.plan.key_server {
            None => linkage.epoch(project, Epoch(1), schema),
            Some(server) => server.keys(linkage, project, schema, files, progress)?,
        };
        let keys = files.iter().map(|file| {
            let secret = &secrets[file.party.index()];
            NodeKeys::derive(secret, project, Epoch(1), RunNumber(1))
        });
        let keys: Vec<NodeKeys> = keys.collect();
        if self.hands_rows_on() {
            return self.hand_all_on(files, &epoch, &keys, progress);
        }
        let mut reports = Vec::new();
        for (file, keys) in files.iter().zip(&keys) {
            progress.stage(&format!("encode {}", file.label), 0);
            let report = self.prepare(file, &epoch, keys, progress);
            let report = report.with_context(|| cannot_be_prepared(file))?;
            reports.push((file.label.clone(), report));
        }
        Ok(reports)
    }

    /// Prepares a registry, in as many batches as its rows need to stay within the memory.
    fn prepare(
        &mut self,
        file: &PartyFile,
        epoch: &EpochKeys,
        keys: &NodeKeys,
        progress: &dyn Progress,
    ) -> anyhow::Result<PrepareReport> {
        let (schema, layout) = (&self.plan.schema, &self.plan.layout);
        let columns = ColumnPlan::of(schema, file.party);
        let mut source = CsvFile::open(&file.path, &columns)?;
        let reader = ClearReader::new(schema, layout, file.party, &columns, keys);
        let clear_too = self.plan.similarities == Similarities::Clear;
        let most = self.plan.scratch.memory() / BATCHES_IN_MEMORY;
        let mut preparer = Preparer::new(schema, layout, file.party, &columns, epoch, keys)
            .after(self.standing.of_party(file.party));
        // While one batch is taken in, the next is encoded.
        let (batches, waiting) = mpsc::sync_channel(0);
        let report = thread::scope(|scope| {
            let keeper = scope.spawn(|| self.keep_all(file, waiting));
            // Dropped here however reading ends, so that the keeper never waits for more.
            let batches = batches;
            let mut clear = ClearRecords::new();
            loop {
                let chunk = source.next_chunk(CHUNK)?;
                let at_end = chunk.is_empty();
                progress.advance(chunk.len() as u64);
                if clear_too {
                    clear.extend(chunk.iter().map(|raw| reader.read(raw)));
                }
                let added = preparer.add(chunk);
                added.with_context(|| file.path.display().to_string())?;
                if at_end || preparer.bytes() > most {
                    let sent = batches.send((preparer.cut(), std::mem::take(&mut clear)));
                    // Nobody waits any more when keeping has failed; then it says why.
                    if at_end || sent.is_err() {
                        break;
                    }
                }
            }
            drop(batches);
            match keeper.join() {
                Ok(report) => report,
                Err(panic) => std::panic::resume_unwind(panic),
            }
        })?;
        let standing = preparer.into_standing();
        self.standing.samples.insert(file.party, standing.sample);
        Ok(report)
    }

    /// Takes all batches of a registry in.
    fn keep_all(
        &mut self,
        file: &PartyFile,
        batches: mpsc::Receiver<(UnsortedBatch, ClearRecords)>,
    ) -> anyhow::Result<PrepareReport> {
        let first = self.standing.batches.len();
        let mut report = PrepareReport::default();
        for (batch, clear) in batches {
            report.join(self.keep(file, batch.sort(), clear)?);
        }
        let new = &self.standing.batches[first..];
        let gone: usize = new.iter().map(|batch| batch.gone.len()).sum();
        report.forget_rows(gone as u64);
        Ok(report)
    }

    /// Takes a prepared batch in: its rows go to be compared, the rest stays.
    fn keep(
        &mut self,
        file: &PartyFile,
        prepared: Prepared,
        clear: ClearRecords,
    ) -> anyhow::Result<PrepareReport> {
        let rows = RowBatch::new(file.party);
        self.comparer.add_rows(&rows, prepared.rows.iter())?;
        self.standing.mark_gone(file.party, &prepared.gone);
        self.clear.push(clear);
        let handles = prepared.handle_map.iter();
        let handles = handles.map(|entry| (entry.pass, entry.record));
        let own = prepared.vault.iter();
        let mut before = self.standing.batches.iter();
        let before = before.find(|batch| batch.set.party == file.party);
        let label = before.map_or(&file.label, |batch| &batch.label).clone();
        self.standing.batches.push(Batch {
            label,
            calibration: calibration_rows(&self.plan.schema, &prepared),
            gone: Vec::new(),
            set: RecordSet::of(file.party, handles),
            records: own.map(|(handle, key)| (*handle, record_id(key))).collect(),
            rows: if self.plan.keeps_rows {
                prepared.rows.to_vec()
            } else {
                Vec::new()
            },
        });
        Ok(prepared.report)
    }

    /// Leaves out the calibration rows that records of later batches took the place of.
    fn drop_gone(&mut self) {
        for (number, batch) in (0..).zip(&self.standing.batches) {
            self.comparer.drop_rows(number, batch.gone.iter().copied());
        }
    }

    /// Compares the records, and has the resolver take the comparisons as they come.
    fn compare(
        mut self,
        resolver: &Resolver<'_>,
        progress: &dyn Progress,
    ) -> anyhow::Result<(StandingRun, MatchReport)> {
        self.drop_gone();
        let sets = self.standing.batches.iter().map(|batch| &batch.set);
        let clear: Vec<(&RecordSet, &ClearRecords)> = sets.zip(&self.clear).collect();
        let take = |part: &[u8]| {
            let taken = match self.plan.similarities {
                Similarities::Encoded => resolver.take(part),
                Similarities::Clear => {
                    let mut part = part.to_vec();
                    clear::regrade(&self.plan.layout, &clear, &mut part);
                    resolver.take(&part)
                }
            };
            taken.map_err(io::Error::other)
        };
        let matched = self.comparer.run_unordered(progress, &take)?;
        Ok((self.standing, matched))
    }

    /// Brings the comparisons to what they are with the added records, in their order, and keeps them.
    fn compare_in_order(
        mut self,
        resolver: &Resolver<'_>,
        progress: &dyn Progress,
    ) -> anyhow::Result<(StandingRun, MatchReport)> {
        self.drop_gone();
        let mut comparisons = Spool::new(&self.plan.scratch)?;
        let sets = self.standing.batches.iter().map(|batch| &batch.set);
        let clear: Vec<(&RecordSet, &ClearRecords)> = sets.zip(&self.clear).collect();
        let mut sink = |part: &[u8]| {
            let mut part = Cow::Borrowed(part);
            if self.plan.similarities == Similarities::Clear {
                clear::regrade(&self.plan.layout, &clear, part.to_mut());
            }
            resolver.take(&part).map_err(io::Error::other)?;
            comparisons.write_all(&part)
        };
        let mut before = self.standing.comparisons.read()?;
        let extension = self.comparer.run(&mut *before, progress, &mut sink)?;
        drop(before);
        self.standing.comparisons = comparisons;
        Ok((self.standing, extension.all))
    }
}

/// The calibration rows of a batch by their handles: the only ones that may have to go.
fn calibration_rows(schema: &LinkageSchema, prepared: &Prepared) -> BTreeMap<PassHandle, u32> {
    let Some(calibration) = schema.calibration_pass() else {
        return BTreeMap::new();
    };
    let rows = prepared.rows.iter().map(Row::new);
    (0..)
        .zip(rows)
        .filter(|(_, row)| row.pass() == calibration)
        .map(|(number, row)| (row.handle(), number))
        .collect()
}

/// All records, party by party.
fn linked_records(standing: &StandingRun, resolution: &Resolution) -> Vec<LinkedRecord> {
    let mut batches: Vec<&Batch> = standing.batches.iter().collect();
    batches.sort_by_key(|batch| batch.set.party);
    let mut all = Vec::with_capacity(resolution.records.list.len());
    for batch in batches {
        let (party, label) = (batch.set.party, &batch.label);
        let linked = |(handle, record_id): &(RecordHandle, String)| LinkedRecord {
            label: label.clone(),
            record_id: record_id.clone(),
            handle: *handle,
            number: resolution.records.number(party, *handle),
        };
        all.par_extend(batch.records.par_iter().map(linked));
    }
    all
}

impl Linked {
    /// The cluster of every record: the number of its first record, or one of its own for a record
    /// set aside.
    pub(crate) fn cluster_ids(&self) -> impl Iterator<Item = (&LinkedRecord, String)> {
        self.records.iter().map(|record| {
            let id = match record.number {
                Some(number) => format!("c{}", self.resolution.cluster_of[number as usize]),
                None => format!("s{}", record.handle),
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

fn cannot_be_prepared(file: &PartyFile) -> String {
    format!("party `{}` cannot be prepared", file.label)
}

fn timed<T>(spent: &mut Duration, work: impl FnOnce() -> T) -> T {
    let watch = Stopwatch::start();
    let result = work();
    *spent = watch.elapsed();
    result
}
