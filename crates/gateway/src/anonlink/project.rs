//! A project and what has come for it: pure rules, kept by a [`super::Catalogue`].

use model::Digest;
use serde::{Deserialize, Serialize};

use super::id::ProjectId;
use super::run::{Run, RunState};
use super::token::Presented;

/// The bytes an encoding may have, as the original has them.
pub(crate) const ENCODING_BYTES: std::ops::RangeInclusive<u32> = 1..=1024;
/// What the kernels read at once.
const WORD_BYTES: u32 = 8;

/// What a project's runs tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResultType {
    /// Which records are one person, for any number of parties.
    Groups,
    /// A new order for each of two parties' records, and a mask of which places match.
    Permutations,
    /// All pairs with their scores.
    SimilarityScores,
}

impl ResultType {
    /// All of them, by name.
    pub(crate) const ALL: [(&'static str, Self); 3] = [
        ("groups", Self::Groups),
        ("permutations", Self::Permutations),
        ("similarity_scores", Self::SimilarityScores),
    ];

    /// Stages of a run.
    pub(crate) fn stages(self) -> u8 {
        match self {
            Self::SimilarityScores => 2,
            Self::Groups | Self::Permutations => 3,
        }
    }
}

/// A party's data, once they are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Digest of the receipt token.
    pub receipt: Digest,
    /// Encodings.
    pub records: u32,
    /// Bytes of each.
    pub encoding_bytes: u32,
}

/// One party of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// Digest of the token it uploads with.
    pub update_token: Digest,
    /// Its data.
    pub upload: Option<Upload>,
    /// Bytes of an upload in pieces that are durable.
    pub staged: u64,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Project {
    /// Which.
    pub id: ProjectId,
    /// What its owner calls it.
    pub name: String,
    /// What its owner notes about it.
    pub notes: String,
    /// The linkage schema: JSON text, given back as it came.
    pub schema: String,
    /// What runs tell.
    pub result_type: ResultType,
    /// Whether only records that share a block are compared.
    pub uses_blocking: bool,
    /// Digest of the token that opens runs and results.
    pub result_token: Digest,
    /// Its parties, in the order of their tokens.
    pub parties: Vec<Party>,
    /// When it was made, in milliseconds since 1970.
    pub time_added: u64,
    /// Why no run can be computed and none may be asked for.
    pub error: Option<String>,
}

/// Whether runs can be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    /// Data are missing.
    Waiting,
    /// All data are in and fit each other.
    Ready,
    /// All data are in and cannot be compared.
    Unfit(Unfit),
}

/// Why encodings cannot be compared. Texts are those of the original.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("Mismatch in encoding sizes. Stopping")]
    Mismatch,
    #[error("Encoding size out of configured bounds")]
    OutOfBounds,
    #[error("Encoding size must be multiple of 8 bytes (64 bits)")]
    NotWords,
}

impl Unfit {
    /// Whether the project as a whole is in error, so that no further run may be asked for.
    fn is_project_error(self) -> bool {
        self != Self::NotWords
    }
}

impl Project {
    /// The party whose update token this is.
    pub(crate) fn party_of(&self, token: &Presented) -> Option<usize> {
        // All are compared, so the time does not tell which it is.
        let own = |party: &Party| token.opens(&party.update_token);
        let matching: Vec<bool> = self.parties.iter().map(own).collect();
        matching.into_iter().position(|own| own)
    }

    /// The party whose receipt token this is.
    pub(crate) fn receipt_of(&self, token: &Presented) -> Option<usize> {
        let own = |party: &Party| party.upload.is_some_and(|it| token.opens(&it.receipt));
        let matching: Vec<bool> = self.parties.iter().map(own).collect();
        matching.into_iter().position(|own| own)
    }

    /// How many parties' data are in.
    pub(crate) fn contributed(&self) -> usize {
        let uploads = self.parties.iter().filter(|party| party.upload.is_some());
        uploads.count()
    }

    /// Bytes of an encoding, where the schema or an upload has told.
    pub(crate) fn encoding_bytes(&self) -> Option<u32> {
        let first = self.parties.iter().find_map(|party| party.upload);
        schema_bytes(&self.schema).or(first.map(|upload| upload.encoding_bytes))
    }

    /// Takes a party's data, and lets waiting runs go on, or fail, once all are in.
    pub(crate) fn take(&mut self, party: usize, upload: Upload, runs: &mut [Run]) {
        let Some(place) = self.parties.get_mut(party) else {
            return;
        };
        place.upload = Some(upload);
        place.staged = 0;
        if schema_bytes(&self.schema).is_some_and(|bytes| bytes != upload.encoding_bytes) {
            self.fail(Unfit::Mismatch, runs);
        }
        match self.readiness() {
            Readiness::Unfit(unfit) => self.fail(unfit, runs),
            _ => runs.iter_mut().for_each(|run| self.admit(run)),
        }
    }

    fn fail(&mut self, unfit: Unfit, runs: &mut [Run]) {
        if unfit.is_project_error() {
            self.error.get_or_insert_with(|| unfit.to_string());
        }
        for run in runs {
            run.fail(Some(unfit.to_string()));
        }
    }

    /// Lets a new or waiting run go as far as the data allow.
    pub(crate) fn admit(&self, run: &mut Run) {
        match self.readiness() {
            _ if run.state != RunState::Created => {}
            Readiness::Waiting => {}
            Readiness::Ready => run.queue(),
            Readiness::Unfit(unfit) => run.fail(Some(unfit.to_string())),
        }
    }

    pub(crate) fn readiness(&self) -> Readiness {
        let uploads = self.parties.iter().map(|party| party.upload);
        let Some(uploads) = uploads.collect::<Option<Vec<_>>>() else {
            return Readiness::Waiting;
        };
        let mut sizes = uploads.iter().map(|upload| upload.encoding_bytes);
        let first = sizes.next().unwrap_or_default();
        let expected = schema_bytes(&self.schema).unwrap_or(first);
        if first != expected || sizes.any(|size| size != expected) {
            Readiness::Unfit(Unfit::Mismatch)
        } else if !ENCODING_BYTES.contains(&expected) {
            Readiness::Unfit(Unfit::OutOfBounds)
        } else if !expected.is_multiple_of(WORD_BYTES) {
            Readiness::Unfit(Unfit::NotWords)
        } else {
            Readiness::Ready
        }
    }
}

/// Bytes of an encoding as a clkhash schema (`clkConfig.l`, in bits) tells.
fn schema_bytes(schema: &str) -> Option<u32> {
    #[derive(Deserialize)]
    struct Schema {
        #[serde(rename = "clkConfig")]
        config: Config,
    }
    #[derive(Deserialize)]
    struct Config {
        l: u32,
    }
    let schema: Schema = serde_json::from_str(schema).ok()?;
    Some(schema.config.l / 8)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    fn digest(byte: u8) -> Digest {
        Digest::new([byte; 32])
    }

    pub(crate) fn project(parties: u8, schema: &str) -> Project {
        let party = |index| Party {
            update_token: digest(index),
            upload: None,
            staged: 0,
        };
        Project {
            id: "0".repeat(48).parse().unwrap(),
            name: String::new(),
            notes: String::new(),
            schema: schema.to_owned(),
            result_type: ResultType::Groups,
            uses_blocking: false,
            result_token: digest(100),
            parties: (0..parties).map(party).collect(),
            time_added: 0,
            error: None,
        }
    }

    fn run() -> Run {
        Run::new("1".repeat(48).parse().unwrap(), 0.8, 0)
    }

    fn upload(encoding_bytes: u32) -> Upload {
        Upload {
            receipt: digest(50),
            records: 3,
            encoding_bytes,
        }
    }

    /// State and message of a run, and the project's error, after uploads of these sizes.
    fn after(schema: &str, sizes: &[u32]) -> (RunState, Option<String>, bool) {
        let mut project = project(2, schema);
        let mut runs = [run()];
        for (party, size) in sizes.iter().enumerate() {
            project.take(party, upload(*size), &mut runs);
        }
        let mut later = run();
        project.admit(&mut later);
        if sizes.len() == 2 {
            assert_eq!(later.state, runs[0].state);
        }
        let [run] = runs;
        (run.state, run.message, project.error.is_some())
    }

    #[test]
    fn runs_wait_for_all_data() {
        assert_eq!(after("{}", &[]), (RunState::Created, None, false));
        assert_eq!(after("{}", &[128]), (RunState::Created, None, false));
        assert_eq!(after("{}", &[128, 128]), (RunState::Queued, None, false));
    }

    #[test]
    fn sizes_that_do_not_fit_fail_runs_with_the_texts_of_the_original() {
        let cases = [
            ([128, 64], Unfit::Mismatch, true),
            ([4096, 4096], Unfit::OutOfBounds, true),
            ([0, 0], Unfit::OutOfBounds, true),
            ([20, 20], Unfit::NotWords, false),
            ([4, 4], Unfit::NotWords, false),
        ];
        for (sizes, unfit, is_error) in cases {
            let expected = (RunState::Error, Some(unfit.to_string()), is_error);
            assert_eq!(after("{}", &sizes), expected, "{sizes:?}");
        }
    }

    #[test]
    fn a_size_against_the_schema_is_an_error_at_once() {
        let schema = r#"{"clkConfig": {"l": 1024}}"#;
        assert_eq!(schema_bytes(schema), Some(128));
        let (state, message, is_error) = after(schema, &[64]);
        assert_eq!((state, is_error), (RunState::Error, true));
        assert_eq!(message, Some(Unfit::Mismatch.to_string()));
        assert_eq!(after(schema, &[128]), (RunState::Created, None, false));
    }

    #[test]
    fn the_first_size_counts_where_the_schema_tells_none() {
        for schema in ["{}", r#"{"clkConfig": {}}"#, r#"{"clkConfig": {"l": "x"}}"#] {
            let mut project = project(2, schema);
            assert_eq!(project.encoding_bytes(), None);
            project.take(1, upload(16), &mut []);
            assert_eq!(project.encoding_bytes(), Some(16));
        }
    }
}
