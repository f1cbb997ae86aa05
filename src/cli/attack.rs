//! `symbolon attack`: re-identification attacks against one's own registry.

use std::path::PathBuf;

use anyhow::{Context, bail};
use attack::report::Limits;
use attack::{Knowledge, Run, runs};
use clap::{Args, ValueEnum};
use model::profile::Profile;
use model::{Layout, LinkageSchema};

use super::profiles::ProfileName;
use super::progress::listener;
use crate::attacking::{self, Registries};
use crate::inputs;
use crate::rehearsal::PartyFile;
use crate::truth::Truth;

/// What `symbolon attack` takes.
#[derive(Args)]
pub(crate) struct AttackArguments {
    /// The linkage schema.
    schema: PathBuf,
    /// The party whose registry is attacked, and the registry, as CSV or gzip of it.
    #[arg(long = "party", value_name = "NAME=FILE")]
    party: String,
    /// Another registry of the schema, which the attacker holds; needs --truth.
    #[arg(long, value_name = "NAME=FILE", requires = "truth")]
    register: Option<String>,
    /// Who is who: columns registry (or source), record_id, person_id (or true_id). Without it every record is
    /// a person of its own.
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// How records are encoded; what the schema says when not given.
    #[arg(long)]
    profile: Option<ProfileName>,
    /// Persons attacked, and persons in the attacker's register.
    #[arg(long = "n", value_name = "PERSONS", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    people: u32,
    /// Persons who are in both, in per cent; several apart by commas.
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', default_values_t = [100, 80, 50], value_parser = clap::value_parser!(u32).range(1..=100))]
    overlap: Vec<u32>,
    /// Run only these attacks, by their names in the table; several apart by commas.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    only: Vec<String>,
    /// Run the attacks of attackers who hold these only; several apart by commas.
    #[arg(long, value_name = "REGISTER", value_delimiter = ',')]
    holds: Vec<Holds>,
    /// Run the attacks on these numbers of persons instead of --n, to see the trend; several apart by commas.
    #[arg(long, value_name = "PERSONS", value_delimiter = ',', value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    trend: Vec<u32>,
    /// Draw the shares named over the numbers of persons, as an SVG image.
    #[arg(long, value_name = "FILE", requires = "trend")]
    chart: Option<PathBuf>,
    /// Measure the registry as a node does before an upload, and write report.json and report.html there
    /// instead of running the table.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["trend", "only"])]
    report: Option<PathBuf>,
    /// The share that an attacker of the report may name before the report says to hold, in per cent.
    #[arg(long, value_name = "PERCENT", default_value_t = 10, value_parser = clap::value_parser!(u8).range(0..=100))]
    limit: u8,
    /// What keys, samples and mistakes are made from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many threads to use; all cores when not given.
    #[arg(long)]
    threads: Option<usize>,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

/// What the attacker may hold.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Holds {
    /// The same records.
    Copy,
    /// The same people, while what is encoded has mistakes.
    Noisy,
    /// The registry of --register.
    Other,
}

impl From<Knowledge> for Holds {
    fn from(knowledge: Knowledge) -> Self {
        match knowledge {
            Knowledge::Copy => Self::Copy,
            Knowledge::Noisy => Self::Noisy,
            Knowledge::Other => Self::Other,
        }
    }
}

pub(crate) fn run(arguments: &AttackArguments) -> anyhow::Result<()> {
    inputs::use_threads(arguments.threads)?;
    let mut schema = inputs::read_schema(&arguments.schema)?;
    if let Some(profile) = arguments.profile {
        schema.profile = profile.into();
    }
    let layout = Layout::of(&schema);
    let runs = arguments.runs(schema.profile)?;
    let target = file(&schema, &arguments.party)?;
    let other = arguments
        .register
        .as_ref()
        .map(|text| file(&schema, text))
        .transpose()?;
    let truth = arguments.truth.as_deref().map(Truth::read).transpose()?;
    let registries = Registries::read(
        &schema,
        &target,
        other.as_ref(),
        truth.as_ref(),
        arguments.seed,
    )?;
    if let Some(dir) = &arguments.report {
        let limits = Limits {
            people: arguments.people as usize,
            most_named: f64::from(arguments.limit) / 100.0,
        };
        let report = registries.report((&schema, &layout, arguments.seed), limits);
        return attacking::write_report(dir, &report, arguments.json);
    }
    let progress = listener();
    let with = (&schema, &layout, arguments.seed);
    let mut attacked = Vec::new();
    for people in arguments.sizes() {
        attacked.extend(registries.attack(with, people, &runs, &*progress));
    }
    drop(progress);
    if let Some(path) = &arguments.chart {
        let title = format!(
            "What attacks name under the profile {}",
            schema.profile.as_str()
        );
        std::fs::write(path, attacking::chart(&title, &attacked))
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if arguments.json {
        let json = attacking::json(
            schema.profile.as_str(),
            arguments.seed,
            &target.path,
            &attacked,
        );
        println!("{json:#}");
    } else {
        println!(
            "profile {}\n{}",
            schema.profile.as_str(),
            attacking::table(&attacked)
        );
    }
    Ok(())
}

impl AttackArguments {
    /// The numbers of persons to attack.
    fn sizes(&self) -> Vec<usize> {
        let sizes = if self.trend.is_empty() {
            &[self.people][..]
        } else {
            &self.trend
        };
        sizes.iter().map(|people| *people as usize).collect()
    }

    /// The attacks asked for.
    fn runs(&self, profile: Profile) -> anyhow::Result<Vec<Run>> {
        let mut runs = runs(profile, &self.overlap, self.register.is_some());
        let names: Vec<String> = self.only.iter().map(|name| name.to_uppercase()).collect();
        for name in &names {
            if !runs.iter().any(|run| run.attack.name() == name) {
                bail!(
                    "there is no attack `{name}` on the profile {}",
                    profile.as_str()
                );
            }
        }
        runs.retain(|run| names.is_empty() || names.iter().any(|name| run.attack.name() == name));
        runs.retain(|run| self.holds.is_empty() || self.holds.contains(&run.knowledge.into()));
        Ok(runs)
    }
}

fn file(schema: &LinkageSchema, text: &str) -> anyhow::Result<PartyFile> {
    let files = inputs::party_files(schema, &[text.to_owned()])?;
    files.into_iter().next().context("no registry was given")
}
