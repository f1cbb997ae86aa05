//! On-demand disclosure, the matcher's half: when every party has sent its block tokens, each is told
//! which of its own another party has too, as a membership filter. The answer is made once and kept, and
//! whoever has the tokens can make it again.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use audit::Event;
use model::{BatchKind, BlockToken, Digest, PartyName, RunNumber};
use serde::{Deserialize, Serialize};
use wire::{Membership, MembershipPart};

use super::Matcher;
use crate::digesting::Digesting;
use crate::lifecycle::StageError;
use crate::outputs::{self, OutputFile};
use crate::rules::TOKEN_BYTES;
use crate::store::StoredBatch;

/// Bytes of tokens read at once.
const BUFFER: usize = 1 << 18;

/// The answers of one run: a filter a party, and beside it what it is when it is whole.
pub(crate) struct Answers(PathBuf);

/// What stands beside a filter.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct About {
    length: u64,
    digest: Digest,
}

impl Answers {
    /// The answers among the outputs of a run.
    pub(crate) fn of(outputs: &Path) -> Self {
        Self(outputs.join("membership"))
    }

    fn filter(&self, party: &PartyName) -> PathBuf {
        self.0.join(format!("{party}.bloom"))
    }

    fn about(&self, party: &PartyName) -> PathBuf {
        self.0.join(format!("{party}.json"))
    }

    /// At most `limit` bytes of the answer to `party` from byte `from` on; none while there is no answer.
    pub(crate) fn part(
        &self,
        party: &PartyName,
        from: u64,
        limit: usize,
    ) -> io::Result<Option<MembershipPart>> {
        let about: About = match std::fs::read(self.about(party)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => serde_json::from_slice(&text?)?,
        };
        let mut file = File::open(self.filter(party))?;
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(limit as u64).read_to_end(&mut bytes)?;
        Ok(Some(MembershipPart::Bytes {
            length: about.length,
            digest: about.digest,
            bytes,
        }))
    }

    fn keep(&self, party: &PartyName, bytes: &[u8]) -> io::Result<()> {
        let mut file = OutputFile::create(&self.filter(party))?;
        file.write(bytes)?;
        let (length, digest) = (bytes.len() as u64, file.finish()?);
        outputs::write_json(&self.about(party), &About { length, digest })
    }
}

impl Matcher {
    /// Answers the block tokens of all parties once they are there; whether there was anything to do.
    pub(super) fn answer_tokens(&self) -> Result<bool, StageError> {
        let run = self.context.project.run;
        let Some(batches) = self.context.complete_of(BatchKind::BlockTokens)? else {
            return Ok(false);
        };
        let answers = Answers::of(&self.context.outputs(run));
        let last = self.context.project.parties().pop();
        if last.is_some_and(|party| answers.about(&party).exists()) {
            return Ok(false);
        }
        let agreement = self.context.agreed(run)?;
        let Some(disclosure) = agreement.terms().disclosure else {
            return Ok(false);
        };
        outputs::prepare(&self.context.outputs(run))?;
        outputs::prepare(&answers.0)?;
        let shared = self.count_shared(&batches)?;
        for (asking, batch) in batches.iter().enumerate() {
            let party = &batch.manifest.party;
            let manifests = batches.iter().map(|batch| &batch.manifest);
            let seed = Membership::seed(party, manifests);
            let rate = disclosure.false_positives_permille;
            let mut filter =
                Membership::new(shared[asking], rate, seed).map_err(StageError::input)?;
            self.each_shared(&batches, |token, holders| {
                if holders[asking] {
                    filter.insert(token);
                }
            })?;
            let bytes = filter.to_bytes();
            self.context
                .journal
                .record_once(Event::MembershipAnswered {
                    run,
                    party: party.clone(),
                    digest: Digest::of(&bytes),
                })?;
            answers.keep(party, &bytes)?;
        }
        tracing::info!(role = "matcher", %run, "block tokens answered");
        Ok(true)
    }

    /// By party: how many of its tokens another party has too. Holds the stored bytes to their digests.
    fn count_shared(&self, batches: &[StoredBatch]) -> Result<Vec<u64>, StageError> {
        for batch in batches {
            let rows = self.context.batches.read(&batch.manifest.digest())?;
            if Digesting::new(rows).finish()? != batch.manifest.payload_digest {
                let party = &batch.manifest.party;
                return Err(StageError::Input(format!(
                    "the stored block tokens of {party} were damaged after they were accepted"
                )));
            }
        }
        let mut shared = vec![0; batches.len()];
        self.each_shared(batches, |_, holders| {
            let held = shared.iter_mut().zip(holders);
            held.for_each(|(count, holds)| *count += u64::from(*holds));
        })?;
        Ok(shared)
    }

    /// Hands every token that two parties or more have to `each`, with who has it.
    fn each_shared(
        &self,
        batches: &[StoredBatch],
        mut each: impl FnMut(BlockToken, &[bool]),
    ) -> Result<(), StageError> {
        let open = |batch| TokenReader::open(self, batch);
        let mut readers = batches.iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let mut holders = vec![false; readers.len()];
        while let Some(least) = readers.iter().filter_map(|reader| reader.next).min() {
            for (holds, reader) in holders.iter_mut().zip(&mut readers) {
                *holds = reader.next == Some(least);
                if *holds {
                    reader.advance()?;
                }
            }
            if holders.iter().filter(|holds| **holds).count() > 1 {
                each(BlockToken::new(least), &holders);
            }
        }
        Ok(())
    }
}

/// Reads a party's tokens, which have to ascend.
struct TokenReader<'a> {
    party: &'a PartyName,
    bytes: BufReader<Box<dyn Read + Send>>,
    left: u64,
    next: Option<[u8; 16]>,
}

impl<'a> TokenReader<'a> {
    fn open(matcher: &Matcher, batch: &'a StoredBatch) -> Result<Self, StageError> {
        let bytes = matcher.context.batches.read(&batch.manifest.digest())?;
        let mut reader = Self {
            party: &batch.manifest.party,
            bytes: BufReader::with_capacity(BUFFER, bytes),
            left: batch.manifest.bytes / TOKEN_BYTES,
            next: None,
        };
        reader.advance()?;
        Ok(reader)
    }

    fn advance(&mut self) -> Result<(), StageError> {
        let before = self.next.take();
        if self.left == 0 {
            return Ok(());
        }
        let mut token = [0; 16];
        self.bytes.read_exact(&mut token)?;
        self.left -= 1;
        if before.is_some_and(|before| before >= token) {
            let party = self.party;
            return Err(StageError::Input(format!(
                "the block tokens of {party} are not in order, or one stands twice; have it prepared again for a new run"
            )));
        }
        self.next = Some(token);
        Ok(())
    }
}

/// Whose tokens of `run` have not come yet.
pub(crate) fn waiting(
    parties: &[PartyName],
    batches: &[StoredBatch],
    run: RunNumber,
) -> Vec<PartyName> {
    let has = |party: &&PartyName| {
        batches.iter().any(|batch| {
            let manifest = &batch.manifest;
            batch.is_accepted()
                && (manifest.run, manifest.kind) == (run, BatchKind::BlockTokens)
                && manifest.party == **party
        })
    };
    parties
        .iter()
        .filter(|party| !has(party))
        .cloned()
        .collect()
}
