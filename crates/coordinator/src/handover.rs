//! Taking what the matcher hands over. The resolver sees the matcher as a [`wire::Handover`] and as nothing
//! else: in the same program that is the matcher itself, and otherwise `remote`, which asks it over
//! the network.

use std::error::Error;
use std::io::{self, Read};
use std::sync::Arc;

use model::{Digest, RunNumber};
use wire::limits::MAX_COMPARISONS_PART;
use wire::{Comparisons, Fault, Handover};

/// Why the matcher gave no answer.
#[derive(Debug, thiserror::Error)]
#[error("the matcher cannot be asked")]
pub struct HandoverError(#[source] pub Box<dyn Error + Send + Sync>);

impl From<Fault> for HandoverError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(refusal) => Self(refusal.to_string().into()),
            Fault::Failed(error) => Self(error),
        }
    }
}

/// The bytes of comparisons, part by part from their beginning. After an error the same part is asked for
/// again.
pub(crate) struct Taking {
    handover: Arc<dyn Handover>,
    run: RunNumber,
    digest: Digest,
    /// Bytes in all.
    bytes: u64,
    /// Bytes that came.
    from: u64,
    part: io::Cursor<Vec<u8>>,
}

impl Taking {
    /// Begins with the first part, so that a matcher that hands nothing over says so at once.
    pub(crate) fn begin(
        handover: Arc<dyn Handover>,
        run: RunNumber,
        comparisons: &Comparisons,
    ) -> Result<Self, HandoverError> {
        let mut taking = Self {
            handover,
            run,
            digest: comparisons.digest,
            bytes: comparisons.bytes,
            from: 0,
            part: io::Cursor::default(),
        };
        taking.next_part()?;
        Ok(taking)
    }

    fn next_part(&mut self) -> Result<(), HandoverError> {
        if self.from == self.bytes {
            return Ok(());
        }
        let (run, limit) = (self.run, MAX_COMPARISONS_PART);
        let part = self
            .handover
            .comparisons(run, &self.digest, self.from, limit)?;
        let left = self.bytes - self.from;
        if part.is_empty() || part.len() as u64 > left {
            let text = format!("{} bytes came of the last {left}", part.len());
            return Err(HandoverError(text.into()));
        }
        self.from += part.len() as u64;
        self.part = io::Cursor::new(part);
        Ok(())
    }
}

impl Read for Taking {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.part.read(buffer)?;
        if read > 0 || buffer.is_empty() {
            return Ok(read);
        }
        self.next_part().map_err(io::Error::other)?;
        self.part.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;
    use wire::MatcherRun;

    /// Gives three bytes at a time, and fails every other call.
    struct Halting(Mutex<u32>);

    const BYTES: &[u8] = b"eleven byte";

    impl Handover for Halting {
        fn standing(&self, _: RunNumber) -> Result<MatcherRun, Fault> {
            Err(Fault::failed("not asked"))
        }

        fn comparisons(
            &self,
            _: RunNumber,
            _: &Digest,
            from: u64,
            _: usize,
        ) -> Result<Vec<u8>, Fault> {
            let mut calls = self.0.lock().unwrap();
            *calls += 1;
            if calls.is_multiple_of(2) {
                return Err(Fault::failed("cut"));
            }
            Ok(BYTES[from as usize..].iter().copied().take(3).collect())
        }

        fn end(&self, _: RunNumber, _: bool) -> Result<bool, Fault> {
            Ok(true)
        }
    }

    fn begin(bytes: u64) -> Result<Taking, HandoverError> {
        let comparisons = Comparisons {
            pairs: 1,
            bytes,
            digest: Digest::of(BYTES),
            handles: Vec::new(),
        };
        let matcher = Arc::new(Halting(Mutex::new(0)));
        Taking::begin(matcher, RunNumber(1), &comparisons)
    }

    #[test]
    fn after_an_error_the_same_part_comes_again() {
        let mut taking = begin(BYTES.len() as u64).unwrap();
        let (mut all, mut errors) = (Vec::new(), 0);
        while all.len() < BYTES.len() {
            errors += u32::from(taking.read_to_end(&mut all).is_err());
        }
        assert_eq!((&all[..], errors), (BYTES, 3));
        assert_eq!(taking.read(&mut [0; 9]).unwrap(), 0);
    }

    #[test]
    fn more_than_was_promised_is_not_taken() {
        assert!(begin(2).is_err());
        assert_eq!(begin(0).unwrap().read(&mut [0; 9]).unwrap(), 0);
    }
}
