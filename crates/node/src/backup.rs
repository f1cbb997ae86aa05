//! A backup of the linkage key of an epoch, split among people: each share is sealed to its holder's key,
//! and some of them together give the key back. No one alone, nor whoever finds the files, has it.

use std::path::{Path, PathBuf};

use audit::Event;
use model::{Epoch, PartyName, ProjectName};
use secret::key_file::Purpose;
use secret::{Entropy, Key32, RecipientKey, RecipientSecret, Unlock, hpke_box, splitting};
use serde::{Deserialize, Serialize};
use service::files::create_dir_private;
use zeroize::Zeroizing;

use crate::error::NodeError;
use crate::files::{io_error, read_text, write};
use crate::linkage_key::Fingerprint;
use crate::open::Node;

/// The most bytes of a share's file.
const MAX_BYTES: u64 = 4096;
/// The version of the document.
const FORMAT: u32 = 1;

/// Why a key was not backed up or not restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The numbers, or a share.
    #[error(transparent)]
    Split(#[from] splitting::SplitError),
    /// A share cannot be sealed or opened.
    #[error("the share of {holder}: {source}")]
    Sealed {
        /// Whose.
        holder: String,
        /// Why.
        source: hpke_box::BoxError,
    },
    /// Two holders of one name.
    #[error("`{0}` is no holder's name, or stands twice: letters, digits and `-`, each name once")]
    Holder(String),
    /// A file that is no share.
    #[error("{} is not a share of a linkage key", .0.display())]
    Malformed(PathBuf),
    /// A share of something else.
    #[error("{} is of another project, party, epoch or key than the first", .0.display())]
    Another(PathBuf),
    /// The shares do not give the key they are of.
    #[error(
        "these shares do not give the key whose fingerprint they have; is one of another backup?"
    )]
    OtherKey,
    /// There is a key.
    #[error("a linkage key of epoch {0} is installed; a key is restored where there is none")]
    Installed(Epoch),
    /// The document cannot be written.
    #[error("the share cannot be written: {0}")]
    Document(#[from] toml::ser::Error),
}

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    /// A share of a linkage key.
    LinkageKeyShare,
}

/// One holder's share.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ShareFile {
    kind: Kind,
    format: u32,
    project: ProjectName,
    party: PartyName,
    epoch: Epoch,
    /// The key's, as `symbolon-node key check` prints it.
    fingerprint: String,
    /// How many shares give the key.
    needed: u8,
    holder: String,
    /// The share, sealed to the holder.
    sealed: String,
}

impl ShareFile {
    /// What a share is bound to: all that its file says of it.
    fn info(&self) -> Vec<u8> {
        let Self {
            project,
            party,
            epoch,
            fingerprint,
            needed,
            holder,
            ..
        } = self;
        // None of them has line breaks, so no two read alike.
        format!(
            "symbolon linkage key share v1\n{project}\n{party}\n{epoch}\n{fingerprint}\n{needed}\n{holder}"
        )
        .into_bytes()
    }

    fn read(path: &Path) -> Result<Self, NodeError> {
        let text = read_text(path, MAX_BYTES)?;
        let malformed = || BackupError::Malformed(path.to_owned());
        let share: Self = toml::from_str(&text).map_err(|_| malformed())?;
        match share.format == FORMAT && is_name(&share.holder) {
            true => Ok(share),
            false => Err(malformed().into()),
        }
    }

    /// Whether both are of one backup.
    fn is_beside(&self, other: &Self) -> bool {
        (
            &self.project,
            &self.party,
            self.epoch,
            &self.fingerprint,
            self.needed,
        ) == (
            &other.project,
            &other.party,
            other.epoch,
            &other.fingerprint,
            other.needed,
        )
    }

    fn open(&self, key: &Key32) -> Result<Zeroizing<Vec<u8>>, BackupError> {
        let refused = |source| BackupError::Sealed {
            holder: self.holder.clone(),
            source,
        };
        let sealed = from_hex(&self.sealed).ok_or(hpke_box::BoxError::Refused);
        let secret = RecipientSecret::from_key(key);
        let opened = hpke_box::open(&secret, &self.info(), b"", &sealed.map_err(refused)?);
        opened.map_err(refused)
    }
}

fn is_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=40).contains(&name.len()) && name.bytes().all(is_plain)
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks_exact(2).map(byte).collect()
}

/// Makes the key of somebody who is to hold a share, in the new file `path`, and returns its public half.
///
/// # Errors
/// [`NodeError`] when the file is there, or cannot be written.
pub fn new_holder_key(
    path: &Path,
    unlock: &Unlock,
    entropy: &mut dyn Entropy,
) -> Result<RecipientKey, NodeError> {
    let key = Key32::generate(entropy);
    unlock.write(path, Purpose::Holder, &key)?;
    Ok(RecipientSecret::from_key(&key).public())
}

impl Node {
    /// Splits the linkage key of `epoch` among `holders`, any `needed` of whom can restore it, and writes
    /// a file for each into the directory `out`. The log has the event first.
    ///
    /// # Errors
    /// [`NodeError`] when there is no key, or the numbers split nothing.
    pub fn back_up_key(
        &self,
        epoch: Epoch,
        needed: u8,
        holders: &[(String, RecipientKey)],
        out: &Path,
        entropy: &mut dyn Entropy,
    ) -> Result<(), NodeError> {
        let _lock = self.home.lock()?;
        for (place, (holder, _)) in holders.iter().enumerate() {
            let is_twice = holders[..place].iter().any(|(other, _)| other == holder);
            if is_twice || !is_name(holder) {
                return Err(BackupError::Holder(holder.clone()).into());
            }
        }
        let key = self.read_linkage_key(epoch)?;
        let count = u8::try_from(holders.len()).unwrap_or(u8::MAX);
        let shares = splitting::split(&key, needed, count, entropy).map_err(BackupError::from)?;
        let event = Event::KeyBackedUp {
            epoch,
            shares: count.into(),
            needed: needed.into(),
        };
        self.home.record(&event, &self.config.party, &*self.clock)?;
        create_dir_private(out).map_err(io_error("make", out))?;
        let fingerprint = Fingerprint::of(&key).to_string();
        for ((holder, public), share) in holders.iter().zip(&shares) {
            let mut file = ShareFile {
                kind: Kind::LinkageKeyShare,
                format: FORMAT,
                project: self.config.project.clone(),
                party: self.config.party.clone(),
                epoch,
                fingerprint: fingerprint.clone(),
                needed,
                holder: holder.clone(),
                sealed: String::new(),
            };
            let sealed = hpke_box::seal(public, &file.info(), b"", share, entropy);
            let sealed = sealed.map_err(|source| BackupError::Sealed {
                holder: holder.clone(),
                source,
            })?;
            file.sealed = sealed.iter().map(|byte| format!("{byte:02x}")).collect();
            let text = toml::to_string(&file).map_err(BackupError::from)?;
            let path = out.join(format!("share-epoch-{epoch}-{holder}.toml"));
            write(&path, text.as_bytes())?;
        }
        Ok(())
    }

    /// Puts the linkage key of `epoch` together from shares, each with its holder's key, and installs it.
    /// The log has the event first.
    ///
    /// # Errors
    /// [`NodeError`] when there is a key, when the epoch's keys were destroyed here, or when the shares
    /// do not give the key they are of.
    pub fn restore_key(
        &self,
        epoch: Epoch,
        shares: &[(PathBuf, PathBuf)],
        unlock: &Unlock,
    ) -> Result<Fingerprint, NodeError> {
        let _lock = self.home.lock()?;
        self.check_not_destroyed(epoch)?;
        if self.home.linkage_key(epoch).exists() {
            return Err(BackupError::Installed(epoch).into());
        }
        let mut opened = Vec::new();
        let mut first: Option<ShareFile> = None;
        for (path, key) in shares {
            let share = ShareFile::read(path)?;
            let is_ours = (&share.project, &share.party, share.epoch)
                == (&self.config.project, &self.config.party, epoch);
            if !is_ours || first.as_ref().is_some_and(|first| !first.is_beside(&share)) {
                return Err(BackupError::Another(path.clone()).into());
            }
            opened.push(share.open(&unlock.read(key, Purpose::Holder)?)?);
            first.get_or_insert(share);
        }
        let needed = first.as_ref().map_or(2, |share| share.needed);
        let key = splitting::join(needed, &opened).map_err(BackupError::from)?;
        let fingerprint = Fingerprint::of(&key);
        if first.is_none_or(|share| share.fingerprint != fingerprint.to_string()) {
            return Err(BackupError::OtherKey.into());
        }
        let event = Event::KeyRestored { epoch };
        self.home.record(&event, &self.config.party, &*self.clock)?;
        self.put_linkage_key(epoch, &key)?;
        Ok(fingerprint)
    }
}
