//! The known faults of the original, one by one: here each is an error that says what is wrong, or
//! works as it should (docs/anonlink-compatibility.md).

use serde_json::{Value, json};

use crate::http::{Answer, Request};
use crate::service::{Service, encodings, upload};

fn start() -> (tempfile::TempDir, Service) {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(&dir.path().join("state"));
    (dir, service)
}

fn told(answer: &Answer) -> (u16, String) {
    let kind = answer.header("content-type").unwrap_or_default();
    assert_eq!(kind, "application/problem+json", "{answer:?}");
    (answer.status, answer.detail())
}

const DENIED: &str = "Invalid access token or project doesn't exist";

#[test]
fn tokens_that_are_no_update_token_of_the_project_are_denied() {
    let (_dir, service) = start();
    let (one, other) = (service.project(&json!({})), service.project(&json!({})));
    let rows = upload(&encodings(1, 3, 16));
    for token in ["unknown", &one.owner, &other.updates[0]] {
        assert_eq!(told(&one.upload(token, &rows)), (403, DENIED.into()));
        let bytes = one.upload_bytes(token, 16, &encodings(1, 3, 16));
        assert_eq!(told(&bytes), (403, DENIED.into()));
        let external = one.get("/authorize-external-upload", token);
        assert_eq!(told(&external), (403, DENIED.into()));
    }
    let garbled = Request::get("/projects/%ff%2f/runs").token(&one.owner);
    assert_eq!(told(&service.send(&garbled)), (403, DENIED.into()));
    one.upload_well(0, &rows);
}

#[test]
fn encodings_that_cannot_be_read_are_refused_and_the_token_stays_usable() {
    let (_dir, service) = start();
    let project = service.project(&json!({}));
    let faults = [
        (
            json!({"clks": ["AAAA", "not base64!"]}),
            "encoding 1 is not valid base64",
        ),
        (
            json!({"clks": ["AAAA", "AAAAAAAA"]}),
            "encoding 1 has 6 bytes, those before it 3; all must be alike",
        ),
    ];
    for (body, detail) in faults {
        assert_eq!(
            told(&project.upload(&project.updates[0], &body)),
            (400, detail.into())
        );
    }
    project.upload_well(0, &upload(&encodings(1, 3, 16)));
    assert_eq!(
        project.get("", &project.owner).json()["parties_contributed"],
        1
    );
}

#[test]
fn a_charset_is_taken_and_thresholds_out_of_range_are_refused() {
    let (_dir, service) = start();
    let project = service.project(&json!({}));
    let body = upload(&encodings(1, 3, 16)).to_string();
    let request = Request::post(&project.path("/clks")).token(&project.updates[0]);
    let answer = service.send(&request.bytes("application/json; charset=utf-8", body.as_bytes()));
    assert_eq!(answer.status, 201);
    for threshold in [json!(0), json!(-1), json!(1.1), json!(1e300)] {
        assert_eq!(
            project.post_run(&json!({"threshold": threshold})).status,
            400,
            "{threshold}"
        );
    }
}

#[test]
fn blocks_number_records_by_their_key_and_keep_all_encodings() {
    let (_dir, service) = start();
    let rows = encodings(2, 4, 16);
    let project = service.project(&json!({"uses_blocking": true}));
    let clks = crate::service::clks(&rows);
    // In another order than the records, with one record left out.
    project.upload_well(
        0,
        &json!({"encodings": clks, "blocks": {"3": ["x"], "1": ["x"], "0": []}}),
    );
    project.upload_well(
        1,
        &json!({"clknblocks": [[clks[3], "x"], [clks[1], "x"], [clks[2], "x"]]}),
    );
    let run = project.run(0.99);
    let mut groups = project.result(&run)["groups"].as_array().unwrap().clone();
    groups.sort_by_key(Value::to_string);
    assert_eq!(groups, [json!([[0, 1], [1, 1]]), json!([[0, 3], [1, 0]])]);
    let stray = json!({"encodings": clks, "blocks": {"4": ["x"]}});
    let project = service.project(&json!({"uses_blocking": true}));
    let answer = told(&project.upload(&project.updates[0], &stray));
    assert_eq!(answer.0, 400);
    assert!(answer.1.contains("record `4`"), "{}", answer.1);
}

#[test]
fn objects_in_a_store_are_nobodys() {
    let (_dir, service) = start();
    let project = service.project(&json!({}));
    let file = json!({"bucket": "anonlink-uploads", "path": format!("{}/1", project.id)});
    let answer = project.upload(&project.updates[0], &json!({"encodings": {"file": file}}));
    assert_eq!(
        told(&answer),
        (403, "Provided object store path is not allowed".into())
    );
    let external = project.get("/authorize-external-upload", &project.updates[0]);
    assert_eq!(
        (external.status, &external.json()["title"]),
        (500, &json!("Feature Disabled"))
    );
}

#[test]
fn bodies_in_chunks_are_taken() {
    use std::io::{Read as _, Write as _};
    let (_dir, service) = start();
    let project = service.project(&json!({}));
    let body = upload(&encodings(1, 3, 16)).to_string();
    let (first, second) = body.split_at(20);
    let request = format!(
        "POST /api/v1{} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {}\r\n\
         Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
         {:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
        project.path("/clks"),
        project.updates[0],
        first.len(),
        second.len(),
    );
    let mut stream = std::net::TcpStream::connect(service.at).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
}

#[test]
fn one_record_against_many_equal_ones_gives_all_pairs() {
    let (_dir, service) = start();
    let row = encodings(9, 1, 16);
    let project = service.project(&json!({"result_type": "similarity_scores"}));
    project.upload_well(0, &upload(&row));
    project.upload_well(1, &upload(&vec![row[0].clone(); 5]));
    let run = project.run(0.9);
    let pairs: Vec<Value> = (0..5).map(|j| json!([[0, 0], [1, j], 1.0])).collect();
    assert_eq!(project.result(&run), json!({"similarity_scores": pairs}));
}
