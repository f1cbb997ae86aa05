//! Outcomes, for people on standard output or as JSON for programs.

use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;

use model::PartyName;
use model::approval::Approval;
use serde::Serialize;

use super::CliError;
use crate::report::listed;
use crate::{
    CollectSummary, Evaluated, FieldReport, Fingerprint, Node, PrepareReport, Status, UploadSummary,
};

type Done = Result<(), CliError>;

/// Prints one line.
pub(super) fn line(text: &impl Display) -> Done {
    Ok(writeln!(io::stdout(), "{text}")?)
}

/// Prints `value` as JSON.
pub(super) fn json(value: &impl Serialize) -> Done {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value).map_err(io::Error::from)?;
    Ok(writeln!(out)?)
}

pub(super) fn init(node: &Node) -> Done {
    let (dir, request) = (node.home().root(), node.home().certificate_request());
    let (dir, request) = (dir.display(), request.display());
    let party = &node.config().party;
    line(&format_args!(
        "made the node of `{party}` in {dir}\n\n\
         next:\n\
         1. send {request} to the coordinator's operator, and install what comes back:\n   \
         symbolon-node enrol --dir {dir} --certificate {party}.pem --authority ca.pem --log-keys log-keys\n\
         2. install the agreement when all officers have signed it:\n   \
         symbolon-node agree install --dir {dir} agreement\n\
         3. agree on a linkage key with the other nodes:\n   \
         symbolon-node key card --dir {dir}"
    ))
}

pub(super) fn renewed(request: &Path) -> Done {
    line(&format_args!(
        "made a new key; send {} to the coordinator's operator, and install what comes back",
        request.display()
    ))
}

pub(super) fn new_card(card: &Path) -> Done {
    let card = card.display();
    line(&format_args!(
        "made the card {card}\n\
         next: the data protection officer signs it, then all nodes agree on the key:\n   \
         symbolon-node agree card {card} --key KEYFILE\n   \
         symbolon-node key agree --dir DIR --wait SECONDS"
    ))
}

pub(super) fn agreed_key(fingerprint: Fingerprint) -> Done {
    line(&format_args!(
        "agreed on the linkage key, fingerprint {fingerprint}; every node has confirmed it"
    ))
}

pub(super) fn waiting_for_key(what: &str, missing: &[PartyName]) -> Done {
    let missing: Vec<&str> = missing.iter().map(PartyName::as_str).collect();
    line(&format_args!(
        "waiting for {what} of {}; give the same command again",
        missing.join(", ")
    ))
}

pub(super) fn approved(approval: &Approval) -> Done {
    line(&format_args!(
        "approved run {}, outcome {}",
        approval.run, approval.outcome
    ))
}

pub(super) fn enrolled(status: &Status) -> Done {
    let days = status.certificate_days.unwrap_or_default();
    line(&format_args!(
        "enrolled; the certificate holds for {days} days"
    ))
}

pub(super) fn evaluated(evaluated: &Evaluated) -> Done {
    let Evaluated {
        epoch,
        values,
        before,
        asked,
    } = evaluated;
    line(&format_args!(
        "epoch {epoch}: {values} values of identifiers, {before} evaluated before, {asked} now"
    ))
}

pub(super) fn prepared(report: &PrepareReport) -> Done {
    let mut out = io::stdout().lock();
    write_prepared(report, &mut out)?;
    Ok(())
}

fn write_prepared(report: &PrepareReport, out: &mut impl Write) -> io::Result<()> {
    let PrepareReport {
        run,
        records,
        rows,
        calibration_rows,
        decoys,
        bytes,
        ..
    } = report;
    writeln!(
        out,
        "prepared run {run}: {records} records, {rows} rows ({calibration_rows} to calibrate), {bytes} bytes to upload"
    )?;
    if *decoys > 0 {
        writeln!(out, "{decoys} decoys are among them")?;
    }
    if report.set_aside > 0 {
        let rows = listed(&report.set_aside_rows);
        writeln!(
            out,
            "set aside, in no block: {} records, first rows {rows}",
            report.set_aside
        )?;
    }
    let present = report
        .fields
        .iter()
        .filter(|field| !field.columns.is_empty());
    present
        .clone()
        .try_for_each(|field| write_share(field, *records, out))?;
    present
        .clone()
        .try_for_each(|field| write_problems(field, out))
}

fn write_share(field: &FieldReport, records: u64, out: &mut impl Write) -> io::Result<()> {
    let permille = field.present.saturating_mul(1000) / records.max(1);
    let (whole, tenth) = (permille / 10, permille % 10);
    writeln!(out, "  {:<20} {whole:>3}.{tenth} % present", field.field)
}

fn write_problems(field: &FieldReport, out: &mut impl Write) -> io::Result<()> {
    for problem in &field.problems {
        let columns = field.columns.join(" + ");
        let examples = listed(&problem.examples);
        writeln!(
            out,
            "  {columns}: {} {}, as in rows {examples}",
            problem.rows, problem.problem
        )?;
    }
    Ok(())
}

pub(super) fn upload(summary: &UploadSummary) -> Done {
    for batch in &summary.batches {
        let before = if batch.before { " before" } else { "" };
        let (kind, bytes) = (batch.kind.as_str(), batch.bytes);
        let (leaf, size) = (batch.receipt.proof.index, batch.receipt.proof.head.size);
        line(&format_args!(
            "run {}: {kind} accepted{before}, {bytes} bytes; entry {leaf} in a log of {size}",
            summary.run
        ))?;
    }
    if let Some(disclosed) = &summary.disclosed {
        let (sent, made) = (disclosed.sent, disclosed.made);
        let percent = (sent * 100).checked_div(made).unwrap_or_default();
        line(&format_args!(
            "of {made} rows made, {sent} can meet another record and were sent ({percent} %); \
             {} records sent nothing",
            disclosed.records_kept
        ))?;
    }
    if let Some(parties) = &summary.waiting_for {
        let names: Vec<&str> = parties.iter().map(PartyName::as_str).collect();
        let what = match names.as_slice() {
            [] => "the coordinator's answer".to_owned(),
            names => format!("the block tokens of {}", names.join(", ")),
        };
        line(&format_args!(
            "no encodings are sent yet: waiting for {what}; upload again, or wait with --wait SECONDS"
        ))?;
    }
    Ok(())
}

pub(super) fn collected(summary: &CollectSummary) -> Done {
    let mut out = io::stdout().lock();
    write_collected(summary, &mut out)?;
    Ok(())
}

fn write_collected(summary: &CollectSummary, out: &mut impl Write) -> io::Result<()> {
    let (run, records) = (summary.run, summary.records);
    let (with, aside) = (summary.with_pseudonym, summary.set_aside);
    writeln!(
        out,
        "run {run}: {with} of {records} records have a pseudonym, {aside} were set aside"
    )?;
    for answered in &summary.answered {
        writeln!(out, "{} have yes as {}", answered.yes, answered.question)?;
    }
    writeln!(
        out,
        "they stand for {} persons; of these records",
        summary.persons
    )?;
    for found in &summary.found {
        writeln!(out, "  {} were found at {}", found.records, found.party)?;
    }
    writeln!(out, "results are in {}", summary.results.display())
}

/// Tells where the node stands.
pub(super) fn status(status: &Status, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "party        {} in project {}",
        status.party, status.project
    )?;
    writeln!(out, "schema       {}", status.schema_digest)?;
    let key = status.linkage_key.as_deref().unwrap_or("not installed");
    writeln!(out, "linkage key  {key}")?;
    match status.certificate_days {
        Some(days) if days < 0 => writeln!(out, "certificate  expired; enrol again")?,
        Some(days) => writeln!(out, "certificate  holds for {days} days")?,
        None => writeln!(out, "certificate  not enrolled")?,
    }
    write_local_run(status, out)?;
    write_coordinator(status, out)
}

fn write_local_run(status: &Status, out: &mut impl Write) -> io::Result<()> {
    let Some(run) = status.run else {
        return writeln!(out, "here         nothing prepared");
    };
    let done = |is: bool| if is { "yes" } else { "no" };
    let (uploaded, collected) = (done(run.uploaded), done(run.collected));
    writeln!(
        out,
        "here         run {} prepared, uploaded: {uploaded}, collected: {collected}",
        run.run
    )
}

fn write_coordinator(status: &Status, out: &mut impl Write) -> io::Result<()> {
    if let Some(reason) = &status.unreachable {
        return writeln!(out, "coordinator  {reason}");
    }
    let Some(run) = &status.coordinator else {
        return writeln!(out, "coordinator  not asked");
    };
    writeln!(
        out,
        "coordinator  run {} is {}: {}",
        run.run, run.state, run.detail
    )?;
    for party in &run.parties {
        let has = |is: bool| if is { "accepted" } else { "missing" };
        let (encodings, map) = (has(party.encodings), has(party.handle_map));
        writeln!(
            out,
            "  {:<20} encodings {encodings}, handle map {map}",
            party.party.as_str()
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Answered, ProblemReport, RunProgress};
    use model::lifecycle::Phase;
    use model::{Digest, RunNumber};
    use wire::{Count, Found, PartyProgress, RunStatus};

    const RUN: RunNumber = RunNumber(3);

    fn text(write: impl FnOnce(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn field(columns: &[&str], present: u64, problems: Vec<ProblemReport>) -> FieldReport {
        FieldReport {
            field: "born".into(),
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            present,
            problems,
        }
    }

    #[test]
    fn a_report_tells_shares_and_rows_of_the_fields_the_registry_has() {
        let problem = ProblemReport {
            problem: "impossible dates, used in part".into(),
            rows: 2,
            examples: vec![4, 9],
            unusable: false,
        };
        let report = PrepareReport {
            run: RUN,
            records: 3,
            rows: 7,
            calibration_rows: 2,
            decoys: 0,
            set_aside: 1,
            set_aside_rows: vec![2],
            bytes: 700,
            fields: vec![
                field(&["born", "year"], 2, vec![problem]),
                field(&[], 0, Vec::new()),
            ],
        };
        assert_eq!(
            text(|out| write_prepared(&report, out)),
            "prepared run 3: 3 records, 7 rows (2 to calibrate), 700 bytes to upload\n\
             set aside, in no block: 1 records, first rows 2\n  \
             born                  66.6 % present\n  \
             born + year: 2 impossible dates, used in part, as in rows 4, 9\n"
        );
    }

    #[test]
    fn small_counts_stay_below_their_floor() {
        let found = |party: &str, records| Found {
            party: party.parse().unwrap(),
            records,
        };
        let summary = CollectSummary {
            run: RUN,
            results: "results/run-3.csv".into(),
            records: 40,
            with_pseudonym: 38,
            answered: vec![Answered {
                question: "death".to_owned(),
                yes: 3,
            }],
            set_aside: 2,
            persons: Count::Exact(37),
            found: vec![
                found("id", Count::Exact(30)),
                found("sr", Count::FewerThan(10)),
            ],
        };
        assert_eq!(
            text(|out| write_collected(&summary, out)),
            "run 3: 38 of 40 records have a pseudonym, 2 were set aside\n\
             3 have yes as death\n\
             they stand for 37 persons; of these records\n  \
             30 were found at id\n  fewer than 10 were found at sr\n\
             results are in results/run-3.csv\n"
        );
    }

    fn bare_status() -> Status {
        Status {
            party: "crvs".parse().unwrap(),
            project: "census".parse().unwrap(),
            schema_digest: Digest::new([0; 32]),
            linkage_key: None,
            certificate_until: None,
            certificate_days: None,
            run: None,
            coordinator: None,
            unreachable: None,
        }
    }

    #[test]
    fn a_new_node_is_told_what_is_missing() {
        let text = text(|out| status(&bare_status(), out));
        for missing in [
            "not installed",
            "not enrolled",
            "nothing prepared",
            "not asked",
        ] {
            assert!(text.contains(missing), "{text}");
        }
    }

    #[test]
    fn a_working_node_shows_both_sides() {
        let party = PartyProgress {
            party: "sr".parse().unwrap(),
            encodings: true,
            handle_map: false,
            approved: false,
        };
        let status_of_run = RunStatus {
            run: RUN,
            state: Phase::Open,
            detail: "waiting for sr".into(),
            parties: vec![party],
            outcome: None,
        };
        let told = Status {
            certificate_days: Some(-1),
            run: Some(RunProgress {
                run: RUN,
                prepared: true,
                uploaded: true,
                collected: false,
            }),
            coordinator: Some(status_of_run),
            ..bare_status()
        };
        let text = text(|out| status(&told, out));
        assert!(text.contains("certificate  expired"), "{text}");
        assert!(
            text.contains("run 3 prepared, uploaded: yes, collected: no"),
            "{text}"
        );
        assert!(text.contains("run 3 is open: waiting for sr"), "{text}");
        assert!(
            text.contains("encodings accepted, handle map missing"),
            "{text}"
        );
    }
}
