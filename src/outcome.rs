//! What a rehearsal leaves behind: clusters.csv, links.csv and run.json.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use anyhow::Context;
use link::Link;
use rayon::prelude::*;
use serde_json::{Value, json};

use crate::changes::Changes;
use crate::link_report::{Meetings, cuts};
use crate::rehearsal::{Linked, LinkedRecord};

/// Links that one thread writes out before another takes more.
const LINKS_AT_ONCE: usize = 4096;

/// Writes all files into `dir`, which is made when it is not there.
pub(crate) fn write(dir: &Path, linked: &Linked) -> anyhow::Result<()> {
    fs::create_dir_all(dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    let clusters = || in_file(dir, "clusters.csv", |out| write_clusters(out, linked));
    let links = || in_file(dir, "links.csv", |out| write_links(out, linked));
    let run = || {
        in_file(dir, "run.json", |out| {
            Ok(serde_json::to_writer_pretty(out, &run(linked))?)
        })
    };
    // Each waits for the disk in the end.
    let (clusters, (links, run)) = rayon::join(clusters, || rayon::join(links, run));
    clusters.and(links).and(run)
}

/// Writes what adding records changed, as changes.csv.
pub(crate) fn write_changes(dir: &Path, changes: &Changes<'_>) -> anyhow::Result<()> {
    in_file(dir, "changes.csv", |out| changes.write(out))
}

/// Writes one file of text into `dir`, which is there: whole, or not at all.
pub(crate) fn write_text(dir: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    in_file(dir, name, |out| Ok(out.write_all(text.as_bytes())?))
}

fn in_file(
    dir: &Path,
    name: &str,
    write: impl FnOnce(&mut dyn Write) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let path = dir.join(name);
    let unfinished = dir.join(format!("{name}.tmp"));
    let mut file = BufWriter::new(
        File::create(&unfinished).with_context(|| unfinished.display().to_string())?,
    );
    write(&mut file).with_context(|| path.display().to_string())?;
    let file = file.into_inner().map_err(std::io::Error::from)?;
    file.sync_all()?;
    fs::rename(&unfinished, &path).with_context(|| path.display().to_string())
}

fn write_clusters(out: &mut dyn Write, linked: &Linked) -> anyhow::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(["source", "record_id", "cluster_id"])?;
    for (record, cluster) in linked.cluster_ids() {
        csv.write_record([&record.label, &record.record_id, &cluster])?;
    }
    Ok(csv.flush()?)
}

fn write_links(out: &mut dyn Write, linked: &Linked) -> anyhow::Result<()> {
    let mut by_number: Vec<Option<&LinkedRecord>> =
        vec![None; linked.resolution.records.list.len()];
    for record in &linked.records {
        if let Some(number) = record.number {
            by_number[number as usize] = Some(record);
        }
    }
    let header = [
        "source_l",
        "record_id_l",
        "source_r",
        "record_id_r",
        "match_weight",
        "probability",
    ];
    let mut csv = csv::Writer::from_writer(&mut *out);
    csv.write_record(header)?;
    csv.flush()?;
    drop(csv);
    let of_some = |links: &[Link]| {
        let mut csv = csv::Writer::from_writer(Vec::new());
        for link in links {
            let ends = [link.left, link.right].map(|end| by_number[end as usize]);
            let [Some(left), Some(right)] = ends else {
                continue;
            };
            let weight = thousandths(link.weight_millibits);
            let probability = millionths(link.probability_ppm);
            csv.write_record([
                &left.label,
                &left.record_id,
                &right.label,
                &right.record_id,
                &weight,
                &probability,
            ])?;
        }
        Ok(csv.into_inner().map_err(csv::IntoInnerError::into_error)?)
    };
    let parts = linked.resolution.links.par_chunks(LINKS_AT_ONCE);
    let parts: Vec<Vec<u8>> = parts.map(of_some).collect::<anyhow::Result<_>>()?;
    for part in parts {
        out.write_all(&part)?;
    }
    Ok(())
}

/// So many thousandths, with three places after the point.
fn thousandths(number: i32) -> String {
    let sign = if number < 0 { "-" } else { "" };
    let number = number.unsigned_abs();
    format!("{sign}{}.{:03}", number / 1000, number % 1000)
}

/// So many millionths, with six places after the point.
fn millionths(number: u32) -> String {
    format!("{}.{:06}", number / 1_000_000, number % 1_000_000)
}

fn run(linked: &Linked) -> Value {
    let resolution = &linked.resolution;
    let parties: Vec<Value> = linked
        .reports
        .iter()
        .map(|(label, report)| {
            json!({
                "party": label,
                "records": report.records,
                "rows": report.rows,
                "set_aside": report.set_aside,
                "set_aside_first_rows": report.set_aside_examples,
                "problems": report.problems.iter().map(|problem| json!({
                    "field": linked.schema.fields[problem.field].name,
                    "kind": format!("{:?}", problem.kind),
                    "rows": problem.rows,
                    "first_rows": problem.examples,
                })).collect::<Vec<_>>(),
            })
        })
        .collect();
    let passes: Vec<Value> = linked
        .schema
        .passes
        .iter()
        .enumerate()
        .map(|(place, pass)| {
            json!({
                "pass": pass.name,
                "pairs": linked.matched.pairs_by_pass[place],
                "skipped_blocks": linked.matched.skipped_by_pass[place],
            })
        })
        .collect();
    json!({
        "program": concat!("symbolon ", env!("CARGO_PKG_VERSION")),
        "schema": linked.schema.name,
        "schema_revision": linked.schema.revision,
        "schema_digest": linked.schema.digest(),
        "profile": linked.schema.profile,
        "seed": linked.seed,
        "stood_before": linked.stood,
        "parties": parties,
        "passes": passes,
        "block_limit": linked.matched.block_limit,
        "pairs_of_rows": linked.matched.pairs,
        "calibration_pairs": linked.matched.calibration_pairs,
        "pairs_of_records": resolution.scored.len(),
        "links": resolution.links.len(),
        "clusters": resolution.clusters().len(),
        "review_pairs": resolution.review.len(),
        "cuts": cuts(linked)
            .into_iter()
            .map(|cut| (cut.reason, Value::from(cut.links)))
            .collect::<serde_json::Map<_, _>>(),
        "estimated_pairs_completeness": Meetings::of(linked).completeness(),
        "model": {
            "classes": classes(linked),
            "rounds": resolution.fit.rounds,
            "converged": resolution.fit.converged,
            "expected_matches": resolution.fit.expected_matches,
        },
    })
}

/// What two records could be to each other, by the model; none where no model was fitted.
fn classes(linked: &Linked) -> Vec<&'static str> {
    let model = &linked.resolution.model;
    let fitted = !linked.schema.profile.is_whole_record();
    let all = [
        ("one person", fitted),
        ("household", model.households),
        ("kin", model.kin),
        ("twins", model.twins),
        ("unrelated", fitted),
    ];
    let present = all.into_iter().filter(|(_, is_there)| *is_there);
    present.map(|(class, _)| class).collect()
}

/// The result in a few lines for people.
pub(crate) fn summary(linked: &Linked) -> String {
    let resolution = &linked.resolution;
    let clusters = resolution.clusters();
    let several = clusters.iter().filter(|cluster| cluster.len() > 1).count();
    let mut lines = vec![format!(
        "{} records, {} pairs compared, {} links, {} clusters ({} of several records)",
        linked.records.len(),
        resolution.scored.len(),
        resolution.links.len(),
        clusters.len(),
        several,
    )];
    for (label, report) in &linked.reports {
        if report.set_aside > 0 {
            let rows: Vec<String> = report
                .set_aside_examples
                .iter()
                .map(u64::to_string)
                .collect();
            lines.push(format!(
                "{label}: {} records set aside for want of identifiers, first in rows {}",
                report.set_aside,
                rows.join(", ")
            ));
        }
    }
    if let Some(share) = Meetings::of(linked).completeness() {
        lines.push(format!(
            "about {:.1} % of true pairs met in some pass (an estimate)",
            share * 100.0
        ));
    }
    if !resolution.fit.converged {
        lines.push(
            "warning: the model did not settle; look at the links before you use them".to_owned(),
        );
    }
    let seconds = |duration: std::time::Duration| duration.as_secs_f64();
    let timings = &linked.timings;
    lines.push(format!(
        "encode {:.1} s, compare {:.1} s, resolve {:.1} s",
        seconds(timings.encode),
        seconds(timings.compare),
        seconds(timings.resolve),
    ));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_written_as_decimals(weight: i32, probability in 0..=1_000_000u32) {
            prop_assert_eq!(thousandths(weight), format!("{:.3}", f64::from(weight) / 1e3));
            prop_assert_eq!(millionths(probability), format!("{:.6}", f64::from(probability) / 1e6));
        }
    }
}
