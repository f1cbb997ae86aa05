//! A data set linked by a whole federation with everything on that keeps data apart: matcher and resolver of two
//! operators, encodings sent on demand, and decoys. It has to find what linking the same files without any of it
//! finds, to the last link.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use encode::LinkageKey;
use model::agreement::{DecoyRules, Disclosure};
use model::profile::Profile;
use model::{LinkageSchema, PartyIndex, Progress, RecordHandle, SystemClock};
use secret::SeededEntropy;
use secret::key_file::{self, Purpose};
use serde::Serialize;
use testkit::dpos::Terms;
use testkit::federation::{Federation, Member};

use crate::keys::RehearsalKeys;
use crate::rehearsal::{Linked, PartyFile};

/// How long a node waits for the others.
const PATIENCE: Duration = Duration::from_secs(3600);
/// What its keys are made from.
const SEED: u64 = 1;
/// Its project.
const PROJECT: &str = "quality";

/// A record's name among all.
type Record = (PartyIndex, RecordHandle);

/// By record, the first of its cluster.
type Clusters = BTreeMap<Record, Record>;

/// What a federation found.
pub(crate) struct Found {
    clusters: Clusters,
    links: u64,
    decoys: u64,
    /// Rows sent and rows made, where not all are sent.
    sent: Option<[u64; 2]>,
}

/// What a federation found beside what linking the files found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Compared {
    /// Records that are in another cluster.
    pub(crate) records_differing: u64,
    /// Links of the federation.
    pub(crate) links: u64,
    /// Links without it.
    pub(crate) links_without: u64,
    /// Decoys that its nodes made.
    pub(crate) decoys: u64,
    /// The share of the rows made that was sent; none where all are.
    pub(crate) sent: Option<f64>,
}

impl Compared {
    /// Whether nothing differs.
    pub(crate) fn is_same(&self) -> bool {
        self.records_differing == 0 && self.links == self.links_without
    }

    /// In words, for a table.
    pub(crate) fn in_words(&self) -> String {
        let Self { links, decoys, .. } = self;
        let sent = match self.sent {
            Some(share) => format!("{:.1} % of rows sent", share * 100.0),
            None => "all rows sent".to_owned(),
        };
        match self.is_same() {
            true => format!("the same {links} links; {sent}, {decoys} decoys"),
            false => format!(
                "DIFFERS: {links} links, not {}; {} records in other clusters",
                self.links_without, self.records_differing
            ),
        }
    }
}

/// Links `files` by a federation under `dir`, whose members have one of them each. Also returns all its keys, as
/// nobody in a real federation has them together.
pub(crate) fn link(
    dir: &Path,
    schema: &str,
    files: &[PartyFile],
    progress: &dyn Progress,
) -> anyhow::Result<(RehearsalKeys, Found)> {
    let schema_file = dir.join("schema.toml");
    std::fs::write(&schema_file, schema)?;
    let schema = LinkageSchema::parse(schema)?;
    let absent = schema.parties.len() - files.len();
    anyhow::ensure!(absent == 0, "{absent} parties of the schema have no file");
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(federate(dir, &schema, &schema_file, files, progress))
}

async fn federate(
    dir: &Path,
    schema: &LinkageSchema,
    schema_file: &Path,
    files: &[PartyFile],
    progress: &dyn Progress,
) -> anyhow::Result<(RehearsalKeys, Found)> {
    let mut entropy = SeededEntropy::new(SEED);
    let (terms, clock) = (terms(schema.profile), Arc::new(SystemClock));
    let project = PROJECT.parse()?;
    let federation =
        Federation::start_apart(dir, &project, schema_file, terms, clock, &mut entropy).await?;
    let mut members = Vec::new();
    for file in files {
        let party = &schema.party(file.party).name;
        let at = federation.addresses();
        members.push(federation.join(party, &file.path, at, &mut entropy)?);
    }
    let mut decoys = 0;
    for member in &members {
        decoys += member.prepare(progress, &mut entropy).await?.decoys;
    }
    let sent = upload(&members, progress).await?;
    // Which waits until the run is linked. Nobody has to be given anything.
    federation.approve(&members).await?;
    let (clusters, links) = (clusters(&federation)?, federation.links()?);
    let keys = keys(&federation, &members)?;
    federation.stop().await?;
    let found = Found {
        clusters,
        links,
        decoys,
        sent,
    };
    Ok((keys, found))
}

/// All that keeps data apart and the profile has.
fn terms(profile: Profile) -> Terms {
    Terms {
        disclosure: profile.is_block_keyed().then(Disclosure::default),
        decoys: DecoyRules::of(profile),
        ..Terms::default()
    }
}

/// Sends block tokens, then the rows that can meet any; returns how many of all were.
async fn upload(members: &[Member], progress: &dyn Progress) -> anyhow::Result<Option<[u64; 2]>> {
    for member in members {
        member.node.upload(progress).await?;
    }
    let mut all: Option<[u64; 2]> = None;
    for member in members {
        let uploaded = member.node.upload_within(PATIENCE, progress).await?;
        if let Some(disclosed) = uploaded.disclosed {
            let [sent, made] = all.unwrap_or_default();
            all = Some([sent + disclosed.sent, made + disclosed.made]);
        }
    }
    Ok(all)
}

fn keys(federation: &Federation, members: &[Member]) -> anyhow::Result<RehearsalKeys> {
    let linkage = key_file::read(&federation.linkage_key(), Purpose::Linkage)?;
    let secrets = members.iter().map(|member| {
        let secret = member.node.home().node_secret();
        key_file::read(&secret, Purpose::Vault)
    });
    Ok(RehearsalKeys {
        project: PROJECT.parse()?,
        linkage: LinkageKey::new(linkage),
        secrets: secrets.collect::<Result<_, _>>()?,
    })
}

fn clusters(federation: &Federation) -> anyhow::Result<Clusters> {
    let rows = federation.clusters()?;
    let names: Vec<Record> = rows.iter().map(|row| (row.party, row.record)).collect();
    let firsts = rows.iter().map(|row| names[row.first as usize]);
    Ok(names.iter().copied().zip(firsts).collect())
}

fn of_linked(linked: &Linked) -> Clusters {
    let records = &linked.resolution.records.list;
    let firsts = linked.resolution.cluster_of.iter();
    let firsts = firsts.map(|first| records[*first as usize]);
    records.iter().copied().zip(firsts).collect()
}

/// Records of either that the other has elsewhere, or not at all.
fn differing(one: &Clusters, other: &Clusters) -> u64 {
    let is_else = |(record, first)| other.get(record) != Some(first);
    let missing = other.keys().filter(|record| !one.contains_key(record));
    (one.iter().filter(|entry| is_else(*entry)).count() + missing.count()) as u64
}

impl Found {
    /// Holds it to what linking the same files under the same keys found.
    pub(crate) fn against(&self, linked: &Linked) -> Compared {
        Compared {
            records_differing: differing(&self.clusters, &of_linked(linked)),
            links: self.links,
            links_without: linked.resolution.links.len() as u64,
            decoys: self.decoys,
            sent: self.sent.map(|[sent, made]| sent as f64 / made as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clusters(of: &[(u8, u8)]) -> Clusters {
        let record = |number: u8| (PartyIndex(0), RecordHandle::new([number; 16]));
        of.iter()
            .map(|(own, first)| (record(*own), record(*first)))
            .collect()
    }

    #[test]
    fn records_elsewhere_and_records_that_one_side_lacks_differ() {
        let one = clusters(&[(1, 1), (2, 1), (3, 3)]);
        assert_eq!(differing(&one, &one), 0);
        let moved = clusters(&[(1, 1), (2, 2), (3, 3)]);
        assert_eq!(differing(&one, &moved), 1);
        let fewer = clusters(&[(1, 1), (2, 1)]);
        assert_eq!([differing(&one, &fewer), differing(&fewer, &one)], [1, 1]);
    }

    #[test]
    fn another_number_of_links_is_not_the_same() {
        let same = Compared {
            records_differing: 0,
            links: 2,
            links_without: 2,
            decoys: 9,
            sent: Some(0.5),
        };
        assert!(same.is_same() && same.in_words().contains("50.0 % of rows sent"));
        for (links, records_differing) in [(1, 0), (2, 1)] {
            let other = Compared {
                links,
                records_differing,
                ..same.clone()
            };
            assert!(!other.is_same() && other.in_words().starts_with("DIFFERS"));
        }
    }
}
