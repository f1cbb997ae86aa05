//! The report at the end of a federation: what came of it, what it was worth, and who saw what.

use anyhow::Context;
use comfy_table::{Table, presets};
use model::BatchKind;

use super::run::{Federated, MemberResult};
use super::{findings, risk};
use crate::evaluation;
use crate::truth::Truth;

/// Prints the report.
pub(crate) fn print(federated: &Federated) -> anyhow::Result<()> {
    let truth = Truth::read(&federated.registries.join("truth.csv.gz"))?;
    heading("Four registries, linked without a name leaving any of them");
    println!("{}", registries(federated));
    heading("How right the links are (the sample's truth is known; no one used it)");
    println!("{}", evaluation::table(&federated.clusters, &truth)?);
    heading("What the linkage shows");
    println!("{}", findings_table(federated, &truth)?);
    heading("What each node was told about its own records");
    println!("{}", summaries(federated));
    heading(
        "What share of people attackers would name, measured before anything left (limit 10 %)",
    );
    println!("{}", risk::attackers(&federated.members));
    heading("What left: only rows that can meet another registry's, with decoys among them");
    println!("{}", risk::left(&federated.members));
    heading("The same attackers on what left, and how many of their sure claims are right");
    println!("{}", risk::after(&federated.members));
    println!("{}", risk::always(&federated.members));
    heading("Who received what, and what it could read in it");
    println!("{}", views(federated));
    heading("What an auditor finds who trusts none of them (audit-report.html)");
    println!("{}", federated.audited.told());
    heading("Seconds");
    println!("{}", seconds(federated));
    println!(
        "\nRead on: README.md, docs/operating/first-federation.md, docs/auditing.md, docs/threat-model.md"
    );
    Ok(())
}

fn heading(text: &str) {
    println!("\n{text}");
}

pub(super) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header(header.to_vec());
    table
}

fn registries(federated: &Federated) -> Table {
    let mut table = table(&[
        "registry",
        "records",
        "set aside",
        "rows encoded",
        "in clusters with others",
    ]);
    let sizes = cluster_sizes(federated);
    for member in &federated.members {
        let own = federated
            .clusters
            .iter()
            .filter(|((source, _), _)| source == member.party.as_str());
        let linked = own
            .filter(|(_, cluster)| sizes.get(cluster.as_str()).is_some_and(|size| *size > 1))
            .count();
        let counts = [
            member.prepared.records,
            member.prepared.set_aside,
            member.prepared.rows,
            linked as u64,
        ];
        table.add_row(
            std::iter::once(member.title.clone()).chain(counts.iter().map(u64::to_string)),
        );
    }
    table
}

fn cluster_sizes(federated: &Federated) -> std::collections::HashMap<&str, usize> {
    let mut sizes = std::collections::HashMap::new();
    for (_, cluster) in &federated.clusters {
        *sizes.entry(cluster.as_str()).or_default() += 1;
    }
    sizes
}

fn findings_table(federated: &Federated, truth: &Truth) -> anyhow::Result<Table> {
    let mut table = table(&["finding", "found", "of them right", "in truth"]);
    let all = findings::all(&federated.registries, &federated.clusters, truth);
    for finding in all.context("the sample's registries cannot be read back")? {
        let counts = [finding.found, finding.right, finding.truly];
        table.add_row(
            std::iter::once(finding.name.to_owned()).chain(counts.iter().map(usize::to_string)),
        );
    }
    Ok(table)
}

fn summaries(federated: &Federated) -> Table {
    let mut header = vec!["node", "records", "persons"];
    header.extend(federated.members.iter().map(|member| member.party.as_str()));
    let mut table = table(&header);
    for member in &federated.members {
        let told = &member.collected;
        let mut row = vec![
            member.party.to_string(),
            told.records.to_string(),
            told.persons.to_string(),
        ];
        row.extend(federated.members.iter().map(|other| {
            let found = told.found.iter().find(|found| found.party == other.party);
            found.map_or_else(|| "-".to_owned(), |found| found.records.to_string())
        }));
        table.add_row(row);
    }
    table
}

fn views(federated: &Federated) -> Table {
    let bytes = |kind: BatchKind| -> u64 {
        let batches = federated
            .members
            .iter()
            .flat_map(|member| &member.uploaded.batches);
        batches
            .filter(|batch| batch.kind == kind)
            .map(|batch| batch.bytes)
            .sum()
    };
    let mut table = table(&["received by", "bytes", "could read", "could not read"]);
    table.add_row([
        "matcher".to_owned(),
        (bytes(BatchKind::BlockTokens) + bytes(BatchKind::Encodings)).to_string(),
        "block tokens, noisy field signatures, which fields are missing".to_owned(),
        "names, keys, which rows are one record, the result".to_owned(),
    ]);
    table.add_row([
        "resolver".to_owned(),
        bytes(BatchKind::HandleMap).to_string(),
        "which rows are one record, which met, how alike, the clusters".to_owned(),
        "names, keys, encodings, block tokens".to_owned(),
    ]);
    for member in &federated.members {
        table.add_row([
            format!("node {}", member.party),
            results_bytes(member).to_string(),
            "its own records' pseudonyms, counts per registry".to_owned(),
            "any other registry's record, handle or pseudonym".to_owned(),
        ]);
    }
    table
}

/// A result row is a record handle and a pseudonym.
fn results_bytes(member: &MemberResult) -> u64 {
    member.collected.with_pseudonym * 32
}

fn seconds(federated: &Federated) -> Table {
    let mut table = table(&["stage", "seconds"]);
    for stage in &federated.stages {
        table.add_row([
            stage.name.to_owned(),
            format!("{:.2}", stage.took.as_secs_f64()),
        ]);
    }
    table
}
