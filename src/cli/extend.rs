//! `symbolon extend`: adds records to a rehearsal that was kept.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use link::Scratch;
use model::LinkageSchema;

use super::progress::Bars;
use super::showing::ShowArguments;
use crate::changes::Changes;
use crate::evaluation;
use crate::inputs::{self, Bytes};
use crate::outcome;
use crate::rehearsal::Rehearsal;
use crate::standing::{Kept, KeptRun};
use crate::truth::Truth;

/// What `symbolon extend` takes.
#[derive(Args)]
pub(crate) struct ExtendArguments {
    /// Where the run was kept, by `symbolon link --keep`.
    kept: PathBuf,
    /// A party of the schema and its added records, in the form of its registry; once a party. A
    /// party that had no part in the run may join it.
    #[arg(long = "party", value_name = "NAME=FILE", required = true)]
    parties: Vec<String>,
    /// Where clusters.csv, links.csv, run.json and changes.csv go. Cluster ids hold within one
    /// clusters.csv; changes.csv names both of a cluster that changed.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Who is who, to evaluate the result, as for `symbolon link`.
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Memory for what may grow, as for `symbolon link`, beside the rows that stand.
    #[arg(long, value_name = "SIZE", default_value = "512MiB")]
    memory: Bytes,
    #[command(flatten)]
    showing: ShowArguments,
    /// How many threads to use; all cores when not given.
    #[arg(long)]
    threads: Option<usize>,
}

pub(crate) fn run(arguments: &ExtendArguments) -> anyhow::Result<()> {
    inputs::use_threads(arguments.threads)?;
    let kept = KeptRun::open(&arguments.kept)?;
    let Kept {
        schema_text,
        seed,
        run,
    } = kept.load()?;
    let schema = LinkageSchema::parse(&schema_text)?;
    let files = inputs::party_files(&schema, &arguments.parties)?;
    let truth = arguments.truth.as_deref().map(Truth::read).transpose()?;
    let bars = Bars::new();
    let before = run.clusters.clone();
    std::fs::create_dir_all(&arguments.out)
        .with_context(|| format!("{} cannot be made", arguments.out.display()))?;
    let scratch = Scratch::in_directory(&arguments.out, arguments.memory.0);
    let (linked, run) = Rehearsal::new(schema, seed)
        .within(scratch)
        .keeping_rows()
        .extend(run, &files, &bars)?;
    drop(bars);
    let changes = Changes::of(&linked, &before);
    outcome::write(&arguments.out, &linked)?;
    outcome::write_changes(&arguments.out, &changes)?;
    kept.save(&mut Kept {
        schema_text,
        seed,
        run,
    })?;
    println!("{}", outcome::summary(&linked));
    println!("{}", changes.summary());
    if let Some(truth) = &truth {
        println!("{}", evaluation::table(&linked.assignments(), truth)?);
    }
    let truth = truth.as_ref().zip(arguments.truth.as_deref());
    arguments.showing.show(&linked, truth)?;
    println!("written to {}", arguments.out.display());
    Ok(())
}
