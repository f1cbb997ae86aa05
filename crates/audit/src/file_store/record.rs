//! The byte form of one entry in a log file.
//!
//! ```text
//! record = length:u32-LE head_check:[4] body_check:[8] body[length]
//! ```
//!
//! The checks are the first bytes of SHA-256 over the record's number and then its length or body.
//! The length has one of its own because a false length would make damage look like a torn end.

use sha2::{Digest as _, Sha256};

use crate::event::MAX_ENTRY_BYTES;

/// Bytes before the body.
pub(super) const HEAD_BYTES: usize = 16;

/// The longest record.
pub(super) const MAX_RECORD_BYTES: usize = HEAD_BYTES + MAX_ENTRY_BYTES;

/// The bytes of record number `index`.
pub(super) fn record(index: u64, body: &[u8]) -> Vec<u8> {
    // An entry's limit is far below four gigabytes.
    let length = (body.len() as u32).to_le_bytes();
    let (head_check, body_check) = (check::<4>(index, &length), check::<8>(index, body));
    [&length[..], &head_check, &body_check, body].concat()
}

/// The length of the body, as the head of record number `index` gives it, if the head is whole.
pub(super) fn length_of(index: u64, head: &[u8; HEAD_BYTES]) -> Option<usize> {
    let (length, checks) = head.split_first_chunk::<4>()?;
    if checks[..4] != check::<4>(index, length) {
        return None;
    }
    let length = u32::from_le_bytes(*length) as usize;
    (length <= MAX_ENTRY_BYTES).then_some(length)
}

/// Whether `body` is the one that the head of record number `index` was written for.
pub(super) fn body_is_whole(index: u64, head: &[u8], body: &[u8]) -> bool {
    head.get(8..HEAD_BYTES) == Some(&check::<8>(index, body)[..])
}

fn check<const N: usize>(index: u64, bytes: &[u8]) -> [u8; N] {
    let hasher = Sha256::new().chain_update(index.to_le_bytes());
    let digest = hasher.chain_update(bytes).finalize();
    std::array::from_fn(|at| digest[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parts(record: &[u8]) -> ([u8; HEAD_BYTES], &[u8]) {
        let (head, body) = record.split_first_chunk().unwrap();
        (*head, body)
    }

    #[test]
    fn a_length_over_the_limit_is_refused_however_well_checked() {
        let longest = record(1, &vec![0; MAX_ENTRY_BYTES]);
        let longer = record(1, &vec![0; MAX_ENTRY_BYTES + 1]);
        let (head, _) = parts(&longest);
        assert_eq!(length_of(1, &head), Some(MAX_ENTRY_BYTES));
        let (head, _) = parts(&longer);
        assert_eq!(length_of(1, &head), None);
    }

    proptest! {
        #[test]
        fn records_are_whole_at_their_own_number_alone(index: u64, other: u64, body: Vec<u8>) {
            prop_assume!(index != other);
            let record = record(index, &body);
            let (head, body) = parts(&record);
            prop_assert_eq!(length_of(index, &head), Some(body.len()));
            prop_assert!(body_is_whole(index, &head, body));
            prop_assert_eq!(length_of(other, &head), None);
            prop_assert!(!body_is_whole(other, &head, body));
        }

        #[test]
        fn any_changed_bit_is_seen(index: u64, body: Vec<u8>, at: usize, bit in 0u32..8) {
            let mut record = record(index, &body);
            let at = at % record.len();
            record[at] ^= 1 << bit;
            let (head, body) = parts(&record);
            let whole = length_of(index, &head) == Some(body.len());
            prop_assert!(!(whole && body_is_whole(index, &head, body)));
        }
    }
}
