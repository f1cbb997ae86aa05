//! How long one record takes to be looked up in a standing index, alone and while a delta is being added: the rows of its blocks
//! found and compared, and persons made of them under the model of a finished run.
//!
//! The baseline of the same run is the time the whole run took for one record, on all cores. A made-up country is encoded and
//! linked; the last tenth of each registry is the delta.
//!
//! `cargo bench --bench lookup [-- PERSONS]`

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::time::Duration;

use anyhow::Context;
use link::{Answerer, Comparer, Resolution, RowBatch, Scratch, Spool, StandingIndex};
use model::{Layout, LinkageSchema, PartyIndex, RecordHandle, Silent};
use service::Stopwatch;
use testkit::country::{self, CountrySpec, ErrorLevel};
use testkit::encoded::{EncodedParty, encode_registries};

const SCHEMA: &str = include_str!("../examples/four-registries/schema.toml");
const PERSONS: u32 = 10_000;
const SEED: u64 = 1;
const QUESTIONS: usize = 4000;
const MEMORY: usize = 1 << 30;
/// Bytes of rows a delta comes in.
const PART: usize = 1 << 20;

/// Records to ask for, with all their rows.
type Questions = Vec<(PartyIndex, RecordHandle, Vec<u8>)>;

fn main() -> anyhow::Result<()> {
    // `cargo bench` adds a flag of its own.
    let persons = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let dir = tempfile::tempdir()?;
    let spec = CountrySpec {
        persons: persons.unwrap_or(PERSONS),
        level: ErrorLevel::Moderate,
        seed: SEED,
    };
    country::generate(&spec).write_to(dir.path(), false)?;
    let schema = LinkageSchema::parse(SCHEMA)?;
    let layout = Layout::of(&schema);
    let watch = Stopwatch::start();
    let parties = encode_registries(&schema, &layout, dir.path(), &"bench".parse()?, 1)?;
    let scratch = Scratch::in_directory(dir.path(), MEMORY);
    let sets: Vec<_> = parties.iter().map(EncodedParty::set).collect();
    let run = link_all(&schema, &layout, &parties, &sets, &scratch)?;
    let (records, took) = (run.records.list.len(), watch.elapsed());
    println!(
        "{records} records, seed {SEED}: encoded and linked in {:.1} s, {:.0?} a record",
        took.as_secs_f64(),
        took / records as u32
    );
    let answerer = Answerer::new(&run, &schema, &layout, &sets).context("no model was fitted")?;
    let index = StandingIndex::new(&schema, &layout, &scratch);
    let questions = questions(&parties);
    let watch = Stopwatch::start();
    let mut deltas = Vec::new();
    // Party by party, so that what is in the index is not held twice.
    for party in parties {
        let batch = index.begin_batch(party.party)?;
        let first = party.rows.len() * 9 / 10;
        let mut part = Vec::new();
        for (place, row) in party.rows.iter().enumerate() {
            part.extend_from_slice(row);
            if place + 1 == first || (place < first && part.len() > PART) {
                index.add(batch, &part)?;
                part.clear();
            }
        }
        deltas.push((batch, part));
    }
    index.write_out()?;
    println!(
        "{} rows indexed in {:.1} s",
        index.rows(),
        watch.elapsed().as_secs_f64()
    );
    let ask = |question: &(PartyIndex, RecordHandle, Vec<u8>)| -> anyhow::Result<Duration> {
        let (party, handle, rows) = question;
        let watch = Stopwatch::start();
        let met = index.compare(*party, rows)?;
        let answers = answerer.answer(*party, Some(*handle), &met)?;
        std::hint::black_box(answers);
        Ok(watch.elapsed())
    };
    let ask_all = || {
        questions
            .iter()
            .map(ask)
            .collect::<anyhow::Result<Vec<_>>>()
    };
    report("alone", ask_all()?);
    std::thread::scope(|scope| {
        let delta = scope.spawn(|| -> anyhow::Result<Duration> {
            let watch = Stopwatch::start();
            for (batch, rows) in &deltas {
                for part in rows.chunks(PART / layout.row_bytes * layout.row_bytes) {
                    index.add(*batch, part)?;
                }
            }
            index.write_out()?;
            Ok(watch.elapsed())
        });
        let mut during = Vec::new();
        for question in questions.iter().cycle() {
            during.push(ask(question)?);
            if delta.is_finished() {
                break;
            }
        }
        report("while a delta is added", during);
        let took = delta
            .join()
            .map_err(|_| anyhow::anyhow!("adding panicked"))??;
        println!(
            "{} rows stand; the delta took {:.1} s",
            index.rows(),
            took.as_secs_f64()
        );
        report("after it", ask_all()?);
        Ok(())
    })
}

fn link_all(
    schema: &LinkageSchema,
    layout: &Layout,
    parties: &[EncodedParty],
    sets: &[link::RecordSet],
    scratch: &Scratch,
) -> anyhow::Result<Resolution> {
    let mut comparer = Comparer::new(schema, layout, scratch);
    for party in parties {
        comparer.add_rows(&RowBatch::new(party.party), party.rows.iter())?;
    }
    let mut comparisons = Spool::new(scratch)?;
    let mut sink = |part: &[u8]| comparisons.write_all(part);
    comparer.run(&mut io::empty(), &Silent, &mut sink)?;
    let run = link::resolve(
        schema,
        layout,
        sets,
        &[],
        &mut *comparisons.read()?,
        scratch,
        &Silent,
    )?;
    Ok(run)
}

/// Records of all parties, evenly spread.
fn questions(parties: &[EncodedParty]) -> Questions {
    let mut questions = Questions::new();
    for party in parties {
        let mut rows: BTreeMap<RecordHandle, Vec<u8>> = BTreeMap::new();
        let wanted: Vec<RecordHandle> = party.handles.iter().map(|entry| entry.record).collect();
        let step = (wanted.len() / (QUESTIONS / parties.len())).max(1);
        let wanted: std::collections::BTreeSet<_> = wanted.into_iter().step_by(step).collect();
        for (row, entry) in party.rows.iter().zip(&party.handles) {
            if wanted.contains(&entry.record) {
                rows.entry(entry.record).or_default().extend_from_slice(row);
            }
        }
        questions.extend(
            rows.into_iter()
                .map(|(record, rows)| (party.party, record, rows)),
        );
    }
    questions
}

fn report(when: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |permille: usize| times[(times.len() - 1) * permille / 1000];
    println!(
        "{when}: {} lookups, p50 {:.2?}, p99 {:.2?}, most {:.2?}",
        times.len(),
        at(500),
        at(990),
        at(1000)
    );
}
