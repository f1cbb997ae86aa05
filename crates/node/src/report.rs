//! What a custodian is told of a prepared registry: counts and row numbers, never a value.

use encode::{PrepareReport as Counts, ProblemCount};
use model::schema::LinkageSchema;
use model::{PartyIndex, RunNumber};
use records::ProblemKind;
use serde::{Deserialize, Serialize};

/// What went into a batch and what could not be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrepareReport {
    /// The run.
    pub run: RunNumber,
    /// Records read.
    pub records: u64,
    /// Rows made of them: one a record and block value, and the calibration rows.
    pub rows: u64,
    /// Rows of the random sample by which the coordinator learns how alike strangers are.
    pub calibration_rows: u64,
    /// Decoys made beside the records: their rows are among the rows.
    #[serde(default)]
    pub decoys: u64,
    /// Records in no block, which can meet nobody.
    pub set_aside: u64,
    /// The first few rows of the file set aside.
    pub set_aside_rows: Vec<u64>,
    /// Bytes to upload.
    pub bytes: u64,
    /// The schema's fields, in order.
    pub fields: Vec<FieldReport>,
}

/// How one field of the schema fared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldReport {
    /// The field.
    pub field: String,
    /// The columns it is read from; none when the party does not have it.
    pub columns: Vec<String>,
    /// Records with a usable value.
    pub present: u64,
    /// Values that could not be used as they stand.
    pub problems: Vec<ProblemReport>,
}

/// One kind of problem in one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProblemReport {
    /// What was wrong.
    pub problem: String,
    /// In how many rows.
    pub rows: u64,
    /// The first few of these rows.
    pub examples: Vec<u64>,
    /// Whether the value could not be used at all.
    pub unusable: bool,
}

impl PrepareReport {
    /// The report on `counts` of `party` under `schema`.
    pub(crate) fn of(
        run: RunNumber,
        counts: &Counts,
        schema: &LinkageSchema,
        party: PartyIndex,
    ) -> Self {
        let fields = schema.fields.iter().zip(&schema.party(party).sources);
        let fields = fields.enumerate().map(|(index, (field, source))| {
            let columns = source.as_ref().map(|source| source.columns.clone());
            FieldReport {
                field: field.name.to_string(),
                columns: columns.unwrap_or_default(),
                present: counts.present.get(index).copied().unwrap_or_default(),
                problems: problems(&counts.problems, index),
            }
        });
        Self {
            run,
            records: counts.records,
            rows: counts.rows,
            calibration_rows: counts.calibration_rows,
            decoys: counts.decoys,
            set_aside: counts.set_aside,
            set_aside_rows: counts.set_aside_examples.clone(),
            bytes: 0,
            fields: fields.collect(),
        }
    }
}

impl FieldReport {
    /// Values that could not be used at all.
    pub fn unusable(&self) -> u64 {
        let unusable = self.problems.iter().filter(|problem| problem.unusable);
        unusable.map(|problem| problem.rows).sum()
    }

    /// Values that were there, usable or not.
    pub fn non_empty(&self) -> u64 {
        self.present + self.unusable()
    }
}

fn problems(counts: &[ProblemCount], field: usize) -> Vec<ProblemReport> {
    let of_field = counts.iter().filter(|count| count.field == field);
    let report = |count: &ProblemCount| ProblemReport {
        problem: describe(count.kind).to_owned(),
        rows: count.rows,
        examples: count.examples.clone(),
        unusable: count.kind != ProblemKind::ImpossibleDate,
    };
    of_field.map(report).collect()
}

fn describe(kind: ProblemKind) -> &'static str {
    match kind {
        ProblemKind::UnreadableDate => "dates in none of the schema's formats",
        ProblemKind::ImpossibleDate => "impossible dates, used in part",
        ProblemKind::UnknownCode => "words or numbers not among the schema's codes",
        ProblemKind::NothingUsable => "text without a letter or digit that counts",
    }
}

/// Row numbers for people.
pub(crate) fn listed<'a>(rows: impl IntoIterator<Item = &'a u64>) -> String {
    let rows = rows.into_iter().map(u64::to_string);
    rows.collect::<Vec<_>>().join(", ")
}
