//! Uploads in JSON, read from front to back: nothing of them is held but one text at a time.
//!
//! What is wrong is told in the order of the API: first the form of the JSON, then its shape, then, for
//! whoever may upload at all, what it holds.

use std::fmt;
use std::io::{self, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::bounded::{Bounded, Excess};
use super::rows::{BlockWriter, EncodingWriter, Unusable};

/// What an upload was found to be.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// How the encodings came.
    pub(crate) shape: Option<Shape>,
    /// Whether it has blocks.
    pub(crate) has_blocks: bool,
    /// The first thing that cannot be used.
    pub(crate) unusable: Option<Unusable>,
}

/// How encodings come in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// In the body.
    Inline,
    /// As the name of an object in an object store.
    InStore,
}

/// Why an upload could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// It is no JSON.
    #[error("not valid JSON")]
    NotJson,
    /// It is JSON of another shape.
    #[error("not an upload")]
    Shape,
    /// There is more in it than can be held.
    #[error(transparent)]
    Excess(#[from] Excess),
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Where an upload goes.
pub(crate) struct Writers {
    pub(crate) encodings: EncodingWriter,
    pub(crate) blocks: BlockWriter,
}

/// Reads an upload and writes its encodings and block rows.
pub(crate) fn read(input: impl Read, writers: &mut Writers) -> Result<Found, ReadError> {
    let mut json = serde_json::Deserializer::from_reader(io::BufReader::new(Bounded::new(input)));
    let mut reader = Reader {
        writers,
        found: Found::default(),
        largest: None,
        failure: None,
    };
    let read = json.deserialize_any(Body(&mut reader));
    let read = read.and_then(|()| json.end());
    if let Some(error) = reader.failure.take() {
        return Err(ReadError::Io(error));
    }
    read.map_err(kind_of)?;
    reader.check_records();
    match reader.found.shape {
        None => Err(ReadError::Shape),
        Some(_) => Ok(reader.found),
    }
}

fn kind_of(error: serde_json::Error) -> ReadError {
    use serde_json::error::Category;
    match error.classify() {
        Category::Syntax | Category::Eof => ReadError::NotJson,
        Category::Data => ReadError::Shape,
        Category::Io => match io::Error::from(error).downcast::<Excess>() {
            Ok(excess) => ReadError::Excess(excess),
            Err(error) => ReadError::Io(error),
        },
    }
}

struct Reader<'a> {
    writers: &'a mut Writers,
    found: Found,
    /// The largest record number that `blocks` named.
    largest: Option<u32>,
    /// An error of writing, which JSON errors cannot carry.
    failure: Option<io::Error>,
}

impl Reader<'_> {
    fn encoding<E: serde::de::Error>(&mut self, text: &str) -> Result<(), E> {
        let added = match decode(text) {
            Some(encoding) => self.writers.encodings.add(&encoding),
            None => {
                let record = self.writers.encodings.records;
                self.writers.encodings.records = record.saturating_add(1);
                Ok(Err(Unusable::NotBase64(record)))
            }
        };
        match added {
            Ok(Ok(())) => Ok(()),
            Ok(Err(unusable)) => {
                self.unusable(unusable);
                Ok(())
            }
            Err(error) => Err(self.fail(error)),
        }
    }

    fn block<E: serde::de::Error>(&mut self, record: u32, block: &str) -> Result<(), E> {
        let added = self.writers.blocks.add(record, block);
        added.map_err(|error| self.fail(error))
    }

    fn fail<E: serde::de::Error>(&mut self, error: io::Error) -> E {
        self.failure = Some(error);
        E::custom("writing failed")
    }

    fn unusable(&mut self, unusable: Unusable) {
        self.found.unusable.get_or_insert(unusable);
    }

    fn shape<E: serde::de::Error>(&mut self, shape: Shape) -> Result<(), E> {
        match self.found.shape.replace(shape) {
            None => Ok(()),
            Some(_) => Err(E::custom("encodings come twice")),
        }
    }

    /// Whether all records named in `blocks` have an encoding; only known at the end, since `blocks` may
    /// come first.
    fn check_records(&mut self) {
        let records = self.writers.encodings.records;
        let stray = self.largest.filter(|largest| *largest >= records);
        if let (Some(record), Some(Shape::Inline)) = (stray, self.found.shape) {
            self.unusable(Unusable::NoRecord(record.to_string()));
        }
    }
}

/// What a text in base64 means. Old releases of clkhash broke it into lines.
fn decode(text: &str) -> Option<Vec<u8>> {
    let decoded = STANDARD.decode(text).ok();
    decoded.or_else(|| {
        let is_written = |byte: &u8| !byte.is_ascii_whitespace();
        let written: Vec<u8> = text.bytes().filter(is_written).collect();
        STANDARD.decode(written).ok()
    })
}

/// The whole body.
struct Body<'a, 'b>(&'a mut Reader<'b>);

impl<'de> Visitor<'de> for Body<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object with encodings")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        let reader = self.0;
        while let Some(name) = fields.next_key::<String>()? {
            match name.as_str() {
                "clks" => {
                    reader.shape(Shape::Inline)?;
                    fields.next_value_seed(List {
                        reader,
                        item: Item::Encoding,
                    })?;
                }
                "clknblocks" => {
                    reader.shape(Shape::Inline)?;
                    reader.found.has_blocks = true;
                    fields.next_value_seed(List {
                        reader,
                        item: Item::WithBlocks,
                    })?;
                }
                "encodings" => fields.next_value_seed(Encodings(reader))?,
                "blocks" => {
                    reader.found.has_blocks = true;
                    fields.next_value_seed(Blocks(reader))?;
                }
                _ => drop(fields.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

/// Gives a visitor its own way into any value.
macro_rules! seed {
    ($name:ident) => {
        impl<'de> DeserializeSeed<'de> for $name<'_, '_> {
            type Value = ();

            fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
                input.deserialize_any(self)
            }
        }
    };
}

#[derive(Clone, Copy)]
enum Item {
    Encoding,
    WithBlocks,
}

/// A list of encodings.
struct List<'a, 'b> {
    reader: &'a mut Reader<'b>,
    item: Item,
}

seed!(List);

impl<'de> Visitor<'de> for List<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of encodings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { reader, item } = self;
        loop {
            let next = match item {
                Item::Encoding => items.next_element_seed(Encoding(reader))?,
                Item::WithBlocks => items.next_element_seed(WithBlocks(reader))?,
            };
            if next.is_none() {
                return Ok(());
            }
        }
    }
}

/// What is under `encodings`: a list, or the name of an object.
struct Encodings<'a, 'b>(&'a mut Reader<'b>);

seed!(Encodings);

impl<'de> Visitor<'de> for Encodings<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of encodings, or a file")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<(), A::Error> {
        self.0.shape(Shape::Inline)?;
        let list = List {
            reader: self.0,
            item: Item::Encoding,
        };
        list.visit_seq(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        self.0.shape(Shape::InStore)?;
        let mut has_file = false;
        while let Some(name) = fields.next_key::<String>()? {
            has_file |= name == "file";
            fields.next_value::<IgnoredAny>()?;
        }
        has_file
            .then_some(())
            .ok_or_else(|| A::Error::missing_field("file"))
    }
}

/// One encoding.
struct Encoding<'a, 'b>(&'a mut Reader<'b>);

seed!(Encoding);

impl Visitor<'_> for Encoding<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an encoding in base64")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.0.encoding(text)
    }
}

/// An encoding and its blocks in one list.
struct WithBlocks<'a, 'b>(&'a mut Reader<'b>);

seed!(WithBlocks);

impl<'de> Visitor<'de> for WithBlocks<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of an encoding and its blocks")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let reader = self.0;
        let record = reader.writers.encodings.records;
        let first = items.next_element_seed(Encoding(reader))?;
        first.ok_or_else(|| A::Error::invalid_length(0, &"an encoding"))?;
        while items.next_element_seed(Block { reader, record })?.is_some() {}
        Ok(())
    }
}

/// One block id of a record: a text or an integer, which counts as its text.
struct Block<'a, 'b> {
    reader: &'a mut Reader<'b>,
    record: u32,
}

seed!(Block);

impl Visitor<'_> for Block<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a block id, text or integer")
    }

    fn visit_str<E: serde::de::Error>(self, block: &str) -> Result<(), E> {
        self.reader.block(self.record, block)
    }

    fn visit_u64<E: serde::de::Error>(self, block: u64) -> Result<(), E> {
        self.visit_str(&block.to_string())
    }

    fn visit_i64<E: serde::de::Error>(self, block: i64) -> Result<(), E> {
        self.visit_str(&block.to_string())
    }
}

/// Block ids of one record.
struct RecordBlocks<'a, 'b> {
    reader: &'a mut Reader<'b>,
    record: u32,
}

seed!(RecordBlocks);

impl<'de> Visitor<'de> for RecordBlocks<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of block ids")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self { reader, record } = self;
        while items.next_element_seed(Block { reader, record })?.is_some() {}
        Ok(())
    }
}

/// Block ids by record.
struct Blocks<'a, 'b>(&'a mut Reader<'b>);

seed!(Blocks);

impl<'de> Visitor<'de> for Blocks<'_, '_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object of block ids by record")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut records: A) -> Result<(), A::Error> {
        let reader = self.0;
        while let Some(key) = records.next_key::<String>()? {
            let record = key.parse::<u32>().unwrap_or(u32::MAX);
            if record == u32::MAX {
                reader.unusable(Unusable::NoRecord(key));
            } else {
                reader.largest = reader.largest.max(Some(record));
            }
            records.next_value_seed(RecordBlocks { reader, record })?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
