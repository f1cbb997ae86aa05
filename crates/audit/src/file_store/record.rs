//! The byte form of a log file: groups of entries that were made durable together.
//!
//! ```text
//! group = length:u32-LE check:[4] frame…        length counts the frames' bytes
//! frame = length:u32-LE check:[8] body[length]
//! ```
//!
//! The checks are the first bytes of SHA-256 over the number of the group's first entry and the
//! group's length, and over the entry's number, its length and its body. A group tells its length up
//! front, so that a torn end can be told from damage.

use std::ops::Range;

use sha2::{Digest as _, Sha256};

use crate::entry::MAX_ENTRY_BYTES;

/// Bytes before the frames of a group.
pub(super) const GROUP_HEAD_BYTES: usize = 8;

/// Bytes before the body of a frame.
pub(super) const FRAME_HEAD_BYTES: usize = 12;

/// The most bytes the frames of one group may take. One entry always fits.
pub(super) const MAX_FRAMES_BYTES: usize = 1 << 20;

const _: () = assert!(FRAME_HEAD_BYTES + MAX_ENTRY_BYTES <= MAX_FRAMES_BYTES);

/// A group being put together.
pub(super) struct Group {
    first: u64,
    bytes: Vec<u8>,
    bodies: Vec<Range<usize>>,
}

impl Group {
    /// An empty group, whose first entry will be number `first`.
    pub(super) fn new(first: u64) -> Self {
        Self {
            first,
            bytes: vec![0; GROUP_HEAD_BYTES],
            bodies: Vec::new(),
        }
    }

    /// Adds an entry, unless the group would be over its limit.
    pub(super) fn add(&mut self, body: &[u8]) -> bool {
        let frames = self.bytes.len() - GROUP_HEAD_BYTES;
        if frames + FRAME_HEAD_BYTES + body.len() > MAX_FRAMES_BYTES {
            return false;
        }
        let index = self.first + self.bodies.len() as u64;
        // An entry's limit is far below four gigabytes.
        let length = (body.len() as u32).to_le_bytes();
        self.bytes.extend_from_slice(&length);
        self.bytes
            .extend_from_slice(&frame_check(index, &length, body));
        let start = self.bytes.len();
        self.bytes.extend_from_slice(body);
        self.bodies.push(start..self.bytes.len());
        true
    }

    /// How many entries there are.
    pub(super) fn len(&self) -> usize {
        self.bodies.len()
    }

    /// The group's bytes, and where in them the bodies of its entries are.
    pub(super) fn finish(mut self) -> (Vec<u8>, Vec<Range<usize>>) {
        let frames = (self.bytes.len() - GROUP_HEAD_BYTES) as u32;
        let length = frames.to_le_bytes();
        self.bytes[..4].copy_from_slice(&length);
        self.bytes[4..GROUP_HEAD_BYTES].copy_from_slice(&group_check(self.first, &length));
        (self.bytes, self.bodies)
    }
}

/// How many bytes of frames follow, as the head of the group whose first entry is number `first`
/// says, if the head is whole.
pub(super) fn frames_length(first: u64, head: &[u8; GROUP_HEAD_BYTES]) -> Option<usize> {
    let (length, check) = head.split_first_chunk::<4>()?;
    if *check != group_check(first, length) {
        return None;
    }
    let length = u32::from_le_bytes(*length) as usize;
    (1..=MAX_FRAMES_BYTES).contains(&length).then_some(length)
}

/// Where in `frames` the bodies of the entries from number `first` on are, if all are whole;
/// otherwise the number of the first that is not.
pub(super) fn bodies(first: u64, frames: &[u8]) -> Result<Vec<Range<usize>>, u64> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < frames.len() {
        let index = first + found.len() as u64;
        let body = frame(index, &frames[at..]).ok_or(index)?;
        let start = at + FRAME_HEAD_BYTES;
        at = start + body.len();
        found.push(start..at);
    }
    Ok(found)
}

/// The body of the frame of entry number `index` that `bytes` start with, if it is whole.
pub(super) fn frame(index: u64, bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (check, rest) = rest.split_first_chunk::<8>()?;
    let body = rest.get(..u32::from_le_bytes(*length) as usize)?;
    (*check == frame_check(index, length, body)).then_some(body)
}

fn group_check(first: u64, length: &[u8; 4]) -> [u8; 4] {
    check(&[b"group", &first.to_le_bytes(), length])
}

fn frame_check(index: u64, length: &[u8; 4], body: &[u8]) -> [u8; 8] {
    check(&[b"frame", &index.to_le_bytes(), length, body])
}

fn check<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    let digest = hasher.finalize();
    std::array::from_fn(|at| digest[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn group(first: u64, entries: &[Vec<u8>]) -> Vec<u8> {
        let mut group = Group::new(first);
        assert!(entries.iter().all(|entry| group.add(entry)));
        assert_eq!(group.len(), entries.len());
        group.finish().0
    }

    /// What the reader makes of a group, if it is whole.
    fn read(first: u64, bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
        let (head, frames) = bytes.split_first_chunk()?;
        if frames_length(first, head) != Some(frames.len()) {
            return None;
        }
        let places = bodies(first, frames).ok()?;
        Some(
            places
                .into_iter()
                .map(|place| frames[place].to_vec())
                .collect(),
        )
    }

    #[test]
    fn a_group_over_its_limit_takes_no_more() {
        let mut group = Group::new(0);
        let entry = vec![0; MAX_ENTRY_BYTES];
        let fit = MAX_FRAMES_BYTES / (FRAME_HEAD_BYTES + MAX_ENTRY_BYTES);
        assert!((0..fit).all(|_| group.add(&entry)));
        assert!(!group.add(&entry));
        assert_eq!(group.len(), fit);
    }

    #[test]
    fn a_length_over_the_limit_is_refused_however_well_checked() {
        for (length, taken) in [
            (MAX_FRAMES_BYTES, true),
            (MAX_FRAMES_BYTES + 1, false),
            (0, false),
        ] {
            let length = (length as u32).to_le_bytes();
            let head = [length, group_check(1, &length)].concat();
            assert_eq!(frames_length(1, &head.try_into().unwrap()).is_some(), taken);
        }
    }

    fn entries() -> impl Strategy<Value = Vec<Vec<u8>>> {
        prop::collection::vec(prop::collection::vec(0u8.., 0..40), 1..5)
    }

    proptest! {
        #[test]
        fn groups_are_whole_at_their_own_place_alone(first in 0..u64::MAX / 2, other in 0..u64::MAX / 2, entries in entries()) {
            prop_assume!(first != other);
            let bytes = group(first, &entries);
            prop_assert_eq!(read(first, &bytes), Some(entries));
            prop_assert_eq!(read(other, &bytes), None);
        }

        #[test]
        fn any_changed_bit_is_seen(entries in entries(), at: usize, bit in 0u32..8) {
            let mut bytes = group(7, &entries);
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(read(7, &bytes), None);
        }

        #[test]
        fn arbitrary_bytes_are_never_taken_past_their_end(first: u64, bytes: Vec<u8>) {
            if let Ok(places) = bodies(first.min(u64::MAX / 2), &bytes) {
                prop_assert!(places.iter().all(|place| place.end <= bytes.len()));
            }
        }
    }
}
