//! Running the federation: every stage of the real protocol, timed.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use model::agreement::{DecoyRules, Disclosure, RiskRules};
use model::{
    Epoch, LinkageSchema, PartyName, Progress, RecordHandle, RunNumber, Silent, SystemClock,
};
use node::{CollectOptions, CollectSummary, PrepareReport, RiskSummary, UploadSummary};
use records::ColumnPlan;
use secret::SystemEntropy;
use service::Stopwatch;
use sources::CsvFile;
use testkit::country::{CountrySpec, ErrorLevel, generate};
use testkit::dpos::Terms;
use testkit::federation::{Federation, Member};

use super::audited::{self, Audited};
use super::risk::{self, Risk};
use crate::truth::Assignments;

/// The schema of the sample, the same file as in `examples/four-registries`.
const SCHEMA: &str = include_str!("../../examples/four-registries/schema.toml");
/// How long a node waits for the run to be released.
const PATIENCE: Duration = Duration::from_secs(1800);

/// Which country the federation links.
pub(crate) struct Sample {
    /// Living persons, about.
    pub(crate) persons: u32,
    /// What the country is made from.
    pub(crate) seed: u64,
}

/// What one member did and got.
pub(crate) struct MemberResult {
    pub(crate) party: PartyName,
    pub(crate) title: String,
    pub(crate) prepared: PrepareReport,
    pub(crate) risk: Risk,
    /// The same measured of the rows that left, once it was settled which.
    pub(crate) left: RiskSummary,
    pub(crate) uploaded: UploadSummary,
    pub(crate) collected: CollectSummary,
}

/// One stage and how long it took.
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    pub(crate) took: Duration,
}

/// A federation that has run to its end.
pub(crate) struct Federated {
    pub(crate) registries: PathBuf,
    pub(crate) members: Vec<MemberResult>,
    pub(crate) stages: Vec<Stage>,
    /// Everybody's clusters, which in a real federation nobody sees.
    pub(crate) clusters: Assignments,
    /// What the auditor found.
    pub(crate) audited: Audited,
}

/// Makes the sample's registries under `dir` and links them there.
pub(crate) fn run(
    dir: &Path,
    sample: &Sample,
    progress: &dyn Progress,
) -> anyhow::Result<Federated> {
    let registries = dir.join("registries");
    let mut stages = Vec::new();
    timed(&mut stages, "make the sample country", || {
        let spec = CountrySpec {
            persons: sample.persons,
            level: ErrorLevel::Moderate,
            seed: sample.seed,
        };
        generate(&spec)
            .write_to(&registries, true)
            .context("the sample country cannot be written")
    })?;
    let schema_file = dir.join("schema.toml");
    std::fs::write(&schema_file, SCHEMA)?;
    let schema = LinkageSchema::parse(SCHEMA)?;
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(federate(
        dir,
        registries,
        &schema,
        &schema_file,
        stages,
        progress,
    ))
}

async fn federate(
    dir: &Path,
    registries: PathBuf,
    schema: &LinkageSchema,
    schema_file: &Path,
    mut stages: Vec<Stage>,
    progress: &dyn Progress,
) -> anyhow::Result<Federated> {
    let mut entropy = SystemEntropy::new();
    let watch = Stopwatch::start();
    let project = "sample".parse()?;
    let keyed = schema.profile.is_block_keyed();
    let terms = Terms {
        disclosure: keyed.then(Disclosure::default),
        decoys: DecoyRules::of(schema.profile),
        risk: Some(RiskRules::default()),
        ..Terms::default()
    };
    let federation = Federation::start_under(
        dir,
        &project,
        schema_file,
        terms,
        Arc::new(SystemClock),
        &mut entropy,
    )
    .await?;
    let mut members = Vec::new();
    for party in &schema.parties {
        let registry = registries.join(format!("{}.csv.gz", party.name));
        members.push(federation.join_without_key(
            &party.name,
            &registry,
            federation.addresses(),
            &mut entropy,
        )?);
    }
    federation
        .agree_on_key(&members, Epoch(1), &mut entropy)
        .await?;
    stages.push(Stage {
        name: "sign, enrol, agree on a key",
        took: watch.elapsed(),
    });
    let watch = Stopwatch::start();
    let mut prepared = Vec::new();
    for member in &members {
        prepared.push(member.prepare(progress, &mut entropy).await?);
    }
    stages.push(Stage {
        name: "prepare at four nodes",
        took: watch.elapsed(),
    });
    let watch = Stopwatch::start();
    let mut risks = Vec::new();
    for place in 0..members.len() {
        risks.push(risk::measure(&federation, &members, place, progress)?);
    }
    stages.push(Stage {
        name: "measure the risk at four nodes",
        took: watch.elapsed(),
    });
    let watch = Stopwatch::start();
    for member in &members {
        member.node.upload(progress).await?;
    }
    let mut uploaded = Vec::new();
    for member in &members {
        uploaded.push(member.node.upload_within(PATIENCE, progress).await?);
    }
    stages.push(Stage {
        name: "upload: block tokens, then what can meet",
        took: watch.elapsed(),
    });
    let watch = Stopwatch::start();
    let left: Result<Vec<RiskSummary>, _> = (members.iter())
        .map(|member| member.node.measure_risk(&member.registry, progress))
        .collect();
    let left = left?;
    stages.push(Stage {
        name: "measure the risk of what left",
        took: watch.elapsed(),
    });
    let watch = Stopwatch::start();
    federation.approve(&members).await?;
    let mut collected = Vec::new();
    for member in &members {
        let options = CollectOptions {
            wait: PATIENCE,
            ..CollectOptions::default()
        };
        collected.push(member.node.collect(&options, &Silent).await?);
    }
    stages.push(Stage {
        name: "link, approve, collect",
        took: watch.elapsed(),
    });
    let clusters = everybodys_clusters(&federation, &members, schema)?;
    federation.stop().await?;
    let audited = timed(&mut stages, "audit, and link again", || {
        audited::audit(dir, &members, &SystemClock)
    })?;
    let results = members.iter().zip(prepared).zip(risks).zip(left);
    let results = results.zip(uploaded).zip(collected);
    let members = results.map(
        |(((((member, prepared), risk), left), uploaded), collected)| MemberResult {
            party: member.party.clone(),
            title: title(schema, &member.party),
            prepared,
            risk,
            left,
            uploaded,
            collected,
        },
    );
    Ok(Federated {
        registries,
        members: members.collect(),
        stages,
        clusters,
        audited,
    })
}

fn title(schema: &LinkageSchema, party: &PartyName) -> String {
    schema
        .party_index(party)
        .map(|index| schema.party(index).title.clone())
        .unwrap_or_default()
}

/// Joins the resolver's clusters with the nodes' own records, as no party of a real federation can.
fn everybodys_clusters(
    federation: &Federation,
    members: &[Member],
    schema: &LinkageSchema,
) -> anyhow::Result<Assignments> {
    let rows = federation.clusters()?;
    let mut assignments = Assignments::new();
    for (place, party) in schema.party_indices().enumerate() {
        let member = &members[place];
        let handles = member.handles(RunNumber(1))?;
        let clusters: HashMap<RecordHandle, u32> = rows
            .iter()
            .filter(|row| row.party == party)
            .map(|row| (row.record, row.first))
            .collect();
        let mut source = CsvFile::open(&member.registry, &ColumnPlan::of(schema, party))?;
        loop {
            let chunk = source.next_chunk(4096)?;
            if chunk.is_empty() {
                break;
            }
            for record in chunk {
                let cluster = match clusters.get(&handles.of(&record.key)) {
                    Some(first) => format!("c{first}"),
                    None => format!("s{place}-{}", record.row),
                };
                assignments.push((
                    (
                        member.party.to_string(),
                        crate::rehearsal::record_id(&record.key),
                    ),
                    cluster,
                ));
            }
        }
    }
    Ok(assignments)
}

fn timed<T>(stages: &mut Vec<Stage>, name: &'static str, work: impl FnOnce() -> T) -> T {
    let watch = Stopwatch::start();
    let result = work();
    stages.push(Stage {
        name,
        took: watch.elapsed(),
    });
    result
}
