//! The top of the page: warnings first, then what was linked and how right it is.

use super::data::{Head, QualityRow, ReportData};
use super::floor::{self, Floor, Shown};
use super::html::{Column, Table, escape, paragraph, reading, section};
use super::number;

/// What a reader must know first; nothing when all went well.
pub(super) fn warnings(data: &ReportData) -> String {
    let unsettled = data.fit.filter(|fit| !fit.converged).map(|fit| {
        format!(
            "The model had not settled after {} rounds. Its weights, and with them the links, may be off.",
            number::count(fit.rounds)
        )
    });
    let items: String = unsettled
        .iter()
        .chain(&data.warnings)
        .map(|warning| format!("<li>{}</li>\n", escape(warning)))
        .collect();
    if items.is_empty() {
        return String::new();
    }
    format!(
        "<section class=\"warnings\" id=\"warnings\" aria-labelledby=\"warnings-heading\">\n<h2 id=\"warnings-heading\">Read this first</h2>\n<ul>\n{items}</ul>\n</section>\n"
    )
}

/// The section of what was linked.
pub(super) fn summary(head: &Head, floor: Floor) -> String {
    let figures = [
        ("pairs compared", head.pairs),
        ("links", head.links),
        ("clusters", head.clusters),
    ];
    let figures: String = figures
        .iter()
        .map(|(name, count)| {
            let count = escape(&floor.one(*count).to_string());
            format!("<div><dt>{name}</dt><dd>{count}</dd></div>")
        })
        .collect();
    let body = format!("<dl class=\"figures\">{figures}</dl>\n")
        + &parties(head, floor)
        + &reading(
            "Records set aside could not be used, for instance because nothing in them could be compared; they are in no cluster.",
        );
    section("summary", "What was linked", &body)
}

fn parties(head: &Head, floor: Floor) -> String {
    let mut table = Table::new(
        "Registries",
        [
            Column::Name("registry"),
            Column::Number("records"),
            Column::Number("set aside"),
        ],
    );
    for party in &head.parties {
        table.row([
            party.label.as_str().into(),
            floor.one(party.records).into(),
            floor.one(party.set_aside).into(),
        ]);
    }
    table.html()
}

/// The section of the quality against the truth; nothing when that is not known.
pub(super) fn quality(rows: &[QualityRow], floor: Floor) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let intro = paragraph(
        "The clusters against the truth, pair by pair. The truth was known for this data and served this table only; the run did not use it.",
    );
    let reading = reading(
        "Precision is the share of found pairs that are right, recall the share of true pairs that were found, F1 their harmonic mean. 1 is perfect.",
    );
    section(
        "quality",
        "How right the links are",
        &(intro + &quality_table(rows, floor) + &reading),
    )
}

fn quality_table(rows: &[QualityRow], floor: Floor) -> String {
    let mut table = Table::new(
        "Pairs in clusters against the truth",
        [
            Column::Name("pairs"),
            Column::Number("right"),
            Column::Number("wrong"),
            Column::Number("missed"),
            Column::Number("precision"),
            Column::Number("recall"),
            Column::Number("F1"),
        ],
    );
    let column = |of| quality_column(rows, of, floor);
    let (right, wrong, missed) = (
        column(|row| row.right),
        column(|row| row.wrong),
        column(|row| row.missed),
    );
    for (place, row) in rows.iter().enumerate() {
        let (right, wrong, missed) = (right[place], wrong[place], missed[place]);
        table.row([
            row.pairs.as_str().into(),
            right.into(),
            wrong.into(),
            missed.into(),
            floor::share(right, &[wrong]).into(),
            floor::share(right, &[missed]).into(),
            floor::f1(right, wrong, missed).into(),
        ]);
    }
    table.html()
}

/// One count of all rows. The first row is the total of the others, which it must not give away.
fn quality_column(rows: &[QualityRow], of: fn(&QualityRow) -> u64, floor: Floor) -> Vec<Shown> {
    let counts: Vec<u64> = rows.iter().map(of).collect();
    let total = counts.iter().take(1).map(|count| floor.one(*count));
    total
        .chain(floor.all(counts.get(1..).unwrap_or_default()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::data::{Fit, PartyCount};
    use super::*;

    #[test]
    fn warnings_come_with_the_fit_that_did_not_settle() {
        let mut data = ReportData {
            warnings: vec!["few <links>".to_owned()],
            ..ReportData::default()
        };
        assert!(warnings(&data).contains("few &lt;links&gt;"));
        data.fit = Some(Fit {
            households: false,
            kin: false,
            twins: false,
            rounds: 200,
            converged: false,
        });
        let html = warnings(&data);
        assert!(html.find("had not settled").unwrap() < html.find("few").unwrap());
        assert!(warnings(&ReportData::default()).is_empty());
    }

    #[test]
    fn the_summary_tells_parties_and_totals() {
        let head = Head {
            parties: vec![PartyCount {
                label: "CRVS".to_owned(),
                records: 1000,
                set_aside: 4,
            }],
            pairs: 5,
            ..Head::default()
        };
        let html = summary(&head, Floor(Some(10)));
        assert!(html.contains("1,000") && html.contains("<dd>&lt;10</dd>"));
    }

    #[test]
    fn quality_is_computed_from_counts() {
        let row = QualityRow {
            pairs: "all pairs".to_owned(),
            right: 90,
            wrong: 10,
            missed: 30,
        };
        let html = quality(&[row], Floor(None));
        for share in ["0.9000", "0.7500", "0.8182"] {
            assert!(html.contains(share), "{share}");
        }
        assert!(quality(&[], Floor(None)).is_empty());
    }

    #[test]
    fn the_total_gives_no_hidden_count_away() {
        let row = |pairs: &str, wrong| QualityRow {
            pairs: pairs.to_owned(),
            right: 500,
            wrong,
            missed: 50,
        };
        let rows = [
            row("all pairs", 93),
            row("a - b", 3),
            row("within a", 30),
            row("within b", 60),
        ];
        let html = quality(&rows, Floor(Some(10)));
        assert!(html.contains(">93<") && html.contains("&lt;10") && html.contains(">hidden<"));
        assert!(!html.contains(">3<") && !html.contains(">30<"));
    }
}
