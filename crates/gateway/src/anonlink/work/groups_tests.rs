//! Grouping against its definition, written as plainly as it can be.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn pair(left: Record, right: Record) -> Scored {
    Scored {
        score: 1.0,
        parties: (left.0, right.0),
        records: (left.1, right.1),
    }
}

fn grouped(pairs: &[(Record, Record)]) -> BTreeSet<Vec<Record>> {
    let mut grouping = Grouping::new(&[8; 6]);
    for (left, right) in pairs {
        grouping.take(&pair(*left, *right));
    }
    grouping.groups().collect()
}

/// The definition: every record has a group, two groups become one as soon as all pairs between them
/// have been seen, and a single record joins another at once.
fn plainly(pairs: &[(Record, Record)]) -> BTreeSet<Vec<Record>> {
    let mut group_of: BTreeMap<Record, usize> = BTreeMap::new();
    for (left, right) in pairs {
        for record in [left, right] {
            let fresh = group_of.len();
            group_of.entry(*record).or_insert(fresh);
        }
    }
    let mut seen = BTreeSet::new();
    for (left, right) in pairs {
        seen.insert((*left, *right));
        let (one, other) = (group_of[left], group_of[right]);
        let members = |group| group_of.iter().filter(move |(_, of)| **of == group);
        let all_seen = members(one).all(|(a, _)| {
            members(other).all(|(b, _)| seen.contains(&(*a, *b)) || seen.contains(&(*b, *a)))
        });
        if one != other && all_seen {
            let moved: Vec<Record> = members(other).map(|(record, _)| *record).collect();
            group_of.extend(moved.into_iter().map(|record| (record, one)));
        }
    }
    let mut groups: BTreeMap<usize, Vec<Record>> = BTreeMap::new();
    for (record, group) in group_of {
        groups.entry(group).or_default().push(record);
    }
    groups
        .into_values()
        .filter(|group| group.len() > 1)
        .collect()
}

#[test]
fn two_parties_are_matched_one_to_one() {
    let pairs = [
        ((0, 0), (1, 0)),
        ((0, 0), (1, 1)),
        ((0, 1), (1, 0)),
        ((0, 1), (1, 1)),
    ];
    let expected = [vec![(0, 0), (1, 0)], vec![(0, 1), (1, 1)]];
    assert_eq!(grouped(&pairs), expected.into());
}

#[test]
fn a_third_record_needs_both_pairs() {
    let (a, b, c) = ((0, 0), (1, 0), (2, 0));
    assert_eq!(grouped(&[(a, b), (b, c)]), [vec![a, b]].into());
    assert_eq!(grouped(&[(a, b), (b, c), (a, c)]), [vec![a, b, c]].into());
}

#[test]
fn two_pairs_need_all_four_between_them() {
    let (a, b, c, d) = ((0, 0), (1, 0), (2, 0), (3, 0));
    let mut pairs = vec![(a, b), (c, d), (a, c), (a, d), (b, c)];
    assert_eq!(grouped(&pairs), [vec![a, b], vec![c, d]].into());
    pairs.push((b, d));
    assert_eq!(grouped(&pairs), [vec![a, b, c, d]].into());
}

proptest! {
    #[test]
    fn groups_are_as_defined(
        pairs in prop::collection::vec(((0u32..5, 0u32..4), (0u32..5, 0u32..4)), 0..80),
    ) {
        let ordered = pairs.into_iter().filter(|(a, b)| a.0 != b.0);
        let ordered = ordered.map(|(a, b)| if a.0 < b.0 { (a, b) } else { (b, a) });
        let mut seen = BTreeSet::new();
        let pairs: Vec<_> = ordered.filter(|pair| seen.insert(*pair)).collect();
        prop_assert_eq!(grouped(&pairs), plainly(&pairs));
    }
}
