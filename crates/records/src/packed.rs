//! Normalised records one after the other in little memory, for when many wait.

use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::date::PartialDate;
use crate::normalise::{NormalisedRecord, NormalisedValue};

/// Lengths from this on stand in four bytes behind it, others in one.
const LONG: u8 = u8::MAX;

/// What the kinds of values begin with.
const MISSING: u8 = 0;
const WORDS: u8 = 1;
const DATE: u8 = 2;
const TEXT: u8 = 3;
const CODE: u8 = 4;

/// Some records, in far less memory than each takes for itself. Wiped on drop.
#[derive(Default, Zeroize, ZeroizeOnDrop)]
pub struct PackedRecords {
    bytes: Vec<u8>,
}

impl PackedRecords {
    /// Packs these.
    pub fn of(records: &[NormalisedRecord]) -> Self {
        // As long as it becomes from the start: what a vector outgrows is not wiped.
        let mut length = 0;
        records
            .iter()
            .for_each(|record| pack(record, &mut |bytes| length += bytes.len()));
        let mut bytes = Vec::with_capacity(length);
        records
            .iter()
            .for_each(|record| pack(record, &mut |own| bytes.extend_from_slice(own)));
        Self { bytes }
    }

    /// The records, in order, each made anew.
    pub fn iter(&self) -> impl Iterator<Item = NormalisedRecord> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            (!rest.is_empty()).then(|| NormalisedRecord {
                values: (0..length(&mut rest)).map(|_| value(&mut rest)).collect(),
            })
        })
    }

    /// Bytes they take.
    pub fn bytes(&self) -> usize {
        self.bytes.capacity()
    }
}

fn pack(record: &NormalisedRecord, put: &mut dyn FnMut(&[u8])) {
    put_length(record.values.len(), put);
    for value in &record.values {
        match value {
            None => put(&[MISSING]),
            Some(NormalisedValue::Words(words)) => {
                put(&[WORDS]);
                put_length(words.len(), put);
                words.iter().for_each(|word| put_text(word, put));
            }
            Some(NormalisedValue::Date(date)) => {
                put(&[DATE]);
                put_date(date, put);
            }
            Some(NormalisedValue::Text(text)) => {
                put(&[TEXT]);
                put_text(text, put);
            }
            Some(NormalisedValue::Code(code)) => {
                put(&[CODE]);
                put_text(code, put);
            }
        }
    }
}

fn put_length(length: usize, put: &mut dyn FnMut(&[u8])) {
    match u8::try_from(length) {
        Ok(short) if short < LONG => put(&[short]),
        _ => {
            // Values are of some hundred letters at most.
            put(&[LONG]);
            put(&(length as u32).to_le_bytes());
        }
    }
}

fn put_text(text: &str, put: &mut dyn FnMut(&[u8])) {
    put_length(text.len(), put);
    put(text.as_bytes());
}

/// Which parts are known, and then all, 0 where not.
fn put_date(date: &PartialDate, put: &mut dyn FnMut(&[u8])) {
    let known = [
        date.year.is_some(),
        date.month.is_some(),
        date.day.is_some(),
    ];
    put(&known.map(u8::from));
    put(&date.year.unwrap_or_default().to_le_bytes());
    put(&[date.month, date.day].map(Option::unwrap_or_default));
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (own, after) = rest.split_at(length);
    *rest = after;
    own
}

fn byte(rest: &mut &[u8]) -> u8 {
    take(rest, 1)[0]
}

fn length(rest: &mut &[u8]) -> usize {
    match byte(rest) {
        LONG => {
            let bytes = take(rest, 4);
            u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize
        }
        short => usize::from(short),
    }
}

fn text(rest: &mut &[u8]) -> String {
    let length = length(rest);
    // What was put in was text.
    String::from_utf8_lossy(take(rest, length)).into_owned()
}

fn value(rest: &mut &[u8]) -> Option<NormalisedValue> {
    Some(match byte(rest) {
        MISSING => return None,
        WORDS => NormalisedValue::Words((0..length(rest)).map(|_| text(rest)).collect()),
        DATE => NormalisedValue::Date(date(rest)),
        TEXT => NormalisedValue::Text(text(rest)),
        _ => NormalisedValue::Code(text(rest)),
    })
}

fn date(rest: &mut &[u8]) -> PartialDate {
    let [year, month, day] = [(); 3].map(|()| byte(rest) == 1);
    let number = u16::from_le_bytes([(); 2].map(|()| byte(rest)));
    PartialDate {
        year: year.then_some(number),
        month: Some(byte(rest)).filter(|_| month),
        day: Some(byte(rest)).filter(|_| day),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    /// A value, as its parts: the type itself can be neither printed nor cloned.
    type Parts = (u8, Vec<String>, (Option<u16>, Option<u8>, Option<u8>));

    fn value_of((kind, words, (year, month, day)): &Parts) -> NormalisedValue {
        match kind {
            0 => NormalisedValue::Words(words.clone()),
            1 => NormalisedValue::Date(PartialDate {
                year: *year,
                month: *month,
                day: *day,
            }),
            2 => NormalisedValue::Text(words.concat()),
            _ => NormalisedValue::Code(words.concat()),
        }
    }

    fn is(value: &NormalisedValue, other: &NormalisedValue) -> bool {
        match (value, other) {
            (NormalisedValue::Words(a), NormalisedValue::Words(b)) => a == b,
            (NormalisedValue::Date(a), NormalisedValue::Date(b)) => {
                (a.year, a.month, a.day) == (b.year, b.month, b.day)
            }
            (NormalisedValue::Text(a), NormalisedValue::Text(b))
            | (NormalisedValue::Code(a), NormalisedValue::Code(b)) => a == b,
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_back(
            records in vec(
                vec(
                    option::of((0u8..4, vec(".{0,300}", 0..4), any::<(Option<u16>, Option<u8>, Option<u8>)>())),
                    0..6,
                ),
                0..5,
            )
        ) {
            let make = |parts: &Vec<Option<Parts>>| NormalisedRecord {
                values: parts.iter().map(|parts| parts.as_ref().map(value_of)).collect(),
            };
            let records: Vec<_> = records.iter().map(make).collect();
            let packed = PackedRecords::of(&records);
            let back: Vec<_> = packed.iter().collect();
            prop_assert_eq!(back.len(), records.len());
            for (back, record) in back.iter().zip(&records) {
                prop_assert_eq!(back.values.len(), record.values.len());
                for pair in back.values.iter().zip(&record.values) {
                    let same = match pair {
                        (Some(back), Some(value)) => is(back, value),
                        (back, value) => back.is_none() && value.is_none(),
                    };
                    prop_assert!(same);
                }
            }
        }

        #[test]
        fn lengths_come_back(lengths in vec(0usize..1 << 20, 0..9)) {
            let mut bytes = Vec::new();
            lengths.iter().for_each(|length| put_length(*length, &mut |own| bytes.extend_from_slice(own)));
            let mut rest = bytes.as_slice();
            let back: Vec<_> = lengths.iter().map(|_| length(&mut rest)).collect();
            prop_assert_eq!(back, lengths);
        }
    }
}
