//! Preparing without a connection: what is made, what repeats, what is refused.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use audit::{Event, FileStore, Log};
use model::{BatchKind, Digest, RunNumber};
use service::Exit;

use super::fixture::{GOOD, Setting, other_digest, project_name, registry};
use crate::outbox::Outbox;
use crate::{NodeError, Project};

const RUN: RunNumber = RunNumber(1);

fn batch(setting: &Setting, kind: BatchKind) -> Vec<u8> {
    fs::read(setting.node.home().batch(RUN, kind)).unwrap()
}

fn refused(result: Result<impl Sized, NodeError>) -> String {
    let error = result.err().unwrap();
    assert_eq!(error.exit(), Exit::Refused, "{error}");
    error.to_string()
}

#[test]
fn counts_and_manifests_say_what_was_prepared() {
    let setting = Setting::new();
    let report = setting.prepare(GOOD).unwrap();
    assert_eq!((report.records, report.set_aside), (4, 1));
    assert_eq!(report.set_aside_rows, [3]);
    assert_eq!(report.fields[0].present, 3);
    assert!(report.fields.iter().all(|field| field.problems.is_empty()));
    let outbox = Outbox::latest(setting.node.home()).unwrap().unwrap();
    for kind in [BatchKind::Encodings, BatchKind::HandleMap] {
        let manifest = outbox.manifest(kind).unwrap();
        let bytes = batch(&setting, kind);
        assert_eq!((manifest.records, manifest.set_aside), (3, 1));
        assert_eq!(manifest.rows, report.rows);
        assert_eq!(manifest.bytes, bytes.len() as u64);
        assert_eq!(manifest.payload_digest, Digest::of(&bytes));
        assert_eq!(manifest.project, project_name());
    }
}

#[test]
fn everything_a_node_keeps_is_its_owners_alone() {
    let setting = Setting::new();
    setting.prepare(GOOD).unwrap();
    let mut left = vec![setting.node.home().root().to_owned()];
    let mut files = 0;
    while let Some(path) = left.pop() {
        let metadata = fs::metadata(&path).unwrap();
        if metadata.is_dir() {
            assert_eq!(metadata.mode() & 0o777, 0o700, "{}", path.display());
            left.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if path.file_name().unwrap() != "log" {
            assert_eq!(metadata.mode() & 0o777, 0o600, "{}", path.display());
            files += 1;
        }
    }
    assert!(files >= 12, "{files}");
}

#[test]
fn preparing_again_gives_the_same_rows_and_another_seal() {
    let setting = Setting::new();
    setting.prepare(GOOD).unwrap();
    let first = [BatchKind::Encodings, BatchKind::HandleMap].map(|kind| batch(&setting, kind));
    let message = refused(setting.prepare(GOOD));
    assert!(message.contains("--again"), "{message}");
    setting.prepare_with(GOOD, true, 6).unwrap();
    let second = [BatchKind::Encodings, BatchKind::HandleMap].map(|kind| batch(&setting, kind));
    assert_eq!(first[0], second[0]);
    assert_ne!(first[1], second[1]);
}

#[test]
fn the_same_seed_gives_the_same_bytes_at_another_node_of_the_same_keys() {
    let prepared = |_| {
        let setting = Setting::new();
        setting.prepare(GOOD).unwrap();
        let kinds = [BatchKind::Encodings, BatchKind::HandleMap];
        let vault = fs::read(setting.node.home().vault(RUN)).unwrap();
        (kinds.map(|kind| batch(&setting, kind)), vault)
    };
    let [first, second] = [1, 2].map(prepared);
    assert!(first == second);
}

/// What a killed program leaves at each point must not stand in the way.
#[test]
fn leftovers_of_a_killed_preparation_are_cleared() {
    let setting = Setting::new();
    let outbox = Outbox::of(setting.node.home(), RUN);
    setting.prepare(GOOD).unwrap();
    let rows = batch(&setting, BatchKind::Encodings);
    // Killed after the old preparation was moved aside.
    outbox.retire().unwrap();
    fs::create_dir(outbox.draft_dir()).unwrap();
    fs::write(outbox.draft_dir().join("encodings.bin"), b"half").unwrap();
    assert!(!setting.node.is_prepared(RUN));
    setting.prepare(GOOD).unwrap();
    assert_eq!(batch(&setting, BatchKind::Encodings), rows);
    assert!(!outbox.draft_dir().exists() && !outbox.retired_dir().exists());
}

#[test]
fn a_refused_file_leaves_what_was_prepared_before() {
    let setting = Setting::new();
    setting.prepare(GOOD).unwrap();
    let rows = batch(&setting, BatchKind::Encodings);
    let long = format!("{GOOD}{},A,B,1990\n", "x".repeat(2000));
    let message = refused(setting.prepare_with(&long, true, 6));
    assert!(message.contains("row 5"), "{message}");
    assert!(setting.node.is_prepared(RUN));
    assert_eq!(batch(&setting, BatchKind::Encodings), rows);
}

#[test]
fn both_batches_stand_in_the_log_before_anything_is_sent() {
    let setting = Setting::new();
    setting.prepare(GOOD).unwrap();
    let store = FileStore::open(&setting.node.home().log().join("entries")).unwrap();
    let log = Log::open(store).unwrap();
    // The first stands for the agreement.
    let kinds = (1..log.size()).map(|index| match log.entry(index).unwrap().unwrap().event {
        Event::BatchPrepared {
            kind, records: 3, ..
        } => kind,
        other => panic!("{other:?}"),
    });
    let kinds: Vec<_> = kinds.collect();
    assert_eq!(kinds, [BatchKind::Encodings, BatchKind::HandleMap]);
}

#[test]
fn another_schema_or_project_is_refused() {
    let setting = Setting::new();
    setting.know(&Project {
        schema_digest: other_digest(),
        ..setting.project()
    });
    assert!(refused(setting.prepare(GOOD)).contains("is not the project's"));
    setting.know(&Project {
        project: "other".parse().unwrap(),
        ..setting.project()
    });
    assert!(refused(setting.prepare(GOOD)).contains("set up for `census`"));
    fs::remove_file(setting.node.home().project()).unwrap();
    assert!(refused(setting.prepare(GOOD)).contains("not known yet"));
}

#[test]
fn files_that_cannot_be_trusted_are_refused_with_their_place() {
    let setting = Setting::new();
    let cases = [
        ("id,given,surname\nk,A,B\n", "no column `born`"),
        ("id,given,surname,born\nk,A,B,1990\nk,C,D,1991\n", "row 2"),
        ("id,given,surname,born\n,A,B,1990\n", "empty record id"),
        ("id,given,surname,born\n", "no records"),
    ];
    for (registry, place) in cases {
        let message = refused(setting.prepare(registry));
        assert!(message.contains(place), "{message}");
        assert!(!setting.node.is_prepared(RUN));
    }
}

#[test]
fn a_column_in_another_format_is_refused_without_a_value() {
    let setting = Setting::new();
    let wrong = registry(20).replace("-01-", "/01/").replace("-02-", "/02/");
    let wrong = wrong.replace("-03-", "/03/").replace("-04-", "/04/");
    let message = refused(setting.prepare(&wrong));
    assert!(
        message.contains("column `born` (field `born`)"),
        "{message}"
    );
    assert!(message.contains("of 20 values cannot be used"), "{message}");
    assert!(!message.contains("195"), "{message}");
    // One in twenty is a slip of the pen.
    let slip = registry(20).replacen("-01-", "/01/", 1);
    let report = setting.prepare(&slip).unwrap();
    assert_eq!(report.fields[2].unusable(), 1);
    assert_eq!(report.fields[2].problems[0].examples, [1]);
}

#[test]
fn reports_hold_counts_and_rows_and_no_value() {
    let setting = Setting::new();
    let odd = format!("{GOOD}k-5,Zawadi,Mbeki,31.12.1999\n");
    setting.prepare(&odd).unwrap();
    let report = setting.node.home().outbox_of(RUN).join("report.json");
    let text = fs::read_to_string(report).unwrap();
    assert!(
        text.contains("dates in none of the schema's formats"),
        "{text}"
    );
    for value in ["Zawadi", "Mbeki", "1999", "k-5", "Amina"] {
        assert!(!text.contains(value), "{value}: {text}");
    }
}
