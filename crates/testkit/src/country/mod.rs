//! A small invented country: its people over five generations, four registries that recorded them each in its own
//! way and with its own mistakes, and the truth about which record is whose.
//!
//! One seed gives one country, byte for byte. The people and the events are the same at all three [`ErrorLevel`]s;
//! only the mistakes differ. Nobody in it exists; the lists the names are drawn from are accounted for in
//! `data/NOTICE.md`.
//!
//! ```
//! use testkit::country::{CountrySpec, ErrorLevel, File, generate};
//!
//! let country = generate(&CountrySpec { persons: 200, level: ErrorLevel::Moderate, seed: 1 });
//! let births = country.table(File::Crvs).column("event_type").filter(|event| *event == "birth");
//! assert!(births.count() > 50);
//! ```

mod crvs;
mod culture;
mod date;
mod entry;
mod errors;
mod households;
mod ibr;
mod id;
mod kin;
mod marriages;
mod misdates;
mod names;
mod naming;
mod numbering;
mod people;
mod places;
mod population;
mod programmes;
mod rates;
mod rng;
mod slips;
mod sources;
mod spelling;
mod sr;
mod table;
#[cfg(test)]
mod tests;
mod truth;
mod verhoeff;
mod write;

pub use table::Table;
pub use verhoeff::is_valid as has_valid_check_digit;

use names::NameBook;
use rng::Rng;
use sources::Sources;
use spelling::Spellings;
use truth::Truth;

/// What country to make.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CountrySpec {
    /// How many persons are alive at the reference date, 2025-01-01, about: never fewer, seldom a tenth more.
    /// From 100 to 1,000,000; memory and time grow with it evenly.
    pub persons: u32,
    /// How badly the registries are kept.
    pub level: ErrorLevel,
    /// Where all chance comes from.
    pub seed: u64,
}

/// How badly the registries are kept.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ErrorLevel {
    /// As on paper in a good office: hardly a slip, but names and numbers still left out.
    Clean,
    /// As such registries are.
    Moderate,
    /// As such registries are where nobody has looked after them for years.
    Severe,
}

/// The files of a country.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum File {
    /// Civil registration and vital statistics: births, deaths, marriages.
    Crvs,
    /// The identity register.
    Id,
    /// Members of the households in the social registry.
    Sr,
    /// Those households.
    SrHouseholds,
    /// Enrolments of beneficiaries in programmes.
    Ibr,
    /// Whose record each record is.
    Truth,
    /// The persons as they are.
    Persons,
}

impl File {
    /// All files, in the order in which a country is written.
    pub const ALL: [Self; 7] = [
        Self::Crvs,
        Self::Id,
        Self::Sr,
        Self::SrHouseholds,
        Self::Ibr,
        Self::Truth,
        Self::Persons,
    ];

    /// The file's name without its ending.
    pub fn stem(self) -> &'static str {
        match self {
            Self::Crvs => "crvs",
            Self::Id => "id",
            Self::Sr => "sr",
            Self::SrHouseholds => "sr_households",
            Self::Ibr => "ibr",
            Self::Truth => "truth",
            Self::Persons => "persons",
        }
    }
}

/// A country, recorded. Rows stand in random order, and record ids are random: neither says anything about the person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Country {
    crvs: Table,
    id: Table,
    sr: Table,
    sr_households: Table,
    ibr: Table,
    truth: Table,
    persons: Table,
}

impl Country {
    /// The rows of one file.
    pub fn table(&self, file: File) -> &Table {
        match file {
            File::Crvs => &self.crvs,
            File::Id => &self.id,
            File::Sr => &self.sr,
            File::SrHouseholds => &self.sr_households,
            File::Ibr => &self.ibr,
            File::Truth => &self.truth,
            File::Persons => &self.persons,
        }
    }
}

/// Makes the country of `spec`: the same `spec`, the same country.
pub fn generate(spec: &CountrySpec) -> Country {
    let book = NameBook::open();
    let spellings = Spellings::open();
    let population = population::grow(spec.persons, spec.seed, &book, &spellings);
    let sources = Sources::new(&population, &book, &spellings, spec.seed, spec.level);
    let mut truth = Truth::new();
    let crvs = crvs::record(&sources, &mut truth);
    let id = id::record(&sources, &mut truth);
    let (sr, sr_households) = sr::record(&sources, &mut truth);
    let ibr = ibr::record(&sources, &mut truth);
    let mut rng = Rng::for_job(spec.seed, "order");
    Country {
        crvs: crvs.shuffled(&mut rng),
        id: id.shuffled(&mut rng),
        sr: sr.shuffled(&mut rng),
        sr_households: sr_households.shuffled(&mut rng),
        ibr: ibr.shuffled(&mut rng),
        truth: truth.0.shuffled(&mut rng),
        persons: truth::persons(&population).shuffled(&mut rng),
    }
}
