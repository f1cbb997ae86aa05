//! M5 and M6: how much can be compared with what, and how peculiar what is compared looks.

use std::collections::BTreeMap;

use super::{Light, Metric, Own, percent};
use crate::likeness::Estimator;

/// Comparable records a record from which on a graph attack is helped.
const MEAN_DEGREE: f64 = 200.0;
/// The share of pairs with a likeness of their own that calls for a look.
const PECULIAR: f64 = 0.5;
/// Pairs looked at, at most.
const MOST_PAIRS: usize = 200_000;

/// M5: pairs that can be compared.
pub(super) fn exposure(own: &Own<'_>) -> Metric {
    let records = own.count();
    let keyed = own.trial.schema.profile.is_block_keyed();
    let mut degrees = vec![0usize; own.clear.len()];
    for block in &own.blocks.all {
        let others = block.seats.len() - 1;
        own.blocks.seats[block.seats.clone()]
            .iter()
            .for_each(|seat| degrees[seat.record as usize] += others);
    }
    let pairs = match keyed {
        true => degrees.iter().sum::<usize>() as f64 / 2.0,
        false => records * (records - 1.0) / 2.0,
    };
    let mean = 2.0 * pairs / records;
    let alone = degrees.iter().filter(|degree| **degree == 0).count() as f64 / records;
    let light = if keyed {
        Light::of(mean, MEAN_DEGREE, f64::INFINITY)
    } else {
        Light::Red
    };
    let sentence = match keyed {
        true => format!(
            "A record can be compared with {mean:.0} others on average, counted once a pass; {} with none.",
            percent(alone)
        ),
        false => "Every record can be compared with every other: this profile has no defence against graph matching."
            .to_owned(),
    };
    let figures = [
        ("comparable pairs", pairs),
        ("mean degree", mean),
        ("with none", alone),
    ];
    Metric::new("M5", "Comparability", light, sentence, &figures)
}

/// M6: pairs whose likeness, part by part in tenths, no other pair has.
pub(super) fn uniqueness(own: &Own<'_>) -> Metric {
    let estimator = Estimator::new(own.trial.layout);
    let mut seen: BTreeMap<Vec<i8>, usize> = BTreeMap::new();
    let pairs = own.blocks.all.iter().flat_map(|block| {
        let seats = &own.blocks.seats[block.seats.clone()];
        (0..seats.len()).flat_map(move |one| {
            (one + 1..seats.len()).map(move |other| (seats[one].row, seats[other].row))
        })
    });
    let mut looked = 0;
    for pair in pairs.take(MOST_PAIRS) {
        let tenths = own.trial.layout.slots.iter().map(|slot| {
            let likeness = estimator.of_rows(&own.rows, pair, *slot);
            likeness.map_or(-1, |likeness| {
                (likeness.clamp(0.0, 1.0) * 10.0).round() as i8
            })
        });
        *seen.entry(tenths.collect()).or_default() += 1;
        looked += 1;
    }
    let unique = seen.values().filter(|count| **count == 1).count();
    let share = unique as f64 / looked.max(1) as f64;
    let sentence = format!(
        "{} of the pairs in one block have a likeness that no other pair has; such a pair can be looked up in a register.",
        percent(share)
    );
    let light = Light::of(share, PECULIAR, f64::INFINITY);
    Metric::new(
        "M6",
        "Pairs with a likeness of their own",
        light,
        sentence,
        &[("pairs", share)],
    )
}
