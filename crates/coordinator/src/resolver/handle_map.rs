//! A party's handle map as it travels: entries of 32 bytes, `pass handle | record handle`, sealed to
//! the resolver as a stream whose context says which project, run, epoch and party it is for. After
//! the last entry there may be a section with the records that have no row, one with marks of life
//! events, and one with the party's verdicts on pairs of earlier runs.

use std::io::Read;

use model::{BatchManifest, PassHandle, RecordHandle};
use secret::sealed_stream::StreamError;
use secret::{RecipientSecret, StreamReader};
use wire::{EventMark, LONE_RECORDS_MAGIC, VerdictEntry};

use super::event_marks::{MarksReader, NotMarks};
use super::verdicts::{VerdictsError, VerdictsReader};
use link::resolve::HandlePair;

const ENTRY: usize = crate::rules::HANDLE_ENTRY as usize;

/// Why a handle map cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum HandleMapError {
    /// It does not open.
    #[error("the sealed stream does not open")]
    Sealed(#[from] StreamError),
    /// A chunk that is not whole entries.
    #[error("chunk {chunk} has {bytes} bytes, which are not whole entries")]
    Torn {
        /// Which chunk.
        chunk: u64,
        /// Its length.
        bytes: usize,
    },
    /// Another number of entries than the manifest says.
    #[error("it has {found} entries where the manifest says {promised}")]
    Count {
        /// What it has, or one more than promised.
        found: u64,
        /// What was promised.
        promised: u64,
    },
    /// Entries that are not in order of the pass handles.
    #[error("entry {0} is not in order of the pass handles, or has one twice")]
    Order(usize),
    /// The section of records without a row is torn, or not as long as it says.
    #[error("its records without a row are torn, or not as many as it says or as there can be")]
    Lone,
    /// The section of event marks is none.
    #[error(transparent)]
    Marks(#[from] NotMarks),
    /// What follows the entries is no section of verdicts.
    #[error(transparent)]
    Verdicts(#[from] VerdictsError),
}

/// A handle map, opened.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct HandleMap {
    /// Records of which no row was sent: they can meet nobody, and are persons of their own.
    pub lone: Vec<RecordHandle>,
    /// Which row belongs to which record.
    pub pairs: Vec<HandlePair>,
    /// Which records are of life events.
    pub marks: Vec<EventMark>,
    /// What the party says of pairs of earlier runs.
    pub verdicts: Vec<VerdictEntry>,
}

/// The context a handle map is sealed in. Names hold neither spaces nor `=`, so no two runs or
/// parties share one.
pub fn context(manifest: &BatchManifest) -> String {
    format!(
        "symbolon handle map v1 project={} run={} epoch={} party={}",
        manifest.project, manifest.run, manifest.epoch, manifest.party
    )
}

/// Opens the handle map of `manifest`.
///
/// # Errors
/// [`HandleMapError`] for anything but the entries the manifest promises, sealed for this place.
pub fn open(
    manifest: &BatchManifest,
    sealed: impl Read,
    secret: &RecipientSecret,
) -> Result<HandleMap, HandleMapError> {
    let mut reader = StreamReader::to_recipient(sealed, secret, context(manifest).as_bytes())?;
    let mut pairs = Vec::new();
    let (mut lone, mut marks) = (LoneReader::default(), MarksReader::default());
    let mut verdicts = VerdictsReader::default();
    let mut chunk = 0;
    while let Some(bytes) = reader.next_chunk()? {
        if pairs.len() as u64 == manifest.rows {
            if !verdicts.has_begun()
                && (!marks.has_begun() && lone.takes(&bytes, manifest)?
                    || marks.takes(&bytes, manifest.records)?)
            {
                continue;
            }
            verdicts.add(&bytes)?;
        } else {
            pairs.extend(entries(&bytes, chunk)?);
            check_count(manifest, pairs.len(), |found, promised| found <= promised)?;
        }
        chunk += 1;
    }
    check_count(manifest, pairs.len(), |found, promised| found == promised)?;
    if let Some(place) = pairs.windows(2).position(|two| two[0].0 >= two[1].0) {
        return Err(HandleMapError::Order(place + 1));
    }
    let lone = lone.finish()?;
    let records = pairs.iter().map(|(_, record)| *record);
    let marks = marks.finish(records.chain(lone.iter().copied()))?;
    Ok(HandleMap {
        pairs,
        lone,
        marks,
        verdicts: verdicts.finish()?,
    })
}

/// Reads the section of records that have no row, which comes before any verdicts.
#[derive(Default)]
struct LoneReader {
    promised: Option<u64>,
    records: Vec<RecordHandle>,
}

impl LoneReader {
    /// Takes the next chunk, if it belongs to the section.
    fn takes(&mut self, chunk: &[u8], manifest: &BatchManifest) -> Result<bool, HandleMapError> {
        let Some(promised) = self.promised else {
            let count = chunk.strip_prefix(LONE_RECORDS_MAGIC);
            let Some(count) = count else { return Ok(false) };
            let count = count.try_into().map_err(|_| HandleMapError::Lone)?;
            let count = u64::from(u32::from_le_bytes(count));
            if count > manifest.records {
                return Err(HandleMapError::Lone);
            }
            self.promised = Some(count);
            return Ok(true);
        };
        if self.records.len() as u64 == promised {
            return Ok(false);
        }
        let (handles, rest) = chunk.as_chunks::<16>();
        if !rest.is_empty() || (self.records.len() + handles.len()) as u64 > promised {
            return Err(HandleMapError::Lone);
        }
        self.records
            .extend(handles.iter().map(|handle| RecordHandle::new(*handle)));
        Ok(true)
    }

    /// The records, when all are there.
    fn finish(self) -> Result<Vec<RecordHandle>, HandleMapError> {
        if self.records.len() as u64 == self.promised.unwrap_or_default() {
            return Ok(self.records);
        }
        Err(HandleMapError::Lone)
    }
}

fn entries(
    bytes: &[u8],
    chunk: u64,
) -> Result<impl Iterator<Item = HandlePair> + '_, HandleMapError> {
    if !bytes.len().is_multiple_of(ENTRY) {
        let bytes = bytes.len();
        return Err(HandleMapError::Torn { chunk, bytes });
    }
    Ok(bytes.chunks_exact(ENTRY).map(entry))
}

fn check_count(
    manifest: &BatchManifest,
    found: usize,
    fits: impl Fn(u64, u64) -> bool,
) -> Result<(), HandleMapError> {
    let (found, promised) = (found as u64, manifest.rows);
    if fits(found, promised) {
        return Ok(());
    }
    Err(HandleMapError::Count { found, promised })
}

fn entry(bytes: &[u8]) -> HandlePair {
    let (mut pass, mut record) = ([0; 16], [0; 16]);
    pass.copy_from_slice(&bytes[..16]);
    record.copy_from_slice(&bytes[16..]);
    (PassHandle::new(pass), RecordHandle::new(record))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fixture;
    use model::ReviewId;
    use secret::{SeededEntropy, StreamWriter};
    use wire::{VERDICTS_MAGIC, Verdict};

    fn seal(manifest: &BatchManifest, chunks: &[&[u8]]) -> Vec<u8> {
        let recipient = secret().public();
        let context = context(manifest);
        let entropy = &mut SeededEntropy::new(4);
        let mut writer =
            StreamWriter::to_recipient(Vec::new(), &recipient, context.as_bytes(), entropy)
                .unwrap();
        chunks
            .iter()
            .for_each(|chunk| writer.write_chunk(chunk).unwrap());
        writer.finish().unwrap()
    }

    fn secret() -> RecipientSecret {
        RecipientSecret::generate(&mut SeededEntropy::new(3))
    }

    fn manifest(rows: u64) -> BatchManifest {
        BatchManifest {
            rows,
            ..fixture::manifest(wire::Role::Resolver, "a", b"")
        }
    }

    #[test]
    fn entries_come_back_over_any_whole_chunks() {
        let entries: Vec<u8> = (0..96).collect();
        let sealed = seal(&manifest(3), &[&entries[..32], &entries[32..]]);
        let pairs = open(&manifest(3), &sealed[..], &secret()).unwrap().pairs;
        let second = (
            PassHandle::new(entries[32..48].try_into().unwrap()),
            RecordHandle::new(entries[48..64].try_into().unwrap()),
        );
        assert_eq!((pairs.len(), pairs[1]), (3, second));
    }

    #[test]
    fn verdicts_follow_the_entries_and_nothing_else_may() {
        let entries: Vec<u8> = (0..64).collect();
        let head = [VERDICTS_MAGIC, &1_u32.to_le_bytes()].concat();
        let verdict = [[5; 16].as_slice(), &[6; 16], &[1]].concat();
        let sealed = seal(&manifest(2), &[&entries, &head, &verdict]);
        let map = open(&manifest(2), &sealed[..], &secret()).unwrap();
        let expected = VerdictEntry {
            record: RecordHandle::new([5; 16]),
            review: ReviewId::new([6; 16]),
            verdict: Some(Verdict::Same),
        };
        assert_eq!((map.pairs.len(), map.verdicts), (2, vec![expected]));
        for wrong in [&[7; 32][..], &verdict] {
            let sealed = seal(&manifest(2), &[&entries, wrong]);
            let refused = open(&manifest(2), &sealed[..], &secret());
            assert!(matches!(refused, Err(HandleMapError::Verdicts(_))));
        }
    }

    #[test]
    fn records_without_a_row_stand_before_the_verdicts() {
        let entries: Vec<u8> = (0..64).collect();
        let of = |count: u32| [LONE_RECORDS_MAGIC, &count.to_le_bytes()].concat();
        let verdicts = [VERDICTS_MAGIC, &0_u32.to_le_bytes()].concat();
        let manifest = BatchManifest {
            records: 2,
            ..manifest(2)
        };
        let sealed = seal(
            &manifest,
            &[&entries, &of(2), &[8; 16], &[9; 16], &verdicts],
        );
        let map = open(&manifest, &sealed[..], &secret()).unwrap();
        let lone = [[8; 16], [9; 16]].map(RecordHandle::new);
        assert_eq!((map.pairs.len(), map.lone), (2, lone.to_vec()));
        for wrong in [
            vec![of(3)],
            vec![of(2), vec![8; 16]],
            vec![of(2), vec![8; 17]],
            vec![of(1), vec![8; 32]],
            vec![LONE_RECORDS_MAGIC.to_vec()],
        ] {
            let mut chunks = vec![&entries[..]];
            chunks.extend(wrong.iter().map(Vec::as_slice));
            let refused = open(&manifest, &seal(&manifest, &chunks)[..], &secret());
            assert!(matches!(refused, Err(HandleMapError::Lone)));
        }
    }

    #[test]
    fn entries_out_of_order_are_refused() {
        let sealed = seal(&manifest(2), &[&[7; 64]]);
        let refused = open(&manifest(2), &sealed[..], &secret());
        assert!(matches!(refused, Err(HandleMapError::Order(1))));
    }

    #[test]
    fn torn_miscounted_and_foreign_maps_are_refused() {
        let entries = [7; 64];
        let opened = |manifest: &BatchManifest, sealed: &[u8]| open(manifest, sealed, &secret());
        let torn = seal(&manifest(2), &[&entries[..40]]);
        assert!(matches!(
            opened(&manifest(2), &torn),
            Err(HandleMapError::Torn {
                chunk: 0,
                bytes: 40
            })
        ));
        let two = seal(&manifest(2), &[&entries]);
        for promised in [1, 3] {
            assert!(matches!(
                opened(&manifest(promised), &two),
                Err(HandleMapError::Count { found: 2, .. })
            ));
        }
        let foreign = BatchManifest {
            party: "b".parse().unwrap(),
            ..manifest(2)
        };
        assert!(matches!(
            opened(&foreign, &two),
            Err(HandleMapError::Sealed(_))
        ));
    }
}
