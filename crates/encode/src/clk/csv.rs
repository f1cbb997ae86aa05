//! Rows of a CSV file as Python's `csv.reader` over a text file gives them: quotes count at the start
//! of a cell only, text behind a closing quote belongs to the cell, a blank line is a row without
//! cells, and all line ends are one, within quotes too.

use std::io::Read;
use std::ops::Range;

use zeroize::Zeroizing;

use super::error::{EncodeError, RowPlace};
use super::rows::Rows;

/// Python's limit for a cell, in characters.
pub(super) const MAX_CELL: usize = 131_072;
/// The most cells of a row.
const MAX_CELLS: usize = 16_384;
/// Bytes read at once.
const BUFFER: usize = 1 << 16;
/// No row has more bytes in its cells.
pub(super) const MAX_ROW: usize = 1 << 23;

/// When a batch is full: rows are never cut, so its last one may go beyond the bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchSize {
    /// The most rows, one at least.
    pub(super) rows: usize,
    /// The batch ends with the row that reaches this many bytes.
    pub(super) bytes: usize,
}

impl BatchSize {
    #[inline]
    fn is_reached(self, rows: &Rows) -> bool {
        rows.len() >= self.rows || rows.bytes() >= self.bytes
    }
}

/// Where in a row reading stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    RowStart,
    CellStart,
    Bare,
    Quoted,
    /// Behind a quote within quotes: the end, or the first of two.
    QuoteSeen,
}

/// Reads rows in batches.
pub(super) struct RowReader<R> {
    input: R,
    buffer: Zeroizing<Vec<u8>>,
    /// What is not used yet of the buffer.
    unused: Range<usize>,
    state: State,
    /// The last line end was a carriage return: a line feed behind it is part of it.
    after_return: bool,
    row: u64,
    line: u64,
    row_line: u64,
    bytes: u64,
}

impl<R: Read> RowReader<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            buffer: Zeroizing::new(vec![0; BUFFER]),
            unused: 0..0,
            state: State::RowStart,
            after_return: false,
            row: 0,
            line: 1,
            row_line: 1,
            bytes: 0,
        }
    }

    /// Bytes read up to now.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes the next row out of the count of rows of data.
    pub(super) fn header(&mut self) -> Result<Option<Rows>, EncodeError> {
        let (rows, bytes) = (1, 1);
        let rows = self.next_batch(BatchSize { rows, bytes })?;
        self.row = 0;
        Ok((rows.len() > 0).then_some(rows))
    }

    /// The next rows; none left when empty.
    pub(super) fn next_batch(&mut self, size: BatchSize) -> Result<Rows, EncodeError> {
        let mut rows = Rows::new(self.row, size.bytes);
        loop {
            if self.unused.is_empty() && !self.fill()? {
                self.finish(&mut rows)?;
                return Ok(rows);
            }
            if self.scan(&mut rows, size)? {
                return Ok(rows);
            }
        }
    }

    /// Reads more; false at the end.
    fn fill(&mut self) -> Result<bool, EncodeError> {
        loop {
            match self.input.read(&mut self.buffer) {
                Ok(read) => {
                    self.unused = 0..read;
                    self.bytes += read as u64;
                    return Ok(read > 0);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(EncodeError::Read(error)),
            }
        }
    }

    /// Takes the buffer apart, until it is used up or the batch is full, which is at the end of a row
    /// only; true when it is full.
    fn scan(&mut self, rows: &mut Rows, size: BatchSize) -> Result<bool, EncodeError> {
        while !self.unused.is_empty() {
            let left = &self.buffer[self.unused.clone()];
            let plain = plain_length(left, self.state);
            if plain > 0 {
                rows.push(&left[..plain]);
                self.unused.start += plain;
                self.after_return = false;
                self.state = match self.state {
                    State::Quoted => State::Quoted,
                    _ => State::Bare,
                };
                self.check_length(rows)?;
                continue;
            }
            let byte = left[0];
            self.unused.start += 1;
            self.special(byte, rows)?;
            if self.state == State::RowStart && size.is_reached(rows) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// A comma, a quote or part of a line end.
    #[inline]
    fn special(&mut self, byte: u8, rows: &mut Rows) -> Result<(), EncodeError> {
        let line_feed_of_return = byte == b'\n' && self.after_return;
        self.after_return = byte == b'\r';
        if line_feed_of_return {
            return Ok(());
        }
        let line_end = byte != b',' && byte != b'"';
        self.line += u64::from(line_end);
        match (self.state, byte) {
            (State::Quoted, b'"') => self.state = State::QuoteSeen,
            (State::Quoted, _) => self.push(if line_end { b'\n' } else { byte }, rows)?,
            (State::QuoteSeen, b'"') => {
                self.push(byte, rows)?;
                self.state = State::Quoted;
            }
            (State::RowStart | State::CellStart, b'"') => self.state = State::Quoted,
            (State::Bare, b'"') => self.push(byte, rows)?,
            (_, b',') => {
                self.end_cell(rows)?;
                self.state = State::CellStart;
            }
            (state, _) => {
                // A line end with nothing before it is a row without cells.
                if state != State::RowStart {
                    self.end_cell(rows)?;
                }
                self.end_row(rows);
            }
        }
        Ok(())
    }

    /// Adds a byte that is special elsewhere.
    #[inline]
    fn push(&self, byte: u8, rows: &mut Rows) -> Result<(), EncodeError> {
        rows.push(&[byte]);
        self.check_length(rows)
    }

    /// The end of the file ends a row that has begun, also within quotes.
    fn finish(&mut self, rows: &mut Rows) -> Result<(), EncodeError> {
        if self.state != State::RowStart {
            self.end_cell(rows)?;
            self.end_row(rows);
        }
        Ok(())
    }

    #[inline]
    fn end_cell(&self, rows: &mut Rows) -> Result<(), EncodeError> {
        let cell = rows.begun_cell();
        // Bytes that start a character.
        let starts = |cell: &[u8]| cell.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
        if cell.len() > MAX_CELL && starts(cell) > MAX_CELL {
            return Err(self.cell_too_long());
        }
        if rows.begun_cells() == MAX_CELLS {
            return Err(EncodeError::TooManyCells {
                place: self.row_place(),
                limit: MAX_CELLS,
            });
        }
        rows.end_cell();
        Ok(())
    }

    #[inline]
    fn end_row(&mut self, rows: &mut Rows) {
        rows.end_row(self.row_line);
        self.row += 1;
        self.row_line = self.line;
        self.state = State::RowStart;
    }

    /// Refuses a row that is too long, and a cell that is too long in any encoding of its characters,
    /// before all of it is read.
    #[inline]
    fn check_length(&self, rows: &Rows) -> Result<(), EncodeError> {
        if rows.begun_cell().len() > 4 * MAX_CELL {
            return Err(self.cell_too_long());
        }
        if rows.begun_bytes() > MAX_ROW {
            return Err(EncodeError::RowTooLong {
                place: self.row_place(),
                limit: MAX_ROW,
            });
        }
        Ok(())
    }

    fn row_place(&self) -> RowPlace {
        RowPlace {
            row: self.row,
            line: self.row_line,
        }
    }

    fn cell_too_long(&self) -> EncodeError {
        EncodeError::CellTooLong {
            place: self.row_place(),
            limit: MAX_CELL,
        }
    }
}

/// How many bytes at the start of `bytes` are text and nothing else.
#[inline]
fn plain_length(bytes: &[u8], state: State) -> usize {
    // A comma within quotes is text; twice a quote is looked for then.
    let comma = if state == State::Quoted { b'"' } else { b',' };
    let special = [comma, b'"', b'\n', b'\r'];
    let (words, rest) = bytes.as_chunks();
    for (place, word) in words.iter().enumerate() {
        let found =
            special.map(|byte| zero_bytes(u64::from_le_bytes(*word) ^ (LOWS * u64::from(byte))));
        let found = found.into_iter().fold(0, |all, one| all | one);
        if found != 0 {
            // The lowest mark is right; those above it need not be.
            return 8 * place + found.trailing_zeros() as usize / 8;
        }
    }
    let end = rest.iter().position(|byte| special.contains(byte));
    end.map_or(bytes.len(), |end| bytes.len() - rest.len() + end)
}

/// The lowest bit of each byte.
const LOWS: u64 = u64::MAX / 0xff;

/// The highest bit of the first byte that is zero, and of some above it; 0 when none is zero.
#[inline]
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(LOWS) & !word & (LOWS << 7)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A batch that holds all of a test.
    const LARGE: BatchSize = BatchSize {
        rows: 1 << 14,
        bytes: 1 << 21,
    };

    /// All rows, read with a buffer that ends anywhere.
    fn read(bytes: &[u8], step: usize) -> Result<Vec<Vec<String>>, EncodeError> {
        read_in(bytes, step, LARGE)
    }

    fn read_in(
        bytes: &[u8],
        step: usize,
        size: BatchSize,
    ) -> Result<Vec<Vec<String>>, EncodeError> {
        struct Slow<'a>(&'a [u8], usize);
        impl Read for Slow<'_> {
            fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
                let step = self.1.min(into.len());
                self.0.read(&mut into[..step])
            }
        }
        let mut reader = RowReader::new(Slow(bytes, step));
        let mut all = Vec::new();
        loop {
            let rows = reader.next_batch(size)?;
            if rows.len() == 0 {
                return Ok(all);
            }
            for row in 0..rows.len() {
                let cells = rows.cells(row);
                all.push(
                    cells
                        .map(|cell| String::from_utf8_lossy(cell).into_owned())
                        .collect(),
                );
            }
        }
    }

    #[test]
    fn reads_as_python_does() {
        let cases: &[(&str, &[&[&str]])] = &[
            ("a,b\n1,2\n", &[&["a", "b"], &["1", "2"]]),
            ("a,b\r\n1,2", &[&["a", "b"], &["1", "2"]]),
            ("a\rb\r\rc", &[&["a"], &["b"], &[], &["c"]]),
            ("\n\n", &[&[], &[]]),
            ("", &[]),
            (",\n", &[&["", ""]]),
            ("\"a\"\"b\",\"c\r\nd\re\"\n", &[&["a\"b", "c\nd\ne"]]),
            ("\"ab\"cd,e\n", &[&["abcd", "e"]]),
            ("a\"b\"c,d\n", &[&["a\"b\"c", "d"]]),
            ("\"a\" ,\"b\" \"c\"\n", &[&["a ", "b \"c\""]]),
            ("\"open,\nx", &[&["open,\nx"]]),
            ("\"\"\n", &[&[""]]),
            ("\"", &[&[""]]),
            ("\u{feff}a,b\n", &[&["\u{feff}a", "b"]]),
        ];
        for (text, expected) in cases {
            for step in [1, 2, 3, 1000] {
                assert_eq!(&read(text.as_bytes(), step).unwrap(), expected, "{text:?}");
            }
        }
    }

    #[test]
    fn refuses_cells_without_end() {
        let mut text = vec![b'"'];
        text.extend(vec![b'x'; 5 * MAX_CELL]);
        let error = read(&text, 1 << 20).unwrap_err();
        assert!(matches!(error, EncodeError::CellTooLong { .. }));
        let commas = vec![b','; MAX_CELLS + 1];
        let error = read(&commas, 1 << 20).unwrap_err();
        assert!(matches!(error, EncodeError::TooManyCells { .. }));
        assert!(read("é".repeat(MAX_CELL).as_bytes(), 1 << 20).is_ok());
        assert!(read("é".repeat(MAX_CELL + 1).as_bytes(), 1 << 20).is_err());
    }

    /// How many bytes are read before a refusal.
    fn read_until_refusal(endless: impl Read) -> (EncodeError, u64) {
        let mut reader = RowReader::new(endless);
        let error = reader.next_batch(LARGE).err().unwrap();
        (error, reader.bytes())
    }

    #[test]
    fn refuses_cells_of_special_bytes_without_end() {
        for (start, byte) in [(&b"\""[..], b'\n'), (b"\"", b'"'), (b"a", b'"')] {
            let (error, bytes) = read_until_refusal(start.chain(std::io::repeat(byte)));
            assert!(matches!(error, EncodeError::CellTooLong { .. }), "{error}");
            assert!(bytes <= (9 * MAX_CELL + BUFFER) as u64, "{bytes}");
        }
    }

    #[test]
    fn rows_end_at_their_limit() {
        let cells = "x".repeat(MAX_CELL) + ",";
        let longest = cells.repeat(MAX_ROW / MAX_CELL);
        assert_eq!(read(longest.as_bytes(), 1 << 20).unwrap().len(), 1);
        let error = read((longest + "y").as_bytes(), 1 << 20).unwrap_err();
        assert!(matches!(error, EncodeError::RowTooLong { .. }), "{error}");
    }

    #[test]
    fn tells_the_line_a_row_starts_on() {
        let mut reader = RowReader::new(&b"h\n\"a\n\nb\"\r\nc\n"[..]);
        reader.header().unwrap().unwrap();
        let rows = reader.next_batch(LARGE).unwrap();
        let places = [rows.place(0), rows.place(1)];
        assert_eq!(
            places.map(|place| (place.row, place.line)),
            [(0, 2), (1, 5)]
        );
    }

    proptest! {
        #[test]
        fn text_ends_with_the_first_special_byte(
            bytes in prop::collection::vec(prop_oneof![
                any::<u8>(),
                prop::sample::select(b"+,-!\"#\t\n\x0b\x0c\r\x0e\x80\xac".to_vec()),
            ], 0..40),
        ) {
            let first = |special: &[u8]| bytes.iter().position(|byte| special.contains(byte)).unwrap_or(bytes.len());
            prop_assert_eq!(plain_length(&bytes, State::Bare), first(b",\"\n\r"));
            prop_assert_eq!(plain_length(&bytes, State::Quoted), first(b"\"\n\r"));
        }

        #[test]
        fn any_bytes_read_the_same_in_any_batches(
            bytes in prop::collection::vec(prop::sample::select(b"a,\"\n\r\xc3 ".to_vec()), 0..200),
            step in 1..50_usize,
            (rows, size) in (1..9_usize, 1..20_usize),
        ) {
            let size = BatchSize { rows, bytes: size };
            prop_assert_eq!(read_in(&bytes, step, size).unwrap(), read(&bytes, 1000).unwrap());
        }

        #[test]
        fn any_bytes_read_the_same_in_any_steps(bytes in prop::collection::vec(prop::sample::select(b"a,\"\n\r\xc3 ".to_vec()), 0..200), step in 1..50_usize) {
            prop_assert_eq!(read(&bytes, step).unwrap(), read(&bytes, 1000).unwrap());
        }
    }
}
