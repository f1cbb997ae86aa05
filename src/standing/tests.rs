//! A country whose registries come in two parts: added later they give what they give at once.

use std::collections::BTreeMap;
use std::path::Path;

use link::Scratch;
use model::{LinkageSchema, PartyIndex, Silent};
use testkit::country::{CountrySpec, ErrorLevel, generate};

use super::*;
use crate::changes::Changes;
use crate::rehearsal::{CHUNK, Linked, PartyFile, Rehearsal};

const SCHEMA: &str = include_str!("../../examples/four-registries/schema.toml");
const SEED: u64 = 3;
/// Enough for the largest registry to be read in two pieces, and so to be cut into two batches where memory
/// is short: then records of the second take places in the sample that records of the first had.
const PERSONS: u32 = 3800;

/// Cuts every registry in `dir` in two: every fifth record comes later, and all of the last party.
fn cut_in_two(dir: &Path, schema: &LinkageSchema) {
    let last = schema.parties.len() - 1;
    for (place, party) in schema.parties.iter().enumerate() {
        let text = std::fs::read_to_string(dir.join(format!("{}.csv", party.name))).unwrap();
        let (header, lines) = text.split_once('\n').unwrap();
        let late = |number: usize| place == last || number.is_multiple_of(5);
        for (name, wanted) in [("first", false), ("second", true)] {
            let own = lines.lines().enumerate();
            let own = own.filter(|(number, _)| late(*number) == wanted);
            let body: Vec<&str> = own.map(|(_, line)| line).collect();
            let text = format!("{header}\n{}\n", body.join("\n"));
            std::fs::write(dir.join(format!("{}.{name}.csv", party.name)), text).unwrap();
        }
    }
}

fn files(dir: &Path, schema: &LinkageSchema, part: &str, parties: usize) -> Vec<PartyFile> {
    let file = |(place, party): (usize, &model::schema::Party)| PartyFile {
        party: PartyIndex(place as u8),
        label: party.name.to_string(),
        path: dir.join(format!("{}{part}.csv", party.name)),
    };
    let parties = schema.parties.iter().enumerate().take(parties);
    parties.map(file).collect()
}

fn clusters(linked: &Linked) -> BTreeMap<(String, String), String> {
    let clusters = linked.cluster_ids();
    clusters
        .map(|(record, id)| ((record.label.clone(), record.record_id.clone()), id))
        .collect()
}

fn schema() -> LinkageSchema {
    LinkageSchema::parse(SCHEMA).unwrap()
}

/// The first parts, linked and kept in `kept`.
fn link_first(dir: &Path, kept: &Path) -> Linked {
    let first = files(dir, &schema(), ".first", 3);
    let rehearsal = Rehearsal::new(schema(), SEED).keeping_rows();
    let (linked, run) = rehearsal
        .extend(StandingRun::default(), &first, &Silent)
        .unwrap();
    let mut state = Kept {
        schema_text: SCHEMA.to_owned(),
        seed: SEED,
        run,
    };
    KeptRun::create(kept).unwrap().save(&mut state).unwrap();
    linked
}

#[test]
fn records_added_later_give_the_clusters_of_all_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, kept) = (dir.path(), dir.path().join("kept"));
    // Enough persons for the samples of strangers to overflow, so that rows leave them.
    let spec = CountrySpec {
        persons: PERSONS,
        level: ErrorLevel::Moderate,
        seed: 8,
    };
    generate(&spec).write_to(dir, false).unwrap();
    cut_in_two(dir, &schema());
    link_first(dir, &kept);
    let Kept { run, .. } = load(&kept).unwrap();
    let before = run.clusters.clone();
    let second = files(dir, &schema(), ".second", 4);
    let rehearsal = Rehearsal::new(schema(), SEED).keeping_rows();
    let (added, run) = rehearsal.extend(run, &second, &Silent).unwrap();
    let all = files(dir, &schema(), "", 4);
    let at_once = Rehearsal::new(schema(), SEED)
        .within(Scratch::in_directory(dir, 8 << 20))
        .run(&all, &Silent)
        .unwrap();
    assert!(run.samples.values().any(|sample| sample.len() == 2048));
    let of_crvs = at_once.records.iter().filter(|r| r.label == "crvs");
    assert!(of_crvs.count() > CHUNK, "no registry was cut");
    assert_eq!(added.matched, at_once.matched);
    assert_eq!(added.resolution.links, at_once.resolution.links);
    assert_eq!(clusters(&added), clusters(&at_once));
    // What differs from the run that stood has a reason.
    let mut told = Vec::new();
    let changes = Changes::of(&added, &before);
    changes.write(&mut told).unwrap();
    let told = String::from_utf8(told).unwrap();
    let lines = told.lines().skip(1);
    let reasons: Vec<&str> = lines
        .filter_map(|line| line.splitn(6, ',').nth(5))
        .collect();
    assert!(!reasons.is_empty(), "{}", changes.summary());
    assert!(reasons.iter().all(|reason| !reason.is_empty()), "{told}");
}

#[test]
fn a_record_that_stands_cannot_be_added_again() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, kept) = (dir.path(), dir.path().join("kept"));
    small(dir);
    link_first(dir, &kept);
    let Kept { run, .. } = load(&kept).unwrap();
    let again = files(dir, &schema(), ".first", 1);
    let refused = Rehearsal::new(schema(), SEED).extend(run, &again, &Silent);
    let told = format!("{:#}", refused.err().unwrap());
    assert!(told.contains("an earlier batch"), "{told}");
}

#[test]
fn a_damaged_state_is_refused_and_an_unfinished_one_does_not_count() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, kept) = (dir.path(), dir.path().join("kept"));
    small(dir);
    let linked = link_first(dir, &kept);
    let second = kept.join("state-2");
    std::fs::create_dir(&second).unwrap();
    std::fs::write(second.join("schema.toml"), "unfinished").unwrap();
    let mut state = load(&kept).unwrap();
    assert_eq!(
        state.run.clusters.len(),
        linked.resolution.records.list.len()
    );
    KeptRun::open(&kept).unwrap().save(&mut state).unwrap();
    assert!(!kept.join("state-1").exists());
    for name in ["batch-1.rows", "contents.json"] {
        let path = second.join(name);
        let whole = std::fs::read(&path).unwrap();
        let mut bytes = whole.clone();
        bytes[50] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let told = format!("{:#}", load(&kept).err().unwrap());
        assert!(told.contains("not as it was kept"), "{told}");
        std::fs::write(&path, whole).unwrap();
    }
    load(&kept).unwrap();
}

#[test]
fn a_kept_run_has_a_directory_of_its_own_and_one_program_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("kept");
    let held = KeptRun::create(&kept).unwrap();
    assert!(KeptRun::create(&kept).is_err());
    drop(held);
    let used = dir.path().join("used");
    std::fs::create_dir_all(used.join("state-1")).unwrap();
    let told = KeptRun::create(&used).err().unwrap().to_string();
    assert!(told.contains("other things"), "{told}");
    assert!(used.join("state-1").exists());
    let told = KeptRun::open(&used).err().unwrap().to_string();
    assert!(told.contains("--keep"), "{told}");
}

fn load(kept: &Path) -> anyhow::Result<Kept> {
    KeptRun::open(kept)?.load()
}

fn small(dir: &Path) {
    let spec = CountrySpec {
        persons: 60,
        level: ErrorLevel::Clean,
        seed: 9,
    };
    generate(&spec).write_to(dir, false).unwrap();
    cut_in_two(dir, &schema());
}
