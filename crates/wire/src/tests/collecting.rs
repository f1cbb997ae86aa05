//! Following a run and collecting its results.

use std::io;
use std::sync::atomic::Ordering;

use model::{Digest, RefusalCode, RunNumber, Silent};

use super::fake::{review_pair, rows};
use super::world::{Listening, World, error_of};
use crate::client::{ClientError, NodeClient, ResultsSink};
use crate::limits::MAX_PAGE_ROWS;
use crate::messages::{ResultsHeader, ResultsRow, Role};
use model::lifecycle::Phase;

/// Keeps what comes, or fails to.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) headers: u32,
    pub(super) rows: Vec<ResultsRow>,
    broken: bool,
}

impl ResultsSink for Kept {
    fn header(&mut self, _: &ResultsHeader) -> io::Result<()> {
        self.headers += 1;
        Ok(())
    }

    fn rows(&mut self, rows: &[ResultsRow]) -> io::Result<()> {
        if self.broken {
            return Err(io::Error::other("disk is full"));
        }
        self.rows.extend_from_slice(rows);
        Ok(())
    }
}

async fn resolver() -> (Listening, NodeClient) {
    let world = World::new();
    let listening = world.listen(Role::Resolver).await;
    let client = world
        .connect("crvs", Role::Resolver, listening.address)
        .await;
    (listening, client.unwrap())
}

#[tokio::test]
async fn results_come_whole_and_in_order() {
    let (listening, client) = resolver().await;
    for count in [0, 1, MAX_PAGE_ROWS as u32, 2 * MAX_PAGE_ROWS as u32 + 1] {
        let expected = rows(count);
        listening.fake.state().rows = expected.clone();
        let mut kept = Kept::default();
        let header = client
            .collect(RunNumber(1), &mut kept, &Silent)
            .await
            .unwrap();
        assert_eq!((header.rows, header.records), (u64::from(count), 5));
        assert!(kept.rows == expected);
    }
}

#[tokio::test]
async fn rows_that_are_not_as_promised_are_told() {
    let (listening, client) = resolver().await;
    listening.fake.state().rows = rows(3);
    listening.fake.state().told_digest = Some(Digest::of(b"other rows"));
    let error = error_of(
        client
            .collect(RunNumber(1), &mut Kept::default(), &Silent)
            .await,
    );
    assert!(
        matches!(error, ClientError::Contradiction { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn the_results_of_an_unknown_run_are_refused() {
    let (_listening, client) = resolver().await;
    let error = error_of(
        client
            .collect(RunNumber(2), &mut Kept::default(), &Silent)
            .await,
    );
    assert_eq!(error.refusal().unwrap().code, RefusalCode::WrongRun);
}

#[tokio::test]
async fn a_sink_that_fails_ends_the_collecting() {
    let (listening, client) = resolver().await;
    listening.fake.state().rows = rows(3);
    let mut kept = Kept {
        broken: true,
        ..Kept::default()
    };
    let error = error_of(client.collect(RunNumber(1), &mut kept, &Silent).await);
    assert!(matches!(error, ClientError::Sink(_)), "{error}");
}

#[tokio::test]
async fn only_the_resolver_knows_where_a_run_stands() {
    let (_listening, client) = resolver().await;
    let status = client.run_status().await.unwrap();
    assert_eq!(status.state, Phase::Released);
    assert_eq!(status.parties[0].party.as_str(), "crvs");

    let world = World::new();
    let matcher = world.listen(Role::Matcher).await;
    let client = world
        .connect("crvs", Role::Matcher, matcher.address)
        .await
        .unwrap();
    let error = error_of(client.run_status().await);
    assert!(matches!(error, ClientError::NotServed { .. }), "{error}");
}

#[tokio::test]
async fn pairs_for_review_come_whole_and_in_order() {
    let (listening, client) = resolver().await;
    for count in [0, 1, 64, 65, 200] {
        let expected: Vec<_> = (0..count).map(review_pair).collect();
        listening.fake.state().pairs = expected.clone();
        let review = client.review(RunNumber(1)).await.unwrap();
        assert_eq!(review.header.pairs, count);
        assert!(review.pairs == expected);
    }
}

#[tokio::test]
async fn pairs_that_are_not_as_promised_are_told() {
    let (listening, client) = resolver().await;
    listening.fake.state().pairs = vec![review_pair(1)];
    listening.fake.state().told_digest = Some(Digest::of(b"other pairs"));
    let error = error_of(client.review(RunNumber(1)).await);
    assert!(
        matches!(error, ClientError::Contradiction { .. }),
        "{error}"
    );
}

#[tokio::test]
async fn a_certificate_revoked_meanwhile_gets_no_further_page() {
    let (listening, client) = resolver().await;
    listening.fake.state().rows = rows(4 * MAX_PAGE_ROWS as u32);
    // The call itself, and its first two pages.
    listening.gate.0.store(3, Ordering::SeqCst);
    let mut kept = Kept::default();
    let outcome = client.collect(RunNumber(1), &mut kept, &Silent).await;
    let ClientError::Refused(refusal) = error_of(outcome) else {
        panic!("not refused");
    };
    assert_eq!(refusal.code, RefusalCode::CertificateRevoked);
    assert_eq!(kept.rows.len(), 2 * MAX_PAGE_ROWS);
}
