//! Who asks: a token in the `Authorization` header, bare.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use crate::anonlink::problem::Problem;
use crate::anonlink::project::{Project, ResultType};
use crate::anonlink::run::Run;
use crate::anonlink::serve::Shared;
use crate::anonlink::token::Presented;

/// The token of a request.
pub(super) fn presented(headers: &HeaderMap) -> Result<Presented, Problem> {
    let header = headers.get(AUTHORIZATION);
    let missing = || Problem::input("Missing header parameter 'Authorization'");
    header
        .map(|value| Presented::new(value.as_bytes()))
        .ok_or_else(missing)
}

/// What a token opens of a project, beyond uploading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// All of it.
    Owner,
    /// A party's own part.
    Receipt(usize),
}

/// The project of this name, if the token is its result token, or else, for permutations, a receipt
/// token.
pub(super) fn reader(
    shared: &Arc<Shared>,
    project: &str,
    token: &Presented,
) -> Result<(Project, Access), Problem> {
    let project = find(shared, project)?;
    if token.opens(&project.result_token) {
        return Ok((project, Access::Owner));
    }
    let receipt = project.receipt_of(token);
    match (receipt, project.result_type) {
        (Some(party), ResultType::Permutations) => Ok((project, Access::Receipt(party))),
        _ => Err(Problem::denied()),
    }
}

/// The project of this name, if the token is its result token.
pub(super) fn owner(
    shared: &Arc<Shared>,
    project: &str,
    token: &Presented,
) -> Result<Project, Problem> {
    let project = find(shared, project)?;
    match token.opens(&project.result_token) {
        true => Ok(project),
        false => Err(Problem::denied()),
    }
}

/// The project of this name, and the party whose update token it is.
pub(super) fn uploader(
    shared: &Arc<Shared>,
    project: &str,
    token: &Presented,
) -> Result<(Project, usize), Problem> {
    let project = find(shared, project)?;
    let party = project.party_of(token).ok_or_else(Problem::denied)?;
    Ok((project, party))
}

/// The run of this name in a project.
pub(super) fn run_of(shared: &Arc<Shared>, project: &Project, run: &str) -> Result<Run, Problem> {
    let id = run.parse().map_err(|_| Problem::denied())?;
    let found = shared.catalogue().find_run(&project.id, &id)?;
    found.ok_or_else(Problem::denied)
}

fn find(shared: &Arc<Shared>, project: &str) -> Result<Project, Problem> {
    let id = project.parse().map_err(|_| Problem::denied())?;
    shared.catalogue().find(&id)?.ok_or_else(Problem::denied)
}
