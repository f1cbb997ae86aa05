//! A record's shape: what of it is filled, and nothing of what is in it.

use model::LinkageSchema;
use model::schema::FieldKind;
use records::{NormalisedRecord, NormalisedValue};

/// The words of a name that count.
const MAX_WORDS: usize = 5;

/// By field: 0 where missing; of a name the number of words; of a date [`YEAR`], [`MONTH`] and
/// [`DAY`] as far as known; 1 of anything else.
pub(crate) type Shape = Box<[u8]>;

/// The year is known.
pub(crate) const YEAR: u8 = 1;
/// The month is known.
pub(crate) const MONTH: u8 = 2;
/// The day is known.
pub(crate) const DAY: u8 = 4;

/// The shape of `record`.
pub(crate) fn shape(schema: &LinkageSchema, record: &NormalisedRecord) -> Shape {
    let kinds = schema.fields.iter().map(|field| field.kind);
    kinds
        .zip(&record.values)
        .map(|(kind, value)| value.as_ref().map_or(0, |value| filled(kind, value)))
        .collect()
}

fn filled(kind: FieldKind, value: &NormalisedValue) -> u8 {
    match value {
        NormalisedValue::Words(words) if is_name(kind) => {
            let words = words.iter().filter(|word| !word.is_empty());
            words.take(MAX_WORDS).count() as u8
        }
        NormalisedValue::Date(date) => {
            let part = |known: bool, part| if known { part } else { 0 };
            part(date.year.is_some(), YEAR)
                | part(date.month.is_some(), MONTH)
                | part(date.day.is_some(), DAY)
        }
        _ => 1,
    }
}

fn is_name(kind: FieldKind) -> bool {
    matches!(
        kind,
        FieldKind::GivenName | FieldKind::Surname | FieldKind::FullName
    )
}
