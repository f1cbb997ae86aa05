//! What became of a registry that was prepared: what went in, and what could not be used.

use records::ProblemKind;

/// Rows remembered as examples of a problem.
const EXAMPLES: usize = 5;

/// How often one problem occurred in one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProblemCount {
    /// The field of the schema, as an index.
    pub field: usize,
    /// What was wrong.
    pub kind: ProblemKind,
    /// In how many rows.
    pub rows: u64,
    /// The first few of these rows.
    pub examples: Vec<u64>,
}

/// What went in, and what could not be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrepareReport {
    /// Records read.
    pub records: u64,
    /// Records without any block, which can meet nobody.
    pub set_aside: u64,
    /// The first few rows set aside.
    pub set_aside_examples: Vec<u64>,
    /// Rows made.
    pub rows: u64,
    /// How many of them calibrate: records sampled to show how alike strangers are.
    pub calibration_rows: u64,
    /// Decoys made: records of nobody, of which rows are sent like those of others.
    pub decoys: u64,
    /// Values that could not be used as they stood, by field and kind.
    pub problems: Vec<ProblemCount>,
    /// Values present, by field.
    pub present: Vec<u64>,
}

impl PrepareReport {
    /// Counts calibration rows out that records which came later took the place of.
    pub fn forget_rows(&mut self, calibration: u64) {
        self.rows -= calibration;
        self.calibration_rows -= calibration;
    }

    /// Adds what another batch of the same party tells.
    pub fn join(&mut self, other: Self) {
        self.records += other.records;
        self.set_aside += other.set_aside;
        self.set_aside_examples.extend(other.set_aside_examples);
        self.set_aside_examples.truncate(EXAMPLES);
        self.rows += other.rows;
        self.calibration_rows += other.calibration_rows;
        self.decoys += other.decoys;
        self.present
            .resize(self.present.len().max(other.present.len()), 0);
        for (own, other) in self.present.iter_mut().zip(other.present) {
            *own += other;
        }
        for problem in other.problems {
            let same =
                |own: &&mut ProblemCount| (own.field, own.kind) == (problem.field, problem.kind);
            if let Some(own) = self.problems.iter_mut().find(same) {
                own.rows += problem.rows;
                own.examples.extend(problem.examples);
                own.examples.truncate(EXAMPLES);
            } else {
                self.problems.push(problem);
            }
        }
        self.problems
            .sort_by_key(|problem| (problem.field, problem.kind));
    }
}

/// Remembers a row, unless enough are.
pub(crate) fn push_example(examples: &mut Vec<u64>, row: u64) {
    if examples.len() < EXAMPLES {
        examples.push(row);
    }
}
