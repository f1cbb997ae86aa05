//! Verifies a linkage without trusting who did it.
//!
//! ```text
//! data directories ─ fetch ─▶ bundle ─▶ verify, reconcile ─▶ findings ─▶ report
//!                                └────▶ witness ─▶ cosigned checkpoints
//! sealed inputs ────────────────────▶ replay ─▶ findings
//! ```
//!
//! A [`Bundle`] is a directory of copies. What is concluded from it is a list of [`Finding`]s, each
//! with who shows it and which entry of which log it is about. The checks of one log are in
//! [`verify`], which with `audit::verify` is all that has to be read to trust them.

pub mod bundle;
pub mod fetch;
pub mod finding;
pub mod papers;
pub mod reconcile;
pub mod replay;
pub mod report;
pub mod verify;
pub mod witness;

mod evaluations;
mod handovers;
mod kept;
mod releases;
mod risk;
mod words;

pub use bundle::{Bundle, BundleError};
pub use finding::{Finding, Severity, Verdict};
