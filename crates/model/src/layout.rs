//! The layout of a row of encodings, and what is compared with what: both follow from the schema
//! alone, so nodes, matcher and resolver agree on every byte without telling each other.
//!
//! A row is `pass (1) | pass handle (16) | block token (16) | presence (8) | parts`. A part is one
//! signature; a slot is one similarity between a part of the left and a part of the right record; a
//! comparator makes one comparison level out of one or more slots.

use crate::id::{BlockToken, PassHandle, PassIndex};
use crate::profile::{Hardening, Profile};
use crate::schema::{FieldKind, LinkageSchema};

/// The most parts a row may have: presence is one bit a part.
pub const MAX_PARTS: usize = 64;
/// Bytes of a row before its parts.
pub const ROW_HEADER: usize = 1 + 16 + 16 + 8;

/// Which aspect of a field a part encodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PartRole {
    /// The whole value.
    Whole,
    /// A date's year, with its neighbours.
    Year,
    /// A date's month.
    Month,
    /// A date's day of the month.
    Day,
    /// All fields of the record together (a CLK).
    Record,
}

/// One signature of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// The schema's field it comes from (0 for [`PartRole::Record`]).
    pub field: usize,
    /// Which aspect of it.
    pub role: PartRole,
    /// Parts with the same namespace share a key, so that they can be compared crosswise.
    pub namespace: u8,
    /// Bits, a multiple of 64.
    pub bits: u32,
    /// Where in the row it starts, in bytes.
    pub offset: usize,
}

impl Part {
    /// The bytes of the row the part takes up.
    #[inline]
    pub fn range(&self) -> std::ops::Range<usize> {
        self.offset..self.offset + self.bits as usize / 8
    }
}

/// One similarity: part `left` of one record against part `right` of the other. Where they differ
/// the similarity is crosswise and taken in both directions by two slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Index of the left record's part.
    pub left: usize,
    /// Index of the right record's part.
    pub right: usize,
}

/// What makes a comparison level out of slots. The numbers are indices of slots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparator {
    /// Given name and surname, straight and crosswise.
    Names {
        /// Given name against given name.
        given: usize,
        /// Surname against surname.
        surname: usize,
        /// The left given name against the right surname.
        given_surname: usize,
        /// The left surname against the right given name.
        surname_given: usize,
    },
    /// A date in parts.
    Date {
        /// The field.
        field: usize,
        /// Year against year.
        year: usize,
        /// Month against month.
        month: usize,
        /// Day against day.
        day: usize,
        /// The left month against the right day.
        month_day: usize,
        /// The left day against the right month.
        day_month: usize,
    },
    /// A place and the larger units it lies in, finest first.
    Within {
        /// The finest field.
        field: usize,
        /// One slot a unit.
        slots: Vec<usize>,
    },
    /// One field, compared as a whole.
    Whole {
        /// The field; meaningless for a whole-record encoding.
        field: usize,
        /// What the field holds.
        kind: FieldKind,
        /// Its slot.
        slot: usize,
    },
}

/// Everything about rows and comparisons that follows from a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The signatures of a row, in order.
    pub parts: Vec<Part>,
    /// The similarities of a pair, in order.
    pub slots: Vec<Slot>,
    /// What makes levels of them, in order.
    pub comparators: Vec<Comparator>,
    /// Bytes of a row.
    pub row_bytes: usize,
    /// How signatures were hardened, which decides how similarity is estimated.
    pub hardening: Hardening,
}

impl Layout {
    /// The layout that `schema` implies.
    pub fn of(schema: &LinkageSchema) -> Self {
        let mut builder = Builder::new(schema.profile);
        if schema.profile.is_whole_record() {
            builder.whole_record();
        } else {
            builder.fields(schema);
        }
        builder.finish()
    }

    /// Each slot's place when left and right change sides: its own for a straight slot, its
    /// counterpart's for a crosswise one.
    pub fn mirrored(&self) -> Vec<usize> {
        let mirror = |slot: &Slot| Slot {
            left: slot.right,
            right: slot.left,
        };
        let place = |slot| self.slots.iter().position(|other| *other == mirror(slot));
        self.slots
            .iter()
            .enumerate()
            .map(|(own, slot)| place(slot).unwrap_or(own))
            .collect()
    }
}

struct Builder {
    profile: Profile,
    parts: Vec<Part>,
    slots: Vec<Slot>,
    comparators: Vec<Comparator>,
    offset: usize,
}

impl Builder {
    fn new(profile: Profile) -> Self {
        let (parts, slots, comparators) = Default::default();
        Self {
            profile,
            parts,
            slots,
            comparators,
            offset: ROW_HEADER,
        }
    }

    fn whole_record(&mut self) {
        let slot = self.straight(0, PartRole::Record, 0, 1024);
        self.comparators.push(Comparator::Whole {
            field: 0,
            kind: FieldKind::FullName,
            slot,
        });
    }

    fn fields(&mut self, schema: &LinkageSchema) {
        let names = (
            schema.first_of(FieldKind::GivenName),
            schema.first_of(FieldKind::Surname),
        );
        if let (Some(given), Some(surname)) = names {
            self.names(given, surname);
        }
        let mut covered: Vec<usize> = Vec::new();
        for (index, field) in schema.fields.iter().enumerate() {
            let in_names = matches!(names, (Some(g), Some(s)) if index == g || index == s);
            if in_names || covered.contains(&index) {
                continue;
            }
            match field.kind {
                FieldKind::Date => self.date(index),
                _ if field.within.is_some() => self.within(schema, index, &mut covered),
                kind => {
                    let slot = self.straight(index, PartRole::Whole, index as u8, self.bits(kind));
                    self.comparators.push(Comparator::Whole {
                        field: index,
                        kind,
                        slot,
                    });
                }
            }
        }
    }

    fn names(&mut self, given: usize, surname: usize) {
        let bits = self.profile.part_bits(true);
        let left = self.part(given, PartRole::Whole, given as u8, bits);
        let right = self.part(surname, PartRole::Whole, given as u8, bits);
        let comparator = Comparator::Names {
            given: self.slot(left, left),
            surname: self.slot(right, right),
            given_surname: self.slot(left, right),
            surname_given: self.slot(right, left),
        };
        self.comparators.push(comparator);
    }

    fn date(&mut self, field: usize) {
        let namespace = field as u8;
        let narrow = self.profile.part_bits(false);
        let year = self.straight(
            field,
            PartRole::Year,
            namespace,
            self.profile.part_bits(true),
        );
        // Month and day share a key of their own, apart from the year's.
        let shared = namespace | 0x80;
        let month = self.part(field, PartRole::Month, shared, narrow);
        let day = self.part(field, PartRole::Day, shared, narrow);
        let comparator = Comparator::Date {
            field,
            year,
            month: self.slot(month, month),
            day: self.slot(day, day),
            month_day: self.slot(month, day),
            day_month: self.slot(day, month),
        };
        self.comparators.push(comparator);
    }

    fn within(&mut self, schema: &LinkageSchema, finest: usize, covered: &mut Vec<usize>) {
        let mut slots = Vec::new();
        let mut next = Some(finest);
        while let Some(index) = next {
            let field = &schema.fields[index];
            slots.push(self.straight(index, PartRole::Whole, index as u8, self.bits(field.kind)));
            covered.push(index);
            next = field.within.filter(|outer| !covered.contains(outer));
        }
        self.comparators.push(Comparator::Within {
            field: finest,
            slots,
        });
    }

    fn bits(&self, kind: FieldKind) -> u32 {
        self.profile.part_bits(kind.is_wide())
    }

    fn straight(&mut self, field: usize, role: PartRole, namespace: u8, bits: u32) -> usize {
        let part = self.part(field, role, namespace, bits);
        self.slot(part, part)
    }

    fn part(&mut self, field: usize, role: PartRole, namespace: u8, bits: u32) -> usize {
        self.parts.push(Part {
            field,
            role,
            namespace,
            bits,
            offset: self.offset,
        });
        self.offset += bits as usize / 8;
        self.parts.len() - 1
    }

    fn slot(&mut self, left: usize, right: usize) -> usize {
        self.slots.push(Slot { left, right });
        self.slots.len() - 1
    }

    fn finish(self) -> Layout {
        Layout {
            parts: self.parts,
            slots: self.slots,
            comparators: self.comparators,
            row_bytes: self.offset,
            hardening: self.profile.hardening(),
        }
    }
}

/// A view of one row.
#[derive(Clone, Copy)]
pub struct Row<'a>(&'a [u8]);

impl<'a> Row<'a> {
    /// Views `bytes`, which must be one whole row of the layout.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> Self {
        debug_assert!(bytes.len() >= ROW_HEADER);
        Self(bytes)
    }

    /// The blocking pass the row is for.
    #[inline]
    pub fn pass(self) -> PassIndex {
        PassIndex(self.0[0])
    }

    /// The row's handle.
    #[inline]
    pub fn handle(self) -> PassHandle {
        PassHandle::new(sixteen(&self.0[1..17]))
    }

    /// The block the row is in.
    #[inline]
    pub fn token(self) -> BlockToken {
        BlockToken::new(sixteen(&self.0[17..33]))
    }

    /// Which parts are present, by bit.
    #[inline]
    pub fn presence(self) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[33..41]);
        u64::from_le_bytes(bytes)
    }

    /// The whole row.
    #[inline]
    pub fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// The signature of `part`.
    #[inline]
    pub fn signature(self, part: &Part) -> &'a [u8] {
        &self.0[part.range()]
    }
}

/// Writes a row's header into `row`.
#[inline]
pub fn write_header(
    row: &mut [u8],
    pass: PassIndex,
    handle: PassHandle,
    token: BlockToken,
    presence: u64,
) {
    row[0] = pass.0;
    row[1..17].copy_from_slice(handle.as_bytes());
    row[17..33].copy_from_slice(token.as_bytes());
    row[33..41].copy_from_slice(&presence.to_le_bytes());
}

/// Changes which parts `row` shows as present.
pub fn set_presence(row: &mut [u8], presence: u64) {
    row[33..41].copy_from_slice(&presence.to_le_bytes());
}

#[inline]
fn sixteen(bytes: &[u8]) -> [u8; 16] {
    let mut out = [0; 16];
    out.copy_from_slice(bytes);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEMA: &str = r#"
format = 1
name = "s"
revision = 1
profile = "standard"
latest_year = 2025
field = [
  { name = "given", kind = "given-name" },
  { name = "surname", kind = "surname" },
  { name = "born", kind = "date" },
  { name = "sex", kind = "sex" },
  { name = "locality", kind = "place", within = "district" },
  { name = "district", kind = "code" },
]
pass = [{ name = "born", block = ["born"] }]
[[party]]
name = "a"
title = "A"
duplicates = false
record_id = "id"
map = { given = { columns = ["g"] } }
"#;

    #[test]
    fn parts_fill_the_row_without_gap_or_overlap() {
        let layout = Layout::of(&LinkageSchema::parse(SCHEMA).unwrap());
        let mut next = ROW_HEADER;
        for part in &layout.parts {
            assert_eq!(part.offset, next);
            assert_eq!(part.bits % 64, 0);
            next = part.range().end;
        }
        assert_eq!(next, layout.row_bytes);
    }

    #[test]
    fn crosswise_slots_share_a_namespace() {
        let layout = Layout::of(&LinkageSchema::parse(SCHEMA).unwrap());
        for slot in &layout.slots {
            assert_eq!(
                layout.parts[slot.left].namespace,
                layout.parts[slot.right].namespace
            );
            assert_eq!(layout.parts[slot.left].bits, layout.parts[slot.right].bits);
        }
        assert_eq!(layout.comparators.len(), 4);
    }

    #[test]
    fn a_whole_record_is_one_part() {
        let text = SCHEMA.replace("standard", "record-clk");
        let layout = Layout::of(&LinkageSchema::parse(&text).unwrap());
        assert_eq!(layout.parts.len(), 1);
        assert_eq!(layout.row_bytes, ROW_HEADER + 128);
    }

    #[test]
    fn header_reads_back() {
        let mut row = [0; ROW_HEADER];
        let (handle, token) = (PassHandle::new([1; 16]), BlockToken::new([2; 16]));
        write_header(&mut row, PassIndex(3), handle, token, 5);
        let row = Row::new(&row);
        assert_eq!(
            (row.pass(), row.handle(), row.token(), row.presence()),
            (PassIndex(3), handle, token, 5)
        );
    }
}
