//! Whether what a party was given follows from the clusters and from the agreement of the release: of
//! each of its records and of no other, a pseudonym that is the same exactly where two records are in one
//! cluster, whether the person is known at the parties it may be told of, and whether another party
//! registered the events it may be told of. What it may not have must not be there.

use std::collections::{HashMap, HashSet};

use link::Resolution;
use model::agreement::Rights;
use model::{Digest, LifeEvent, LinkageSchema, PartyIndex, PartyName, RecordHandle, RunNumber};
use wire::EventMark;

use super::inputs::Inputs;

/// Bytes of a row: record handle, pseudonym, known at, events.
const ROW: usize = 16 + 16 + 4 + 1;

/// A record by whose it is.
type Owned = (PartyIndex, RecordHandle);

/// What a run came to, to hold results to.
pub(super) struct Outcome {
    pub(super) resolution: Resolution,
    /// The event that each marked record is of.
    pub(super) marks: HashMap<Owned, LifeEvent>,
}

impl Outcome {
    pub(super) fn new(resolution: Resolution, marks: Vec<(PartyIndex, Vec<EventMark>)>) -> Self {
        let marks = marks.into_iter().flat_map(|(party, marks)| {
            let of = move |mark: EventMark| ((party, mark.record), mark.event);
            marks.into_iter().map(of)
        });
        Self {
            resolution,
            marks: marks.collect(),
        }
    }

    fn records(&self) -> impl Iterator<Item = (Owned, u32)> {
        let records = self.resolution.records.list.iter();
        let clusters = self.resolution.cluster_of.iter();
        records
            .zip(clusters)
            .map(|(record, cluster)| (*record, *cluster))
    }
}

/// What linking a run comes to, in short.
pub(super) struct Resolved {
    pub(super) links: u64,
    pub(super) clusters: u64,
    pub(super) digest: Digest,
}

impl Resolved {
    pub(super) fn of(resolution: &Resolution) -> Self {
        let mut file = b"symbolon clusters 1\n".to_vec();
        let records = resolution.records.list.iter().zip(&resolution.cluster_of);
        let mut clusters = 0;
        for (place, ((party, record), first)) in records.enumerate() {
            file.push(party.0);
            file.extend_from_slice(record.as_bytes());
            file.extend_from_slice(&first.to_le_bytes());
            clusters += u64::from(*first as usize == place);
        }
        Self {
            links: resolution.links.len() as u64,
            clusters,
            digest: Digest::of(&file),
        }
    }
}

impl Inputs {
    /// Holds the stored results of `party`, released under the agreement of this digest, to what the
    /// run came to.
    ///
    /// # Errors
    /// In what they differ.
    pub(super) fn results(
        &self,
        run: RunNumber,
        party: &PartyName,
        agreement: Digest,
        outcome: &Outcome,
    ) -> Result<(), String> {
        let index = self.schema.party_index(party).ok_or("it takes no part")?;
        let agreement = self.agreement(agreement)?;
        let rights = agreement.rights(party).map_err(|refusal| refusal.detail)?;
        let rows = self.release(run, party).ok_or("they cannot be read")?;
        check(&self.schema, index, &rights, &rows, outcome).map_err(str::to_owned)
    }
}

/// What is true of each cluster for one recipient.
struct Truth {
    known_at: Vec<HashSet<u32>>,
    events: Vec<HashSet<u32>>,
}

impl Truth {
    fn of(schema: &LinkageSchema, party: PartyIndex, rights: &Rights, outcome: &Outcome) -> Self {
        let clusters_of = |name: &PartyName| {
            let other = schema.party_index(name);
            let at = outcome.records().filter(|((of, _), _)| Some(*of) == other);
            at.map(|(_, cluster)| cluster).collect()
        };
        let clusters_with = |event: &LifeEvent| {
            let foreign = outcome.records().filter(|((of, _), _)| *of != party);
            let with = foreign.filter(|(record, _)| outcome.marks.get(record) == Some(event));
            with.map(|(_, cluster)| cluster).collect()
        };
        Self {
            known_at: rights.known_at.iter().map(clusters_of).collect(),
            events: rights.events.iter().map(clusters_with).collect(),
        }
    }
}

/// Bits of the sets that hold `cluster`.
fn bits(sets: &[HashSet<u32>], cluster: u32) -> u32 {
    let places = sets.iter().enumerate();
    places.fold(0, |bits, (place, set)| {
        bits | u32::from(set.contains(&cluster)) << place
    })
}

fn check(
    schema: &LinkageSchema,
    party: PartyIndex,
    rights: &Rights,
    rows: &[u8],
    outcome: &Outcome,
) -> Result<(), &'static str> {
    let (rows, rest) = rows.as_chunks::<ROW>();
    let own = outcome.records().filter(|((of, _), _)| *of == party);
    let own: Vec<(RecordHandle, u32)> = own
        .filter(|_| rights.has_rows())
        .map(|((_, record), cluster)| (record, cluster))
        .collect();
    if !rest.is_empty() || rows.len() != own.len() {
        return Err("there are more or fewer than its records");
    }
    let truth = Truth::of(schema, party, rights, outcome);
    let mut pseudonym_of: HashMap<u32, &[u8]> = HashMap::new();
    let mut cluster_of: HashMap<&[u8], u32> = HashMap::new();
    for (row, (record, cluster)) in rows.iter().zip(own) {
        let (found, row) = row.split_at(16);
        let (pseudonym, row) = row.split_at(16);
        let (known_at, events) = row.split_at(4);
        if found != record.as_bytes() {
            return Err("they are of other records, or in another order");
        }
        if known_at != bits(&truth.known_at, cluster).to_le_bytes() {
            return Err(
                "they say of a person that it is known, or not known, where it is otherwise",
            );
        }
        if u32::from(events[0]) != bits(&truth.events, cluster) {
            return Err("they have other notices of life events than the registers give");
        }
        if !rights.pseudonyms {
            if pseudonym != [0; 16] {
                return Err("they have pseudonyms, which the agreement does not give");
            }
            continue;
        }
        if *pseudonym_of.entry(cluster).or_insert(pseudonym) != pseudonym {
            return Err("records of one person have different pseudonyms");
        }
        if *cluster_of.entry(pseudonym).or_insert(cluster) != cluster {
            return Err("records of different persons have one pseudonym");
        }
    }
    Ok(())
}
