//! `symbolon-audit witness`.

use std::path::PathBuf;

use audit::KeyName;
use auditor::witness::{Witness, WitnessError};
use model::{Clock as _, SystemClock};
use secret::SystemEntropy;
use serde::Serialize;
use service::Exit;

use super::check;

/// What `witness` takes.
#[derive(clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    check: check::CheckArgs,
    /// The witness's own directory: its key and the heads it saw.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// What it signs as, for example `dpo.crvs.example/witness`.
    #[arg(long)]
    name: KeyName,
    /// Make the directory and the key first.
    #[arg(long)]
    init: bool,
    /// Where to write the cosigned checkpoints, a file a log.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// What became of one log.
#[derive(Serialize)]
struct Told {
    log: String,
    cosigned_entries: Option<u64>,
    refused: Option<String>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Exit> {
    if args.init {
        Witness::init(&args.dir, &mut SystemEntropy::new())?;
    }
    let witness = Witness::open(&args.dir, args.name.clone())?;
    let (verdict, logs) = args.check.check()?;
    if verdict.worst() == auditor::Severity::Wrong {
        // Nothing is signed of a bundle that does not hold.
        return args.check.told(&verdict);
    }
    let mut told = Vec::new();
    for log in &logs {
        let outcome = witness.cosign(log, SystemClock.unix_millis() / 1000);
        if let (Ok(checkpoint), Some(out)) = (&outcome, &args.out) {
            service::files::create_dir_private(out)?;
            let path = out.join(&log.name);
            service::files::write_atomic(&path, checkpoint.to_string().as_bytes())?;
        }
        told.push(outcome_of(&log.name, outcome)?);
    }
    args.check.print(&told, || text(&witness, &told))?;
    Ok(match told.iter().any(|told| told.refused.is_some()) {
        true => Exit::Refused,
        false => Exit::Done,
    })
}

fn outcome_of(log: &str, outcome: Result<audit::Checkpoint, WitnessError>) -> anyhow::Result<Told> {
    let (cosigned_entries, refused) = match outcome {
        Ok(checkpoint) => (Some(checkpoint.head().size), None),
        Err(error) if error.is_refusal() => (None, Some(error.to_string())),
        Err(error) => return Err(error.into()),
    };
    Ok(Told {
        log: log.to_owned(),
        cosigned_entries,
        refused,
    })
}

fn text(witness: &Witness, told: &[Told]) -> String {
    let mut lines = vec![format!("witness   {}", witness.key())];
    lines.extend(
        told.iter()
            .map(|told| match (&told.refused, told.cosigned_entries) {
                (Some(why), _) => format!("REFUSED   {why}"),
                (None, entries) => format!(
                    "cosigned  {}, {} entries",
                    told.log,
                    entries.unwrap_or_default()
                ),
            }),
    );
    lines.join("\n") + "\n"
}
