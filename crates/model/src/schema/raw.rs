//! The schema as it is typed, before it is checked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{AgeSource, FieldKind, NameOrder, ReleaseRules, ReviewRules};
use crate::life_event::LifeEvent;
use crate::profile::Profile;

/// The whole file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Schema {
    pub(super) format: u32,
    pub(super) name: String,
    pub(super) revision: u32,
    pub(super) profile: Profile,
    pub(super) latest_year: u16,
    #[serde(default)]
    pub(super) release: ReleaseRules,
    #[serde(default, skip_serializing_if = "ReviewRules::is_off")]
    pub(super) review: ReviewRules,
    pub(super) field: Vec<Field>,
    #[serde(default)]
    pub(super) pass: Vec<Pass>,
    pub(super) party: Vec<Party>,
}

/// A `[[field]]` table.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: FieldKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) within: Option<String>,
}

/// A `[[pass]]` table.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pass {
    pub(super) name: String,
    pub(super) block: Vec<String>,
}

/// A `[[party]]` table.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Party {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) duplicates: bool,
    pub(super) record_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) events: Option<Events>,
    pub(super) map: BTreeMap<String, Source>,
}

/// A party's `events`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Events {
    pub(super) column: String,
    pub(super) codes: BTreeMap<String, LifeEvent>,
}

/// One line of a party's `[party.map]`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Source {
    pub(super) columns: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) order: Option<NameOrder>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) formats: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) codes: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) age: Option<AgeSource>,
}
