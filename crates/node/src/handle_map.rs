//! The handle map on its way to the resolver: which rows belong to one record, sealed so that the
//! matcher, should it ever see the file, learns nothing.
//!
//! ```text
//! stream to the resolver's key, bound to project, run and party
//! chunk = entry*        1 to MAX_CHUNK_ENTRIES entries, in the order of the rows
//! entry = pass handle (16) | record handle (16)
//! ```
//!
//! Where the agreement gives notice of life events that the registry marks, a chunk
//! `"symbolon event marks 1\n" | count (4)` follows, and chunks of marks as [`EventMark`] lays them out.
//!
//! Where the schema has review, the node's verdicts on pairs of earlier runs follow: a chunk
//! `"symbolon verdicts 1\n" | count (4)`, then chunks of entries as [`VerdictEntry`] lays them out.

use std::io::Write;

use encode::HandleEntry;
use model::{PartyName, RecordHandle};
use secret::sealed_stream::StreamError;
use secret::{Entropy, RecipientKey, StreamWriter};
use wire::{EVENT_MARKS_MAGIC, EventMark, LONE_RECORDS_MAGIC, VERDICTS_MAGIC, VerdictEntry};

use crate::project::Project;

/// Bytes of one entry.
pub(crate) const ENTRY_BYTES: usize = 32;
/// The most entries in one chunk of the sealed stream.
pub(crate) const MAX_CHUNK_ENTRIES: usize = 16_384;

/// What the sealed handle map of this project, run, epoch and party is bound to. Names hold neither
/// spaces nor `=`, so no two contexts read alike.
pub(crate) fn context(project: &Project, party: &PartyName) -> String {
    format!(
        "symbolon handle map v1 project={} run={} epoch={} party={party}",
        project.project, project.run, project.epoch
    )
}

/// What a handle map says.
#[derive(Clone, Copy)]
pub(crate) struct HandleMap<'a> {
    /// Whose each row is.
    pub(crate) entries: &'a [HandleEntry],
    /// Records of which no row is sent, where rows are chosen.
    pub(crate) lone: Option<&'a [RecordHandle]>,
    /// Which records are of life events, where somebody is given notice of any.
    pub(crate) marks: Option<&'a [EventMark]>,
    /// What the node's people say of earlier pairs, where there can be any.
    pub(crate) verdicts: Option<&'a [VerdictEntry]>,
}

impl HandleMap<'_> {
    /// Seals the map to the resolver.
    ///
    /// # Errors
    /// [`StreamError`] when the key cannot be used or the medium fails.
    pub(crate) fn seal<W: Write>(
        &self,
        resolver: &RecipientKey,
        context: &str,
        out: W,
        entropy: &mut dyn Entropy,
    ) -> Result<W, StreamError> {
        let Self {
            entries,
            lone,
            marks,
            verdicts,
        } = *self;
        let mut writer = StreamWriter::to_recipient(out, resolver, context.as_bytes(), entropy)?;
        let mut chunk = Vec::with_capacity(MAX_CHUNK_ENTRIES * ENTRY_BYTES);
        for group in entries.chunks(MAX_CHUNK_ENTRIES) {
            chunk.clear();
            for entry in group {
                chunk.extend_from_slice(entry.pass.as_bytes());
                chunk.extend_from_slice(entry.record.as_bytes());
            }
            writer.write_chunk(&chunk)?;
        }
        if let Some(lone) = lone {
            let count = (lone.len() as u32).to_le_bytes();
            writer.write_chunk(&[LONE_RECORDS_MAGIC, &count].concat())?;
            for group in lone.chunks(MAX_CHUNK_ENTRIES) {
                let handles = group.iter().flat_map(|record| *record.as_bytes());
                writer.write_chunk(&handles.collect::<Vec<u8>>())?;
            }
        }
        if let Some(marks) = marks {
            let count = (marks.len() as u32).to_le_bytes();
            writer.write_chunk(&[EVENT_MARKS_MAGIC, &count].concat())?;
            for group in marks.chunks(MAX_CHUNK_ENTRIES) {
                let bytes: Vec<u8> = group.iter().flat_map(EventMark::to_bytes).collect();
                writer.write_chunk(&bytes)?;
            }
        }
        if let Some(verdicts) = verdicts {
            let count = (verdicts.len() as u32).to_le_bytes();
            writer.write_chunk(&[VERDICTS_MAGIC, &count].concat())?;
            for group in verdicts.chunks(MAX_CHUNK_ENTRIES) {
                let bytes: Vec<u8> = group.iter().flat_map(VerdictEntry::to_bytes).collect();
                writer.write_chunk(&bytes)?;
            }
        }
        writer.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Digest, Epoch, LifeEvent, PassHandle, ReviewId, RunNumber};
    use secret::{RecipientSecret, SeededEntropy, StreamReader};

    fn project(run: u32, resolver_key: RecipientKey) -> Project {
        Project {
            project: "census".parse().unwrap(),
            epoch: Epoch(2),
            run: RunNumber(run),
            schema_digest: Digest::of(b"schema"),
            resolver_key,
        }
    }

    fn map<'a>(entries: &'a [HandleEntry], verdicts: Option<&'a [VerdictEntry]>) -> HandleMap<'a> {
        HandleMap {
            entries,
            lone: None,
            marks: None,
            verdicts,
        }
    }

    fn entry(number: u32) -> HandleEntry {
        let mut pass = [0; 16];
        pass[..4].copy_from_slice(&number.to_le_bytes());
        HandleEntry {
            pass: PassHandle::new(pass),
            record: RecordHandle::new([number as u8; 16]),
        }
    }

    #[test]
    fn the_resolver_reads_every_entry_in_order() {
        let mut entropy = SeededEntropy::new(1);
        let resolver = RecipientSecret::generate(&mut entropy);
        let public = resolver.public();
        let context = context(&project(3, public), &"crvs".parse().unwrap());
        let entries: Vec<_> = (0..MAX_CHUNK_ENTRIES as u32 + 5).map(entry).collect();
        let sealed = map(&entries, None)
            .seal(&public, &context, Vec::new(), &mut entropy)
            .unwrap();
        let mut reader =
            StreamReader::to_recipient(&sealed[..], &resolver, context.as_bytes()).unwrap();
        let mut read = Vec::new();
        while let Some(chunk) = reader.next_chunk().unwrap() {
            assert!(chunk.len() <= MAX_CHUNK_ENTRIES * ENTRY_BYTES);
            read.extend_from_slice(&chunk);
        }
        assert_eq!(read.len(), entries.len() * ENTRY_BYTES);
        let last = &read[read.len() - ENTRY_BYTES..];
        assert_eq!(&last[..16], entries[entries.len() - 1].pass.as_bytes());
        assert_eq!(&last[16..], entries[entries.len() - 1].record.as_bytes());
    }

    #[test]
    fn lone_records_marks_and_verdicts_follow_the_entries() {
        let mut entropy = SeededEntropy::new(1);
        let resolver = RecipientSecret::generate(&mut entropy);
        let verdict = VerdictEntry {
            record: RecordHandle::new([1; 16]),
            review: ReviewId::new([2; 16]),
            verdict: None,
        };
        let (entries, verdicts) = ([entry(1)], [verdict, verdict]);
        let mark = EventMark {
            record: RecordHandle::new([1; 16]),
            event: LifeEvent::Death,
        };
        let map = HandleMap {
            lone: Some(&[RecordHandle::new([7; 16])]),
            marks: Some(&[mark]),
            ..map(&entries, Some(&verdicts))
        };
        let sealed = map.seal(&resolver.public(), "here", Vec::new(), &mut entropy);
        let sealed = sealed.unwrap();
        let mut reader = StreamReader::to_recipient(&sealed[..], &resolver, b"here").unwrap();
        let mut chunks = Vec::new();
        while let Some(chunk) = reader.next_chunk().unwrap() {
            chunks.push(chunk.to_vec());
        }
        assert_eq!(chunks[1], b"symbolon lone records 1\n\x01\0\0\0");
        assert_eq!(chunks[2], [7; 16]);
        assert_eq!(chunks[3], b"symbolon event marks 1\n\x01\0\0\0");
        assert_eq!(chunks[4], mark.to_bytes());
        assert_eq!(chunks[5], b"symbolon verdicts 1\n\x02\0\0\0");
        assert_eq!(chunks[6], verdict.to_bytes().repeat(2));
        assert_eq!(chunks.len(), 7);
    }

    /// The resolver opens what nodes of this version sealed: the form must not change.
    #[test]
    fn the_context_is_as_published() {
        assert_eq!(
            context(&project(3, RecipientKey([0; 32])), &"crvs".parse().unwrap()),
            "symbolon handle map v1 project=census run=3 epoch=2 party=crvs"
        );
    }
}
