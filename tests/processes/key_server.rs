//! The key server as a process of its own, run by an office beside the federation, and killed.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use keyserver::KeyServer;
use model::{Epoch, SystemClock};
use oprf::Blinding;
use secret::SeededEntropy;
use tempfile::TempDir;
use testkit::processes::{Ran, Running, free_addresses, wait_for};
use wire::Evaluations as _;
use wire::identity::CertificateFacts;

use super::world::{PARTIES, World, done, refused};
use crate::setting::{SCHEMA, programs};

/// Values of the field, and one for its tokens.
const VALUES: u64 = 41;
/// One more than each registry needs.
const QUOTA: u64 = VALUES + 1;

/// The small project, with the date of birth written as a number too.
fn schema() -> String {
    SCHEMA
        .replace(
            "field = [\n",
            "field = [\n  { name = \"number\", kind = \"identifier\" },\n",
        )
        .replace(
            "pass = [\n",
            "pass = [\n  { name = \"number\", block = [\"number\"] },\n",
        )
        .replace(
            "[party.map]\n",
            "[party.map]\nnumber = { columns = [\"id\"] }\n",
        )
}

/// The office's directory, and where its key server listens.
struct Office {
    dir: TempDir,
    listen: SocketAddr,
}

impl Office {
    /// An office with a key of epoch 1; returns the key's public half too.
    fn new() -> (Self, String) {
        let [listen, _] = free_addresses().unwrap();
        let office = Self {
            dir: tempfile::tempdir().unwrap(),
            listen,
        };
        let passphrase = office.dir.path().join("passphrase");
        fs::write(&passphrase, "a phrase for the office\n").unwrap();
        set_private(&passphrase);
        done(office.run(&format!(
            "init --project census --name dpo-office --listen {listen} --passphrase-file {}",
            passphrase.display()
        )));
        let told = done(office.run("key make --epoch 1")).out;
        let mut lines = told.lines();
        let line = lines.find_map(|line| line.strip_prefix("public key"));
        (office, line.unwrap().trim().to_owned())
    }

    fn run(&self, arguments: &str) -> Ran {
        let mut command = programs().command("symbolon-key-server");
        command.args(arguments.split_whitespace());
        command.args(["--dir", "key-server"]);
        command.current_dir(self.dir.path());
        Ran::of(&mut command).unwrap()
    }

    fn start(&self) -> Running {
        let mut command = programs().command("symbolon-key-server");
        command.args(["run", "--dir", "key-server"]);
        command.current_dir(self.dir.path());
        let running = Running::start(&mut command, &self.dir.path().join("words")).unwrap();
        wait_for(self.listen).unwrap();
        running
    }

    /// What the log says each party has had.
    fn spent(&self) -> Vec<u64> {
        let told = done(self.run("status --json")).out;
        let status: serde_json::Value = serde_json::from_str(&told).unwrap();
        let custodians = status["epochs"][0]["custodians"].as_array().unwrap();
        let spent = custodians.iter().map(|of| of["spent"].as_u64().unwrap());
        spent.collect()
    }

    /// What somebody does who stole a custodian's certificate, or has the office's machine.
    fn evaluate_in_the_name_of(&self, party: &str) {
        let directory = self.dir.path().join("key-server");
        let entropy = Box::new(SeededEntropy::new(1));
        let server = KeyServer::open(&directory, Arc::new(SystemClock), entropy).unwrap();
        let blinding = Blinding::of(&[b"a guess"], &mut SeededEntropy::new(2)).unwrap();
        let party = party.parse().unwrap();
        let answered = server.evaluate(&party, Epoch(1), blinding.elements());
        assert!(answered.is_ok());
    }

    /// Certificate, agreement and whom it may hear, as the office's operator does it.
    fn join(&self, world: &World) {
        let office = self.dir.path().join("key-server").display().to_string();
        done(world.coordinator(&format!(
            "enrol --request {office}/identity/request.csr --key-server --out key-server.pem"
        )));
        let [certificate, authority, agreement] = [
            "key-server.pem",
            "coordinator/authority/ca.pem",
            "agreement",
        ]
        .map(|name| world.path(name).display().to_string());
        done(self.run(&format!(
            "enrol --certificate {certificate} --authority {authority}"
        )));
        done(self.run(&format!("agree --agreement {agreement}")));
        for party in PARTIES {
            let certificate = world.read(&format!("node-{party}/identity/node.pem"));
            let fingerprint = CertificateFacts::read(&certificate).unwrap().fingerprint;
            done(self.run(&format!(
                "admit --party {party} --certificate {fingerprint}"
            )));
            let config = format!("node-{party}/node.toml");
            let text = world.read(&config);
            world.write(
                &config,
                &format!("{text}key_server = \"{}\"\n", self.listen),
            );
        }
    }
}

fn set_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// What the custodians agree on besides the draft.
fn with_key_server(text: &str, public_key: &str) -> String {
    format!(
        "{text}\n[[member]]\nname = \"dpo-office\"\ntitle = \"The office\"\nroles = [\"key-server\"]\n\n\
         [key_server]\nrun_by = \"dpo-office\"\nfields = [\"number\"]\nevaluations = {QUOTA}\n\n\
         [[key_server.key]]\nepoch = 1\npublic_key = \"{public_key}\"\n"
    )
}

/// Noticed by: nobody, for there is nothing to notice. A key server that is killed after any answer knows
/// what it gave, a node that is told of it links, and what was destroyed is gone.
#[test]
fn a_federation_links_over_a_key_server_that_is_killed_in_between() {
    let (office, public_key) = Office::new();
    let mut world = World::enrolled_under(&schema(), |text| with_key_server(&text, &public_key));
    office.join(&world);
    world.start();
    world.agree_on_key();
    let [first, second] = PARTIES.map(|party| format!("--input {party}.csv"));
    let early = world.node(PARTIES[0], &format!("prepare {first}"));
    refused(&early, &["run `symbolon-node evaluate`"]);
    let unreachable = world.node(PARTIES[0], &format!("evaluate {first}"));
    assert_eq!(unreachable.code, Some(1));
    assert!(unreachable.err.contains("cannot reach the key server at"));

    let running = office.start();
    let told = done(world.node(PARTIES[0], &format!("evaluate {first}"))).out;
    assert!(
        told.contains("41 values of identifiers, 0 evaluated before, 41 now"),
        "{told}"
    );
    running.kill().unwrap();
    assert_eq!(office.spent(), [VALUES, 0]);

    let running = office.start();
    let told = done(world.node(PARTIES[0], &format!("evaluate {first}"))).out;
    assert!(told.contains("41 evaluated before, 0 now"), "{told}");
    done(world.node(PARTIES[1], &format!("evaluate {second}")));
    // One value more than the agreement gives.
    let text = world.read("crvs.csv");
    let two = "k-98,Bxxo,Cxa,1990-01-01\nk-99,Bxxo,Cxa,1990-01-01\n";
    world.write("more.csv", &format!("{text}{two}"));
    let over = world.node(PARTIES[0], "evaluate --input more.csv");
    refused(
        &over,
        &["crvs asks for 2 evaluations in epoch 1, has had 41, and may have 42"],
    );
    running.kill().unwrap();
    assert_eq!(office.spent(), [VALUES, VALUES]);

    for party in PARTIES {
        done(world.node(party, &format!("prepare --input {party}.csv")));
        done(world.node(party, "upload"));
    }
    for party in PARTIES {
        done(world.node(party, &format!("approve --wait 60 --key {party}.dpo")));
    }
    for party in PARTIES {
        done(world.node(party, &format!("collect --wait 60 --out {party}.out")));
    }
    let pseudonyms = world.read("crvs.out");
    assert_eq!(pseudonyms.lines().count(), 41);

    is_told_by_an_auditor(&office, &world);
    done(office.run("key destroy --epoch 1"));
    refused(&office.run("key make --epoch 1"), &["was destroyed"]);
    let _running = office.start();
    refused(
        &world.node(PARTIES[0], "evaluate --input more.csv"),
        &["no key of epoch 1"],
    );
}

/// What the office's log has is within the agreement and what the nodes say; a batch that somebody asked for in
/// a custodian's name is not, though it is within the quota.
fn is_told_by_an_auditor(office: &Office, world: &World) {
    let directory = office.dir.path().join("key-server");
    let verdict = |check| world.audit_with(check, Some(&directory)).out;
    let honest = verdict("reconcile");
    assert!(!honest.contains("WRONG"), "{honest}");
    for party in PARTIES {
        let line = format!("1 batches it evaluated for {party} are those that {party} sent");
        assert!(honest.contains(&line), "{honest}");
    }
    let had = "crvs has had 41 evaluations in epoch 1, of 42 that were agreed on";
    assert!(honest.contains(had), "{honest}");

    office.evaluate_in_the_name_of(PARTIES[0]);
    let forged = verdict("reconcile");
    let line = "it evaluated 1 elements in the name of crvs that crvs never sent";
    assert!(
        forged.contains("WRONG") && forged.contains(line),
        "{forged}"
    );
}
