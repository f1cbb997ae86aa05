//! Re-identification attacks run against one's own encodings, to measure what they would give away before any of
//! them leave.
//!
//! A [`Registry`] is a custodian's own records. A [`Scene`] takes some of them as the target, which is encoded
//! under a key the attacker lacks, and some as what the attacker holds in clear. A [`Stage`] runs an [`Attack`]
//! on it and holds the guesses against the truth. An attacker sees what leaves: decoys among the rows, and only
//! the rows that a [`Disclosure`] lets go. Everything follows from one seed, on any number of threads.
//!
//! A figure of this crate says what *this* attack named in *this* scene. It is a lower bound of what can be done,
//! never a promise.

mod blocks;
pub mod chart;
mod colours;
mod dictionary;
mod disclosure;
mod draw;
mod edges;
mod fingerprint;
mod frequency;
mod graph;
mod likeness;
mod mistakes;
mod nearest;
mod neighbours;
mod outcome;
mod page;
mod pairs;
mod patterns;
mod registry;
pub mod report;
pub mod risk;
mod similarity;
mod suite;
#[cfg(test)]
mod tests;
mod tree;
mod trial;
mod values;

pub use disclosure::{Disclosure, Elsewhere};
pub use draw::Draws;
pub use mistakes::noisy_copy;
pub use outcome::{Guess, Hits, Outcome};
pub use registry::{Registry, Scene, Size};
pub use suite::{Attack, Knowledge, Run, Stage, runs};
pub use trial::Trial;
