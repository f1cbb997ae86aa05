//! `symbolon link --clear`: grades taken from the clear tokens instead of from encodings.
//!
//! Blocks, pairs and handles stay those of the encodings, so nothing but the similarities differs
//! between the two runs, and the difference of their results is what hardening costs.

use std::collections::HashMap;

use encode::ClearRecord;
use link::comparison::GRADES;
use link::{ComparisonLayout, MISSING, RecordSet, RowId};
use model::layout::Slot;
use model::{Layout, RecordHandle};

/// What is said of every clear run.
pub(crate) const WARNING: &str =
    "similarities are from clear values: a rehearsal on test data, which no federation can repeat";

/// Where a rehearsal's grades come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Similarities {
    /// Hardened encodings, as in every real run.
    Encoded,
    /// Clear tokens.
    Clear,
}

/// One party's clear records, by their handles.
pub(crate) type ClearRecords = HashMap<RecordHandle, ClearRecord>;

/// Replaces every grade of `comparisons`, which are whole rows, by that of the clear tokens. `batches`
/// are in the order the matcher had them. Works on the calling thread alone, which may hold what other
/// threads wait for.
pub(crate) fn regrade(
    layout: &Layout,
    batches: &[(&RecordSet, &ClearRecords)],
    comparisons: &mut [u8],
) {
    let record = |RowId { batch, row }| {
        let (set, records) = batches.get(usize::from(batch))?;
        records.get(&set.record(row)?)
    };
    let form = ComparisonLayout::of(layout);
    let header = form.row_bytes() - form.slots();
    comparisons
        .chunks_exact_mut(form.row_bytes())
        .for_each(|bytes| {
            let met = form.iter(bytes).next();
            let Some((left, right)) =
                met.and_then(|met| Some((record(met.left())?, record(met.right())?)))
            else {
                return;
            };
            for (grade, slot) in bytes[header..].iter_mut().zip(&layout.slots) {
                *grade = clear_grade(*slot, left, right);
            }
        });
}

fn clear_grade(slot: Slot, left: &ClearRecord, right: &ClearRecord) -> u8 {
    let overlap = left.overlap(slot.left, right, slot.right);
    overlap.map_or(MISSING, |overlap| overlap.dice(usize::from(GRADES)) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    use encode::{ClearReader, NodeKeys};
    use model::{Epoch, LinkageSchema, PartyIndex, PassHandle, RunNumber, Silent};
    use records::{ColumnPlan, LocalKey, RawField, RawRecord};
    use secret::{Key32, SeededEntropy};
    use testkit::country::{CountrySpec, ErrorLevel, generate};

    use crate::evaluation;
    use crate::rehearsal::{Linked, PartyFile, Rehearsal};
    use crate::truth::Truth;

    const COUNTRY: &str = include_str!("../examples/four-registries/schema.toml");
    const SMALL: &str = r#"
format = 1
name = "s"
revision = 1
profile = "standard"
latest_year = 2025
field = [
  { name = "given", kind = "given-name" },
  { name = "surname", kind = "surname" },
]
pass = [{ name = "name", block = ["given", "surname"] }]
[[party]]
name = "a"
title = "A"
duplicates = true
record_id = "id"
map = { given = { columns = ["g"] }, surname = { columns = ["s"] } }
"#;
    const PARTY: PartyIndex = PartyIndex(0);

    /// The records of a small registry, by number, with one row each under a handle of that number.
    fn registry(layout: &Layout, names: &[[&str; 2]]) -> (RecordSet, ClearRecords) {
        let schema = LinkageSchema::parse(SMALL).unwrap();
        let secret = Key32::generate(&mut SeededEntropy::new(1));
        let keys = NodeKeys::derive(&secret, &"p".parse().unwrap(), Epoch(1), RunNumber(1));
        let plan = ColumnPlan::of(&schema, PARTY);
        let reader = ClearReader::new(&schema, layout, PARTY, &plan, &keys);
        let (mut handles, mut records) = (Vec::new(), ClearRecords::new());
        for (number, name) in names.iter().enumerate() {
            let (handle, record) = reader.read(&RawRecord {
                row: number as u64 + 1,
                key: LocalKey::new(number.to_string()),
                fields: name.map(|text| RawField::new(text.to_owned())).into(),
            });
            handles.push((PassHandle::new([number as u8; 16]), handle));
            records.insert(handle, record);
        }
        (RecordSet::of(PARTY, handles), records)
    }

    /// The grades of two rows, which were 7 before.
    fn regraded(names: &[[&str; 2]], left: u8, right: u8) -> Vec<u8> {
        let layout = Layout::of(&LinkageSchema::parse(SMALL).unwrap());
        let (set, records) = registry(&layout, names);
        let grades = vec![7; layout.slots.len()];
        let header = [0, 0, 0, left, 0, 0, 0, 0, 0, right, 0, 0, 0];
        let mut bytes = [header.to_vec(), grades].concat();
        regrade(&layout, &[(&set, &records)], &mut bytes);
        assert_eq!(bytes[..13], header);
        bytes.split_off(13)
    }

    #[test]
    fn equal_values_grade_highest_straight_and_swapped_ones_crosswise() {
        let names = [["Ana", "Silva"], ["ana", "SILVA"], ["Silva", "Ana"]];
        // Straight given name and surname, then both crosswise.
        let same = regraded(&names, 0, 1);
        assert_eq!((same[0], same[1]), (GRADES, GRADES));
        assert!(same[2] < GRADES && same[3] < GRADES);
        let swapped = regraded(&names, 0, 2);
        assert_eq!((swapped[2], swapped[3]), (GRADES, GRADES));
        assert!(swapped[0] < GRADES && swapped[1] < GRADES);
    }

    #[test]
    fn absent_values_are_missing() {
        let grades = regraded(&[["Ana", "Silva"], ["Ana", ""]], 0, 1);
        assert_eq!(
            (grades[0], grades[1], grades[2]),
            (GRADES, MISSING, MISSING)
        );
        assert!(
            grades[3] < GRADES,
            "the left surname against the right given name"
        );
    }

    fn linked(dir: &Path, clear: bool) -> Linked {
        let schema = LinkageSchema::parse(COUNTRY).unwrap();
        let file = |(party, own): (usize, &model::schema::Party)| PartyFile {
            party: PartyIndex(party as u8),
            label: own.name.to_string(),
            path: dir.join(format!("{}.csv", own.name)),
        };
        let files: Vec<_> = schema.parties.iter().enumerate().map(file).collect();
        let rehearsal = Rehearsal::new(schema, 1);
        let rehearsal = if clear {
            rehearsal.on_clear_values().unwrap()
        } else {
            rehearsal
        };
        rehearsal.run(&files, &Silent).unwrap()
    }

    #[test]
    fn clear_values_meet_as_encoded_ones_do_and_find_no_fewer_persons() {
        let dir = tempfile::tempdir().unwrap();
        let spec = CountrySpec {
            persons: 150,
            level: ErrorLevel::Clean,
            seed: 5,
        };
        generate(&spec).write_to(dir.path(), false).unwrap();
        let (encoded, clear) = (linked(dir.path(), false), linked(dir.path(), true));
        assert_eq!(clear.matched, encoded.matched);
        assert!(clear.matched.calibration_pairs > 0);
        let pairs = |own: &Linked| -> Vec<(u32, u32)> {
            own.resolution.scored.iter().map(|pair| pair.pair).collect()
        };
        assert_eq!(pairs(&clear), pairs(&encoded));
        let truth = Truth::read(&dir.path().join("truth.csv")).unwrap();
        let f1 = |own: &Linked| {
            evaluation::overall(&own.assignments(), &truth)
                .unwrap()
                .f1()
        };
        let (clear, encoded) = (f1(&clear), f1(&encoded));
        // A pair or two may fall the other way.
        assert!(clear > 0.9 && clear > encoded - 0.005, "{clear} {encoded}");
    }

    #[test]
    fn whole_record_vectors_are_refused() {
        let schema = LinkageSchema::parse(&SMALL.replace("standard", "record-clk")).unwrap();
        let refused = Rehearsal::new(schema, 1).on_clear_values();
        assert!(refused.err().unwrap().to_string().contains("record-clk"));
    }
}
