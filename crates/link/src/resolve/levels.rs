//! From mean grades to comparison levels: each variable of the model is one graded outcome.
//!
//! Values that hang together are one variable, so that the model counts their evidence once: given
//! name, surname and full name; the parts of a date; a place and the units it lies in.

use model::Layout;
use model::layout::Comparator;
use model::schema::{FieldKind, LinkageSchema};

use super::join::FINENESS;
use crate::comparison::{GRADES, MISSING};

/// The level of a variable of which nothing is known for a pair.
pub(super) const UNKNOWN: u16 = u16::MAX;

/// Mean grades a similarity is cut at, best first, in hundredths of Dice.
pub(super) const NAME_CUTS: [u8; 4] = [92, 78, 60, 40];
static OF_NAMES: Steps = Steps::of(&NAME_CUTS, NAME_CUTS.len() as u16 + 1);
static OF_WHOLES: Steps = Steps::of(&[88, 72, 55, 38], UNKNOWN);
static OF_NUMBERS: Steps = Steps::of(&[92, 60], UNKNOWN);
static OF_SINGLES: Steps = Steps::of(&[SAME], UNKNOWN);
/// A single token is there or not; half way between lies the cut.
const SAME: u8 = 66;
/// Years that differ by one share half of their tokens.
const SAME_YEAR: u8 = 84;
const NEAR_YEAR: u8 = 48;
/// How much better the crosswise reading of given name and surname must be to count.
const CROSS_MARGIN: u8 = 25;

/// What a variable is made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Names {
        given: usize,
        surname: usize,
        given_surname: usize,
        surname_given: usize,
        full: Option<usize>,
    },
    Date {
        year: usize,
        month: usize,
        day: usize,
        month_day: usize,
        day_month: usize,
    },
    Within(Vec<usize>),
    Cuts {
        slot: usize,
        steps: &'static Steps,
        /// Whether the value is a person's own rather than a household's.
        personal: bool,
    },
}

/// One graded outcome of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variable {
    /// The field or fields it speaks of, for people.
    pub(super) name: String,
    /// Its levels fall into this grid; the product is the number of levels. A joint variable has one
    /// axis for each of its parts.
    pub(super) axes: Vec<u16>,
    pub(super) source: Source,
    /// By level: its place on each axis.
    places: Vec<u16>,
    /// By level: [`Self::unknown_axes`].
    unknown: Vec<u32>,
}

/// The variables of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variables(pub(super) Vec<Variable>);

impl Variables {
    /// The variables of comparisons laid out by `layout`.
    pub(super) fn of(schema: &LinkageSchema, layout: &Layout) -> Self {
        let has_names = layout
            .comparators
            .iter()
            .any(|c| matches!(c, Comparator::Names { .. }));
        let full = has_names.then(|| own_name_slot(schema, layout)).flatten();
        let variables = layout
            .comparators
            .iter()
            .filter_map(|comparator| match comparator {
                Comparator::Whole { slot, .. } if full == Some(*slot) => None,
                other => Some(variable(schema, other, full)),
            });
        Self(variables.collect())
    }

    /// The level of each variable, in order.
    pub(super) fn levels<'a>(&'a self, grades: &'a [u8]) -> impl Iterator<Item = u16> + 'a {
        self.0.iter().map(|variable| variable.level(grades))
    }

    /// How many variables there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The slot that compares the person's own whole name.
fn own_name_slot(schema: &LinkageSchema, layout: &Layout) -> Option<usize> {
    let own = schema.own_name()?;
    let of_own = |comparator: &Comparator| match comparator {
        Comparator::Whole { field, slot, .. } if *field == own => Some(*slot),
        _ => None,
    };
    layout.comparators.iter().find_map(of_own)
}

fn variable(schema: &LinkageSchema, comparator: &Comparator, full: Option<usize>) -> Variable {
    let named = |field: usize| schema.fields[field].name.to_string();
    match comparator {
        Comparator::Names {
            given,
            surname,
            given_surname,
            surname_given,
        } => {
            let source = Source::Names {
                given: *given,
                surname: *surname,
                given_surname: *given_surname,
                surname_given: *surname_given,
                full,
            };
            let steps = NAME_CUTS.len() as u16 + 2;
            Variable::new("names".to_owned(), vec![2, steps, steps, steps], source)
        }
        Comparator::Date {
            field,
            year,
            month,
            day,
            month_day,
            day_month,
        } => {
            let source = Source::Date {
                year: *year,
                month: *month,
                day: *day,
                month_day: *month_day,
                day_month: *day_month,
            };
            Variable::new(named(*field), vec![DATE_LEVELS], source)
        }
        Comparator::Within { field, slots } => {
            let axes = vec![slots.len() as u16 + 1];
            Variable::new(named(*field), axes, Source::Within(slots.clone()))
        }
        Comparator::Whole { field, kind, slot } => {
            let steps = steps(*kind);
            let source = Source::Cuts {
                slot: *slot,
                steps,
                personal: matches!(kind, FieldKind::Sex | FieldKind::Identifier),
            };
            Variable::new(named(*field), vec![steps.cuts.len() as u16 + 1], source)
        }
    }
}

fn steps(kind: FieldKind) -> &'static Steps {
    match kind {
        FieldKind::Sex | FieldKind::Code => &OF_SINGLES,
        FieldKind::Phone | FieldKind::Identifier => &OF_NUMBERS,
        _ => &OF_WHOLES,
    }
}

impl Variable {
    fn new(name: String, axes: Vec<u16>, source: Source) -> Self {
        let all = axes.iter().map(|axis| usize::from(*axis)).product();
        let mut places = vec![0; all * axes.len()];
        for (level, places) in places.chunks_exact_mut(axes.len()).enumerate() {
            let mut rest = level;
            for (place, axis) in places.iter_mut().zip(&axes).rev() {
                *place = (rest % usize::from(*axis)) as u16;
                rest /= usize::from(*axis);
            }
        }
        let unknown = |places: &[u16]| {
            (1..places.len())
                .filter(|axis| places[*axis] + 1 == axes[*axis])
                .fold(0, |unknown, axis| unknown | 1 << axis)
        };
        let unknown = match &source {
            Source::Names { .. } => places.chunks_exact(axes.len()).map(unknown).collect(),
            _ => vec![0; all],
        };
        Self {
            name,
            axes,
            source,
            places,
            unknown,
        }
    }

    fn level(&self, grades: &[u8]) -> u16 {
        match &self.source {
            Source::Names {
                given,
                surname,
                given_surname,
                surname_given,
                full,
            } => {
                let cross = [grades[*given_surname], grades[*surname_given]];
                let full = full.map_or(MISSING, |full| grades[full]);
                names_level([grades[*given], grades[*surname]], cross, full)
            }
            Source::Date {
                year,
                month,
                day,
                month_day,
                day_month,
            } => date_level(
                grades[*year],
                [grades[*month], grades[*day]],
                [grades[*month_day], grades[*day_month]],
            ),
            Source::Within(slots) => within_level(grades, slots),
            Source::Cuts { slot, steps, .. } => steps.step(grades[*slot]),
        }
    }

    /// What two people born together are expected to differ in: names, and whatever else is a
    /// person's own but for the date of birth.
    pub(super) fn parts_twins(&self) -> bool {
        matches!(
            self.source,
            Source::Names { .. } | Source::Cuts { personal: true, .. }
        )
    }

    /// Whether names or a date disagree beyond recognition at `level`.
    pub(super) fn disagrees(&self, level: usize) -> bool {
        let places = self.places(level);
        match &self.source {
            Source::Names { .. } => {
                let unknown = self.axes[1] - 1;
                let [_, given, _, full] = *places else {
                    return false;
                };
                let name = if given == unknown { full } else { given };
                name + 1 == unknown
            }
            Source::Date { .. } => DATE_AGREEMENT[level] <= NEAR_YEAR_ALONE,
            _ => false,
        }
    }

    /// The fields of the schema it is made from, in the order of its parts.
    pub(super) fn fields(&self, layout: &Layout) -> Vec<usize> {
        let slots = match &self.source {
            Source::Names {
                given,
                surname,
                full,
                ..
            } => [*given, *surname].into_iter().chain(*full).collect(),
            Source::Date { year, .. } => vec![*year],
            Source::Within(slots) => slots.clone(),
            Source::Cuts { slot, .. } => vec![*slot],
        };
        let field = |slot: &usize| layout.parts[layout.slots[*slot].left].field;
        slots.iter().map(field).collect()
    }

    /// Whether this is a person's names.
    pub(super) fn is_names(&self) -> bool {
        matches!(self.source, Source::Names { .. })
    }

    /// Whether this is a date.
    pub(super) fn is_date(&self) -> bool {
        matches!(self.source, Source::Date { .. })
    }

    /// How many levels the variable has.
    pub(super) fn level_count(&self) -> usize {
        self.unknown.len()
    }

    /// Which of the joint variable's parts are unknown at `level`, by axis; levels are compared
    /// only with levels that know the same.
    pub(super) fn unknown_axes(&self, level: usize) -> u32 {
        self.unknown[level]
    }

    /// The place of `level` on each axis.
    pub(super) fn places(&self, level: usize) -> &[u16] {
        &self.places[level * self.axes.len()..][..self.axes.len()]
    }

    /// How well a pair agrees at `level`, 0 to 1, and whether a household shares the value: what
    /// the fit starts from.
    pub(super) fn prior_agreement(&self, level: usize) -> Agreement {
        let places = self.places(level);
        let fall = |place: u16, axis: u16| 1.0 - f64::from(place) / f64::from(axis - 1);
        match &self.source {
            Source::Names { .. } => {
                let steps = self.axes[1] - 1;
                let of = |place: u16| (place < steps).then(|| fall(place, steps));
                Agreement {
                    personal: of(places[1]),
                    shared: of(places[2]),
                }
            }
            Source::Date { .. } => Agreement {
                personal: Some(DATE_AGREEMENT[level]),
                shared: None,
            },
            Source::Within(_) => Agreement {
                personal: None,
                shared: Some(fall(places[0], self.axes[0])),
            },
            Source::Cuts { personal, .. } => {
                let agreement = Some(fall(places[0], self.axes[0]));
                let when = |wanted: bool| agreement.filter(|_| *personal == wanted);
                Agreement {
                    personal: when(true),
                    shared: when(false),
                }
            }
        }
    }
}

/// How well a pair agrees in what is a person's own and in what a household shares.
pub(super) struct Agreement {
    pub(super) personal: Option<f64>,
    pub(super) shared: Option<f64>,
}

/// Which cut every mean grade reaches: a look instead of comparisons whose outcome no processor foresees.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Steps {
    pub(super) cuts: &'static [u8],
    /// By mean grade: the first cut that it reaches, counted from 0, or the number of cuts.
    steps: [u16; 1 << u8::BITS],
}

impl Steps {
    /// The steps of `cuts`, best first; `unknown` is that of a grade that is missing.
    const fn of(cuts: &'static [u8], unknown: u16) -> Self {
        let mut steps = [0; 1 << u8::BITS];
        let mut grade = 0;
        while grade < steps.len() {
            let mut cut = 0;
            while cut < cuts.len() && !reaches(grade as u8, cuts[cut]) {
                cut += 1;
            }
            steps[grade] = cut as u16;
            grade += 1;
        }
        steps[MISSING as usize] = unknown;
        Self { cuts, steps }
    }

    fn step(&self, grade: u8) -> u16 {
        self.steps[usize::from(grade)]
    }
}

/// Whether a mean grade reaches `cut` hundredths of Dice.
const fn reaches(grade: u8, cut: u8) -> bool {
    grade as u32 * 100 >= cut as u32 * GRADES as u32 * FINENESS as u32
}

fn names_level(straight: [u8; 2], cross: [u8; 2], full: u8) -> u16 {
    let swapped = is_swapped(straight, cross);
    let [given, surname] = if swapped { cross } else { straight };
    if given == MISSING && surname == MISSING && full == MISSING {
        return UNKNOWN;
    }
    let unknown = NAME_CUTS.len() as u16 + 1;
    let axis = |grade| OF_NAMES.step(grade);
    let steps = unknown + 1;
    ((u16::from(swapped) * steps + axis(given)) * steps + axis(surname)) * steps + axis(full)
}

fn is_swapped(straight: [u8; 2], cross: [u8; 2]) -> bool {
    let known = |grades: [u8; 2]| !grades.contains(&MISSING);
    let sum = |grades: [u8; 2]| grades.iter().map(|grade| u32::from(*grade)).sum::<u32>();
    let margin = u32::from(CROSS_MARGIN) * 2 * u32::from(GRADES) * u32::from(FINENESS) / 100;
    known(straight) && known(cross) && sum(cross) > sum(straight) + margin
}

/// How many levels a date has.
pub(super) const DATE_LEVELS: u16 = 12;

/// How well a pair agrees at each level of a date.
const DATE_AGREEMENT: [f64; DATE_LEVELS as usize] =
    [1.0, 0.9, 0.8, 0.8, 0.7, 0.5, 0.6, 0.3, 0.4, 0.2, 0.1, 0.0];

/// A date agrees no better where nothing but a near year is the same.
const NEAR_YEAR_ALONE: f64 = 0.2;

/// Equal; day and month exchanged; year and month; year and day; month and day in near and in other
/// years; year alone known and equal; only the year equal; near year alone; near year; another year
/// alone; nothing equal.
fn date_level(year: u8, same: [u8; 2], cross: [u8; 2]) -> u16 {
    if year == MISSING {
        return UNKNOWN;
    }
    let (equal, near) = (reaches(year, SAME_YEAR), reaches(year, NEAR_YEAR));
    if same.contains(&MISSING) {
        return if equal {
            6
        } else if near {
            8
        } else {
            10
        };
    }
    let [month, day] = same.map(|grade| reaches(grade, SAME));
    let exchanged = cross
        .iter()
        .all(|grade| *grade != MISSING && reaches(*grade, SAME));
    match (equal, near, month, day) {
        (true, _, true, true) => 0,
        (true, ..) if exchanged => 1,
        (true, _, true, false) => 2,
        (true, _, false, true) => 3,
        (false, true, true, true) => 4,
        (false, false, true, true) => 5,
        (true, _, false, false) => 7,
        (false, true, ..) => 9,
        _ => 11,
    }
}

/// The finest unit in which the places agree.
fn within_level(grades: &[u8], slots: &[usize]) -> u16 {
    let known = |slot: &&usize| grades[**slot] != MISSING;
    if !slots.iter().any(|slot| known(&slot)) {
        return UNKNOWN;
    }
    let agrees = |slot: &usize| grades[*slot] != MISSING && reaches(grades[*slot], SAME);
    slots.iter().position(agrees).unwrap_or(slots.len()) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: u8 = GRADES * FINENESS as u8;

    #[test]
    fn a_step_is_the_first_cut_reached() {
        let step = |hundredths: u32| {
            let grade = (u32::from(FULL) * hundredths).div_ceil(100) as u8;
            (OF_NAMES.step(grade), OF_NUMBERS.step(grade))
        };
        assert_eq!([step(100), step(92)], [(0, 0); 2]);
        assert_eq!([step(90), step(78), step(76)], [(1, 1), (1, 1), (2, 1)]);
        assert_eq!([step(58), step(40)], [(3, 2); 2]);
        assert_eq!([step(38), step(0)], [(4, 2); 2]);
        assert_eq!(OF_NUMBERS.step(MISSING), UNKNOWN);
        assert_eq!(
            names_level([MISSING; 2], [MISSING; 2], FULL),
            (5 * 6 + 5) * 6
        );
    }

    #[test]
    fn dates_fall_into_their_levels() {
        let near = (u32::from(FULL) * 66 / 100) as u8;
        let cases = [
            ((FULL, [FULL, FULL], [0, 0]), 0),
            ((FULL, [0, 0], [FULL, FULL]), 1),
            ((FULL, [FULL, 0], [0, 0]), 2),
            ((FULL, [0, FULL], [0, 0]), 3),
            ((near, [FULL, FULL], [0, 0]), 4),
            ((0, [FULL, FULL], [0, 0]), 5),
            ((FULL, [MISSING, MISSING], [MISSING, MISSING]), 6),
            ((FULL, [0, 0], [0, 0]), 7),
            ((near, [MISSING, 0], [MISSING, MISSING]), 8),
            ((near, [FULL, 0], [0, 0]), 9),
            ((0, [MISSING, MISSING], [MISSING, MISSING]), 10),
            ((0, [0, 0], [0, 0]), 11),
            ((MISSING, [FULL, FULL], [0, 0]), UNKNOWN),
        ];
        for ((year, same, cross), level) in cases {
            assert_eq!(date_level(year, same, cross), level);
        }
    }

    #[test]
    fn swapped_names_are_seen_only_when_clearly_better() {
        assert!(is_swapped([0, 0], [FULL, FULL]));
        assert!(!is_swapped([FULL, FULL], [FULL, FULL]));
        assert!(!is_swapped([0, MISSING], [FULL, FULL]));
    }

    #[test]
    fn a_name_of_which_nothing_is_known_has_no_level() {
        assert_eq!(names_level([MISSING; 2], [MISSING; 2], MISSING), UNKNOWN);
        assert_ne!(names_level([MISSING; 2], [MISSING; 2], FULL), UNKNOWN);
    }

    #[test]
    fn the_finest_agreeing_unit_counts() {
        assert_eq!(within_level(&[FULL, FULL, FULL], &[0, 1, 2]), 0);
        assert_eq!(within_level(&[0, FULL, FULL], &[0, 1, 2]), 1);
        assert_eq!(within_level(&[MISSING, 0, FULL], &[0, 1, 2]), 2);
        assert_eq!(within_level(&[0, 0, 0], &[0, 1, 2]), 3);
        assert_eq!(within_level(&[MISSING; 3], &[0, 1, 2]), UNKNOWN);
    }
}
