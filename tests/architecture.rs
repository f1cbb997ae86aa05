//! Holds the crates to the table of who may depend on whom. What a program can reach is what Cargo
//! says it can reach, so `cargo tree` proves to anyone that the coordinator has no code that knows
//! a raw record or the linkage key.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::LazyLock;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};

/// Each crate of ours, with the crates of ours it may depend on. A row may stand here before its
/// crate exists.
const TABLE: &[(&str, &[&str])] = &[
    ("bits", &[]),
    ("model", &["bits"]),
    ("secret", &[]),
    ("oprf", &["model", "secret"]),
    ("records", &["model"]),
    ("sources", &["model", "records"]),
    ("encode", &["bits", "model", "secret", "records"]),
    ("link", &["bits", "model"]),
    ("audit", &["model"]),
    ("wire", &["bits", "model", "audit"]),
    ("service", &["model"]),
    (
        "node",
        &[
            "model", "secret", "oprf", "records", "sources", "encode", "attack", "audit", "wire",
            "service",
        ],
    ),
    (
        "coordinator",
        &[
            "model", "secret", "link", "audit", "wire", "service", "gateway",
        ],
    ),
    (
        "keyserver",
        &["model", "secret", "oprf", "audit", "wire", "service"],
    ),
    ("gateway", &["bits", "model", "audit", "service"]),
    (
        "auditor",
        &["model", "secret", "link", "audit", "wire", "service"],
    ),
    ("attack", &["bits", "model", "records", "encode"]),
];

/// Crates that may use all others: test support, and the workbench.
const ANY: [&str; 2] = ["testkit", "symbolon"];

/// Crates that run where no raw record may ever be.
const BLIND: [&str; 9] = [
    "coordinator",
    "keyserver",
    "oprf",
    "gateway",
    "link",
    "wire",
    "audit",
    "auditor",
    "service",
];

/// Crates that know raw records, or how to get at them.
const RAW: [&str; 4] = ["records", "sources", "encode", "attack"];

/// The only crates that may reach `records`.
const HOLDERS: [&str; 6] = ["node", "sources", "encode", "attack", "testkit", "symbolon"];

/// Crates that compute and wait for nobody.
const SYNCHRONOUS: [&str; 9] = [
    "bits", "model", "secret", "oprf", "records", "encode", "attack", "link", "audit",
];

/// Other implementations of TLS and cryptography than the one chosen, ring.
const OTHER_CRYPTOGRAPHY: [&str; 5] = [
    "aws-lc-rs",
    "aws-lc-sys",
    "openssl",
    "openssl-sys",
    "native-tls",
];

static GRAPH: LazyLock<Graph> = LazyLock::new(Graph::read);

/// The packages and how they depend on each other.
struct Graph {
    metadata: Metadata,
    /// By package: what it depends on, normally and when building.
    normal: BTreeMap<PackageId, BTreeSet<PackageId>>,
    build: BTreeMap<PackageId, BTreeSet<PackageId>>,
}

impl Graph {
    fn read() -> Self {
        // Only this machine's packages: others need not have been downloaded.
        let options = ["--offline", "--locked", "--filter-platform=host-tuple"].map(String::from);
        let metadata = MetadataCommand::new()
            .manifest_path(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
            .other_options(options)
            .exec()
            .unwrap();
        Self {
            normal: edges(&metadata, DependencyKind::Normal),
            build: edges(&metadata, DependencyKind::Build),
            metadata,
        }
    }

    fn ours(&self) -> Vec<&Package> {
        self.metadata.workspace_packages()
    }

    fn our(&self, name: &str) -> Option<&Package> {
        self.ours()
            .into_iter()
            .find(|package| package.name.as_str() == name)
    }

    fn name(&self, id: &PackageId) -> &str {
        self.metadata[id].name.as_str()
    }

    /// Names of what `package` depends on itself, normally or when building.
    fn direct(&self, package: &Package) -> BTreeSet<&str> {
        let edges = [&self.normal, &self.build];
        let edges = edges.into_iter().flat_map(|edges| &edges[&package.id]);
        edges.map(|id| self.name(id)).collect()
    }

    /// Names of all that `package` reaches over normal dependencies, with the way there.
    fn reached(&self, package: &Package) -> BTreeMap<&str, String> {
        let mut reached = BTreeMap::new();
        let mut left = vec![(&package.id, package.name.to_string())];
        while let Some((from, way)) = left.pop() {
            for to in &self.normal[from] {
                let name = self.name(to);
                let way = format!("{way} -> {name}");
                if reached.insert(name, way.clone()).is_none() {
                    left.push((to, way));
                }
            }
        }
        reached
    }

    /// The ways by which a crate of `from` reaches a crate of `to`.
    fn ways(&self, from: &[&str], to: &[&str]) -> Vec<String> {
        let from = from.iter().filter_map(|name| self.our(name));
        from.flat_map(|package| {
            let reached = self.reached(package);
            let ways = to.iter().filter_map(|name| reached.get(name).cloned());
            ways.collect::<Vec<_>>()
        })
        .collect()
    }
}

fn edges(metadata: &Metadata, kind: DependencyKind) -> BTreeMap<PackageId, BTreeSet<PackageId>> {
    let nodes = &metadata.resolve.as_ref().unwrap().nodes;
    let of_kind = |node: &cargo_metadata::Node| {
        let deps = node.deps.iter();
        let deps = deps.filter(|dep| dep.dep_kinds.iter().any(|info| info.kind == kind));
        deps.map(|dep| dep.pkg.clone()).collect()
    };
    let entry = |node: &cargo_metadata::Node| (node.id.clone(), of_kind(node));
    nodes.iter().map(entry).collect()
}

#[test]
fn the_dependency_table_is_exact() {
    let ours: BTreeSet<&str> = GRAPH.ours().iter().map(|p| p.name.as_str()).collect();
    let mut broken = Vec::new();
    for package in GRAPH.ours() {
        let name = package.name.as_str();
        if ANY.contains(&name) {
            continue;
        }
        let Some((_, allowed)) = TABLE.iter().find(|(row, _)| *row == name) else {
            broken.push(format!("{name} has no row in the table"));
            continue;
        };
        let direct = GRAPH.direct(package);
        let wrong = direct
            .intersection(&ours)
            .filter(|dep| !allowed.contains(dep));
        broken.extend(wrong.map(|dep| format!("{name} -> {dep}; {name} may use only {allowed:?}")));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn what_the_coordinator_runs_cannot_reach_raw_records() {
    let ways = GRAPH.ways(&BLIND, &RAW);
    assert!(ways.is_empty(), "{}", ways.join("\n"));
}

/// Who coordinates a linkage never runs its key server: its program has no code that could.
#[test]
fn what_the_coordinator_runs_cannot_evaluate_identifiers() {
    let ways = GRAPH.ways(&["coordinator", "gateway", "link"], &["oprf", "voprf"]);
    assert!(ways.is_empty(), "{}", ways.join("\n"));
    let evaluates = GRAPH.ways(&["keyserver"], &["voprf"]);
    assert!(!evaluates.is_empty());
}

#[test]
fn only_a_custodians_crates_reach_records() {
    let others: Vec<&str> = GRAPH
        .ours()
        .iter()
        .map(|package| package.name.as_str())
        .filter(|name| !HOLDERS.contains(name))
        .collect();
    let ways = GRAPH.ways(&others, &["records"]);
    assert!(ways.is_empty(), "{}", ways.join("\n"));
}

#[test]
fn only_wire_speaks_protobuf() {
    for package in GRAPH.ours() {
        let direct = GRAPH.direct(package);
        let speaks = |dep: &&&str| dep.starts_with("prost") || dep.starts_with("tonic");
        let found: Vec<_> = direct.iter().filter(speaks).collect();
        let name = package.name.as_str();
        assert!(name == "wire" || found.is_empty(), "{name} -> {found:?}");
    }
}

#[test]
fn computing_crates_wait_for_nobody() {
    let ways = GRAPH.ways(&SYNCHRONOUS, &["tokio"]);
    assert!(ways.is_empty(), "{}", ways.join("\n"));
}

/// As the lock file has it, which knows the packages of all platforms.
#[test]
fn there_is_one_implementation_of_cryptography() {
    let lock = fs::read_to_string(GRAPH.metadata.workspace_root.join("Cargo.lock")).unwrap();
    let is_there = |name: &&str| lock.contains(&format!("\nname = \"{name}\"\n"));
    assert!(is_there(&"ring"));
    let others: Vec<_> = OTHER_CRYPTOGRAPHY.into_iter().filter(is_there).collect();
    assert!(others.is_empty(), "{others:?}");
}

/// Its byte form carries the hash seed: a key used as seed would be uploaded with the filter.
#[test]
fn encodings_are_not_made_with_the_bloomfilter_crate() {
    let ways = GRAPH.ways(&["encode"], &["bloomfilter"]);
    assert!(ways.is_empty(), "{}", ways.join("\n"));
}

#[test]
fn unsafe_code_is_forbidden_but_in_bits() {
    let root = fs::read_to_string(GRAPH.metadata.workspace_root.join("Cargo.toml")).unwrap();
    assert!(root.contains("\nunsafe_code = \"forbid\"\n"));
    for package in GRAPH.ours() {
        let manifest = fs::read_to_string(&package.manifest_path).unwrap();
        let inherits = manifest.contains("[lints]\nworkspace = true\n");
        let name = package.name.as_str();
        if name == "bits" {
            let own = "unsafe_op_in_unsafe_fn = \"deny\"\n";
            assert!(manifest.contains(own), "bits keeps a list of its own");
            assert!(manifest.contains("undocumented_unsafe_blocks = \"deny\"\n"));
        } else {
            assert!(inherits, "{name} does not inherit the workspace's lints");
        }
    }
}
