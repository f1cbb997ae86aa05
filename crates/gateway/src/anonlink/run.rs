//! A run: its life from `created` to `completed` or `error`, and how far it is.

use serde::{Deserialize, Serialize};

use super::id::RunId;

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunState {
    /// It waits for data.
    Created,
    /// It waits for its turn.
    Queued,
    /// It is computed.
    Running,
    /// Its result is there.
    Completed,
    /// It failed.
    Error,
}

/// What a run does, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// It waits for encodings.
    Waiting,
    /// It computes similarity scores.
    Scores,
    /// It makes the result of them.
    Output,
}

impl Stage {
    /// Its number, from 1.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::Waiting => 1,
            Self::Scores => 2,
            Self::Output => 3,
        }
    }

    /// What the API calls it.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Waiting => "waiting for CLKs",
            Self::Scores => "compute similarity scores",
            Self::Output => "compute output",
        }
    }
}

/// How far the comparisons of a run are durable.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Tiles compared.
    pub tiles: u64,
    /// Comparisons in them.
    pub comparisons: u64,
    /// Bytes of pairs they gave.
    pub bytes: u64,
}

/// How often a run is begun without getting further before it fails.
pub(crate) const MOST_ATTEMPTS: u32 = 3;

/// A run of a project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Which.
    pub id: RunId,
    /// The least score of a pair.
    pub threshold: f64,
    /// What its owner calls it.
    pub name: String,
    /// What its owner notes about it.
    pub notes: String,
    /// Where it stands.
    pub state: RunState,
    /// What it does, or did last.
    pub stage: Stage,
    /// When it was asked for, in milliseconds since 1970.
    pub time_added: u64,
    /// When it was first computed.
    pub time_started: Option<u64>,
    /// When its result was there.
    pub time_completed: Option<u64>,
    /// Comparisons there are, once known.
    pub comparisons: Option<u64>,
    /// How far they are.
    pub checkpoint: Checkpoint,
    /// Why it failed.
    pub message: Option<String>,
    /// How often it was begun since it last got further.
    #[serde(default)]
    pub attempts: u32,
}

impl Run {
    /// A new run, which waits.
    pub(crate) fn new(id: RunId, threshold: f64, time_added: u64) -> Self {
        Self {
            id,
            threshold,
            name: String::new(),
            notes: String::new(),
            state: RunState::Created,
            stage: Stage::Waiting,
            time_added,
            time_started: None,
            time_completed: None,
            comparisons: None,
            checkpoint: Checkpoint::default(),
            message: None,
            attempts: 0,
        }
    }

    /// Its data are there.
    pub(crate) fn queue(&mut self) {
        self.state = RunState::Queued;
        self.stage = Stage::Scores;
    }

    /// Counts one more attempt, unless there were enough.
    pub(crate) fn attempt(&mut self) -> bool {
        let is_left = self.attempts < MOST_ATTEMPTS;
        self.attempts += u32::from(is_left);
        is_left
    }

    /// Its turn has come. Again, after a restart, changes nothing.
    pub(crate) fn start(&mut self, now: u64, comparisons: u64) {
        self.state = RunState::Running;
        self.time_started.get_or_insert(now);
        self.comparisons = Some(comparisons);
    }

    /// Its result is there.
    pub(crate) fn complete(&mut self, now: u64) {
        self.state = RunState::Completed;
        self.time_completed = Some(now);
    }

    /// It cannot go on. Finished runs stay as they are.
    pub(crate) fn fail(&mut self, message: Option<String>) {
        if !self.is_over() {
            self.state = RunState::Error;
            self.message = message;
        }
    }

    /// Whether nothing more will happen to it.
    pub(crate) fn is_over(&self) -> bool {
        matches!(self.state, RunState::Completed | RunState::Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_keeps_when_it_first_started_and_what_came_of_it() {
        let mut run = Run::new("2".repeat(48).parse().unwrap(), 0.9, 1);
        run.queue();
        run.start(5, 100);
        run.start(9, 100);
        assert_eq!(run.time_started, Some(5));
        run.complete(10);
        run.fail(Some("late".into()));
        assert_eq!((run.state, run.message), (RunState::Completed, None));
    }

    #[test]
    fn a_run_is_begun_a_few_times_only() {
        let mut run = Run::new("2".repeat(48).parse().unwrap(), 0.9, 1);
        let begun = std::iter::repeat_with(|| run.attempt()).take(5);
        assert!(begun.eq([true, true, true, false, false]));
    }

    #[test]
    fn stages_have_the_numbers_of_the_api_in_their_order() {
        let stages = [Stage::Waiting, Stage::Scores, Stage::Output];
        assert!(stages.is_sorted());
        assert_eq!(stages.map(Stage::number), [1, 2, 3]);
    }

    #[test]
    fn records_are_read_back_to_the_last_bit() {
        let mut run = Run::new("2".repeat(48).parse().unwrap(), 0.1 + 0.2, 1);
        run.fail(Some("why".into()));
        let text = serde_json::to_string(&run).unwrap();
        assert_eq!(serde_json::from_str::<Run>(&text).unwrap(), run);
    }
}
