//! Python's regular expressions, translated for `fancy-regex` and matched against whole values.
//!
//! The two agree on most; where they do not (what `\w`, `\s` and `$` mean, brackets inside classes,
//! which escapes exist) the translation spells out Python's meaning. What Python 3.11 refuses is
//! refused; `\N{…}` and locale flags are refused too.

use fancy_regex::{Regex, RegexBuilder};

use super::error::{CellProblem, PatternError};
use super::pattern_class::{self as class, push_literal};

/// No pattern is longer.
const MAX_CHARS: usize = 10_000;

/// Groups are nested no deeper.
const MAX_DEPTH: usize = 100;

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

/// Flags in force.
#[derive(Clone, Copy, Default)]
struct Flags {
    ascii: bool,
    ignore_case: bool,
    multiline: bool,
    verbose: bool,
}

impl Flags {
    /// Whether all forms of the letter i are one.
    fn any_i(self) -> bool {
        self.ignore_case && !self.ascii
    }
}

/// What the piece before a quantifier was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    Piece,
    Repeated,
}

/// Reads a Python pattern and writes it in the other syntax.
struct Translator {
    chars: Vec<char>,
    at: usize,
    out: String,
    /// The names of groups, by their number less one.
    groups: Vec<Option<String>>,
    /// The groups not closed yet.
    open: Vec<usize>,
    depth: usize,
}

type Translated<T> = Result<T, PatternError>;

impl Translator {
    fn new(pattern: &str) -> Self {
        Self {
            chars: pattern.chars().take(MAX_CHARS + 1).collect(),
            at: 0,
            out: String::with_capacity(pattern.len() * 2),
            groups: Vec::new(),
            open: Vec::new(),
            depth: 0,
        }
    }

    fn translate(mut self) -> Translated<String> {
        if self.chars.len() > MAX_CHARS {
            return self.refuse("too long a pattern");
        }
        let flags = self.global_flags()?;
        self.alternatives(flags)?;
        if self.peek().is_some() {
            return self.refuse("a closing bracket too many");
        }
        Ok(self.out)
    }

    fn refuse<T>(&self, what: &'static str) -> Translated<T> {
        let at = self.at.max(1);
        Err(PatternError { what, at })
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }

    /// Takes `expected` if it comes next.
    fn take(&mut self, expected: &str) -> bool {
        let comes = expected
            .chars()
            .enumerate()
            .all(|(place, char)| self.chars.get(self.at + place) == Some(&char));
        if comes {
            self.at += expected.chars().count();
        }
        comes
    }

    /// Flags for the whole pattern stand at its start, each as `(?flags)`.
    fn global_flags(&mut self) -> Translated<Flags> {
        let mut flags = Flags::default();
        loop {
            let start = self.at;
            if !self.take("(?") {
                return Ok(flags);
            }
            let letters = self.flag_letters();
            if letters.is_empty() || !self.take(")") {
                self.at = start;
                return Ok(flags);
            }
            let passed = self.apply_flags(&letters, &mut flags, true)?;
            if !passed.is_empty() {
                self.out.push_str(&format!("(?{passed})"));
            }
        }
    }

    fn flag_letters(&mut self) -> String {
        let mut letters = String::new();
        while let Some(letter) = self.peek().filter(|&letter| "aiLmsux".contains(letter)) {
            letters.push(letter);
            self.at += 1;
        }
        letters
    }

    /// Sets flags, and gives those that the other syntax has too.
    fn apply_flags(&self, letters: &str, flags: &mut Flags, on: bool) -> Translated<String> {
        let mut passed = String::new();
        for letter in letters.chars() {
            match letter {
                'a' if on => flags.ascii = true,
                'u' if on => flags.ascii = false,
                'm' => {
                    flags.multiline = on;
                    passed.push('m');
                }
                'x' => flags.verbose = on,
                'i' => {
                    flags.ignore_case = on;
                    passed.push('i');
                }
                's' => passed.push('s'),
                _ => return self.refuse("a flag that cannot stand here"),
            }
        }
        Ok(passed)
    }

    fn alternatives(&mut self, flags: Flags) -> Translated<()> {
        if self.depth == MAX_DEPTH {
            return self.refuse("too many groups within each other");
        }
        self.depth += 1;
        loop {
            self.sequence(flags)?;
            if !self.take("|") {
                break;
            }
            self.out.push('|');
        }
        self.depth -= 1;
        Ok(())
    }

    /// Pieces up to `|`, a closing bracket or the end.
    fn sequence(&mut self, flags: Flags) -> Translated<()> {
        let mut before = Before::Nothing;
        while let Some(char) = self.peek() {
            match char {
                '|' | ')' => break,
                _ if flags.verbose && (char.is_ascii_whitespace() || char == '\x0b') => {
                    self.at += 1;
                }
                '#' if flags.verbose => self.skip_past('\n'),
                '*' | '+' | '?' => {
                    self.at += 1;
                    self.out_quantifier(&char.to_string(), before)?;
                    before = Before::Repeated;
                }
                '{' => match self.counts()? {
                    Some(counts) => {
                        self.out_quantifier(&counts, before)?;
                        before = Before::Repeated;
                    }
                    None => {
                        self.at += 1;
                        push_literal(&mut self.out, '{');
                        before = Before::Piece;
                    }
                },
                _ => before = self.piece(flags, before)?,
            }
        }
        Ok(())
    }

    fn skip_past(&mut self, end: char) {
        while self.next().is_some_and(|char| char != end) {}
    }

    /// A quantifier, with the `?` or `+` behind it.
    fn out_quantifier(&mut self, quantifier: &str, before: Before) -> Translated<()> {
        match before {
            Before::Nothing => return self.refuse("nothing to repeat"),
            Before::Repeated => return self.refuse("a repeat of a repeat"),
            Before::Piece => self.out.push_str(quantifier),
        }
        if let Some(kind) = self.peek().filter(|kind| ['?', '+'].contains(kind)) {
            self.at += 1;
            self.out.push(kind);
        }
        Ok(())
    }

    /// `{m}`, `{m,}`, `{,n}` or `{m,n}`; none when the brace stands for itself.
    fn counts(&mut self) -> Translated<Option<String>> {
        let start = self.at;
        self.at += 1;
        let low = self.number();
        let comma = self.take(",");
        let high = if comma { self.number() } else { low.clone() };
        let counted = comma || !low.is_empty();
        if !counted || !self.take("}") {
            self.at = start;
            return Ok(None);
        }
        let value = |text: &str| text.parse::<u32>().ok();
        let least = if low.is_empty() { Some(0) } else { value(&low) };
        let Some(least) = least else {
            return self.refuse("too great a number of repeats");
        };
        if high.is_empty() {
            return Ok(Some(format!("{{{least},}}")));
        }
        match value(&high) {
            Some(most) if most >= least => Ok(Some(format!("{{{least},{most}}}"))),
            Some(_) => self.refuse("repeats whose least is above their most"),
            None => self.refuse("too great a number of repeats"),
        }
    }

    fn number(&mut self) -> String {
        let mut digits = String::new();
        while let Some(digit) = self.peek().filter(char::is_ascii_digit) {
            digits.push(digit);
            self.at += 1;
        }
        digits
    }

    /// One piece that a quantifier may follow, or a position that none may.
    fn piece(&mut self, flags: Flags, before: Before) -> Translated<Before> {
        match self.next() {
            Some('^') => {
                self.out.push('^');
                return Ok(Before::Nothing);
            }
            Some('$') => {
                let end = if flags.multiline {
                    r"(?=\n|\z)"
                } else {
                    r"(?=\n?\z)"
                };
                self.out.push_str(end);
                return Ok(Before::Nothing);
            }
            Some('.') => self.out.push('.'),
            Some('[') => self.class(flags)?,
            Some('(') => return self.group(flags, before),
            Some('\\') => return self.escape(flags),
            Some(char) => self.literal(char, flags),
            None => {}
        }
        Ok(Before::Piece)
    }

    /// A character. Python takes the dotted and the dotless i for each other when it ignores case.
    fn literal(&mut self, char: char, flags: Flags) {
        if flags.any_i() && class::ANY_I.contains(char) {
            self.out.push_str(&format!("[{}]", class::ANY_I));
        } else {
            push_literal(&mut self.out, char);
        }
    }

    fn group(&mut self, flags: Flags, before: Before) -> Translated<Before> {
        if !self.take("?") {
            return self.capture(flags, None);
        }
        if self.take("#") {
            self.skip_past(')');
            if self.chars.get(self.at - 1) != Some(&')') {
                return self.refuse("a comment that is not closed");
            }
            return Ok(before);
        }
        if self.take("P<") {
            let name = self.name('>')?;
            return self.capture(flags, Some(name));
        }
        if self.take("P=") {
            let name = self.name(')')?;
            return self.reference(&name);
        }
        for open in [":", "=", "!", "<=", "<!", ">"] {
            if self.take(open) {
                return self.rest_of_group(&format!("(?{open}"), flags);
            }
        }
        if self.take("(") {
            return self.condition(flags);
        }
        self.scoped_flags(flags)
    }

    fn rest_of_group(&mut self, open: &str, flags: Flags) -> Translated<Before> {
        self.out.push_str(open);
        self.alternatives(flags)?;
        if !self.take(")") {
            return self.refuse("a group that is not closed");
        }
        self.out.push(')');
        Ok(Before::Piece)
    }

    fn capture(&mut self, flags: Flags, name: Option<String>) -> Translated<Before> {
        if name.is_some() && self.groups.contains(&name) {
            return self.refuse("a name given twice");
        }
        self.groups.push(name);
        self.open.push(self.groups.len());
        let piece = self.rest_of_group("(", flags)?;
        self.open.pop();
        Ok(piece)
    }

    fn name(&mut self, end: char) -> Translated<String> {
        let mut name = String::new();
        loop {
            match self.next() {
                Some(char) if char == end => break,
                Some(char) if char == '_' || char.is_alphanumeric() => name.push(char),
                _ => return self.refuse("a bad name of a group"),
            }
        }
        match name.chars().next() {
            Some(first) if !first.is_numeric() => Ok(name),
            _ => self.refuse("a bad name of a group"),
        }
    }

    /// The number of the group of this name or number.
    fn group_number(&self, name: &str) -> Translated<usize> {
        let by_name = self
            .groups
            .iter()
            .position(|group| group.as_deref() == Some(name));
        let number = by_name.map(|place| place + 1).or_else(|| name.parse().ok());
        match number {
            Some(number) if (1..=self.groups.len()).contains(&number) => Ok(number),
            _ => self.refuse("a reference to no group"),
        }
    }

    fn reference(&mut self, name: &str) -> Translated<Before> {
        let number = self.group_number(name)?;
        if self.open.contains(&number) {
            return self.refuse("a reference to a group that is not closed");
        }
        self.out.push_str(&format!(r"(?:\{number})"));
        Ok(Before::Piece)
    }

    /// `(?(group)yes|no)`.
    fn condition(&mut self, flags: Flags) -> Translated<Before> {
        let mut name = String::new();
        while let Some(char) = self.next().filter(|&char| char != ')') {
            name.push(char);
        }
        let number = self.group_number(&name)?;
        self.out.push_str(&format!("(?({number})"));
        self.sequence(flags)?;
        if self.take("|") {
            self.out.push('|');
            self.sequence(flags)?;
        }
        if !self.take(")") {
            return self.refuse("a condition of more than two branches");
        }
        self.out.push(')');
        Ok(Before::Piece)
    }

    /// `(?flags-flags:…)`.
    fn scoped_flags(&mut self, mut flags: Flags) -> Translated<Before> {
        let on = self.flag_letters();
        let off = if self.take("-") {
            let off = self.flag_letters();
            if off.is_empty() {
                return self.refuse("a missing flag");
            }
            off
        } else {
            String::new()
        };
        if (on.is_empty() && off.is_empty()) || !self.take(":") {
            return self.refuse("an unknown kind of group");
        }
        let set = self.apply_flags(&on, &mut flags, true)?;
        let unset = self.apply_flags(&off, &mut flags, false)?;
        let dash = if unset.is_empty() { "" } else { "-" };
        self.rest_of_group(&format!("(?{set}{dash}{unset}:"), flags)
    }

    /// What stands behind a backslash outside a class.
    fn escape(&mut self, flags: Flags) -> Translated<Before> {
        let Some(char) = self.next() else {
            return self.refuse("a lone backslash");
        };
        if let Some(class) = class::of(char, flags.ascii) {
            let not = if char.is_ascii_uppercase() { "^" } else { "" };
            self.out.push_str(&format!("[{not}{class}]"));
            return Ok(Before::Piece);
        }
        match char {
            'A' => self.out.push_str(r"\A"),
            'Z' => self.out.push_str(r"\z"),
            'b' | 'B' => self.boundary(char == 'b', flags),
            '0' => return self.octal(),
            '1'..='9' => return self.numbered(char),
            _ => {
                let literal = self.character(char)?;
                self.literal(literal, flags);
                return Ok(Before::Piece);
            }
        }
        Ok(Before::Nothing)
    }

    /// The edge of a word, or what is none; the latter is never in an empty text.
    fn boundary(&mut self, edge: bool, flags: Flags) {
        let word = if flags.ascii {
            class::ASCII_WORD
        } else {
            class::WORD
        };
        let pattern = if edge {
            format!("(?:(?<=[{word}])(?![{word}])|(?<![{word}])(?=[{word}]))")
        } else {
            format!(r"(?:(?!\A\z)(?:(?<=[{word}])(?=[{word}])|(?<![{word}])(?![{word}])))")
        };
        self.out.push_str(&pattern);
    }

    /// `\0` with up to two more octal digits.
    fn octal(&mut self) -> Translated<Before> {
        let mut value = 0;
        for _ in 0..2 {
            let Some(digit) = self.peek().and_then(|char| char.to_digit(8)) else {
                break;
            };
            self.at += 1;
            value = value * 8 + digit;
        }
        self.push_code(value)?;
        Ok(Before::Piece)
    }

    /// A group number of one or two digits, or a character in three octal ones.
    fn numbered(&mut self, first: char) -> Translated<Before> {
        let digits: Vec<char> = std::iter::once(first)
            .chain(self.chars.iter().skip(self.at).copied().take(2))
            .take_while(char::is_ascii_digit)
            .collect();
        let octal: Option<Vec<u32>> = digits.iter().map(|digit| digit.to_digit(8)).collect();
        if let Some([high, middle, low]) = octal.as_deref() {
            self.at += 2;
            if *high > 3 {
                return self.refuse("an octal number above 377");
            }
            self.push_code(high * 64 + middle * 8 + low)?;
            return Ok(Before::Piece);
        }
        let reference: String = digits.into_iter().take(2).collect();
        self.at += reference.len() - 1;
        self.reference(&reference)
    }

    fn push_code(&mut self, code: u32) -> Translated<()> {
        match char::from_u32(code) {
            Some(char) => {
                push_literal(&mut self.out, char);
                Ok(())
            }
            None => self.refuse("a number of no character"),
        }
    }

    /// The character an escape stands for, inside a class or outside.
    fn character(&mut self, char: char) -> Translated<char> {
        Ok(match char {
            'a' => '\x07',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'x' => self.hexadecimal(2)?,
            'u' => self.hexadecimal(4)?,
            'U' => self.hexadecimal(8)?,
            _ if char.is_ascii_alphanumeric() => return self.refuse("an unknown escape"),
            _ => char,
        })
    }

    fn hexadecimal(&mut self, digits: usize) -> Translated<char> {
        let mut code = 0_u32;
        for _ in 0..digits {
            let digit = self.next().and_then(|char| char.to_digit(16));
            let Some(digit) = digit else {
                return self.refuse("a hexadecimal escape cut short");
            };
            code = code.wrapping_mul(16) | digit;
        }
        match char::from_u32(code) {
            Some(char) => Ok(char),
            None => self.refuse("a number of no character"),
        }
    }

    /// What stands between square brackets.
    fn class(&mut self, flags: Flags) -> Translated<()> {
        self.out.push('[');
        if self.take("^") {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let Some(char) = self.next() else {
                return self.refuse("a class that is not closed");
            };
            if char == ']' && !first {
                break;
            }
            first = false;
            let low = self.class_item(char, flags)?;
            let ranged = self.peek() == Some('-') && self.chars.get(self.at + 1) != Some(&']');
            match low {
                Some(low) if ranged => self.range(low, flags)?,
                Some(low) => {
                    self.members(low, low, flags);
                }
                None if ranged => return self.refuse("a range that starts with a class"),
                None => {}
            }
        }
        self.out.push(']');
        Ok(())
    }

    fn range(&mut self, low: char, flags: Flags) -> Translated<()> {
        self.at += 1;
        let Some(char) = self.next() else {
            return self.refuse("a class that is not closed");
        };
        match self.class_item(char, flags)? {
            Some(high) if low <= high => {
                self.members(low, high, flags);
                Ok(())
            }
            Some(_) => self.refuse("a range that runs backwards"),
            None => self.refuse("a range that ends with a class"),
        }
    }

    /// The characters from `low` to `high` as members of a class.
    fn members(&mut self, low: char, high: char, flags: Flags) {
        push_literal(&mut self.out, low);
        if low < high {
            self.out.push('-');
            push_literal(&mut self.out, high);
        }
        if flags.any_i()
            && class::ANY_I
                .chars()
                .any(|char| (low..=high).contains(&char))
        {
            self.out.push_str(class::ANY_I);
        }
    }

    /// A character of a class; none after a class within the class, which is written at once.
    fn class_item(&mut self, char: char, flags: Flags) -> Translated<Option<char>> {
        if char != '\\' {
            return Ok(Some(char));
        }
        let Some(char) = self.next() else {
            return self.refuse("a class that is not closed");
        };
        if let Some(class) = class::of(char, flags.ascii) {
            let not = if char.is_ascii_uppercase() { "^" } else { "" };
            self.out.push_str(&format!("[{not}{class}]"));
            return Ok(None);
        }
        match char {
            'b' => Ok(Some('\x08')),
            '0'..='7' => self.class_octal(char).map(Some),
            _ => self.character(char).map(Some),
        }
    }

    fn class_octal(&mut self, first: char) -> Translated<char> {
        let mut value = first.to_digit(8).unwrap_or(0);
        for _ in 0..2 {
            let Some(digit) = self.peek().and_then(|char| char.to_digit(8)) else {
                break;
            };
            self.at += 1;
            value = value * 8 + digit;
        }
        match char::from_u32(value).filter(|_| value <= 0o377) {
            Some(char) => Ok(char),
            None => self.refuse("an octal number above 377"),
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
