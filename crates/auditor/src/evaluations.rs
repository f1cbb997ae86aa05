//! What a key server says it evaluated: its running sums add up, nobody had more than the agreement gives,
//! and each batch is one that the custodian's own node says it sent.

use std::collections::{BTreeMap, BTreeSet};

use audit::{Entry, Event};
use model::{Digest, Epoch, PartyName};

use crate::finding::{Finding, Severity};
use crate::verify::CheckedLog;

/// What the log of a key server is called.
pub(crate) const KEY_SERVER: &str = "key-server";

/// What each custodian has had in each epoch.
type Sums = BTreeMap<(Epoch, PartyName), u64>;

/// A batch as the key server's log has it.
struct Batch<'a> {
    at: u64,
    epoch: Epoch,
    party: &'a PartyName,
    digest: Digest,
    elements: u64,
    total: u64,
}

fn batches(entries: &[Entry]) -> impl Iterator<Item = Batch<'_>> {
    entries.iter().filter_map(|entry| match &entry.event {
        Event::ElementsEvaluated {
            epoch,
            party,
            batch,
            elements,
            total,
        } => Some(Batch {
            at: entry.sequence,
            epoch: *epoch,
            party,
            digest: *batch,
            elements: *elements,
            total: *total,
        }),
        _ => None,
    })
}

fn wrong(at: u64, text: String) -> Finding {
    Finding::new(Severity::Wrong, KEY_SERVER, text).at(at)
}

/// Adds the batches up and holds each entry's running sum to it; nothing is evaluated for an epoch whose key
/// was destroyed before.
fn add_up(entries: &[Entry], findings: &mut Vec<Finding>) -> Sums {
    let destroyed = |entry: &Entry| match entry.event {
        Event::EvaluationKeyDestroyed { epoch } => Some((epoch, entry.sequence)),
        _ => None,
    };
    let destroyed: BTreeMap<Epoch, u64> = entries.iter().filter_map(destroyed).collect();
    let mut sums = Sums::new();
    for batch in batches(entries) {
        let (epoch, party) = (batch.epoch, batch.party);
        let sum = sums.entry((epoch, party.clone())).or_default();
        *sum = sum.saturating_add(batch.elements);
        if *sum != batch.total {
            let text = format!(
                "it says {party} has had {} evaluations in epoch {epoch}, its entries add up to {sum}",
                batch.total
            );
            findings.push(wrong(batch.at, text));
        }
        if destroyed.get(&epoch).is_some_and(|at| *at < batch.at) {
            let text = format!("it evaluated under the key of epoch {epoch} that it had destroyed");
            findings.push(wrong(batch.at, text));
        }
    }
    sums
}

/// Holds the key server's log to itself and to the logs of nodes.
pub(crate) fn reconcile(logs: &[CheckedLog]) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(log) = logs.iter().find(|log| log.name == KEY_SERVER) {
        add_up(&log.entries, &mut findings);
        for of in logs {
            if let Some(party) = of.name.strip_prefix("node-") {
                findings.extend(of_node(&log.entries, party, &of.entries));
            }
        }
    }
    findings
}

/// Each batch evaluated in a party's name is one that its node sent.
fn of_node(key_server: &[Entry], party: &str, node: &[Entry]) -> Vec<Finding> {
    let sent = node.iter().filter_map(|entry| match entry.event {
        Event::ElementsAsked {
            epoch,
            batch,
            elements,
        } => Some((epoch, batch, elements)),
        _ => None,
    });
    let sent: BTreeSet<(Epoch, Digest, u64)> = sent.collect();
    let (mut findings, mut known) = (Vec::new(), 0);
    for batch in batches(key_server).filter(|batch| batch.party.as_str() == party) {
        if sent.contains(&(batch.epoch, batch.digest, batch.elements)) {
            known += 1;
            continue;
        }
        let text = format!(
            "it evaluated {} elements in the name of {party} that {party} never sent",
            batch.elements
        );
        findings.push(wrong(batch.at, text).shown_by(party));
    }
    if known > 0 {
        let text = format!("{known} batches it evaluated for {party} are those that {party} sent");
        findings.push(Finding::new(Severity::Right, KEY_SERVER, text));
    }
    findings
}

/// Holds what each custodian has had to the quota that was agreed on, the largest of all amendments; none
/// where no agreement has a key server.
pub(crate) fn check_quotas(log: &CheckedLog, quota: Option<u64>) -> Vec<Finding> {
    quotas(&add_up(&log.entries, &mut Vec::new()), quota)
}

fn quotas(sums: &Sums, quota: Option<u64>) -> Vec<Finding> {
    let check = |((epoch, party), sum): (&(Epoch, PartyName), &u64)| {
        let had = format!("{party} has had {sum} evaluations in epoch {epoch}");
        let (severity, text) = match quota {
            Some(quota) if *sum <= quota => (
                Severity::Right,
                format!("{had}, of {quota} that were agreed on"),
            ),
            Some(quota) => (
                Severity::Wrong,
                format!("{had}, and {quota} were agreed on"),
            ),
            None => (
                Severity::Unproved,
                format!("{had}; no agreement in the bundle says how many it may have"),
            ),
        };
        Finding::new(severity, KEY_SERVER, text)
    };
    sums.iter().map(check).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use audit::Actor;

    fn entry(sequence: u64, event: Event) -> Entry {
        Entry {
            sequence,
            unix_millis: 1,
            actor: Actor::KeyServer,
            event,
        }
    }

    fn batch(at: u64, party: &str, elements: u64, total: u64) -> Entry {
        let event = Event::ElementsEvaluated {
            epoch: Epoch(1),
            party: party.parse().unwrap(),
            batch: Digest::of(&at.to_le_bytes()),
            elements,
            total,
        };
        entry(at, event)
    }

    fn sent(at: u64, elements: u64) -> Entry {
        let event = Event::ElementsAsked {
            epoch: Epoch(1),
            batch: Digest::of(&at.to_le_bytes()),
            elements,
        };
        entry(at, event)
    }

    fn adding(entries: &[Entry]) -> Vec<Option<u64>> {
        let mut findings = Vec::new();
        add_up(entries, &mut findings);
        findings.iter().map(|finding| finding.entry).collect()
    }

    #[test]
    fn sums_add_up_by_party_or_the_entry_is_named() {
        let honest = [
            batch(0, "a", 3, 3),
            batch(1, "b", 2, 2),
            batch(2, "a", 4, 7),
        ];
        assert!(adding(&honest).is_empty());
        let hidden = [batch(0, "a", 3, 3), batch(1, "a", 4, 4)];
        assert_eq!(adding(&hidden), [Some(1)]);
        let destroyed = entry(1, Event::EvaluationKeyDestroyed { epoch: Epoch(1) });
        assert_eq!(
            adding(&[batch(0, "a", 3, 3), destroyed, batch(2, "a", 1, 4)]),
            [Some(2)]
        );
    }

    #[test]
    fn a_batch_that_a_node_never_sent_is_named() {
        let log = [
            batch(0, "a", 3, 3),
            batch(1, "a", 4, 7),
            batch(2, "b", 1, 1),
        ];
        let severities = |node: &[Entry]| -> Vec<Severity> {
            let findings = of_node(&log, "a", node);
            findings.iter().map(|finding| finding.severity).collect()
        };
        assert_eq!(severities(&[sent(0, 3), sent(1, 4)]), [Severity::Right]);
        assert_eq!(
            severities(&[sent(0, 3)]),
            [Severity::Wrong, Severity::Right]
        );
        // The same batch with another count is another batch.
        assert_eq!(severities(&[sent(0, 3), sent(1, 5)])[0], Severity::Wrong);
    }

    #[test]
    fn what_is_over_the_quota_is_wrong_and_what_nobody_agreed_on_unproved() {
        let sums = add_up(&[batch(0, "a", 3, 3)], &mut Vec::new());
        let of = |quota| quotas(&sums, quota)[0].severity;
        assert_eq!(of(Some(3)), Severity::Right);
        assert_eq!(of(Some(2)), Severity::Wrong);
        assert_eq!(of(None), Severity::Unproved);
    }
}
