//! Keys sealed under a passphrase, for key files that leave a machine or lie where backups are made.
//!
//! Argon2id (RFC 9106) makes a key of the passphrase, at a cost of memory and time that stands beside
//! what is sealed; ChaCha20-Poly1305 (RFC 8439) seals under it. A key is made for one sealing alone, by
//! its salt, so the nonce is zero.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::BufRead;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use argon2::{Algorithm, Argon2, Params, Version};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::key_file::{KeyFileError, read_private};

/// The fewest characters of a passphrase.
pub const MIN_CHARACTERS: usize = 12;

/// The most bytes of a passphrase.
pub const MAX_BYTES: usize = 1024;

/// Bytes of a salt.
pub(crate) const SALT_BYTES: usize = 16;

/// Bytes that sealing adds.
pub(crate) const TAG_BYTES: usize = 16;

/// Why text is no passphrase.
#[derive(Debug, thiserror::Error)]
pub enum PassphraseError {
    /// Too short to withstand guessing, or longer than any.
    #[error(
        "a passphrase has at least {MIN_CHARACTERS} characters and at most {MAX_BYTES} bytes; take several words"
    )]
    Length,
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] KeyFileError),
    /// Nothing could be read.
    #[error("no passphrase can be read: {0}")]
    Unreadable(#[from] std::io::Error),
}

/// What somebody knows or keeps elsewhere, and key files are sealed under. The keys that were made of it
/// are kept as long as it is, so that a file costs its patience once and not at every reading.
pub struct Passphrase {
    text: Zeroizing<String>,
    made: Mutex<Made>,
}

/// The keys made of a passphrase, by cost and salt.
type Made = HashMap<(Cost, [u8; SALT_BYTES]), Zeroizing<[u8; 32]>>;

impl Passphrase {
    /// The passphrase in the first line of `text`.
    ///
    /// # Errors
    /// [`PassphraseError::Length`].
    pub fn new(text: Zeroizing<String>) -> Result<Self, PassphraseError> {
        let line = text.lines().next().unwrap_or_default();
        let fits = line.chars().count() >= MIN_CHARACTERS && line.len() <= MAX_BYTES;
        match fits {
            true => Ok(Self {
                text: Zeroizing::new(line.to_owned()),
                made: Mutex::default(),
            }),
            false => Err(PassphraseError::Length),
        }
    }

    /// Reads the passphrase in the file at `path`, which must be plain and its owner's alone.
    ///
    /// # Errors
    /// [`PassphraseError`] when there is none, or it is open to others.
    pub fn read(path: &Path) -> Result<Self, PassphraseError> {
        let bytes = read_private(path, MAX_BYTES + 1)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| PassphraseError::Length)?;
        Self::new(Zeroizing::new(text.to_owned()))
    }

    /// Reads the passphrase from a line that somebody types or another program writes.
    ///
    /// # Errors
    /// [`PassphraseError`] when there is none.
    pub fn ask(from: &mut dyn BufRead) -> Result<Self, PassphraseError> {
        // Sized for the whole, so that growing leaves no copy behind.
        let mut line = Zeroizing::new(String::with_capacity(2 * MAX_BYTES));
        std::io::Read::take(from, MAX_BYTES as u64 + 2).read_line(&mut line)?;
        Self::new(line)
    }
}

/// What making a key of a passphrase costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Cost {
    /// Memory, in KiB.
    pub(crate) memory: u32,
    /// Passes over it.
    pub(crate) passes: u32,
}

impl Cost {
    /// What new files take: a tenth of a second or so on a small machine, and 64 MiB.
    pub(crate) const USUAL: Self = Self {
        memory: 64 * 1024,
        passes: 3,
    };

    /// Whether a file may ask for it: a hostile one is not to take all memory.
    pub(crate) fn is_bearable(self) -> bool {
        (8..=1024 * 1024).contains(&self.memory) && (1..=64).contains(&self.passes)
    }
}

/// Seals `content`, bound to `context`; none where the cost is not one that Argon2 takes.
pub(crate) fn seal(
    passphrase: &Passphrase,
    cost: Cost,
    salt: &[u8; SALT_BYTES],
    context: &[u8],
    content: &[u8],
) -> Option<Vec<u8>> {
    // Sized for the whole, so that growing leaves no copy behind.
    let mut sealed = Vec::with_capacity(content.len() + TAG_BYTES);
    sealed.extend_from_slice(content);
    let sealing = sealing_key(passphrase, cost, salt)?;
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    sealing
        .seal_in_place_append_tag(nonce, Aad::from(context), &mut sealed)
        .ok()?;
    Some(sealed)
}

/// Opens what [`seal`] sealed; none with another passphrase or context.
pub(crate) fn open(
    passphrase: &Passphrase,
    cost: Cost,
    salt: &[u8; SALT_BYTES],
    context: &[u8],
    sealed: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(sealed.to_vec());
    let sealing = sealing_key(passphrase, cost, salt)?;
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    let opened = sealing.open_in_place(nonce, Aad::from(context), &mut bytes[..]);
    let length = opened.ok()?.len();
    bytes.truncate(length);
    Some(bytes)
}

fn sealing_key(
    passphrase: &Passphrase,
    cost: Cost,
    salt: &[u8; SALT_BYTES],
) -> Option<LessSafeKey> {
    let mut made = passphrase
        .made
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let key = match made.entry((cost, *salt)) {
        Entry::Occupied(made) => made.into_mut(),
        Entry::Vacant(place) => place.insert(derived(passphrase, cost, salt)?),
    };
    let key = UnboundKey::new(&CHACHA20_POLY1305, &key[..]).ok()?;
    Some(LessSafeKey::new(key))
}

fn derived(
    passphrase: &Passphrase,
    cost: Cost,
    salt: &[u8; SALT_BYTES],
) -> Option<Zeroizing<[u8; 32]>> {
    let params = Params::new(cost.memory, cost.passes, 1, Some(32)).ok()?;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut key = Zeroizing::new([0; 32]);
    let hashed = argon.hash_password_into(passphrase.text.as_bytes(), salt, &mut key[..]);
    hashed.ok().map(|()| key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use static_assertions::assert_not_impl_any;
    use std::fmt::{Debug, Display};

    assert_not_impl_any!(Passphrase: Debug, Display, Clone, PartialEq);

    const CHEAP: Cost = Cost {
        memory: 32,
        passes: 3,
    };

    fn passphrase(text: &str) -> Result<Passphrase, PassphraseError> {
        Passphrase::new(Zeroizing::new(text.to_owned()))
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_passphrase_and_context_alone() {
        let right = passphrase("four words of mine").ok().unwrap();
        let wrong = passphrase("four words of yours").ok().unwrap();
        let key = [9; 32];
        let salt = [1; SALT_BYTES];
        let sealed = seal(&right, CHEAP, &salt, b"signing", &key).unwrap();
        let mut sealed = sealed;
        assert!(!sealed.windows(4).any(|window| window == [9; 4]));
        let opened = |passphrase, cost, salt, context: &[u8], sealed: &[u8]| {
            open(passphrase, cost, salt, context, sealed).map(|content| content.to_vec())
        };
        assert_eq!(
            opened(&right, CHEAP, &salt, b"signing", &sealed),
            Some(vec![9; 32])
        );
        let dearer = Cost { passes: 4, ..CHEAP };
        assert_eq!(opened(&wrong, CHEAP, &salt, b"signing", &sealed), None);
        assert_eq!(opened(&right, dearer, &salt, b"signing", &sealed), None);
        assert_eq!(
            opened(&right, CHEAP, &[2; SALT_BYTES], b"signing", &sealed),
            None
        );
        assert_eq!(opened(&right, CHEAP, &salt, b"linkage", &sealed), None);
        sealed[3] ^= 1;
        assert_eq!(opened(&right, CHEAP, &salt, b"signing", &sealed), None);
    }

    #[test]
    fn a_passphrase_is_one_line_of_some_length() {
        for bad in [
            "",
            "short",
            "eleven char",
            "\nfour words of mine",
            &"x".repeat(MAX_BYTES + 1),
        ] {
            assert!(passphrase(bad).is_err(), "{bad}");
        }
        assert_eq!(
            *passphrase("four words of mine\nnote\n").ok().unwrap().text,
            "four words of mine"
        );
        let typed = Passphrase::ask(&mut &b"four words of mine\n"[..])
            .ok()
            .unwrap();
        assert_eq!(*typed.text, "four words of mine");
        assert!(Passphrase::ask(&mut &b""[..]).is_err());
    }
}
