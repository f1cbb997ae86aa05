//! Life events that a civil register records, as far as notices tell of them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What happened to a person. That it happened is told, and neither when nor where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LifeEvent {
    /// A birth.
    Birth,
    /// A death.
    Death,
    /// A marriage.
    Marriage,
    /// A divorce.
    Divorce,
}

impl LifeEvent {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Birth, Self::Death, Self::Marriage, Self::Divorce];

    /// The event's name in agreements, schemas and files of results.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Birth => "birth",
            Self::Death => "death",
            Self::Marriage => "marriage",
            Self::Divorce => "divorce",
        }
    }

    /// The event's number in bytes, from 1.
    pub const fn code(self) -> u8 {
        match self {
            Self::Birth => 1,
            Self::Death => 2,
            Self::Marriage => 3,
            Self::Divorce => 4,
        }
    }

    /// The event of this number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.code() == code)
    }

    /// The event of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|event| event.as_str() == name)
    }
}

impl fmt::Display for LifeEvent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_lead_back() {
        for event in LifeEvent::ALL {
            assert_eq!(LifeEvent::from_code(event.code()), Some(event));
            assert_eq!(LifeEvent::from_name(event.as_str()), Some(event));
            let read: toml::Table = toml::from_str(&format!("event = \"{event}\"")).unwrap();
            let read: LifeEvent = read["event"].clone().try_into().unwrap();
            assert_eq!(read, event);
        }
        assert_eq!(LifeEvent::from_code(0), None);
        assert_eq!(LifeEvent::from_name("adoption"), None);
    }
}
