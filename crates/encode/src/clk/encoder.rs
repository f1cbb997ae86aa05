//! One record to one CLK.

use zeroize::{Zeroize, Zeroizing};

use super::cache::TokenCache;
use super::error::{CellProblem, KeyError};
use super::fold::Folder;
use super::hashing::{Filter, SEED_WORDS, TokenHash};
use super::kdf::{self, ClkSecret};
use super::schema::{ClkSchema, Encoding, Rule, Strategy};
use super::token::TokenRoom;

/// The longest filter whose bits for one token are kept, in words.
const MAX_MASK_WORDS: usize = 32;

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
        let filter = Filter::new(self.schema.filter_bits);
        let mask_words = Some(filter.words().len()).filter(|words| *words <= MAX_MASK_WORDS);
        ClkWorker {
            encoder: self,
            cache: TokenCache::new(mask_words.unwrap_or(0).max(SEED_WORDS)),
            mask: Filter::new(self.schema.filter_bits),
            mask_words,
            filter,
            folder: Folder::default(),
            value: Zeroizing::default(),
            tokens: TokenRoom::default(),
            bytes: Zeroizing::default(),
        }
    }
}

/// Encodes records on one thread. It keeps what it computed for short tokens, and wipes that when it
/// is dropped.
pub struct ClkWorker<'a> {
    encoder: &'a ClkEncoder,
    cache: TokenCache,
    filter: Filter,
    /// The bits of one token.
    mask: Filter,
    /// Words of a filter when it is short enough for whole masks in the cache.
    mask_words: Option<usize>,
    folder: Folder,
    value: Zeroizing<String>,
    tokens: TokenRoom,
    bytes: Zeroizing<Vec<u8>>,
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
                self.feature(column, rule, hash, cell)
                    .map_err(|problem| RefusedCell { column, problem })?;
            }
        }
        let schema = &encoder.schema;
        let filter = self.filter.words();
        Ok(self
            .folder
            .finish(filter, schema.filter_bits, schema.folds, out))
    }

    /// Adds the bits of one value.
    fn feature(
        &mut self,
        column: usize,
        rule: &Rule,
        hash: &TokenHash,
        cell: &str,
    ) -> Result<(), CellProblem> {
        let value = rule.value(cell, self.encoder.validate, &mut self.value)?;
        let mut inserter = Inserter {
            column,
            hash,
            encoding: rule.encoding,
            filter_bits: self.encoder.schema.filter_bits,
            cache: &mut self.cache,
            filter: &mut self.filter,
            mask: &mut self.mask,
            bytes: &mut self.bytes,
        };
        let mask_words = self.mask_words;
        rule.comparison
            .for_each_token(value, &mut self.tokens, |place, count, token| {
                match (rule.strategy, mask_words) {
                    (Strategy::PerToken(bits), Some(words)) => {
                        inserter.insert_mask(token, bits, words)
                    }
                    (strategy, _) => inserter.insert(token, strategy.insertions(place, count)),
                }
            })
    }
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

/// Puts the tokens of one feature into the filter.
struct Inserter<'a> {
    column: usize,
    hash: &'a TokenHash,
    encoding: Encoding,
    filter_bits: usize,
    cache: &'a mut TokenCache,
    filter: &'a mut Filter,
    mask: &'a mut Filter,
    bytes: &'a mut Vec<u8>,
}

impl Inserter<'_> {
    /// Sets bits as the seed of the token says, which is kept.
    fn insert(&mut self, token: &str, insertions: usize) -> Result<(), CellProblem> {
        self.hash.usable()?;
        let token = self.encoding.bytes(token, self.bytes)?;
        let seed = match self.cache.entry(self.column, token) {
            Some(entry) if entry.known => *entry.value.first_chunk().unwrap_or(&[0; SEED_WORDS]),
            Some(entry) => {
                let seed = self.hash.seed(token, self.filter_bits);
                entry.value[..SEED_WORDS].copy_from_slice(&seed);
                seed
            }
            None => self.hash.seed(token, self.filter_bits),
        };
        self.hash.insert(self.filter, token, &seed, insertions);
        Ok(())
    }

    /// The same for a token that always sets the same bits: these are kept.
    fn insert_mask(
        &mut self,
        token: &str,
        insertions: usize,
        words: usize,
    ) -> Result<(), CellProblem> {
        self.hash.usable()?;
        let token = self.encoding.bytes(token, self.bytes)?;
        let Some(entry) = self.cache.entry(self.column, token) else {
            let seed = self.hash.seed(token, self.filter_bits);
            self.hash.insert(self.filter, token, &seed, insertions);
            return Ok(());
        };
        let kept = &mut entry.value[..words];
        if !entry.known {
            let seed = self.hash.seed(token, self.filter_bits);
            self.mask.clear();
            self.hash.insert(self.mask, token, &seed, insertions);
            kept.copy_from_slice(self.mask.words());
        }
        self.filter.unite(kept);
        Ok(())
    }
}

impl Drop for ClkWorker<'_> {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}
