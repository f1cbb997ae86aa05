//! The answer to block tokens: a Bloom filter (Bloom, 1970) of set membership over those of a party's
//! tokens that another party has too. It never stands for a person, only for blocks; encodings are made
//! elsewhere and never with it.

use bloomfilter::Bloom;
use model::digest::Digester;
use model::{BatchManifest, BlockToken, Digest, PartyName};

use crate::limits::MAX_MEMBERSHIP_BYTES;

/// What begins the section of a handle map with the records of which no row is sent, before a count of 4
/// bytes; their handles follow, 16 bytes each.
pub const LONE_RECORDS_MAGIC: &[u8] = b"symbolon lone records 1\n";
/// The most hash functions a filter may have; one in a thousand false positives takes ten.
const MAX_HASHES: u32 = 16;
/// How many times the false positives agreed on a filter may have: how full it gets is a matter of chance.
const LEEWAY: f64 = 1.5;
/// Bits below which chance decides how full a filter is.
const FEW_BITS: u64 = 4096;

/// Why bytes are no answer that can be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MembershipError {
    /// Longer than any real one.
    #[error("it has {0} bytes, the limit is {MAX_MEMBERSHIP_BYTES}")]
    TooLong(usize),
    /// Not the byte form of a filter.
    #[error("it is no membership filter: {0}")]
    Malformed(&'static str),
    /// Hash functions that no filter of ours has.
    #[error("it has {0} hash functions, from 1 to {MAX_HASHES} are possible")]
    Hashes(u32),
    /// It would have the node send more than was agreed on.
    #[error(
        "it wrongly names {found_permille} in a thousand blocks, the agreement allows {agreed_permille}"
    )]
    TooFull {
        /// By the bits that are set.
        found_permille: u32,
        /// What the agreement says.
        agreed_permille: u32,
    },
}

/// Which of a party's block tokens another party has too, with false positives.
pub struct Membership(Bloom<[u8; 16]>);

impl Membership {
    /// A filter for `count` tokens, none in it yet. It is the same for the same seed, count and rate.
    ///
    /// # Errors
    /// [`MembershipError::TooLong`] for more tokens than a filter can hold.
    pub fn new(
        count: u64,
        false_positives_permille: u32,
        seed: Digest,
    ) -> Result<Self, MembershipError> {
        let rate = f64::from(false_positives_permille.clamp(1, 999)) / 1000.0;
        let count = usize::try_from(count.max(1)).unwrap_or(usize::MAX);
        let bytes = Bloom::<[u8; 16]>::compute_bitmap_size(count, rate);
        if bytes > MAX_MEMBERSHIP_BYTES {
            return Err(MembershipError::TooLong(bytes));
        }
        let made = Bloom::new_for_fp_rate_with_seed(count, rate, seed.as_bytes());
        made.map(Self).map_err(MembershipError::Malformed)
    }

    /// The seed of the filter that answers `asking`, when these are the manifests of all parties'
    /// tokens in the schema's order: nobody can choose it, and whoever has them can make it again.
    pub fn seed<'a>(
        asking: &PartyName,
        manifests: impl IntoIterator<Item = &'a BatchManifest>,
    ) -> Digest {
        let mut digester = Digester::new();
        digester.field(b"symbolon membership v1");
        digester.field(asking.as_str().as_bytes());
        for manifest in manifests {
            digester.field(manifest.digest().as_bytes());
        }
        digester.finish()
    }

    /// Reads what [`Membership::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`MembershipError`] for anything else, and for a filter that is fuller than
    /// `false_positives_permille` lets one be.
    pub fn from_bytes(
        bytes: Vec<u8>,
        false_positives_permille: u32,
    ) -> Result<Self, MembershipError> {
        if bytes.len() > MAX_MEMBERSHIP_BYTES {
            return Err(MembershipError::TooLong(bytes.len()));
        }
        let filter = Bloom::from_bytes(bytes).map_err(MembershipError::Malformed)?;
        let hashes = filter.number_of_hash_functions();
        if !(1..=MAX_HASHES).contains(&hashes) {
            return Err(MembershipError::Hashes(hashes));
        }
        if filter.len() < 8 {
            return Err(MembershipError::Malformed("it has no bits"));
        }
        let filter = Self(filter);
        filter.check_rate(false_positives_permille)?;
        Ok(filter)
    }

    /// By the share of bits set, of a token that is not in it: each hash meets a bit that is set.
    fn check_rate(&self, agreed_permille: u32) -> Result<(), MembershipError> {
        let bits = self.0.len();
        let header = self.0.as_slice().len() - bits.div_ceil(8) as usize;
        let set = self.0.as_slice()[header..].iter();
        let set: u64 = set.map(|byte| u64::from(byte.count_ones())).sum();
        let hashes = self.0.number_of_hash_functions() as i32;
        let rate = (set as f64 / bits as f64).powi(hashes) * 1000.0;
        if bits < FEW_BITS || rate <= f64::from(agreed_permille) * LEEWAY {
            return Ok(());
        }
        Err(MembershipError::TooFull {
            found_permille: rate.ceil() as u32,
            agreed_permille,
        })
    }

    /// The filter's bytes, as they travel.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.to_bytes()
    }

    /// Puts a token in.
    pub fn insert(&mut self, token: BlockToken) {
        self.0.set(token.as_bytes());
    }

    /// Whether the token was put in; now and then yes where it was not.
    pub fn contains(&self, token: BlockToken) -> bool {
        self.0.check(token.as_bytes())
    }
}

/// A piece of the answer to a party's block tokens, as the matcher gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MembershipPart {
    /// These parties have not sent their tokens yet; none of them while the answer is being made.
    Waiting(Vec<PartyName>),
    /// The answer is there.
    Bytes {
        /// How many bytes it has in all.
        length: u64,
        /// Their digest.
        digest: Digest,
        /// Those asked for.
        bytes: Vec<u8>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn token(number: u32) -> BlockToken {
        let mut bytes = [0; 16];
        bytes[..4].copy_from_slice(&number.to_le_bytes());
        BlockToken::new(bytes)
    }

    fn filter(count: u32, permille: u32) -> Membership {
        let mut filter = Membership::new(count.into(), permille, Digest::of(b"seed")).unwrap();
        (0..count).for_each(|number| filter.insert(token(number)));
        filter
    }

    proptest! {
        #[test]
        fn what_was_put_in_is_always_found(count in 0u32..3000, permille in 1u32..=200) {
            let bytes = filter(count, permille).to_bytes();
            let read = Membership::from_bytes(bytes, permille).unwrap();
            prop_assert!((0..count).all(|number| read.contains(token(number))));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(filter) = Membership::from_bytes(bytes, 10) {
                filter.contains(token(1));
            }
        }

        #[test]
        fn any_damage_is_read_or_refused(at in 0usize..400, to in any::<u8>()) {
            let mut bytes = filter(200, 10).to_bytes();
            let place = at % bytes.len();
            bytes[place] = to;
            if let Ok(filter) = Membership::from_bytes(bytes, 10) {
                filter.contains(token(1));
            }
        }
    }

    #[test]
    fn false_positives_are_as_agreed() {
        let filter = filter(20_000, 10);
        let wrong = (20_000..120_000).filter(|number| filter.contains(token(*number)));
        let wrong = wrong.count();
        assert!((500..1500).contains(&wrong), "{wrong} of 100000");
    }

    #[test]
    fn a_filter_that_asks_for_more_than_agreed_is_refused() {
        let honest = filter(20_000, 10).to_bytes();
        assert!(Membership::from_bytes(honest.clone(), 10).is_ok());
        let header = honest.len() - filter(20_000, 10).0.len().div_ceil(8) as usize;
        let mut all = honest;
        all[header..].fill(0xff);
        let refused = Membership::from_bytes(all, 10).err().unwrap();
        assert!(
            matches!(refused, MembershipError::TooFull { .. }),
            "{refused}"
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes() {
        assert_eq!(filter(50, 10).to_bytes(), filter(50, 10).to_bytes());
    }
}
