//! The linkage schema: which fields are compared, how each party writes them, and which blocking
//! passes bring records together. One TOML file that all members of a project agree on.
//!
//! [`LinkageSchema::parse`] checks everything once; what it returns can be trusted.

mod block;
mod check;
mod date_format;
mod raw;
mod standard;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use block::{BlockComponent, BlockForm};
pub use check::SchemaError;
pub use date_format::{DateFormat, DatePiece};

use crate::digest::{Digest, Digester};
use crate::id::{FieldName, PartyIndex, PartyName, PassIndex};
use crate::life_event::LifeEvent;
use crate::profile::Profile;

/// The version of the schema language this program reads.
pub const FORMAT: u32 = 1;
/// The version of normalisation and encoding rules. It is part of every schema's digest, so two
/// nodes that would encode differently refuse each other.
pub const RULES: &str = "symbolon rules 6, unicode 17, any_ascii 0.3.3";
/// The most bytes a schema file may have.
pub const MAX_SCHEMA_BYTES: usize = 1 << 20;
/// The most fields a schema may have.
pub const MAX_FIELDS: usize = 32;
/// The most blocking passes a schema may have.
pub const MAX_PASSES: usize = 32;
/// The most parties a schema may have.
pub const MAX_PARTIES: usize = 32;
/// The most pairs of one run a schema may put up for clerical review.
pub const MAX_REVIEW_PAIRS: u32 = 10_000;

/// What a field holds; decides how it is normalised, encoded and compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FieldKind {
    /// The name a person is called by.
    GivenName,
    /// The family name or names, or what stands last.
    Surname,
    /// All of a person's names, in any order.
    FullName,
    /// A calendar date or a part of one.
    Date,
    /// Sex as recorded.
    Sex,
    /// A place by name.
    Place,
    /// A street address.
    Address,
    /// A telephone number.
    Phone,
    /// A number or code that should be unique to a person.
    Identifier,
    /// A short code compared as equal or not.
    Code,
}

/// One field of the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its name.
    pub name: FieldName,
    /// What it holds.
    pub kind: FieldKind,
    /// The field that holds the larger unit this one lies in (a locality's district).
    pub within: Option<usize>,
}

/// One blocking pass: records are compared when all components agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pass {
    /// Its name.
    pub name: FieldName,
    /// What is put together to the block value.
    pub components: Vec<BlockComponent>,
}

/// How the words of a full name stand in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NameOrder {
    /// `GIVEN SECOND SURNAME`.
    GivenFirst,
    /// `SURNAME GIVEN SECOND`.
    SurnameFirst,
    /// `SURNAME, GIVEN SECOND`.
    SurnameComma,
}

/// Where one party keeps one field, and how it writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldSource {
    /// The columns, joined by a space where there are several.
    pub columns: Vec<String>,
    /// For a name field read from a column of full names: how they stand there.
    pub order: Option<NameOrder>,
    /// For a date: the ways it is written, tried in this order.
    pub formats: Vec<DateFormat>,
    /// For sex and codes: the recorded word or number, lower case, to the common one.
    pub codes: BTreeMap<String, String>,
    /// For a date that may be missing: a column with the age in years, and the column with the
    /// date it was asked at.
    pub age: Option<AgeSource>,
}

/// An age column and the column that says when the age was true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgeSource {
    /// The column with the age in completed years.
    pub column: String,
    /// The column with the date of asking.
    pub at: String,
}

/// One party and how its registry is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    /// Its short name.
    pub name: PartyName,
    /// What people call it.
    pub title: String,
    /// Whether one person may have several records there.
    pub duplicates: bool,
    /// The column with the custodian's own key of a row.
    pub record_id: String,
    /// How its registry marks the life events it records, where it is a register of any.
    pub events: Option<EventSource>,
    /// Where each of the schema's fields is, by field; `None` where the party does not have it.
    pub sources: Vec<Option<FieldSource>>,
}

impl Party {
    /// Whether its registry marks records of this event.
    pub fn marks(&self, event: LifeEvent) -> bool {
        let mut marked = self.events.iter().flat_map(|source| source.codes.values());
        marked.any(|marked| *marked == event)
    }
}

/// The column that says which life event a record is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSource {
    /// The column.
    pub column: String,
    /// The recorded word, lower case, to the event; a record with another word is of none.
    pub codes: BTreeMap<String, LifeEvent>,
}

/// What leaves the coordinator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRules {
    /// Counts below this are told as "fewer than", never exactly.
    pub count_floor: u32,
}

impl Default for ReleaseRules {
    fn default() -> Self {
        Self { count_floor: 10 }
    }
}

/// Clerical review: whether nodes are shown doubtful pairs of their own records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReviewRules {
    /// The most pairs of one run that nodes are asked about; with 0 no weight ever leaves the
    /// coordinator.
    pub pairs: u32,
}

impl ReviewRules {
    /// Whether nodes are asked at all.
    pub const fn is_on(&self) -> bool {
        self.pairs > 0
    }

    /// Left out of the canonical form, so that saying "no review" is the same as saying nothing.
    const fn is_off(&self) -> bool {
        !self.is_on()
    }
}

/// A checked linkage schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkageSchema {
    /// The schema's name.
    pub name: FieldName,
    /// Its revision, counted up by hand with every change.
    pub revision: u32,
    /// How values are encoded.
    pub profile: Profile,
    /// The last year a two-digit year may mean.
    pub latest_year: u16,
    /// The fields compared.
    pub fields: Vec<Field>,
    /// The blocking passes.
    pub passes: Vec<Pass>,
    /// The parties, in the order that gives them their index.
    pub parties: Vec<Party>,
    /// What leaves the coordinator.
    pub release: ReleaseRules,
    /// Whether nodes are shown doubtful pairs of their own records.
    pub review: ReviewRules,
    digest: Digest,
}

impl LinkageSchema {
    /// Reads and checks a schema.
    ///
    /// # Errors
    /// [`SchemaError`] says which entry is wrong and what is allowed there.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        if text.len() > MAX_SCHEMA_BYTES {
            return Err(SchemaError::TooLong { bytes: text.len() });
        }
        let raw: raw::Schema = toml::from_str(text).map_err(SchemaError::Toml)?;
        check::check(raw)
    }

    /// The digest of the schema's meaning and of the rules it is read by; white space and comments
    /// in the file do not count.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The index of the party of this name.
    pub fn party_index(&self, name: &PartyName) -> Option<PartyIndex> {
        let place = self.parties.iter().position(|party| party.name == *name)?;
        Some(PartyIndex(place as u8))
    }

    /// The party at `index`.
    pub fn party(&self, index: PartyIndex) -> &Party {
        &self.parties[index.index()]
    }

    /// The passes' indices, in order.
    pub fn pass_indices(&self) -> impl Iterator<Item = PassIndex> + use<> {
        (0..self.passes.len() as u8).map(PassIndex)
    }

    /// The field with the person's own whole name, as an index.
    pub fn own_name(&self) -> Option<usize> {
        own_name(&self.fields, &self.parties)
    }

    /// The index that calibration rows bear: one after the last pass. A profile of one vector a
    /// record has no model to calibrate.
    pub fn calibration_pass(&self) -> Option<PassIndex> {
        let index = PassIndex(self.passes.len() as u8);
        (!self.profile.is_whole_record()).then_some(index)
    }

    /// The parties' indices, in order.
    pub fn party_indices(&self) -> impl Iterator<Item = PartyIndex> + use<> {
        (0..self.parties.len() as u8).map(PartyIndex)
    }

    /// The first field of this kind.
    pub fn first_of(&self, kind: FieldKind) -> Option<usize> {
        self.fields.iter().position(|field| field.kind == kind)
    }
}

/// The field with the person's own whole name: the one that some party reads from a column the given
/// name is read from, or the first `full-name` where names come in no other form.
fn own_name(fields: &[Field], parties: &[Party]) -> Option<usize> {
    let of_kind = |kind| {
        let fields = fields.iter().enumerate();
        fields
            .filter(move |(_, field)| field.kind == kind)
            .map(|(place, _)| place)
    };
    let Some(given) = of_kind(FieldKind::GivenName).next() else {
        let alone = of_kind(FieldKind::Surname).next().is_none();
        return of_kind(FieldKind::FullName).next().filter(|_| alone);
    };
    let shares_a_column = |full: &usize| {
        parties.iter().any(|party| {
            let sources = party.sources[given]
                .as_ref()
                .zip(party.sources[*full].as_ref());
            sources.is_some_and(|(given, full)| {
                let mut columns = given.columns.iter();
                columns.any(|column| full.columns.contains(column))
            })
        })
    };
    of_kind(FieldKind::FullName).find(shares_a_column)
}

fn digest_of(canonical: &str) -> Digest {
    let mut digester = Digester::new();
    digester.field(b"symbolon linkage schema");
    digester.field(RULES.as_bytes());
    digester.field(canonical.as_bytes());
    digester.finish()
}

#[cfg(test)]
mod tests;
