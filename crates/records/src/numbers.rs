//! Telephone numbers and identifiers: digits and letters without marks; made-up ones are empty.

use crate::fold::fold;
use crate::placeholders::{is_made_up, is_no_value};
use crate::slate::{Slate, clear};

/// The digits of a telephone number that count: the last ones, so that the country's code and the
/// trunk prefix do not. Most national numbers have nine digits or more (ITU-T E.164).
const PHONE_DIGITS: usize = 9;
/// Fewer digits are no subscriber's number but an emergency or a service line, or a slip.
const FEWEST_PHONE_DIGITS: usize = 6;

/// The canonical form of the first usable number in `text`, empty when there is none.
pub(crate) fn phone(text: &str, slate: &mut Slate) -> String {
    let parts = |mark: char| matches!(mark, '/' | ',' | ';' | '|' | '&' | '\n');
    let mut numbers = text.split(parts).map(|part| subscriber(part, slate));
    numbers
        .find(|number| !number.is_empty())
        .unwrap_or_default()
}

/// The digits of one number that count. What follows a letter is an extension.
fn subscriber(text: &str, slate: &mut Slate) -> String {
    fold(text, &mut slate.folded);
    clear(&mut slate.kept, slate.folded.len());
    let digits = (slate.folded.chars())
        .skip_while(char::is_ascii_alphabetic)
        .take_while(|letter| !letter.is_ascii_alphabetic())
        .filter(char::is_ascii_digit);
    slate.kept.extend(digits);
    let national = slate.kept.trim_start_matches('0');
    if national.len() < FEWEST_PHONE_DIGITS || is_made_up(national) {
        return String::new();
    }
    national[national.len().saturating_sub(PHONE_DIGITS)..].to_owned()
}

/// The canonical form of an identifier, empty when it is made up or says that there is none.
pub(crate) fn identifier(text: &str, slate: &mut Slate) -> String {
    fold(text, &mut slate.folded);
    clear(&mut slate.kept, slate.folded.len());
    slate.kept.extend(slate.folded.split(' '));
    if is_no_value(&slate.folded) || is_made_up(&slate.kept) {
        String::new()
    } else {
        slate.kept.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phone(text: &str) -> String {
        super::phone(text, &mut Slate::default())
    }

    fn identifier(text: &str) -> String {
        super::identifier(text, &mut Slate::default())
    }

    #[test]
    fn country_code_and_trunk_prefix_do_not_count() {
        for same in [
            "+254 712 345 678",
            "0712345678",
            "00254-712-345-678",
            "712345678",
        ] {
            assert_eq!(phone(same), "712345678", "{same}");
        }
    }

    #[test]
    fn the_first_usable_number_counts() {
        assert_eq!(phone("0712 345 679 / 0722 000 111"), "712345679");
        assert_eq!(phone("000000000, 0722000111"), "722000111");
        assert_eq!(phone("Tel. 0722000111 ext 12"), "722000111");
    }

    #[test]
    fn made_up_numbers_are_empty() {
        for nothing in ["000000000", "0999999999", "123456789", "112", "n/a", ""] {
            assert_eq!(phone(nothing), "", "{nothing}");
        }
        for nothing in ["N/A", "unknown", "000000000000", "123456789012", "-"] {
            assert_eq!(identifier(nothing), "", "{nothing}");
        }
        assert_eq!(identifier("CF 9255-1821"), "cf92551821");
    }
}
