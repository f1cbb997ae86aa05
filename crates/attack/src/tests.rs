//! What the tests of all attacks share: the people of the sample country, and a way to weaken a layer.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::OnceLock;

use flate2::bufread::MultiGzDecoder;
use model::{Layout, LinkageSchema};
use records::{ColumnPlan, LocalKey, NormalisedRecord, Normaliser};
use sources::CsvFile;

use crate::mistakes::noisy_copy;
use crate::outcome::Outcome;
use crate::registry::{Registry, Size};
use crate::suite::{Attack, Knowledge, Stage, Trial};

/// The one seed of all tests of attacks.
const SEED: u64 = 20;

fn sample(file: &str) -> PathBuf {
    [
        env!("CARGO_MANIFEST_DIR"),
        "../../examples/four-registries",
        file,
    ]
    .iter()
    .collect()
}

/// The sample schema under a profile.
pub(crate) fn schema(profile: &str) -> LinkageSchema {
    let text = std::fs::read_to_string(sample("schema.toml")).unwrap();
    let named = format!("profile = \"{profile}\"");
    LinkageSchema::parse(&text.replace("profile = \"standard\"", &named)).unwrap()
}

/// One record a person: from the identity register, else from civil registration.
pub(crate) fn people() -> &'static Registry {
    static PEOPLE: OnceLock<Registry> = OnceLock::new();
    PEOPLE.get_or_init(|| {
        let (mut seen, mut records) = (BTreeSet::new(), Vec::new());
        for party in ["id", "crvs"] {
            let persons = persons(party);
            for (key, record) in read(party) {
                if seen.insert(persons[&key].clone()) {
                    records.push(record);
                }
            }
        }
        Registry::new(records)
    })
}

#[expect(clippy::disallowed_methods, reason = "record ids of made-up people")]
fn id(key: &LocalKey) -> String {
    key.expose().to_owned()
}

fn read(party: &str) -> Vec<(String, NormalisedRecord)> {
    let schema = schema("standard");
    let index = schema.party_index(&party.parse().unwrap()).unwrap();
    let plan = ColumnPlan::of(&schema, index);
    let normaliser = Normaliser::new(&schema, index, &plan);
    let mut file = CsvFile::open(&sample(&format!("{party}.csv.gz")), &plan).unwrap();
    let rows = file.next_chunk(10_000).unwrap();
    let record = |row| normaliser.normalise(row, &mut Vec::new());
    rows.iter().map(|row| (id(&row.key), record(row))).collect()
}

/// The person of each record of a party.
fn persons(party: &str) -> BTreeMap<String, String> {
    let file = BufReader::new(File::open(sample("truth.csv.gz")).unwrap());
    let mut reader = csv::Reader::from_reader(MultiGzDecoder::new(file));
    let rows = reader.records().map(Result::unwrap);
    let of_party = rows.filter(|row| row[0].to_lowercase() == party);
    of_party
        .map(|row| (row[1].to_owned(), row[2].to_owned()))
        .collect()
}

/// A schema and its layout, either of which a test may weaken.
pub(crate) struct Setting {
    pub(crate) schema: LinkageSchema,
    pub(crate) layout: Layout,
}

impl Setting {
    pub(crate) fn new(profile: &str) -> Self {
        let schema = schema(profile);
        let layout = Layout::of(&schema);
        Self { schema, layout }
    }

    /// Runs one attack on the people.
    pub(crate) fn run(&self, attack: Attack, knowledge: Knowledge, size: Size) -> Outcome {
        let people = people();
        let noisy;
        let target = match knowledge {
            Knowledge::Noisy => {
                noisy = noisy_copy(&self.schema, people, SEED);
                &noisy
            }
            _ => people,
        };
        let trial = Trial {
            schema: &self.schema,
            layout: &self.layout,
            seed: SEED,
        };
        Stage::new(trial, target, people, size).run(attack)
    }
}
