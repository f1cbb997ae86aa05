//! The end of a federation: an auditor who trusts nobody takes copies of all logs, checks them, holds
//! them against one another, does the linkage again, and writes a report for the file.

use std::path::{Path, PathBuf};

use anyhow::Context;
use audit::{TileDir, VerifierKey};
use auditor::replay::{self, Means};
use auditor::{Bundle, Severity, Verdict, fetch, papers, reconcile, report, verify};
use model::{Clock, Digest};
use testkit::federation::Member;

/// What the auditor found, and where the report is.
pub(crate) struct Audited {
    pub(crate) verdict: Verdict,
    pub(crate) report: PathBuf,
}

/// Audits the federation under `dir`, which nothing runs in any more.
pub(super) fn audit(dir: &Path, members: &[Member], clock: &dyn Clock) -> anyhow::Result<Audited> {
    let coordinator = dir.join("coordinator");
    let nodes: Vec<&Path> = members
        .iter()
        .map(|member| member.node.home().root())
        .collect();
    let bundle = Bundle::create(&dir.join("audit"))?;
    fetch::coordinator(&bundle, &coordinator)?;
    nodes
        .iter()
        .try_for_each(|node| fetch::node(&bundle, node))?;
    let roles = ["matcher", "resolver"].map(|role| coordinator.join(role));
    let keepers = roles.iter().map(PathBuf::as_path).chain(nodes);
    let keys = keepers.map(key).collect::<anyhow::Result<Vec<_>>>()?;
    let officers: Vec<Digest> = members
        .iter()
        .map(|member| member.node.config().dpo)
        .collect();
    let (verified, logs) = verify::verify(&bundle, &keys)?;
    let found = [
        verified.findings(),
        &papers::check(&bundle, &logs, &officers)?,
        &reconcile::reconcile(&logs),
        &replay::replay(&logs, &[&coordinator], Means::default())?,
    ];
    let verdict = Verdict::of(found.concat());
    let path = dir.join("audit-report.html");
    let page = report::page(&verdict, &logs, clock.unix_millis() / 1000);
    std::fs::write(&path, page).context("the audit report cannot be written")?;
    Ok(Audited {
        verdict,
        report: path,
    })
}

/// The key of a log as its keeper tells it, who is on this machine here.
fn key(keeper: &Path) -> anyhow::Result<VerifierKey> {
    let key = TileDir::new(&keeper.join("log")).key()?;
    key.with_context(|| format!("{} has no log", keeper.display()))
}

impl Audited {
    /// Whether everything was proved right.
    pub(crate) fn is_right(&self) -> bool {
        self.verdict.worst() == Severity::Right
    }

    /// The verdict in a sentence, and what is not right.
    pub(crate) fn told(&self) -> String {
        let count = |severity| self.verdict.count(severity);
        let (right, unproved, wrong) = (
            count(Severity::Right),
            count(Severity::Unproved),
            count(Severity::Wrong),
        );
        let mut lines = vec![match self.is_right() {
            true => format!("Everything that was checked is as it should be: {right} checks."),
            false => format!("{wrong} wrong, {unproved} not proved, {right} right."),
        }];
        let findings = self.verdict.findings().iter();
        let not_right = findings.filter(|finding| finding.severity != Severity::Right);
        lines.extend(not_right.map(ToString::to_string));
        lines.join("\n")
    }
}
