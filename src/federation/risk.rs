//! What each node measures before it uploads, and the two officers who answer for it where that says to hold.

use attack::report::Decision;
use comfy_table::Table;
use model::{Clock as _, Day, PartyName, Progress, SystemClock};
use node::RiskSummary;
use testkit::federation::{Federation, Member};

use super::report::table;
use super::run::MemberResult;

/// Why the officers of the sample let it go all the same.
const REASON: &str = "A rehearsal: nobody in these registries exists";

/// A node's risk report, and who answers for uploading against it.
pub(crate) struct Risk {
    pub(crate) summary: RiskSummary,
    pub(crate) officers: Vec<PartyName>,
}

/// Has the member at `place` measure its risk, and its officer and the next member's answer for what is held.
pub(super) fn measure(
    federation: &Federation,
    members: &[Member],
    place: usize,
    progress: &dyn Progress,
) -> anyhow::Result<Risk> {
    let member = &members[place];
    let summary = member.node.measure_risk(&member.registry, progress)?;
    let is_held = summary.report.decision != Decision::Release;
    let next = &members[(place + 1) % members.len()];
    let officers = match is_held {
        true => vec![member.party.clone(), next.party.clone()],
        false => Vec::new(),
    };
    let report = summary.page.with_extension("json");
    let today = Day::of_millis(SystemClock.unix_millis());
    federation
        .dpos()
        .override_risk(&report, &officers, REASON, today)?;
    Ok(Risk { summary, officers })
}

/// The four attackers at each node, what follows, and who answers for it.
pub(super) fn attackers(members: &[MemberResult]) -> Table {
    let names = members
        .first()
        .map(|member| &member.risk.summary.report.attackers);
    let names = names
        .into_iter()
        .flatten()
        .map(|attacker| attacker.name.clone());
    let mut header: Vec<String> = vec!["node".to_owned()];
    header.extend(names);
    header.extend(["report says", "who answers"].map(str::to_owned));
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    let mut table = table(&header);
    for member in members {
        let report = &member.risk.summary.report;
        let named = report.attackers.iter();
        let mut row = vec![member.party.to_string()];
        row.extend(named.map(|attacker| format!("{:.1} %", attacker.outcome.share() * 100.0)));
        let officers: Vec<&str> = member.risk.officers.iter().map(PartyName::as_str).collect();
        row.push(match report.decision {
            Decision::Release => "release".to_owned(),
            Decision::Hold { .. } => "hold".to_owned(),
        });
        row.push(match officers.is_empty() {
            true => "-".to_owned(),
            false => format!("officers of {}", officers.join(", ")),
        });
        table.add_row(row);
    }
    table
}

/// The same attackers on what left once it was settled which rows can meet another registry's.
pub(super) fn after(members: &[MemberResult]) -> Table {
    let first = members.first().map(|member| &member.left.report.attackers);
    let names = first.into_iter().flatten().map(|one| one.name.as_str());
    let header: Vec<&str> = ["node"].into_iter().chain(names).collect();
    let mut table = table(&header);
    for member in members {
        let named = member.left.report.attackers.iter().map(|one| {
            let right = one.outcome.sure.precision();
            let right = right.map_or("-".to_owned(), |right| format!("{:.0} %", right * 100.0));
            format!("{:.1} % ({right})", one.outcome.share() * 100.0)
        });
        table.add_row(std::iter::once(member.party.to_string()).chain(named));
    }
    table
}

/// What of each registry left its node, and what stayed.
pub(super) fn left(members: &[MemberResult]) -> Table {
    let mut table = table(&[
        "node",
        "rows made",
        "decoys",
        "rows that left",
        "share",
        "records of which nothing left",
    ]);
    for member in members {
        let Some(sent) = member.uploaded.disclosed else {
            continue;
        };
        let share = 100.0 * sent.sent as f64 / sent.made.max(1) as f64;
        table.add_row([
            member.party.to_string(),
            sent.made.to_string(),
            member.prepared.decoys.to_string(),
            sent.sent.to_string(),
            format!("{share:.1} %"),
            sent.records_kept.to_string(),
        ]);
    }
    table
}

/// What is so whatever was measured.
pub(super) fn always(members: &[MemberResult]) -> String {
    let report = members.first().map(|member| &member.risk.summary.report);
    let lines = report.into_iter().flat_map(|report| &report.residual);
    lines
        .map(|line| format!("- {line}"))
        .collect::<Vec<_>>()
        .join("\n")
}
