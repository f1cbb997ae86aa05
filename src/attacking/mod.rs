//! Attacks on local files: a registry is read, encoded under throwaway keys, and attacked.

mod table;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use attack::chart::Line;
use attack::report::{Decision, Limits, Report, html};
use attack::{Knowledge, Outcome, Registry, Run, Size, Stage, Trial, noisy_copy};
use model::{Layout, LinkageSchema, Progress};
use records::{ColumnPlan, Normaliser};
use serde::Serialize;
use service::Stopwatch;
use sources::CsvFile;

use crate::outcome;
use crate::rehearsal::{PartyFile, record_id};
use crate::truth::Truth;

pub(crate) use table::table;

/// Records read at a time.
const CHUNK: usize = 4096;

/// What is attacked, and what the attacker may hold.
pub(crate) struct Registries {
    pub(crate) target: Registry,
    /// The target as another office would have written it.
    noisy: Registry,
    /// Another registry of the same people.
    other: Option<Registry>,
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
    /// Reads the registry that is attacked and, if given, another the attacker holds. The truth says who is the
    /// same person; without it every record is a person of its own.
    pub(crate) fn read(
        schema: &LinkageSchema,
        target: &PartyFile,
        other: Option<&PartyFile>,
        truth: Option<&Truth>,
        seed: u64,
    ) -> anyhow::Result<Self> {
        let mut persons = Persons {
            truth,
            numbers: BTreeMap::new(),
        };
        let target = persons.read(schema, target)?;
        Ok(Self {
            noisy: noisy_copy(schema, &target, seed),
            other: other.map(|file| persons.read(schema, file)).transpose()?,
            target,
        })
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
    pub(crate) fn report(
        &self,
        (schema, layout, seed): (&LinkageSchema, &Layout, u64),
        limits: Limits,
    ) -> Report {
        Report::of(
            Trial {
                schema,
                layout,
                seed,
            },
            &self.target,
            limits,
        )
    }

    /// Runs the attacks in order; what cannot be run is left out.
    pub(crate) fn attack(
        &self,
        (schema, layout, seed): (&LinkageSchema, &Layout, u64),
        people: usize,
        runs: &[Run],
        progress: &dyn Progress,
    ) -> Vec<Attacked> {
        progress.stage("attack", runs.len() as u64);
        let trial = Trial {
            schema,
            layout,
            seed,
        };
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

/// Numbers for persons, the same in all registries.
struct Persons<'a> {
    truth: Option<&'a Truth>,
    numbers: BTreeMap<String, u32>,
}

impl Persons<'_> {
    fn read(&mut self, schema: &LinkageSchema, file: &PartyFile) -> anyhow::Result<Registry> {
        let columns = ColumnPlan::of(schema, file.party);
        let normaliser = Normaliser::new(schema, file.party, &columns);
        let mut source = CsvFile::open(&file.path, &columns)?;
        let (mut records, mut persons) = (Vec::new(), Vec::new());
        loop {
            let chunk = source.next_chunk(CHUNK)?;
            if chunk.is_empty() {
                return Ok(Registry::of_persons(records, persons));
            }
            for raw in &chunk {
                records.push(normaliser.normalise(raw, &mut Vec::new()));
                persons.push(self.number(file, record_id(&raw.key))?);
            }
        }
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

/// The attacks of a table, as JSON.
pub(crate) fn json(
    profile: &str,
    seed: u64,
    path: &Path,
    attacked: &[Attacked],
) -> serde_json::Value {
    let file = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    serde_json::json!({ "profile": profile, "seed": seed, "registry": file, "attacks": attacked })
}

/// The shares named over the numbers of persons, one line an attack and scene.
pub(crate) fn chart(title: &str, attacked: &[Attacked]) -> String {
    let mut lines: Vec<(Run, Line)> = Vec::new();
    for one in attacked {
        let point = (one.people, one.outcome.share());
        match lines.iter_mut().find(|(run, _)| *run == one.run) {
            Some((_, line)) => line.points.push(point),
            None => {
                let scene = table::scene(&one.run);
                let name = format!("{}, {scene}", one.run.attack.words());
                lines.push((
                    one.run,
                    Line {
                        name,
                        points: vec![point],
                    },
                ));
            }
        }
    }
    let lines: Vec<Line> = lines.into_iter().map(|(_, line)| line).collect();
    attack::chart::lines(title, &lines)
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
