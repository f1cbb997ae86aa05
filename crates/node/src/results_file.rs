//! The results file: one line a record of the registry, in the registry's order, under its own keys. Which
//! columns there are follows from what the agreement gives: `pseudonym`, `at_PARTY` with yes or no for each
//! party it may be told of, and the name of each event with yes or no. A record that was set aside has
//! no answers.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use model::agreement::Rights;
use model::{RecordHandle, RunNumber};
use records::LocalKey;
use serde::Serialize;
use wire::ResultsRow;

use crate::collect::CollectError;
use crate::error::NodeError;
use crate::files::{NewFile, io_error};

/// How many records have the answer yes to one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answered {
    /// The column of the results file: `at_crvs`, `death`.
    pub question: String,
    /// Records with the answer yes.
    pub yes: u64,
}

/// What was written.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Records of the registry.
    pub(crate) records: u64,
    /// Records with a pseudonym.
    pub(crate) with_pseudonym: u64,
    /// By question.
    pub(crate) answered: Vec<Answered>,
}

/// The results file, written line by line.
pub(crate) struct Lines {
    path: PathBuf,
    out: csv::Writer<NewFile>,
    rows: HashMap<RecordHandle, ResultsRow>,
    rights: Rights,
    tally: Tally,
}

impl Lines {
    /// Starts the file that will be at `path`, with answers as far as `rights` give any.
    pub(crate) fn create(
        path: &Path,
        rights: &Rights,
        rows: HashMap<RecordHandle, ResultsRow>,
    ) -> Result<Self, NodeError> {
        let at = rights.known_at.iter().map(|party| format!("at_{party}"));
        let events = rights.events.iter().map(ToString::to_string);
        let asked = at.chain(events);
        let mut lines = Self {
            path: path.to_owned(),
            out: csv::Writer::from_writer(NewFile::create(path)?),
            rows,
            rights: rights.clone(),
            tally: Tally {
                answered: asked
                    .map(|question| Answered { question, yes: 0 })
                    .collect(),
                ..Tally::default()
            },
        };
        let mut header = vec!["record_id".to_owned()];
        header.extend(rights.pseudonyms.then(|| "pseudonym".to_owned()));
        let asked = lines.tally.answered.iter();
        header.extend(asked.map(|answered| answered.question.clone()));
        lines.line(&header)?;
        Ok(lines)
    }

    /// Adds one line a record, in the order given; each row serves once.
    #[expect(
        clippy::disallowed_methods,
        reason = "the custodian's own results file is where local keys and results meet"
    )]
    pub(crate) fn write(
        &mut self,
        entries: &[(RecordHandle, LocalKey)],
    ) -> Result<(), CollectError> {
        for (handle, local) in entries {
            let row = self.rows.remove(handle);
            self.tally.records += 1;
            let mut line = vec![local.expose().to_owned()];
            line.extend(self.answers(row));
            self.line(&line)?;
        }
        Ok(())
    }

    /// What stands behind a record's key.
    fn answers(&mut self, row: Option<ResultsRow>) -> Vec<String> {
        let mut texts = Vec::new();
        let pseudonym = row.and_then(|row| row.pseudonym);
        self.tally.with_pseudonym += u64::from(pseudonym.is_some());
        if self.rights.pseudonyms {
            texts.push(pseudonym.map_or_else(String::new, |pseudonym| pseudonym.to_string()));
        }
        let at = self.rights.known_at.len();
        for (place, answered) in self.tally.answered.iter_mut().enumerate() {
            let Some(row) = row else {
                texts.push(String::new());
                continue;
            };
            let is = match place.checked_sub(at) {
                None => row.known_at >> place & 1 == 1,
                Some(event) => row.events >> event & 1 == 1,
            };
            answered.yes += u64::from(is);
            texts.push(if is { "yes" } else { "no" }.to_owned());
        }
        texts
    }

    fn line(&mut self, line: &[String]) -> Result<(), CollectError> {
        let written = self.out.write_record(line);
        written.map_err(|source| CollectError::Write {
            path: self.path.clone(),
            source,
        })
    }

    /// Puts the file in place after `before` is done, and says what is in it.
    pub(crate) fn finish(
        self,
        run: RunNumber,
        before: impl FnOnce() -> Result<(), NodeError>,
    ) -> Result<Tally, NodeError> {
        if !self.rows.is_empty() {
            let count = self.rows.len() as u64;
            return Err(CollectError::Strangers { run, count }.into());
        }
        let written = self.out.into_inner();
        let file = written.map_err(|error| {
            io_error("write", &self.path)(io::Error::from(error.error().kind()))
        })?;
        before()?;
        file.commit()?;
        Ok(self.tally)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{LifeEvent, Pseudonym};

    fn rights(pseudonyms: bool) -> Rights {
        Rights {
            pseudonyms,
            counts: false,
            known_at: vec!["crvs".parse().unwrap(), "id".parse().unwrap()],
            events: vec![LifeEvent::Death],
        }
    }

    fn row(record: u8, known_at: u32, events: u8) -> (RecordHandle, ResultsRow) {
        let record = RecordHandle::new([record; 16]);
        let row = ResultsRow {
            record,
            pseudonym: None,
            known_at,
            events,
        };
        (record, row)
    }

    fn entry(record: u8) -> (RecordHandle, LocalKey) {
        let key = LocalKey::new(format!("r{record}"));
        (RecordHandle::new([record; 16]), key)
    }

    #[test]
    fn each_answer_stands_in_a_column_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("results.csv");
        let rows = HashMap::from([row(1, 0b10, 1), row(2, 0b01, 0)]);
        let mut lines = Lines::create(&path, &rights(false), rows).unwrap();
        lines.write(&[entry(1), entry(2), entry(3)]).unwrap();
        let tally = lines.finish(RunNumber(1), || Ok(())).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            "record_id,at_crvs,at_id,death\nr1,no,yes,yes\nr2,yes,no,no\nr3,,,\n"
        );
        let yes: Vec<u64> = tally.answered.iter().map(|answered| answered.yes).collect();
        assert_eq!(
            (tally.records, tally.with_pseudonym, yes),
            (3, 0, vec![1, 1, 1])
        );
    }

    #[test]
    fn a_pseudonym_stands_before_the_answers() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("results.csv");
        let (record, mut row) = row(1, 0, 0);
        row.pseudonym = Some(Pseudonym::new([0xab; 16]));
        let rows = HashMap::from([(record, row)]);
        let mut lines = Lines::create(&path, &rights(true), rows).unwrap();
        lines.write(&[entry(1)]).unwrap();
        lines.finish(RunNumber(1), || Ok(())).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            format!(
                "record_id,pseudonym,at_crvs,at_id,death\nr1,{},no,no,no\n",
                "ab".repeat(16)
            )
        );
    }
}
