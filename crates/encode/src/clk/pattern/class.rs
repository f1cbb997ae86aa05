//! The character classes of Python's regular expressions, in the words of the `regex` crate.

/// White space, as `\s` of Python sees it in text.
pub(super) const SPACE: &str = r"\x{9}-\x{D}\x{1C}-\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}";
/// White space of ASCII.
pub(super) const ASCII_SPACE: &str = r"\x{9}-\x{D}\x{20}";
/// Letters, numbers and the underscore, as `\w` sees them.
pub(super) const WORD: &str = r"\p{L}\p{N}_";
/// Those of ASCII.
pub(super) const ASCII_WORD: &str = "0-9A-Za-z_";
/// Decimal digits, as `\d` sees them.
pub(super) const DIGIT: &str = r"\p{Nd}";
/// Those of ASCII.
pub(super) const ASCII_DIGIT: &str = "0-9";

/// The letters Python takes for each other beyond Unicode's simple case folding.
pub(super) const ANY_I: &str = "iIİı";

/// The inside of the class that `\d`, `\s` or `\w` names; none for other letters.
pub(super) fn of(letter: char, ascii: bool) -> Option<&'static str> {
    Some(match (letter.to_ascii_lowercase(), ascii) {
        ('d', false) => DIGIT,
        ('d', true) => ASCII_DIGIT,
        ('s', false) => SPACE,
        ('s', true) => ASCII_SPACE,
        ('w', false) => WORD,
        ('w', true) => ASCII_WORD,
        _ => return None,
    })
}

/// A character that stands for itself, inside a class or outside.
pub(super) fn push_literal(out: &mut String, char: char) {
    if char.is_ascii_alphanumeric() || !char.is_ascii() {
        out.push(char);
    } else {
        out.push_str(&format!(r"\x{{{:X}}}", u32::from(char)));
    }
}
