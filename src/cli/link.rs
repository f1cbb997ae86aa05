//! `symbolon link`: the whole pipeline on local files.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use link::Scratch;

use super::progress::Bars;
use super::showing::ShowArguments;
use crate::clear;
use crate::evaluation;
use crate::inputs::{self, Bytes};
use crate::outcome;
use crate::rehearsal::Rehearsal;
use crate::standing::{self, Kept, StandingRun};
use crate::truth::Truth;

/// What `symbolon link` takes.
#[derive(Args)]
pub(crate) struct LinkArguments {
    /// The linkage schema.
    schema: PathBuf,
    /// A party of the schema and its registry, as CSV or gzip of it; once a party.
    #[arg(long = "party", value_name = "NAME=FILE", required = true)]
    parties: Vec<String>,
    /// Where clusters.csv, links.csv and run.json go.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Who is who, to evaluate the result: columns registry (or source), record_id, person_id (or true_id).
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// What the rehearsal's keys are made from. The same seed gives the same bytes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Take similarities from the clear values instead of from encodings; blocks and model stay the
    /// same. For rehearsal on test data only: it shows what privacy costs, and no federation can do it.
    #[arg(long)]
    clear: bool,
    /// Keep the run there too, so that `symbolon extend` can add records to it. What is kept holds
    /// encodings and record ids.
    #[arg(long, value_name = "DIR", conflicts_with = "clear")]
    keep: Option<PathBuf>,
    /// Memory for what may grow with the registries, as 256MiB or 4GiB; the rest goes to files in
    /// --out while the program runs. The result is the same.
    #[arg(long, value_name = "SIZE", default_value = "512MiB")]
    memory: Bytes,
    #[command(flatten)]
    showing: ShowArguments,
    /// How many threads to use; all cores when not given.
    #[arg(long)]
    threads: Option<usize>,
}

pub(crate) fn run(arguments: &LinkArguments) -> anyhow::Result<()> {
    inputs::use_threads(arguments.threads)?;
    let schema = inputs::read_schema(&arguments.schema)?;
    let files = inputs::party_files(&schema, &arguments.parties)?;
    let truth = arguments.truth.as_deref().map(Truth::read).transpose()?;
    let bars = Bars::new();
    std::fs::create_dir_all(&arguments.out)
        .with_context(|| format!("{} cannot be made", arguments.out.display()))?;
    let scratch = Scratch::in_directory(&arguments.out, arguments.memory.0);
    let mut rehearsal = Rehearsal::new(schema, arguments.seed).within(scratch);
    if arguments.keep.is_some() {
        rehearsal = rehearsal.keeping_rows();
    }
    if arguments.clear {
        rehearsal = rehearsal.on_clear_values()?;
        println!("{}", clear::WARNING);
    }
    let (linked, run) = rehearsal.extend(StandingRun::default(), &files, &bars)?;
    drop(bars);
    outcome::write(&arguments.out, &linked)?;
    if let Some(directory) = &arguments.keep {
        keep(directory, arguments, run)?;
    }
    println!("{}", outcome::summary(&linked));
    if let Some(truth) = &truth {
        println!("{}", evaluation::table(&linked.assignments(), truth)?);
    }
    let truth = truth.as_ref().zip(arguments.truth.as_deref());
    arguments.showing.show(&linked, truth)?;
    println!("written to {}", arguments.out.display());
    Ok(())
}

fn keep(directory: &Path, arguments: &LinkArguments, run: StandingRun) -> anyhow::Result<()> {
    let schema_text = std::fs::read_to_string(&arguments.schema)?;
    let seed = arguments.seed;
    let mut kept = Kept {
        schema_text,
        seed,
        run,
    };
    standing::save(directory, &mut kept)
        .with_context(|| format!("the run cannot be kept in {}", directory.display()))
}
