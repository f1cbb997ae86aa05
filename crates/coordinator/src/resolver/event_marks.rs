//! The marks of life events in a handle map: after a first chunk that announces how many, marks of
//! records of the map, in order of the records and each record once.

use std::collections::HashSet;

use model::RecordHandle;
use wire::{EVENT_MARKS_MAGIC, EventMark};

/// A section of event marks that is not one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("its event marks are torn, miscounted, out of order, or of records it does not have")]
pub struct NotMarks;

/// Reads the section chunk by chunk.
#[derive(Default)]
pub(super) struct MarksReader {
    promised: Option<usize>,
    marks: Vec<EventMark>,
}

impl MarksReader {
    /// Whether the section is announced.
    pub(super) fn has_begun(&self) -> bool {
        self.promised.is_some()
    }

    /// Takes the next chunk, if it belongs to the section. `limit` is the most marks there can be.
    pub(super) fn takes(&mut self, chunk: &[u8], limit: u64) -> Result<bool, NotMarks> {
        let Some(promised) = self.promised else {
            let Some(count) = chunk.strip_prefix(EVENT_MARKS_MAGIC) else {
                return Ok(false);
            };
            let count = u32::from_le_bytes(count.try_into().map_err(|_| NotMarks)?);
            if u64::from(count) > limit {
                return Err(NotMarks);
            }
            self.promised = Some(count as usize);
            return Ok(true);
        };
        if self.marks.len() == promised {
            return Ok(false);
        }
        let (marks, rest) = chunk.as_chunks::<{ EventMark::BYTES }>();
        if !rest.is_empty() || self.marks.len() + marks.len() > promised {
            return Err(NotMarks);
        }
        for mark in marks {
            self.marks
                .push(EventMark::from_bytes(mark).ok_or(NotMarks)?);
        }
        Ok(true)
    }

    /// The marks, when all are there and of `records`.
    pub(super) fn finish(
        self,
        records: impl Iterator<Item = RecordHandle>,
    ) -> Result<Vec<EventMark>, NotMarks> {
        let is_ordered = self.marks.is_sorted_by(|one, two| one.record < two.record);
        if self.marks.len() != self.promised.unwrap_or_default() || !is_ordered {
            return Err(NotMarks);
        }
        if self.marks.is_empty() {
            return Ok(self.marks);
        }
        let records: HashSet<RecordHandle> = records.collect();
        match self.marks.iter().all(|mark| records.contains(&mark.record)) {
            true => Ok(self.marks),
            false => Err(NotMarks),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::LifeEvent;

    fn mark(record: u8) -> EventMark {
        EventMark {
            record: RecordHandle::new([record; 16]),
            event: LifeEvent::Death,
        }
    }

    fn head(count: u32) -> Vec<u8> {
        [EVENT_MARKS_MAGIC, &count.to_le_bytes()].concat()
    }

    fn read(chunks: &[&[u8]]) -> Result<Vec<EventMark>, NotMarks> {
        let mut reader = MarksReader::default();
        for chunk in chunks {
            assert!(reader.takes(chunk, 3)?);
        }
        let records = [1, 2, 3].map(|record| RecordHandle::new([record; 16]));
        reader.finish(records.into_iter())
    }

    #[test]
    fn marks_are_read_over_any_whole_chunks() {
        let (one, two) = (mark(1).to_bytes(), mark(3).to_bytes());
        let expected = Ok(vec![mark(1), mark(3)]);
        assert_eq!(read(&[&head(2), &one, &two]), expected);
        assert_eq!(read(&[&head(2), &[one, two].concat()]), expected);
        assert_eq!(read(&[&head(0)]), Ok(Vec::new()));
        assert_eq!(read(&[]), Ok(Vec::new()));
        // What comes after them is somebody else's.
        let mut reader = MarksReader::default();
        assert_eq!(reader.takes(&head(0), 3), Ok(true));
        assert_eq!(reader.takes(&one, 3), Ok(false));
    }

    #[test]
    fn sections_that_are_none_are_refused() {
        let (one, two) = (mark(1).to_bytes(), mark(2).to_bytes());
        let mut unknown = one;
        unknown[16] = 9;
        for wrong in [
            &[&head(4)[..]][..],
            &[&head(1)],
            &[&head(1), &one, &two],
            &[&head(1), &[one, two].concat()],
            &[&head(1), &one[..16]],
            &[&head(1), &unknown],
            &[&head(2), &two, &one],
            &[&head(2), &one, &one],
            &[&head(1), &mark(4).to_bytes()],
            &[&[EVENT_MARKS_MAGIC, &[1]].concat()],
        ] {
            let mut reader = MarksReader::default();
            let taken: Result<Vec<bool>, NotMarks> =
                wrong.iter().map(|chunk| reader.takes(chunk, 3)).collect();
            let records = [1, 2, 3].map(|record| RecordHandle::new([record; 16]));
            let outcome = taken.and_then(|taken| {
                let all = taken.into_iter().all(|taken| taken);
                let marks = reader.finish(records.into_iter())?;
                if all { Ok(marks) } else { Err(NotMarks) }
            });
            assert_eq!(outcome, Err(NotMarks), "{wrong:?}");
        }
    }
}
