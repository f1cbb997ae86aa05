//! `symbolon-audit verify`, `reconcile` and `replay`: what each checks beyond the last.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use audit::VerifierKey;
use auditor::replay::Means;
use auditor::verify::CheckedLog;
use auditor::{Bundle, Finding, Verdict, papers, reconcile, replay, verify};
use link::Memory;
use model::Digest;
use secret::Unlock;
use service::Exit;
use service::bars::listener;

/// What every check takes.
#[derive(clap::Args)]
pub(super) struct CheckArgs {
    /// The bundle that `fetch` made.
    bundle: PathBuf,
    /// Keys of logs that came another way than the bundle, one a line as in a log's file `key`.
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// Fingerprint of an officer's key that came another way than the bundle, as
    /// `symbolon-node agree fingerprint` prints it. May be given for several officers.
    #[arg(long, value_name = "FINGERPRINT")]
    officer: Vec<Digest>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What `replay` takes.
#[derive(clap::Args)]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    check: CheckArgs,
    /// The coordinator's state directory, or a copy of it. Twice where matcher and resolver have one each.
    #[arg(long, value_name = "DIR", required = true)]
    coordinator: Vec<PathBuf>,
    #[command(flatten)]
    means: MeansArgs,
}

/// What a linkage is done again with.
#[derive(clap::Args)]
pub(super) struct MeansArgs {
    /// The file with the passphrase under which the coordinator's keys are sealed, if they are.
    #[arg(long, value_name = "FILE", requires = "coordinator")]
    passphrase_file: Option<PathBuf>,
    /// Memory for what may grow with the registries, as 512MiB or 4GiB; the rest goes to temporary files meanwhile,
    /// which are where TMPDIR says. The result is the same. [default: 512MiB]
    #[arg(long, value_name = "SIZE", requires = "coordinator")]
    memory: Option<Memory>,
}

impl MeansArgs {
    /// Does every run again, and tells how far it is on standard error.
    pub(super) fn replay(
        &self,
        logs: &[CheckedLog],
        coordinator: &[PathBuf],
    ) -> anyhow::Result<Vec<Finding>> {
        let progress = listener();
        let means = Means {
            unlock: Unlock::from_file(self.passphrase_file.as_deref())?,
            memory: self.memory.unwrap_or(replay::MEMORY),
            progress: &*progress,
        };
        Ok(replay::replay(logs, coordinator, means)?)
    }
}

impl CheckArgs {
    /// Verifies the bundle, and what officers signed.
    pub(super) fn check(&self) -> anyhow::Result<(Verdict, Vec<CheckedLog>)> {
        let keys = keys(self.keys.as_deref())?;
        let bundle = Bundle::open(&self.bundle)?;
        let (verdict, logs) = verify::verify(&bundle, &keys)?;
        let signed = papers::check(&bundle, &logs, &self.officer)?;
        Ok((together(&verdict, signed), logs))
    }

    /// Prints the verdict of what was verified and found beyond it.
    fn tell(&self, verified: &Verdict, more: Vec<Finding>) -> anyhow::Result<Exit> {
        self.told(&together(verified, more))
    }

    /// Prints JSON where it was asked for, otherwise text.
    pub(super) fn print(
        &self,
        value: &impl serde::Serialize,
        text: impl FnOnce() -> String,
    ) -> anyhow::Result<()> {
        match self.json {
            true => println!("{}", serde_json::to_string_pretty(value)?),
            false => print!("{}", text()),
        }
        Ok(())
    }

    /// Prints a verdict.
    pub(super) fn told(&self, verdict: &Verdict) -> anyhow::Result<Exit> {
        super::tell(verdict, self.json)
    }
}

/// One verdict of two checks.
pub(super) fn together(verified: &Verdict, more: Vec<Finding>) -> Verdict {
    Verdict::of([verified.findings(), &more].concat())
}

pub(super) fn verify(args: &CheckArgs) -> anyhow::Result<Exit> {
    let (verdict, _) = args.check()?;
    super::tell(&verdict, args.json)
}

pub(super) fn reconcile(args: &CheckArgs) -> anyhow::Result<Exit> {
    let (verdict, logs) = args.check()?;
    args.tell(&verdict, reconcile::reconcile(&logs))
}

pub(super) fn replay(args: &ReplayArgs) -> anyhow::Result<Exit> {
    let (verdict, logs) = args.check.check()?;
    let found = args.means.replay(&logs, &args.coordinator)?;
    args.check.tell(&verdict, found)
}

/// The keys in a file, one a line.
fn keys(path: Option<&Path>) -> anyhow::Result<Vec<VerifierKey>> {
    let Some(path) = path else {
        return Ok(Vec::new());
    };
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let lines = text.lines().filter(|line| !line.is_empty());
    let key = |line: &str| line.parse().with_context(|| path.display().to_string());
    lines.map(key).collect()
}
