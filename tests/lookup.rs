//! Lookup end to end: what an index and a finished run answer about a record is what the run itself made of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use link::{Answerer, Comparer, ComparisonLayout, RecordSet, RowBatch, Scratch, StandingIndex};
use model::{Layout, LinkageSchema, RecordHandle, Silent};
use testkit::country::{CountrySpec, ErrorLevel, generate};
use testkit::encoded::{EncodedParty, encode_registries};

const SCHEMA: &str = include_str!("../examples/four-registries/schema.toml");
/// Rows are read by record, so that one record can be asked for.
type RowsOf<'a> = BTreeMap<RecordHandle, Vec<&'a [u8]>>;

fn by_record(party: &EncodedParty) -> RowsOf<'_> {
    let mut rows = RowsOf::new();
    for (row, entry) in party.rows.iter().zip(&party.handles) {
        rows.entry(entry.record).or_default().push(row);
    }
    rows
}

#[test]
fn a_record_asked_for_is_answered_as_the_run_linked_it() {
    let dir = tempfile::tempdir().unwrap();
    let spec = CountrySpec {
        persons: 600,
        level: ErrorLevel::Moderate,
        seed: 7,
    };
    generate(&spec).write_to(dir.path(), false).unwrap();
    let schema = LinkageSchema::parse(SCHEMA).unwrap();
    let layout = Layout::of(&schema);
    let parties =
        encode_registries(&schema, &layout, dir.path(), &"lookup".parse().unwrap(), 1).unwrap();
    let sets: Vec<RecordSet> = parties.iter().map(EncodedParty::set).collect();

    let scratch = Scratch::in_directory(dir.path(), 1 << 20);
    let mut comparer = Comparer::new(&schema, &layout, &scratch);
    let index = StandingIndex::new(&schema, &layout, &scratch);
    for party in &parties {
        let batch = RowBatch::new(party.party);
        comparer.add_rows(&batch, party.rows.iter()).unwrap();
        let batch = index.begin_batch(party.party).unwrap();
        index.add(batch, &party.rows.to_vec()).unwrap();
    }
    let mut comparisons = Vec::new();
    let mut sink = |part: &[u8]| {
        comparisons.extend_from_slice(part);
        Ok::<(), io::Error>(())
    };
    comparer.run(&mut io::empty(), &Silent, &mut sink).unwrap();
    let run = link::resolve(
        &schema,
        &layout,
        &sets,
        &[],
        &mut comparisons.as_slice(),
        &scratch,
        &Silent,
    )
    .unwrap();

    // Two records that also met in the calibration have one more comparison in the run than in the index.
    let calibration = schema.calibration_pass().unwrap();
    let number = |id: link::RowId| {
        let set = &sets[usize::from(id.batch)];
        let record = set.record(id.row).unwrap();
        run.records.number(set.party, record).unwrap()
    };
    let calibrated: BTreeSet<(u32, u32)> = ComparisonLayout::of(&layout)
        .iter(&comparisons)
        .filter(|met| met.pass() == calibration)
        .map(|met| (number(met.left()), number(met.right())))
        .map(|(a, b)| (a.min(b), a.max(b)))
        .collect();

    let answerer = Answerer::new(&run, &schema, &layout, &sets).unwrap();
    let (mut compared, mut found, mut linked) = (0, 0, 0);
    for party in &parties {
        for (handle, rows) in by_record(party).into_iter().take(300) {
            let own = run.records.number(party.party, handle).unwrap();
            let met = index.compare(party.party, &rows.concat()).unwrap();
            let answers = answerer.answer(party.party, Some(handle), &met).unwrap();
            for (other, odds) in answers.iter().flat_map(|answer| &answer.met) {
                let pair = (own.min(*other), own.max(*other));
                if !calibrated.contains(&pair) {
                    let place = run.scored.place_of(pair).unwrap();
                    assert_eq!(run.scored.at(place).odds_millibits, *odds, "{pair:?}");
                    compared += 1;
                }
            }
            let cluster = run.cluster_of[own as usize];
            let others = run.cluster_of.iter().filter(|of| **of == cluster).count() - 1;
            if others > 0 {
                linked += 1;
                let best = answers.first().filter(|answer| answer.is_match());
                found += usize::from(best.is_some_and(|best| best.cluster == cluster));
            }
        }
    }
    assert!(compared > 2000, "{compared} pairs compared");
    // Clusters grow one pair of clusters after the other, so a few records joined through others than they would alone.
    assert!(
        found * 100 >= linked * 98,
        "{found} of {linked} records found"
    );
    assert!(linked > 500, "{linked} records linked");
}
