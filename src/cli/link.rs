//! `symbolon link`: the whole pipeline on local files.

use std::path::PathBuf;

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
use crate::standing::{Kept, KeptRun, StandingRun};
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
    /// Keep the run there too, in a directory of its own, so that `symbolon extend` can add records to
    /// it. What is kept holds encodings, record ids and what the keys are made from, so whoever has it
    /// can try out names: guard it like the registries. All rows are held in memory meanwhile.
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
    let (schema, schema_text) = inputs::read_schema_text(&arguments.schema)?;
    let files = inputs::party_files(&schema, &arguments.parties)?;
    let truth = arguments.truth.as_deref().map(Truth::read).transpose()?;
    let kept = arguments.keep.as_deref().map(KeptRun::create).transpose()?;
    let bars = Bars::new();
    std::fs::create_dir_all(&arguments.out)
        .with_context(|| format!("{} cannot be made", arguments.out.display()))?;
    let scratch = Scratch::in_directory(&arguments.out, arguments.memory.0);
    let mut rehearsal = Rehearsal::new(schema, arguments.seed).within(scratch);
    if kept.is_some() {
        rehearsal = rehearsal.keeping_rows();
    }
    if arguments.clear {
        rehearsal = rehearsal.on_clear_values()?;
        println!("{}", clear::WARNING);
    }
    let (linked, run) = rehearsal.extend(StandingRun::default(), &files, &bars)?;
    drop(bars);
    outcome::write(&arguments.out, &linked)?;
    if let Some(kept) = &kept {
        let seed = arguments.seed;
        kept.save(&mut Kept {
            schema_text,
            seed,
            run,
        })?;
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
