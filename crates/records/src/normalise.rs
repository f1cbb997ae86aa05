//! From a raw record to its canonical form, field by field, as the schema says.

use model::schema::{EventSource, Field, FieldKind, FieldSource, LinkageSchema, NameOrder};
use model::{LifeEvent, PartyIndex};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::date::{PartialDate, Reading, read};
use crate::fold::fold;
use crate::names::{Parted, words};
use crate::numbers::{identifier, phone};
use crate::places::{address, place};
use crate::plan::ColumnPlan;
use crate::raw::RawRecord;
use crate::slate::{Slate, clear};

/// The most letters of a value that count; registries cut, and nothing longer is a name.
const MAX_VALUE: usize = 200;

/// A canonical value. Wiped on drop; neither printable nor comparable outside the node's crates.
#[derive(Zeroize, ZeroizeOnDrop)]
pub enum NormalisedValue {
    /// The words of a name, place or address, in order.
    Words(Vec<String>),
    /// A date as far as it is known.
    Date(PartialDate),
    /// A number, compared digit by digit.
    Text(String),
    /// A code, equal or not.
    Code(String),
}

/// A record in canonical form: one optional value a field of the schema.
pub struct NormalisedRecord {
    /// The values, by field; `None` where missing or unreadable.
    pub values: Vec<Option<NormalisedValue>>,
}

/// What was wrong with a value. The value itself is not told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProblemKind {
    /// The text fits none of the schema's date formats.
    UnreadableDate,
    /// The date has a part that cannot be; the other parts were used.
    ImpossibleDate,
    /// The word or number is not among the schema's codes.
    UnknownCode,
    /// There is text, but nothing in it that counts.
    NothingUsable,
}

/// A value that could not be used as it stood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The field of the schema, as an index.
    pub field: usize,
    /// What was wrong.
    pub kind: ProblemKind,
}

struct FieldPlan {
    kind: FieldKind,
    source: FieldSource,
    columns: Vec<usize>,
    age: Option<(usize, usize)>,
}

/// Normalises the records of one party.
pub struct Normaliser {
    fields: Vec<Option<FieldPlan>>,
    /// The column that marks life events, by its place, and how.
    events: Option<(usize, EventSource)>,
    latest_year: u16,
}

impl Normaliser {
    /// A normaliser for `party`, whose records hold the columns of `plan`.
    pub fn new(schema: &LinkageSchema, party: PartyIndex, plan: &ColumnPlan) -> Self {
        let sources = &schema.party(party).sources;
        let fields = schema.fields.iter().zip(sources).map(|(field, source)| {
            source
                .as_ref()
                .map(|source| field_plan(field, source, plan))
        });
        let events = schema.party(party).events.clone();
        Self {
            fields: fields.collect(),
            events: events.and_then(|source| Some((plan.place(&source.column)?, source))),
            latest_year: schema.latest_year,
        }
    }

    /// The life event that `raw` is marked with, where the registry marks any.
    pub fn event(&self, raw: &RawRecord) -> Option<LifeEvent> {
        let (place, source) = self.events.as_ref()?;
        let word = Zeroizing::new(raw.fields[*place].text().trim().to_lowercase());
        source.codes.get(word.as_str()).copied()
    }

    /// The canonical form of `raw`; values that cannot be used are left out and told to `problems`.
    pub fn normalise(&self, raw: &RawRecord, problems: &mut Vec<Problem>) -> NormalisedRecord {
        let mut slate = Slate::default();
        let values = self.fields.iter().enumerate().map(|(field, plan)| {
            let outcome = self.value(plan.as_ref()?, raw, &mut slate);
            match outcome {
                Outcome::Missing => None,
                Outcome::Value(value) => Some(value),
                Outcome::Flawed(value, kind) => {
                    problems.push(Problem { field, kind });
                    value
                }
            }
        });
        NormalisedRecord {
            values: values.collect(),
        }
    }

    fn value(&self, plan: &FieldPlan, raw: &RawRecord, slate: &mut Slate) -> Outcome {
        let mut several = Zeroizing::new(String::new());
        let text = joined(plan, raw, &mut several);
        if plan.kind == FieldKind::Date {
            return self.date(plan, raw, text.trim());
        }
        if text.trim().is_empty() {
            return Outcome::Missing;
        }
        match plan.kind {
            FieldKind::GivenName | FieldKind::Surname | FieldKind::FullName => {
                name(plan, text, slate)
            }
            FieldKind::Sex => code(plan, text, true, slate),
            FieldKind::Code => code(plan, text, false, slate),
            FieldKind::Phone => usable(phone(text, slate)),
            FieldKind::Identifier => usable(identifier(text, slate)),
            FieldKind::Place => usable_words(place(text, slate)),
            FieldKind::Address | FieldKind::Date => usable_words(address(text, slate)),
        }
    }

    fn date(&self, plan: &FieldPlan, raw: &RawRecord, text: &str) -> Outcome {
        if text.is_empty() {
            return self.age(plan, raw).map_or(Outcome::Missing, |date| {
                Outcome::Value(NormalisedValue::Date(date))
            });
        }
        match read(text, &plan.source.formats, self.latest_year) {
            Reading::Whole(date) => Outcome::Value(NormalisedValue::Date(date)),
            Reading::Partly(date) if date.is_unknown() => {
                Outcome::Flawed(None, ProblemKind::UnreadableDate)
            }
            Reading::Partly(date) => Outcome::Flawed(
                Some(NormalisedValue::Date(date)),
                ProblemKind::ImpossibleDate,
            ),
            Reading::None => Outcome::Flawed(None, ProblemKind::UnreadableDate),
        }
    }

    fn age(&self, plan: &FieldPlan, raw: &RawRecord) -> Option<PartialDate> {
        let (age, at) = plan.age?;
        let years: u16 = raw.fields[age]
            .text()
            .trim()
            .parse()
            .ok()
            .filter(|years| *years <= 130)?;
        let asked = raw.fields[at].text().trim();
        let formats = [&plan.source.formats[..], &iso_dates()].concat();
        match read(asked, &formats, self.latest_year) {
            Reading::Whole(asked) => PartialDate::from_age(years, asked),
            _ => None,
        }
    }
}

/// The date of asking is administrative and mostly ISO 8601, however dates of birth are written.
fn iso_dates() -> Vec<model::schema::DateFormat> {
    model::schema::DateFormat::parse("YYYY-MM-DD")
        .into_iter()
        .collect()
}

enum Outcome {
    Missing,
    Value(NormalisedValue),
    Flawed(Option<NormalisedValue>, ProblemKind),
}

fn field_plan(field: &Field, source: &FieldSource, plan: &ColumnPlan) -> FieldPlan {
    let place = |column: &String| plan.place(column);
    FieldPlan {
        kind: field.kind,
        columns: source.columns.iter().filter_map(place).collect(),
        age: source
            .age
            .as_ref()
            .and_then(|age| Some((place(&age.column)?, place(&age.at)?))),
        source: source.clone(),
    }
}

/// What stands in the columns of a field; put together in `several` where there is more than one, or too much.
fn joined<'a>(plan: &FieldPlan, raw: &'a RawRecord, several: &'a mut Zeroizing<String>) -> &'a str {
    let text = |column: &usize| raw.fields[*column].text();
    if let [column] = &plan.columns[..]
        && text(column).len() <= MAX_VALUE
    {
        return text(column);
    }
    let room = |column| text(column).len() + 1;
    clear(several, plan.columns.iter().map(room).sum());
    for text in plan.columns.iter().map(text) {
        if !several.is_empty() {
            several.push(' ');
        }
        let end = text.char_indices().nth(MAX_VALUE);
        several.push_str(&text[..end.map_or(text.len(), |(end, _)| end)]);
    }
    several
}

fn name(plan: &FieldPlan, text: &str, slate: &mut Slate) -> Outcome {
    let found = match (plan.kind, plan.source.order) {
        (FieldKind::GivenName, Some(order)) => Parted::given(text, order, slate),
        (FieldKind::Surname, Some(order)) => {
            let surname = Parted::surname(text, order, slate);
            if surname.is_empty() {
                return Outcome::Missing;
            }
            surname
        }
        (FieldKind::FullName, Some(NameOrder::SurnameComma)) => {
            let Parted { mut given, surname } = Parted::of(text, NameOrder::SurnameComma, slate);
            given.extend(surname);
            given
        }
        _ => words(text, slate),
    };
    usable_words(found)
}

fn code(plan: &FieldPlan, text: &str, closed: bool, slate: &mut Slate) -> Outcome {
    let Slate { folded, kept, .. } = slate;
    let written = text.trim();
    if written.is_ascii() {
        clear(kept, written.len());
        kept.push_str(written);
        kept.make_ascii_lowercase();
    } else {
        *kept = Zeroizing::new(written.to_lowercase());
    }
    match plan.source.codes.get(kept.as_str()) {
        Some(common) if common.is_empty() => return Outcome::Missing,
        Some(common) => fold(common, folded),
        None if closed => return Outcome::Flawed(None, ProblemKind::UnknownCode),
        None => fold(kept, folded),
    }
    usable_code(folded.as_str().to_owned())
}

fn usable_code(code: String) -> Outcome {
    if code.is_empty() {
        Outcome::Flawed(None, ProblemKind::NothingUsable)
    } else {
        Outcome::Value(NormalisedValue::Code(code))
    }
}

fn usable(text: String) -> Outcome {
    if text.is_empty() {
        Outcome::Flawed(None, ProblemKind::NothingUsable)
    } else {
        Outcome::Value(NormalisedValue::Text(text))
    }
}

fn usable_words(words: Vec<String>) -> Outcome {
    if words.iter().all(String::is_empty) {
        Outcome::Flawed(None, ProblemKind::NothingUsable)
    } else {
        Outcome::Value(NormalisedValue::Words(words))
    }
}

#[cfg(test)]
#[path = "normalise_tests.rs"]
mod tests;
