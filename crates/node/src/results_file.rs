//! The results file: one line a record of the registry, in the registry's order, under its own keys.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use model::{Pseudonym, RecordHandle, RunNumber};
use records::LocalKey;

use crate::collect::CollectError;
use crate::error::NodeError;
use crate::files::{NewFile, io_error};

/// The results file, written line by line.
pub(crate) struct Lines {
    path: PathBuf,
    out: csv::Writer<NewFile>,
    pseudonyms: HashMap<RecordHandle, Pseudonym>,
    records: u64,
    with_pseudonym: u64,
}

impl Lines {
    /// Starts the file that will be at `path`.
    pub(crate) fn create(
        path: &Path,
        pseudonyms: HashMap<RecordHandle, Pseudonym>,
    ) -> Result<Self, NodeError> {
        let mut lines = Self {
            path: path.to_owned(),
            out: csv::Writer::from_writer(NewFile::create(path)?),
            pseudonyms,
            records: 0,
            with_pseudonym: 0,
        };
        lines.line("record_id", "pseudonym")?;
        Ok(lines)
    }

    /// Adds one line a record, in the order given; each pseudonym serves once.
    #[expect(
        clippy::disallowed_methods,
        reason = "the custodian's own results file is where local keys and pseudonyms meet"
    )]
    pub(crate) fn write(
        &mut self,
        entries: &[(RecordHandle, LocalKey)],
    ) -> Result<(), CollectError> {
        for (handle, local) in entries {
            let pseudonym = self.pseudonyms.remove(handle);
            self.records += 1;
            self.with_pseudonym += u64::from(pseudonym.is_some());
            let text = pseudonym.map_or_else(String::new, |pseudonym| pseudonym.to_string());
            self.line(local.expose(), &text)?;
        }
        Ok(())
    }

    fn line(&mut self, record_id: &str, pseudonym: &str) -> Result<(), CollectError> {
        let written = self.out.write_record([record_id, pseudonym]);
        written.map_err(|source| CollectError::Write {
            path: self.path.clone(),
            source,
        })
    }

    /// Puts the file in place after `before` is done, and says how many records it has, and how
    /// many with a pseudonym.
    pub(crate) fn finish(
        self,
        run: RunNumber,
        before: impl FnOnce() -> Result<(), NodeError>,
    ) -> Result<(u64, u64), NodeError> {
        if !self.pseudonyms.is_empty() {
            let count = self.pseudonyms.len() as u64;
            return Err(CollectError::Strangers { run, count }.into());
        }
        let written = self.out.into_inner();
        let file = written.map_err(|error| {
            io_error("write", &self.path)(io::Error::from(error.error().kind()))
        })?;
        before()?;
        file.commit()?;
        Ok((self.records, self.with_pseudonym))
    }
}
