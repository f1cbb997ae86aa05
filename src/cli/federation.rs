//! `symbolon` without a command.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::federation::{self, Sample};
use service::bars::listener;

/// What the federation on this machine takes.
#[derive(Args)]
pub(crate) struct FederationArguments {
    /// Living persons in the sample country, about.
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    persons: u32,
    /// What the sample country is made from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep the federation's files here; without, they go when it is done.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

pub(crate) fn run(arguments: &FederationArguments) -> anyhow::Result<()> {
    let sample = Sample {
        persons: arguments.persons,
        seed: arguments.seed,
    };
    let temporary = tempfile::tempdir().context("no temporary directory can be made")?;
    let dir = arguments
        .keep
        .clone()
        .unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    let progress = listener();
    let federated = federation::run(&dir, &sample, &*progress)?;
    drop(progress);
    federation::print(&federated)?;
    if let Some(kept) = &arguments.keep {
        println!("kept in {}", kept.display());
        for member in &federated.members {
            println!(
                "the risk report of {} is {}",
                member.party,
                member.risk.summary.page.display()
            );
        }
        println!("the audit report is {}", federated.audited.report.display());
    }
    anyhow::ensure!(
        federated.audited.is_right(),
        "the audit did not prove everything"
    );
    Ok(())
}
