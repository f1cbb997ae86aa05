//! On-demand disclosure, the node's half: of all rows it made, those are chosen that can meet somebody,
//! by what the matcher says of the block tokens; they become the two batches of the run.
//!
//! A row is sent when its block holds records of another party too, or, where the party may hold one
//! person twice, another record of its own; calibration rows are always sent. All others would be
//! compared with nothing, so the links are those of all rows.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};

use audit::Event;
use encode::HandleEntry;
use model::agreement::Disclosure;
use model::layout::Row;
use model::{BatchKind, BatchManifest, BlockToken, Digest, Layout, RecordHandle};
use secret::KeyedEntropy;
use serde::{Deserialize, Serialize};
use wire::{Membership, MembershipError};

use crate::error::NodeError;
use crate::files::{FileError, NewFile, Written, io_error, write_json};
use crate::made::{self, Made, MadeKey};
use crate::open::Node;
use crate::outbox::{Outbox, manifest_name};
use crate::prepare::PrepareError;
use crate::project::Project;
use crate::{handle_map, vault::VaultError};

/// The file with all rows that were made.
pub(crate) const MADE_ROWS: &str = "made.bin";
/// The file that says whose they are.
pub(crate) const MADE_HANDLES: &str = "made.sealed";
/// The file that says what was chosen.
const CHOSEN: &str = "disclosure.json";
/// Bytes of rows read at once.
const BUFFER: usize = 1 << 20;

/// Why no rows were chosen.
#[derive(Debug, thiserror::Error)]
pub enum DiscloseError {
    /// The matcher's answer cannot be followed.
    #[error("the matcher's answer to the block tokens cannot be used: {0}")]
    Answer(#[from] MembershipError),
    /// What was made cannot be read again.
    #[error("{0}")]
    Made(#[from] VaultError),
    /// Rows and their handles are not of one prepare.
    #[error("{} and {MADE_HANDLES} beside it do not belong together; prepare again with --again", .0.display())]
    Apart(PathBuf),
}

impl DiscloseError {
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Answer(_))
    }
}

/// What of all that was made is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosed {
    /// Rows made.
    pub made: u64,
    /// Rows sent, calibration rows among them.
    pub sent: u64,
    /// Records of which at least one row is sent.
    pub records_sent: u64,
    /// Records of which none is.
    pub records_kept: u64,
}

/// The tokens of all blocks of `rows`, each once and in order.
pub(crate) fn block_tokens<'a>(
    rows: impl Iterator<Item = &'a [u8]>,
    calibration: Option<model::PassIndex>,
) -> Vec<BlockToken> {
    let rows = rows.map(Row::new);
    let rows = rows.filter(|row| Some(row.pass()) != calibration);
    let mut tokens: Vec<BlockToken> = rows.map(Row::token).collect();
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

impl Outbox {
    /// What was chosen, once it is.
    pub(crate) fn chosen(&self) -> Result<Option<Disclosed>, NodeError> {
        Ok(crate::files::read_json(&self.dir().join(CHOSEN))?)
    }

    /// Removes what is not sent, once it is settled what is.
    pub(crate) fn forget_made(&self) -> Result<(), NodeError> {
        for made in [MADE_ROWS, MADE_HANDLES] {
            let path = self.dir().join(made);
            if path.exists() {
                fs::remove_file(&path).map_err(io_error("remove", &path))?;
            }
        }
        Ok(())
    }
}

impl Node {
    /// Chooses what is sent of the run in `outbox` by the bytes of the matcher's answer, and writes the
    /// two batches. The same answer gives the same bytes, however often it is begun.
    pub(crate) fn choose(
        &self,
        outbox: &Outbox,
        project: &Project,
        disclosure: Disclosure,
        answer: Vec<u8>,
    ) -> Result<Disclosed, NodeError> {
        let digest = Digest::of(&answer);
        let read = Membership::from_bytes(answer, disclosure.false_positives_permille);
        let membership = read.map_err(DiscloseError::from)?;
        let key = self.made_key(outbox)?;
        let made = made::open(&outbox.dir().join(MADE_HANDLES), &key);
        let (seed, made) = made.map_err(DiscloseError::from)?;
        let handles = &made.entries;
        let entropy = KeyedEntropy::new(seed.derive("handle map", &[digest.as_bytes()]));
        let mut choice = Choice {
            node: self,
            outbox,
            project,
            layout: Layout::of(&self.schema),
            membership,
            own: HashSet::new(),
            entropy,
        };
        let (written, chosen) = choice.rows(handles)?;
        let lone = lone(handles, &chosen);
        let disclosed = Disclosed {
            made: handles.len() as u64,
            sent: chosen.len() as u64,
            records_sent: records(&chosen),
            records_kept: lone.len() as u64,
        };
        let map = choice.handle_map(&made, &chosen, &lone)?;
        choice.record(disclosed, digest)?;
        choice.finish(disclosed, [written, map])?;
        tracing::info!(run = %outbox.run, made = disclosed.made, sent = disclosed.sent, "chosen");
        Ok(disclosed)
    }

    pub(crate) fn made_key(&self, outbox: &Outbox) -> Result<MadeKey, NodeError> {
        let config = &self.config;
        let secret = self.secret()?;
        Ok(MadeKey::derive(
            &secret,
            &config.project,
            outbox.run,
            &config.party,
        ))
    }
}

/// One choosing.
struct Choice<'a> {
    node: &'a Node,
    outbox: &'a Outbox,
    project: &'a Project,
    layout: Layout,
    membership: Membership,
    /// Tokens of blocks with two records of the party's own, where it looks for those.
    own: HashSet<BlockToken>,
    entropy: KeyedEntropy,
}

impl Choice<'_> {
    /// Writes the rows that are sent; returns whose they are.
    fn rows(&mut self, handles: &[HandleEntry]) -> Result<(Written, Vec<HandleEntry>), NodeError> {
        let from = self.outbox.dir().join(MADE_ROWS);
        if self.node.schema.party(self.node.party).duplicates {
            self.own = self.shared_by_own(&from)?;
        }
        let to = self.batch(BatchKind::Encodings);
        let mut file = NewFile::create(&to)?;
        let (mut chosen, mut place) = (Vec::new(), 0);
        let calibration = self.node.schema.calibration_pass();
        each_row(&from, self.layout.row_bytes, |row| {
            let handle = handles
                .get(place)
                .filter(|entry| entry.pass == row.handle());
            let handle = handle.ok_or_else(|| DiscloseError::Apart(from.clone()))?;
            place += 1;
            let token = row.token();
            let is_sent = Some(row.pass()) == calibration
                || self.own.contains(&token)
                || self.membership.contains(token);
            if is_sent {
                file.write_all(row.bytes())
                    .map_err(io_error("write", &to))?;
                chosen.push(*handle);
            }
            Ok(())
        })?;
        if place != handles.len() {
            return Err(DiscloseError::Apart(from).into());
        }
        Ok((file.commit()?, chosen))
    }

    fn shared_by_own(&self, from: &Path) -> Result<HashSet<BlockToken>, NodeError> {
        let mut tokens = Vec::new();
        each_row(from, self.layout.row_bytes, |row| {
            tokens.push(row.token());
            Ok(())
        })?;
        tokens.sort_unstable();
        let twice = tokens.windows(2).filter(|two| two[0] == two[1]);
        Ok(twice.map(|two| two[0]).collect())
    }

    fn handle_map(
        &mut self,
        made: &Made,
        chosen: &[HandleEntry],
        lone: &[RecordHandle],
    ) -> Result<Written, NodeError> {
        let verdicts = self.node.verdicts(self.project, &made.entries)?;
        let map = handle_map::HandleMap {
            entries: chosen,
            lone: Some(lone),
            marks: made.marks.as_deref(),
            verdicts: verdicts.as_deref(),
        };
        let file = NewFile::create(&self.batch(BatchKind::HandleMap))?;
        let context = handle_map::context(self.project, &self.node.config.party);
        let key = &self.project.resolver_key;
        let sealed = map.seal(key, &context, file, &mut self.entropy);
        Ok(sealed.map_err(PrepareError::from)?.commit()?)
    }

    fn record(&self, disclosed: Disclosed, membership: Digest) -> Result<(), NodeError> {
        let event = Event::EncodingsChosen {
            run: self.outbox.run,
            made: disclosed.made,
            sent: disclosed.sent,
            membership,
        };
        let node = self.node;
        Ok(node.home.record(&event, &node.config.party, &*node.clock)?)
    }

    /// Writes the manifests and, last, what was chosen: from then on it is settled.
    fn finish(&self, disclosed: Disclosed, written: [Written; 2]) -> Result<(), NodeError> {
        let tokens = self.outbox.manifest(BatchKind::BlockTokens)?;
        for (kind, written) in [BatchKind::Encodings, BatchKind::HandleMap]
            .into_iter()
            .zip(written)
        {
            let manifest = BatchManifest {
                kind,
                rows: disclosed.sent,
                bytes: written.bytes,
                payload_digest: written.digest,
                ..tokens.clone()
            };
            manifest.check_limits().map_err(PrepareError::TooLarge)?;
            self.node.record_prepared(&manifest)?;
            write_json(&self.outbox.dir().join(manifest_name(kind)), &manifest)?;
        }
        Ok(write_json(&self.outbox.dir().join(CHOSEN), &disclosed)?)
    }

    fn batch(&self, kind: BatchKind) -> PathBuf {
        self.node.home.batch(self.outbox.run, kind)
    }
}

/// The records of `made` that have no row among `chosen`, in order.
fn lone(made: &[HandleEntry], chosen: &[HandleEntry]) -> Vec<RecordHandle> {
    let sent: HashSet<RecordHandle> = chosen.iter().map(|entry| entry.record).collect();
    let mut lone: Vec<RecordHandle> = made.iter().map(|entry| entry.record).collect();
    lone.retain(|record| *record != RecordHandle::NOBODY && !sent.contains(record));
    lone.sort_unstable();
    lone.dedup();
    lone
}

fn records(entries: &[HandleEntry]) -> u64 {
    let mut records: HashSet<RecordHandle> = entries.iter().map(|entry| entry.record).collect();
    records.remove(&RecordHandle::NOBODY);
    records.len() as u64
}

/// Hands each row of the file at `path` to `each`.
pub(crate) fn each_row(
    path: &Path,
    row_bytes: usize,
    mut each: impl FnMut(Row<'_>) -> Result<(), NodeError>,
) -> Result<(), NodeError> {
    let file = File::open(path).map_err(io_error("read", path))?;
    let mut file = BufReader::with_capacity(BUFFER, file);
    let mut row = vec![0; row_bytes];
    loop {
        match file.read_exact(&mut row) {
            Ok(()) => each(Row::new(&row))?,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(io_error("read", path)(error).into()),
        }
    }
}

/// Writes all rows that were made, not to be sent as they are.
pub(crate) fn write_made(rows: &mut dyn Read, path: &Path) -> Result<(), FileError> {
    let mut file = NewFile::create(path)?;
    let mut rows = BufReader::with_capacity(BUFFER, rows);
    io::copy(&mut rows, &mut file).map_err(io_error("write", path))?;
    file.commit().map(drop)
}
