//! Python's regular expressions, translated for `fancy-regex` and matched against whole values.
//!
//! The two agree on most; where they do not (what `\w`, `\s` and `$` mean, brackets inside classes,
//! which escapes exist) the translation spells out Python's meaning. What Python 3.11 refuses is
//! refused; `\N{…}` and locale flags are refused too.

mod atom;
mod class;
mod translate;
mod width;

use fancy_regex::{Regex, RegexBuilder};

use super::error::{CellProblem, PatternError};
use translate::Translator;

/// Steps after which a match is given up.
const MAX_STEPS: usize = 1_000_000;

/// A compiled pattern.
pub(super) struct Pattern(Regex);

impl Pattern {
    /// Compiles a Python pattern.
    pub(super) fn compile(pattern: &str) -> Result<Self, PatternError> {
        let translated = Translator::new(pattern).translate()?;
        let regex = RegexBuilder::new(&format!(r"\A(?:{translated})\z"))
            .backtrack_limit(MAX_STEPS)
            .build();
        let too_much = PatternError {
            what: "something beyond what can be compiled here",
            at: 1,
        };
        regex.map(Self).map_err(|_| too_much)
    }

    /// Whether the whole value matches.
    pub(super) fn check(&self, value: &str) -> Result<(), CellProblem> {
        match self.0.is_match(value) {
            Ok(true) => Ok(()),
            Ok(false) => Err(CellProblem::NoMatch),
            Err(_) => Err(CellProblem::PatternTooSlow),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, value: &str) -> bool {
        Pattern::compile(pattern).unwrap().check(value).is_ok()
    }

    #[test]
    fn matches_whole_values_as_python_does() {
        for (pattern, value) in [
            ("[0-9]{4}", "1234"),
            (r"\d+", "٣4"),
            (r"(?a)\d+", "34"),
            ("a|ab", "ab"),
            (r"[[a]+", "[a["),
            (r"[a&&b]+", "a&b"),
            (r"[]a]+", "]a"),
            (r"\<\>", "<>"),
            ("x{,3}", "xx"),
            ("x{a}", "x{a}"),
            (r"(?P<q>['x]).*(?P=q)", "'abc'"),
            (r"(a)?b(?(1)c|d)", "abc"),
            (r"(a)?b(?(1)c|d)", "bd"),
            (r"\w+\s\w+", "ab½ c_1"),
            (r"(?i)straße", "STRAßE"),
            (r"(?i)[a-j]+ı\x69", "İIİ"),
            (r"(?x) a b # c", "ab"),
            (r"\x41\u00e9\101\0", "AéA\0"),
            (r"(?s).", "\n"),
            (r"\bab\b", "ab"),
            (r"(?i:a)B", "AB"),
            (r"(?!b)a++", "aaa"),
            (r"[\s\S]", "x"),
            (r"[^\W\d]+", "ab_"),
            ("", ""),
            (r"ab(?<=(?:a|b){2})", "ab"),
            (r"(ab)c(?<=\1c)", "abc"),
            ("(?#note)a(?#more)*", "aa"),
        ] {
            assert!(matches(pattern, value), "{pattern} {value:?}");
        }
        for (pattern, value) in [
            ("[0-9]{4}", "12345"),
            ("a$", "a\n"),
            (r"\B", ""),
            (r"\w", "\u{301}"),
            ("a", "a\n"),
            (".", "\n"),
            (r"[a&&b]+", ""),
            ("(?a)\\d", "٣"),
        ] {
            assert!(!matches(pattern, value), "{pattern} {value:?}");
        }
    }

    #[test]
    fn refuses_what_python_refuses() {
        for pattern in [
            "[",
            "(",
            ")",
            "*",
            "a**",
            "^*",
            r"\",
            r"\p{L}",
            r"\h",
            "a{3,2}",
            "[b-a]",
            r"[a-\d]",
            "(?P<a>x)(?P<a>y)",
            r"(\1)",
            r"\2",
            "(?Q)",
            "a(?i)b",
            "(?P=x)",
            "(?L)a",
            r"\x4",
            r"\400",
            "(?(2)a|b)",
            "(a)(?(1)a|b|c)",
            "(?#open",
            "(?P<1a>x)",
            "(?<=x?)y",
            "(?<=(a|bc))x",
            r"(a+)(?<=\1)",
            "a{99999999999}",
            r"\N{DASH}",
        ] {
            assert!(Pattern::compile(pattern).is_err(), "{pattern}");
        }
    }

    #[test]
    fn gives_up_on_a_match_without_end() {
        let pattern = Pattern::compile(r"(x+x+)+(?=y)y").unwrap();
        assert!(pattern.check(&"x".repeat(64)).is_err());
    }
}
