//! Precision and recall by threshold, where the truth is known.

use super::data::{Curve, CurvePoint};
use super::floor::Floor;
use super::html::{Column, Table, folded, legend, paragraph, reading, section};
use super::number::{self, tame};
use super::scale::Linear;
use super::svg::{Anchor, Area, Drawing};

/// Rows of the table of numbers; more would not be read.
const MOST_ROWS: usize = 40;

/// The section of the curve; nothing when there is no truth.
pub(super) fn curve(curve: Option<&Curve>, floor: Floor) -> String {
    let Some(curve) = curve else {
        return String::new();
    };
    let intro = paragraph(
        "What precision (share of links that are right) and recall (share of true pairs that are linked) would have been at other thresholds. The truth served this chart only; the run did not use it.",
    );
    let points = tamed(&curve.points, floor);
    let body = if points.is_empty() {
        paragraph("Nothing to show: no threshold was tried.")
    } else {
        let foot = foot(&points);
        chart(&points, tame(curve.chosen_bits), foot)
            + &legend(&[("precision", "precision"), ("recall", "recall (dashed)")])
            + &reading(&format!(
                "Further right fewer pairs are linked: precision rises and recall falls. The upright line is the threshold this run chose. The scale starts at {foot:.1}, not always at nought."
            ))
            + &folded("The numbers behind the chart", &table(&points))
    };
    section(
        "curve",
        "Precision and recall by threshold",
        &(intro + &body),
    )
}

fn tamed(points: &[CurvePoint], floor: Floor) -> Vec<CurvePoint> {
    let tamed = points.iter().map(|point| CurvePoint {
        bits: tame(point.bits),
        precision: floor.rounded(point.precision),
        recall: floor.rounded(point.recall),
    });
    tamed.collect()
}

/// The tenth at or below all values.
fn foot(points: &[CurvePoint]) -> f64 {
    let least = points
        .iter()
        .fold(0.9, |least: f64, p| least.min(p.precision).min(p.recall));
    (least * 10.0).floor() / 10.0
}

fn chart(points: &[CurvePoint], chosen: f64, foot: f64) -> String {
    let plot = Area {
        left: 56.0,
        top: 62.0,
        width: 612.0,
        height: 230.0,
    };
    let mut drawing = Drawing::new(
        "curve-chart",
        (680.0, plot.bottom() + 56.0),
        "Precision and recall by threshold",
        &description(points, chosen),
    );
    let bits = || points.iter().map(|p| p.bits).chain([chosen]);
    let range = (
        bits().fold(f64::INFINITY, f64::min),
        bits().fold(f64::NEG_INFINITY, f64::max),
    );
    let across = Linear::new(range, (plot.left, plot.right()));
    let up = Linear::new((foot, 1.0), (plot.bottom(), plot.top));
    drawing.axis_left(plot, &up.ticks(5), "share");
    drawing.axis_below(plot, &across.ticks(8), "threshold: odds in bits");
    let line = |of: fn(&CurvePoint) -> f64| -> Vec<(f64, f64)> {
        let places = points.iter().map(|p| (across.at(p.bits), up.at(of(p))));
        places.collect()
    };
    drawing.path("precision", &line(|p| p.precision));
    drawing.path("recall", &line(|p| p.recall));
    draw_chosen(&mut drawing, across.at(chosen), chosen, plot);
    drawing.inline()
}

fn draw_chosen(drawing: &mut Drawing, x: f64, chosen: f64, plot: Area) {
    drawing.line("threshold", (x, plot.top - 56.0), (x, plot.bottom()));
    let words = format!("chosen {}", number::bits(chosen));
    if x > plot.left + plot.width * 0.6 {
        drawing.text("name", Anchor::End, (x - 6.0, plot.top - 44.0), &words);
    } else {
        drawing.text("name", Anchor::Start, (x + 6.0, plot.top - 44.0), &words);
    }
}

fn description(points: &[CurvePoint], chosen: f64) -> String {
    let nearest = points
        .iter()
        .min_by(|a, b| (a.bits - chosen).abs().total_cmp(&(b.bits - chosen).abs()));
    let at = nearest.map_or_else(String::new, |p| {
        format!(
            " Near it precision is {} and recall {}.",
            number::share(p.precision),
            number::share(p.recall)
        )
    });
    format!(
        "Two lines over the threshold. The chosen threshold is {} bits.{at}",
        number::bits(chosen)
    )
}

fn table(points: &[CurvePoint]) -> String {
    let mut table = Table::new(
        "Precision and recall by threshold",
        [
            Column::Name("threshold: odds in bits"),
            Column::Number("precision"),
            Column::Number("recall"),
        ],
    );
    for point in points.iter().step_by(points.len().div_ceil(MOST_ROWS)) {
        table.row([
            number::bits(point.bits).into(),
            number::share(point.precision).into(),
            number::share(point.recall).into(),
        ]);
    }
    table.html()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(bits: f64, precision: f64, recall: f64) -> CurvePoint {
        CurvePoint {
            bits,
            precision,
            recall,
        }
    }

    fn shown(points: Vec<CurvePoint>, floor: Option<u64>) -> String {
        let data = Curve {
            points,
            chosen_bits: 4.0,
        };
        super::curve(Some(&data), Floor(floor))
    }

    #[test]
    fn without_truth_there_is_no_section() {
        assert!(super::curve(None, Floor(None)).is_empty());
        assert!(shown(Vec::new(), None).contains("no threshold was tried"));
    }

    #[test]
    fn the_scale_starts_at_the_tenth_below() {
        let html = shown(vec![point(0.0, 0.84, 0.99), point(8.0, 0.99, 0.93)], None);
        assert!(html.contains("starts at 0.8") && html.contains(">0.80<"));
        assert!(html.contains("chosen +4.0"));
    }

    #[test]
    fn floored_reports_tell_shares_roughly() {
        let html = shown(vec![point(0.0, 0.84321, 0.99)], Some(10));
        assert!(html.contains("0.8400") && !html.contains("0.843"));
    }

    #[test]
    fn many_points_make_a_short_table() {
        let points = (0..1000).map(|n| point(f64::from(n), 0.9, 0.9)).collect();
        let rows = shown(points, None).matches("<tr>").count();
        assert!(rows <= MOST_ROWS + 1, "{rows}");
    }
}
