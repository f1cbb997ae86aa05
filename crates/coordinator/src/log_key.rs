//! The key that a role signs its log with.

use audit::{Actor, KeyKind, KeyName, NoteSigner, VerifierKey};
use model::ProjectName;
use secret::key_file::{self, KeyFileError, Purpose};
use secret::{Entropy, Key32, SigningKey};
use wire::Role;

use crate::directory::RoleDir;

/// Who keeps the log of `role`.
pub(crate) fn keeper(role: Role) -> Actor {
    match role {
        Role::Matcher => Actor::Matcher,
        Role::Resolver => Actor::Resolver,
    }
}

/// Makes a role's signing key.
pub(crate) fn make(directory: &RoleDir, entropy: &mut dyn Entropy) -> Result<(), KeyFileError> {
    let seed = Key32::generate(entropy);
    key_file::write(&directory.log_key(), Purpose::Signing, &seed)
}

/// Reads a role's signing key, with which it signs as its log.
pub(crate) fn read(
    directory: &RoleDir,
    role: Role,
    project: &ProjectName,
) -> Result<NoteSigner, KeyFileError> {
    let seed = directory
        .unlock()
        .read(&directory.log_key(), Purpose::Signing)?;
    let signing = SigningKey::from_seed(&seed);
    let key = VerifierKey {
        name: KeyName::of_log(project, &keeper(role)),
        kind: KeyKind::Log,
        public: signing.public(),
    };
    Ok(NoteSigner::new(key, move |message| signing.sign(message)))
}
