//! `symbolon country`: a made-up country to try things on, of any size.

use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use testkit::country::{CountrySpec, ErrorLevel, File, generate};

/// The most people a country may have.
const MAX_PERSONS: i64 = 5_000_000;

/// What `symbolon country` takes.
#[derive(Args)]
pub(crate) struct CountryArguments {
    /// How many people have lived in it.
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(10..=MAX_PERSONS))]
    persons: u32,
    /// How badly its registries are kept.
    #[arg(long, value_enum, default_value_t = Level::Moderate)]
    errors: Level,
    /// Where all chance comes from: the same seed gives the same country.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// The directory for its files; those that are there are replaced.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Levels of errors.
#[derive(Clone, Copy, ValueEnum)]
enum Level {
    /// As on paper in a good office.
    Clean,
    /// As such registries are.
    Moderate,
    /// As such registries are where nobody looked after them for years.
    Severe,
}

impl From<Level> for ErrorLevel {
    fn from(level: Level) -> Self {
        match level {
            Level::Clean => Self::Clean,
            Level::Moderate => Self::Moderate,
            Level::Severe => Self::Severe,
        }
    }
}

pub(crate) fn run(arguments: &CountryArguments) -> anyhow::Result<()> {
    let country = generate(&CountrySpec {
        persons: arguments.persons,
        level: arguments.errors.into(),
        seed: arguments.seed,
    });
    let out = &arguments.out;
    let written = country.write_to(out, true);
    written.with_context(|| format!("the country cannot be written to {}", out.display()))?;
    for file in File::ALL {
        println!("{}.csv.gz: {} rows", file.stem(), country.table(file).len());
    }
    println!("written to {}; nobody in it exists", out.display());
    Ok(())
}
