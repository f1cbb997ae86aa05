//! A standing run on disk: a directory a state, and a file that says which one counts, so that a
//! program that is cut off leaves the old state or the new one.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use encode::{HandleEntry, Rank, Sampled};
use link::RecordSet;
use model::layout::Row;
use model::{Digest, Layout, LinkageSchema, PartyIndex, PassHandle, RecordHandle};
use serde::{Deserialize, Serialize};
use service::files::{DirLock, create_dir_private, write_atomic_private};

use super::{Batch, StandingRun};

const FORMAT: u32 = 1;
/// Which state counts, and the digest of its contents.
const CURRENT: &str = "current";
/// States are directories of this name and a number.
const STATE: &str = "state-";
const CONTENTS: &str = "contents.json";
const SCHEMA: &str = "schema.toml";
const COMPARISONS: &str = "comparisons.bin";

/// What a state holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    format: u32,
    /// The digest of schema and encoding rules, which keys derive from.
    schema_digest: Digest,
    seed: u64,
    batches: Vec<BatchEntry>,
    /// By file name.
    digests: BTreeMap<String, Digest>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BatchEntry {
    party: u8,
    label: String,
    /// The rows that count no longer.
    gone: Vec<u32>,
}

/// A run as it was kept.
pub(crate) struct Kept {
    /// The schema, as written.
    pub(crate) schema_text: String,
    /// What its keys are made from.
    pub(crate) seed: u64,
    /// The run.
    pub(crate) run: StandingRun,
}

/// A directory that keeps a run, held by this program alone.
pub(crate) struct KeptRun {
    directory: PathBuf,
    _lock: DirLock,
}

impl KeptRun {
    /// A directory to keep a run in, in place of one that is kept there: new, or empty, or one that
    /// keeps a run already.
    pub(crate) fn create(directory: &Path) -> anyhow::Result<Self> {
        let is_ours = directory.join(CURRENT).exists();
        let is_there = directory.exists();
        if is_there && !is_ours && fs::read_dir(directory)?.next().is_some() {
            bail!(
                "{} holds other things; keep the run in a directory of its own",
                directory.display()
            );
        }
        create_dir_private(directory)?;
        Self::hold(directory)
    }

    /// A directory that keeps a run.
    pub(crate) fn open(directory: &Path) -> anyhow::Result<Self> {
        if !directory.join(CURRENT).exists() {
            bail!(
                "{} holds no run that records can be added to; link with --keep first",
                directory.display()
            );
        }
        Self::hold(directory)
    }

    fn hold(directory: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            directory: directory.to_owned(),
            _lock: DirLock::acquire(directory)?,
        })
    }

    /// Reads the run.
    pub(crate) fn load(&self) -> anyhow::Result<Kept> {
        let cannot = || {
            format!(
                "the run kept in {} cannot be used; link again with --keep",
                self.directory.display()
            )
        };
        let (number, digest) = self.current().with_context(cannot)?.with_context(cannot)?;
        let state = State::open(self.state(number), &digest).with_context(cannot)?;
        state.read().with_context(cannot)
    }

    /// Keeps a run in place of the one before.
    pub(crate) fn save(&self, kept: &mut Kept) -> anyhow::Result<()> {
        let before = self.current()?;
        let number = before.map_or(1, |(number, _)| number + 1);
        let state = self.state(number);
        // What a program that was cut off may have left.
        if state.exists() {
            fs::remove_dir_all(&state)?;
        }
        create_dir_private(&state)?;
        let digest = write_state(&state, kept).with_context(|| state.display().to_string())?;
        let current = format!("{number} {digest}\n");
        write_atomic_private(&self.directory.join(CURRENT), current.as_bytes())?;
        self.sweep(&state);
        Ok(())
    }

    /// Removes all states but the one that counts. One that stays is no harm to the next run, so it is
    /// told and nothing more.
    fn sweep(&self, counts: &Path) {
        let entries = fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten();
        for entry in entries {
            let name = entry.file_name();
            let is_state = name.to_string_lossy().starts_with(STATE);
            if is_state && entry.path() != counts && fs::remove_dir_all(entry.path()).is_err() {
                eprintln!("{} cannot be removed", entry.path().display());
            }
        }
    }

    fn state(&self, number: u64) -> PathBuf {
        self.directory.join(format!("{STATE}{number}"))
    }

    fn current(&self) -> anyhow::Result<Option<(u64, Digest)>> {
        let path = self.directory.join(CURRENT);
        if !path.exists() {
            return Ok(None);
        }
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let named = text.trim().split_once(' ');
        let read =
            named.and_then(|(number, digest)| Some((number.parse().ok()?, digest.parse().ok()?)));
        read.map(Some)
            .with_context(|| format!("{} names no state", path.display()))
    }
}

/// Writes a state; returns the digest of its contents.
fn write_state(state: &Path, kept: &mut Kept) -> anyhow::Result<Digest> {
    let mut comparisons = Vec::new();
    kept.run.comparisons.read()?.read_to_end(&mut comparisons)?;
    let mut digests = BTreeMap::new();
    let mut put = |name: String, bytes: &[u8]| {
        digests.insert(name.clone(), Digest::of(bytes));
        write_atomic_private(&state.join(name), bytes)
    };
    let run = &kept.run;
    put(SCHEMA.to_owned(), kept.schema_text.as_bytes())?;
    put(COMPARISONS.to_owned(), &comparisons)?;
    for (place, batch) in run.batches.iter().enumerate() {
        let name = |what| batch_file(place, what);
        let rows = 0..batch.set.rows() as u32;
        let records: Vec<u8> = rows
            .filter_map(|row| batch.set.record(row))
            .flat_map(|record| *record.as_bytes())
            .collect();
        put(name("rows"), &batch.rows)?;
        put(name("records-of-rows"), &records)?;
        put(name("records"), &records_csv(batch, run)?)?;
    }
    for (party, sample) in &run.samples {
        let bytes: Vec<u8> = sample.iter().flat_map(sampled_bytes).collect();
        put(sample_file(*party), &bytes)?;
    }
    let entry = |batch: &Batch| BatchEntry {
        party: batch.set.party.0,
        label: batch.label.clone(),
        gone: batch.gone.clone(),
    };
    let contents = Contents {
        format: FORMAT,
        schema_digest: LinkageSchema::parse(&kept.schema_text)?.digest(),
        seed: kept.seed,
        batches: run.batches.iter().map(entry).collect(),
        digests,
    };
    let contents = serde_json::to_vec(&contents)?;
    write_atomic_private(&state.join(CONTENTS), &contents)?;
    Ok(Digest::of(&contents))
}

fn batch_file(place: usize, what: &str) -> String {
    format!("batch-{}.{what}", place + 1)
}

fn sample_file(party: PartyIndex) -> String {
    format!("sample-{}.bin", party.0)
}

fn sampled_bytes(sampled: &Sampled) -> [u8; 48] {
    let mut bytes = [0; 48];
    bytes[..16].copy_from_slice(&sampled.rank.to_bytes());
    bytes[16..32].copy_from_slice(sampled.entry.pass.as_bytes());
    bytes[32..].copy_from_slice(sampled.entry.record.as_bytes());
    bytes
}

/// One line a record: its handle, its cluster (none when it could meet nobody), its id.
fn records_csv(batch: &Batch, run: &StandingRun) -> anyhow::Result<Vec<u8>> {
    let mut csv = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    for (handle, id) in &batch.records {
        let cluster = run.clusters.get(&(batch.set.party, *handle));
        let cluster = cluster.map_or(String::new(), u32::to_string);
        csv.write_record([&handle.to_string(), &cluster, id])?;
    }
    Ok(csv.into_inner()?)
}

/// A state as it is read.
struct State {
    directory: PathBuf,
    contents: Contents,
}

impl State {
    fn open(directory: PathBuf, digest: &Digest) -> anyhow::Result<Self> {
        let path = directory.join(CONTENTS);
        let text = fs::read(&path).with_context(|| path.display().to_string())?;
        ensure!(
            Digest::of(&text) == *digest,
            "{} is not as it was kept",
            path.display()
        );
        let contents: Contents =
            serde_json::from_slice(&text).with_context(|| path.display().to_string())?;
        ensure!(
            contents.format == FORMAT,
            "{} is of format {}, this program knows {FORMAT}",
            path.display(),
            contents.format
        );
        Ok(Self {
            directory,
            contents,
        })
    }

    fn read(&self) -> anyhow::Result<Kept> {
        let schema_text = String::from_utf8(self.file(SCHEMA)?)?;
        let schema = LinkageSchema::parse(&schema_text)?;
        ensure!(
            schema.digest() == self.contents.schema_digest,
            "it was made under other encoding rules than this program's"
        );
        let mut run = StandingRun::default();
        run.comparisons.write_all(&self.file(COMPARISONS)?)?;
        for (place, entry) in self.contents.batches.iter().enumerate() {
            let party = PartyIndex(entry.party);
            ensure!(
                party.index() < schema.parties.len(),
                "batch {} is of party {party}, which the schema does not have",
                place + 1
            );
            let batch = self.batch(&schema, place, entry, &mut run)?;
            run.batches.push(batch);
            let sample = self.file(&sample_file(party))?;
            let sampled = entries::<48>(&sample, "a sample")?.map(sampled);
            run.samples.insert(party, sampled.collect());
        }
        Ok(Kept {
            schema_text,
            seed: self.contents.seed,
            run,
        })
    }

    fn batch(
        &self,
        schema: &LinkageSchema,
        place: usize,
        entry: &BatchEntry,
        run: &mut StandingRun,
    ) -> anyhow::Result<Batch> {
        let party = PartyIndex(entry.party);
        let layout = Layout::of(schema);
        let rows = self.file(&batch_file(place, "rows"))?;
        let records_of_rows = self.file(&batch_file(place, "records-of-rows"))?;
        let records_of_rows = entries::<16>(&records_of_rows, "the records of rows")?;
        let count = rows.len() / layout.row_bytes;
        ensure!(
            records_of_rows.len() == count && rows.len().is_multiple_of(layout.row_bytes),
            "batch {} has rows of no record, or records of no row",
            place + 1
        );
        let in_order = entry.gone.is_sorted_by(|a, b| a < b);
        ensure!(
            in_order
                && entry
                    .gone
                    .last()
                    .is_none_or(|last| (*last as usize) < count),
            "batch {} has lost rows that it never had",
            place + 1
        );
        let numbered = (0..).zip(rows.chunks_exact(layout.row_bytes).map(Row::new));
        let calibrates = |row: &Row<'_>| Some(row.pass()) == schema.calibration_pass();
        let handles = rows.chunks_exact(layout.row_bytes).zip(records_of_rows);
        let handles =
            handles.map(|(row, record)| (Row::new(row).handle(), RecordHandle::new(*record)));
        let text = self.file(&batch_file(place, "records"))?;
        let mut lines = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(text.as_slice());
        let mut records = Vec::new();
        for line in lines.deserialize() {
            let (handle, cluster, id): (String, Option<u32>, String) = line?;
            let handle: RecordHandle = handle.parse()?;
            if let Some(cluster) = cluster {
                run.clusters.insert((party, handle), cluster);
            }
            records.push((handle, id));
        }
        Ok(Batch {
            label: entry.label.clone(),
            calibration: numbered
                .filter(|(_, row)| calibrates(row))
                .map(|(number, row)| (row.handle(), number))
                .collect(),
            gone: entry.gone.clone(),
            set: RecordSet::of(party, handles),
            records,
            rows,
        })
    }

    /// A file of the state, held to its digest.
    fn file(&self, name: &str) -> anyhow::Result<Vec<u8>> {
        let path = self.directory.join(name);
        let bytes = fs::read(&path).with_context(|| path.display().to_string())?;
        let promised = self.contents.digests.get(name);
        ensure!(
            promised == Some(&Digest::of(&bytes)),
            "{} is not as it was kept",
            path.display()
        );
        Ok(bytes)
    }
}

fn entries<'a, const N: usize>(
    bytes: &'a [u8],
    what: &str,
) -> anyhow::Result<impl ExactSizeIterator<Item = &'a [u8; N]>> {
    let (entries, rest) = bytes.as_chunks::<N>();
    ensure!(rest.is_empty(), "{what} is not whole entries");
    Ok(entries.iter())
}

fn sampled(bytes: &[u8; 48]) -> Sampled {
    Sampled {
        rank: Rank::from_bytes(sixteen(&bytes[..16])),
        entry: HandleEntry {
            pass: PassHandle::new(sixteen(&bytes[16..32])),
            record: RecordHandle::new(sixteen(&bytes[32..])),
        },
    }
}

fn sixteen(bytes: &[u8]) -> [u8; 16] {
    let mut out = [0; 16];
    out.copy_from_slice(bytes);
    out
}
