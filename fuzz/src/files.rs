//! Files that people bring: registries, key files, certificates.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::LazyLock;

use model::{PartyIndex, SystemClock};
use records::ColumnPlan;
use secret::key_file::{self, Purpose};
use wire::identity::CertificateFacts;
use wire::pki::{Authority, Validity};

use super::batches::SCHEMA;
use super::scratch;

/// A registry as CSV, plain or gzip: taken when it can be read to its end.
pub fn registries(bytes: &[u8]) -> bool {
    let path = scratch().join("registry.csv");
    fs::write(&path, bytes).unwrap();
    let plan = ColumnPlan::of(&SCHEMA, PartyIndex(0));
    let Ok(mut file) = sources::CsvFile::open(&path, &plan) else {
        return false;
    };
    loop {
        match file.next_chunk(16) {
            Ok(chunk) if chunk.is_empty() => return true,
            Ok(chunk) => assert!(chunk.len() <= 16),
            Err(_) => return false,
        }
    }
}

/// A key file.
pub fn key_files(bytes: &[u8]) -> bool {
    let path = scratch().join("key");
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    key_file::read(&path, Purpose::Linkage).is_ok()
}

/// A certificate, or a request for one, in PEM.
pub fn certificates(bytes: &[u8]) -> bool {
    static AUTHORITY: LazyLock<Authority> = LazyLock::new(|| {
        let validity = Validity::days(&SystemClock, 30);
        Authority::create(&"census".parse().unwrap(), validity).unwrap()
    });
    let text = String::from_utf8_lossy(bytes);
    let facts = CertificateFacts::read(&text);
    let validity = Validity::days(&SystemClock, 10);
    let issued = AUTHORITY.issue_node(&text, &"crvs".parse().unwrap(), validity);
    facts.is_ok() || issued.is_ok()
}
