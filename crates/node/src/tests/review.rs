//! Clerical review at the node: pairs led back to the registry's own records, answers that last,
//! and what of them travels in the next handle map.

use std::fs;

use model::{BatchKind, LinkageSchema, RecordHandle, ReviewId, RunNumber};
use secret::{SeededEntropy, StreamReader};
use wire::limits::MAX_STEP_TEXT;
use wire::{ReviewExplanation, ReviewPair, ReviewStep, VERDICTS_MAGIC, Verdict, VerdictEntry};

use super::fixture::{Dpos, GOOD, SCHEMA, Setting, clock, project_name, resolver};
use crate::cli::walk::walk;
use crate::{Answer, Node, NodeError, Project, ReviewError, handle_map};

/// A node of a project with review, and the project.
fn setting() -> (Setting, Project) {
    let mut setting = Setting::without_agreement();
    let text = SCHEMA.replacen("latest_year", "review = { pairs = 9 }\nlatest_year", 1);
    fs::write(setting.node.home().root().join("schema.toml"), &text).unwrap();
    setting.dpos = Dpos::new(&LinkageSchema::parse(&text).unwrap(), "census");
    setting.node = Node::open(setting.node.home().root(), clock()).unwrap();
    setting.agree();
    let project = Project {
        schema_digest: setting.node.schema().digest(),
        ..setting.project()
    };
    setting.know(&project);
    (setting, project)
}

/// The record handle of a local key in a run, found as the node makes it.
fn handle(setting: &Setting, project: &Project, run: u32, key: &str) -> RecordHandle {
    let secret = setting.node.secret().unwrap();
    let run = RunNumber(run);
    let keys = encode::NodeKeys::derive(&secret, &project_name(), project.epoch, run);
    keys.record_handle(&records::LocalKey::new(key.to_owned()))
}

fn pair(id: u8, record: RecordHandle, also: Option<RecordHandle>) -> ReviewPair {
    let step = ReviewStep {
        variable: "names".to_owned(),
        level: "same".repeat(MAX_STEP_TEXT / 4),
        weight_millibits: 9_000,
    };
    ReviewPair {
        id: ReviewId::new([id; 16]),
        record,
        also,
        other: if also.is_some() { "crvs" } else { "sr" }.parse().unwrap(),
        explanation: ReviewExplanation {
            prior_millibits: -9_500,
            steps: vec![step],
            alternatives_millibits: 0,
            odds_millibits: -500,
        },
    }
}

/// A node that was asked about three pairs of its first run.
fn asked() -> (Setting, Project) {
    let (setting, project) = setting();
    setting.prepare(GOOD).unwrap();
    let own = |key| handle(&setting, &project, 1, key);
    let pairs = vec![
        pair(1, own("k-1"), None),
        pair(2, own("k-2"), None),
        pair(3, own("k-1"), Some(own("k-4"))),
    ];
    let entropy = &mut SeededEntropy::new(3);
    let open = setting.node.keep_review(RunNumber(1), pairs, entropy);
    assert_eq!(open.unwrap(), 3);
    (setting, project)
}

fn decide(node: &Node, id: &str, answer: Answer) -> Result<(), NodeError> {
    node.decide(id, answer, &mut SeededEntropy::new(4))
}

/// The verdicts in the handle map of a new run, prepared from this registry.
fn verdicts(setting: &Setting, project: &Project, registry: &str) -> Vec<VerdictEntry> {
    let project = Project {
        run: RunNumber(2),
        ..project.clone()
    };
    setting.know(&project);
    setting.prepare_with(registry, true, 6).unwrap();
    let path = setting.node.home().batch(project.run, BatchKind::HandleMap);
    let sealed = fs::read(path).unwrap();
    let context = handle_map::context(&project, &"crvs".parse().unwrap());
    let mut reader =
        StreamReader::to_recipient(&sealed[..], &resolver(), context.as_bytes()).unwrap();
    let mut chunks = Vec::new();
    while let Some(chunk) = reader.next_chunk().unwrap() {
        chunks.push(chunk.to_vec());
    }
    assert!(chunks[1].starts_with(VERDICTS_MAGIC));
    let entries = chunks[2..].concat();
    let entries = entries.as_chunks().0.iter();
    entries
        .map(|bytes| VerdictEntry::from_bytes(bytes).unwrap())
        .collect()
}

#[test]
fn answers_survive_a_restart_and_can_be_changed() {
    let (setting, _) = asked();
    decide(&setting.node, "0101", Answer::Same).unwrap();
    decide(&setting.node, "0101", Answer::Different).unwrap();
    decide(&setting.node, "0202", Answer::Unsure).unwrap();
    let again = Node::open(setting.node.home().root(), clock()).unwrap();
    let book = again.review_book().unwrap();
    let answers: Vec<_> = book.items.iter().map(|item| item.answer).collect();
    assert_eq!(
        answers,
        [Some(Answer::Different), Some(Answer::Unsure), None]
    );
    assert_eq!(book.open_items().count(), 1);
}

#[test]
fn verdicts_travel_under_the_new_runs_handles() {
    let (setting, project) = asked();
    decide(&setting.node, "0101", Answer::Same).unwrap();
    decide(&setting.node, "0202", Answer::Unsure).unwrap();
    decide(&setting.node, "0303", Answer::Different).unwrap();
    let own = |key| handle(&setting, &project, 2, key);
    let entry = |id, record, verdict| VerdictEntry {
        record,
        review: ReviewId::new([id; 16]),
        verdict,
    };
    let mut both = [own("k-1"), own("k-4")];
    both.sort_unstable();
    let expected = [
        entry(1, own("k-1"), Some(Verdict::Same)),
        entry(2, own("k-2"), None),
        entry(3, both[0], Some(Verdict::Different)),
        entry(3, both[1], Some(Verdict::Different)),
    ];
    assert_eq!(verdicts(&setting, &project, GOOD), expected);
    assert_ne!(own("k-1"), handle(&setting, &project, 1, "k-1"));
}

#[test]
fn records_that_are_gone_are_left_out() {
    let (setting, project) = asked();
    decide(&setting.node, "0101", Answer::Same).unwrap();
    decide(&setting.node, "0303", Answer::Same).unwrap();
    let without = GOOD.replace("k-4,", "k-5,");
    let told = verdicts(&setting, &project, &without);
    let ids: Vec<_> = told
        .iter()
        .map(|entry| entry.review.as_bytes()[0])
        .collect();
    assert_eq!(ids, [1, 2]);
}

#[test]
fn nothing_of_the_registry_stands_in_the_book() {
    let (setting, _) = asked();
    let book = fs::read(setting.node.home().review()).unwrap();
    for value in ["k-1", "Amina", "Diallo", "same", "crvs"] {
        let found = book.windows(value.len()).any(|w| w == value.as_bytes());
        assert!(!found, "{value}");
    }
}

#[test]
fn the_own_record_is_read_again_in_the_schemas_columns() {
    let (setting, _) = asked();
    let registry = GOOD
        .replace("born\n", "born,secret\n")
        .replace("1985-03-09", "1985-03-09,x");
    let registry = registry
        .replace("1990\n", "1990,x\n")
        .replace("k-3,,,", "k-3,,,,");
    let registry = registry.replace("2001-12-31", "2001-12-31,x");
    let path = setting.write("registry.csv", &registry);
    let book = setting.node.review_book().unwrap();
    let records = setting.node.own_records(&path, book.open_items()).unwrap();
    assert_eq!(
        shown(&records, &book.items[0].record),
        ["given Amina", "surname Diallo", "born 1985-03-09"]
    );
    let path = setting.write("registry.csv", &GOOD.replace("k-1,", "k-7,"));
    let records = setting.node.own_records(&path, book.open_items()).unwrap();
    assert!(records.of(&book.items[0].record).is_none());
    assert!(records.of(book.items[2].also.as_ref().unwrap()).is_some());
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test looks at made-up values"
)]
fn shown(records: &crate::OwnRecords, key: &records::LocalKey) -> Vec<String> {
    let values = records.of(key).unwrap();
    let line = |(column, value): (&str, &records::RawField)| format!("{column} {}", value.expose());
    values.map(line).collect()
}

#[test]
fn pairs_that_cannot_be_are_refused_and_nothing_is_kept() {
    let (setting, project) = setting();
    setting.prepare(GOOD).unwrap();
    let own = |key| handle(&setting, &project, 1, key);
    let keep = |pairs| {
        let entropy = &mut SeededEntropy::new(3);
        let error = setting.node.keep_review(RunNumber(1), pairs, entropy);
        let NodeError::Review(error) = error.unwrap_err() else {
            panic!("another error");
        };
        error
    };
    let good = pair(1, own("k-1"), None);
    let stranger = pair(2, RecordHandle::new([9; 16]), None);
    let mut unknown = good.clone();
    unknown.other = "elsewhere".parse().unwrap();
    let mut both = pair(2, own("k-1"), Some(own("k-2")));
    both.other = "sr".parse().unwrap();
    let strange = keep(vec![good.clone(), stranger]);
    assert!(matches!(strange, ReviewError::Strangers { count: 1, .. }));
    for bad in [vec![good.clone(), good.clone()], vec![unknown], vec![both]] {
        assert!(matches!(keep(bad), ReviewError::BadPair(_)));
    }
    assert!(!setting.node.home().review().exists());
}

#[test]
fn only_pairs_that_are_here_can_be_decided() {
    let (setting, _) = asked();
    let refused = decide(&setting.node, "ffff", Answer::Same).unwrap_err();
    assert!(refused.is_refusal() && refused.to_string().contains("`ffff`"));
}

/// What a reviewer reads who answers this.
fn walked(setting: &Setting, answers: &str) -> String {
    let registry = setting.write("registry.csv", GOOD);
    let mut out = Vec::new();
    let (entropy, answers) = (&mut SeededEntropy::new(4), &mut answers.as_bytes());
    walk(&setting.node, &registry, entropy, answers, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_reviewer_walks_through_the_open_pairs_and_goes_on_another_day() {
    let (setting, _) = asked();
    let first = walked(&setting, "what?\ns\nq\n");
    for shown in [
        "--- 1 of 3 ---",
        "Amina",
        "Diallo",
        "that is 41 %",
        "kept 1 answers, 2",
    ] {
        assert!(first.contains(shown), "{shown}: {first}");
    }
    let second = walked(&setting, "d\nu\n");
    assert!(
        second.contains("--- 1 of 2 ---") && second.contains("Silva"),
        "{second}"
    );
    assert!(second.contains("Mary, Jr"), "{second}");
    let answers = setting.node.review_book().unwrap().items;
    let answers: Vec<_> = answers.iter().map(|item| item.answer).collect();
    let expected = [Answer::Same, Answer::Different, Answer::Unsure].map(Some);
    assert_eq!(answers, expected);
    assert_eq!(walked(&setting, ""), "no pair is open\n");
}
