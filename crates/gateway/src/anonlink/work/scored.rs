//! Scored pairs as rows of bytes that sort in anonlink's order: by falling score, then by parties,
//! then by records.

/// Bytes of a row.
pub(super) const ROW: usize = 24;

/// A pair of records of two parties, and its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Scored {
    pub(super) score: f64,
    pub(super) parties: (u32, u32),
    pub(super) records: (u32, u32),
}

impl Scored {
    /// Bits of a score that is not negative rise with it, so their complement falls.
    pub(super) fn to_row(self) -> [u8; ROW] {
        let mut row = [0; ROW];
        row[..8].copy_from_slice(&(!self.score.to_bits()).to_be_bytes());
        let numbers = [
            self.parties.0,
            self.parties.1,
            self.records.0,
            self.records.1,
        ];
        for (place, number) in row[8..].chunks_exact_mut(4).zip(numbers) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        row
    }

    pub(super) fn of_row(row: &[u8; ROW]) -> Self {
        let mut score = [0; 8];
        score.copy_from_slice(&row[..8]);
        let number = |at: usize| {
            let mut number = [0; 4];
            number.copy_from_slice(&row[at..at + 4]);
            u32::from_be_bytes(number)
        };
        Self {
            score: f64::from_bits(!u64::from_be_bytes(score)),
            parties: (number(8), number(12)),
            records: (number(16), number(20)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scored() -> impl Strategy<Value = Scored> {
        let score = prop_oneof![
            (0u32..=8, 1u32..=8).prop_map(|(a, b)| f64::from(a.min(b)) / f64::from(b)),
            0.0f64..=1.0
        ];
        let numbers = (prop_oneof![0u32..4, any::<u32>()], 0u32..3);
        (score, numbers.clone(), numbers).prop_map(|(score, (a, b), (c, d))| Scored {
            score,
            parties: (b, d),
            records: (a, c),
        })
    }

    proptest! {
        #[test]
        fn rows_sort_as_anonlink_lists_pairs(one in scored(), other in scored()) {
            let by_score = other.score.total_cmp(&one.score);
            let expected = by_score.then((one.parties, one.records).cmp(&(other.parties, other.records)));
            prop_assert_eq!(one.to_row().cmp(&other.to_row()), expected);
            prop_assert_eq!(Scored::of_row(&one.to_row()), one);
        }
    }
}
