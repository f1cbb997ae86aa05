//! The plain counts of a run: parties, clusters, passes and cuts.

use std::collections::BTreeMap;

use super::meetings::{self, Meetings};
use crate::rehearsal::Linked;
use crate::report::data::{
    Blocking, Combination, Cut, Fit, Head, Overlap, PartyCount, PassCount, QualityRow, SizeCount,
};

pub(super) fn head(linked: &Linked, quality: Vec<QualityRow>) -> Head {
    let (schema, resolution) = (&linked.schema, &linked.resolution);
    let parties = linked.reports.iter().map(|(label, report)| PartyCount {
        label: title(linked, label),
        records: report.records,
        set_aside: report.set_aside,
    });
    Head {
        schema: format!("{}, revision {}", schema.name, schema.revision),
        profile: schema.profile.as_str().to_owned(),
        run: format!("seed {}", linked.seed),
        parties: parties.collect(),
        pairs: resolution.scored.len() as u64,
        links: resolution.links.len() as u64,
        clusters: resolution.clusters().len() as u64,
        quality,
    }
}

/// What people call the party that the user called `label`.
pub(super) fn title(linked: &Linked, label: &str) -> String {
    let mut parties = linked.schema.parties.iter();
    let party = parties.find(|party| party.name.as_str().eq_ignore_ascii_case(label));
    party.map_or_else(|| label.to_owned(), |party| party.title.clone())
}

pub(super) fn sizes(linked: &Linked) -> Vec<SizeCount> {
    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    for cluster in linked.resolution.clusters() {
        *counts.entry(cluster.len() as u64).or_default() += 1;
    }
    let size = |(records, clusters)| SizeCount { records, clusters };
    counts.into_iter().map(size).collect()
}

pub(super) fn overlap(linked: &Linked) -> Overlap {
    let (schema, records) = (&linked.schema, &linked.resolution.records);
    let given: Vec<usize> = (0..schema.parties.len())
        .filter(|party| records.by_party[*party] > 0)
        .collect();
    let mut counts: BTreeMap<Vec<usize>, u64> = BTreeMap::new();
    for cluster in linked.resolution.clusters() {
        let holds = |party: usize| cluster.iter().any(|r| records.party(*r).index() == party);
        let parties = (0..given.len()).filter(|place| holds(given[*place]));
        *counts.entry(parties.collect()).or_default() += 1;
    }
    let combination = |(parties, clusters)| Combination { parties, clusters };
    Overlap {
        parties: given
            .iter()
            .map(|party| schema.parties[*party].title.clone())
            .collect(),
        combinations: counts.into_iter().map(combination).collect(),
    }
}

pub(super) fn blocking(linked: &Linked) -> Blocking {
    let (meetings, pairs_only_here) = (Meetings::of(linked), meetings::pairs_only_here(linked));
    let pass = |(place, pass): (usize, &model::schema::Pass)| PassCount {
        name: pass.name.to_string(),
        pairs: linked.matched.pairs_by_pass[place],
        pairs_only_here: pairs_only_here[place],
        links_only_here: meetings.only_here[place],
        skipped_blocks: linked.matched.skipped_by_pass[place],
    };
    Blocking {
        passes: linked.schema.passes.iter().enumerate().map(pass).collect(),
        completeness: meetings.completeness(),
    }
}

pub(super) fn fit(linked: &Linked) -> Option<Fit> {
    let (fit, model) = (&linked.resolution.fit, &linked.resolution.model);
    (!linked.schema.profile.is_whole_record()).then_some(Fit {
        households: model.households,
        kin: model.kin,
        twins: model.twins,
        rounds: fit.rounds as u64,
        converged: fit.converged,
    })
}

/// How many likely pairs were not followed, by the reason in words.
pub(crate) fn cuts(linked: &Linked) -> Vec<Cut> {
    let mut counts: BTreeMap<_, u64> = BTreeMap::new();
    for cut in &linked.resolution.cuts {
        *counts.entry(cut.reason).or_default() += 1;
    }
    let cut = |(reason, links): (link::resolve::CutReason, u64)| Cut {
        reason: reason.in_words().to_owned(),
        links,
    };
    counts.into_iter().map(cut).collect()
}
