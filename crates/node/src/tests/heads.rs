//! What a node notices of a coordinator's log that is not one history.

use audit::{Actor, Checkpoint, Event, Log, MemoryStore, TreeHead, VerifierKey};
use model::{Digest, RunNumber};
use service::Exit;
use wire::{ClientError, HistoryError, Role};

use super::federation::Federation;
use super::fixture::GOOD;
use crate::{HeadsError, NodeError};

async fn prepared() -> Federation {
    let federation = Federation::start().await;
    let node = &federation.setting.node;
    node.ask_project().await.unwrap();
    federation.setting.prepare(GOOD).unwrap();
    federation
}

fn sealed(run: u32) -> Event {
    Event::RunSealed {
        run: RunNumber(run),
        manifest_digests: Vec::new(),
    }
}

/// In what the matcher's log was found not to be one history.
async fn found(federation: &Federation) -> HistoryError {
    let error = federation.upload().await.err().unwrap();
    assert_eq!(error.exit(), Exit::Refused);
    assert!(
        error
            .to_string()
            .contains("tell the other members and the auditor")
    );
    match error {
        NodeError::Client(ClientError::History { role, source }) => {
            assert_eq!(role, Role::Matcher);
            source
        }
        other => panic!("{other}"),
    }
}

fn receipt_of(federation: &Federation) -> std::path::PathBuf {
    let outbox = federation.setting.node.home().outbox_of(RunNumber(1));
    outbox.join("encodings.receipt.json")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_head_of_each_log_is_kept_and_cosigned() {
    let federation = prepared().await;
    let summary = federation.upload().await.unwrap();
    let home = federation.setting.node.home();
    for (role, batch) in [Role::Matcher, Role::Resolver]
        .into_iter()
        .zip(&summary.batches)
    {
        let text = std::fs::read_to_string(home.head(role)).unwrap();
        let kept: Checkpoint = text.parse().unwrap();
        assert_eq!(kept.head(), batch.receipt.checkpoint.head());
        assert_eq!(kept.note().signatures().len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_lost_what_the_node_saw_is_noticed_by_the_node() {
    let federation = prepared().await;
    federation.upload().await.unwrap();
    *federation.matcher.log.lock().unwrap() = Log::open(MemoryStore::default()).unwrap();
    std::fs::remove_file(receipt_of(&federation)).unwrap();
    assert!(matches!(
        found(&federation).await,
        HistoryError::Rewritten { size: 1, .. }
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewritten_log_is_noticed_by_the_node() {
    let federation = prepared().await;
    federation.upload().await.unwrap();
    let mut other = Log::open(MemoryStore::default()).unwrap();
    (0..3).for_each(|run| drop(other.append(sealed(run), Actor::Matcher, 1).unwrap()));
    *federation.matcher.log.lock().unwrap() = other;
    std::fs::remove_file(receipt_of(&federation)).unwrap();
    assert!(matches!(
        found(&federation).await,
        HistoryError::Rewritten { size: 1, .. }
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_shown_to_another_member_is_noticed_by_the_node() {
    let federation = prepared().await;
    let root = Digest::of(b"shown to sr alone");
    let shown = Checkpoint::sign(TreeHead { size: 0, root }, &federation.matcher.signer());
    let sr = "sr".parse().unwrap();
    *federation.matcher.others.lock().unwrap() = vec![(sr, shown.unwrap())];
    let found = found(&federation).await;
    assert!(matches!(found, HistoryError::Forked { party, size: 0, .. } if party.as_str() == "sr"));
}

/// The acceptance stands in one log, and the history that everybody is shown is another: each proof holds
/// for itself, and no head follows from both.
#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_from_another_log_than_the_one_shown_is_noticed_by_the_node() {
    let federation = prepared().await;
    let mut shown = Log::open(MemoryStore::default()).unwrap();
    (0..3).for_each(|run| drop(shown.append(sealed(run), Actor::Matcher, 1).unwrap()));
    *federation.matcher.elsewhere.lock().unwrap() = Some(shown);
    let found = found(&federation).await;
    assert!(matches!(found, HistoryError::Apart { size: 1 }), "{found}");
    assert!(!receipt_of(&federation).exists());
}

fn log_keys(federation: &Federation, keys: [&VerifierKey; 2]) -> std::path::PathBuf {
    let text = keys.map(|key| format!("{key}\n")).concat();
    federation.setting.write("log-keys", &text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_another_key_than_came_with_the_certificate_is_noticed_by_the_node() {
    let federation = prepared().await;
    let (matcher, resolver) = (federation.matcher.signer(), federation.resolver.signer());
    let node = &federation.setting.node;
    let file = log_keys(&federation, [matcher.key(), resolver.key()]);
    node.pin_log_keys(&file).unwrap();
    federation.upload().await.unwrap();

    let federation = prepared().await;
    let node = &federation.setting.node;
    let mut other = federation.matcher.signer().key().clone();
    other.public[0] ^= 1;
    let file = log_keys(&federation, [&other, federation.resolver.signer().key()]);
    node.pin_log_keys(&file).unwrap();
    assert!(matches!(found(&federation).await, HistoryError::OtherKey));
    // Keys of one role alone, or of another project, are none.
    let file = log_keys(&federation, [&other, &other]);
    let refused = node.pin_log_keys(&file).unwrap_err();
    assert!(matches!(
        &refused,
        NodeError::Heads(HeadsError::NotLogKeys(_))
    ));
    assert!(refused.is_refusal());
}
