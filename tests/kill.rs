//! The programs killed in the middle of anything, as by a power cut. What is repeated afterwards ends
//! with the same bytes as if nothing had happened.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use secret::{Entropy as _, SeededEntropy};
use service::Stopwatch;
use tempfile::TempDir;
use testkit::country::{CountrySpec, ErrorLevel, generate};
use testkit::processes::{Ran, Running, free_addresses, wait_for};

use crate::setting::{copy_directory, programs, workspace};

const PARTIES: [&str; 4] = ["crvs", "id", "sr", "ibr"];
const COUNTRY: CountrySpec = CountrySpec {
    persons: 300,
    level: ErrorLevel::Moderate,
    seed: 7,
};
/// Kills in one random run.
const KILLS: u64 = 10;
/// Turns in which each node does what it can towards the linkage key; four times it waits for the others.
const TURNS: usize = 5;
/// Looks at the programs, a few milliseconds apart, before a run counts as stuck.
const LOOKS: u32 = 20_000;
const PAUSE: Duration = Duration::from_millis(4);

/// When a file or directory appears, whom to kill.
const MILESTONES: [(&str, Victim); 15] = [
    ("node-crvs/project.json", Victim::Node(0)),
    ("node-crvs/outbox/.run-1.new", Victim::Node(0)),
    ("node-id/outbox/.run-1.new/vault.sealed", Victim::Node(1)),
    ("node-sr/outbox/run-1", Victim::Node(2)),
    (
        "node-ibr/outbox/run-1/block-tokens.receipt.json",
        Victim::Node(3),
    ),
    ("coordinator/matcher/runs/1/membership", Victim::Coordinator),
    ("node-crvs/outbox/run-1/disclosure.json", Victim::Node(0)),
    (
        "node-crvs/outbox/run-1/encodings.receipt.json",
        Victim::Coordinator,
    ),
    (
        "node-id/outbox/run-1/encodings.receipt.json",
        Victim::Node(1),
    ),
    (
        "node-ibr/outbox/run-1/handle-map.receipt.json",
        Victim::Node(3),
    ),
    ("coordinator/matcher/runs/1", Victim::Coordinator),
    ("coordinator/resolver/runs/1", Victim::Coordinator),
    (
        "coordinator/resolver/runs/1/clusters.bin",
        Victim::Coordinator,
    ),
    ("coordinator/resolver/runs/1/release", Victim::Coordinator),
    ("node-sr/results/run-1.csv", Victim::Node(2)),
];

#[derive(Debug, Clone, Copy)]
enum Victim {
    Coordinator,
    Node(usize),
}

/// Everybody's directories as they are before the first run, with all keys and certificates made,
/// and their registries.
struct Initial {
    dir: TempDir,
    listen: [SocketAddr; 2],
}

impl Initial {
    fn new() -> Self {
        let initial = Self {
            dir: tempfile::tempdir().unwrap(),
            listen: free_addresses().unwrap(),
        };
        let registries = initial.dir.path().join("registries");
        generate(&COUNTRY).write_to(&registries, false).unwrap();
        let [matcher, resolver] = initial.listen.map(|address| address.to_string());
        initial.coordinator(&format!(
            "init --dir state/coordinator --project census --schema {} \
             --matcher-listen {matcher} --resolver-listen {resolver}",
            schema().display()
        ));
        initial.agree();
        for party in PARTIES {
            initial.make_node(party);
        }
        initial.agree_on_key();
        initial
    }

    /// The four officers sign an agreement, by what they type.
    fn agree(&self) {
        let mut dpos = String::new();
        for party in PARTIES {
            self.node(&format!("agree key --out {party}.dpo"));
            dpos = format!("{dpos} --dpo {party}={}", self.officer(party));
        }
        self.node(&format!(
            "agree draft agreement --project census --schema {} --purpose rehearsal --without-risk-report \
             --legal-basis none --until 2099-12-31 {dpos}",
            schema().display()
        ));
        for party in PARTIES {
            self.node(&format!("agree sign agreement --key {party}.dpo"));
        }
        self.node(&format!(
            "agree check agreement --schema {}",
            schema().display()
        ));
        self.coordinator("agree --dir state/coordinator --agreement agreement");
    }

    /// The fingerprint of a party's officer.
    fn officer(&self, party: &str) -> String {
        let key = self.dir.path().join(format!("{party}.dpo"));
        node::dpo_public_key(&key)
            .unwrap()
            .fingerprint()
            .to_string()
    }

    fn make_node(&self, party: &str) {
        let dir = format!("state/node-{party}");
        let [matcher, resolver] = self.listen;
        self.node(&format!(
            "init --dir {dir} --party {party} --project census --schema {} \
             --matcher {matcher} --resolver {resolver} --dpo {}",
            schema().display(),
            self.officer(party)
        ));
        self.coordinator(&format!(
            "enrol --dir state/coordinator --request {dir}/identity/request.csr \
             --party {party} --out {party}.pem"
        ));
        self.node(&format!(
            "enrol --dir {dir} --certificate {party}.pem \
             --authority state/coordinator/authority/ca.pem"
        ));
        self.node(&format!("agree install --dir {dir} agreement"));
        self.node(&format!("key card --dir {dir}"));
        self.node(&format!(
            "agree card {dir}/keys/epoch-1/card.toml --key {party}.dpo"
        ));
    }

    /// The nodes agree on a linkage key, each doing what it can in its turn.
    fn agree_on_key(&self) {
        let mut run = programs().command("symbolon-coordinator");
        run.args(["run", "--dir"])
            .arg(self.dir.path().join("state/coordinator"));
        let running = Running::start(&mut run, &self.dir.path().join("words")).unwrap();
        self.listen
            .into_iter()
            .for_each(|address| wait_for(address).unwrap());
        for _ in 0..TURNS {
            for party in PARTIES {
                self.node(&format!("key agree --dir state/node-{party}"));
            }
        }
        for party in PARTIES {
            self.node(&format!("key check --dir state/node-{party}"));
        }
        running.kill().unwrap();
    }

    fn node(&self, arguments: &str) {
        self.done(programs().command("symbolon-node"), arguments);
    }

    fn coordinator(&self, arguments: &str) {
        self.done(programs().command("symbolon-coordinator"), arguments);
    }

    fn done(&self, mut command: Command, arguments: &str) {
        command
            .args(arguments.split_whitespace())
            .current_dir(self.dir.path());
        let ran = Ran::of(&mut command).unwrap();
        assert_eq!(ran.code, Some(0), "{arguments}: {}", ran.err);
    }
}

fn schema() -> PathBuf {
    workspace().join("examples/four-registries/schema.toml")
}

/// One run, from copies of the initial directories.
struct Round<'a> {
    initial: &'a Initial,
    dir: TempDir,
    coordinator: Option<Running>,
    nodes: [Option<Running>; 4],
    is_done: [bool; 4],
}

impl<'a> Round<'a> {
    fn start(initial: &'a Initial) -> Self {
        let dir = tempfile::tempdir().unwrap();
        copy_directory(&initial.dir.path().join("state"), dir.path());
        let mut round = Self {
            initial,
            dir,
            coordinator: None,
            nodes: Default::default(),
            is_done: Default::default(),
        };
        round.start_coordinator();
        initial
            .listen
            .into_iter()
            .for_each(|address| wait_for(address).unwrap());
        round
    }

    fn start_coordinator(&mut self) {
        let mut run = programs().command("symbolon-coordinator");
        run.args(["run", "--dir"]).arg(self.path("coordinator"));
        let words = self.path("coordinator.words");
        self.coordinator = Some(Running::start(&mut run, &words).unwrap());
    }

    fn start_node(&mut self, node: usize) {
        let party = PARTIES[node];
        let registry = self
            .initial
            .dir
            .path()
            .join(format!("registries/{party}.csv"));
        let mut run = programs().command("symbolon-node");
        run.args(["run", "--wait", "120", "--dir"])
            .arg(self.path(&format!("node-{party}")));
        let key = self.initial.dir.path().join(format!("{party}.dpo"));
        run.arg("--input").arg(registry).arg("--approve").arg(key);
        let words = self.path(&format!("{party}.words"));
        self.nodes[node] = Some(Running::start(&mut run, &words).unwrap());
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn kill(&mut self, victim: Victim) {
        match victim {
            Victim::Coordinator => {
                self.coordinator.take().unwrap().kill().unwrap();
                self.start_coordinator();
            }
            Victim::Node(node) => {
                // One that has just ended is started again: that has to change nothing.
                if let Some(running) = self.nodes[node].take() {
                    running.kill().unwrap();
                }
                self.is_done[node] = false;
            }
        }
    }

    /// Starts nodes that stopped, but for those that are done. None may stop because of a refusal.
    fn look(&mut self) {
        let coordinator = self.coordinator.as_mut().unwrap();
        let ended = coordinator.ended().unwrap();
        assert!(
            ended.is_none(),
            "the coordinator stopped: {}",
            self.words("coordinator")
        );
        (0..PARTIES.len()).for_each(|node| self.look_at(node));
    }

    fn look_at(&mut self, node: usize) {
        let ended = self.nodes[node]
            .as_mut()
            .map(|running| running.ended().unwrap());
        match ended {
            Some(None) => {}
            None if self.is_done[node] => {}
            None => self.start_node(node),
            Some(Some(status)) => {
                self.nodes[node] = None;
                self.is_done[node] = status.success();
                let words = self.words(PARTIES[node]);
                assert!(matches!(status.code(), Some(0 | 1)), "{status}: {words}");
            }
        }
    }

    fn words(&self, of: &str) -> String {
        fs::read_to_string(self.path(&format!("{of}.words"))).unwrap_or_default()
    }

    /// Goes on until all nodes have their results; `disturb` is asked after every look.
    fn finish(&mut self, mut disturb: impl FnMut(&Path) -> Option<Victim>) -> Outcome {
        for _ in 0..LOOKS {
            self.look();
            match disturb(self.dir.path()) {
                Some(victim) => self.kill(victim),
                None if self.is_done == [true; 4] => return self.outcome(),
                None => {}
            }
            std::thread::sleep(PAUSE);
        }
        let words = ["coordinator"]
            .iter()
            .chain(&PARTIES)
            .map(|of| self.words(of));
        panic!("the run is stuck:\n{}", words.collect::<String>());
    }

    fn outcome(&self) -> Outcome {
        let results = PARTIES.map(|party| format!("node-{party}/results/run-1.csv"));
        let clusters = "coordinator/resolver/runs/1/clusters.bin".to_owned();
        let files = results.into_iter().chain([clusters]);
        let read = |name: String| (fs::read(self.path(&name)).unwrap(), name);
        Outcome(files.map(read).collect())
    }
}

/// The bytes a run ends with, by file.
struct Outcome(Vec<(Vec<u8>, String)>);

impl Outcome {
    fn assert_same(&self, other: &Self) {
        for ((ours, name), (theirs, _)) in self.0.iter().zip(&other.0) {
            assert!(!ours.is_empty(), "{name} is empty");
            assert!(ours == theirs, "{name} differs from the undisturbed run's");
        }
    }
}

/// Kills anyone at random times, spread over about the time an undisturbed run takes.
fn at_random(seed: u64, whole: Duration) -> impl FnMut(&Path) -> Option<Victim> {
    let mut entropy = SeededEntropy::new(seed);
    let mut draw = move |below: u64| {
        let mut bytes = [0; 8];
        entropy.fill(&mut bytes);
        u64::from_le_bytes(bytes) % below
    };
    let between = whole.as_millis() as u64 * 3 / KILLS;
    let (mut left, mut last, mut wait) = (KILLS, Stopwatch::start(), draw(between));
    move |_| {
        if left == 0 || (last.elapsed().as_millis() as u64) < wait {
            return None;
        }
        (left, last, wait) = (left - 1, Stopwatch::start(), draw(between));
        Some(match draw(6) {
            node @ 0..4 => Victim::Node(node as usize),
            _ => Victim::Coordinator,
        })
    }
}

/// Kills at each milestone, once, as soon as it is seen.
fn at_milestones() -> impl FnMut(&Path) -> Option<Victim> {
    let mut left: Vec<_> = MILESTONES.into();
    move |dir| {
        let next = left.iter().position(|(path, _)| dir.join(path).exists());
        next.map(|next| left.remove(next).1)
    }
}

#[test]
fn killed_programs_end_with_the_same_bytes() {
    let initial = Initial::new();
    let watch = Stopwatch::start();
    let undisturbed = Round::start(&initial).finish(|_| None);
    let whole = watch.elapsed();
    Round::start(&initial)
        .finish(at_milestones())
        .assert_same(&undisturbed);
    for seed in [1, 2, 3] {
        println!("seed {seed}, kills within {whole:?}");
        let outcome = Round::start(&initial).finish(at_random(seed, whole));
        outcome.assert_same(&undisturbed);
    }
}
