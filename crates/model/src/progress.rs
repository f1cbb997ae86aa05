//! How long work tells how far it is, without knowing who listens.

/// Hears about the progress of one piece of long work. Called from any thread.
pub trait Progress: Sync {
    /// A new stage begins, with this many steps (0 when unknown).
    fn stage(&self, name: &str, steps: u64);

    /// This many more steps of the current stage are done.
    fn advance(&self, steps: u64);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn stage(&self, _name: &str, _steps: u64) {}

    fn advance(&self, _steps: u64) {}
}
