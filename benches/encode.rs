//! Records a second on one core under the standard profile with all its passes, on the registries of a made-up country.
//!
//! The baseline of the same run is HMAC-SHA256: how many tags of a short message one core makes. A row takes one such tag,
//! for its block value, and everything else a row is made of should not cost many more. Machines differ in
//! records a second; tags a row they should agree on.
//!
//! `cargo bench --bench encode [-- PERSONS]`

use std::time::Duration;

use anyhow::Context;
use encode::{LinkageKey, NodeKeys, Preparer};
use model::{Epoch, Layout, LinkageSchema, PartyIndex, ProjectName, RunNumber};
use records::{ColumnPlan, LocalKey, RawField, RawRecord};
use secret::Key32;
use service::Stopwatch;
use testkit::country::{self, CountrySpec, ErrorLevel, File, Table};

const SCHEMA: &str = include_str!("../examples/four-registries/schema.toml");
const FILES: [File; 4] = [File::Crvs, File::Id, File::Sr, File::Ibr];
/// Records handed over at a time, as `symbolon link` does.
const CHUNK: usize = 4096;
const PERSONS: u32 = 5000;
const TAGS: u32 = 1 << 20;
const SEED: u64 = 1;

/// What was encoded, and how long that took.
#[derive(Default)]
struct Sum {
    records: u64,
    rows: u64,
    time: Duration,
}

fn main() -> anyhow::Result<()> {
    // `cargo bench` adds a flag of its own.
    let persons = std::env::args().skip(1).find_map(|word| word.parse().ok());
    let spec = CountrySpec {
        persons: persons.unwrap_or(PERSONS),
        level: ErrorLevel::Moderate,
        seed: SEED,
    };
    let country = country::generate(&spec);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    pool.install(|| {
        // Twice, and the first not counted: it pays for memory that later ones use again.
        let (_, sum) = (encode(&country)?, encode(&country)?);
        report(&sum, time_of_tags());
        Ok(())
    })
}

fn report(sum: &Sum, tags: Duration) {
    let seconds = sum.time.as_secs_f64();
    let (tag, row) = (tags / TAGS, sum.time / sum.rows as u32);
    println!(
        "{} records, {} rows, seed {SEED}, one thread: {:.0} records/s, {:.0} rows/s",
        sum.records,
        sum.rows,
        sum.records as f64 / seconds,
        sum.rows as f64 / seconds
    );
    println!(
        "baseline HMAC-SHA256: {:.0} tags/s; a row takes {row:?}, as long as {:.1} tags",
        f64::from(TAGS) / tags.as_secs_f64(),
        row.as_secs_f64() / tag.as_secs_f64()
    );
}

/// Encodes all four registries.
fn encode(country: &country::Country) -> anyhow::Result<Sum> {
    let schema = LinkageSchema::parse(SCHEMA)?;
    let layout = Layout::of(&schema);
    let project: ProjectName = "bench".parse()?;
    let epoch = LinkageKey::new(Key32::from_bytes(&mut [1; 32])).epoch(&project, Epoch(1), &schema);
    let node = NodeKeys::derive(
        &Key32::from_bytes(&mut [2; 32]),
        &project,
        Epoch(1),
        RunNumber(1),
    );
    let mut sum = Sum::default();
    for (party, file) in (0..).map(PartyIndex).zip(FILES) {
        let plan = ColumnPlan::of(&schema, party);
        let table = country.table(file);
        let mut preparer = Preparer::new(&schema, &layout, party, &plan, &epoch, &node);
        let mut time = Duration::ZERO;
        for start in (0..table.len()).step_by(CHUNK) {
            let chunk =
                (start..table.len().min(start + CHUNK)).map(|row| record(table, row, &plan));
            let chunk = chunk.collect::<anyhow::Result<_>>()?;
            let watch = Stopwatch::start();
            preparer.add(chunk)?;
            time += watch.elapsed();
        }
        let watch = Stopwatch::start();
        let report = preparer.finish().report;
        sum.time += time + watch.elapsed();
        sum.records += report.records;
        sum.rows += report.rows;
    }
    Ok(sum)
}

fn record(table: &Table, row: usize, plan: &ColumnPlan) -> anyhow::Result<RawRecord> {
    let cell = |column: &str| {
        let cell = table.cell(row, column).map(str::to_owned);
        cell.with_context(|| format!("the country has no column `{column}`"))
    };
    let fields = plan
        .columns()
        .iter()
        .map(|column| Ok(RawField::new(cell(column)?)));
    Ok(RawRecord {
        row: row as u64 + 1,
        key: LocalKey::new(cell(plan.record_id())?),
        fields: fields.collect::<anyhow::Result<_>>()?,
    })
}

/// How long one core takes for [`TAGS`] tags of a message as long as a block value.
fn time_of_tags() -> Duration {
    let prf = Key32::from_bytes(&mut [3; 32]).prf();
    let watch = Stopwatch::start();
    let mut folded = 0u8;
    for number in 0..TAGS {
        folded ^= prf.tag(&[b"block value", &number.to_le_bytes()])[0];
    }
    std::hint::black_box(folded);
    watch.elapsed()
}
