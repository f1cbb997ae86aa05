//! The Merkle tree over a log's entries: hashes, roots and proofs as RFC 6962 §2.1 defines them.
//!
//! A tree of `n` leaves splits at the largest power of two below `n`:
//!
//! ```text
//! 7 leaves:        root
//!               /        \
//!           [0..4)      [4..7)
//!           /    \      /    \
//!        [0..2) [2..4) [4..6)  6
//! ```

use model::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The state of a log: how many entries, and the root over them. Two logs with equal heads are
/// equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeHead {
    /// Number of entries.
    pub size: u64,
    /// Root over their leaf hashes.
    pub root: Digest,
}

/// Proof that an entry stands in a log, kept by the node whose batch the entry is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The entry's place, from 0.
    pub index: u64,
    /// The log at the time.
    pub head: TreeHead,
    /// The hashes beside the way from leaf to root.
    pub path: Vec<Digest>,
}

/// The hash of an entry's bytes: SHA-256 behind a 0 byte.
pub fn leaf_hash(bytes: &[u8]) -> Digest {
    hash(&[&[0], bytes])
}

/// The hash of two subtrees: SHA-256 behind a 1 byte, so that no node reads as a leaf.
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    hash(&[&[1], left.as_bytes(), right.as_bytes()])
}

/// The root over no leaves: SHA-256 of nothing.
pub fn empty_root() -> Digest {
    hash(&[])
}

fn hash(parts: &[&[u8]]) -> Digest {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    Digest::new(hasher.finalize().into())
}

/// The root over a growing list of leaves, at logarithmic cost: one hash for each full subtree,
/// largest first.
#[derive(Clone, Default)]
pub struct CompactTree {
    size: u64,
    peaks: Vec<Digest>,
}

impl CompactTree {
    /// Adds the next leaf.
    pub fn push(&mut self, leaf: Digest) {
        let mut merged = leaf;
        // A new leaf completes as many subtrees as the size ends in one-bits, as adding one
        // carries.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                merged = node_hash(&left, &merged);
            }
        }
        self.peaks.push(merged);
        self.size += 1;
    }

    /// Size and root as they stand.
    pub fn head(&self) -> TreeHead {
        let root = self
            .peaks
            .iter()
            .rev()
            .copied()
            .reduce(|right, left| node_hash(&left, &right));
        TreeHead {
            size: self.size,
            root: root.unwrap_or_else(empty_root),
        }
    }
}

/// The tree over a growing list of leaves with all its full subtrees, so that proofs cost a handful
/// of hashes. Takes 64 bytes of memory a leaf.
#[derive(Clone, Default)]
pub struct HashTree {
    /// `levels[l][i]` is the root over the leaves from `i * 2^l` to `(i + 1) * 2^l`.
    levels: Vec<Vec<Digest>>,
}

impl HashTree {
    /// Adds the next leaf.
    pub fn push(&mut self, leaf: Digest) {
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let hashes = &mut self.levels[level];
            hashes.push(hash);
            // Two more hashes of this level make one of the next.
            match hashes.as_slice() {
                [.., left, right] if hashes.len().is_multiple_of(2) => {
                    hash = node_hash(left, right);
                }
                _ => return,
            }
        }
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.levels.first().map_or(0, Vec::len) as u64
    }

    /// The root over the full subtree number `index` of `2^level` leaves, if there is one.
    pub fn subtree(&self, level: u32, index: u64) -> Option<&Digest> {
        let hashes = self.levels.get(usize::try_from(level).ok()?)?;
        hashes.get(usize::try_from(index).ok()?)
    }

    /// Size and root as they stand.
    pub fn head(&self) -> TreeHead {
        TreeHead {
            size: self.size(),
            root: self.root_of(0, self.size()),
        }
    }

    /// Size and root as they stood after `size` leaves; `None` if there are fewer.
    pub fn head_at(&self, size: u64) -> Option<TreeHead> {
        let there = size <= self.size();
        there.then(|| TreeHead {
            size,
            root: self.root_of(0, size),
        })
    }

    /// The audit path of leaf `index` (RFC 6962 §2.1.1), from the leaf up; `None` if there is no
    /// such leaf.
    pub fn inclusion_path(&self, index: u64) -> Option<Vec<Digest>> {
        let mut path = Vec::new();
        let (mut start, mut end) = (0, self.size());
        if index >= end {
            return None;
        }
        while end - start > 1 {
            let middle = start + split(end - start);
            if index < middle {
                path.push(self.root_of(middle, end));
                end = middle;
            } else {
                path.push(self.root_of(start, middle));
                start = middle;
            }
        }
        path.reverse();
        Some(path)
    }

    /// The proof that the tree extends that over its first `old_size` leaves (RFC 6962 §2.1.2);
    /// `None` if there are fewer. Nothing is needed, and nothing given, from size 0 or from the same
    /// size.
    pub fn consistency_path(&self, old_size: u64) -> Option<Vec<Digest>> {
        let (mut start, mut end) = (0, self.size());
        if old_size > end {
            return None;
        }
        let mut path = Vec::new();
        while old_size > start && old_size < end {
            let middle = start + split(end - start);
            if old_size <= middle {
                path.push(self.root_of(middle, end));
                end = middle;
            } else {
                path.push(self.root_of(start, middle));
                start = middle;
            }
        }
        // The verifier knows the old tree's root already where the walk ends at exactly that tree.
        if old_size > 0 && start > 0 {
            path.push(self.root_of(start, end));
        }
        path.reverse();
        Some(path)
    }

    /// The root over the leaves from `start` to `end`, which a walk from the root down reaches: so
    /// `start` is a multiple of every power of two that fits in between.
    fn root_of(&self, start: u64, end: u64) -> Digest {
        let length = end - start;
        if length == 0 {
            return empty_root();
        }
        let known = length
            .is_power_of_two()
            .then(|| self.subtree(length.ilog2(), start / length));
        if let Some(hash) = known.flatten() {
            return *hash;
        }
        let middle = start + split(length);
        node_hash(&self.root_of(start, middle), &self.root_of(middle, end))
    }
}

/// Where a tree of two or more leaves splits: the largest power of two below their number.
fn split(leaves: u64) -> u64 {
    leaves.next_power_of_two() / 2
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The leaves that implementations of RFC 6962 test with.
    fn classic_inputs() -> [&'static [u8]; 8] {
        [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ]
    }

    const CLASSIC_ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    /// The root over `leaves`, as the RFC defines it.
    pub(crate) fn root(leaves: &[Digest]) -> Digest {
        match leaves {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let (left, right) = leaves.split_at(split(leaves.len() as u64) as usize);
                node_hash(&root(left), &root(right))
            }
        }
    }

    pub(crate) fn tree(leaves: &[Digest]) -> HashTree {
        let mut tree = HashTree::default();
        leaves.iter().for_each(|leaf| tree.push(*leaf));
        tree
    }

    pub(crate) fn inclusion_path(leaves: &[Digest], index: u64) -> Option<Vec<Digest>> {
        tree(leaves).inclusion_path(index)
    }

    pub(crate) fn consistency_path(leaves: &[Digest], old_size: u64) -> Option<Vec<Digest>> {
        tree(leaves).consistency_path(old_size)
    }

    pub(crate) fn leaves(count: u64) -> Vec<Digest> {
        (0..count).map(|n| leaf_hash(&n.to_le_bytes())).collect()
    }

    pub(crate) fn head_of(leaves: &[Digest]) -> TreeHead {
        TreeHead {
            size: leaves.len() as u64,
            root: root(leaves),
        }
    }

    #[test]
    fn roots_are_the_published_ones() {
        let leaves = classic_inputs().map(leaf_hash);
        let mut compact = CompactTree::default();
        for (size, published) in CLASSIC_ROOTS.iter().enumerate() {
            let published = published.parse().unwrap();
            assert_eq!(root(&leaves[..size]), published, "size {size}");
            assert_eq!(
                compact.head(),
                TreeHead {
                    size: size as u64,
                    root: published
                }
            );
            leaves
                .get(size)
                .into_iter()
                .for_each(|leaf| compact.push(*leaf));
        }
    }

    /// RFC 6962 §2.1.3, the tree of seven leaves.
    #[test]
    fn paths_are_those_of_the_example_in_the_rfc() {
        let seven = leaves(7);
        let of = |from, to| root(&seven[from..to]);
        assert_eq!(
            inclusion_path(&seven, 0).unwrap(),
            [of(1, 2), of(2, 4), of(4, 7)]
        );
        assert_eq!(
            inclusion_path(&seven, 3).unwrap(),
            [of(2, 3), of(0, 2), of(4, 7)]
        );
        assert_eq!(
            inclusion_path(&seven, 4).unwrap(),
            [of(5, 6), of(6, 7), of(0, 4)]
        );
        assert_eq!(inclusion_path(&seven, 6).unwrap(), [of(4, 6), of(0, 4)]);
        assert_eq!(
            consistency_path(&seven, 3).unwrap(),
            [of(2, 3), of(3, 4), of(0, 2), of(4, 7)]
        );
        assert_eq!(consistency_path(&seven, 4).unwrap(), [of(4, 7)]);
        assert_eq!(
            consistency_path(&seven, 6).unwrap(),
            [of(4, 6), of(6, 7), of(0, 4)]
        );
    }

    #[test]
    fn there_are_no_paths_outside_the_tree() {
        assert!(inclusion_path(&[], 0).is_none());
        assert!(inclusion_path(&leaves(3), 3).is_none());
        assert!(consistency_path(&leaves(3), 4).is_none());
        assert!(consistency_path(&leaves(3), 3).unwrap().is_empty());
        assert!(consistency_path(&leaves(3), 0).unwrap().is_empty());
    }

    #[test]
    fn a_node_never_hashes_as_a_leaf() {
        let (left, right) = (leaf_hash(b"a"), leaf_hash(b"b"));
        let joined = [*left.as_bytes(), *right.as_bytes()].concat();
        assert_ne!(node_hash(&left, &right), leaf_hash(&joined));
    }

    proptest! {
        #[test]
        fn all_trees_agree_with_the_definition(count in 0u64..200) {
            let leaves = leaves(count);
            let mut compact = CompactTree::default();
            leaves.iter().for_each(|leaf| compact.push(*leaf));
            let tree = tree(&leaves);
            prop_assert_eq!(compact.head(), head_of(&leaves));
            prop_assert_eq!(tree.head(), head_of(&leaves));
            for size in 0..=leaves.len() {
                let head = tree.head_at(size as u64).unwrap();
                prop_assert_eq!(head, head_of(&leaves[..size]));
            }
            prop_assert_eq!(tree.head_at(count + 1), None);
        }
    }
}
