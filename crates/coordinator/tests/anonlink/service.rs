//! The program with nothing but the anonlink service, and what callers do with it most.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::http::{Answer, Request};

/// The program; killed, not asked to stop, when dropped.
pub(crate) struct Service {
    child: Child,
    pub(crate) at: SocketAddr,
}

impl Service {
    /// Starts it in a state directory.
    pub(crate) fn start(state: &Path) -> Self {
        Self::start_with(state, &[])
    }

    /// The same with more arguments.
    pub(crate) fn start_with(state: &Path, more: &[&str]) -> Self {
        let mut command = command(state);
        let command = command.args(more).arg("--log-json");
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let at = log.by_ref().find_map(|line| address(&line.unwrap()));
        // Nobody reads on; the pipe has to stay open.
        std::thread::spawn(move || log.for_each(drop));
        Self {
            child,
            at: at.unwrap(),
        }
    }

    pub(crate) fn kill(self) {
        drop(self);
    }

    pub(crate) fn send(&self, request: &Request) -> Answer {
        request.send(self.at)
    }

    /// A new project of so many parties.
    pub(crate) fn project(&self, change: &Value) -> Project<'_> {
        let mut body = json!({"schema": {}, "result_type": "groups"});
        for (name, value) in change.as_object().unwrap() {
            body[name] = value.clone();
        }
        let answer = self.send(&Request::post("/projects").json(&body));
        assert_eq!(answer.status, 201, "{answer:?}");
        let told = answer.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Project {
            service: self,
            id: text(&told["project_id"]),
            owner: text(&told["result_token"]),
            updates: told["update_tokens"]
                .as_array()
                .unwrap()
                .iter()
                .map(text)
                .collect(),
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The program's command line without what differs from test to test.
pub(crate) fn command(state: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_symbolon-coordinator"));
    command.args(["run", "--anonlink-listen", "127.0.0.1:0", "--dir"]);
    command.arg(state);
    command
}

fn address(line: &str) -> Option<SocketAddr> {
    let line: Value = serde_json::from_str(line).ok()?;
    line["fields"]["anonlink"].as_str()?.parse().ok()
}

/// A project and its tokens.
pub(crate) struct Project<'a> {
    pub(crate) service: &'a Service,
    pub(crate) id: String,
    pub(crate) owner: String,
    pub(crate) updates: Vec<String>,
}

impl Project<'_> {
    /// The path of something in the project.
    pub(crate) fn path(&self, rest: &str) -> String {
        format!("/projects/{}{rest}", self.id)
    }

    pub(crate) fn get(&self, rest: &str, token: &str) -> Answer {
        self.service
            .send(&Request::get(&self.path(rest)).token(token))
    }

    pub(crate) fn delete(&self, rest: &str, token: &str) -> Answer {
        let request = Request::new("DELETE", &self.path(rest)).token(token);
        self.service.send(&request)
    }

    pub(crate) fn upload(&self, token: &str, body: &Value) -> Answer {
        let request = Request::post(&self.path("/clks")).token(token);
        self.service.send(&request.json(body))
    }

    /// Uploads, and gives the receipt token.
    pub(crate) fn upload_well(&self, party: usize, body: &Value) -> String {
        let answer = self.upload(&self.updates[party], body);
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["receipt_token"].as_str().unwrap().to_owned()
    }

    pub(crate) fn upload_bytes(&self, token: &str, size: usize, rows: &[Vec<u8>]) -> Answer {
        let request = Request::post(&self.path("/binaryclks")).token(token);
        let request = request
            .header("Hash-Count", rows.len())
            .header("Hash-Size", size);
        self.service
            .send(&request.bytes("application/octet-stream", &rows.concat()))
    }

    pub(crate) fn post_run(&self, body: &Value) -> Answer {
        let request = Request::post(&self.path("/runs")).token(&self.owner);
        self.service.send(&request.json(body))
    }

    pub(crate) fn run(&self, threshold: f64) -> String {
        let answer = self.post_run(&json!({"threshold": threshold}));
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.json()["run_id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn status(&self, run: &str) -> Value {
        self.get(&format!("/runs/{run}/status"), &self.owner).json()
    }

    /// The status of a run when it is over; every status on the way is shown to `seen`.
    pub(crate) fn follow(&self, run: &str, mut seen: impl FnMut(&Value)) -> Value {
        for _ in 0..3000 {
            let status = self.status(run);
            seen(&status);
            if status["state"] == "completed" || status["state"] == "error" {
                return status;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the run does not end");
    }

    /// The result of a run, once it is complete.
    pub(crate) fn result(&self, run: &str) -> Value {
        assert_eq!(self.follow(run, |_| {})["state"], "completed");
        let answer = self.get(&format!("/runs/{run}/result"), &self.owner);
        assert_eq!(answer.status, 200);
        answer.json()
    }
}

/// Encodings in base64.
pub(crate) fn clks(rows: &[Vec<u8>]) -> Vec<String> {
    rows.iter().map(|row| STANDARD.encode(row)).collect()
}

/// An upload of these encodings.
pub(crate) fn upload(rows: &[Vec<u8>]) -> Value {
    json!({"clks": clks(rows)})
}

/// Repeatable encodings of `bytes` bytes with about a third of their bits set.
pub(crate) fn encodings(seed: u64, rows: usize, bytes: usize) -> Vec<Vec<u8>> {
    let mut state = seed.wrapping_add(0x9e37_79b9);
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    let mut sparse = || byte() & (byte() | 0x24);
    let mut row = |_| (0..bytes).map(|_| sparse()).collect();
    (0..rows).map(&mut row).collect()
}
