//! What each of two operators has, and what not; and that they find together what one finds.

use std::fs;
use std::path::Path;

use audit::Event;
use model::Digest;
use wire::Role;
use wire::identity::CertificateFacts;

use super::super::fixture;
use super::super::world::{REGISTRIES, World};
use super::two::{Apart, RUN};
use crate::Roles;

#[tokio::test(flavor = "multi_thread")]
async fn two_operators_find_what_one_finds() {
    let one = World::new();
    drop(one.run());
    let apart = Apart::new();
    apart.linked().await;
    for (role, file) in [
        (Role::Matcher, "comparisons.bin"),
        (Role::Resolver, "clusters.bin"),
    ] {
        let together = fs::read(one.output(role, file)).unwrap();
        assert!(together == apart.output(role, file), "{file} differs");
    }
    let comparisons_digest = Digest::of(&apart.output(Role::Matcher, "comparisons.bin"));
    let handed = Event::ComparisonsHandedOver {
        run: RUN,
        comparisons_digest,
    };
    let taken = Event::ComparisonsTaken {
        run: RUN,
        comparisons_digest,
    };
    let own = CertificateFacts::read(&apart.resolver_identity().certificate_pem).unwrap();
    let admitted = Event::ResolverAdmitted {
        certificate: own.fingerprint,
    };
    let (matcher, resolver) = (apart.events(Roles::Matcher), apart.events(Roles::Resolver));
    assert!(matcher.contains(&handed) && matcher.contains(&admitted));
    assert!(resolver.contains(&taken));
}

/// Every file under a directory that has one of these byte strings in it.
fn holding(directory: &Path, needles: &[Vec<u8>]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, needles));
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let has = |needle: &Vec<u8>| bytes.windows(needle.len()).any(|window| window == needle);
        if needles.iter().any(has) {
            found.push(path.display().to_string());
        }
    }
    found
}

/// A row's block token and its signatures are with the matcher alone, record handles and the entries that
/// join passes with the resolver alone.
#[tokio::test(flavor = "multi_thread")]
async fn neither_operator_has_what_is_the_others() {
    let apart = Apart::new();
    apart.linked().await;
    let (layout, rows) = (fixture::project().layout, REGISTRIES[0].rows());
    let row = &rows[..layout.row_bytes];
    let header = model::layout::ROW_HEADER;
    // Pass, handle, token: the handle is the resolver's too, though sealed at rest.
    let of_matcher = [row[17..33].to_vec(), row[header..].to_vec()];
    let handles = REGISTRIES[0]
        .persons
        .clone()
        .map(|p| REGISTRIES[0].record(p));
    let of_resolver: Vec<Vec<u8>> = handles.map(|handle| handle.as_bytes().to_vec()).collect();
    let in_matcher = |needles: &[Vec<u8>]| holding(apart.at(Roles::Matcher).path(), needles);
    let in_resolver = |needles: &[Vec<u8>]| holding(apart.at(Roles::Resolver).path(), needles);
    for needle in of_matcher {
        let needle = [needle];
        assert!(!in_matcher(&needle).is_empty());
        assert_eq!(in_resolver(&needle), [""; 0]);
    }
    assert!(!in_resolver(&of_resolver).is_empty());
    assert_eq!(in_matcher(&of_resolver), [""; 0]);
    // Nor has either the other's keys, or the matcher that of the authority.
    for key in ["handle-map.key", "pseudonym.key", "ca.key"] {
        assert_eq!(named(apart.at(Roles::Matcher).path(), key), 0, "{key}");
        assert_eq!(named(apart.at(Roles::Resolver).path(), key), 1, "{key}");
    }
    for file in [
        "clusters.bin",
        "comparisons.bin",
        "matcher.db",
        "resolver.db",
    ] {
        let of_resolver = ["clusters.bin", "resolver.db"].contains(&file);
        let matcher = named(apart.at(Roles::Matcher).path(), file);
        let resolver = named(apart.at(Roles::Resolver).path(), file);
        assert_eq!(
            [matcher, resolver],
            [!of_resolver, of_resolver].map(usize::from)
        );
    }
}

/// How many files of this name are under a directory.
fn named(directory: &Path, file: &str) -> usize {
    let entries = fs::read_dir(directory).unwrap();
    let count = entries.map(|entry| {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => named(&path, file),
            false => usize::from(path.file_name().unwrap() == file),
        }
    });
    count.sum()
}
