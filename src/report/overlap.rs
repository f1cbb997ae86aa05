//! Which registries the clusters have records in: two by two, and every combination.

use super::data::{Combination, Overlap};
use super::floor::{Floor, Shown};
use super::html::{Bar, Cell, Column, Table, paragraph, reading, section};

/// A combination with its count as it may be told.
type Told<'a> = (&'a Combination, Shown);

/// The section of the registries' overlap.
pub(super) fn overlap(overlap: &Overlap, floor: Floor) -> String {
    let body = if overlap.combinations.is_empty() || overlap.parties.is_empty() {
        paragraph("Nothing to show: there are no clusters.")
    } else {
        let told = told(overlap, floor);
        matrix(&overlap.parties, &told, floor)
            + &reading(
                "Where a row and a column cross stands the number of clusters with records in both registries; where a registry meets itself, the clusters with a record in it at all. A stronger colour means more.",
            )
            + &combinations(&overlap.parties, &told)
            + &reading(
                "Each cluster is counted in one row: the one with a filled dot for every registry that holds a record of it, and a hollow dot for every one that does not.",
            )
    };
    section("overlap", "Overlap of the registries", &body)
}

/// The combinations, the largest first.
fn told(overlap: &Overlap, floor: Floor) -> Vec<Told<'_>> {
    let mut sorted: Vec<&Combination> = overlap.combinations.iter().collect();
    sorted.sort_by(|a, b| {
        let by_count = b.clusters.cmp(&a.clusters);
        by_count
            .then(a.parties.len().cmp(&b.parties.len()))
            .then_with(|| a.parties.cmp(&b.parties))
    });
    let counts: Vec<u64> = sorted.iter().map(|c| c.clusters).collect();
    sorted.into_iter().zip(floor.all(&counts)).collect()
}

/// Clusters with records in both parties, and whether there may be more: a hidden combination must
/// not come back as the difference between a sum and the combinations that are told.
fn in_both(told: &[Told<'_>], left: usize, right: usize) -> (u64, bool) {
    let both = told
        .iter()
        .filter(|(c, _)| c.parties.contains(&left) && c.parties.contains(&right));
    both.fold((0, false), |(sum, more), (_, shown)| {
        let count = shown.exact().unwrap_or(0);
        (sum.saturating_add(count), more || shown.exact().is_none())
    })
}

fn matrix(parties: &[String], told: &[Told<'_>], floor: Floor) -> String {
    let names = parties.iter().map(|party| Column::Number(party));
    let mut table = Table::new(
        "Clusters with records in both",
        std::iter::once(Column::Name("registry")).chain(names),
    );
    let alone = (0..parties.len()).map(|party| in_both(told, party, party).0);
    let most = alone.max().unwrap_or(0).max(1);
    for (row, party) in parties.iter().enumerate() {
        let cells = (0..parties.len()).map(|column| {
            let (count, more) = in_both(told, row, column);
            let share = count as f64 / most as f64;
            Cell::Shaded(words(floor.one(count), more), share)
        });
        table.row(std::iter::once(party.as_str().into()).chain(cells));
    }
    table.html()
}

fn words(count: Shown, more: bool) -> String {
    match (count, more) {
        (Shown::Exact(_), true) => format!("{count} or more"),
        (_, true) => Shown::Withheld.to_string(),
        (_, false) => count.to_string(),
    }
}

fn combinations(parties: &[String], told: &[Told<'_>]) -> String {
    let marks = parties.iter().map(|party| Column::Mark(party));
    let mut table = Table::new(
        "Clusters by the registries they have records in",
        marks.chain([Column::Number("clusters"), Column::Bar("of the largest")]),
    );
    let most = told.iter().find_map(|(_, count)| count.exact());
    for (combination, count) in told {
        let dots = (0..parties.len()).map(|party| dot(combination, party));
        let bar = Cell::Bar(Bar::of("linked", count.exact(), most.unwrap_or(0)));
        table.row(dots.chain([count.into(), bar]));
    }
    table.html()
}

fn dot(combination: &Combination, party: usize) -> Cell {
    if combination.parties.contains(&party) {
        Cell::Mark('\u{25cf}', "yes")
    } else {
        Cell::Mark('\u{25cb}', "no")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data() -> Overlap {
        let combination = |parties: &[usize], clusters| Combination {
            parties: parties.to_vec(),
            clusters,
        };
        Overlap {
            parties: ["crvs", "id", "sr"].map(str::to_owned).to_vec(),
            combinations: vec![
                combination(&[0], 100),
                combination(&[0, 1], 700),
                combination(&[0, 1, 2], 4),
            ],
        }
    }

    #[test]
    fn pairs_of_registries_add_up_over_combinations() {
        let data = data();
        let told = told(&data, Floor(None));
        assert_eq!(in_both(&told, 0, 1), (704, false));
        assert_eq!(in_both(&told, 0, 0), (804, false));
        assert_eq!(in_both(&told, 1, 2), (4, false));
    }

    #[test]
    fn the_largest_combination_stands_first() {
        let html = overlap(&data(), Floor(None));
        let rows = html.split_once("Clusters by the").unwrap().1;
        assert!(rows.find(">700<").unwrap() < rows.find(">100<").unwrap());
        assert!(rows.find(">100<").unwrap() < rows.find(">4<").unwrap());
    }

    #[test]
    fn small_combinations_are_hidden_with_the_next() {
        let html = overlap(&data(), Floor(Some(10)));
        assert!(html.contains("&lt;10") && html.contains(">hidden<"));
        assert!(!html.contains(">4<") && !html.contains(">100<"));
        assert!(html.contains(">700 or more<") && !html.contains("704") && !html.contains("804"));
    }

    #[test]
    fn places_beyond_the_parties_do_no_harm() {
        let mut data = data();
        data.combinations[0].parties = vec![9];
        assert!(overlap(&data, Floor(None)).contains("100"));
        assert!(overlap(&Overlap::default(), Floor(None)).contains("no clusters"));
    }
}
