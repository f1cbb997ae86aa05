//! Checking signatures and proofs about a log: all that has to be trusted to trust one.
//!
//! The checks of proofs are those of RFC 9162 §2.1.3.2 and §2.1.4.2, which say for the trees of RFC 6962 how
//! a verifier walks from leaf to root. `place` is the number of the node walked on its level,
//! `last` that of the level's last node.

use model::Digest;
use ring::signature::{ED25519, UnparsedPublicKey};

use crate::note::{KeyKind, KeyName, Note, VerifierKey, signed_message};
use crate::tree::{Receipt, TreeHead, empty_root, leaf_hash, node_hash};

/// Why a proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf would stand outside the tree.
    #[error("entry {index} is outside a log of {size} entries")]
    OutOfRange {
        /// The entry's place.
        index: u64,
        /// The log's size.
        size: u64,
    },
    /// The newer head is smaller.
    #[error("the log shrank from {old} to {new} entries")]
    Shrunk {
        /// Earlier size.
        old: u64,
        /// Later size.
        new: u64,
    },
    /// Too few or too many hashes for trees of these sizes.
    #[error("the proof has the wrong number of hashes")]
    WrongLength,
    /// The hashes lead to another root.
    #[error(
        "the proof leads to another root: the log was altered, or the proof is for another log"
    )]
    WrongRoot,
}

/// Why a signature does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The key did not sign.
    #[error("{0} has not signed it with the key that is known")]
    Missing(KeyName),
    /// The signature is of something else.
    #[error("the signature of {0} does not hold: the text was altered after it was signed")]
    Wrong(KeyName),
}

/// Checks that `key` signed `note`, and returns when it did, in seconds since 1970, where keys of its
/// kind say so. Signatures of other keys are nothing to it.
///
/// # Errors
/// A [`SignatureError`] if that is not proved.
pub fn signed_by(note: &Note, key: &VerifierKey) -> Result<Option<u64>, SignatureError> {
    let mut signatures = note.signatures().iter();
    let found = signatures.find(|signature| signature.name == key.name && signature.id == key.id());
    let found = found.ok_or_else(|| SignatureError::Missing(key.name.clone()))?;
    let wrong = || SignatureError::Wrong(key.name.clone());
    let (time, signature) = match key.kind {
        KeyKind::Log => (None, &found.bytes[..]),
        KeyKind::Witness => {
            let (time, signature) = found.bytes.split_first_chunk().ok_or_else(wrong)?;
            (Some(u64::from_be_bytes(*time)), signature)
        }
    };
    let message = signed_message(key.kind, note.text(), time.unwrap_or_default());
    let public = UnparsedPublicKey::new(&ED25519, key.public);
    let verified = public.verify(message.as_bytes(), signature);
    verified.map(|()| time).map_err(|_| wrong())
}

/// Checks that the entry with these bytes stands where `receipt` says.
///
/// # Errors
/// A [`ProofError`] if that is not proved.
pub fn receipt(entry_bytes: &[u8], receipt: &Receipt) -> Result<(), ProofError> {
    inclusion(
        &leaf_hash(entry_bytes),
        receipt.index,
        &receipt.head,
        &receipt.path,
    )
}

/// Checks that `leaf` stands at `index` in the log with this `head`.
///
/// # Errors
/// A [`ProofError`] if that is not proved.
pub fn inclusion(
    leaf: &Digest,
    index: u64,
    head: &TreeHead,
    path: &[Digest],
) -> Result<(), ProofError> {
    if index >= head.size {
        return Err(ProofError::OutOfRange {
            index,
            size: head.size,
        });
    }
    let mut walk = Walk {
        place: index,
        last: head.size - 1,
    };
    let mut hash = *leaf;
    for sibling in path {
        hash = match walk.up()? {
            Side::Left => node_hash(sibling, &hash),
            Side::Right => node_hash(&hash, sibling),
        };
    }
    walk.finish()?;
    same_root(&hash, &head.root)
}

/// Checks that the log with head `new` is the log with head `old` and further entries.
///
/// # Errors
/// A [`ProofError`] if that is not proved.
pub fn consistency(old: &TreeHead, new: &TreeHead, path: &[Digest]) -> Result<(), ProofError> {
    if old.size > new.size {
        return Err(ProofError::Shrunk {
            old: old.size,
            new: new.size,
        });
    }
    if old.size == 0 {
        same_root(&old.root, &empty_root())?;
    }
    if old.size == new.size {
        same_root(&old.root, &new.root)?;
    }
    if old.size == 0 || old.size == new.size {
        return if path.is_empty() {
            Ok(())
        } else {
            Err(ProofError::WrongLength)
        };
    }
    extension(old, new, path)
}

/// [`consistency`] of a log that is not empty and a longer one.
fn extension(old: &TreeHead, new: &TreeHead, path: &[Digest]) -> Result<(), ProofError> {
    // A tree of 2^n leaves is itself a node of the new one, so the proof leaves its hash out.
    let (start, rest) = match old.size.is_power_of_two() {
        true => (&old.root, path),
        false => path.split_first().ok_or(ProofError::WrongLength)?,
    };
    let mut walk = Walk {
        place: old.size - 1,
        last: new.size - 1,
    };
    walk.skip_right_edges();
    let (mut old_hash, mut new_hash) = (*start, *start);
    for sibling in rest {
        match walk.up()? {
            Side::Left => {
                old_hash = node_hash(sibling, &old_hash);
                new_hash = node_hash(sibling, &new_hash);
            }
            Side::Right => new_hash = node_hash(&new_hash, sibling),
        }
    }
    walk.finish()?;
    same_root(&old_hash, &old.root)?;
    same_root(&new_hash, &new.root)
}

/// On which side of the node walked its sibling stands.
enum Side {
    Left,
    Right,
}

/// A way from a node up to the root.
struct Walk {
    place: u64,
    last: u64,
}

impl Walk {
    /// Goes up past the next sibling.
    fn up(&mut self) -> Result<Side, ProofError> {
        if self.last == 0 {
            return Err(ProofError::WrongLength);
        }
        let side = match self.place % 2 == 1 || self.place == self.last {
            true => Side::Left,
            false => Side::Right,
        };
        // The last node of a level may have no sibling there; it then counts for the next level
        // unchanged.
        while self.place == self.last && self.place.is_multiple_of(2) && self.place != 0 {
            self.halve();
        }
        self.halve();
        Ok(side)
    }

    /// Goes up while the node is the right end of a full subtree of the old tree.
    fn skip_right_edges(&mut self) {
        while self.place % 2 == 1 {
            self.halve();
        }
    }

    fn halve(&mut self) {
        self.place /= 2;
        self.last /= 2;
    }

    fn finish(&self) -> Result<(), ProofError> {
        if self.last == 0 {
            Ok(())
        } else {
            Err(ProofError::WrongLength)
        }
    }
}

fn same_root(found: &Digest, expected: &Digest) -> Result<(), ProofError> {
    if found == expected {
        Ok(())
    } else {
        Err(ProofError::WrongRoot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::tests::{consistency_path, head_of, inclusion_path, leaves};
    use proptest::prelude::*;

    const SIZES: u64 = 34;

    #[test]
    fn every_inclusion_proof_of_small_trees_holds() {
        for size in 1..SIZES {
            let leaves = leaves(size);
            for index in 0..size {
                let path = inclusion_path(&leaves, index).unwrap();
                assert_eq!(
                    inclusion(&leaves[index as usize], index, &head_of(&leaves), &path),
                    Ok(())
                );
            }
        }
    }

    #[test]
    fn every_consistency_proof_of_small_trees_holds() {
        for size in 0..SIZES {
            let leaves = leaves(size);
            for old_size in 0..=size {
                let old = head_of(&leaves[..old_size as usize]);
                let path = consistency_path(&leaves, old_size).unwrap();
                assert_eq!(
                    consistency(&old, &head_of(&leaves), &path),
                    Ok(()),
                    "{old_size} to {size}"
                );
            }
        }
    }

    #[test]
    fn an_inclusion_proof_holds_for_its_own_place_size_and_leaf_alone() {
        let leaves = leaves(11);
        let path = inclusion_path(&leaves, 4).unwrap();
        let head = head_of(&leaves);
        for index in (0..11).filter(|index| *index != 4) {
            assert!(inclusion(&leaves[4], index, &head, &path).is_err());
            assert!(inclusion(&leaves[index as usize], 4, &head, &path).is_err());
        }
        assert_eq!(
            inclusion(&leaves[4], 11, &head, &path),
            Err(ProofError::OutOfRange {
                index: 11,
                size: 11
            })
        );
        assert_eq!(
            inclusion(&leaves[4], 4, &head, &path[1..]),
            Err(ProofError::WrongLength)
        );
    }

    #[test]
    fn a_rewritten_log_is_not_consistent() {
        let (honest, mut rewritten) = (leaves(9), leaves(13));
        rewritten[2] = leaf_hash(b"other");
        for old_size in 3..=9 {
            let old = head_of(&honest[..old_size]);
            let path = consistency_path(&rewritten, old_size as u64).unwrap();
            assert_eq!(
                consistency(&old, &head_of(&rewritten), &path),
                Err(ProofError::WrongRoot)
            );
        }
    }

    #[test]
    fn heads_of_one_size_must_be_equal_and_logs_never_shrink() {
        let (three, four) = (head_of(&leaves(3)), head_of(&leaves(4)));
        let other = TreeHead {
            size: 3,
            root: four.root,
        };
        assert_eq!(consistency(&three, &other, &[]), Err(ProofError::WrongRoot));
        assert_eq!(
            consistency(&four, &three, &[]),
            Err(ProofError::Shrunk { old: 4, new: 3 })
        );
        let false_empty = TreeHead {
            size: 0,
            root: four.root,
        };
        assert_eq!(
            consistency(&false_empty, &four, &[]),
            Err(ProofError::WrongRoot)
        );
        assert_eq!(
            consistency(&three, &three, &[four.root]),
            Err(ProofError::WrongLength)
        );
    }

    proptest! {
        #[test]
        fn changed_proofs_do_not_hold(
            size in 2u64..80,
            index: u64,
            old_size: u64,
            at: usize,
            grow: bool,
        ) {
            let leaves = leaves(size);
            let (index, old_size) = (index % size, 1 + old_size % (size - 1));
            let head = head_of(&leaves);
            let change = |mut path: Vec<Digest>| {
                if grow || path.is_empty() {
                    path.push(leaf_hash(b"extra"));
                } else {
                    let at = at % path.len();
                    path[at] = leaf_hash(b"changed");
                }
                path
            };
            let path = change(inclusion_path(&leaves, index).unwrap());
            prop_assert!(inclusion(&leaves[index as usize], index, &head, &path).is_err());
            let old = head_of(&leaves[..old_size as usize]);
            let path = change(consistency_path(&leaves, old_size).unwrap());
            prop_assert!(consistency(&old, &head, &path).is_err());
        }
    }
}
