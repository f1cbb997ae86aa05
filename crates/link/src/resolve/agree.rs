//! What a level says of agreement in a blocking pass: how likely two values that are so alike agree in
//! the form a pass asks for. With how alike strangers are, it gives how alike strangers who met
//! there should be.

use model::schema::BlockForm;

use super::levels::{NAME_CUTS, Source, Variable};
use super::patterns::Asked;

impl Variable {
    /// How likely two records at `level` agree in the form of the value that a pass asks for.
    pub(super) fn agrees(&self, asked: &Asked, level: usize) -> f64 {
        let places = self.places(level);
        match &self.source {
            Source::Names { .. } => names_agree(asked, places),
            Source::Date { .. } => date_agrees(asked.form, level),
            // A larger unit agrees wherever a finer one does.
            Source::Within(_) => match usize::from(places[0]) <= asked.field {
                true => 1.0,
                false if asked.form == BlockForm::Code => DIFFERENT_WORDS_AGREE,
                false => 0.0,
            },
            Source::Cuts { .. } if asked.form == BlockForm::Code => {
                like_words(places[0], self.axes[0])
            }
            Source::Cuts { .. } if places[0] == 0 => 1.0,
            Source::Cuts { .. } => 0.0,
        }
    }
}

/// How likely two words share a phonetic code, by the step of their likeness. Set by judgement, not
/// measured: they only bend what is expected before any pair is seen.
const WORDS_AGREE: [f64; NAME_CUTS.len() + 2] = [0.95, 0.8, 0.5, 0.2, DIFFERENT_WORDS_AGREE, 0.2];
/// How likely two different words share one.
const DIFFERENT_WORDS_AGREE: f64 = 0.02;
/// How likely the months of two dates of one year agree where no more than that is known of both:
/// in many of them the month is not known at all. Set by judgement.
const MONTH_UNSEEN: f64 = 0.2;

fn like_words(place: u16, axis: u16) -> f64 {
    let last = WORDS_AGREE.len() - 2;
    let step = if place + 1 == axis {
        last
    } else {
        usize::from(place).min(last)
    };
    WORDS_AGREE[step]
}

/// The fields of a name are given name, surname and the whole name, in this order.
fn names_agree(asked: &Asked, places: &[u16]) -> f64 {
    let [given, surname] = [places[1], places[2]].map(|place| WORDS_AGREE[usize::from(place)]);
    match (asked.field, asked.form) {
        (0, _) => given,
        (1, _) => surname,
        (_, BlockForm::AnyCode | BlockForm::Code) => 1.0 - (1.0 - given) * (1.0 - surname),
        _ => given * surname,
    }
}

fn date_agrees(form: BlockForm, level: usize) -> f64 {
    let agreeing: &[usize] = match form {
        BlockForm::Year => &[0, 1, 2, 3, 6, 7],
        BlockForm::NearYear => &[0, 1, 2, 3, 4, 6, 7, 8, 9],
        BlockForm::MonthDay => &[0, 4, 5],
        BlockForm::YearMonth => &[0, 2],
        _ => &[0],
    };
    match (agreeing.contains(&level), form, level) {
        (true, ..) => 1.0,
        (false, BlockForm::YearMonth, 6) => MONTH_UNSEEN,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(field: usize, form: BlockForm) -> Asked {
        Asked { field, form }
    }

    #[test]
    fn a_name_is_held_to_the_part_that_is_asked_for() {
        // Straight, the same given name, another surname, whole name unknown.
        let places = [0, 0, NAME_CUTS.len() as u16, NAME_CUTS.len() as u16 + 1];
        let of = |field, form| names_agree(&asked(field, form), &places);
        assert!(of(0, BlockForm::Code) > 0.9 && of(1, BlockForm::Code) < 0.1);
        assert!(of(2, BlockForm::AnyCode) > 0.9 && of(2, BlockForm::CodePair) < 0.1);
    }

    #[test]
    fn a_date_agrees_in_what_its_level_says() {
        assert!([0, 4, 5].map(|level| date_agrees(BlockForm::MonthDay, level)) == [1.0; 3]);
        assert!(date_agrees(BlockForm::Value, 2) == 0.0);
        assert!(date_agrees(BlockForm::NearYear, 9) == 1.0);
        assert!(date_agrees(BlockForm::Year, 9) == 0.0);
    }
}
