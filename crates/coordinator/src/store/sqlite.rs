//! Batches in files, what is known about them in SQLite: the database says how many chunks are
//! durable, and says so only after the file's bytes are.
//!
//! ```text
//! write chunk -> sync file -> count chunk -> ... -> rename to .batch -> note receipt
//! ```
//!
//! A crash between any two leaves more bytes than are counted, never fewer; opening cuts them.

use std::io::Read;
use std::sync::Mutex;
use std::time::Duration;

use model::{BatchManifest, Digest, RunNumber};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};
use wire::Receipt;

use super::batch_files::BatchFiles;
use super::{BatchStore, RunStore, StoreError, StoredBatch};
use crate::directory::RoleDir;
use crate::sync::lock;

const VERSION: i64 = 2;
/// How long a reader waits for a writer in another program.
const BUSY: Duration = Duration::from_secs(5);
const TABLES: &str = "
    CREATE TABLE batch (
        sequence INTEGER PRIMARY KEY,
        manifest_digest BLOB NOT NULL UNIQUE,
        run INTEGER NOT NULL,
        party TEXT NOT NULL,
        kind TEXT NOT NULL,
        manifest TEXT NOT NULL,
        chunks INTEGER NOT NULL,
        UNIQUE (run, party, kind)
    ) STRICT;
    CREATE TABLE receipt (
        manifest_digest BLOB PRIMARY KEY REFERENCES batch (manifest_digest),
        receipt TEXT NOT NULL
    ) STRICT;
    CREATE TABLE run (number INTEGER PRIMARY KEY, state TEXT NOT NULL) STRICT;
    PRAGMA user_version = 2;
";
const SELECT: &str = "SELECT manifest, chunks, receipt FROM batch LEFT JOIN receipt \
                      USING (manifest_digest)";

/// One role's batches and runs.
pub struct SqliteStore {
    database: Mutex<Connection>,
    files: BatchFiles,
}

impl SqliteStore {
    /// Opens the store in a role's directory, or makes it. Cuts what a crash left half-written.
    ///
    /// # Errors
    /// [`StoreError`] when database or files cannot be used.
    pub fn open(role: &RoleDir) -> Result<Self, StoreError> {
        let database = Connection::open(role.database())?;
        database.busy_timeout(BUSY)?;
        database.pragma_update(None, "journal_mode", "WAL")?;
        database.pragma_update(None, "synchronous", "FULL")?;
        database.pragma_update(None, "foreign_keys", true)?;
        prepare(&database)?;
        let store = Self {
            database: Mutex::new(database),
            files: BatchFiles::at(role.batches()),
        };
        store.files.prepare()?;
        store.recover()?;
        Ok(store)
    }

    /// Opens a store for reading while its program may be running.
    ///
    /// # Errors
    /// [`StoreError`] when there is none.
    pub fn open_read_only(role: &RoleDir) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let database = Connection::open_with_flags(role.database(), flags)?;
        database.busy_timeout(BUSY)?;
        check_version(version(&database)?)?;
        Ok(Self {
            database: Mutex::new(database),
            files: BatchFiles::at(role.batches()),
        })
    }

    /// Brings files and database together again.
    fn recover(&self) -> Result<(), StoreError> {
        let known = self.select("ORDER BY sequence", params![])?;
        for batch in known.iter().filter(|batch| !batch.is_accepted()) {
            self.reconcile(batch)?;
        }
        let digests = known.iter().map(|batch| batch.manifest.digest());
        self.files.sweep(&digests.collect::<Vec<_>>())
    }

    /// Counts only chunks whose bytes are there, and cuts bytes that are not counted.
    fn reconcile(&self, batch: &StoredBatch) -> Result<(), StoreError> {
        let digest = batch.manifest.digest();
        let length = self.files.length(&digest)?;
        let whole = whole_chunks(&batch.manifest, length).min(batch.next_chunk);
        if whole < batch.next_chunk {
            self.count(&digest, whole)?;
        }
        self.files.cut(&digest, start_of(&batch.manifest, whole))
    }

    fn select(
        &self,
        condition: &str,
        values: &[&dyn rusqlite::ToSql],
    ) -> Result<Vec<StoredBatch>, StoreError> {
        let database = lock(&self.database);
        let mut statement = database.prepare_cached(&format!("{SELECT} {condition}"))?;
        let rows = statement.query_map(values, RawBatch::of)?;
        rows.map(|row| row?.parse()).collect()
    }

    fn known(&self, digest: &Digest) -> Result<StoredBatch, StoreError> {
        self.find(digest)?.ok_or(StoreError::UnknownBatch(*digest))
    }

    fn count(&self, digest: &Digest, chunks: u64) -> Result<(), StoreError> {
        let database = lock(&self.database);
        let mut statement =
            database.prepare_cached("UPDATE batch SET chunks = ?2 WHERE manifest_digest = ?1")?;
        statement.execute(params![digest.as_bytes(), chunks as i64])?;
        Ok(())
    }

    /// Notes a new batch in place of its party's partial one of that kind, and returns that one's digest.
    fn replace(&self, manifest: &BatchManifest) -> Result<Option<Digest>, StoreError> {
        let text = to_json("manifest", manifest)?;
        let (run, party) = (manifest.run.0, manifest.party.as_str());
        let kind = manifest.kind.as_str();
        let mut database = lock(&self.database);
        let change = database.transaction()?;
        let old: Option<[u8; 32]> = change
            .query_row(
                "DELETE FROM batch WHERE run = ?1 AND party = ?2 AND kind = ?3 \
                 RETURNING manifest_digest",
                params![run, party, kind],
                |row| row.get(0),
            )
            .optional()?;
        change.execute(
            "INSERT INTO batch (manifest_digest, run, party, kind, manifest, chunks) \
             VALUES (?1, ?2, ?3, ?4, ?5, 0)",
            params![manifest.digest().as_bytes(), run, party, kind, text],
        )?;
        change.commit()?;
        Ok(old.map(Digest::new))
    }
}

impl BatchStore for SqliteStore {
    fn open(&self, manifest: &BatchManifest) -> Result<StoredBatch, StoreError> {
        let digest = manifest.digest();
        if let Some(known) = self.find(&digest)? {
            return Ok(known);
        }
        if let Some(old) = self.replace(manifest)? {
            self.files.remove(&old)?;
        }
        self.files.create(&digest)?;
        self.known(&digest)
    }

    fn find(&self, manifest_digest: &Digest) -> Result<Option<StoredBatch>, StoreError> {
        let condition = "WHERE manifest_digest = ?1";
        let mut found = self.select(condition, params![manifest_digest.as_bytes()])?;
        Ok(found.pop())
    }

    fn list(&self, run: RunNumber) -> Result<Vec<StoredBatch>, StoreError> {
        self.select("WHERE run = ?1 ORDER BY sequence", params![run.0])
    }

    fn append(&self, manifest_digest: &Digest, bytes: &[u8]) -> Result<(), StoreError> {
        let batch = self.known(manifest_digest)?;
        let start = start_of(&batch.manifest, batch.next_chunk);
        self.files.write(manifest_digest, start, bytes)?;
        self.count(manifest_digest, batch.next_chunk + 1)
    }

    fn read(&self, manifest_digest: &Digest) -> Result<Box<dyn Read + Send>, StoreError> {
        let batch = self.known(manifest_digest)?;
        let durable = start_of(&batch.manifest, batch.next_chunk);
        self.files.read(manifest_digest, durable)
    }

    fn forget(&self, manifest_digest: &Digest) -> Result<(), StoreError> {
        lock(&self.database).execute(
            "DELETE FROM receipt WHERE manifest_digest = ?1",
            params![manifest_digest.as_bytes()],
        )?;
        self.discard(manifest_digest)
    }

    fn discard(&self, manifest_digest: &Digest) -> Result<(), StoreError> {
        lock(&self.database).execute(
            "DELETE FROM batch WHERE manifest_digest = ?1",
            params![manifest_digest.as_bytes()],
        )?;
        self.files.remove(manifest_digest)
    }

    fn accept(&self, receipt: &Receipt) -> Result<(), StoreError> {
        let digest = &receipt.manifest_digest;
        let manifest = self.known(digest)?.manifest;
        self.files
            .describe(digest, &to_json("manifest", &manifest)?)?;
        self.files.finish(digest)?;
        lock(&self.database).execute(
            "INSERT INTO receipt (manifest_digest, receipt) VALUES (?1, ?2) \
             ON CONFLICT DO NOTHING",
            params![digest.as_bytes(), to_json("receipt", receipt)?],
        )?;
        Ok(())
    }
}

impl RunStore for SqliteStore {
    fn load_run(&self, run: RunNumber) -> Result<Option<String>, StoreError> {
        let database = lock(&self.database);
        let state = database.query_row(
            "SELECT state FROM run WHERE number = ?1",
            params![run.0],
            |row| row.get(0),
        );
        Ok(state.optional()?)
    }

    fn save_run(&self, run: RunNumber, state: &str) -> Result<(), StoreError> {
        lock(&self.database).execute(
            "INSERT INTO run (number, state) VALUES (?1, ?2) \
             ON CONFLICT DO UPDATE SET state = excluded.state",
            params![run.0, state],
        )?;
        Ok(())
    }
}

/// A batch's row as the database has it.
struct RawBatch {
    manifest: String,
    chunks: i64,
    receipt: Option<String>,
}

impl RawBatch {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            manifest: row.get(0)?,
            chunks: row.get(1)?,
            receipt: row.get(2)?,
        })
    }

    fn parse(self) -> Result<StoredBatch, StoreError> {
        let receipt = self.receipt.map(|text| from_json("receipt", &text));
        Ok(StoredBatch {
            manifest: from_json("manifest", &self.manifest)?,
            next_chunk: self.chunks as u64,
            receipt: receipt.transpose()?,
        })
    }
}

fn prepare(database: &Connection) -> Result<(), StoreError> {
    match version(database)? {
        0 => Ok(database.execute_batch(&format!("BEGIN; {TABLES} COMMIT;"))?),
        found => check_version(found),
    }
}

fn version(database: &Connection) -> rusqlite::Result<i64> {
    database.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn check_version(found: i64) -> Result<(), StoreError> {
    let expected = VERSION;
    if found == expected {
        return Ok(());
    }
    Err(StoreError::Version { found, expected })
}

/// Where chunk `index` starts; past the end, where the batch ends.
fn start_of(manifest: &BatchManifest, index: u64) -> u64 {
    index
        .saturating_mul(manifest.chunk_bytes.into())
        .min(manifest.bytes)
}

/// How many chunks lie wholly within the first `length` bytes.
fn whole_chunks(manifest: &BatchManifest, length: u64) -> u64 {
    if length >= manifest.bytes {
        manifest.chunks()
    } else {
        length / u64::from(manifest.chunk_bytes.max(1))
    }
}

fn to_json(what: &'static str, value: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|source| StoreError::Damaged { what, source })
}

fn from_json<T: serde::de::DeserializeOwned>(
    what: &'static str,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|source| StoreError::Damaged { what, source })
}

#[cfg(test)]
#[path = "sqlite_tests.rs"]
mod tests;
