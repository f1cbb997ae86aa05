//! How many clusters have how many records.

use std::collections::BTreeMap;

use super::data::SizeCount;
use super::floor::{Floor, Shown};
use super::html::{paragraph, reading, section};
use super::scale::{Counts, Tick};
use super::svg::{Anchor, Area, Drawing};

/// Columns of the chart; larger clusters share the last one.
const COLUMNS: u64 = 10;

/// Room for the numbers over the columns.
const HEADROOM: f64 = 26.0;

/// A column: its name and its count.
type Named = (String, Shown);

/// The section of the cluster sizes.
pub(super) fn sizes(sizes: &[SizeCount], floor: Floor) -> String {
    let intro = paragraph(
        "A cluster holds the records taken to be one person's. A record that was linked to no other is a cluster by itself.",
    );
    let columns = columns(sizes, floor);
    let body = if columns.is_empty() {
        paragraph("Nothing to show: there are no clusters.")
    } else {
        chart(&columns)
            + &reading(
                "The number over a column is the number of clusters of that size; each line up is ten times as many. Clusters larger than the number of registries hold duplicates, and much larger ones are worth a look.",
            )
    };
    section("sizes", "Cluster sizes", &(intro + &body))
}

fn columns(sizes: &[SizeCount], floor: Floor) -> Vec<Named> {
    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    for size in sizes {
        let count = counts.entry(size.records.min(COLUMNS)).or_default();
        *count = count.saturating_add(size.clusters);
    }
    let shown = floor.all(&counts.values().copied().collect::<Vec<_>>());
    let larger = sizes.iter().any(|size| size.records > COLUMNS);
    let name = |records: u64| match records {
        COLUMNS if larger => format!("{COLUMNS}+"),
        fewer => fewer.to_string(),
    };
    counts
        .keys()
        .map(|records| name(*records))
        .zip(shown)
        .collect()
}

fn chart(columns: &[Named]) -> String {
    let plot = Area {
        left: 56.0,
        top: 36.0,
        width: 612.0,
        height: 226.0,
    };
    let mut drawing = Drawing::new(
        "sizes-chart",
        (680.0, plot.bottom() + 56.0),
        "Number of clusters by number of records",
        &description(columns),
    );
    let most = columns.iter().filter_map(|(_, count)| count.exact()).max();
    let up = Counts::new(most.unwrap_or(0), (plot.bottom(), plot.top + HEADROOM));
    drawing.axis_left(plot, &up.ticks(), "clusters");
    let step = plot.width / columns.len().max(6) as f64;
    let mut ticks = Vec::new();
    for (place, (name, count)) in columns.iter().enumerate() {
        let middle = plot.left + step * (place as f64 + 0.5);
        draw_column(&mut drawing, up, (middle, step * 0.64), name, *count);
        ticks.push(Tick {
            at: middle,
            label: name.clone(),
        });
    }
    drawing.axis_below(plot, &ticks, "records in the cluster");
    drawing.inline()
}

fn draw_column(
    drawing: &mut Drawing,
    up: Counts,
    (middle, width): (f64, f64),
    name: &str,
    count: Shown,
) {
    let (foot, head) = (up.at(0), up.at(count.exact().unwrap_or(0)));
    if head < foot {
        let area = Area {
            left: middle - width / 2.0,
            top: head,
            width,
            height: foot - head,
        };
        drawing.rectangle("linked", area, &words(name, count));
    }
    drawing.text(
        "name",
        Anchor::Middle,
        (middle, head - 7.0),
        &count.compact(),
    );
}

fn words(name: &str, count: Shown) -> String {
    let records = if name == "1" { "record" } else { "records" };
    format!("{name} {records}: {count} clusters")
}

fn description(columns: &[Named]) -> String {
    let parts: Vec<String> = columns
        .iter()
        .map(|(name, count)| words(name, *count))
        .collect();
    format!("Columns. {}.", parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(counts: &[(u64, u64)], floor: Option<u64>) -> String {
        let data: Vec<SizeCount> = counts
            .iter()
            .map(|(records, clusters)| SizeCount {
                records: *records,
                clusters: *clusters,
            })
            .collect();
        sizes(&data, Floor(floor))
    }

    #[test]
    fn large_clusters_share_a_column() {
        let html = shown(&[(1, 500), (2, 40), (14, 3), (900, 2)], None);
        assert!(html.contains("10+ records: 5 clusters"));
        assert!(!html.contains("900"));
        assert!(shown(&[(10, 4)], None).contains(">10<"));
    }

    #[test]
    fn a_single_small_column_hides_another() {
        let html = shown(&[(1, 500), (2, 40), (3, 2)], Some(10));
        assert!(html.contains("3 records: &lt;10 clusters"));
        assert!(html.contains("2 records: hidden clusters"));
        assert!(!html.contains(">40<"));
    }

    #[test]
    fn no_clusters_are_said_to_be_none() {
        assert!(shown(&[], None).contains("there are no clusters"));
    }
}
