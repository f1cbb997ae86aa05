//! What a party may know of a run, served: where it stands, and its own rows.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use audit::Event;
use model::agreement::{Clause, Output};
use model::lifecycle::Phase;
use model::{PartyName, RefusalCode, RunNumber};
use service::AgreementFault;
use wire::limits::{MAX_PAGE_ROWS, MAX_TEXT};
use wire::{
    Fault, Found, PartyProgress, Results, ResultsHeader, ResultsRow, Review, ReviewHeader,
    RunStatus, review_digest,
};

use super::release::PartyTotals;
use super::review::PartyReview;
use super::{Resolver, ResolverState, Totals};
use crate::intake::failed;
use crate::lifecycle::{Lifecycle as _, StageError};
use crate::store::StoredBatch;
use crate::sync::lock;

impl Results for Resolver {
    fn run_status(&self, party: &PartyName) -> Result<RunStatus, Fault> {
        self.context.project.member(party)?;
        let state = self.context.state().map_err(failed)?;
        let (encodings, is_away) = self.delivered();
        let parties = self.progress(&state, encodings)?;
        let shown = shown(&state, &parties);
        let outcome = self.outcome_of(self.context.project.run, &state);
        let mut detail = detail(&state, &parties);
        if let Err(StageError::Agreement(AgreementFault::Refused(refusal))) =
            self.context.agreed(self.context.project.run)
        {
            detail = refusal.detail;
        }
        if is_away && matches!(state, ResolverState::Open | ResolverState::Sealed { .. }) {
            detail += "; the matcher does not answer the resolver";
        }
        detail.truncate(detail.floor_char_boundary(MAX_TEXT));
        Ok(RunStatus {
            run: self.context.project.run,
            state: shown,
            detail,
            parties,
            outcome,
        })
    }

    fn results_header(&self, party: &PartyName, run: RunNumber) -> Result<ResultsHeader, Fault> {
        let totals = self.totals(party, run)?;
        let event = Event::ResultsCollected {
            run,
            party: party.clone(),
            rows: totals.rows,
            digest: totals.rows_digest,
        };
        self.context.journal.record(event).map_err(failed)?;
        let found = totals.found.into_iter();
        Ok(ResultsHeader {
            run,
            rows: totals.rows,
            rows_digest: totals.rows_digest,
            records: totals.records,
            clusters: totals.clusters,
            found: found
                .map(|(party, records)| Found { party, records })
                .collect(),
            rights: totals.rights,
        })
    }

    fn results_rows(
        &self,
        party: &PartyName,
        run: RunNumber,
        from_row: u64,
        limit: usize,
    ) -> Result<Vec<ResultsRow>, Fault> {
        let totals = self.totals(party, run)?;
        let left = totals.rows.saturating_sub(from_row);
        let rows = left.min(limit.min(MAX_PAGE_ROWS) as u64) as usize;
        let mut bytes = vec![0; rows * ResultsRow::BYTES];
        let file = File::open(self.release_files(run, party).rows)?;
        file.read_exact_at(
            &mut bytes,
            from_row.saturating_mul(ResultsRow::BYTES as u64),
        )?;
        let (rows, _) = bytes.as_chunks();
        Ok(rows.iter().map(ResultsRow::from_bytes).collect())
    }

    fn review(&self, party: &PartyName, run: RunNumber) -> Result<Review, Fault> {
        let review = self.party_review(party, run)?;
        let pairs_digest = review_digest(&review.pairs);
        let event = Event::ReviewCollected {
            run,
            party: party.clone(),
            digest: pairs_digest,
        };
        self.context.journal.record(event).map_err(failed)?;
        Ok(Review {
            header: ReviewHeader {
                run,
                pairs: review.pairs.len() as u32,
                pairs_digest,
                followed: review.followed,
                contradicted: review.contradicted,
            },
            pairs: review.pairs,
        })
    }
}

impl Resolver {
    /// The totals of a released run.
    fn totals(&self, party: &PartyName, run: RunNumber) -> Result<PartyTotals, Fault> {
        self.released(party, run)?;
        let agreement = self.context.agreement()?;
        agreement.terms().rights(party)?;
        let text = match std::fs::read(self.release_files(run, party).totals) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let detail = format!("run {run} was released when {party} might have nothing");
                return Err(Clause::Outputs.refuse(detail).into());
            }
            text => text?,
        };
        let totals: PartyTotals = serde_json::from_slice(&text).map_err(failed)?;
        Ok(totals.under(&agreement, party)?)
    }

    /// The party's pairs of a released run; none where it was linked without review.
    fn party_review(&self, party: &PartyName, run: RunNumber) -> Result<PartyReview, Fault> {
        let totals = self.released(party, run)?.review;
        // The most that anybody is told of single records: not for who may not have their pseudonyms.
        let agreement = self.context.agreement()?;
        agreement.check_output(party, Output::OwnPseudonyms)?;
        if totals.digest.is_none() {
            return Ok(PartyReview::none());
        }
        Ok(PartyReview::read(&self.context.outputs(run), party)?)
    }

    /// What linking gave, if the run is released and `party` may ask.
    fn released(&self, party: &PartyName, run: RunNumber) -> Result<Totals, Fault> {
        self.context.project.member(party)?;
        match self.find_state(run)? {
            ref state @ ResolverState::Released { ref totals, .. } => {
                self.context.agreed(run)?;
                match self.due(run, state)? {
                    Some(why) => Err(Clause::Retention.refuse(why).into()),
                    None => Ok(totals.clone()),
                }
            }
            other => {
                let detail = format!("run {run} is {}", other.run_state());
                Err(Fault::refused(RefusalCode::WrongState, detail))
            }
        }
    }

    fn find_state(&self, run: RunNumber) -> Result<ResolverState, Fault> {
        let state = self.context.runs.find(run).map_err(failed)?;
        match state {
            Some(state) => Ok(state),
            None if run == self.context.project.run => Ok(ResolverState::Open),
            None => {
                let detail = format!("there is no run {run}");
                Err(Fault::refused(RefusalCode::WrongRun, detail))
            }
        }
    }

    /// Whose encodings the matcher has; while it does not answer, whose it had when it last did. And whether
    /// it does not.
    fn delivered(&self) -> (Vec<PartyName>, bool) {
        let told = self.handover.standing(self.context.project.run);
        let mut known = lock(&self.delivered);
        let is_away = told.is_err();
        if let Ok(told) = told {
            *known = told.delivered;
        }
        (known.clone(), is_away)
    }

    fn progress(
        &self,
        state: &ResolverState,
        encodings: Vec<PartyName>,
    ) -> Result<Vec<PartyProgress>, Fault> {
        let project = &self.context.project;
        let encodings: HashSet<PartyName> = encodings.into_iter().collect();
        let batches = self.context.batches.list(project.run).map_err(failed)?;
        let handle_maps: HashSet<PartyName> = batches
            .into_iter()
            .filter(StoredBatch::is_accepted)
            .map(|batch| batch.manifest.party)
            .collect();
        let approvals = match self.context.agreement() {
            Ok(agreement) => self.approvals(project.run, state, &agreement)?,
            Err(_) => Vec::new(),
        };
        let progress = |party: PartyName| PartyProgress {
            approved: approvals.contains(&party),
            encodings: encodings.contains(&party),
            handle_map: handle_maps.contains(&party),
            party,
        };
        Ok(project.parties().into_iter().map(progress).collect())
    }
}

/// A run that has all it needs from both sides is being linked.
fn shown(state: &ResolverState, parties: &[PartyProgress]) -> Phase {
    let complete = parties.iter().all(|party| party.encodings);
    match state {
        ResolverState::Sealed { .. } if complete => Phase::Linking,
        ResolverState::Linked { .. } if parties.iter().all(|party| party.approved) => {
            Phase::Approved
        }
        other => other.run_state(),
    }
}

fn detail(state: &ResolverState, parties: &[PartyProgress]) -> String {
    match state {
        ResolverState::Open | ResolverState::Sealed { .. } => waits_for(parties),
        ResolverState::Linked { .. } => waits_for_approval(parties),
        ResolverState::Released { .. } => "results can be collected".to_owned(),
        ResolverState::Failed { reason } => reason.clone(),
        ResolverState::Destroyed => "nothing of it is left".to_owned(),
    }
}

fn waits_for_approval(parties: &[PartyProgress]) -> String {
    let missing = parties.iter().filter(|party| !party.approved);
    let missing: Vec<&str> = missing.map(|party| party.party.as_str()).collect();
    match missing.is_empty() {
        true => "results are being written".to_owned(),
        false => format!("waits for the approval of {}", missing.join(", ")),
    }
}

fn waits_for(parties: &[PartyProgress]) -> String {
    let missing = |what: &str, has: fn(&PartyProgress) -> bool| {
        let names = parties.iter().filter(|party| !has(party));
        let names: Vec<&str> = names.map(|party| party.party.as_str()).collect();
        (!names.is_empty()).then(|| format!("{what} of {}", names.join(", ")))
    };
    let missing: Vec<String> = [
        missing("encodings", |party| party.encodings),
        missing("the handle map", |party| party.handle_map),
    ]
    .into_iter()
    .flatten()
    .collect();
    if missing.is_empty() {
        "pairs are being compared and linked".to_owned()
    } else {
        format!("waits for {}", missing.join(" and "))
    }
}
