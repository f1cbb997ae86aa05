//! The resolver's half of a lookup: which persons of a finished run one more record may be, from the comparisons that a
//! [`StandingIndex`](crate::StandingIndex) makes and under the model that the run fitted.
//!
//! The weight of a pair is that of the run. Whether the record belongs to a person is decided as clusters are formed: by the
//! mean evidence of *all* pairs between them, and the price of a second record in one registry.

use std::collections::BTreeMap;

use model::{Layout, LinkageSchema, PartyIndex, RecordHandle};

use super::cluster::{LINK_ODDS, MOST, NEVER_MET};
use super::explain::Explainer;
use super::join::{Join, Means};
use super::patterns::Observed;
use super::records::{RecordSet, Rows};
use super::{Resolution, ResolveError};
use crate::comparison::{Comparison, ComparisonLayout};

/// A person that a record may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The cluster, as the number of its first record.
    pub cluster: u32,
    /// What speaks for the record being of this person, in thousandths of a bit.
    pub evidence_millibits: i64,
    /// The person's records that it met, by number, with log2 of the odds of a match in thousandths of a bit.
    pub met: Vec<(u32, i32)>,
}

impl Answer {
    /// Whether a run would put the record into this person's cluster, were the two alone: a pair that is a likely
    /// link, and more evidence for than against.
    pub fn is_match(&self) -> bool {
        self.evidence_millibits > 0 && self.met.iter().any(|(_, odds)| *odds > LINK_ODDS)
    }
}

/// Answers questions about single records under the model of a run.
pub struct Answerer<'a> {
    run: &'a Resolution,
    explainer: &'a Explainer,
    schema: &'a LinkageSchema,
    layout: &'a Layout,
    rows: Rows,
    mirrored: Vec<usize>,
    /// The records of each cluster, by its first.
    members: BTreeMap<u32, Vec<u32>>,
}

impl<'a> Answerer<'a> {
    /// Answers from `run`, whose batches were `sets`; none for a run of whole-record encodings, which fits no
    /// model.
    pub fn new(
        run: &'a Resolution,
        schema: &'a LinkageSchema,
        layout: &'a Layout,
        sets: &[RecordSet],
    ) -> Option<Self> {
        let clusters = run.clusters().into_iter();
        Some(Self {
            run,
            explainer: run.explainer.as_ref()?,
            schema,
            layout,
            rows: Rows::of(&run.records, sets),
            mirrored: layout.mirrored(),
            members: clusters.map(|members| (members[0], members)).collect(),
        })
    }

    /// The persons that a record of `party` may be, by the comparisons of its rows, the likeliest first. Where the record
    /// itself stands in the run, `own` keeps it from answering for itself.
    ///
    /// # Errors
    /// [`ResolveError`] when the comparisons are not such as the index of the same run makes.
    pub fn answer(
        &self,
        party: PartyIndex,
        own: Option<RecordHandle>,
        comparisons: &[u8],
    ) -> Result<Vec<Answer>, ResolveError> {
        let own = own.and_then(|handle| self.run.records.number(party, handle));
        let mut by_cluster: BTreeMap<u32, Vec<(u32, i32)>> = BTreeMap::new();
        for (record, met) in self.by_record(comparisons)? {
            if Some(record) != own {
                let cluster = self.run.cluster_of[record as usize];
                let odds = self.odds((party, own), record, &met);
                by_cluster.entry(cluster).or_default().push((record, odds));
            }
        }
        let answer = |(cluster, met): (u32, Vec<(u32, i32)>)| Answer {
            evidence_millibits: self.evidence(party, own, cluster, &met),
            cluster,
            met,
        };
        let mut answers: Vec<Answer> = by_cluster.into_iter().map(answer).collect();
        answers.sort_by_key(|answer| (-answer.evidence_millibits, answer.cluster));
        Ok(answers)
    }

    fn by_record<'c>(
        &self,
        comparisons: &'c [u8],
    ) -> Result<BTreeMap<u32, Vec<Comparison<'c>>>, ResolveError> {
        let form = ComparisonLayout::of(self.layout);
        if !comparisons.len().is_multiple_of(form.row_bytes()) {
            return Err(ResolveError::TornComparisons);
        }
        let mut by_record: BTreeMap<u32, Vec<Comparison<'c>>> = BTreeMap::new();
        for met in form.iter(comparisons) {
            self.join().check(met)?;
            if let Some(record) = self.rows.record(met.right())? {
                by_record.entry(record).or_default().push(met);
            }
        }
        Ok(by_record)
    }

    fn join(&self) -> Join<'_> {
        Join {
            schema: self.schema,
            layout: self.layout,
            variables: &self.explainer.variables,
            records: &self.run.records,
            mirrored: &self.mirrored,
        }
    }

    fn odds(
        &self,
        (party, own): (PartyIndex, Option<u32>),
        record: u32,
        met: &[Comparison<'_>],
    ) -> i32 {
        let grades = met.iter().map(|met| met.grades());
        let (mut means, mut levels) = (Means::default(), Vec::new());
        let join = self.join();
        let mut mean = means.of(self.layout.slots.len(), grades).to_vec();
        // In a run the record of the smaller number is on the left, and numbers go by party.
        let follows = match own {
            Some(own) => own > record,
            None => party > self.run.records.party(record),
        };
        if follows {
            mean = join.mirrored.iter().map(|slot| mean[*slot]).collect();
        }
        join.levels(&mean, &mut levels);
        let passes = met.iter().fold(0, |all, met| all | 1u64 << met.pass().0);
        let parties = (party, self.run.records.party(record));
        let stratum = self.run.records.stratum_of(parties);
        let pair = Observed::one(stratum, passes, &levels);
        self.explainer.model.odds_millibits(pair)
    }

    /// As clusters weigh it, the record being a cluster of its own.
    fn evidence(
        &self,
        party: PartyIndex,
        own: Option<u32>,
        cluster: u32,
        met: &[(u32, i32)],
    ) -> i64 {
        let price = i64::from(self.run.repeats.millibits[party.index()]);
        let of_party = |record: u32| self.run.records.party(record) == party;
        let others = self.members.get(&cluster).into_iter().flatten();
        let others: Vec<u32> = others.copied().filter(|r| Some(*r) != own).collect();
        let said = met.iter().map(|(record, odds)| {
            let repeated = if of_party(*record) { price } else { 0 };
            i64::from(*odds).clamp(-MOST, MOST) - repeated
        });
        let all = others.len().max(1) as i64;
        let silent = (all - met.len() as i64) * NEVER_MET;
        let shared = others.iter().any(|record| of_party(*record));
        (said.sum::<i64>() + silent) / all + if shared { price } else { 0 }
    }
}
