//! Civil registration and vital statistics: one row for each birth and death, one for each party of a marriage.

use super::culture::Culture;
use super::date::{Date, REFERENCE};
use super::entry::Entry;
use super::errors::Clerk;
use super::numbering::Numbering;
use super::people::PersonIx;
use super::rates::Office;
use super::rng::Rng;
use super::sources::Sources;
use super::spelling;
use super::table::Table;
use super::truth::Truth;

const COLUMNS: [&str; 24] = [
    "record_id",
    "registration_number",
    "event_type",
    "registration_date",
    "event_date",
    "uin",
    "given_name",
    "second_name",
    "surname",
    "suffix",
    "sex",
    "birth_date",
    "birth_place",
    "death_date",
    "marital_status",
    "father_name",
    "mother_name",
    "parent1_uin",
    "address_line1",
    "locality",
    "sub_region_code",
    "region_code",
    "postal_code",
    "phone_number",
];

/// Share of births that are registered, by the decade of birth from the 1930s on.
const BIRTHS_COVERED: [f64; 10] = [0.02, 0.12, 0.33, 0.38, 0.50, 0.58, 0.67, 0.79, 0.92, 0.93];
const DEATHS_SINCE: i32 = 1986;
const MARRIAGES_SINCE: i32 = 1968;
const PHONES_SINCE: i32 = 2008;

/// Days from an event to its registration, in equally likely steps.
const BIRTH_DELAYS: [i32; 11] = [1, 9, 16, 25, 36, 49, 65, 88, 125, 225, 1_000];
const OTHER_DELAYS: [i32; 11] = [1, 2, 4, 5, 7, 10, 13, 17, 23, 34, 90];

/// The three kinds of events.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Event {
    Birth,
    Death,
    Marriage,
}

impl Event {
    fn word(self) -> &'static str {
        match self {
            Self::Birth => "birth",
            Self::Death => "death",
            Self::Marriage => "marriage",
        }
    }

    fn letter(self) -> char {
        match self {
            Self::Birth => 'B',
            Self::Death => 'D',
            Self::Marriage => 'M',
        }
    }
}

/// An event that was registered.
struct Registration {
    event: Event,
    day: Date,
    registered: Date,
    number: String,
}

struct Registrar<'a> {
    sources: &'a Sources<'a>,
    clerk: Clerk<'a>,
    rng: Rng,
    record_ids: Numbering,
    registrations: Numbering,
    registered: u64,
    table: Table,
}

/// Registers what happened to everyone.
pub(super) fn record(sources: &Sources<'_>, truth: &mut Truth) -> Table {
    let seed = sources.seed;
    let mut registrar = Registrar {
        sources,
        clerk: Clerk::new(Office::Crvs, sources.level, seed, sources.spellings),
        rng: Rng::for_job(seed, "crvs"),
        record_ids: Numbering::with_digits(seed, "crvs record", 9),
        registrations: Numbering::with_digits(seed, "registration", 8),
        registered: 0,
        table: Table::new(&COLUMNS),
    };
    for position in sources.everyone() {
        registrar.birth(position, truth);
        registrar.marriage(position, truth);
        registrar.death(position, truth);
    }
    registrar.table
}

impl Registrar<'_> {
    fn birth(&mut self, position: PersonIx, truth: &mut Truth) {
        let born = self.sources.population.person(position).born;
        let decade = ((born.year() - 1930).max(0) / 10) as usize;
        let covered = BIRTHS_COVERED[decade.min(BIRTHS_COVERED.len() - 1)];
        let mut delay = self.rng.quantile(&BIRTH_DELAYS);
        if self.rng.chance(0.04) {
            delay += self.rng.between(365, 12 * 365);
        }
        if self.rng.chance(covered)
            && let Some(registration) = self.register(Event::Birth, born, delay)
        {
            self.write(position, &registration, truth);
        }
    }

    fn death(&mut self, position: PersonIx, truth: &mut Truth) {
        let Some(died) = self.sources.population.person(position).died else {
            return;
        };
        let delay = self.rng.quantile(&OTHER_DELAYS);
        if died.year() >= DEATHS_SINCE
            && self.rng.chance(0.66)
            && let Some(registration) = self.register(Event::Death, died, delay)
        {
            self.write(position, &registration, truth);
        }
    }

    /// Both parties, once: when the first of the two comes up.
    fn marriage(&mut self, position: PersonIx, truth: &mut Truth) {
        let person = self.sources.population.person(position);
        let Some(marriage) = &person.marriage else {
            return;
        };
        let first_of_two = position < marriage.spouse;
        if !first_of_two || marriage.on.year() < MARRIAGES_SINCE || !self.rng.chance(0.64) {
            return;
        }
        let delay = self.rng.quantile(&OTHER_DELAYS);
        if let Some(registration) = self.register(Event::Marriage, marriage.on, delay) {
            for party in [position, marriage.spouse] {
                self.write(party, &registration, truth);
            }
        }
    }

    /// Opens a registration; none if it would fall after the reference date.
    fn register(&mut self, event: Event, day: Date, delay: i32) -> Option<Registration> {
        let registered = day.plus_days(delay);
        if registered >= REFERENCE {
            return None;
        }
        let number = self.registrations.number(self.registered);
        self.registered += 1;
        let number = format!("{}/{}/{number}", event.letter(), registered.year());
        Some(Registration {
            event,
            day,
            registered,
            number,
        })
    }

    fn write(&mut self, position: PersonIx, registration: &Registration, truth: &mut Truth) {
        let (entry, flag) = self.entry(position, registration);
        let record = format!("C{}", self.record_ids.number(self.table.len() as u64));
        let person = self.sources.population.person_id(position);
        truth.note(
            "CRVS",
            &record,
            &person,
            &[registration.event.word(), flag],
            &entry,
        );
        self.push(&record, position, registration, &entry);
    }

    /// What is written of the person, and a flag if it is out of the ordinary.
    fn entry(&mut self, position: PersonIx, registration: &Registration) -> (Entry, &'static str) {
        // The parties of a marriage sign with the names they came with; a death is recorded as of the day before.
        let as_of = match registration.event {
            Event::Birth => registration.day,
            Event::Death | Event::Marriage => registration.day.plus_days(-1),
        };
        let mut entry = Entry::of(self.sources.population, position, as_of);
        entry.recorded = registration.registered;
        let known = self.sources.uin_on(position, registration.registered);
        entry.uin = known.filter(|_| self.rng.chance(0.6)).unwrap_or_default();
        if registration.registered.year() < PHONES_SINCE || self.rng.chance(0.4) {
            entry.phone.clear();
        }
        let unnamed = registration.event == Event::Birth && self.rng.chance(0.013);
        if unnamed {
            "Baby".clone_into(&mut entry.given);
            entry.second.clear();
        }
        let in_arabic = entry.culture == Culture::Arabic
            && registration.event == Event::Birth
            && self.rng.chance(0.02);
        self.clerk.write(&mut entry);
        if in_arabic {
            write_in_arabic(&mut entry);
        }
        (entry, if unnamed { "unnamed" } else { "" })
    }

    fn push(
        &mut self,
        record: &str,
        position: PersonIx,
        registration: &Registration,
        entry: &Entry,
    ) {
        let population = self.sources.population;
        let place = population.map.place(entry.place);
        let death = if registration.event == Event::Death {
            registration.day.to_string()
        } else {
            String::new()
        };
        let marital_status = self.marital_status(position, registration);
        let mothers_uin = self.mothers_uin(position, registration);
        self.table.push([
            record,
            &registration.number,
            registration.event.word(),
            &registration.registered.to_string(),
            &registration.day.to_string(),
            &entry.uin,
            &entry.given,
            &entry.second,
            &entry.surname,
            entry.suffix,
            entry.sex.map_or("", super::names::Sex::word),
            &entry.birth.written(|day| day.to_string()),
            &entry.birth_place,
            &death,
            marital_status,
            &entry.father,
            &entry.mother,
            &mothers_uin,
            &entry.address,
            &entry.locality,
            &place.sub_region,
            &place.region,
            &place.postal_code,
            &entry.phone,
        ]);
    }

    fn marital_status(&self, position: PersonIx, registration: &Registration) -> &'static str {
        match registration.event {
            Event::Birth => "",
            Event::Marriage => "married",
            Event::Death => self
                .sources
                .population
                .marital_status(position, registration.day)
                .word(),
        }
    }

    /// The mother's number, on births since numbers are known.
    fn mothers_uin(&mut self, position: PersonIx, registration: &Registration) -> String {
        let mother = self.sources.population.person(position).mother;
        let known = mother.and_then(|mother| self.sources.uin_on(mother, registration.registered));
        let asked = registration.event == Event::Birth && self.rng.chance(0.75);
        known.filter(|_| asked).unwrap_or_default()
    }
}

fn write_in_arabic(entry: &mut Entry) {
    for name in [&mut entry.given, &mut entry.second, &mut entry.surname] {
        *name = spelling::in_arabic(name);
    }
    entry.errors.push("arabic_script");
}
