//! Runs: asked for, listed, followed, deleted.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::new_run::NewRun;
use super::{auth, blocking, body, json};
use crate::anonlink::id::RunId;
use crate::anonlink::problem::Problem;
use crate::anonlink::project::Project;
use crate::anonlink::run::{Run, RunState, Stage};
use crate::anonlink::serve::Shared;
use crate::anonlink::time;

/// The most bytes of a request for a run.
const MAX_BYTES: usize = 64 << 10;

/// `POST /projects/{project}/runs`.
pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    Path(project): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let token = auth::presented(&headers)?;
    body::expect_json(&headers)?;
    let new = NewRun::parse(&body::small(&shared.bodies, body, MAX_BYTES).await?)?;
    let run = blocking(move || {
        let project = auth::owner(&shared, &project, &token)?;
        add(&shared, &project, new)
    });
    Ok(json(StatusCode::CREATED, &description(&run.await?)))
}

fn add(shared: &Shared, project: &Project, new: NewRun) -> Result<Run, Problem> {
    let id = RunId::fresh(shared.parts.randomness.as_ref());
    let run = Run {
        name: new.name,
        notes: new.notes,
        ..Run::new(id, new.threshold, shared.now())
    };
    let most = shared.limits.runs as usize;
    let mut outcome = Err(Problem::denied());
    shared
        .catalogue()
        .add_run(&project.id, &mut |project, runs| {
            outcome = admit(project, runs, run.clone(), most);
            outcome.as_ref().ok().cloned()
        })?;
    shared.wake.notify_one();
    outcome
}

fn admit(project: &Project, runs: usize, mut run: Run, most: usize) -> Result<Run, Problem> {
    if project.error.is_some() {
        let detail = "Can't post run as project has errors";
        return Err(Problem::refused(StatusCode::INTERNAL_SERVER_ERROR, detail));
    }
    if runs >= most {
        let detail = format!("This project has {most} runs; delete one that is done");
        return Err(Problem::refused(StatusCode::FORBIDDEN, detail));
    }
    project.admit(&mut run);
    Ok(run)
}

/// `GET /projects/{project}/runs`.
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Path(project): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let token = auth::presented(&headers)?;
    let runs = blocking(move || {
        let project = auth::owner(&shared, &project, &token)?;
        Ok(shared.catalogue().runs(&project.id)?)
    });
    let runs = runs.await?;
    let entries = runs.iter().map(|run| {
        json!({"run_id": run.id, "time_added": time::text(run.time_added), "state": run.state})
    });
    Ok(json(StatusCode::OK, &entries.collect()))
}

/// `GET /projects/{project}/runs/{run}`.
pub(super) async fn describe(
    State(shared): State<Arc<Shared>>,
    Path((project, run)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let token = auth::presented(&headers)?;
    let run = blocking(move || {
        let project = auth::owner(&shared, &project, &token)?;
        auth::run_of(&shared, &project, &run)
    });
    Ok(json(StatusCode::OK, &description(&run.await?)))
}

fn description(run: &Run) -> Value {
    json!({
        "run_id": run.id,
        "threshold": run.threshold,
        "name": run.name,
        "notes": run.notes,
    })
}

/// `GET /projects/{project}/runs/{run}/status`.
pub(super) async fn status(
    State(shared): State<Arc<Shared>>,
    Path((project, run)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let token = auth::presented(&headers)?;
    let status = blocking(move || {
        let (project, _) = auth::reader(&shared, &project, &token)?;
        let run = auth::run_of(&shared, &project, &run)?;
        Ok(status_of(&project, &run))
    });
    Ok(json(StatusCode::OK, &status.await?))
}

fn status_of(project: &Project, run: &Run) -> Value {
    let mut stage = json!({
        "number": run.stage.number(),
        "description": run.stage.description(),
    });
    if let Some(progress) = progress(project, run) {
        stage["progress"] = progress;
    }
    let mut status = json!({
        "state": run.state,
        "stages": project.result_type.stages(),
        "time_added": time::text(run.time_added),
        "current_stage": stage,
    });
    match run.state {
        RunState::Error => status["message"] = json!(run.message),
        _ => status["time_started"] = json!(run.time_started.map(time::text)),
    }
    if run.state == RunState::Completed {
        status["time_completed"] = json!(run.time_completed.map(time::text));
        status["total_number_comparisons"] = json!(run.comparisons);
    }
    status
}

fn progress(project: &Project, run: &Run) -> Option<Value> {
    let (absolute, all, description) = match run.stage {
        Stage::Waiting => (
            project.contributed() as u64,
            project.parties.len() as u64,
            "number of parties already contributed",
        ),
        Stage::Scores => (
            run.checkpoint.comparisons,
            run.comparisons?,
            "number of already computed similarity scores",
        ),
        Stage::Output => return None,
    };
    // Nothing to do is done.
    let relative = if all == 0 {
        1.0
    } else {
        absolute as f64 / all as f64
    };
    Some(json!({"absolute": absolute, "relative": relative, "description": description}))
}

/// `DELETE /projects/{project}/runs/{run}`.
pub(super) async fn delete(
    State(shared): State<Arc<Shared>>,
    Path((project, run)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let token = auth::presented(&headers)?;
    blocking(move || {
        let project = auth::owner(&shared, &project, &token)?;
        let run = auth::run_of(&shared, &project, &run)?.id;
        shared.catalogue().remove_run(&project.id, &run)?;
        let randomness = shared.parts.randomness.as_ref();
        Ok(shared.files.remove_run(&project.id, &run, randomness)?)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anonlink::project::tests::project;

    fn run() -> Run {
        Run::new("3".repeat(48).parse().unwrap(), 0.8, 0)
    }

    #[test]
    fn progress_is_told_once_it_is_known() {
        let project = project(2, "{}");
        let mut run = run();
        let stage = |run: &Run| status_of(&project, run)["current_stage"].clone();
        assert_eq!(stage(&run)["progress"]["relative"], 0.0);
        run.queue();
        assert_eq!(stage(&run).get("progress"), None);
        run.start(7, 600);
        run.checkpoint.comparisons = 150;
        assert_eq!(stage(&run)["progress"]["relative"], 0.25);
        run.stage = Stage::Output;
        assert_eq!(stage(&run).get("progress"), None);
        assert_eq!(stage(&run)["number"], 3);
    }

    #[test]
    fn a_failed_run_tells_why_and_not_when_it_started() {
        let mut run = run();
        run.fail(Some("why".into()));
        let status = status_of(&project(2, "{}"), &run);
        assert_eq!(status["message"], "why");
        assert_eq!(status.get("time_started"), None);
        assert_eq!(status["current_stage"]["number"], 1);
    }

    #[test]
    fn runs_are_refused_by_a_project_in_error_and_beyond_the_limit() {
        let mut project = project(2, "{}");
        let admitted = admit(&project, 0, run(), 1).unwrap();
        assert_eq!(admitted.state, RunState::Created);
        let refused = admit(&project, 1, run(), 1).unwrap_err();
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        project.error = Some("x".into());
        let refused = admit(&project, 0, run(), 9).unwrap_err();
        assert_eq!(refused.status, StatusCode::INTERNAL_SERVER_ERROR);
    }
}
