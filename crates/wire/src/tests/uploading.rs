//! Uploads that go well, and chunks that do not.

use std::io::Cursor;
use std::sync::atomic::{AtomicU64, Ordering};

use model::manifest::MAX_CHUNK_BYTES;
use model::{Digest, Progress, RefusalCode, Silent};

use super::fake::manifest;
use super::world::{Listening, World, error_of};
use crate::client::{ClientError, NodeClient};
use crate::limits::MAX_MESSAGE_BYTES;
use crate::messages::Role;
use crate::proto::send_chunks_request::Part;
use crate::proto::{Chunk, OpenBatchRequest, SendChunksRequest};
use crate::status::{Verdict, verdict};

const PAYLOAD: &[u8] = b"ten bytes!";

async fn matcher() -> (Listening, NodeClient) {
    let world = World::new();
    let listening = world.listen(Role::Matcher).await;
    let client = world
        .connect("crvs", Role::Matcher, listening.address)
        .await;
    (listening, client.unwrap())
}

#[derive(Default)]
struct Counted {
    steps: AtomicU64,
    done: AtomicU64,
}

impl Progress for Counted {
    fn stage(&self, _: &str, steps: u64) {
        self.steps.store(steps, Ordering::Relaxed);
    }

    fn advance(&self, steps: u64) {
        self.done.fetch_add(steps, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn a_batch_is_uploaded_and_receipted() {
    let (listening, client) = matcher().await;
    let (manifest, counted) = (manifest("crvs", PAYLOAD, 4), Counted::default());
    let receipt = client
        .upload(&manifest, Cursor::new(PAYLOAD), &counted)
        .await
        .unwrap();
    receipt.check(&manifest).unwrap();
    assert_eq!(listening.fake.state().stored, 3);
    let progress = [&counted.steps, &counted.done].map(|count| count.load(Ordering::Relaxed));
    assert_eq!(progress, [10, 10]);
}

#[tokio::test]
async fn a_large_batch_in_full_chunks_is_uploaded() {
    let (listening, client) = matcher().await;
    let payload = vec![7; 5 * MAX_CHUNK_BYTES as usize + 1];
    let manifest = manifest("crvs", &payload, MAX_CHUNK_BYTES);
    client
        .upload(&manifest, Cursor::new(payload), &Silent)
        .await
        .unwrap();
    assert_eq!(listening.fake.state().stored, 6);
}

#[tokio::test]
async fn an_empty_batch_is_accepted_without_chunks() {
    let (listening, client) = matcher().await;
    let manifest = manifest("crvs", b"", 4);
    client
        .upload(&manifest, Cursor::new(b""), &Silent)
        .await
        .unwrap();
    let state = listening.fake.state();
    assert_eq!((state.stored, state.accepted), (0, 1));
}

#[tokio::test]
async fn uploading_again_gives_the_same_receipt_and_sends_nothing() {
    let (listening, client) = matcher().await;
    let manifest = manifest("crvs", PAYLOAD, 4);
    let first = client
        .upload(&manifest, Cursor::new(PAYLOAD), &Silent)
        .await
        .unwrap();
    let again = client
        .upload(&manifest, Cursor::new(PAYLOAD), &Silent)
        .await
        .unwrap();
    assert_eq!(first, again);
    let state = listening.fake.state();
    assert_eq!((state.stored, state.accepted), (3, 1));
}

#[tokio::test]
async fn another_batch_after_acceptance_is_refused() {
    let (_listening, client) = matcher().await;
    let upload = async |payload: &'static [u8]| {
        let manifest = manifest("crvs", payload, 4);
        client
            .upload(&manifest, Cursor::new(payload), &Silent)
            .await
    };
    upload(PAYLOAD).await.unwrap();
    let error = error_of(upload(b"another").await);
    assert_eq!(error.refusal().unwrap().code, RefusalCode::AlreadyAccepted);
    assert!(
        error.to_string().contains("collect this run's results"),
        "{error}"
    );
}

#[tokio::test]
async fn a_batch_that_is_not_as_its_manifest_says_is_refused() {
    let (listening, client) = matcher().await;
    let manifest = manifest("crvs", PAYLOAD, 4);
    let error = error_of(
        client
            .upload(&manifest, Cursor::new(b"10 bytes!!"), &Silent)
            .await,
    );
    assert_eq!(error.refusal().unwrap().code, RefusalCode::DigestDiffers);
    assert_eq!(listening.fake.state().accepted, 0);
}

#[tokio::test]
async fn a_source_that_ends_early_is_told() {
    let (_listening, client) = matcher().await;
    let manifest = manifest("crvs", PAYLOAD, 4);
    let error = error_of(
        client
            .upload(&manifest, Cursor::new(b"short"), &Silent)
            .await,
    );
    assert!(matches!(error, ClientError::Source(_)), "{error}");
}

#[tokio::test]
async fn a_failure_is_told_as_an_id_and_nothing_else() {
    let (listening, client) = matcher().await;
    listening.fake.state().disk_full = true;
    let manifest = manifest("crvs", PAYLOAD, 4);
    let error = error_of(
        client
            .upload(&manifest, Cursor::new(PAYLOAD), &Silent)
            .await,
    );
    assert!(matches!(error, ClientError::Failed { .. }), "{error}");
    assert!(!format!("{error:?}").contains("/srv"), "{error:?}");
}

/// Sends messages as they are, after opening a batch of ten bytes in chunks of four.
async fn send(client: &NodeClient, parts: Vec<Part>) -> RefusalCode {
    let manifest = Some((&manifest("crvs", PAYLOAD, 4)).into());
    let mut intake = client.intake().max_encoding_message_size(64 << 20);
    intake
        .open_batch(OpenBatchRequest { manifest })
        .await
        .unwrap();
    let messages: Vec<_> = parts
        .into_iter()
        .map(|part| SendChunksRequest { part: Some(part) })
        .collect();
    let status = intake
        .send_chunks(tokio_stream::iter(messages))
        .await
        .unwrap_err();
    match verdict(&status) {
        Verdict::Refused(refusal) => refusal.code,
        _ => panic!("not refused: {status}"),
    }
}

fn name() -> Part {
    let digest = manifest("crvs", PAYLOAD, 4).digest();
    Part::ManifestDigest(digest.as_bytes().to_vec())
}

fn chunk(index: u64, content: &[u8]) -> Part {
    Part::Chunk(Chunk {
        index,
        content: content.to_vec().into(),
        digest: Digest::of(content).as_bytes().to_vec(),
    })
}

#[tokio::test]
async fn a_chunk_that_was_changed_is_refused() {
    let (listening, client) = matcher().await;
    let Part::Chunk(mut changed) = chunk(0, b"ten ") else {
        unreachable!()
    };
    changed.content = b"Ten ".to_vec().into();
    let code = send(&client, vec![name(), Part::Chunk(changed)]).await;
    assert_eq!(code, RefusalCode::DigestDiffers);
    assert_eq!(listening.fake.state().stored, 0);
}

#[tokio::test]
async fn a_chunk_over_the_limit_is_refused() {
    let (listening, client) = matcher().await;
    let over = vec![0; MAX_CHUNK_BYTES as usize + 1];
    let code = send(&client, vec![name(), chunk(0, &over)]).await;
    assert_eq!(code, RefusalCode::TooLarge);
    let over = vec![0; MAX_MESSAGE_BYTES + 1];
    let code = send(&client, vec![name(), chunk(0, &over)]).await;
    assert_eq!(code, RefusalCode::TooLarge);
    assert_eq!(listening.fake.state().stored, 0);
}

#[tokio::test]
async fn chunks_out_of_place_are_refused() {
    let (_listening, client) = matcher().await;
    let cases = [
        vec![],
        vec![name()],
        vec![chunk(0, b"ten ")],
        vec![name(), name()],
        vec![name(), chunk(1, b"byte")],
        vec![name(), chunk(3, b"")],
        vec![name(), chunk(0, b"ten")],
        vec![name(), chunk(u64::MAX, b"ten ")],
    ];
    for (number, parts) in cases.into_iter().enumerate() {
        let code = send(&client, parts).await;
        assert_eq!(code, RefusalCode::BadMessage, "case {number}");
    }
}

#[tokio::test]
async fn a_chunk_that_comes_twice_is_stored_once() {
    let (listening, client) = matcher().await;
    let twice = vec![
        name(),
        chunk(0, b"ten "),
        chunk(0, b"ten "),
        chunk(2, b"s!"),
    ];
    assert_eq!(send(&client, twice).await, RefusalCode::BadMessage);
    assert_eq!(listening.fake.state().stored, 1);
}

#[tokio::test]
async fn chunks_of_a_batch_that_is_not_open_are_refused() {
    let (_listening, client) = matcher().await;
    let other = Part::ManifestDigest(vec![1; 32]);
    let code = send(&client, vec![other, chunk(0, b"ten ")]).await;
    assert_eq!(code, RefusalCode::WrongState);
}

#[tokio::test]
async fn a_certificate_revoked_meanwhile_gets_no_further_chunk_in() {
    let (listening, client) = matcher().await;
    let payload = vec![7; 5 * MAX_CHUNK_BYTES as usize];
    let manifest = manifest("crvs", &payload, MAX_CHUNK_BYTES);
    // The batch is announced, the stream begins, and two chunks come.
    listening.gate.0.store(4, Ordering::SeqCst);
    let upload = client.upload(&manifest, Cursor::new(payload), &Silent);
    let ClientError::Refused(refusal) = error_of(upload.await) else {
        panic!("not refused");
    };
    assert_eq!(refusal.code, RefusalCode::CertificateRevoked);
    assert_eq!(listening.fake.state().stored, 2);
}
