//! Registries encoded as nodes do it, for tests and benches of what comes after.

use std::path::Path;

use encode::{HandleEntry, LinkageKey, NodeKeys, PrepareError, Preparer, SortedRows};
use link::RecordSet;
use model::{Epoch, Layout, LinkageSchema, PartyIndex, ProjectName, RunNumber};
use records::ColumnPlan;
use secret::Key32;
use sources::{CsvFile, SourceError};

/// Records read and encoded at once.
const CHUNK: usize = 4096;

/// Why registries were not encoded.
#[derive(Debug, thiserror::Error)]
pub enum EncodedError {
    /// A file cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Its records cannot be prepared.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
}

/// One party's records, encoded.
pub struct EncodedParty {
    /// Whose.
    pub party: PartyIndex,
    /// The rows, ordered by their handles.
    pub rows: SortedRows,
    /// Whose each row is.
    pub handles: Vec<HandleEntry>,
}

impl EncodedParty {
    /// The handle map as the resolver has it.
    pub fn set(&self) -> RecordSet {
        let handles = self.handles.iter().map(|entry| (entry.pass, entry.record));
        RecordSet::of(self.party, handles)
    }
}

/// Encodes the registries of a schema's parties, each from the file in `dir` that is called like the party, under
/// keys of `project` made from `seed`.
///
/// # Errors
/// [`EncodedError`].
pub fn encode_registries(
    schema: &LinkageSchema,
    layout: &Layout,
    dir: &Path,
    project: &ProjectName,
    seed: u8,
) -> Result<Vec<EncodedParty>, EncodedError> {
    let key = |own: u8| Key32::from_bytes(&mut [seed.wrapping_add(own); 32]);
    let epoch = LinkageKey::new(key(0)).epoch(project, Epoch(1), schema);
    let encode = |party: PartyIndex| {
        let node = NodeKeys::derive(&key(party.0 + 1), project, Epoch(1), RunNumber(1));
        let plan = ColumnPlan::of(schema, party);
        let mut preparer = Preparer::new(schema, layout, party, &plan, &epoch, &node);
        let name = format!("{}.csv", schema.party(party).name);
        let mut source = CsvFile::open(&dir.join(name), &plan)?;
        loop {
            let chunk = source.next_chunk(CHUNK)?;
            if chunk.is_empty() {
                break;
            }
            preparer.add(chunk)?;
        }
        let prepared = preparer.finish();
        Ok(EncodedParty {
            party,
            rows: prepared.rows,
            handles: prepared.handle_map,
        })
    };
    schema.party_indices().map(encode).collect()
}
