//! The review as a conversation: one open pair after the other, one letter an answer.

use std::io::{self, BufRead, Write};
use std::path::Path;

use secret::Entropy;

use super::{CliError, tell_review};
use crate::{Answer, Node, ReviewItem};

/// What is asked after every pair.
const QUESTION: &str = "one person? [s]ame [d]ifferent [u]nsure [q]uit: ";
/// The most bytes of one answer that are read.
const MAX_ANSWER: u64 = 1024;

/// Shows the open pairs and keeps every answer at once, until all are answered or the reviewer
/// quits.
pub(crate) fn walk(
    node: &Node,
    registry: &Path,
    entropy: &mut dyn Entropy,
    answers: &mut dyn BufRead,
    out: &mut dyn Write,
) -> Result<(), CliError> {
    let book = node.review_book()?;
    let open: Vec<&ReviewItem> = book.open_items().collect();
    if open.is_empty() {
        return Ok(writeln!(out, "no pair is open")?);
    }
    let records = node.own_records(registry, open.iter().copied())?;
    let (mut kept, all) = (0, open.len());
    for item in open {
        writeln!(out, "\n--- {} of {all} ---", kept + 1)?;
        tell_review::show(&book, item, &records, out)?;
        let Some(answer) = ask(answers, out)? else {
            break;
        };
        node.decide(&item.id.to_string(), answer, entropy)?;
        kept += 1;
    }
    let left = all - kept;
    writeln!(
        out,
        "\nkept {kept} answers, {left} pairs are open; answers count from the next \
         `symbolon-node prepare` on"
    )?;
    Ok(())
}

/// Asks until the answer is one; none when the reviewer quits or there is no more input.
fn ask(answers: &mut dyn BufRead, out: &mut dyn Write) -> io::Result<Option<Answer>> {
    loop {
        write!(out, "{QUESTION}")?;
        out.flush()?;
        let mut answer = Vec::new();
        let mut line = io::Read::take(&mut *answers, MAX_ANSWER);
        if line.read_until(b'\n', &mut answer)? == 0 {
            return Ok(None);
        }
        match answer.trim_ascii() {
            b"s" | b"same" => return Ok(Some(Answer::Same)),
            b"d" | b"different" => return Ok(Some(Answer::Different)),
            b"u" | b"unsure" => return Ok(Some(Answer::Unsure)),
            b"q" | b"quit" => return Ok(None),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(input: &str) -> (Option<Answer>, usize) {
        let mut out = Vec::new();
        let answer = ask(&mut input.as_bytes(), &mut out).unwrap();
        (answer, out.len() / QUESTION.len())
    }

    #[test]
    fn one_letter_or_a_word_is_an_answer_and_anything_else_asks_again() {
        assert_eq!(asked("s\n"), (Some(Answer::Same), 1));
        assert_eq!(asked(" different \r\n"), (Some(Answer::Different), 1));
        assert_eq!(asked("\nperhaps\nu"), (Some(Answer::Unsure), 3));
        assert_eq!(asked("q\n"), (None, 1));
        assert_eq!(asked(""), (None, 1));
        assert_eq!(asked(&"x".repeat(3000)), (None, 4));
    }
}
