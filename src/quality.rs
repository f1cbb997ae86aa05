//! Quality on many data sets with one set of defaults: the regression test of linkage quality.
//!
//! A manifest names the sets, each with its schema, its files, its truth and the F1 that must be
//! reached. Nothing else belongs to a set: whatever tells one set from another is in its columns.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use comfy_table::{Table, presets};
use link::Quality;
use model::profile::Profile;
use model::{LinkageSchema, Progress};
use serde::Deserialize;
use serde_json::{Value, json};
use service::Stopwatch;

use crate::evaluation;
use crate::inputs;
use crate::key_server::KeyServer;
use crate::rehearsal::{PartyFile, Rehearsal};
use crate::truth::Truth;

/// The most bytes a manifest may have.
const MAX_MANIFEST: u64 = 1 << 20;

/// The data sets, as their file lists them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    set: Vec<DataSet>,
    /// The directory the manifest stands in.
    #[serde(skip)]
    directory: PathBuf,
    /// The profile in place of the schemas' own.
    #[serde(skip)]
    profile: Option<Profile>,
    /// Whether tokens of identifiers take a key server.
    #[serde(skip)]
    key_server: bool,
}

/// One data set.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DataSet {
    name: String,
    /// Relative to the manifest.
    schema: PathBuf,
    /// Whether the files below are relative to the manifest too, not to the data directory.
    #[serde(default)]
    here: bool,
    /// By party of the schema, its file.
    party: BTreeMap<String, PathBuf>,
    truth: PathBuf,
    /// The least F1.
    floor: f64,
}

/// What came of one data set.
pub(crate) struct Measured {
    name: String,
    records: u64,
    quality: Quality,
    /// F1 of the same model on clear text, where asked for.
    clear: Option<f64>,
    /// True pairs that met in some pass, of all.
    completeness: f64,
    floor: f64,
    spent: Duration,
}

impl Manifest {
    /// Reads the manifest at `path`.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let place = || path.display().to_string();
        if std::fs::metadata(path).with_context(place)?.len() > MAX_MANIFEST {
            bail!("{}: longer than {MAX_MANIFEST} bytes", path.display());
        }
        let text = std::fs::read_to_string(path).with_context(place)?;
        let mut manifest: Self = toml::from_str(&text).with_context(place)?;
        manifest.directory = path.parent().unwrap_or(Path::new(".")).to_path_buf();
        Ok(manifest)
    }

    /// Keeps the sets of these names; all when none is named.
    pub(crate) fn choose(&mut self, names: &[String]) -> anyhow::Result<()> {
        let known = |name: &&String| self.set.iter().any(|set| set.name == **name);
        if let Some(unknown) = names.iter().find(|name| !known(name)) {
            bail!("there is no data set `{unknown}` in the manifest");
        }
        if !names.is_empty() {
            self.set.retain(|set| names.contains(&set.name));
        }
        Ok(())
    }

    /// Has the tokens of identifiers take a key server.
    pub(crate) fn with_key_server(&mut self) {
        self.key_server = true;
    }

    /// Has all sets encoded under `profile`. Floors are of the schemas' own: up to a point below will do.
    pub(crate) fn under(&mut self, profile: Profile) {
        self.profile = Some(profile);
        for set in &mut self.set {
            set.floor -= POINT;
        }
    }

    /// Links every set whose files are there, and says which are not.
    pub(crate) fn measure(
        &self,
        data: Option<&Path>,
        clear: bool,
        progress: &dyn Progress,
        mut tell: impl FnMut(&str),
    ) -> anyhow::Result<Vec<Measured>> {
        let mut measured = Vec::new();
        for set in &self.set {
            let files = if set.here {
                Some(self.directory.as_path())
            } else {
                data
            };
            let Some(files) = files.filter(|files| files.join(&set.truth).exists()) else {
                tell(&format!("{}: its files are not there, left out", set.name));
                continue;
            };
            let one = self.measure_one(set, files, clear, progress);
            let one = one.with_context(|| format!("data set `{}`", set.name))?;
            tell(&format!(
                "{}: F1 {:.4} in {:.1} s",
                one.name,
                one.quality.f1(),
                one.spent.as_secs_f64()
            ));
            measured.push(one);
        }
        if measured.is_empty() {
            bail!("no data set could be measured; name their directory with --data");
        }
        Ok(measured)
    }

    fn measure_one(
        &self,
        set: &DataSet,
        files: &Path,
        clear: bool,
        progress: &dyn Progress,
    ) -> anyhow::Result<Measured> {
        let watch = Stopwatch::start();
        let truth = Truth::read(&files.join(&set.truth))?;
        let mut schema = inputs::read_schema(&self.directory.join(&set.schema))?;
        schema.profile = self.profile.unwrap_or(schema.profile);
        let parties = set.files(&schema, files)?;
        let again = clear.then(|| schema.clone());
        let server = KeyServer::of_identifiers(&schema, SEED).filter(|_| self.key_server);
        let mut rehearsal = Rehearsal::new(schema, SEED);
        if let Some(server) = server {
            rehearsal = rehearsal.with_key_server(server);
        }
        let linked = rehearsal.run(&parties, progress)?;
        let spent = watch.elapsed();
        let quality = evaluation::overall(&linked.assignments(), &truth)?;
        let completeness = evaluation::completeness(&linked, &truth);
        let in_clear = |schema| {
            let rehearsal = Rehearsal::new(schema, SEED).on_clear_values()?;
            let linked = rehearsal.run(&parties, progress)?;
            anyhow::Ok(evaluation::overall(&linked.assignments(), &truth)?.f1())
        };
        let clear = again.map(in_clear).transpose()?;
        Ok(Measured {
            name: set.name.clone(),
            records: linked.records.len() as u64,
            quality,
            clear,
            completeness,
            floor: set.floor,
            spent,
        })
    }
}

/// What another profile may cost.
const POINT: f64 = 0.01;

/// What the keys of all rehearsals are made from.
const SEED: u64 = 1;

impl DataSet {
    fn files(&self, schema: &LinkageSchema, data: &Path) -> anyhow::Result<Vec<PartyFile>> {
        let mut files = Vec::new();
        for (label, file) in &self.party {
            files.push(PartyFile {
                party: inputs::party_of(schema, label)?,
                label: label.clone(),
                path: data.join(file),
            });
        }
        files.sort_by_key(|file| file.party);
        Ok(files)
    }
}

impl Measured {
    /// Whether the floor is held, to three places after the point as floors are given.
    pub(crate) fn holds(&self) -> bool {
        let thousandths = |share: f64| (share * 1000.0).round();
        thousandths(self.quality.f1()) >= thousandths(self.floor)
    }

    /// The set and its figures in words, for one that fell below its floor.
    pub(crate) fn shortfall(&self) -> String {
        let f1 = self.quality.f1();
        format!("{}: F1 {f1:.4} is below {:.3}", self.name, self.floor)
    }
}

/// The table people read.
pub(crate) fn table(measured: &[Measured]) -> String {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    let with_clear = measured.iter().any(|one| one.clear.is_some());
    let mut header = vec![
        "data set",
        "records",
        "true pairs",
        "compared",
        "wrong",
        "missed",
        "precision",
        "recall",
        "F1",
        "floor",
    ];
    if with_clear {
        header.extend(["clear F1", "cost of privacy"]);
    }
    table.set_header(header);
    for one in measured {
        let quality = &one.quality;
        let share = |share: f64| format!("{share:.4}");
        let mut row = vec![
            one.name.clone(),
            one.records.to_string(),
            (quality.true_positives + quality.false_negatives).to_string(),
            share(one.completeness),
            quality.false_positives.to_string(),
            quality.false_negatives.to_string(),
            share(quality.precision()),
            share(quality.recall()),
            share(quality.f1()),
            format!(
                "{:.3}{}",
                one.floor,
                if one.holds() { "" } else { " NOT HELD" }
            ),
        ];
        if let Some(clear) = one.clear {
            row.push(share(clear));
            row.push(format!("{:+.4}", clear - quality.f1()));
        }
        table.add_row(row);
    }
    table.to_string()
}

/// The same for programs.
pub(crate) fn json(measured: &[Measured]) -> Value {
    let one = |one: &Measured| {
        json!({
            "set": one.name,
            "records": one.records,
            "found": one.quality.true_positives,
            "wrong": one.quality.false_positives,
            "missed": one.quality.false_negatives,
            "precision": one.quality.precision(),
            "recall": one.quality.recall(),
            "f1": one.quality.f1(),
            "pairs_completeness": one.completeness,
            "floor": one.floor,
            "held": one.holds(),
            "clear_f1": one.clear,
            "seconds": one.spent.as_secs_f64(),
        })
    };
    json!({ "sets": measured.iter().map(one).collect::<Vec<_>>() })
}
