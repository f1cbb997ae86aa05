//! `symbolon evaluate`: clusters against truth.

use std::path::PathBuf;

use clap::Args;

use crate::evaluation;
use crate::truth::{Truth, read_assignments};

/// What `symbolon evaluate` takes.
#[derive(Args)]
pub(crate) struct EvaluateArguments {
    /// Clusters: columns source, record_id, cluster_id.
    #[arg(long, value_name = "FILE")]
    clusters: PathBuf,
    /// Who is who: columns registry (or source), record_id, person_id (or true_id).
    #[arg(long, value_name = "FILE")]
    truth: PathBuf,
    /// Print as JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &EvaluateArguments) -> anyhow::Result<()> {
    let truth = Truth::read(&arguments.truth)?;
    let clusters = read_assignments(&arguments.clusters)?;
    if arguments.json {
        println!(
            "{}",
            serde_json::to_string_pretty(&evaluation::json(&clusters, &truth)?)?
        );
    } else {
        println!("{}", evaluation::table(&clusters, &truth)?);
    }
    Ok(())
}
