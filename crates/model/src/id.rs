//! Every kind of id in one list, each its own type: mixing two does not compile.

use std::fmt;
use std::str::FromStr;

use crate::hex::hex_forms;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not the hexadecimal form of this many bytes.
    #[error("a {what} is {bytes} bytes in hexadecimal")]
    NotHex {
        /// The kind of id.
        what: &'static str,
        /// Its length in bytes.
        bytes: usize,
    },
    /// Not a short lower-case name.
    #[error(
        "a {what} starts with a letter and has at most {MAX_NAME} lower-case letters, digits, '-' or '_'"
    )]
    NotName {
        /// The kind of id.
        what: &'static str,
    },
}

/// The most characters a name chosen by people may have.
pub const MAX_NAME: usize = 40;

/// 16 random or pseudorandom bytes under a name of their own.
macro_rules! random_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        hex_forms!($name, 16, $what);

        impl $name {
            /// Wraps the id's 16 bytes.
            pub const fn new(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// The id's bytes.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }
        }
    };
}

random_id!(
    /// Stands for one record of one batch towards the resolver. Says nothing about the record, and
    /// a later run uses another.
    RecordHandle,
    "record handle"
);

impl RecordHandle {
    /// Stands for no record: what a handle map says of a decoy's row. No record gets it but by a chance of one
    /// in 2^128.
    pub const NOBODY: Self = Self([0; 16]);
}

random_id!(
    /// Stands for one row (a record in one blocking pass) towards the matcher. Without the sealed
    /// handle map nobody can tell which pass handles belong to one record.
    PassHandle,
    "pass handle"
);
random_id!(
    /// A keyed stand-in for a block value in one pass; equal at every node that holds the key.
    BlockToken,
    "block token"
);
random_id!(
    /// One person within a run, known to the resolver alone and never released.
    LinkageId,
    "linkage id"
);
random_id!(
    /// One person towards one recipient. The same person has another pseudonym for each recipient,
    /// and in each run.
    Pseudonym,
    "pseudonym"
);
random_id!(
    /// A pair of records up for clerical review, as the nodes that own the records know it. Says
    /// nothing about either record; keyed by the resolver.
    ReviewId,
    "review id"
);
random_id!(
    /// Equal for two nodes exactly when they hold the same linkage key for one project, epoch and
    /// schema; derived
    /// from the key by a one-way function and of no other use.
    KeyCheck,
    "key check"
);

/// A short name chosen by people, kept to characters that are safe in paths and certificates.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                if is_name(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(IdError::NotName { what: $what })
                }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

name!(
    /// A registry taking part in a project, as the linkage schema names it: `crvs`, `id`.
    PartyName,
    "party name"
);
name!(
    /// A linkage project.
    ProjectName,
    "project name"
);
name!(
    /// A field or pass of a linkage schema.
    FieldName,
    "field name"
);

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= MAX_NAME
        && bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_'
        })
}

/// A small number under a name of its own.
macro_rules! number {
    ($(#[$doc:meta])* $name:ident, $inner:ty) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// A party's place in the linkage schema's list, counted from 0.
    PartyIndex,
    u8
);
number!(
    /// A blocking pass's place in the linkage schema's list, counted from 0.
    PassIndex,
    u8
);
number!(
    /// The period for which derived keys hold; encodings of different epochs are incomparable.
    Epoch,
    u32
);
number!(
    /// One execution of a project, counted from 1.
    RunNumber,
    u32
);

impl PartyIndex {
    /// The place as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl PassIndex {
    /// The place as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handles_round_trip_through_hexadecimal() {
        let handle = RecordHandle::new(*b"0123456789abcdef");
        assert_eq!(handle.to_string().parse::<RecordHandle>().unwrap(), handle);
        assert!("00".parse::<RecordHandle>().is_err());
        assert!("zz".repeat(16).parse::<RecordHandle>().is_err());
    }

    #[test]
    fn names_are_kept_to_safe_characters() {
        for good in ["crvs", "sr-2024", "a_b"] {
            assert_eq!(good.parse::<PartyName>().unwrap().as_str(), good);
        }
        for bad in ["", "1st", "CRVS", "../x", "a b", &"a".repeat(MAX_NAME + 1)] {
            assert!(bad.parse::<PartyName>().is_err());
        }
    }
}
