//! One record to its rows: a sketch once, then signatures for every block it is in.

use std::sync::{Mutex, PoisonError};

use bits::columns::{COLUMNS, Columns, flip};
use model::layout::write_header;
use model::profile::{FilterShape, Hardening};
use model::{BlockToken, Layout, LinkageSchema, PassHandle, PassIndex};
use records::NormalisedRecord;
use secret::cipher::{BLOCK_BYTES, Block};
use secret::expander;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::block::Forms;
use crate::calibration::{CalibrationRow, Rank};
use crate::filter::{FILTER_KEY_BYTES, FilterKey};
use crate::keys::{EpochKeys, NodeKeys};
use crate::lines::Lines;
use crate::noise::{FlipTable, MARKS};
use crate::signature::Strings;
use crate::sketch::{Sketch, pad};

/// Encodes records of one party for one run.
pub(crate) struct Encoder<'a> {
    schema: &'a LinkageSchema,
    layout: &'a Layout,
    epoch: &'a EpochKeys,
    node: &'a NodeKeys,
    form: Form,
}

/// What parts of a record become.
enum Form {
    /// Signatures, other ones in every block.
    Signatures(FlipTable),
    /// Bloom filters, the same in all blocks, under a key a namespace.
    Filters(FilterShape, Vec<(u8, FilterKey)>),
}

/// The random stand-ins of one record at its own node.
#[derive(ZeroizeOnDrop)]
pub(crate) struct RecordIds {
    /// What its pass handles derive from, in this run.
    pub(crate) passes: Block,
    /// What its noise derives from, in this epoch.
    pub(crate) noise: Block,
}

/// The memory that one record after the other is encoded in. Wiped on drop.
#[derive(Default, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Desk {
    sketch: Sketch,
    /// The filters of the record, where filters it has.
    filters: Vec<u8>,
    pub(crate) blocks: Blocks,
    strings: Lines<Block>,
    flips: Lines<Block>,
    /// Which columns are flipped, as the signatures lie.
    marks: Lines<u8>,
    signatures: Vec<Columns>,
}

/// Desks that wait for who encodes next, so that their memory is not given back and taken anew.
#[derive(Default)]
pub(crate) struct Desks(Mutex<Vec<Desk>>);

/// A desk in use. It goes back on drop.
pub(crate) struct AtDesk<'a> {
    desks: &'a Desks,
    desk: Desk,
}

impl Desks {
    /// A desk that waits, or another.
    pub(crate) fn take(&self) -> AtDesk<'_> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        AtDesk {
            desks: self,
            desk: waiting.pop().unwrap_or_default(),
        }
    }
}

impl AtDesk<'_> {
    /// The desk.
    pub(crate) fn desk(&mut self) -> &mut Desk {
        &mut self.desk
    }
}

impl Drop for AtDesk<'_> {
    fn drop(&mut self) {
        let mut waiting = self.desks.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.push(std::mem::take(&mut self.desk));
    }
}

/// The blocks a record is in, one a row.
#[derive(Default, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Blocks {
    #[zeroize(skip)]
    pub(crate) passes: Vec<PassIndex>,
    pub(crate) tokens: Vec<Block>,
    /// The masks that the blocks' random bytes come under.
    pub(crate) masks: Vec<Block>,
    handles: Vec<Block>,
    /// The masks that the rows' noise comes under.
    noise: Vec<Block>,
}

impl Blocks {
    pub(crate) fn clear(&mut self) {
        self.passes.clear();
        self.tokens.clear();
        self.masks.clear();
    }

    /// Takes in a block by what it is known by: a half that is told and a secret one.
    fn push(&mut self, pass: PassIndex, seed: &[u8; 32]) {
        let (token, mask) = seed.split_at(BLOCK_BYTES);
        self.passes.push(pass);
        for (blocks, half) in [(&mut self.tokens, token), (&mut self.masks, mask)] {
            blocks.push(std::array::from_fn(|at| half[at]));
        }
    }

    /// Works out what each row's handle and noise come from.
    fn finish(&mut self, node: &NodeKeys, ids: &RecordIds) {
        pad(&mut self.tokens);
        for (cipher, mask, images) in [
            (&node.handles, &ids.passes, &mut self.handles),
            (&node.flip_masks, &ids.noise, &mut self.noise),
        ] {
            images.resize(self.tokens.len(), Block::default());
            cipher.images(mask, &self.tokens, images);
        }
    }
}

impl<'a> Encoder<'a> {
    pub(crate) fn new(
        schema: &'a LinkageSchema,
        layout: &'a Layout,
        epoch: &'a EpochKeys,
        node: &'a NodeKeys,
    ) -> Self {
        let form = match layout.hardening {
            Hardening::MinHash { flip_permille } => Form::Signatures(FlipTable::new(flip_permille)),
            Hardening::Plain(shape) => Form::Filters(shape, filter_keys(layout, epoch)),
        };
        Self {
            schema,
            layout,
            epoch,
            node,
            form,
        }
    }

    /// Appends the rows of `record` to `rows`, and their handles to `handles`. Of a record that has any, there is one
    /// more for calibration if it is given a rank, unless the profile needs none.
    pub(crate) fn encode(
        &self,
        record: &NormalisedRecord,
        ids: &RecordIds,
        rank: Option<Rank>,
        desk: &mut Desk,
        rows: &mut Vec<u8>,
        handles: &mut Vec<PassHandle>,
    ) -> Option<CalibrationRow> {
        self.find_blocks(record, &mut desk.blocks);
        let rank = rank.filter(|_| !desk.blocks.passes.is_empty());
        self.encode_in_blocks(record, ids, rank, desk, rows, handles)
    }

    /// The same, of the rows for the blocks that are on the desk; and a row for calibration if it is given a rank.
    pub(crate) fn encode_in_blocks(
        &self,
        record: &NormalisedRecord,
        ids: &RecordIds,
        rank: Option<Rank>,
        desk: &mut Desk,
        rows: &mut Vec<u8>,
        handles: &mut Vec<PassHandle>,
    ) -> Option<CalibrationRow> {
        let bucket = rank.zip(self.schema.calibration_pass());
        if let Some((rank, pass)) = bucket
            && let Some(seed) = self.epoch.seed(pass, &rank.bucket(), record)
        {
            desk.blocks.push(pass, &Zeroizing::new(seed));
        }
        let count = desk.blocks.passes.len();
        if count == 0 {
            return None;
        }
        self.lay_out(record, desk);
        desk.blocks.finish(self.node, ids);
        let start = rows.len();
        rows.resize(start + count * self.layout.row_bytes, 0);
        let written = rows[start..].chunks_exact_mut(self.layout.row_bytes);
        handles.extend(
            written
                .enumerate()
                .map(|(place, row)| self.row(place, desk, row)),
        );
        let calibrates = desk.blocks.passes.last().copied() == self.schema.calibration_pass();
        let rank = rank.filter(|_| calibrates)?;
        let row = rows.split_off(rows.len() - self.layout.row_bytes);
        let handle = handles.pop()?;
        Some(CalibrationRow { rank, row, handle })
    }

    /// Whether all that `record` takes of a key server is there.
    pub(crate) fn has_outputs(&self, record: &NormalisedRecord) -> bool {
        self.epoch.has_outputs(record)
    }

    /// Bytes of a row.
    pub(crate) fn row_bytes(&self) -> usize {
        self.layout.row_bytes
    }

    /// Finds the blocks of `record`.
    pub(crate) fn find_blocks(&self, record: &NormalisedRecord, blocks: &mut Blocks) {
        blocks.clear();
        let mut forms = Forms::of(record);
        for pass in self.schema.pass_indices() {
            forms.for_each(&self.schema.passes[pass.index()], |value| {
                if let Some(seed) = self.epoch.seed(pass, value, record) {
                    blocks.push(pass, &Zeroizing::new(seed));
                }
            });
        }
    }

    /// Prepares what all rows of `record` share.
    fn lay_out(&self, record: &NormalisedRecord, desk: &mut Desk) {
        desk.sketch.read(self.layout, self.epoch, record);
        match &self.form {
            Form::Signatures(flips) => {
                desk.sketch.sample(self.layout, flips);
                desk.strings.room(desk.sketch.asked.all().len());
                desk.flips.room(desk.sketch.asked_noise.all().len());
                (desk.marks).room(desk.sketch.parts.len() * COLUMNS + MARKS - COLUMNS);
                (desk.signatures).resize(desk.sketch.parts.len(), Columns::default());
            }
            Form::Filters(shape, keys) => self.lay_out_filters(*shape, keys, desk),
        }
    }

    fn lay_out_filters(&self, shape: FilterShape, keys: &[(u8, FilterKey)], desk: &mut Desk) {
        desk.filters.clear();
        desk.filters.resize(self.layout.row_bytes, 0);
        for part in &desk.sketch.parts {
            let of = &self.layout.parts[part.part];
            let filter = &mut desk.filters[of.range()];
            let key = keys
                .iter()
                .find(|(namespace, _)| *namespace == of.namespace);
            for (token, (_, key)) in part.tokens.clone().zip(key.into_iter().cycle()) {
                key.insert(&desk.sketch.digests[token], shape, filter);
            }
        }
    }

    /// Writes the row of the record on the desk for its block at `place`.
    fn row(&self, place: usize, desk: &mut Desk, row: &mut [u8]) -> PassHandle {
        match &self.form {
            Form::Signatures(flips) => self.signatures(flips, place, desk, row),
            Form::Filters(..) => row.copy_from_slice(&desk.filters),
        }
        let blocks = &desk.blocks;
        let handle = PassHandle::new(blocks.handles[place]);
        let token = BlockToken::new(blocks.tokens[place]);
        write_header(
            row,
            blocks.passes[place],
            handle,
            token,
            desk.sketch.presence,
        );
        handle
    }

    /// Writes the signatures of all present parts into `row`.
    fn signatures(&self, table: &FlipTable, place: usize, desk: &mut Desk, row: &mut [u8]) {
        let (sketch, blocks) = (&desk.sketch, &desk.blocks);
        let (cipher, noise) = (&self.node.flips, &blocks.noise[place]);
        let (asked, strings) = (sketch.asked.all(), desk.strings.all_mut());
        (self.epoch.blocks).images(&blocks.masks[place], asked, strings);
        cipher.images(noise, sketch.asked_noise.all(), desk.flips.all_mut());
        let (strings, flips) = (Strings::read(desk.strings.all()), desk.flips.all());
        let signatures = &mut desk.signatures;
        strings.signatures(&sketch.ends, sketch.won(), signatures);
        let marks = desk.marks.all_mut();
        for (number, part) in sketch.parts.iter().enumerate() {
            let bits = self.layout.parts[part.part].bits as usize;
            let ready = &flips[part.noise_blocks.clone()];
            // What follows the last column are the next parts' marks, which are not written yet.
            if let Some(marks) = marks[number * COLUMNS..].first_chunk_mut() {
                (part.noise).mark(table, bits, ready, (cipher, noise), marks);
            }
        }
        flip(marks.as_chunks().0, signatures);
        for (part, signature) in sketch.parts.iter().zip(signatures) {
            let of = &self.layout.parts[part.part];
            let words = row[of.range()].as_chunks_mut().0.iter_mut().zip(signature);
            words.for_each(|(out, word)| *out = word.to_le_bytes());
        }
        if self.schema.profile.hides_patterns_below().is_some() {
            self.fill(sketch.presence, noise, row);
        }
    }

    /// Fills missing parts in with random bits, in case the row is to show them.
    fn fill(&self, presence: u64, noise: &Block, row: &mut [u8]) {
        for (part, of) in self.layout.parts.iter().enumerate() {
            if presence >> part & 1 == 1 {
                continue;
            }
            for (number, out) in row[of.range()].chunks_mut(BLOCK_BYTES).enumerate() {
                let mut asked = Block::default();
                (asked[0], asked[1]) = (part as u8, number as u8);
                let image = self.node.fill.image(noise, &asked);
                out.copy_from_slice(&image[..out.len()]);
            }
        }
    }
}

/// The filter keys of all namespaces, the same in all blocks of the epoch.
fn filter_keys(layout: &Layout, epoch: &EpochKeys) -> Vec<(u8, FilterKey)> {
    let mut namespaces: Vec<u8> = layout.parts.iter().map(|part| part.namespace).collect();
    namespaces.sort_unstable();
    namespaces.dedup();
    let seed = Zeroizing::new(epoch.unblocked.tag(&[b"filter keys"]));
    let mut material = Zeroizing::new(vec![0; FILTER_KEY_BYTES * namespaces.len()]);
    expander(&seed).fill(b"filter keys", &mut material);
    let keys = material.chunks_exact(FILTER_KEY_BYTES).map(FilterKey::read);
    namespaces.into_iter().zip(keys).collect()
}
