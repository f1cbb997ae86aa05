//! Where pairs were lost, where the truth is known.

use super::data::LossGroup;
use super::floor::Floor;
use super::html::{Bar, Cell, Column, Table, paragraph, reading, section};

/// The section of the lost pairs; nothing when the truth is not known.
pub(super) fn losses(groups: &[LossGroup], floor: Floor) -> String {
    if groups.is_empty() {
        return String::new();
    }
    let intro = paragraph(
        "Pairs of one person that were missed, and pairs of different people that were put together, told apart in several ways. They show whom the linkage serves less well.",
    );
    let tables: String = groups.iter().map(|group| table(group, floor)).collect();
    let reading = reading(
        "Bars in one table have one scale. A kind with long bars is where to look first; a pair may count in several rows.",
    );
    section(
        "losses",
        "Where pairs were lost",
        &(intro + &tables + &reading),
    )
}

fn table(group: &LossGroup, floor: Floor) -> String {
    let mut table = Table::new(
        &group.name,
        [
            Column::Name("kind"),
            Column::Number("missed"),
            Column::Bar("missed pairs"),
            Column::Number("wrong"),
            Column::Bar("wrong pairs"),
        ],
    );
    let most = group.rows.iter().map(|row| row.missed.max(row.wrong)).max();
    let most = most.unwrap_or(0);
    let missed = floor.all(&group.rows.iter().map(|row| row.missed).collect::<Vec<_>>());
    let wrong = floor.all(&group.rows.iter().map(|row| row.wrong).collect::<Vec<_>>());
    for (row, (missed, wrong)) in group.rows.iter().zip(missed.into_iter().zip(wrong)) {
        table.row([
            row.kind.as_str().into(),
            missed.into(),
            Cell::Bar(Bar::of("missed", missed.exact(), most)),
            wrong.into(),
            Cell::Bar(Bar::of("against", wrong.exact(), most)),
        ]);
    }
    table.html()
}

#[cfg(test)]
mod tests {
    use super::super::data::Loss;
    use super::*;

    #[test]
    fn each_group_is_a_table() {
        let rows = vec![Loss {
            kind: "twins".to_owned(),
            missed: 4,
            wrong: 40,
        }];
        let group = LossGroup {
            name: "household".to_owned(),
            rows,
        };
        let html = losses(std::slice::from_ref(&group), Floor(None));
        assert!(html.contains("width:10%") && html.contains("width:100%"));
        let floored = losses(&[group], Floor(Some(10)));
        assert!(floored.contains("&lt;10") && !floored.contains("width:10%"));
        assert!(losses(&[], Floor(None)).is_empty());
    }
}
