//! What a data protection officer does with files alone, on any machine: make a signing key, sign an
//! agreement, and state that one is suspended, resumed or revoked.

use std::fs;
use std::path::{Path, PathBuf};

use model::agreement::{Act, Clause, Statement};
use model::signature::PublicKey;
use model::{Agreement, Day, Digest, PartyName, Signature};
use secret::key_file::{self, Purpose};
use secret::{Entropy, Key32, Passphrase, SigningKey, signing};
use service::AgreementFiles;
use service::agreement::DOCUMENT;

use crate::ceremony::{Card, Kind};
use crate::error::NodeError;
use crate::files::{io_error, read_text, write};

/// The most bytes a card may have.
const MAX_CARD_BYTES: u64 = 4096;

/// Why a DPO's step was not done.
#[derive(Debug, thiserror::Error)]
pub enum DpoError {
    /// The key is not pinned in the agreement.
    #[error(
        "the key {0} is no custodian's in this agreement; have its fingerprint put into \
         `dpo_key` of the member, then sign"
    )]
    NotPinned(Digest),
    /// Not the card of a node.
    #[error("not the card of a node: {0}")]
    NotACard(String),
    /// A statement cannot be written.
    #[error("the statement cannot be written: {0}")]
    Statement(#[from] toml::ser::Error),
}

/// An officer's signing key: its file, and the passphrase it is sealed under if it is.
#[derive(Clone, Copy)]
pub struct OfficerKey<'a> {
    /// The file.
    pub file: &'a Path,
    /// The passphrase.
    pub passphrase: Option<&'a Passphrase>,
}

impl<'a> From<&'a Path> for OfficerKey<'a> {
    fn from(file: &'a Path) -> Self {
        let passphrase = None;
        Self { file, passphrase }
    }
}

impl<'a> From<&'a PathBuf> for OfficerKey<'a> {
    fn from(file: &'a PathBuf) -> Self {
        file.as_path().into()
    }
}

impl OfficerKey<'_> {
    /// Reads the key.
    pub(crate) fn read(&self) -> Result<SigningKey, NodeError> {
        let seed = key_file::read_with(self.file, Purpose::Signing, self.passphrase)?;
        Ok(SigningKey::from_seed(&seed))
    }
}

/// Draws a signing key and writes it to the new file that `out` names, sealed if it has a passphrase.
///
/// # Errors
/// [`NodeError`]; an existing file is never overwritten.
pub fn new_dpo_key<'a>(
    out: impl Into<OfficerKey<'a>>,
    entropy: &mut dyn Entropy,
) -> Result<PublicKey, NodeError> {
    let (out, seed) = (out.into(), Key32::generate(entropy));
    match out.passphrase {
        Some(passphrase) => key_file::write_sealed(out.file, Purpose::Signing, &seed, passphrase)?,
        None => key_file::write(out.file, Purpose::Signing, &seed)?,
    }
    Ok(public(&SigningKey::from_seed(&seed)))
}

/// The public key of the signing key in `file`.
///
/// # Errors
/// [`NodeError`] when the file is no signing key or open to others.
pub fn dpo_public_key<'a>(file: impl Into<OfficerKey<'a>>) -> Result<PublicKey, NodeError> {
    Ok(public(&file.into().read()?))
}

/// Signs the agreement in `directory` with the key in `key` and puts the signature beside it.
///
/// # Errors
/// [`NodeError`] when there is no agreement, or the key is not one that it pins.
pub fn sign_agreement<'a>(
    directory: &Path,
    key: impl Into<OfficerKey<'a>>,
) -> Result<Signature, NodeError> {
    let key = key.into().read()?;
    let files = AgreementFiles::read(directory)?;
    let document = files.document();
    let agreement = parse(document)?;
    agreement
        .check_served()
        .map_err(service::AgreementFault::from)?;
    let party = signer(&agreement, &public(&key).fingerprint());
    // The key of an earlier agreement signs its amendment too, which may not name it any more.
    let is_amendment = agreement.replaces.is_some();
    let name = match party {
        Some(party) => party.to_string(),
        None if is_amendment => format!("former-{}", public(&key).fingerprint()),
        None => return Err(DpoError::NotPinned(public(&key).fingerprint()).into()),
    };
    let signature = make(document, &key);
    let path = directory.join(format!("{name}.sig"));
    write(&path, signature.to_text().as_bytes())?;
    Ok(signature)
}

/// States something about the agreement in `directory`, signed with the key in `key`, and puts the
/// statement beside it.
///
/// # Errors
/// [`NodeError`] when there is no agreement, or the key is not one that it pins.
pub fn state<'a>(
    directory: &Path,
    key: impl Into<OfficerKey<'a>>,
    act: Act,
    reason: &str,
    today: Day,
) -> Result<Statement, NodeError> {
    let key = key.into().read()?;
    let files = AgreementFiles::read(directory)?;
    let agreement = files
        .verify(signing::verify)
        .map_err(service::AgreementFault::from)?;
    let fingerprint = public(&key).fingerprint();
    let party = signer(agreement.terms(), &fingerprint);
    let party = party.ok_or(DpoError::NotPinned(fingerprint))?;
    let said = agreement
        .statements()
        .find(|statement| statement.party == *party);
    let number = said.map_or(1, |statement| statement.number.saturating_add(1));
    let statement = Statement::new(
        agreement.digest(),
        party.clone(),
        number,
        act,
        reason,
        today,
    );
    let text = toml::to_string(&statement).map_err(DpoError::from)?;
    let stem = directory.join(statement.file_stem());
    let signature = make(text.as_bytes(), &key).to_text();
    // The signature first: a statement without one would make the directory unreadable.
    write(&stem.with_extension("sig"), signature.as_bytes())?;
    write(&stem.with_extension("toml"), text.as_bytes())?;
    Ok(statement)
}

/// Writes the text of a new agreement into the new directory `directory`.
///
/// # Errors
/// [`NodeError`] when there is such a directory already.
pub fn write_draft(directory: &Path, text: &str) -> Result<(), NodeError> {
    fs::create_dir(directory).map_err(io_error("make", directory))?;
    Ok(write(&directory.join(DOCUMENT), text.as_bytes())?)
}

/// Signs the card of this officer's node in the file `card`, which the agreement lets it agree on a
/// linkage key by, and puts the signature beside it.
///
/// # Errors
/// [`NodeError`] when the file is no card.
pub fn sign_card<'a>(card: &Path, key: impl Into<OfficerKey<'a>>) -> Result<Signature, NodeError> {
    let key = key.into().read()?;
    let document = read_text(card, MAX_CARD_BYTES)?;
    let malformed = |error: toml::de::Error| DpoError::NotACard(error.message().to_owned());
    let parsed: Card = toml::from_str(&document).map_err(malformed)?;
    if parsed.head.kind != Kind::NodeCard {
        return Err(DpoError::NotACard("it is another document".to_owned()).into());
    }
    let signature = make(document.as_bytes(), &key);
    write(&card.with_extension("sig"), signature.to_text().as_bytes())?;
    Ok(signature)
}

fn public(key: &SigningKey) -> PublicKey {
    PublicKey::new(key.public())
}

fn make(document: &[u8], key: &SigningKey) -> Signature {
    Signature::make(document, key.public(), |message| key.sign(message))
}

fn parse(document: &[u8]) -> Result<Agreement, NodeError> {
    let refused = |error| service::AgreementFault::from(Clause::Agreement.refuse(error));
    Ok(Agreement::parse(document).map_err(refused)?)
}

/// The custodian whose DPO has this key.
fn signer<'a>(agreement: &'a Agreement, key: &Digest) -> Option<&'a PartyName> {
    agreement.member_of_key(key).map(|member| &member.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fixture::{Dpos, SCHEMA};
    use model::LinkageSchema;
    use model::agreement::Standing;
    use secret::SeededEntropy;

    fn dpos() -> Dpos {
        Dpos::new(&LinkageSchema::parse(SCHEMA).unwrap(), "census")
    }

    #[test]
    fn an_agreement_counts_when_all_have_signed() {
        let dpos = dpos();
        let files = || AgreementFiles::read(&dpos.agreement()).unwrap();
        sign_agreement(&dpos.agreement(), &dpos.key("crvs")).unwrap();
        let refusal = files().verify(signing::verify).unwrap_err();
        assert!(refusal.detail.contains("the DPO of sr"), "{refusal}");
        sign_agreement(&dpos.agreement(), &dpos.key("sr")).unwrap();
        files().verify(signing::verify).unwrap();
    }

    #[test]
    fn a_key_that_is_not_pinned_signs_nothing() {
        let dpos = dpos();
        let other = dpos.dir.path().join("other.key");
        new_dpo_key(&other, &mut SeededEntropy::new(77)).unwrap();
        let error = sign_agreement(&dpos.agreement(), &other).unwrap_err();
        assert!(matches!(error, NodeError::Dpo(DpoError::NotPinned(_))));
        assert!(error.is_refusal());
    }

    #[test]
    fn statements_are_counted_up_and_heard() {
        let dpos = dpos();
        dpos.sign();
        let day = "2026-01-01".parse().unwrap();
        let say = |act| state(&dpos.agreement(), &dpos.key("sr"), act, "doubt", day).unwrap();
        assert_eq!((say(Act::Suspend).number, say(Act::Resume).number), (1, 2));
        let heard = || {
            let files = AgreementFiles::read(&dpos.agreement()).unwrap();
            files.verify(signing::verify).unwrap().standing()
        };
        assert_eq!(heard(), Standing::InForce);
        say(Act::Revoke);
        assert_eq!(heard(), Standing::Revoked);
    }
}
