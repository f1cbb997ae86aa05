//! The page: its frame, its order, and what holds for all of it.

use super::data::{Head, ReportData};
use super::floor::Floor;
use super::html::{escape, paragraph, section};
use super::number;
use super::{blocking, curve, head, histogram, levels, losses, overlap, sizes};

/// Every colour, and how drawings use them.
pub(super) const PALETTE: &str = include_str!("palette.css");
const STYLE: &str = include_str!("style.css");

/// Nothing may be loaded or run; the style stands in the page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// The report as one HTML file that needs nothing else. The same data gives the same bytes.
pub(crate) fn page(data: &ReportData) -> String {
    let title = escape(&format!("Linkage report: {}", data.head.schema));
    let (top, sections) = (top(&data.head), sections(data));
    let (warnings, contents) = (head::warnings(data), contents(&sections));
    let body: String = sections.concat();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<title>{title}</title>\n<style>\n{PALETTE}{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>{title}</h1>\n{top}{contents}</header>\n<main>\n{warnings}{body}</main>\n</body>\n</html>\n"
    )
}

fn top(head: &Head) -> String {
    let words = format!("Profile {}, {}", head.profile, head.run);
    format!("<p class=\"under\">{}</p>\n", escape(&words))
}

/// In the order of a reader's questions: what came of it, is it right, and why.
fn sections(data: &ReportData) -> Vec<String> {
    let floor = Floor(data.count_floor);
    vec![
        head::summary(&data.head, floor),
        head::quality(&data.head.quality, floor),
        histogram::weights(&data.weights, floor),
        curve::curve(data.curve.as_ref(), floor),
        levels::levels(&data.variables),
        blocking::fit(data.fit.as_ref()),
        sizes::sizes(&data.sizes, floor),
        overlap::overlap(&data.overlap, floor),
        blocking::blocking(&data.blocking, floor),
        blocking::cuts(&data.cuts, floor),
        losses::losses(&data.losses, floor),
        about(data.count_floor),
    ]
}

/// Links to the sections that are there, read from their headings.
fn contents(sections: &[String]) -> String {
    let items: String = sections
        .iter()
        .filter_map(|section| {
            let anchor = section.split_once("<section id=\"")?.1.split_once('"')?.0;
            let heading = section.split_once("-heading\">")?.1;
            let heading = heading.split_once('>')?.1.split_once("</h2>")?.0;
            Some(format!("<li><a href=\"#{anchor}\">{heading}</a></li>"))
        })
        .collect();
    format!("<nav aria-label=\"Contents\"><ul>{items}</ul></nav>\n")
}

fn about(floor: Option<u64>) -> String {
    let counts = match floor {
        Some(floor) => format!(
            "Counts below {floor} are shown as <{floor}. Where a total would give a hidden count away, the next smallest is hidden too. That guards each list by itself; someone who lays several charts side by side may still narrow a hidden count down.",
            floor = number::count(floor)
        ),
        None => "Counts are exact. Small counts can tell of single people: keep this file where the records are, and make a report with a floor for anyone else.".to_owned(),
    };
    let nature = "This file stands alone: it has no scripts and loads nothing. It holds counts and model parameters, no record and no identifier.";
    section(
        "about",
        "About this report",
        &(paragraph(&counts) + &paragraph(nature)),
    )
}
