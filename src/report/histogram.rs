//! How many pairs have which odds of being one person, and where the thresholds lie.

use super::data::{Threshold, WeightBin, WeightHistogram};
use super::floor::{Floor, Shown};
use super::html::{Column, Table, folded, legend, paragraph, reading, section};
use super::number;
use super::scale::{Counts, Linear};
use super::svg::{Anchor, Area, Drawing};

/// Height of the row each threshold has for its name.
const ROW: f64 = 24.0;

/// A bin with its counts as they may be told.
struct ShownBin {
    from: f64,
    to: f64,
    linked: Shown,
    not_linked: Shown,
}

impl ShownBin {
    fn total(&self) -> u64 {
        [self.linked, self.not_linked]
            .iter()
            .filter_map(|shown| shown.exact())
            .fold(0, u64::saturating_add)
    }

    fn range(&self) -> String {
        format!("{} to {}", number::bits(self.from), number::bits(self.to))
    }

    fn note(&self) -> String {
        format!(
            "{} bits: {} linked, {} not linked",
            self.range(),
            self.linked,
            self.not_linked
        )
    }
}

/// The section of the odds.
pub(super) fn weights(histogram: &WeightHistogram, floor: Floor) -> String {
    let intro = paragraph(
        "Each pair of records compared has odds of being one person, in bits: at 0 bits one person and two people are equally likely, and one bit more doubles the odds. They join what the comparisons say with how common such pairs are between the two registries. The outermost bars hold all that lies beyond them.",
    );
    let bins = shown(&histogram.bins, floor);
    let body = if bins.is_empty() {
        paragraph("Nothing to show: no pairs were compared.")
    } else {
        let small = match floor.0 {
            Some(_) => " Counts that are too small to be told are not drawn.",
            None => "",
        };
        chart(&bins, &histogram.thresholds)
            + &legend(&[("linked", "linked"), ("unlinked", "not linked")])
            + &reading(&format!(
                "The height of a bar is the number of pairs with such odds, and each line up is ten times as many; the coloured part is the share of them that was linked. A good linkage has two hills with a valley at the threshold.{small}"
            ))
            + &folded("The numbers behind the chart", &table(&bins))
    };
    section("weights", "Odds of the compared pairs", &(intro + &body))
}

fn shown(bins: &[WeightBin], floor: Floor) -> Vec<ShownBin> {
    let column = |of: fn(&WeightBin) -> u64| {
        let counts: Vec<u64> = bins.iter().map(of).collect();
        floor.all(&counts)
    };
    let (linked, not_linked) = (column(|bin| bin.linked), column(|bin| bin.not_linked));
    let counts = linked.into_iter().zip(not_linked);
    bins.iter()
        .zip(counts)
        .map(|(bin, (linked, not_linked))| ShownBin {
            from: number::tame(bin.from_bits),
            to: number::tame(bin.to_bits),
            linked,
            not_linked,
        })
        .collect()
}

fn chart(bins: &[ShownBin], thresholds: &[Threshold]) -> String {
    let plot = Area {
        left: 56.0,
        top: 44.0 + ROW * thresholds.len() as f64,
        width: 612.0,
        height: 230.0,
    };
    let mut drawing = Drawing::new(
        "weights-chart",
        (680.0, plot.bottom() + 56.0),
        "Number of pairs by their odds",
        &description(bins, thresholds),
    );
    let across = Linear::new(domain(bins, thresholds), (plot.left, plot.right()));
    let most = bins.iter().map(ShownBin::total).max().unwrap_or(0);
    let up = Counts::new(most, (plot.bottom(), plot.top));
    drawing.axis_left(plot, &up.ticks(), "pairs");
    for bin in bins {
        draw_bin(&mut drawing, bin, across, up);
    }
    drawing.axis_below(plot, &across.ticks(8), "odds of one person in bits");
    draw_thresholds(&mut drawing, thresholds, across, plot);
    drawing.inline()
}

fn domain(bins: &[ShownBin], thresholds: &[Threshold]) -> (f64, f64) {
    let ends = bins.iter().flat_map(|bin| [bin.from, bin.to]);
    let all = ends.chain(
        thresholds
            .iter()
            .map(|threshold| number::tame(threshold.bits)),
    );
    all.fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), bits| {
        (least.min(bits), most.max(bits))
    })
}

/// One bar as high as both counts together, divided in the proportion of the counts: on a logarithmic
/// axis stacked heights would not add up.
fn draw_bin(drawing: &mut Drawing, bin: &ShownBin, across: Linear, up: Counts) {
    let total = bin.total();
    if total == 0 {
        return;
    }
    let (left, right, foot, head) = (
        across.at(bin.from),
        across.at(bin.to),
        up.at(0),
        up.at(total),
    );
    let share = bin.linked.exact().unwrap_or(0) as f64 / total as f64;
    let border = foot - (foot - head) * share;
    let width = (right - left - 1.0).max(0.6);
    for (class, top, bottom) in [("linked", border, foot), ("unlinked", head, border)] {
        if bottom > top {
            let area = Area {
                left,
                top,
                width,
                height: bottom - top,
            };
            drawing.rectangle(class, area, &bin.note());
        }
    }
}

/// Each has a row of its own above the plot, the leftmost the highest, so that no line crosses a name.
fn draw_thresholds(drawing: &mut Drawing, thresholds: &[Threshold], across: Linear, plot: Area) {
    let mut sorted: Vec<&Threshold> = thresholds.iter().collect();
    sorted.sort_by(|a, b| number::tame(a.bits).total_cmp(&number::tame(b.bits)));
    for (place, threshold) in sorted.into_iter().enumerate() {
        let x = across.at(threshold.bits);
        let y = 18.0 + ROW * place as f64;
        drawing.line("threshold", (x, y - 12.0), (x, plot.bottom()));
        // To the right nothing is in the way: the lines there begin further down.
        let (anchor, beside) = if x > plot.left + plot.width * 0.75 {
            (Anchor::End, x - 6.0)
        } else {
            (Anchor::Start, x + 6.0)
        };
        drawing.text("name", anchor, (beside, y), &threshold_words(threshold));
    }
}

fn threshold_words(threshold: &Threshold) -> String {
    format!("{} {}", threshold.name, number::bits(threshold.bits))
}

fn description(bins: &[ShownBin], thresholds: &[Threshold]) -> String {
    let count = |of: fn(&ShownBin) -> Shown| {
        let told = bins.iter().filter_map(|bin| of(bin).exact());
        number::count(told.fold(0, u64::saturating_add))
    };
    let (from, to) = domain(bins, &[]);
    let mut words = format!(
        "Bars for odds from {} to {} bits: {} pairs linked, {} not linked.",
        number::bits(from),
        number::bits(to),
        count(|bin| bin.linked),
        count(|bin| bin.not_linked)
    );
    for threshold in thresholds {
        words.push_str(&format!(" Threshold {} bits.", threshold_words(threshold)));
    }
    words
}

fn table(bins: &[ShownBin]) -> String {
    let mut table = Table::new(
        "Pairs by odds",
        [
            Column::Name("odds in bits"),
            Column::Number("linked"),
            Column::Number("not linked"),
        ],
    );
    for bin in bins {
        table.row([bin.range().into(), bin.linked.into(), bin.not_linked.into()]);
    }
    table.html()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bin(from: f64, linked: u64, not_linked: u64) -> WeightBin {
        WeightBin {
            from_bits: from,
            to_bits: from + 1.0,
            linked,
            not_linked,
        }
    }

    fn histogram(bins: Vec<WeightBin>) -> WeightHistogram {
        let thresholds = vec![Threshold {
            name: "link".to_owned(),
            bits: 1.5,
        }];
        WeightHistogram { bins, thresholds }
    }

    #[test]
    fn both_series_and_the_threshold_are_drawn() {
        let html = weights(
            &histogram(vec![bin(0.0, 0, 100), bin(1.0, 30, 30), bin(2.0, 40, 0)]),
            Floor(None),
        );
        assert_eq!(html.matches("class=\"linked\"").count(), 2);
        assert_eq!(html.matches("class=\"unlinked\"").count(), 2);
        assert!(html.contains(">link +1.5</text>"));
        assert!(html.contains("70 pairs linked, 130 not linked"));
    }

    #[test]
    fn small_counts_are_neither_drawn_nor_told() {
        let html = weights(
            &histogram(vec![bin(0.0, 3, 100), bin(1.0, 30, 7), bin(2.0, 40, 0)]),
            Floor(Some(10)),
        );
        assert!(html.contains("&lt;10") && html.contains("hidden"));
        assert!(!html.contains("3 linked") && !html.contains("7 not linked"));
    }

    #[test]
    fn no_bins_are_said_to_be_none() {
        let html = weights(&WeightHistogram::default(), Floor(None));
        assert!(html.contains("no pairs were compared") && !html.contains("<svg"));
    }
}
