//! What the node was shown of the coordinator's logs: it keeps the last head of each, and holds the
//! role to it, and to what other members were shown, whenever it speaks to it.
//!
//! The key of a log is taken from the role when it is first seen, over a connection that only the role
//! can have answered, and never again: it should be compared with that of other members, which
//! `symbolon-audit` does.

use std::path::PathBuf;

use audit::{Checkpoint, KeyKind, VerifierKey};
use wire::limits::MAX_CHECKPOINT_BYTES;
use wire::{ClientError, HistoryError, NodeClient, Role};

use crate::error::NodeError;
use crate::files::{read_text, write};
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
}

/// What the node keeps of a role's log.
struct Kept {
    key: VerifierKey,
    checkpoint: Checkpoint,
}

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
        let kept = self.kept_head(role)?;
        let last = kept.as_ref().map(|kept| &kept.checkpoint);
        let shown = client.log_head(last).await?;
        let key = kept.as_ref().map_or(&shown.key, |kept| &kept.key);
        let broken = |source: HistoryError| ClientError::History { role, source };
        shown.check(key, last).map_err(broken)?;
        self.keep_head(role, key, shown.checkpoint.clone())?;
        if let Some(also) = also {
            let again = client.log_head(Some(also)).await?;
            again.check(key, Some(also)).map_err(broken)?;
        }
        Ok(key.clone())
    }

    /// The key by which the node knows the role's log, if it has seen it.
    pub(crate) fn log_key_of(&self, role: Role) -> Result<Option<VerifierKey>, NodeError> {
        Ok(self.kept_head(role)?.map(|kept| kept.key))
    }

    fn kept_head(&self, role: Role) -> Result<Option<Kept>, NodeError> {
        let path = self.home.head(role);
        if !path.exists() {
            return Ok(None);
        }
        let key_path = self.home.head_key(role);
        let limit = MAX_CHECKPOINT_BYTES as u64;
        let key = read_text(&key_path, limit)?.trim_end().parse();
        let checkpoint = read_text(&path, limit)?.parse();
        Ok(Some(Kept {
            key: key.map_err(|_| HeadsError::Damaged(key_path))?,
            checkpoint: checkpoint.map_err(|_| HeadsError::Damaged(path))?,
        }))
    }

    fn keep_head(
        &self,
        role: Role,
        key: &VerifierKey,
        mut checkpoint: Checkpoint,
    ) -> Result<(), NodeError> {
        let name = log_key::name(&self.config.project, &self.config.party);
        let witness = log_key::read(&self.home, name, KeyKind::Witness)?;
        let cosigned = checkpoint.cosign(&witness, self.clock.unix_millis() / 1000);
        cosigned.map_err(|_| HeadsError::Full(role))?;
        service::files::create_dir_private(&self.home.heads_of(role))
            .map_err(crate::files::io_error("make", &self.home.heads_of(role)))?;
        write(&self.home.head_key(role), format!("{key}\n").as_bytes())?;
        // Last: that the log was seen is known by this file.
        Ok(write(
            &self.home.head(role),
            checkpoint.to_string().as_bytes(),
        )?)
    }
}
