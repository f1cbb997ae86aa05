//! `symbolon link`: the whole pipeline on local files.

use std::path::PathBuf;

use clap::Args;

use super::progress::Bars;
use super::showing::ShowArguments;
use crate::clear;
use crate::evaluation;
use crate::inputs;
use crate::outcome;
use crate::rehearsal::Rehearsal;
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
    let mut rehearsal = Rehearsal::new(schema, arguments.seed);
    if arguments.clear {
        rehearsal = rehearsal.on_clear_values()?;
        println!("{}", clear::WARNING);
    }
    let linked = rehearsal.run(&files, &bars)?;
    drop(bars);
    outcome::write(&arguments.out, &linked)?;
    println!("{}", outcome::summary(&linked));
    if let Some(truth) = &truth {
        println!("{}", evaluation::table(&linked.assignments(), truth)?);
    }
    let truth = truth.as_ref().zip(arguments.truth.as_deref());
    arguments.showing.show(&linked, truth)?;
    println!("written to {}", arguments.out.display());
    Ok(())
}
