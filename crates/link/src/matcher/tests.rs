//! Blocks, pairs and comparisons on rows written by hand.

use model::layout::write_header;
use model::{BlockToken, PassHandle, PassIndex, Silent};

use super::*;
use crate::comparison::{ComparisonLayout, MISSING};

const SCHEMA: &str = r#"
format = 1
name = "s"
revision = 1
profile = "standard"
latest_year = 2025
field = [{ name = "given", kind = "given-name" }, { name = "surname", kind = "surname" }, { name = "born", kind = "date" }]
pass = [{ name = "born", block = ["born"] }, { name = "name", block = ["given.code", "born.year"] }]
[[party]]
name = "a"
title = "A"
duplicates = true
record_id = "id"
map = { given = { columns = ["g"] } }
[[party]]
name = "b"
title = "B"
duplicates = false
record_id = "id"
map = { given = { columns = ["g"] } }
"#;

pub(crate) fn schema() -> LinkageSchema {
    LinkageSchema::parse(SCHEMA).unwrap()
}

fn handle_of(number: u16) -> PassHandle {
    let mut bytes = [0; 16];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    PassHandle::new(bytes)
}

/// A row in a block, whose parts all are filled with `value`.
pub(crate) fn row(layout: &Layout, pass: u8, block: u8, handle: u16, value: u8) -> Vec<u8> {
    let mut row = vec![value; layout.row_bytes];
    let presence = (1 << layout.parts.len()) - 1;
    write_header(
        &mut row,
        PassIndex(pass),
        handle_of(handle),
        BlockToken::new([block; 16]),
        presence,
    );
    row
}

fn rows_of(inputs: &[Vec<u8>]) -> Vec<PartyRows<'_>> {
    inputs
        .iter()
        .enumerate()
        .map(|(party, bytes)| PartyRows {
            party: PartyIndex(party as u8),
            bytes,
        })
        .collect()
}

fn run(inputs: &[Vec<u8>]) -> (Vec<u8>, MatchReport) {
    let (schema, layout) = (schema(), Layout::of(&schema()));
    compare(&schema, &layout, &rows_of(inputs), &Silent).unwrap()
}

#[test]
fn rows_meet_in_their_block_and_pass_only() {
    let layout = Layout::of(&schema());
    let a = [
        row(&layout, 0, 1, 10, 0),
        row(&layout, 1, 1, 11, 0),
        row(&layout, 0, 2, 12, 0),
    ]
    .concat();
    let b = [row(&layout, 0, 1, 20, 0), row(&layout, 0, 1, 21, 0)].concat();
    let (out, report) = run(&[a, b]);
    let rows = ComparisonLayout::of(&layout);
    let met: Vec<_> = rows
        .iter(&out)
        .map(|c| (c.left().row, c.right().row))
        .collect();
    assert_eq!(
        met,
        [(0, 0), (0, 1)],
        "both rows of b are of a party without duplicates"
    );
    assert_eq!(
        (report.rows, report.pairs, report.pairs_by_pass),
        (5, 2, vec![2, 0])
    );
}

#[test]
fn a_party_with_duplicates_meets_itself() {
    let layout = Layout::of(&schema());
    let own = [
        row(&layout, 0, 1, 10, 0),
        row(&layout, 0, 1, 11, 0),
        row(&layout, 0, 1, 12, 0),
    ]
    .concat();
    assert_eq!(run(&[own.clone(), Vec::new()]).1.pairs, 3);
    assert_eq!(run(&[Vec::new(), own]).1.pairs, 0);
}

#[test]
fn equal_signatures_grade_highest_and_absent_ones_are_missing() {
    let layout = Layout::of(&schema());
    let mut absent = row(&layout, 0, 1, 20, 7);
    write_header(
        &mut absent,
        PassIndex(0),
        handle_of(20),
        BlockToken::new([1; 16]),
        1,
    );
    let (out, _) = run(&[row(&layout, 0, 1, 10, 7), absent]);
    let comparison = ComparisonLayout::of(&layout).iter(&out).next().unwrap();
    assert_eq!(comparison.grades()[0], crate::comparison::GRADES);
    for (slot, grade) in layout.slots.iter().zip(comparison.grades()) {
        assert_eq!(
            *grade == MISSING,
            slot.right != 0,
            "only the first part of the right row is there"
        );
    }
}

#[test]
fn an_oversized_block_is_skipped_and_told() {
    let layout = Layout::of(&schema());
    let many: Vec<u8> = (0..=MAX_BLOCK_ROWS as u16)
        .flat_map(|handle| row(&layout, 0, 1, handle, 0))
        .collect();
    let (out, report) = run(&[many, Vec::new()]);
    assert!(out.is_empty());
    assert_eq!(report.skipped_by_pass, [1, 0]);
}

#[test]
fn rows_that_do_not_fit_the_schema_are_refused() {
    let (schema, layout) = (schema(), Layout::of(&schema()));
    let refused = |bytes: &[u8]| {
        let input = PartyRows {
            party: PartyIndex(0),
            bytes,
        };
        compare(&schema, &layout, &[input], &Silent)
            .unwrap_err()
            .to_string()
    };
    assert!(refused(&vec![0; layout.row_bytes + 1]).contains("not a multiple"));
    assert!(refused(&row(&layout, 9, 1, 1, 0)).contains("pass 9"));
    let twice = row(&layout, 0, 1, 1, 0).repeat(2);
    assert!(refused(&twice).contains("row 1 of party 0 is not in order"));
}

#[test]
fn the_number_of_threads_does_not_change_a_byte() {
    let layout = Layout::of(&schema());
    let rows = |seed: u8| -> Vec<u8> {
        (0..200u8)
            .flat_map(|i| row(&layout, i % 2, i % 7, i.into(), i.wrapping_add(seed)))
            .collect()
    };
    let inputs = [rows(1), rows(2)];
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| run(&inputs))
    };
    let (one, four) = (with(1), with(4));
    assert!(!one.0.is_empty());
    assert_eq!(one, four);
}
