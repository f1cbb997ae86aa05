//! Every exchange recorded from the original is made again, in order. The answer is equal but for
//! identifiers, times and what is random, or stands in [`DIFFERENT`] with what it is here.

use serde_json::{Value, json};

use crate::http::{Answer, Request};
use crate::service::{Project, Service, encodings, upload};

/// Exchanges in which the original is at fault, or does what this service does not offer, and the
/// status of this service's answer.
const DIFFERENT: [(&str, u16); 14] = [
    ("upload bad token", 403),
    ("upload result token", 403),
    ("upload ct charset", 201),
    ("upload bad b64", 400),
    ("auth external", 500),
    ("auth external bad", 403),
    ("run threshold 0", 400),
    ("run threshold -1", 400),
    ("run threshold 1.1", 400),
    // Follows from the refusal of what is no base64.
    ("project desc after bad b64", 200),
    // There is no object store; the scores themselves are told.
    ("result object store", 200),
    ("ragged", 400),
    ("ragged desc", 200),
    // One of the texts that quote a validator of Python's at length.
    ("upload both", 400),
];

/// The recording, with what of it was made again.
struct Replay {
    left: Vec<Value>,
}

impl Replay {
    fn new() -> Self {
        let text = include_str!("data/transcript.json");
        let recorded: Value = serde_json::from_str(text).unwrap();
        let left = recorded["exchanges"].as_array().unwrap().clone();
        Self { left }
    }

    /// The next recorded exchange of this name.
    fn take(&mut self, case: &str) -> Value {
        let at = self
            .left
            .iter()
            .position(|exchange| exchange["case"] == case);
        self.left
            .remove(at.unwrap_or_else(|| panic!("{case} is not in the recording")))
    }

    /// Holds an answer against the recording.
    fn expect(&mut self, case: &str, answer: &Answer) {
        self.expect_as(case, answer, masked);
    }

    /// The same, with both bodies brought into a form first.
    fn expect_as(&mut self, case: &str, answer: &Answer, form: impl Fn(&Value) -> Value) {
        let recorded = self.take(case);
        if let Some((_, status)) = DIFFERENT.iter().find(|(name, _)| *name == case) {
            assert_eq!(answer.status, *status, "{case}: {answer:?}");
            return;
        }
        assert_eq!(recorded["status"], answer.status, "{case}: {answer:?}");
        assert_eq!(form(&answer.json()), form(&recorded["body"]), "{case}");
        if !recorded["body"].is_null() {
            let kind = answer.header("content-type");
            assert_eq!(kind, recorded["content_type"].as_str(), "{case}");
        }
    }
}

/// Identifiers and times are others each time.
fn masked(value: &Value) -> Value {
    match value {
        Value::String(text) if text == "<48 hex>" || is_id(text) => json!("<id>"),
        Value::String(text) if is_time(text) => json!("<time>"),
        Value::Array(items) => items.iter().map(masked).collect(),
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (name.clone(), masked(value)));
            fields.collect::<serde_json::Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 48
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn is_time(text: &str) -> bool {
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    shape == "0000-00-00T00:00:00.000000"
}

/// Values of every field by their kind alone.
fn shape(value: &Value) -> Value {
    match value {
        Value::Number(_) => json!("<number>"),
        Value::String(_) => json!("<text>"),
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(name, value)| (name.clone(), shape(value)));
            fields.collect::<serde_json::Map<_, _>>().into()
        }
        other => other.clone(),
    }
}

/// Groups and their records in one order.
fn in_order(value: &Value) -> Value {
    let mut groups: Vec<Value> = value["groups"].as_array().unwrap().clone();
    groups.sort_by_key(Value::to_string);
    json!(groups)
}

/// How many entries, and how many of them are 1.
fn mask_counts(value: &Value) -> Value {
    let mask = value["mask"].as_array().unwrap();
    json!([mask.len(), mask.iter().filter(|one| **one == 1).count()])
}

/// The places of a permutation in order, and the rows.
fn permutation_places(value: &Value) -> Value {
    let mut places = value["permutation"].as_array().unwrap().clone();
    places.sort_by_key(Value::as_u64);
    json!([places, value["rows"]])
}

#[test]
fn the_recording_of_the_original_replays() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::start(&dir.path().join("state"));
    let mut replay = Replay::new();
    general(&mut replay, &service);
    new_projects(&mut replay, &service);
    let body = json!({"schema": {"a": 1}, "number_parties": 3, "name": "n", "notes": "x"});
    let project = service.project(&body);
    descriptions(&mut replay, &project);
    uploads(&mut replay, &project);
    binary_uploads(&mut replay, &project);
    new_runs(&mut replay, &project);
    for result_type in ["groups", "similarity_scores", "permutations"] {
        linked(&mut replay, &service, result_type);
    }
    waiting(&mut replay, &service);
    sizes(&mut replay, &service);
    blocked(&mut replay, &service);
    three_parties(&mut replay, &service);
    let left: Vec<&Value> = replay
        .left
        .iter()
        .map(|exchange| &exchange["case"])
        .collect();
    assert!(left.is_empty(), "not made again: {left:?}");
}

fn general(replay: &mut Replay, service: &Service) {
    let ask = |method, path: &str| service.send(&Request::new(method, path));
    replay.expect_as(
        "status",
        &ask("GET", "/status"),
        |body| match &body["status"] {
            Value::String(ok) => json!([ok, shape(body)]),
            _ => body.clone(),
        },
    );
    replay.expect_as("version", &ask("GET", "/version"), shape);
    replay.expect("unknown path", &ask("GET", "/nope"));
    replay.expect("wrong method", &ask("PUT", "/projects"));
    replay.expect_as("status extra query", &ask("GET", "//status?x=1"), shape);
    assert_eq!(ask("GET", "/projects/").status, 404);
}

fn new_projects(replay: &mut Replay, service: &Service) {
    let full = json!({"schema": {}, "result_type": "groups"});
    let with = |name: &str, value: Value| {
        let mut body = full.clone();
        body[name] = value;
        body
    };
    let without = |name: &str| {
        let mut body = full.clone();
        body.as_object_mut().unwrap().remove(name);
        body
    };
    let many = json!({"schema": {}, "result_type": "permutations", "number_parties": 3});
    let asked = [
        ("create no schema", without("schema")),
        ("create no result_type", without("result_type")),
        (
            "create bad result_type",
            with("result_type", json!("mapping")),
        ),
        ("create parties 1", with("number_parties", json!(1))),
        ("create parties 3 perm", many),
        ("create parties str", with("number_parties", json!("3"))),
        ("create schema list", with("schema", json!([]))),
        ("create extra field", with("extra", json!(1))),
        ("create name null", with("name", Value::Null)),
        ("uses_blocking str", with("uses_blocking", json!("true"))),
    ];
    let create =
        |kind: &str, body: &[u8]| service.send(&Request::post("/projects").bytes(kind, body));
    for (case, body) in asked {
        let answer = create("application/json", body.to_string().as_bytes());
        replay.expect(case, &answer);
    }
    let text = full.to_string();
    replay.expect("create empty body", &create("application/json", b""));
    replay.expect("create not json", &create("application/json", b"{"));
    replay.expect("create wrong ct", &create("text/plain", text.as_bytes()));
    let charset = "application/json; charset=utf-8";
    replay.expect("create ct charset", &create(charset, text.as_bytes()));
    replay.expect("create null json", &create("application/json", b"null"));
    let three = with("number_parties", json!(3)).to_string();
    replay.expect("create ok", &create("application/json", three.as_bytes()));
    let first = |body: &Value| masked(&json!([body[0]]));
    replay.expect_as("list", &service.send(&Request::get("/projects")), first);
}

fn descriptions(replay: &mut Replay, project: &Project<'_>) {
    replay.expect("describe", &project.get("", &project.owner));
    replay.expect("describe noauth", &project.get("", ""));
    replay.expect("describe bad", &project.get("", "bad"));
    let missing = Request::get("/projects/none").token(&project.owner);
    replay.expect("describe missing project", &project.service.send(&missing));
    replay.expect(
        "describe with update token",
        &project.get("", &project.updates[0]),
    );
}

fn uploads(replay: &mut Replay, project: &Project<'_>) {
    let rows = upload(&encodings(1, 3, 128));
    let token = project.updates[0].as_str();
    let mut both = rows.clone();
    both["encodings"] = rows["clks"].clone();
    let asked = [
        ("upload noauth", "", rows.clone()),
        ("upload bad token", "bad", rows.clone()),
        ("upload result token", project.owner.as_str(), rows.clone()),
        ("upload empty", token, json!({"clks": []})),
        ("upload {}", token, json!({})),
        ("upload both", token, both),
        (
            "upload clknblocks on nonblocking",
            token,
            json!({"clknblocks": [["AQ==", "1"]]}),
        ),
        ("upload clks not list", token, json!({"clks": "x"})),
        ("upload clks ints", token, json!({"clks": [1]})),
        ("upload bad b64", token, json!({"clks": ["*"]})),
    ];
    for (case, token, body) in asked {
        replay.expect(case, &project.upload(token, &body));
    }
    let send = |kind: &str, token: &str| {
        let request = Request::post(&project.path("/clks")).token(token);
        project
            .service
            .send(&request.bytes(kind, rows.to_string().as_bytes()))
    };
    replay.expect(
        "upload octet to /clks",
        &send("application/octet-stream", token),
    );
    replay.expect(
        "upload ct charset",
        &send("application/json; charset=utf-8", &project.updates[2]),
    );
}

fn binary_uploads(replay: &mut Replay, project: &Project<'_>) {
    let path = project.path("/binaryclks");
    let send = |kind: &str, headers: &[(&'static str, &str)], bytes: usize| {
        let mut request = Request::post(&path).token(&project.updates[1]);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        project.service.send(&request.bytes(kind, &vec![7; bytes]))
    };
    let binary = "application/octet-stream";
    let sized = |count, size| [("Hash-Count", count), ("Hash-Size", size)];
    replay.expect("bin no headers", &send(binary, &[], 128));
    replay.expect("bin count 0", &send(binary, &sized("0", "128"), 0));
    replay.expect("bin count -1", &send(binary, &sized("-1", "128"), 128));
    replay.expect("bin count abc", &send(binary, &sized("abc", "128"), 128));
    replay.expect("bin size 0", &send(binary, &sized("1", "0"), 0));
    replay.expect("bin size 2000", &send(binary, &sized("1", "2000"), 2000));
    replay.expect("bin mismatch", &send(binary, &sized("2", "128"), 128));
    replay.expect("bin json ct", &send("application/json", &[], 128));
    replay.expect("bin ok", &send(binary, &sized("2", "128"), 256));
    replay.expect("bin again", &send(binary, &sized("2", "128"), 256));
    let external = |token: &str| project.get("/authorize-external-upload", token);
    replay.expect("auth external", &external(&project.updates[0]));
    replay.expect("auth external bad", &external("bad"));
}

fn new_runs(replay: &mut Replay, project: &Project<'_>) {
    let asked = [
        ("run threshold 0", json!({"threshold": 0})),
        ("run threshold -1", json!({"threshold": -1})),
        ("run threshold 1.1", json!({"threshold": 1.1})),
        ("run threshold x", json!({"threshold": "x"})),
        ("run threshold None", json!({"threshold": null})),
        ("run threshold 1", json!({"threshold": 1})),
        ("run no threshold", json!({})),
    ];
    for (case, body) in asked {
        replay.expect(case, &project.post_run(&body));
    }
    let run = |token: &str| {
        let request = Request::post(&project.path("/runs")).token(token);
        project
            .service
            .send(&request.json(&json!({"threshold": 0.9})))
    };
    replay.expect("run noauth", &run(""));
    replay.expect("run bad auth", &run("bad"));
    replay.expect(
        "project desc after bad b64",
        &project.get("", &project.owner),
    );
}

/// A project of two parties with 30 and 20 records, the first ten of which are equal, to its end.
fn linked(replay: &mut Replay, service: &Service, result_type: &str) {
    let project = service.project(&json!({"result_type": result_type, "name": "demo"}));
    let (left, mut right) = (encodings(1, 30, 128), encodings(2, 20, 128));
    right[..10].clone_from_slice(&left[..10]);
    let created = project.post_run(&json!({"threshold": 0.85, "name": "r1"}));
    replay.expect(&format!("{result_type} run create"), &created);
    let run = created.json()["run_id"].as_str().unwrap().to_owned();
    if result_type == "groups" {
        replay.expect(
            "run desc",
            &project.get(&format!("/runs/{run}"), &project.owner),
        );
    }
    replay.expect("runs list", &project.get("/runs", &project.owner));
    let receipts = [
        project.upload_well(0, &upload(&left)),
        project.upload_well(1, &upload(&right)),
    ];
    follow(replay, &project, &run, result_type);
    let result = |token: &str| project.get(&format!("/runs/{run}/result"), token);
    let (answer, of_party) = (
        result(&project.owner),
        [&receipts[0], &receipts[1]].map(|it| result(it)),
    );
    match result_type {
        "groups" => replay.expect_as("result", &answer, in_order),
        "similarity_scores" => replay.expect("result", &answer),
        _ => replay.expect_as("result", &answer, mask_counts),
    }
    match result_type {
        "permutations" => {
            replay.expect_as("result receipt 0", &of_party[0], permutation_places);
            replay.expect_as("result receipt 1", &of_party[1], permutation_places);
        }
        "groups" => {
            replay.expect("result receipt 0", &of_party[0]);
            replay.expect("result receipt 1", &of_party[1]);
            replay.expect("result update token", &result(&project.updates[0]));
        }
        _ => assert_eq!(of_party.map(|answer| answer.status), [403, 403]),
    }
    let status = |token: &str| project.get(&format!("/runs/{run}/status"), token);
    replay.expect("status receipt", &status(&receipts[0]));
    replay.expect("status update token", &status(&project.updates[0]));
    if result_type != "similarity_scores" {
        replay.expect("desc receipt", &project.get("", &receipts[0]));
    } else {
        let request = Request::get(&project.path(&format!("/runs/{run}/result")));
        let request = request
            .token(&project.owner)
            .header("RETURN-OBJECT-STORE-ADDRESS", "1");
        replay.expect("result object store", &service.send(&request));
    }
    if result_type == "groups" {
        replay.expect("result noauth", &result(""));
        replay.expect(
            "result bad run",
            &project.get("/runs/nope/result", &project.owner),
        );
        replay.expect(
            "delete run bad",
            &project.delete(&format!("/runs/{run}"), "bad"),
        );
    }
    deleted(replay, &project, &run, result_type == "groups");
}

fn deleted(replay: &mut Replay, project: &Project<'_>, run: &str, is_recorded: bool) {
    let path = format!("/runs/{run}");
    let mut delete = |case: &str, answer: Answer| {
        if is_recorded {
            replay.expect(case, &answer);
        }
    };
    delete("delete run", project.delete(&path, &project.owner));
    delete("delete run again", project.delete(&path, &project.owner));
    let status = project.get(&format!("{path}/status"), &project.owner);
    replay.expect("status deleted run", &status);
    let mut delete = |case: &str, answer: Answer| {
        if is_recorded {
            replay.expect(case, &answer);
        }
    };
    delete("delete project", project.delete("", &project.owner));
    delete("delete project again", project.delete("", &project.owner));
    delete("desc deleted", project.get("", &project.owner));
}

/// Follows a run: whatever is told on the way was told by the original too, and the end is equal.
fn follow(replay: &mut Replay, project: &Project<'_>, run: &str, result_type: &str) {
    let count = if result_type == "groups" { 5 } else { 6 };
    let count = if result_type == "similarity_scores" {
        5
    } else {
        count
    };
    let recorded: Vec<Value> = (0..count)
        .map(|_| replay.take("status")["body"].clone())
        .collect();
    let known: Vec<Value> = recorded.iter().map(followed).collect();
    let last = project.follow(run, |status| {
        let status = followed(status);
        assert!(known.contains(&status), "{status}");
    });
    assert_eq!(masked(&last), masked(&recorded[count - 1]));
}

/// A status without how far it is. Between the first comparison and the last the original tells
/// progress too, though the recording was too slow to see it.
fn followed(status: &Value) -> Value {
    let mut status = masked(status);
    if status["current_stage"]["progress"].is_object() {
        status["current_stage"]["progress"]["absolute"] = Value::Null;
        status["current_stage"]["progress"]["relative"] = Value::Null;
    }
    status
}

fn waiting(replay: &mut Replay, service: &Service) {
    let project = service.project(&json!({}));
    let run = project.run(0.9);
    let status = || project.get(&format!("/runs/{run}/status"), &project.owner);
    replay.expect("status nodata", &status());
    let result = project.get(&format!("/runs/{run}/result"), &project.owner);
    replay.expect("result nodata", &result);
    project.upload_well(0, &upload(&encodings(1, 3, 16)));
    replay.expect("status 1of2", &status());
}

fn sizes(replay: &mut Replay, service: &Service) {
    let of_size = |bytes| upload(&encodings(1, 3, bytes));
    let run_of = |answer: &Answer| answer.json()["run_id"].as_str().unwrap().to_owned();
    let ask = json!({"threshold": 0.9});

    let project = service.project(&json!({"name": "demo"}));
    let answer = project.post_run(&ask);
    replay.expect("size20 run", &answer);
    for party in 0..2 {
        project.upload_well(party, &of_size(20));
    }
    let run = format!("/runs/{}", run_of(&answer));
    replay.expect(
        "size20 status",
        &project.get(&format!("{run}/status"), &project.owner),
    );
    replay.expect(
        "size20 result",
        &project.get(&format!("{run}/result"), &project.owner),
    );
    replay.expect("size20 desc", &project.get("", &project.owner));
    replay.expect("size20 2nd run", &project.post_run(&ask));

    let project = service.project(&json!({}));
    let run = format!("/runs/{}", project.run(0.9));
    project.upload_well(0, &of_size(64));
    replay.expect(
        "mismatch upload",
        &project.upload(&project.updates[1], &of_size(128)),
    );
    replay.expect(
        "mismatch status",
        &project.get(&format!("{run}/status"), &project.owner),
    );
    replay.expect(
        "mismatch result",
        &project.get(&format!("{run}/result"), &project.owner),
    );
    replay.expect("mismatch desc", &project.get("", &project.owner));
    replay.expect("mismatch run2", &project.post_run(&ask));

    let project = service.project(&json!({"schema": {"clkConfig": {"l": 1024}}}));
    let token = &project.updates[0];
    replay.expect(
        "schema-l bin",
        &project.upload_bytes(token, 64, &encodings(1, 3, 64)),
    );
    replay.expect("schema-l json", &project.upload(token, &of_size(64)));
    replay.expect("schema-l desc", &project.get("", &project.owner));
    replay.expect(
        "retry after bg error",
        &project.upload(token, &of_size(128)),
    );

    let project = service.project(&json!({}));
    replay.expect(
        "ragged",
        &project.upload(&project.updates[0], &json!({"clks": ["AAAA", "AA=="]})),
    );
    replay.expect("ragged desc", &project.get("", &project.owner));

    let project = service.project(&json!({}));
    replay.expect(
        "4096B",
        &project.upload(&project.updates[0], &of_size(4096)),
    );
    replay.expect("4096B desc", &project.get("", &project.owner));
    project.upload_well(1, &of_size(4096));
    assert_eq!(project.get("", &project.owner).json()["error"], true);
}

fn blocked(replay: &mut Replay, service: &Service) {
    let project = service.project(&json!({"uses_blocking": true}));
    let clks = crate::service::clks(&encodings(1, 2, 16));
    let token = &project.updates[0];
    replay.expect("blk clks", &project.upload(token, &json!({"clks": clks})));
    replay.expect(
        "blk encodings",
        &project.upload(token, &json!({"encodings": clks})),
    );
    let blocks = json!({"0": ["1"], "1": ["2"]});
    let body = json!({"encodings": clks, "blocks": blocks});
    replay.expect("blk enc+blocks", &project.upload(token, &body));
    let body = json!({"clknblocks": [[clks[0], 1], [clks[1], "3"]]});
    replay.expect(
        "blk clknblocks",
        &project.upload(&project.updates[1], &body),
    );
    let run = project.run(0.9);
    project.result(&run);
    let result = project.get(&format!("/runs/{run}/result"), &project.owner);
    replay.expect("blk result", &result);
}

fn three_parties(replay: &mut Replay, service: &Service) {
    let rows = encodings(1, 3, 16);
    let project = service.project(&json!({"number_parties": 3}));
    for party in 0..3 {
        project.upload_well(party, &upload(&rows));
    }
    let run = project.run(0.95);
    project.result(&run);
    let result = || project.get(&format!("/runs/{run}/result"), &project.owner);
    replay.expect_as("3p result", &result(), in_order);
    replay.expect_as("result again", &result(), in_order);

    let project = service.project(&json!({"result_type": "similarity_scores"}));
    project.upload_well(0, &upload(&rows));
    project.upload_well(1, &upload(&encodings(2, 3, 16)));
    let run = project.run(1.0);
    project.result(&run);
    let result = project.get(&format!("/runs/{run}/result"), &project.owner);
    replay.expect("empty sims", &result);
}
