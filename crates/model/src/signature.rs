//! Detached signatures: a small file beside a document, by which anyone can check who signed
//! exactly these bytes. Checking itself is passed in; `secret` has it.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::hex::hex_forms;

/// The most bytes a signature file may have.
pub const MAX_SIGNATURE_BYTES: usize = 4096;

/// A public key of Ed25519.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; 32]);

hex_forms!(PublicKey, 32, "public key");

impl PublicKey {
    /// Wraps the key's bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key's bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What agreements pin and people compare: the SHA-256 digest of the key's bytes.
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&self.0)
    }
}

/// A signature of Ed25519.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SignatureBytes([u8; 64]);

hex_forms!(SignatureBytes, 64, "signature");

impl SignatureBytes {
    /// Wraps the signature's bytes.
    pub const fn new(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The signature's bytes.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }
}

/// Checks a signature of Ed25519: public key, message, signature.
pub type Verify = fn(&[u8; 32], &[u8], &[u8; 64]) -> bool;

/// A detached signature, as its file has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// SHA-256 of the document, so that a person sees what was signed.
    pub document: Digest,
    /// Fingerprint of the key that signed.
    pub fingerprint: Digest,
    /// The key that signed.
    pub key: PublicKey,
    /// The signature over exactly the document's bytes.
    pub signature: SignatureBytes,
}

/// Why a signature file is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Longer than any signature file.
    #[error("a signature file has at most {MAX_SIGNATURE_BYTES} bytes, this has {0}")]
    TooLong(usize),
    /// Not TOML of the right shape.
    #[error("not a signature file: {0}")]
    Malformed(String),
}

impl Signature {
    /// The signature of the owner of `key` over `document`, made by `sign`.
    pub fn make(document: &[u8], key: [u8; 32], sign: impl FnOnce(&[u8]) -> [u8; 64]) -> Self {
        let key = PublicKey::new(key);
        Self {
            document: Digest::of(document),
            fingerprint: key.fingerprint(),
            key,
            signature: SignatureBytes::new(sign(document)),
        }
    }

    /// Reads a signature file.
    ///
    /// # Errors
    /// [`SignatureError`] when it is none.
    pub fn parse(bytes: &[u8]) -> Result<Self, SignatureError> {
        if bytes.len() > MAX_SIGNATURE_BYTES {
            return Err(SignatureError::TooLong(bytes.len()));
        }
        toml::from_slice(bytes).map_err(|error| SignatureError::Malformed(error.message().into()))
    }

    /// The signature file's text.
    pub fn to_text(&self) -> String {
        let Self {
            document,
            fingerprint,
            key,
            signature,
        } = self;
        format!(
            "document = \"{document}\"\nfingerprint = \"{fingerprint}\"\nkey = \"{key}\"\n\
             signature = \"{signature}\"\n"
        )
    }

    /// Whether this is the signature over `document` of the key with this fingerprint.
    pub fn is_of(&self, fingerprint: &Digest, document: &[u8], verify: Verify) -> bool {
        self.key.fingerprint() == *fingerprint
            && self.fingerprint == *fingerprint
            && self.document == Digest::of(document)
            && verify(self.key.as_bytes(), document, self.signature.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Stands in for a real algorithm, which `model` does not have: a signature names key and
    /// length of the message.
    fn verify(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
        signature[..32] == *key && signature[32] == message.len() as u8
    }

    fn signed(document: &[u8]) -> Signature {
        Signature::make(document, [7; 32], |message| {
            let mut bytes = [0; 64];
            bytes[..32].copy_from_slice(&[7; 32]);
            bytes[32] = message.len() as u8;
            bytes
        })
    }

    #[test]
    fn the_file_reads_back() {
        let signature = signed(b"agreed");
        assert_eq!(
            Signature::parse(signature.to_text().as_bytes()).unwrap(),
            signature
        );
    }

    #[test]
    fn it_counts_for_its_key_and_document_alone() {
        let signature = signed(b"agreed");
        let pinned = PublicKey::new([7; 32]).fingerprint();
        assert!(signature.is_of(&pinned, b"agreed", verify));
        assert!(!signature.is_of(&pinned, b"Agreed", verify));
        assert!(!signature.is_of(&Digest::of(b"another"), b"agreed", verify));
        let relabelled = Signature {
            key: PublicKey::new([8; 32]),
            ..signature.clone()
        };
        assert!(!relabelled.is_of(&pinned, b"agreed", verify));
        let forged = Signature {
            signature: SignatureBytes::new([0; 64]),
            ..signature
        };
        assert!(!forged.is_of(&pinned, b"agreed", verify));
    }

    #[test]
    fn other_files_are_none() {
        let text = signed(b"agreed").to_text();
        for other in [
            text.replace("document", "title"),
            format!("{text}more = 1\n"),
            text.replace("key = \"0", "key = \""),
            String::new(),
        ] {
            assert!(matches!(
                Signature::parse(other.as_bytes()),
                Err(SignatureError::Malformed(_))
            ));
        }
        let long = vec![b'#'; MAX_SIGNATURE_BYTES + 1];
        assert!(matches!(
            Signature::parse(&long),
            Err(SignatureError::TooLong(_))
        ));
    }
}
