//! `symbolon-coordinator destroy` and `verify-destroyed`.

use std::sync::Arc;

use coordinator::{destroy, verify_destroyed};
use model::SystemClock;

use super::Dir;

/// What `destroy` takes.
#[derive(clap::Args)]
pub(super) struct DestroyArgs {
    #[command(flatten)]
    dir: Dir,
    /// Destroy the resolver's keys too: no run of the project can be made afterwards.
    #[arg(long)]
    keys: bool,
}

pub(super) fn run(args: &DestroyArgs) -> anyhow::Result<()> {
    let run = destroy(&args.dir.open(), args.keys, Arc::new(SystemClock))?;
    println!("destroyed  run {run}");
    if args.keys {
        println!("destroyed  the resolver's keys");
    }
    println!(
        "next       look with `symbolon-coordinator verify-destroyed`; the custodians destroy the epoch's keys"
    );
    Ok(())
}

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
#[error("{0} things of the run can still be read")]
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
                "run {}   nothing readable is left in this directory",
                remains.run
            );
            Ok(())
        }
        left => Err(Readable(left).into()),
    }
}
