//! The key a node signs its log with, and cosigns with what it was shown of others' logs.

use audit::{Actor, KeyKind, KeyName, NoteSigner, VerifierKey};
use model::{PartyName, ProjectName};
use secret::key_file::{KeyFileError, Purpose};
use secret::{Entropy, Key32, SigningKey};

use crate::home::Home;

/// Makes a node's signing key.
pub(crate) fn make(home: &Home, entropy: &mut dyn Entropy) -> Result<(), KeyFileError> {
    let seed = Key32::generate(entropy);
    home.unlock()
        .write(&home.log_key(), Purpose::Signing, &seed)
}

/// The name of a node's log.
pub(crate) fn name(project: &ProjectName, party: &PartyName) -> KeyName {
    KeyName::of_log(project, &Actor::Node(party.clone()))
}

/// Reads a node's signing key, to sign as `name`: its own log, or what it witnesses.
pub(crate) fn read(home: &Home, name: KeyName, kind: KeyKind) -> Result<NoteSigner, KeyFileError> {
    let seed = home.unlock().read(&home.log_key(), Purpose::Signing)?;
    let signing = SigningKey::from_seed(&seed);
    let public = signing.public();
    let key = VerifierKey { name, kind, public };
    Ok(NoteSigner::new(key, move |message| signing.sign(message)))
}
