//! `symbolon-audit report`.

use std::path::PathBuf;

use auditor::{reconcile, report};
use model::{Clock as _, SystemClock};
use service::Exit;

use super::check;

/// What `report` takes.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    check: check::CheckArgs,
    /// The coordinator's state directory: the linkage is done again from it, and reported too. Twice where matcher and
    /// resolver have one each.
    #[arg(long, value_name = "DIR")]
    coordinator: Vec<PathBuf>,
    #[command(flatten)]
    means: check::MeansArgs,
    /// The page to write.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let (verified, logs) = args.check.check()?;
    let mut found = reconcile::reconcile(&logs);
    if !args.coordinator.is_empty() {
        found.extend(args.means.replay(&logs, &args.coordinator)?);
    }
    let verdict = check::together(&verified, found);
    let page = report::page(&verdict, &logs, SystemClock.unix_millis() / 1000);
    service::files::write_atomic(&args.out, page.as_bytes())?;
    args.check.told(&verdict)
}
