//! `symbolon plan`: which blocking passes to use.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use secret::SystemEntropy;

use crate::inputs;
use crate::plan::{self, Options};
use crate::truth::Truth;
use service::bars::listener;

/// What `symbolon plan` takes.
#[derive(Args)]
pub(crate) struct PlanArguments {
    /// The linkage schema; its passes are measured for comparison.
    schema: PathBuf,
    /// A party of the schema and its registry, as CSV or gzip of it; once a party.
    #[arg(long = "party", value_name = "NAME=FILE", required = true)]
    parties: Vec<String>,
    /// The most pairs compared a record, over all passes.
    #[arg(long, value_name = "PAIRS", default_value_t = 200.0, value_parser = budget)]
    max_pairs_per_record: f64,
    /// The most passes.
    #[arg(long, value_name = "PASSES", default_value_t = 12, value_parser = clap::value_parser!(u8).range(1..=32))]
    max_passes: u8,
    /// Who is who, to judge the estimates by: columns registry (or source), record_id, person_id (or true_id).
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Write the proposed passes to this file, ready to be pasted into the schema.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// How many threads to use; all cores when not given.
    #[arg(long)]
    threads: Option<usize>,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &PlanArguments) -> anyhow::Result<()> {
    inputs::use_threads(arguments.threads)?;
    let schema = inputs::read_schema(&arguments.schema)?;
    let files = inputs::party_files(&schema, &arguments.parties)?;
    let truth = arguments.truth.as_deref().map(Truth::read).transpose()?;
    let options = Options {
        max_pairs_per_record: arguments.max_pairs_per_record,
        max_passes: arguments.max_passes.into(),
    };
    let progress = listener();
    let mut entropy = SystemEntropy::new();
    let planned = plan::plan(
        &schema,
        &files,
        truth.as_ref(),
        &options,
        (&mut entropy, &*progress),
    )?;
    drop(progress);
    if let Some(path) = &arguments.write {
        std::fs::write(path, plan::toml(&planned)).with_context(|| path.display().to_string())?;
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&plan::json(&planned))?);
    } else {
        println!("{}", plan::text(&planned));
    }
    Ok(())
}

fn budget(text: &str) -> Result<f64, String> {
    let pairs: f64 = text.parse().map_err(|_| "this is not a number")?;
    if pairs > 0.0 {
        Ok(pairs)
    } else {
        Err("pairs a record must be more than 0".to_owned())
    }
}
