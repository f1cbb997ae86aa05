//! Synthetic people, fakes, faults, canaries, and a federation in one process.

pub mod country;
pub mod relay;
pub mod tap;
