//! The marks of life events that a node seals to the resolver with its handle map: which of its records
//! is of which event. Nobody else is told so; others learn what the agreement gives them notice of.

use model::{LifeEvent, RecordHandle};

/// What the first chunk of the marks begins with; the number of marks follows (4).
pub const EVENT_MARKS_MAGIC: &[u8] = b"symbolon event marks 1\n";

/// That a record is of a life event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventMark {
    /// The record.
    pub record: RecordHandle,
    /// What happened to its person.
    pub event: LifeEvent,
}

impl EventMark {
    /// Bytes of a mark.
    pub const BYTES: usize = 17;

    /// Record handle (16) and number of the event (1).
    pub fn to_bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        bytes[..16].copy_from_slice(self.record.as_bytes());
        bytes[16] = self.event.code();
        bytes
    }

    /// Reads a mark; none for an event that does not exist.
    pub fn from_bytes(bytes: &[u8; Self::BYTES]) -> Option<Self> {
        let [record @ .., event] = bytes;
        Some(Self {
            record: RecordHandle::new(*record),
            event: LifeEvent::from_code(*event)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_come_back_and_unknown_events_do_not() {
        for event in LifeEvent::ALL {
            let record = RecordHandle::new([7; 16]);
            let mark = EventMark { record, event };
            assert_eq!(EventMark::from_bytes(&mark.to_bytes()), Some(mark));
        }
        assert_eq!(EventMark::from_bytes(&[9; 17]), None);
    }
}
