//! Projects: made, listed, described, deleted.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::new_project::NewProject;
use super::{auth, blocking, body, json, json_text};
use crate::anonlink::id::ProjectId;
use crate::anonlink::problem::Problem;
use crate::anonlink::project::{Party, Project, ResultType};
use crate::anonlink::serve::Shared;
use crate::anonlink::time;
use crate::anonlink::token::Token;

/// The most bytes of a request for a project.
const MAX_BYTES: usize = 4 << 20;

/// `POST /projects`.
pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    body::expect_json(&headers)?;
    let new = NewProject::parse(&body::small(&shared.bodies, body, MAX_BYTES).await?)?;
    let told = blocking(move || add(&shared, new)).await?;
    Ok(json(StatusCode::CREATED, &told))
}

fn add(shared: &Shared, new: NewProject) -> Result<Value, Problem> {
    let most = shared.limits.projects;
    if shared.catalogue().list()?.len() >= most as usize {
        let detail = format!("This service holds {most} projects; delete one that is done");
        return Err(Problem::refused(StatusCode::FORBIDDEN, detail));
    }
    let randomness = shared.parts.randomness.as_ref();
    let result_token = Token::fresh(randomness);
    let update_tokens: Vec<Token> = (0..new.parties).map(|_| Token::fresh(randomness)).collect();
    let party = |token: &Token| Party {
        update_token: token.digest(),
        upload: None,
        staged: 0,
    };
    let project = Project {
        id: ProjectId::fresh(randomness),
        name: new.name,
        notes: new.notes,
        schema: new.schema,
        result_type: new.result_type,
        uses_blocking: new.uses_blocking,
        result_token: result_token.digest(),
        parties: update_tokens.iter().map(party).collect(),
        time_added: shared.now(),
        error: None,
    };
    shared.files.add_project(&project.id)?;
    shared.catalogue().add(&project)?;
    let update_tokens: Vec<String> = update_tokens.iter().map(Token::tell).collect();
    Ok(json!({
        "project_id": project.id,
        "result_token": result_token.tell(),
        "update_tokens": update_tokens,
    }))
}

/// `GET /projects`.
pub(super) async fn list(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let listed = blocking(move || Ok(shared.catalogue().list()?)).await?;
    let entries = listed.iter().map(
        |project| json!({"project_id": project.id, "time_added": time::text(project.time_added)}),
    );
    Ok(json(StatusCode::OK, &entries.collect()))
}

/// `GET /projects/{project}`.
pub(super) async fn describe(
    State(shared): State<Arc<Shared>>,
    Path(project): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let token = auth::presented(&headers)?;
    let found = blocking(move || auth::reader(&shared, &project, &token)).await?;
    Ok(json_text(StatusCode::OK, description(&found.0)?))
}

/// A project as it is told.
#[derive(Serialize)]
struct Description<'a> {
    project_id: ProjectId,
    name: &'a str,
    notes: &'a str,
    /// As it came: numbers in it may have more digits than a `Value` holds.
    schema: &'a RawValue,
    result_type: ResultType,
    number_parties: usize,
    uses_blocking: bool,
    parties_contributed: usize,
    error: bool,
}

fn description(project: &Project) -> Result<String, Problem> {
    let unreadable = |error| Problem::internal(&error);
    let description = Description {
        project_id: project.id,
        name: &project.name,
        notes: &project.notes,
        schema: serde_json::from_str(&project.schema).map_err(unreadable)?,
        result_type: project.result_type,
        number_parties: project.parties.len(),
        uses_blocking: project.uses_blocking,
        parties_contributed: project.contributed(),
        error: project.error.is_some(),
    };
    serde_json::to_string(&description).map_err(unreadable)
}

/// `DELETE /projects/{project}`.
pub(super) async fn delete(
    State(shared): State<Arc<Shared>>,
    Path(project): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let token = auth::presented(&headers)?;
    blocking(move || {
        let project = auth::owner(&shared, &project, &token)?;
        if !shared.catalogue().remove(&project.id)? {
            return Err(Problem::denied());
        }
        let randomness = shared.parts.randomness.as_ref();
        Ok(shared.files.remove_project(&project.id, randomness)?)
    })
    .await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anonlink::project::tests::project;

    #[test]
    fn the_schema_is_told_as_it_came() {
        let schema = r#"{"b" : 1.0,"a":12345678901234567890123, "a":1e400}"#;
        let told = description(&project(2, schema)).unwrap();
        assert!(told.contains(schema), "{told}");
        assert!(told.contains(r#""result_type":"groups""#), "{told}");
    }
}
