//! `symbolon-coordinator destroy` and `verify-destroyed`.

use std::sync::Arc;

use coordinator::{Destroy, destroy, verify_destroyed};
use model::{RunNumber, SystemClock};

use super::Dir;

/// What `destroy` takes.
#[derive(clap::Args)]
pub(super) struct DestroyArgs {
    #[command(flatten)]
    dir: Dir,
    /// This run instead of the open one.
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["all", "keys"])]
    run: Option<u32>,
    /// Every run of the project.
    #[arg(long)]
    all: bool,
    /// Every run, and the resolver's keys too: no run of the project can be made afterwards.
    #[arg(long)]
    keys: bool,
}

impl DestroyArgs {
    fn what(&self) -> Destroy {
        match self.run {
            Some(run) => Destroy::Run(RunNumber(run)),
            None if self.keys => Destroy::Project,
            None if self.all => Destroy::All,
            None => Destroy::Open,
        }
    }
}

pub(super) fn run(args: &DestroyArgs) -> anyhow::Result<()> {
    let destroyed = destroy(&args.dir.open(), args.what(), Arc::new(SystemClock))?;
    for run in destroyed.runs {
        println!("destroyed  run {run}");
    }
    if args.keys {
        println!("destroyed  the resolver's keys");
    }
    if let Some(reason) = destroyed.untold {
        return Err(Untold(reason).into());
    }
    println!(
        "next       look with `symbolon-coordinator verify-destroyed`; the custodians destroy the epoch's keys"
    );
    Ok(())
}

/// The matcher of another operator still has its part.
#[derive(Debug, thiserror::Error)]
#[error(
    "the matcher's operator still has the encodings and comparisons: it could not be told ({0}); repeat this \
     when the matcher runs, or have its operator run `symbolon-coordinator destroy` there"
)]
pub(super) struct Untold(String);

/// What `verify-destroyed` takes.
#[derive(clap::Args)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    dir: Dir,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Something is left.
#[derive(Debug, thiserror::Error)]
#[error("{0} things of the project's runs can still be read")]
pub(super) struct Readable(usize);

pub(super) fn verify(args: &VerifyArgs) -> anyhow::Result<()> {
    let remains = verify_destroyed(&args.dir.open())?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&remains)?);
    } else {
        for readable in &remains.readable {
            println!("readable  {readable}");
        }
        for key in &remains.keys {
            println!(
                "key       {} (handle maps in backups open with it)",
                key.display()
            );
        }
    }
    match remains.readable.len() {
        0 if args.json => Ok(()),
        0 => {
            println!(
                "runs 1 to {}   nothing readable is left in this directory",
                remains.run
            );
            Ok(())
        }
        left => Err(Readable(left).into()),
    }
}
