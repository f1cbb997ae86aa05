//! Reading and writing single bits of a vector.

/// Whether bit `index` is set.
pub fn get_bit(vector: &[u8], index: usize) -> bool {
    vector[index / 8] >> (index % 8) & 1 == 1
}

/// Sets bit `index`.
pub fn set_bit(vector: &mut [u8], index: usize) {
    vector[index / 8] |= 1 << (index % 8);
}

/// Turns bit `index` over.
pub fn flip_bit(vector: &mut [u8], index: usize) {
    vector[index / 8] ^= 1 << (index % 8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_set_bit_is_read_back_alone(index in 0usize..256) {
            let mut vector = [0; 32];
            set_bit(&mut vector, index);
            for other in 0..256 {
                prop_assert_eq!(get_bit(&vector, other), other == index);
            }
            flip_bit(&mut vector, index);
            prop_assert_eq!(vector, [0; 32]);
        }
    }
}
