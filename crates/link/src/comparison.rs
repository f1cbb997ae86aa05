//! What the matcher tells the resolver about a pair of rows: their handles and one grade a slot.
//!
//! A row of comparisons is `pass (1) | left party (1) | right party (1) | left handle (16) | right
//! handle (16) | grades`. A grade is the estimated Dice similarity in steps of 1/20, or [`MISSING`].

use model::{Layout, PartyIndex, PassHandle, PassIndex};

/// The grade of a slot that one of the rows has no value for.
pub const MISSING: u8 = u8::MAX;
/// The grade of equal values.
pub const GRADES: u8 = 20;
/// Bytes before the grades.
const HEADER: usize = 3 + 16 + 16;

/// How rows of comparisons are laid out under a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ComparisonLayout {
    slots: usize,
}

/// One compared pair of rows.
#[derive(Clone, Copy)]
pub struct Comparison<'a>(&'a [u8]);

impl ComparisonLayout {
    /// The layout for comparisons of rows laid out by `layout`.
    pub fn of(layout: &Layout) -> Self {
        Self {
            slots: layout.slots.len(),
        }
    }

    /// Bytes of one comparison.
    pub fn row_bytes(self) -> usize {
        HEADER + self.slots
    }

    /// Grades of one comparison.
    pub fn slots(self) -> usize {
        self.slots
    }

    /// The comparisons in `bytes`, which must be whole rows.
    pub fn iter(self, bytes: &[u8]) -> impl Iterator<Item = Comparison<'_>> {
        bytes.chunks_exact(self.row_bytes()).map(Comparison)
    }
}

/// Writes a comparison's header.
pub(crate) fn push_header(
    out: &mut Vec<u8>,
    pass: PassIndex,
    left: (PartyIndex, PassHandle),
    right: (PartyIndex, PassHandle),
) {
    out.extend_from_slice(&[pass.0, left.0.0, right.0.0]);
    out.extend_from_slice(left.1.as_bytes());
    out.extend_from_slice(right.1.as_bytes());
}

impl<'a> Comparison<'a> {
    /// The pass in which the rows met.
    pub fn pass(self) -> PassIndex {
        PassIndex(self.0[0])
    }

    /// The left row: whose, and its handle.
    pub fn left(self) -> (PartyIndex, PassHandle) {
        (PartyIndex(self.0[1]), handle(&self.0[3..19]))
    }

    /// The right row: whose, and its handle.
    pub fn right(self) -> (PartyIndex, PassHandle) {
        (PartyIndex(self.0[2]), handle(&self.0[19..35]))
    }

    /// One grade a slot.
    pub fn grades(self) -> &'a [u8] {
        &self.0[HEADER..]
    }
}

fn handle(bytes: &[u8]) -> PassHandle {
    let mut handle = [0; 16];
    handle.copy_from_slice(bytes);
    PassHandle::new(handle)
}
