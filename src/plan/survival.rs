//! How likely two records of one person agree in a component, when nobody knows who is who.
//!
//! The numbers are priors: what registries of many countries do to names, dates and places, set on
//! synthetic countries and checked on others. A made-up true pair is a set of independent events
//! (this word of the name was written the same, the month is right, the person has not moved); a
//! component agrees when its events do, so that forms of one field fail together as they do on data.
//! Errors cluster: of some pairs one record is far worse than the rest, and all events of such a
//! pair are less likely at once.

use model::schema::{BlockComponent, BlockForm, Field, FieldKind};

use super::candidate::{Components, SELF};
use super::shape::{DAY, MONTH, YEAR};

/// The share of true pairs of which one record is far worse than the rest.
const POOR: f64 = 0.15;

/// The probability of an event in a usual pair and in a poor one.
#[derive(Clone, Copy)]
struct Prior {
    usual: f64,
    poor: f64,
}

const fn prior(usual: f64, poor: f64) -> Prior {
    Prior { usual, poor }
}

/// A word of the name has the same phonetic code: the first, the last, one between.
const FIRST_WORD: Prior = prior(0.93, 0.55);
const LAST_WORD: Prior = prior(0.88, 0.50);
const OTHER_WORD: Prior = prior(0.88, 0.55);
/// The same of another person's name, which is told rather than read from a paper.
const TOLD_WORD: Prior = prior(0.93, 0.75);
/// A word with one code is also spelt the same.
const SPELT: Prior = prior(0.85, 0.60);
const PLACE_SPELT: Prior = prior(0.95, 0.75);
/// The words stand in the same order: given name first, or in its own column.
const ORDER: Prior = prior(0.97, 0.80);
/// The parts of a date, where both records have a whole one.
const SAME_YEAR: Prior = prior(0.985, 0.85);
const SAME_MONTH: Prior = prior(0.99, 0.88);
const SAME_DAY: Prior = prior(0.99, 0.84);
/// Day and month are not exchanged.
const PARTS_IN_PLACE: Prior = prior(0.99, 0.93);
/// The year, where one record has no more than it: an estimate, or reckoned from an age.
const SAME_LONE_YEAR: Prior = prior(0.55, 0.45);
/// A wrong year is off by one.
const NEAR: Prior = prior(0.60, 0.45);
/// The person still lives in the unit: the outermost, the one in it, any finer one, the address.
const STAYS: [f64; 4] = [0.84, 0.80, 0.77, 0.65];
/// A place written by name has the same code, or the same spelling.
const PLACE_CODE: Prior = prior(0.98, 0.88);
const ADDRESS: Prior = prior(0.80, 0.50);
const SAME_CODE: Prior = prior(0.99, 0.96);
const SAME_PHONE: Prior = prior(0.70, 0.55);
const SAME_IDENTIFIER: Prior = prior(0.93, 0.85);

/// What an event is about, so that each has a number of its own.
#[derive(Clone, Copy)]
#[repr(u64)]
enum About {
    Quality,
    Word,
    Spelling,
    Order,
    Year,
    Near,
    Month,
    Day,
    Home,
    Written,
}

/// A made-up pair of records of one person.
pub(super) struct TruePair<'a> {
    components: &'a Components,
    left: &'a [u8],
    right: &'a [u8],
    draw: u64,
    is_poor: bool,
}

impl<'a> TruePair<'a> {
    /// The pair of this number, whose records have these shapes.
    pub(super) fn new(
        components: &'a Components,
        (left, right): (&'a [u8], &'a [u8]),
        draw: u64,
    ) -> Self {
        let is_poor = uniform(draw, About::Quality, 0, 0) < POOR;
        Self {
            components,
            left,
            right,
            draw,
            is_poor,
        }
    }

    /// Whether the two records agree in `component`.
    pub(super) fn agrees(&self, component: BlockComponent) -> bool {
        let BlockComponent { field, form } = component;
        let (left, right) = (self.left[field], self.right[field]);
        if left == 0 || right == 0 {
            return false;
        }
        match self.components.owner(field) {
            Some(owner) => self.name(owner, field, form),
            None if self.field(field).kind == FieldKind::Date => {
                self.date(field, form, left & right)
            }
            None => self.other(field, form),
        }
    }

    fn field(&self, field: usize) -> &Field {
        &self.components.fields()[field]
    }

    fn name(&self, owner: usize, field: usize, form: BlockForm) -> bool {
        let (left, right) = (self.left[field], self.right[field]);
        let words = usize::from(left.min(right));
        let kind = self.field(field).kind;
        let mut same = (0..words).map(|word| self.word(owner, place_of(kind, word)));
        let in_order = || kind == FieldKind::FullName || self.holds(ORDER, About::Order, owner, 0);
        match form {
            BlockForm::AnyCode => same.any(|same| same) && in_order(),
            BlockForm::CodePair => same.filter(|same| *same).count() > 1 && in_order(),
            BlockForm::Code => {
                same.next() == Some(true) && self.holds(ORDER, About::Order, owner, 0)
            }
            _ => left == right && same.all(|same| same) && in_order() && self.spelt(owner, words),
        }
    }

    fn word(&self, owner: usize, place: usize) -> bool {
        let prior = match place {
            _ if owner != SELF && self.components.has_own_name() => TOLD_WORD,
            0 => FIRST_WORD,
            1 => LAST_WORD,
            _ => OTHER_WORD,
        };
        self.holds(prior, About::Word, owner, place)
    }

    fn spelt(&self, owner: usize, words: usize) -> bool {
        (0..words).all(|word| self.holds(SPELT, About::Spelling, owner, word))
    }

    fn date(&self, field: usize, form: BlockForm, known: u8) -> bool {
        let whole = YEAR | MONTH | DAY;
        let is_lone = self.left[field] == YEAR || self.right[field] == YEAR;
        let year = |near: bool| {
            let prior = if is_lone { SAME_LONE_YEAR } else { SAME_YEAR };
            known & YEAR != 0
                && (self.holds(prior, About::Year, field, 0)
                    || near && self.holds(NEAR, About::Near, field, 0))
        };
        let in_place = || self.holds(PARTS_IN_PLACE, About::Order, field, 0);
        let month =
            || known & MONTH != 0 && self.holds(SAME_MONTH, About::Month, field, 0) && in_place();
        let day = || known & DAY != 0 && self.holds(SAME_DAY, About::Day, field, 0) && in_place();
        match form {
            BlockForm::Year => year(false),
            BlockForm::NearYear => year(true),
            BlockForm::MonthDay => month() && day(),
            BlockForm::YearMonth => year(false) && month(),
            _ => known == whole && year(false) && month() && day(),
        }
    }

    fn other(&self, field: usize, form: BlockForm) -> bool {
        let prior = match self.field(field).kind {
            FieldKind::Place => PLACE_CODE,
            FieldKind::Address => ADDRESS,
            FieldKind::Phone => SAME_PHONE,
            FieldKind::Identifier => SAME_IDENTIFIER,
            _ => SAME_CODE,
        };
        let spelt = form == BlockForm::Code
            || self.field(field).kind != FieldKind::Place
            || self.holds(PLACE_SPELT, About::Spelling, field, 0);
        self.stays(field) && spelt && self.holds(prior, About::Written, field, 0)
    }

    /// Whether the person lives in the same unit still. One move leaves all finer units at once.
    fn stays(&self, field: usize) -> bool {
        match self.components.depth(field) {
            Some(depth) => {
                uniform(self.draw, About::Home, 0, 0) < STAYS[depth.min(STAYS.len() - 1)]
            }
            None => true,
        }
    }

    fn holds(&self, prior: Prior, about: About, of: usize, place: usize) -> bool {
        let chance = if self.is_poor {
            prior.poor
        } else {
            prior.usual
        };
        uniform(self.draw, about, of, place) < chance
    }
}

/// The place in the whole name of a word of this kind of field: the first word 0, the last word 1.
fn place_of(kind: FieldKind, word: usize) -> usize {
    match (kind, word) {
        (FieldKind::GivenName, 0) => 0,
        (FieldKind::GivenName, more) => 1 + more,
        (FieldKind::Surname, 0) => 1,
        (FieldKind::Surname, more) => 10 + more,
        (_, word) => word,
    }
}

/// A number in [0, 1) that depends on the event alone.
fn uniform(draw: u64, about: About, of: usize, place: usize) -> f64 {
    let event = (about as u64) << 48 ^ (of as u64 & 0xffff) << 16 ^ place as u64;
    let hash = scrambled(scrambled(draw) ^ event);
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

/// SplitMix64 (Steele, Lea and Flood, 2014).
pub(super) fn scrambled(mut state: u64) -> u64 {
    state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::schema;

    const WHOLE: u8 = YEAR | MONTH | DAY;

    fn share(left: &[u8], right: &[u8], texts: &[&str]) -> f64 {
        let components = Components::of(&schema());
        let places: Vec<usize> = (0..components.list().len())
            .filter(|place| texts.contains(&components.text(*place).as_str()))
            .collect();
        let agree = |draw: &u64| {
            let pair = TruePair::new(&components, (left, right), scrambled(*draw));
            places
                .iter()
                .all(|place| pair.agrees(components.list()[*place]))
        };
        (0..20_000).filter(agree).count() as f64 / 20_000.0
    }

    /// Fields of the test schema: given, surname, name, born, sex, district, region, phone.
    const FULL: [u8; 8] = [1, 1, 2, WHOLE, 1, 1, 1, 1];

    #[test]
    fn what_is_missing_never_agrees() {
        let mut without = FULL;
        without[7] = 0;
        assert_eq!(share(&FULL, &without, &["phone"]), 0.0);
        without[3] = YEAR;
        assert_eq!(share(&FULL, &without, &["born"]), 0.0);
        assert!(share(&FULL, &without, &["born.year"]) > 0.0);
    }

    #[test]
    fn a_field_agrees_as_often_as_its_prior_says() {
        let mean = (1.0 - POOR) * SAME_PHONE.usual + POOR * SAME_PHONE.poor;
        assert!((share(&FULL, &FULL, &["phone"]) - mean).abs() < 0.01);
    }

    #[test]
    fn forms_of_one_field_fail_together() {
        let both = share(&FULL, &FULL, &["born", "born.month-day"]);
        assert_eq!(both, share(&FULL, &FULL, &["born"]));
        assert!(share(&FULL, &FULL, &["born.month-day"]) > both);
        let pair = share(&FULL, &FULL, &["name.code-pair"]);
        assert_eq!(
            pair,
            share(&FULL, &FULL, &["name.code-pair", "name.any-code"])
        );
        let region = share(&FULL, &FULL, &["region"]);
        assert!(share(&FULL, &FULL, &["district", "region"]) > 0.9 * region * region);
    }

    #[test]
    fn errors_cluster() {
        let both = share(&FULL, &FULL, &["given.code", "born"]);
        let apart = share(&FULL, &FULL, &["given.code"]) * share(&FULL, &FULL, &["born"]);
        assert!(both > apart, "{both} {apart}");
    }
}
