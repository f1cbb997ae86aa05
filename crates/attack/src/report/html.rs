//! The report as one HTML page that needs nothing else: no scripts, nothing loaded, fit for printing.

use super::{Attacker, Decision, Leaving, Report, Upload};
use crate::page::escape;
use crate::risk::{Light, Metric};

/// Nothing may be loaded or run; the style stands in the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
const STYLE: &str = include_str!("style.css");

/// Writes the page. The same report gives the same bytes.
pub fn html(report: &Report) -> String {
    let title = escape(&format!("Risk report: {}", report.upload.schema));
    let body = [
        decision(report),
        subject(report),
        upload(report),
        attackers(report),
        metrics(report),
        changes(report),
        residual(report),
    ]
    .concat();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p class=\"quiet\">{} Profile {}, seed {}.</p>\n{body}</body>\n</html>\n",
        occasion(report),
        escape(&report.upload.profile),
        report.seed
    )
}

/// When and on what it was measured.
fn occasion(report: &Report) -> &'static str {
    match report.upload.leaving {
        Leaving::Some { .. } => {
            "Measured on the registry itself, under throwaway keys, once it was known which of its rows can meet another registry's."
        }
        Leaving::All | Leaving::NotSettled => {
            "Measured before anything leaves, on the registry itself, under throwaway keys."
        }
    }
}

fn section(heading: &str, body: &str) -> String {
    format!(
        "<section>\n<h2>{}</h2>\n{body}</section>\n",
        escape(heading)
    )
}

/// A light that can be read without seeing its colour.
fn light(light: Light) -> String {
    let word = light.as_str();
    format!("<span class=\"light {word}\">{word}</span>")
}

fn decision(report: &Report) -> String {
    match &report.decision {
        Decision::Release => "<p class=\"decision green\"><b>Fit for release</b> by these figures. The officer decides.</p>\n".to_owned(),
        Decision::Hold { reasons } => {
            let items: String = reasons.iter().map(|reason| format!("<li>{}</li>", escape(reason))).collect();
            format!("<div class=\"decision red\"><b>Hold.</b> An upload needs two officers to override this, together and on record.<ul>{items}</ul></div>\n")
        }
    }
}

fn table(rows: &[(&str, String)]) -> String {
    let row = |(name, value): &(&str, String)| {
        let value = escape(value);
        format!("<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>\n")
    };
    let rows: String = rows.iter().map(row).collect();
    format!("<table>\n{rows}</table>\n")
}

/// What the report is of; nothing where it is made on a try.
fn subject(report: &Report) -> String {
    let Some(subject) = &report.subject else {
        return String::new();
    };
    let rows = [
        ("Custodian", subject.party.to_string()),
        (
            "Project and run",
            format!("{}, run {}", subject.project, subject.run),
        ),
        ("Epoch of the key", subject.epoch.to_string()),
        ("Agreement", subject.agreement.to_string()),
        ("Manifest prepared", subject.prepared.to_string()),
    ];
    section("What this is of", &table(&rows))
}

fn changes(report: &Report) -> String {
    if report.changes.is_empty() {
        return String::new();
    }
    let items: String = (report.changes.iter())
        .map(|change| format!("<li>{}</li>\n", escape(change)))
        .collect();
    section("Since the last report", &format!("<ul>\n{items}</ul>\n"))
}

/// How far the figures are those of the whole registry.
fn measured(report: &Report) -> String {
    let upload = &report.upload;
    let attacked = report
        .attackers
        .iter()
        .map(|attacker| attacker.people)
        .max();
    let is_whole = upload.measured == upload.records && attacked >= Some(upload.records);
    match is_whole {
        true => "all records".to_owned(),
        false => format!(
            "{} records for the twelve figures, {} people for the attackers, drawn at random. A sample holds fewer relatives of each person, so a whole registry gives more away than these figures say",
            upload.measured,
            attacked.unwrap_or(0)
        ),
    }
}

fn upload(report: &Report) -> String {
    let upload = &report.upload;
    let rows = [
        ("Records", upload.records.to_string()),
        ("Measured on", measured(report)),
        ("Fields that are encoded", upload.fields.join(", ")),
        ("Blocking passes", upload.passes.join(", ")),
        ("Rows a record", format!("{:.1}", upload.rows_a_record)),
        ("Bits of encodings a row", upload.bits_a_row.to_string()),
        ("Rows that leave", leaving(upload)),
        ("Decoys among them", decoys(upload)),
        ("Schema", upload.schema_digest.clone()),
    ];
    section("What would leave", &table(&rows))
}

/// Which rows leave, and so which were measured.
fn leaving(upload: &Upload) -> String {
    match upload.leaving {
        Leaving::All => "all".to_owned(),
        Leaving::NotSettled => {
            "those that can meet another registry's; which they are is not settled yet, so all were measured".to_owned()
        }
        Leaving::Some { made, sent } => format!(
            "{sent} of {made}, {:.1} %: those that can meet another registry's, which were measured",
            100.0 * sent as f64 / made.max(1) as f64
        ),
    }
}

/// How many decoys there are beside how many records.
fn decoys(upload: &Upload) -> String {
    match upload.decoys {
        0 => "none".to_owned(),
        decoys => format!(
            "rows of {decoys} records of nobody, {:.0} for 1,000 records; the matcher cannot tell them, the resolver is told",
            1000.0 * decoys as f64 / upload.records.max(1) as f64
        ),
    }
}

fn attackers(report: &Report) -> String {
    let intro = format!(
        "<p>Attacked were up to {} people. The limit is {:.0} of 1,000 named.</p>\n",
        report.limits.people,
        report.limits.most_named * 1000.0
    );
    let items: String = report.attackers.iter().map(attacker).collect();
    section(
        "What four attackers would achieve",
        &(intro + &bars(report) + &items),
    )
}

fn attacker(attacker: &Attacker) -> String {
    format!(
        "<div class=\"attacker\"><h3>{} {}</h3>\n<p class=\"quiet\">Holds {}; attack {}, {} people.</p>\n<p>{}</p></div>\n",
        light(attacker.light),
        escape(&attacker.name),
        escape(&attacker.holds),
        escape(&attacker.attack),
        attacker.people,
        escape(&attacker.sentence)
    )
}

/// The shares named, one bar an attacker, with the limit across.
fn bars(report: &Report) -> String {
    const LEFT: f64 = 190.0;
    const WIDTH: f64 = 430.0;
    let across = |share: f64| LEFT + WIDTH * share.clamp(0.0, 1.0);
    let height = 34 * report.attackers.len() + 34;
    // Shares stand on top of the limit's line, which they may fall on.
    let (mut body, mut shares) = (String::new(), String::new());
    for (place, attacker) in report.attackers.iter().enumerate() {
        let top = 10 + 34 * place;
        let share = attacker.outcome.share();
        let (name, end) = (escape(&attacker.name), across(share));
        body += &format!(
            "<text x=\"{:.0}\" y=\"{}\" text-anchor=\"end\">{name}</text>\n<rect class=\"{}\" x=\"{LEFT}\" y=\"{top}\" width=\"{:.1}\" height=\"20\"/>\n",
            LEFT - 10.0,
            top + 15,
            attacker.light.as_str(),
            (end - LEFT).max(1.0)
        );
        shares += &format!(
            "<text class=\"share\" x=\"{:.1}\" y=\"{}\">{:.1} %</text>\n",
            end + 8.0,
            top + 15,
            share * 100.0
        );
        if let Some(joined) = attacker.joined {
            let x = across(joined);
            body += &format!(
                "<line class=\"joined\" x1=\"{x:.1}\" y1=\"{}\" x2=\"{x:.1}\" y2=\"{}\"/>\n",
                top - 3,
                top + 23
            );
        }
    }
    let limit = across(report.limits.most_named);
    format!(
        "<svg viewBox=\"0 0 720 {height}\" role=\"img\" aria-label=\"Share named by each attacker\"><title>Share named by each attacker</title>\n{body}<line class=\"limit\" x1=\"{limit:.1}\" y1=\"2\" x2=\"{limit:.1}\" y2=\"{}\"/>\n<text class=\"small\" x=\"{limit:.1}\" y=\"{}\" text-anchor=\"middle\">limit</text>\n{shares}</svg>\n<p class=\"quiet\">Share of people named. The dashed line is the limit; a short upright line marks what somebody who joins the passes would name.</p>\n",
        height - 22,
        height - 6
    )
}

fn metrics(report: &Report) -> String {
    let row = |metric: &Metric| {
        format!(
            "<tr><th scope=\"row\">{}</th><td>{}</td><td><b>{}.</b> {}</td></tr>\n",
            escape(&metric.id),
            light(metric.light),
            escape(&metric.name),
            escape(&metric.sentence)
        )
    };
    let rows: String = report.metrics.iter().map(row).collect();
    section(
        "What the data itself shows",
        &format!(
            "<table class=\"lights\">\n{rows}</table>\n<p class=\"quiet\">The reference lists behind M3, M9 and M10 are made from the registry itself.</p>\n"
        ),
    )
}

fn residual(report: &Report) -> String {
    let items: String = report
        .residual
        .iter()
        .map(|text| format!("<li>{}</li>\n", escape(text)))
        .collect();
    section("What no figure covers", &format!("<ul>\n{items}</ul>\n"))
}
