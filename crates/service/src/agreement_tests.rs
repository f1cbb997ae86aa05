//! Agreements on disk, with a stand-in for signatures: a signature names key and digest.

use model::agreement::{Act, Draft, DraftMember, Standing, Statement};
use model::signature::PublicKey;
use model::{Digest, LinkageSchema, RefusalCode};
use tempfile::TempDir;

use super::*;

const SCHEMA: &str = r#"
format = 1
name = "s"
revision = 1
profile = "standard"
latest_year = 2025
field = [{ name = "born", kind = "date" }]
pass = [{ name = "born", block = ["born"] }]
[[party]]
name = "a"
title = "Births"
duplicates = false
record_id = "id"
map = { born = { columns = ["b"], formats = ["YYYY-MM-DD"] } }
[[party]]
name = "b"
title = "Households"
duplicates = false
record_id = "id"
map = { born = { columns = ["b"], formats = ["YYYY-MM-DD"] } }
"#;

fn verify(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    signature[..32] == *key && signature[32..] == *Digest::of(message).as_bytes()
}

fn sign(party: u8, document: &[u8]) -> Signature {
    Signature::make(document, [party; 32], |message| {
        let mut bytes = [party; 64];
        bytes[32..].copy_from_slice(Digest::of(message).as_bytes());
        bytes
    })
}

fn text() -> String {
    let custodian = |party: u8| DraftMember {
        party: char::from(party).to_string().parse().unwrap(),
        dpo: "The DPO".to_owned(),
        dpo_key: PublicKey::new([party; 32]).fingerprint(),
    };
    let draft = Draft {
        project: "p".parse().unwrap(),
        purpose: "To find out".to_owned(),
        legal_basis: "Act 1".to_owned(),
        starts: "2026-01-01".parse().unwrap(),
        expires: "2026-12-31".parse().unwrap(),
        runs: 3,
        retention_days: 30,
        noise: None,
        disclosure: None,
        decoys: None,
        key_server: None,
        risk: None,
        custodians: vec![custodian(b'a'), custodian(b'b')],
        coordinator: "The linkage unit".to_owned(),
    };
    draft
        .to_text(&LinkageSchema::parse(SCHEMA).unwrap())
        .unwrap()
}

struct World {
    dir: TempDir,
}

impl World {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    fn store(&self) -> AgreementStore {
        AgreementStore::new(self.dir.path().join("agreements"), verify)
    }

    /// A directory with `text`, signed by each of `signers`.
    fn offer(&self, name: &str, text: &str, signers: &[u8]) -> PathBuf {
        let directory = self.dir.path().join(name);
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join(DOCUMENT), text).unwrap();
        for signer in signers {
            let signature = sign(*signer, text.as_bytes()).to_text();
            fs::write(directory.join(format!("{signer}.sig")), signature).unwrap();
        }
        directory
    }

    fn install(&self, from: &Path) -> Found<SignedAgreement> {
        self.store().install(from, |_| Ok(()))
    }
}

#[track_caller]
fn refused<T: std::fmt::Debug>(clause: Clause, outcome: Found<T>) {
    let Err(AgreementFault::Refused(refusal)) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(refusal.code, RefusalCode::OutsideAgreement);
    assert!(
        refusal.detail.starts_with(&format!("clause `{clause}`")),
        "{refusal}"
    );
}

#[test]
fn what_is_installed_is_what_counts() {
    let world = World::new();
    assert!(world.store().is_empty().unwrap());
    refused(Clause::Agreement, world.store().current());
    let offer = world.offer("first", &text(), b"ab");
    let installed = world.install(&offer).unwrap();
    assert_eq!(installed.digest(), Digest::of(text().as_bytes()));
    assert_eq!(world.store().current().unwrap(), installed);
    assert!(!world.store().is_empty().unwrap());
}

#[test]
fn nothing_is_installed_that_is_not_signed_or_not_wanted() {
    let world = World::new();
    let unsigned = world.offer("unsigned", &text(), b"a");
    refused(Clause::Signatures, world.install(&unsigned));
    let offer = world.offer("unwanted", &text(), b"ab");
    let unwanted = |_: &SignedAgreement| Err(Clause::Schema.refuse("another"));
    refused(Clause::Schema, world.store().install(&offer, unwanted));
    let none = world.dir.path().join("none");
    fs::create_dir(&none).unwrap();
    refused(Clause::Agreement, world.install(&none));
    fs::write(offer.join("c.sig"), "key = 1").unwrap();
    refused(Clause::Signatures, world.install(&offer));
    assert!(world.store().is_empty().unwrap());
}

#[test]
fn a_document_changed_on_disk_is_refused() {
    let world = World::new();
    world
        .install(&world.offer("first", &text(), b"ab"))
        .unwrap();
    let path = world.dir.path().join("agreements/1").join(DOCUMENT);
    fs::write(path, text().replace("runs = 3", "runs = 9")).unwrap();
    refused(Clause::Signatures, world.store().current());
}

#[test]
fn statements_are_taken_up_by_installing_again() {
    let world = World::new();
    let offer = world.offer("first", &text(), b"ab");
    let agreement = world.install(&offer).unwrap();
    let party = "b".parse().unwrap();
    let date = "2026-06-01".parse().unwrap();
    let statement = Statement::new(agreement.digest(), party, 1, Act::Suspend, "doubt", date);
    let (stem, text) = (statement.file_stem(), toml::to_string(&statement).unwrap());
    fs::write(offer.join(format!("{stem}.toml")), &text).unwrap();
    let forged = sign(b'a', text.as_bytes()).to_text();
    fs::write(offer.join(format!("{stem}.sig")), forged).unwrap();
    refused(Clause::Signatures, world.install(&offer));
    assert_eq!(
        world.store().current().unwrap().standing(),
        Standing::InForce
    );
    let signature = sign(b'b', text.as_bytes()).to_text();
    fs::write(offer.join(format!("{stem}.sig")), signature).unwrap();
    world.install(&offer).unwrap();
    assert_eq!(
        world.store().current().unwrap().standing(),
        Standing::Suspended
    );
}

#[test]
fn only_the_amendment_takes_an_agreements_place() {
    let world = World::new();
    world
        .install(&world.offer("first", &text(), b"ab"))
        .unwrap();
    let other = text().replace("runs = 3", "runs = 9");
    refused(
        Clause::Replaces,
        world.install(&world.offer("other", &other, b"ab")),
    );
    let replaces = format!(
        "number = 2\nreplaces = \"{}\"",
        Digest::of(text().as_bytes())
    );
    let amended = other.replacen("number = 1", &replaces, 1);
    world
        .install(&world.offer("second", &amended, b"ab"))
        .unwrap();
    assert_eq!(world.store().current().unwrap().terms().runs, 9);
    // The one before cannot come back.
    refused(
        Clause::Replaces,
        world.install(&world.offer("again", &text(), b"ab")),
    );
}

fn say(offer: &Path, party: u8, number: u32, act: Act, name: &str) {
    let text = fs::read(offer.join(DOCUMENT)).unwrap();
    let date = "2026-02-01".parse().unwrap();
    let name_of = char::from(party).to_string().parse().unwrap();
    let said = Statement::new(Digest::of(&text), name_of, number, act, "doubt", date);
    let document = toml::to_string(&said).unwrap();
    fs::write(offer.join(format!("{name}.toml")), &document).unwrap();
    let signature = sign(party, document.as_bytes()).to_text();
    fs::write(offer.join(format!("{name}.sig")), signature).unwrap();
}

/// A statement is kept by what it says: a resumption in a file that is called like the revocation does
/// not take its place.
#[test]
fn a_revocation_is_not_undone_by_another_statement_under_its_name() {
    let world = World::new();
    let offer = world.offer("first", &text(), b"ab");
    say(&offer, b'a', 1, Act::Suspend, "statement-a-1-suspend");
    say(&offer, b'a', 2, Act::Resume, "statement-a-2-resume");
    say(&offer, b'a', 3, Act::Revoke, "statement-a-3-revoke");
    assert_eq!(world.install(&offer).unwrap().standing(), Standing::Revoked);
    let other = world.offer("other", &text(), b"ab");
    say(&other, b'a', 2, Act::Resume, "statement-a-3-revoke");
    world.install(&other).unwrap();
    assert_eq!(
        world.store().current().unwrap().standing(),
        Standing::Revoked
    );
}

#[test]
fn a_statement_without_effect_is_refused_and_told() {
    let world = World::new();
    let offer = world.offer("first", &text(), b"ab");
    say(&offer, b'a', 1, Act::Suspend, "statement-a-1-suspend");
    say(&offer, b'a', 2, Act::Resume, "statement-a-2-resume");
    world.install(&offer).unwrap();
    // The officer suspends again from a copy that does not have what was said before.
    let clean = world.offer("clean", &text(), b"ab");
    say(&clean, b'a', 1, Act::Suspend, "statement-a-1-suspend");
    fs::write(clean.join("statement-a-1-suspend.toml"), {
        let said = fs::read_to_string(clean.join("statement-a-1-suspend.toml")).unwrap();
        said.replace("doubt", "another doubt")
    })
    .unwrap();
    let document = fs::read(clean.join("statement-a-1-suspend.toml")).unwrap();
    fs::write(
        clean.join("statement-a-1-suspend.sig"),
        sign(b'a', &document).to_text(),
    )
    .unwrap();
    refused(Clause::Signatures, world.install(&clean));
    let renumbered = world.offer("renumbered", &text(), b"ab");
    say(&renumbered, b'a', 3, Act::Suspend, "statement-a-3-suspend");
    assert_eq!(
        world.install(&renumbered).unwrap().standing(),
        Standing::Suspended
    );
    // What was said before may be handed over again.
    assert_eq!(
        world.install(&offer).unwrap().standing(),
        Standing::Suspended
    );
}

/// Of two statements with one number the one that forbids holds, in whatever order they are read.
#[test]
fn of_two_statements_with_one_number_the_stricter_holds() {
    let world = World::new();
    let offer = world.offer("first", &text(), b"ab");
    say(&offer, b'a', 1, Act::Resume, "statement-a-1-resume");
    say(&offer, b'a', 1, Act::Suspend, "statement-a-1-suspend");
    assert_eq!(
        world.install(&offer).unwrap().standing(),
        Standing::Suspended
    );
}

/// Officers who signed an amendment before one of them revoked what it replaces have not unsaid that.
#[test]
fn no_amendment_follows_an_agreement_that_is_suspended_or_revoked() {
    for (act, clause) in [
        (Act::Suspend, Clause::Suspension),
        (Act::Revoke, Clause::Revocation),
    ] {
        let world = World::new();
        let offer = world.offer("first", &text(), b"ab");
        world.install(&offer).unwrap();
        let replaces = format!(
            "number = 2\nreplaces = \"{}\"",
            Digest::of(text().as_bytes())
        );
        let amended = world.offer("second", &text().replace("number = 1", &replaces), b"ab");
        say(&offer, b'a', 1, act, "statement");
        fs::rename(offer.join("statement.toml"), offer.join("statement-1.toml")).unwrap();
        fs::rename(offer.join("statement.sig"), offer.join("statement-1.sig")).unwrap();
        world.install(&offer).unwrap();
        refused(clause, world.install(&amended));
        if act == Act::Suspend {
            say(&offer, b'a', 2, Act::Resume, "statement-2");
            world.install(&offer).unwrap();
            assert_eq!(world.install(&amended).unwrap().terms().number, 2);
        }
    }
}

#[test]
fn an_agreement_that_promises_what_is_not_served_is_not_taken_up() {
    let world = World::new();
    let recipient = format!(
        "{}\n[[member]]\nname = \"r\"\ntitle = \"R\"\nroles = [\"recipient\"]\n",
        text()
    );
    refused(
        Clause::Member,
        world.install(&world.offer("first", &recipient, b"ab")),
    );
}

/// What one party's officer says, relayed document by document.
#[test]
fn a_statement_that_is_relayed_counts_once_and_in_any_order() {
    let world = World::new();
    let offer = world.offer("first", &text(), b"ab");
    world.install(&offer).unwrap();
    let store = world.store();
    let said = |number, act| {
        let about = Digest::of(text().as_bytes());
        let date = "2026-06-01".parse().unwrap();
        let party = "a".parse().unwrap();
        let statement = Statement::new(about, party, number, act, "doubt", date);
        toml::to_string(&statement).unwrap().into_bytes()
    };
    let hear = |document: &[u8], signer| store.hear(document, &sign(signer, document));
    let (suspend, resume) = (said(1, Act::Suspend), said(2, Act::Resume));
    assert!(hear(&suspend, b'a').unwrap());
    assert!(!hear(&suspend, b'a').unwrap(), "it is no news any more");
    assert_eq!(store.current().unwrap().standing(), Standing::Suspended);
    assert!(hear(&resume, b'a').unwrap());
    assert!(!hear(&suspend, b'a').unwrap(), "somebody relays it late");
    assert_eq!(store.current().unwrap().standing(), Standing::InForce);
    let holds = store.said().unwrap();
    assert_eq!(holds.len(), 1);
    assert_eq!(holds[0].document, resume);
    assert_eq!(holds[0].signature, sign(b'a', &resume));
    // Not of the party whose it is said to be, or about something else.
    let revoke = said(3, Act::Revoke);
    refused(Clause::Signatures, hear(&revoke, b'b'));
    let about = Digest::of(b"another");
    let date = "2026-06-01".parse().unwrap();
    let foreign = Statement::new(about, "a".parse().unwrap(), 3, Act::Revoke, "doubt", date);
    let foreign = toml::to_string(&foreign).unwrap();
    refused(Clause::Agreement, hear(foreign.as_bytes(), b'a'));
    assert_eq!(store.current().unwrap().standing(), Standing::InForce);
}
