//! What a node can measure of its own data before anything leaves: twelve figures, M1 to M12, each with a light
//! and a sentence. Pure: records, schema and seed in, figures out. The encodings that are looked at are made under
//! throwaway keys.
//!
//! The public lists that some figures ask for are made from the data itself, as if a public list had the same
//! frequencies; a node with a real list of its country would see slightly other figures.

mod blocks;
mod edges;
mod people;
mod weight;

use encode::{ClearRecord, TrialRows};
use records::NormalisedRecord;
use serde::{Deserialize, Serialize};

use crate::blocks::Blocks;
use crate::registry::Registry;
use crate::report::Leaving;
use crate::trial::Trial;

/// Fewer than this many alike is few.
const FEW: usize = 5;

/// Whether a figure is fit for release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Light {
    /// Within what is expected.
    Green,
    /// To be looked at.
    Amber,
    /// Blocks a release.
    Red,
}

impl Light {
    /// Red from `red` on, amber from `amber` on.
    pub(crate) fn of(value: f64, amber: f64, red: f64) -> Self {
        if value > red {
            Self::Red
        } else if value > amber {
            Self::Amber
        } else {
            Self::Green
        }
    }
}

/// A number with a name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What it is.
    pub name: String,
    /// How much.
    pub value: f64,
}

/// One of the twelve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// `M1` to `M12`.
    pub id: String,
    /// What it measures.
    pub name: String,
    /// How it stands.
    pub light: Light,
    /// What it says, for people.
    pub sentence: String,
    /// The numbers behind it.
    pub figures: Vec<Figure>,
}

impl Metric {
    fn new(id: &str, name: &str, light: Light, sentence: String, figures: &[(&str, f64)]) -> Self {
        let figure = |(name, value): &(&str, f64)| Figure {
            name: (*name).to_owned(),
            value: *value,
        };
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            light,
            sentence,
            figures: figures.iter().map(figure).collect(),
        }
    }

    /// The figure of this name.
    pub fn figure(&self, name: &str) -> Option<f64> {
        self.figures
            .iter()
            .find(|figure| figure.name == name)
            .map(|figure| figure.value)
    }
}

/// A node's own data as it would be uploaded.
pub(crate) struct Own<'a> {
    trial: Trial<'a>,
    /// The records of people.
    records: Vec<&'a NormalisedRecord>,
    /// All that is encoded: people, and decoys after them.
    clear: Vec<ClearRecord>,
    blocks: Blocks,
    /// What leaves.
    rows: TrialRows,
    leaving: Leaving,
    /// Records of the registry for one that is measured.
    scale: f64,
}

impl<'a> Own<'a> {
    fn of(trial: Trial<'a>, registry: &'a Registry) -> Self {
        let records: Vec<&NormalisedRecord> = registry.records().iter().collect();
        let decoys = registry.decoys().iter().map(|decoy| &decoy.record);
        let encoded: Vec<&NormalisedRecord> = records.iter().copied().chain(decoys).collect();
        let (rows, made) = trial.leaving(&encoded);
        let clear = encoded
            .iter()
            .map(|record| ClearRecord::of(trial.layout, record))
            .collect();
        Self {
            blocks: Blocks::of_rows(&rows),
            scale: registry.total() as f64 / registry.records().len().max(1) as f64,
            leaving: match trial.disclosure {
                None => Leaving::All,
                Some(_) => Leaving::Some {
                    made: made as u64,
                    sent: rows.len() as u64,
                },
            },
            trial,
            records,
            clear,
            rows,
        }
    }

    /// Records that are encoded, decoys among them.
    fn count(&self) -> f64 {
        self.clear.len().max(1) as f64
    }

    /// Records of people.
    fn people(&self) -> f64 {
        self.records.len().max(1) as f64
    }
}

/// The twelve figures of a registry, and which of its rows leave.
pub fn measure(trial: Trial<'_>, registry: &Registry) -> (Vec<Metric>, Leaving) {
    let own = Own::of(trial, registry);
    (figures(&own), own.leaving)
}

fn figures(own: &Own<'_>) -> Vec<Metric> {
    vec![
        blocks::concentration(own),
        blocks::lone_sizes(own),
        blocks::alignment(own),
        blocks::colours(own),
        edges::exposure(own),
        edges::uniqueness(own),
        weight::length(own),
        weight::multiplicity(own),
        people::suspicion(own),
        people::rare_values(own),
        weight::noise(own),
        people::missing_patterns(own),
    ]
}

/// A share in per cent, for sentences.
fn percent(share: f64) -> String {
    // Adding nought takes the sign off nought.
    format!("{:.1} %", share * 100.0 + 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Setting;
    use model::schema::{BlockComponent, BlockForm, Pass};

    fn measured(setting: &Setting) -> Vec<Metric> {
        measure(setting.trial(), setting.people).0
    }

    fn metric<'a>(metrics: &'a [Metric], id: &str) -> &'a Metric {
        metrics.iter().find(|metric| metric.id == id).unwrap()
    }

    #[test]
    fn the_twelve_are_all_there_in_order_and_finite() {
        let metrics = measured(&Setting::new("standard"));
        let ids: Vec<String> = (1..=12).map(|number| format!("M{number}")).collect();
        assert!(metrics.iter().map(|metric| &metric.id).eq(&ids));
        assert!(
            metrics
                .iter()
                .flat_map(|metric| &metric.figures)
                .all(|figure| figure.value.is_finite())
        );
        for green in ["M1", "M3", "M7"] {
            assert_ne!(
                metric(&metrics, green).light,
                Light::Red,
                "{:?}",
                metric(&metrics, green)
            );
        }
    }

    #[test]
    fn a_pass_on_a_lone_common_value_turns_the_lights_red() {
        let mut setting = Setting::new("standard");
        let before = measured(&setting);
        setting.schema.passes.push(Pass {
            name: "lone".parse().unwrap(),
            components: vec![BlockComponent {
                field: 4,
                form: BlockForm::Value,
            }],
        });
        let after = measured(&setting);
        for id in ["M1", "M3"] {
            assert_eq!(
                metric(&after, id).light,
                Light::Red,
                "{:?}",
                metric(&after, id)
            );
        }
        let exposed =
            |metrics: &[Metric]| metric(metrics, "M5").figure("comparable pairs").unwrap();
        assert!(exposed(&after) > exposed(&before));
    }

    #[test]
    fn filters_tell_lengths_and_signatures_do_not() {
        let of = |profile| measured(&Setting::new(profile));
        let (plain, signatures) = (of("field-bloom"), of("standard"));
        let length = |metrics: &[Metric]| {
            metric(metrics, "M7")
                .figure("length told by weight")
                .unwrap()
        };
        assert_eq!(metric(&plain, "M7").light, Light::Red);
        assert!(length(&plain) > 0.5 && length(&signatures) < 0.01 + 10.0 / 1500.0);
        assert_eq!(metric(&plain, "M5").light, Light::Red);
    }

    #[test]
    fn flips_and_joined_passes_show_in_their_figures() {
        let (with, without) = (
            Setting::new("standard"),
            Setting::new("standard").without_flips(),
        );
        let noise = |setting: &Setting| {
            metric(&measured(setting), "M11")
                .figure("noise a bit")
                .unwrap()
        };
        assert!((noise(&with) - 2.944).abs() < 0.01 && noise(&without) > 6.0);
        let colours = measured(&with);
        let colours = metric(&colours, "M4");
        assert!(
            colours.figure("passes joined").unwrap()
                > 10.0 * colours.figure("passes apart").unwrap()
        );
    }
}
