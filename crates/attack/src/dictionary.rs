//! DICT and PROBE: what the linkage key is worth. Who has it encodes a register and looks up what was uploaded
//! (DICT); who takes part encodes the people asked about and sees whether they link (PROBE).

use std::collections::BTreeMap;

use encode::TrialRows;
use model::Layout;

use crate::likeness::Estimator;
use crate::outcome::Guess;

/// The least mean likeness at which a record is claimed, and at which a probe counts as linked. It stands in for
/// linkage itself, which weighs more finely.
pub(crate) const SAME: f32 = 0.8;

/// The best of `register`, which was encoded with the key of `target`, for each row of the target.
pub(crate) fn look_up(layout: &Layout, target: &TrialRows, register: &TrialRows) -> Vec<Guess> {
    let mut by_token: BTreeMap<(u8, [u8; 16]), Vec<u32>> = BTreeMap::new();
    for place in 0..register.len() {
        by_token
            .entry(block(register, place))
            .or_default()
            .push(place as u32);
    }
    let estimator = Estimator::new(layout);
    let best = |place: usize| {
        let rows = by_token.get(&block(target, place))?;
        let likeness = rows.iter().map(|row| {
            (
                likeness(
                    &estimator,
                    layout,
                    (target, place),
                    (register, *row as usize),
                ),
                *row,
            )
        });
        let (score, row) = likeness.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))?;
        let (record, person) = (target.owner(place), register.owner(row as usize));
        Some(Guess {
            record,
            person,
            score,
            sure: score >= SAME,
        })
    };
    (0..target.len()).filter_map(best).collect()
}

fn block(rows: &TrialRows, place: usize) -> (u8, [u8; 16]) {
    let row = rows.row(place);
    (row.pass().0, *row.token().as_bytes())
}

/// The mean likeness of the parts both rows have.
fn likeness(
    estimator: &Estimator<'_>,
    layout: &Layout,
    (one, place): (&TrialRows, usize),
    (other, beside): (&TrialRows, usize),
) -> f32 {
    let straight = layout.slots.iter().filter(|slot| slot.left == slot.right);
    let likeness =
        straight.filter_map(|slot| estimator.between(one.row(place), other.row(beside), *slot));
    let (sum, count) = likeness.fold((0.0, 0.0), |(sum, count), one| (sum + one, count + 1.0));
    if count == 0.0 { 0.0 } else { sum / count }
}

#[cfg(test)]
mod tests {
    use crate::registry::Size;
    use crate::suite::{Attack, Knowledge};
    use crate::tests::Setting;

    #[test]
    fn with_the_key_nearly_everyone_is_found_under_every_profile() {
        for (profile, least) in [("record-clk", 0.95), ("standard", 0.9), ("strong", 0.9)] {
            let size = Size {
                people: 1000,
                overlap: 80,
            };
            let outcome = Setting::new(profile).run(Attack::Dictionary, Knowledge::Copy, size);
            assert!(outcome.share() >= least, "{profile}: {outcome:?}");
            assert!(
                outcome.sure.precision() >= Some(0.95),
                "{profile}: {outcome:?}"
            );
        }
    }

    #[test]
    fn probing_tells_of_as_many_people_as_the_quota_lets_ask() {
        let size = Size {
            people: 1000,
            overlap: 50,
        };
        let run =
            |quota| Setting::new("strong").run(Attack::Probe { quota }, Knowledge::Copy, size);
        let (few, many) = (run(50), run(400));
        assert!(few.named <= 50 && many.named > 100, "{few:?} {many:?}");
        assert!(few.share() >= 0.9 && many.share() >= 0.9);
        assert!(many.sure.precision() >= Some(0.9), "{many:?}");
    }
}
