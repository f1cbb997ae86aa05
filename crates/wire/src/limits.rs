//! How much either side takes from the other. Over a limit is a refusal, not an allocation.

use std::time::Duration;

/// The most bytes one message may have, encoded: a chunk and some room.
pub const MAX_MESSAGE_BYTES: usize = 2 << 20;
/// The most characters of text for people: details of refusals and run states.
pub const MAX_TEXT: usize = 500;
/// The most parties a message may list.
pub const MAX_PARTIES: usize = model::schema::MAX_PARTIES;
/// The most hashes of a proof: the height of a full tree.
pub const MAX_PROOF_HASHES: usize = 64;
/// The most bytes of a signed checkpoint: head and some cosignatures.
pub const MAX_CHECKPOINT_BYTES: usize = 8 << 10;
/// The most bytes of log entries in one answer.
pub const MAX_ENTRIES_BYTES: usize = 1 << 20;
/// The most bytes of the answer to block tokens: 800 million of them at one false positive in a hundred.
pub const MAX_MEMBERSHIP_BYTES: usize = 1 << 30;
/// The most bytes of it in one message.
pub const MAX_MEMBERSHIP_PART: usize = 1 << 20;
/// The most bytes of all comparisons of a run.
pub const MAX_COMPARISONS_BYTES: u64 = 1 << 44;
/// The most bytes of them in one message.
pub const MAX_COMPARISONS_PART: usize = 1 << 20;
/// The most bytes of a batch of elements: see `model::evaluation`.
pub const MAX_ELEMENTS_BYTES: usize = model::evaluation::MAX_ELEMENTS * model::Element::BYTES;
/// The most rows of results in one page.
pub const MAX_PAGE_ROWS: usize = 8192;
/// The most rows of results one party may have in one run.
pub const MAX_RESULT_ROWS: u64 = model::manifest::MAX_BATCH_ROWS;
/// The most pairs for review one party may have in one run.
pub const MAX_REVIEW_PAIRS: u32 = model::schema::MAX_REVIEW_PAIRS;
/// The most pairs for review in one page.
pub const MAX_PAGE_PAIRS: usize = 64;
/// The most steps that explain one pair.
pub const MAX_REVIEW_STEPS: usize = 64;
/// The most bytes of one text in a step.
pub const MAX_STEP_TEXT: usize = 160;
/// The most verdicts in one handle map.
pub const MAX_VERDICTS: usize = 100_000;
/// The most bytes of a certificate, key or certificate request in PEM.
pub const MAX_PEM_BYTES: usize = 64 << 10;
/// The most bytes of all documents under one topic.
pub const MAX_BOARD_BYTES: usize = 2 * MAX_MESSAGE_BYTES;
/// The most bytes of headers in one request or response.
pub const MAX_HEADER_BYTES: u32 = 16 << 10;

/// Connections one listener holds at once.
pub const MAX_CONNECTIONS: usize = 256;
/// Calls at once on one connection.
pub const MAX_CALLS_PER_CONNECTION: u32 = 8;
/// Bytes under way before the sender waits for the receiver, per stream.
pub const STREAM_WINDOW: u32 = 4 << 20;
/// Bytes under way before the sender waits for the receiver, per connection.
pub const CONNECTION_WINDOW: u32 = 8 << 20;

/// How long connecting may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the TLS handshake may take.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a call that only looks something up may take.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the evaluation of a batch may take, where several nodes ask at once.
pub const EVALUATE_TIMEOUT: Duration = Duration::from_secs(300);
/// How long accepting a batch may take: all of it is read and checked.
pub const ACCEPT_TIMEOUT: Duration = Duration::from_secs(3600);
/// How long either side waits for the next message of a stream.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How long an upload may stand still before it is given up and begun anew.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(300);
/// After how much silence the other side is asked whether it is still there.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(20);
/// How long the answer to that may take.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// How long calls under way may go on after a stop was asked for.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);
