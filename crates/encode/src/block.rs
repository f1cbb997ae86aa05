//! Block values: what must be equal for two records to meet in a pass.

use model::schema::{BlockComponent, BlockForm, Pass};
use records::{NormalisedRecord, NormalisedValue, PartialDate, phonetic_code};
use zeroize::Zeroizing;

/// The most block values one record has in one pass; what comes after is left out.
pub(crate) const MAX_BLOCKS: usize = 24;
/// The words of a name that make pairs; further words are left out.
const MAX_WORDS: usize = 5;

/// The forms that the values of a record take in blocks, each worked out once for all passes.
pub(crate) struct Forms<'a> {
    record: &'a NormalisedRecord,
    known: Vec<(BlockComponent, Vec<Zeroizing<String>>)>,
    value: Zeroizing<Vec<u8>>,
}

impl<'a> Forms<'a> {
    pub(crate) fn of(record: &'a NormalisedRecord) -> Self {
        Self {
            record,
            known: Vec::new(),
            value: Zeroizing::new(Vec::new()),
        }
    }

    /// Hands the block values of the record in `pass` to `each`, each once; none when a component is missing.
    pub(crate) fn for_each(&mut self, pass: &Pass, mut each: impl FnMut(&[u8])) {
        for component in &pass.components {
            self.know(component);
        }
        let known = &self.known;
        let forms = |component| known.iter().find(|(known, _)| known == component);
        let forms = pass.components.iter().filter_map(forms);
        let all: usize = forms.clone().map(|(_, forms)| forms.len()).product();
        for place in 0..all.min(MAX_BLOCKS) {
            self.value.clear();
            // The last component changes fastest.
            let mut step = all;
            for (_, forms) in forms.clone() {
                step /= forms.len();
                let form = &forms[place / step % forms.len()];
                self.value.extend_from_slice(form.as_bytes());
                self.value.push(0);
            }
            each(&self.value);
        }
    }

    fn know(&mut self, component: &BlockComponent) {
        if self.known.iter().all(|(known, _)| known != component) {
            self.known.push((*component, forms(component, self.record)));
        }
    }
}

/// The forms a component takes in `record`, sorted, each once.
fn forms(component: &BlockComponent, record: &NormalisedRecord) -> Vec<Zeroizing<String>> {
    let mut forms = match &record.values[component.field] {
        None => Vec::new(),
        Some(NormalisedValue::Words(words)) => of_words(component.form, words),
        Some(NormalisedValue::Date(date)) => of_date(component.form, *date),
        Some(NormalisedValue::Text(text) | NormalisedValue::Code(text)) => vec![text.clone()],
    };
    forms.sort_unstable();
    forms.dedup();
    forms
        .into_iter()
        .filter(|form| !form.is_empty())
        .map(Zeroizing::new)
        .collect()
}

fn of_words(form: BlockForm, words: &[String]) -> Vec<String> {
    match form {
        BlockForm::Code => words.iter().take(1).map(|w| phonetic_code(w)).collect(),
        BlockForm::AnyCode => codes(words),
        BlockForm::CodePair => pairs(&codes(words)),
        _ => vec![words.concat()],
    }
}

/// The codes of the words of a name.
fn codes(words: &[String]) -> Vec<String> {
    let words = words.iter().take(MAX_WORDS);
    words
        .map(|word| phonetic_code(word))
        .filter(|code| !code.is_empty())
        .collect()
}

/// Every code with every other, whichever comes first.
fn pairs(codes: &[String]) -> Vec<String> {
    let mut pairs = Vec::new();
    for (place, first) in codes.iter().enumerate() {
        for second in &codes[place + 1..] {
            let (low, high) = (first.min(second), first.max(second));
            pairs.push(format!("{low}+{high}"));
        }
    }
    pairs
}

fn of_date(form: BlockForm, date: PartialDate) -> Vec<String> {
    let (year, month, day) = (date.year, date.month, date.day);
    let one = |text: Option<String>| text.into_iter().collect::<Vec<_>>();
    match form {
        BlockForm::Year => one(year.map(|y| y.to_string())),
        BlockForm::NearYear => year
            .into_iter()
            .flat_map(|y| [y, y + 1])
            .map(|y| y.to_string())
            .collect(),
        BlockForm::MonthDay => one(month.zip(day).map(|(m, d)| format!("{m}-{d}"))),
        BlockForm::YearMonth => one(year.zip(month).map(|(y, m)| format!("{y}-{m}"))),
        _ => one(year
            .zip(month.zip(day))
            .map(|(y, (m, d))| format!("{y}-{m}-{d}"))),
    }
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
    fn components_multiply_up_to_the_limit() {
        let form = [(0, BlockForm::CodePair), (0, BlockForm::AnyCode)];
        let many = blocks(&form, &record("ana berta carla dora eva", BORN));
        assert_eq!(many.len(), MAX_BLOCKS);
    }
}
