//! Log entries in plain words, for the report.

use audit::{Entry, Event};

/// What happened, in one sentence without its subject.
pub(crate) fn of(entry: &Entry) -> String {
    match &entry.event {
        Event::ProjectOpened {
            project, parties, ..
        } => {
            let names: Vec<&str> = parties.iter().map(|party| party.as_str()).collect();
            format!("took up the project {project} for {}", names.join(", "))
        }
        Event::BatchAccepted {
            run,
            party,
            kind,
            rows,
            ..
        } => {
            format!(
                "accepted the {} of {party} for run {run}: {rows} rows",
                kind.as_str()
            )
        }
        Event::BatchRefused { party, code } => {
            format!("refused a batch of {party} ({})", code.as_str())
        }
        Event::RunSealed {
            run,
            manifest_digests,
        } => {
            format!("sealed run {run} with {} batches", manifest_digests.len())
        }
        Event::RunMatched { run, .. } => format!("compared the pairs of run {run}"),
        Event::ComparisonsHandedOver { run, .. } => {
            format!("handed the comparisons of run {run} to the resolver")
        }
        Event::ComparisonsTaken { run, .. } => {
            format!("took the comparisons of run {run} from the matcher")
        }
        Event::RunResolved { run, .. } => format!("linked run {run}"),
        Event::ResultsCollected {
            run, party, rows, ..
        } => {
            format!("gave {party} its results of run {run}: {rows} rows")
        }
        Event::ReviewCollected { run, party, .. } => {
            format!("gave {party} doubtful pairs of run {run} to look at")
        }
        Event::BatchPrepared {
            run,
            kind,
            records,
            rows,
            ..
        } => format!(
            "prepared {} for run {run}: {records} records, {rows} rows",
            kind.as_str()
        ),
        Event::BatchUploaded { run, kind, .. } => {
            format!(
                "uploaded the {} of run {run} and checked the receipt",
                kind.as_str()
            )
        }
        Event::ResultsReceived { run, rows, .. } => {
            format!("received its results of run {run}: {rows} rows")
        }
        other => of_government(other),
    }
}

/// What happens by agreements, keys and certificates.
fn of_government(event: &Event) -> String {
    match event {
        Event::AgreementAdopted { number, .. } => {
            format!("took up linkage agreement number {number}")
        }
        Event::AgreementStated { party, act, .. } => {
            format!("heard the officer of {party}: {}", act.as_str())
        }
        Event::RiskMeasured { run, verdict, .. } => {
            let verdict = verdict.as_str();
            format!("measured the risk of what it prepared for run {run}: {verdict}")
        }
        Event::RiskOverridden { run, officers, .. } => {
            let officers: Vec<&str> = officers.iter().map(|party| party.as_str()).collect();
            let officers = officers.join(" and ");
            format!(
                "uploads for run {run} against its risk report, for which the officers of {officers} answer"
            )
        }
        Event::RunApproved { run, party, .. } => {
            format!("the officer of {party} approved what came out of run {run}")
        }
        Event::RunReleased { run, .. } => format!("released the results of run {run}"),
        Event::CountsPublished { run, counts, .. } => {
            format!("told {counts} counts of run {run}, with noise")
        }
        Event::RunFailed { run } => format!("gave up run {run}: it cannot be linked"),
        Event::RunCancelled { run } => format!("run {run} was given up by people"),
        Event::RunDestroyed { run } => format!("destroyed the batches and results of run {run}"),
        Event::ResolverKeysDestroyed => "destroyed the resolver's keys".to_owned(),
        Event::DocumentPosted { topic, party, .. } => {
            format!("relayed a document of {party} to the other nodes ({topic})")
        }
        Event::KeyAgreed { epoch, .. } => {
            format!("agreed with the other nodes on the linkage key of epoch {epoch}")
        }
        Event::KeyBackedUp {
            epoch,
            shares,
            needed,
        } => format!(
            "split its linkage key of epoch {epoch} among {shares} holders, {needed} of whom have it together"
        ),
        Event::KeyRestored { epoch } => {
            format!("restored its linkage key of epoch {epoch} from shares")
        }
        Event::KeyDestroyed { epoch } => format!("destroyed its keys of epoch {epoch}"),
        Event::EvaluationKeyMade { epoch, .. } => {
            format!("made its key of epoch {epoch} for evaluating identifiers")
        }
        Event::ElementsEvaluated {
            epoch,
            party,
            elements,
            total,
            ..
        } => format!(
            "evaluated {elements} blinded identifiers of {party} in epoch {epoch}, {total} in all"
        ),
        Event::EvaluationKeyDestroyed { epoch } => {
            format!("destroyed its key of epoch {epoch} for evaluating identifiers")
        }
        Event::ElementsAsked {
            epoch, elements, ..
        } => format!("had the key server evaluate {elements} blinded identifiers in epoch {epoch}"),
        Event::CertificateAdmitted { party, .. } => {
            format!("let {party} in by a certificate it had not seen before")
        }
        Event::ResolverAdmitted { .. } => {
            "let the resolver in by a certificate it had not seen before".to_owned()
        }
        Event::CertificateRevoked { .. } => "refused a certificate that was revoked".to_owned(),
        Event::CertificateInstalled { .. } => "installed a certificate to dial with".to_owned(),
        Event::WholeRecordAllowed { by } => {
            format!("takes whole-record encodings of real people, for which {by} answers")
        }
        other => plain(other),
    }
}

/// An event without words of its own: its type and its values.
fn plain(event: &Event) -> String {
    let value = serde_json::to_value(event).unwrap_or_default();
    let mut words = value["type"].as_str().unwrap_or("event").replace('-', " ");
    for (name, value) in value.as_object().into_iter().flatten() {
        if name != "type" {
            words += &format!(", {} {value}", name.replace('_', " "));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;
    use audit::Actor;
    use model::{Digest, RunNumber};

    #[test]
    fn an_entry_reads_as_a_sentence() {
        let event = Event::ResultsCollected {
            run: RunNumber(2),
            party: "crvs".parse().unwrap(),
            rows: 6,
            digest: Digest::of(b"rows"),
        };
        let entry = Entry {
            sequence: 1,
            unix_millis: 5,
            actor: Actor::Resolver,
            event,
        };
        assert_eq!(of(&entry), "gave crvs its results of run 2: 6 rows");
        let text = plain(&entry.event);
        assert!(text.starts_with("results collected, "), "{text}");
        assert!(text.contains("rows 6"), "{text}");
    }
}
