//! The program killed at any moment: what was answered is still so, and runs go on.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::http::Request;
use crate::service::{Project, Service, encodings, upload};

/// What callers keep of a project while the service is down.
struct Kept {
    id: String,
    owner: String,
    updates: Vec<String>,
}

impl Kept {
    fn of(project: &Project<'_>) -> Self {
        Self {
            id: project.id.clone(),
            owner: project.owner.clone(),
            updates: project.updates.clone(),
        }
    }

    fn at<'a>(&self, service: &'a Service) -> Project<'a> {
        Project {
            service,
            id: self.id.clone(),
            owner: self.owner.clone(),
            updates: self.updates.clone(),
        }
    }
}

#[test]
fn a_run_goes_on_after_a_kill_and_its_progress_never_falls() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let mut service = Service::start(&state);
    let (mut left, right) = (encodings(1, 6_000, 1024), encodings(2, 80_000, 1024));
    left[17] = right[79_999].clone();
    left[4000] = right[5].clone();
    let made = service.project(&json!({}));
    for (party, rows) in [&left, &right].into_iter().enumerate() {
        assert_eq!(
            made.upload_bytes(&made.updates[party], 1024, rows).status,
            201
        );
    }
    let run = made.run(0.9);
    let kept = Kept::of(&made);
    let (mut done, mut kills) = (0.0, 0);
    loop {
        let status = kept.at(&service).status(&run);
        let relative = status["current_stage"]["progress"]["relative"].as_f64();
        assert!(relative.unwrap_or(1.0) >= done, "{status} after {done}");
        done = relative.unwrap_or(done);
        if status["state"] == "completed" {
            break;
        }
        // Killed each time it got further, while there is something left to do.
        if kills < 3 && done > f64::from(kills) * 0.1 && done < 1.0 {
            kills += 1;
            service.kill();
            service = Service::start(&state);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let project = kept.at(&service);
    assert!(kills > 0, "the run was over before it could be killed");
    let mut groups = project.result(&run)["groups"].as_array().unwrap().clone();
    groups.sort_by_key(ToString::to_string);
    assert_eq!(
        groups,
        [json!([[0, 17], [1, 79_999]]), json!([[0, 4000], [1, 5]])]
    );
    let total = project.status(&run)["total_number_comparisons"].clone();
    assert_eq!(total, 6_000 * 80_000);
}

#[test]
fn projects_uploads_runs_and_results_survive_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let service = Service::start(&state);
    let rows = encodings(3, 30, 16);
    let made = service.project(&json!({"name": "kept", "schema": {"a": [1.5]}}));
    let receipt = made.upload_well(0, &upload(&rows));
    let run = made.run(0.8);
    // An upload that is cut off by the kill leaves its token usable.
    let request = Request::post(&made.path("/clks"))
        .token(&made.updates[1])
        .json(&upload(&rows));
    let mut cut = TcpStream::connect(service.at).unwrap();
    cut.write_all(&request.head()).unwrap();
    cut.write_all(&request.body()[..50]).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    let busy = made.upload(&made.updates[1], &upload(&rows));
    assert_eq!(
        (busy.status, busy.detail().as_str()),
        (403, "This token has already been used to upload clks.")
    );
    let kept = Kept::of(&made);
    service.kill();

    let service = Service::start(&state);
    let project = kept.at(&service);
    let described = project.get("", &project.owner).json();
    assert_eq!(
        (&described["name"], &described["schema"]),
        (&json!("kept"), &json!({"a": [1.5]}))
    );
    assert_eq!(described["parties_contributed"], 1);
    assert_eq!(project.status(&run)["state"], "created");
    assert_eq!(
        project.upload(&project.updates[0], &upload(&rows)).status,
        403
    );
    project.upload_well(1, &upload(&rows));
    assert_eq!(project.result(&run)["groups"].as_array().unwrap().len(), 30);
    assert_eq!(project.get("", &receipt).status, 403);
    let left_over = std::fs::read_dir(state.join("anonlink/incoming"))
        .unwrap()
        .count();
    assert_eq!(left_over, 0);
}

#[test]
fn an_upload_in_pieces_goes_on_after_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("state");
    let service = Service::start(&state);
    let rows = encodings(4, 40, 16);
    let body = upload(&rows).to_string();
    let made = service.project(&json!({}));
    made.upload_well(0, &upload(&rows));
    let piece = |project: &Project<'_>, start: usize, end: usize| {
        let request = Request::new("PATCH", &project.path("/upload")).token(&project.updates[1]);
        let request = request.header("Upload-Offset", start);
        project
            .service
            .send(&request.bytes("application/octet-stream", &body.as_bytes()[start..end]))
    };
    assert_eq!(piece(&made, 0, 300).status, 204);
    let kept = Kept::of(&made);
    service.kill();

    let service = Service::start(&state);
    let project = kept.at(&service);
    let at = project.get("/upload", &project.updates[1]);
    assert_eq!((at.status, at.header("upload-offset")), (204, Some("300")));
    let behind = piece(&project, 200, 400);
    assert_eq!(
        (behind.status, behind.header("upload-offset")),
        (409, Some("300"))
    );
    assert_eq!(piece(&project, 300, body.len()).status, 204);
    let finish = |length: usize| {
        let request = Request::post(&project.path("/clks")).token(&project.updates[1]);
        let request = request.header("Upload-Length", length);
        service.send(&request.bytes("application/json", b""))
    };
    assert_eq!(finish(body.len() - 1).status, 409);
    assert_eq!(finish(body.len()).status, 201);
    let run = project.run(0.8);
    assert_eq!(project.result(&run)["groups"].as_array().unwrap().len(), 40);
}
