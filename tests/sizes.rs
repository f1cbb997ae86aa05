//! What the size and the order of an upload show: which rows can meet another registry's, and nothing of who was
//! found there. A node uploads the same bytes to the matcher whether its records are the same persons as those they
//! meet or strangers.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use coordinator::resolver::clusters::ClusterRow;
use model::agreement::{DecoyRules, Disclosure};
use model::layout::Row;
use model::{BatchKind, BatchManifest, Layout, LinkageSchema, RunNumber, Silent, SystemClock};
use node::CollectOptions;
use secret::SeededEntropy;
use testkit::dpos::Terms;
use testkit::federation::Federation;

use crate::setting::SCHEMA;

const RECORDS: u32 = 60;
const GIVEN: [&str; 6] = ["maria", "peter", "amina", "tomas", "ruth", "yusuf"];
const SURNAMES: [&str; 5] = ["okello", "barbosa", "lindgren", "chandra", "mwangi"];

/// A person of each number: no two share a date of birth, or a name and a year.
fn person(number: u32) -> (String, String, String) {
    let place = number as usize;
    let born = format!(
        "{}-{:02}-{:02}",
        1950 + number,
        1 + number % 12,
        1 + number % 28
    );
    let (given, surname) = (GIVEN[place % 6], SURNAMES[place / 6 % 5]);
    (given.to_owned(), surname.to_owned(), born)
}

fn rows(rows: impl Iterator<Item = (String, String, String)>) -> String {
    let row = |(place, (given, surname, born)): (usize, (String, String, String))| {
        format!("k-{place},{given},{surname},{born}\n")
    };
    let rows: String = rows.enumerate().map(row).collect();
    format!("id,given,surname,born\n{rows}")
}

/// The same people, and as many whom nobody knows.
fn same() -> String {
    let stranger = |number| {
        let (given, surname, _) = person(number);
        (given, surname, format!("1899-01-{:02}", 1 + number % 28))
    };
    rows((0..RECORDS).map(person).chain((0..RECORDS).map(stranger)))
}

/// Strangers in all the same blocks: for each person one of the same day of birth by another name, and one of the
/// name and year by another day.
fn strangers() -> String {
    let of_the_day = |number| {
        let (_, _, born) = person(number);
        ("zebedee".to_owned(), "quackenbush".to_owned(), born)
    };
    let of_the_name = |number: u32| {
        let (given, surname, _) = person(number);
        let born = format!(
            "{}-{:02}-{:02}",
            1950 + number,
            1 + (number + 5) % 12,
            29 - number % 28
        );
        (given, surname, born)
    };
    rows(
        (0..RECORDS)
            .map(of_the_day)
            .chain((0..RECORDS).map(of_the_name)),
    )
}

/// What the node of the births uploaded to the matcher, and how many of its persons the other knows.
struct Uploaded {
    tokens: BatchManifest,
    encodings: BatchManifest,
    rows: Vec<u8>,
    known: usize,
}

/// Records of the births in a cluster with one of the households.
fn known(clusters: &[ClusterRow]) -> usize {
    let of = |party: u8| {
        clusters
            .iter()
            .filter(move |row| row.party.index() == usize::from(party))
    };
    let other: BTreeSet<u32> = of(1).map(|row| row.first).collect();
    of(0).filter(|row| other.contains(&row.first)).count()
}

async fn upload(other: &str) -> Uploaded {
    let dir = tempfile::tempdir().unwrap();
    let schema = dir.path().join("two.toml");
    fs::write(&schema, SCHEMA).unwrap();
    let mut entropy = SeededEntropy::new(8);
    let terms = Terms {
        disclosure: Some(Disclosure {
            false_positives_permille: 1,
        }),
        decoys: Some(DecoyRules { permille: 100 }),
        ..Terms::default()
    };
    let (project, clock) = ("census".parse().unwrap(), Arc::new(SystemClock));
    let started =
        Federation::start_under(dir.path(), &project, &schema, terms, clock, &mut entropy);
    let federation = started.await.unwrap();
    let own = rows((0..RECORDS).map(person));
    let mut members = Vec::new();
    for (party, registry) in [("crvs", own.as_str()), ("sr", other)] {
        let path = dir.path().join(format!("{party}.csv"));
        fs::write(&path, registry).unwrap();
        let (party, addresses) = (party.parse().unwrap(), federation.addresses());
        let member = federation.join(&party, &path, addresses, &mut entropy);
        let member = member.unwrap();
        member.prepare(&Silent, &mut entropy).await.unwrap();
        members.push(member);
    }
    let wait = Duration::from_secs(120);
    for member in &members {
        member.node.upload(&Silent).await.unwrap();
    }
    for member in &members {
        member.node.upload_within(wait, &Silent).await.unwrap();
    }
    federation.approve(&members).await.unwrap();
    let options = CollectOptions {
        wait,
        ..CollectOptions::default()
    };
    members[0].node.collect(&options, &Silent).await.unwrap();
    let known = known(&federation.clusters().unwrap());
    federation.stop().await.unwrap();
    let home = members[0].node.home();
    let read = |kind: BatchKind| {
        let name = format!("{}.json", kind.as_str());
        let path = home.outbox_of(RunNumber(1)).join(name);
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    };
    Uploaded {
        tokens: read(BatchKind::BlockTokens),
        encodings: read(BatchKind::Encodings),
        rows: fs::read(home.batch(RunNumber(1), BatchKind::Encodings)).unwrap(),
        known,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_the_same_to_the_byte_whichever_of_its_records_match() {
    let (matching, strange) = (upload(&same()).await, upload(&strangers()).await);
    assert!(
        matching.known > 50 && strange.known < 5,
        "{} {}",
        matching.known,
        strange.known
    );
    assert_eq!(
        matching.tokens.payload_digest,
        strange.tokens.payload_digest
    );
    assert_eq!(matching.encodings.rows, strange.encodings.rows);
    assert_eq!(matching.encodings.bytes, strange.encodings.bytes);
    assert!(
        matching.rows == strange.rows,
        "other rows, or in another order"
    );
    let layout = Layout::of(&LinkageSchema::parse(SCHEMA).unwrap());
    let handles = matching.rows.chunks_exact(layout.row_bytes);
    let handles: Vec<_> = handles
        .map(|row| *Row::new(row).handle().as_bytes())
        .collect();
    assert!(
        handles.is_sorted(),
        "rows leave in the order of their random handles"
    );
}
