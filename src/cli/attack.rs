//! `symbolon attack`: re-identification attacks against one's own registry.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use attack::report::Limits;
use attack::{Knowledge, Run, Trial, runs};
use clap::{Args, ValueEnum};
use model::agreement::{DecoyRules, Disclosure};
use model::profile::Profile;
use model::{Layout, LinkageSchema};

use super::profiles::ProfileName;
use crate::attacking::{self, Files, Registries, Table};
use crate::inputs;
use crate::rehearsal::PartyFile;
use crate::truth::Truth;
use service::bars::listener;

/// The most decoys for a thousand records.
const MOST_DECOYS: u32 = 1000;

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
    /// Decoys sent among a thousand records, or `profile` for as many as the profile has; none when not given.
    #[arg(long, value_name = "PERMILLE|profile", value_parser = decoys)]
    decoys: Option<Decoys>,
    /// The other registries of the linkage: only rows leave that can meet one of theirs; several apart by commas.
    /// All leave when not given, and under profiles that have no disclosure on demand.
    #[arg(long, value_name = "NAME=FILE", value_delimiter = ',')]
    disclosed_to: Vec<String>,
    /// Of a thousand blocks that none of them has, how many leave all the same.
    #[arg(long, value_name = "PERMILLE", default_value_t = Disclosure::default().false_positives_permille, requires = "disclosed_to", value_parser = clap::value_parser!(u32).range(0..=1000))]
    false_positives: u32,
    /// How records are encoded, several apart by commas; what the schema says when not given.
    #[arg(long, value_name = "PROFILE", value_delimiter = ',')]
    profile: Vec<ProfileName>,
    /// Persons attacked, and persons in the attacker's register.
    #[arg(long = "n", value_name = "PERSONS", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    people: u32,
    /// Persons who are in both, in per cent; several apart by commas.
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', default_values_t = [100, 80, 50], value_parser = clap::value_parser!(u32).range(1..=100))]
    overlap: Vec<u32>,
    /// Run only these attacks, by their names in the table, short (`ef`) or whole (`ef-passes-apart`); several apart by
    /// commas.
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

/// How many decoys there are.
#[derive(Clone, Copy)]
enum Decoys {
    /// As many as agreements have under the profile.
    OfProfile,
    /// So many for a thousand records.
    Permille(u32),
}

fn decoys(text: &str) -> Result<Decoys, String> {
    match (text, text.parse()) {
        ("profile", _) => Ok(Decoys::OfProfile),
        (_, Ok(permille @ 0..=MOST_DECOYS)) => Ok(Decoys::Permille(permille)),
        _ => Err(format!(
            "`{text}` is neither `profile` nor a number up to {MOST_DECOYS}"
        )),
    }
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
    let profiles = arguments.profiles(schema.profile);
    if let Some(dir) = &arguments.report {
        let [profile] = profiles[..] else {
            bail!("a risk report is of one profile; give one `--profile`");
        };
        schema.profile = profile;
        return arguments.report(&schema, dir);
    }
    let mut tables = Vec::new();
    for (profile, runs) in arguments.runs(&profiles)? {
        schema.profile = profile;
        tables.push(arguments.attack(&schema, &runs)?);
    }
    if let Some(path) = &arguments.chart {
        std::fs::write(path, attacking::chart(&tables))
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    if arguments.json {
        let json = attacking::json(arguments.seed, &file(&schema, &arguments.party)?, &tables);
        println!("{json:#}");
    } else {
        for table in &tables {
            println!("{table}");
        }
    }
    Ok(())
}

impl AttackArguments {
    /// The profiles asked for, each once; that of the schema where none is.
    fn profiles(&self, of_schema: Profile) -> Vec<Profile> {
        let mut profiles: Vec<Profile> = Vec::new();
        for name in &self.profile {
            let profile = Profile::from(*name);
            if !profiles.contains(&profile) {
                profiles.push(profile);
            }
        }
        if profiles.is_empty() {
            profiles.push(of_schema);
        }
        profiles
    }

    /// Writes the risk report under the profile of `schema`.
    fn report(&self, schema: &LinkageSchema, dir: &Path) -> anyhow::Result<()> {
        let layout = Layout::of(schema);
        let limits = Limits {
            people: self.people as usize,
            most_named: f64::from(self.limit) / 100.0,
        };
        let trial = Trial::new(schema, &layout, self.seed);
        let report = self.registries(schema)?.report(trial, limits);
        attacking::write_report(dir, &report, self.json)
    }

    /// Runs the attacks under the profile of `schema`.
    fn attack(&self, schema: &LinkageSchema, runs: &[Run]) -> anyhow::Result<Table> {
        let layout = Layout::of(schema);
        let trial = Trial::new(schema, &layout, self.seed);
        let registries = self.registries(schema)?;
        let progress = listener();
        let mut attacked = Vec::new();
        for people in self.sizes() {
            attacked.extend(registries.attack(trial, people, runs, &*progress));
        }
        Ok(Table {
            profile: schema.profile,
            left: registries.left(trial),
            attacked,
        })
    }

    /// Reads all registries there are.
    fn registries(&self, schema: &LinkageSchema) -> anyhow::Result<Registries> {
        let target = &file(schema, &self.party)?;
        let register = self.register.as_ref().map(|text| file(schema, text));
        let register = register.transpose()?;
        let truth = self.truth.as_deref().map(Truth::read).transpose()?;
        let disclosed_to = inputs::party_files(schema, &self.disclosed_to)?;
        let is_alone = self.profile.len() < 2;
        if is_alone && !disclosed_to.is_empty() && !schema.profile.is_block_keyed() {
            let profile = schema.profile.as_str();
            bail!(
                "the profile {profile} has no disclosure on demand: its encodings meet in every block"
            );
        }
        if disclosed_to.iter().any(|file| file.party == target.party) {
            bail!("`--disclosed-to` names the registry that is attacked; name the others");
        }
        let files = Files {
            target,
            other: register.as_ref(),
            truth: truth.as_ref(),
            decoys: self.decoy_permille(schema.profile),
            disclosed_to: match schema.profile.is_block_keyed() {
                true => &disclosed_to,
                false => &[],
            },
            wrong_permille: self.false_positives,
        };
        Registries::read(schema, &files, self.seed)
    }

    fn decoy_permille(&self, profile: Profile) -> u32 {
        match self.decoys {
            None => 0,
            Some(Decoys::OfProfile) => DecoyRules::of(profile).map_or(0, |rules| rules.permille),
            Some(Decoys::Permille(permille)) => permille,
        }
    }

    /// The numbers of persons to attack.
    fn sizes(&self) -> Vec<usize> {
        let sizes = if self.trend.is_empty() {
            &[self.people][..]
        } else {
            &self.trend
        };
        sizes.iter().map(|people| *people as usize).collect()
    }

    /// The attacks asked for, on each profile that has any of them.
    fn runs(&self, profiles: &[Profile]) -> anyhow::Result<Vec<(Profile, Vec<Run>)>> {
        let names: Vec<String> = self.only.iter().map(|name| name.to_lowercase()).collect();
        let of_profile = |profile: &Profile| {
            let runs = runs(*profile, &self.overlap, self.register.is_some());
            (*profile, runs)
        };
        let mut all: Vec<(Profile, Vec<Run>)> = profiles.iter().map(of_profile).collect();
        for name in &names {
            let mut known = all.iter().flat_map(|(_, runs)| runs);
            if !known.any(|run| is_called(run, name)) {
                let profiles: Vec<&str> = profiles.iter().map(|of| of.as_str()).collect();
                bail!("there is no attack `{name}` on {}", profiles.join(" or "));
            }
        }
        for (_, runs) in &mut all {
            runs.retain(|run| names.is_empty() || names.iter().any(|name| is_called(run, name)));
            runs.retain(|run| self.holds.is_empty() || self.holds.contains(&run.knowledge.into()));
        }
        all.retain(|(_, runs)| !runs.is_empty());
        Ok(all)
    }
}

/// Whether an attack has this name in small letters: the short one, or the whole with dashes for what is between words.
fn is_called(run: &Run, name: &str) -> bool {
    let words = run.attack.words().to_lowercase();
    let words = words.split(|between: char| !between.is_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    run.attack.name().to_lowercase() == name || words.join("-") == name
}

fn file(schema: &LinkageSchema, text: &str) -> anyhow::Result<PartyFile> {
    let files = inputs::party_files(schema, &[text.to_owned()])?;
    files.into_iter().next().context("no registry was given")
}
