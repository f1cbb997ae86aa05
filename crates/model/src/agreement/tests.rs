//! What an agreement allows, and which clause says so where it does not.

use super::fixture::{draft, key, noon, schema, sign, signed, text, verify};
use super::{Act, Agreement, AgreementError, Clause, Output, SignedAgreement, Standing, Statement};
use crate::digest::Digest;
use crate::id::RunNumber;
use crate::life_event::LifeEvent;
use crate::refusal::{Refusal, RefusalCode};
use crate::schema::LinkageSchema;

const TODAY: &str = "2026-06-01";

#[track_caller]
fn names<T: std::fmt::Debug>(clause: Clause, outcome: Result<T, Refusal>) {
    let refusal = outcome.unwrap_err();
    assert_eq!(refusal.code, RefusalCode::OutsideAgreement);
    let start = format!("clause `{clause}`: ");
    assert!(refusal.detail.starts_with(&start), "{}", refusal.detail);
}

fn entry_of(text: &str) -> String {
    match Agreement::parse(text.as_bytes()) {
        Err(AgreementError::Entry { entry, .. }) => entry,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_draft_reads_back_and_fits_its_schema() {
    let agreement = signed(&text());
    agreement.check_schema(&schema()).unwrap();
    let project = "p".parse().unwrap();
    agreement
        .check_run(&project, RunNumber(3), noon(TODAY))
        .unwrap();
    assert_eq!(agreement.digest(), Digest::of(text().as_bytes()));
    assert!(
        text().starts_with("kind = \"linkage-agreement\"\n"),
        "{}",
        text()
    );
    assert!(text().contains("expires = 2026-12-31\n"));
}

#[test]
fn every_custodian_has_to_sign_exactly_these_bytes() {
    let text = text();
    let document = text.as_bytes();
    let verified = |signatures: &[_]| SignedAgreement::verify(document, signatures, verify);
    let (a, b) = (sign(b'a', document), sign(b'b', document));
    verified(&[b.clone(), a.clone()]).unwrap();
    names(Clause::Signatures, verified(&[]));
    names(Clause::Signatures, verified(&[a.clone(), a.clone()]));
    names(
        Clause::Signatures,
        verified(&[a.clone(), sign(b'c', document)]),
    );
    names(
        Clause::Signatures,
        verified(&[a.clone(), sign(b'b', b"other bytes")]),
    );
    // One blank more, and nobody has signed it.
    let changed = text.replacen("runs = 3", "runs =  3", 1);
    assert_ne!(changed, text);
    names(
        Clause::Signatures,
        SignedAgreement::verify(changed.as_bytes(), &[a, b], verify),
    );
}

#[test]
fn it_holds_from_its_first_to_its_last_day() {
    let agreement = signed(&text());
    names(Clause::Starts, agreement.check_in_force(noon("2025-12-31")));
    for day in ["2026-01-01", "2026-12-31"] {
        agreement.check_in_force(noon(day)).unwrap();
    }
    names(
        Clause::Expires,
        agreement.check_in_force(noon("2027-01-01")),
    );
}

#[test]
fn runs_and_project_are_those_agreed_on() {
    let agreement = signed(&text());
    let check = |project: &str, run| {
        agreement.check_run(&project.parse().unwrap(), RunNumber(run), noon(TODAY))
    };
    check("p", 1).unwrap();
    names(Clause::Runs, check("p", 0));
    names(Clause::Runs, check("p", 4));
    names(Clause::Project, check("q", 1));
}

#[test]
fn members_have_what_they_may_have() {
    let agreement = signed(&text());
    let check = |party: &str, output| agreement.check_output(&party.parse().unwrap(), output);
    check("a", Output::OwnPseudonyms).unwrap();
    names(Clause::Outputs, check("a", Output::YesNo));
    names(Clause::Outputs, check("linkage-unit", Output::Counts));
    names(Clause::Member, check("c", Output::Counts));
}

const OUTPUTS: &str = "outputs = [\"own-pseudonyms\", \"counts\"]";

/// The text with other outputs for the first custodian.
fn with_outputs(outputs: &str) -> String {
    let changed = text().replacen(OUTPUTS, outputs, 1);
    assert_ne!(changed, text());
    changed
}

#[test]
fn answers_and_notices_say_of_whom_and_of_what() {
    let outputs = "outputs = [\"yes-no\", \"life-events\"]";
    let told = format!("{outputs}\nknown_at = [\"b\"]\nevents = [\"death\"]");
    let agreement = signed(&with_outputs(&told));
    let rights = agreement.terms().rights(&"a".parse().unwrap()).unwrap();
    assert_eq!(rights.known_at, ["b".parse().unwrap()]);
    assert_eq!(rights.events, [LifeEvent::Death]);
    assert!(!rights.pseudonyms && !rights.counts);
    assert!(agreement.terms().gives_notice_of(LifeEvent::Death));
    assert!(!agreement.terms().gives_notice_of(LifeEvent::Birth));
    for (outputs, entry) in [
        ("outputs = [\"yes-no\"]", "member a.known_at"),
        (
            "outputs = [\"yes-no\"]\nknown_at = [\"a\"]",
            "member a.known_at",
        ),
        (
            "outputs = [\"yes-no\"]\nknown_at = [\"linkage-unit\"]",
            "member a.known_at",
        ),
        (
            "outputs = [\"yes-no\"]\nknown_at = [\"b\", \"b\"]",
            "member a.known_at",
        ),
        (
            "outputs = [\"counts\"]\nknown_at = [\"b\"]",
            "member a.known_at",
        ),
        ("outputs = [\"life-events\"]", "member a.events"),
        (
            "outputs = [\"counts\"]\nevents = [\"death\"]",
            "member a.events",
        ),
        (
            "outputs = [\"life-events\"]\nevents = [\"death\", \"death\"]",
            "member a.events",
        ),
        ("outputs = [\"counts\", \"counts\"]", "member a.outputs"),
    ] {
        assert_eq!(entry_of(&with_outputs(outputs)), entry, "{outputs}");
    }
    let unknown = with_outputs("outputs = [\"life-events\"]\nevents = [\"adoption\"]");
    let error = Agreement::parse(unknown.as_bytes()).unwrap_err();
    assert!(matches!(error, AgreementError::Toml(_)));
}

#[test]
fn notices_are_of_events_that_another_registry_marks() {
    let events = "outputs = [\"life-events\"]\nevents = [\"death\"]";
    names(
        Clause::Events,
        signed(&with_outputs(events)).check_schema(&schema()),
    );
    let marking = |party: &str| {
        let name = format!("name = \"{party}\"\n");
        let marks =
            format!("{name}events = {{ column = \"kind\", codes = {{ d = \"death\" }} }}\n");
        let text = super::fixture::SCHEMA.replace(&name, &marks);
        LinkageSchema::parse(&text).unwrap()
    };
    let check = |schema: &LinkageSchema| {
        let text = draft().to_text(schema).unwrap();
        signed(&text.replacen(OUTPUTS, events, 1)).check_schema(schema)
    };
    check(&marking("b")).unwrap();
    // What its own registry marks is no news to it.
    names(Clause::Events, check(&marking("a")));
}

#[test]
fn who_may_have_nothing_is_told_so() {
    let agreement = signed(&with_outputs("outputs = []"));
    let rights = |party: &str| agreement.terms().rights(&party.parse().unwrap());
    names(Clause::Outputs, rights("a"));
    names(Clause::Member, rights("c"));
    assert!(rights("b").unwrap().pseudonyms);
}

#[test]
fn readable_clauses_say_what_the_schema_says() {
    let schema = schema();
    let check = |from: &str, to: &str| {
        let changed = text().replacen(from, to, 1);
        assert_ne!(changed, text(), "{from}");
        signed(&changed).check_schema(&schema)
    };
    names(Clause::Profile, check("\"standard\"", "\"field-bloom\""));
    names(
        Clause::Passes,
        check("passes = [\"born\"]", "passes = [\"name\"]"),
    );
    names(
        Clause::CountFloor,
        check("count_floor = 10", "count_floor = 9"),
    );
    let other = super::fixture::SCHEMA.replace("revision = 1", "revision = 2");
    let other = LinkageSchema::parse(&other).unwrap();
    names(Clause::Schema, signed(&text()).check_schema(&other));
}

#[test]
fn entries_out_of_bounds_are_named() {
    for (from, to, entry) in [
        ("runs = 3", "runs = 0", "runs"),
        ("count_floor = 10", "count_floor = 1", "count_floor"),
        (
            "retention_days = 30",
            "retention_days = 99999",
            "retention_days",
        ),
        ("expires = 2026-12-31", "expires = 2025-12-31", "expires"),
        ("number = 1", "number = 2", "replaces"),
        ("To find out", " ", "purpose"),
        ("Act 1, section 2", "Act\\u0007", "legal_basis"),
        ("name = \"b\"", "name = \"a\"", "member a"),
        (
            "[\"custodian\"]",
            "[\"custodian\", \"matcher\"]",
            "member a",
        ),
        ("dpo = \"DPO of a\"\n", "", "member a"),
        ("[\"custodian\"]", "[\"recipient\"]", "member"),
        ("[\"matcher\", \"resolver\"]", "[\"matcher\"]", "member"),
    ] {
        let changed = text().replacen(from, to, 1);
        assert_ne!(changed, text(), "{from}");
        assert_eq!(entry_of(&changed), entry, "{to}");
    }
    let same = text().replace(
        &key(b'b').fingerprint().to_string(),
        &key(b'a').fingerprint().to_string(),
    );
    assert_eq!(entry_of(&same), "member b");
}

#[test]
fn other_documents_are_no_agreements() {
    let error = |text: &str| Agreement::parse(text.as_bytes()).unwrap_err();
    let other_kind = text().replace("linkage-agreement", "agreement-statement");
    assert!(matches!(error(&other_kind), AgreementError::Toml(_)));
    let unknown = text().replacen("runs = 3", "runs = 3\nraces = 1", 1);
    assert!(matches!(error(&unknown), AgreementError::Toml(_)));
    let newer = text().replacen("format = 1", "format = 2", 1);
    assert_eq!(error(&newer), AgreementError::Format(2));
    let long = "#".repeat(super::MAX_AGREEMENT_BYTES + 1);
    assert!(matches!(error(&long), AgreementError::TooLong(_)));
}

/// What `party` says as its statement `number`, signed with the key of `signer`.
fn say(
    agreement: &mut SignedAgreement,
    (party, signer): (u8, u8),
    number: u32,
    act: Act,
) -> Result<(), Refusal> {
    let name = char::from(party).to_string().parse().unwrap();
    let date = TODAY.parse().unwrap();
    let statement = Statement::new(agreement.digest(), name, number, act, "doubt", date);
    let text = toml::to_string(&statement).unwrap();
    let signature = sign(signer, text.as_bytes());
    agreement.hear(text.as_bytes(), &[signature], verify)
}

#[test]
fn anyone_may_suspend_and_only_the_same_party_resumes() {
    let mut agreement = signed(&text());
    say(&mut agreement, (b'a', b'a'), 1, Act::Suspend).unwrap();
    names(Clause::Suspension, agreement.check_in_force(noon(TODAY)));
    say(&mut agreement, (b'b', b'b'), 1, Act::Resume).unwrap();
    assert_eq!(agreement.standing(), Standing::Suspended);
    say(&mut agreement, (b'a', b'a'), 2, Act::Resume).unwrap();
    agreement.check_in_force(noon(TODAY)).unwrap();
    // The first statement once more, as anybody might send it.
    say(&mut agreement, (b'a', b'a'), 1, Act::Suspend).unwrap();
    assert_eq!(agreement.standing(), Standing::InForce);
}

#[test]
fn a_revocation_is_for_good() {
    let mut agreement = signed(&text());
    say(&mut agreement, (b'b', b'b'), 1, Act::Revoke).unwrap();
    say(&mut agreement, (b'b', b'b'), 9, Act::Resume).unwrap();
    assert_eq!(agreement.standing(), Standing::Revoked);
    names(Clause::Revocation, agreement.check_in_force(noon(TODAY)));
}

#[test]
fn statements_of_others_do_not_count() {
    let mut agreement = signed(&text());
    names(
        Clause::Signatures,
        say(&mut agreement, (b'a', b'b'), 1, Act::Revoke),
    );
    names(
        Clause::Signatures,
        say(&mut agreement, (b'c', b'c'), 1, Act::Revoke),
    );
    let mut other = signed(&text().replacen("runs = 3", "runs = 4", 1));
    let statement = Statement::new(
        agreement.digest(),
        "a".parse().unwrap(),
        1,
        Act::Revoke,
        "doubt",
        TODAY.parse().unwrap(),
    );
    let text = toml::to_string(&statement).unwrap();
    let signature = sign(b'a', text.as_bytes());
    names(
        Clause::Agreement,
        other.hear(text.as_bytes(), &[signature], verify),
    );
    names(Clause::Signatures, agreement.hear(b"kind = 1", &[], verify));
    assert_eq!(agreement.standing(), Standing::InForce);
}

/// An amendment with another number of runs; b has a new key, c, in it.
fn amendment(before: &SignedAgreement) -> String {
    let mut draft = draft();
    draft.runs = 4;
    draft.custodians[1].dpo_key = key(b'c').fingerprint();
    let text = draft.to_text(&schema()).unwrap();
    let replaces = format!("number = 2\nreplaces = \"{}\"", before.digest());
    text.replacen("number = 1", &replaces, 1)
}

#[test]
fn an_amendment_is_signed_by_old_and_new_keys() {
    let before = signed(&text());
    let text = amendment(&before);
    let document = text.as_bytes();
    let follows = |signers: &[u8]| {
        let signatures: Vec<_> = signers.iter().map(|party| sign(*party, document)).collect();
        let amended = SignedAgreement::verify(document, &signatures, verify)?;
        amended.check_follows(&before, document, &signatures, verify)
    };
    follows(b"abc").unwrap();
    names(Clause::Signatures, follows(b"ac"));
    names(Clause::Signatures, follows(b"ab"));
    let unrelated = text.replacen(
        &before.digest().to_string(),
        &Digest::of(b"x").to_string(),
        1,
    );
    let document = unrelated.as_bytes();
    let signatures: Vec<_> = b"abc".iter().map(|party| sign(*party, document)).collect();
    let amended = SignedAgreement::verify(document, &signatures, verify).unwrap();
    let outcome = amended.check_follows(&before, document, &signatures, verify);
    names(Clause::Replaces, outcome);
}

#[test]
fn what_is_asked_of_uploads_has_limits() {
    let base = text();
    let with = |tables: &str| format!("{base}\n{tables}");
    for (tables, entry) in [
        (
            "[risk]\nmost_named_permille = 1001\npeople = 500",
            "risk.most_named_permille",
        ),
        (
            "[risk]\nmost_named_permille = 100\npeople = 99",
            "risk.people",
        ),
        (
            "[risk]\nmost_named_permille = 100\npeople = 50001",
            "risk.people",
        ),
        ("[decoys]\npermille = 0", "decoys.permille"),
        ("[decoys]\npermille = 1001", "decoys.permille"),
    ] {
        assert_eq!(entry_of(&with(tables)), entry);
    }
    let open = base.replace("profile = \"standard\"", "profile = \"compat\"");
    assert_eq!(
        entry_of(&format!("{open}\n[decoys]\npermille = 10")),
        "decoys"
    );
    let read = |text: &str| Agreement::parse(text.as_bytes()).unwrap();
    let asked = read(&with("[risk]\nmost_named_permille = 0\npeople = 100"));
    assert_eq!(asked.risk_rules().map(|risk| risk.people), Some(100));
    // Encodings that anybody can compare leave under a report, asked for or not.
    assert_eq!(read(&base).risk_rules(), None);
    assert!(read(&open).risk_rules().is_some());
}
