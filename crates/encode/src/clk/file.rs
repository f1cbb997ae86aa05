//! A CSV file to a file of CLKs: rows are read, encoded on all cores and written in their order, some
//! thousands at a time.

use std::io::{Read, Write};
use std::sync::Mutex;

use model::Progress;
use rayon::prelude::*;

use super::csv::{BatchSize, RowReader};
use super::encoder::{ClkEncoder, ClkWorker};
use super::error::EncodeError;
use super::number::is_space;
use super::rows::{Rows, Texts};
use super::statistics::Popcounts;

/// The most rows a thread encodes at once.
const CHUNK_ROWS: usize = 512;
/// The bytes of CLKs it makes of them, about, when they are long.
const CHUNK_OUTPUT: usize = 1 << 20;
/// The most rows of a batch.
const BATCH_ROWS: usize = 16_384;
/// The bytes of CLKs that a batch becomes, about, when they are long.
const BATCH_OUTPUT: usize = 1 << 26;
/// A batch ends with the row that reaches this many bytes.
const BATCH_BYTES: usize = 1 << 21;

/// What the first row of the data is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Header {
    /// The identifiers of the schema, in their order.
    #[default]
    Checked,
    /// A header that is not looked at.
    Skipped,
    /// Data.
    Absent,
}

/// How the data is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReadOptions {
    /// What the first row is.
    pub header: Header,
    /// Strips white space around every cell, as clkhash up to 0.18.1 did.
    pub trim: bool,
}

/// Encodes a CSV file and writes `{"clks": […]}`, the CLKs in base64 in the order of the rows. Gives
/// the numbers of set bits; progress counts the bytes read.
///
/// # Errors
/// The first row that is not allowed. What was written until then is no complete document: throw it
/// away.
pub fn encode_csv<R: Read + Send>(
    encoder: &ClkEncoder,
    input: R,
    output: &mut impl Write,
    options: ReadOptions,
    progress: &dyn Progress,
) -> Result<Popcounts, EncodeError> {
    let mut reader = RowReader::new(input);
    if options.header != Header::Absent {
        let header = reader.header()?.ok_or(EncodeError::Empty)?;
        if options.header == Header::Checked {
            check_header(encoder, &header)?;
        }
    }
    let mut encoding = Encoding::new(encoder, options.trim);
    let mut popcounts = Popcounts::new(encoder.schema().clk_bits());
    let mut write = |text: &str| {
        output
            .write_all(text.as_bytes())
            .map_err(EncodeError::Write)
    };
    write("{\"clks\": [")?;
    let mut between = "";
    let mut bytes = 0;
    let size = encoding.batch_size();
    let mut rows = reader.next_batch(size)?;
    while rows.len() > 0 {
        // The next rows are read while these are encoded.
        let (chunks, next) = rayon::join(|| encoding.batch(&rows), || reader.next_batch(size));
        for chunk in chunks {
            let chunk = chunk?;
            write(between)?;
            write(&chunk.clks)?;
            between = ", ";
            chunk.popcounts.iter().for_each(|set| popcounts.add(*set));
        }
        rows = next?;
        progress.advance(reader.bytes() - bytes);
        bytes = reader.bytes();
    }
    write("]}")?;
    encoding.wipe();
    output.flush().map_err(EncodeError::Write)?;
    Ok(popcounts)
}

fn check_header(encoder: &ClkEncoder, header: &Rows) -> Result<(), EncodeError> {
    let identifiers = encoder.schema().identifiers();
    let cells = header.cells(0);
    if cells.len() != identifiers.len() {
        return Err(EncodeError::HeaderLength {
            found: cells.len(),
            expected: identifiers.len(),
        });
    }
    for (column, (cell, identifier)) in (1..).zip(cells.zip(identifiers)) {
        if cell != identifier.as_bytes() {
            return Err(EncodeError::HeaderName {
                column,
                expected: identifier.to_owned(),
            });
        }
    }
    Ok(())
}

/// Encodes batches with workers that keep what they learnt from one to the next.
struct Encoding<'a> {
    encoder: &'a ClkEncoder,
    trim: bool,
    workers: Mutex<Vec<ClkWorker<'a>>>,
}

/// CLKs of some rows as JSON, without brackets.
struct Chunk {
    clks: String,
    popcounts: Vec<u32>,
}

impl<'a> Encoding<'a> {
    fn new(encoder: &'a ClkEncoder, trim: bool) -> Self {
        Self {
            encoder,
            trim,
            workers: Mutex::new(Vec::new()),
        }
    }

    /// Bytes of a CLK in the output, with quotes and what goes between two.
    fn clk_bytes(&self) -> usize {
        let bytes = self.encoder.schema().clk_bits().div_ceil(8);
        bytes.div_ceil(3) * 4 + 4
    }

    /// Batches of as many rows as their CLKs leave room for.
    fn batch_size(&self) -> BatchSize {
        BatchSize {
            rows: (BATCH_OUTPUT / self.clk_bytes()).clamp(1, BATCH_ROWS),
            bytes: BATCH_BYTES,
        }
    }

    fn batch(&self, rows: &Rows) -> Vec<Result<Chunk, EncodeError>> {
        let texts = rows.texts();
        let rows_of_chunk = (CHUNK_OUTPUT / self.clk_bytes()).clamp(1, CHUNK_ROWS);
        let chunks = rows.len().div_ceil(rows_of_chunk);
        let chunks = (0..chunks).into_par_iter().map(|chunk| {
            let mut worker = self.take_worker();
            let start = chunk * rows_of_chunk;
            let range = start..rows.len().min(start + rows_of_chunk);
            let encoded = self.chunk(&mut worker, (rows, &texts), range);
            self.pool().push(worker);
            encoded
        });
        chunks.collect()
    }

    fn pool(&self) -> std::sync::MutexGuard<'_, Vec<ClkWorker<'a>>> {
        // No one panics while holding it but for lack of memory.
        self.workers
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn take_worker(&self) -> ClkWorker<'a> {
        let worker = self.pool().pop();
        worker.unwrap_or_else(|| self.encoder.worker())
    }

    fn chunk(
        &self,
        worker: &mut ClkWorker<'_>,
        (rows, texts): (&Rows, &Texts<'_>),
        range: std::ops::Range<usize>,
    ) -> Result<Chunk, EncodeError> {
        let mut clks = String::with_capacity(range.len() * self.clk_bytes());
        let mut popcounts = Vec::with_capacity(range.len());
        let mut cells = Vec::new();
        // Rows before a bad one may be refused, and then that is what is told.
        let read = range
            .clone()
            .try_for_each(|row| self.read_cells((rows, texts), row, &mut cells));
        let width = self.encoder.schema().identifiers().len();
        let row_cells = |place: usize| cells.get(place * width..(place + 1) * width);
        for row in range {
            let place = popcounts.len();
            let Some(own) = row_cells(place) else {
                break;
            };
            row_cells(place + 2)
                .into_iter()
                .for_each(|later| worker.foresee(later));
            row_cells(place + 1)
                .into_iter()
                .for_each(|next| worker.expect(next));
            clks.push_str(if clks.is_empty() { "\"" } else { ", \"" });
            let encoded = worker.encode(own, &mut clks);
            popcounts.push(encoded.map_err(|refused| self.refusal(rows, row, refused))?);
            clks.push('"');
        }
        read.map(|()| Chunk { clks, popcounts })
    }

    /// Adds the cells of a row as text to `cells`, as many as the schema has features; none of one that is not as it should
    /// be.
    fn read_cells<'r>(
        &self,
        (rows, texts): (&Rows, &Texts<'r>),
        row: usize,
        cells: &mut Vec<&'r str>,
    ) -> Result<(), EncodeError> {
        let expected = self.encoder.schema().identifiers().len();
        let start = cells.len();
        let found = texts.row(row).len();
        if found != expected {
            let place = rows.place(row);
            return Err(EncodeError::RowLength {
                place,
                found,
                expected,
            });
        }
        for (column, cell) in (1..).zip(texts.row(row)) {
            let Some(cell) = cell else {
                cells.truncate(start);
                let place = rows.place(row);
                return Err(EncodeError::NotUtf8 { place, column });
            };
            cells.push(if self.trim {
                cell.trim_matches(is_space)
            } else {
                cell
            });
        }
        Ok(())
    }

    fn refusal(
        &self,
        rows: &Rows,
        row: usize,
        refused: super::encoder::RefusedCell,
    ) -> EncodeError {
        let column = self.encoder.schema().identifiers().nth(refused.column);
        EncodeError::Cell {
            place: rows.place(row),
            column: column.unwrap_or_default().to_owned(),
            problem: refused.problem,
        }
    }

    /// Drops the workers, and with them the tokens they keep.
    fn wipe(&mut self) {
        self.pool().clear();
    }
}

#[cfg(test)]
mod tests;
