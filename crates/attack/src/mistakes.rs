//! A noisy copy of a registry: the same people as another office would have written them down.
//!
//! Slips of the keyboard, missing values, dates known by the year only, moves. The rates are meant to be
//! those of an ordinary registry; they are the same for all data, so that figures can be compared.

use encode::MadeDecoy;
use model::schema::{FieldKind, LinkageSchema};
use records::{NormalisedRecord, NormalisedValue, PartialDate};

use crate::draw::Draws;
use crate::registry::Registry;

/// Names, places and numbers with a slip, in permille.
const SLIP: u32 = 80;
/// Values left out.
const MISSING: u32 = 40;
/// Dates of which the year alone is known.
const YEAR_ONLY: u32 = 50;
/// Dates with month and day changed over, where that is a date.
const SWAPPED: u32 = 15;
/// Dates with another day.
const WRONG_DAY: u32 = 25;
/// People who live elsewhere by now, with another address and another telephone number.
const MOVED: u32 = 150;

/// The registry with mistakes drawn from `seed`; persons keep their numbers.
pub fn noisy_copy(schema: &LinkageSchema, registry: &Registry, seed: u64) -> Registry {
    let records = registry.records();
    let mut draws = Draws::apart(seed, 2);
    let noisy = records
        .iter()
        .map(|record| noisy_record(schema, records, record, &mut draws));
    let copy = Registry::of_persons(noisy.collect(), registry.persons().to_vec());
    // Of their own chance: whether there are decoys changes no mistake in a record.
    let mut draws = Draws::apart(seed, 5);
    let decoys = registry.decoys().iter().map(|decoy| MadeDecoy {
        from: decoy.from,
        record: noisy_record(schema, records, &decoy.record, &mut draws),
    });
    copy.with_decoys(decoys.collect())
}

/// A record with mistakes.
fn noisy_record(
    schema: &LinkageSchema,
    records: &[NormalisedRecord],
    record: &NormalisedRecord,
    draws: &mut Draws,
) -> NormalisedRecord {
    let elsewhere = draws.below(records.len());
    let moved = draws.happens(MOVED);
    let values = schema.fields.iter().zip(&record.values).enumerate();
    let values = values.map(|(field, (of, value))| {
        let value = match moved && moves(schema, field) {
            true => &records[elsewhere].values[field],
            false => value,
        };
        wrong(of.kind, value.as_ref(), draws)
    });
    NormalisedRecord {
        values: values.collect(),
    }
}

/// Whether a field changes when a person moves: where it tells a place of living, or a telephone number.
fn moves(schema: &LinkageSchema, field: usize) -> bool {
    let is_unit = schema
        .fields
        .iter()
        .any(|other| other.within == Some(field));
    let of = &schema.fields[field];
    is_unit || of.within.is_some() || matches!(of.kind, FieldKind::Address | FieldKind::Phone)
}

/// A copy of a value, with or without a mistake.
fn wrong(
    kind: FieldKind,
    value: Option<&NormalisedValue>,
    draws: &mut Draws,
) -> Option<NormalisedValue> {
    let value = value?;
    if kind != FieldKind::Sex && draws.happens(MISSING) {
        return None;
    }
    Some(match value {
        NormalisedValue::Words(words) => {
            let mut words = words.clone();
            if draws.happens(SLIP) {
                let word = draws.below(words.len());
                slip(&mut words[word], draws, b'a', 26);
            }
            NormalisedValue::Words(words)
        }
        NormalisedValue::Text(text) => {
            let mut text = text.clone();
            if draws.happens(SLIP) {
                slip(&mut text, draws, b'0', 10);
            }
            NormalisedValue::Text(text)
        }
        NormalisedValue::Date(date) => NormalisedValue::Date(wrong_date(*date, draws)),
        NormalisedValue::Code(code) => NormalisedValue::Code(code.clone()),
    })
}

fn wrong_date(date: PartialDate, draws: &mut Draws) -> PartialDate {
    let PartialDate { year, month, day } = date;
    if draws.happens(YEAR_ONLY) {
        return PartialDate {
            year,
            ..PartialDate::default()
        };
    }
    if draws.happens(SWAPPED) && day.is_some_and(|day| day <= 12) {
        return PartialDate {
            year,
            month: day,
            day: month,
        };
    }
    if day.is_some() && draws.happens(WRONG_DAY) {
        let day = Some(1 + draws.below(28) as u8);
        return PartialDate { year, month, day };
    }
    date
}

/// One letter wrong, left out, put in, or changed over with the next, in a word of plain letters.
fn slip(word: &mut String, draws: &mut Draws, first: u8, letters: usize) {
    let mut spelt: Vec<char> = word.chars().collect();
    if spelt.len() < 2 {
        return;
    }
    let place = draws.below(spelt.len());
    let letter = char::from(first + draws.below(letters) as u8);
    match draws.below(4) {
        0 => spelt[place] = letter,
        1 => drop(spelt.remove(place)),
        2 => spelt.insert(place, letter),
        _ => {
            let next = (place + 1) % spelt.len();
            spelt.swap(place, next);
        }
    }
    *word = spelt.into_iter().collect();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{people, schema};

    /// The share of names and dates that a noisy copy leaves as they are.
    fn kept(seed: u64) -> (f64, f64) {
        let (schema, people) = (schema("standard"), people());
        let noisy = noisy_copy(&schema, people, seed);
        let same = |field: usize| {
            let pairs = people.records().iter().zip(noisy.records());
            let (mut all, mut same) = (0.0, 0.0);
            for (one, other) in pairs {
                let Some(value) = &one.values[field] else {
                    continue;
                };
                all += 1.0;
                same += match (value, &other.values[field]) {
                    (NormalisedValue::Words(a), Some(NormalisedValue::Words(b))) => {
                        f64::from(a == b)
                    }
                    (NormalisedValue::Date(a), Some(NormalisedValue::Date(b))) => {
                        f64::from((a.year, a.month, a.day) == (b.year, b.month, b.day))
                    }
                    _ => 0.0,
                };
            }
            same / all
        };
        (same(0), same(3))
    }

    #[test]
    fn most_values_stay_and_some_do_not() {
        let (names, dates) = kept(1);
        assert!((0.83..0.94).contains(&names), "{names}");
        assert!((0.82..0.93).contains(&dates), "{dates}");
    }
}
