//! Pairs for review, for people and as JSON. The node's own record is shown on the custodian's own
//! terminal and nowhere else.

use std::io::{self, Write};

use model::{PartyName, ReviewId, RunNumber};
use records::{LocalKey, RawField};
use serde::Serialize;
use wire::ReviewExplanation;

use super::{CliError, tell};
use crate::{Answer, Book, CollectSummary, OwnRecords, ReviewItem, ReviewSummary};

/// Characters of an id that people see; the book takes any beginning that names one pair.
const SHORT_ID: usize = 8;
/// The most characters of a step's name in the table; longer ones get a line of their own.
const MAX_LABEL: usize = 64;
/// The most marks of a step's bar: one a bit.
const MAX_BAR: usize = 20;

/// The outcome of `collect --json`.
#[derive(Serialize)]
pub(super) struct Collected {
    #[serde(flatten)]
    pub(super) summary: CollectSummary,
    /// What the run asks of reviewers; none when the schema has no review.
    pub(super) review: Option<ReviewSummary>,
}

/// Tells what a run asks of reviewers.
pub(super) fn fetched(review: Option<&ReviewSummary>) -> Result<(), CliError> {
    let Some(review) = review else { return Ok(()) };
    tell::line(&format_args!(
        "{} pairs are for review, {} of them open; of earlier decisions {} were followed and {} \
         contradicted",
        review.pairs, review.open, review.followed, review.contradicted
    ))
}

/// One pair as JSON.
#[derive(Serialize)]
pub(super) struct Line<'a> {
    id: ReviewId,
    run: RunNumber,
    record_id: &'a str,
    other_record_id: Option<&'a str>,
    other_party: &'a PartyName,
    probability: f64,
    state: &'static str,
    explanation: &'a ReviewExplanation,
}

/// The pairs of the latest run, then earlier ones that were answered.
pub(super) fn lines(book: &Book) -> Vec<Line<'_>> {
    let told = |item: &&ReviewItem| item.run == book.latest || item.answer.is_some();
    let told = book.items.iter().filter(told);
    told.map(|item| line(book, item)).collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the custodian is shown its own record ids"
)]
fn line<'a>(book: &Book, item: &'a ReviewItem) -> Line<'a> {
    Line {
        id: item.id,
        run: item.run,
        record_id: item.record.expose(),
        other_record_id: item.also.as_ref().map(LocalKey::expose),
        other_party: &item.other,
        probability: probability(item.explanation.odds_millibits),
        state: state(book, item),
        explanation: &item.explanation,
    }
}

fn state(book: &Book, item: &ReviewItem) -> &'static str {
    match item.answer {
        Some(Answer::Same) => "same",
        Some(Answer::Different) => "different",
        Some(Answer::Unsure) => "unsure",
        None if book.is_open(item) => "open",
        None => "passed over",
    }
}

/// Lists the pairs.
pub(super) fn list(book: &Book, out: &mut dyn Write) -> io::Result<()> {
    let lines = lines(book);
    if lines.is_empty() {
        return writeln!(out, "no pair is up for review");
    }
    writeln!(out, "id        run  chance  state      with  own record")?;
    for line in lines {
        let id = line.id.to_string();
        let own = std::iter::once(line.record_id).chain(line.other_record_id);
        writeln!(
            out,
            "{}  {:>3}  {:>4.0} %  {:<9}  {}  {}",
            &id[..SHORT_ID],
            line.run,
            line.probability * 100.0,
            line.state,
            line.other_party,
            own.map(plain).collect::<Vec<_>>().join(" and "),
        )?;
    }
    Ok(())
}

/// Shows the own record of a pair, and how its odds come about.
pub(super) fn show(
    book: &Book,
    item: &ReviewItem,
    records: &OwnRecords,
    out: &mut dyn Write,
) -> io::Result<()> {
    let id = item.id.to_string();
    writeln!(
        out,
        "pair {} of run {}, with a record of {}: {}",
        &id[..SHORT_ID],
        item.run,
        item.other,
        state(book, item)
    )?;
    for key in item.records() {
        show_record(key, records, out)?;
    }
    writeln!(out)?;
    waterfall(&item.explanation, out)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the custodian's reviewer looks at the custodian's own record"
)]
fn show_record(key: &LocalKey, records: &OwnRecords, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "\nyour record {}", plain(key.expose()))?;
    let Some(values) = records.of(key) else {
        return writeln!(out, "  is no longer in the registry's file");
    };
    let values: Vec<(&str, &RawField)> = values.collect();
    let columns = values.iter().map(|(column, _)| column.chars().count());
    let width = columns.max().unwrap_or_default();
    for (column, value) in values {
        writeln!(out, "  {column:<width$}  {}", plain(value.expose()))?;
    }
    Ok(())
}

/// Text from a file must not steer the terminal.
fn plain(text: &str) -> String {
    let harmless = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(harmless).collect()
}

/// The way from the prior to the posterior odds, one line a step, in bits.
fn waterfall(explanation: &ReviewExplanation, out: &mut dyn Write) -> io::Result<()> {
    let prior = "before any comparison".to_owned();
    let alternatives = "what else would look alike (a household, twins)".to_owned();
    let mut rows = vec![(prior, explanation.prior_millibits)];
    let steps = explanation.steps.iter();
    rows.extend(steps.map(|step| {
        let label = format!("{}: {}", step.variable, step.level);
        (label, step.weight_millibits)
    }));
    if explanation.alternatives_millibits != 0 {
        rows.push((alternatives, explanation.alternatives_millibits));
    }
    let widths = rows.iter().map(|(label, _)| label.chars().count());
    let width = widths.filter(|width| *width <= MAX_LABEL).max();
    let width = width.unwrap_or_default();
    writeln!(out, "{:<width$}     bits      sum", "evidence")?;
    let mut sum = 0;
    for (label, weight) in rows {
        sum += i64::from(weight);
        row(&label, width, weight, sum, out)?;
    }
    let odds = explanation.odds_millibits;
    let percent = probability(odds) * 100.0;
    writeln!(
        out,
        "{:<width$}           {}  that is {percent:.0} %",
        "odds of one person",
        bits(odds.into())
    )
}

fn row(label: &str, width: usize, weight: i32, sum: i64, out: &mut dyn Write) -> io::Result<()> {
    let mut label = label;
    if label.chars().count() > width {
        writeln!(out, "{label}")?;
        label = "";
    }
    let marks = ((f64::from(weight).abs() / 1000.0).round() as usize).min(MAX_BAR);
    let bar = if weight < 0 { "-" } else { "+" }.repeat(marks);
    let line = format!(
        "{label:<width$}  {}  {}  {bar}",
        bits(weight.into()),
        bits(sum)
    );
    writeln!(out, "{}", line.trim_end())
}

fn bits(millibits: i64) -> String {
    format!("{:>+7.2}", millibits as f64 / 1000.0)
}

/// The probability with these log2 odds in thousandths. For people only; nothing is decided by it.
fn probability(odds_millibits: i32) -> f64 {
    1.0 / (1.0 + (-f64::from(odds_millibits) / 1000.0).exp2())
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::ReviewStep;

    fn explanation() -> ReviewExplanation {
        let step = |variable: &str, level: &str, weight_millibits| ReviewStep {
            variable: variable.to_owned(),
            level: level.to_owned(),
            weight_millibits,
        };
        ReviewExplanation {
            prior_millibits: -9_000,
            steps: vec![
                step(
                    "names",
                    "given 0.85 or more alike, surname not known",
                    7_250,
                ),
                step("born", "same date", 4_000),
                step("locality", &"far ".repeat(20), -500),
            ],
            alternatives_millibits: -750,
            odds_millibits: 1_000,
        }
    }

    fn text(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_waterfall_leads_from_the_prior_to_the_odds() {
        let far = format!("locality: {}", "far ".repeat(20));
        let expected = format!(
            "\
evidence                                               bits      sum
before any comparison                                 -9.00    -9.00  ---------
names: given 0.85 or more alike, surname not known    +7.25    -1.75  +++++++
born: same date                                       +4.00    +2.25  ++++
{far}
                                                      -0.50    +1.75  -
what else would look alike (a household, twins)       -0.75    +1.00  -
odds of one person                                             +1.00  that is 67 %
"
        );
        assert_eq!(text(|out| waterfall(&explanation(), out)), expected);
    }

    #[test]
    fn probabilities_follow_odds() {
        assert_eq!(probability(0), 0.5);
        assert!((probability(3_170) - 0.9).abs() < 0.001);
        assert!(probability(i32::MIN) >= 0.0 && probability(i32::MAX) <= 1.0);
    }

    fn book() -> Book {
        let item = |id: u8, run, answer| ReviewItem {
            id: ReviewId::new([id; 16]),
            run: RunNumber(run),
            answer,
            record: LocalKey::new(format!("k-{id}\u{1b}")),
            also: (id == 2).then(|| LocalKey::new("k-9".to_owned())),
            other: "sr".parse().unwrap(),
            explanation: explanation(),
        };
        Book {
            latest: RunNumber(2),
            items: vec![
                item(1, 2, None),
                item(2, 2, Some(Answer::Unsure)),
                item(3, 1, Some(Answer::Same)),
                item(4, 1, None),
            ],
        }
    }

    #[test]
    fn the_list_has_what_is_open_and_what_was_answered() {
        assert_eq!(
            text(|out| list(&book(), out)),
            "\
id        run  chance  state      with  own record
01010101    2    67 %  open       sr  k-1\u{20}
02020202    2    67 %  unsure     sr  k-2  and k-9
03030303    1    67 %  same       sr  k-3\u{20}
"
        );
        assert!(text(|out| list(&Book::default(), out)).contains("no pair"));
    }

    #[test]
    fn json_has_the_steps_too() {
        let json = serde_json::to_value(lines(&book())).unwrap();
        assert_eq!(json.as_array().unwrap().len(), 3);
        assert_eq!(json[1]["other_record_id"], "k-9");
        assert_eq!(json[2]["state"], "same");
        assert_eq!(json[0]["explanation"]["steps"][1]["level"], "same date");
    }
}
