//! Clerical review between real nodes and a real coordinator over two runs: what owners say of a
//! doubtful pair decides the next run, and survives that every program is started anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use coordinator::resolver::clusters;
use model::{ReviewId, RunNumber, Silent, SystemClock};
use node::{Answer, CollectOptions, Node};
use secret::SeededEntropy;
use tempfile::TempDir;
use testkit::country::{CountrySpec, ErrorLevel, generate};
use testkit::federation::{Federation, Member};
use wire::{Count, Role};

use crate::setting::workspace;

const PARTIES: [&str; 4] = ["crvs", "id", "sr", "ibr"];

/// A federation whose programs can all be started anew.
struct World {
    dir: TempDir,
    schema: PathBuf,
    federation: Federation,
    entropy: SeededEntropy,
    members: Vec<Member>,
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let schema = dir.path().join("reviewed.toml");
        let text = workspace().join("examples/four-registries/schema.toml");
        let text = fs::read_to_string(text).unwrap();
        let review = "[review]\npairs = 200\n\n[release]";
        fs::write(&schema, text.replacen("[release]", review, 1)).unwrap();
        let mut entropy = SeededEntropy::new(5);
        let (project, clock) = ("census".parse().unwrap(), Arc::new(SystemClock));
        let federation =
            Federation::start(dir.path(), &project, &schema, clock, &mut entropy).await;
        let mut world = Self {
            federation: federation.unwrap(),
            dir,
            schema,
            entropy,
            members: Vec::new(),
        };
        world.join_all();
        world
    }

    fn join_all(&mut self) {
        let country = generate(&CountrySpec {
            persons: 400,
            level: ErrorLevel::Severe,
            seed: 21,
        });
        country.write_to(self.dir.path(), false).unwrap();
        for party in PARTIES {
            let path = self.dir.path().join(format!("{party}.csv"));
            let addresses = self.federation.addresses();
            let party = party.parse().unwrap();
            let joined = self
                .federation
                .join(&party, &path, addresses, &mut self.entropy);
            self.members.push(joined.unwrap());
        }
    }

    /// A whole run, until every node has its pairs.
    async fn run(&mut self) {
        for member in &self.members {
            member.prepare(&Silent, &mut self.entropy).await.unwrap();
            member.node.upload(&Silent).await.unwrap();
        }
        self.federation.approve(&self.members).await.unwrap();
        let options = CollectOptions {
            wait: Duration::from_secs(120),
            ..CollectOptions::default()
        };
        for member in &self.members {
            member.node.collect(&options, &Silent).await.unwrap();
            let review = member.node.fetch_review(&mut self.entropy).await.unwrap();
            assert!(matches!(review.unwrap().followed, Count::FewerThan(_)));
        }
    }

    /// Stops everything and starts it again for the next run.
    async fn restart(self, run: u32) -> Self {
        let Self {
            dir,
            schema,
            federation,
            entropy,
            members,
        } = self;
        federation.stop().await.unwrap();
        set(
            &dir.path().join("coordinator/coordinator.toml"),
            "run = ",
            &run.to_string(),
        );
        let (project, clock) = ("census".parse().unwrap(), Arc::new(SystemClock));
        let federation = Federation::serve(dir.path(), &project, &schema, clock).await;
        let federation = federation.unwrap();
        let addresses = federation.addresses();
        let again = |member: Member| {
            let home = member.node.home().root().to_owned();
            let (matcher, resolver) = (addresses.matcher, addresses.resolver);
            set(
                &home.join("node.toml"),
                "matcher = ",
                &format!("\"{matcher}\""),
            );
            set(
                &home.join("node.toml"),
                "resolver = ",
                &format!("\"{resolver}\""),
            );
            Member {
                node: Node::open(&home, Arc::new(SystemClock)).unwrap(),
                ..member
            }
        };
        let members = members.into_iter().map(again).collect();
        Self {
            dir,
            schema,
            federation,
            entropy,
            members,
        }
    }

    /// Pairs that two nodes were asked about, and which nodes.
    fn shared(&self) -> Vec<(ReviewId, [usize; 2])> {
        let books: Vec<_> = self
            .members
            .iter()
            .map(|member| member.node.review_book().unwrap())
            .collect();
        let mut shared = Vec::new();
        for (left, book) in books.iter().enumerate() {
            for item in &book.items {
                let has = |book: &node::Book| book.items.iter().any(|other| other.id == item.id);
                let right = (left + 1..books.len()).find(|right| has(&books[*right]));
                shared.extend(right.map(|right| (item.id, [left, right])));
            }
        }
        shared
    }

    /// Whether the run linked the records of a pair.
    fn linked(&self, run: u32, (id, owners): (ReviewId, [usize; 2])) -> bool {
        let runs = self.federation.state().role(Role::Resolver).runs();
        let bytes = fs::read(runs.join(run.to_string()).join("clusters.bin")).unwrap();
        let rows = clusters::decode(&bytes).unwrap();
        let [left, right] = owners.map(|owner| {
            let member = &self.members[owner];
            let book = member.node.review_book().unwrap();
            let item = book.items.iter().find(|item| item.id == id).unwrap();
            let handles = member.handles(RunNumber(run)).unwrap();
            let record = handles.of(&item.record);
            rows.iter().find(|row| row.record == record).unwrap().first
        });
        left == right
    }

    fn decide(&mut self, owner: usize, id: ReviewId, answer: Answer) {
        let node = &self.members[owner].node;
        node.decide(&id.to_string(), answer, &mut self.entropy)
            .unwrap();
    }
}

/// Gives the entry that begins a line another value.
fn set(path: &Path, entry: &str, value: &str) {
    let text = fs::read_to_string(path).unwrap();
    let line = |line: &str| match line.starts_with(entry) {
        true => format!("{entry}{value}\n"),
        false => format!("{line}\n"),
    };
    fs::write(path, text.lines().map(line).collect::<String>()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_owners_say_decides_the_next_run() {
    let mut world = World::new().await;
    world.run().await;
    let shared = world.shared();
    let first = |linked| {
        let is = |pair: &&_| world.linked(1, **pair) == linked;
        *shared.iter().find(is).unwrap()
    };
    let (apart, linked) = (first(false), first(true));
    let half = *shared
        .iter()
        .find(|pair| pair.0 != apart.0 && !world.linked(1, **pair))
        .unwrap();
    for owner in apart.1 {
        world.decide(owner, apart.0, Answer::Same);
    }
    world.decide(linked.1[1], linked.0, Answer::Different);
    world.decide(half.1[0], half.0, Answer::Same);
    let mut world = world.restart(2).await;
    world.run().await;
    assert!(world.linked(2, apart));
    assert!(!world.linked(2, linked));
    let status = coordinator::status(&world.federation.state()).unwrap();
    let review = &status
        .resolver
        .as_ref()
        .unwrap()
        .detail
        .totals()
        .unwrap()
        .review;
    assert_eq!((review.followed, review.contradicted), (2, 0));
    // Half an answer is kept where it was given, and the pair is asked about under its old name.
    let book = world.members[half.1[0]].node.review_book().unwrap();
    let item = book.items.iter().find(|item| item.id == half.0).unwrap();
    assert_eq!(item.answer, Some(Answer::Same));
}
