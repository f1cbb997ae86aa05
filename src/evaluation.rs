//! Quality tables: precision, recall and F1 over all pairs, and between each two sources.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail};
use comfy_table::{Table, presets};
use link::{Quality, evaluate};
use serde_json::{Value, json};

use crate::link_report::Meetings;
use crate::rehearsal::Linked;
use crate::report::data::QualityRow;
use crate::truth::{Assignments, Truth};

/// Quality of all pairs, then of the pairs within and between sources.
fn qualities(clusters: &Assignments, truth: &Truth) -> anyhow::Result<Vec<(String, Quality)>> {
    let joined = joined(clusters, truth)?;
    let of = |sources: &[&str]| {
        let chosen = joined
            .iter()
            .filter(|(source, ..)| sources.is_empty() || sources.contains(source));
        evaluate(chosen.map(|(_, cluster, person)| (cluster, *person)))
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

/// Quality of all pairs.
pub(crate) fn overall(clusters: &Assignments, truth: &Truth) -> anyhow::Result<Quality> {
    let joined = joined(clusters, truth)?;
    Ok(evaluate(
        joined.iter().map(|(_, cluster, person)| (cluster, *person)),
    ))
}

/// Pairs completeness: the share of true pairs that met in some pass; 1 when there is none.
pub(crate) fn completeness(linked: &Linked, truth: &Truth) -> f64 {
    let mut persons = vec![None; linked.resolution.records.list.len()];
    let mut sizes: BTreeMap<&str, u64> = BTreeMap::new();
    for record in &linked.records {
        let name = (record.label.to_lowercase(), record.record_id.clone());
        let Some(person) = truth.0.get(&name) else {
            continue;
        };
        *sizes.entry(person).or_default() += 1;
        if let Some(number) = record.number {
            persons[number as usize] = Some(person);
        }
    }
    let all: u64 = sizes.values().map(|n| n * (n - 1) / 2).sum();
    let same = |(left, right): (u32, u32)| {
        let (left, right) = (persons[left as usize], persons[right as usize]);
        left.is_some() && left == right
    };
    let met = linked.resolution.scored.between(same, |_| ()).len() as f64;
    if all == 0 { 1.0 } else { met / all as f64 }
}

/// Source, cluster and person of each record. A record of a source that has clusters, but without one
/// itself, is a cluster of its own: leaving it out would hide the pairs it misses.
type Joined<'a> = Vec<(&'a str, Result<&'a str, usize>, &'a str)>;

fn joined<'a>(clusters: &'a Assignments, truth: &'a Truth) -> anyhow::Result<Joined<'a>> {
    if clusters.is_empty() {
        bail!("there are no clusters to compare with the truth");
    }
    let mut seen = BTreeSet::new();
    let mut joined = Joined::new();
    for (record, cluster) in clusters {
        let person = truth.0.get(record);
        let person = person
            .with_context(|| "a clustered record is not in the truth file; is it the right one?")?;
        if !seen.insert(record) {
            bail!("a record stands twice in the clusters");
        }
        joined.push((record.0.as_str(), Ok(cluster.as_str()), person.as_str()));
    }
    let sources: BTreeSet<&str> = joined.iter().map(|(source, ..)| *source).collect();
    let missing = truth
        .0
        .iter()
        .filter(|(record, _)| sources.contains(record.0.as_str()) && !seen.contains(record));
    let alone: Joined<'a> = missing
        .enumerate()
        .map(|(place, (record, person))| (record.0.as_str(), Err(place), person.as_str()))
        .collect();
    joined.extend(alone);
    Ok(joined)
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

/// The qualities as rows of a report.
pub(crate) fn rows(clusters: &Assignments, truth: &Truth) -> anyhow::Result<Vec<QualityRow>> {
    let row = |(pairs, quality): (String, Quality)| QualityRow {
        pairs,
        right: quality.true_positives,
        wrong: quality.false_positives,
        missed: quality.false_negatives,
    };
    Ok(qualities(clusters, truth)?.into_iter().map(row).collect())
}

/// The share of true pairs that were compared, beside what was estimated without truth.
pub(crate) fn completeness_in_words(linked: &Linked, truth: &Truth) -> String {
    let share = completeness(linked, truth);
    let estimate = Meetings::of(linked).completeness();
    let estimate = estimate.map_or_else(String::new, |share| {
        format!(" (estimated without truth: {share:.4})")
    });
    format!("pairs completeness: {share:.4} of true pairs met in some pass{estimate}")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_left_out_of_the_clusters_count_as_missed() {
        let name = |id: &str| ("crvs".to_owned(), id.to_owned());
        let truth = Truth(
            [("1", "p"), ("2", "p"), ("3", "q")]
                .map(|(id, p)| (name(id), p.to_owned()))
                .into(),
        );
        let clusters = vec![(name("1"), "c".to_owned()), (name("3"), "c".to_owned())];
        let all = qualities(&clusters, &truth).unwrap()[0].1;
        assert_eq!(
            (all.true_positives, all.false_positives, all.false_negatives),
            (0, 1, 1)
        );
        let unknown = vec![(name("9"), "c".to_owned())];
        assert!(qualities(&unknown, &truth).is_err());
    }
}
