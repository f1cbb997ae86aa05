//! The rules a batch has to keep, as plain functions over what is known: each says yes or refuses.

use model::agreement::{Clause, Disclosure};
use model::{BatchKind, BatchManifest, PartyName, Refusal, RefusalCode};
use wire::Role;

use crate::project::Project;
use crate::store::StoredBatch;

/// Bytes of one entry of a handle map: pass handle and record handle.
pub(crate) const HANDLE_ENTRY: u64 = 32;

/// Bytes of one block token.
pub(crate) const TOKEN_BYTES: u64 = 16;

/// Holds a manifest to the project.
pub(crate) fn check_manifest(
    project: &Project,
    role: Role,
    party: &PartyName,
    manifest: &BatchManifest,
) -> Result<(), Refusal> {
    project.member(party)?;
    if manifest.party != *party {
        let detail = format!("a batch of {} sent by {party}", manifest.party);
        return refuse(RefusalCode::WrongParty, detail);
    }
    check_run(project, manifest)?;
    if manifest.schema_digest != project.schema.digest() {
        let detail = format!(
            "the batch was prepared under schema {}, the project's is {}",
            manifest.schema_digest,
            project.schema.digest()
        );
        return refuse(RefusalCode::SchemaDiffers, detail);
    }
    manifest.check_limits()?;
    check_counts(project, role, manifest)
}

fn check_run(project: &Project, manifest: &BatchManifest) -> Result<(), Refusal> {
    let sent = (&manifest.project, manifest.run, manifest.epoch);
    if sent == (&project.name, project.run, project.epoch) {
        return Ok(());
    }
    let detail = format!(
        "the batch is for project {}, run {}, epoch {}; open is project {}, run {}, epoch {}",
        manifest.project, manifest.run, manifest.epoch, project.name, project.run, project.epoch
    );
    refuse(RefusalCode::WrongRun, detail)
}

fn check_counts(project: &Project, role: Role, manifest: &BatchManifest) -> Result<(), Refusal> {
    if !role.takes(manifest.kind) {
        let detail = format!("the {role} takes no {}", manifest.kind.as_str());
        return refuse(RefusalCode::BadManifest, detail);
    }
    let fits = match manifest.kind {
        BatchKind::Encodings => {
            let row = project.layout.row_bytes as u64;
            manifest.rows.checked_mul(row) == Some(manifest.bytes)
        }
        BatchKind::BlockTokens => manifest.rows.checked_mul(TOKEN_BYTES) == Some(manifest.bytes),
        // Sealing adds to the entries.
        BatchKind::HandleMap => manifest
            .rows
            .checked_mul(HANDLE_ENTRY)
            .is_some_and(|entries| entries < manifest.bytes),
    };
    if fits {
        return Ok(());
    }
    let detail = format!(
        "{} rows do not make {} bytes",
        manifest.rows, manifest.bytes
    );
    refuse(RefusalCode::BadManifest, detail)
}

/// Holds a batch to those the run has already, both when it is opened and when it is accepted.
///
/// The first accepted batch fixes the run's linkage key. One that is only opened does not: two
/// parties that opened theirs under a wrong key could then never correct it.
pub(crate) fn check_beside(
    others: &[StoredBatch],
    manifest: &BatchManifest,
) -> Result<(), Refusal> {
    let mut accepted = others.iter().filter(|batch| batch.is_accepted());
    let party = &manifest.party;
    let same = |other: &BatchManifest| (&other.party, other.kind) == (party, manifest.kind);
    if accepted.clone().any(|batch| same(&batch.manifest)) {
        let detail = format!("another batch of {party} was accepted before");
        return refuse(RefusalCode::AlreadyAccepted, detail);
    }
    match accepted.next() {
        Some(first) if first.manifest.key_check != manifest.key_check => {
            let first = &first.manifest.party;
            let detail = format!("the linkage key of {party} is not the one {first} used");
            refuse(RefusalCode::KeyDiffers, detail)
        }
        _ => Ok(()),
    }
}

/// Holds a batch to what the agreement says of on-demand disclosure: block tokens are taken only where
/// it has any, and then encodings only when all parties' tokens are there.
pub(crate) fn check_turn(
    disclosure: Option<Disclosure>,
    kind: BatchKind,
    waiting: impl FnOnce() -> Vec<PartyName>,
) -> Result<(), Refusal> {
    match (kind, disclosure) {
        (BatchKind::BlockTokens, None) => {
            Err(Clause::Disclosure.refuse("no block tokens are asked for"))
        }
        (BatchKind::Encodings, Some(_)) => {
            let waiting = waiting();
            let names: Vec<&str> = waiting.iter().map(PartyName::as_str).collect();
            match names.is_empty() {
                true => Ok(()),
                false => {
                    let detail = format!("block tokens of {} have to come first", names.join(", "));
                    refuse(RefusalCode::WrongState, detail)
                }
            }
        }
        _ => Ok(()),
    }
}

fn refuse<T>(code: RefusalCode, detail: String) -> Result<T, Refusal> {
    Err(Refusal::new(code, detail))
}
