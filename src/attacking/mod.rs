//! Attacks on local files: a registry is read, encoded under throwaway keys, and attacked.

mod charts;
mod table;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use attack::report::{Decision, Limits, Report, html};
use attack::{
    Disclosure, Elsewhere, Knowledge, Outcome, Registry, Run, Size, Stage, Trial, noisy_copy,
};
use model::profile::Profile;
use model::{LinkageSchema, Progress};
use records::{ColumnPlan, NormalisedRecord, Normaliser};
use serde::Serialize;
use service::Stopwatch;
use sources::CsvFile;

use crate::outcome;
use crate::rehearsal::{PartyFile, record_id};
use crate::truth::Truth;

pub(crate) use charts::chart;

/// Records read at a time.
const CHUNK: usize = 4096;

/// What is attacked, and what the attacker may hold.
pub(crate) struct Registries {
    pub(crate) target: Registry,
    /// The target as another office would have written it.
    noisy: Registry,
    /// Another registry of the same people.
    other: Option<Registry>,
    /// Whether the target looks for one person twice.
    is_own: bool,
    disclosed: Option<Disclosed>,
}

/// What is attacked, what the attacker holds, and what of it leaves.
pub(crate) struct Files<'a> {
    pub(crate) target: &'a PartyFile,
    pub(crate) other: Option<&'a PartyFile>,
    pub(crate) truth: Option<&'a Truth>,
    /// Decoys for a thousand records.
    pub(crate) decoys: u32,
    /// The other registries, where only what can meet them leaves.
    pub(crate) disclosed_to: &'a [PartyFile],
    /// Of a thousand blocks that none of them has, as many are sent all the same.
    pub(crate) wrong_permille: u32,
}

/// The registries that rows have to meet.
struct Disclosed {
    to: Vec<Registry>,
    wrong_permille: u32,
}

/// One attack that was run.
#[derive(Serialize)]
pub(crate) struct Attacked {
    #[serde(flatten)]
    pub(crate) run: Run,
    pub(crate) name: &'static str,
    /// Persons on either side.
    pub(crate) people: usize,
    /// Persons on both, in per cent.
    pub(crate) overlap: u32,
    pub(crate) outcome: Outcome,
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub(crate) time: Duration,
}

fn seconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

impl Registries {
    /// Reads the registry that is attacked and the others. The truth says who is the same person; without it
    /// every record is a person of its own.
    pub(crate) fn read(
        schema: &LinkageSchema,
        files: &Files<'_>,
        seed: u64,
    ) -> anyhow::Result<Self> {
        let mut persons = Persons {
            truth: files.truth,
            numbers: BTreeMap::new(),
        };
        let target = persons.read(schema, files.target)?;
        let target = target.with_trial_decoys(schema, files.decoys, seed);
        let other = files.other.map(|file| persons.read(schema, file));
        let to: anyhow::Result<Vec<Registry>> = (files.disclosed_to.iter())
            .map(|file| met(schema, file, files.decoys, seed))
            .collect();
        let to = to?;
        let wrong_permille = files.wrong_permille;
        Ok(Self {
            noisy: noisy_copy(schema, &target, seed),
            other: other.transpose()?,
            is_own: schema.party(files.target.party).duplicates,
            disclosed: (!to.is_empty()).then_some(Disclosed { to, wrong_permille }),
            target,
        })
    }

    /// What leaves where not all does.
    fn elsewhere<'a>(&self, trial: &Trial<'a>) -> Option<Elsewhere<'a>> {
        let Disclosed { to, wrong_permille } = self.disclosed.as_ref()?;
        let elsewhere = Elsewhere::of(trial, to, *wrong_permille);
        Some(match self.is_own {
            true => elsewhere.and_own(&self.target),
            false => elsewhere,
        })
    }

    /// What of the target leaves, in words and numbers.
    pub(crate) fn left(&self, trial: Trial<'_>) -> Left {
        // Where nothing is asked, all that is made is answered for.
        let all = || Elsewhere::of(&trial, &[], 1000);
        let elsewhere = self.elsewhere(&trial).unwrap_or_else(all);
        let decoys = self.target.decoys().iter().map(|decoy| &decoy.record);
        let records = self.target.records().iter().chain(decoys);
        let leaves: Vec<bool> = records
            .flat_map(|record| elsewhere.leaves(record))
            .collect();
        Left {
            records: self.target.records().len(),
            decoys: self.target.decoys().len(),
            made: leaves.len(),
            sent: leaves.iter().filter(|leaves| **leaves).count(),
        }
    }

    /// What is encoded and what the attacker holds; nothing where the command was not given it.
    fn sides(&self, knowledge: Knowledge) -> Option<(&Registry, &Registry)> {
        match knowledge {
            Knowledge::Copy => Some((&self.target, &self.target)),
            Knowledge::Noisy => Some((&self.noisy, &self.target)),
            Knowledge::Other => Some((&self.target, self.other.as_ref()?)),
        }
    }

    /// The risk report of the registry that is attacked.
    pub(crate) fn report(&self, trial: Trial<'_>, limits: Limits) -> Report {
        let elsewhere = self.elsewhere(&trial);
        Report::of(leaving(trial, elsewhere.as_ref()), &self.target, limits)
    }

    /// Runs the attacks in order; what cannot be run is left out.
    pub(crate) fn attack(
        &self,
        trial: Trial<'_>,
        people: usize,
        runs: &[Run],
        progress: &dyn Progress,
    ) -> Vec<Attacked> {
        progress.stage("attack", runs.len() as u64);
        let elsewhere = self.elsewhere(&trial);
        let trial = leaving(trial, elsewhere.as_ref());
        let mut done = Vec::new();
        let mut stage: Option<((Knowledge, u32), Stage<'_>)> = None;
        for run in runs {
            progress.advance(1);
            let Some((target, register)) = self.sides(run.knowledge) else {
                continue;
            };
            let scene = (run.knowledge, run.overlap);
            let stage = match &mut stage {
                Some((of, stage)) if *of == scene => stage,
                other => {
                    let size = Size {
                        people,
                        overlap: run.overlap,
                    };
                    &other
                        .insert((scene, Stage::new(trial, target, register, size)))
                        .1
                }
            };
            let watch = Stopwatch::start();
            let outcome = stage.run(run.attack);
            let scene = stage.scene();
            done.push(Attacked {
                run: *run,
                name: run.attack.name(),
                people: scene.target.len(),
                overlap: (scene.shared() * 100 / scene.target.len().max(1)) as u32,
                outcome,
                time: watch.elapsed(),
            });
        }
        done
    }
}

/// What of a registry leaves.
#[derive(Serialize)]
pub(crate) struct Left {
    records: usize,
    decoys: usize,
    made: usize,
    sent: usize,
}

impl fmt::Display for Left {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            records,
            decoys,
            made,
            sent,
        } = self;
        let share = 100.0 * *sent as f64 / (*made).max(1) as f64;
        write!(
            out,
            "{records} records and {decoys} decoys; {sent} of {made} rows leave, {share:.1} %"
        )
    }
}

/// The trial with what leaves.
fn leaving<'a>(trial: Trial<'a>, elsewhere: Option<&'a Elsewhere<'a>>) -> Trial<'a> {
    Trial {
        disclosure: elsewhere.map(|elsewhere| elsewhere as &dyn Disclosure),
        ..trial
    }
}

/// A registry that rows may meet, with decoys of its own.
fn met(
    schema: &LinkageSchema,
    file: &PartyFile,
    decoys: u32,
    seed: u64,
) -> anyhow::Result<Registry> {
    let own = seed ^ (file.party.index() as u64 + 1) << 32;
    let records = read_records(schema, file, |_| Ok(()))?;
    Ok(Registry::new(records).with_trial_decoys(schema, decoys, own))
}

/// The records of a registry; `each` is handed the local key of each.
fn read_records(
    schema: &LinkageSchema,
    file: &PartyFile,
    mut each: impl FnMut(String) -> anyhow::Result<()>,
) -> anyhow::Result<Vec<NormalisedRecord>> {
    let columns = ColumnPlan::of(schema, file.party);
    let normaliser = Normaliser::new(schema, file.party, &columns);
    let mut source = CsvFile::open(&file.path, &columns)?;
    let mut records = Vec::new();
    loop {
        let chunk = source.next_chunk(CHUNK)?;
        if chunk.is_empty() {
            return Ok(records);
        }
        for raw in &chunk {
            records.push(normaliser.normalise(raw, &mut Vec::new()));
            each(record_id(&raw.key))?;
        }
    }
}

/// Numbers for persons, the same in all registries.
struct Persons<'a> {
    truth: Option<&'a Truth>,
    numbers: BTreeMap<String, u32>,
}

impl Persons<'_> {
    fn read(&mut self, schema: &LinkageSchema, file: &PartyFile) -> anyhow::Result<Registry> {
        let mut persons = Vec::new();
        let records = read_records(schema, file, |record| {
            persons.push(self.number(file, record)?);
            Ok(())
        })?;
        Ok(Registry::of_persons(records, persons))
    }

    fn number(&mut self, file: &PartyFile, record: String) -> anyhow::Result<u32> {
        let next = self.numbers.len() as u32;
        let person = match self.truth {
            None => format!("{}/{record}", file.label),
            Some(truth) => {
                let name = (file.label.to_lowercase(), record);
                let person = truth.0.get(&name);
                person
                    .with_context(|| {
                        format!("the truth does not know a record of `{}`", file.label)
                    })?
                    .clone()
            }
        };
        Ok(*self.numbers.entry(person).or_insert(next))
    }
}

/// The attacks on one profile.
#[derive(Serialize)]
pub(crate) struct Table {
    #[serde(serialize_with = "name")]
    pub(crate) profile: Profile,
    #[serde(rename = "leaving")]
    pub(crate) left: Left,
    #[serde(rename = "attacks")]
    pub(crate) attacked: Vec<Attacked>,
}

fn name<S: serde::Serializer>(profile: &Profile, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(profile.as_str())
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = table::table(&self.attacked);
        write!(
            out,
            "profile {}; {}\n{rows}",
            self.profile.as_str(),
            self.left
        )
    }
}

/// The tables as JSON.
pub(crate) fn json(seed: u64, target: &PartyFile, tables: &[Table]) -> serde_json::Value {
    let file = target.path.file_name();
    let file = file.map(|name| name.to_string_lossy().into_owned());
    serde_json::json!({ "seed": seed, "registry": file, "profiles": tables })
}

/// Writes a risk report into `dir`, which is made when it is not there, and tells what it says.
pub(crate) fn write_report(dir: &Path, report: &Report, as_json: bool) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    let json = serde_json::to_string_pretty(report)?;
    outcome::write_text(dir, "report.json", &json)?;
    outcome::write_text(dir, "report.html", &html(report))?;
    if as_json {
        println!("{json}");
        return Ok(());
    }
    for metric in &report.metrics {
        println!(
            "{:4} {:6} {}",
            metric.id,
            metric.light.as_str(),
            metric.sentence
        );
    }
    for attacker in &report.attackers {
        println!("{}: {}", attacker.name, attacker.sentence);
    }
    match &report.decision {
        Decision::Release => println!("decision: fit for release by these figures"),
        Decision::Hold { reasons } => println!("decision: hold; {}", reasons.join("; ")),
    }
    println!("written to {}", dir.display());
    Ok(())
}
