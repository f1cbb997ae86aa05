//! Why a pair weighs what it weighs, as text for a terminal.

use super::data::Explanation;
use super::number::{self, signed};
use super::waterfall::Row;

/// Characters a bar may have to either side.
const REACH: usize = 24;

/// The explanation as aligned text: what was compared, what was seen, bits, the sum so far, and a bar
/// of `-` to the left or `+` to the right. Lines end in a newline.
pub(crate) fn waterfall_text(explanation: &Explanation) -> String {
    let rows = explanation.rows();
    let (name, level) = (
        width(&rows, |row| &row.name),
        width(&rows, |row| &row.level),
    );
    let most = rows
        .iter()
        .fold(1.0, |most, row| f64::max(most, row.bits().abs()));
    let line = |cells: [&str; 5]| {
        let [what, seen, bits, so_far, bar] = cells;
        let line = format!("{what:name$}  {seen:level$}  {bits:>8}  {so_far:>8}  {bar}");
        line.trim_end().to_owned() + "\n"
    };
    let mut out = format!(
        "{} - {}\n\n",
        plain(&explanation.left),
        plain(&explanation.right)
    );
    out.push_str(&line(["", "", "bits", "so far", ""]));
    for row in &rows {
        let (bits, so_far, bar) = (signed(row.bits()), signed(row.to), bar(row.bits() / most));
        out.push_str(&line([
            &plain(&row.name),
            &plain(&row.level),
            &bits,
            &so_far,
            &bar,
        ]));
    }
    out + &outcome(explanation)
}

fn outcome(explanation: &Explanation) -> String {
    let probability = number::probability(explanation.probability);
    let decision = plain(&explanation.decision);
    let note = explanation
        .note
        .as_deref()
        .map_or_else(String::new, |note| format!("note: {}\n", plain(note)));
    format!("\nprobability of one person: {probability}\ndecision: {decision}\n{note}")
}

/// Text that cannot move the cursor or start a line.
fn plain(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                ' '
            } else {
                character
            }
        })
        .collect()
}

fn width(rows: &[Row], of: fn(&Row) -> &String) -> usize {
    let widths = rows.iter().map(|row| of(row).chars().count());
    widths.max().unwrap_or(0)
}

/// A bar of `share` of the reach, from the middle.
fn bar(share: f64) -> String {
    let length = (share.abs() * REACH as f64).round() as usize;
    let (left, right) = match share {
        against if against < 0.0 => ("-".repeat(length), String::new()),
        _ => (String::new(), "+".repeat(length)),
    };
    format!("{left:>REACH$}|{right}")
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;

    #[test]
    fn columns_are_aligned_and_signed() {
        let text = waterfall_text(&fixture::explanation());
        let bars: Vec<&str> = text.lines().filter(|line| line.contains('|')).collect();
        let middle = bars[0].chars().position(|c| c == '|');
        assert_eq!(bars.len(), fixture::explanation().steps.len() + 2);
        for line in bars {
            assert_eq!(line.chars().position(|c| c == '|'), middle, "{text}");
        }
        assert!(text.contains("--|") && text.contains("|++++"));
        assert!(text.contains("probability of one person: 0.99"), "{text}");
        assert!(text.lines().all(|line| line == line.trim_end()));
    }

    #[test]
    fn control_characters_stay_out_of_the_terminal() {
        let mut explanation = fixture::explanation();
        explanation.left = "a\u{1b}[2Jb\n".to_owned();
        explanation.prior_bits = f64::NAN;
        let text = waterfall_text(&explanation);
        assert!(!text.contains('\u{1b}') && !text.contains("NaN"));
    }

    #[test]
    fn an_empty_explanation_is_all_noughts() {
        let text = waterfall_text(&Explanation::default());
        assert!(text.contains("together") && text.contains("0.0"));
    }
}
