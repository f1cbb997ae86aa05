//! Synthetic people, fakes, faults, canaries, and a federation in one process.

pub mod browser;
pub mod canary;
pub mod country;
pub mod dpos;
pub mod encoded;
pub mod federation;
pub mod processes;
pub mod relay;
pub mod tap;
