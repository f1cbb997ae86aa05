//! The report: one dated HTML page for the file, that prints as it stands. What is wrong comes first,
//! and every figure leads to the log entry it is from.

use audit::{Entry, Event};
use model::Day;

use crate::finding::{Finding, Severity, Verdict};
use crate::verify::CheckedLog;
use crate::words;

const STYLE: &str = include_str!("report.css");

/// Nothing may be loaded or run; the style stands in the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// The page about `verdict` and the logs it is about, made at `unix_seconds`. The same input gives the
/// same bytes.
pub fn page(verdict: &Verdict, logs: &[CheckedLog], unix_seconds: u64) -> String {
    let title = format!(
        "Audit report{}",
        project(logs)
            .map(|name| format!(": {name}"))
            .unwrap_or_default()
    );
    let title = escape(&title);
    let body = [
        summary(verdict),
        findings(verdict, Severity::Wrong, "What is wrong"),
        findings(verdict, Severity::Unproved, "What is not proved"),
        figures(verdict, logs),
        findings(verdict, Severity::Right, "What was checked and is right"),
        heads(logs),
        logs.iter().map(timeline).collect(),
        about(),
    ]
    .concat();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n<p class=\"under\">Made {} UTC by symbolon-audit {}</p>\n</header>\n<main>\n{body}</main>\n</body>\n</html>\n",
        when(unix_seconds * 1000),
        env!("CARGO_PKG_VERSION"),
    )
}

/// The project the logs are of.
fn project(logs: &[CheckedLog]) -> Option<String> {
    let events = logs.iter().flat_map(|log| &log.entries);
    let mut opened = events.filter_map(|entry| match &entry.event {
        Event::ProjectOpened { project, .. } => Some(project.to_string()),
        _ => None,
    });
    opened.next()
}

fn summary(verdict: &Verdict) -> String {
    let (wrong, unproved) = (
        verdict.count(Severity::Wrong),
        verdict.count(Severity::Unproved),
    );
    let (class, text) = match verdict.worst() {
        Severity::Wrong => (
            "wrong",
            format!(
                "{} proved to be wrong. Do not use the results before it is explained.",
                things(wrong)
            ),
        ),
        Severity::Unproved => (
            "unproved",
            format!(
                "Nothing was found wrong, and {} could not be proved.",
                things(unproved).to_lowercase()
            ),
        ),
        Severity::Right => (
            "right",
            "Everything that was checked is as it should be.".to_owned(),
        ),
    };
    format!(
        "<p class=\"verdict {class}\"><strong>{}</strong></p>\n",
        escape(&text)
    )
}

fn things(count: usize) -> String {
    match count {
        1 => "One thing was".to_owned(),
        more => format!("{more} things were"),
    }
}

fn findings(verdict: &Verdict, severity: Severity, heading: &str) -> String {
    let rows: Vec<String> = verdict
        .findings()
        .iter()
        .filter(|finding| finding.severity == severity)
        .map(finding_row)
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let class = class_of(severity);
    table(
        heading,
        class,
        &["Log", "Entry", "What was found", "Shown by"],
        &rows,
    )
}

const fn class_of(severity: Severity) -> &'static str {
    match severity {
        Severity::Right => "right",
        Severity::Unproved => "unproved",
        Severity::Wrong => "wrong",
    }
}

fn finding_row(finding: &Finding) -> String {
    let entry = finding.entry.map(|entry| link(&finding.log, entry));
    row(&[
        escape(&finding.log),
        entry.unwrap_or_default(),
        format!("<strong>{}</strong>", escape(&finding.text)),
        escape(&finding.shown_by),
    ])
}

/// The figures of the linkage, each with the entry it is from. A figure of an entry or a log about
/// which something is wrong is marked, since it may be the very thing that was altered.
fn figures(verdict: &Verdict, logs: &[CheckedLog]) -> String {
    // A finding without an entry, as that the log was rewritten, puts all of the log in doubt.
    let is_disputed = |log: &CheckedLog, entry: &Entry| {
        verdict.findings().iter().any(|finding| {
            finding.severity == Severity::Wrong
                && finding.log == log.name
                && finding.entry.is_none_or(|at| at == entry.sequence)
        })
    };
    let mut rows = Vec::new();
    for log in logs {
        for entry in &log.entries {
            rows.extend(figures_of(log, entry, is_disputed(log, entry)));
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    table(
        "The linkage in figures",
        "",
        &["Figure", "Value", "From"],
        &rows,
    )
}

fn figures_of(log: &CheckedLog, entry: &Entry, is_disputed: bool) -> Vec<String> {
    let figures: Vec<(String, u64)> = match &entry.event {
        Event::BatchAccepted {
            run,
            party,
            kind,
            rows,
            ..
        } => {
            vec![(
                format!("Rows of {} accepted from {party}, run {run}", kind.as_str()),
                *rows,
            )]
        }
        Event::BatchPrepared {
            run, kind, records, ..
        } => {
            let what = kind.as_str();
            vec![(
                format!("Records in the {what} it prepared, run {run}"),
                *records,
            )]
        }
        Event::CountsPublished {
            run,
            epsilon_permille,
            ..
        } => {
            let what = format!("Thousandths of epsilon spent on counts, run {run}");
            vec![(what, *epsilon_permille)]
        }
        Event::ResultsCollected {
            run, party, rows, ..
        } => {
            vec![(format!("Result rows given to {party}, run {run}"), *rows)]
        }
        _ => Vec::new(),
    };
    let from = link(&log.name, entry.sequence);
    let (class, mark) = match is_disputed {
        true => ("wrong", " <strong>disputed</strong>"),
        false => ("", ""),
    };
    let figure = |(name, value): (String, u64)| {
        format!(
            "<tr class=\"{class}\"><td>{}</td><td class=\"number\">{}</td><td>{} {from}{mark}</td></tr>\n",
            escape(&name),
            thousands(value),
            escape(&log.name)
        )
    };
    figures.into_iter().map(figure).collect()
}

fn heads(logs: &[CheckedLog]) -> String {
    let rows: Vec<String> = logs
        .iter()
        .map(|log| {
            let head = log.checkpoint.head();
            row(&[
                escape(&log.name),
                thousands(head.size),
                format!("<code>{}</code>", head.root),
                format!("<code>{}</code>", escape(&log.key.to_string())),
            ])
        })
        .collect();
    table(
        "The logs, as they were checked",
        "",
        &[
            "Log",
            "Entries",
            "Root",
            "Key: compare it with what its keeper tells you",
        ],
        &rows,
    )
}

/// All that stands in a log, in words.
fn timeline(log: &CheckedLog) -> String {
    let rows: Vec<String> = log
        .entries
        .iter()
        .map(|entry| {
            format!(
                "<tr id=\"{}\"><td class=\"number\">{}</td><td class=\"when\">{}</td><td>{}</td><td>{}</td></tr>\n",
                anchor(&log.name, entry.sequence),
                entry.sequence,
                when(entry.unix_millis),
                escape(&entry.actor.to_string()),
                escape(&words::of(entry))
            )
        })
        .collect();
    let heading = format!("The log of {}", log.name);
    table(&heading, "", &["Entry", "When (UTC)", "Who", "What"], &rows)
}

fn about() -> String {
    "<h2>How to read this</h2>\n<p><strong>Wrong</strong> means that the evidence contradicts itself: somebody altered, removed or withheld something. <strong>Not proved</strong> means that the evidence at hand does not decide it; mostly, a log or a key has to be fetched from another party. Times are those of whoever keeps the log. This page holds names of parties, counts and digests; no record and no identifier. It loads nothing and runs nothing.</p>\n".to_owned()
}

fn table(heading: &str, class: &str, columns: &[&str], rows: &[String]) -> String {
    let head: String = columns
        .iter()
        .map(|column| format!("<th scope=\"col\">{}</th>", escape(column)))
        .collect();
    format!(
        "<h2>{}</h2>\n<div class=\"scroll\"><table class=\"{class}\">\n<thead><tr>{head}</tr></thead>\n<tbody>\n{}</tbody>\n</table></div>\n",
        escape(heading),
        rows.concat()
    )
}

/// Cells that are HTML already.
fn row(cells: &[String]) -> String {
    let cells: String = cells
        .iter()
        .map(|cell| format!("<td>{cell}</td>"))
        .collect();
    format!("<tr>{cells}</tr>\n")
}

fn anchor(log: &str, entry: u64) -> String {
    // Names of logs come from names of directories.
    let plain = |letter: char| {
        if letter.is_ascii_alphanumeric() {
            letter
        } else {
            '-'
        }
    };
    format!("{}-{entry}", log.chars().map(plain).collect::<String>())
}

fn link(log: &str, entry: u64) -> String {
    format!("<a href=\"#{}\">entry {entry}</a>", anchor(log, entry))
}

/// A moment to the second.
fn when(unix_millis: u64) -> String {
    let second = unix_millis / 1000 % 86_400;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!(
        "{} {hour:02}:{minute:02}:{second:02}",
        Day::of_millis(unix_millis)
    )
}

/// A count with thin spaces between thousands.
fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

/// `text` as it may stand in HTML.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            control if control.is_control() => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_comes_first_and_nothing_is_taken_for_html() {
        let verdict = Verdict::of(vec![
            Finding::new(Severity::Right, "matcher", "its entries add up"),
            Finding::new(Severity::Wrong, "matcher", "<b>altered</b>")
                .at(3)
                .shown_by("crvs"),
        ]);
        let page = page(&verdict, &[], 1_800_000_000);
        let place = |text: &str| page.find(text).unwrap();
        assert!(place("One thing was proved") < place("What is wrong"));
        assert!(place("What is wrong") < place("its entries add up"));
        assert!(page.contains("&lt;b&gt;altered") && !page.contains("<b>"));
        assert!(page.contains("href=\"#matcher-3\""));
        assert!(page.contains("Made 2027-01-15 08:00:00 UTC"));
        for banned in ["<script", "http://", "https://", "src="] {
            assert!(!page.contains(banned), "{banned}");
        }
    }

    #[test]
    fn counts_read_in_thousands() {
        let counts = [0, 999, 1000, 1_234_567].map(thousands);
        assert_eq!(
            counts,
            ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]
        );
    }
}
