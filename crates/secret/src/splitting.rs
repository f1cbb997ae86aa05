//! A key split among people, so that some of them together have it and fewer learn nothing: Shamir's
//! scheme over GF(256), byte by byte (Shamir, *How to share a secret*, 1979), by the crate `blahaj`.

use std::collections::BTreeSet;
use std::convert::Infallible;

use blahaj::{Share, Sharks};
use hpke::rand_core::{TryCryptoRng, TryRng};
use zeroize::{Zeroize as _, Zeroizing};

use crate::entropy::Entropy;
use crate::key::Key32;

/// The most people a key is split among.
pub const MAX_SHARES: u8 = 32;

/// Bytes of a share: its place and one byte for each of the key's.
const SHARE_BYTES: usize = 1 + 32;

/// Why a key was not split, or not put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// One alone would have the key, or not even all.
    #[error("of {shares} shares {needed} cannot be needed: from 2 to all, of at most {MAX_SHARES}")]
    Numbers {
        /// How many are needed.
        needed: u8,
        /// Of how many.
        shares: u8,
    },
    /// Not a share.
    #[error("a share is {SHARE_BYTES} bytes, none of these is its place twice")]
    Malformed,
    /// Too few.
    #[error("{needed} shares are needed, these are {given}")]
    TooFew {
        /// How many are needed.
        needed: u8,
        /// How many there are.
        given: usize,
    },
}

/// Splits `key` into `shares`, any `needed` of which give it back.
///
/// # Errors
/// [`SplitError::Numbers`].
pub fn split(
    key: &Key32,
    needed: u8,
    shares: u8,
    entropy: &mut dyn Entropy,
) -> Result<Vec<Zeroizing<Vec<u8>>>, SplitError> {
    if needed < 2 || needed > shares || shares > MAX_SHARES {
        return Err(SplitError::Numbers { needed, shares });
    }
    let mut drawn = Drawn(entropy);
    let dealt = Sharks(needed).dealer_rng(key.bytes(), &mut drawn);
    let bytes = |share: Share| Zeroizing::new(Vec::from(&share));
    Ok(dealt.take(shares.into()).map(bytes).collect())
}

/// Puts a key together from at least `needed` different shares. Shares of another key give another key:
/// the caller has to know the right one when it sees it.
///
/// # Errors
/// [`SplitError`] when there are too few, or one is none.
pub fn join(needed: u8, shares: &[Zeroizing<Vec<u8>>]) -> Result<Key32, SplitError> {
    let given = shares.len();
    if needed < 2 || given < needed.into() {
        return Err(SplitError::TooFew { needed, given });
    }
    let places: BTreeSet<Option<u8>> = shares.iter().map(|share| share.first().copied()).collect();
    let is_share = |share: &Zeroizing<Vec<u8>>| share.len() == SHARE_BYTES && share[0] != 0;
    if places.len() != given || !shares.iter().all(is_share) {
        return Err(SplitError::Malformed);
    }
    let shares = shares.iter().map(|share| Share::try_from(&share[..]));
    let shares: Vec<Share> = shares
        .collect::<Result<_, _>>()
        .map_err(|_| SplitError::Malformed)?;
    let joined = Sharks(needed)
        .recover(&shares)
        .map_err(|_| SplitError::Malformed)?;
    let mut joined = Zeroizing::new(joined);
    let mut key = Zeroizing::new([0; 32]);
    key.copy_from_slice(&joined);
    joined.zeroize();
    Ok(Key32::from_bytes(&mut key))
}

/// Draws from the entropy that was passed in.
struct Drawn<'a>(&'a mut dyn Entropy);

impl TryRng for Drawn<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for Drawn<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeededEntropy;

    fn key() -> Key32 {
        Key32::generate(&mut SeededEntropy::new(8))
    }

    fn shares(needed: u8, shares: u8) -> Vec<Zeroizing<Vec<u8>>> {
        split(&key(), needed, shares, &mut SeededEntropy::new(9))
            .ok()
            .unwrap()
    }

    #[test]
    fn any_shares_that_are_enough_give_the_key_and_fewer_do_not() {
        let all = shares(3, 5);
        for left in 0..32_u8 {
            let some = all
                .iter()
                .zip(0..)
                .filter(|(_, place)| left >> place & 1 == 1);
            let some: Vec<_> = some.map(|(share, _)| share.clone()).collect();
            let joined = join(3, &some);
            match some.len() >= 3 {
                true => assert_eq!(joined.ok().unwrap().bytes(), key().bytes()),
                false => assert!(matches!(joined, Err(SplitError::TooFew { .. }))),
            }
        }
        // Told that two are enough, two give something else.
        let other = join(2, &all[..2]).ok().unwrap();
        assert_ne!(other.bytes(), key().bytes());
        for share in &all {
            assert!(
                !share
                    .windows(8)
                    .any(|window| key().bytes().starts_with(window))
            );
        }
    }

    #[test]
    fn numbers_that_split_nothing_are_refused() {
        for (needed, of) in [(0, 3), (1, 3), (4, 3), (2, 33)] {
            let refused = split(&key(), needed, of, &mut SeededEntropy::new(1)).err();
            assert_eq!(refused, Some(SplitError::Numbers { needed, shares: of }));
        }
    }

    #[test]
    fn what_is_no_share_or_comes_twice_is_refused() {
        let good = shares(2, 3);
        let mut torn = good[1].clone();
        torn.truncate(32);
        let mut nowhere = good[1].clone();
        nowhere[0] = 0;
        for bad in [good[0].clone(), torn, nowhere, Zeroizing::new(Vec::new())] {
            let refused = join(2, &[good[0].clone(), bad]).err();
            assert_eq!(refused, Some(SplitError::Malformed));
        }
    }
}
