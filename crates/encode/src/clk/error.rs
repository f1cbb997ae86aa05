//! What is wrong with a schema, and what is wrong with data. No message holds a value of a record.

use std::fmt;
use std::io;

/// Why a linkage schema is refused.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The document is longer than any schema.
    #[error("the schema is longer than {limit} bytes")]
    TooLong {
        /// The most bytes.
        limit: usize,
    },
    /// The document is not JSON.
    #[error("the schema is not JSON: {0}")]
    NotJson(String),
    /// The document is nested deeper than any schema.
    #[error("the schema is nested deeper than {limit} levels")]
    TooDeep {
        /// The most levels.
        limit: usize,
    },
    /// An object of the document has more keys than any of a schema.
    #[error("an object of the schema has more than {limit} keys")]
    TooManyKeys {
        /// The most keys.
        limit: usize,
    },
    /// Some place of the document is not what it has to be.
    #[error("{place}: {problem}")]
    At {
        /// Where, such as `features[2].hashing.strategy`.
        place: String,
        /// What is wrong there.
        problem: Problem,
    },
}

impl SchemaError {
    pub(super) fn not_json(error: serde_json::Error) -> Self {
        Self::NotJson(error.to_string())
    }
}

/// What is wrong with one place of a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A key that has to be there is not.
    #[error("`{0}` is missing")]
    Missing(&'static str),
    /// A key that may not be there is.
    #[error("`{0}` is not a key that may stand here")]
    Unexpected(String),
    /// Something of another kind.
    #[error("has to be {0}")]
    NotA(&'static str),
    /// Not one of the words.
    #[error("has to be one of {}", .0.join(", "))]
    NotOneOf(&'static [&'static str]),
    /// A number below its least.
    #[error("has to be {least} or more")]
    TooSmall {
        /// The least.
        least: u64,
    },
    /// A number over our limit.
    #[error("has to be {most} or less")]
    TooLarge {
        /// The most.
        most: u64,
    },
    /// A whole number written with a fraction, where clkhash fails.
    #[error("has to be written without fraction and exponent")]
    Fraction,
    /// Neither or both of two keys.
    #[error("exactly one of `{0}` and `{1}` has to be there")]
    ExactlyOne(&'static str, &'static str),
    /// Versions 1 and 2 know features that are ignored and features with format and hashing.
    #[error(
        "is both an ignored feature and one with format and hashing: remove `ignored` or the others"
    )]
    Ambiguous,
    /// A version nobody knows.
    #[error("only versions 1, 2 and 3 are known")]
    Version,
    /// Not base64.
    #[error("is not base64 with its padding")]
    Base64,
    /// A regular expression that does not compile.
    #[error("is not a regular expression: {0}")]
    Pattern(PatternError),
    /// The threshold distance rounds to nothing.
    #[error("is zero after rounding: give more `fractional_precision` or a greater distance")]
    ThresholdTooFine,
    /// The one hash that knows singularities.
    #[error("`prevent_singularity` belongs to doubleHash")]
    Singularity,
    /// Modulo 1 every step is zero.
    #[error("cannot prevent singularities in a filter of one bit: take a greater `l`")]
    OneBit,
}

/// Why a regular expression is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}, at character {at}")]
pub struct PatternError {
    /// What was found.
    pub what: &'static str,
    /// At which character, counted from 1.
    pub at: usize,
}

/// What is wrong with the value of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CellProblem {
    /// The encoding of the feature has no bytes for some character.
    #[error("holds a character that {0} cannot encode")]
    NotEncodable(&'static str),
    /// Fewer characters than `minLength`.
    #[error("is shorter than {0} characters")]
    TooShort(u64),
    /// More characters than `maxLength`.
    #[error("is longer than {0} characters")]
    TooLong(u64),
    /// Not all upper case.
    #[error("is not upper case")]
    NotUpper,
    /// Not all lower case.
    #[error("is not lower case")]
    NotLower,
    /// Not matched whole by the pattern.
    #[error("does not match the pattern of the schema as a whole")]
    NoMatch,
    /// Matching was given up.
    #[error("takes the pattern of the schema too many steps to match: simplify the pattern")]
    PatternTooSlow,
    /// Not a whole number.
    #[error("is not a whole number")]
    NotInteger,
    /// A whole number below `minimum`.
    #[error("is below the minimum of the schema")]
    BelowMinimum,
    /// A whole number above `maximum`.
    #[error("is above the maximum of the schema")]
    AboveMaximum,
    /// Not a date of the format.
    #[error("is not a date of the schema's format: {0}")]
    NotADate(DateProblem),
    /// Not among the values of the enum.
    #[error("is not one of the values of the schema")]
    NotListed,
    /// Not a number.
    #[error("is not a finite number")]
    NotANumber,
    /// Its tokens would have more digits than clkhash prints.
    #[error("is a number of too many digits")]
    TooManyDigits,
    /// BLAKE2b positions are cut from a digest by a mask.
    #[error("cannot be hashed: blakeHash needs a filter of a power of two bits before folding")]
    NotPowerOfTwo,
    /// Singularities cannot be prevented.
    #[error("cannot be hashed: prevent_singularity finds no step other than zero")]
    NoStep,
    /// BLAKE2b keys end at 64 bytes.
    #[error("cannot be hashed: blakeHash takes keys of at most 64 bytes, see keySize")]
    KeyTooLong,
}

/// What is wrong with a date or its format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DateProblem {
    /// The text is of another shape.
    #[error("it has another shape")]
    Shape,
    /// There is text left over.
    #[error("something is left over at its end")]
    LeftOver,
    /// No such day.
    #[error("there is no such day")]
    NoSuchDay,
    /// Second 60 or 61, or an offset of a day or more.
    #[error("there is no such time")]
    NoSuchTime,
    /// The format names something twice.
    #[error("the format uses %{0} twice")]
    Twice(char),
    /// The format uses something `strptime` does not know.
    #[error("the format uses %{0}, which is not known")]
    Unknown(char),
    /// The format ends in the middle.
    #[error("the format ends with a lone %")]
    LonePercent,
    /// A week number or its year.
    #[error("the format uses week numbers (%{0}), which are not supported")]
    Week(char),
}

/// Where in the data: rows count from 0 behind the header, lines from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowPlace {
    /// The row of data.
    pub row: u64,
    /// The line it starts on.
    pub line: u64,
}

impl fmt::Display for RowPlace {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "row {} (line {})", self.row, self.line)
    }
}

/// Why encoding stopped.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The data cannot be read.
    #[error("reading the data failed")]
    Read(#[source] io::Error),
    /// The encodings cannot be written.
    #[error("writing the encodings failed")]
    Write(#[source] io::Error),
    /// There is not even a header.
    #[error("the data is empty: a header is expected")]
    Empty,
    /// The header has another number of columns than the schema has features.
    #[error("the header has {found} columns, the schema has {expected} features")]
    HeaderLength {
        /// Columns of the header.
        found: usize,
        /// Features of the schema.
        expected: usize,
    },
    /// A column has another name than the feature in its place.
    #[error("column {column} of the header is not `{expected}`, the feature in its place")]
    HeaderName {
        /// The column, counted from 1.
        column: usize,
        /// The identifier of the feature.
        expected: String,
    },
    /// A row of another length.
    #[error("{place} has {found} cells, the schema has {expected} features")]
    RowLength {
        /// Where.
        place: RowPlace,
        /// Cells of the row.
        found: usize,
        /// Features of the schema.
        expected: usize,
    },
    /// A cell without end, or a row without end.
    #[error("{place} has a cell of more than {limit} characters: is a quote not closed?")]
    CellTooLong {
        /// Where.
        place: RowPlace,
        /// The most characters.
        limit: usize,
    },
    /// A row of more bytes than any.
    #[error("{place} has more than {limit} bytes in its cells: is a quote not closed?")]
    RowTooLong {
        /// Where.
        place: RowPlace,
        /// The most bytes.
        limit: usize,
    },
    /// A row of more cells than any schema has features.
    #[error("{place} has more than {limit} cells")]
    TooManyCells {
        /// Where.
        place: RowPlace,
        /// The most cells.
        limit: usize,
    },
    /// Bytes that are no text.
    #[error("{place}, column {column} is not UTF-8")]
    NotUtf8 {
        /// Where.
        place: RowPlace,
        /// The column, counted from 1.
        column: usize,
    },
    /// A value the schema does not allow.
    #[error("{place}, column `{column}`: the value {problem}")]
    Cell {
        /// Where.
        place: RowPlace,
        /// The identifier of the feature.
        column: String,
        /// What is wrong.
        problem: CellProblem,
    },
}

/// Why no keys come from a secret and a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// HKDF ends at 255 blocks.
    #[error(
        "the schema needs {needed} bytes of key, HKDF with its hash gives {limit}: \
         take SHA512, a smaller keySize or fewer features"
    )]
    TooManyBytes {
        /// Bytes for two keys a feature.
        needed: usize,
        /// Bytes HKDF gives.
        limit: usize,
    },
}
