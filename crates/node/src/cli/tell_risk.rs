//! What the risk report says, for people on standard output.

use std::io::Write;

use attack::report::{Decision, Report};
use model::risk::Override;
use model::words::words;

use super::CliError;
use super::tell::line;
use crate::RiskSummary;

type Done = Result<(), CliError>;

/// Everything an officer has to know, what no figure covers included.
pub(super) fn measured(summary: &RiskSummary, out: &mut impl Write) -> Done {
    let Report {
        metrics,
        attackers,
        changes,
        residual,
        decision,
        ..
    } = &summary.report;
    for metric in metrics {
        let (id, light) = (&metric.id, metric.light.as_str());
        writeln!(out, "{id:4} {light:6} {}", metric.sentence)?;
    }
    for attacker in attackers {
        let light = attacker.light.as_str();
        writeln!(out, "{:22} {light:6} {}", attacker.name, attacker.sentence)?;
    }
    for change in changes {
        writeln!(out, "since the last report: {change}")?;
    }
    for always in residual {
        writeln!(out, "in any case: {always}")?;
    }
    match decision {
        Decision::Release => writeln!(out, "release: nothing measured speaks against it")?,
        Decision::Hold { reasons } => writeln!(out, "hold: {}", reasons.join("; "))?,
    }
    writeln!(out, "report  {}", summary.page.display())?;
    Ok(writeln!(out, "words   {}", words(&summary.digest))?)
}

pub(super) fn overridden(said: &Override) -> Done {
    line(&format_args!(
        "{} of {} answers for uploading run {} of {} against its risk report; it takes the word of two officers, one of them {}'s",
        said.officer, said.member, said.run, said.party, said.party
    ))
}
