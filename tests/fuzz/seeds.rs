//! Makes the seeds that nobody can write by hand, from what the code makes today. When a format changes,
//! `cargo test --test main write_seeds -- --ignored` brings them up to date.

use std::fs;

use audit::{Actor, Checkpoint, Entry, KeyKind, NoteSigner, TreeHead, VerifierKey};
use model::{Digest, Layout, LinkageSchema, Signature};
use oprf::Blinding;
use secret::{Key32, SeededEntropy, SigningKey};
use wire::pki;

use super::directory;
use crate::parsers;
use crate::setting::{SCHEMA, registry, workspace};

#[test]
#[ignore = "writes into the source tree"]
fn write_seeds() {
    write("schemas", "good-two-registries", SCHEMA);
    let layout = Layout::of(&LinkageSchema::parse(SCHEMA).unwrap());
    let rows = [parsers::rows(&layout, 0), parsers::rows(&layout, 1)].concat();
    write("rows", "good-four-records-each", &rows);
    write("rows", "bad-torn", &rows[..rows.len() - 1]);
    let comparisons = parsers::comparisons();
    write("comparisons", "good-four-records-each", &comparisons);
    write(
        "comparisons",
        "bad-torn",
        &comparisons[..comparisons.len() - 1],
    );
    let manifest = serde_json::to_vec(&parsers::manifest()).unwrap();
    write("manifests", "good-handle-map", &manifest);
    write("key_files", "good-linkage-key", parsers::key_text());
    write("registries", "good-plain", registry(20));
    write("registries", "good-gzip", parsers::zipped(&registry(20)));
    write("events", "good-results-received", parsers::entry());
    let log = parsers::log_file();
    write("log_files", "good-five-entries", &log);
    write("log_files", "torn-in-the-last", &log[..log.len() - 3]);
    write_tiles();
    write_handle_maps();
    write_notes();
    write_agreements();
    write_messages();
    write_evaluations();
    let request = pki::request(&"crvs".parse().unwrap()).unwrap();
    write("certificates", "good-request", request.request_pem);
    let authority = parsers::authority();
    write(
        "certificates",
        "good-certificate",
        authority.certificate_pem(),
    );
}

fn write(target: &str, name: &str, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(directory(target)).unwrap();
    fs::write(directory(target).join(name), bytes).unwrap();
}

fn write_tiles() {
    let entry = parsers::entry();
    let length = (entry.len() as u16).to_be_bytes();
    let bundle = [&[1], &length[..], &entry, &length, &entry].concat();
    write("tiles", "good-two-entries", &bundle);
    write("tiles", "bad-three-entries", [&[2], &bundle[1..]].concat());
    write("tiles", "good-two-hashes", [&[1; 1], &[9; 64][..]].concat());
}

fn write_handle_maps() {
    let entry = |number: u8| [[number; 16], [number + 100; 16]].concat();
    let map = |numbers: [u8; 3]| {
        let entries: Vec<u8> = numbers.into_iter().flat_map(entry).collect();
        [&[3, 64], &entries[..64], &[32], &entries[64..]].concat()
    };
    write("handle_maps", "good-three-entries", map([1, 2, 3]));
    write("handle_maps", "bad-out-of-order", map([1, 3, 2]));
    let count = 1_u32.to_le_bytes();
    let verdict = [&[5; 16][..], &[102; 16], &[1]].concat();
    let magic = wire::VERDICTS_MAGIC;
    let announced = [&[magic.len() as u8 + 4], magic, &count[..]].concat();
    let verdicts = [&announced[..], &[verdict.len() as u8], &verdict].concat();
    let map = [map([1, 2, 3]), verdicts].concat();
    write("handle_maps", "good-with-a-verdict", map);
}

fn signing_key() -> SigningKey {
    SigningKey::from_seed(&Key32::generate(&mut SeededEntropy::new(7)))
}

fn signer(name: &str, kind: KeyKind) -> NoteSigner {
    let key = signing_key();
    let verifier = VerifierKey {
        name: name.parse().unwrap(),
        kind,
        public: key.public(),
    };
    NoteSigner::new(verifier, move |message| key.sign(message))
}

fn checkpoint() -> Checkpoint {
    let head = TreeHead {
        size: 5,
        root: Digest::of(b"root"),
    };
    let log = signer("symbolon/two/matcher", KeyKind::Log);
    Checkpoint::sign(head, &log).unwrap()
}

fn write_notes() {
    let witness = signer("witness", KeyKind::Witness);
    let mut cosigned = checkpoint();
    write("notes", "good-checkpoint", cosigned.to_string());
    cosigned.cosign(&witness, 1_700_000_000).unwrap();
    write("notes", "good-cosigned", cosigned.to_string());
    write("notes", "good-key", witness.key().to_string());
    let unsigned = cosigned.note().text();
    write("notes", "bad-unsigned", unsigned);
}

/// The sample agreement of the examples, with keys that have signed it.
fn write_agreements() {
    let sample = workspace().join("examples/four-registries/agreement.toml");
    let sample = fs::read_to_string(sample).unwrap();
    let key = signing_key();
    let pinned = model::signature::PublicKey::new(key.public()).fingerprint();
    let line = |line: &str| match line.starts_with("dpo_key") {
        true => format!("dpo_key = \"{pinned}\"\n"),
        false => format!("{line}\n"),
    };
    let agreement: String = sample.lines().map(line).collect();
    let signature = |document: &str| {
        Signature::make(document.as_bytes(), key.public(), |bytes| key.sign(bytes)).to_text()
    };
    let statement = format!(
        "kind = \"agreement-statement\"\nformat = 1\nagreement = \"{}\"\nparty = \"crvs\"\nnumber = 1\n\
         act = \"suspend\"\nreason = \"a complaint\"\ndate = 2026-05-01\n",
        Digest::of(agreement.as_bytes()),
    );
    let (signed, said) = (signature(&agreement), signature(&statement));
    let all = [&agreement[..], &signed, &statement, &said].join("====\n");
    write("agreements", "good-signed-and-suspended", all);
    write("agreements", "good-signature", signed);
}

/// A batch as a key server takes it, and an answer as a node does.
fn write_evaluations() {
    use super::targets::evaluations::{INPUT, KEY, blinding};
    let blinded = Blinding::of(&[INPUT, [8; 16]], &mut SeededEntropy::new(3)).unwrap();
    let bytes = |elements: &[model::Element]| -> Vec<u8> {
        let bytes = elements.iter().flat_map(|element| *element.as_bytes());
        bytes.collect()
    };
    let batch = bytes(blinded.elements());
    write("evaluations", "good-batch", &batch);
    write("evaluations", "bad-torn", &batch[..60]);
    write("evaluations", "bad-nothing-hidden", [0; 32]);
    let answer = KEY.evaluate(blinding().elements(), &mut SeededEntropy::new(4));
    let answer = answer.unwrap();
    let mut answer = [bytes(&answer.elements), answer.proof.to_vec()].concat();
    write("evaluations", "good-answer", &answer);
    answer[40] ^= 1;
    write("evaluations", "bad-proof", answer);
    let sample = workspace().join("examples/four-registries/agreement.toml");
    let sample = fs::read_to_string(sample).unwrap();
    let with = |run_by: &str| {
        format!(
            "{sample}\n[[member]]\nname = \"dpo-office\"\ntitle = \"An office\"\nroles = [\"key-server\"]\n\n\
             [key_server]\nrun_by = \"{run_by}\"\nfields = [\"national_id\"]\nevaluations = 1000000\n\n\
             [[key_server.key]]\nepoch = 1\npublic_key = \"{}\"\n",
            KEY.public()
        )
    };
    write("agreements", "good-key-server", with("dpo-office"));
    write(
        "agreements",
        "bad-coordinators-key-server",
        with("linkage-unit"),
    );
}

/// A message: its number, then fields by number.
fn message(number: u8, fields: &[(u8, Field<'_>)]) -> Vec<u8> {
    let mut out = vec![number];
    fields
        .iter()
        .for_each(|(field, value)| value.write(*field, &mut out));
    out
}

/// As much of protobuf as seeds need: small numbers and short bytes.
enum Field<'a> {
    Number(u8),
    Bytes(&'a [u8]),
}

impl Field<'_> {
    fn write(&self, field: u8, out: &mut Vec<u8>) {
        match self {
            Self::Number(number) => out.extend([field << 3, *number]),
            Self::Bytes(bytes) => {
                out.push(field << 3 | 2);
                let (low, high) = (bytes.len() as u8 & 0x7f, (bytes.len() >> 7) as u8);
                match high {
                    0 => out.push(low),
                    high => out.extend([low | 0x80, high]),
                }
                out.extend_from_slice(bytes);
            }
        }
    }
}

fn write_messages() {
    use Field::{Bytes, Number};
    let (digest, checkpoint) = ([4; 32], checkpoint().to_string());
    let description = [
        (1, Bytes(b"census")),
        (2, Number(1)),
        (3, Number(1)),
        (4, Number(1)),
        (5, Bytes(&digest)),
        (6, Number(1)),
        (8, Bytes(b"crvs")),
        (8, Bytes(b"id")),
    ];
    write("messages", "good-description", message(0, &description));
    let manifest = [
        (1, Bytes(b"census")),
        (2, Number(1)),
        (3, Number(1)),
        (4, Bytes(b"crvs")),
        (5, Number(2)),
        (6, Bytes(&digest)),
        (7, Bytes(&[7; 16])),
        (8, Number(3)),
        (10, Number(3)),
        (11, Number(96)),
        (12, Number(64)),
        (13, Bytes(&digest)),
        (14, Bytes(&digest)),
    ];
    write("messages", "good-manifest", message(1, &manifest));
    let opened = [(1, Bytes(&message(0, &manifest)[1..]))];
    write("messages", "good-open-batch", message(12, &opened));
    let key = signer("symbolon/two/matcher", KeyKind::Log);
    let key = key.key().to_string();
    let seen = [
        (1, Bytes(b"crvs")),
        (2, Bytes(checkpoint.as_bytes())),
        (3, Bytes(&digest)),
    ];
    write("messages", "good-seen-head", message(3, &seen));
    let head = [
        (1, Bytes(key.as_bytes())),
        (2, Bytes(checkpoint.as_bytes())),
        (3, Bytes(&digest)),
        (4, Bytes(&message(0, &seen)[1..])),
    ];
    write("messages", "good-head", message(2, &head));
    let row = message(0, &[(1, Bytes(&[1; 16])), (2, Bytes(&[2; 16]))]);
    let page = message(7, &[(1, Bytes(&row[1..])), (1, Bytes(&row[1..]))]);
    write("messages", "good-results-page", page);
    let entry = Entry {
        actor: Actor::Matcher,
        ..Entry::from_bytes(&parsers::entry()).unwrap()
    };
    let receipt = [
        (1, Bytes(&digest)),
        (2, Bytes(&entry.to_bytes().unwrap())),
        (4, Number(1)),
        (5, Bytes(&digest)),
        (7, Bytes(checkpoint.as_bytes())),
    ];
    write("messages", "good-receipt", message(11, &receipt));
    let pair = [
        (1, Bytes(&[1; 16])),
        (2, Bytes(&[2; 16])),
        (3, Bytes(b"id")),
        (4, Number(7)),
        (
            5,
            Bytes(
                &message(
                    0,
                    &[(1, Bytes(b"given")), (2, Bytes(b"alike")), (3, Number(9))],
                )[1..],
            ),
        ),
    ];
    let pairs = message(9, &[(1, Bytes(&message(0, &pair)[1..]))]);
    write("messages", "good-review-page", pairs);
    write("messages", "bad-torn", [1, 10, 200]);
}
