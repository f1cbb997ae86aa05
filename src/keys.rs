//! The keys of a rehearsal: made from a seed, or those of a federation that links the same files.

use encode::LinkageKey;
use model::{LinkageSchema, ProjectName};
use secret::{Key32, SeededEntropy};

/// What a rehearsal encodes and names records under.
pub(crate) struct RehearsalKeys {
    pub(crate) project: ProjectName,
    pub(crate) linkage: LinkageKey,
    /// By party of the schema: what its node would keep to itself.
    pub(crate) secrets: Vec<Key32>,
}

impl RehearsalKeys {
    /// Keys made from `seed`.
    pub(crate) fn from_seed(schema: &LinkageSchema, seed: u64) -> anyhow::Result<Self> {
        let mut entropy = SeededEntropy::new(seed);
        let linkage = LinkageKey::new(Key32::generate(&mut entropy));
        // One for every party, whichever bring records now: a party's key must not depend on others.
        let parties = schema.party_indices();
        Ok(Self {
            project: "rehearsal".parse()?,
            linkage,
            secrets: parties.map(|_| Key32::generate(&mut entropy)).collect(),
        })
    }
}
