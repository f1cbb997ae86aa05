//! The same inputs give the same bytes: on one thread and on several, in one process and over the
//! network.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use encode::{LinkageKey, NodeKeys, Preparer};
use link::{PartyRows, RecordSet, Scratch};
use model::agreement::{DecoyRules, Disclosure};
use model::{
    Epoch, Layout, LinkageSchema, PartyIndex, RecordHandle, RunNumber, Silent, SystemClock,
};
use node::{CollectOptions, Disclosed};
use records::ColumnPlan;
use secret::SeededEntropy;
use secret::key_file::{self, Purpose};
use sources::CsvFile;
use testkit::country::{CountrySpec, ErrorLevel, generate};
use testkit::dpos::Terms;
use testkit::federation::{Federation, Member};

fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/four-registries")
}

fn link_sample(out: &Path, threads: usize) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_symbolon"));
    command
        .arg("link")
        .arg(sample().join("schema.toml"))
        .arg("--out")
        .arg(out);
    command.args(["--threads", &threads.to_string()]);
    for party in ["crvs", "id", "sr", "ibr"] {
        let file = sample().join(format!("{party}.csv.gz"));
        command.args(["--party", &format!("{party}={}", file.display())]);
    }
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn the_number_of_threads_does_not_change_a_byte() {
    let dir = tempfile::tempdir().unwrap();
    let (one, many) = (dir.path().join("one"), dir.path().join("many"));
    link_sample(&one, 1);
    link_sample(&many, 3);
    for file in ["clusters.csv", "links.csv", "run.json"] {
        let (one, many) = (
            fs::read(one.join(file)).unwrap(),
            fs::read(many.join(file)).unwrap(),
        );
        assert!(one == many, "{file} differs");
        assert!(one.len() > 500, "{file} is nearly empty");
    }
}

/// What the resolver should have found, computed without any program or socket between.
fn clusters_in_process(
    schema: &LinkageSchema,
    members: &[Member],
    key: &Path,
) -> Vec<(PartyIndex, RecordHandle, u32)> {
    let layout = Layout::of(schema);
    let project = members[0].node.config().project.clone();
    let linkage = LinkageKey::new(key_file::read(key, Purpose::Linkage).unwrap());
    let epoch = linkage.epoch(&project, Epoch(1), schema);
    let (mut rows, mut sets) = (Vec::new(), Vec::new());
    for (member, party) in members.iter().zip(schema.party_indices()) {
        let secret = key_file::read(&member.node.home().node_secret(), Purpose::Vault).unwrap();
        let keys = NodeKeys::derive(&secret, &project, Epoch(1), RunNumber(1));
        let plan = ColumnPlan::of(schema, party);
        let mut preparer = Preparer::new(schema, &layout, party, &plan, &epoch, &keys);
        let mut source = CsvFile::open(&member.registry, &plan).unwrap();
        // Another chunk size than the node's: it must not matter.
        loop {
            let chunk = source.next_chunk(97).unwrap();
            if chunk.is_empty() {
                break;
            }
            preparer.add(chunk).unwrap();
        }
        let prepared = preparer.finish();
        let handles = prepared
            .handle_map
            .iter()
            .map(|entry| (entry.pass, entry.record));
        sets.push(RecordSet::of(party, handles));
        rows.push(prepared.rows.to_vec());
    }
    let inputs: Vec<PartyRows<'_>> = schema
        .party_indices()
        .zip(&rows)
        .map(|(party, bytes)| PartyRows { party, bytes })
        .collect();
    let (comparisons, _) = link::compare(schema, &layout, &inputs, &Silent).unwrap();
    let resolution = link::resolve(
        schema,
        &layout,
        &sets,
        &[],
        &mut comparisons.as_slice(),
        &Scratch::in_memory(),
        &Silent,
    )
    .unwrap();
    let list = resolution.records.list.iter().zip(&resolution.cluster_of);
    list.map(|((party, handle), first)| (*party, *handle, *first))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_networked_run_gives_the_clusters_of_one_in_process() {
    same_clusters(Terms::default()).await;
}

/// Rows that could meet nobody stay at their node.
#[tokio::test(flavor = "multi_thread")]
async fn choosing_what_is_sent_changes_no_cluster() {
    let sent = same_clusters(Some(Disclosure::default()).into())
        .await
        .unwrap();
    assert!(sent.sent < sent.made, "{sent:?}");
}

/// A node's decoys are compared like everybody else, and the resolver, which is told which they are, leaves
/// them out.
#[tokio::test(flavor = "multi_thread")]
async fn decoys_change_no_cluster() {
    let decoys = Some(DecoyRules { permille: 250 });
    same_clusters(Terms {
        decoys,
        ..Terms::default()
    })
    .await;
    let disclosure = Some(Disclosure::default());
    let both = Terms {
        decoys,
        disclosure,
        ..Terms::default()
    };
    let sent = same_clusters(both).await.unwrap();
    assert!(sent.sent < sent.made, "{sent:?}");
}

/// Matcher and resolver each with an operator, and all that protects switched on.
#[tokio::test(flavor = "multi_thread")]
async fn two_operators_give_the_clusters_of_one() {
    let terms = Terms {
        decoys: Some(DecoyRules { permille: 100 }),
        disclosure: Some(Disclosure::default()),
        ..Terms::default()
    };
    same_clusters_of(terms, true).await.unwrap();
}

/// Runs a federation and holds its clusters to those in process; what all nodes sent, where they chose.
async fn same_clusters(terms: Terms) -> Option<Disclosed> {
    same_clusters_of(terms, false).await
}

/// As [`same_clusters`], with an operator for each role if `is_apart`.
async fn same_clusters_of(terms: Terms, is_apart: bool) -> Option<Disclosed> {
    let (has_decoys, is_on_demand) = (terms.decoys.is_some(), terms.disclosure.is_some());
    let dir = tempfile::tempdir().unwrap();
    let registries = dir.path().join("registries");
    let spec = CountrySpec {
        persons: 300,
        level: ErrorLevel::Moderate,
        seed: 11,
    };
    generate(&spec).write_to(&registries, true).unwrap();
    let schema_file = sample().join("schema.toml");
    let schema = LinkageSchema::parse(&fs::read_to_string(&schema_file).unwrap()).unwrap();
    let mut entropy = SeededEntropy::new(11);
    let project = "equality".parse().unwrap();
    let (at, clock) = (dir.path(), Arc::new(SystemClock));
    let federation = match is_apart {
        true => {
            Federation::start_apart(at, &project, &schema_file, terms, clock, &mut entropy).await
        }
        false => {
            Federation::start_under(at, &project, &schema_file, terms, clock, &mut entropy).await
        }
    };
    let federation = federation.unwrap();
    let mut members = Vec::new();
    for party in &schema.parties {
        let registry = registries.join(format!("{}.csv.gz", party.name));
        members.push(
            federation
                .join(&party.name, &registry, federation.addresses(), &mut entropy)
                .unwrap(),
        );
    }
    for member in &members {
        let made = member.prepare(&Silent, &mut entropy).await.unwrap();
        assert_eq!(made.decoys > 10, has_decoys);
        member.node.upload(&Silent).await.unwrap();
    }
    let mut sent = None;
    for member in &members {
        let wait = std::time::Duration::from_secs(60);
        let summary = member.node.upload_within(wait, &Silent).await.unwrap();
        assert_eq!(summary.disclosed.is_some(), is_on_demand);
        sent = add(sent, summary.disclosed);
    }
    federation.approve(&members).await.unwrap();
    let options = CollectOptions {
        wait: std::time::Duration::from_secs(60),
        ..CollectOptions::default()
    };
    for member in &members {
        member.node.collect(&options, &Silent).await.unwrap();
    }
    let networked: Vec<_> = federation
        .clusters()
        .unwrap()
        .iter()
        .map(|row| (row.party, row.record, row.first))
        .collect();
    let in_process = clusters_in_process(&schema, &members, &federation.linkage_key());
    federation.stop().await.unwrap();
    assert!(
        networked == in_process,
        "the networked run and the one in process differ"
    );
    let linked = networked
        .iter()
        .enumerate()
        .filter(|(place, row)| row.2 as usize != *place)
        .count();
    assert!(linked > 100, "nearly nothing was linked: {linked}");
    sent
}

fn add(one: Option<Disclosed>, other: Option<Disclosed>) -> Option<Disclosed> {
    let (Some(one), Some(other)) = (one, other) else {
        return one.or(other);
    };
    Some(Disclosed {
        made: one.made + other.made,
        sent: one.sent + other.sent,
        records_sent: one.records_sent + other.records_sent,
        records_kept: one.records_kept + other.records_kept,
    })
}
