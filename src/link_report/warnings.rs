//! What a reader must know before believing a number.

use link::resolve::REVIEW_BAND;

use crate::rehearsal::Linked;

/// Links whose median odds are below this many thousandths of a bit are not clearly links.
const CLEAR: i32 = 5_000;
/// One in this many compared pairs may be in doubt, and as many records may be set aside.
const MANY: usize = 20;

/// Warnings in sentences. That the fit did not settle is told by the page itself.
pub(crate) fn all(linked: &Linked) -> Vec<String> {
    let mut warnings = Vec::new();
    warnings.extend(doubtful_links(linked));
    warnings.extend(doubtful_pairs(linked));
    warnings.extend(set_aside(linked));
    warnings.extend(skipped_blocks(linked));
    warnings
}

fn doubtful_links(linked: &Linked) -> Option<String> {
    let scored = linked.resolution.scored.iter();
    let likely = scored
        .map(|pair| pair.odds_millibits)
        .filter(|odds| *odds > 0);
    let mut odds: Vec<i32> = likely.collect();
    let middle = odds.len() / 2;
    if odds.is_empty() {
        return Some("No pair is likelier than not to be one person.".to_owned());
    }
    let (_, median, _) = odds.select_nth_unstable(middle);
    (*median < CLEAR).then(|| {
        format!(
            "Half of all likely pairs have odds below {:.1} bits: one person and two people are hard to tell apart here. Compare more fields, or look at the links before you use them.",
            super::bits(*median)
        )
    })
}

fn doubtful_pairs(linked: &Linked) -> Option<String> {
    let scored = &linked.resolution.scored;
    let doubtful = |pair: &link::resolve::ScoredPair| pair.odds_millibits.abs() <= REVIEW_BAND;
    let doubtful = scored.iter().filter(doubtful).count();
    (doubtful * MANY > scored.len()).then(|| {
        format!(
            "{doubtful} of {} compared pairs are in doubt, with odds between one to nine and nine to one.",
            scored.len()
        )
    })
}

fn set_aside(linked: &Linked) -> Vec<String> {
    let many = linked
        .reports
        .iter()
        .filter(|(_, report)| report.set_aside * MANY as u64 > report.records);
    let words = many.map(|(label, report)| {
        format!(
            "{} of {} records of {} were set aside: nothing in them could bring them together with others.",
            report.set_aside,
            report.records,
            super::counts::title(linked, label)
        )
    });
    words.collect()
}

fn skipped_blocks(linked: &Linked) -> Option<String> {
    let skipped: u64 = linked.matched.skipped_by_pass.iter().sum();
    (skipped > 0).then(|| {
        format!(
            "{skipped} blocks had more than {} rows, were too large to compare and were skipped; see how pairs were brought together.",
            linked.matched.block_limit
        )
    })
}
