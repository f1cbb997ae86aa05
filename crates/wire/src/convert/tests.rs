//! Every message comes back as it went, and a wrong field is named.

use model::agreement::Rights;
use model::lifecycle::Phase;
use model::{BatchKind, BatchManifest, Digest, Epoch, KeyCheck, LifeEvent, RunNumber};
use proptest::prelude::*;
use prost::Message as _;

use crate::limits::MAX_PAGE_ROWS;
use crate::messages::*;
use crate::proto;
use crate::receipt::Receipt;
use crate::tests::fake;

fn description(role: Role) -> Description {
    Description {
        project: "census".parse().unwrap(),
        epoch: Epoch(3),
        run: RunNumber(7),
        state: Phase::Linking,
        schema_digest: Digest::of(b"schema"),
        role,
        resolver_key: (role == Role::Resolver).then_some([9; 32]),
        parties: vec!["crvs".parse().unwrap(), "id".parse().unwrap()],
        agreement: (role == Role::Resolver).then(|| Digest::of(b"agreement")),
    }
}

prop_compose! {
    fn manifest()(
        name in "[a-z][a-z0-9_-]{0,39}",
        numbers in any::<[u32; 3]>(),
        counts in any::<[u64; 4]>(),
        digests in any::<[[u8; 32]; 3]>(),
        key_check in any::<[u8; 16]>(),
        is_map in any::<bool>(),
    ) -> BatchManifest {
        BatchManifest {
            project: name.parse().unwrap(),
            run: RunNumber(numbers[0]),
            epoch: Epoch(numbers[1]),
            party: name.parse().unwrap(),
            kind: if is_map { BatchKind::HandleMap } else { BatchKind::Encodings },
            schema_digest: Digest::new(digests[0]),
            key_check: KeyCheck::new(key_check),
            records: counts[0],
            set_aside: counts[1],
            rows: counts[2],
            bytes: counts[3],
            chunk_bytes: numbers[2],
            payload_digest: Digest::new(digests[1]),
            agreement: Digest::new(digests[2]),
        }
    }
}

proptest! {
    #[test]
    fn manifests_come_back(manifest in manifest()) {
        let bytes = proto::BatchManifest::from(&manifest).encode_to_vec();
        let message = proto::BatchManifest::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!(BatchManifest::try_from(message).unwrap(), manifest);
    }

    #[test]
    fn arbitrary_bytes_are_read_or_blamed(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(message) = proto::BatchManifest::decode(bytes.as_slice()) {
            let _ = BatchManifest::try_from(message);
        }
        if let Ok(message) = proto::DescribeResponse::decode(bytes.as_slice()) {
            let _ = Description::try_from(message);
        }
        if let Ok(message) = proto::ResultsHeader::decode(bytes.as_slice()) {
            let _ = ResultsHeader::try_from(message);
        }
    }
}

#[test]
fn descriptions_come_back_for_both_roles_and_all_states() {
    for role in [Role::Matcher, Role::Resolver] {
        for state in Phase::ALL {
            let before = Description {
                state,
                ..description(role)
            };
            let message = proto::DescribeResponse::from(&before);
            assert_eq!(Description::try_from(message).unwrap(), before);
        }
    }
}

#[test]
fn a_matcher_cannot_speak_of_the_resolvers_key() {
    let told = Description {
        resolver_key: Some([9; 32]),
        ..description(Role::Matcher)
    };
    let mut message = proto::DescribeResponse::from(&told);
    assert!(message.resolver_key.is_empty());
    message.resolver_key = vec![9; 32];
    let error = Description::try_from(message).unwrap_err();
    assert_eq!(
        error.to_string(),
        "DescribeResponse.resolver_key may not be set here"
    );
}

#[test]
fn results_come_back() {
    let header = ResultsHeader {
        run: RunNumber(7),
        rows: 2,
        rows_digest: Digest::of(b"rows"),
        records: 3,
        clusters: Count::Exact(2),
        found: vec![Found {
            party: "id".parse().unwrap(),
            records: Count::FewerThan(10),
        }],
        rights: Rights {
            pseudonyms: true,
            counts: false,
            known_at: vec!["id".parse().unwrap()],
            events: vec![LifeEvent::Death, LifeEvent::Birth],
        },
    };
    let message = proto::ResultsHeader::from(&header);
    assert_eq!(ResultsHeader::try_from(message).unwrap(), header);
    let rows = vec![row(1), row(2)];
    let page = proto::ResultsPage::from(rows.as_slice());
    assert_eq!(Vec::<ResultsRow>::try_from(page).unwrap(), rows);
}

#[test]
fn run_status_comes_back() {
    let status = RunStatus {
        run: RunNumber(7),
        state: Phase::Open,
        detail: "waits for the handle map of id".to_owned(),
        parties: vec![PartyProgress {
            party: "id".parse().unwrap(),
            encodings: true,
            handle_map: false,
            approved: true,
        }],
        outcome: Some(Digest::of(b"outcome")),
    };
    let message = proto::RunStatusResponse::from(&status);
    assert_eq!(RunStatus::try_from(message).unwrap(), status);
}

fn row(byte: u8) -> ResultsRow {
    ResultsRow {
        record: model::RecordHandle::new([byte; 16]),
        pseudonym: Some(model::Pseudonym::new([!byte; 16])),
        known_at: 5,
        events: 1,
    }
}

#[test]
fn the_wrong_field_is_named() {
    type Spoil = fn(&mut proto::BatchManifest);
    let cases: [(Spoil, &str); 6] = [
        (
            |m| m.party = "../x".to_owned(),
            "BatchManifest.party is no name",
        ),
        (|m| m.kind = 0, "BatchManifest.kind is missing"),
        (|m| m.kind = 9, "BatchManifest.kind has the unknown value 9"),
        (
            |m| m.key_check.clear(),
            "BatchManifest.key_check has 0 bytes instead of 16",
        ),
        (
            |m| m.schema_digest.push(0),
            "BatchManifest.schema_digest has 33 bytes",
        ),
        (
            |m| m.payload_digest.clear(),
            "BatchManifest.payload_digest has 0 bytes",
        ),
    ];
    let manifest = fake::manifest("crvs", b"payload", 4);
    for (spoil, expected) in cases {
        let mut message = proto::BatchManifest::from(&manifest);
        spoil(&mut message);
        let text = BatchManifest::try_from(message).unwrap_err().to_string();
        assert!(text.starts_with(expected), "{text}");
    }
}

#[test]
fn too_long_lists_are_not_taken() {
    let page = proto::ResultsPage {
        rows: vec![proto::ResultsRow::default(); MAX_PAGE_ROWS + 1],
    };
    let text = Vec::<ResultsRow>::try_from(page).unwrap_err().to_string();
    assert_eq!(text, "ResultsPage.rows has 8193 entries, the limit is 8192");
    let rights = proto::Rights {
        events: vec!["adoption".to_owned()],
        ..proto::Rights::default()
    };
    let text = Rights::try_from(rights).unwrap_err().to_string();
    assert!(text.starts_with("Rights.events"), "{text}");
}

#[test]
fn receipts_come_back() {
    let before = fake::receipt(&fake::manifest("crvs", b"payload", 4));
    let message = proto::Receipt::try_from(&before).unwrap();
    assert_eq!(Receipt::try_from(message).unwrap(), before);
}

#[test]
fn a_receipt_with_an_endless_proof_is_not_taken() {
    let receipt = fake::receipt(&fake::manifest("crvs", b"payload", 4));
    let mut message = proto::Receipt::try_from(&receipt).unwrap();
    message.path = vec![vec![0; 32]; 65];
    let text = Receipt::try_from(message).unwrap_err().to_string();
    assert_eq!(text, "Receipt.path has 65 entries, the limit is 64");
}
