//! Quality tables: precision, recall and F1 over all pairs, and between each two sources.

use std::collections::BTreeSet;

use anyhow::{Context, bail};
use comfy_table::{Table, presets};
use link::{Quality, evaluate};
use serde_json::{Value, json};

use crate::truth::{Assignments, Truth};

/// Quality of all pairs, then of the pairs within and between sources.
fn qualities(clusters: &Assignments, truth: &Truth) -> anyhow::Result<Vec<(String, Quality)>> {
    if clusters.is_empty() {
        bail!("there are no clusters to score");
    }
    let person = |record| {
        truth
            .0
            .get(record)
            .with_context(|| "a clustered record is not in the truth file; is it the right one?")
    };
    let joined = clusters
        .iter()
        .map(|(record, cluster)| {
            Ok((
                record.0.as_str(),
                cluster.as_str(),
                person(record)?.as_str(),
            ))
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let of = |sources: &[&str]| {
        let chosen = joined
            .iter()
            .filter(|(source, ..)| sources.is_empty() || sources.contains(source));
        evaluate(chosen.map(|(_, cluster, person)| (*cluster, *person)))
    };
    let sources: Vec<&str> = joined
        .iter()
        .map(|(source, ..)| *source)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let mut rows = vec![("all pairs".to_owned(), of(&[]))];
    for (place, left) in sources.iter().enumerate() {
        rows.push((format!("within {left}"), of(&[left])));
        for right in &sources[place + 1..] {
            rows.push((
                format!("{left} - {right}"),
                between(of(&[left, right]), of(&[left]), of(&[right])),
            ));
        }
    }
    Ok(rows)
}

/// Pairs across two sources: those of both together less those within each.
fn between(both: Quality, left: Quality, right: Quality) -> Quality {
    Quality {
        true_positives: both.true_positives - left.true_positives - right.true_positives,
        false_positives: both.false_positives - left.false_positives - right.false_positives,
        false_negatives: both.false_negatives - left.false_negatives - right.false_negatives,
    }
}

/// The qualities as a table for people.
pub(crate) fn table(clusters: &Assignments, truth: &Truth) -> anyhow::Result<Table> {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header([
        "pairs",
        "true",
        "found",
        "wrong",
        "precision",
        "recall",
        "F1",
    ]);
    for (name, quality) in qualities(clusters, truth)? {
        let counts = [
            quality.true_positives + quality.false_negatives,
            quality.true_positives,
            quality.false_positives,
        ];
        let shares = [quality.precision(), quality.recall(), quality.f1()];
        let cells = counts
            .iter()
            .map(u64::to_string)
            .chain(shares.iter().map(|share| format!("{share:.4}")));
        table.add_row(std::iter::once(name).chain(cells));
    }
    Ok(table)
}

/// The qualities as JSON.
pub(crate) fn json(clusters: &Assignments, truth: &Truth) -> anyhow::Result<Value> {
    let rows = qualities(clusters, truth)?
        .into_iter()
        .map(|(name, quality)| {
            json!({
                "pairs": name,
                "true_positives": quality.true_positives,
                "false_positives": quality.false_positives,
                "false_negatives": quality.false_negatives,
                "precision": quality.precision(),
                "recall": quality.recall(),
                "f1": quality.f1(),
            })
        });
    Ok(Value::Array(rows.collect()))
}
