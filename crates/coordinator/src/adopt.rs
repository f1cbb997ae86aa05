//! Taking up a linkage agreement, beside a running coordinator: it counts from the next call on.

use std::path::Path;

use model::SignedAgreement;
use model::agreement::Clause;
use secret::signing;
use service::{AgreementFault, AgreementStore};

use crate::directory::{SettingsError, StateDir};

/// Why an agreement was not taken up.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// It is not signed by all, or not about this project.
    #[error(transparent)]
    Agreement(#[from] AgreementFault),
    /// Settings or schema are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
}

impl AdoptError {
    /// Whether a rule said no, in contrast to a failure.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Agreement(AgreementFault::Refused(_)))
    }
}

/// Takes up the agreement in the directory `from`: a first one, its amendment, or the same with new
/// statements.
///
/// # Errors
/// [`AdoptError`] names the clause; nothing is changed then.
pub fn adopt(directory: &StateDir, from: &Path) -> Result<SignedAgreement, AdoptError> {
    let project = directory.load()?.1;
    let store = AgreementStore::new(directory.agreements(), signing::verify);
    let installed = store.install(from, |offered| {
        let about = &offered.terms().project;
        if *about != project.name {
            let detail = format!("it is about {about}, not {}", project.name);
            return Err(Clause::Project.refuse(detail));
        }
        offered.check_schema(&project.schema)
    });
    Ok(installed?)
}
