//! The federation of processes, and the places from which tests go on.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use tempfile::TempDir;
use testkit::processes::{Ran, Running, free_addresses, wait_for};

use crate::setting::{SCHEMA, copy_directory, programs, registry};

pub(super) const PARTIES: [&str; 2] = ["crvs", "sr"];
const RECORDS: u32 = 40;
/// Where each role has an operator: enough that comparisons take more than one read.
const MANY_RECORDS: u32 = 400;
/// The exit code of a program that a rule stopped, or that found something wrong.
const REFUSED: i32 = 3;
/// Rounds in which every node does what it can towards the key; each waits for the other four times.
const ROUNDS: usize = 5;

/// Directories of a whole federation that nothing runs in.
pub(super) struct Place {
    path: PathBuf,
    listen: [SocketAddr; 2],
}

/// Enrolled, with signed cards and agreement; nobody has a linkage key.
pub(super) static ENROLLED: LazyLock<Place> = LazyLock::new(|| {
    let places = places();
    if places.exists() {
        fs::remove_dir_all(&places).unwrap();
    }
    World::enrolled(|text| text).leave("enrolled")
});

/// Both nodes have agreed on a linkage key and prepared their registries.
pub(super) static PREPARED: LazyLock<Place> = LazyLock::new(|| {
    let mut world = World::at(&ENROLLED);
    world.start();
    world.agree_on_key();
    for party in PARTIES {
        done(world.node(party, &format!("prepare --input {party}.csv")));
    }
    world.leave("prepared")
});

/// As [`PREPARED`], with an operator for each role: `matcher` is the directory of the one, `coordinator` that
/// of the other.
pub(super) static APART: LazyLock<Place> = LazyLock::new(|| {
    LazyLock::force(&ENROLLED);
    let mut world = World::enrolled_apart();
    world.start();
    world.agree_on_key();
    for party in PARTIES {
        done(world.node(party, &format!("prepare --input {party}.csv")));
    }
    world.leave("apart")
});

/// After a whole run.
pub(super) static COLLECTED: LazyLock<Place> = LazyLock::new(|| {
    let mut world = World::at(&PREPARED);
    world.start();
    for party in PARTIES {
        done(world.node(party, "upload"));
    }
    for party in PARTIES {
        done(world.node(party, &format!("approve --wait 60 --key {party}.dpo")));
    }
    for party in PARTIES {
        done(world.node(party, "collect --wait 60"));
    }
    world.leave("collected")
});

/// Where the places are: with what was built, and made anew by every run of the tests.
fn places() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("processes")
}

/// A federation.
pub(super) struct World {
    dir: TempDir,
    listen: [SocketAddr; 2],
    coordinator: Option<Running>,
    /// Where it is a program of its own.
    matcher: Option<Running>,
}

impl World {
    /// A copy of a place, at addresses of its own.
    pub(super) fn at(place: &Place) -> Self {
        let world = Self {
            dir: tempfile::tempdir().unwrap(),
            listen: free_addresses().unwrap(),
            coordinator: None,
            matcher: None,
        };
        copy_directory(&place.path, world.dir.path());
        let nodes = PARTIES.map(|party| format!("node-{party}/node.toml"));
        for file in nodes
            .iter()
            .map(String::as_str)
            .chain(["coordinator/coordinator.toml", "matcher/coordinator.toml"])
        {
            if world.path(file).exists() {
                world.readdress(file, place.listen, world.listen);
            }
        }
        world
    }

    /// Nothing but a schema.
    fn empty() -> Self {
        let world = Self {
            dir: tempfile::tempdir().unwrap(),
            listen: free_addresses().unwrap(),
            coordinator: None,
            matcher: None,
        };
        world.write("schema.toml", SCHEMA);
        world
    }

    /// Makes a federation in which each role has an operator.
    fn enrolled_apart() -> Self {
        let world = Self::empty();
        let [matcher, resolver] = world.listen;
        let about = "--project census --schema schema.toml";
        done(world.coordinator(&format!(
            "init --role resolver {about} --matcher {matcher} --resolver-listen {resolver}"
        )));
        done(world.matcher(&format!(
            "init --role matcher {about} --matcher-listen {matcher}"
        )));
        fs::create_dir(world.path("handed-over")).unwrap();
        done(world.coordinator(
            "enrol --role matcher --request matcher/matcher/request.csr --log-key matcher/matcher/log/key \
             --out handed-over",
        ));
        done(world.matcher(
            "install --certificate handed-over/matcher.pem --authority handed-over/ca.pem",
        ));
        world.join_members(MANY_RECORDS, |text| text);
        done(world.matcher("agree --agreement agreement"));
        world
    }

    /// Makes a federation whose agreement is as `edit` has the draft.
    pub(super) fn enrolled(edit: impl FnOnce(String) -> String) -> Self {
        Self::enrolled_under(SCHEMA, edit)
    }

    /// As [`Self::enrolled`], under this linkage schema.
    pub(super) fn enrolled_under(schema: &str, edit: impl FnOnce(String) -> String) -> Self {
        let world = Self::empty();
        world.write("schema.toml", schema);
        let [matcher, resolver] = world.listen;
        done(world.coordinator(&format!(
            "init --project census --schema schema.toml --matcher-listen {matcher} --resolver-listen {resolver}"
        )));
        world.join_members(RECORDS, edit);
        world
    }

    /// Has the officers sign an agreement and the nodes join.
    fn join_members(&self, records: u32, edit: impl FnOnce(String) -> String) {
        self.sign_agreement(edit);
        for party in PARTIES {
            self.write(&format!("{party}.csv"), &registry(records));
            self.enrol(party);
        }
    }

    fn sign_agreement(&self, edit: impl FnOnce(String) -> String) {
        let mut draft =
            "agree draft agreement --project census --schema schema.toml --purpose rehearsal --without-risk-report \
                         --legal-basis none --until 2099-12-31"
                .to_owned();
        for party in PARTIES {
            done(self.officer(&format!("agree key --out {party}.dpo")));
            draft += &format!(" --dpo {party}={}", self.fingerprint(party));
        }
        done(self.officer(&draft));
        let text = fs::read_to_string(self.path("agreement/agreement.toml")).unwrap();
        // All rows at once: the faults are in single batches. Other tests send block tokens first.
        let all_at_once = text.replace("[disclosure]\nfalse_positives_permille = 10\n", "");
        assert_ne!(all_at_once, text, "the draft has no such table");
        self.write("agreement/agreement.toml", &edit(all_at_once));
        for party in PARTIES {
            done(self.officer(&format!("agree sign agreement --key {party}.dpo")));
        }
        done(self.coordinator("agree --agreement agreement"));
    }

    /// The fingerprint of a party's officer.
    fn fingerprint(&self, party: &str) -> String {
        let told = done(self.officer(&format!("agree fingerprint --key {party}.dpo"))).out;
        told.split_whitespace().nth(1).unwrap().to_owned()
    }

    fn enrol(&self, party: &str) {
        let [matcher, resolver] = self.listen;
        let dpo = self.fingerprint(party);
        done(self.node(
            party,
            &format!(
                "init --party {party} --project census --schema schema.toml --matcher {matcher} \
                 --resolver {resolver} --dpo {dpo}"
            ),
        ));
        self.certify(party);
        done(self.node(party, "agree install agreement"));
        done(self.node(party, "key card"));
        done(self.officer(&format!(
            "agree card node-{party}/keys/epoch-1/card.toml --key {party}.dpo"
        )));
    }

    /// Has the operator issue a certificate for the node's request, and the node install it. Returns its
    /// fingerprint.
    pub(super) fn certify(&self, party: &str) -> String {
        let told = done(self.coordinator(&format!(
            "enrol --request node-{party}/identity/request.csr --party {party} --out {party}.pem"
        )));
        done(self.node(
            party,
            &format!("enrol --certificate {party}.pem --authority coordinator/authority/ca.pem"),
        ));
        let mut lines = told.out.lines();
        let line = lines.find_map(|line| line.strip_prefix("fingerprint"));
        line.unwrap().trim().to_owned()
    }

    /// Has both nodes agree on the linkage key, one turn after the other.
    pub(super) fn agree_on_key(&self) {
        for _ in 0..ROUNDS {
            for party in PARTIES {
                done(self.node(party, "key agree"));
            }
        }
        let prints = PARTIES.map(|party| done(self.node(party, "key check")).out);
        assert_eq!(prints[0], prints[1]);
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Puts other addresses into a program's settings.
    pub(super) fn readdress(&self, file: &str, from: [SocketAddr; 2], to: [SocketAddr; 2]) {
        let mut text = self.read(file);
        for (from, to) in from.iter().zip(to) {
            text = text.replace(&from.to_string(), &to.to_string());
        }
        self.write(file, &text);
    }

    pub(super) fn listen(&self) -> [SocketAddr; 2] {
        self.listen
    }

    /// Runs a command of a party's node to its end.
    pub(super) fn node(&self, party: &str, arguments: &str) -> Ran {
        let at = format!("{arguments} --dir node-{party}");
        self.run("symbolon-node", &at)
    }

    /// Runs a command of `symbolon-node` that needs no node.
    pub(super) fn officer(&self, arguments: &str) -> Ran {
        self.run("symbolon-node", arguments)
    }

    /// Runs a command of the coordinator's operator.
    pub(super) fn coordinator(&self, arguments: &str) -> Ran {
        self.run(
            "symbolon-coordinator",
            &format!("{arguments} --dir coordinator"),
        )
    }

    /// Runs a command of the matcher's operator, where it has one.
    pub(super) fn matcher(&self, arguments: &str) -> Ran {
        self.run(
            "symbolon-coordinator",
            &format!("{arguments} --dir matcher"),
        )
    }

    /// Whether each role has an operator.
    fn is_apart(&self) -> bool {
        self.path("matcher").exists()
    }

    /// Fetches everything into a bundle and runs a check of the auditor on it, with the keys that every
    /// keeper tells, and the fingerprint of one officer.
    pub(super) fn audit(&self, check: &str) -> Ran {
        self.audit_with(check, None)
    }

    /// As [`Self::audit`], with a key server's directory.
    pub(super) fn audit_with(&self, check: &str, key_server: Option<&Path>) -> Ran {
        drop(fs::remove_dir_all(self.path("bundle")));
        let mut fetch =
            "fetch --out bundle --coordinator coordinator --node node-crvs --node node-sr"
                .to_owned();
        let mut matcher = "coordinator/matcher";
        if self.is_apart() {
            fetch += " --coordinator matcher";
            matcher = "matcher/matcher";
        }
        if let Some(directory) = key_server {
            fetch += &format!(" --key-server {}", directory.display());
        }
        done(self.run("symbolon-audit", &fetch));
        let logs = [matcher, "coordinator/resolver", "node-crvs", "node-sr"];
        let logs = logs.map(|keeper| self.path(keeper));
        let logs = logs.iter().map(PathBuf::as_path).chain(key_server);
        let keys = logs.map(|keeper| fs::read_to_string(keeper.join("log/key")).unwrap());
        self.write("keys", &keys.collect::<String>());
        let officer = self.fingerprint("crvs");
        let check = format!("{check} bundle --keys keys --officer {officer}");
        self.run("symbolon-audit", &check)
    }

    fn run(&self, program: &str, arguments: &str) -> Ran {
        Ran::of(&mut self.command(program, arguments)).unwrap()
    }

    fn command(&self, program: &str, arguments: &str) -> Command {
        let mut command = programs().command(program);
        command.args(arguments.split_whitespace());
        command.current_dir(self.dir.path());
        command
    }

    /// Starts the coordinator, or the programs of both operators.
    pub(super) fn start(&mut self) {
        match self.is_apart() {
            false => self.coordinator = Some(self.start_at("coordinator", &self.listen)),
            true => {
                self.start_matcher();
                self.start_resolver();
            }
        }
    }

    /// Starts the matcher's program.
    pub(super) fn start_matcher(&mut self) {
        self.matcher = Some(self.start_at("matcher", &self.listen[..1]));
    }

    /// Starts the resolver's program.
    pub(super) fn start_resolver(&mut self) {
        self.coordinator = Some(self.start_at("coordinator", &self.listen[1..]));
    }

    /// Ends the matcher's program.
    pub(super) fn stop_matcher(&mut self) {
        self.matcher.take().unwrap().kill().unwrap();
    }

    /// Starts a coordinator whose state is in `directory`.
    pub(super) fn start_at(&self, directory: &str, listen: &[SocketAddr]) -> Running {
        // The least memory there is: what comes of it is the same.
        let run = format!("run --dir {directory} --memory 16MiB");
        let mut run = self.command("symbolon-coordinator", &run);
        let words = self.path(&format!("{directory}.words"));
        let running = Running::start(&mut run, &words).unwrap();
        listen
            .iter()
            .for_each(|address| wait_for(*address).unwrap());
        running
    }

    /// Ends the coordinator.
    pub(super) fn stop(&mut self) {
        self.coordinator.take().unwrap().kill().unwrap();
    }

    /// What the coordinator wrote since the copy was made.
    pub(super) fn words(&self) -> String {
        self.read("coordinator.words")
    }

    /// Keeps the directories as a place.
    fn leave(mut self, name: &str) -> Place {
        drop((self.coordinator.take(), self.matcher.take()));
        let place = Place {
            path: places().join(name),
            listen: self.listen,
        };
        copy_directory(self.dir.path(), &place.path);
        place
    }
}

/// Holds a command to having been done.
#[track_caller]
pub(super) fn done(ran: Ran) -> Ran {
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    ran
}

/// Holds a command to having been refused, with each of these words.
#[track_caller]
pub(super) fn refused(ran: &Ran, words: &[&str]) {
    let told = format!("{}{}", ran.out, ran.err);
    assert_eq!(ran.code, Some(REFUSED), "{told}");
    for words in words {
        assert!(told.contains(words), "no `{words}` in:\n{told}");
    }
}

/// Holds a verdict to one line that says what is wrong with `log`, shown by this party's evidence.
#[track_caller]
pub(super) fn shows(verdict: &Ran, by: &str, log: &str, words: &str) {
    assert_eq!(
        verdict.code,
        Some(REFUSED),
        "{}{}",
        verdict.out,
        verdict.err
    );
    let is_it = |line: &str| {
        let about = line.strip_prefix("WRONG").map(str::trim_start);
        let about = about.and_then(|rest| rest.strip_prefix(log));
        let shown = match by == log {
            true => !line.ends_with(')'),
            false => line.ends_with(&format!("(shown by {by})")),
        };
        about.is_some_and(|rest| rest.starts_with([',', ':'])) && shown && line.contains(words)
    };
    assert!(
        verdict.out.lines().any(is_it),
        "no `{words}` about {log} shown by {by} in:\n{}",
        verdict.out
    );
}
