//! One party's records as the planner holds them: hashed block values and shapes, no identifier.

use std::collections::BTreeMap;
use std::hash::Hasher;

use anyhow::Context;
use encode::{MAX_BLOCKS, block_values};
use model::id::FieldName;
use model::schema::{BlockComponent, Pass};
use model::{LinkageSchema, Progress};
use rayon::prelude::*;
use records::{ColumnPlan, Normaliser, RawRecord};
use siphasher::sip::SipHasher13;
use sources::CsvFile;

use super::shape::{Shape, shape};
use crate::rehearsal::{PartyFile, record_id};

/// Records read and hashed at a time.
const CHUNK: usize = 4096;
/// The most records of one party that are looked at; of a larger registry every second, third and so on.
pub(crate) const MAX_RECORDS: u64 = 300_000;

/// What block values are hashed under, so that a hash says nothing outside this run.
#[derive(Clone, Copy)]
pub(crate) struct HashKey(pub(crate) u64, pub(crate) u64);

/// The block values of one component, record by record.
#[derive(Default)]
struct Column {
    ends: Vec<u32>,
    values: Vec<u64>,
}

impl Column {
    fn push(&mut self, values: &[u64]) {
        self.values.extend_from_slice(values);
        self.ends.push(self.values.len() as u32);
    }

    fn get(&self, record: usize) -> &[u64] {
        let start = record.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.values[start as usize..self.ends[record] as usize]
    }
}

/// One party's records, hashed.
pub(crate) struct PartyBlocks {
    /// What the user calls the party.
    pub(crate) label: String,
    /// Whether its records are compared with one another.
    pub(crate) duplicates: bool,
    /// Records held.
    pub(crate) records: usize,
    /// Every how manyth record of the registry is held; 1 when all are.
    pub(crate) stride: u64,
    /// How many records have which shape.
    pub(crate) shapes: BTreeMap<Shape, u32>,
    /// Record ids, kept only to be found in a truth file.
    pub(crate) ids: Vec<String>,
    columns: Vec<Column>,
}

struct Hashed {
    values: Vec<Vec<u64>>,
    shape: Shape,
    id: Option<String>,
}

impl PartyBlocks {
    /// Reads a registry; with `keep_ids` its record ids stay, to be found in a truth file.
    ///
    /// # Errors
    /// When the file cannot be read under the schema.
    pub(crate) fn read(
        schema: &LinkageSchema,
        components: &[BlockComponent],
        file: &PartyFile,
        (key, keep_ids): (HashKey, bool),
        progress: &dyn Progress,
    ) -> anyhow::Result<Self> {
        let duplicates = schema.party(file.party).duplicates;
        let mut party = Self::empty(&file.label, duplicates, components.len());
        let plan = ColumnPlan::of(schema, file.party);
        let records = count(file, &plan)?;
        party.stride = records.div_ceil(MAX_RECORDS).max(1);
        progress.stage(&format!("read {}", file.label), records);
        let reader = Reader {
            normaliser: Normaliser::new(schema, file.party, &plan),
            schema,
            passes: lone(components)?,
            key,
            keep_ids,
        };
        let mut source = CsvFile::open(&file.path, &plan)?;
        loop {
            let chunk = source.next_chunk(CHUNK)?;
            if chunk.is_empty() {
                return Ok(party);
            }
            progress.advance(chunk.len() as u64);
            let chosen = chunk
                .into_par_iter()
                .filter(|raw| (raw.row - 1).is_multiple_of(party.stride));
            let hashed: Vec<Hashed> = chosen.map(|raw| reader.hashed(&raw)).collect();
            hashed.into_iter().for_each(|record| party.push(record));
        }
    }

    /// A party without records.
    pub(crate) fn empty(label: &str, duplicates: bool, components: usize) -> Self {
        Self {
            label: label.to_owned(),
            duplicates,
            records: 0,
            stride: 1,
            shapes: BTreeMap::new(),
            ids: Vec::new(),
            columns: (0..components).map(|_| Column::default()).collect(),
        }
    }

    /// Records of the registry.
    pub(crate) fn size(&self) -> f64 {
        self.records as f64 * self.stride as f64
    }

    fn push(&mut self, record: Hashed) {
        self.records += 1;
        for (column, values) in self.columns.iter_mut().zip(&record.values) {
            column.push(values);
        }
        *self.shapes.entry(record.shape).or_default() += 1;
        self.ids.extend(record.id);
    }

    /// The hashed block values of one record in a pass, each once, in the order of the encoder's.
    pub(crate) fn values(&self, pass: &[usize], record: usize) -> Vec<u64> {
        let mut values = vec![0];
        for place in pass {
            let forms = self.columns[*place].get(record);
            let joined = |value: &u64| {
                let value = *value;
                forms.iter().map(move |form| mixed(value, *form))
            };
            values = values.iter().flat_map(joined).take(MAX_BLOCKS).collect();
        }
        values
    }
}

/// Joins two hashes so that neither order nor multiplicity is lost.
fn mixed(left: u64, right: u64) -> u64 {
    let mut hash = left.rotate_left(23) ^ right;
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

struct Reader<'a> {
    normaliser: Normaliser,
    schema: &'a LinkageSchema,
    /// A pass of each component alone.
    passes: Vec<Pass>,
    key: HashKey,
    keep_ids: bool,
}

impl Reader<'_> {
    fn hashed(&self, raw: &RawRecord) -> Hashed {
        let record = self.normaliser.normalise(raw, &mut Vec::new());
        let values = self.passes.iter().enumerate().map(|(place, pass)| {
            let values = block_values(pass, &record);
            let hash = |value: &zeroize::Zeroizing<Vec<u8>>| self.hash(place, value);
            values.iter().map(hash).collect()
        });
        Hashed {
            values: values.collect(),
            shape: shape(self.schema, &record),
            id: self.keep_ids.then(|| record_id(&raw.key)),
        }
    }

    fn hash(&self, place: usize, value: &[u8]) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        hasher.write_usize(place);
        hasher.write(value);
        hasher.finish()
    }
}

fn lone(components: &[BlockComponent]) -> anyhow::Result<Vec<Pass>> {
    let name: FieldName = "component".parse()?;
    let pass = |component: &BlockComponent| Pass {
        name: name.clone(),
        components: vec![*component],
    };
    Ok(components.iter().map(pass).collect())
}

fn count(file: &PartyFile, plan: &ColumnPlan) -> anyhow::Result<u64> {
    let mut source = CsvFile::open(&file.path, plan)?;
    let mut records = 0;
    loop {
        let chunk = source
            .next_chunk(CHUNK)
            .with_context(|| format!("party `{}` cannot be read", file.label))?;
        if chunk.is_empty() {
            return Ok(records);
        }
        records += chunk.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::candidate::Components;
    use crate::plan::tests::schema;
    use records::{NormalisedRecord, NormalisedValue, PartialDate};

    fn record(name: &str, year: u16, district: &str) -> NormalisedRecord {
        let date = PartialDate {
            year: Some(year),
            ..PartialDate::default()
        };
        let words = name.split(' ').map(str::to_owned).collect();
        let mut values: Vec<Option<NormalisedValue>> = (0..8).map(|_| None).collect();
        values[2] = Some(NormalisedValue::Words(words));
        values[3] = Some(NormalisedValue::Date(date));
        values[5] = Some(NormalisedValue::Code(district.to_owned()));
        NormalisedRecord { values }
    }

    /// The encoder joins values of components into blocks, at most so many a record; a pass counted
    /// from its components must come to the same.
    #[test]
    fn joined_components_are_the_encoders_blocks() {
        let records = [
            record("ana berta carla dora eva", 1990, "d1"),
            record("eva ana", 1991, "d1"),
            record("berta", 1990, "d2"),
            record("dora carla", 1989, "d1"),
        ];
        let schema = schema();
        let components = Components::of(&schema);
        let passes = lone(components.list()).unwrap();
        let mut party = PartyBlocks::empty("p", true, components.list().len());
        for (column, pass) in party.columns.iter_mut().zip(&passes) {
            for record in &records {
                let values = block_values(pass, record);
                let hash = |value: &zeroize::Zeroizing<Vec<u8>>| {
                    let mut hasher = SipHasher13::new_with_keys(1, 2);
                    hasher.write(value);
                    hasher.finish()
                };
                column.push(&values.iter().map(hash).collect::<Vec<_>>());
            }
        }
        let singles: Vec<Vec<usize>> = components.widened(&[]).collect();
        for places in singles.iter().flat_map(|single| components.widened(single)) {
            let pass = Pass {
                name: "p".parse().unwrap(),
                components: places
                    .iter()
                    .map(|place| components.list()[*place])
                    .collect(),
            };
            for (left, l) in records.iter().enumerate() {
                for (right, r) in records.iter().enumerate() {
                    let (l, r) = (block_values(&pass, l), block_values(&pass, r));
                    let shared = l.iter().filter(|value| r.contains(value)).count();
                    let (left, right) = (party.values(&places, left), party.values(&places, right));
                    assert_eq!(left.len(), l.len());
                    assert_eq!(
                        left.iter().filter(|value| right.contains(value)).count(),
                        shared
                    );
                }
            }
        }
    }
}
