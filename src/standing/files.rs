//! A standing run on disk: a directory a state, and a file that says which one counts, so that a
//! program that is cut off leaves the old state or the new one.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use encode::{HandleEntry, Rank, Sampled};
use link::RecordSet;
use model::layout::Row;
use model::{Digest, Layout, LinkageSchema, PartyIndex, PassHandle, RecordHandle};
use serde::{Deserialize, Serialize};
use service::files::{create_dir_private, write_atomic_private};

use super::{Batch, StandingRun};

const FORMAT: u32 = 1;
/// Which state counts.
const CURRENT: &str = "current";
const CONTENTS: &str = "contents.json";
const SCHEMA: &str = "schema.toml";
const COMPARISONS: &str = "comparisons.bin";

/// What a state holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    format: u32,
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

/// Keeps a run in `directory`, in place of what is kept there.
pub(crate) fn save(directory: &Path, kept: &mut Kept) -> anyhow::Result<()> {
    create_dir_private(directory)?;
    let before = current(directory)?;
    let name = before.as_ref().map_or(1, |number| number + 1);
    let state = directory.join(name.to_string());
    // What a program that was cut off may have left.
    if state.exists() {
        fs::remove_dir_all(&state)?;
    }
    create_dir_private(&state)?;
    write_state(&state, kept).with_context(|| state.display().to_string())?;
    write_atomic_private(&directory.join(CURRENT), name.to_string().as_bytes())?;
    if let Some(before) = before {
        fs::remove_dir_all(directory.join(before.to_string()))?;
    }
    Ok(())
}

/// Reads the run kept in `directory`.
pub(crate) fn load(directory: &Path) -> anyhow::Result<Kept> {
    let Some(number) = current(directory)? else {
        bail!(
            "{} holds no run that records can be added to; link with --keep first",
            directory.display()
        );
    };
    let state = State::open(directory.join(number.to_string()))?;
    let damaged = || {
        format!(
            "the run kept in {} cannot be used; link again with --keep",
            directory.display()
        )
    };
    state.read().with_context(damaged)
}

fn current(directory: &Path) -> anyhow::Result<Option<u64>> {
    let path = directory.join(CURRENT);
    match fs::read_to_string(&path) {
        Ok(text) => {
            let number = text.trim().parse();
            Ok(Some(number.with_context(|| {
                format!("{} names no state", path.display())
            })?))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| path.display().to_string()),
    }
}

fn write_state(state: &Path, kept: &mut Kept) -> anyhow::Result<()> {
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
        seed: kept.seed,
        batches: run.batches.iter().map(entry).collect(),
        digests,
    };
    write_atomic_private(&state.join(CONTENTS), &serde_json::to_vec(&contents)?)?;
    Ok(())
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
    fn open(directory: PathBuf) -> anyhow::Result<Self> {
        let path = directory.join(CONTENTS);
        let text = fs::read(&path).with_context(|| path.display().to_string())?;
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
) -> anyhow::Result<impl Iterator<Item = &'a [u8; N]>> {
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
