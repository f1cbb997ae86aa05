//! From a token to bit positions: keyed BLAKE2b, or double hashing with HMAC-SHA1 and HMAC-MD5.
//!
//! What depends on the key alone is computed once: the states are cloned for each token.

use blake2::Blake2bMac512;
use blake2::digest::FixedOutput as _;
use hmac::{Hmac, KeyInit as _, Mac};
use md5::Md5;
use sha1::Sha1;
use zeroize::Zeroizing;

use super::error::CellProblem;
use super::filter::Bits;
use super::kdf::FeatureKeys;
use super::lines::Line;
use super::schema::HashType;

/// Positions in one BLAKE2b digest of 64 bytes.
pub(super) const PER_DIGEST: usize = 32;
/// The longest key BLAKE2b takes.
const MAX_BLAKE_KEY: usize = 64;
/// Digests whose keyed states are kept; states of later ones are made when needed.
const KEPT_STATES: usize = 4;

/// What a token's positions come from: its first BLAKE2b digest, or first position and step.
pub(super) type Seed = Line;

/// The hash of one feature, keyed.
pub(super) enum TokenHash {
    Blake(Blake),
    Double(Double),
    /// A hash that fails with the first token.
    Unusable(CellProblem),
}

impl TokenHash {
    pub(super) fn new(hash: HashType, keys: FeatureKeys, filter_bits: usize) -> Self {
        match hash {
            // The one step modulo 1 is zero.
            HashType::Double {
                prevent_singularity: true,
            } if filter_bits == 1 => Self::Unusable(CellProblem::NoStep),
            HashType::Double {
                prevent_singularity,
            } => Double::new(&keys, prevent_singularity)
                .map_or(Self::Unusable(CellProblem::KeyTooLong), Self::Double),
            HashType::Blake if !filter_bits.is_power_of_two() => {
                Self::Unusable(CellProblem::NotPowerOfTwo)
            }
            HashType::Blake => Blake::new(keys.first).map_or_else(Self::Unusable, Self::Blake),
        }
    }

    /// Fails for a hash that takes no token.
    pub(super) fn usable(&self) -> Result<(), CellProblem> {
        match self {
            Self::Blake(_) | Self::Double(_) => Ok(()),
            Self::Unusable(problem) => Err(*problem),
        }
    }

    /// The seed of a token; an error for a hash that takes no token, or not this one.
    pub(super) fn seed(&self, token: &[u8], filter_bits: usize) -> Result<Seed, CellProblem> {
        match self {
            Self::Blake(blake) => Ok(blake.digest(token, 0)),
            Self::Double(double) => double.seed(token, filter_bits as u64),
            Self::Unusable(problem) => Err(*problem),
        }
    }

    /// Sets `insertions` bits of a token in the filter.
    pub(super) fn insert(
        &self,
        filter: &mut Bits<'_>,
        token: &[u8],
        seed: &Seed,
        insertions: usize,
    ) {
        match self {
            Self::Blake(blake) => blake.insert(filter, token, seed, insertions),
            Self::Double(_) => walk(filter, seed[0], seed[1], insertions),
            Self::Unusable(_) => {}
        }
    }
}

/// BLAKE2b with a key and, as salt, the number of the digest in decimal.
pub(super) struct Blake {
    key: Zeroizing<Vec<u8>>,
    states: Vec<Blake2bMac512>,
}

impl Blake {
    fn new(key: Zeroizing<Vec<u8>>) -> Result<Self, CellProblem> {
        if key.len() > MAX_BLAKE_KEY {
            return Err(CellProblem::KeyTooLong);
        }
        let states = (0..KEPT_STATES).map(|number| state(&key, number));
        let states = states.collect::<Option<Vec<_>>>();
        let states = states.ok_or(CellProblem::KeyTooLong)?;
        Ok(Self { key, states })
    }

    /// The digest of this number, as words in little-endian order.
    fn digest(&self, token: &[u8], number: usize) -> Seed {
        let kept = self.states.get(number).cloned();
        // The key was long enough for the states that are kept.
        let Some(mut state) = kept.or_else(|| state(&self.key, number)) else {
            return Seed::default();
        };
        Mac::update(&mut state, token);
        let mut output = Zeroizing::new([0_u8; 64]);
        state.finalize_into((&mut *output).into());
        let mut words = Seed::default();
        for (word, bytes) in words.iter_mut().zip(output.as_chunks::<8>().0) {
            *word = u64::from_le_bytes(*bytes);
        }
        words
    }

    fn insert(&self, filter: &mut Bits<'_>, token: &[u8], first: &Seed, insertions: usize) {
        scatter(filter, first, insertions.min(PER_DIGEST));
        for number in 1..insertions.div_ceil(PER_DIGEST) {
            let left = insertions - number * PER_DIGEST;
            scatter(filter, &self.digest(token, number), left.min(PER_DIGEST));
        }
    }
}

/// The state before the token; none for a key BLAKE2b does not take.
fn state(key: &[u8], number: usize) -> Option<Blake2bMac512> {
    let salt = number.to_string();
    Blake2bMac512::new_with_salt_and_personal(Some(key), salt.as_bytes(), &[]).ok()
}

/// Two hashes: where to start, and the step.
pub(super) struct Double {
    start: Hmac<Sha1>,
    step: Hmac<Md5>,
    prevent_singularity: bool,
}

impl Double {
    fn new(keys: &FeatureKeys, prevent_singularity: bool) -> Option<Self> {
        Some(Self {
            start: Hmac::new_from_slice(&keys.first).ok()?,
            step: Hmac::new_from_slice(&keys.second).ok()?,
            prevent_singularity,
        })
    }

    fn seed(&self, token: &[u8], filter_bits: u64) -> Result<Seed, CellProblem> {
        let mut start = self.start.clone();
        Mac::update(&mut start, token);
        let start = remainder(&start.finalize().into_bytes(), filter_bits);
        let mut step = self.step(token, None, filter_bits);
        // clkhash fails, too, when all of these give no step.
        let mut added = '\0'..='\u{d7ff}';
        while step == 0 && self.prevent_singularity {
            let char = added.next().ok_or(CellProblem::NoStep)?;
            step = self.step(token, Some(char), filter_bits);
        }
        let mut seed = Seed::default();
        seed[..2].copy_from_slice(&[start, step]);
        Ok(seed)
    }

    fn step(&self, token: &[u8], added: Option<char>, filter_bits: u64) -> u64 {
        let mut step = self.step.clone();
        Mac::update(&mut step, token);
        if let Some(char) = added {
            Mac::update(&mut step, char.encode_utf8(&mut [0; 4]).as_bytes());
        }
        remainder(&step.finalize().into_bytes(), filter_bits)
    }
}

/// The remainder of a big-endian number. The divisor is below 2^32, so that 32 bits more of the
/// number always fit.
fn remainder(number: &[u8], divisor: u64) -> u64 {
    let (words, _) = number.as_chunks::<4>();
    words.iter().fold(0, |remainder, word| {
        (remainder << 32 | u64::from(u32::from_be_bytes(*word))) % divisor
    })
}

/// Sets the first `count` of the 32 positions of 16 bits in a digest.
#[inline]
fn scatter(filter: &mut Bits<'_>, digest: &Seed, count: usize) {
    // A power of two: BLAKE2b is used with no other length.
    let mask = filter.count() - 1;
    let mut set = |word: u64| {
        let [low, high, ..] = word.to_le_bytes();
        filter.set(usize::from(u16::from_le_bytes([low, high])) & mask);
    };
    let (whole, rest) = digest.split_at(count / 4);
    for word in whole {
        set(*word);
        set(word >> 16);
        set(word >> 32);
        set(word >> 48);
    }
    if let Some(word) = rest.first() {
        (0..count % 4).for_each(|place| set(word >> (16 * place)));
    }
}

/// Sets `count` positions that are `step` apart.
#[inline]
fn walk(filter: &mut Bits<'_>, start: u64, step: u64, count: usize) {
    let bits = filter.count() as u64;
    let mut position = start;
    for _ in 0..count {
        // Below the filter's length, so it fits.
        filter.set(usize::try_from(position).unwrap_or(0));
        position += step;
        if position >= bits {
            position -= bits;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::filter::Filter;
    use super::*;
    use num_bigint::BigUint;
    use proptest::prelude::*;
    use static_assertions::assert_not_impl_any;
    use std::fmt::Debug;

    assert_not_impl_any!(TokenHash: Debug, Clone, PartialEq);
    assert_not_impl_any!(Blake: Debug, Clone, PartialEq);
    assert_not_impl_any!(Double: Debug, Clone, PartialEq);

    fn keys(bytes: usize) -> FeatureKeys {
        FeatureKeys {
            first: Zeroizing::new(vec![1; bytes]),
            second: Zeroizing::new(vec![2; bytes]),
        }
    }

    #[test]
    fn unusable_hashes_fail_with_the_first_token() {
        for (bits, bytes, problem) in [
            (96, 64, CellProblem::NotPowerOfTwo),
            (64, 65, CellProblem::KeyTooLong),
        ] {
            let hash = TokenHash::new(HashType::Blake, keys(bytes), bits);
            assert_eq!(hash.usable(), Err(problem));
        }
    }

    #[test]
    fn no_step_of_zero_when_singularity_is_prevented() {
        let hash = HashType::Double {
            prevent_singularity: true,
        };
        let hash = TokenHash::new(hash, keys(64), 3);
        for token in 0..200_u8 {
            assert_ne!(hash.seed(&[token], 3).unwrap()[1], 0);
        }
    }

    #[test]
    fn a_filter_of_one_bit_has_no_step() {
        let hash = |prevent_singularity| {
            let hash = HashType::Double {
                prevent_singularity,
            };
            TokenHash::new(hash, keys(64), 1)
        };
        assert_eq!(hash(true).usable(), Err(CellProblem::NoStep));
        assert_eq!(hash(true).seed(b"ab", 1), Err(CellProblem::NoStep));
        assert_eq!(hash(false).seed(b"ab", 1), Ok(Seed::default()));
        let double = Double::new(&keys(64), true).unwrap();
        assert_eq!(double.seed(b"ab", 1), Err(CellProblem::NoStep));
    }

    #[test]
    fn later_digests_have_other_salts() {
        let blake = Blake::new(Zeroizing::new(vec![7; 64])).unwrap();
        let digests: Vec<Seed> = (0..12).map(|number| blake.digest(b"ab", number)).collect();
        for (place, digest) in digests.iter().enumerate() {
            assert!(!digests[..place].contains(digest));
        }
    }

    proptest! {
        #[test]
        fn remainders_are_those_of_great_numbers(number: [u8; 20], divisor in 1..u64::from(u32::MAX)) {
            let expected = BigUint::from_bytes_be(&number) % divisor;
            prop_assert_eq!(BigUint::from(remainder(&number, divisor)), expected);
        }

        #[test]
        fn walking_is_multiplying(start in 0..100_u64, step in 0..100_u64, count in 0..300_usize) {
            let mut filter = Filter::new(100);
            walk(&mut Bits::of(filter.lines_mut(), 100), start, step, count);
            let mut expected = Filter::new(100);
            let mut bits = Bits::of(expected.lines_mut(), 100);
            for place in 0..count as u64 {
                bits.set(usize::try_from((start + place * step) % 100).unwrap());
            }
            prop_assert_eq!(filter.words(), expected.words());
        }
    }
}
