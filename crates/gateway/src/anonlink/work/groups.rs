//! Greedy grouping as anonlink does it: pairs are taken best first, and two groups become one once
//! every record of the one is paired with every record of the other. So all records of a group are
//! pairwise alike, and no two of them are of one party.

use std::collections::HashMap;

use super::scored::Scored;

/// A record: party, then number.
pub(super) type Record = (u32, u32);

/// No group.
const NONE: u32 = u32::MAX;

/// Groups as they grow.
pub(super) struct Grouping {
    /// The group of each record, by party.
    group_of: Vec<Vec<u32>>,
    groups: Vec<Group>,
}

#[derive(Default)]
struct Group {
    members: Vec<Record>,
    /// Pairs seen between this group and others that it may still become one with.
    links: HashMap<u32, u64>,
}

impl Grouping {
    /// No groups yet, of parties with so many records.
    pub(super) fn new(records: &[u32]) -> Self {
        let group_of = records.iter().map(|records| vec![NONE; *records as usize]);
        Self {
            group_of: group_of.collect(),
            groups: Vec::new(),
        }
    }

    /// Takes the next pair.
    pub(super) fn take(&mut self, pair: &Scored) {
        let left = (pair.parties.0, pair.records.0);
        let right = (pair.parties.1, pair.records.1);
        match (self.group(left), self.group(right)) {
            (NONE, NONE) => {
                let group = self.start(left);
                self.join(group, right);
            }
            (group, NONE) => self.approach(group, right),
            (NONE, group) => self.approach(group, left),
            (one, other) if one != other => self.link(one, other),
            _ => {}
        }
    }

    /// Groups of two or more records, each in the order of its records.
    pub(super) fn groups(self) -> impl Iterator<Item = Vec<Record>> {
        let members = self.groups.into_iter().map(|group| group.members);
        members
            .filter(|members| members.len() > 1)
            .map(|mut members| {
                members.sort_unstable();
                members
            })
    }

    fn group(&self, (party, record): Record) -> u32 {
        self.group_of[party as usize][record as usize]
    }

    fn start(&mut self, record: Record) -> u32 {
        let group = self.groups.len() as u32;
        self.groups.push(Group::default());
        self.join(group, record);
        group
    }

    fn join(&mut self, group: u32, record: Record) {
        self.group_of[record.0 as usize][record.1 as usize] = group;
        self.groups[group as usize].members.push(record);
    }

    /// A record without a group is paired with one of this group.
    fn approach(&mut self, group: u32, record: Record) {
        let members = &self.groups[group as usize].members;
        if members.len() == 1 {
            self.join(group, record);
        } else if members.iter().all(|member| member.0 != record.0) {
            let own = self.start(record);
            self.link(group, own);
        }
        // Otherwise the group has a record of the same party, and the pair counts for nothing.
    }

    /// Counts a pair between two groups, which become one when all their pairs are seen.
    fn link(&mut self, one: u32, other: u32) {
        let [members, others] = [one, other].map(|group| &self.groups[group as usize].members);
        let has_party = |party: u32| others.iter().any(|other| other.0 == party);
        if members.iter().any(|member| has_party(member.0)) {
            // Records of one party are never paired, so these groups never become one.
            return;
        }
        let all = members.len() as u64 * others.len() as u64;
        let links = self.groups[one as usize].links.entry(other).or_default();
        *links += 1;
        if *links == all {
            self.merge(one, other);
        } else {
            let links = *links;
            self.groups[other as usize].links.insert(one, links);
        }
    }

    fn merge(&mut self, one: u32, other: u32) {
        let merged = std::mem::take(&mut self.groups[other as usize]);
        for record in merged.members {
            self.join(one, record);
        }
        self.groups[one as usize].links.remove(&other);
        for (third, links) in merged.links.into_iter().filter(|(third, _)| *third != one) {
            let sum = self.groups[one as usize].links.entry(third).or_default();
            *sum += links;
            let sum = *sum;
            let of_third = &mut self.groups[third as usize].links;
            of_third.remove(&other);
            of_third.insert(one, sum);
        }
    }
}

#[cfg(test)]
#[path = "groups_tests.rs"]
mod tests;
