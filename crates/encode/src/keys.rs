//! The key schedule: what is derived from the custodians' shared linkage key, and what from a
//! node's own secret.
//!
//! ```text
//! linkage key ── epoch key (project, epoch, schema digest)
//!                  ├─ pass key p ── HMAC(pass key, block value)
//!                  │  (and calibration key ── HMAC(calibration key, bucket))
//!                  │                  ├─ first half: block token, told to the matcher
//!                  │                  └─ second half: block mask
//!                  ├─ block cipher, under the block mask: the deal of the columns, each token's string
//!                  ├─ token key of each namespace
//!                  ├─ unblocked filter keys, for profiles that keep blocks comparable
//!                  └─ key check
//! (a key server adds a secret of its own to blocks and tokens of identifiers: see `served`)
//! node secret ── record handles, pass handles, noise
//! ```
//! HMAC-SHA256 and HKDF-SHA256 (RFC 5869), every label distinct; SipHash-2-4 for tokens; AES-128 for
//! what is worked out anew in every row.

use model::{
    BlockToken, Epoch, KeyCheck, LinkageSchema, PassIndex, ProjectName, RecordHandle, RunNumber,
};
use records::{LocalKey, NormalisedRecord};
use secret::cipher::Block;
use secret::{Cipher, Key32, Prf};
use zeroize::Zeroizing;

use crate::block::Forms;
use crate::served::Served;
use crate::token_key::TokenKey;

/// The secret all custodians of a project share and the coordinator never holds.
pub struct LinkageKey(Key32);

impl LinkageKey {
    /// Takes key material over.
    pub fn new(key: Key32) -> Self {
        Self(key)
    }

    /// The keys of one epoch of one project under one schema.
    pub fn epoch(&self, project: &ProjectName, epoch: Epoch, schema: &LinkageSchema) -> EpochKeys {
        EpochKeys::derive(&self.epoch_key(project, epoch, schema), schema)
    }

    /// What all keys of an epoch derive from.
    pub(crate) fn epoch_key(
        &self,
        project: &ProjectName,
        epoch: Epoch,
        schema: &LinkageSchema,
    ) -> Key32 {
        let digest = schema.digest();
        let context: [&[u8]; 3] = [
            project.as_str().as_bytes(),
            &epoch.0.to_le_bytes(),
            digest.as_bytes(),
        ];
        self.0.derive("epoch", &context)
    }
}

/// The keys by which all nodes of a project encode alike within one epoch.
pub struct EpochKeys {
    /// One a pass, and one for calibration after them.
    pub(crate) passes: Vec<Prf>,
    pub(crate) tokens: Vec<TokenKey>,
    /// What rows are random by, under the mask of their block.
    pub(crate) blocks: Cipher,
    pub(crate) unblocked: Prf,
    check: KeyCheck,
    /// What identifiers have of a key server, where the agreement asks for one.
    served: Option<Served>,
}

impl EpochKeys {
    pub(crate) fn derive(epoch: &Key32, schema: &LinkageSchema) -> Self {
        let pass = |pass: &model::schema::Pass| {
            epoch.derive("pass", &[pass.name.as_str().as_bytes()]).prf()
        };
        let namespace = |index: usize| TokenKey::derive(epoch, index as u8);
        let mut check = [0; 16];
        epoch.expand("key check", &[], &mut check);
        Self {
            passes: schema
                .passes
                .iter()
                .map(pass)
                .chain([epoch.derive("calibration", &[]).prf()])
                .collect(),
            tokens: (0..schema.fields.len()).map(namespace).collect(),
            blocks: Cipher::new(&epoch.derive("block cipher", &[])),
            unblocked: epoch.derive("unblocked", &[]).prf(),
            check: KeyCheck::new(check),
            served: None,
        }
    }

    /// Puts a field's tokens, and what two nodes compare, under a key that takes a key server.
    pub(crate) fn serve_tokens(&mut self, field: usize, key: &Key32) {
        self.tokens[field] = TokenKey::derive(key, field as u8);
        let mut check = [0; 16];
        key.expand("key check", &[self.check.as_bytes()], &mut check);
        self.check = KeyCheck::new(check);
    }

    /// The keys, with what they have of a key server.
    pub(crate) fn served(self, served: Served) -> Self {
        let served = Some(served);
        Self { served, ..self }
    }

    /// Whether all that the values of `record` take of a key server is there.
    pub(crate) fn has_outputs(&self, record: &NormalisedRecord) -> bool {
        let served = self.served.as_ref();
        served.is_none_or(|served| served.has_outputs(record))
    }

    /// What the block of `value` in `pass` is known by, for `record`; nothing where it takes an output of a
    /// key server that is not there.
    pub(crate) fn seed(
        &self,
        pass: PassIndex,
        value: &[u8],
        record: &NormalisedRecord,
    ) -> Option<[u8; 32]> {
        let tag = self.passes[pass.index()].tag(&[value]);
        match &self.served {
            None => Some(tag),
            Some(served) => served.seed(pass.index(), tag, record),
        }
    }

    /// Equal at two nodes exactly when they hold the same linkage key for the same project, epoch
    /// and schema.
    pub fn check(&self) -> KeyCheck {
        self.check
    }

    /// The tokens of the blocks that `record` is in, in the order of its rows; without calibration. Nothing stands
    /// for a block that takes an output of a key server which is not there.
    pub fn block_tokens(
        &self,
        schema: &LinkageSchema,
        record: &NormalisedRecord,
    ) -> Vec<Option<BlockToken>> {
        let mut tokens = Vec::new();
        let mut forms = Forms::of(record);
        for pass in schema.pass_indices() {
            forms.for_each(&schema.passes[pass.index()], |value| {
                let seed = self.seed(pass, value, record).map(Zeroizing::new);
                tokens.push(seed.map(|seed| token_of(&seed)));
            });
        }
        tokens
    }
}

/// The half that is told of what a block is known by.
fn token_of(seed: &[u8; 32]) -> BlockToken {
    BlockToken::new(std::array::from_fn(|at| seed[at]))
}

/// A node's own keys for one run: nobody else can trace a handle or take the noise out.
pub struct NodeKeys {
    record: Prf,
    pass: Prf,
    pub(crate) handles: Cipher,
    pub(crate) noise: Prf,
    /// What the masks of rows' flips come from; of a key apart from that of the flips under them.
    pub(crate) flip_masks: Cipher,
    pub(crate) flips: Cipher,
    /// What missing parts are filled in with.
    pub(crate) fill: Cipher,
    /// What decoys are chosen and made by.
    pub(crate) decoys: Prf,
}

impl NodeKeys {
    /// Derives the keys from the node's secret. Handles change with every run; noise changes with
    /// the epoch only, since fresh noise on the same record would average out.
    pub fn derive(secret: &Key32, project: &ProjectName, epoch: Epoch, run: RunNumber) -> Self {
        let project = project.as_str().as_bytes();
        let run: [&[u8]; 3] = [project, &epoch.0.to_le_bytes(), &run.0.to_le_bytes()];
        Self {
            record: secret.derive("record handle", &run).prf(),
            pass: secret.derive("pass handle", &run).prf(),
            handles: Cipher::new(&secret.derive("pass handle cipher", &run)),
            noise: secret.derive("noise", &run[..2]).prf(),
            flip_masks: Cipher::new(&secret.derive("flip mask cipher", &run[..2])),
            flips: Cipher::new(&secret.derive("flip cipher", &run[..2])),
            fill: Cipher::new(&secret.derive("missing part cipher", &run[..2])),
            decoys: secret.derive("decoys", &run[..2]).prf(),
        }
    }

    /// The handle that stands for the record with this local key.
    #[expect(
        clippy::disallowed_methods,
        reason = "the local key is turned into a keyed handle here"
    )]
    pub fn record_handle(&self, key: &LocalKey) -> RecordHandle {
        RecordHandle::new(self.record.tag16(&[key.expose().as_bytes()]))
    }

    /// The handle of the decoy of this rank.
    pub(crate) fn decoy_handle(&self, rank: &Block) -> RecordHandle {
        RecordHandle::new(self.record.tag16(&[b"decoy", rank]))
    }

    /// What the pass handles of the record with this handle derive from.
    pub(crate) fn record_passes(&self, handle: RecordHandle) -> Block {
        self.pass.tag16(&[handle.as_bytes()])
    }

    /// What the noise of the record with this local key derives from.
    #[expect(
        clippy::disallowed_methods,
        reason = "the local key is turned into a keyed seed here"
    )]
    pub(crate) fn record_noise(&self, key: &LocalKey) -> Block {
        self.noise.tag16(&[key.expose().as_bytes()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepare::tests::schema;
    use static_assertions::assert_not_impl_any;
    use std::fmt::{Debug, Display};

    assert_not_impl_any!(LinkageKey: Debug, Display, Clone, PartialEq);
    assert_not_impl_any!(EpochKeys: Debug, Display, Clone, PartialEq);
    assert_not_impl_any!(NodeKeys: Debug, Display, Clone, PartialEq);

    fn check(seed: u8, epoch: u32, project: &str) -> KeyCheck {
        let key = LinkageKey::new(Key32::from_bytes(&mut [seed; 32]));
        key.epoch(&project.parse().unwrap(), Epoch(epoch), &schema("standard"))
            .check()
    }

    #[test]
    fn the_key_check_follows_key_epoch_and_project() {
        assert_eq!(check(1, 1, "p"), check(1, 1, "p"));
        for other in [check(2, 1, "p"), check(1, 2, "p"), check(1, 1, "q")] {
            assert_ne!(other, check(1, 1, "p"));
        }
    }
}
