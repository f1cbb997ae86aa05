//! The clusters of a run as a file: one row a record, ordered by party and record handle.
//!
//! A row is `party (1) | record handle (16) | first (4)`, where `first` is the place of the first
//! record of the same cluster, little-endian; a line before the rows says what the file is.

use link::resolve::Records;
use model::schema::MAX_PARTIES;
use model::{PartyIndex, RecordHandle};

const MAGIC: &[u8] = b"symbolon clusters 1\n";
const ROW: usize = 1 + 16 + 4;

/// A file that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the clusters cannot be read back")]
pub struct NotClusters;

/// One record and its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClusterRow {
    /// Whose record.
    pub party: PartyIndex,
    /// The record.
    pub record: RecordHandle,
    /// The place of the cluster's first record among all rows.
    pub first: u32,
}

/// The rows of all records.
pub(super) fn rows<'a>(
    records: &'a Records,
    cluster_of: &'a [u32],
) -> impl Iterator<Item = ClusterRow> + 'a {
    let row = |(&(party, record), &first)| ClusterRow {
        party,
        record,
        first,
    };
    records.list.iter().zip(cluster_of).map(row)
}

/// The file's bytes.
pub fn encode(rows: impl Iterator<Item = ClusterRow>) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    for row in rows {
        bytes.push(row.party.0);
        bytes.extend_from_slice(row.record.as_bytes());
        bytes.extend_from_slice(&row.first.to_le_bytes());
    }
    bytes
}

/// Reads the file's bytes.
///
/// # Errors
/// [`NotClusters`] for a file of another kind, cut, or pointing outside itself.
pub fn decode(bytes: &[u8]) -> Result<Vec<ClusterRow>, NotClusters> {
    let body = bytes.strip_prefix(MAGIC).ok_or(NotClusters)?;
    if !body.len().is_multiple_of(ROW) {
        return Err(NotClusters);
    }
    let rows: Vec<ClusterRow> = body.chunks_exact(ROW).map(row).collect();
    let sound =
        |row: &ClusterRow| (row.first as usize) < rows.len() && row.party.index() < MAX_PARTIES;
    if rows.iter().all(sound) {
        Ok(rows)
    } else {
        Err(NotClusters)
    }
}

fn row(bytes: &[u8]) -> ClusterRow {
    let (mut record, mut first) = ([0; 16], [0; 4]);
    record.copy_from_slice(&bytes[1..17]);
    first.copy_from_slice(&bytes[17..]);
    ClusterRow {
        party: PartyIndex(bytes[0]),
        record: RecordHandle::new(record),
        first: u32::from_le_bytes(first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn three() -> Vec<ClusterRow> {
        let row = |party, byte, first| ClusterRow {
            party: PartyIndex(party),
            record: RecordHandle::new([byte; 16]),
            first,
        };
        vec![row(0, 1, 0), row(0, 2, 1), row(1, 1, 0)]
    }

    #[test]
    fn cut_foreign_and_dangling_files_are_refused() {
        let bytes = encode(three().into_iter());
        for length in 0..bytes.len() {
            let whole = length >= MAGIC.len() && (length - MAGIC.len()).is_multiple_of(ROW);
            assert_eq!(decode(&bytes[..length]).is_ok(), whole, "cut to {length}");
        }
        let mut dangling = three();
        dangling[2].first = 3;
        assert_eq!(decode(&encode(dangling.into_iter())), Err(NotClusters));
    }

    proptest! {
        #[test]
        fn rows_round_trip(rows: Vec<(u8, [u8; 16], u32)>) {
            let count = rows.len() as u32;
            let row = |(party, record, first): (u8, [u8; 16], u32)| ClusterRow {
                party: PartyIndex(party % MAX_PARTIES as u8),
                record: RecordHandle::new(record),
                first: first % count,
            };
            let rows: Vec<ClusterRow> = rows.into_iter().map(row).collect();
            prop_assert_eq!(decode(&encode(rows.iter().copied())).unwrap(), rows);
        }

        #[test]
        fn any_bytes_are_read_or_refused(body: Vec<u8>) {
            let bytes = [MAGIC, &body].concat();
            if let Ok(rows) = decode(&bytes) {
                prop_assert_eq!(encode(rows.into_iter()), bytes);
            }
        }
    }
}
