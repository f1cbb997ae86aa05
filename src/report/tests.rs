//! What holds for the page as a whole.

use super::data::*;
use super::{fixture, page, waterfall_svg};

/// Every opening of an `svg` or of a `rect` has what comes after.
fn drawings(page: &str) -> Vec<&str> {
    page.split("<svg").skip(1).collect()
}

#[test]
fn the_page_names_no_address_and_runs_nothing() {
    let html = page(&fixture::report());
    let without_policy = html.replace("http-equiv", "");
    for forbidden in [
        "http", "//", "<script", "<link", "<img", "url(", "@import", " src=",
    ] {
        assert!(!without_policy.contains(forbidden), "{forbidden}");
    }
    assert!(html.contains("default-src 'none'"));
}

#[test]
fn every_chart_has_a_title_and_a_description() {
    let html = page(&fixture::report());
    let drawings = drawings(&html);
    assert_eq!(drawings.len(), 3);
    for drawing in drawings {
        assert!(drawing.contains("role=\"img\"") && drawing.contains("aria-labelledby="));
        for part in ["<title id=", "<desc id="] {
            let text = drawing
                .split_once(part)
                .unwrap()
                .1
                .split_once('>')
                .unwrap()
                .1;
            assert!(!text.starts_with('<'), "{part} is empty");
        }
    }
    assert!(html.matches("How to read it.").count() >= 10);
}

#[test]
fn the_same_data_gives_the_same_bytes() {
    let (one, two) = (fixture::report(), fixture::report());
    assert_eq!(page(&one), page(&two));
    let (one, two) = (fixture::explanation(), fixture::explanation());
    assert_eq!(waterfall_svg(&one), waterfall_svg(&two));
}

#[test]
fn a_run_without_pairs_still_makes_a_page() {
    let html = page(&ReportData::default());
    assert!(html.contains("no pairs were compared") && html.ends_with("</html>\n"));
    assert!(!html.contains("NaN") && !html.contains("Read this first"));
    let floored = ReportData {
        count_floor: Some(10),
        ..ReportData::default()
    };
    assert!(page(&floored).contains("<dd>&lt;10</dd>"));
}

/// The report with every number at its most.
fn huge() -> ReportData {
    let mut data = fixture::report();
    data.head.pairs = u64::MAX;
    for (place, bin) in data.weights.bins.iter_mut().enumerate() {
        bin.linked = u64::MAX;
        bin.not_linked = u64::MAX - place as u64;
        bin.to_bits = f64::MAX;
    }
    data.weights.thresholds[0].bits = f64::NAN;
    data.weights.thresholds[1].bits = f64::INFINITY;
    for size in &mut data.sizes {
        size.clusters = u64::MAX;
    }
    for combination in &mut data.overlap.combinations {
        combination.clusters = u64::MAX;
    }
    for pass in &mut data.blocking.passes {
        pass.pairs = u64::MAX;
    }
    data.blocking.completeness = Some(f64::NAN);
    data.head.quality[0].right = u64::MAX;
    let curve = data.curve.as_mut().unwrap();
    curve.points[0].precision = f64::NAN;
    curve.points[1].bits = f64::NEG_INFINITY;
    curve.chosen_bits = f64::NAN;
    data.variables[0].levels[0].m = f64::INFINITY;
    data
}

#[test]
fn huge_values_and_nothings_are_still_numbers() {
    for floor in [None, Some(10), Some(u64::MAX)] {
        let mut data = huge();
        data.count_floor = floor;
        let html = page(&data);
        assert!(!html.contains("NaN") && !html.contains("=\"inf") && !html.contains(">inf"));
    }
}

#[test]
fn words_from_outside_stay_words() {
    let hostile = || "</title><script>alert('x')</script>\"&".to_owned();
    let mut data = fixture::report();
    data.head.schema = hostile();
    data.head.run = hostile();
    data.head.parties[0].label = hostile();
    data.head.quality[0].pairs = hostile();
    data.warnings.push(hostile());
    data.weights.thresholds[0].name = hostile();
    data.variables[0].name = hostile();
    data.variables[0].levels[0].label = hostile();
    data.overlap.parties[0] = hostile();
    data.blocking.passes[0].name = hostile();
    data.cuts[0].reason = hostile();
    data.losses[0].name = hostile();
    data.losses[0].rows[0].kind = hostile();
    let html = page(&data);
    assert!(!html.contains("<script") && !html.contains("alert('x')"));
    assert_eq!(
        html.matches("</title><").count(),
        page(&fixture::report()).matches("</title><").count()
    );
}

#[test]
fn a_floor_hides_every_small_count() {
    let mut data = fixture::report();
    assert!(page(&data).contains("Counts are exact."));
    data.count_floor = Some(100);
    let html = page(&data);
    assert!(html.contains("Counts below 100 are shown as &lt;100"));
    for small in 1..100 {
        for around in [
            format!("<td class=\"number\">{small}</td>"),
            format!(" {small} clusters"),
        ] {
            assert!(!html.contains(&around), "{around}");
        }
    }
}

#[test]
fn contents_lead_to_sections_that_are_there() {
    let html = page(&fixture::report());
    for target in html.split("href=\"#").skip(1) {
        let anchor = target.split_once('"').unwrap().0;
        assert!(
            html.contains(&format!("<section id=\"{anchor}\"")),
            "{anchor}"
        );
    }
}
