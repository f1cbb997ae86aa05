//! Block values: what must be equal for two records to meet in a pass.

use std::ops::Range;

use model::schema::{BlockComponent, BlockForm, Pass};
use records::{NormalisedRecord, NormalisedValue, PartialDate, PhoneticCode, phonetic_code};
use zeroize::Zeroizing;

/// The most block values one record has in one pass; what comes after is left out.
pub(crate) const MAX_BLOCKS: usize = 24;
/// The words of a name that make pairs; further words are left out.
const MAX_WORDS: usize = 5;
/// Bytes that all forms of a record seldom go beyond.
const ROOM: usize = 256;
/// Bytes of three numbers of up to five digits, and two marks between them.
const MOST_DIGITS: usize = 17;

/// The forms that the values of a record take in blocks, each worked out once for all passes. Wiped on drop.
pub(crate) struct Forms<'a> {
    record: &'a NormalisedRecord,
    /// All forms known so far, one after the other.
    text: Zeroizing<Vec<u8>>,
    /// Where in the text each form stands: component after component, sorted, each once, none empty.
    forms: Vec<Range<usize>>,
    /// The forms of each component.
    known: Vec<(BlockComponent, Range<usize>)>,
    /// The forms of each component of one pass.
    chosen: Vec<Range<usize>>,
    value: Zeroizing<Vec<u8>>,
}

impl<'a> Forms<'a> {
    pub(crate) fn of(record: &'a NormalisedRecord) -> Self {
        Self {
            record,
            text: Zeroizing::new(Vec::with_capacity(ROOM)),
            forms: Vec::with_capacity(ROOM / 4),
            known: Vec::with_capacity(ROOM / 8),
            chosen: Vec::new(),
            value: Zeroizing::new(Vec::with_capacity(ROOM / 4)),
        }
    }

    /// Hands the block values of the record in `pass` to `each`, each once; none when a component is missing.
    pub(crate) fn for_each(&mut self, pass: &Pass, mut each: impl FnMut(&[u8])) {
        self.chosen.clear();
        for component in &pass.components {
            let forms = self.know(component);
            self.chosen.push(forms);
        }
        let all: usize = self.chosen.iter().map(Range::len).product();
        for place in 0..all.min(MAX_BLOCKS) {
            let Self {
                text, forms, value, ..
            } = self;
            value.clear();
            // The last component changes fastest.
            let mut step = all;
            for chosen in &self.chosen {
                step /= chosen.len();
                let form = chosen.start + place / step % chosen.len();
                append(value, &[&text[forms[form].clone()], &[0]]);
            }
            each(value);
        }
    }

    /// The forms that `component` takes.
    fn know(&mut self, component: &BlockComponent) -> Range<usize> {
        if let Some((_, forms)) = self.known.iter().find(|(known, _)| known == component) {
            return forms.clone();
        }
        let start = self.forms.len();
        match &self.record.values[component.field] {
            None => {}
            Some(NormalisedValue::Words(words)) => self.of_words(component.form, words),
            Some(NormalisedValue::Date(date)) => self.of_date(component.form, *date),
            Some(NormalisedValue::Text(text) | NormalisedValue::Code(text)) => {
                self.push(&[text.as_bytes()]);
            }
        }
        let text = &self.text;
        self.forms[start..].sort_unstable_by_key(|form| &text[form.clone()]);
        self.forms.dedup_by_key(|form| &text[form.clone()]);
        let forms = start..self.forms.len();
        self.known.push((*component, forms.clone()));
        forms
    }

    /// Adds a form of these parts; an empty one is none.
    fn push(&mut self, parts: &[&[u8]]) {
        let start = self.text.len();
        append(&mut self.text, parts);
        let form = start..self.text.len();
        if !form.is_empty() {
            self.forms.push(form);
        }
    }

    fn of_words(&mut self, form: BlockForm, words: &[String]) {
        match form {
            BlockForm::Code => {
                let first = words.first().map(|word| phonetic_code(word));
                self.push(&[first.unwrap_or_default().as_bytes()]);
            }
            BlockForm::AnyCode => {
                let (codes, count) = codes(words);
                let codes = codes[..count].iter();
                codes.for_each(|code| self.push(&[code.as_bytes()]));
            }
            BlockForm::CodePair => {
                let (codes, count) = codes(words);
                for (place, first) in codes[..count].iter().enumerate() {
                    for second in &codes[place + 1..count] {
                        let (low, high) = (first.min(second), first.max(second));
                        self.push(&[low.as_bytes(), b"+", high.as_bytes()]);
                    }
                }
            }
            _ => {
                let start = self.text.len();
                let words = words.iter().map(String::as_bytes);
                words.for_each(|word| append(&mut self.text, &[word]));
                let form = start..self.text.len();
                self.forms
                    .extend(Some(form).filter(|form| !form.is_empty()));
            }
        }
    }

    fn of_date(&mut self, form: BlockForm, date: PartialDate) {
        let (year, month, day) = (
            date.year,
            date.month.map(u16::from),
            date.day.map(u16::from),
        );
        match form {
            BlockForm::Year => self.push_numbers(&[year]),
            BlockForm::NearYear => {
                self.push_numbers(&[year]);
                self.push_numbers(&[year.map(|year| year + 1)]);
            }
            BlockForm::MonthDay => self.push_numbers(&[month, day]),
            BlockForm::YearMonth => self.push_numbers(&[year, month]),
            _ => self.push_numbers(&[year, month, day]),
        }
    }

    /// Adds a form of these numbers, with `-` between them, if all of them are known.
    fn push_numbers(&mut self, numbers: &[Option<u16>]) {
        let mut written = Zeroizing::new([0; MOST_DIGITS]);
        let mut start = written.len();
        for (place, number) in numbers.iter().enumerate().rev() {
            let Some(mut rest) = *number else { return };
            loop {
                start -= 1;
                written[start] = b'0' + (rest % 10) as u8;
                rest /= 10;
                if rest == 0 {
                    break;
                }
            }
            if place > 0 {
                start -= 1;
                written[start] = b'-';
            }
        }
        self.push(&[&written[start..]]);
    }
}

/// Puts `parts` behind `text`. A text that grows by itself leaves what it held behind; this one is wiped first.
fn append(text: &mut Zeroizing<Vec<u8>>, parts: &[&[u8]]) {
    let more: usize = parts.iter().map(|part| part.len()).sum();
    if text.capacity() < text.len() + more {
        let mut larger = Zeroizing::new(Vec::with_capacity(2 * (text.len() + more)));
        larger.extend_from_slice(text);
        *text = larger;
    }
    parts.iter().for_each(|part| text.extend_from_slice(part));
}

/// The codes of the words of a name, and how many there are.
fn codes(words: &[String]) -> ([PhoneticCode; MAX_WORDS], usize) {
    let mut codes = [PhoneticCode::default(); MAX_WORDS];
    let mut count = 0;
    for word in words.iter().take(MAX_WORDS) {
        codes[count] = phonetic_code(word);
        count += usize::from(!codes[count].as_bytes().is_empty());
    }
    (codes, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(name: &str, date: PartialDate) -> NormalisedRecord {
        let words = name.split(' ').map(str::to_owned).collect();
        NormalisedRecord {
            values: vec![
                Some(NormalisedValue::Words(words)),
                Some(NormalisedValue::Date(date)),
            ],
        }
    }

    fn blocks(forms: &[(usize, BlockForm)], record: &NormalisedRecord) -> Vec<String> {
        let components = forms
            .iter()
            .map(|(field, form)| BlockComponent {
                field: *field,
                form: *form,
            })
            .collect();
        let pass = Pass {
            name: "p".parse().unwrap(),
            components,
        };
        let mut blocks = Vec::new();
        Forms::of(record).for_each(&pass, |value| {
            blocks.push(String::from_utf8_lossy(value).into_owned());
        });
        blocks
    }

    const BORN: PartialDate = PartialDate {
        year: Some(1985),
        month: Some(3),
        day: None,
    };

    #[test]
    fn pairs_of_codes_ignore_order() {
        let (a, b) = (record("ana silva", BORN), record("silva ana", BORN));
        let form = [(0, BlockForm::CodePair)];
        assert_eq!(blocks(&form, &a), blocks(&form, &b));
        assert!(blocks(&form, &record("ana", BORN)).is_empty());
    }

    #[test]
    fn a_missing_component_means_no_block() {
        let form = [(0, BlockForm::Code), (1, BlockForm::MonthDay)];
        assert!(blocks(&form, &record("ana", BORN)).is_empty());
    }

    #[test]
    fn neighbouring_years_meet() {
        let year = |year| {
            record(
                "ana",
                PartialDate {
                    year: Some(year),
                    month: None,
                    day: None,
                },
            )
        };
        let form = [(1, BlockForm::NearYear)];
        let meets = |a, b| {
            blocks(&form, &year(a))
                .iter()
                .any(|block| blocks(&form, &year(b)).contains(block))
        };
        assert!(meets(1985, 1986) && meets(1985, 1984) && meets(1985, 1985));
        assert!(!meets(1985, 1987));
    }

    #[test]
    fn dates_are_written_as_far_as_they_are_known() {
        let born = |month, day| PartialDate {
            year: Some(1985),
            month,
            day,
        };
        let dates = [
            born(Some(12), Some(9)),
            born(Some(3), None),
            born(None, None),
        ];
        let written = dates.map(|date| {
            use BlockForm::{MonthDay, NearYear, Value, Year, YearMonth};
            let date = record("ana", date);
            let forms = [Value, Year, NearYear, MonthDay, YearMonth];
            forms.map(|form| blocks(&[(1, form)], &date).join(" "))
        });
        let near = "1985\0 1986\0";
        assert_eq!(
            written,
            [
                ["1985-12-9\0", "1985\0", near, "12-9\0", "1985-12\0"],
                ["", "1985\0", near, "", "1985-3\0"],
                ["", "1985\0", near, "", ""],
            ]
        );
    }

    #[test]
    fn words_are_written_whole_or_by_their_codes_each_once() {
        let forms = |form, name| blocks(&[(0, form)], &record(name, BORN));
        assert_eq!(forms(BlockForm::Value, "silva ana"), ["silvaana\0"]);
        assert_eq!(forms(BlockForm::Code, "silva ana"), ["slb\0"]);
        assert_eq!(
            forms(BlockForm::AnyCode, "silva ana silba h anna"),
            ["an\0", "h\0", "slb\0"]
        );
        assert_eq!(
            forms(BlockForm::CodePair, "silva ana silba"),
            ["an+slb\0", "slb+slb\0"]
        );
        let long = ["abcdefghij"; 60].join(" ");
        let whole = long.replace(' ', "") + "\0";
        assert_eq!(forms(BlockForm::Value, &long), [whole]);
    }

    #[test]
    fn components_multiply_up_to_the_limit() {
        let form = [(0, BlockForm::CodePair), (0, BlockForm::AnyCode)];
        let many = blocks(&form, &record("ana berta carla dora eva", BORN));
        assert_eq!(many.len(), MAX_BLOCKS);
    }
}
