//! The five programmes that pay benefits, and whom each means to reach.

use super::date::{Date, REFERENCE};
use super::names::Sex;
use super::people::{Person, PersonIx};
use super::rng::Rng;
use super::sources::Sources;
use super::sr::POOR;

/// One programme.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Programme {
    OldAge,
    ChildGrant,
    Disability,
    PublicWorks,
    SchoolStipend,
}

/// When the first benefits were paid.
const BEGIN: (i32, i32, i32) = (2014, 6, 1);

impl Programme {
    pub(super) const ALL: [Self; 5] = [
        Self::OldAge,
        Self::ChildGrant,
        Self::Disability,
        Self::PublicWorks,
        Self::SchoolStipend,
    ];

    /// Identifier, name and benefit per month.
    pub(super) fn terms(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::OldAge => ("OAP01", "Old Age Pension", "40.00"),
            Self::ChildGrant => ("CCT02", "Child Grant", "25.00"),
            Self::Disability => ("DIS03", "Disability Allowance", "35.00"),
            Self::PublicWorks => ("PWP04", "Public Works", "60.00"),
            Self::SchoolStipend => ("SCH05", "School Stipend", "15.00"),
        }
    }

    /// The ages at which one can enrol.
    fn ages(self) -> (i32, i32) {
        match self {
            Self::OldAge => (60, 90),
            Self::ChildGrant => (18, 47),
            Self::Disability => (2, 90),
            Self::PublicWorks => (18, 55),
            Self::SchoolStipend => (7, 17),
        }
    }

    /// How wealthy a dwelling may be, and how likely someone in it who could have the benefit gets it.
    fn reach(self) -> (i32, f64) {
        match self {
            Self::OldAge => (650, 0.55),
            Self::ChildGrant => (POOR, 0.62),
            Self::Disability => (700, 0.60),
            Self::PublicWorks => (POOR, 0.27),
            Self::SchoolStipend => (POOR, 0.32),
        }
    }

    fn suits(self, person: &Person, is_mother: bool) -> bool {
        match self {
            Self::ChildGrant => person.sex == Sex::Female && is_mother,
            Self::Disability => person.disabled,
            _ => true,
        }
    }

    /// The ages someone of this programme may have at enrolment, for those who do not exist.
    pub(super) fn likely_birth(self, enrolled: Date, rng: &mut Rng) -> Date {
        let (youngest, oldest) = self.ages();
        enrolled
            .plus_years(-rng.between(youngest, oldest.min(75)))
            .plus_days(-rng.between(1, 300))
    }

    /// The day the person enrols; none if not meant or not reached.
    pub(super) fn enrolment(
        self,
        sources: &Sources<'_>,
        position: PersonIx,
        is_mother: bool,
        rng: &mut Rng,
    ) -> Option<Date> {
        let person = sources.population.person(position);
        let (richest, odds) = self.reach();
        if !self.suits(person, is_mother) || !rng.chance(odds) {
            return None;
        }
        let (youngest, oldest) = self.ages();
        let (year, month, day) = BEGIN;
        let opens = Date::of(year, month, day).max(person.born.plus_years(youngest));
        let closes = person
            .born
            .plus_years(oldest)
            .min(REFERENCE.plus_days(-15))
            .min(person.died.unwrap_or(REFERENCE));
        let days = closes.days_since(opens);
        if days <= 0 {
            return None;
        }
        let enrolled = opens.plus_days(rng.between(0, days - 1));
        let dwelling = sources.population.dwelling_of(position, enrolled)?;
        let wealth = sources.population.dwellings[dwelling as usize].wealth;
        (wealth < richest).then_some(enrolled)
    }
}
