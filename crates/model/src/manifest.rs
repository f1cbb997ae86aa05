//! What a node says about a batch before it sends it; the batch is held to it.

use serde::{Deserialize, Serialize};

use crate::digest::{Digest, Digester};
use crate::id::{Epoch, KeyCheck, PartyName, ProjectName, RunNumber};
use crate::refusal::{Refusal, RefusalCode};

/// The most bytes one batch may have: 64 GiB.
pub const MAX_BATCH_BYTES: u64 = 64 << 30;
/// The most rows one batch may have.
pub const MAX_BATCH_ROWS: u64 = 2_000_000_000;
/// The most bytes a chunk of an upload may have: 1 MiB.
pub const MAX_CHUNK_BYTES: u32 = 1 << 20;

/// Which of the uploads of a run a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchKind {
    /// Encodings under pass handles, for the matcher.
    Encodings,
    /// The sealed map from pass handles to record handles, for the resolver.
    HandleMap,
    /// The tokens of all blocks, each once and in order, for the matcher: what is sent before the
    /// encodings where the agreement asks for on-demand disclosure.
    BlockTokens,
}

impl BatchKind {
    /// The kind's name in files and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Encodings => "encodings",
            Self::HandleMap => "handle-map",
            Self::BlockTokens => "block-tokens",
        }
    }
}

/// Digest and counts of one batch, fixed before the first byte of it is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchManifest {
    /// The project the batch belongs to.
    pub project: ProjectName,
    /// The run it is for.
    pub run: RunNumber,
    /// The epoch whose keys encoded it.
    pub epoch: Epoch,
    /// Whose records.
    pub party: PartyName,
    /// What the batch holds.
    pub kind: BatchKind,
    /// Digest of the linkage schema it was prepared under, normalisation tables included.
    pub schema_digest: Digest,
    /// Digest of the linkage agreement it was prepared under.
    pub agreement: Digest,
    /// Shows that all parties hold the same linkage key.
    pub key_check: KeyCheck,
    /// Records of the registry that went in.
    pub records: u64,
    /// Records the node set aside because they could not be used.
    pub set_aside: u64,
    /// Rows in the batch: one a record and block value, or one a block token.
    pub rows: u64,
    /// Bytes in the batch.
    pub bytes: u64,
    /// Bytes in every chunk but the last.
    pub chunk_bytes: u32,
    /// Digest of the batch's bytes.
    pub payload_digest: Digest,
}

impl BatchManifest {
    /// The digest that names this batch: two manifests are the same batch exactly when it is equal.
    pub fn digest(&self) -> Digest {
        let mut digester = Digester::new();
        digester.field(b"symbolon batch manifest v2");
        digester.field(self.project.as_str().as_bytes());
        digester.field(&self.run.0.to_le_bytes());
        digester.field(&self.epoch.0.to_le_bytes());
        digester.field(self.party.as_str().as_bytes());
        digester.field(self.kind.as_str().as_bytes());
        digester.field(self.schema_digest.as_bytes());
        digester.field(self.agreement.as_bytes());
        digester.field(self.key_check.as_bytes());
        for count in [self.records, self.set_aside, self.rows, self.bytes] {
            digester.field(&count.to_le_bytes());
        }
        digester.field(&self.chunk_bytes.to_le_bytes());
        digester.field(self.payload_digest.as_bytes());
        digester.finish()
    }

    /// How many chunks the batch is sent in.
    pub fn chunks(&self) -> u64 {
        self.bytes.div_ceil(u64::from(self.chunk_bytes.max(1)))
    }

    /// How many bytes chunk `index` has, or `None` past the end.
    pub fn chunk_len(&self, index: u64) -> Option<u64> {
        let start = index.checked_mul(u64::from(self.chunk_bytes))?;
        let left = self.bytes.checked_sub(start)?;
        (left > 0).then(|| left.min(u64::from(self.chunk_bytes)))
    }

    /// Holds sizes to the limits.
    ///
    /// # Errors
    /// A [`Refusal`] that says which size is out of bounds.
    pub fn check_limits(&self) -> Result<(), Refusal> {
        let too_large = |what: &str, is: u64, limit: u64| {
            let detail = format!("the batch has {is} {what}, the limit is {limit}");
            Err(Refusal::new(RefusalCode::TooLarge, detail))
        };
        if self.bytes > MAX_BATCH_BYTES {
            return too_large("bytes", self.bytes, MAX_BATCH_BYTES);
        }
        if self.rows > MAX_BATCH_ROWS {
            return too_large("rows", self.rows, MAX_BATCH_ROWS);
        }
        if self.chunk_bytes == 0 || self.chunk_bytes > MAX_CHUNK_BYTES {
            return too_large(
                "bytes a chunk",
                self.chunk_bytes.into(),
                MAX_CHUNK_BYTES.into(),
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> BatchManifest {
        BatchManifest {
            project: "p".parse().unwrap(),
            run: RunNumber(1),
            epoch: Epoch(1),
            party: "crvs".parse().unwrap(),
            kind: BatchKind::Encodings,
            schema_digest: Digest::of(b"schema"),
            agreement: Digest::of(b"agreement"),
            key_check: KeyCheck::new([7; 16]),
            records: 3,
            set_aside: 0,
            rows: 10,
            bytes: 1000,
            chunk_bytes: 300,
            payload_digest: Digest::of(b"payload"),
        }
    }

    #[test]
    fn chunks_cover_the_batch_exactly() {
        let manifest = manifest();
        let lens: Vec<_> = (0..).map_while(|i| manifest.chunk_len(i)).collect();
        assert_eq!(lens, [300, 300, 300, 100]);
        assert_eq!(manifest.chunks(), 4);
    }

    #[test]
    fn every_field_counts_in_the_digest() {
        let base = manifest();
        let changed = [
            BatchManifest {
                run: RunNumber(2),
                ..base.clone()
            },
            BatchManifest {
                kind: BatchKind::HandleMap,
                ..base.clone()
            },
            BatchManifest {
                agreement: Digest::of(b"other"),
                ..base.clone()
            },
            BatchManifest {
                rows: 11,
                ..base.clone()
            },
            BatchManifest {
                payload_digest: Digest::of(b"other"),
                ..base.clone()
            },
        ];
        for other in changed {
            assert_ne!(other.digest(), base.digest());
        }
    }

    #[test]
    fn sizes_over_the_limit_are_refused() {
        let bad = BatchManifest {
            bytes: MAX_BATCH_BYTES + 1,
            ..manifest()
        };
        assert_eq!(bad.check_limits().unwrap_err().code, RefusalCode::TooLarge);
        let bad = BatchManifest {
            chunk_bytes: 0,
            ..manifest()
        };
        assert!(bad.check_limits().is_err());
        assert!(manifest().check_limits().is_ok());
    }
}
