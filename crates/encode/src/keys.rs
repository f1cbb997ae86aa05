//! The key schedule: what is derived from the custodians' shared linkage key, and what from a
//! node's own secret.
//!
//! ```text
//! linkage key ── epoch key (project, epoch, schema digest)
//!                  ├─ pass key p ── block seed = HMAC(pass key, block value)
//!                  │  (and calibration key ── HMAC(calibration key, bucket))
//!                  │                  ├─ block token
//!                  │                  └─ filter key of each namespace
//!                  ├─ token key of each namespace
//!                  ├─ unblocked filter keys, for profiles that keep blocks comparable
//!                  └─ key check
//! node secret ── record handles, pass handles, noise
//! ```
//! HMAC-SHA256 and HKDF-SHA256 (RFC 5869) throughout, every label distinct.

use model::{Epoch, KeyCheck, LinkageSchema, ProjectName, RecordHandle, RunNumber};
use records::LocalKey;
use secret::{Key32, Prf};

/// The secret all custodians of a project share and the coordinator never holds.
pub struct LinkageKey(Key32);

impl LinkageKey {
    /// Takes key material over.
    pub fn new(key: Key32) -> Self {
        Self(key)
    }

    /// The keys of one epoch of one project under one schema.
    pub fn epoch(&self, project: &ProjectName, epoch: Epoch, schema: &LinkageSchema) -> EpochKeys {
        let digest = schema.digest();
        let context: [&[u8]; 3] = [
            project.as_str().as_bytes(),
            &epoch.0.to_le_bytes(),
            digest.as_bytes(),
        ];
        EpochKeys::derive(&self.0.derive("epoch", &context), schema)
    }
}

/// The keys by which all nodes of a project encode alike within one epoch.
pub struct EpochKeys {
    /// One a pass, and one for calibration after them.
    pub(crate) passes: Vec<Prf>,
    pub(crate) tokens: Vec<Prf>,
    pub(crate) unblocked: Prf,
    check: KeyCheck,
}

impl EpochKeys {
    fn derive(epoch: &Key32, schema: &LinkageSchema) -> Self {
        let pass = |pass: &model::schema::Pass| {
            epoch.derive("pass", &[pass.name.as_str().as_bytes()]).prf()
        };
        let namespace = |index: usize| epoch.derive("token", &[&[index as u8]]).prf();
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
            unblocked: epoch.derive("unblocked", &[]).prf(),
            check: KeyCheck::new(check),
        }
    }

    /// Equal at two nodes exactly when they hold the same linkage key for the same project, epoch
    /// and schema.
    pub fn check(&self) -> KeyCheck {
        self.check
    }
}

/// A node's own keys for one run: nobody else can trace a handle or take the noise out.
pub struct NodeKeys {
    record: Prf,
    pub(crate) pass: Prf,
    pub(crate) noise: Prf,
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
            noise: secret.derive("noise", &run[..2]).prf(),
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

    /// What the noise of the record with this local key derives from.
    #[expect(
        clippy::disallowed_methods,
        reason = "the local key is turned into a keyed seed here"
    )]
    pub(crate) fn record_noise(&self, key: &LocalKey) -> [u8; 16] {
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
