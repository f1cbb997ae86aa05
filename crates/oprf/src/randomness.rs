//! Our source of random bytes in the form the curve asks for it.

use rand_core_06::{CryptoRng, Error, RngCore};
use secret::Entropy;

/// Random bytes for blinds and proofs.
pub(crate) struct Randomness<'a>(pub(crate) &'a mut dyn Entropy);

impl RngCore for Randomness<'_> {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        self.0.fill(out);
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Error> {
        self.0.fill(out);
        Ok(())
    }
}

/// What is fit for keys here is what the caller passes in: see [`Entropy`].
impl CryptoRng for Randomness<'_> {}
