//! The program as an officer has it: exit codes, and what it says of a log that was tampered with.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use audit::{Actor, Event, KeyKind, NoteSigner, SignedLog, VerifierKey};
use model::{Digest, RunNumber};
use secret::{Key32, SigningKey};
use tempfile::TempDir;

fn signer(role: &str) -> NoteSigner {
    let signing = SigningKey::from_seed(&Key32::from_bytes(&mut [7; 32]));
    let key = VerifierKey {
        name: format!("symbolon/p/{role}").parse().unwrap(),
        kind: KeyKind::Log,
        public: signing.public(),
    };
    NoteSigner::new(key, move |message| signing.sign(message))
}

/// A directory with the logs of a coordinator.
fn coordinator() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for role in ["matcher", "resolver"] {
        let path = directory.path().join(role).join("log");
        let mut log = SignedLog::open(&path, Arc::new(signer(role))).unwrap();
        for run in 0..3 {
            let event = Event::RunSealed {
                run: RunNumber(run),
                manifest_digests: vec![Digest::of(&run.to_le_bytes())],
            };
            log.append(event, role.parse::<Actor>().unwrap(), 5)
                .unwrap();
        }
    }
    directory
}

fn run(arguments: &[&str]) -> (i32, String, String) {
    let program = env!("CARGO_BIN_EXE_symbolon-audit");
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(program).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn exit_codes_tell_right_failed_usage_and_wrong() {
    let directory = coordinator();
    let bundle = directory.path().join("bundle");
    let (code, out, _) = run(&[
        "fetch",
        "--out",
        text(&bundle),
        "--coordinator",
        text(directory.path()),
    ]);
    assert_eq!((code, out.as_str()), (0, "matcher\nresolver\n"));
    let (code, out, _) = run(&["verify", text(&bundle)]);
    assert_eq!(code, 1, "{out}");
    assert!(
        out.contains("right     matcher: its 3 entries are those it signed"),
        "{out}"
    );
    assert!(
        out.contains("unproved  matcher: its key came with the bundle"),
        "{out}"
    );

    let keys = directory.path().join("keys");
    fs::write(
        &keys,
        format!(
            "{}\n{}\n",
            signer("matcher").key(),
            signer("resolver").key()
        ),
    )
    .unwrap();
    let (code, out, _) = run(&["verify", text(&bundle), "--keys", text(&keys), "--json"]);
    assert_eq!(code, 0);
    assert!(
        !out.contains("unproved") && out.contains("\"severity\": \"right\""),
        "{out}"
    );

    let (code, _, err) = run(&["verify", text(&keys)]);
    assert_eq!(code, 1);
    assert!(err.contains("is not a bundle"), "{err}");
    assert_eq!(run(&["verify"]).0, 2);

    let entries = bundle.join("logs/matcher/tile/entries/000.p/3");
    let mut bytes = fs::read(&entries).unwrap();
    let last = bytes.len() - 20;
    bytes[last] ^= 1;
    fs::write(&entries, bytes).unwrap();
    let (code, out, _) = run(&["verify", text(&bundle)]);
    assert_eq!(code, 3);
    assert!(out.contains("WRONG     matcher, entry 2: "), "{out}");

    let page = directory.path().join("report.html");
    let (code, _, _) = run(&["report", text(&bundle), "--out", text(&page)]);
    assert_eq!(code, 3);
    assert!(fs::read_to_string(page).unwrap().contains("What is wrong"));
}

#[test]
fn a_witness_cosigns_once_made_and_signs_nothing_that_does_not_hold() {
    let directory = coordinator();
    let bundle = directory.path().join("bundle");
    run(&[
        "fetch",
        "--out",
        text(&bundle),
        "--coordinator",
        text(directory.path()),
    ]);
    let witness = directory.path().join("witness");
    let out = directory.path().join("cosigned");
    let mut arguments = vec![
        "witness",
        text(&bundle),
        "--dir",
        text(&witness),
        "--name",
        "dpo.example/w",
        "--out",
        text(&out),
    ];
    assert_eq!(run(&arguments).0, 1);
    arguments.push("--init");
    // A log that is new to the witness is cosigned only under a key that came another way.
    let (code, told, _) = run(&arguments);
    assert_eq!(code, 3);
    assert!(
        told.contains("REFUSED   symbolon/p/matcher is new to this witness"),
        "{told}"
    );
    assert!(!out.exists());
    arguments.pop();
    let keys = directory.path().join("keys");
    let known = ["matcher", "resolver"].map(|role| format!("{}\n", signer(role).key()));
    fs::write(&keys, known.concat()).unwrap();
    arguments.extend(["--keys", text(&keys)]);
    let (code, told, _) = run(&arguments);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("cosigned  matcher, 3 entries"), "{told}");
    assert!(
        fs::read_to_string(out.join("matcher"))
            .unwrap()
            .contains("\u{2014} dpo.example/w ")
    );
    // What it cosigned goes with the next bundle, and is held to the log there.
    let next = directory.path().join("next");
    let fetch = [
        "fetch",
        "--out",
        text(&next),
        "--coordinator",
        text(directory.path()),
        "--cosigned",
        text(&out),
    ];
    assert_eq!(run(&fetch).0, 0);
    let (code, told, _) = run(&["verify", text(&next), "--keys", text(&keys)]);
    assert_eq!(code, 1);
    assert!(told.contains("whoever cosigned it is not known"), "{told}");
    let (_, witnessed, _) = run(&arguments);
    let key = witnessed
        .lines()
        .next()
        .unwrap()
        .strip_prefix("witness   ")
        .unwrap();
    fs::write(&keys, format!("{}{key}\n", known.concat())).unwrap();
    let (code, told, _) = run(&["verify", text(&next), "--keys", text(&keys)]);
    assert_eq!(code, 0, "{told}");
    assert!(
        told.contains("dpo.example/w cosigned these same first 3 entries"),
        "{told}"
    );
    // Nothing is signed of a bundle in which anything is wrong.
    fs::remove_dir_all(&out).unwrap();
    let entries = bundle.join("logs/matcher/tile/entries/000.p/3");
    let mut bytes = fs::read(&entries).unwrap();
    let last = bytes.len() - 20;
    bytes[last] ^= 1;
    fs::write(&entries, bytes).unwrap();
    assert_eq!(run(&arguments).0, 3);
    assert!(!out.exists());
}
