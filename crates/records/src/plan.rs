//! Which columns of a registry are read, and which field needs which of them.

use model::PartyIndex;
use model::schema::{FieldSource, LinkageSchema};

/// The columns to read from one party's registry: only those the schema maps, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnPlan {
    columns: Vec<String>,
    record_id: String,
}

impl ColumnPlan {
    /// The plan for `party` under `schema`.
    pub fn of(schema: &LinkageSchema, party: PartyIndex) -> Self {
        let party = schema.party(party);
        let mut columns: Vec<String> = Vec::new();
        let events = party.events.iter().map(|events| events.column.as_str());
        let fields = party.sources.iter().flatten().flat_map(source_columns);
        let wanted = fields.chain(events);
        for column in wanted {
            if !columns.iter().any(|known| known == column) {
                columns.push(column.to_owned());
            }
        }
        Self {
            columns,
            record_id: party.record_id.clone(),
        }
    }

    /// The columns to read, in the order a [`crate::RawRecord`] holds them.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The column with the local key.
    pub fn record_id(&self) -> &str {
        &self.record_id
    }

    /// The place of `column` among [`Self::columns`].
    pub(crate) fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|known| known == column)
    }
}

fn source_columns(source: &FieldSource) -> impl Iterator<Item = &str> {
    let age = source
        .age
        .iter()
        .flat_map(|age| [age.column.as_str(), age.at.as_str()]);
    source.columns.iter().map(String::as_str).chain(age)
}
