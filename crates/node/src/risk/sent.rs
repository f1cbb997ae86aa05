//! Which rows of the records that are measured leave, by what an outbox holds: all while the matcher's answer is
//! not there, those that were chosen by it from then on.

use std::collections::HashMap;

use attack::report::Leaving;
use attack::{Disclosure, Registry};
use encode::EpochKeys;
use model::{BatchKind, BlockToken, Layout, LinkageSchema};
use records::NormalisedRecord;

use crate::disclose::{Disclosed, each_row};
use crate::error::NodeError;
use crate::open::Node;
use crate::outbox::Outbox;

/// The blocks of the records that are measured, and whether their rows are sent.
pub(super) struct Sent<'a> {
    schema: &'a LinkageSchema,
    keys: &'a EpochKeys,
    blocks: HashMap<BlockToken, bool>,
}

impl<'a> Sent<'a> {
    /// Looks up in the chosen rows of `outbox` which blocks of `registry` they are of.
    pub(super) fn of(
        node: &'a Node,
        outbox: &Outbox,
        keys: &'a EpochKeys,
        registry: &Registry,
    ) -> Result<Self, NodeError> {
        let schema = &node.schema;
        let decoys = registry.decoys().iter().map(|decoy| &decoy.record);
        let records = registry.records().iter().chain(decoys);
        let tokens = records.flat_map(|record| keys.block_tokens(schema, record));
        let tokens = tokens.flatten().map(|token| (token, false));
        let mut blocks: HashMap<BlockToken, bool> = tokens.collect();
        let path = node.home.batch(outbox.run, BatchKind::Encodings);
        let calibration = schema.calibration_pass();
        each_row(&path, Layout::of(schema).row_bytes, |row| {
            let is_ordinary = Some(row.pass()) != calibration;
            if let Some(sent) = blocks.get_mut(&row.token()).filter(|_| is_ordinary) {
                *sent = true;
            }
            Ok(())
        })?;
        Ok(Self {
            schema,
            keys,
            blocks,
        })
    }
}

impl Disclosure for Sent<'_> {
    /// Of a block that mistakes alone make, nobody was asked, neither parties nor a key server: it counts as sent.
    fn leaves(&self, record: &NormalisedRecord) -> Vec<bool> {
        let tokens = self.keys.block_tokens(self.schema, record);
        let sent = |token: &BlockToken| self.blocks.get(token).copied();
        let is_sent = |token: &Option<BlockToken>| token.as_ref().and_then(sent).unwrap_or(true);
        tokens.iter().map(is_sent).collect()
    }
}

/// What the report says of which rows leave.
pub(super) fn leaving(outbox: &Outbox, chosen: Option<Disclosed>) -> Leaving {
    match chosen {
        Some(Disclosed { made, sent, .. }) => Leaving::Some { made, sent },
        None if outbox.has_tokens() => Leaving::NotSettled,
        None => Leaving::All,
    }
}
