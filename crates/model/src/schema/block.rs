//! The components of a blocking pass: a field, and which form of its value must agree.

use super::FieldKind;

/// Which form of a field's value goes into the block value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlockForm {
    /// The whole normalised value.
    Value,
    /// A name's phonetic code (the code of its first word).
    Code,
    /// The phonetic code of any one word of the name: one block a word.
    AnyCode,
    /// The phonetic codes of any two words of the name, in either order: one block a pair.
    CodePair,
    /// A date's year.
    Year,
    /// A date's year or the one after it: one block each, so neighbouring years meet.
    NearYear,
    /// A date's month and day.
    MonthDay,
    /// A date's year and month.
    YearMonth,
}

impl BlockForm {
    const NAMES: [(&'static str, Self); 8] = [
        ("value", Self::Value),
        ("code", Self::Code),
        ("any-code", Self::AnyCode),
        ("code-pair", Self::CodePair),
        ("year", Self::Year),
        ("near-year", Self::NearYear),
        ("month-day", Self::MonthDay),
        ("year-month", Self::YearMonth),
    ];

    /// The form of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES
            .into_iter()
            .find(|(known, _)| *known == name)
            .map(|(_, form)| form)
    }

    /// The form's name in a schema.
    pub fn as_str(self) -> &'static str {
        Self::NAMES
            .into_iter()
            .find(|(_, form)| *form == self)
            .map_or("", |(name, _)| name)
    }

    /// Whether a field of `kind` has this form.
    pub fn suits(self, kind: FieldKind) -> bool {
        use FieldKind as K;
        match self {
            Self::Value => true,
            Self::Code => matches!(kind, K::GivenName | K::Surname | K::FullName | K::Place),
            Self::AnyCode | Self::CodePair => {
                matches!(kind, K::GivenName | K::Surname | K::FullName)
            }
            Self::Year | Self::NearYear | Self::MonthDay | Self::YearMonth => kind == K::Date,
        }
    }
}

/// One component of a block value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockComponent {
    /// The field, as an index into the schema's fields.
    pub field: usize,
    /// The form of its value.
    pub form: BlockForm,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for (name, form) in BlockForm::NAMES {
            assert_eq!(BlockForm::parse(name), Some(form));
            assert_eq!(form.as_str(), name);
        }
    }

    #[test]
    fn dates_have_no_phonetic_code() {
        assert!(!BlockForm::Code.suits(FieldKind::Date));
        assert!(BlockForm::NearYear.suits(FieldKind::Date));
    }
}
