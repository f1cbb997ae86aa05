//! Rows of records that are normalised already, under keys made from seeds: what a node would upload, for
//! trying attacks on it before anything leaves. No calibration rows, no handle map, no vault.

use model::layout::Row;
use model::{BlockToken, Epoch, Layout, LinkageSchema, ProjectName, RunNumber};
use rayon::prelude::*;
use records::{LocalKey, NormalisedRecord};
use secret::{Key32, SeededEntropy};

use crate::decoys::{DecoyMaker, MadeDecoy};
use crate::encoder::{Desk, Encoder, RecordIds};
use crate::keys::{EpochKeys, LinkageKey, NodeKeys};
use crate::patterns::Patterns;

/// Records that one thread encodes in one go.
const GROUP: usize = 128;

/// Keys for a trial. Whoever guesses the seeds has them, so they must never encode what is uploaded.
pub struct TrialKeys {
    epoch: EpochKeys,
    node: NodeKeys,
}

impl TrialKeys {
    /// The linkage key that `linkage` stands for, at the node that `node` stands for.
    pub fn new(schema: &LinkageSchema, linkage: u64, node: u64) -> Self {
        // A constant that the grammar of project names takes.
        #[expect(clippy::expect_used, reason = "a constant that is a project name")]
        let project: ProjectName = "trial".parse().expect("a project name");
        let key = |seed| Key32::generate(&mut SeededEntropy::new(seed));
        Self {
            epoch: LinkageKey::new(key(linkage)).epoch(&project, Epoch(1), schema),
            node: NodeKeys::derive(&key(node), &project, Epoch(1), RunNumber(1)),
        }
    }

    /// The tokens of the blocks that `record` is in, in the order of its rows.
    pub fn block_tokens(
        &self,
        schema: &LinkageSchema,
        record: &NormalisedRecord,
    ) -> Vec<BlockToken> {
        let tokens = self.epoch.block_tokens(schema, record).into_iter();
        // A trial asks no key server, so every token is there.
        tokens.flatten().collect()
    }

    /// The decoys of a node that has these records.
    pub fn decoys(&self, permille: u32, records: &[NormalisedRecord]) -> Vec<MadeDecoy> {
        let mut maker = DecoyMaker::new(&self.node, permille);
        for (place, record) in records.iter().enumerate() {
            maker.offer(&LocalKey::new(place.to_string()), record);
        }
        maker.make()
    }
}

/// The rows of some records, record by record.
pub struct TrialRows {
    row_bytes: usize,
    bytes: Vec<u8>,
    owners: Vec<u32>,
}

impl TrialRows {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.owners.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }

    /// Keeps the rows at places for which `leaves` says so, in their order.
    #[must_use]
    pub fn only(&self, leaves: impl Fn(usize) -> bool) -> Self {
        let places: Vec<usize> = (0..self.len()).filter(|place| leaves(*place)).collect();
        let bytes = |place: &usize| &self.bytes[place * self.row_bytes..][..self.row_bytes];
        Self {
            row_bytes: self.row_bytes,
            bytes: places.iter().flat_map(bytes).copied().collect(),
            owners: places.iter().map(|place| self.owners[*place]).collect(),
        }
    }

    /// Which parts each record has.
    fn patterns(&self) -> Patterns {
        let mut patterns = Patterns::default();
        for place in 0..self.len() {
            if place == 0 || self.owner(place) != self.owner(place - 1) {
                patterns.count(self.row(place).presence());
            }
        }
        patterns
    }

    /// The row at `place`.
    pub fn row(&self, place: usize) -> Row<'_> {
        Row::new(&self.bytes[place * self.row_bytes..][..self.row_bytes])
    }

    /// The place of the record, among those encoded, that the row at `place` belongs to.
    pub fn owner(&self, place: usize) -> u32 {
        self.owners[place]
    }
}

/// The rows of `records`, which are those of one node.
pub fn trial_rows(
    schema: &LinkageSchema,
    layout: &Layout,
    keys: &TrialKeys,
    records: &[&NormalisedRecord],
) -> TrialRows {
    let encoder = Encoder::new(schema, layout, &keys.epoch, &keys.node);
    let groups: Vec<(Vec<u8>, Vec<u32>)> = records
        .par_chunks(GROUP)
        .enumerate()
        .map(|(group, records)| encode_group(&encoder, &keys.node, group * GROUP, records))
        .collect();
    let mut rows = TrialRows {
        row_bytes: layout.row_bytes,
        bytes: Vec::new(),
        owners: Vec::new(),
    };
    for (bytes, owners) in groups {
        rows.bytes.extend(bytes);
        rows.owners.extend(owners);
    }
    if let Some(few) = schema.profile.hides_patterns_below() {
        let patterns = rows.patterns();
        patterns.shown(few).apply(layout, &mut rows.bytes);
    }
    rows
}

fn encode_group(
    encoder: &Encoder<'_>,
    node: &NodeKeys,
    first: usize,
    records: &[&NormalisedRecord],
) -> (Vec<u8>, Vec<u32>) {
    let (mut rows, mut handles, mut owners) = (Vec::new(), Vec::new(), Vec::new());
    let mut desk = Desk::default();
    for (place, record) in (first..).zip(records) {
        let key = LocalKey::new(place.to_string());
        let ids = RecordIds {
            passes: node.record_passes(node.record_handle(&key)),
            noise: node.record_noise(&key),
        };
        encoder.encode(record, &ids, None, &mut desk, &mut rows, &mut handles);
        owners.resize(handles.len(), place as u32);
    }
    (rows, owners)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prepare::tests::schema;
    use records::{NormalisedValue, PartialDate};

    fn record(given: &str) -> NormalisedRecord {
        let words = |text: &str| Some(NormalisedValue::Words(vec![text.to_owned()]));
        let born = PartialDate {
            year: Some(1985),
            month: Some(3),
            day: Some(9),
        };
        let born = Some(NormalisedValue::Date(born));
        NormalisedRecord {
            values: vec![words(given), words("silva"), born],
        }
    }

    #[test]
    fn rows_belong_to_their_records_and_follow_both_keys() {
        let schema = schema("standard");
        let layout = Layout::of(&schema);
        let records: Vec<NormalisedRecord> = (0..300).map(|_| record("ana")).collect();
        let records: Vec<&NormalisedRecord> = records.iter().collect();
        let rows = |linkage, node| {
            trial_rows(
                &schema,
                &layout,
                &TrialKeys::new(&schema, linkage, node),
                &records,
            )
        };
        let (own, again, others) = (rows(1, 2), rows(1, 3), rows(4, 2));
        assert_eq!(own.len(), 600);
        assert!((0..600).all(|place| own.owner(place) == place as u32 / 2));
        let tokens = |rows: &TrialRows| rows.row(7).token();
        assert_eq!(tokens(&own), tokens(&again));
        assert_ne!(tokens(&own), tokens(&others));
        assert_ne!(own.row(7).handle(), again.row(7).handle());
    }

    #[test]
    fn block_tokens_are_those_of_the_rows_in_their_order() {
        let schema = schema("standard");
        let layout = Layout::of(&schema);
        let keys = TrialKeys::new(&schema, 1, 2);
        let records = [record("ana"), record("maria elena")];
        let rows = trial_rows(&schema, &layout, &keys, &records.iter().collect::<Vec<_>>());
        let tokens: Vec<BlockToken> = (records.iter())
            .flat_map(|record| keys.block_tokens(&schema, record))
            .collect();
        let of_rows = (0..rows.len()).map(|place| rows.row(place).token());
        assert!(!tokens.is_empty() && of_rows.eq(tokens.iter().copied()));
        let second = rows.only(|place| rows.owner(place) == 1);
        assert!((0..second.len()).all(|place| second.owner(place) == 1));
        assert_eq!(
            second.row(0).token(),
            keys.block_tokens(&schema, &records[1])[0]
        );
    }

    #[test]
    fn decoys_are_as_many_as_asked_and_of_nobody() {
        let schema = schema("standard");
        let keys = TrialKeys::new(&schema, 1, 2);
        let records: Vec<NormalisedRecord> = (0..2000)
            .map(|number| record(&format!("a{number}")))
            .collect();
        let decoys = keys.decoys(100, &records);
        // Two hundred are expected; six standard deviations about that.
        assert!((120..=280).contains(&decoys.len()), "{}", decoys.len());
        assert!(keys.decoys(0, &records).is_empty());
        for decoy in &decoys {
            let start = &records[decoy.from as usize].values;
            let same = |field: usize| match (&decoy.record.values[field], &start[field]) {
                (Some(NormalisedValue::Words(a)), Some(NormalisedValue::Words(b))) => a == b,
                _ => true,
            };
            assert!(same(1), "a surname all share stays");
        }
        let other = |decoy: &&MadeDecoy| {
            let of = |record: &NormalisedRecord| match &record.values[0] {
                Some(NormalisedValue::Words(words)) => words.clone(),
                _ => Vec::new(),
            };
            of(&decoy.record) != of(&records[decoy.from as usize])
        };
        let exchanged = decoys.iter().filter(other).count();
        assert!(exchanged > decoys.len() / 8, "{exchanged}");
    }
}
