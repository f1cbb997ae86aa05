//! What an auditor finds: nothing wrong with an honest run, and each way of cheating by name, shown by
//! the party whose evidence it contradicts. The run is a real one, of two nodes and a coordinator over
//! TLS; the cheating is done to the coordinator's files with the coordinator's own keys.

mod linkage;
mod logs;
mod papers;
mod risk;

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use audit::{TileDir, VerifierKey};
use auditor::replay::{self, Means};
use auditor::verify::CheckedLog;
use auditor::{Bundle, Finding, Severity, Verdict, fetch, reconcile, report, verify};
use model::{Digest, Silent, SystemClock};
use node::CollectOptions;
use secret::SeededEntropy;
use tempfile::TempDir;
use testkit::dpos::Terms;
use testkit::federation::{Federation, Member};
use wire::Role;

use crate::setting::{SCHEMA, registry};

const RECORDS: u32 = 40;

/// Two nodes and a coordinator.
struct World {
    dir: TempDir,
    federation: Federation,
    members: Vec<Member>,
}

impl World {
    /// Both nodes are ready to upload.
    async fn ready() -> Self {
        Self::ready_under(Terms::default(), &registry(RECORDS)).await
    }

    /// As [`World::ready`], under an agreement with these terms, and with this registry at both nodes.
    async fn ready_under(terms: Terms, registry: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let schema = dir.path().join("two.toml");
        fs::write(&schema, SCHEMA).unwrap();
        let mut entropy = SeededEntropy::new(1);
        let (project, clock) = ("census".parse().unwrap(), Arc::new(SystemClock));
        let entropy_of = &mut entropy;
        let federation =
            Federation::start_under(dir.path(), &project, &schema, terms, clock, entropy_of);
        let federation = federation.await.unwrap();
        let mut members = Vec::new();
        for party in ["crvs", "sr"] {
            let path = dir.path().join(format!("{party}.csv"));
            fs::write(&path, registry).unwrap();
            let (party, addresses) = (party.parse().unwrap(), federation.addresses());
            let member = federation
                .join(&party, &path, addresses, &mut entropy)
                .unwrap();
            member.prepare(&Silent, &mut entropy).await.unwrap();
            members.push(member);
        }
        Self {
            dir,
            federation,
            members,
        }
    }

    /// After a whole run; nothing runs any more.
    async fn done() -> Done {
        Self::ready().await.finished().await
    }

    /// Uploads, and all that follows.
    async fn finished(self) -> Done {
        let world = self;
        for member in &world.members {
            member.node.upload(&Silent).await.unwrap();
        }
        for member in &world.members {
            let wait = Duration::from_secs(120);
            member.node.upload_within(wait, &Silent).await.unwrap();
        }
        world.federation.approve(&world.members).await.unwrap();
        for member in &world.members {
            let options = CollectOptions {
                wait: Duration::from_secs(120),
                ..CollectOptions::default()
            };
            member.node.collect(&options, &Silent).await.unwrap();
        }
        world.federation.stop().await.unwrap();
        let config = |member: &Member| member.node.config().dpo;
        Done {
            officers: world.members.iter().map(config).collect(),
            dir: world.dir,
            nodes: world
                .members
                .iter()
                .map(|member| member.node.home().root().to_owned())
                .collect(),
        }
    }
}

/// The directories that a run left behind.
struct Done {
    dir: TempDir,
    nodes: Vec<PathBuf>,
    /// Fingerprints of the officers' keys.
    officers: Vec<Digest>,
}

impl Done {
    fn coordinator(&self) -> PathBuf {
        self.dir.path().join("coordinator")
    }

    fn role(&self, role: Role) -> PathBuf {
        self.coordinator().join(role.as_str())
    }

    /// Everything fetched and checked: verified, reconciled and done again.
    fn audit(&self) -> (Verdict, Vec<CheckedLog>) {
        let path = self.dir.path().join("bundle");
        drop(fs::remove_dir_all(&path));
        let bundle = Bundle::create(&path).unwrap();
        fetch::coordinator(&bundle, &self.coordinator()).unwrap();
        self.nodes
            .iter()
            .for_each(|node| fetch::node(&bundle, node).unwrap());
        let (verified, logs) = verify::verify(&bundle, &self.keys()).unwrap();
        let signed = auditor::papers::check(&bundle, &logs, &self.officers).unwrap();
        let more = reconcile::reconcile(&logs);
        let again = replay::replay(&logs, &[self.coordinator()], Means::default()).unwrap();
        let findings = [verified.findings(), &signed, &more, &again].concat();
        (Verdict::of(findings), logs)
    }

    /// The keys of all logs, as their keepers tell them.
    fn keys(&self) -> Vec<VerifierKey> {
        let roles = [Role::Matcher, Role::Resolver].map(|role| self.role(role));
        let logs = roles.iter().chain(&self.nodes);
        logs.map(|keeper| TileDir::new(&keeper.join("log")).key().unwrap().unwrap())
            .collect()
    }

    /// What is wrong.
    fn wrong(&self) -> Vec<Finding> {
        let (verdict, _) = self.audit();
        let wrong = |finding: &&Finding| finding.severity == Severity::Wrong;
        verdict.findings().iter().filter(wrong).cloned().collect()
    }
}

/// Who shows something wrong about `log`, at which entry, with these words.
fn assert_shown(wrong: &[Finding], by: &str, log: &str, entry: Option<u64>, words: &str) {
    let found = wrong.iter().any(|finding| {
        (finding.shown_by.as_str(), finding.log.as_str()) == (by, log)
            && (entry.is_none() || finding.entry == entry)
            && finding.text.contains(words)
    });
    let all: Vec<String> = wrong.iter().map(ToString::to_string).collect();
    assert!(
        found,
        "no `{words}` about {log} shown by {by} in:\n{}",
        all.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_run_is_proved_right_and_reported() {
    let done = World::done().await;
    let (verdict, logs) = done.audit();
    assert_eq!(verdict.worst(), Severity::Right, "{verdict}");
    for words in [
        "sr was shown these same first",
        "the acceptance that crvs has a receipt for is in it",
        "what it uploaded, the matcher accepted",
        "what it received, the resolver gave",
        "comparing run 1 again gives the same",
        "linking run 1 again gives the same",
        "clusters.bin of run 1 is as it was made",
        "the approvals of run 1 are signed by every custodian's officer",
        "agreement 1 is signed by all its officers",
    ] {
        assert!(verdict.to_string().contains(words), "{words}\n{verdict}");
    }
    let page = report::page(&verdict, &logs, 1_800_000_000);
    for words in [
        "Audit report: census",
        "Everything that was checked is as it should be",
        "Result rows given to crvs, run 1",
        "id=\"matcher-0\"",
    ] {
        assert!(page.contains(words), "{words}");
    }
}
