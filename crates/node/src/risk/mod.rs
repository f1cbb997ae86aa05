//! The risk report: what an attacker would make of the rows that are prepared, measured on the registry
//! itself before anything leaves. [`gate`] holds an upload to it, [`officer`] is how two officers answer for
//! one that it says to hold.

mod gate;
mod officer;
mod sent;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use attack::report::{Decision, Limits, Report, Subject, html};
use attack::{Disclosure, Draws, Registry, Trial};
use audit::Event;
use encode::{DecoyMaker, EpochKeys, NodeKeys};
use model::agreement::RiskRules;
use model::digest::Digester;
use model::risk::Verdict;
use model::signature::SignatureError;
use model::{Agreement, BatchManifest, Digest, Layout, Progress, RunNumber, Signature};
use records::{ColumnPlan, NormalisedRecord, Normaliser};
use secret::SigningKey;
use secret::key_file::{self, Purpose};
use service::files::create_dir_private;
use sources::CsvFile;

use crate::error::NodeError;
use crate::files::{io_error, read_json, write, write_json};
use crate::open::Node;
use crate::outbox::{Outbox, OutboxError};
use crate::project::Project;

use sent::Sent;

pub use officer::override_risk;

/// The most records that are measured; more are sampled, and the report says so.
const MOST_RECORDS: usize = 50_000;
/// Records read at once.
const CHUNK_RECORDS: usize = 4096;
/// Bytes of the registry's file hashed at once.
const BUFFER: usize = 1 << 16;
/// The stream of chance that draws the sample.
const SAMPLING: u64 = 11;

/// The report, for programs.
const REPORT: &str = "report.json";
/// Its signature.
const SIGNATURE: &str = "report.sig";
/// The report, for people.
const PAGE: &str = "report.html";
/// The directory with the report of what the matcher's answer left over.
const LEFT: &str = "left";
/// What the registry's file was when it was prepared.
const INPUT: &str = "input.json";

/// Why the risk was not measured, or an upload is held.
#[derive(Debug, thiserror::Error)]
pub enum RiskError {
    /// Another file than the one that was prepared.
    #[error(
        "{} is not the file that run {run} was prepared from, or it was changed since; measure that file, or \
         prepare this one with `symbolon-node prepare --again`",
        path.display()
    )]
    OtherFile {
        /// The file.
        path: PathBuf,
        /// The run.
        run: RunNumber,
    },
    /// There is no report.
    #[error(
        "clause `risk`: nothing of run {0} leaves before its risk is measured; run `symbolon-node risk report`"
    )]
    Missing(RunNumber),
    /// A report of something else.
    #[error(
        "clause `risk`: the risk report of run {run} is not of what is prepared now: {what} differs; measure it \
         anew with `symbolon-node risk report`"
    )]
    Other {
        /// The run.
        run: RunNumber,
        /// What is another.
        what: &'static str,
    },
    /// A report that was changed, or that this node did not make.
    #[error(
        "clause `risk`: the risk report of run {0} is not signed by this node as it stands, or not in its log; \
         measure it anew with `symbolon-node risk report`"
    )]
    NotOurs(RunNumber),
    /// The report says to hold, and not enough officers answer for it.
    #[error(
        "clause `risk`: the risk report of run {run} says to hold: {reasons}; drop fields or passes from the \
         schema, or have this custodian's officer and one of another custodian sign `symbolon-node risk override` \
         (signed so far: {signed})"
    )]
    Held {
        /// The run.
        run: RunNumber,
        /// What is above its limit.
        reasons: String,
        /// Whose officers have signed.
        signed: String,
    },
    /// An override that does not count.
    #[error("{}: {why}", path.display())]
    Override {
        /// The document.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A signature that cannot be read.
    #[error("{}: {source}", path.display())]
    Signature {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: SignatureError,
    },
    /// There is nothing to override.
    #[error("the report says to release; there is nothing to override")]
    NotHeld,
    /// A document cannot be written.
    #[error("the override cannot be written: {0}")]
    Document(#[from] toml::ser::Error),
}

/// What a measurement came to.
#[derive(Debug, Clone, PartialEq)]
pub struct RiskSummary {
    /// The run.
    pub run: RunNumber,
    /// Digest of the report's bytes, as the log has it.
    pub digest: Digest,
    /// The report as a page.
    pub page: PathBuf,
    /// The report itself.
    pub report: Report,
}

impl Outbox {
    /// Where the risk report and the overrides of it are.
    pub(crate) fn risk_dir(&self) -> PathBuf {
        self.dir().join("risk")
    }
}

impl Node {
    /// Measures the risk of the latest prepared run on the registry's file `input` that it was prepared
    /// from, and writes the report beside what is prepared. Where block tokens go first and it is settled which
    /// rows follow, it is those that are measured, and the report is written into `left` beside the one from
    /// before: JSON with a signature of the node's log key, and
    /// one page of HTML. The same file gives the same report: what is drawn follows from what is prepared.
    ///
    /// # Errors
    /// [`NodeError`] when nothing is prepared, or from another file.
    pub fn measure_risk(
        &self,
        input: &Path,
        progress: &dyn Progress,
    ) -> Result<RiskSummary, NodeError> {
        let _lock = self.home.lock()?;
        let outbox = Outbox::latest(&self.home)?.ok_or(OutboxError::Empty)?;
        let agreement = self.agreed(outbox.run)?;
        let manifest = outbox.first_manifest()?;
        check_input(&outbox, input)?;
        let rules = agreement.terms().risk_rules().unwrap_or_default();
        progress.stage("measure risk", 0);
        let node_keys = self.manifest_keys(&manifest)?;
        let decoys = agreement.terms().decoys.map_or(0, |rules| rules.permille);
        let drawn = Drawn {
            seed: seed(&manifest.digest()),
            maker: DecoyMaker::new(&node_keys, decoys),
        };
        let registry = self.registry(input, &manifest, drawn, progress)?;
        let chosen = outbox.chosen()?;
        let epoch_keys = chosen.map(|_| self.rows_keys(&manifest, agreement.terms()));
        let epoch_keys = epoch_keys.transpose()?;
        let sent = epoch_keys.as_ref();
        let sent = sent.map(|keys| Sent::of(self, &outbox, keys, &registry));
        let sent = sent.transpose()?;
        let layout = Layout::of(&self.schema);
        let trial = Trial {
            disclosure: sent.as_ref().map(|sent| sent as &dyn Disclosure),
            ..Trial::new(&self.schema, &layout, seed(&manifest.digest()))
        };
        let mut report = Report::of(trial, &registry, limits(rules));
        report.subject = Some(subject(&manifest));
        report.upload.decoys = outbox
            .prepare_report()?
            .map_or(0, |made| made.decoys as usize);
        report.upload.leaving = sent::leaving(&outbox, chosen);
        if let Some(earlier) = self.earlier_report(outbox.run)? {
            report.changes = report.changes_since(&earlier);
        }
        // What the officers answered for stays as it is: the gate goes by it, and it is about all rows.
        let dir = match chosen {
            Some(_) => outbox.risk_dir().join(LEFT),
            None => outbox.risk_dir(),
        };
        self.keep_report(&outbox, &dir, report)
    }

    /// Whether the risk of `run`, which is prepared, has to be measured yet.
    ///
    /// # Errors
    /// [`NodeError`] when no agreement holds.
    pub fn is_risk_asked(&self, run: RunNumber) -> Result<bool, NodeError> {
        let asked = self.agreed(run)?.terms().risk_rules().is_some();
        let outbox = Outbox::of(&self.home, run);
        Ok(asked && !outbox.is_uploaded() && !outbox.risk_dir().join(REPORT).exists())
    }

    /// Writes the report, signs it, and logs that it was made.
    fn keep_report(
        &self,
        outbox: &Outbox,
        dir: &Path,
        report: Report,
    ) -> Result<RiskSummary, NodeError> {
        create_dir_private(dir).map_err(io_error("make", dir))?;
        let path = dir.join(REPORT);
        write_json(&path, &report)?;
        let bytes = std::fs::read(&path).map_err(io_error("read", &path))?;
        let key = self.signing_key()?;
        let signature = Signature::make(&bytes, key.public(), |message| key.sign(message));
        write(&dir.join(SIGNATURE), signature.to_text().as_bytes())?;
        write(&dir.join(PAGE), html(&report).as_bytes())?;
        let digest = Digest::of(&bytes);
        let event = Event::RiskMeasured {
            run: outbox.run,
            prepared: outbox.first_manifest()?.digest(),
            report: digest,
            verdict: verdict(&report),
        };
        self.home.record(&event, &self.config.party, &*self.clock)?;
        Ok(RiskSummary {
            run: outbox.run,
            digest,
            page: dir.join(PAGE),
            report,
        })
    }

    /// The records that are measured: all, or a sample of as many as can be.
    fn registry(
        &self,
        input: &Path,
        manifest: &BatchManifest,
        drawn: Drawn<'_>,
        progress: &dyn Progress,
    ) -> Result<Registry, NodeError> {
        let Drawn { seed, mut maker } = drawn;
        let plan = ColumnPlan::of(&self.schema, self.party);
        let normaliser = Normaliser::new(&self.schema, self.party, &plan);
        let mut file = CsvFile::open(input, &plan)?;
        let total = (manifest.records + manifest.set_aside) as usize;
        let mut sample = Sampling::of(total, MOST_RECORDS, seed);
        let mut records: Vec<NormalisedRecord> = Vec::with_capacity(total.min(MOST_RECORDS));
        loop {
            let chunk = file.next_chunk(CHUNK_RECORDS)?;
            if chunk.is_empty() {
                return Ok(Registry::sampled(records, total).with_decoys(maker.make()));
            }
            progress.advance(chunk.len() as u64);
            for raw in chunk.iter().filter(|_| sample.takes()) {
                let record = normaliser.normalise(raw, &mut Vec::new());
                maker.offer(&raw.key, &record);
                records.push(record);
            }
        }
    }

    /// The node's own keys that what is prepared was made under: its decoys are told by them.
    fn manifest_keys(&self, manifest: &BatchManifest) -> Result<NodeKeys, NodeError> {
        let BatchManifest {
            project,
            epoch,
            run,
            ..
        } = manifest;
        Ok(NodeKeys::derive(&self.secret()?, project, *epoch, *run))
    }

    /// The keys that its rows were made under: by them it is told which of them were chosen.
    fn rows_keys(
        &self,
        manifest: &BatchManifest,
        agreed: &Agreement,
    ) -> Result<EpochKeys, NodeError> {
        let project = Project {
            epoch: manifest.epoch,
            ..self.known_project()?
        };
        self.epoch_keys(&project, agreed)
    }

    /// The report of the last run before `run` that has one here.
    fn earlier_report(&self, run: RunNumber) -> Result<Option<Report>, NodeError> {
        for earlier in (1..run.0).rev() {
            let path = Outbox::of(&self.home, RunNumber(earlier))
                .risk_dir()
                .join(REPORT);
            if let Some(report) = read_json(&path)? {
                return Ok(Some(report));
            }
        }
        Ok(None)
    }

    fn signing_key(&self) -> Result<SigningKey, NodeError> {
        let seed = key_file::read(&self.home.log_key(), Purpose::Signing)?;
        Ok(SigningKey::from_seed(&seed))
    }
}

/// What is drawn, and what makes the decoys of it.
struct Drawn<'a> {
    seed: u64,
    maker: DecoyMaker<'a>,
}

/// What a report of this upload has to be of.
fn subject(manifest: &BatchManifest) -> Subject {
    Subject {
        project: manifest.project.clone(),
        run: manifest.run,
        epoch: manifest.epoch,
        party: manifest.party.clone(),
        agreement: manifest.agreement,
        prepared: manifest.digest(),
    }
}

fn limits(rules: RiskRules) -> Limits {
    Limits {
        people: rules.people as usize,
        most_named: f64::from(rules.most_named_permille) / 1000.0,
    }
}

fn verdict(report: &Report) -> Verdict {
    match report.decision {
        Decision::Release => Verdict::Release,
        Decision::Hold { .. } => Verdict::Hold,
    }
}

/// Nobody chooses it: a draw that comes out well cannot be looked for.
fn seed(prepared: &Digest) -> u64 {
    let [first, ..] = prepared.as_bytes().as_chunks().0 else {
        return 0;
    };
    u64::from_le_bytes(*first)
}

/// Keeps what file a run is prepared from.
pub(crate) fn keep_input(draft: &Path, input: &Path) -> Result<(), NodeError> {
    Ok(write_json(&draft.join(INPUT), &digest_of(input)?)?)
}

fn check_input(outbox: &Outbox, input: &Path) -> Result<(), NodeError> {
    let prepared: Option<Digest> = read_json(&outbox.dir().join(INPUT))?;
    if prepared == Some(digest_of(input)?) {
        return Ok(());
    }
    let (path, run) = (input.to_owned(), outbox.run);
    Err(RiskError::OtherFile { path, run }.into())
}

fn digest_of(path: &Path) -> Result<Digest, NodeError> {
    let mut file = File::open(path).map_err(io_error("read", path))?;
    let (mut digester, mut buffer) = (Digester::new(), vec![0; BUFFER]);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(digester.finish()),
            Ok(read) => digester.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(io_error("read", path)(error).into()),
        }
    }
}

/// Chooses so many of a stream of records, each set of them as likely (selection sampling; Fan, Muller and
/// Rezucha, 1962).
struct Sampling {
    left: usize,
    wanted: usize,
    draws: Draws,
}

impl Sampling {
    fn of(total: usize, most: usize, seed: u64) -> Self {
        Self {
            left: total,
            wanted: total.min(most),
            draws: Draws::apart(seed, SAMPLING),
        }
    }

    fn takes(&mut self) -> bool {
        let taken = self.draws.below(self.left) < self.wanted;
        self.left = self.left.saturating_sub(1);
        self.wanted -= usize::from(taken);
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_as_many_as_asked_and_favours_no_place() {
        let mut chosen = [0; 40];
        for seed in 0..500 {
            let mut sample = Sampling::of(40, 10, seed);
            let taken: Vec<usize> = (0..40).filter(|_| sample.takes()).collect();
            assert_eq!(taken.len(), 10);
            taken.iter().for_each(|place| chosen[*place] += 1);
        }
        // Five standard deviations about the mean of 125.
        assert!(
            chosen.iter().all(|count| (77..=173).contains(count)),
            "{chosen:?}"
        );
        let mut all = Sampling::of(7, 10, 1);
        assert!((0..7).all(|_| all.takes()) && !all.takes());
    }
}
