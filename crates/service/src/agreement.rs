//! Linkage agreements on disk: a directory with the document, its signatures and the statements
//! made since, and a store that keeps one such directory for each number, so that what held before
//! an amendment can still be read.
//!
//! ```text
//! agreement.toml             the document
//! crvs.sig  sr.sig  ...      signatures over its exact bytes
//! statement-*.toml *.sig     statements, each with a signature of the same name
//! ```

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use model::agreement::{Clause, MAX_AGREEMENT_BYTES, MAX_STATEMENT_BYTES, Standing, Statement};
use model::signature::{MAX_SIGNATURE_BYTES, Signature, Verify};
use model::{Refusal, SignedAgreement};

use crate::files::{create_dir_private, sync_dir, write_atomic_private};

/// The document's file name.
pub const DOCUMENT: &str = "agreement.toml";
/// The most files a directory of an agreement may have.
pub const MAX_FILES: usize = 1000;
/// What the names of statements begin with.
const STATEMENT: &str = "statement-";

/// Why an agreement on disk cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AgreementFault {
    /// It does not allow what was asked, or is none.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// A file cannot be read or written.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
}

type Found<T> = Result<T, AgreementFault>;

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> AgreementFault {
    let path = path.to_owned();
    move |source| AgreementFault::Io {
        action,
        path,
        source,
    }
}

/// The files of one agreement, read and not yet believed.
#[derive(Debug, Clone, Default)]
pub struct AgreementFiles {
    document: Vec<u8>,
    signatures: Vec<Signature>,
    statements: Vec<(Vec<u8>, Signature)>,
}

impl AgreementFiles {
    /// Reads the directory of an agreement.
    ///
    /// # Errors
    /// [`AgreementFault`] when it has no document, or a file is not what its name says.
    pub fn read(directory: &Path) -> Found<Self> {
        let mut names = names(directory)?;
        names.sort();
        let mut files = Self::default();
        for name in &names {
            files.take(directory, name)?;
        }
        if files.document.is_empty() {
            let detail = format!("there is none in {}", directory.display());
            return Err(Clause::Agreement.refuse(detail).into());
        }
        Ok(files)
    }

    fn take(&mut self, directory: &Path, name: &str) -> Found<()> {
        let path = directory.join(name);
        match name.rsplit_once('.') {
            _ if name == DOCUMENT => self.document = read(&path, MAX_AGREEMENT_BYTES)?,
            Some((stem, "toml")) if stem.starts_with(STATEMENT) => {
                let signature = read_signature(&path.with_extension("sig"))?;
                let statement = read(&path, MAX_STATEMENT_BYTES)?;
                self.statements.push((statement, signature));
            }
            Some((stem, "sig")) if !stem.starts_with(STATEMENT) => {
                self.signatures.push(read_signature(&path)?);
            }
            _ => {}
        }
        Ok(())
    }

    /// The document's bytes.
    pub fn document(&self) -> &[u8] {
        &self.document
    }

    /// Checks signatures and statements.
    ///
    /// # Errors
    /// A [`Refusal`] that names the clause.
    pub fn verify(&self, verify: Verify) -> Result<SignedAgreement, Refusal> {
        let mut agreement = SignedAgreement::verify(&self.document, &self.signatures, verify)?;
        for (statement, signature) in &self.statements {
            agreement.hear(statement, std::slice::from_ref(signature), verify)?;
        }
        Ok(agreement)
    }

    /// The statements as they lie there, each with its signature.
    pub fn statements(&self) -> impl Iterator<Item = (&[u8], &Signature)> {
        let statements = self.statements.iter();
        statements.map(|(document, signature)| (document.as_slice(), signature))
    }

    fn write(&self, directory: &Path) -> Found<()> {
        write(&directory.join(DOCUMENT), &self.document)?;
        for signature in &self.signatures {
            let name = format!("{}.sig", signature.fingerprint);
            write(&directory.join(name), signature.to_text().as_bytes())?;
        }
        for (statement, signature) in &self.statements {
            write_statement(directory, &parsed(statement)?, statement, signature)?;
        }
        Ok(())
    }
}

fn parsed(statement: &[u8]) -> Found<Statement> {
    let refused = |error| Clause::Signatures.refuse(error);
    Ok(Statement::parse(statement).map_err(refused)?)
}

/// Writes a statement under the name that follows from what it says, whatever its file was called where
/// it comes from: nothing that was said is overwritten by something else. The signature first: a
/// statement without one would make the directory unreadable.
fn write_statement(
    directory: &Path,
    said: &Statement,
    document: &[u8],
    signature: &Signature,
) -> Found<()> {
    let path = directory
        .join(said.file_stem())
        .with_added_extension("toml");
    if path.exists() {
        return match read(&path, MAX_STATEMENT_BYTES)? == document {
            true => Ok(()),
            false => Err(no_effect(said, said)),
        };
    }
    write(&path.with_extension("sig"), signature.to_text().as_bytes())?;
    write(&path, document)
}

/// The refusal of a statement where its party has said something else that holds.
fn no_effect(offered: &Statement, holds: &Statement) -> AgreementFault {
    let (party, act, number) = (&offered.party, offered.act.as_str(), offered.number);
    let detail = format!(
        "the statement {number} of {party} ({act}) has no effect: its statement {} ({}) holds; state it anew with number {}",
        holds.number,
        holds.act.as_str(),
        holds.number.saturating_add(1)
    );
    Clause::Signatures.refuse(detail).into()
}

/// What holds of the statements of one party, as it was signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What is said.
    pub statement: Statement,
    /// Its exact bytes.
    pub document: Vec<u8>,
    /// The officer's signature over them.
    pub signature: Signature,
}

/// The agreements of a project, by number; the highest is the one that counts.
#[derive(Debug, Clone)]
pub struct AgreementStore {
    root: PathBuf,
    verify: Verify,
}

impl AgreementStore {
    /// The store at `root`, which need not exist yet. `verify` checks signatures.
    pub fn new(root: impl Into<PathBuf>, verify: Verify) -> Self {
        let root = root.into();
        Self { root, verify }
    }

    /// The agreement that counts.
    ///
    /// # Errors
    /// [`AgreementFault`]; a refusal when there is none or it is not signed by all.
    pub fn current(&self) -> Found<SignedAgreement> {
        match self.latest()? {
            Some(number) => Ok(self.files(number)?.verify(self.verify)?),
            None => Err(Clause::Agreement.refuse("none is installed").into()),
        }
    }

    /// What holds of the statements about the agreement that counts, at most one a party.
    ///
    /// # Errors
    /// [`AgreementFault`], as for [`Self::current`].
    pub fn said(&self) -> Found<Vec<Said>> {
        let Some(number) = self.latest()? else {
            return Ok(Vec::new());
        };
        let files = self.files(number)?;
        let agreement = files.verify(self.verify)?;
        let mut said = Vec::new();
        for (document, signature) in files.statements() {
            let statement = parsed(document)?;
            if agreement.statements().any(|holds| *holds == statement) {
                said.push(Said {
                    statement,
                    document: document.to_vec(),
                    signature: signature.clone(),
                });
            }
        }
        said.dedup_by(|one, other| one.statement == other.statement);
        Ok(said)
    }

    /// Takes up one statement about the agreement that counts, as another member relays it, and says
    /// whether anything holds now that did not before. One that its party said something else after is
    /// no news.
    ///
    /// # Errors
    /// [`AgreementFault`] when it is not about this agreement, or not signed by its party's officer.
    pub fn hear(&self, document: &[u8], signature: &Signature) -> Found<bool> {
        let Some(number) = self.latest()? else {
            return Err(Clause::Agreement.refuse("none is installed").into());
        };
        let known = self.files(number)?.verify(self.verify)?;
        let mut heard = known.clone();
        heard.hear(document, std::slice::from_ref(signature), self.verify)?;
        if heard == known {
            return Ok(false);
        }
        let said = parsed(document)?;
        write_statement(&self.directory(number), &said, document, signature)?;
        Ok(true)
    }

    /// Whether there is any agreement.
    ///
    /// # Errors
    /// [`AgreementFault::Io`].
    pub fn is_empty(&self) -> Found<bool> {
        Ok(self.latest()?.is_none())
    }

    /// Takes the agreement in the directory `from`, if all who have to have signed it and `check`
    /// agrees. One that is there already is taken again together with its new statements; another
    /// one has to be the amendment that follows it.
    ///
    /// # Errors
    /// [`AgreementFault`]; nothing is changed then.
    pub fn install(
        &self,
        from: &Path,
        check: impl FnOnce(&SignedAgreement) -> Result<(), Refusal>,
    ) -> Found<SignedAgreement> {
        let files = AgreementFiles::read(from)?;
        let offered = files.verify(self.verify)?;
        check(&offered)?;
        match self.latest()? {
            None => self.put(&files, offered.terms().number)?,
            Some(number) => self.succeed(number, &files, &offered)?,
        }
        self.current()
    }

    fn succeed(&self, number: u32, files: &AgreementFiles, offered: &SignedAgreement) -> Found<()> {
        let known = self.files(number)?.verify(self.verify)?;
        if known.digest() == offered.digest() {
            return self.add_statements(number, files, &known, offered);
        }
        match known.standing() {
            Standing::InForce => {}
            Standing::Suspended => {
                let detail = "the agreement is suspended; an amendment follows when it is resumed";
                return Err(Clause::Suspension.refuse(detail).into());
            }
            Standing::Revoked => {
                let detail = "the agreement is revoked, and nothing follows it";
                return Err(Clause::Revocation.refuse(detail).into());
            }
        }
        let (document, signatures) = (&files.document, &files.signatures);
        offered.check_follows(&known, document, signatures, self.verify)?;
        self.put(files, offered.terms().number)
    }

    /// Adds what was said since. What a party says last in the offered directory has to hold afterwards:
    /// an officer who suspends must not be told that it was done where it was not.
    fn add_statements(
        &self,
        number: u32,
        files: &AgreementFiles,
        known: &SignedAgreement,
        offered: &SignedAgreement,
    ) -> Found<()> {
        for said in offered.statements() {
            let holds = known.statements().find(|holds| holds.party == said.party);
            let is_stored = |said: &Statement| {
                let name = format!("{}.toml", said.file_stem());
                self.directory(number).join(name).exists()
            };
            match holds {
                Some(holds) if !said.outranks(holds) && holds != said && !is_stored(said) => {
                    return Err(no_effect(said, holds));
                }
                _ => {}
            }
        }
        for (statement, signature) in &files.statements {
            write_statement(
                &self.directory(number),
                &parsed(statement)?,
                statement,
                signature,
            )?;
        }
        Ok(())
    }

    fn put(&self, files: &AgreementFiles, number: u32) -> Found<()> {
        let draft = self.root.join(format!(".{number}.new"));
        if draft.exists() {
            fs::remove_dir_all(&draft).map_err(io_error("remove", &draft))?;
        }
        create_dir_private(&draft).map_err(io_error("make", &draft))?;
        files.write(&draft)?;
        let place = self.directory(number);
        fs::rename(&draft, &place).map_err(io_error("put in place", &place))?;
        sync_dir(&self.root).map_err(io_error("sync", &self.root))
    }

    fn latest(&self) -> Found<Option<u32>> {
        if !self.root.exists() {
            return Ok(None);
        }
        let entries = fs::read_dir(&self.root).map_err(io_error("look into", &self.root))?;
        let numbers = entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        Ok(numbers.max())
    }

    fn files(&self, number: u32) -> Found<AgreementFiles> {
        AgreementFiles::read(&self.directory(number))
    }

    fn directory(&self, number: u32) -> PathBuf {
        self.root.join(number.to_string())
    }
}

fn names(directory: &Path) -> Found<Vec<String>> {
    let entries = fs::read_dir(directory).map_err(io_error("look into", directory))?;
    let names = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let names: Vec<String> = names.take(MAX_FILES + 1).collect();
    if names.len() > MAX_FILES {
        let detail = format!("{} has more than {MAX_FILES} files", directory.display());
        return Err(Clause::Agreement.refuse(detail).into());
    }
    Ok(names)
}

/// Reads at most one byte over the limit: enough for the file to be refused as too long.
fn read(path: &Path, limit: usize) -> Found<Vec<u8>> {
    let file = File::open(path).map_err(io_error("read", path))?;
    let mut bytes = Vec::new();
    let mut file = file.take(limit as u64 + 1);
    file.read_to_end(&mut bytes)
        .map_err(io_error("read", path))?;
    Ok(bytes)
}

fn read_signature(path: &Path) -> Found<Signature> {
    let bytes = read(path, MAX_SIGNATURE_BYTES)?;
    let refused = |error| Clause::Signatures.refuse(format!("{}: {error}", path.display()));
    Ok(Signature::parse(&bytes).map_err(refused)?)
}

fn write(path: &Path, bytes: &[u8]) -> Found<()> {
    write_atomic_private(path, bytes).map_err(io_error("write", path))
}

#[cfg(test)]
#[path = "agreement_tests.rs"]
mod tests;
