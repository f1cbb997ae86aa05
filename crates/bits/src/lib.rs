//! Bit vectors as they lie in rows of encodings, and exact counts between them.
//!
//! A vector is a byte slice whose length is a multiple of eight; bit `i` is bit `i % 8` of byte
//! `i / 8`. All counts are integers, so every decision made from them is exact on every machine.

pub mod columns;
mod count;
mod fetch;
mod kernel;
mod minhash;
mod vector;

pub use count::{Stretch, and_count, hamming, hamming_each, popcount};
pub use fetch::fetch;
pub use kernel::{Count, Fold, Glance, Hit, Kernel, PANEL_ROWS, PanelCounts, Panels, QueryPanel};
pub use minhash::{PLACES, PlaceSet, winners};
pub use vector::{flip_bit, get_bit, set_bit};
