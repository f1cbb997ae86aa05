//! Reading with a digest, so that large files are held to theirs while they are used.

use std::io::{self, Read};

use model::Digest;
use model::digest::Digester;

/// Reads, and knows the digest of all that was read.
pub(crate) struct Digesting {
    from: Box<dyn Read + Send>,
    digester: Digester,
}

impl Digesting {
    /// Reads `from`.
    pub(crate) fn new(from: Box<dyn Read + Send>) -> Self {
        let digester = Digester::new();
        Self { from, digester }
    }

    /// Reads what is left; the digest of everything.
    pub(crate) fn finish(mut self) -> io::Result<Digest> {
        io::copy(&mut self, &mut io::sink())?;
        Ok(self.digester.finish())
    }
}

impl Read for Digesting {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.digester.update(&buffer[..read]);
        Ok(read)
    }
}
