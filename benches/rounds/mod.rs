//! Ratios in one run: cases take turns, and of each the best turn counts. Criterion measures one
//! after the other, which on a shared machine compares its neighbours as much as the code.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};

/// The fewest turns of each case.
const ROUNDS: u32 = 10;
/// How long a group takes turns at least.
const GROUP: Duration = Duration::from_secs(3);
/// How long a turn of a short case is: less than a scheduler lets a program run, so that some turns
/// are not interrupted.
const TURN: Duration = Duration::from_millis(1);

/// One way to do a group's work.
pub(crate) struct Case<'a> {
    name: &'a str,
    run: Box<dyn FnMut() + 'a>,
}

impl<'a> Case<'a> {
    /// A case that does the work once when it runs.
    pub(crate) fn new(name: &'a str, run: impl FnMut() + 'a) -> Self {
        let run = Box::new(run);
        Self { name, run }
    }
}

/// Measures the cases, which each do the work for `elements` things, and prints the ratio of each to
/// the first. Returns how many things a second the fastest does.
pub(crate) fn compare(
    criterion: &mut Criterion,
    group: &str,
    elements: u64,
    mut cases: Vec<Case<'_>>,
) -> f64 {
    let mut own = criterion.benchmark_group(group);
    own.throughput(Throughput::Elements(elements));
    own.sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1));
    for case in &mut cases {
        own.bench_function(case.name, |bencher| bencher.iter(&mut case.run));
    }
    own.finish();
    let best = best_turns(&mut cases);
    println!("\n{group}: the best of alternating turns, and the ratio to the first");
    for (case, seconds) in cases.iter().zip(&best) {
        let rate = elements as f64 / seconds;
        println!(
            "  {:34} {:10.2} M/s  {:7.2} x",
            case.name,
            rate / 1e6,
            best[0] / seconds
        );
    }
    println!();
    elements as f64 / best.iter().copied().fold(f64::INFINITY, f64::min)
}

/// The seconds of each case in its best turn.
fn best_turns(cases: &mut [Case<'_>]) -> Vec<f64> {
    let mut best = vec![f64::INFINITY; cases.len()];
    let (start, mut rounds) = (now(), 0);
    while rounds < ROUNDS || start.elapsed() < GROUP {
        for (case, best) in cases.iter_mut().zip(&mut best) {
            *best = best.min(turn(&mut case.run));
        }
        rounds += 1;
    }
    best
}

/// Seconds of one run, over as many as fill a turn.
fn turn(run: &mut dyn FnMut()) -> f64 {
    let start = now();
    let mut runs = 0;
    while runs == 0 || start.elapsed() < TURN {
        run();
        runs += 1;
    }
    start.elapsed().as_secs_f64() / f64::from(runs)
}

/// Prints which share of the bound on instructions a kernel with so many pairs of `bits` bits a second
/// reaches, on a processor that starts two 512-bit instructions a cycle: for each 512 bits of a pair
/// one to join them, one to count, one to add.
pub(crate) fn print_bound(rate: f64, bits: usize) {
    let clock = clock();
    let bound = clock * 2.0 / (3.0 * bits as f64 / 512.0);
    println!(
        "clock {:.2} GHz; three instructions for each 512 bits, two a cycle: {:.0} M/s; reached: {:.0} %\n",
        clock / 1e9,
        bound / 1e6,
        100.0 * rate / bound
    );
}

/// Cycles a second, from a chain of dependent instructions: an `or` takes one cycle, a multiplication three.
fn clock() -> f64 {
    const LINKS: u32 = 10_000;
    let chain = || {
        let mut value = black_box(3u64);
        for _ in 0..LINKS {
            value = value.wrapping_mul(value | 1);
        }
        black_box(value);
    };
    let best = best_turns(&mut [Case::new("chain", chain)]);
    f64::from(4 * LINKS) / best[0]
}

#[expect(clippy::disallowed_methods, reason = "a bench that measures time")]
fn now() -> Instant {
    Instant::now()
}
