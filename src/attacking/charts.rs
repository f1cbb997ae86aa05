//! The shares that attacks name, drawn over the numbers of people attacked.

use attack::chart::{Line, lines};

use super::table::scene;
use super::{Attacked, Table};

/// What tells one line from another: profile, attack and scene.
type Names = [String; 3];

/// One line for each attack in each scene on each profile. What all lines have in common is told in the title.
pub(crate) fn chart(tables: &[Table]) -> String {
    let drawn = drawn(tables);
    let common = |part: usize| {
        drawn
            .iter()
            .all(|(names, _)| names[part] == drawn[0].0[part])
    };
    let common = [0, 1, 2].map(common);
    let parts = |names: &Names, of_title: bool| {
        let parts = names.iter().zip(common);
        let parts = parts.filter(|(_, common)| *common == of_title);
        let parts: Vec<&str> = parts.map(|(name, _)| name.as_str()).collect();
        parts.join(", ")
    };
    let title = drawn.first().map(|(names, _)| parts(names, true));
    let title = match title.filter(|title| !title.is_empty()) {
        Some(title) => format!("What attacks name: {title}"),
        None => "What attacks name".to_owned(),
    };
    let line = |(names, points): &(Names, Vec<(usize, f64)>)| Line {
        name: parts(names, false),
        points: points.clone(),
    };
    lines(&title, &drawn.iter().map(line).collect::<Vec<Line>>())
}

/// The points of each line, in the order of the tables.
fn drawn(tables: &[Table]) -> Vec<(Names, Vec<(usize, f64)>)> {
    let mut drawn: Vec<(Names, Vec<(usize, f64)>)> = Vec::new();
    for table in tables {
        for one in &table.attacked {
            let (names, point) = (names(table, one), (one.people, one.outcome.share()));
            match drawn.iter_mut().find(|(known, _)| *known == names) {
                Some((_, points)) => points.push(point),
                None => drawn.push((names, vec![point])),
            }
        }
    }
    drawn
}

fn names(table: &Table, one: &Attacked) -> Names {
    [
        table.profile.as_str().to_owned(),
        one.run.attack.words(),
        scene(&one.run),
    ]
}
