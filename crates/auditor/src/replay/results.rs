//! Whether what a party was given follows from the clusters: a pseudonym for each of its records and for
//! no other, and the same one exactly where two records are in one cluster.

use std::collections::HashMap;

use link::Resolution;
use model::{PartyIndex, PartyName, RunNumber};

use super::inputs::Inputs;

/// Bytes of a row: record handle and pseudonym.
const ROW: usize = 32;
/// Half of it.
const HALF: usize = 16;

impl Inputs {
    /// Holds the stored results of `party` to the clusters.
    ///
    /// # Errors
    /// In what they differ.
    pub(super) fn results(
        &self,
        run: RunNumber,
        party: &PartyName,
        resolution: &Resolution,
    ) -> Result<(), &'static str> {
        let index = self.schema.party_index(party).ok_or("it takes no part")?;
        let rows = self.release(run, party).ok_or("they cannot be read")?;
        check(index, &rows, resolution)
    }
}

fn check(party: PartyIndex, rows: &[u8], resolution: &Resolution) -> Result<(), &'static str> {
    let (rows, rest) = rows.as_chunks::<ROW>();
    let all = resolution.records.list.iter().zip(&resolution.cluster_of);
    let own: Vec<(&[u8], u32)> = all
        .filter(|((of, _), _)| *of == party)
        .map(|((_, record), cluster)| (&record.as_bytes()[..], *cluster))
        .collect();
    if !rest.is_empty() || rows.len() != own.len() {
        return Err("there are more or fewer than its records");
    }
    let mut pseudonym_of: HashMap<u32, &[u8]> = HashMap::new();
    let mut cluster_of: HashMap<&[u8], u32> = HashMap::new();
    for (row, (record, cluster)) in rows.iter().zip(own) {
        let (found, pseudonym) = row.split_at(HALF);
        if found != record {
            return Err("they are of other records, or in another order");
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
