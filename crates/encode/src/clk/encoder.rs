//! One record to one CLK.

use zeroize::Zeroizing;

use super::cache::{Luck, TokenCache};
use super::error::{CellProblem, KeyError};
use super::filter::{Filter, Marks};
use super::fold::Folder;
use super::hashing::{SEED_WORDS, TokenHash};
use super::kdf::{self, ClkSecret};
use super::schema::{ClkSchema, Rule, Strategy};
use super::token::TokenRoom;

/// The longest filter whose bits for one value or token are kept, in words.
const MAX_MASK_WORDS: usize = 32;
/// Places for tokens in each cache.
const TOKENS: usize = 1 << 13;
/// Places for values.
const VALUES: usize = 1 << 15;

/// A linkage schema and the keys derived for it. Shared by all threads; holds keys, so it is never
/// printed or copied.
pub struct ClkEncoder {
    schema: ClkSchema,
    /// One a feature, none for ignored ones.
    hashes: Vec<Option<TokenHash>>,
    validate: bool,
}

impl ClkEncoder {
    /// Derives the keys of every feature.
    ///
    /// # Errors
    /// When HKDF does not give as many bytes as the schema needs.
    pub fn new(schema: ClkSchema, secret: &ClkSecret) -> Result<Self, KeyError> {
        let keys = kdf::derive(secret, &schema.kdf, schema.features.len())?;
        let bits = schema.filter_bits;
        // Ignored features have keys too, which nobody uses.
        let hashes = schema.features.iter().zip(keys).map(|(feature, keys)| {
            let rule = feature.rule.as_ref()?;
            Some(TokenHash::new(rule.hash, keys, bits))
        });
        Ok(Self {
            hashes: hashes.collect(),
            schema,
            validate: true,
        })
    }

    /// Takes values without holding them against the schema. Those of integers, dates and numeric
    /// comparisons still have to be numbers and dates.
    #[must_use]
    pub fn without_validation(mut self) -> Self {
        self.validate = false;
        self
    }

    /// The schema.
    pub fn schema(&self) -> &ClkSchema {
        &self.schema
    }

    /// The state one thread needs.
    pub fn worker(&self) -> ClkWorker<'_> {
        let bits = self.schema.filter_bits;
        let words = bits.div_ceil(64);
        ClkWorker {
            encoder: self,
            values: (words <= MAX_MASK_WORDS).then(|| TokenCache::new(VALUES, words)),
            luck: vec![Luck::default(); self.schema.features.len()],
            value_filter: Filter::new(bits),
            filter: Filter::new(bits),
            folder: Folder::default(),
            value: Zeroizing::default(),
            room: TokenRoom::default(),
            tokens: Tokens {
                filter_bits: bits,
                seeds: TokenCache::new(TOKENS, SEED_WORDS),
                masks: (words <= MAX_MASK_WORDS).then(|| TokenCache::new(TOKENS, words)),
                mask: Filter::new(bits),
                marks: Marks::new(if words <= MAX_MASK_WORDS { bits } else { 0 }),
                bytes: Zeroizing::default(),
            },
        }
    }
}

/// Encodes records on one thread. It keeps what it computed for short values and tokens, and wipes that
/// when it is dropped.
pub struct ClkWorker<'a> {
    encoder: &'a ClkEncoder,
    filter: Filter,
    /// The bits of values, for filters that are short enough.
    values: Option<TokenCache>,
    /// How often values of each feature are found there.
    luck: Vec<Luck>,
    /// The bits of one value.
    value_filter: Filter,
    folder: Folder,
    value: Zeroizing<String>,
    room: TokenRoom,
    tokens: Tokens,
}

/// A cell that is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedCell {
    /// The column, counted from 0.
    pub column: usize,
    /// What is wrong with its value.
    pub problem: CellProblem,
}

impl ClkWorker<'_> {
    /// Encodes one record, whose cells are as many as the schema has features: appends the CLK to
    /// `out` in base64 and gives the number of its set bits.
    ///
    /// # Errors
    /// The first cell whose value is not allowed; nothing is appended then.
    pub fn encode<'c>(
        &mut self,
        cells: impl IntoIterator<Item = &'c str>,
        out: &mut String,
    ) -> Result<u32, RefusedCell> {
        self.filter.clear();
        let encoder = self.encoder;
        let features = encoder.schema.features.iter().zip(&encoder.hashes);
        for (column, (cell, (feature, hash))) in cells.into_iter().zip(features).enumerate() {
            if let (Some(rule), Some(hash)) = (&feature.rule, hash) {
                let feature = Keyed { column, rule, hash };
                self.feature(&feature, cell)
                    .map_err(|problem| RefusedCell { column, problem })?;
            }
        }
        let schema = &encoder.schema;
        let filter = self.filter.words();
        Ok(self
            .folder
            .finish(filter, schema.filter_bits, schema.folds, out))
    }

    /// Adds the bits of one value, which may be known from earlier records.
    fn feature(&mut self, feature: &Keyed<'_>, cell: &str) -> Result<(), CellProblem> {
        let luck = &mut self.luck[feature.column];
        let values = self.values.as_mut().filter(|_| luck.holds());
        let slot = values
            .as_ref()
            .and_then(|values| values.find(feature.column, cell.as_bytes()));
        let validate = self.encoder.validate;
        let value = |room| feature.rule.value(cell, validate, room);
        let (Some(values), Some(slot)) = (values, slot) else {
            let value = value(&mut self.value)?;
            return self
                .tokens
                .insert_all(feature, value, &mut self.room, &mut self.filter);
        };
        luck.note(slot.known);
        if !slot.known {
            let value = value(&mut self.value)?;
            self.value_filter.clear();
            self.tokens
                .insert_all(feature, value, &mut self.room, &mut self.value_filter)?;
            values.put(&slot, self.value_filter.words());
        }
        self.filter.unite(values.value(&slot));
        Ok(())
    }
}

/// A feature with its column and its keys.
struct Keyed<'a> {
    column: usize,
    rule: &'a Rule,
    hash: &'a TokenHash,
}

impl Strategy {
    /// How many bits the token at `place` of `count` sets: what does not go round evenly goes to the
    /// first ones.
    fn insertions(self, place: usize, count: usize) -> usize {
        match self {
            Self::PerToken(bits) => bits,
            Self::PerFeature(bits) => bits / count + usize::from(place < bits % count),
        }
    }
}

/// Puts tokens into filters.
struct Tokens {
    filter_bits: usize,
    /// What positions come from.
    seeds: TokenCache,
    /// The bits of tokens that always set the same ones, for filters that are short enough.
    masks: Option<TokenCache>,
    /// The bits of one token.
    mask: Filter,
    /// The bits of one value, for filters that are short enough.
    marks: Marks,
    bytes: Zeroizing<Vec<u8>>,
}

impl Tokens {
    /// Sets the bits of all tokens of a value.
    fn insert_all(
        &mut self,
        feature: &Keyed<'_>,
        value: &str,
        room: &mut TokenRoom,
        filter: &mut Filter,
    ) -> Result<(), CellProblem> {
        let Keyed { rule, hash, .. } = feature;
        let each = |place, count, token: &str| {
            hash.usable()?;
            match (rule.strategy, self.masks.is_some()) {
                (Strategy::PerToken(bits), true) => self.insert_mask(feature, token, bits, filter),
                (strategy, marked) => {
                    let insertions = strategy.insertions(place, count);
                    self.insert(
                        feature,
                        token,
                        insertions,
                        (!marked).then_some(&mut *filter),
                    )
                }
            }
        };
        let inserted = rule.comparison.for_each_token(value, room, each);
        if matches!(rule.strategy, Strategy::PerFeature(_)) && self.masks.is_some() {
            // Also after a refusal: the marks must not reach the next record.
            self.marks.drain_into(filter);
        }
        inserted
    }

    /// Sets bits in the filter, or in the marks, as the seed of the token says, which is kept.
    fn insert(
        &mut self,
        feature: &Keyed<'_>,
        token: &str,
        insertions: usize,
        filter: Option<&mut Filter>,
    ) -> Result<(), CellProblem> {
        let token = feature.rule.encoding.bytes(token, &mut self.bytes)?;
        let slot = self.seeds.find(feature.column, token);
        let known = slot.as_ref().filter(|slot| slot.known);
        let known = known.and_then(|slot| self.seeds.value(slot).first_chunk().copied());
        let seed = match (known, slot) {
            (Some(seed), _) => seed,
            (None, slot) => {
                let seed = feature.hash.seed(token, self.filter_bits)?;
                if let Some(slot) = slot {
                    self.seeds.put(&slot, &seed);
                }
                seed
            }
        };
        match filter {
            Some(filter) => feature.hash.insert(filter, token, &seed, insertions),
            None => feature
                .hash
                .insert(&mut self.marks, token, &seed, insertions),
        }
        Ok(())
    }

    /// The same for a token that always sets the same bits: these are kept.
    fn insert_mask(
        &mut self,
        feature: &Keyed<'_>,
        token: &str,
        insertions: usize,
        filter: &mut Filter,
    ) -> Result<(), CellProblem> {
        let token = feature.rule.encoding.bytes(token, &mut self.bytes)?;
        let found = self.masks.as_mut().and_then(|masks| {
            let slot = masks.find(feature.column, token)?;
            Some((masks, slot))
        });
        if let Some((masks, slot)) = &found
            && slot.known
        {
            filter.unite(masks.value(slot));
            return Ok(());
        }
        let seed = feature.hash.seed(token, self.filter_bits)?;
        self.mask.clear();
        feature
            .hash
            .insert(&mut self.mask, token, &seed, insertions);
        filter.unite(self.mask.words());
        if let Some((masks, slot)) = found {
            masks.put(&slot, self.mask.words());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An encoder for one column of ASCII, whose tokens are bigrams.
    fn encoder(strategy: &str, hash: &str) -> ClkEncoder {
        let schema = format!(
            r#"{{"version": 3, "clkConfig": {{"l": 256, "kdf": {{"type": "HKDF"}}}}, "features": [
            {{"identifier": "a", "format": {{"type": "string", "encoding": "ascii"}}, "hashing":
            {{"comparison": {{"type": "ngram", "n": 2}}, "strategy": {{"{strategy}": 40}},
            "hash": {{"type": "{hash}"}}}}}}]}}"#
        );
        let secret = ClkSecret::new(Zeroizing::new(b"secret".to_vec()));
        let schema = ClkSchema::parse(schema.as_bytes()).unwrap();
        // Without checks the refusal comes with a token, after others.
        ClkEncoder::new(schema, &secret)
            .unwrap()
            .without_validation()
    }

    fn encode(worker: &mut ClkWorker<'_>, cell: &str) -> Option<String> {
        let mut clk = String::new();
        worker.encode([cell], &mut clk).ok().map(|_| clk)
    }

    #[test]
    fn a_refused_record_leaves_nothing_to_the_next() {
        for strategy in ["bitsPerFeature", "bitsPerToken"] {
            for hash in ["blakeHash", "doubleHash"] {
                let encoder = encoder(strategy, hash);
                let mut worker = encoder.worker();
                for bad in ["abcdefé", "a value too long to keepé"] {
                    assert_eq!(encode(&mut worker, bad), None);
                    let good = encode(&mut worker, "good").unwrap();
                    let fresh = encode(&mut encoder.worker(), "good").unwrap();
                    assert_eq!(good, fresh, "{strategy} {hash}");
                }
            }
        }
    }
}
