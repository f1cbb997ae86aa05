//! Holds uploads to the risk that was measured before them: under an agreement with the clause `risk`, what a node
//! uploads is what its last report before was made of, and that report said to release, or officers of two
//! custodians, its own among them, answer for it.

use std::collections::BTreeSet;

use audit::{Entry, Event};
use model::risk::{OVERRIDING_OFFICERS, Verdict};
use model::{BatchKind, Digest, PartyName, RunNumber};

use crate::finding::{Finding, Severity};

/// What a node's log says of its uploads, and under which agreements.
pub(crate) struct Uploads<'a> {
    /// Whose log it is.
    pub(crate) party: &'a str,
    /// The log's name.
    pub(crate) log: &'a str,
    /// Its entries.
    pub(crate) entries: &'a [Entry],
}

/// One upload to the matcher.
struct Upload<'a> {
    at: u64,
    run: RunNumber,
    kind: BatchKind,
    manifest: &'a Digest,
}

impl Uploads<'_> {
    /// One finding an upload that the clause is about. `custodians` says of an agreement whose officers may answer,
    /// if it has the clause and can be read.
    pub(crate) fn check(
        &self,
        custodians: impl Fn(&Digest) -> Option<BTreeSet<PartyName>>,
    ) -> Vec<Finding> {
        let uploads = self.entries.iter().filter_map(upload);
        let check = |upload: Upload<'_>| {
            let adopted = self.before(upload.at).rev().find_map(adopted)?;
            let checked = self.check_upload(&upload, &custodians(adopted)?);
            let (severity, text) = match checked {
                Ok(how) => (Severity::Right, how),
                Err(why) => (Severity::Wrong, why),
            };
            Some(Finding::new(severity, self.log, text).at(upload.at))
        };
        uploads.filter_map(check).collect()
    }

    fn before(&self, at: u64) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.sequence < at)
    }

    fn check_upload(
        &self,
        upload: &Upload<'_>,
        custodians: &BTreeSet<PartyName>,
    ) -> Result<String, String> {
        let Upload { run, kind, .. } = upload;
        let what = format!("the {} of run {run}", kind.as_str());
        let prepared = self.measured_as(upload);
        let first = self.first_sent(*run, prepared).unwrap_or(upload.at);
        let measured = self
            .before(first)
            .rev()
            .find_map(|entry| match &entry.event {
                Event::RiskMeasured {
                    run: of,
                    prepared: measured,
                    report,
                    verdict,
                } => ((*of, measured) == (*run, prepared)).then_some((
                    entry.sequence,
                    report,
                    *verdict,
                )),
                _ => None,
            });
        let Some((at, report, verdict)) = measured else {
            return Err(format!(
                "it uploaded {what} without a risk report of them before, which the agreement asks for"
            ));
        };
        if verdict == Verdict::Release {
            return Ok(format!(
                "the risk of {what} was measured before, and its report said to release"
            ));
        }
        let officers = self.answering(at..first, *run, report, custodians);
        let is_own = officers
            .iter()
            .any(|officer| officer.as_str() == self.party);
        match is_own && officers.len() >= OVERRIDING_OFFICERS {
            true => Ok(format!(
                "the risk report of {what} said to hold, and the officers of {} answer for it",
                listed(&officers)
            )),
            false => Err(format!(
                "it uploaded {what}, though their risk report said to hold and no two officers, one of its own, answer for it"
            )),
        }
    }

    /// What a report of an upload is made of: the block tokens that were sent first, or the batch itself.
    fn measured_as<'b>(&'b self, of: &Upload<'b>) -> &'b Digest {
        let sent = self.before(of.at).rev().filter_map(upload);
        let mut tokens =
            sent.filter(|sent| (sent.run, sent.kind) == (of.run, BatchKind::BlockTokens));
        tokens.next().map_or(of.manifest, |tokens| tokens.manifest)
    }

    /// Where the batch was uploaded with which something of the run left first.
    fn first_sent(&self, run: RunNumber, prepared: &Digest) -> Option<u64> {
        let mut sent = self.entries.iter().filter_map(upload);
        let first = sent.find(|sent| (sent.run, sent.manifest) == (run, prepared));
        first.map(|first| first.at)
    }

    /// The custodians whose officers answer for uploading against a report.
    fn answering<'b>(
        &'b self,
        between: std::ops::Range<u64>,
        run: RunNumber,
        report: &Digest,
        custodians: &BTreeSet<PartyName>,
    ) -> BTreeSet<&'b PartyName> {
        let entries = self.entries.iter();
        let entries = entries.filter(|entry| between.contains(&entry.sequence));
        let answering = entries.filter_map(|entry| match &entry.event {
            Event::RiskOverridden {
                run: of,
                report: against,
                officers,
            } if (*of, against) == (run, report) => Some(officers),
            _ => None,
        });
        let answering = answering.flatten();
        answering
            .filter(|party| custodians.contains(*party))
            .collect()
    }
}

/// What went to the matcher: encodings, and the block tokens before them.
fn upload(entry: &Entry) -> Option<Upload<'_>> {
    match &entry.event {
        Event::BatchUploaded {
            run,
            kind: kind @ (BatchKind::Encodings | BatchKind::BlockTokens),
            manifest_digest,
            ..
        } => Some(Upload {
            at: entry.sequence,
            run: *run,
            kind: *kind,
            manifest: manifest_digest,
        }),
        _ => None,
    }
}

fn adopted(entry: &Entry) -> Option<&Digest> {
    match &entry.event {
        Event::AgreementAdopted { agreement, .. } => Some(agreement),
        _ => None,
    }
}

fn listed(officers: &BTreeSet<&PartyName>) -> String {
    let officers: Vec<&str> = officers.iter().map(|party| party.as_str()).collect();
    officers.join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use audit::{Actor, TreeHead};
    use model::risk::Verdict::{Hold, Release};

    const RUN: RunNumber = RunNumber(2);

    fn digest(byte: u8) -> Digest {
        Digest::new([byte; 32])
    }

    fn party(name: &str) -> PartyName {
        name.parse().unwrap()
    }

    fn adopted() -> Event {
        Event::AgreementAdopted {
            agreement: digest(9),
            number: 1,
        }
    }

    /// The batch of this digest is measured, with the report of the digest after it.
    fn measured(prepared: u8, verdict: Verdict) -> Event {
        Event::RiskMeasured {
            run: RUN,
            prepared: digest(prepared),
            report: digest(prepared + 1),
            verdict,
        }
    }

    fn overridden(report: u8, officers: &[&str]) -> Event {
        Event::RiskOverridden {
            run: RUN,
            report: digest(report),
            officers: officers.iter().map(|name| party(name)).collect(),
        }
    }

    fn uploaded(kind: BatchKind, manifest: u8) -> Event {
        Event::BatchUploaded {
            run: RUN,
            kind,
            manifest_digest: digest(manifest),
            receipt_head: TreeHead {
                size: 1,
                root: digest(0),
            },
        }
    }

    /// What is found of the log of `crvs` with these events.
    fn found(events: Vec<Event>) -> Vec<Severity> {
        let entry = |(sequence, event)| Entry {
            sequence,
            unix_millis: 1,
            actor: Actor::Node(party("crvs")),
            event,
        };
        let entries: Vec<Entry> = (0..).zip(events).map(entry).collect();
        let uploads = Uploads {
            party: "crvs",
            log: "node-crvs",
            entries: &entries,
        };
        let members = ["crvs", "sr", "id"].map(party);
        let custodians =
            |of: &Digest| (*of == digest(9)).then(|| members.iter().cloned().collect());
        let found = uploads.check(custodians);
        found.into_iter().map(|finding| finding.severity).collect()
    }

    use BatchKind::{BlockTokens, Encodings, HandleMap};
    use Severity::{Right, Wrong};

    #[test]
    fn an_upload_after_a_report_that_says_to_release_is_right() {
        let events = vec![adopted(), measured(1, Release), uploaded(Encodings, 1)];
        assert_eq!(found(events), [Right]);
        // Where the agreement does not ask, nothing is said, nor of what goes to the resolver.
        assert!(found(vec![uploaded(Encodings, 1)]).is_empty());
        assert!(found(vec![adopted(), uploaded(HandleMap, 1)]).is_empty());
    }

    #[test]
    fn a_report_that_is_late_or_of_something_else_counts_for_nothing() {
        let other_run = Event::RiskMeasured {
            run: RunNumber(1),
            prepared: digest(1),
            report: digest(2),
            verdict: Release,
        };
        for events in [
            vec![uploaded(Encodings, 1)],
            vec![uploaded(Encodings, 1), measured(1, Release)],
            vec![measured(3, Release), uploaded(Encodings, 1)],
            vec![other_run, uploaded(Encodings, 1)],
            // The last report before is the one that counts.
            vec![
                measured(1, Release),
                measured(1, Hold),
                uploaded(Encodings, 1),
            ],
        ] {
            let events: Vec<Event> = [adopted()].into_iter().chain(events).collect();
            assert_eq!(found(events.clone()), [Wrong], "{events:?}");
        }
    }

    #[test]
    fn what_is_held_takes_officers_of_two_custodians_its_own_among_them() {
        let with = |overrides: Vec<Event>| {
            let before = [adopted(), measured(1, Hold)];
            let events = before.into_iter().chain(overrides);
            found(events.chain([uploaded(Encodings, 1)]).collect())
        };
        assert_eq!(with(vec![overridden(2, &["crvs", "sr"])]), [Right]);
        assert_eq!(
            with(vec![overridden(2, &["crvs"]), overridden(2, &["id"])]),
            [Right]
        );
        for overrides in [
            vec![],
            vec![overridden(2, &["crvs"])],
            vec![overridden(2, &["crvs", "crvs"])],
            vec![overridden(2, &["sr", "id"])],
            vec![overridden(2, &["crvs", "integrator"])],
            vec![overridden(4, &["crvs", "sr"])],
        ] {
            assert_eq!(with(overrides.clone()), [Wrong], "{overrides:?}");
        }
        let late = vec![
            adopted(),
            measured(1, Hold),
            uploaded(Encodings, 1),
            overridden(2, &["crvs", "sr"]),
        ];
        assert_eq!(found(late), [Wrong]);
    }

    #[test]
    fn where_tokens_go_first_the_report_is_of_them_and_before_them() {
        let sent = |events: [Event; 4]| found([adopted()].into_iter().chain(events).collect());
        let (tokens, encodings) = (uploaded(BlockTokens, 1), uploaded(Encodings, 5));
        let whole = [
            measured(1, Hold),
            overridden(2, &["crvs", "sr"]),
            tokens.clone(),
            encodings.clone(),
        ];
        assert_eq!(sent(whole), [Right, Right]);
        let between = [
            tokens.clone(),
            measured(1, Hold),
            overridden(2, &["crvs", "sr"]),
            encodings.clone(),
        ];
        assert_eq!(sent(between), [Wrong, Wrong]);
        // What is measured of the rows that were left over afterwards changes nothing.
        let again = [measured(1, Release), tokens, measured(1, Hold), encodings];
        assert_eq!(sent(again), [Right, Right]);
    }
}
