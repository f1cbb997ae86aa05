//! What the node was shown of the coordinator's logs: it keeps the last head of each, and holds the
//! role to it, and to what other members were shown, whenever it speaks to it.
//!
//! The key of a log comes with the node's certificate (`symbolon-node enrol --log-keys`). Where it did
//! not, it is taken from the role when it is first seen, over a connection that only the role can have
//! answered, and never again: it should be compared with that of other members, which `symbolon-audit`
//! does.

use std::path::{Path, PathBuf};

use audit::note::MAX_NOTE_BYTES;
use audit::{Actor, Checkpoint, KeyKind, KeyName, VerifierKey};
use service::files::create_dir_private;
use wire::{ClientError, HistoryError, NodeClient, Role};

use crate::error::NodeError;
use crate::files::{io_error, read_text, write};
use crate::log_key;
use crate::open::Node;

/// Why what is kept of a role's log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HeadsError {
    /// The key or the checkpoint cannot be read back.
    #[error("{} is damaged; keep it, and restore the node's directory from a copy", .0.display())]
    Damaged(PathBuf),
    /// A cosignature could not be put under the checkpoint.
    #[error("the head of the {0}'s log has too many signatures; tell the coordinator's operator")]
    Full(Role),
    /// The file with the logs' keys is not one.
    #[error("{} is not the keys of both roles' logs of this project; get it anew from the operator", .0.display())]
    NotLogKeys(PathBuf),
}

/// How often a role is asked for a head that follows both from what the node saw before and from a
/// receipt: the log may grow meanwhile.
const TRIES: usize = 8;

impl Node {
    /// Has the role show its log, checks that it extends what this node saw and `also`, and that other
    /// members were shown the same, and keeps its head, cosigned. Returns the log's key. The caller
    /// holds the directory's lock.
    pub(crate) async fn check_log(
        &self,
        client: &NodeClient,
        role: Role,
        also: Option<&Checkpoint>,
    ) -> Result<VerifierKey, NodeError> {
        let last = self.kept_head(role)?;
        let shown = client.log_head(last.as_ref()).await?;
        let key = match self.log_key_of(role)? {
            Some(key) => key,
            None => self.check_key_name(role, shown.key.clone())?,
        };
        let broken = |source: HistoryError| ClientError::History { role, source };
        shown.check(&key, last.as_ref()).map_err(broken)?;
        self.keep_head(role, &key, &shown.checkpoint)?;
        let Some(also) = also else { return Ok(key) };
        // One head has to follow from both. Were each shown a head of its own, they could be of two logs.
        let mut shown = shown.checkpoint;
        for _ in 0..TRIES {
            let again = client.log_head(Some(also)).await?;
            again.check(&key, Some(also)).map_err(broken)?;
            if again.checkpoint.head() == shown.head() {
                return Ok(key);
            }
            let next = client.log_head(Some(&shown)).await?;
            next.check(&key, Some(&shown)).map_err(broken)?;
            self.keep_head(role, &key, &next.checkpoint)?;
            shown = next.checkpoint;
        }
        let size = also.head().size;
        Err(broken(HistoryError::Apart { size }).into())
    }

    /// The key by which the node knows the role's log, if it knows one.
    pub(crate) fn log_key_of(&self, role: Role) -> Result<Option<VerifierKey>, NodeError> {
        let path = self.home.head_key(role);
        if !path.exists() {
            return match self.home.head(role).exists() {
                true => Err(HeadsError::Damaged(path).into()),
                false => Ok(None),
            };
        }
        let key = read_text(&path, MAX_NOTE_BYTES as u64)?.trim_end().parse();
        Ok(Some(key.map_err(|_| HeadsError::Damaged(path))?))
    }

    /// Takes the keys of both roles' logs from the file that came with the certificate.
    pub(crate) fn pin_log_keys(&self, file: &Path) -> Result<(), NodeError> {
        let text = read_text(file, MAX_NOTE_BYTES as u64)?;
        let refused = || HeadsError::NotLogKeys(file.to_owned());
        let keys: Result<Vec<VerifierKey>, _> = text.lines().map(str::parse).collect();
        let keys = keys.map_err(|_| refused())?;
        for role in [Role::Matcher, Role::Resolver] {
            let name = self.log_name(role);
            let key = keys
                .iter()
                .find(|key| key.name == name && key.kind == KeyKind::Log);
            let key = key.ok_or_else(refused)?;
            match self.log_key_of(role)? {
                Some(known) if known == *key => {}
                Some(_) => {
                    let source = HistoryError::OtherKey;
                    return Err(ClientError::History { role, source }.into());
                }
                None => self.keep_key(role, key)?,
            }
        }
        Ok(())
    }

    fn log_name(&self, role: Role) -> KeyName {
        let keeper = match role {
            Role::Matcher => Actor::Matcher,
            Role::Resolver => Actor::Resolver,
        };
        KeyName::of_log(&self.config.project, &keeper)
    }

    /// A key that is taken for the first time is that of this project's role.
    fn check_key_name(&self, role: Role, key: VerifierKey) -> Result<VerifierKey, NodeError> {
        match key.kind == KeyKind::Log && key.name == self.log_name(role) {
            true => Ok(key),
            false => {
                let source = HistoryError::OtherKey;
                Err(ClientError::History { role, source }.into())
            }
        }
    }

    pub(crate) fn kept_head(&self, role: Role) -> Result<Option<Checkpoint>, NodeError> {
        let path = self.home.head(role);
        if !path.exists() {
            return Ok(None);
        }
        let checkpoint = read_text(&path, MAX_NOTE_BYTES as u64)?.parse();
        Ok(Some(checkpoint.map_err(|_| HeadsError::Damaged(path))?))
    }

    fn keep_key(&self, role: Role, key: &VerifierKey) -> Result<(), NodeError> {
        let directory = self.home.heads_of(role);
        create_dir_private(&directory).map_err(io_error("make", &directory))?;
        Ok(write(
            &self.home.head_key(role),
            format!("{key}\n").as_bytes(),
        )?)
    }

    fn keep_head(
        &self,
        role: Role,
        key: &VerifierKey,
        checkpoint: &Checkpoint,
    ) -> Result<(), NodeError> {
        let name = log_key::name(&self.config.project, &self.config.party);
        let witness = log_key::read(&self.home, name, KeyKind::Witness)?;
        // Other signatures are the role's to add without end.
        let mut checkpoint = checkpoint.without_cosignatures();
        let cosigned = checkpoint.cosign(&witness, self.clock.unix_millis() / 1000);
        cosigned.map_err(|_| HeadsError::Full(role))?;
        self.keep_key(role, key)?;
        // Last: that the log was seen is known by this file.
        Ok(write(
            &self.home.head(role),
            checkpoint.to_string().as_bytes(),
        )?)
    }
}
