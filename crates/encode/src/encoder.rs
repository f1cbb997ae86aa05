//! One record to its rows: tokens digested once, then signatures for every block it is in.

use model::layout::{PartRole, write_header};
use model::profile::{Hardening, Profile};
use model::{BlockToken, Layout, LinkageSchema, PassHandle, PassIndex, RecordHandle};
use records::NormalisedRecord;
use secret::expander;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::block;
use crate::calibration::{CalibrationRow, Rank};
use crate::filter::{FILTER_KEY_BYTES, FilterKey, TokenDigest, settle};
use crate::keys::{EpochKeys, NodeKeys};
use crate::noise::{FlipTable, NoiseKey};
use crate::signature::{flip, plain};
use crate::token;

/// Encodes records of one party for one run.
pub(crate) struct Encoder<'a> {
    schema: &'a LinkageSchema,
    layout: &'a Layout,
    epoch: &'a EpochKeys,
    node: &'a NodeKeys,
    flips: Option<FlipTable>,
    /// The namespaces in use; a filter key's place is its namespace's place here.
    namespaces: Vec<u8>,
}

/// The random stand-ins of one record at its own node.
#[derive(ZeroizeOnDrop)]
pub(crate) struct RecordIds {
    /// The record towards the resolver, in this run.
    #[zeroize(skip)]
    pub(crate) handle: RecordHandle,
    /// What the record's noise derives from, in this epoch.
    pub(crate) noise: [u8; 16],
}

/// The token digests of a record, by part; empty where the part is missing.
struct Digests(Vec<Vec<TokenDigest>>);

impl Digests {
    /// Which parts are there, one bit each.
    fn presence(&self) -> u64 {
        let bits = self.0.iter().enumerate();
        bits.fold(0, |presence, (part, digests)| {
            presence | u64::from(!digests.is_empty()) << part
        })
    }
}

impl Drop for Digests {
    fn drop(&mut self) {
        self.0.iter_mut().flatten().for_each(Zeroize::zeroize);
    }
}

impl<'a> Encoder<'a> {
    pub(crate) fn new(
        schema: &'a LinkageSchema,
        layout: &'a Layout,
        epoch: &'a EpochKeys,
        node: &'a NodeKeys,
    ) -> Self {
        let flips = match layout.hardening {
            Hardening::MinHash { flip_permille } => Some(FlipTable::new(flip_permille)),
            Hardening::Plain => None,
        };
        let mut namespaces: Vec<u8> = layout.parts.iter().map(|part| part.namespace).collect();
        namespaces.sort_unstable();
        namespaces.dedup();
        Self {
            schema,
            layout,
            epoch,
            node,
            flips,
            namespaces,
        }
    }

    fn profile(&self) -> Profile {
        self.schema.profile
    }

    /// Appends the rows of `record` to `rows`, and their handles to `handles`.
    pub(crate) fn encode(
        &self,
        record: &NormalisedRecord,
        ids: &RecordIds,
        rows: &mut Vec<u8>,
        handles: &mut Vec<PassHandle>,
    ) {
        let digests = self.digests(record);
        let presence = digests.presence();
        for pass in self.schema.pass_indices() {
            for value in block::values(&self.schema.passes[pass.index()], record) {
                let start = rows.len();
                rows.resize(start + self.layout.row_bytes, 0);
                handles.push(self.row(pass, &value, ids, presence, &digests, &mut rows[start..]));
            }
        }
    }

    /// The calibration row of `record`; none under a profile that needs no calibration.
    pub(crate) fn calibration_row(
        &self,
        record: &NormalisedRecord,
        ids: &RecordIds,
        rank: Rank,
    ) -> Option<CalibrationRow> {
        let pass = self.schema.calibration_pass()?;
        let digests = self.digests(record);
        let mut row = vec![0; self.layout.row_bytes];
        let presence = digests.presence();
        let handle = self.row(pass, &rank.bucket(), ids, presence, &digests, &mut row);
        Some(CalibrationRow { rank, row, handle })
    }

    fn digests(&self, record: &NormalisedRecord) -> Digests {
        let parts = self.layout.parts.iter().map(|part| match part.role {
            PartRole::Record => (0..record.values.len())
                .flat_map(|field| self.part_digests(record, field, part.role, field))
                .collect(),
            role => self.part_digests(record, part.field, role, usize::from(part.namespace & 0x7f)),
        });
        Digests(parts.collect())
    }

    fn part_digests(
        &self,
        record: &NormalisedRecord,
        field: usize,
        role: PartRole,
        namespace: usize,
    ) -> Vec<TokenDigest> {
        let mut digests = Vec::new();
        if let Some(value) = &record.values[field] {
            token::for_each(value, role, &mut |token| {
                digests.push(self.epoch.tokens[namespace].tag16(&[token]));
            });
        }
        digests
    }

    fn row(
        &self,
        pass: PassIndex,
        value: &[u8],
        ids: &RecordIds,
        presence: u64,
        digests: &Digests,
        row: &mut [u8],
    ) -> PassHandle {
        let seed = Zeroizing::new(self.epoch.passes[pass.index()].tag(&[value]));
        let block = expander(&seed);
        let mut token = [0; 16];
        block.fill(b"block token", &mut token);
        let keys = self.filter_keys(&seed);
        let handle =
            PassHandle::new(
                self.node
                    .pass
                    .tag16(&[ids.handle.as_bytes(), &[pass.0], &token]),
            );
        write_header(row, pass, handle, BlockToken::new(token), presence);
        let noise = NoiseKey::new(self.node.noise.tag16(&[&ids.noise, &token]));
        self.signatures(&keys, &noise, digests, row);
        handle
    }

    /// Writes the signatures of all present parts into `row`.
    fn signatures(&self, keys: &[FilterKey], noise: &NoiseKey, digests: &Digests, row: &mut [u8]) {
        let mut filter = Zeroizing::new(Vec::with_capacity(128));
        for (index, (part, digests)) in self.layout.parts.iter().zip(&digests.0).enumerate() {
            if digests.is_empty() {
                continue;
            }
            let key = &keys[self.key_index(part.namespace)];
            filter.clear();
            digests
                .iter()
                .for_each(|token| key.insert(token, self.profile().filter(), &mut filter));
            settle(&mut filter);
            let signature = &mut row[part.range()];
            match &self.flips {
                Some(table) => {
                    bits::minhash(&filter, signature);
                    flip(signature, &mut noise.of_part(table, index, &filter));
                }
                None => plain(&filter, signature),
            }
        }
    }

    /// The filter keys of all namespaces: of this block, or of the whole epoch for profiles that
    /// keep blocks comparable.
    fn filter_keys(&self, seed: &[u8; 32]) -> Vec<FilterKey> {
        let seed = if self.profile().is_block_keyed() {
            Zeroizing::new(*seed)
        } else {
            Zeroizing::new(self.epoch.unblocked.tag(&[b"filter keys"]))
        };
        let mut material = Zeroizing::new(vec![0; FILTER_KEY_BYTES * self.namespaces.len()]);
        expander(&seed).fill(b"filter keys", &mut material);
        material
            .chunks_exact(FILTER_KEY_BYTES)
            .map(FilterKey::read)
            .collect()
    }

    fn key_index(&self, namespace: u8) -> usize {
        // Every part's namespace is in the list, by construction.
        self.namespaces.partition_point(|known| *known < namespace)
    }
}
