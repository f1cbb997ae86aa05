//! `symbolon-audit verify`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use audit::VerifierKey;
use auditor::{Bundle, verify};
use service::Exit;

/// What `verify` takes.
#[derive(clap::Args)]
pub(super) struct Args {
    /// The bundle that `fetch` made.
    bundle: PathBuf,
    /// Keys of logs that came another way than the bundle, one a line as in a log's file `key`.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    let keys = keys(args.keys.as_deref())?;
    let (verdict, _) = verify::verify(&Bundle::open(&args.bundle)?, &keys)?;
    super::tell(&verdict, args.json)
}

/// The keys in a file, one a line.
pub(super) fn keys(path: Option<&Path>) -> anyhow::Result<Vec<VerifierKey>> {
    let Some(path) = path else {
        return Ok(Vec::new());
    };
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let lines = text.lines().filter(|line| !line.is_empty());
    let key = |line: &str| line.parse().with_context(|| path.display().to_string());
    lines.map(key).collect()
}
