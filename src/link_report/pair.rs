//! Why two records of the user's choice were linked or not.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::str::FromStr;

use anyhow::{Context, bail};
use link::resolve::REVIEW_BAND;

use super::bits;
use crate::rehearsal::{Linked, LinkedRecord};
use crate::report::data::{Explanation, Step};
use crate::report::waterfall_text;

/// A pair of records as a user names it: `SOURCE:RECORD_ID,SOURCE:RECORD_ID`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PairName([(String, String); 2]);

impl FromStr for PairName {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let record = |text: &str| {
            let (source, id) = text.split_once(':')?;
            Some((source.to_lowercase(), id.to_owned()))
        };
        let both = text
            .split_once(',')
            .and_then(|(left, right)| Some([record(left)?, record(right)?]));
        let Some([left, right]) = both else {
            bail!("a pair is written SOURCE:RECORD_ID,SOURCE:RECORD_ID");
        };
        if left == right {
            bail!("a pair is of two records, not of one");
        }
        Ok(Self([left, right]))
    }
}

/// What can be told of a pair.
pub(crate) enum Told {
    /// It was compared, and this is why it weighs what it weighs.
    Compared(Explanation),
    /// It never was; what followed all the same.
    NeverMet(String),
}

impl Told {
    /// What is known of the pair.
    ///
    /// # Errors
    /// When a record is not in the registries.
    pub(crate) fn of(linked: &Linked, pair: &PairName) -> anyhow::Result<Self> {
        let [left, right] = &pair.0;
        let places = (find(linked, left)?, find(linked, right)?);
        Ok(match scored_place(linked, places) {
            Some(place) => Self::Compared(compared(linked, places, place)),
            None => Self::NeverMet(never_met(linked, places)),
        })
    }

    /// As text for a terminal.
    pub(crate) fn in_words(&self) -> String {
        match self {
            Self::Compared(explanation) => waterfall_text(explanation),
            Self::NeverMet(words) => format!("{words}\n"),
        }
    }
}

fn find(linked: &Linked, (source, id): &(String, String)) -> anyhow::Result<usize> {
    let is_it = |record: &LinkedRecord| {
        record.label.eq_ignore_ascii_case(source) && record.record_id == *id
    };
    let place = linked.records.iter().position(is_it);
    place.with_context(|| format!("`{source}` has no record `{id}` to explain"))
}

/// Where two records of the run, by their places, stand among the scored pairs.
pub(super) fn scored_place(linked: &Linked, (left, right): (usize, usize)) -> Option<usize> {
    let number = |place: usize| linked.records[place].number;
    let (left, right) = (number(left)?, number(right)?);
    let pair = (left.min(right), left.max(right));
    linked.resolution.scored.place_of(pair)
}

fn compared(linked: &Linked, places: (usize, usize), place: usize) -> Explanation {
    let (resolution, scored) = (&linked.resolution, linked.resolution.scored.at(place));
    let (prior_bits, steps) = steps(linked, place);
    let mut notes = Vec::new();
    if scored.odds_millibits.abs() <= REVIEW_BAND {
        notes.push("The odds are within the band that people should look at.".to_owned());
    }
    if !is_link(linked, scored.pair) {
        notes.extend(chain(linked, scored.pair).map(|chain| format!("One cluster by {chain}.")));
    }
    if resolution.model.variables.is_empty() {
        notes.push("This profile compares whole records; there are no parts to show.".to_owned());
    }
    Explanation {
        left: name(&linked.records[places.0]),
        right: name(&linked.records[places.1]),
        prior_bits,
        steps,
        total_bits: bits(scored.odds_millibits),
        probability: f64::from(scored.probability_ppm()) / 1e6,
        decision: decision(linked, place),
        note: (!notes.is_empty()).then(|| notes.join(" ")),
    }
}

/// What was known before comparing, and what each comparison added, in bits.
fn steps(linked: &Linked, place: usize) -> (f64, Vec<Step>) {
    let Some(told) = linked.resolution.explain(place) else {
        return (0.0, Vec::new());
    };
    let step = |step: link::resolve::Step| Step {
        variable: step.variable,
        level: step.level,
        bits: bits(step.weight_millibits),
    };
    let mut steps = vec![Step {
        variable: "passes".to_owned(),
        level: told.meeting.passes,
        bits: bits(told.meeting.weight_millibits),
    }];
    steps.extend(told.steps.into_iter().map(step));
    if told.alternatives_millibits != 0 {
        steps.push(Step {
            variable: "other explanations".to_owned(),
            level: "a household, kin or twins".to_owned(),
            bits: bits(told.alternatives_millibits),
        });
    }
    (bits(told.prior_millibits), steps)
}

fn decision(linked: &Linked, place: usize) -> String {
    let resolution = &linked.resolution;
    let pair = resolution.scored.at(place).pair;
    let mut cuts = resolution.cuts.iter();
    match cuts.find(|cut| cut.pair == place) {
        Some(cut) => format!("not linked: {}", cut.reason.in_words()),
        None if is_link(linked, pair) => "linked".to_owned(),
        None if super::is_together(resolution, pair) => "in one cluster through others".to_owned(),
        None => "not linked".to_owned(),
    }
}

fn is_link(linked: &Linked, pair: (u32, u32)) -> bool {
    let links = &linked.resolution.links;
    links
        .binary_search_by_key(&pair, |link| (link.left, link.right))
        .is_ok()
}

fn never_met(linked: &Linked, (left, right): (usize, usize)) -> String {
    let records = [&linked.records[left], &linked.records[right]];
    let aside: Vec<String> = records
        .iter()
        .filter(|record| record.number.is_none())
        .map(|record| name(record))
        .collect();
    let pair = format!("{} - {}", name(records[0]), name(records[1]));
    if !aside.is_empty() {
        return format!(
            "{pair}\n\nset aside for want of identifiers: {}",
            aside.join(", ")
        );
    }
    let numbers = records.map(|record| record.number.unwrap_or_default());
    match chain(linked, (numbers[0], numbers[1])) {
        Some(chain) => format!("{pair}\n\nnever met in a pass; one cluster by {chain}"),
        None => format!("{pair}\n\nnever met in a pass, so they were not compared; not linked"),
    }
}

fn name(record: &LinkedRecord) -> String {
    format!("{}:{}", record.label.to_lowercase(), record.record_id)
}

/// The shortest way between two records of one cluster by links, in words.
fn chain(linked: &Linked, (from, to): (u32, u32)) -> Option<String> {
    let cluster_of = &linked.resolution.cluster_of;
    let cluster = cluster_of[from as usize];
    if cluster != cluster_of[to as usize] {
        return None;
    }
    let mut next: HashMap<u32, Vec<u32>> = HashMap::new();
    for link in &linked.resolution.links {
        if cluster_of[link.left as usize] == cluster {
            next.entry(link.left).or_default().push(link.right);
            next.entry(link.right).or_default().push(link.left);
        }
    }
    let way = way(&next, from, to)?;
    let mut names = BTreeMap::new();
    for record in &linked.records {
        if let Some(number) = record.number.filter(|number| way.contains(number)) {
            names.insert(number, name(record));
        }
    }
    let names: Vec<&str> = way
        .iter()
        .filter_map(|number| Some(names.get(number)?.as_str()))
        .collect();
    Some(names.join(" - "))
}

/// A shortest way, found breadth first.
fn way(next: &HashMap<u32, Vec<u32>>, from: u32, to: u32) -> Option<Vec<u32>> {
    let mut came_from = BTreeMap::from([(to, to)]);
    let mut open = VecDeque::from([to]);
    while let Some(at) = open.pop_front() {
        for neighbour in next.get(&at).into_iter().flatten() {
            if !came_from.contains_key(neighbour) {
                came_from.insert(*neighbour, at);
                open.push_back(*neighbour);
            }
        }
    }
    let mut way = vec![from];
    let mut at = from;
    while at != to {
        at = *came_from.get(&at)?;
        way.push(at);
    }
    Some(way)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_named_by_source_and_record() {
        let pair: PairName = "CRVS:a:1,id:b".parse().unwrap();
        let name = |source: &str, id: &str| (source.to_owned(), id.to_owned());
        assert_eq!(pair.0, [name("crvs", "a:1"), name("id", "b")]);
        for wrong in ["", "crvs:a", "crvs:a,b", "crvs:a,crvs:a"] {
            assert!(wrong.parse::<PairName>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_shortest_way_is_told() {
        let next = HashMap::from([
            (1, vec![2, 3]),
            (2, vec![1, 4]),
            (3, vec![1, 5]),
            (4, vec![2, 5]),
            (5, vec![3, 4]),
        ]);
        assert_eq!(way(&next, 1, 5), Some(vec![1, 3, 5]));
        assert_eq!(way(&next, 1, 9), None);
    }
}
