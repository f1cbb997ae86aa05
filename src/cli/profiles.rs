//! The names of profiles on the command line.

use clap::ValueEnum;
use model::profile::Profile;

/// The profiles on the command line.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum ProfileName {
    /// One vector a record (a CLK), as other products upload: `record-clk`.
    #[value(alias = "record-clk")]
    Compat,
    /// Plain Bloom filters a field.
    FieldBloom,
    /// Block-keyed signatures.
    Standard,
    /// Shorter signatures, more flips.
    Strong,
}

impl From<ProfileName> for Profile {
    fn from(name: ProfileName) -> Self {
        match name {
            ProfileName::Compat => Self::RecordClk,
            ProfileName::FieldBloom => Self::FieldBloom,
            ProfileName::Standard => Self::Standard,
            ProfileName::Strong => Self::Strong,
        }
    }
}
