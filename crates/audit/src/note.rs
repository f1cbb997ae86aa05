//! Signed notes (c2sp.org/signed-note): a text and the Ed25519 signatures under it, and the text form
//! of the keys that check them.
//!
//! ```text
//! the text, which ends with a newline
//! <empty line>
//! — NAME base64(key id:u32-BE signature)
//! ```
//!
//! Reading a note says nothing about its signatures; [`crate::verify`] checks them.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::ProjectName;
use sha2::{Digest as _, Sha256};

use crate::entry::Actor;

/// Bytes of an Ed25519 public key.
pub const PUBLIC_KEY_BYTES: usize = 32;

/// Bytes of an Ed25519 signature.
pub const SIGNATURE_BYTES: usize = 64;

/// The longest note that is read.
pub const MAX_NOTE_BYTES: usize = 64 * 1024;

/// The most signatures under a note that is read.
pub const MAX_SIGNATURES: usize = 64;

/// The longest name of a key, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

const SIGNATURE_START: &str = "\u{2014} ";

/// Why text is not a note or a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// A name that cannot stand in a note.
    #[error(
        "a key's name is 1 to {MAX_NAME_BYTES} bytes without spaces, `+` and control characters"
    )]
    Name,
    /// Not a verifier key.
    #[error("not a verifier key: it is written NAME+ID+KEY, as in the log's file `key`")]
    Key,
    /// The id is not the one that follows from name and key.
    #[error("the id of the verifier key of {0} does not fit: get the key again from its owner")]
    KeyId(KeyName),
    /// Over [`MAX_NOTE_BYTES`].
    #[error("the note has {0} bytes, the most is {MAX_NOTE_BYTES}")]
    TooLong(usize),
    /// Not a text, an empty line and signatures.
    #[error("not a signed note: it is a text, an empty line, and signature lines")]
    Shape,
    /// A line under the text that is no signature.
    #[error("line {0} under the note's text is not a signature")]
    Signature(usize),
    /// Over [`MAX_SIGNATURES`].
    #[error("the note has more than {MAX_SIGNATURES} signatures")]
    TooManySignatures,
}

/// The name of a key, by which people know whose it is: for a log, its origin.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyName(String);

impl KeyName {
    /// The origin of the log that `keeper` keeps in `project`: `symbolon/PROJECT/KEEPER`.
    pub fn of_log(project: &ProjectName, keeper: &Actor) -> Self {
        let keeper = keeper.to_string().replace(':', "/");
        Self(format!("symbolon/{project}/{keeper}"))
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let is_wrong =
            |letter: char| letter.is_whitespace() || letter.is_control() || letter == '+';
        let fits = (1..=MAX_NAME_BYTES).contains(&text.len());
        match fits && !text.contains(is_wrong) {
            true => Ok(Self(text.to_owned())),
            false => Err(NoteError::Name),
        }
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// What a key signs, and how. The numbers are those of the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// The text of notes: a log's own key.
    Log = 0x01,
    /// Checkpoints of others, with a time (c2sp.org/tlog-cosignature, `cosignature/v1`): a witness's.
    Witness = 0x04,
}

/// A public key with its name, in text `NAME+ID+KEY`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    /// Whose it is.
    pub name: KeyName,
    /// What it signs.
    pub kind: KeyKind,
    /// The Ed25519 public key.
    pub public: [u8; PUBLIC_KEY_BYTES],
}

impl VerifierKey {
    /// The short number by which signatures name the key. It tells keys apart by accident, not
    /// against an attacker.
    pub fn id(&self) -> u32 {
        let hasher = Sha256::new()
            .chain_update(self.name.as_str())
            .chain_update([b'\n', self.kind as u8])
            .chain_update(self.public);
        let [a, b, c, d, ..] = <[u8; 32]>::from(hasher.finalize());
        u32::from_be_bytes([a, b, c, d])
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = STANDARD.encode([&[self.kind as u8], &self.public[..]].concat());
        write!(out, "{}+{:08x}+{key}", self.name, self.id())
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<Self, NoteError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(NoteError::Key);
        };
        // Longer text is no key, and would only be decoded to be thrown away.
        if id.len() != 8 || key.len() > 2 * SIGNATURE_BYTES {
            return Err(NoteError::Key);
        }
        let id = u32::from_str_radix(id, 16).map_err(|_| NoteError::Key)?;
        let bytes = STANDARD.decode(key).map_err(|_| NoteError::Key)?;
        let (kind, public) = bytes.split_first().ok_or(NoteError::Key)?;
        let key = Self {
            name: name.parse()?,
            kind: kind_of(*kind).ok_or(NoteError::Key)?,
            public: public.try_into().map_err(|_| NoteError::Key)?,
        };
        match key.id() == id {
            true => Ok(key),
            false => Err(NoteError::KeyId(key.name)),
        }
    }
}

fn kind_of(byte: u8) -> Option<KeyKind> {
    [KeyKind::Log, KeyKind::Witness]
        .into_iter()
        .find(|kind| *kind as u8 == byte)
}

/// One signature under a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// The name of the key it should be checked with.
    pub name: KeyName,
    /// That key's id.
    pub id: u32,
    /// The signature, in the form of the key's kind.
    pub bytes: Vec<u8>,
}

/// A text with signatures under it, of which nothing is checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// A note without signatures yet.
    ///
    /// # Errors
    /// Text that has control characters, is too long or does not end with a newline.
    pub fn new(text: String) -> Result<Self, NoteError> {
        check_text(&text)?;
        match text.ends_with('\n') {
            true => Ok(Self {
                text,
                signatures: Vec::new(),
            }),
            false => Err(NoteError::Shape),
        }
    }

    /// What is signed, with its last newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, of known and unknown keys.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Keeps these signatures and drops the others.
    pub(crate) fn retain(&mut self, is_kept: impl FnMut(&NoteSignature) -> bool) {
        self.signatures.retain(is_kept);
    }

    /// Adds a signature, in the place of an earlier one with the same key.
    ///
    /// # Errors
    /// A note that has [`MAX_SIGNATURES`] already.
    pub fn add(&mut self, signature: NoteSignature) -> Result<(), NoteError> {
        let same = |other: &NoteSignature| other.name == signature.name && other.id == signature.id;
        self.signatures.retain(|other| !same(other));
        if self.signatures.len() == MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        self.signatures.push(signature);
        Ok(())
    }
}

fn check_text(text: &str) -> Result<(), NoteError> {
    if text.len() > MAX_NOTE_BYTES {
        return Err(NoteError::TooLong(text.len()));
    }
    match text.contains(|letter: char| letter < ' ' && letter != '\n') {
        true => Err(NoteError::Shape),
        false => Ok(()),
    }
}

impl FromStr for Note {
    type Err = NoteError;

    fn from_str(note: &str) -> Result<Self, NoteError> {
        check_text(note)?;
        // The text may have empty lines; the last one ends it.
        let (text, signatures) = note.rsplit_once("\n\n").ok_or(NoteError::Shape)?;
        let signatures = signatures.strip_suffix('\n').ok_or(NoteError::Shape)?;
        if signatures.split('\n').count() > MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        let lines = signatures.split('\n').zip(1..);
        let read = |(line, number)| signature(line).ok_or(NoteError::Signature(number));
        Ok(Self {
            text: format!("{text}\n"),
            signatures: lines.map(read).collect::<Result<_, _>>()?,
        })
    }
}

fn signature(line: &str) -> Option<NoteSignature> {
    let (name, encoded) = line.strip_prefix(SIGNATURE_START)?.split_once(' ')?;
    let bytes = STANDARD.decode(encoded).ok()?;
    let (id, bytes) = bytes.split_first_chunk()?;
    Some(NoteSignature {
        name: name.parse().ok()?,
        id: u32::from_be_bytes(*id),
        bytes: bytes.to_vec(),
    })
}

impl fmt::Display for Note {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| {
            let bytes = [&signature.id.to_be_bytes()[..], &signature.bytes].concat();
            let encoded = STANDARD.encode(bytes);
            writeln!(out, "{SIGNATURE_START}{} {encoded}", signature.name)
        })
    }
}

/// Signs exactly these bytes by Ed25519.
type Sign = dyn Fn(&[u8]) -> [u8; SIGNATURE_BYTES] + Send + Sync;

/// A private key as far as this crate knows it: what it is called, and that it signs. Whoever makes
/// one keeps the key itself.
pub struct NoteSigner {
    key: VerifierKey,
    sign: Box<Sign>,
}

impl NoteSigner {
    /// The signer whose public half is `key`.
    pub fn new(
        key: VerifierKey,
        sign: impl Fn(&[u8]) -> [u8; SIGNATURE_BYTES] + Send + Sync + 'static,
    ) -> Self {
        let sign = Box::new(sign);
        Self { key, sign }
    }

    /// The public half.
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }

    /// Signs `note`. A witness's signature holds the time, in seconds since 1970; a log's does not.
    ///
    /// # Errors
    /// A note that has all the signatures it may have.
    pub fn sign(&self, note: &mut Note, unix_seconds: u64) -> Result<(), NoteError> {
        let message = signed_message(self.key.kind, note.text(), unix_seconds);
        let signature = (self.sign)(message.as_bytes());
        note.add(NoteSignature {
            name: self.key.name.clone(),
            id: self.key.id(),
            bytes: match self.key.kind {
                KeyKind::Log => signature.to_vec(),
                KeyKind::Witness => [&unix_seconds.to_be_bytes()[..], &signature].concat(),
            },
        })
    }
}

/// The bytes a key of this kind signs for a note with this text.
pub(crate) fn signed_message(kind: KeyKind, text: &str, unix_seconds: u64) -> String {
    match kind {
        KeyKind::Log => text.to_owned(),
        KeyKind::Witness => format!("cosignature/v1\ntime {unix_seconds}\n{text}"),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::verify;
    use proptest::prelude::*;
    use ring::signature::{Ed25519KeyPair, KeyPair as _};

    pub(crate) fn signer(name: &str, kind: KeyKind, seed: u8) -> NoteSigner {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
        let key = VerifierKey {
            name: name.parse().unwrap(),
            kind,
            public: pair.public_key().as_ref().try_into().unwrap(),
        };
        NoteSigner::new(key, move |message| {
            pair.sign(message).as_ref().try_into().unwrap()
        })
    }

    /// The key and the note of the specification's Go implementation.
    const KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const NOTE: &str = concat!(
        "If you think cryptography is the answer to your problem,\n",
        "then you don't know what your problem is.\n",
        "\n",
        "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    );

    #[test]
    fn the_published_note_is_checked_with_the_published_key() {
        let (key, note): (VerifierKey, Note) = (KEY.parse().unwrap(), NOTE.parse().unwrap());
        assert_eq!(
            (key.to_string(), note.to_string()),
            (KEY.to_owned(), NOTE.to_owned())
        );
        verify::signed_by(&note, &key).unwrap();
        let changed: Note = NOTE.replace("answer", "Answer").parse().unwrap();
        assert!(verify::signed_by(&changed, &key).is_err());
    }

    #[test]
    fn the_logs_of_a_project_have_names_of_their_own() {
        let project = "four-registries".parse().unwrap();
        let of = |keeper: &str| KeyName::of_log(&project, &keeper.parse().unwrap());
        assert_eq!(of("matcher").as_str(), "symbolon/four-registries/matcher");
        assert_eq!(
            of("node:crvs").as_str(),
            "symbolon/four-registries/node/crvs"
        );
        assert_eq!(of("node:crvs").as_str().parse(), Ok(of("node:crvs")));
    }

    #[test]
    fn names_and_keys_in_other_forms_are_refused() {
        for name in ["", "a b", "a+b", "a\u{a0}b", "a\nb", &"x".repeat(256)] {
            assert_eq!(name.parse::<KeyName>(), Err(NoteError::Name), "{name:?}");
        }
        let wrong_id = KEY.replace("c74f", "c74e");
        assert!(matches!(
            wrong_id.parse::<VerifierKey>(),
            Err(NoteError::KeyId(_))
        ));
        let cut = &KEY[..KEY.len() - 4];
        for key in [
            "",
            "a+b",
            "PeterNeumann+c74f20a3+",
            cut,
            &KEY.replace("+AR", "+CR"),
        ] {
            assert!(key.parse::<VerifierKey>().is_err(), "{key}");
        }
    }

    #[test]
    fn notes_in_other_forms_are_refused() {
        let line = NOTE.lines().last().unwrap();
        let many = NOTE.to_owned() + &format!("{line}\n").repeat(MAX_SIGNATURES);
        for (note, why) in [
            (NOTE.replace("\n\n", "\n"), NoteError::Shape),
            (NOTE.trim_end().to_owned(), NoteError::Shape),
            (NOTE.replace("know", "kn\tw"), NoteError::Shape),
            (NOTE.replace('\u{2014}', "-"), NoteError::Signature(1)),
            (NOTE.replace("x08go", "x08g*"), NoteError::Signature(1)),
            (format!("{NOTE}\n"), NoteError::Shape),
            (many, NoteError::TooManySignatures),
            (
                "x".repeat(MAX_NOTE_BYTES + 1),
                NoteError::TooLong(MAX_NOTE_BYTES + 1),
            ),
        ] {
            assert_eq!(note.parse::<Note>(), Err(why), "{note}");
        }
    }

    #[test]
    fn a_key_signs_a_note_once_and_many_keys_may() {
        let mut note = Note::new("text\n".to_owned()).unwrap();
        let (log, witness) = (
            signer("log", KeyKind::Log, 1),
            signer("dpo", KeyKind::Witness, 2),
        );
        for second in [5, 6] {
            log.sign(&mut note, second).unwrap();
            witness.sign(&mut note, second).unwrap();
        }
        assert_eq!(note.signatures().len(), 2);
        let note: Note = note.to_string().parse().unwrap();
        assert_eq!(verify::signed_by(&note, log.key()), Ok(None));
        assert_eq!(verify::signed_by(&note, witness.key()), Ok(Some(6)));
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_read_or_refused_and_reads_back(text in "[\u{2014} a+\n=/A\u{0}-\u{ff}]{0,200}") {
            if let Ok(note) = text.parse::<Note>() {
                prop_assert_eq!(note.to_string().parse::<Note>(), Ok(note));
            }
            drop(text.parse::<VerifierKey>());
        }

        #[test]
        fn notes_round_trip(lines in prop::collection::vec("[a-z ]{0,9}", 1..5), seeds in prop::collection::btree_set(0u8.., 1..5)) {
            let mut note = Note::new(lines.join("\n") + "\n").unwrap();
            for seed in seeds {
                signer(&format!("k{seed}"), KeyKind::Log, seed).sign(&mut note, 0).unwrap();
            }
            prop_assert_eq!(note.to_string().parse::<Note>(), Ok(note));
        }
    }
}
