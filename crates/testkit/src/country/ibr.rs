//! The registry of beneficiaries: enrolments in five programmes, with the frauds and failures such a registry has.

use super::culture::Culture;
use super::date::{Date, REFERENCE};
use super::entry::{BirthDate, Entry};
use super::errors::{CARELESS, Clerk};
use super::names::Sex;
use super::numbering::Numbering;
use super::people::{PersonIx, join};
use super::programmes::Programme;
use super::rates::Office;
use super::rng::Rng;
use super::sources::Sources;
use super::spelling::unmarked;
use super::table::Table;
use super::truth::Truth;

const COLUMNS: [&str; 16] = [
    "record_id",
    "name",
    "sex",
    "birth_date",
    "uin",
    "locality",
    "sub_region_code",
    "region_code",
    "phone_number",
    "account_number",
    "programme_identifier",
    "programme_name",
    "enrolment_date",
    "enrolment_status",
    "last_payment_date",
    "benefit_value",
];

/// What fits in the registry's field for a name.
const NAME_LENGTH: usize = 30;
/// Numbers that nobody has: invented for ghosts.
const INVENTED_NUMBERS: u64 = 70_000_000_000;
/// A payment this many days after a death is no longer a matter of the post.
const GRACE: i32 = 31;

struct Paymaster<'a> {
    sources: &'a Sources<'a>,
    clerk: Clerk<'a>,
    rng: Rng,
    record_ids: Numbering,
    accounts: Numbering,
    accounts_opened: u64,
    ghost_ids: Numbering,
    ghosts: u64,
    table: Table,
}

/// One enrolment, before it is written.
struct Enrolment {
    programme: Programme,
    day: Date,
    account: u64,
    last_payment: Date,
    active: bool,
}

/// Enrols the people, and some who are none.
pub(super) fn record(sources: &Sources<'_>, truth: &mut Truth) -> Table {
    let seed = sources.seed;
    let mut paymaster = Paymaster {
        sources,
        clerk: Clerk::new(Office::Ibr, sources.level, seed, sources.spellings),
        rng: Rng::for_job(seed, "ibr"),
        record_ids: Numbering::with_digits(seed, "ibr record", 9),
        accounts: Numbering::new(seed, "account", 0, 10_000_000_000),
        accounts_opened: 0,
        ghost_ids: Numbering::new(seed, "ghost", 0, 10_000_000),
        ghosts: 0,
        table: Table::new(&COLUMNS),
    };
    let mothers = mothers(sources);
    for position in sources.everyone() {
        paymaster.serve(position, mothers[position as usize], truth);
    }
    paymaster.table
}

/// For each person, whether she has a child.
fn mothers(sources: &Sources<'_>) -> Vec<bool> {
    let mut mothers = vec![false; sources.population.people.len()];
    for mother in sources
        .population
        .people
        .iter()
        .filter_map(|person| person.mother)
    {
        mothers[mother as usize] = true;
    }
    mothers
}

impl Paymaster<'_> {
    /// All enrolments of one person; and now and then a ghost beside them.
    fn serve(&mut self, position: PersonIx, is_mother: bool, truth: &mut Truth) {
        let account = self.open_account();
        for programme in Programme::ALL {
            let Some(day) = programme.enrolment(self.sources, position, is_mother, &mut self.rng)
            else {
                continue;
            };
            let enrolment = self.enrolment(
                programme,
                day,
                account,
                self.sources.population.person(position).died,
            );
            self.enrol(position, &enrolment, "", truth);
            let again = day.plus_days(self.rng.between(30, 1_200));
            if self.rng.chance(0.02)
                && again < REFERENCE.plus_days(-15)
                && self.sources.population.person(position).is_alive(again)
            {
                let other = self.open_account();
                let second = self.enrolment(
                    programme,
                    again,
                    other,
                    self.sources.population.person(position).died,
                );
                self.enrol(position, &second, "duplicate", truth);
            }
            if self.rng.chance(0.02) {
                self.invent(&enrolment, truth);
            }
        }
    }

    fn open_account(&mut self) -> u64 {
        self.accounts_opened += 1;
        self.accounts.number(self.accounts_opened)
    }

    /// How an enrolment goes on: mostly until now, sometimes closed, after a death often as if nothing had happened.
    fn enrolment(
        &mut self,
        programme: Programme,
        day: Date,
        account: u64,
        died: Option<Date>,
    ) -> Enrolment {
        let newest = REFERENCE.plus_days(-self.rng.between(1, 60)).max(day);
        let closed = day.plus_days(self.rng.quantile(&[30, 300, 800, 1_500, 3_000]));
        let closes = self.rng.chance(0.19);
        let mut last_payment = if closes { closed.min(newest) } else { newest };
        let overpaid = self.rng.chance(0.55);
        let overpayment = self.rng.quantile(&[25, 90, 250, 600, 1_500]);
        let tail = self.rng.between(0, 20);
        if let Some(died) = died {
            let end = if overpaid { overpayment } else { tail };
            last_payment = last_payment.min(died.plus_days(end)).max(day);
        }
        let active = REFERENCE.days_since(last_payment) <= 61;
        Enrolment {
            programme,
            day,
            account,
            last_payment,
            active,
        }
    }

    fn enrol(&mut self, position: PersonIx, enrolment: &Enrolment, flag: &str, truth: &mut Truth) {
        let population = self.sources.population;
        let person = population.person(position);
        let mut entry = Entry::of(population, position, enrolment.day);
        if self.rng.chance(0.6) {
            entry.use_usual_name(person.usual_given.as_ref());
        }
        self.ask_numbers(position, &mut entry);
        if flag.is_empty() {
            self.clerk.write(&mut entry);
        } else {
            // Whoever enrols twice does not show the number again, and gives particulars that differ.
            entry.uin.clear();
            self.clerk.write_with(&mut entry, CARELESS);
        }
        let paid_dead = person
            .died
            .is_some_and(|died| enrolment.last_payment.days_since(died) > GRACE);
        let flags = [flag, if paid_dead { "deceased_paid" } else { "" }];
        self.push(
            &population.person_id(position),
            enrolment,
            &flags,
            &entry,
            truth,
        );
    }

    /// Number and telephone are given by about half of those who have them.
    fn ask_numbers(&mut self, position: PersonIx, entry: &mut Entry) {
        let known = self.sources.uin_on(position, entry.recorded);
        entry.uin = known.filter(|_| self.rng.chance(0.45)).unwrap_or_default();
        if self.rng.chance(0.45) {
            entry.phone.clear();
        }
        entry.address.clear();
        entry.birth_place.clear();
        entry.father.clear();
        entry.mother.clear();
    }

    /// A beneficiary who does not exist, put in beside a true enrolment.
    fn invent(&mut self, beside: &Enrolment, truth: &mut Truth) {
        let culture = Culture::ALL[self.rng.weighted(&Culture::WEIGHTS)];
        let sex = if self.rng.chance(0.5) {
            Sex::Male
        } else {
            Sex::Female
        };
        let programme = *self.rng.pick(&Programme::ALL);
        let day = beside
            .day
            .plus_days(self.rng.between(0, 400))
            .min(REFERENCE.plus_days(-20));
        let (uin, stolen) = self.ghost_number();
        let mut entry = self.ghost_entry(culture, sex, programme, day);
        entry.uin = uin;
        self.clerk.write(&mut entry);
        let account = if self.rng.chance(0.3) {
            beside.account
        } else {
            self.open_account()
        };
        let enrolment = self.enrolment(programme, day, account, None);
        let ghost = format!("GHOST{:07}", self.ghost_ids.number(self.ghosts));
        self.ghosts += 1;
        self.push(
            &ghost,
            &enrolment,
            &["ghost", if stolen { "stolen_uin" } else { "" }],
            &entry,
            truth,
        );
    }

    /// A number that belongs to another, an invented one, or none; and whether it is stolen.
    fn ghost_number(&mut self) -> (String, bool) {
        let victim = self.rng.index(self.sources.population.people.len()) as PersonIx;
        let invented = self
            .sources
            .population
            .uins
            .uin(INVENTED_NUMBERS + self.ghosts);
        match self.rng.weighted(&[12, 20, 68]) {
            0 => (self.sources.population.uin(victim), true),
            1 => (invented, false),
            _ => (String::new(), false),
        }
    }

    fn ghost_entry(
        &mut self,
        culture: Culture,
        sex: Sex,
        programme: Programme,
        day: Date,
    ) -> Entry {
        let place = self.sources.population.map.home_of(culture, &mut self.rng);
        let phone = self
            .sources
            .population
            .phones
            .number(2 * INVENTED_NUMBERS + self.ghosts);
        Entry {
            culture,
            given: self
                .sources
                .book
                .given(culture, sex, &mut self.rng)
                .to_owned(),
            second: String::new(),
            surname: self.sources.book.surname(culture, &mut self.rng).to_owned(),
            suffix: "",
            sex: Some(sex),
            birth: BirthDate::Day(programme.likely_birth(day, &mut self.rng)),
            birth_place: String::new(),
            father: String::new(),
            mother: String::new(),
            uin: String::new(),
            phone: if self.rng.chance(0.3) {
                phone.to_string()
            } else {
                String::new()
            },
            address: String::new(),
            locality: self.sources.population.map.place(place).name.clone(),
            place,
            recorded: day,
            errors: Vec::new(),
        }
    }

    fn push(
        &mut self,
        person: &str,
        enrolment: &Enrolment,
        flags: &[&str],
        entry: &Entry,
        truth: &mut Truth,
    ) {
        let record = format!("B{}", self.record_ids.number(self.table.len() as u64));
        truth.note("IBR", &record, person, flags, entry);
        let place = self.sources.population.map.place(entry.place);
        let short_year = self.rng.chance(0.14);
        let birth = entry.birth.written(|day| {
            if short_year {
                day.short_year()
            } else {
                day.day_first('.')
            }
        });
        let (identifier, programme, benefit) = enrolment.programme.terms();
        self.table.push([
            &record,
            &name_line(entry),
            entry.sex.map_or("", sex_digit),
            &birth,
            &entry.uin,
            &entry.locality,
            &place.sub_region,
            &place.region,
            &entry.phone,
            &format!("{:010}", enrolment.account),
            identifier,
            programme,
            &enrolment.day.to_string(),
            if enrolment.active { "Active" } else { "Closed" },
            &enrolment.last_payment.to_string(),
            benefit,
        ]);
    }
}

/// `SURNAME, GIVEN SECOND` in capitals without marks, cut to the field's length.
fn name_line(entry: &Entry) -> String {
    let given = join([&entry.given, &entry.second]);
    let line = if entry.surname.is_empty() {
        given
    } else {
        format!("{}, {given}", entry.surname)
    };
    let capitals = unmarked(&line).to_uppercase();
    let cut: String = capitals.chars().take(NAME_LENGTH).collect();
    cut.trim_end().to_owned()
}

fn sex_digit(sex: Sex) -> &'static str {
    match sex {
        Sex::Male => "1",
        Sex::Female => "2",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::country::names::NameBook;
    use crate::country::population::grow;
    use crate::country::spelling::Spellings;

    #[test]
    fn a_name_is_one_line_of_capitals() {
        let population = grow(100, 1, &NameBook::open(), &Spellings::open());
        let mut entry = Entry::of(&population, 0, Date::of(2020, 1, 1));
        for (surname, given, second, line) in [
            ("Muñoz Rojas", "José", "Luis", "MUNOZ ROJAS, JOSE LUIS"),
            ("", "Ambika", "", "AMBIKA"),
            (
                "Yedemozlijkiya",
                "Wondwossen",
                "Degefahuluka",
                "YEDEMOZLIJKIYA, WONDWOSSEN DEG",
            ),
        ] {
            (entry.surname, entry.given, entry.second) =
                (surname.to_owned(), given.to_owned(), second.to_owned());
            assert_eq!(name_line(&entry), line);
        }
    }
}
