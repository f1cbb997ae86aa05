//! The review book: sealed at rest as the vault is, since it holds local keys.
//!
//! ```text
//! stream under a key derived from the node's secret, bound to project and party
//! first chunk = version (1) | latest run (4)
//! each chunk  = review id (16) | answer (1) | run (4) | records (1) | record+ | the rest as JSON
//! record      = length (2) | local key
//! ```
//! Numbers are little-endian.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use model::{PartyName, ProjectName, ReviewId, RunNumber};
use records::LocalKey;
use secret::sealed_stream::StreamError;
use secret::{Entropy, Key32, StreamReader, StreamWriter};
use serde::{Deserialize, Serialize};
use wire::ReviewExplanation;
use wire::limits::MAX_VERDICTS;
use zeroize::Zeroizing;

use super::{Answer, MIN_PREFIX, ReviewError};
use crate::files::{NewFile, io_error};

const VERSION: u8 = 1;
/// The most pairs the book keeps; each may take two verdicts in a handle map.
pub(super) const MAX_ITEMS: usize = MAX_VERDICTS / 2;

/// A pair this node was asked about.
pub struct ReviewItem {
    /// Names the pair.
    pub id: ReviewId,
    /// The run that asked last.
    pub run: RunNumber,
    /// What a reviewer said, if anybody did.
    pub answer: Option<Answer>,
    /// The node's own record.
    pub record: LocalKey,
    /// The other record, where it is the node's own too.
    pub also: Option<LocalKey>,
    /// Whose the other record is.
    pub other: PartyName,
    /// Why the pair is doubtful; of earlier runs only the totals are kept.
    pub explanation: ReviewExplanation,
}

/// What of an item needs no form of its own.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    other: PartyName,
    explanation: ReviewExplanation,
}

impl ReviewItem {
    /// The node's own records of the pair.
    pub fn records(&self) -> impl Iterator<Item = &LocalKey> {
        std::iter::once(&self.record).chain(&self.also)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "an answer is only carried over to the same records of the registry"
    )]
    fn is_of_the_records_of(&self, other: &Self) -> bool {
        // Which of two records comes first is chance, and another in every run.
        fn sorted(item: &ReviewItem) -> Vec<&str> {
            let mut keys: Vec<&str> = item.records().map(LocalKey::expose).collect();
            keys.sort_unstable();
            keys
        }
        sorted(self) == sorted(other)
    }
}

/// All pairs a node was asked about and is to remember.
pub struct Book {
    /// The latest run that asked.
    pub latest: RunNumber,
    /// The pairs: those of the latest run in the order it gave them, then earlier ones.
    pub items: Vec<ReviewItem>,
}

impl Default for Book {
    fn default() -> Self {
        Self {
            latest: RunNumber(0),
            items: Vec::new(),
        }
    }
}

/// The key to a node's book, and what the book is bound to.
pub(crate) struct BookKey {
    key: Key32,
    context: Vec<u8>,
}

impl BookKey {
    pub(super) fn derive(secret: &Key32, project: &ProjectName, party: &PartyName) -> Self {
        Self {
            key: secret.derive("review book", &[project.as_str().as_bytes()]),
            // Names hold no line breaks, so no two contexts read alike.
            context: format!("symbolon review book v1\n{project}\n{party}").into_bytes(),
        }
    }
}

impl Book {
    /// The pairs of the latest run that nobody has answered, the most doubtful first.
    pub fn open_items(&self) -> impl Iterator<Item = &ReviewItem> {
        self.items.iter().filter(|item| self.is_open(item))
    }

    /// Whether a reviewer should look at the item.
    pub fn is_open(&self, item: &ReviewItem) -> bool {
        item.answer.is_none() && item.run == self.latest
    }

    /// The one pair whose id begins with `prefix`.
    ///
    /// # Errors
    /// [`ReviewError`] when there is none, or several.
    pub fn find(&self, prefix: &str) -> Result<&ReviewItem, ReviewError> {
        Ok(&self.items[self.place(prefix)?])
    }

    pub(super) fn find_mut(&mut self, prefix: &str) -> Result<&mut ReviewItem, ReviewError> {
        let place = self.place(prefix)?;
        Ok(&mut self.items[place])
    }

    fn place(&self, prefix: &str) -> Result<usize, ReviewError> {
        let id = || prefix.to_owned();
        let wanted = prefix.to_ascii_lowercase();
        let begins = |(_, item): &(usize, &ReviewItem)| item.id.to_string().starts_with(&wanted);
        let mut found = self.items.iter().enumerate().filter(begins);
        let first = found.next().filter(|_| prefix.len() >= MIN_PREFIX);
        let (place, _) = first.ok_or_else(|| ReviewError::Unknown { id: id() })?;
        match found.count() {
            0 => Ok(place),
            more => Err(ReviewError::Ambiguous {
                id: id(),
                count: more + 1,
            }),
        }
    }

    /// Takes up the pairs of `run`. A pair asked about before keeps its answer, as long as it is
    /// still of the same records. Over the limit the oldest pairs without a verdict go first.
    pub(super) fn take(&mut self, run: RunNumber, mut offered: Vec<ReviewItem>) {
        let mut earlier: HashMap<ReviewId, ReviewItem> =
            self.items.drain(..).map(|item| (item.id, item)).collect();
        for item in &mut offered {
            let before = earlier.remove(&item.id);
            let same = before.filter(|before| before.is_of_the_records_of(item));
            item.answer = same.and_then(|before| before.answer);
        }
        let mut earlier: Vec<ReviewItem> = earlier.into_values().collect();
        let verdict = |item: &ReviewItem| item.answer.and_then(Answer::verdict);
        earlier.sort_by_key(|item| (verdict(item).is_none(), Reverse(item.run), item.id));
        for item in &mut earlier {
            item.explanation.steps.clear();
        }
        self.latest = run;
        self.items = offered;
        self.items.extend(earlier);
        self.items.truncate(MAX_ITEMS);
    }

    /// Opens the book at `path`; an empty one when there is none.
    pub(crate) fn open(path: &Path, key: &BookKey) -> Result<Self, ReviewError> {
        let file = match File::open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            file => file.map_err(io_error("read", path))?,
        };
        let sealed = sealed_error(path);
        let malformed = || ReviewError::Malformed(path.to_owned());
        let mut reader = StreamReader::under_key(BufReader::new(file), &key.key, &key.context)
            .map_err(&sealed)?;
        let first = reader.next_chunk().map_err(&sealed)?;
        let mut book = Self {
            latest: first.and_then(|c| latest(&c)).ok_or_else(malformed)?,
            items: Vec::new(),
        };
        while let Some(chunk) = reader.next_chunk().map_err(&sealed)? {
            book.items.push(parse(&chunk).ok_or_else(malformed)?);
        }
        Ok(book)
    }

    /// Seals the book at `path`, whole or not at all.
    pub(crate) fn seal(
        &self,
        path: &Path,
        key: &BookKey,
        entropy: &mut dyn Entropy,
    ) -> Result<(), ReviewError> {
        let sealed = sealed_error(path);
        let file = NewFile::create(path)?;
        let mut writer =
            StreamWriter::under_key(file, &key.key, &key.context, entropy).map_err(&sealed)?;
        let first = [&[VERSION][..], &self.latest.0.to_le_bytes()].concat();
        writer.write_chunk(&first).map_err(&sealed)?;
        for item in &self.items {
            let chunk = bytes(item).map_err(|source| FileErrorOf(path).json(source))?;
            writer.write_chunk(&chunk).map_err(&sealed)?;
        }
        writer.finish().map_err(&sealed)?.commit()?;
        Ok(())
    }
}

/// Names the file in an error of its content.
struct FileErrorOf<'a>(&'a Path);

impl FileErrorOf<'_> {
    fn json(&self, source: serde_json::Error) -> crate::FileError {
        crate::FileError::Json {
            path: self.0.to_owned(),
            source,
        }
    }
}

fn latest(chunk: &[u8]) -> Option<RunNumber> {
    let run = chunk.strip_prefix(&[VERSION])?;
    Some(RunNumber(u32::from_le_bytes(run.try_into().ok()?)))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the book keeps local keys, sealed as in the vault"
)]
fn bytes(item: &ReviewItem) -> Result<Zeroizing<Vec<u8>>, serde_json::Error> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(4096));
    bytes.extend_from_slice(item.id.as_bytes());
    bytes.push(match item.answer {
        None => 0,
        Some(Answer::Same) => 1,
        Some(Answer::Different) => 2,
        Some(Answer::Unsure) => 3,
    });
    bytes.extend_from_slice(&item.run.0.to_le_bytes());
    bytes.push(1 + u8::from(item.also.is_some()));
    for record in item.records() {
        // The vault, where keys come from, holds none that is longer than its length can say.
        let key = record.expose().as_bytes();
        bytes.extend_from_slice(&(key.len() as u16).to_le_bytes());
        bytes.extend_from_slice(key);
    }
    let told = Told {
        other: item.other.clone(),
        explanation: item.explanation.clone(),
    };
    serde_json::to_writer(&mut *bytes, &told)?;
    Ok(bytes)
}

fn parse(chunk: &[u8]) -> Option<ReviewItem> {
    let (id, rest) = chunk.split_first_chunk::<16>()?;
    let ([answer], rest) = rest.split_first_chunk::<1>()?;
    let (run, rest) = rest.split_first_chunk::<4>()?;
    let ([records], rest) = rest.split_first_chunk::<1>()?;
    let (record, rest) = local_key(rest)?;
    let (also, rest) = match records {
        1 => (None, rest),
        2 => local_key(rest).map(|(key, rest)| (Some(key), rest))?,
        _ => return None,
    };
    let Told { other, explanation } = serde_json::from_slice(rest).ok()?;
    Some(ReviewItem {
        id: ReviewId::new(*id),
        run: RunNumber(u32::from_le_bytes(*run)),
        answer: match answer {
            0 => None,
            1 => Some(Answer::Same),
            2 => Some(Answer::Different),
            3 => Some(Answer::Unsure),
            _ => return None,
        },
        record,
        also,
        other,
        explanation,
    })
}

fn local_key(bytes: &[u8]) -> Option<(LocalKey, &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    let (key, rest) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
    let key = std::str::from_utf8(key).ok()?.to_owned();
    Some((LocalKey::new(key), rest))
}

fn sealed_error(path: &Path) -> impl Fn(StreamError) -> ReviewError {
    let path = path.to_owned();
    move |source| ReviewError::Sealed {
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
#[path = "book_tests.rs"]
mod tests;
