//! Clerical review from run to run: what the owners say of a doubtful pair is followed by the next
//! run, and nobody learns more than its own side.

use std::collections::BTreeMap;
use std::path::PathBuf;

use audit::{Event, FileStore, Log};
use model::layout::Row;
use model::lifecycle::Phase;
use model::{BatchManifest, Digest, LinkageSchema, RecordHandle, ReviewId, RunNumber};
use service::Shutdown;
use wire::Verdict::{Different, Same};
use wire::{Count, ReviewPair, Role, VERDICTS_MAGIC, Verdict, VerdictEntry};

use super::fixture::{self, Registry, SCHEMA, seal, stream, upload};
use super::world::{REGISTRIES, World, name};
use crate::resolver::clusters;
use crate::{Coordinator, status};

/// Persons of both registries whose record at `b` is spoilt, each in another way.
const SPOILT: std::ops::Range<u64> = 40..60;
/// Few values of surname, year, month and day, so that strangers agree in some by chance: the part's
/// place, and how many values it has.
const FEW: [(usize, u64); 4] = [(1, 5), (2, 3), (3, 4), (4, 7)];
/// Which parts of a date are spoilt, by turns.
const DATES: [&[usize]; 5] = [&[4], &[3, 4], &[2], &[2, 3], &[2, 3, 4]];

fn schema(pairs: u32) -> String {
    let review = format!("review = {{ pairs = {pairs} }}\nrelease =");
    SCHEMA.replacen("release =", &review, 1)
}

/// The rows of a registry; at `b`, those of some persons are spoilt.
fn rows(registry: &Registry) -> Vec<u8> {
    let layout = fixture::project().layout;
    let mut rows = registry.rows();
    for row in rows.chunks_exact_mut(layout.row_bytes) {
        let person = registry.person(Row::new(row).handle());
        for (part, values) in FEW {
            let range = layout.parts[part].range();
            let value = stream(person % values + 500 * part as u64, range.len());
            row[range].copy_from_slice(&value);
        }
        if registry.party == "b" && SPOILT.contains(&person) {
            for part in DATES[person as usize % DATES.len()] {
                spoil(&mut row[layout.parts[*part].range()], person, 128);
            }
            let share = (person - SPOILT.start) / 5 * 22 + 10;
            for part in &layout.parts[..2] {
                spoil(&mut row[part.range()], person, share as u8);
            }
        }
    }
    rows
}

/// Flips so many of 256 bits.
fn spoil(signature: &mut [u8], seed: u64, share: u8) {
    let noise = stream(seed + 1000, signature.len() * 8);
    for (byte, noise) in signature.iter_mut().zip(noise.chunks_exact(8)) {
        for (bit, noise) in noise.iter().enumerate() {
            *byte ^= u8::from(*noise < share) << bit;
        }
    }
}

/// What owners say, by party.
type Said = BTreeMap<(&'static str, ReviewId), Option<Verdict>>;

/// Runs of one project, each with record handles of its own.
struct Runs {
    world: World,
    schema: LinkageSchema,
    /// By party and pair: the record, by its handle in the first run.
    halves: BTreeMap<(&'static str, ReviewId), RecordHandle>,
}

impl Runs {
    fn new(pairs: u32) -> Self {
        let text = schema(pairs);
        Self {
            world: World::under(&text, fixture::clock()),
            schema: LinkageSchema::parse(&text).unwrap(),
            halves: BTreeMap::new(),
        }
    }

    /// A first run with doubtful pairs.
    fn first() -> Self {
        let mut runs = Self::new(20);
        let coordinator = runs.run(1, &Said::new());
        for party in ["a", "b"] {
            for pair in pairs(&coordinator, party, 1) {
                runs.halves.insert((party, pair.id), pair.record);
            }
        }
        runs
    }

    fn open(&self, run: u32) -> Coordinator {
        let path = self.world.directory().settings();
        let settings = std::fs::read_to_string(&path).unwrap();
        let settings = settings
            .lines()
            .map(|line| match line.starts_with("run = ") {
                true => format!("run = {run}\n"),
                false => format!("{line}\n"),
            });
        std::fs::write(&path, settings.collect::<String>()).unwrap();
        self.world.open()
    }

    /// A whole run in which owners say this of earlier pairs.
    fn run(&self, run: u32, said: &Said) -> Coordinator {
        let coordinator = self.open(run);
        for registry in &REGISTRIES {
            let (manifest, rows) = self.encodings(registry, run);
            upload(
                &*coordinator.intake(Role::Matcher).unwrap(),
                &manifest,
                &rows,
            );
            let intake = coordinator.intake(Role::Resolver).unwrap();
            let key = intake.describe(&manifest.party).unwrap().resolver_key;
            let entries = self.entries(registry.party, run, said);
            let (manifest, sealed) = self.handle_map(registry, run, key.unwrap(), &entries);
            upload(&*intake, &manifest, &sealed);
        }
        self.world.finish(&coordinator);
        coordinator
    }

    fn of_run(&self, manifest: BatchManifest, run: u32) -> BatchManifest {
        BatchManifest {
            run: RunNumber(run),
            schema_digest: self.schema.digest(),
            agreement: self.world.agreement(),
            ..manifest
        }
    }

    fn encodings(&self, registry: &Registry, run: u32) -> (BatchManifest, Vec<u8>) {
        let rows = rows(registry);
        let mut manifest = self.of_run(registry.encodings().0, run);
        manifest.payload_digest = Digest::of(&rows);
        (manifest, rows)
    }

    fn entries(&self, party: &'static str, run: u32, said: &Said) -> Vec<VerdictEntry> {
        let said = said.iter().filter(|((whose, _), _)| *whose == party);
        let entry = |(key, verdict): (&(_, ReviewId), &Option<Verdict>)| VerdictEntry {
            record: handle_in(run, self.halves[key]),
            review: key.1,
            verdict: *verdict,
        };
        said.map(entry).collect()
    }

    fn handle_map(
        &self,
        registry: &Registry,
        run: u32,
        key: [u8; 32],
        verdicts: &[VerdictEntry],
    ) -> (BatchManifest, Vec<u8>) {
        let mut entries = registry.entries();
        for entry in entries.chunks_exact_mut(32) {
            let record = RecordHandle::new(entry[16..].try_into().unwrap());
            entry[16..].copy_from_slice(handle_in(run, record).as_bytes());
        }
        let mut manifest = self.of_run(registry.handle_map(key).0, run);
        let head = [VERDICTS_MAGIC, &(verdicts.len() as u32).to_le_bytes()].concat();
        let body: Vec<u8> = verdicts.iter().flat_map(VerdictEntry::to_bytes).collect();
        let chunks: [&[u8]; 3] = [&entries, &head, &body];
        let chunks = &chunks[..if body.is_empty() { 2 } else { 3 }];
        let sealed = seal(&manifest, key, chunks);
        manifest.bytes = sealed.len() as u64;
        manifest.payload_digest = Digest::of(&sealed);
        (manifest, sealed)
    }

    fn output(&self, run: u32, name: &str) -> PathBuf {
        let runs = self.world.directory().role(Role::Resolver).runs();
        runs.join(run.to_string()).join(name)
    }

    /// Whether the run linked the two records of a pair.
    fn linked(&self, run: u32, id: ReviewId) -> bool {
        let bytes = std::fs::read(self.output(run, "clusters.bin")).unwrap();
        let rows = clusters::decode(&bytes).unwrap();
        let first = |party| {
            let record = handle_in(run, self.halves[&(party, id)]);
            rows.iter().find(|row| row.record == record).unwrap().first
        };
        first("a") == first("b")
    }

    fn summary(&self, run: u32) -> serde_json::Value {
        let text = std::fs::read(self.output(run, "summary.json")).unwrap();
        serde_json::from_slice(&text).unwrap()
    }
}

/// A record's handle in a run: another one each time, as nodes make them.
fn handle_in(run: u32, first: RecordHandle) -> RecordHandle {
    RecordHandle::new(first.as_bytes().map(|byte| byte ^ (run - 1) as u8))
}

fn pairs(coordinator: &Coordinator, party: &str, run: u32) -> Vec<ReviewPair> {
    let results = coordinator.results().unwrap();
    results.review(&name(party), RunNumber(run)).unwrap().pairs
}

/// What both say of the first pairs, one answer after the other.
fn said(ids: &[ReviewId], answers: &[(Option<Verdict>, Option<Verdict>)]) -> Said {
    let both = |(id, (a, b)): (&ReviewId, &(_, _))| [(("a", *id), *a), (("b", *id), *b)];
    ids.iter().zip(answers).flat_map(both).collect()
}

fn ids(runs: &Runs) -> Vec<ReviewId> {
    let of_a = runs.halves.keys().filter(|(party, _)| *party == "a");
    of_a.map(|(_, id)| *id).collect()
}

#[test]
fn each_owner_is_told_its_own_side_of_the_same_pairs() {
    let runs = Runs::new(5);
    let coordinator = runs.run(1, &Said::new());
    let [a, b] = ["a", "b"].map(|party| pairs(&coordinator, party, 1));
    assert!((2..=5).contains(&a.len()), "{} pairs", a.len());
    assert_eq!(a.len(), b.len());
    for (one, other) in a.iter().zip(&b) {
        assert_eq!((one.id, &one.explanation), (other.id, &other.explanation));
        assert_eq!((one.other.as_str(), other.other.as_str()), ("b", "a"));
        assert!(one.also.is_none() && other.also.is_none());
        let text = serde_json::to_string(one).unwrap();
        assert!(!text.contains(&other.record.to_string()));
        let steps = one
            .explanation
            .steps
            .iter()
            .map(|step| step.weight_millibits);
        let sum = one.explanation.prior_millibits + steps.sum::<i32>();
        let odds = sum + one.explanation.alternatives_millibits;
        assert_eq!(odds, one.explanation.odds_millibits);
    }
    let own = |registry: &Registry, pairs: &[ReviewPair]| {
        let records: Vec<_> = registry
            .persons
            .clone()
            .map(|p| registry.record(p))
            .collect();
        assert!(pairs.iter().all(|pair| records.contains(&pair.record)));
    };
    own(&REGISTRIES[0], &a);
    own(&REGISTRIES[1], &b);
}

#[test]
fn what_both_call_the_same_is_linked_and_what_one_calls_different_is_not() {
    let runs = Runs::first();
    let all = ids(&runs);
    let (pair, others) = all.split_first().unwrap();
    assert!(runs.linked(1, *pair));
    // One owner is enough to keep two records apart.
    let coordinator = runs.run(2, &said(&[*pair], &[(None, Some(Different))]));
    assert!(!runs.linked(2, *pair));
    let review = coordinator
        .results()
        .unwrap()
        .review(&name("a"), RunNumber(2));
    assert_eq!(review.unwrap().header.followed, Count::FewerThan(5));
    let again = pairs(&coordinator, "a", 2);
    assert!(again.iter().all(|other| other.id != *pair));
    drop(coordinator);
    // So many pairs called different move the threshold above this one.
    let different = vec![(Some(Different), Some(Different)); others.len()];
    drop(runs.run(3, &said(others, &different)));
    assert!(!runs.linked(3, *pair));
    // And what both call the same is linked in spite of it.
    let answers = [&[(Some(Same), Some(Same))][..], &different].concat();
    drop(runs.run(4, &said(&all, &answers)));
    assert!(runs.linked(4, *pair));
    assert!(others.iter().all(|other| !runs.linked(4, *other)));
    assert_eq!(runs.summary(4)["review"]["followed"], all.len());
}

#[test]
fn one_owners_same_changes_nothing_and_the_pair_keeps_its_id() {
    let runs = Runs::first();
    let ids = ids(&runs);
    let silent = vec![(None, None); ids.len()];
    drop(runs.run(2, &said(&ids, &silent)));
    let half = vec![(Some(Same), None); ids.len()];
    let coordinator = runs.run(3, &said(&ids, &half));
    for id in &ids {
        assert_eq!(runs.linked(3, *id), runs.linked(2, *id));
    }
    assert_eq!(runs.summary(3)["review"]["followed"], 0);
    assert_eq!(runs.summary(3)["review"]["shift_millibits"], 0);
    let mut again: Vec<_> = pairs(&coordinator, "b", 3).iter().map(|p| p.id).collect();
    again.sort_unstable();
    assert_eq!(again, ids);
}

#[test]
fn the_operator_is_told_what_became_of_verdicts() {
    let runs = Runs::first();
    let ids = ids(&runs);
    let different = vec![(Some(Different), Some(Different)); ids.len()];
    drop(runs.run(2, &said(&ids, &different)));
    let status = status(&runs.world.directory()).unwrap();
    let review = &status
        .resolver
        .as_ref()
        .unwrap()
        .detail
        .totals()
        .unwrap()
        .review;
    assert_eq!(review.followed, ids.len() as u64);
    assert!(review.shift_millibits < 0, "{review:?}");
    assert!(ids.iter().all(|id| !runs.linked(2, *id)));
}

#[test]
fn a_run_without_review_tells_no_pairs() {
    let world = World::new();
    let coordinator = world.run();
    assert!(pairs(&coordinator, "a", 1).is_empty());
    assert!(!world.output(Role::Resolver, "review.json").exists());
    assert!(
        !world
            .output(Role::Resolver, "release/a.review.json")
            .exists()
    );
}

#[test]
fn fetching_pairs_stands_in_the_log() {
    let runs = Runs::new(3);
    let coordinator = runs.run(1, &Said::new());
    let told = pairs(&coordinator, "a", 1);
    drop(coordinator);
    let store = FileStore::open(
        &runs
            .world
            .directory()
            .role(Role::Resolver)
            .log()
            .join("entries"),
    )
    .unwrap();
    let log = Log::open(store).unwrap();
    let last = log.entry(log.size() - 1).unwrap().unwrap().event;
    assert!(!told.is_empty() && told.len() <= 3);
    let digest = wire::review_digest(&told);
    assert!(matches!(last, Event::ReviewCollected { digest: found, .. } if found == digest));
}

#[test]
fn verdicts_that_are_none_fail_the_run_and_name_the_party() {
    let runs = Runs::first();
    let ids = ids(&runs);
    let coordinator = runs.open(2);
    for registry in &REGISTRIES {
        let (manifest, rows) = runs.encodings(registry, 2);
        upload(
            &*coordinator.intake(Role::Matcher).unwrap(),
            &manifest,
            &rows,
        );
        let intake = coordinator.intake(Role::Resolver).unwrap();
        let key = intake.describe(&manifest.party).unwrap().resolver_key;
        let half = VerdictEntry {
            record: runs.halves[&("b", ids[0])],
            review: ids[0],
            verdict: None,
        };
        let twice = if registry.party == "b" { 2 } else { 0 };
        let entries = vec![half; twice];
        let (manifest, sealed) = runs.handle_map(registry, 2, key.unwrap(), &entries);
        upload(&*intake, &manifest, &sealed);
    }
    coordinator.advance(&Shutdown::new()).unwrap();
    let told = coordinator
        .results()
        .unwrap()
        .run_status(&name("a"))
        .unwrap();
    assert_eq!(told.state, Phase::Failed);
    assert!(told.detail.contains("handle map of b"), "{}", told.detail);
    assert!(told.detail.contains("twice"), "{}", told.detail);
}

#[test]
fn linking_and_releasing_again_gives_the_same_bytes() {
    let read = |runs: &Runs| {
        let names = [
            "review.json",
            "release/a.review.json",
            "release/b.review.json",
        ];
        names.map(|name| std::fs::read(runs.output(1, name)).unwrap())
    };
    let [first, second] = [(); 2].map(|()| {
        let runs = Runs::new(5);
        drop(runs.run(1, &Said::new()));
        read(&runs)
    });
    assert!(first == second);
}
