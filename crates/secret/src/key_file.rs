//! Keys as text files: one line, readable by its owner alone.
//!
//! ```text
//! symbolon-key-v1 PURPOSE KEY                          in clear
//! symbolon-key-v2 PURPOSE KIB,PASSES SALT SEALED-KEY   under a passphrase, see `passphrase`
//! ```
//!
//! A key is never an argument, a configuration value or an environment variable. The purpose stands
//! in the file so that a key put in the wrong place is refused and not used.

use crate::hex;
use crate::key::Key32;
use crate::passphrase::{Cost, Passphrase, SALT_BYTES, TAG_BYTES, open, seal};
use ring::digest::{SHA256, digest};
use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const MAGIC: &str = "symbolon-key-v1";
const SEALED_MAGIC: &str = "symbolon-key-v2";

/// No key file is longer; reading stops here.
const MAX_FILE_BYTES: usize = 320;

/// No key that is text is longer, nor its file when it is sealed.
const MAX_TEXT_BYTES: usize = 64 << 10;

/// Permission bits that let anyone but the owner at the file.
const OTHERS: u32 = 0o077;

/// What a key is for. A file says which, and is refused elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The custodians' shared linkage key.
    Linkage,
    /// A node's vault at rest: record handles and their local keys.
    Vault,
    /// The resolver's HPKE private key, to which nodes seal their handle maps.
    HandleMap,
    /// The resolver's key from which every recipient's pseudonyms come.
    Pseudonym,
    /// A node's HPKE private key, to which its results and its share of the linkage key are sealed.
    Results,
    /// What a node contributes to a linkage key that is being agreed on.
    Contribution,
    /// The seed of a signing key for checkpoints and agreements.
    Signing,
    /// The private key of a certificate, as PEM text.
    Tls,
    /// The private key of somebody who holds a share of a linkage key.
    Holder,
    /// The seed of a key server's key of one epoch.
    Evaluation,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Purpose; 10] = [
        Self::Linkage,
        Self::Vault,
        Self::HandleMap,
        Self::Pseudonym,
        Self::Results,
        Self::Contribution,
        Self::Signing,
        Self::Tls,
        Self::Holder,
        Self::Evaluation,
    ];

    /// The word that stands in the file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Linkage => "linkage",
            Self::Vault => "vault",
            Self::HandleMap => "handle-map",
            Self::Pseudonym => "pseudonym",
            Self::Results => "results",
            Self::Contribution => "contribution",
            Self::Signing => "signing",
            Self::Tls => "tls",
            Self::Holder => "holder",
            Self::Evaluation => "evaluation",
        }
    }

    fn from_word(word: &[u8]) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|purpose| purpose.word().as_bytes() == word)
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.word())
    }
}

/// Why a key file was not written or not used. Messages name the file and never show what is in it.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// Writing never replaces a file.
    #[error(
        "{} exists already: a key file is never overwritten, choose another name or move it away",
        .0.display()
    )]
    Exists(PathBuf),
    /// Reading found nothing.
    #[error("{} does not exist: make the key first, or correct the path", .0.display())]
    Missing(PathBuf),
    /// A link, directory or device could be exchanged or read by others unseen.
    #[error(
        "{} is not a plain file: give the path of the key file itself, not of a link",
        .0.display()
    )]
    NotPlain(PathBuf),
    /// Group or others have some right to the file.
    #[error(
        "{} has mode {mode:04o}, open to others: run `chmod 600 {}` and take the key as seen by them",
        .path.display(), .path.display()
    )]
    Exposed {
        /// The key file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A key for something else.
    #[error(
        "{} holds a {found} key, a {expected} key is needed: correct the path",
        .path.display()
    )]
    WrongPurpose {
        /// The key file.
        path: PathBuf,
        /// What the caller needs.
        expected: Purpose,
        /// What the file says it is.
        found: Purpose,
    },
    /// Sealed, and no passphrase was given.
    #[error("{} is sealed under a passphrase: give it with --passphrase-file", .0.display())]
    Sealed(PathBuf),
    /// Sealed under another passphrase, or altered.
    #[error("{} does not open with this passphrase, or was altered", .0.display())]
    WrongPassphrase(PathBuf),
    /// Not the one line a key file is.
    #[error(
        "{} is not a key file, which is one line, `{MAGIC} PURPOSE` and 64 hexadecimal characters: \
         restore it from its backup",
        .0.display()
    )]
    Malformed(PathBuf),
    /// The operating system said no.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
}

/// Creates `path` with mode 0600, writes `key` for `purpose`, and returns once both are on disk.
///
/// # Errors
/// [`KeyFileError::Exists`] rather than overwriting; [`KeyFileError::Io`], after which no file is
/// left.
pub fn write(path: &Path, purpose: Purpose, key: &Key32) -> Result<(), KeyFileError> {
    // Sized for the whole line, so that growing leaves no copy of the key behind.
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_FILE_BYTES));
    line.extend_from_slice(format!("{MAGIC} {purpose} ").as_bytes());
    line.extend_from_slice(&hex::encode(key.bytes())[..]);
    line.push(b'\n');
    write_line(path, &line)
}

/// As [`write()`], sealed under a passphrase.
///
/// # Errors
/// As [`write()`].
pub fn write_sealed(
    path: &Path,
    purpose: Purpose,
    key: &Key32,
    passphrase: &Passphrase,
) -> Result<(), KeyFileError> {
    // It need not be secret, only another one for every key: and keys are drawn at random.
    let mut salt = [0; SALT_BYTES];
    key.expand("key file salt", &[purpose.word().as_bytes()], &mut salt);
    write_line(
        path,
        &sealed_line(path, purpose, &salt, key.bytes(), passphrase)?,
    )
}

/// Writes a key that is text, as PEM, into the new file `path`: as it is, or sealed under a passphrase.
///
/// # Errors
/// As [`write()`].
pub fn write_text(
    path: &Path,
    purpose: Purpose,
    text: &str,
    passphrase: Option<&Passphrase>,
) -> Result<(), KeyFileError> {
    let Some(passphrase) = passphrase else {
        return write_line(path, text.as_bytes());
    };
    // As for keys: what stands in the text was drawn at random.
    let mut seed = Zeroizing::new([0; 32]);
    seed.copy_from_slice(digest(&SHA256, text.as_bytes()).as_ref());
    let mut salt = [0; SALT_BYTES];
    let of = [purpose.word().as_bytes()];
    Key32::from_bytes(&mut seed).expand("key file salt", &of, &mut salt);
    let line = sealed_line(path, purpose, &salt, text.as_bytes(), passphrase)?;
    write_line(path, &line)
}

fn sealed_line(
    path: &Path,
    purpose: Purpose,
    salt: &[u8; SALT_BYTES],
    content: &[u8],
    passphrase: &Passphrase,
) -> Result<Vec<u8>, KeyFileError> {
    let cost = Cost::USUAL;
    let context = context(purpose, cost);
    let sealed = seal(passphrase, cost, salt, context.as_bytes(), content);
    let sealed = sealed.ok_or_else(|| KeyFileError::WrongPassphrase(path.to_owned()))?;
    Ok(format!("{context} {} {}\n", plain_hex(salt), plain_hex(&sealed)).into_bytes())
}

/// Seals the key file at `path`, if it is there and in clear, in its place; what was in clear is
/// overwritten once the sealed one is there.
///
/// # Errors
/// [`KeyFileError`] when it is no key for `purpose`; then nothing is changed.
pub fn seal_in_place(
    path: &Path,
    purpose: Purpose,
    passphrase: &Passphrase,
) -> Result<(), KeyFileError> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    let content = read_private(path, MAX_TEXT_BYTES)?;
    if content.starts_with(SEALED_MAGIC.as_bytes()) {
        return Ok(());
    }
    let draft = path.with_added_extension("sealing");
    destroy(&draft)?;
    match purpose {
        Purpose::Tls => {
            let text = read_text_with(path, purpose, None)?;
            write_text(&draft, purpose, &text, Some(passphrase))?;
        }
        _ => write_sealed(&draft, purpose, &read(path, purpose)?, passphrase)?,
    }
    let clear = OpenOptions::new().write(true).open(path);
    let replaced = clear.and_then(|mut clear| {
        fs::rename(&draft, path)?;
        sync_directory_of(path)?;
        clear.write_all(&vec![0; content.len()])?;
        clear.sync_all()
    });
    replaced.map_err(|source| io_error("seal", path, source))
}

/// What stands before the salt, to which the sealed key is bound.
fn context(purpose: Purpose, cost: Cost) -> String {
    format!("{SEALED_MAGIC} {purpose} {},{}", cost.memory, cost.passes)
}

fn plain_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write_line(path: &Path, line: &[u8]) -> Result<(), KeyFileError> {
    let mut file = create(path)?;
    let written = file.write_all(line).and_then(|()| file.sync_all());
    let written = written.and_then(|()| sync_directory_of(path));
    written.map_err(|source| {
        // Half a key is of no use and would stand in the way of the next try. The first error is
        // the one to report.
        let _ = fs::remove_file(path);
        io_error("write", path, source)
    })
}

/// Reads the key at `path`, which must be for `purpose` and in clear.
///
/// # Errors
/// A file that is missing, not plain, open to other users, malformed, sealed or for another purpose.
pub fn read(path: &Path, purpose: Purpose) -> Result<Key32, KeyFileError> {
    read_with(path, purpose, None)
}

/// Reads the key at `path`, which must be for `purpose`, with the passphrase it is sealed under if it is.
///
/// # Errors
/// As [`read`], and another passphrase.
pub fn read_with(
    path: &Path,
    purpose: Purpose,
    passphrase: Option<&Passphrase>,
) -> Result<Key32, KeyFileError> {
    let content = read_private(path, MAX_FILE_BYTES)?;
    let malformed = || KeyFileError::Malformed(path.to_owned());
    let (found, key) = match content.starts_with(SEALED_MAGIC.as_bytes()) {
        false => parse(&content).ok_or_else(malformed)?,
        true => {
            let sealed = parse_sealed(&content);
            let is_key = |sealed: &SealedKey| sealed.content.len() == 32 + TAG_BYTES;
            let sealed = sealed.filter(is_key).ok_or_else(malformed)?;
            let passphrase = passphrase.ok_or_else(|| KeyFileError::Sealed(path.to_owned()))?;
            let content = sealed.open(path, passphrase)?;
            let mut key = Zeroizing::new([0; 32]);
            if content.len() != key.len() {
                return Err(malformed());
            }
            key.copy_from_slice(&content);
            (sealed.purpose, Key32::from_bytes(&mut key))
        }
    };
    check_purpose(path, purpose, found)?;
    Ok(key)
}

fn check_purpose(path: &Path, expected: Purpose, found: Purpose) -> Result<(), KeyFileError> {
    if found == expected {
        return Ok(());
    }
    Err(KeyFileError::WrongPurpose {
        path: path.to_owned(),
        expected,
        found,
    })
}

/// Reads the key at `path` that is text, with the passphrase it is sealed under if it is.
///
/// # Errors
/// As [`read_with`].
pub fn read_text_with(
    path: &Path,
    purpose: Purpose,
    passphrase: Option<&Passphrase>,
) -> Result<Zeroizing<String>, KeyFileError> {
    let malformed = || KeyFileError::Malformed(path.to_owned());
    let mut content = read_private(path, MAX_TEXT_BYTES)?;
    if content.starts_with(SEALED_MAGIC.as_bytes()) {
        let sealed = parse_sealed(&content).ok_or_else(malformed)?;
        let passphrase = passphrase.ok_or_else(|| KeyFileError::Sealed(path.to_owned()))?;
        check_purpose(path, purpose, sealed.purpose)?;
        content = sealed.open(path, passphrase)?;
    }
    let text = std::str::from_utf8(&content).map_err(|_| malformed())?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// The bytes of the plain file at `path`, which only its owner may read; the first `limit` of them.
pub(crate) fn read_private(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let file = open_plain(path)?;
    let mut content = Zeroizing::new(vec![0; limit]);
    let read = read_up_to(file, &mut content[..]);
    let length = read.map_err(|source| io_error("read", path, source))?;
    content.truncate(length);
    Ok(content)
}

/// Destroys the key file at `path`, if it is there: overwrites it, makes that durable, and removes it.
///
/// File systems and disks may keep an older copy of a block; a disk that is encrypted as a whole
/// takes care of those.
///
/// # Errors
/// [`KeyFileError::NotPlain`] and [`KeyFileError::Io`].
pub fn destroy(path: &Path) -> Result<(), KeyFileError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_error("look at", path, error)),
        Ok(metadata) if !metadata.is_file() => return Err(KeyFileError::NotPlain(path.to_owned())),
        Ok(metadata) => overwrite(path, metadata.len()),
    }
    .and_then(|()| fs::remove_file(path))
    .and_then(|()| sync_directory_of(path))
    .map_err(|source| io_error("destroy", path, source))
}

fn overwrite(path: &Path, length: u64) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    let zeros = vec![
        0;
        usize::try_from(length)
            .unwrap_or(MAX_TEXT_BYTES)
            .min(MAX_TEXT_BYTES)
    ];
    file.write_all(&zeros)?;
    file.sync_all()
}

fn create(path: &Path) -> Result<File, KeyFileError> {
    let created = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    created.map_err(|source| match source.kind() {
        ErrorKind::AlreadyExists => KeyFileError::Exists(path.to_owned()),
        _ => io_error("create", path, source),
    })
}

/// Makes the file's name as durable as its content.
fn sync_directory_of(path: &Path) -> io::Result<()> {
    let parent = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

fn open_plain(path: &Path) -> Result<File, KeyFileError> {
    let named = fs::symlink_metadata(path).map_err(|source| reading_error(path, source))?;
    check_plain(path, &named)?;
    let file = File::open(path).map_err(|source| reading_error(path, source))?;
    let opened = file
        .metadata()
        .map_err(|source| reading_error(path, source))?;
    check_plain(path, &opened)?;
    // Someone may exchange the name between the two looks; then they are different files.
    if (named.dev(), named.ino()) != (opened.dev(), opened.ino()) {
        return Err(KeyFileError::NotPlain(path.to_owned()));
    }
    Ok(file)
}

fn check_plain(path: &Path, metadata: &Metadata) -> Result<(), KeyFileError> {
    if !metadata.is_file() {
        return Err(KeyFileError::NotPlain(path.to_owned()));
    }
    let mode = metadata.mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(KeyFileError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    Ok(())
}

fn read_up_to(mut file: File, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match file.read(&mut buffer[length..])? {
            0 => break,
            more => length += more,
        }
    }
    Ok(length)
}

fn parse(content: &[u8]) -> Option<(Purpose, Key32)> {
    let line = content.strip_suffix(b"\n").unwrap_or(content);
    let mut words = line.split(|byte| *byte == b' ');
    if words.next()? != MAGIC.as_bytes() {
        return None;
    }
    let purpose = Purpose::from_word(words.next()?)?;
    let mut bytes = hex::decode(words.next()?)?;
    match words.next() {
        None => Some((purpose, Key32::from_bytes(&mut bytes))),
        Some(_) => None,
    }
}

/// A key under a passphrase, as its file has it.
struct SealedKey {
    purpose: Purpose,
    cost: Cost,
    salt: [u8; SALT_BYTES],
    content: Vec<u8>,
}

impl SealedKey {
    fn open(
        &self,
        path: &Path,
        passphrase: &Passphrase,
    ) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
        let context = context(self.purpose, self.cost);
        let opened = open(
            passphrase,
            self.cost,
            &self.salt,
            context.as_bytes(),
            &self.content,
        );
        opened.ok_or_else(|| KeyFileError::WrongPassphrase(path.to_owned()))
    }
}

fn parse_sealed(content: &[u8]) -> Option<SealedKey> {
    let line = std::str::from_utf8(content).ok()?;
    let line = line.strip_suffix('\n').unwrap_or(line);
    let mut words = line.split(' ').skip(1);
    let purpose = Purpose::from_word(words.next()?.as_bytes())?;
    let (memory, passes) = words.next()?.split_once(',')?;
    let cost = Cost {
        memory: memory.parse().ok()?,
        passes: passes.parse().ok()?,
    };
    let salt = from_hex(words.next()?)?.try_into().ok()?;
    let content = from_hex(words.next()?)?;
    let has_tag = content.len() >= TAG_BYTES;
    let is_whole = words.next().is_none() && cost.is_bearable() && has_tag;
    is_whole.then_some(SealedKey {
        purpose,
        cost,
        salt,
        content,
    })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
    if !is_hex || !digits.len().is_multiple_of(2) {
        return None;
    }
    let pairs = digits.chunks_exact(2);
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.map(byte).collect()
}

fn reading_error(path: &Path, source: io::Error) -> KeyFileError {
    match source.kind() {
        ErrorKind::NotFound => KeyFileError::Missing(path.to_owned()),
        _ => io_error("open", path, source),
    }
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> KeyFileError {
    KeyFileError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
#[path = "key_file_tests.rs"]
mod tests;
