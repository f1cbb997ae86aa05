//! What the service does not take, and what it keeps to itself.

use serde_json::json;

use crate::http::Request;
use crate::service::{Service, command, encodings, upload};

#[test]
fn uploads_have_a_longest_length_whoever_sends_them() {
    let dir = tempfile::tempdir().unwrap();
    let limit = ["--anonlink-upload-limit", "100000"];
    let service = Service::start_with(&dir.path().join("state"), &limit);
    let project = service.project(&json!({}));
    let rows = encodings(1, 200, 512);
    let answer = project.upload(&project.updates[0], &upload(&rows));
    assert_eq!(
        (answer.status, answer.detail().as_str()),
        (413, "an upload may have at most 100000 bytes")
    );
    assert_eq!(
        project.upload_bytes(&project.updates[0], 512, &rows).status,
        413
    );
    // Of a stranger's body not even that much is read.
    let long = json!({"clks": ["A".repeat(4 << 20)]});
    assert_eq!(project.upload("stranger", &long).status, 403);
    project.upload_well(0, &upload(&rows[..100]));
}

#[test]
fn too_many_requests_are_told_to_come_again() {
    let dir = tempfile::tempdir().unwrap();
    let limit = ["--anonlink-rate-limit", "2"];
    let service = Service::start_with(&dir.path().join("state"), &limit);
    let ask = || service.send(&Request::get("/version"));
    let answers: Vec<_> = (0..15).map(|_| ask()).collect();
    assert!(answers[..10].iter().all(|answer| answer.status == 200));
    let refused = answers.iter().find(|answer| answer.status != 200).unwrap();
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (503, Some("1"))
    );
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(ask().status, 200);
}

#[test]
fn tokens_are_nowhere_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(&dir.path().join("state"));
    let project = service.project(&json!({"result_type": "permutations"}));
    let rows = upload(&encodings(1, 5, 16));
    let receipts = [project.upload_well(0, &rows), project.upload_well(1, &rows)];
    let run = project.run(0.9);
    project.result(&run);
    let tokens = [
        std::slice::from_ref(&project.owner),
        &project.updates,
        &receipts,
    ]
    .concat();
    let mut searched = 0;
    let mut left = vec![dir.path().to_path_buf()];
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(
                std::fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        searched += bytes.len();
        for token in &tokens {
            let raw: Vec<u8> = (0..24)
                .map(|at| u8::from_str_radix(&token[2 * at..2 * at + 2], 16).unwrap())
                .collect();
            for needle in [token.as_bytes(), &raw] {
                let found = bytes.windows(needle.len()).any(|window| window == needle);
                assert!(!found, "{}", path.display());
            }
        }
    }
    assert!(searched > 10_000, "{searched}");
    let known = project.id.as_bytes();
    let database = std::fs::read(dir.path().join("state/anonlink/anonlink.db-wal")).unwrap();
    assert!(database.windows(known.len()).any(|window| window == known));
}

#[test]
fn nobody_beyond_this_machine_is_served_before_somebody_answers_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let program = env!("CARGO_BIN_EXE_symbolon-coordinator");
    let run = |more: &[&str]| {
        let mut command = std::process::Command::new(program);
        command
            .args(["run", "--anonlink-listen", "0.0.0.0:0", "--dir"])
            .arg(&state);
        command.args(more).output().unwrap()
    };
    let refused = run(&[]);
    assert_eq!(refused.status.code(), Some(3));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("--anonlink-allowed-by"), "{said}");
    assert_eq!(run(&["--anonlink-allowed-by", "me"]).status.code(), Some(2));

    let proxied = |service: &Service| {
        let request = Request::get("/version").header("X-Forwarded-For", "192.0.2.7");
        service.send(&request).status
    };
    assert_eq!(proxied(&Service::start(&state)), 403);
    let allowed = [
        "--anonlink-allowed-by",
        "A. Person, data protection officer",
    ];
    assert_eq!(proxied(&Service::start_with(&state, &allowed)), 200);
    let logged = std::fs::read_dir(state.join("anonlink")).unwrap();
    let names: Vec<_> = logged.map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().any(|name| name == "log"), "{names:?}");
}

#[test]
fn one_program_has_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let _first = Service::start(&state);
    let second = command(&state).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains("in use by another running program"), "{said}");
}
