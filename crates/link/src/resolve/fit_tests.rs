//! The fit on a simulated country: people who are alike without being the same are far more than the same people.

use model::{Layout, LinkageSchema};

use super::super::explain::millibits;
use super::super::levels::{NAME_CUTS, Source};
use super::super::mixture::log_sum;
use super::super::patterns::{PatternBuilder, Seen, asked};
use super::super::records::Records;
use super::super::tests::Chance;
use super::*;

const SCHEMA: &str = r#"
format = 1
name = "s"
revision = 1
profile = "standard"
latest_year = 2025
field = [
  { name = "given", kind = "given-name" },
  { name = "surname", kind = "surname" },
  { name = "born", kind = "date" },
  { name = "sex", kind = "sex" },
  { name = "father", kind = "full-name" },
  { name = "mother", kind = "full-name" },
  { name = "town", kind = "place" },
]
pass = [
  { name = "born", block = ["born"] },
  { name = "name", block = ["given.code", "surname.code"] },
  { name = "family", block = ["surname.code", "town"] },
]
[[party]]
name = "a"
title = "A"
duplicates = true
record_id = "id"
map = { given = { columns = ["g"] } }
"#;

/// Records of one person among the candidate pairs.
const SAME: u64 = 1_000;

/// A place among `shares`, hundredths that come to 100, as often as its share says.
fn among(chance: &mut Chance, shares: &[u64]) -> u16 {
    let mut rest = chance.below(100);
    let place = shares.iter().position(|share| {
        let found = rest < *share;
        rest = rest.saturating_sub(*share);
        found
    });
    place.unwrap() as u16
}

/// How people of one kind look: hundredths at each level, best first, of the given name, the surname, the date of
/// birth (equal, year alone, near year, nothing), sex, father, mother, town.
struct Kind {
    pairs: u64,
    passes: u64,
    shares: [&'static [u64]; 7],
}

const KINDS: [Kind; 6] = [
    Kind {
        pairs: SAME,
        passes: 0b111,
        shares: [
            &[80, 8, 6, 3, 3],
            &[86, 5, 4, 2, 3],
            &[93, 2, 1, 4],
            &[99, 1],
            &[90, 5, 3, 1, 1],
            &[90, 5, 3, 1, 1],
            &[90, 3, 2, 1, 4],
        ],
    },
    // Brothers and sisters.
    Kind {
        pairs: 4 * SAME,
        passes: 0b100,
        shares: [
            &[1, 1, 3, 5, 90],
            &[92, 3, 2, 1, 2],
            &[0, 2, 14, 84],
            &[50, 50],
            &[92, 4, 2, 1, 1],
            &[91, 5, 2, 1, 1],
            &[94, 1, 1, 1, 3],
        ],
    },
    // Neighbours of one name.
    Kind {
        pairs: 20 * SAME,
        passes: 0b100,
        shares: [
            &[5, 1, 4, 8, 82],
            &[90, 3, 2, 2, 3],
            &[0, 7, 22, 71],
            &[55, 45],
            &[5, 15, 45, 25, 10],
            &[2, 8, 30, 35, 25],
            &[96, 1, 1, 1, 1],
        ],
    },
    // Strangers of one day.
    Kind {
        pairs: 6 * SAME,
        passes: 0b001,
        shares: [
            &[1, 1, 3, 5, 90],
            &[1, 1, 2, 4, 92],
            &[99, 0, 0, 1],
            &[50, 50],
            &[0, 0, 1, 4, 95],
            &[0, 0, 1, 4, 95],
            &[2, 1, 1, 1, 95],
        ],
    },
    // Namesakes.
    Kind {
        pairs: 4 * SAME,
        passes: 0b010,
        shares: [
            &[88, 5, 5, 1, 1],
            &[88, 5, 5, 1, 1],
            &[0, 2, 5, 93],
            &[95, 5],
            &[1, 2, 6, 11, 80],
            &[0, 1, 2, 7, 90],
            &[4, 1, 1, 1, 93],
        ],
    },
    // Namesakes who are neighbours.
    Kind {
        pairs: SAME,
        passes: 0b110,
        shares: [
            &[88, 5, 5, 1, 1],
            &[88, 5, 5, 1, 1],
            &[0, 3, 7, 90],
            &[95, 5],
            &[3, 8, 20, 19, 50],
            &[1, 2, 6, 11, 80],
            &[96, 1, 1, 1, 1],
        ],
    },
];

/// Any two people: what the calibration shows.
const STRANGERS: Kind = Kind {
    pairs: 5_000,
    passes: 0,
    shares: [
        &[1, 1, 3, 5, 90],
        &[1, 1, 2, 4, 92],
        &[0, 1, 6, 93],
        &[50, 50],
        &[0, 0, 1, 4, 95],
        &[0, 0, 1, 4, 95],
        &[2, 1, 1, 1, 95],
    ],
};

/// The level of a variable at which its values, one or two, are at these `places`.
fn level(variable: &Variable, places: &[u16]) -> u16 {
    match &variable.source {
        Source::Names { .. } => {
            let steps = NAME_CUTS.len() as u16 + 2;
            (places[0] * steps + places[1]) * steps + steps - 1
        }
        Source::Date { .. } => [0, 7, 9, 11][usize::from(places[0])],
        _ => places[0],
    }
}

/// The levels of a pair of that kind.
fn pair(kind: &Kind, variables: &Variables, chance: &mut Chance) -> Vec<u16> {
    let places = kind.shares.map(|shares| among(chance, shares));
    let (names, others) = places.split_at(2);
    let values = std::iter::once(names).chain(others.chunks(1));
    let levels = variables.0.iter().zip(values);
    levels.map(|(v, places)| level(v, places)).collect()
}

fn simulated(variables: &Variables, chance: &mut Chance) -> PatternBuilder {
    let mut patterns = PatternBuilder::default();
    for kind in &KINDS {
        for _ in 0..kind.pairs {
            patterns.number(0, kind.passes, &pair(kind, variables, chance));
        }
    }
    patterns
}

#[test]
fn people_who_are_alike_are_not_taken_for_the_same() {
    let schema = LinkageSchema::parse(SCHEMA).unwrap();
    let layout = Layout::of(&schema);
    let variables = Variables::of(&schema, &layout);
    let names: Vec<&str> = variables.0.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(names, ["names", "born", "sex", "father", "mother", "town"]);
    let records = Records::of(&schema, &[]).unwrap();
    for seed in [1, 2, 3] {
        let chance = &mut Chance(seed * 7919);
        let seen = Seen {
            patterns: simulated(&variables, chance).finish(&mut []),
            asked: asked(&schema, &layout, &variables),
        };
        let strangers = (0..STRANGERS.pairs).flat_map(|_| pair(&STRANGERS, &variables, chance));
        let strangers: Vec<u16> = strangers.collect();
        let fit = Fit::new(&variables, &records, &seen, &strangers);
        let alone = fit.fit(fit.start(Classes::HOUSEHOLD), Classes::HOUSEHOLD);
        for (model, least) in [(fit.run().0, 0.9), (alone, 0.8)] {
            let found = model.report.expected_matches / SAME as f64;
            assert!(
                (least..1.2).contains(&found),
                "seed {seed}: {found} of the matches"
            );
            weighs_as_it_says(&model, &seen);
        }
    }
}

/// A sheet must tell of every pattern what the model tells of it.
fn weighs_as_it_says(model: &Mixture, seen: &Seen) {
    let (sheet, mut thought) = (Sheet::of(model), Thought::new());
    for pair in seen.patterns.iter() {
        let likelihood = |class| model.log_likelihood(class, pair);
        let weight = millibits(likelihood(Class::Match) - likelihood(Class::Unrelated));
        let told = sheet.weigh(pair, &mut thought);
        assert_eq!(told.weight_millibits, weight);
        assert_eq!(told.odds_millibits, model.odds_millibits(pair));
        let joint = model.joint(pair.stratum, likelihood);
        let of_pair = sheet.log_likelihood(pair, &mut thought);
        assert!((of_pair - log_sum(&joint)).abs() < 1e-9);
        sheet.responsibilities(pair, true, &mut thought);
        let share = thought.classes[column(Class::Match).unwrap()];
        let odds = libm::exp(joint[Class::Match as usize] - of_pair);
        let strangers: f64 = thought.strangers().map(|(_, share)| share).sum();
        let all = strangers + thought.classes.iter().sum::<f64>();
        assert!((share - odds).abs() < 1e-9 && (all - 1.0).abs() < 1e-9);
        assert!(thought.strangers().map(|(pass, _)| pass).eq(pair.passes()));
        sheet.responsibilities(pair, false, &mut thought);
        assert_eq!(thought.classes[column(Class::Match).unwrap()], 0.0);
    }
}
