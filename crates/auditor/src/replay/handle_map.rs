//! Reading a party's sealed handle map, written apart from the resolver's own reader so that one does
//! not hide the other's mistake: `docs/protocol.md` has the form.

use std::collections::BTreeMap;
use std::io::Read;

use link::resolve::HandlePair;
use link::{Decision, Verdict};
use model::{BatchManifest, PartyIndex, PassHandle, RecordHandle, ReviewId};
use secret::sealed_stream::StreamError;
use secret::{RecipientSecret, StreamReader};
use wire::limits::MAX_VERDICTS;
use wire::{EVENT_MARKS_MAGIC, EventMark, LONE_RECORDS_MAGIC, VERDICTS_MAGIC, VerdictEntry};

/// Bytes of one entry: pass handle and record handle.
const ENTRY: usize = 32;

/// Why a handle map cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum HandleMapError {
    #[error("it does not open with this key: {0}")]
    Sealed(#[from] StreamError),
    #[error("its entries, event marks or verdicts are not whole")]
    Torn,
    #[error("it has other entries than its manifest says")]
    Count,
}

/// A handle map, opened.
#[derive(Default)]
pub(super) struct HandleMap {
    pub(super) pairs: Vec<HandlePair>,
    /// Records that have no row.
    pub(super) lone: Vec<RecordHandle>,
    /// Which records are of life events.
    pub(super) marks: Vec<EventMark>,
    verdicts: Vec<VerdictEntry>,
}

/// Opens the handle map of `manifest`.
pub(super) fn open(
    manifest: &BatchManifest,
    sealed: impl Read,
    secret: &RecipientSecret,
) -> Result<HandleMap, HandleMapError> {
    let context = format!(
        "symbolon handle map v1 project={} run={} epoch={} party={}",
        manifest.project, manifest.run, manifest.epoch, manifest.party
    );
    let mut reader = StreamReader::to_recipient(sealed, secret, context.as_bytes())?;
    let (mut map, mut lone, mut promised) = (HandleMap::default(), None, None);
    let mut marked: Option<u32> = None;
    while let Some(chunk) = reader.next_chunk()? {
        if (map.pairs.len() as u64) < manifest.rows {
            map.add_pairs(&chunk)?;
        } else if lone.is_none()
            && marked.is_none()
            && promised.is_none()
            && chunk.starts_with(LONE_RECORDS_MAGIC)
        {
            lone = Some(announced(LONE_RECORDS_MAGIC, &chunk)?);
        } else if (map.lone.len() as u64) < lone.unwrap_or_default().into() {
            map.add_lone(&chunk, manifest.records)?;
        } else if marked.is_none() && promised.is_none() && chunk.starts_with(EVENT_MARKS_MAGIC) {
            marked = Some(announced(EVENT_MARKS_MAGIC, &chunk)?);
        } else if (map.marks.len() as u64) < marked.unwrap_or_default().into() {
            map.add_marks(&chunk, manifest.records)?;
        } else if promised.is_none() {
            promised = Some(announced(VERDICTS_MAGIC, &chunk)?);
        } else {
            map.add_verdicts(&chunk)?;
        }
    }
    let whole = map.pairs.len() as u64 == manifest.rows
        && map.lone.len() == lone.unwrap_or_default() as usize
        && map.marks.len() == marked.unwrap_or_default() as usize
        && map.verdicts.len() == promised.unwrap_or_default() as usize;
    if whole {
        Ok(map)
    } else {
        Err(HandleMapError::Count)
    }
}

impl HandleMap {
    fn add_pairs(&mut self, chunk: &[u8]) -> Result<(), HandleMapError> {
        let (entries, rest) = chunk.as_chunks::<ENTRY>();
        for entry in entries {
            let (pass, record) = (entry.first_chunk::<16>(), entry.last_chunk::<16>());
            let (Some(pass), Some(record)) = (pass, record) else {
                return Err(HandleMapError::Torn);
            };
            self.pairs
                .push((PassHandle::new(*pass), RecordHandle::new(*record)));
        }
        if rest.is_empty() {
            Ok(())
        } else {
            Err(HandleMapError::Torn)
        }
    }

    fn add_lone(&mut self, chunk: &[u8], limit: u64) -> Result<(), HandleMapError> {
        let (handles, rest) = chunk.as_chunks::<16>();
        if !rest.is_empty() || (self.lone.len() + handles.len()) as u64 > limit {
            return Err(HandleMapError::Torn);
        }
        let handles = handles.iter().map(|handle| RecordHandle::new(*handle));
        self.lone.extend(handles);
        Ok(())
    }

    fn add_marks(&mut self, chunk: &[u8], limit: u64) -> Result<(), HandleMapError> {
        let (marks, rest) = chunk.as_chunks::<{ EventMark::BYTES }>();
        if !rest.is_empty() || (self.marks.len() + marks.len()) as u64 > limit {
            return Err(HandleMapError::Torn);
        }
        for mark in marks {
            let mark = EventMark::from_bytes(mark).ok_or(HandleMapError::Torn)?;
            self.marks.push(mark);
        }
        Ok(())
    }

    fn add_verdicts(&mut self, chunk: &[u8]) -> Result<(), HandleMapError> {
        let (entries, rest) = chunk.as_chunks::<{ VerdictEntry::BYTES }>();
        if !rest.is_empty() || self.verdicts.len() + entries.len() > MAX_VERDICTS {
            return Err(HandleMapError::Torn);
        }
        for entry in entries {
            let entry = VerdictEntry::from_bytes(entry).ok_or(HandleMapError::Torn)?;
            self.verdicts.push(entry);
        }
        Ok(())
    }
}

fn announced(magic: &[u8], chunk: &[u8]) -> Result<u32, HandleMapError> {
    let count = chunk.strip_prefix(magic);
    let count = count.and_then(|count| count.try_into().ok());
    count.map(u32::from_le_bytes).ok_or(HandleMapError::Torn)
}

type Owned = (PartyIndex, RecordHandle);

/// What the owners of both records of a pair decided together: different if either says so, the same
/// only if both do.
pub(super) fn decisions<'a>(
    maps: impl IntoIterator<Item = (PartyIndex, &'a HandleMap)>,
) -> Vec<Decision> {
    let mut halves: BTreeMap<ReviewId, Vec<(Owned, Option<wire::Verdict>)>> = BTreeMap::new();
    for (party, map) in maps {
        for entry in &map.verdicts {
            let half = ((party, entry.record), entry.verdict);
            halves.entry(entry.review).or_default().push(half);
        }
    }
    let pairs = halves
        .into_values()
        .filter_map(|halves| <[_; 2]>::try_from(halves).ok());
    pairs.filter_map(decision).collect()
}

fn decision(
    [(left, one), (right, other)]: [(Owned, Option<wire::Verdict>); 2],
) -> Option<Decision> {
    use wire::Verdict::{Different, Same};
    let verdict = match [one, other] {
        [Some(Same), Some(Same)] => Verdict::Same,
        said if said.contains(&Some(Different)) => Verdict::Different,
        _ => return None,
    };
    Some(Decision {
        left,
        right,
        verdict,
    })
}
