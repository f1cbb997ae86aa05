//! The smallest pieces of a pattern: characters, escapes and classes.

use super::class::{self, push_literal};
use super::translate::{Before, Flags, Translated, Translator};
use super::width::Width;

impl Translator {
    /// One piece that a quantifier may follow, or a position that none may.
    pub(super) fn piece(&mut self, flags: Flags, before: Before) -> Translated<Before> {
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
        self.width = Width::ONE;
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

    /// What stands behind a backslash outside a class.
    fn escape(&mut self, flags: Flags) -> Translated<Before> {
        let Some(char) = self.next() else {
            return self.refuse("a lone backslash");
        };
        if let Some(class) = class::of(char, flags.ascii) {
            let not = if char.is_ascii_uppercase() { "^" } else { "" };
            self.out.push_str(&format!("[{not}{class}]"));
            self.width = Width::ONE;
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
                self.width = Width::ONE;
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
                self.width = Width::ONE;
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
