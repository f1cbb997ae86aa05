//! M7, M8 and M11: what one encoding shows by itself.

use std::collections::BTreeMap;

use bits::popcount;
use model::profile::Hardening;

use super::{FEW, Light, Metric, Own, percent};

/// The most of a value's length that the weight of its encoding may explain, as R². Chance explains some in a
/// finite sample; [`CHANCE`] over the number of values is allowed for it.
const EXPLAINED: f64 = 0.01;
/// What is allowed for chance, the largest of many parts counted.
const CHANCE: f64 = 10.0;

/// M7: how well set bits tell lengths.
pub(super) fn length(own: &Own<'_>) -> Metric {
    let mut worst = (0.0, 0.0, 1.0);
    for part in 0..own.trial.layout.parts.len() {
        let (explained, variance, values) = of_part(own, part);
        if explained - CHANCE / values > worst.0 - CHANCE / worst.2 {
            worst = (explained, variance, values);
        }
    }
    let (explained, variance, values) = worst;
    let sentence = format!(
        "The number of set bits explains {} of the length of a value, in the part where it explains most.",
        percent(explained)
    );
    let light = Light::of(explained, EXPLAINED, EXPLAINED + CHANCE / values);
    let figures = [
        ("length told by weight", explained),
        ("variance of the weight", variance),
    ];
    Metric::new("M7", "Length told by weight", light, sentence, &figures)
}

/// R² of the number of tokens on the number of set bits, the variance of the latter, and how many values.
fn of_part(own: &Own<'_>, part: usize) -> (f64, f64, f64) {
    let (mut count, mut sums, mut squares, mut product) = (0.0, [0.0; 2], [0.0; 2], 0.0);
    for place in 0..own.rows.len() {
        let row = own.rows.row(place);
        if row.presence() >> part & 1 == 1 {
            let weight = f64::from(popcount(row.signature(&own.trial.layout.parts[part])));
            let length = own.clear[own.rows.owner(place) as usize].tokens(part).len() as f64;
            count += 1.0;
            for (at, value) in [weight, length].into_iter().enumerate() {
                sums[at] += value;
                squares[at] += value * value;
            }
            product += weight * length;
        }
    }
    let count = f64::max(count, 1.0);
    let variance = |at: usize| squares[at] / count - (sums[at] / count).powi(2);
    let together = product / count - sums[0] * sums[1] / (count * count);
    let explained = match variance(0) * variance(1) {
        nought if nought < 1e-9 => 0.0,
        variances => together * together / variances,
    };
    // Rows of one record repeat its length: the sample is of records.
    (explained, variance(0), own.count())
}

/// M8: how often one encoding occurs.
pub(super) fn multiplicity(own: &Own<'_>) -> Metric {
    let mut times: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for place in 0..own.rows.len() {
        let row = own.rows.row(place);
        let parts = own
            .trial
            .layout
            .parts
            .iter()
            .flat_map(|part| row.signature(part));
        *times.entry(parts.copied().collect()).or_default() += 1;
    }
    let rows = own.rows.len().max(1) as f64;
    let once = times.values().filter(|times| **times == 1).count() as f64 / rows;
    let often: usize = times.values().filter(|times| **times >= FEW).sum();
    let often = often as f64 / rows;
    let sentence = format!(
        "{} of rows have an encoding that occurs once, {} one that occurs at least {FEW} times. What repeats can be counted, what does not can be traced; neither is good by itself.",
        percent(once),
        percent(often)
    );
    Metric::new(
        "M8",
        "Repeated encodings",
        Light::Green,
        sentence,
        &[("once", once), ("often", often)],
    )
}

/// M11: how much noise there is.
pub(super) fn noise(own: &Own<'_>) -> Metric {
    let bits: u32 = own.trial.layout.parts.iter().map(|part| part.bits).sum();
    let rows = own.rows.len() as f64 / own.count();
    let Hardening::MinHash { flip_permille } = own.trial.layout.hardening else {
        let sentence = "No bit is flipped: there is no noise.".to_owned();
        return Metric::new(
            "M11",
            "Noise",
            Light::Red,
            sentence,
            &[("rows a record", rows)],
        );
    };
    let flip = f64::from(flip_permille.clamp(1, 999)) / 1000.0;
    let bit = ((1.0 - flip) / flip).ln();
    let bound = bit * f64::from(bits) * rows;
    let sentence = format!(
        "{} of bits are flipped, a noise level of {bit:.2} a bit and {bound:.0} a record in {rows:.0} rows. This is a noise level, not a guarantee, and not differential privacy.",
        percent(flip)
    );
    let figures = [
        ("noise a bit", bit),
        ("noise a record", bound),
        ("rows a record", rows),
    ];
    Metric::new(
        "M11",
        "Noise",
        Light::of(bit, 3.5, f64::INFINITY),
        sentence,
        &figures,
    )
}
