//! CSV files (RFC 4180) in UTF-8 with a header, plain or gzip.
//!
//! Values are wiped once a record is dropped; the reader's own buffer, which the CSV library keeps,
//! is not, and holds the last row until it is reused.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::bufread::MultiGzDecoder;
use records::{ColumnPlan, LocalKey, RawField, RawRecord};

/// The most columns a file may have.
const MAX_COLUMNS: usize = 2048;
/// The most bytes one row may have.
const MAX_ROW_BYTES: usize = 1 << 20;
/// The two bytes every gzip file starts with (RFC 1952).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

type Reader = csv::Reader<Metered<Box<dyn Read + Send>>>;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file cannot be opened or read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file has no header.
    #[error("{path}: the file is empty; expected a header and one row a record")]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The schema maps a column that the file does not have.
    #[error("{path}: there is no column `{column}`; the header has: {header}")]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column the schema names.
        column: String,
        /// The columns there are.
        header: String,
    },
    /// Two columns have one name.
    #[error(
        "{path}: columns {first} and {second} of the header have one name; rename or drop one of them"
    )]
    RepeatedColumn {
        /// The file.
        path: PathBuf,
        /// The first of them, counted from 1. Its name is not kept: the row may be no header.
        first: usize,
        /// The second.
        second: usize,
    },
    /// A row has more or fewer values than the header.
    #[error(
        "{path}, row {row} (line {line}): {found} values, the header has {expected}; check quotes and separators"
    )]
    RowLength {
        /// The file.
        path: PathBuf,
        /// The row, counted from 1 without the header.
        row: u64,
        /// The line in the file.
        line: u64,
        /// Values in the row.
        found: u64,
        /// Columns in the header.
        expected: u64,
    },
    /// Bytes that are not UTF-8.
    #[error(
        "{path}, row {row}{column}: not UTF-8; convert the file first, for example with `iconv -t UTF-8`"
    )]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The row, counted from 1 without the header; 0 is the header.
        row: u64,
        /// `, column NAME`, where known.
        column: String,
    },
    /// A size over its limit.
    #[error("{path}, row {row}: {what} over the limit of {limit}")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The row.
        row: u64,
        /// What is too large.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

/// Lets through only as many bytes as were granted since the last row, so that a row without end (an
/// open quote, a gzip bomb) is refused before it fills memory.
struct Metered<R> {
    inner: R,
    granted: Arc<AtomicUsize>,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let granted = self.granted.load(Ordering::Relaxed);
        if granted == 0 {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "a row is over the limit; is a quote left open?",
            ));
        }
        let read = self.inner.read(buffer)?;
        self.granted
            .store(granted.saturating_sub(read), Ordering::Relaxed);
        Ok(read)
    }
}

/// An open CSV file, read chunk by chunk.
pub struct CsvFile {
    path: PathBuf,
    reader: Reader,
    granted: Arc<AtomicUsize>,
    header: csv::StringRecord,
    record_id: usize,
    columns: Vec<usize>,
    row: u64,
}

impl CsvFile {
    /// Opens `path` and finds the columns of `plan` in its header.
    ///
    /// # Errors
    /// [`SourceError`] when the file cannot be read or lacks a column.
    pub fn open(path: &Path, plan: &ColumnPlan) -> Result<Self, SourceError> {
        let granted = Arc::new(AtomicUsize::new(MAX_ROW_BYTES));
        let inner = open_plain_or_gzip(path)?;
        let metered = Metered {
            inner,
            granted: granted.clone(),
        };
        let mut reader = csv::ReaderBuilder::new().from_reader(metered);
        let header = header(path, &mut reader)?;
        // Without the key's column the first row may be no header: then its values are not shown.
        let is_header = header.iter().any(|name| name == plan.record_id());
        let place = |column: &str| {
            let found = header.iter().position(|name| name == column);
            found.ok_or_else(|| SourceError::MissingColumn {
                path: path.to_owned(),
                column: column.to_owned(),
                header: if is_header {
                    header.iter().collect::<Vec<_>>().join(", ")
                } else {
                    format!(
                        "{} columns of other names; is the first row a header?",
                        header.len()
                    )
                },
            })
        };
        let record_id = place(plan.record_id())?;
        let columns = plan
            .columns()
            .iter()
            .map(|column| place(column))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            path: path.to_owned(),
            reader,
            granted,
            header,
            record_id,
            columns,
            row: 0,
        })
    }

    /// The next records, at most `limit`; none at the end of the file.
    ///
    /// # Errors
    /// [`SourceError`] at the first row that cannot be trusted; nothing after it is read.
    pub fn next_chunk(&mut self, limit: usize) -> Result<Vec<RawRecord>, SourceError> {
        let mut chunk = Vec::with_capacity(limit.min(1 << 16));
        let mut bytes = csv::ByteRecord::new();
        while chunk.len() < limit && self.read(&mut bytes)? {
            chunk.push(self.record(&bytes)?);
        }
        Ok(chunk)
    }

    fn read(&mut self, bytes: &mut csv::ByteRecord) -> Result<bool, SourceError> {
        self.row += 1;
        self.granted.store(MAX_ROW_BYTES, Ordering::Relaxed);
        let more = self
            .reader
            .read_byte_record(bytes)
            .map_err(|error| self.error(error))?;
        Ok(more)
    }

    fn record(&self, bytes: &csv::ByteRecord) -> Result<RawRecord, SourceError> {
        let text = |column: usize| {
            std::str::from_utf8(&bytes[column])
                .map(str::to_owned)
                .map_err(|_| SourceError::NotUtf8 {
                    path: self.path.clone(),
                    row: self.row,
                    column: format!(", column `{}`", &self.header[column]),
                })
        };
        Ok(RawRecord {
            row: self.row,
            key: LocalKey::new(text(self.record_id)?),
            fields: self
                .columns
                .iter()
                .map(|column| text(*column).map(RawField::new))
                .collect::<Result<_, _>>()?,
        })
    }

    fn error(&self, error: csv::Error) -> SourceError {
        let path = self.path.clone();
        match error.into_kind() {
            csv::ErrorKind::UnequalLengths {
                pos,
                expected_len,
                len,
            } => SourceError::RowLength {
                path,
                row: self.row,
                line: pos.map_or(0, |pos| pos.line()),
                found: len,
                expected: expected_len,
            },
            csv::ErrorKind::Io(source) if source.kind() == io::ErrorKind::FileTooLarge => {
                SourceError::TooLarge {
                    path,
                    row: self.row,
                    what: "a row",
                    limit: MAX_ROW_BYTES,
                }
            }
            csv::ErrorKind::Io(source) => SourceError::Io { path, source },
            _ => SourceError::Io {
                path,
                source: io::Error::other("the CSV structure is broken"),
            },
        }
    }
}

fn header(path: &Path, reader: &mut Reader) -> Result<csv::StringRecord, SourceError> {
    let owned = || path.to_owned();
    let header = reader.headers().map_err(|error| match error.into_kind() {
        csv::ErrorKind::Utf8 { .. } => SourceError::NotUtf8 {
            path: owned(),
            row: 0,
            column: String::new(),
        },
        csv::ErrorKind::Io(source) => SourceError::Io {
            path: owned(),
            source,
        },
        _ => SourceError::Empty { path: owned() },
    })?;
    let mut header = header.clone();
    header.trim();
    if header.is_empty() {
        return Err(SourceError::Empty { path: owned() });
    }
    if header.len() > MAX_COLUMNS {
        return Err(SourceError::TooLarge {
            path: owned(),
            row: 0,
            what: "columns",
            limit: MAX_COLUMNS,
        });
    }
    match repeated(&header) {
        Some((first, second)) => Err(SourceError::RepeatedColumn {
            path: owned(),
            first: first + 1,
            second: second + 1,
        }),
        None => Ok(header),
    }
}

/// The places of the first two columns of one name; columns without a name are not meant to be read.
fn repeated(header: &csv::StringRecord) -> Option<(usize, usize)> {
    let mut seen = BTreeMap::new();
    let mut named = header
        .iter()
        .enumerate()
        .filter(|(_, name)| !name.is_empty());
    named.find_map(|(place, name)| Some((seen.insert(name, place)?, place)))
}

fn open_plain_or_gzip(path: &Path) -> Result<Box<dyn Read + Send>, SourceError> {
    let io = |source| SourceError::Io {
        path: path.to_owned(),
        source,
    };
    let mut file = BufReader::with_capacity(1 << 16, File::open(path).map_err(io)?);
    let zipped = file.fill_buf().map_err(io)?.starts_with(&GZIP_MAGIC);
    Ok(if zipped {
        Box::new(MultiGzDecoder::new(file))
    } else {
        Box::new(file)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::write::GzEncoder;
    use model::{LinkageSchema, PartyIndex};
    use std::io::Write;

    const SCHEMA: &str = r#"
format = 1
name = "s"
revision = 1
profile = "standard"
latest_year = 2025
field = [{ name = "surname", kind = "surname" }, { name = "born", kind = "date" }]
pass = [{ name = "born", block = ["born"] }]
[[party]]
name = "a"
title = "A"
duplicates = false
record_id = "id"
map = { surname = { columns = ["surname"] }, born = { columns = ["birth date"], formats = ["YYYY"] } }
"#;

    fn read(content: &[u8]) -> Result<Vec<(u64, String, Vec<String>)>, SourceError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().write_all(content).unwrap();
        let schema = LinkageSchema::parse(SCHEMA).unwrap();
        let mut source = CsvFile::open(file.path(), &ColumnPlan::of(&schema, PartyIndex(0)))?;
        let mut rows = Vec::new();
        loop {
            let chunk = source.next_chunk(2)?;
            if chunk.is_empty() {
                return Ok(rows);
            }
            rows.extend(chunk.iter().map(exposed));
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the test looks at made-up values"
    )]
    fn exposed(record: &RawRecord) -> (u64, String, Vec<String>) {
        let fields = record
            .fields
            .iter()
            .map(|field| field.expose().to_owned())
            .collect();
        (record.row, record.key.expose().to_owned(), fields)
    }

    const GOOD: &str =
        "birth date,other,id,surname\n1990,x,k1,\"Diallo, Jr\"\n,,k2,\n1991,y,k3,Silva\n";

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        let rows = read(GOOD.as_bytes()).unwrap();
        assert_eq!(rows.len(), 3);
        assert_eq!(
            rows[0],
            (1, "k1".into(), vec!["Diallo, Jr".into(), "1990".into()])
        );
        assert_eq!(rows[2].0, 3);
    }

    #[test]
    fn gzip_and_a_byte_order_mark_are_read_alike() {
        let mut zipped = GzEncoder::new(Vec::new(), flate2::Compression::default());
        zipped.write_all("\u{feff}".as_bytes()).unwrap();
        zipped.write_all(GOOD.as_bytes()).unwrap();
        assert_eq!(
            read(&zipped.finish().unwrap()).unwrap(),
            read(GOOD.as_bytes()).unwrap()
        );
    }

    fn refused(content: &[u8]) -> String {
        read(content).unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_be_trusted_is_refused_with_its_place() {
        assert!(refused(b"").contains("empty"));
        assert!(
            refused(b"id,surname\nk,S\n")
                .contains("no column `birth date`; the header has: id, surname")
        );
        let headless = refused(b"k,Silva,1990\nk2,Diallo,1991\n");
        assert!(
            headless.contains("`id`; the header has: 3 columns of other names")
                && !headless.contains("Silva"),
            "{headless}"
        );
        assert!(refused(b"id,surname,id,birth date\n").contains("columns 1 and 3 of the header"));
        let short = refused(b"id,surname,birth date\nk1,S,1990\nk2,S\n");
        assert!(
            short.contains("row 2 (line 3): 2 values, the header has 3"),
            "{short}"
        );
        let latin1 = refused(b"id,surname,birth date\nk1,Jos\xe9,1990\n");
        assert!(
            latin1.contains("row 1, column `surname`: not UTF-8"),
            "{latin1}"
        );
        assert!(!latin1.contains("Jos"));
    }

    #[test]
    fn a_row_without_end_is_refused_before_it_fills_memory() {
        let endless = format!(
            "id,surname,birth date\nk1,\"{}",
            "x".repeat(3 * MAX_ROW_BYTES)
        );
        let message = refused(endless.as_bytes());
        assert!(message.contains("row 1: a row over the limit"), "{message}");
    }

    #[test]
    fn a_cut_gzip_file_is_refused() {
        let mut zipped = GzEncoder::new(Vec::new(), flate2::Compression::none());
        zipped.write_all(GOOD.as_bytes()).unwrap();
        let whole = zipped.finish().unwrap();
        assert!(read(&whole[..whole.len() - 12]).is_err());
    }
}
