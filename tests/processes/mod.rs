//! Faults in a federation of separate processes: `symbolon-coordinator`, two of `symbolon-node` and
//! `symbolon-audit`, as their operators run them. Each test makes a fault that no program makes by
//! itself, by altering files between commands or with a client of its own, and holds the party that
//! should notice to its exit code and its words.
//!
//! The federation is enrolled once. Every test goes on from a copy, at addresses of its own.

mod agreement;
mod apart;
mod key_server;
mod keys;
mod linkage;
mod logs;
mod world;
