//! AES-128 (FIPS 197) in one direction only, as a keyed function of 16-byte blocks: where millions of
//! short tags are needed and the processor's own instructions make them a hundred times cheaper than
//! HMAC.
//!
//! As long as no block is asked for twice, images cannot be told from random bytes. Blocks that come
//! from several places are kept apart by a secret mask of 16 bytes each, laid over the block first:
//! two masks from a [`crate::Prf`] make two places meet with a chance of 2^-128.

use aes::cipher::consts::U16;
use aes::cipher::{
    Array, BlockCipherEncBackend, BlockCipherEncClosure, BlockCipherEncrypt, BlockSizeUser,
    KeyInit, ParBlocks,
};
use zeroize::Zeroizing;

use crate::key::Key32;

/// Bytes of a block, a mask and an image.
pub const BLOCK_BYTES: usize = 16;

/// What a [`Cipher`] takes and gives.
pub type Block = [u8; BLOCK_BYTES];

/// Blocks that are worked out side by side where the processor can: single ones cost nearly as much as so
/// many together.
pub const BATCH: usize = 64;

/// A key prepared for AES-128. Wiped on drop.
pub struct Cipher(aes::Aes128Enc);

impl Cipher {
    /// Prepares `key`, which is used for nothing else.
    pub fn new(key: &Key32) -> Self {
        let mut half = Zeroizing::new(Block::default());
        half.copy_from_slice(&key.bytes()[..BLOCK_BYTES]);
        Self(aes::Aes128Enc::new(Array::cast_from_core(&half)))
    }

    /// The image of one block.
    pub fn image(&self, mask: &Block, block: &Block) -> Block {
        let mut image = masked(mask, block);
        self.0.encrypt_block(Array::cast_from_core_mut(&mut image));
        image
    }

    /// Writes the images of `blocks` into `images`, which is as long.
    pub fn images(&self, mask: &Block, blocks: &[Block], images: &mut [Block]) {
        debug_assert_eq!(blocks.len(), images.len());
        self.0.encrypt_with_backend(Masked {
            mask,
            blocks: Array::cast_slice_from_core(blocks),
            images: Array::cast_slice_from_core_mut(images),
        });
    }
}

/// Blocks on their way through the cipher. The mask is laid over them where they are enciphered, in the
/// registers of whatever the processor has.
struct Masked<'a> {
    mask: &'a Block,
    blocks: &'a [CipherBlock],
    images: &'a mut [CipherBlock],
}

type CipherBlock = Array<u8, U16>;

impl BlockSizeUser for Masked<'_> {
    type BlockSize = U16;
}

impl BlockCipherEncClosure for Masked<'_> {
    #[inline(always)]
    fn call<B: BlockCipherEncBackend<BlockSize = U16>>(self, backend: &B) {
        // Four masks in a row are as long as the processor's widest registers.
        lay_over(&[*self.mask; 4], self.blocks, self.images);
        let (batches, rest) = ParBlocks::<B>::slice_as_chunks_mut(self.images);
        for batch in batches {
            backend.encrypt_par_blocks_inplace(batch);
        }
        backend.encrypt_tail_blocks_inplace(rest);
    }
}

/// Writes `blocks` under the masks into `images`.
#[inline(always)]
fn lay_over(masks: &[Block; 4], blocks: &[CipherBlock], images: &mut [CipherBlock]) {
    let (four, rest) = Array::cast_slice_to_core(blocks).as_chunks::<4>();
    let (four_images, rest_images) = Array::cast_slice_to_core_mut(images).as_chunks_mut::<4>();
    for (images, blocks) in four_images.iter_mut().zip(four) {
        let bytes = blocks.as_flattened().iter().zip(masks.as_flattened());
        let images = images.as_flattened_mut().iter_mut();
        images
            .zip(bytes)
            .for_each(|(image, (byte, mask))| *image = byte ^ mask);
    }
    for (image, block) in rest_images.iter_mut().zip(rest) {
        *image = masked(&masks[0], block);
    }
}

fn masked(mask: &Block, block: &Block) -> Block {
    (u128::from_ne_bytes(*mask) ^ u128::from_ne_bytes(*block)).to_ne_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use static_assertions::assert_not_impl_any;
    use std::fmt::{Debug, Display};

    assert_not_impl_any!(Cipher: Debug, Display, Clone, PartialEq);

    /// Counts up from `first`, as the examples of FIPS 197 do.
    fn counting(first: u8, step: u8) -> Vec<u8> {
        (0..BLOCK_BYTES as u8).map(|at| first + at * step).collect()
    }

    fn cipher() -> Cipher {
        let mut key = [0; 32];
        key[..BLOCK_BYTES].copy_from_slice(&counting(0, 1));
        Cipher::new(&Key32::from_bytes(&mut key))
    }

    #[test]
    fn an_image_is_that_of_fips_197_appendix_c_1() {
        let block: Block = counting(0, 0x11).try_into().unwrap();
        let image = u128::from_be_bytes(cipher().image(&[0; BLOCK_BYTES], &block));
        assert_eq!(image, 0x69c4_e0d8_6a7b_0430_d8cd_b780_70b4_c55a);
    }

    #[test]
    fn a_mask_is_laid_over_every_block() {
        let blocks: Vec<Block> = (0..37).map(|fill| [fill; BLOCK_BYTES]).collect();
        let mut images = vec![Block::default(); blocks.len()];
        cipher().images(&[5; BLOCK_BYTES], &blocks, &mut images);
        for (fill, image) in (0..37).zip(images) {
            assert_eq!(
                image,
                cipher().image(&[0; BLOCK_BYTES], &[fill ^ 5; BLOCK_BYTES])
            );
        }
    }
}
