//! The program as its operator has it: exit codes, and a kill in the middle of an upload.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{self, BufRead as _, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use coordinator::status::Chunks;
use coordinator::{StateDir, enrol};
use model::agreement::{Draft, DraftMember};
use model::signature::PublicKey;
use model::{
    BatchKind, BatchManifest, Digest, Epoch, KeyCheck, LinkageSchema, RunNumber, Signature, Silent,
    SystemClock,
};
use secret::{Key32, SeededEntropy, SigningKey};
use wire::{NodeClient, NodeIdentity, Retry, Role, Target, pki};

const SCHEMA: &str = r#"
format = 1
name = "s"
revision = 1
profile = "standard"
latest_year = 2025
field = [{ name = "born", kind = "date" }]
pass = [{ name = "born", block = ["born"] }]
[[party]]
name = "a"
title = "A"
duplicates = false
record_id = "id"
map = { born = { columns = ["b"], formats = ["YYYY-MM-DD"] } }
[[party]]
name = "b"
title = "B"
duplicates = false
record_id = "id"
map = { born = { columns = ["b"], formats = ["YYYY-MM-DD"] } }
"#;
const CHUNK: u32 = 1000;

/// Has both officers sign an agreement, and the coordinator take it up.
fn agree(dir: &Path, schema: &LinkageSchema) {
    let key = |seed| SigningKey::from_seed(&Key32::generate(&mut SeededEntropy::new(seed)));
    let keys = [key(1), key(2)];
    let officers = schema.parties.iter().zip(&keys);
    let custodians = officers.map(|(party, key)| DraftMember {
        party: party.name.clone(),
        dpo: "The DPO".to_owned(),
        dpo_key: PublicKey::new(key.public()).fingerprint(),
    });
    let draft = Draft {
        project: "p".parse().unwrap(),
        purpose: "To find out".to_owned(),
        legal_basis: "Act 1".to_owned(),
        starts: "2020-01-01".parse().unwrap(),
        expires: "2099-12-31".parse().unwrap(),
        runs: 1,
        retention_days: 30,
        noise: None,
        disclosure: None,
        decoys: None,
        risk: None,
        key_server: None,
        custodians: custodians.collect(),
        coordinator: "The linkage unit".to_owned(),
    };
    let terms = draft.to_text(schema).unwrap();
    let offer = dir.join("agreement");
    std::fs::create_dir(&offer).unwrap();
    std::fs::write(offer.join("agreement.toml"), &terms).unwrap();
    let agreed = || {
        let state = dir.join("state");
        run(&["agree", "--dir", text(&state), "--agreement", text(&offer)])
    };
    let refused = agreed();
    assert_eq!(refused.status.code(), Some(3));
    assert!(
        String::from_utf8(refused.stderr)
            .unwrap()
            .contains("clause `signatures`")
    );
    for (place, key) in keys.iter().enumerate() {
        let signature = Signature::make(terms.as_bytes(), key.public(), |bytes| key.sign(bytes));
        std::fs::write(offer.join(format!("{place}.sig")), signature.to_text()).unwrap();
    }
    assert!(agreed().status.success());
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_symbolon-coordinator"));
    command.args(arguments);
    command
}

fn run(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn init(dir: &Path) -> Output {
    let schema = dir.join("agreed.toml");
    std::fs::write(&schema, SCHEMA).unwrap();
    let (state, schema) = (dir.join("state"), text(&schema));
    let fixed = ["--project", "p", "--schema", schema];
    let ports = [
        "--matcher-listen",
        "127.0.0.1:0",
        "--resolver-listen",
        "127.0.0.1:0",
    ];
    run(&[&["init", "--dir", text(&state)][..], &fixed, &ports].concat())
}

#[test]
fn outcomes_have_their_exit_codes() {
    let dir = tempfile::tempdir().unwrap();
    let code = |output: Output| output.status.code().unwrap();
    assert_eq!(code(init(dir.path())), 0);
    let again = init(dir.path());
    let said = String::from_utf8(again.stderr.clone()).unwrap();
    assert!(said.starts_with("symbolon-coordinator: "), "{said}");
    assert_eq!(code(again), 3);
    let (state, nowhere) = (dir.path().join("state"), dir.path().join("nowhere"));
    assert_eq!(code(run(&["status", "--dir", text(&state)])), 0);
    assert_eq!(code(run(&["status", "--dir", text(&nowhere)])), 1);
    assert_eq!(code(run(&["status"])), 2);
    assert_eq!(code(run(&["--help"])), 0);
    let request = dir.path().join("node.csr");
    std::fs::write(
        &request,
        pki::request(&"a".parse().unwrap()).unwrap().request_pem,
    )
    .unwrap();
    for (party, expected) in [("a", 0), ("b", 3), ("c", 3)] {
        let party = ["--party", party, "--out", text(dir.path())];
        let enrol = ["enrol", "--dir", text(&state), "--request", text(&request)];
        assert_eq!(code(run(&[&enrol[..], &party].concat())), expected);
    }
    assert!(dir.path().join("a.pem").exists() && dir.path().join("ca.pem").exists());
}

/// The matcher's address in the line that tells both.
fn matcher_address(line: &str) -> Option<String> {
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    line["fields"]["matcher"].as_str().map(str::to_owned)
}

/// A running program, and where its matcher listens. Killed when it goes out of scope.
struct Running {
    child: Child,
    matcher: String,
}

impl Running {
    fn start(state: &Path) -> Self {
        let mut command = command(&["run", "--dir", text(state), "--log-json"]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut running = Self {
            child,
            matcher: String::new(),
        };
        let listening = lines.find_map(|line| matcher_address(&line.unwrap()));
        running.matcher = listening.unwrap();
        // Somebody has to read what the program says, or it cannot go on.
        std::thread::spawn(move || lines.for_each(|line| eprintln!("{}", line.unwrap())));
        running
    }

    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A payload that counts what is read of it, and calls for the kill at some point.
struct Payload<F> {
    bytes: Cursor<Vec<u8>>,
    read: Arc<AtomicU64>,
    kill_at: u64,
    kill: Option<F>,
}

impl<F: FnOnce()> Read for Payload<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(buffer)?;
        let before = self.read.fetch_add(read as u64, Ordering::SeqCst);
        if before + read as u64 >= self.kill_at
            && let Some(kill) = self.kill.take()
        {
            kill();
        }
        Ok(read)
    }
}

impl<F> Seek for Payload<F> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

fn batch(state: &StateDir) -> (BatchManifest, Vec<u8>) {
    let project = state.load().unwrap().1;
    let agreement = std::fs::read(state.agreements().join("1/agreement.toml")).unwrap();
    let rows = 2000;
    let bytes: Vec<u8> = vec![0; rows * project.layout.row_bytes];
    let manifest = BatchManifest {
        project: project.name,
        run: RunNumber(1),
        epoch: Epoch(1),
        party: "a".parse().unwrap(),
        kind: BatchKind::Encodings,
        schema_digest: project.schema.digest(),
        agreement: Digest::of(&agreement),
        key_check: KeyCheck::new([7; 16]),
        records: rows as u64,
        set_aside: 0,
        rows: rows as u64,
        bytes: bytes.len() as u64,
        chunk_bytes: CHUNK,
        payload_digest: Digest::of(&bytes),
    };
    (manifest, bytes)
}

/// How far the upload of `a` is.
fn durable(state: &StateDir) -> Chunks {
    let status = coordinator::status(state).unwrap();
    status.matcher.unwrap().batches[0].chunks.unwrap()
}

async fn dial(running: &Running, identity: &NodeIdentity) -> NodeClient {
    let target = Target {
        address: running.matcher.clone(),
        role: Role::Matcher,
    };
    let wait = Duration::from_millis(1);
    let once = Retry {
        attempts: 1,
        first_wait: wait,
        longest_wait: wait,
    };
    let client = NodeClient::connect(&target, identity, &SystemClock).await;
    client.unwrap().with_retry(once)
}

fn identity(state: &StateDir) -> NodeIdentity {
    let party = "a".parse().unwrap();
    let request = pki::request(&party).unwrap();
    let enrolled = enrol(state, &request.request_pem, &party, &SystemClock).unwrap();
    NodeIdentity {
        authority_pem: enrolled.authority_pem,
        certificate_pem: enrolled.certificate_pem,
        key: request.key,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_program_goes_on_where_durable_data_ends() {
    let dir = tempfile::tempdir().unwrap();
    assert!(init(dir.path()).status.success());
    let state = StateDir::new(dir.path().join("state"));
    agree(dir.path(), &state.load().unwrap().1.schema);
    let identity = identity(&state);
    let (manifest, bytes) = batch(&state);
    let payload = |kill_at, kill| Payload {
        bytes: Cursor::new(bytes.clone()),
        read: Arc::default(),
        kill_at,
        kill,
    };

    let mut running = Running::start(state.path());
    let client = dial(&running, &identity).await;
    let half = manifest.bytes / 2;
    let watched = state.clone();
    let killed = payload(
        half,
        Some(move || {
            while durable(&watched).durable < 10 {
                std::thread::sleep(Duration::from_millis(1));
            }
            running.kill();
        }),
    );
    client.upload(&manifest, killed, &Silent).await.unwrap_err();

    let chunks = durable(&state);
    assert!(
        chunks.durable >= 10 && chunks.durable < chunks.all,
        "{chunks:?}"
    );

    let running = Running::start(state.path());
    let client = dial(&running, &identity).await;
    let rest = payload(u64::MAX, None);
    let read = rest.read.clone();
    let receipt = client.upload(&manifest, rest, &Silent).await.unwrap();
    receipt.check(&manifest).unwrap();
    let left = manifest.bytes - chunks.durable * u64::from(CHUNK);
    assert_eq!(read.load(Ordering::SeqCst), left);
}
