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
        Event::RunMatched { run, pairs, .. } => format!("compared {pairs} pairs in run {run}"),
        Event::RunResolved {
            run,
            links,
            clusters,
            ..
        } => {
            format!("linked run {run}: {links} links, {clusters} clusters")
        }
        Event::ResultsCollected {
            run, party, rows, ..
        } => {
            format!("gave {party} its results of run {run}: {rows} rows")
        }
        Event::ReviewCollected {
            run, party, pairs, ..
        } => {
            format!("gave {party} {pairs} doubtful pairs of run {run} to look at")
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
        Event::AgreementAdopted { number, .. } => {
            format!("took up linkage agreement number {number}")
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
        let event = Event::RunResolved {
            run: RunNumber(2),
            links: 6,
            clusters: 4,
            clusters_digest: Digest::of(b"c"),
        };
        let entry = Entry {
            sequence: 1,
            unix_millis: 5,
            actor: Actor::Resolver,
            event,
        };
        assert_eq!(of(&entry), "linked run 2: 6 links, 4 clusters");
        let text = plain(&entry.event);
        assert!(text.starts_with("run resolved, "), "{text}");
        assert!(text.contains("links 6"), "{text}");
    }
}
