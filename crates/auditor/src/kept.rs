//! Checks what parties and witnesses keep of a log, checkpoints and receipts, against the tree that was
//! built from its entries (`verify`).

use audit::{Checkpoint, Event, KeyKind, VerifierKey};
use wire::Receipt;

use crate::bundle::Kept;
use crate::finding::{Finding, Severity};
use crate::verify::CheckedLog;

/// Checks a checkpoint of the log `name` that `party` was shown, as `teller` has it. It is the party's word
/// only with the party's cosignature; the log's own signature under it is the log's word in any case.
pub(crate) fn check_seen(
    logs: &[CheckedLog],
    name: &str,
    party: &str,
    teller: &str,
    checkpoint: &Result<Checkpoint, String>,
) -> Finding {
    let Some(log) = logs.iter().find(|log| log.name == name) else {
        return unchecked(name, teller, "the checkpoint it was shown");
    };
    let checkpoint = match checkpoint {
        Ok(checkpoint) => checkpoint,
        Err(why) => {
            return damaged(
                log,
                teller,
                &format!("the checkpoint of it that {party} was shown"),
                why,
            );
        }
    };
    let cosigned = cosigned_by(logs, party, checkpoint);
    let told = match shown(log, checkpoint) {
        Err(text) => {
            return log
                .wrong(text)
                .shown_by(if cosigned { party } else { teller });
        }
        Ok(size) if cosigned => {
            log.right(format!("{party} was shown these same first {size} entries"))
        }
        Ok(size) => {
            let text = format!(
                "that {party} was shown these same first {size} entries is not signed by {party}, or its log is not in the bundle"
            );
            Finding::new(Severity::Unproved, &log.name, text)
        }
    };
    told.shown_by(if cosigned { party } else { teller })
}

/// Whether a party's node put its cosignature under a checkpoint. It cosigns with the key of its log.
fn cosigned_by(logs: &[CheckedLog], party: &str, checkpoint: &Checkpoint) -> bool {
    let own = logs.iter().find(|log| log.name == format!("node-{party}"));
    own.is_some_and(|own| {
        let witness = VerifierKey {
            kind: KeyKind::Witness,
            ..own.key.clone()
        };
        checkpoint.cosigned_at(&witness).is_ok()
    })
}

fn shown(log: &CheckedLog, checkpoint: &Checkpoint) -> Result<u64, String> {
    let head = checkpoint.signed_by(&log.key);
    let head = head.map_err(|error| format!("the checkpoint of it: {error}"))?;
    log.history(&head).map(|()| head.size)
}

/// Checks a checkpoint that witnesses cosigned: against the log, and each cosignature by a known key.
pub(crate) fn check_cosigned(
    logs: &[CheckedLog],
    kept: &Kept<Checkpoint>,
    known: &[VerifierKey],
) -> Vec<Finding> {
    let Some(log) = logs.iter().find(|log| log.name == kept.name) else {
        return vec![unchecked(
            &kept.name,
            &kept.party,
            "the checkpoint it cosigned",
        )];
    };
    let checkpoint = match &kept.what {
        Ok(checkpoint) => checkpoint,
        Err(why) => {
            return vec![damaged(
                log,
                &kept.party,
                "a cosigned checkpoint of it",
                why,
            )];
        }
    };
    let witnesses = known.iter().filter(|key| key.kind == KeyKind::Witness);
    let mut cosigners = witnesses
        .filter(|key| checkpoint.cosigned_at(key).is_ok())
        .peekable();
    if cosigners.peek().is_none() {
        let text = "whoever cosigned it is not known: give the witness's key with --keys";
        return vec![Finding::new(Severity::Unproved, &log.name, text).shown_by(&kept.party)];
    }
    let told = |witness: &VerifierKey| {
        let told = match shown(log, checkpoint) {
            Ok(size) => log.right(format!(
                "{} cosigned these same first {size} entries",
                witness.name
            )),
            Err(text) => log.wrong(text),
        };
        told.shown_by(witness.name.as_str())
    };
    cosigners.map(told).collect()
}

/// Checks a receipt that a party keeps.
pub(crate) fn check_receipt(logs: &[CheckedLog], kept: &Kept<Receipt>) -> Finding {
    let receipt = match &kept.what {
        Ok(receipt) => receipt,
        Err(why) => {
            let text = format!("the receipt {} cannot be read: {why}", kept.name);
            return Finding::new(Severity::Wrong, &format!("node-{}", kept.party), text);
        }
    };
    let origin = receipt.checkpoint.origin();
    let Some(log) = logs.iter().find(|log| log.key.name == *origin) else {
        return unchecked(origin.as_str(), &kept.party, "its receipt");
    };
    let entry = receipt.entry.sequence;
    let told = match receipt_holds(log, receipt, &kept.party) {
        Ok(()) => log.right(format!(
            "the acceptance that {} has a receipt for is in it",
            kept.party
        )),
        Err(text) => log.wrong(text),
    };
    told.at(entry).shown_by(&kept.party)
}

/// A party has a receipt for every upload its log tells of, and the head it saw then is one the role's
/// log had.
pub(crate) fn check_uploads(
    own: &CheckedLog,
    logs: &[CheckedLog],
    receipts: &[Kept<Receipt>],
) -> Vec<Finding> {
    let Some(party) = own.name.strip_prefix("node-") else {
        return Vec::new();
    };
    let uploads = own.entries.iter().filter_map(|entry| match &entry.event {
        Event::BatchUploaded {
            kind,
            manifest_digest,
            receipt_head,
            ..
        } => Some((entry.sequence, *kind, manifest_digest, receipt_head)),
        _ => None,
    });
    let mut findings = Vec::new();
    for (at, kind, digest, head) in uploads {
        let is_its = |kept: &&Kept<Receipt>| {
            kept.party == party
                && kept
                    .what
                    .as_ref()
                    .is_ok_and(|receipt| receipt.manifest_digest == *digest)
        };
        if !receipts.iter().any(|kept| is_its(&kept)) {
            let text =
                "there is no receipt for what it uploaded: fetch it with the node's directory";
            findings.push(Finding::new(Severity::Unproved, &own.name, text).at(at));
        }
        let role = logs
            .iter()
            .find(|log| log.name == crate::reconcile::taker(kind));
        if let Some(Err(text)) = role.map(|role| role.history(head)) {
            findings.extend(role.map(|role| role.wrong(text).shown_by(party)));
        }
    }
    findings
}

fn receipt_holds(log: &CheckedLog, receipt: &Receipt, party: &str) -> Result<(), String> {
    let signed = receipt.check_digest(&receipt.manifest_digest, &log.key);
    signed.map_err(|error| error.to_string())?;
    match &receipt.entry.event {
        Event::BatchAccepted { party: of, .. } if of.as_str() == party => {}
        _ => {
            return Err(format!(
                "the receipt that {party} keeps is for another party's batch"
            ));
        }
    }
    match log.entry(receipt.entry.sequence) {
        Some(entry) if *entry == receipt.entry => log.history(&receipt.proof.head),
        Some(_) => {
            Err("it is not the entry that the receipt was given for: it was altered".to_owned())
        }
        None => Err("the entry that the receipt was given for is gone".to_owned()),
    }
}

fn unchecked(log: &str, party: &str, what: &str) -> Finding {
    let text = format!("{what} cannot be checked: the bundle does not have the log");
    Finding::new(Severity::Unproved, log, text).shown_by(party)
}

pub(crate) fn unreadable(kept: &Kept<VerifierKey>) -> Option<Finding> {
    let why = kept.what.as_ref().err()?;
    let text = format!(
        "the key by which {} knows it cannot be read: {why}",
        kept.party
    );
    Some(Finding::new(Severity::Wrong, &kept.name, text).shown_by(&kept.party))
}

fn damaged(log: &CheckedLog, teller: &str, what: &str, why: &str) -> Finding {
    log.wrong(format!("{what} cannot be read: {why}"))
        .shown_by(teller)
}
