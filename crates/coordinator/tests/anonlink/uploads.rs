//! Uploads that are started anew, and uploads that meet others.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::http::Request;
use crate::service::{Service, encodings, upload};

fn start() -> (tempfile::TempDir, Service) {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(&dir.path().join("state"));
    (dir, service)
}

#[test]
fn a_refused_upload_in_pieces_can_be_replaced_in_pieces() {
    let (_dir, service) = start();
    let project = service.project(&json!({}));
    let token = &project.updates[0];
    let piece = |start: usize, bytes: &[u8]| {
        let request = Request::new("PATCH", &project.path("/upload")).token(token);
        let request = request.header("Upload-Offset", start);
        service.send(&request.bytes("application/octet-stream", bytes))
    };
    let finish = |length: usize| {
        let request = Request::post(&project.path("/clks")).token(token);
        let request = request.header("Upload-Length", length);
        service.send(&request.bytes("application/json", b""))
    };
    let bad = vec![b'x'; 5000];
    assert_eq!(piece(0, &bad).status, 204);
    assert_eq!(finish(bad.len()).status, 400);
    assert_eq!(piece(100, &bad).status, 409);
    let good = upload(&encodings(1, 3, 16)).to_string().into_bytes();
    let begun = piece(0, &good[..50]);
    assert_eq!(
        (begun.status, begun.header("upload-offset")),
        (204, Some("50"))
    );
    assert_eq!(piece(50, &good[50..]).status, 204);
    assert_eq!(finish(good.len()).status, 201);
}

#[test]
fn who_sends_too_much_still_sees_the_answer() {
    let dir = tempfile::tempdir().unwrap();
    let limit = ["--anonlink-upload-limit", "100000"];
    let service = Service::start_with(&dir.path().join("state"), &limit);
    let project = service.project(&json!({}));
    for token in [project.updates[0].as_str(), "stranger"] {
        let request = Request::post(&project.path("/clks")).token(token);
        let request = request.bytes("application/json", &vec![b'['; 20 << 20]);
        let mut stream = TcpStream::connect(service.at).unwrap();
        stream.write_all(&request.head()).unwrap();
        // All of it can be sent: nobody hangs up.
        stream.write_all(request.body()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let status = if token == "stranger" { 403 } else { 413 };
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
}

#[test]
fn an_upload_is_held_against_what_came_while_it_was_under_way() {
    let (dir, service) = start();
    let project = service.project(&json!({}));
    let bytes = |size: usize| {
        let request = Request::post(&project.path("/binaryclks"));
        let request = request.token(&project.updates[0]);
        let request = request.header("Hash-Count", 3).header("Hash-Size", size);
        request.bytes("application/octet-stream", &vec![1; 3 * size])
    };
    let slow = bytes(16);
    let mut stream = TcpStream::connect(service.at).unwrap();
    stream.write_all(&slow.head()).unwrap();
    stream.write_all(&slow.body()[..10]).unwrap();
    // Once its body has a file the project has been looked at.
    let incoming = dir.path().join("state/anonlink/incoming");
    while std::fs::read_dir(&incoming).unwrap().count() == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    project.upload_well(1, &upload(&encodings(1, 3, 8)));
    stream.write_all(&slow.body()[10..]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert!(
        answer.contains("doesn't match project settings"),
        "{answer}"
    );
    let told = project.get("", &project.owner).json();
    assert_eq!(
        (&told["parties_contributed"], &told["error"]),
        (&json!(1), &json!(false))
    );
    assert_eq!(service.send(&bytes(8)).status, 201);
}
