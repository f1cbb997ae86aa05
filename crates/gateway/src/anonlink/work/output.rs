//! Results as JSON on disk, written from pairs in their order.

use std::fs::File;
use std::io::{self, BufReader, Write as _};

use super::groups::{Grouping, Record};
use super::permutation::Permutations;
use super::scored::Scored;
use crate::anonlink::Randomness;
use crate::anonlink::files::{Draft, RunFiles};
use crate::anonlink::project::{Project, ResultType};
use crate::anonlink::sort::{BUFFER, next_row};

/// Makes the files of a run's result.
pub(super) fn write(
    files: &RunFiles,
    project: &Project,
    randomness: &dyn Randomness,
) -> io::Result<()> {
    let uploads = project.parties.iter().filter_map(|party| party.upload);
    let records: Vec<u32> = uploads.map(|upload| upload.records).collect();
    match project.result_type {
        ResultType::SimilarityScores => write_scores(files),
        ResultType::Groups => write_groups(files, grouped(files, &records)?),
        ResultType::Permutations => {
            let pairs = grouped(files, &records)?.filter_map(|group| match group[..] {
                [(_, left), (_, right)] => Some((left, right)),
                _ => None,
            });
            let [left, right] = records[..] else {
                return Err(io::Error::other("permutations are for two parties"));
            };
            let pairs: Vec<(u32, u32)> = pairs.collect();
            let drawn = Permutations::draw([left, right], &pairs, randomness);
            write_permutations(files, &drawn)
        }
    }
}

/// All pairs of a run, best first.
fn pairs(files: &RunFiles) -> io::Result<impl Iterator<Item = io::Result<Scored>>> {
    let mut input = BufReader::with_capacity(BUFFER, File::open(files.pairs())?);
    let next = move || next_row(&mut input).transpose();
    Ok(std::iter::from_fn(next).map(|row| row.map(|row| Scored::of_row(&row))))
}

fn grouped(files: &RunFiles, records: &[u32]) -> io::Result<impl Iterator<Item = Vec<Record>>> {
    let mut grouping = Grouping::new(records);
    for pair in pairs(files)? {
        grouping.take(&pair?);
    }
    Ok(grouping.groups())
}

fn write_scores(files: &RunFiles) -> io::Result<()> {
    let mut out = Draft::new(files.result())?;
    out.write_all(b"{\"similarity_scores\": [")?;
    for (index, pair) in pairs(files)?.enumerate() {
        let Scored {
            score,
            parties,
            records,
        } = pair?;
        let (comma, left, right) = (comma(index), (parties.0, records.0), (parties.1, records.1));
        write!(
            out,
            "{comma}[[{}, {}], [{}, {}], ",
            left.0, left.1, right.0, right.1
        )?;
        // The shortest decimals that are read back as the same number.
        serde_json::to_writer(&mut out, &score)?;
        out.write_all(b"]")?;
    }
    out.write_all(b"]}")?;
    out.finish()
}

fn write_groups(files: &RunFiles, groups: impl Iterator<Item = Vec<Record>>) -> io::Result<()> {
    let mut out = Draft::new(files.result())?;
    out.write_all(b"{\"groups\": [")?;
    for (index, group) in groups.enumerate() {
        out.write_all(comma(index).as_bytes())?;
        serde_json::to_writer(&mut out, &group)?;
    }
    out.write_all(b"]}")?;
    out.finish()
}

fn write_permutations(files: &RunFiles, drawn: &Permutations) -> io::Result<()> {
    let mut out = Draft::new(files.result())?;
    out.write_all(b"{\"mask\": ")?;
    let mask: Vec<u8> = drawn
        .mask
        .iter()
        .map(|matched| u8::from(*matched))
        .collect();
    serde_json::to_writer(&mut out, &mask)?;
    out.write_all(b"}")?;
    out.finish()?;
    for (party, order) in drawn.orders.iter().enumerate() {
        let mut out = Draft::new(files.party_result(party))?;
        out.write_all(b"{\"permutation\": ")?;
        serde_json::to_writer(&mut out, order)?;
        write!(out, ", \"rows\": {}}}", drawn.mask.len())?;
        out.finish()?;
    }
    Ok(())
}

fn comma(index: usize) -> &'static str {
    match index {
        0 => "",
        _ => ", ",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anonlink::files::Files;
    use serde_json::{Value, json};

    #[test]
    fn scores_are_read_back_to_the_last_bit() {
        let dir = tempfile::tempdir().unwrap();
        let project = "0".repeat(48).parse().unwrap();
        let files = Files::open(dir.path()).unwrap();
        let files = files.run(&project, &"1".repeat(48).parse().unwrap());
        std::fs::create_dir_all(files.directory()).unwrap();
        let scores = [1.0, 0.1 + 0.2, 2.0 / 3.0, f64::MIN_POSITIVE];
        let rows = scores.map(|score| {
            let (parties, records) = ((0, 1), (7, 9));
            Scored {
                score,
                parties,
                records,
            }
            .to_row()
        });
        std::fs::write(files.pairs(), rows.concat()).unwrap();
        write_scores(&files).unwrap();
        let text = std::fs::read_to_string(files.result()).unwrap();
        let told: Value = serde_json::from_str(&text).unwrap();
        for (pair, score) in told["similarity_scores"]
            .as_array()
            .unwrap()
            .iter()
            .zip(scores)
        {
            assert_eq!(*pair, json!([[0, 7], [1, 9], score]));
        }
        std::fs::write(files.pairs(), b"").unwrap();
        write_scores(&files).unwrap();
        let text = std::fs::read_to_string(files.result()).unwrap();
        assert_eq!(text, "{\"similarity_scores\": []}");
    }
}
