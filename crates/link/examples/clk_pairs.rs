//! Our side of the comparison with anonlink (`benches/peers/`): makes two files of encodings, or
//! searches them and writes what it found.
//!
//! ```text
//! clk_pairs make RECORDS LEFT RIGHT
//! clk_pairs search THRESHOLD THREADS LEFT RIGHT [PAIRS]
//! ```
//! A file holds encodings of 1024 bits one after the other. PAIRS gets, for each pair, the score as a
//! double and the two rows as 32-bit numbers, little-endian, in the order anonlink lists them.

#[path = "../../../benches/made_up/mod.rs"]
mod made_up;

use std::error::Error;
use std::fs;
use std::time::Instant;

use link::clk::{ClkSet, Pair, Search, SearchReport, Threshold};
use model::Silent;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["make", records, left, right] => make(records.parse()?, left, right),
        ["search", threshold, threads, left, right] => {
            search(threshold.parse()?, threads.parse()?, (left, right), None)
        }
        ["search", threshold, threads, left, right, pairs] => {
            search(threshold.parse()?, threads.parse()?, (left, right), Some(pairs))
        }
        _ => Err("usage: clk_pairs make RECORDS LEFT RIGHT | search THRESHOLD THREADS LEFT RIGHT [PAIRS]".into()),
    }
}

fn make(records: usize, left: &str, right: &str) -> Result<(), Box<dyn Error>> {
    let (of_left, of_right) = made_up::two_sets(records, 2026);
    print_weights(&of_left);
    fs::write(left, of_left)?;
    fs::write(right, of_right)?;
    Ok(())
}

/// How many bits are set: what a search can and cannot make use of.
fn print_weights(rows: &[u8]) {
    let mut weights: Vec<u32> = rows
        .chunks_exact(made_up::BITS / 8)
        .map(bits::popcount)
        .collect();
    weights.sort_unstable();
    let at = |hundredths: usize| weights[(weights.len() - 1) * hundredths / 100];
    let [least, low, middle, high, most] = [0, 5, 50, 95, 100].map(at);
    println!(
        "set bits of {}: least {least}, 5% {low}, median {middle}, 95% {high}, most {most}",
        made_up::BITS
    );
}

fn search(
    threshold: f64,
    threads: usize,
    (left, right): (&str, &str),
    pairs: Option<&str>,
) -> Result<(), Box<dyn Error>> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build_global()?;
    let (left, right) = (fs::read(left)?, fs::read(right)?);
    let start = now();
    let mut found = Vec::new();
    let report = find(threshold, &left, &right, &mut found)?;
    // anonlink's time includes putting pairs in order, so ours does.
    found.sort_unstable_by(Pair::by_score);
    let seconds = start.elapsed().as_secs_f64();
    let SearchReport {
        pairs: all,
        examined,
        completed,
        found: count,
    } = report;
    println!(
        "{{\"seconds\": {seconds}, \"pairs\": {all}, \"examined\": {examined}, \"completed\": {completed}, \"found\": {count}}}"
    );
    if let Some(path) = pairs {
        let row = |pair: &Pair| {
            [
                &pair.score.dice().to_le_bytes()[..],
                &pair.left.to_le_bytes(),
                &pair.right.to_le_bytes(),
            ]
            .concat()
        };
        fs::write(path, found.iter().flat_map(row).collect::<Vec<u8>>())?;
    }
    Ok(())
}

/// The whole of it, laying out the encodings included.
fn find(
    threshold: f64,
    left: &[u8],
    right: &[u8],
    found: &mut Vec<Pair>,
) -> Result<SearchReport, Box<dyn Error>> {
    let (left, right) = (
        ClkSet::new(made_up::BITS, left)?,
        ClkSet::new(made_up::BITS, right)?,
    );
    let search = Search::new(Threshold::new(threshold)?);
    let sink = |pairs: &[Pair]| {
        found.extend_from_slice(pairs);
        Ok::<_, std::convert::Infallible>(())
    };
    Ok(search.between(&left, &right, &Silent, sink)?)
}

#[expect(clippy::disallowed_methods, reason = "an example that measures time")]
fn now() -> Instant {
    Instant::now()
}
