//! Symbolon's own linkage schemas.

use model::layout::ROW_HEADER;
use model::{Layout, LinkageSchema, PartyIndex};
use records::ColumnPlan;

/// A linkage schema: what is taken has a layout and columns for each party, and one digest.
pub fn schemas(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    let Ok(schema) = LinkageSchema::parse(text) else {
        return false;
    };
    let layout = Layout::of(&schema);
    assert!(layout.row_bytes >= ROW_HEADER);
    for party in 0..schema.parties.len() {
        ColumnPlan::of(&schema, PartyIndex(party as u8));
    }
    let again = LinkageSchema::parse(&format!("# a comment\n{text}"));
    assert!(again.is_err() || again.unwrap().digest() == schema.digest());
    true
}
