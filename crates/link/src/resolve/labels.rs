//! What levels mean, in words.

use super::levels::{DATE_LEVELS, NAME_CUTS, Source, Variable};

impl Variable {
    /// What `level` means, in words.
    pub(super) fn label(&self, level: usize) -> String {
        let places = self.places(level);
        match &self.source {
            Source::Names { full, .. } => names_label(places, full.is_some()),
            Source::Date { .. } => DATE_LABELS[level].to_owned(),
            Source::Within(slots) => match slots.len() - usize::from(places[0]) {
                0 => "another place in every unit".to_owned(),
                _ => format!(
                    "same unit, {} of {} from the finest",
                    places[0] + 1,
                    slots.len()
                ),
            },
            Source::Cuts { steps, .. } => cut_label(places[0], steps.cuts),
        }
    }
}

/// What each level of a date means.
const DATE_LABELS: [&str; DATE_LEVELS as usize] = [
    "same date",
    "day and month exchanged",
    "same year and month",
    "same year and day",
    "same day and month, near year",
    "same day and month, other year",
    "same year, no more known",
    "same year, other day and month",
    "near year, no more known",
    "near year, other day or month",
    "other year, no more known",
    "nothing the same",
];

/// The step of a similarity in words.
fn cut_label(place: u16, cuts: &[u8]) -> String {
    let above = |place: usize| f64::from(cuts[place]) / 100.0;
    match usize::from(place) {
        0 if cuts.len() == 1 => "same".to_owned(),
        1 if cuts.len() == 1 => "different".to_owned(),
        0 => format!("{:.2} or more alike", above(0)),
        place if place < cuts.len() => {
            format!("{:.2} to {:.2} alike", above(place), above(place - 1))
        }
        _ => format!("less than {:.2} alike", above(cuts.len() - 1)),
    }
}

fn names_label(places: &[u16], full: bool) -> String {
    let part = |name: &str, place: u16| match usize::from(place) {
        unknown if unknown > NAME_CUTS.len() => format!("{name} not known"),
        _ => format!("{name} {}", cut_label(place, &NAME_CUTS)),
    };
    let mut label = format!(
        "{}, {}",
        part("given", places[1]),
        part("surname", places[2])
    );
    if full {
        label.push_str(", ");
        label.push_str(&part("full", places[3]));
    }
    if places[0] == 1 {
        label.push_str(", exchanged");
    }
    label
}
