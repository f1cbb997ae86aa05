//! From the schema as typed to the schema as meant; every mistake is named with its place.

use std::collections::BTreeMap;

use super::block::{BlockComponent, BlockForm};
use super::date_format::DateFormat;
use super::{
    EventSource, FORMAT, Field, FieldKind, FieldSource, LinkageSchema, MAX_FIELDS, MAX_PARTIES,
    MAX_PASSES, MAX_REVIEW_PAIRS, MAX_SCHEMA_BYTES, Party, Pass, digest_of, own_name, raw,
    standard,
};
use crate::id::{FieldName, IdError};
use crate::layout::MAX_PARTS;

/// Why a schema cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// Longer than any real schema.
    #[error("the schema has {bytes} bytes, the limit is {MAX_SCHEMA_BYTES}")]
    TooLong {
        /// The file's size.
        bytes: usize,
    },
    /// Not TOML, or an entry that does not exist.
    #[error("the schema is not readable: {0}")]
    Toml(#[source] toml::de::Error),
    /// Written for another version of the schema language.
    #[error("the schema has format {found}, this program reads format {FORMAT}")]
    Format {
        /// The version the file names.
        found: u32,
    },
    /// A name that is not one.
    #[error("{place}: {source}")]
    Name {
        /// Where in the schema.
        place: String,
        /// What is wrong.
        source: IdError,
    },
    /// An entry that contradicts another or names what does not exist.
    #[error("{place}: {problem}")]
    Entry {
        /// Where in the schema.
        place: String,
        /// What is wrong and what is allowed.
        problem: String,
    },
}

fn entry<T>(place: impl Into<String>, problem: impl Into<String>) -> Result<T, SchemaError> {
    Err(SchemaError::Entry {
        place: place.into(),
        problem: problem.into(),
    })
}

fn name<T: std::str::FromStr<Err = IdError>>(text: &str, place: &str) -> Result<T, SchemaError> {
    text.parse().map_err(|source| SchemaError::Name {
        place: place.to_owned(),
        source,
    })
}

pub(super) fn check(mut raw: raw::Schema) -> Result<LinkageSchema, SchemaError> {
    if raw.format != FORMAT {
        return Err(SchemaError::Format { found: raw.format });
    }
    let fields = fields(&raw.field)?;
    let parties = parties(&raw.party, &fields)?;
    if raw.pass.is_empty() {
        raw.pass = standard_passes(&fields, &parties)?;
    }
    let canonical = toml::to_string(&raw).or_else(|error| entry("schema", error.to_string()))?;
    let passes = passes(&raw.pass, &fields)?;
    if !(1900..=2200).contains(&raw.latest_year) {
        return entry("latest_year", "the year must lie between 1900 and 2200");
    }
    check_review(&raw)?;
    Ok(LinkageSchema {
        name: name(&raw.name, "name")?,
        revision: raw.revision,
        profile: raw.profile,
        latest_year: raw.latest_year,
        fields,
        passes,
        parties,
        release: raw.release,
        review: raw.review,
        digest: digest_of(&canonical),
    })
}

fn check_review(raw: &raw::Schema) -> Result<(), SchemaError> {
    let pairs = raw.review.pairs;
    if pairs > MAX_REVIEW_PAIRS {
        let problem = format!("`pairs` is {pairs}, the limit is {MAX_REVIEW_PAIRS}");
        return entry("review", problem);
    }
    if pairs > 0 && raw.profile.is_whole_record() {
        let problem = "this profile has one vector a record, so nobody could see how fields agree; take `standard` or leave review out";
        return entry("review", problem);
    }
    Ok(())
}

fn standard_passes(fields: &[Field], parties: &[Party]) -> Result<Vec<raw::Pass>, SchemaError> {
    let passes = standard::passes(fields, own_name(fields, parties));
    if passes.is_empty() {
        let problem = "there are no standard passes for these fields; write your own, or add a name, a date or a number";
        return entry("[[pass]]", problem);
    }
    Ok(passes)
}

fn fields(raw: &[raw::Field]) -> Result<Vec<Field>, SchemaError> {
    hold_count("field", raw.len(), MAX_FIELDS)?;
    let mut fields: Vec<Field> = Vec::with_capacity(raw.len());
    for field in raw {
        let place = format!("field `{}`", field.name);
        let name: FieldName = name(&field.name, &place)?;
        if fields.iter().any(|known| known.name == name) {
            return entry(place, "the name is used twice");
        }
        fields.push(Field {
            name,
            kind: field.kind,
            within: None,
        });
    }
    for (index, field) in raw.iter().enumerate() {
        fields[index].within = within(field, index, raw)?;
    }
    let parts: usize = fields
        .iter()
        .map(|field| if field.kind == FieldKind::Date { 3 } else { 1 })
        .sum();
    if parts > MAX_PARTS {
        return entry(
            "[[field]]",
            format!(
                "the fields take {parts} parts, a date three and any other one; allowed are {MAX_PARTS}"
            ),
        );
    }
    for kind in [FieldKind::GivenName, FieldKind::Surname] {
        if fields.iter().filter(|field| field.kind == kind).count() > 1 {
            return entry(
                "field",
                "there may be one given-name and one surname field; use full-name for other persons' names",
            );
        }
    }
    Ok(fields)
}

fn within(
    field: &raw::Field,
    index: usize,
    all: &[raw::Field],
) -> Result<Option<usize>, SchemaError> {
    let Some(outer) = &field.within else {
        return Ok(None);
    };
    let place = format!("field `{}`", field.name);
    if !matches!(field.kind, FieldKind::Place | FieldKind::Code) {
        return entry(place, "only a place or a code lies within another field");
    }
    match all.iter().position(|other| other.name == *outer) {
        Some(outer) if !matches!(all[outer].kind, FieldKind::Place | FieldKind::Code) => {
            entry(place, "the outer field must be a place or a code")
        }
        Some(outer) if outer > index => Ok(Some(outer)),
        Some(_) => entry(
            place,
            format!("`{outer}` must stand after the field that lies within it"),
        ),
        None => entry(place, format!("there is no field `{outer}`")),
    }
}

fn passes(raw: &[raw::Pass], fields: &[Field]) -> Result<Vec<Pass>, SchemaError> {
    hold_count("pass", raw.len(), MAX_PASSES)?;
    let mut passes: Vec<Pass> = Vec::with_capacity(raw.len());
    for pass in raw {
        let place = format!("pass `{}`", pass.name);
        let name: FieldName = name(&pass.name, &place)?;
        if passes.iter().any(|known| known.name == name) {
            return entry(place, "the name is used twice");
        }
        let components = pass
            .block
            .iter()
            .map(|text| component(text, fields, &place))
            .collect::<Result<Vec<_>, _>>()?;
        refuse_lone_value(&components, fields, &place)?;
        passes.push(Pass { name, components });
    }
    Ok(passes)
}

/// A block keyed on one skewed value is a frequency attack's best friend, and a huge block.
fn refuse_lone_value(
    components: &[BlockComponent],
    fields: &[Field],
    place: &str,
) -> Result<(), SchemaError> {
    let strong_alone = |component: &BlockComponent| match fields[component.field].kind {
        FieldKind::Phone | FieldKind::Identifier => true,
        FieldKind::Date => component.form == BlockForm::Value,
        FieldKind::GivenName | FieldKind::Surname | FieldKind::FullName => {
            component.form == BlockForm::CodePair
        }
        _ => false,
    };
    let mut distinct: Vec<usize> = components.iter().map(|component| component.field).collect();
    distinct.sort_unstable();
    distinct.dedup();
    let says_little =
        |field: &usize| matches!(fields[*field].kind, FieldKind::Sex | FieldKind::Code);
    if components.is_empty() {
        entry(place, "`block` is empty")
    } else if components.iter().any(strong_alone) {
        Ok(())
    } else if distinct.len() < 2 || distinct.iter().all(says_little) {
        entry(
            place,
            "one lone value, or codes alone, are too common to block on and open to frequency attack; add a component of another field",
        )
    } else {
        Ok(())
    }
}

fn component(text: &str, fields: &[Field], place: &str) -> Result<BlockComponent, SchemaError> {
    let (field_name, form_name) = text.split_once('.').unwrap_or((text, "value"));
    let Some(field) = fields
        .iter()
        .position(|field| field.name.as_str() == field_name)
    else {
        return entry(place, format!("there is no field `{field_name}`"));
    };
    match BlockForm::parse(form_name) {
        Some(form) if form.suits(fields[field].kind) => Ok(BlockComponent { field, form }),
        Some(_) => entry(
            place,
            format!("a field of this kind has no form `{form_name}`"),
        ),
        None => entry(place, format!("there is no form `{form_name}`")),
    }
}

fn parties(raw: &[raw::Party], fields: &[Field]) -> Result<Vec<Party>, SchemaError> {
    hold_count("party", raw.len(), MAX_PARTIES)?;
    let mut parties: Vec<Party> = Vec::with_capacity(raw.len());
    for party in raw {
        let place = format!("party `{}`", party.name);
        let checked = Party {
            name: name(&party.name, &place)?,
            title: party.title.clone(),
            duplicates: party.duplicates,
            record_id: party.record_id.clone(),
            events: events(party.events.as_ref(), &place)?,
            sources: sources(&party.map, fields, &place)?,
        };
        if parties.iter().any(|known| known.name == checked.name) {
            return entry(place, "the name is used twice");
        }
        parties.push(checked);
    }
    Ok(parties)
}

fn events(raw: Option<&raw::Events>, place: &str) -> Result<Option<EventSource>, SchemaError> {
    let Some(raw) = raw else { return Ok(None) };
    let is_plain = |code: &String| !code.is_empty() && *code == code.trim().to_lowercase();
    if raw.column.is_empty() || raw.codes.is_empty() || !raw.codes.keys().all(is_plain) {
        let problem = "`events` has a column, and codes in lower case without blanks around them";
        return entry(place, problem);
    }
    Ok(Some(EventSource {
        column: raw.column.clone(),
        codes: raw.codes.clone(),
    }))
}

fn sources(
    map: &BTreeMap<String, raw::Source>,
    fields: &[Field],
    place: &str,
) -> Result<Vec<Option<FieldSource>>, SchemaError> {
    let unknown = |name: &&String| {
        !fields
            .iter()
            .any(|field| field.name.as_str() == name.as_str())
    };
    if let Some(name) = map.keys().find(unknown) {
        return entry(
            place,
            format!("`map` names the field `{name}`, which the schema does not have"),
        );
    }
    fields
        .iter()
        .map(|field| {
            map.get(field.name.as_str())
                .map(|raw| source(raw, field.kind, &format!("{place}, field `{}`", field.name)))
                .transpose()
        })
        .collect()
}

fn source(raw: &raw::Source, kind: FieldKind, place: &str) -> Result<FieldSource, SchemaError> {
    use FieldKind as K;
    if raw.columns.is_empty() {
        return entry(place, "`columns` is empty");
    }
    let is_name = matches!(kind, K::GivenName | K::Surname | K::FullName);
    let only = |stands: bool, allowed: bool, what: &str| {
        if stands && !allowed {
            entry(
                place,
                format!("`{what}` does not go with a field of this kind"),
            )
        } else {
            Ok(())
        }
    };
    only(raw.order.is_some(), is_name, "order")?;
    only(!raw.formats.is_empty(), kind == K::Date, "formats")?;
    only(raw.age.is_some(), kind == K::Date, "age")?;
    only(
        !raw.codes.is_empty(),
        matches!(kind, K::Sex | K::Code),
        "codes",
    )?;
    if kind == K::Date && raw.formats.is_empty() {
        return entry(
            place,
            "a date needs `formats`, for example [\"YYYY-MM-DD\"]",
        );
    }
    if kind == K::Sex && raw.codes.is_empty() {
        return entry(
            place,
            "sex needs `codes`, for example { male = \"m\", female = \"f\" }",
        );
    }
    let formats = raw
        .formats
        .iter()
        .map(|text| {
            DateFormat::parse(text).ok_or_else(|| SchemaError::Entry {
                place: place.to_owned(),
                problem: format!(
                    "`{text}` is not a date format; use YYYY or YY, MM, DD and separators"
                ),
            })
        })
        .collect::<Result<_, _>>()?;
    Ok(FieldSource {
        columns: raw.columns.clone(),
        order: raw.order,
        formats,
        codes: codes(&raw.codes, place)?,
        age: raw.age.clone(),
    })
}

/// Recorded words are matched without regard to case, so two that differ in case alone must agree.
fn codes(
    raw: &BTreeMap<String, String>,
    place: &str,
) -> Result<BTreeMap<String, String>, SchemaError> {
    let mut codes = BTreeMap::new();
    for (written, common) in raw {
        let before = codes.insert(written.to_lowercase(), common.clone());
        if before.is_some_and(|before| before != *common) {
            return entry(
                place,
                format!("`codes` maps `{}` in two ways", written.to_lowercase()),
            );
        }
    }
    Ok(codes)
}

fn hold_count(what: &str, count: usize, limit: usize) -> Result<(), SchemaError> {
    if (1..=limit).contains(&count) {
        Ok(())
    } else {
        entry(
            format!("[[{what}]]"),
            format!("there are {count}, allowed are 1 to {limit}"),
        )
    }
}
