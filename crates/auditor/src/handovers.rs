//! Reconciling the handover: what the resolver took, and linked, is what the matcher made and handed over.

use audit::{Entry, Event};
use model::{Digest, RunNumber};

use crate::finding::{Finding, Severity};
use crate::verify::CheckedLog;

/// Holds every run that the resolver linked to the comparisons the matcher made for it.
pub(crate) fn check(resolver: &CheckedLog, matcher: Option<&CheckedLog>) -> Vec<Finding> {
    let linked = resolver
        .entries
        .iter()
        .filter_map(|entry| match entry.event {
            Event::RunResolved { run, .. } => Some((entry.sequence, run)),
            _ => None,
        });
    let check = |(at, run)| Linked { at, run, resolver }.check(matcher);
    linked.map(check).collect()
}

/// A run that the resolver linked.
struct Linked<'a> {
    at: u64,
    run: RunNumber,
    resolver: &'a CheckedLog,
}

impl Linked<'_> {
    fn check(&self, matcher: Option<&CheckedLog>) -> Finding {
        let run = self.run;
        let before = self.resolver.entries.iter();
        let before = before.take_while(|entry| entry.sequence < self.at);
        // The latest: what is taken again is taken whole.
        let Some(taken) = before.filter_map(|entry| taken(entry, run)).last() else {
            return self.untold(matcher);
        };
        let Some(matcher) = matcher else {
            let text = format!(
                "the comparisons of run {run} cannot be reconciled: the log of the matcher is not in the bundle"
            );
            return self.found(Severity::Unproved, text);
        };
        let has = |of: fn(&Entry, RunNumber) -> Option<Digest>| {
            let mut all = matcher.entries.iter().filter_map(|entry| of(entry, run));
            all.any(|digest| digest == taken)
        };
        match (has(made), has(handed)) {
            (true, true) => {
                let text =
                    format!("it linked run {run} from the comparisons the matcher handed over");
                self.found(Severity::Right, text)
            }
            (true, false) => self.wrong(format!(
                "it linked run {run} from comparisons that the matcher never says it handed over"
            )),
            (false, _) => self.wrong(format!(
                "it linked run {run} from other comparisons than the matcher made"
            )),
        }
    }

    /// Runs from before handovers were logged stand in neither log.
    fn untold(&self, matcher: Option<&CheckedLog>) -> Finding {
        let run = self.run;
        let mut entries = matcher.iter().flat_map(|matcher| &matcher.entries);
        match entries.any(|entry| handed(entry, run).is_some()) {
            true => self.wrong(format!(
                "it linked run {run} and does not say that it took the comparisons the matcher handed over"
            )),
            false => {
                let text = format!("it does not say which comparisons run {run} was linked from");
                self.found(Severity::Unproved, text)
            }
        }
    }

    fn found(&self, severity: Severity, text: String) -> Finding {
        Finding::new(severity, &self.resolver.name, text).at(self.at)
    }

    fn wrong(&self, text: String) -> Finding {
        self.found(Severity::Wrong, text).shown_by("matcher")
    }
}

fn taken(entry: &Entry, of: RunNumber) -> Option<Digest> {
    match entry.event {
        Event::ComparisonsTaken {
            run,
            comparisons_digest,
        } if run == of => Some(comparisons_digest),
        _ => None,
    }
}

fn made(entry: &Entry, of: RunNumber) -> Option<Digest> {
    match entry.event {
        Event::RunMatched {
            run,
            comparisons_digest,
        } if run == of => Some(comparisons_digest),
        _ => None,
    }
}

fn handed(entry: &Entry, of: RunNumber) -> Option<Digest> {
    match entry.event {
        Event::ComparisonsHandedOver {
            run,
            comparisons_digest,
        } if run == of => Some(comparisons_digest),
        _ => None,
    }
}
