//! The anonlink service as its callers have it: the program, asked over HTTP. Exchanges recorded from the
//! original are replayed, results are held against their definition, and the program is killed.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod faults;
mod http;
mod limits;
mod linking;
mod restart;
mod service;
mod transcript;
mod uploads;
