//! KP: known pairs taken further. From encodings whose values are known, learn which bits go with which token;
//! then read other encodings by it (in the line of Mildenberger et al., 2025, naive Bayes in place of a
//! network).

use std::collections::HashMap;

use encode::ClearRecord;

use crate::graph::unit;
use crate::nearest::{Vectors, both_ways};
use crate::outcome::Guess;
use crate::similarity::Encodings;

/// Encodings' worth of what is usual that is added to what is seen of each token.
const DOUBT: f32 = 3.0;
/// The least margin over the second best at which a mutual best is claimed.
const SURE: f32 = 0.05;

/// Reads the encodings of `target` as persons of the register, from known pairs.
pub(crate) fn known_pairs(
    target: &Encodings,
    clear: &[ClearRecord],
    parts: usize,
    known: &[(u32, u32)],
) -> Vec<Guess> {
    let lesson = Lesson::learnt(target, clear, parts, known);
    let told = |place: &u32| known.iter().any(|(_, person)| person == place);
    let people: Vec<u32> = (0..clear.len() as u32)
        .filter(|place| !told(place))
        .collect();
    let width = lesson.usual.len();
    let expected = people
        .iter()
        .map(|place| lesson.expected(&clear[*place as usize], parts));
    let people_vectors = Vectors::new(width, centred(expected.collect()).into_iter());
    let seen = (0..target.len()).map(|place| lesson.seen(target, place));
    let (of_target, of_people) = both_ways(&Vectors::new(width, seen), &people_vectors);
    let guess = |(place, best): (usize, &crate::nearest::Nearest)| {
        let person = *people.get(best.place as usize)?;
        let margin = best.margin();
        let mutual = of_people[best.place as usize].place == place as u32;
        Some(Guess {
            record: target.records[place],
            person,
            score: margin,
            sure: mutual && margin >= SURE,
        })
    };
    of_target.iter().enumerate().filter_map(guess).collect()
}

/// How often bits are set, in all and beyond that with each token.
struct Lesson {
    usual: Vec<f32>,
    with: HashMap<(usize, u64), Vec<f32>>,
}

impl Lesson {
    fn learnt(
        target: &Encodings,
        clear: &[ClearRecord],
        parts: usize,
        known: &[(u32, u32)],
    ) -> Self {
        let width = target.words() * 64;
        let mut usual = vec![0.0; width];
        let mut counts: HashMap<(usize, u64), (f32, Vec<f32>)> = HashMap::new();
        let mut pairs = 0.0;
        for (record, person) in known {
            let Ok(place) = target.records.binary_search(record) else {
                continue;
            };
            let bits: Vec<f32> = target.bits(place).collect();
            usual
                .iter_mut()
                .zip(&bits)
                .for_each(|(sum, bit)| *sum += bit);
            pairs += 1.0;
            for token in tokens(&clear[*person as usize], parts) {
                let (count, sums) = counts
                    .entry(token)
                    .or_insert_with(|| (0.0, vec![0.0; width]));
                *count += 1.0;
                sums.iter_mut()
                    .zip(&bits)
                    .for_each(|(sum, bit)| *sum += bit);
            }
        }
        usual
            .iter_mut()
            .for_each(|sum| *sum = (*sum + 0.5) / (pairs + 1.0));
        let with = counts.into_iter().map(|(token, (count, sums))| {
            let more = |(sum, usual): (&f32, &f32)| {
                let seen = (sum + DOUBT * usual) / (count + DOUBT);
                odds(seen) - odds(*usual)
            };
            (token, sums.iter().zip(&usual).map(more).collect())
        });
        Self {
            with: with.collect(),
            usual,
        }
    }

    /// How much the known tokens of a person speak for each bit.
    fn expected(&self, clear: &ClearRecord, parts: usize) -> Vec<f32> {
        let mut sum = vec![0.0; self.usual.len()];
        for more in tokens(clear, parts).filter_map(|token| self.with.get(&token)) {
            let odds = sum.iter_mut().zip(more);
            odds.for_each(|(sum, more)| *sum += more);
        }
        sum
    }

    fn seen(&self, target: &Encodings, place: usize) -> Vec<f32> {
        let bits = target.bits(place).zip(&self.usual);
        unit(level(bits.map(|(bit, usual)| bit - usual).collect()))
    }
}

fn odds(share: f32) -> f32 {
    (share / (1.0 - share)).ln()
}

/// A row about its own mean: how many tokens a record has is not to count.
fn level(mut row: Vec<f32>) -> Vec<f32> {
    let mean = row.iter().sum::<f32>() / row.len().max(1) as f32;
    row.iter_mut().for_each(|value| *value -= mean);
    row
}

/// Rows about their common mean, at length one.
fn centred(rows: Vec<Vec<f32>>) -> Vec<Vec<f32>> {
    let mut rows: Vec<Vec<f32>> = rows.into_iter().map(|row| unit(level(row))).collect();
    let all = rows.len().max(1) as f32;
    let mut mean = vec![0.0; rows.first().map_or(0, Vec::len)];
    for row in &rows {
        mean.iter_mut()
            .zip(row)
            .for_each(|(sum, value)| *sum += value / all);
    }
    for row in &mut rows {
        row.iter_mut()
            .zip(&mean)
            .for_each(|(value, mean)| *value -= mean);
    }
    rows.into_iter().map(unit).collect()
}

fn tokens(clear: &ClearRecord, parts: usize) -> impl Iterator<Item = (usize, u64)> + '_ {
    (0..parts).flat_map(|part| clear.tokens(part).iter().map(move |token| (part, *token)))
}

#[cfg(test)]
mod tests {
    use crate::registry::Size;
    use crate::suite::{Attack, Knowledge};
    use crate::tests::Setting;

    fn share(profile: &str, attack: Attack) -> f64 {
        let size = Size {
            people: 1000,
            overlap: 100,
        };
        Setting::new(profile)
            .run(attack, Knowledge::Copy, size)
            .share()
    }

    #[test]
    fn a_hundred_pairs_read_a_plain_clk() {
        let share = share("record-clk", Attack::KnownPairs { pairs: 100 });
        assert!(share >= 0.95, "{share}");
    }

    #[test]
    fn under_block_keys_pairs_teach_their_block_only() {
        let elsewhere = share("standard", Attack::KnownPairs { pairs: 100 });
        assert!(elsewhere <= 0.02, "{elsewhere}");
        let beside = share("standard", Attack::Seeded { seeds: 100 });
        assert!(beside > 0.1, "{beside}");
    }
}
