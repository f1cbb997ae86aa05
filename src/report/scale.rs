//! From values to places in a drawing, and where the ticks go.

use super::number::{self, tame};

/// How an axis is divided.
pub(super) struct Tick {
    /// Where, in the drawing.
    pub(super) at: f64,
    /// What stands there.
    pub(super) label: String,
}

/// A linear axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Linear {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
}

impl Linear {
    /// From the values `from..to` to the places `start..end`. A range without width gets one.
    pub(super) fn new((from, to): (f64, f64), (start, end): (f64, f64)) -> Self {
        let (from, to) = (tame(from), tame(to));
        let (from, to) = if to - from > 1e-9 {
            (from, to)
        } else {
            (from - 0.5, from + 0.5)
        };
        Self {
            from,
            to,
            start,
            end,
        }
    }

    /// The place of a value; values outside go to the nearer end.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = (tame(value) - self.from) / (self.to - self.from);
        self.start + share.clamp(0.0, 1.0) * (self.end - self.start)
    }

    /// Round values, about `wanted` of them.
    pub(super) fn ticks(&self, wanted: u32) -> Vec<Tick> {
        let step = round_step((self.to - self.from) / f64::from(wanted.max(1)));
        let first = (self.from / step - 1e-9).ceil() as i64;
        let last = (self.to / step + 1e-9).floor() as i64;
        (first..=last)
            .map(|place| place as f64 * step)
            .map(|value| Tick {
                at: self.at(value),
                label: number::tick(value, step),
            })
            .collect()
    }
}

/// The next of 1, 2, 5, 10, 20 … that is not below `rough`.
fn round_step(rough: f64) -> f64 {
    let power = 10f64.powf(rough.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    let enough = steps.into_iter().find(|step| *step >= rough * 0.999_999);
    enough.unwrap_or(10.0 * power)
}

/// An axis of counts by their logarithm; nought has its place too, as `log(1 + count)`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counts {
    most: u64,
    start: f64,
    end: f64,
}

impl Counts {
    /// From nought to `most` (ten at least) to the places `start..end`.
    pub(super) fn new(most: u64, (start, end): (f64, f64)) -> Self {
        Self {
            most: most.max(10),
            start,
            end,
        }
    }

    /// The place of a count.
    pub(super) fn at(&self, count: u64) -> f64 {
        let share = (count as f64).ln_1p() / (self.most as f64).ln_1p();
        self.start + share.clamp(0.0, 1.0) * (self.end - self.start)
    }

    /// Nought and powers of ten, every second or third of them when there are many; then one, which
    /// is close to nought, has none.
    pub(super) fn ticks(&self) -> Vec<Tick> {
        let digits = self.most.ilog10();
        let every = 1 + digits / 6;
        let first = u32::from(digits > 2);
        let powers = (first..=digits).filter(|power| (power - first).is_multiple_of(every));
        std::iter::once(0)
            .chain(powers.map(|power| 10u64.pow(power)))
            .map(|count| Tick {
                at: self.at(count),
                label: number::compact(count),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn linear_places_are_in_proportion_and_stay_inside() {
        let scale = Linear::new((-10.0, 10.0), (0.0, 100.0));
        assert!((scale.at(0.0) - 50.0).abs() < 1e-9);
        assert!((scale.at(99.0) - 100.0).abs() < 1e-9);
        assert!((scale.at(f64::NEG_INFINITY)).abs() < 1e-9);
    }

    #[test]
    fn ticks_are_round() {
        let scale = Linear::new((-32.0, 41.0), (0.0, 1.0));
        assert_eq!(
            labels(&scale.ticks(8)),
            [
                "\u{2212}30",
                "\u{2212}20",
                "\u{2212}10",
                "0",
                "10",
                "20",
                "30",
                "40"
            ]
        );
        let shares = Linear::new((0.8, 1.0), (0.0, 1.0));
        assert_eq!(
            labels(&shares.ticks(4)),
            ["0.80", "0.85", "0.90", "0.95", "1.00"]
        );
    }

    #[test]
    fn odd_ranges_still_have_few_ticks() {
        for range in [
            (0.0, 0.0),
            (f64::NAN, f64::INFINITY),
            (1e6, 1e6),
            (-1e300, 1e300),
            (5.0, -5.0),
        ] {
            let ticks = Linear::new(range, (0.0, 100.0)).ticks(8);
            assert!((1..=12).contains(&ticks.len()), "{range:?} {}", ticks.len());
            assert!(ticks.iter().all(|tick| tick.at.is_finite()));
        }
    }

    #[test]
    fn counts_go_by_their_logarithm() {
        let scale = Counts::new(1000, (0.0, 100.0));
        assert!(scale.at(0).abs() < 1e-9);
        assert!((scale.at(1000) - 100.0).abs() < 1e-9);
        assert!(scale.at(31) > 45.0 && scale.at(31) < 55.0);
        assert_eq!(labels(&scale.ticks()), ["0", "10", "100", "1 k"]);
        assert_eq!(
            labels(&Counts::new(50, (0.0, 1.0)).ticks()),
            ["0", "1", "10"]
        );
        assert!(Counts::new(u64::MAX, (0.0, 1.0)).ticks().len() <= 8);
    }
}
