//! Progress of long work where nobody watches a terminal: a line now and then.

use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::Progress;

use crate::Stopwatch;

/// How long nothing is said.
const SILENCE: Duration = Duration::from_secs(30);

/// Writes a line about the current stage every half minute, with rate and remaining time. Work that is done
/// sooner leaves no word.
pub struct Lines<W> {
    watch: Stopwatch,
    told: Mutex<Told<W>>,
}

struct Told<W> {
    out: W,
    stage: Stage,
    /// When the last line was written.
    last: Duration,
}

/// A stage under way.
#[derive(Debug, Clone, Default)]
struct Stage {
    name: String,
    /// All steps; 0 when unknown.
    steps: u64,
    done: u64,
    began: Duration,
}

impl<W: Write> Lines<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Self {
            watch: Stopwatch::start(),
            told: Mutex::new(Told {
                out,
                stage: Stage::default(),
                last: Duration::ZERO,
            }),
        }
    }

    fn with(&self, act: impl FnOnce(&mut Told<W>, Duration)) {
        // What a thread that failed had counted still counts.
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut told, self.watch.elapsed());
    }
}

impl<W: Write> Told<W> {
    fn begin(&mut self, name: &str, steps: u64, now: Duration) {
        self.stage = Stage {
            name: name.to_owned(),
            steps,
            done: 0,
            began: now,
        };
        self.tell(now);
    }

    fn advance(&mut self, steps: u64, now: Duration) {
        self.stage.done += steps;
        self.tell(now);
    }

    fn tell(&mut self, now: Duration) {
        if now >= self.last + SILENCE {
            self.last = now;
            // Nobody may be listening; the work goes on.
            let _ = writeln!(self.out, "{}", self.stage.in_words(now));
        }
    }
}

impl Stage {
    fn in_words(&self, now: Duration) -> String {
        let Self {
            name, steps, done, ..
        } = self;
        let seconds = now.saturating_sub(self.began).as_secs_f64();
        if *done == 0 || seconds <= 0.0 {
            return format!("{name} ...");
        }
        let rate = *done as f64 / seconds;
        match steps.checked_sub(*done) {
            Some(left) => {
                let left = left as f64 / rate;
                format!("{name}: {done} of {steps}, {rate:.0} a second, {left:.0} s left")
            }
            None => format!("{name}: {done}, {rate:.0} a second"),
        }
    }
}

impl<W: Write + Send> Progress for Lines<W> {
    fn stage(&self, name: &str, steps: u64) {
        self.with(|told, now| told.begin(name, steps, now));
    }

    fn advance(&self, steps: u64) {
        self.with(|told, now| told.advance(steps, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_every_half_minute_and_none_before() {
        let mut told = Told {
            out: Vec::new(),
            stage: Stage::default(),
            last: Duration::ZERO,
        };
        let at = Duration::from_secs;
        told.begin("read", 0, at(1));
        told.advance(90, at(29));
        told.advance(60, at(31));
        told.begin("compare", 1000, at(40));
        told.advance(100, at(50));
        told.advance(300, at(80));
        told.begin("fit", 0, at(111));
        let lines = String::from_utf8(told.out).unwrap();
        let expected =
            "read: 150, 5 a second\ncompare: 400 of 1000, 10 a second, 60 s left\nfit ...\n";
        assert_eq!(lines, expected);
    }
}
