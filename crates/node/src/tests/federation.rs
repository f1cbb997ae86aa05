//! A whole run of one node against a coordinator in memory, with cuts and repetitions.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use audit::{FileStore, Log};
use model::{BatchKind, RunNumber, Silent};
use secret::SeededEntropy;
use wire::Role;

use super::fake::Fake;
use super::fixture::{Addresses, GOOD, Setting, registry};
use crate::outbox::Outbox;
use crate::{CollectError, CollectOptions, NodeError, PrepareError, Project};

const RUN: RunNumber = RunNumber(1);

pub(super) struct Federation {
    pub(super) setting: Setting,
    pub(super) matcher: Arc<Fake>,
    pub(super) resolver: Arc<Fake>,
}

impl Federation {
    /// An enrolled node with a linkage key, and both roles, which it can reach.
    pub(super) async fn start() -> Self {
        let mut setting = Setting::new();
        let project: Project = setting.project();
        let mut addresses = Addresses::default();
        let mut roles = Vec::new();
        for role in [Role::Matcher, Role::Resolver] {
            let (fake, address) = Fake::start(role, &project, &setting).await;
            addresses.set(role, address);
            roles.push(fake);
        }
        setting.node.config.matcher = addresses.matcher;
        setting.node.config.resolver = addresses.resolver;
        setting.enrol();
        fs::remove_file(setting.node.home().project()).unwrap();
        let resolver = roles.pop().unwrap();
        let matcher = roles.pop().unwrap();
        Self {
            setting,
            matcher,
            resolver,
        }
    }

    pub(super) async fn upload(&self) -> Result<crate::UploadSummary, NodeError> {
        self.setting.node.upload(&Silent).await
    }

    async fn collect(&self, wait: u64) -> Result<crate::CollectSummary, NodeError> {
        let wait = Duration::from_secs(wait);
        let options = CollectOptions {
            wait,
            ..CollectOptions::default()
        };
        self.setting.node.collect(&options, &Silent).await
    }

    fn log_size(&self) -> u64 {
        let store = FileStore::open(&self.setting.node.home().log().join("entries")).unwrap();
        Log::open(store).unwrap().size()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_leads_pseudonyms_back_to_the_registrys_rows() {
    let federation = Federation::start().await;
    let node = &federation.setting.node;
    assert_eq!(
        node.ask_project().await.unwrap(),
        federation.setting.project()
    );
    federation.setting.prepare(GOOD).unwrap();
    let summary = federation.upload().await.unwrap();
    assert!(summary.batches.iter().all(|batch| !batch.before));

    federation.resolver.released.store(true, Ordering::SeqCst);
    let summary = federation.collect(0).await.unwrap();
    assert_eq!(
        (summary.records, summary.with_pseudonym, summary.set_aside),
        (4, 3, 1)
    );
    let text = fs::read_to_string(node.home().results(RUN)).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 5);
    assert_eq!((lines[0], lines[3]), ("record_id,pseudonym", "k-3,"));
    for (line, key) in lines[1..].iter().zip(["k-1", "k-2", "k-3", "k-4"]) {
        let (record_id, pseudonym) = line.split_once(',').unwrap();
        assert_eq!(record_id, key);
        assert!(key == "k-3" || pseudonym.len() == 32);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_repeated_changes_nothing() {
    let federation = Federation::start().await;
    let node = &federation.setting.node;
    node.ask_project().await.unwrap();
    federation.setting.prepare(GOOD).unwrap();
    let first = federation.upload().await.unwrap();
    federation.resolver.released.store(true, Ordering::SeqCst);
    federation.collect(0).await.unwrap();
    let (events, results) = (
        federation.log_size(),
        fs::read(node.home().results(RUN)).unwrap(),
    );
    assert_eq!(events, 7);

    // The receipt was lost: killed between the coordinator's answer and keeping it.
    fs::remove_file(node.home().outbox_of(RUN).join("encodings.receipt.json")).unwrap();
    let again = federation.upload().await.unwrap();
    assert_eq!(again.batches[0].receipt, first.batches[0].receipt);
    assert_eq!(
        again
            .batches
            .iter()
            .map(|batch| batch.before)
            .collect::<Vec<_>>(),
        [false, true]
    );
    federation.collect(0).await.unwrap();
    assert_eq!(federation.log_size(), events);
    assert_eq!(fs::read(node.home().results(RUN)).unwrap(), results);
    // The run is over for the coordinator, but known here.
    node.ask_project().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_failed_goes_on_where_it_stopped() {
    let federation = Federation::start().await;
    federation.setting.node.ask_project().await.unwrap();
    federation.setting.prepare(&registry(10_000)).unwrap();
    let outbox = Outbox::of(federation.setting.node.home(), RUN);
    let chunks = outbox.manifest(BatchKind::Encodings).unwrap().chunks();
    assert!(chunks > 2, "{chunks}");
    federation.matcher.fails.store(true, Ordering::SeqCst);
    assert!(federation.upload().await.is_err());
    assert!(!outbox.is_accepted());
    federation.upload().await.unwrap();
    assert!(outbox.is_uploaded());
    assert_eq!(federation.matcher.chunks.load(Ordering::SeqCst), chunks);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_batch_cannot_be_prepared_again() {
    let federation = Federation::start().await;
    federation.setting.node.ask_project().await.unwrap();
    federation.setting.prepare(GOOD).unwrap();
    federation.upload().await.unwrap();
    let error = federation.setting.prepare_with(GOOD, true, 6).unwrap_err();
    assert!(matches!(
        error,
        NodeError::Prepare(PrepareError::Accepted(RUN))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn collecting_waits_for_the_release_and_no_longer() {
    let federation = Federation::start().await;
    federation.setting.node.ask_project().await.unwrap();
    federation.setting.prepare(GOOD).unwrap();
    federation.upload().await.unwrap();
    let error = federation.collect(0).await.unwrap_err();
    assert!(matches!(
        error,
        NodeError::Collect(CollectError::NotReleased { .. })
    ));
    let resolver = Arc::clone(&federation.resolver);
    let releasing = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(400)).await;
        resolver.released.store(true, Ordering::SeqCst);
    });
    federation.collect(20).await.unwrap();
    releasing.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn results_for_a_registry_prepared_anew_are_not_mixed_up() {
    let federation = Federation::start().await;
    let node = &federation.setting.node;
    node.ask_project().await.unwrap();
    federation.setting.prepare(GOOD).unwrap();
    federation.upload().await.unwrap();
    federation.resolver.released.store(true, Ordering::SeqCst);
    // Both receipts were lost, and the registry changed.
    for kind in ["encodings", "handle-map"] {
        fs::remove_file(
            node.home()
                .outbox_of(RUN)
                .join(format!("{kind}.receipt.json")),
        )
        .unwrap();
    }
    federation
        .setting
        .prepare_with(&GOOD.replace("k-1", "k-9"), true, 6)
        .unwrap();
    let error = federation.collect(0).await.unwrap_err();
    assert!(matches!(
        error,
        NodeError::Collect(CollectError::Strangers { count: 1, .. })
    ));
    assert!(!node.home().results(RUN).exists());
    assert!(!error.to_string().contains("k-1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_tells_both_sides_and_does_without_the_coordinator() {
    let federation = Federation::start().await;
    let node = &federation.setting.node;
    let status = node.status().await.unwrap();
    assert!(status.run.is_none());
    assert_eq!(status.coordinator.unwrap().detail, "waiting for sr");
    node.ask_project().await.unwrap();
    federation.setting.prepare(GOOD).unwrap();
    federation.upload().await.unwrap();
    let run = node.status().await.unwrap().run.unwrap();
    assert!(run.prepared && run.uploaded && !run.collected);

    let alone = Setting::new();
    alone.enrol();
    let status = alone.node.status().await.unwrap();
    assert!(status.coordinator.is_none());
    assert!(
        status
            .unreachable
            .unwrap()
            .contains("cannot reach the resolver")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_certificate_is_told_to_enrol() {
    let setting = Setting::new();
    let error = setting.node.ask_project().await.unwrap_err().to_string();
    assert!(error.contains("symbolon-node enrol"), "{error}");
}

/// A federation runs its nodes as tasks: uploads on any thread, collections within one.
#[tokio::test(flavor = "multi_thread")]
async fn steps_run_as_tasks() {
    let federation = Federation::start().await;
    let Setting { dir, node, .. } = federation.setting;
    node.ask_project().await.unwrap();
    let input = dir.path().join("registry.csv");
    fs::write(&input, GOOD).unwrap();
    let task = tokio::spawn(async move {
        node.prepare(&input, false, &Silent, &mut SeededEntropy::new(5))?;
        node.upload(&Silent).await?;
        Ok::<_, NodeError>(node)
    });
    let node = task.await.unwrap().unwrap();
    federation.resolver.released.store(true, Ordering::SeqCst);
    let collecting = async move { node.collect(&CollectOptions::default(), &Silent).await };
    let local = tokio::task::LocalSet::new();
    let task = local.spawn_local(collecting);
    let summary = local.run_until(task).await.unwrap().unwrap();
    assert_eq!(summary.with_pseudonym, 3);
}
