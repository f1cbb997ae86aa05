//! Identifiers whose tokens take a key server: what is asked of it, and what its answers become.
//!
//! ```text
//! input of a value      = HMAC(input key of the field, value), 16 bytes
//! input of a field      = HMAC(input key of the field), 16 bytes: for the keys of its tokens
//! output                = VOPRF(server key, input)
//! seed of a block       = HKDF(HMAC(pass key, block value) ‖ outputs of the values in it)
//! token key of a field  = HKDF(epoch key ‖ output of the field)
//! ```
//! The server sees inputs blinded, so the values are known to nobody but the node; and who holds the linkage
//! key alone can make neither the tokens of these values nor the signatures that have them.

use std::collections::{HashMap, HashSet};

use model::schema::Pass;
use model::{Epoch, LinkageSchema, PartyIndex, ProjectName};
use records::{ColumnPlan, NormalisedRecord, NormalisedValue, Normaliser, RawRecord};
use secret::{Key32, Prf};
use zeroize::Zeroize as _;

use crate::keys::{EpochKeys, LinkageKey};

/// The least room of a map of outputs.
const MIN_OUTPUTS: usize = 512;

/// What is put to the key server, blinded, in place of a value.
pub type Input = [u8; 16];

/// What the key server turned inputs into. Wiped on drop, and when it moves to make room.
#[derive(Default)]
pub struct Outputs(HashMap<Input, [u8; 32]>);

impl Outputs {
    /// Takes an output in, and wipes where it comes from.
    pub fn insert(&mut self, input: Input, output: &mut [u8; 32]) {
        if self.0.len() == self.0.capacity() {
            self.make_room();
        }
        self.0.insert(input, *output);
        output.zeroize();
    }

    /// Doubles the room; a map that grows by itself leaves what was in it behind in memory.
    fn make_room(&mut self) {
        let mut larger = HashMap::with_capacity(2 * self.0.capacity().max(MIN_OUTPUTS));
        larger.extend(self.0.iter().map(|(input, output)| (*input, *output)));
        self.wipe();
        self.0 = larger;
    }

    fn wipe(&mut self) {
        self.0.values_mut().for_each(|output| output.zeroize());
    }

    /// Whether the output of `input` is there.
    pub fn has(&self, input: &Input) -> bool {
        self.0.contains_key(input)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn key(&self, input: &Input) -> Option<Key32> {
        let mut output = *self.0.get(input)?;
        Some(Key32::from_bytes(&mut output))
    }
}

impl Drop for Outputs {
    fn drop(&mut self) {
        self.wipe();
    }
}

/// An output was asked for and is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key server's answer for field {0} is missing")]
pub struct MissingOutput(
    /// The field of the schema, as an index.
    pub usize,
);

/// The keys of an epoch before the key server was asked.
pub struct UnservedKeys {
    epoch: Key32,
    fields: Vec<FieldInputs>,
}

/// One field that goes through the key server.
struct FieldInputs {
    field: usize,
    key: Prf,
}

impl FieldInputs {
    fn of_value(&self, record: &NormalisedRecord) -> Option<Input> {
        match record.values[self.field].as_ref()? {
            NormalisedValue::Text(text) | NormalisedValue::Code(text) => {
                Some(self.key.tag16(&[text.as_bytes()]))
            }
            // Names and dates take many forms in blocks; agreements keep them out.
            NormalisedValue::Words(_) | NormalisedValue::Date(_) => None,
        }
    }

    fn of_field(&self) -> Input {
        self.key.tag16(&[])
    }
}

impl LinkageKey {
    /// The keys of one epoch in which the tokens of `fields` take a key server.
    pub fn unserved_epoch(
        &self,
        project: &ProjectName,
        epoch: Epoch,
        schema: &LinkageSchema,
        fields: &[usize],
    ) -> UnservedKeys {
        let epoch = self.epoch_key(project, epoch, schema);
        let inputs = |field: &usize| FieldInputs {
            field: *field,
            key: epoch
                .derive("served input", &[&(*field as u64).to_le_bytes()])
                .prf(),
        };
        UnservedKeys {
            fields: fields.iter().map(inputs).collect(),
            epoch,
        }
    }
}

impl UnservedKeys {
    /// The keys with what the key server gave.
    ///
    /// # Errors
    /// [`MissingOutput`] when a field's own output is not there; of values they are looked for when records come.
    pub fn serve(
        self,
        schema: &LinkageSchema,
        outputs: Outputs,
    ) -> Result<EpochKeys, MissingOutput> {
        let mut keys = EpochKeys::derive(&self.epoch, schema);
        for inputs in &self.fields {
            let output = outputs.key(&inputs.of_field());
            let output = output.ok_or(MissingOutput(inputs.field))?;
            let of_field =
                Key32::extract(b"symbolon served tokens", &[&self.epoch, &output], "key");
            keys.serve_tokens(inputs.field, &of_field);
        }
        let served = Served {
            by_pass: schema
                .passes
                .iter()
                .map(|pass| self.in_pass(pass))
                .collect(),
            fields: self.fields,
            outputs,
        };
        Ok(keys.served(served))
    }

    /// Which of the fields are in blocks of `pass`.
    fn in_pass(&self, pass: &Pass) -> Vec<usize> {
        let is_in = |inputs: &FieldInputs| {
            let mut components = pass.components.iter();
            components.any(|component| component.field == inputs.field)
        };
        let fields = self.fields.iter().enumerate();
        let fields = fields.filter(|(_, inputs)| is_in(inputs));
        fields.map(|(place, _)| place).collect()
    }
}

/// Collects what is to be asked, each input once.
pub struct InputReader<'a> {
    keys: &'a UnservedKeys,
    normaliser: Normaliser,
    inputs: HashSet<Input>,
}

impl<'a> InputReader<'a> {
    /// Reads records of `party`, which hold the columns of `plan`.
    pub fn new(
        keys: &'a UnservedKeys,
        schema: &LinkageSchema,
        party: PartyIndex,
        plan: &ColumnPlan,
    ) -> Self {
        Self {
            keys,
            normaliser: Normaliser::new(schema, party, plan),
            inputs: keys.fields.iter().map(FieldInputs::of_field).collect(),
        }
    }

    /// Takes in what a record asks for. Problems of its values are for the preparer to report.
    pub fn read(&mut self, raw: &RawRecord) {
        let record = self.normaliser.normalise(raw, &mut Vec::new());
        let fields = self.keys.fields.iter();
        self.inputs
            .extend(fields.filter_map(|inputs| inputs.of_value(&record)));
    }

    /// All inputs in an order that says nothing of the registry's: that of keyed tags.
    pub fn finish(self) -> Vec<Input> {
        let mut inputs: Vec<Input> = self.inputs.into_iter().collect();
        inputs.sort_unstable();
        inputs
    }
}

/// What the keys of an epoch have of a key server.
pub(crate) struct Served {
    fields: Vec<FieldInputs>,
    /// By pass: the places in `fields` of those in its blocks.
    by_pass: Vec<Vec<usize>>,
    outputs: Outputs,
}

impl Served {
    /// Whether the outputs of all of the record's values are there.
    pub(crate) fn has_outputs(&self, record: &NormalisedRecord) -> bool {
        let mut inputs = self.fields.iter().filter_map(|of| of.of_value(record));
        inputs.all(|input| self.outputs.has(&input))
    }

    /// What a block of the pass at `pass` is known by, where `tag` is what it would be without a key server;
    /// nothing without the outputs it takes.
    pub(crate) fn seed(
        &self,
        pass: usize,
        mut tag: [u8; 32],
        record: &NormalisedRecord,
    ) -> Option<[u8; 32]> {
        let Some(fields) = self.by_pass.get(pass).filter(|fields| !fields.is_empty()) else {
            return Some(tag);
        };
        let mut secrets = vec![Key32::from_bytes(&mut tag)];
        for place in fields {
            let input = self.fields[*place].of_value(record)?;
            secrets.push(self.outputs.key(&input)?);
        }
        let secrets: Vec<&Key32> = secrets.iter().collect();
        Some(seed(&Key32::extract(
            b"symbolon served block",
            &secrets,
            "seed",
        )))
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "half of the seed is the block's token, the other its mask"
)]
fn seed(key: &Key32) -> [u8; 32] {
    *key.expose()
}

#[cfg(test)]
#[path = "served_tests.rs"]
mod tests;
