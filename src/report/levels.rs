//! The model, level by level: how often one person's records show it, how often others'.

use super::data::{Level, Variable};
use super::html::{Bar, Cell, Column, Table, folded, legend, paragraph, reading, section};
use super::number::{self, tame_share};

/// A table of more rows is folded away, so that the others are found.
const MOST_ROWS: usize = 20;

impl Level {
    /// The match weight of the level, log2(m/u); none when both are nought. Endless when only one is.
    fn weight(&self) -> Option<f64> {
        let (m, u) = (tame_share(self.m), tame_share(self.u));
        (m > 0.0 || u > 0.0).then(|| (m / u).log2())
    }
}

/// The section of the model's probabilities.
pub(super) fn levels(variables: &[Variable]) -> String {
    let intro = paragraph(
        "For each thing compared, how often its outcomes occur. m is the share among records of one person, u the share among records of unrelated people, both as fitted without truth.",
    );
    let body = if variables.is_empty() {
        paragraph("Nothing to show: no model was fitted.")
    } else {
        let tables: String = variables
            .iter()
            .map(|variable| table(variable, most_bits(variables)))
            .collect();
        format!("<div class=\"tables\">{tables}</div>\n")
            + &legend(&[
                ("for", "speaks for one person"),
                ("against", "speaks against"),
            ])
            + &reading(
                "A bar to the right means that the outcome makes one person likelier, a bar to the left less likely; all tables have the same scale, so the longest bars are what decides. A missing value says nothing and has no row.",
            )
    };
    section("levels", "What each comparison says", &(intro + &body))
}

/// The longest bar that has an end, over all tables.
fn most_bits(variables: &[Variable]) -> f64 {
    let all = variables.iter().flat_map(|variable| &variable.levels);
    all.filter_map(Level::weight)
        .filter(|bits| bits.is_finite())
        .fold(1.0, |most, bits| most.max(bits.abs()))
}

fn table(variable: &Variable, most: f64) -> String {
    let has = |class: fn(&Level) -> Option<f64>| {
        let mut levels = variable.levels.iter();
        levels.any(|level| class(level).is_some())
    };
    let further = [
        ("household", (|level| level.household) as fn(&Level) -> _),
        ("kin", |level| level.kin),
    ];
    let further: Vec<_> = further
        .into_iter()
        .filter(|(_, class)| has(*class))
        .collect();
    let mut columns = vec![
        Column::Name("outcome"),
        Column::Number("m"),
        Column::Number("u"),
    ];
    columns.extend(further.iter().map(|(name, _)| Column::Number(name)));
    columns.extend([Column::Number("bits"), Column::Bar("against | for")]);
    let mut table = Table::new(&variable.name, columns);
    for level in &variable.levels {
        let mut cells: Vec<Cell> = vec![
            level.label.as_str().into(),
            number::rate(level.m).into(),
            number::rate(level.u).into(),
        ];
        for (_, class) in &further {
            cells.push(class(level).map_or_else(dash, number::rate).into());
        }
        let weight = level.weight();
        cells.push(weight.map_or_else(|| "never seen".to_owned(), words).into());
        cells.push(Cell::Bar(bar(weight, most)));
        table.row(cells);
    }
    if variable.levels.len() > MOST_ROWS {
        folded(&variable.name, &table.html())
    } else {
        table.html()
    }
}

fn dash() -> String {
    "\u{2013}".to_owned()
}

fn words(bits: f64) -> String {
    if bits.is_finite() {
        number::bits(bits)
    } else if bits > 0.0 {
        "only one person".to_owned()
    } else {
        "never one person".to_owned()
    }
}

fn bar(weight: Option<f64>, most: f64) -> Bar {
    match weight {
        Some(bits) => Bar::FromMiddle((bits / most).clamp(-1.0, 1.0)),
        None => Bar::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(m: f64, u: f64) -> Level {
        Level {
            label: "same".to_owned(),
            m,
            u,
            household: None,
            kin: None,
        }
    }

    fn shown(levels: Vec<Level>) -> String {
        super::levels(&[Variable {
            name: "birth date".to_owned(),
            levels,
        }])
    }

    #[test]
    fn weights_are_the_logarithm_of_the_ratio() {
        let html = shown(vec![level(0.8, 0.1), level(0.1, 0.8)]);
        assert!(html.contains(">+3.0<") && html.contains(">\u{2212}3.0<"));
        assert_eq!(html.matches("width:100%").count(), 2);
    }

    #[test]
    fn what_never_occurs_is_said_in_words() {
        let html = shown(vec![
            level(0.5, 0.0),
            level(0.0, 0.5),
            level(0.0, 0.0),
            level(f64::NAN, f64::INFINITY),
        ]);
        for words in ["only one person", "never one person", "never seen"] {
            assert!(html.contains(words), "{words}");
        }
        assert!(!html.contains("NaN") && !html.contains("inf"));
    }

    #[test]
    fn the_household_column_is_there_when_the_class_is() {
        assert!(!shown(vec![level(0.5, 0.5)]).contains("household"));
        let mut with = level(0.5, 0.5);
        with.household = Some(0.25);
        let html = shown(vec![with, level(0.5, 0.5)]);
        assert!(html.contains("household") && html.contains("0.2500") && !html.contains("kin"));
    }
}
