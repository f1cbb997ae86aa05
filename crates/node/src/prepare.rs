//! Prepare: the registry's file becomes the two batches of a run, or its block tokens and all they are
//! chosen from later, and the vault. Works without a
//! connection; everything but the randomness of sealing follows from keys, run and input.

use std::collections::HashSet;
use std::fs;
use std::io::{self, BufReader, Write as _};
use std::path::Path;

use audit::Event;
use encode::{NodeKeys, Prepared, Preparer};
use model::manifest::MAX_CHUNK_BYTES;
use model::{
    Agreement, BatchKind, BatchManifest, Digest, KeyCheck, Layout, LifeEvent, Progress,
    RecordHandle, Refusal, RunNumber,
};
use records::ColumnPlan;
use secret::Entropy;
use secret::sealed_stream::StreamError;
use service::files::create_dir_private;
use sources::CsvFile;
use wire::EventMark;

use crate::disclose::{self, MADE_HANDLES, MADE_ROWS};
use crate::error::NodeError;
use crate::files::{NewFile, Written, io_error, sync_parent, write_json};
use crate::handle_map;
use crate::home::batch_name;
use crate::made;
use crate::open::Node;
use crate::outbox::{self, Outbox, manifest_name};
use crate::project::Project;
use crate::report::{FieldReport, PrepareReport, listed};
use crate::risk;
use crate::vault;

/// Records read and encoded at once.
const CHUNK_RECORDS: usize = 16_384;
/// Out of a hundred values of a field, how many may be unusable before the file is refused.
const MAX_UNUSABLE_PERCENT: u64 = 20;
/// Fewer unusable values than this say nothing about the file's formats.
const MIN_UNUSABLE: u64 = 5;

/// The vault's name while the run is being prepared.
const DRAFT_VAULT: &str = "vault.sealed";

/// Why a registry was not prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// It is prepared already.
    #[error("run {0} is prepared already; add --again to prepare it anew")]
    Already(RunNumber),
    /// It is prepared and accepted.
    #[error("run {0} was uploaded and accepted, and cannot be prepared again; ask for a new run")]
    Accepted(RunNumber),
    /// The file's formats are not those of the schema.
    #[error(
        "column {columns} (field `{field}`): {unusable} of {non_empty} values cannot be used, for \
         example in rows {examples}; the schema's formats do not fit this file"
    )]
    FormatsDiffer {
        /// The field.
        field: String,
        /// The columns it is read from.
        columns: String,
        /// Values that cannot be used.
        unusable: u64,
        /// Values that are there.
        non_empty: u64,
        /// The first few rows.
        examples: String,
    },
    /// The file has no records.
    #[error("the file has a header and no records")]
    NoRecords,
    /// The batch is over a limit.
    #[error("refused: {0}")]
    TooLarge(Refusal),
    /// The handle map cannot be sealed.
    #[error("sealing the handle map: {0}")]
    Seal(#[from] StreamError),
}

impl PrepareError {
    pub(crate) fn is_refusal(&self) -> bool {
        !matches!(self, Self::Seal(_))
    }
}

impl Node {
    /// Prepares the registry in the CSV file `input` for the run the resolver told of last (see
    /// [`Node::ask_project`]). With `again`, a preparation that was not accepted yet is replaced.
    ///
    /// # Errors
    /// [`NodeError`] says what cannot be used and where; what was prepared before is left as it
    /// was.
    pub fn prepare(
        &self,
        input: &Path,
        again: bool,
        progress: &dyn Progress,
        entropy: &mut dyn Entropy,
    ) -> Result<PrepareReport, NodeError> {
        let _lock = self.home.lock()?;
        let project = self.known_project()?;
        let agreement = self.agreed(project.run)?;
        let disclosure = agreement.terms().disclosure;
        let outbox = Outbox::of(&self.home, project.run);
        check_free(&outbox, again)?;
        outbox.clear()?;
        let (prepared, key_check) = self.encode(input, &project, agreement.terms(), progress)?;
        let report = PrepareReport::of(project.run, &prepared.report, &self.schema, self.party);
        check_usable(&report)?;
        progress.stage("write", 0);
        Writing {
            node: self,
            project: &project,
            outbox: &outbox,
            input,
            prepared: &prepared,
            key_check,
            agreement: agreement.digest(),
            marks: self.marks(agreement.terms(), &prepared),
            is_on_demand: disclosure.is_some(),
        }
        .write(report, entropy)
    }

    /// Whether both batches of `run` are prepared.
    pub fn is_prepared(&self, run: RunNumber) -> bool {
        Outbox::of(&self.home, run).is_prepared()
    }

    /// The event marks that go to the resolver: of events that the agreement gives somebody notice of,
    /// and of records that have a row; none where this registry marks no such event.
    fn marks(&self, agreed: &Agreement, prepared: &Prepared) -> Option<Vec<EventMark>> {
        let party = self.schema.party(self.party);
        let is_asked = |event: &LifeEvent| party.marks(*event) && agreed.gives_notice_of(*event);
        if !LifeEvent::ALL.iter().any(is_asked) {
            return None;
        }
        let present = prepared.handle_map.iter().map(|entry| entry.record);
        let present: HashSet<RecordHandle> = present.collect();
        let marked = prepared.events.iter();
        let marked = marked.filter(|(record, event)| present.contains(record) && is_asked(event));
        let mut marks: Vec<EventMark> = marked
            .map(|&(record, event)| EventMark { record, event })
            .collect();
        marks.sort_unstable();
        Some(marks)
    }

    /// Logs that a batch was made.
    pub(crate) fn record_prepared(&self, manifest: &BatchManifest) -> Result<(), NodeError> {
        let event = Event::BatchPrepared {
            run: manifest.run,
            kind: manifest.kind,
            manifest_digest: manifest.digest(),
            records: manifest.records,
            rows: manifest.rows,
            bytes: manifest.bytes,
        };
        Ok(self.home.record(&event, &self.config.party, &*self.clock)?)
    }

    fn encode(
        &self,
        input: &Path,
        project: &Project,
        agreed: &Agreement,
        progress: &dyn Progress,
    ) -> Result<(Prepared, KeyCheck), NodeError> {
        let (name, epoch) = (&project.project, project.epoch);
        let epoch_keys = self.epoch_keys(project, agreed)?;
        let node_keys = NodeKeys::derive(&self.secret()?, name, epoch, project.run);
        let plan = ColumnPlan::of(&self.schema, self.party);
        let layout = Layout::of(&self.schema);
        let (schema, party) = (&self.schema, self.party);
        let preparer = Preparer::new(schema, &layout, party, &plan, &epoch_keys, &node_keys);
        let mut preparer = preparer.with_decoys(agreed.decoys.map_or(0, |rules| rules.permille));
        let mut file = CsvFile::open(input, &plan)?;
        progress.stage("encode", 0);
        loop {
            let chunk = file.next_chunk(CHUNK_RECORDS)?;
            let records = chunk.len() as u64;
            if records == 0 {
                return Ok((preparer.finish(), epoch_keys.check()));
            }
            preparer.add(chunk)?;
            progress.advance(records);
        }
    }
}

fn check_free(outbox: &Outbox, again: bool) -> Result<(), PrepareError> {
    if outbox.is_accepted() {
        Err(PrepareError::Accepted(outbox.run))
    } else if outbox.is_prepared() && !again {
        Err(PrepareError::Already(outbox.run))
    } else {
        Ok(())
    }
}

fn check_usable(report: &PrepareReport) -> Result<(), PrepareError> {
    if report.records == 0 {
        return Err(PrepareError::NoRecords);
    }
    let misfits = |field: &&FieldReport| {
        let unusable = field.unusable();
        unusable >= MIN_UNUSABLE && unusable * 100 > field.non_empty() * MAX_UNUSABLE_PERCENT
    };
    match report.fields.iter().find(misfits) {
        Some(field) => Err(formats_differ(field)),
        None => Ok(()),
    }
}

fn formats_differ(field: &FieldReport) -> PrepareError {
    let unusable = field.problems.iter().filter(|problem| problem.unusable);
    let examples = unusable.flat_map(|problem| &problem.examples);
    let columns = field.columns.iter().map(|column| format!("`{column}`"));
    PrepareError::FormatsDiffer {
        field: field.field.clone(),
        columns: columns.collect::<Vec<_>>().join(" and "),
        unusable: field.unusable(),
        non_empty: field.non_empty(),
        examples: listed(examples),
    }
}

/// Everything it takes to write a prepared run.
struct Writing<'a> {
    node: &'a Node,
    project: &'a Project,
    outbox: &'a Outbox,
    /// The registry's file.
    input: &'a Path,
    prepared: &'a Prepared,
    key_check: KeyCheck,
    agreement: Digest,
    /// Which records are of life events, where somebody is given notice of any.
    marks: Option<Vec<EventMark>>,
    /// Whether block tokens go first, and it is settled later which rows are sent.
    is_on_demand: bool,
}

impl Writing<'_> {
    /// Writes all files into a draft, and puts them in place when all are there.
    fn write(
        &self,
        mut report: PrepareReport,
        entropy: &mut dyn Entropy,
    ) -> Result<PrepareReport, NodeError> {
        let draft = self.outbox.draft_dir();
        create_dir_private(&draft).map_err(io_error("make", &draft))?;
        let manifests = match self.is_on_demand {
            true => vec![self.write_tokens(entropy)?],
            false => vec![
                self.manifest(BatchKind::Encodings, self.write_encodings()?),
                self.manifest(BatchKind::HandleMap, self.write_handle_map(entropy)?),
            ],
        };
        for manifest in &manifests {
            manifest.check_limits().map_err(PrepareError::TooLarge)?;
            write_json(&draft.join(manifest_name(manifest.kind)), manifest)?;
        }
        report.bytes = manifests.iter().map(|manifest| manifest.bytes).sum();
        write_json(&draft.join(outbox::REPORT), &report)?;
        risk::keep_input(&draft, self.input)?;
        self.write_vault(entropy)?;
        self.put_in_place(&manifests)?;
        tracing::info!(run = %report.run, records = report.records, rows = report.rows, "prepared");
        Ok(report)
    }

    /// Writes the block tokens to be sent, and beside them all that was made.
    fn write_tokens(&self, entropy: &mut dyn Entropy) -> Result<BatchManifest, NodeError> {
        let calibration = self.node.schema.calibration_pass();
        let tokens = disclose::block_tokens(self.prepared.rows.iter(), calibration);
        let path = self.draft(BatchKind::BlockTokens);
        let mut file = NewFile::create(&path)?;
        for token in &tokens {
            let written = file.write_all(token.as_bytes());
            written.map_err(io_error("write", &path))?;
        }
        let draft = self.outbox.draft_dir();
        disclose::write_made(&mut self.prepared.rows.reader(), &draft.join(MADE_ROWS))?;
        let key = self.node.made_key(self.outbox)?;
        let handles = &self.prepared.handle_map;
        let marks = self.marks.as_deref();
        made::seal(&draft.join(MADE_HANDLES), &key, handles, marks, entropy)?;
        let manifest = self.manifest(BatchKind::BlockTokens, file.commit()?);
        let rows = tokens.len() as u64;
        Ok(BatchManifest { rows, ..manifest })
    }

    fn write_encodings(&self) -> Result<Written, NodeError> {
        let path = self.draft(BatchKind::Encodings);
        let mut file = NewFile::create(&path)?;
        let mut rows =
            BufReader::with_capacity(MAX_CHUNK_BYTES as usize, self.prepared.rows.reader());
        let written = io::copy(&mut rows, &mut file);
        written.map_err(io_error("write", &path))?;
        Ok(file.commit()?)
    }

    fn write_handle_map(&self, entropy: &mut dyn Entropy) -> Result<Written, NodeError> {
        let file = NewFile::create(&self.draft(BatchKind::HandleMap))?;
        let context = handle_map::context(self.project, &self.node.config.party);
        let (entries, key) = (&self.prepared.handle_map, &self.project.resolver_key);
        let verdicts = self.node.verdicts(self.project, entries)?;
        let map = handle_map::HandleMap {
            entries,
            lone: None,
            marks: self.marks.as_deref(),
            verdicts: verdicts.as_deref(),
        };
        let sealed = map.seal(key, &context, file, entropy);
        Ok(sealed.map_err(PrepareError::from)?.commit()?)
    }

    fn write_vault(&self, entropy: &mut dyn Entropy) -> Result<(), NodeError> {
        let key = self.node.vault_key(self.project.run)?;
        let path = self.outbox.draft_dir().join(DRAFT_VAULT);
        Ok(vault::seal(&path, &key, &self.prepared.vault, entropy)?)
    }

    /// From the first to the last line the run counts as not prepared.
    fn put_in_place(&self, manifests: &[BatchManifest]) -> Result<(), NodeError> {
        self.outbox.retire()?;
        let vault = self.node.home.vault(self.project.run);
        fs::rename(self.outbox.draft_dir().join(DRAFT_VAULT), &vault)
            .map_err(io_error("put in place", &vault))?;
        sync_parent(&vault)?;
        self.record(manifests)?;
        self.outbox.publish()
    }

    fn record(&self, manifests: &[BatchManifest]) -> Result<(), NodeError> {
        let mut manifests = manifests.iter();
        manifests.try_for_each(|manifest| self.node.record_prepared(manifest))
    }

    fn draft(&self, kind: BatchKind) -> std::path::PathBuf {
        self.outbox.draft_dir().join(batch_name(kind))
    }

    fn manifest(&self, kind: BatchKind, written: Written) -> BatchManifest {
        let counts = &self.prepared.report;
        let schema_digest: Digest = self.node.schema.digest();
        BatchManifest {
            project: self.project.project.clone(),
            run: self.project.run,
            epoch: self.project.epoch,
            party: self.node.config.party.clone(),
            kind,
            schema_digest,
            agreement: self.agreement,
            key_check: self.key_check,
            records: counts.records - counts.set_aside,
            set_aside: counts.set_aside,
            rows: counts.rows,
            bytes: written.bytes,
            chunk_bytes: MAX_CHUNK_BYTES,
            payload_digest: written.digest,
        }
    }
}
