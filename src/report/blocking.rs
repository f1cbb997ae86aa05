//! How pairs were brought together, how the model was fitted to them, and which links were not
//! followed afterwards.

use super::data::{Blocking, Cut, Fit};
use super::floor::Floor;
use super::html::{Bar, Cell, Column, Table, paragraph, reading, section};
use super::number;

/// The section of the blocking passes.
pub(super) fn blocking(blocking: &Blocking, floor: Floor) -> String {
    let intro = paragraph(
        "Comparing everyone with everyone would take too long and show too much. Each pass brings only records together that agree in something.",
    );
    let completeness = blocking.completeness.map_or_else(String::new, |share| {
        paragraph(&format!(
            "Estimated share of true pairs that met in some pass (pairs completeness): {}, from how many linked pairs met in one pass only and in two. It takes the passes to be independent, so it is no more than an estimate. What never met cannot be linked, but through others.",
            number::percent(floor.rounded(share))
        ))
    });
    let body = if blocking.passes.is_empty() {
        paragraph("Nothing to show: there were no passes.")
    } else {
        passes(blocking, floor)
            + &reading(
                "A pass with many links that no other pass found earns its place; one with pairs but no such links costs time and shows the matcher more than it needs. Skipped blocks were too large to compare.",
            )
    };
    section(
        "blocking",
        "How pairs were brought together",
        &(intro + &completeness + &body),
    )
}

fn passes(blocking: &Blocking, floor: Floor) -> String {
    let mut table = Table::new(
        "Pairs by pass",
        [
            Column::Name("pass"),
            Column::Number("pairs"),
            Column::Bar("of the largest"),
            Column::Number("pairs only here"),
            Column::Number("links only here"),
            Column::Number("skipped blocks"),
        ],
    );
    let most = blocking.passes.iter().map(|pass| pass.pairs).max();
    for pass in &blocking.passes {
        let pairs = floor.one(pass.pairs);
        table.row([
            pass.name.as_str().into(),
            pairs.into(),
            Cell::Bar(Bar::of("linked", pairs.exact(), most.unwrap_or(0))),
            floor.one(pass.pairs_only_here).into(),
            floor.one(pass.links_only_here).into(),
            floor.one(pass.skipped_blocks).into(),
        ]);
    }
    table.html()
}

/// The section of the fit.
pub(super) fn fit(fit: Option<&Fit>) -> String {
    let Some(fit) = fit else {
        let words = "This profile compares whole records; no model was fitted.";
        return section("fit", "How the model was fitted", &paragraph(words));
    };
    let further = [
        (fit.twins, "twins"),
        (fit.households, "two people of one household"),
        (fit.kin, "two people of one wider family or neighbourhood"),
    ];
    let further = further.iter().filter(|(is_there, _)| *is_there);
    let further: String = further.map(|(_, words)| format!(", {words}")).collect();
    let classes = format!("one person{further}, or unrelated people");
    let rounds = number::count(fit.rounds);
    let settled = if fit.converged {
        format!("The fit settled after {rounds} rounds.")
    } else {
        format!("The fit had not settled after {rounds} rounds.")
    };
    let words = format!(
        "The weights come from the pairs themselves, without truth. What two records may be to each other: {classes}. {settled}"
    );
    section("fit", "How the model was fitted", &paragraph(&words))
}

/// The section of the links that were not followed.
pub(super) fn cuts(cuts: &[Cut], floor: Floor) -> String {
    let body = if cuts.is_empty() {
        paragraph("Every link was followed.")
    } else {
        let mut table = Table::new(
            "Links not followed, by reason",
            [
                Column::Name("reason"),
                Column::Number("links"),
                Column::Bar("of the largest"),
            ],
        );
        let most = cuts.iter().map(|cut| cut.links).max().unwrap_or(0);
        for cut in cuts {
            let links = floor.one(cut.links);
            let bar = Cell::Bar(Bar::of("against", links.exact(), most));
            table.row([cut.reason.as_str().into(), links.into(), bar]);
        }
        table.html()
            + &reading(
                "Two records may look alike and still not be put in one cluster, because the rest of their clusters speaks against it; each row says why, and how often.",
            )
    };
    section("cuts", "Links that were not followed", &body)
}

#[cfg(test)]
mod tests {
    use super::super::data::PassCount;
    use super::*;

    #[test]
    fn passes_tell_what_they_alone_found() {
        let data = Blocking {
            passes: vec![PassCount {
                name: "birth-date".to_owned(),
                pairs: 12_345,
                pairs_only_here: 678,
                links_only_here: 9,
                skipped_blocks: 0,
            }],
            completeness: Some(0.9731),
        };
        let html = blocking(&data, Floor(None));
        for part in ["12,345", ">678<", ">9<", "97.3 %"] {
            assert!(html.contains(part), "{part}");
        }
        let floored = blocking(&data, Floor(Some(10)));
        assert!(!floored.contains(">9<") && floored.contains("97.0 %"));
        assert!(blocking(&Blocking::default(), Floor(None)).contains("no passes"));
    }

    #[test]
    fn the_fit_is_told_in_words() {
        let settled = Fit {
            households: true,
            kin: true,
            twins: true,
            rounds: 41,
            converged: true,
        };
        assert!(
            fit(Some(&settled))
                .contains("twins, two people of one household, two people of one wider")
        );
        let not = Fit {
            converged: false,
            twins: false,
            ..settled
        };
        assert!(fit(Some(&not)).contains("had not settled after 41"));
        assert!(fit(None).contains("no model"));
    }

    #[test]
    fn cuts_have_their_reasons() {
        let cut = Cut {
            reason: "weak <bridge>".to_owned(),
            links: 3,
        };
        assert!(cuts(&[cut], Floor(None)).contains("weak &lt;bridge&gt;"));
        assert!(cuts(&[], Floor(None)).contains("Every link was followed"));
    }
}
