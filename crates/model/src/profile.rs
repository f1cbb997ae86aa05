//! Profiles: named sets of encoding parameters. The schema names one, and no node can differ.

use serde::{Deserialize, Serialize};

use crate::schema::FieldKind;

/// A named set of parameters for the way from tokens to what is uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Block-keyed field signatures of fixed length and weight near one half, with deterministic
    /// flips. The default.
    Standard,
    /// As `standard`, with half the bits and twice the flips, and rare patterns of missing parts hidden.
    Strong,
    /// Plain field-level Bloom filters under one key for all blocks: comparable across the whole
    /// registry, open to frequency and graph attacks. For synthetic or test data.
    FieldBloom,
    /// `compat`, the profile that other products have, and the older name of which is `record-clk`: one Bloom
    /// filter for the whole record (a CLK); as `field-bloom`, and without field weights. What is
    /// encoded so leaves a node by the word of two officers only, who answer for what the risk report says
    /// of it ([`crate::Agreement::risk_rules`]).
    #[serde(alias = "compat")]
    RecordClk,
}

/// What happens to a Bloom filter before it leaves the node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hardening {
    /// Nothing: the filter itself leaves, of this shape.
    Plain(FilterShape),
    /// No filter is made: what leaves is a signature of fixed length, the 1-bit MinHash (Li and König,
    /// 2010) of the tokens, each bit flipped with this probability in permille.
    MinHash {
        /// Flips per thousand bits.
        flip_permille: u16,
    },
}

/// How the tokens of one part become a Bloom filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterShape {
    /// The binary logarithm of the filter's length in bits, at most 32.
    pub log2_bits: u32,
    /// Positions set per token.
    pub hashes: u32,
}

impl Profile {
    /// The name schemas use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Strong => "strong",
            Self::FieldBloom => "field-bloom",
            Self::RecordClk => "record-clk",
        }
    }

    /// What happens to filters before they leave.
    pub const fn hardening(self) -> Hardening {
        match self {
            Self::Standard => Hardening::MinHash { flip_permille: 50 },
            Self::Strong => Hardening::MinHash { flip_permille: 100 },
            Self::FieldBloom => Hardening::Plain(FilterShape {
                log2_bits: 9,
                hashes: 8,
            }),
            // A record has some 150 tokens: more positions each would fill the filter, and full
            // filters are all alike.
            Self::RecordClk => Hardening::Plain(FilterShape {
                log2_bits: 10,
                hashes: 2,
            }),
        }
    }

    /// Whether keys derive from the block's value, so that blocks are incomparable.
    pub const fn is_block_keyed(self) -> bool {
        matches!(self, Self::Standard | Self::Strong)
    }

    /// Fewer records than this share a rare pattern of missing parts, where the profile hides those.
    pub const fn hides_patterns_below(self) -> Option<u32> {
        match self {
            Self::Strong => Some(5),
            Self::Standard | Self::FieldBloom | Self::RecordClk => None,
        }
    }

    /// How many decoys a thousand records are sent with, where the agreement does not say.
    pub const fn decoys_permille(self) -> u32 {
        match self {
            Self::Standard => 100,
            Self::Strong => 250,
            Self::FieldBloom | Self::RecordClk => 0,
        }
    }

    /// Whether a record is one vector instead of one a field.
    pub const fn is_whole_record(self) -> bool {
        matches!(self, Self::RecordClk)
    }

    /// Bits uploaded for a part that carries about as much as a name (`wide`) or as one number.
    pub const fn part_bits(self, wide: bool) -> u32 {
        match (self, wide) {
            (Self::Standard, true) => 256,
            (Self::Standard, false) | (Self::Strong, true) => 128,
            (Self::Strong, false) => 64,
            (Self::FieldBloom, _) => 512,
            (Self::RecordClk, _) => 1024,
        }
    }
}

impl FieldKind {
    /// Whether values of this kind are long and compared fuzzily, which takes more bits.
    pub const fn is_wide(self) -> bool {
        matches!(
            self,
            Self::GivenName | Self::Surname | Self::FullName | Self::Place | Self::Address
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Named {
        profile: Profile,
    }

    #[test]
    fn the_profile_of_other_products_has_two_names() {
        for (name, profile) in [
            ("compat", Profile::RecordClk),
            ("record-clk", Profile::RecordClk),
            ("field-bloom", Profile::FieldBloom),
            ("standard", Profile::Standard),
            ("strong", Profile::Strong),
        ] {
            let named: Named = toml::from_str(&format!("profile = \"{name}\"")).unwrap();
            assert_eq!(named.profile, profile);
        }
    }

    #[test]
    fn only_what_has_keys_by_block_has_decoys() {
        for profile in [
            Profile::Standard,
            Profile::Strong,
            Profile::FieldBloom,
            Profile::RecordClk,
        ] {
            assert_eq!(profile.decoys_permille() > 0, profile.is_block_keyed());
        }
    }
}
