//! The node's own records of the pairs, read again from the registry's file: only the columns the
//! schema maps, and only while somebody looks.

use std::collections::HashSet;
use std::path::Path;

use records::{ColumnPlan, LocalKey, RawField, RawRecord};
use sources::CsvFile;

use super::ReviewItem;
use crate::error::NodeError;
use crate::open::Node;

/// Records read at once.
const CHUNK_RECORDS: usize = 16_384;

/// Records of the registry, wiped when dropped.
pub struct OwnRecords {
    columns: Vec<String>,
    records: Vec<RawRecord>,
}

impl OwnRecords {
    /// The columns and values of the record with this key; none where the registry no longer has
    /// it.
    #[expect(
        clippy::disallowed_methods,
        reason = "the registry's own key finds the registry's own record"
    )]
    pub fn of(&self, key: &LocalKey) -> Option<impl Iterator<Item = (&str, &RawField)>> {
        let is_it = |record: &&RawRecord| record.key.expose() == key.expose();
        let record = self.records.iter().find(is_it)?;
        let columns = self.columns.iter().map(String::as_str);
        Some(columns.zip(&record.fields))
    }
}

impl Node {
    /// Reads the own records of `items` from the registry in the CSV file `input`.
    ///
    /// # Errors
    /// [`NodeError`] when the file cannot be trusted, and where.
    #[expect(
        clippy::disallowed_methods,
        reason = "the registry's own keys find the registry's own records"
    )]
    pub fn own_records<'a>(
        &self,
        input: &Path,
        items: impl Iterator<Item = &'a ReviewItem>,
    ) -> Result<OwnRecords, NodeError> {
        let wanted: HashSet<&str> = items
            .flat_map(ReviewItem::records)
            .map(LocalKey::expose)
            .collect();
        let plan = ColumnPlan::of(&self.schema, self.party);
        let mut file = CsvFile::open(input, &plan)?;
        let mut found = OwnRecords {
            columns: plan.columns().to_vec(),
            records: Vec::new(),
        };
        loop {
            let chunk = file.next_chunk(CHUNK_RECORDS)?;
            if chunk.is_empty() {
                return Ok(found);
            }
            let own = chunk
                .into_iter()
                .filter(|record| wanted.contains(record.key.expose()));
            found.records.extend(own);
        }
    }
}
