//! What nodes put up while they agree on a key: a card with public keys, a commitment, sealed shares,
//! a confirmation. The card is signed by the party's data protection officer, all else by the card's
//! key.

use model::signature::PublicKey;
use model::{Digest, Epoch, PartyName, ProjectName};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::CeremonyError;

/// The version of the documents.
const FORMAT: u32 = 1;

/// What a document is; its first line, so that no signature over one serves for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Public keys.
    NodeCard,
    /// A commitment.
    KeyCommitment,
    /// Sealed shares.
    KeyShares,
    /// A confirmation.
    KeyConfirmation,
}

/// What every document of a ceremony says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// What the document is.
    pub kind: Kind,
    /// The version of the documents.
    pub format: u32,
    /// The project.
    pub project: ProjectName,
    /// The epoch the key is for.
    pub epoch: Epoch,
    /// Whose node made it.
    pub party: PartyName,
}

impl Head {
    pub(super) fn new(kind: Kind, project: ProjectName, epoch: Epoch, party: PartyName) -> Self {
        Self {
            kind,
            format: FORMAT,
            project,
            epoch,
            party,
        }
    }
}

/// A node's public keys for one epoch's ceremony.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// What it is.
    pub head: Head,
    /// The key that signs the node's other documents.
    pub signing: PublicKey,
    /// The X25519 key shares are sealed to.
    pub sealing: PublicKey,
}

/// What a node commits itself to contribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commitment {
    /// What it is.
    pub head: Head,
    /// Digest of the agreement.
    pub agreement: Digest,
    /// HMAC of the ceremony under the contribution.
    pub commitment: Digest,
}

/// A node's contribution, sealed to each other node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shares {
    /// What it is.
    pub head: Head,
    /// Digest of all cards and commitments, as this node saw them.
    pub transcript: Digest,
    /// One for each other node.
    pub share: Vec<Share>,
}

/// A contribution sealed to one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// For whom.
    pub to: PartyName,
    /// The HPKE box.
    #[serde(with = "hex")]
    pub sealed: Vec<u8>,
}

/// Shows that a node has the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// What it is.
    pub head: Head,
    /// Digest of all cards and commitments.
    pub transcript: Digest,
    /// HMAC of transcript and party under the key.
    pub confirmation: Digest,
}

/// A document of the ceremony.
pub(super) trait Document: Serialize + DeserializeOwned {
    /// What it is.
    const KIND: Kind;

    /// What it says of itself.
    fn head(&self) -> &Head;

    /// Its text.
    fn to_bytes(&self) -> Result<Vec<u8>, CeremonyError> {
        Ok(toml::to_string(self)?.into_bytes())
    }

    /// Reads it; it has to be `party`'s for this project and epoch.
    fn read(bytes: &[u8], expected: &Head) -> Result<Self, CeremonyError> {
        let malformed = |what: &str| CeremonyError::Malformed {
            party: expected.party.clone(),
            what: what.to_owned(),
        };
        let document: Self = toml::from_slice(bytes).map_err(|error| malformed(error.message()))?;
        match document.head() == expected {
            true => Ok(document),
            false => Err(malformed(
                "it is about another project, epoch, party or step",
            )),
        }
    }
}

impl Document for Card {
    const KIND: Kind = Kind::NodeCard;

    fn head(&self) -> &Head {
        &self.head
    }
}

impl Document for Commitment {
    const KIND: Kind = Kind::KeyCommitment;

    fn head(&self) -> &Head {
        &self.head
    }
}

impl Document for Shares {
    const KIND: Kind = Kind::KeyShares;

    fn head(&self) -> &Head {
        &self.head
    }
}

impl Document for Confirmation {
    const KIND: Kind = Kind::KeyConfirmation;

    fn head(&self) -> &Head {
        &self.head
    }
}

/// Bytes as hexadecimal text.
mod hex {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], out: S) -> Result<S::Ok, S::Error> {
        let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
        out.serialize_str(&digits.collect::<String>())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        let byte = |pair: &[u8]| {
            let digits = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(digits, 16).ok()
        };
        let pairs = text.as_bytes().chunks(2);
        let bytes: Option<Vec<u8>> = pairs
            .map(|pair| byte(pair).filter(|_| pair.len() == 2))
            .collect();
        bytes.ok_or_else(|| D::Error::custom("not hexadecimal"))
    }
}
