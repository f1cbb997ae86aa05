//! Progress of long work, told in the program's log.

use std::sync::Mutex;

use model::Progress;
use wire::Role;

use crate::sync::lock;

/// Shares of a stage that are told one by one.
const TOLD: u64 = 10;

/// Tells stages, and every tenth of one.
pub(crate) struct Logged {
    role: Role,
    stage: Mutex<Stage>,
}

#[derive(Default)]
struct Stage {
    name: String,
    steps: u64,
    done: u64,
    told: u64,
}

impl Logged {
    pub(crate) fn new(role: Role) -> Self {
        Self {
            role,
            stage: Mutex::default(),
        }
    }
}

impl Progress for Logged {
    fn stage(&self, name: &str, steps: u64) {
        tracing::info!(role = %self.role, stage = name, steps, "stage begins");
        let name = name.to_owned();
        *lock(&self.stage) = Stage {
            name,
            steps,
            ..Stage::default()
        };
    }

    fn advance(&self, steps: u64) {
        let mut stage = lock(&self.stage);
        stage.done += steps;
        let reached = (stage.done.saturating_mul(TOLD)).checked_div(stage.steps);
        if let Some(reached) = reached.filter(|reached| *reached > stage.told) {
            stage.told = reached;
            let percent = reached * 100 / TOLD;
            tracing::info!(role = %self.role, stage = stage.name, percent, "stage goes on");
        }
    }
}
