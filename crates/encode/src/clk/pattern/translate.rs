//! The structure of a pattern: flags, alternatives, repeats and groups.

use super::super::error::PatternError;
use super::class::push_literal;
use super::width::{Repeat, Width};

/// No pattern is longer.
const MAX_CHARS: usize = 10_000;

/// Groups are nested no deeper.
const MAX_DEPTH: usize = 100;

/// Flags in force.
#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) ascii: bool,
    ignore_case: bool,
    pub(super) multiline: bool,
    verbose: bool,
}

impl Flags {
    /// Whether all forms of the letter i are one.
    pub(super) fn any_i(self) -> bool {
        self.ignore_case && !self.ascii
    }
}

/// What the piece before a quantifier was.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Nothing,
    Piece,
    Repeated,
}

/// Reads a Python pattern and writes it in the other syntax.
pub(super) struct Translator {
    pub(super) chars: Vec<char>,
    pub(super) at: usize,
    pub(super) out: String,
    /// The names of groups, by their number less one.
    groups: Vec<Option<String>>,
    /// The groups not closed yet.
    open: Vec<usize>,
    depth: usize,
    /// How many characters the last piece or group of pieces matches.
    pub(super) width: Width,
    /// The widths of groups, by their number less one.
    group_widths: Vec<Width>,
}

pub(super) type Translated<T> = Result<T, PatternError>;

impl Translator {
    pub(super) fn new(pattern: &str) -> Self {
        Self {
            chars: pattern.chars().take(MAX_CHARS + 1).collect(),
            at: 0,
            out: String::with_capacity(pattern.len() * 2),
            groups: Vec::new(),
            open: Vec::new(),
            depth: 0,
            width: Width::NONE,
            group_widths: Vec::new(),
        }
    }

    pub(super) fn translate(mut self) -> Translated<String> {
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

    pub(super) fn refuse<T>(&self, what: &'static str) -> Translated<T> {
        let at = self.at.max(1);
        Err(PatternError { what, at })
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }

    /// Takes `expected` if it comes next.
    pub(super) fn take(&mut self, expected: &str) -> bool {
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
        self.sequence(flags)?;
        let mut width = self.width;
        while self.take("|") {
            self.out.push('|');
            self.sequence(flags)?;
            width = width.or(self.width);
        }
        self.width = width;
        self.depth -= 1;
        Ok(())
    }

    /// Pieces up to `|`, a closing bracket or the end.
    fn sequence(&mut self, flags: Flags) -> Translated<()> {
        let mut before = Before::Nothing;
        let (mut width, mut last) = (Width::NONE, Width::NONE);
        while let Some(char) = self.peek() {
            match char {
                '|' | ')' => break,
                _ if flags.verbose && (char.is_ascii_whitespace() || char == '\x0b') => {
                    self.at += 1;
                }
                '#' if flags.verbose => self.skip_past('\n'),
                '*' | '+' | '?' | '{' => match self.repeat()? {
                    Some(repeat) => {
                        self.out_repeat(repeat, before)?;
                        last = last.repeated(repeat);
                        before = Before::Repeated;
                    }
                    None => {
                        self.at += 1;
                        push_literal(&mut self.out, char);
                        width = width.then(last);
                        (before, last) = (Before::Piece, Width::ONE);
                    }
                },
                _ => {
                    self.width = Width::NONE;
                    let comment = self.chars[self.at..].starts_with(&['(', '?', '#']);
                    before = self.piece(flags, before)?;
                    if !comment {
                        width = width.then(last);
                        last = self.width;
                    }
                }
            }
        }
        self.width = width.then(last);
        Ok(())
    }

    fn skip_past(&mut self, end: char) {
        while self.next().is_some_and(|char| char != end) {}
    }

    /// A repeat, with the `?` or `+` behind it.
    fn out_repeat(&mut self, repeat: Repeat, before: Before) -> Translated<()> {
        match before {
            Before::Nothing => return self.refuse("nothing to repeat"),
            Before::Repeated => return self.refuse("a repeat of a repeat"),
            Before::Piece => self.out.push_str(&repeat.to_string()),
        }
        if let Some(kind) = self.peek().filter(|kind| ['?', '+'].contains(kind)) {
            self.at += 1;
            self.out.push(kind);
        }
        Ok(())
    }

    /// `*`, `+`, `?`, `{m}`, `{m,}`, `{,n}` or `{m,n}`; none when a brace stands for itself.
    fn repeat(&mut self) -> Translated<Option<Repeat>> {
        let start = self.at;
        if let Some(sign) = self.next().filter(|&sign| sign != '{') {
            return Ok(Some(Repeat::of(sign)));
        }
        let low = self.number();
        let comma = self.take(",");
        let high = if comma { self.number() } else { low.clone() };
        if (!comma && low.is_empty()) || !self.take("}") {
            self.at = start;
            return Ok(None);
        }
        let least = if low.is_empty() { "0" } else { &low };
        let parse = |text: &str| text.parse::<u32>().ok();
        let most = if high.is_empty() {
            Some(None)
        } else {
            parse(&high).map(Some)
        };
        match (parse(least), most) {
            (Some(least), Some(most)) if most.is_none_or(|most| least <= most) => {
                Ok(Some(Repeat { least, most }))
            }
            (Some(_), Some(_)) => self.refuse("repeats whose least is above their most"),
            _ => self.refuse("too great a number of repeats"),
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

    pub(super) fn group(&mut self, flags: Flags, before: Before) -> Translated<Before> {
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
        for open in [":", ">"] {
            if self.take(open) {
                return self.rest_of_group(&format!("(?{open}"), flags);
            }
        }
        for open in ["=", "!", "<=", "<!"] {
            if self.take(open) {
                return self.look(open, flags);
            }
        }
        if self.take("(") {
            return self.condition(flags);
        }
        self.scoped_flags(flags)
    }

    /// A look ahead or behind, which takes no characters itself.
    fn look(&mut self, open: &str, flags: Flags) -> Translated<Before> {
        let piece = self.rest_of_group(&format!("(?{open}"), flags)?;
        if open.starts_with('<') && !self.width.is_fixed() {
            return self.refuse("a look behind of no fixed width");
        }
        self.width = Width::NONE;
        Ok(piece)
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
        let place = self.groups.len();
        self.groups.push(name);
        self.group_widths.push(Width::NONE);
        self.open.push(place + 1);
        let piece = self.rest_of_group("(", flags)?;
        self.open.pop();
        self.group_widths[place] = self.width;
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

    pub(super) fn reference(&mut self, name: &str) -> Translated<Before> {
        let number = self.group_number(name)?;
        if self.open.contains(&number) {
            return self.refuse("a reference to a group that is not closed");
        }
        self.width = self.group_widths[number - 1];
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
        let mut width = self.width;
        self.width = Width::NONE;
        if self.take("|") {
            self.out.push('|');
            self.sequence(flags)?;
        }
        width = width.or(self.width);
        self.width = width;
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
}
