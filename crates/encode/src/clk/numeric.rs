//! The numeric comparison: a number becomes the points of a grid around it, so that near numbers
//! share points (Vatsalan and Christen, Journal of Biomedical Informatics 2015).

use std::fmt::Write as _;

use num_bigint::BigInt;

use super::error::CellProblem;
use super::number::{self, MAX_DIGITS};

/// More decimal places leave no digits for the number.
pub(super) const MAX_PRECISION: u32 = 4000;

/// A grid.
pub(super) struct Grid {
    /// The distance of neighbouring points.
    distance: BigInt,
    small: Option<SmallGrid>,
    resolution: u32,
    precision: u32,
    /// Ten to the power of the precision.
    scale: BigInt,
    /// The same, rounded; none when beyond the doubles.
    scale_float: Option<f64>,
}

/// Distance and scale when they are so small that 128 bits do for usual values.
#[derive(Clone, Copy)]
struct SmallGrid {
    distance: i128,
    scale: i128,
}

/// A threshold distance as the schema wrote it.
pub(super) enum Threshold {
    Whole(BigInt),
    Float(f64),
}

impl Grid {
    /// A grid; none when the distance rounds to nothing or has no end.
    pub(super) fn new(threshold: Threshold, resolution: u32, precision: u32) -> Option<Self> {
        let scale = BigInt::from(10_u8).pow(precision);
        let scale_float: Option<f64> = format!("1e{precision}").parse().ok();
        let scale_float = scale_float.filter(|scale| scale.is_finite());
        let distance = match threshold {
            Threshold::Whole(whole) => whole * &scale,
            Threshold::Float(float) => rounded(float * scale_float?)?,
        };
        if distance <= BigInt::ZERO {
            return None;
        }
        // Beyond these, doubles round halves of the distance, which 128 bits here do not follow.
        let exact = BigInt::from(1_u64 << 53);
        let small = (distance <= exact && scale <= exact).then(|| SmallGrid {
            distance: i128::try_from(&distance).unwrap_or(1),
            scale: i128::try_from(&scale).unwrap_or(1),
        });
        Some(Self {
            distance,
            small,
            resolution,
            precision,
            scale,
            scale_float,
        })
    }

    /// How many points a number has.
    pub(super) fn points(&self) -> usize {
        2 * self.resolution as usize + 1
    }

    /// Hands the points around the number that `value` is to `each`, as decimal text.
    pub(super) fn for_each<E: From<CellProblem>>(
        &self,
        value: &str,
        text: &mut String,
        mut each: impl FnMut(usize, &str) -> Result<(), E>,
    ) -> Result<(), E> {
        let whole = number::write_integer(value, text);
        if let (Some(small), true) = (self.small, whole)
            && let Ok(value) = text.parse::<i64>()
            && let Some(center) = small.center(value, self.resolution)
        {
            for (place, offset) in self.offsets() {
                text.clear();
                // Writing to a string cannot fail.
                let _ = write!(text, "{}", center + i128::from(offset) * small.distance);
                each(place, text)?;
            }
            return Ok(());
        }
        let scaled = self.scaled(value, whole.then_some(text))?;
        let center = self.center(scaled)?;
        for (place, offset) in self.offsets() {
            let point = (&center + &self.distance * offset).to_string();
            if point.trim_start_matches('-').len() > MAX_DIGITS {
                return Err(CellProblem::TooManyDigits.into());
            }
            each(place, &point)?;
        }
        Ok(())
    }

    fn offsets(&self) -> impl Iterator<Item = (usize, i64)> + use<> {
        let reach = i64::from(self.resolution);
        (-reach..=reach).enumerate()
    }

    /// The number in units of the precision.
    fn scaled(&self, value: &str, whole: Option<&mut String>) -> Result<BigInt, CellProblem> {
        if let Some(Ok(whole)) = whole.map(|whole| whole.parse::<BigInt>()) {
            return Ok(whole * &self.scale);
        }
        let float = number::float(value).ok_or(CellProblem::NotANumber)?;
        if self.precision == 0 {
            return Ok(number::exact(float));
        }
        let scale = self.scale_float.ok_or(CellProblem::NotANumber)?;
        rounded(float * scale).ok_or(CellProblem::NotANumber)
    }

    /// The point of the grid nearest to a number, whose unit is divided by twice the resolution.
    fn center(&self, scaled: BigInt) -> Result<BigInt, CellProblem> {
        let value = scaled * (2 * u64::from(self.resolution));
        let remainder = (&value % &self.distance + &self.distance) % &self.distance;
        if remainder == BigInt::ZERO {
            return Ok(value);
        }
        // Python halves the distance as a double; twice the remainder meets the distance as one.
        let distance = number::float(&self.distance.to_string());
        let distance = distance.ok_or(CellProblem::TooManyDigits)?;
        Ok(if &remainder * 2 < number::exact(distance) {
            value - remainder
        } else {
            value + (&self.distance - remainder)
        })
    }
}

impl SmallGrid {
    fn center(self, value: i64, resolution: u32) -> Option<i128> {
        let value = i128::from(value)
            .checked_mul(self.scale)?
            .checked_mul(2 * i128::from(resolution))?;
        let remainder = value.rem_euclid(self.distance);
        let down = remainder == 0 || 2 * remainder < self.distance;
        let up = if down { 0 } else { self.distance };
        // Room for the points on both sides.
        let reach = i128::from(resolution) * self.distance;
        value.checked_add(up - remainder).filter(|center| {
            center.unsigned_abs() < i128::MAX.unsigned_abs() - reach.unsigned_abs()
        })
    }
}

/// Half to even; none for what is not finite.
fn rounded(float: f64) -> Option<BigInt> {
    let rounded = float.round_ties_even();
    rounded.is_finite().then(|| number::exact(rounded))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn points(grid: &Grid, value: &str) -> Result<Vec<String>, CellProblem> {
        let mut points = Vec::new();
        grid.for_each(value, &mut String::new(), |_, point| {
            points.push(point.to_owned());
            Ok::<_, CellProblem>(())
        })?;
        Ok(points)
    }

    fn whole(distance: u32, resolution: u32, precision: u32) -> Grid {
        Grid::new(Threshold::Whole(distance.into()), resolution, precision).unwrap()
    }

    #[test]
    fn the_worked_example() {
        let grid = whole(8, 2, 0);
        let expected = ["88", "96", "104", "112", "120"];
        assert_eq!(points(&grid, "25").unwrap(), expected);
        assert_eq!(grid.points(), 5);
    }

    #[test]
    fn rounds_ties_up_and_floors_below_zero() {
        assert_eq!(points(&whole(4, 1, 0), "1").unwrap(), ["0", "4", "8"]);
        assert_eq!(points(&whole(4, 1, 0), "-1").unwrap(), ["-4", "0", "4"]);
        assert_eq!(points(&whole(3, 1, 0), "-2").unwrap(), ["-6", "-3", "0"]);
    }

    #[test]
    fn cuts_without_precision_and_rounds_to_even_with_it() {
        assert_eq!(
            points(&whole(2, 1, 0), "1.9").unwrap(),
            points(&whole(2, 1, 0), "1").unwrap()
        );
        let grid = Grid::new(Threshold::Float(0.5), 1, 1).unwrap();
        assert_eq!(
            points(&grid, "0.25").unwrap(),
            points(&grid, "0.2").unwrap()
        );
    }

    #[test]
    fn refuses_what_is_no_number_and_grids_without_distance() {
        let grid = whole(8, 2, 0);
        for value in ["abc", "nan", "inf", "1e999", "1 2"] {
            assert_eq!(
                points(&grid, value),
                Err(CellProblem::NotANumber),
                "{value}"
            );
        }
        assert!(Grid::new(Threshold::Float(0.4), 1, 0).is_none());
        assert!(Grid::new(Threshold::Float(1e308), 1, 3).is_none());
    }

    proptest! {
        #[test]
        fn small_and_big_arithmetic_agree(
            value in any::<i64>(), distance in 1..1_000_000_u32, resolution in 1..50_u32, precision in 0..6_u32,
        ) {
            let mut grid = whole(distance, resolution, precision);
            let fast = points(&grid, &value.to_string()).unwrap();
            grid.small = None;
            prop_assert_eq!(fast, points(&grid, &value.to_string()).unwrap());
        }
    }
}
