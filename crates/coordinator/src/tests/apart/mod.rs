//! Matcher and resolver with an operator each: two state directories, and nothing between them but the
//! network.

mod ending;
mod handover;
mod joining;
mod sight;
mod two;
