//! What recipients are given besides pseudonyms: answers, notices and counts, each through real nodes and a
//! real coordinator over TLS, and held to the clusters by an auditor.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use audit::Event;
use auditor::replay::{self, Means};
use auditor::{Bundle, Severity, Verdict, fetch, reconcile, verify};
use model::agreement::Disclosure;
use model::{Digest, Silent, SystemClock};
use node::{CollectOptions, CollectSummary};
use secret::SeededEntropy;
use tempfile::TempDir;
use testkit::dpos::Terms;
use testkit::federation::Federation;
use wire::{Count, ResultsRow, Role};

use crate::cheating::rewrite;
use crate::setting::{SCHEMA, registry};

/// Of the sixty people that the social registry has, the first forty are in the civil register, the first
/// ten of them as deaths.
const KNOWN: u32 = 40;
const DEATHS: u32 = 10;
const PEOPLE: u32 = 60;

/// The two parties, the civil register marking deaths.
fn schema() -> String {
    let events =
        "record_id = \"id\"\nevents = { column = \"kind\", codes = { death = \"death\" } }";
    SCHEMA.replacen("record_id = \"id\"", events, 1)
}

fn civil_register() -> String {
    let plain = registry(KNOWN);
    let kind = |n: u32| if n < DEATHS { "Death" } else { "birth" };
    let lines = plain.lines().skip(1).zip(0..);
    let lines = lines.map(|(line, n)| format!("{line},{}\n", kind(n)));
    lines.fold("id,given,surname,born,kind\n".to_owned(), |all, line| {
        all + &line
    })
}

/// The civil register may have counts, the social registry answers and notices.
fn edit(text: &str) -> String {
    let given = "outputs = [\"own-pseudonyms\", \"counts\"]";
    let counts = text.replacen(given, "outputs = [\"counts\"]", 1);
    let answers =
        "outputs = [\"yes-no\", \"life-events\"]\nknown_at = [\"crvs\"]\nevents = [\"death\"]";
    counts.replacen(given, answers, 1)
}

/// After a whole run; nothing runs any more.
struct Done {
    dir: TempDir,
    nodes: Vec<PathBuf>,
    summaries: Vec<CollectSummary>,
}

impl Done {
    async fn under(disclosure: Option<Disclosure>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("two.toml");
        fs::write(&path, schema()).unwrap();
        let mut entropy = SeededEntropy::new(6);
        let (project, clock) = ("census".parse().unwrap(), Arc::new(SystemClock));
        let terms = Terms {
            disclosure,
            edit: Some(edit),
            ..Terms::default()
        };
        let federation =
            Federation::start_under(dir.path(), &project, &path, terms, clock, &mut entropy);
        let federation = federation.await.unwrap();
        let mut members = Vec::new();
        for (party, text) in [("crvs", civil_register()), ("sr", registry(PEOPLE))] {
            let path = dir.path().join(format!("{party}.csv"));
            fs::write(&path, text).unwrap();
            let (party, addresses) = (party.parse().unwrap(), federation.addresses());
            let member = federation
                .join(&party, &path, addresses, &mut entropy)
                .unwrap();
            member.prepare(&Silent, &mut entropy).await.unwrap();
            members.push(member);
        }
        // With disclosure the encodings follow on the second visit.
        for _ in 0..2 {
            for member in &members {
                member.node.upload(&Silent).await.unwrap();
            }
        }
        federation.approve(&members).await.unwrap();
        let mut summaries = Vec::new();
        for member in &members {
            let options = CollectOptions {
                wait: Duration::from_secs(120),
                ..CollectOptions::default()
            };
            summaries.push(member.node.collect(&options, &Silent).await.unwrap());
        }
        federation.stop().await.unwrap();
        let nodes = members
            .iter()
            .map(|member| member.node.home().root().to_owned());
        Self {
            nodes: nodes.collect(),
            dir,
            summaries,
        }
    }

    fn resolver(&self) -> PathBuf {
        self.dir
            .path()
            .join("coordinator")
            .join(Role::Resolver.as_str())
    }

    /// What an auditor says who has everything.
    fn audit(&self) -> Verdict {
        let path = self.dir.path().join("bundle");
        drop(fs::remove_dir_all(&path));
        let bundle = Bundle::create(&path).unwrap();
        let coordinator = self.dir.path().join("coordinator");
        fetch::coordinator(&bundle, &coordinator).unwrap();
        self.nodes
            .iter()
            .for_each(|node| fetch::node(&bundle, node).unwrap());
        let (verified, logs) = verify::verify(&bundle, &[]).unwrap();
        let more = reconcile::reconcile(&logs);
        let again = replay::replay(&logs, &[&coordinator], Means::default()).unwrap();
        Verdict::of([verified.findings(), &more, &again].concat())
    }

    /// The lines of the social registry's results, by its own key.
    fn answers(&self) -> BTreeMap<String, Vec<String>> {
        let mut reader = csv::Reader::from_path(&self.summaries[1].results).unwrap();
        let header: Vec<String> = reader
            .headers()
            .unwrap()
            .iter()
            .map(str::to_owned)
            .collect();
        assert_eq!(header, ["record_id", "at_crvs", "death"]);
        let lines = reader.records().map(Result::unwrap);
        let fields = lines.map(|line| line.iter().map(str::to_owned).collect::<Vec<_>>());
        fields
            .map(|line| (line[0].clone(), line[1..].to_vec()))
            .collect()
    }

    /// Alters the rows that the social registry was given, and the log with them.
    fn give_others(&self, alter: impl FnOnce(&mut [u8; ResultsRow::BYTES])) {
        let path = self.resolver().join("runs/1/release/sr.rows");
        let mut rows = fs::read(&path).unwrap();
        alter(rows.first_chunk_mut().unwrap());
        fs::write(&path, &rows).unwrap();
        rewrite(&self.resolver(), |_, event| match event {
            Event::ResultsCollected {
                run,
                party,
                rows: count,
                ..
            } if party.as_str() == "sr" => Some(Event::ResultsCollected {
                run,
                party,
                rows: count,
                digest: Digest::of(&rows),
            }),
            other => Some(other),
        });
    }

    #[track_caller]
    fn assert_replay_says(&self, words: &str) {
        let verdict = self.audit();
        let says = verdict.findings().iter().any(|finding| {
            let is_wrong = finding.severity == Severity::Wrong;
            is_wrong && finding.shown_by == "replay" && finding.text.contains(words)
        });
        assert!(says, "no `{words}` in\n{verdict}");
    }
}

fn assert_told(done: &Done) {
    let answers = done.answers();
    assert_eq!(answers.len(), PEOPLE as usize);
    let yes_where = |is: bool| if is { "yes" } else { "no" }.to_owned();
    for n in 0..PEOPLE {
        let expected = vec![yes_where(n < KNOWN), yes_where(n < DEATHS)];
        assert_eq!(answers[&format!("k-{n}")], expected, "k-{n}");
    }
    let summary = &done.summaries[1];
    assert_eq!(
        (summary.with_pseudonym, summary.persons),
        (0, Count::Withheld)
    );
    let yes: Vec<u64> = summary
        .answered
        .iter()
        .map(|answered| answered.yes)
        .collect();
    assert_eq!(yes, [u64::from(KNOWN), u64::from(DEATHS)]);
    // Counts, and no rows.
    let summary = &done.summaries[0];
    assert_eq!(summary.persons, Count::Exact(KNOWN.into()));
    assert_eq!(summary.found[0].records, Count::Exact(KNOWN.into()));
    assert!(summary.answered.is_empty());
    let rows = done.resolver().join("runs/1/release/crvs.rows");
    assert_eq!(fs::read(rows).unwrap(), b"");
}

#[tokio::test(flavor = "multi_thread")]
async fn recipients_get_answers_notices_and_counts_and_an_auditor_finds_them_right() {
    let done = Done::under(None).await;
    assert_told(&done);
    let verdict = done.audit();
    let wrong = |finding: &&auditor::Finding| finding.severity == Severity::Wrong;
    assert_eq!(verdict.findings().iter().find(wrong), None, "{verdict}");
    let text = verdict.to_string();
    for party in ["crvs", "sr"] {
        let right =
            format!("the results of {party} are those it fetched, and follow from the clusters");
        assert!(text.contains(&right), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_go_along_where_rows_are_chosen_by_disclosure() {
    assert_told(&Done::under(Some(Disclosure::default())).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_and_notices_that_do_not_follow_are_shown_by_replay() {
    let done = Done::under(None).await;
    done.give_others(|row| row[32] ^= 1);
    done.assert_replay_says("they say of a person that it is known, or not known");
    done.give_others(|row| {
        row[32] ^= 1;
        row[36] ^= 1;
    });
    done.assert_replay_says("they have other notices of life events than the registers give");
    // A pseudonym slipped in among answers.
    done.give_others(|row| {
        row[36] ^= 1;
        row[20] = 7;
    });
    done.assert_replay_says("they have pseudonyms, which the agreement does not give");
}
