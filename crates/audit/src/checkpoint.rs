//! Checkpoints (c2sp.org/tlog-checkpoint): a log's size and root, signed by the log and, once seen to
//! extend what was seen before, by witnesses.
//!
//! ```text
//! symbolon/PROJECT/matcher     origin: which log
//! 5                            entries
//! base64(root)
//!
//! — symbolon/PROJECT/matcher …
//! — WITNESS …
//! ```

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Digest;
use serde::{Deserialize, Serialize};

use crate::note::{KeyName, Note, NoteError, NoteSigner, VerifierKey};
use crate::tree::TreeHead;
use crate::verify::{self, SignatureError};

/// Why text is not a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// Not a signed note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The note's text is something else.
    #[error("the note is not a checkpoint: its lines are origin, size and root")]
    Malformed,
    /// It is of another log.
    #[error("the checkpoint is of the log {found}, not of {expected}")]
    OtherLog {
        /// The log it is of.
        found: KeyName,
        /// The log it should be of.
        expected: KeyName,
    },
    /// The log did not sign it.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

/// A log's head as the log, and perhaps witnesses, signed it. Signatures are not checked by reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Checkpoint {
    origin: KeyName,
    head: TreeHead,
    note: Note,
}

impl Checkpoint {
    /// The checkpoint of `signer`'s log at `head`.
    ///
    /// # Errors
    /// None that can happen: a name, a size and a root make a note, which takes a first signature.
    pub fn sign(head: TreeHead, signer: &NoteSigner) -> Result<Self, NoteError> {
        let origin = signer.key().name.clone();
        let root = STANDARD.encode(head.root.as_bytes());
        let mut note = Note::new(format!("{origin}\n{}\n{root}\n", head.size))?;
        signer.sign(&mut note, 0)?;
        Ok(Self { origin, head, note })
    }

    /// Which log it is of.
    pub fn origin(&self) -> &KeyName {
        &self.origin
    }

    /// Size and root.
    pub fn head(&self) -> TreeHead {
        self.head
    }

    /// The note: its text and all signatures.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// The head, once it is sure that the log with this `key` signed it.
    ///
    /// # Errors
    /// Another log, a missing signature or a wrong one.
    pub fn signed_by(&self, key: &VerifierKey) -> Result<TreeHead, CheckpointError> {
        if self.origin != key.name {
            return Err(CheckpointError::OtherLog {
                found: self.origin.clone(),
                expected: key.name.clone(),
            });
        }
        verify::signed_by(&self.note, key)?;
        Ok(self.head)
    }

    /// When the witness with this `key` cosigned, in seconds since 1970.
    ///
    /// # Errors
    /// A missing cosignature or a wrong one.
    pub fn cosigned_at(&self, witness: &VerifierKey) -> Result<u64, SignatureError> {
        let at = verify::signed_by(&self.note, witness)?;
        at.ok_or_else(|| SignatureError::Missing(witness.name.clone()))
    }

    /// Adds a witness's cosignature. The witness says with it that of this log it has seen nothing
    /// larger and nothing that does not fit; to hold to that is the caller's.
    ///
    /// # Errors
    /// A note that has all the signatures it may have.
    pub fn cosign(&mut self, witness: &NoteSigner, unix_seconds: u64) -> Result<(), NoteError> {
        witness.sign(&mut self.note, unix_seconds)
    }

    /// The checkpoint with the log's own signatures alone. Whoever keeps what others hand over keeps it
    /// this small.
    pub fn without_cosignatures(&self) -> Self {
        let mut kept = self.clone();
        kept.note.retain(|signature| signature.name == self.origin);
        kept
    }

    /// Adds the signatures that `other`, a checkpoint with the same text, has and this has not.
    ///
    /// # Errors
    /// A note that would have too many signatures.
    pub fn merge(&mut self, other: &Self) -> Result<(), NoteError> {
        if other.note.text() != self.note.text() {
            return Ok(());
        }
        let missing = |signature: &&_| !self.note.signatures().contains(signature);
        let signatures: Vec<_> = other
            .note
            .signatures()
            .iter()
            .filter(missing)
            .cloned()
            .collect();
        signatures
            .into_iter()
            .try_for_each(|signature| self.note.add(signature))
    }
}

impl FromStr for Checkpoint {
    type Err = CheckpointError;

    fn from_str(text: &str) -> Result<Self, CheckpointError> {
        let note: Note = text.parse()?;
        let (origin, head) = body(note.text()).ok_or(CheckpointError::Malformed)?;
        Ok(Self { origin, head, note })
    }
}

/// Origin and head; further lines, which the specification allows, are nothing to us.
fn body(text: &str) -> Option<(KeyName, TreeHead)> {
    let mut lines = text.strip_suffix('\n')?.split('\n');
    let origin = lines.next()?.parse().ok()?;
    let size_text = lines.next()?;
    let size: u64 = size_text.parse().ok()?;
    let root = STANDARD.decode(lines.next()?).ok()?;
    let root = Digest::new(root.try_into().ok()?);
    // No second way to write a number, and no empty lines.
    let canonical = size.to_string() == size_text && lines.all(|line| !line.is_empty());
    canonical.then_some((origin, TreeHead { size, root }))
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.note.fmt(out)
    }
}

impl TryFrom<String> for Checkpoint {
    type Error = CheckpointError;

    fn try_from(text: String) -> Result<Self, CheckpointError> {
        text.parse()
    }
}

impl From<Checkpoint> for String {
    fn from(checkpoint: Checkpoint) -> String {
        checkpoint.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::KeyKind;
    use crate::note::tests::signer;
    use proptest::prelude::*;

    /// The example of the specifications of checkpoints and cosignatures.
    const EXAMPLE: &str = "example.com/behind-the-sofa\n20852163\n\
        CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
        \u{2014} example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
        \u{2014} witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n";

    fn head(size: u64) -> TreeHead {
        let root = Digest::of(&size.to_le_bytes());
        TreeHead { size, root }
    }

    #[test]
    fn the_published_example_reads_and_writes_back() {
        let checkpoint: Checkpoint = EXAMPLE.parse().unwrap();
        assert_eq!(checkpoint.origin().as_str(), "example.com/behind-the-sofa");
        assert_eq!(checkpoint.head().size, 20_852_163);
        assert_eq!(checkpoint.to_string(), EXAMPLE);
    }

    #[test]
    fn a_checkpoint_is_of_its_own_log_and_key_alone() {
        let log = signer("symbolon/p/matcher", KeyKind::Log, 1);
        let checkpoint = Checkpoint::sign(head(5), &log).unwrap();
        let read: Checkpoint = checkpoint.to_string().parse().unwrap();
        assert_eq!(read.signed_by(log.key()), Ok(head(5)));
        let other_log = signer("symbolon/p/resolver", KeyKind::Log, 1);
        assert!(matches!(
            read.signed_by(other_log.key()),
            Err(CheckpointError::OtherLog { .. })
        ));
        let other_key = signer("symbolon/p/matcher", KeyKind::Log, 2);
        let missing = SignatureError::Missing(other_key.key().name.clone());
        assert_eq!(read.signed_by(other_key.key()), Err(missing.into()));
        let forged: Checkpoint = read.to_string().replace("\n5\n", "\n6\n").parse().unwrap();
        let wrong = SignatureError::Wrong(log.key().name.clone());
        assert_eq!(forged.signed_by(log.key()), Err(wrong.into()));
    }

    #[test]
    fn cosignatures_hold_their_time_and_come_together() {
        let log = signer("log", KeyKind::Log, 1);
        let (one, other) = (
            signer("a", KeyKind::Witness, 2),
            signer("b", KeyKind::Witness, 3),
        );
        let mut first = Checkpoint::sign(head(5), &log).unwrap();
        let mut second = first.clone();
        first.cosign(&one, 1000).unwrap();
        second.cosign(&other, 2000).unwrap();
        first.merge(&second).unwrap();
        assert_eq!(first.cosigned_at(one.key()), Ok(1000));
        assert_eq!(first.cosigned_at(other.key()), Ok(2000));
        assert!(second.cosigned_at(one.key()).is_err());
        assert_eq!(first.signed_by(log.key()), Ok(head(5)));
        let later = Checkpoint::sign(head(6), &log).unwrap();
        first.merge(&later).unwrap();
        assert_eq!(first.note().signatures().len(), 3);
    }

    #[test]
    fn other_texts_are_no_checkpoints() {
        for (from, to) in [
            ("20852163", "020852163"),
            ("20852163", "+20852163"),
            ("20852163", "-1"),
            ("20852163", "99999999999999999999"),
            ("CsUY", "Cs*Y"),
            ("CsUY", ""),
            ("example.com/behind", "example.com behind"),
            ("q2I=\n", "q2I=\n\nmore\n"),
        ] {
            let text = EXAMPLE.replacen(from, to, 1);
            assert_eq!(
                text.parse::<Checkpoint>(),
                Err(CheckpointError::Malformed),
                "{text}"
            );
        }
        let extended = EXAMPLE.replace("q2I=\n", "q2I=\nextension\n");
        assert_eq!(
            extended.parse::<Checkpoint>().unwrap().to_string(),
            extended
        );
    }

    proptest! {
        #[test]
        fn any_change_of_the_text_is_refused(at in 0usize..60, byte in 32u8..127) {
            let log = signer("symbolon/p/matcher", KeyKind::Log, 1);
            let text = Checkpoint::sign(head(12345), &log).unwrap().to_string();
            let mut bytes = text.clone().into_bytes();
            prop_assume!(bytes[at] != byte);
            bytes[at] = byte;
            if let Ok(checkpoint) = String::from_utf8(bytes).unwrap().parse::<Checkpoint>() {
                prop_assert!(checkpoint.signed_by(log.key()).is_err());
            }
        }
    }
}
