//! Making a key server's directory: all of it or nothing.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use audit::SignedLog;
use model::{PartyName, ProjectName};
use secret::key_file::Purpose;
use secret::{Entropy, Key32, Unlock};
use service::files::{create_dir_private, sync_dir, write_atomic};
use wire::pki::request_key_server;

use crate::error::{KeyServerError, io_error};
use crate::home::{Home, Settings};

/// What a new key server has to be told.
#[derive(Debug, Clone)]
pub struct Setup {
    /// The linkage project.
    pub project: ProjectName,
    /// The member that runs it, as the agreement names it.
    pub name: PartyName,
    /// Where it will listen.
    pub listen: SocketAddr,
    /// The file with the passphrase under which its keys are to be sealed.
    pub passphrase_file: Option<PathBuf>,
}

/// Makes the directory at `root`: settings, a TLS key with the request for its certificate, and an empty
/// log. No key of an epoch is made yet. The TLS key comes from the operating system whatever `entropy` is.
///
/// # Errors
/// [`KeyServerError`]; nothing is left at `root` then.
pub fn init(root: &Path, setup: &Setup, entropy: &mut dyn Entropy) -> Result<Home, KeyServerError> {
    if root.symlink_metadata().is_ok() {
        return Err(KeyServerError::Taken(root.to_owned()));
    }
    let name = root.file_name().unwrap_or_default().to_string_lossy();
    let draft = root.with_file_name(format!(".{name}.new"));
    if draft.exists() {
        // Left by a program that was killed; nothing in it was ever used.
        fs::remove_dir_all(&draft).map_err(io_error("remove", &draft))?;
    }
    let unlock = Unlock::from_file(setup.passphrase_file.as_deref())?;
    fill(&Home::new(&draft, unlock), setup, entropy)?;
    fs::rename(&draft, root).map_err(io_error("make", root))?;
    let parent = root
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    parent
        .map_or(Ok(()), sync_dir)
        .map_err(io_error("make", root))?;
    Ok(Home::open(root)?.0)
}

fn fill(home: &Home, setup: &Setup, entropy: &mut dyn Entropy) -> Result<(), KeyServerError> {
    for part in ["", "identity", "keys", "admitted"] {
        let path = home.root().join(part);
        create_dir_private(&path).map_err(io_error("make", &path))?;
    }
    let seed = Key32::generate(entropy);
    let unlock = home.unlock();
    unlock.write(&home.log_key(), Purpose::Signing, &seed)?;
    SignedLog::open(&home.log(), home.signer(&setup.project)?)?;
    let request = request_key_server()?;
    unlock.write_text(&home.tls_key(), Purpose::Tls, request.key.expose())?;
    write(&home.certificate_request(), &request.request_pem)?;
    let settings = Settings {
        project: setup.project.clone(),
        name: setup.name.clone(),
        listen: setup.listen,
        passphrase_file: setup.passphrase_file.clone(),
    };
    write(&home.settings(), &toml::to_string(&settings)?)
}

pub(crate) fn write(path: &Path, text: &str) -> Result<(), KeyServerError> {
    write_atomic(path, text.as_bytes()).map_err(io_error("write", path))
}
