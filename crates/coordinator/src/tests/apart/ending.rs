//! The end of a run with two operators.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use audit::Event;
use model::agreement::Act;
use model::lifecycle::Phase;
use model::{Clock, Digest, RunNumber, SystemClock};
use service::Shutdown;
use wire::{Fault, Handover, MatcherRun, Role, Topic};

use super::super::fixture::Agreed;
use super::super::world::name;
use super::two::{Apart, RUN};
use crate::resolver::{Resolver, ResolverKeys};
use crate::worker::Stages as _;
use crate::{Destroy, Roles, adopt, destroy, verify_destroyed};

/// So many days after now.
struct Later(u64);

impl Clock for Later {
    fn unix_millis(&self) -> u64 {
        SystemClock.unix_millis() + self.0 * 86_400_000
    }
}

fn release(apart: &Apart) {
    let resolver = apart.open(Roles::Resolver);
    let told = resolver.results().unwrap().run_status(&name("a")).unwrap();
    for party in ["a", "b"] {
        let posting = Agreed::new().approval(party, &told);
        let board = resolver.board().unwrap();
        board.post(Topic::Approval(RUN), &posting).unwrap();
    }
    resolver.advance(&Shutdown::new()).unwrap();
}

fn is_gone(apart: &Apart, roles: Roles) -> bool {
    verify_destroyed(&apart.at(roles))
        .unwrap()
        .readable
        .is_empty()
}

async fn wait_until_gone(apart: &Apart, roles: Roles) {
    for _ in 0..600 {
        if is_gone(apart, roles) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("something is left at the {roles}");
}

/// The resolver keeps nothing longer because the matcher is away, and tells it when it is back.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_was_kept_long_enough_ends_with_both_operators() {
    let apart = Apart::new();
    apart.linked().await;
    tokio::task::block_in_place(|| release(&apart));
    let resolver = apart.serve_at(Roles::Resolver, Arc::new(Later(32))).await;
    apart.wait_for(Phase::Destroyed).await;
    // A run is marked before what there is of it goes.
    wait_until_gone(&apart, Roles::Resolver).await;
    assert!(!is_gone(&apart, Roles::Matcher));
    let matcher = apart.serve(Roles::Matcher).await;
    wait_until_gone(&apart, Roles::Matcher).await;
    resolver.stop().await;
    matcher.stop().await;
    // It was released: nobody gave it up.
    let events = apart.events(Roles::Matcher);
    assert!(events.contains(&Event::RunDestroyed { run: RUN }));
    assert!(!events.contains(&Event::RunCancelled { run: RUN }));
}

/// The operator of the resolver destroys a run: the matcher is told, or the operator is told that it was not.
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_who_destroys_a_run_has_the_matcher_do_so_too() {
    let apart = Apart::new();
    apart.deliver();
    let end = |roles| {
        let directory = apart.at(roles);
        let ended = move || destroy(&directory, Destroy::Open, Arc::new(SystemClock));
        tokio::task::spawn_blocking(ended)
    };
    let away = end(Roles::Resolver).await.unwrap().unwrap();
    assert!(away.untold.unwrap().contains("cannot reach the matcher"));
    assert!(is_gone(&apart, Roles::Resolver) && !is_gone(&apart, Roles::Matcher));
    let matcher = apart.serve(Roles::Matcher).await;
    let told = end(Roles::Resolver).await.unwrap().unwrap();
    assert_eq!((told.runs, told.untold), (vec![RUN], None));
    assert!(is_gone(&apart, Roles::Matcher));
    matcher.stop().await;
    let run = RUN;
    assert!(
        apart
            .events(Roles::Matcher)
            .contains(&Event::RunCancelled { run })
    );
    // And the matcher's operator can by himself.
    let again = Apart::new();
    again.deliver();
    let directory = again.at(Roles::Matcher);
    destroy(&directory, Destroy::Open, Arc::new(SystemClock)).unwrap();
    assert!(is_gone(&again, Roles::Matcher) && !is_gone(&again, Roles::Resolver));
}

/// When the agreement is over the matcher does not wait to be told.
#[test]
fn a_matcher_by_itself_destroys_runs_when_the_agreement_is_revoked() {
    let apart = Apart::new();
    apart.deliver();
    let matcher = apart.open(Roles::Matcher);
    matcher.advance(&Shutdown::new()).unwrap();
    Agreed::new().state(&apart.offer(), "a", 1, Act::Revoke);
    adopt(&apart.at(Roles::Matcher), &apart.offer()).unwrap();
    matcher.advance(&Shutdown::new()).unwrap();
    drop(matcher);
    assert!(is_gone(&apart, Roles::Matcher));
}

/// A matcher that is at work for ever.
#[derive(Default)]
struct Busy(AtomicU32);

impl Handover for Busy {
    fn standing(&self, _: RunNumber) -> Result<MatcherRun, Fault> {
        Err(Fault::failed("at work"))
    }

    fn comparisons(&self, _: RunNumber, _: &Digest, _: u64, _: usize) -> Result<Vec<u8>, Fault> {
        Err(Fault::failed("at work"))
    }

    fn end(&self, _: RunNumber, _: bool) -> Result<bool, Fault> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(false)
    }
}

/// Another operator's matcher cannot have the resolver keep a run by saying that it is at work; and is told
/// again and again.
#[tokio::test(flavor = "multi_thread")]
async fn a_matcher_at_work_does_not_hold_back_the_resolvers_end() {
    let apart = Apart::new();
    apart.linked().await;
    tokio::task::block_in_place(|| release(&apart));
    let directory = apart.at(Roles::Resolver);
    let (project, at) = (directory.load().unwrap().1, directory.role(Role::Resolver));
    let (keys, matcher) = (ResolverKeys::read(&at).unwrap(), Arc::<Busy>::default());
    let clock = Arc::new(Later(32));
    let resolver = Resolver::open(&at, keys, Arc::new(project), matcher.clone(), clock).unwrap();
    for told in 1..=3 {
        resolver.advance(&Shutdown::new()).unwrap();
        assert_eq!(matcher.0.load(Ordering::SeqCst), told);
        assert!(is_gone(&apart, Roles::Resolver));
    }
}
