//! Numbers as Python reads them: `int(text, 10)` and `float(text)`, with the decimal digits of all
//! scripts, white space around them and single underscores between digits.

use std::cmp::Ordering;

use num_bigint::BigInt;

/// Python refuses whole numbers of more digits.
pub(super) const MAX_DIGITS: usize = 4300;

/// The zeros of the decimal digits (category Nd) of Unicode 14, that of Python 3.11. The other nine
/// follow each.
const ZEROS: [u32; 66] = [
    0x0030, 0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6,
    0x0D66, 0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80,
    0x1A90, 0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0,
    0xFF10, 0x104A0, 0x10D30, 0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0,
    0x11650, 0x116C0, 0x11730, 0x118E0, 0x11950, 0x11C50, 0x11D50, 0x11DA0, 0x16A60, 0x16AC0,
    0x16B50, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC, 0x1D7F6, 0x1E140, 0x1E2F0, 0x1E950, 0x1FBF0,
];

/// The value of a decimal digit of any script.
pub(super) fn digit(char: char) -> Option<u8> {
    let code = u32::from(char);
    if char.is_ascii() {
        let value = code.wrapping_sub(ZEROS[0]);
        return u8::try_from(value).ok().filter(|&value| value < 10);
    }
    let after = ZEROS.partition_point(|&zero| zero <= code);
    let value = code - ZEROS[after.checked_sub(1)?];
    u8::try_from(value).ok().filter(|&value| value < 10)
}

/// Appends a number in decimal.
pub(super) fn push_decimal(out: &mut String, number: usize) {
    if number >= 10 {
        push_decimal(out, number / 10);
    }
    // One decimal digit always fits.
    out.push(char::from(b'0' + u8::try_from(number % 10).unwrap_or(0)));
}

/// The digit as ASCII.
fn ascii(char: char) -> Option<char> {
    digit(char).map(|digit| char::from(b'0' + digit))
}

/// White space as `str.strip` sees it: that of Unicode and the four separators before the blank.
pub(super) fn is_space(char: char) -> bool {
    char.is_whitespace() || ('\x1c'..='\x1f').contains(&char)
}

/// Writes the whole number that `text` is to `out`, in its shortest decimal form; false when it is
/// none.
pub(super) fn write_integer(text: &str, out: &mut String) -> bool {
    out.clear();
    // `int` leaves the four separators alone, unlike `str.strip`.
    let text = text.trim();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if negative {
        out.push('-');
    }
    let start = out.len();
    let Some(digits) = write_digits(text, out, start) else {
        return false;
    };
    if out.len() == start {
        out.clear();
        out.push('0');
    }
    digits <= MAX_DIGITS
}

/// Writes the digits but for leading zeros, and says how many there are with them.
fn write_digits(text: &str, out: &mut String, start: usize) -> Option<usize> {
    let mut digits = 0;
    let mut after_digit = false;
    for char in text.chars() {
        match ascii(char) {
            Some('0') if out.len() == start => {}
            Some(digit) => out.push(digit),
            None if char == '_' && after_digit => {
                after_digit = false;
                continue;
            }
            None => return None,
        }
        after_digit = true;
        digits += 1;
    }
    after_digit.then_some(digits)
}

/// Compares two whole numbers in their shortest decimal form.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    let magnitude = |one: &str, other: &str| one.len().cmp(&other.len()).then(one.cmp(other));
    match (one.strip_prefix('-'), other.strip_prefix('-')) {
        (None, None) => magnitude(one, other),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (Some(one), Some(other)) => magnitude(other, one),
    }
}

/// The finite double that `text` is.
pub(super) fn float(text: &str) -> Option<f64> {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.trim().chars().peekable();
    let mut after_digit = false;
    while let Some(char) = chars.next() {
        if char == '_' {
            let before_digit = chars.peek().is_some_and(|&next| digit(next).is_some());
            if !(after_digit && before_digit) {
                return None;
            }
            continue;
        }
        let digit = ascii(char);
        after_digit = digit.is_some();
        plain.push(digit.unwrap_or(char));
    }
    let number: Option<f64> = plain.parse().ok();
    number.filter(|number| number.is_finite())
}

/// The exact value of a finite double without fraction; the fraction of another is cut off.
pub(super) fn exact(float: f64) -> BigInt {
    const FRACTION_BITS: u32 = 52;
    let whole = float.trunc();
    let bits = whole.to_bits();
    let exponent = (bits >> FRACTION_BITS) & 0x7ff;
    if exponent == 0 {
        return BigInt::ZERO;
    }
    let mantissa = (bits & ((1 << FRACTION_BITS) - 1)) | (1 << FRACTION_BITS);
    let shift = i64::try_from(exponent).unwrap_or(0) - 1023 - i64::from(FRACTION_BITS);
    let magnitude = if shift < 0 {
        BigInt::from(mantissa) >> shift.unsigned_abs()
    } else {
        BigInt::from(mantissa) << shift.unsigned_abs()
    };
    if whole < 0.0 { -magnitude } else { magnitude }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn integer(text: &str) -> Option<String> {
        let mut out = String::new();
        write_integer(text, &mut out).then_some(out)
    }

    #[test]
    fn integers_are_those_of_python() {
        for (text, number) in [
            ("5", "5"),
            (" +007\t", "7"),
            ("-0", "0"),
            ("-000", "0"),
            ("-12", "-12"),
            ("1_000", "1000"),
            ("0_1", "1"),
            ("２０２０", "2020"),
            ("٣\u{3000}", "3"),
            ("\u{85}5", "5"),
        ] {
            assert_eq!(integer(text).as_deref(), Some(number), "{text:?}");
        }
        for text in [
            "", " ", "+", "- 1", "+-1", "_1", "1_", "1__0", "1.0", "0x10", "\u{1c}5", "½", "²",
        ] {
            assert_eq!(integer(text), None, "{text:?}");
        }
    }

    #[test]
    fn integers_end_at_4300_digits() {
        assert!(integer(&"7".repeat(MAX_DIGITS)).is_some());
        assert!(integer(&"7".repeat(MAX_DIGITS + 1)).is_none());
        assert!(integer(&"0".repeat(MAX_DIGITS + 1)).is_none());
    }

    #[test]
    fn compares_by_value() {
        let sorted = ["-100", "-99", "-1", "0", "7", "10", "99999999999999999999"];
        for (place, one) in sorted.iter().enumerate() {
            for (other_place, other) in sorted.iter().enumerate() {
                assert_eq!(
                    compare(one, other),
                    place.cmp(&other_place),
                    "{one} {other}"
                );
            }
        }
    }

    #[test]
    fn floats_are_those_of_python() {
        for (text, number) in [
            ("1.5", 1.5),
            (" .5 ", 0.5),
            ("5.", 5.0),
            ("+1e3", 1000.0),
            ("1_0.5_0e1_0", 10.5e10),
            ("１.５", 1.5),
        ] {
            assert_eq!(float(text), Some(number), "{text:?}");
        }
        for text in [
            "",
            "nan",
            "inf",
            "-Infinity",
            "1e999",
            "0x1p3",
            "1_",
            "1_.5",
            "_1",
            "1 2",
        ] {
            assert_eq!(float(text), None, "{text:?}");
        }
    }

    #[test]
    fn doubles_have_exact_values() {
        assert_eq!(exact(0.0), BigInt::ZERO);
        assert_eq!(exact(-2.75), BigInt::from(-2));
        assert_eq!(exact(1e22), BigInt::from(10_u64).pow(22));
        assert_eq!(exact(2_f64.powi(80)), BigInt::from(2).pow(80));
        assert_eq!(
            exact(9_007_199_254_740_993.0),
            BigInt::from(9_007_199_254_740_992_u64)
        );
    }
}
