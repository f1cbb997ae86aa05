//! What the tests of all attacks share: the people of the sample country, and a way to weaken a layer.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::sync::OnceLock;

use flate2::bufread::MultiGzDecoder;
use model::profile::Hardening;
use model::{Layout, LinkageSchema};
use records::{ColumnPlan, LocalKey, NormalisedRecord, Normaliser};
use sources::CsvFile;

use crate::mistakes::noisy_copy;
use crate::outcome::Outcome;
use crate::registry::{Registry, Size};
use crate::suite::{Attack, Knowledge, Stage};
use crate::trial::Trial;

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

/// The fields of the prototype whose figures the design was drawn up by.
const LEAN: [&str; 6] = [
    "given",
    "surname",
    "birth_date",
    "sex",
    "mother",
    "locality",
];

/// The sample schema with these fields only.
fn lean_schema(profile: &str) -> LinkageSchema {
    let text = std::fs::read_to_string(sample("schema.toml")).unwrap();
    let text = text.replace(
        "profile = \"standard\"",
        &format!("profile = \"{profile}\""),
    );
    let mut lean = String::new();
    for section in text.split_inclusive("\n\n") {
        let named = |name: &str| section.contains(&format!("name = \"{name}\""));
        if !section.contains("[[field]]") {
            let lines = section.split_inclusive('\n');
            let stays = |line: &&str| {
                let name = line.split(' ').next().unwrap_or_default();
                !line.contains("columns = [") || LEAN.contains(&name)
            };
            lean.extend(lines.filter(stays));
        } else if LEAN.iter().any(|name| named(name)) {
            lean.push_str(&section.replace("within = \"sub_region\"\n", ""));
        }
    }
    LinkageSchema::parse(&lean).unwrap()
}

/// One record a person: from the identity register, else from civil registration.
fn read_people(schema: &LinkageSchema) -> Registry {
    let (mut seen, mut records) = (BTreeSet::new(), Vec::new());
    for party in ["id", "crvs"] {
        let persons = persons(party);
        for (key, record) in read(schema, party) {
            if seen.insert(persons[&key].clone()) {
                records.push(record);
            }
        }
    }
    Registry::new(records)
}

/// The people with all their fields.
pub(crate) fn people() -> &'static Registry {
    static PEOPLE: OnceLock<Registry> = OnceLock::new();
    PEOPLE.get_or_init(|| read_people(&schema("standard")))
}

/// The people with few fields.
pub(crate) fn lean_people() -> &'static Registry {
    static PEOPLE: OnceLock<Registry> = OnceLock::new();
    PEOPLE.get_or_init(|| read_people(&lean_schema("standard")))
}

#[expect(clippy::disallowed_methods, reason = "record ids of made-up people")]
fn id(key: &LocalKey) -> String {
    key.expose().to_owned()
}

fn read(schema: &LinkageSchema, party: &str) -> Vec<(String, NormalisedRecord)> {
    let index = schema.party_index(&party.parse().unwrap()).unwrap();
    let plan = ColumnPlan::of(schema, index);
    let normaliser = Normaliser::new(schema, index, &plan);
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
    pub(crate) people: &'static Registry,
}

impl Setting {
    pub(crate) fn new(profile: &str) -> Self {
        let schema = schema(profile);
        let layout = Layout::of(&schema);
        Self {
            schema,
            layout,
            people: people(),
        }
    }

    /// With few fields.
    pub(crate) fn lean(profile: &str) -> Self {
        let schema = lean_schema(profile);
        let layout = Layout::of(&schema);
        Self {
            schema,
            layout,
            people: lean_people(),
        }
    }

    /// Without flips, or next to none.
    pub(crate) fn without_flips(mut self) -> Self {
        self.layout.hardening = Hardening::MinHash { flip_permille: 0 };
        self
    }

    /// Runs one attack on the people.
    pub(crate) fn run(&self, attack: Attack, knowledge: Knowledge, size: Size) -> Outcome {
        self.attack(self.trial(), self.people, attack, knowledge, size)
    }

    /// Runs one attack on these people, of whom what the trial says leaves.
    pub(crate) fn attack(
        &self,
        trial: Trial<'_>,
        people: &Registry,
        attack: Attack,
        knowledge: Knowledge,
        size: Size,
    ) -> Outcome {
        let noisy;
        let target = match knowledge {
            Knowledge::Noisy => {
                noisy = noisy_copy(&self.schema, people, SEED);
                &noisy
            }
            _ => people,
        };
        Stage::new(trial, target, people, size).run(attack)
    }

    /// The people with decoys among them.
    pub(crate) fn with_decoys(&self, permille: u32) -> Registry {
        read_people(&self.schema).with_trial_decoys(&self.schema, permille, SEED)
    }

    /// The registry of one party.
    pub(crate) fn registry(&self, party: &str) -> Registry {
        let records = read(&self.schema, party).into_iter();
        Registry::new(records.map(|(_, record)| record).collect())
    }

    pub(crate) fn trial(&self) -> Trial<'_> {
        Trial::new(&self.schema, &self.layout, SEED)
    }
}

#[test]
fn one_seed_gives_one_outcome_on_any_number_of_threads() {
    let size = Size {
        people: 400,
        overlap: 80,
    };
    let attacks = [
        ("record-clk", Attack::Graph),
        ("record-clk", Attack::KnownPairs { pairs: 50 }),
        ("standard", Attack::Edges { joined: true }),
        ("standard", Attack::Edges { joined: false }),
        ("standard", Attack::Seeded { seeds: 20 }),
        (
            "standard",
            Attack::Colours {
                joined: true,
                presence: true,
            },
        ),
    ];
    for (profile, attack) in attacks {
        let outcome = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| Setting::new(profile).run(attack, Knowledge::Noisy, size))
        };
        assert_eq!(outcome(1), outcome(3), "{profile} {attack:?}");
    }
}
