//! Releases that the officers' own signatures do not bear out, though the logs say nothing wrong.

use std::fs;

use model::agreement::Act;
use model::signature::Signature;
use model::{Clock as _, Day, Digest, SystemClock};
use node::Node;
use secret::SigningKey;
use secret::key_file::{self, Purpose};
use testkit::dpos::Dpos;
use wire::Role;

use super::{Done, World, assert_shown};

impl Done {
    fn officers(&self) -> Dpos {
        Dpos::open(&self.dir.path().join("officers"))
    }

    /// What the coordinator keeps of the approval of the social registry's officer.
    fn approval(&self, ending: &str) -> std::path::PathBuf {
        let board = self.role(Role::Resolver).join("board/approval-run-1");
        board.join("sr").with_added_extension(ending)
    }
}

/// The log says that all approved, and so do the nodes' logs; what an officer signed is not there.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_without_an_approval_that_is_signed_is_shown_by_the_bundle() {
    let done = World::done().await;
    fs::remove_file(done.approval("toml")).unwrap();
    let words = "it released run 1 without an approval that the officer of sr signed";
    assert_shown(&done.wrong(), "resolver", "resolver", None, words);
}

/// The coordinator's operator signs in the place of the officer, with a key of its own.
#[tokio::test(flavor = "multi_thread")]
async fn an_approval_signed_by_somebody_else_is_shown_by_the_bundle() {
    let done = World::done().await;
    let seed =
        key_file::read(&done.role(Role::Resolver).join("log.key"), Purpose::Signing).unwrap();
    let forger = SigningKey::from_seed(&seed);
    let document = fs::read(done.approval("toml")).unwrap();
    let signature = Signature::make(&document, forger.public(), |bytes| forger.sign(bytes));
    fs::write(done.approval("sig"), signature.to_text()).unwrap();
    let words = "it released run 1 without an approval that the officer of sr signed";
    assert_shown(&done.wrong(), "resolver", "resolver", None, words);
}

/// An officer suspended two days before; only its own node was told.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_during_a_suspension_is_shown_by_the_statement_that_a_node_keeps() {
    let done = World::done().await;
    let now = SystemClock.unix_millis();
    let before = Day::of_millis(now - 2 * 86_400_000);
    let officers = done.officers();
    officers
        .state(&"sr".parse().unwrap(), Act::Suspend, before)
        .unwrap();
    let node = Node::open(&done.nodes[1], std::sync::Arc::new(SystemClock)).unwrap();
    node.install_agreement(&officers.agreement()).unwrap();
    drop(node);
    let wrong = done.wrong();
    let words = "it released run 1 after the day on which sr suspended the agreement";
    assert_shown(&wrong, "sr", "resolver", None, words);
    let words = "it gave crvs results of run 1 after the day on which sr suspended";
    assert_shown(&wrong, "sr", "resolver", None, words);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_that_no_known_officer_signed_is_shown() {
    let mut done = World::done().await;
    done.officers = vec![Digest::of(b"the key of another officer")];
    let words = "agreement 1 is signed by none of the officers that are known";
    assert_shown(&done.wrong(), "resolver", "resolver", None, words);
}

/// One number changed in the coordinator's copy, as if it had been agreed on so.
#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_that_was_altered_is_shown() {
    let done = World::done().await;
    let path = done.coordinator().join("agreements/1/agreement.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(
        &path,
        text.replace("retention_days = 30", "retention_days = 31"),
    )
    .unwrap();
    let words = "an agreement among the papers of coordinator is not one: clause `signatures`";
    assert_shown(&done.wrong(), "resolver", "resolver", None, words);
}
