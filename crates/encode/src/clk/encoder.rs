//! One record to one CLK.

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::cache::{Cache, Key, Luck};
use super::error::{CellProblem, KeyError};
use super::filter::{Bits, Filter, lines_of, unite};
use super::fold::Folder;
use super::hashing::TokenHash;
use super::kdf::{self, ClkSecret};
use super::lines::Line;
use super::schema::{ClkSchema, Comparison, Rule, Strategy};
use super::short::Short;
use super::token::{Token, TokenRoom, Tokens};

/// The longest filter whose bits for one value or token are kept, in lines of 512 bits.
const MAX_MASK_LINES: usize = 4;
/// Places for tokens in each of two caches.
const TOKENS: usize = 1 << 14;
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
        self.worker_of(VALUES, TOKENS)
    }

    /// A worker that keeps so many values and tokens.
    fn worker_of(&self, values: usize, tokens: usize) -> ClkWorker<'_> {
        let bits = self.schema.filter_bits;
        ClkWorker {
            encoder: self,
            values: mask_cache(values, bits),
            luck: vec![Luck::default(); self.schema.features.len()],
            // Never longer: what a vector outgrows is not wiped.
            left: Vec::with_capacity(self.schema.features.len()),
            filter: Filter::new(bits),
            folder: Folder::default(),
            value: Zeroizing::default(),
            room: TokenRoom::default(),
            tokens: Inserting::new(tokens, bits),
        }
    }
}

/// Encodes records on one thread. It keeps what it computed for short values and tokens, and wipes that
/// when it is dropped.
pub struct ClkWorker<'a> {
    encoder: &'a ClkEncoder,
    filter: Filter,
    /// The bits of values, for filters that are short enough.
    values: Option<Cache>,
    /// How often values of each feature are found there.
    luck: Vec<Luck>,
    /// The cells of a record that were not.
    left: Vec<Left>,
    folder: Folder,
    value: Zeroizing<String>,
    room: TokenRoom,
    tokens: Inserting,
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
    pub fn encode(&mut self, cells: &[&str], out: &mut String) -> Result<u32, RefusedCell> {
        self.filter.clear();
        self.add_known(cells);
        let left = std::mem::take(&mut self.left);
        let added = left.iter().try_for_each(|&Left { column, ref key }| {
            let added = self.add(column, key.as_ref(), cells[column]);
            added.map_err(|problem| RefusedCell { column, problem })
        });
        self.left = left;
        added?;
        let schema = &self.encoder.schema;
        let filter = self.filter.words();
        Ok(self
            .folder
            .finish(filter, schema.filter_bits, schema.folds, out))
    }

    /// Has the processor fetch where it stands whether values of a record are known, which is looked at some records later.
    pub(super) fn foresee(&self, cells: &[&str]) {
        self.keys(cells, |values, key| values.fetch_key(key));
    }

    /// Has it fetch what is known of them, one record later.
    pub(super) fn expect(&self, cells: &[&str]) {
        self.keys(cells, |values, key| values.fetch_value(key));
    }

    /// Goes through the keys of values that are looked for.
    #[inline]
    fn keys(&self, cells: &[&str], fetch: impl Fn(&Cache, &Key)) {
        let hashes = self.encoder.hashes.iter().zip(&self.luck);
        for (column, (cell, (hash, luck))) in cells.iter().zip(hashes).enumerate() {
            let values = self
                .values
                .as_ref()
                .filter(|_| hash.is_some() && luck.holds());
            if let Some((values, short)) = values.zip(Short::of(cell.as_bytes())) {
                fetch(values, &Key::new(column, 0, short));
            }
        }
    }

    /// Adds the bits of all values that are known from earlier records, and notes which cells are left. All are looked for
    /// before any is worked at, so that the processor fetches them at once.
    fn add_known(&mut self, cells: &[&str]) {
        self.left.clear();
        let filter = self.filter.lines_mut();
        let hashes = self.encoder.hashes.iter().zip(&mut self.luck);
        for (column, (cell, (hash, luck))) in cells.iter().zip(hashes).enumerate() {
            if hash.is_none() {
                continue;
            }
            let values = self.values.as_ref().filter(|_| luck.holds());
            let key = values
                .zip(Short::of(cell.as_bytes()))
                .map(|(values, short)| (values, Key::new(column, 0, short)));
            let known = key.as_ref().and_then(|(values, key)| values.get(key));
            if key.is_some() {
                luck.note(known.is_some());
            }
            match known {
                Some(mask) => unite(filter, mask),
                None => self.left.push(Left {
                    column,
                    key: key.map(|(_, key)| key),
                }),
            }
        }
    }

    /// Adds the bits of a value, and keeps them if it has a key.
    fn add(&mut self, column: usize, key: Option<&Key>, cell: &str) -> Result<(), CellProblem> {
        let rule = self.encoder.schema.features[column].rule.as_ref();
        let Some((rule, hash)) = rule.zip(self.encoder.hashes[column].as_ref()) else {
            return Ok(());
        };
        let feature = Keyed { column, rule, hash };
        let value = rule.value(cell, self.encoder.validate, &mut self.value)?;
        let filter = self.filter.lines_mut();
        let (Some(values), Some(key)) = (&mut self.values, key) else {
            return self
                .tokens
                .insert_all(&feature, value, &mut self.room, filter);
        };
        let (slot, mask) = values.begin(key);
        self.tokens
            .insert_all(&feature, value, &mut self.room, mask)?;
        unite(filter, values.keep(slot, key));
        Ok(())
    }
}

/// A cell whose bits are not known yet. Wiped on drop.
#[derive(Zeroize, ZeroizeOnDrop)]
struct Left {
    column: usize,
    /// By what they are to be kept, if they are.
    key: Option<Key>,
}

/// A feature with its column and its keys.
struct Keyed<'a> {
    column: usize,
    rule: &'a Rule,
    hash: &'a TokenHash,
}

impl Strategy {
    #[inline]
    fn share(self, count: usize) -> Share {
        match self {
            Self::PerToken(bits) => Share {
                each: bits,
                more: 0,
            },
            Self::PerFeature(bits) => Share {
                each: bits / count,
                more: bits % count,
            },
        }
    }
}

/// How many bits each token of a value sets: what does not go round evenly goes to the first ones.
#[derive(Clone, Copy, Default)]
struct Share {
    each: usize,
    /// Tokens that set one more.
    more: usize,
}

impl Share {
    #[inline]
    fn of(self, place: usize) -> usize {
        self.each + usize::from(place < self.more)
    }
}

/// Puts tokens into filters.
struct Inserting {
    /// The bits of tokens, for filters that are short enough.
    masks: Option<Cache>,
    /// Where in these the bits of tokens start that were found and not added yet.
    found: Vec<u64>,
    hashing: Hashing,
}

impl Inserting {
    /// For filters of so many bits, keeping so many tokens.
    fn new(tokens: usize, filter_bits: usize) -> Self {
        Self {
            masks: mask_cache(tokens, filter_bits),
            found: Vec::new(),
            hashing: Hashing {
                filter_bits,
                seeds: Cache::new(tokens, 1),
                bytes: Zeroizing::default(),
            },
        }
    }

    /// Sets the bits of all tokens of a value.
    fn insert_all(
        &mut self,
        feature: &Keyed<'_>,
        value: &str,
        room: &mut TokenRoom,
        filter: &mut [Line],
    ) -> Result<(), CellProblem> {
        let comparison = &feature.rule.comparison;
        // The bits of a whole value are kept as such, not as those of its one token.
        let whole = matches!(comparison, Comparison::Exact);
        let mut insertion = Insertion {
            feature,
            share: Share::default(),
            masks: self.masks.as_mut().filter(|_| !whole),
            found: &mut self.found,
            hashing: &mut self.hashing,
            filter,
        };
        insertion.found.clear();
        comparison.for_each_token(value, room, &mut insertion)?;
        insertion.add_found();
        Ok(())
    }
}

/// Sets the bits of the tokens of one value.
struct Insertion<'a> {
    feature: &'a Keyed<'a>,
    share: Share,
    masks: Option<&'a mut Cache>,
    found: &'a mut Vec<u64>,
    hashing: &'a mut Hashing,
    filter: &'a mut [Line],
}

impl Insertion<'_> {
    /// Adds the bits of tokens that were found. Apart from finding them, so that many are on their way to the processor at
    /// once.
    fn add_found(&mut self) {
        if let Some(masks) = &self.masks {
            masks.unite(self.found, self.filter);
        }
        self.found.clear();
    }

    /// Adds the bits of a token that is not known, and keeps them if it is short. Apart, so that short tokens that are known
    /// never leave the registers.
    #[cold]
    #[inline(never)]
    fn insert(&mut self, token: Token<'_>, insertions: usize) -> Result<(), CellProblem> {
        // What is begun may take the place of one that was found.
        self.add_found();
        let feature = self.feature;
        let (Token::Short(short), Some(masks)) = (token, &mut self.masks) else {
            return self.hashing.insert(feature, token, insertions, self.filter);
        };
        let key = Key::new(feature.column, insertions, short);
        let (slot, mask) = masks.begin(&key);
        self.hashing.insert(feature, token, insertions, mask)?;
        unite(self.filter, masks.keep(slot, &key));
        Ok(())
    }
}

impl Tokens for Insertion<'_> {
    #[inline(always)]
    fn take(&mut self, place: usize, count: usize, token: Token<'_>) -> Result<(), CellProblem> {
        if place == 0 {
            self.share = self.feature.rule.strategy.share(count);
        }
        let insertions = self.share.of(place);
        if let (Token::Short(short), Some(masks)) = (token, &self.masks) {
            let key = Key::new(self.feature.column, insertions, short);
            if let Some(start) = masks.find(&key) {
                self.found.push(start);
                return Ok(());
            }
        }
        self.insert(token, insertions)
    }
}

/// From tokens to bits, without knowing them.
struct Hashing {
    filter_bits: usize,
    /// What positions come from.
    seeds: Cache,
    bytes: Zeroizing<Vec<u8>>,
}

impl Hashing {
    /// Sets the bits of a token, as its seed says.
    #[inline(never)]
    fn insert(
        &mut self,
        feature: &Keyed<'_>,
        token: Token<'_>,
        insertions: usize,
        lines: &mut [Line],
    ) -> Result<(), CellProblem> {
        feature.hash.usable()?;
        let mut room = Zeroizing::new([0; 16]);
        let (short, text) = match token {
            Token::Short(short) => (Some(short), short.text(&mut room)),
            Token::Long(text) => (None, text),
        };
        let bytes = feature.rule.encoding.bytes(text, &mut self.bytes)?;
        let key = short.map(|short| Key::new(feature.column, 0, short));
        let known = key.and_then(|key| self.seeds.get(&key)?.first().copied());
        let seed = match known {
            Some(seed) => seed,
            None => feature.hash.seed(bytes, self.filter_bits)?,
        };
        if let (None, Some(key)) = (known, &key) {
            let (slot, room) = self.seeds.begin(key);
            room.fill(seed);
            self.seeds.keep(slot, key);
        }
        let mut bits = Bits::of(lines, self.filter_bits);
        feature.hash.insert(&mut bits, bytes, &seed, insertions);
        Ok(())
    }
}

/// A cache for the bits of filters; none when they are too long.
fn mask_cache(places: usize, filter_bits: usize) -> Option<Cache> {
    let lines = lines_of(filter_bits);
    (lines <= MAX_MASK_LINES).then(|| Cache::new(places, lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An encoder for columns of ASCII, whose tokens are bigrams.
    fn encoder(columns: usize, bits: usize, strategy: &str, hash: &str) -> ClkEncoder {
        let feature = |column| {
            format!(
                r#"{{"identifier": "{column}", "format": {{"type": "string", "encoding": "ascii"}}, "hashing":
                {{"comparison": {{"type": "ngram", "n": 2}}, "strategy": {{"{strategy}": 40}},
                "hash": {{"type": "{hash}"}}}}}}"#
            )
        };
        let features: Vec<String> = (0..columns).map(feature).collect();
        let features = features.join(",");
        let schema = format!(
            r#"{{"version": 3, "clkConfig": {{"l": {bits}, "kdf": {{"type": "HKDF"}}}}, "features": [{features}]}}"#
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
        worker.encode(&[cell], &mut clk).ok().map(|_| clk)
    }

    #[test]
    fn a_refused_record_leaves_nothing_to_the_next() {
        for strategy in ["bitsPerFeature", "bitsPerToken"] {
            for hash in ["blakeHash", "doubleHash"] {
                let encoder = encoder(1, 256, strategy, hash);
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

    #[test]
    fn what_is_kept_changes_nothing() {
        // Filters whose bits are kept, of one line and of four, and one too long.
        let filters = [256, 2048, 4096];
        let hashes = [
            ("bitsPerFeature", "blakeHash"),
            ("bitsPerFeature", "doubleHash"),
            ("bitsPerToken", "blakeHash"),
        ];
        // With room for all, and with so little that a token takes the place of one of the same value.
        let kept = [(1, VALUES, TOKENS), (3, 8, 4), (1, 4, 4)];
        let cases = filters.map(|bits| {
            hashes.map(|hash| {
                kept.map(|(columns, values, tokens)| (bits, hash, columns, values, tokens))
            })
        });
        for &(bits, (strategy, hash), columns, values, tokens) in
            cases.as_flattened().as_flattened()
        {
            let encoder = encoder(columns, bits, strategy, hash);
            let mut worker = encoder.worker_of(values, tokens);
            for number in (0..60).chain(0..60) {
                // Of all lengths up to 19, with tokens in common.
                let value = &"abracadabra, sim sala bim"[number % 6..][..number % 20];
                let cells = vec![value; columns];
                let encode = |worker: &mut ClkWorker<'_>| {
                    let mut clk = String::new();
                    worker.encode(&cells, &mut clk).unwrap();
                    clk
                };
                let (kept, fresh) = (encode(&mut worker), encode(&mut encoder.worker()));
                assert_eq!(
                    kept, fresh,
                    "{bits} {strategy} {hash} {columns} {tokens} {value}"
                );
            }
        }
    }
}
