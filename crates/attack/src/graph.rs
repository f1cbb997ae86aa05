//! GM-L and GM-S: graph matching by landmarks.
//!
//! Likeness within one side needs no key, so the two sides are two drawings of one graph. Records are known
//! first by the shape of their likenesses to all others (GM-L, no seeds), or from pairs that were given
//! (GM-S). The surest pairs become landmarks; how alike a record is to each landmark places it; nearest
//! neighbours in these places are surer pairs, and so on. In the line of Vidanage et al. (CIKM 2020) and
//! Schäfer et al. (ACSAC 2024), without machine learning.

use crate::nearest::{Nearest, Vectors, both_ways};
use crate::outcome::Guess;
use crate::similarity::{Encodings, SIGNATURE, rarity};

/// Landmarks at the start, without seeds. The second is tried where the first leaves many without a mutual best;
/// the run with more mutual pairs counts, which the attacker can see.
const STARTS: [usize; 2] = [200, 60];
/// Records with a mutual best, in per cent, from which on one run will do.
const SETTLED: usize = 60;
/// Landmarks grow by this much a round.
const GROWTH: (usize, usize) = (13, 10);
/// More landmarks than this place no record better, and cost time.
const MOST: usize = 800;
/// Rounds.
const ROUNDS: usize = 15;
/// The least margin at which a pair is claimed.
const SURE: f32 = 0.2;

/// The records of one side and how rare each step of likeness is among them.
struct Side {
    encodings: Encodings,
    rarity: Vec<f32>,
    signatures: Vec<[u16; SIGNATURE]>,
}

impl Side {
    fn of(encodings: Encodings) -> Self {
        let (counts, signatures) = encodings.survey();
        let rarity = rarity(&counts);
        Self {
            encodings,
            rarity,
            signatures,
        }
    }

    /// The shapes of likeness, standardised within the side.
    fn shapes(&self) -> Vectors {
        let rows = self
            .signatures
            .iter()
            .map(|steps| steps.map(|step| self.rarity[usize::from(step)]));
        let rows: Vec<[f32; SIGNATURE]> = rows.collect();
        let scale: Vec<(f32, f32)> = (0..SIGNATURE)
            .map(|column| mean_and_deviation(rows.iter().map(|row| row[column])))
            .collect();
        let standard = |row: &[f32; SIGNATURE]| {
            let values = row.iter().zip(&scale);
            values
                .map(|(value, (mean, deviation))| (value - mean) / deviation)
                .collect()
        };
        Vectors::new(SIGNATURE, rows.iter().map(standard))
    }

    /// Where each record is as seen from the landmarks, of length one. Means of records and of landmarks are
    /// taken out; a record that is a landmark says nothing of itself.
    fn places(&self, landmarks: &[u32]) -> Vectors {
        let mut rows: Vec<Vec<Option<f32>>> = (self.encodings.to_landmarks(landmarks).into_iter())
            .map(|row| {
                row.into_iter()
                    .map(|step| step.map(|step| self.rarity[usize::from(step)]))
                    .collect()
            })
            .collect();
        let means: Vec<f32> = (0..landmarks.len())
            .map(|column| mean_and_deviation(rows.iter().filter_map(|row| row[column])).0)
            .collect();
        let placed = |row: &mut Vec<Option<f32>>| {
            row.iter_mut()
                .zip(&means)
                .for_each(|(value, mean)| *value = value.map(|v| v - mean));
            let (mean, _) = mean_and_deviation(row.iter().copied().flatten());
            let centred = row
                .iter()
                .map(|value| value.map_or(0.0, |value| value - mean));
            unit(centred.collect())
        };
        Vectors::new(landmarks.len(), rows.iter_mut().map(placed))
    }
}

/// Two sides under way.
struct Matching {
    target: Side,
    register: Side,
}

/// A pair that is best both ways, or the best for the target only.
#[derive(Clone, Copy)]
struct Pair {
    target: u32,
    register: u32,
    margin: f32,
    /// The cosine, among places.
    nearness: f32,
    mutual: bool,
}

impl Pair {
    fn score(&self) -> f32 {
        self.margin * self.nearness.clamp(0.0, 1.0)
    }
}

/// Matches encodings of a target with a register encoded alike under a key of the attacker's own.
/// With `seeds`, pairs of records that are known, it starts from these.
pub(crate) fn match_graphs(
    target: Encodings,
    register: Encodings,
    seeds: &[(u32, u32)],
) -> Vec<Guess> {
    if target.len() < 2 || register.len() < 2 {
        return Vec::new();
    }
    let matching = Matching {
        target: Side::of(target),
        register: Side::of(register),
    };
    let pairs = if seeds.is_empty() {
        matching.without_seeds()
    } else {
        {
            let seeds = matching.seeded(seeds);
            matching.refine(&seeds, seeds.clone(), seeds.len())
        }
    };
    pairs.into_iter().map(|pair| matching.guess(pair)).collect()
}

impl Matching {
    /// The better of the runs from different numbers of landmarks, as the attacker can tell it.
    fn without_seeds(&self) -> Vec<Pair> {
        let first = pairs(&self.target.shapes(), &self.register.shapes());
        let mutual = |pairs: &[Pair]| pairs.iter().filter(|pair| pair.mutual).count();
        let mut best: Vec<Pair> = Vec::new();
        for start in STARTS {
            let by_margin = landmarks(&first, start, |pair| pair.margin);
            let found = self.refine(&[], by_margin, start);
            if mutual(&found) > mutual(&best) {
                best = found;
            }
            if mutual(&best) * 100 >= SETTLED * self.target.encodings.len() {
                break;
            }
        }
        best
    }

    /// Pairs of records as places among the encodings.
    fn seeded(&self, seeds: &[(u32, u32)]) -> Vec<(u32, u32)> {
        let place = |side: &Side, record: u32| side.encodings.records.binary_search(&record).ok();
        let placed = seeds.iter().filter_map(|(target, register)| {
            Some((
                place(&self.target, *target)? as u32,
                place(&self.register, *register)? as u32,
            ))
        });
        placed.collect()
    }

    /// Finds pairs by landmarks and landmarks by pairs. What is `known` stays a landmark.
    fn refine(&self, known: &[(u32, u32)], first: Vec<(u32, u32)>, start: usize) -> Vec<Pair> {
        let (mut marks, mut wanted, mut found) = (first, start, Vec::new());
        let mut before = 0;
        let is_known = |pair: &(u32, u32)| known.iter().any(|(t, r)| *t == pair.0 || *r == pair.1);
        for _ in 0..ROUNDS {
            if marks.len() < 2 {
                break;
            }
            let (of_target, of_register): (Vec<u32>, Vec<u32>) = marks.iter().copied().unzip();
            found = pairs(
                &self.target.places(&of_target),
                &self.register.places(&of_register),
            );
            wanted = (wanted * GROWTH.0).div_ceil(GROWTH.1).min(MOST);
            let mut next = landmarks(&found, wanted, Pair::score);
            next.retain(|pair| !is_known(pair));
            next.extend(known);
            let mutual = found.iter().filter(|pair| pair.mutual).count();
            if next == marks || (wanted == MOST && mutual <= before) {
                break;
            }
            (marks, before) = (next, mutual);
        }
        found
    }

    fn guess(&self, pair: Pair) -> Guess {
        Guess {
            record: self.target.encodings.records[pair.target as usize],
            person: self.register.encodings.records[pair.register as usize],
            score: if pair.mutual {
                pair.score()
            } else {
                pair.score() - 1.0
            },
            sure: pair.mutual && pair.score() >= SURE,
        }
    }
}

/// The best of the register for each of the target.
fn pairs(target: &Vectors, register: &Vectors) -> Vec<Pair> {
    let (of_target, of_register) = both_ways(target, register);
    let pair = |(place, best): (u32, &Nearest)| {
        let back = of_register[best.place as usize];
        Pair {
            target: place,
            register: best.place,
            margin: best.margin().min(back.margin()),
            nearness: 1.0 - best.distance / 2.0,
            mutual: back.place == place,
        }
    };
    (0..).zip(&of_target).map(pair).collect()
}

/// The surest mutual pairs.
fn landmarks(pairs: &[Pair], wanted: usize, score: fn(&Pair) -> f32) -> Vec<(u32, u32)> {
    let mut mutual: Vec<&Pair> = pairs.iter().filter(|pair| pair.mutual).collect();
    mutual.sort_by(|a, b| score(b).total_cmp(&score(a)).then(a.target.cmp(&b.target)));
    mutual
        .iter()
        .take(wanted)
        .map(|pair| (pair.target, pair.register))
        .collect()
}

/// Mean and standard deviation; one where all are the same.
fn mean_and_deviation(values: impl Iterator<Item = f32>) -> (f32, f32) {
    let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for value in values {
        let value = f64::from(value);
        count += 1.0;
        sum += value;
        squares += value * value;
    }
    let count = f64::max(count, 1.0);
    let mean = sum / count;
    let variance = squares / count - mean * mean;
    let deviation = if variance > 1e-9 {
        variance.sqrt()
    } else {
        1.0
    };
    (mean as f32, deviation as f32)
}

/// The vector at length one; nought where it has none.
pub(crate) fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
    vector
}

#[cfg(test)]
mod tests {
    use crate::registry::Size;
    use crate::suite::{Attack, Knowledge};
    use crate::tests::Setting;

    #[test]
    fn the_graph_of_a_plain_clk_names_nearly_everyone_without_a_key() {
        for overlap in [100, 80, 50] {
            let size = Size {
                people: 1500,
                overlap,
            };
            let outcome = Setting::new("record-clk").run(Attack::Graph, Knowledge::Copy, size);
            assert!(outcome.share() >= 0.95, "{overlap} %: {outcome:?}");
        }
    }

    /// With nine in ten of the target not in the register, a few are taken for their next of kin.
    #[test]
    fn twenty_seeds_do_at_a_tenth_of_overlap() {
        let size = Size {
            people: 1250,
            overlap: 10,
        };
        let outcome =
            Setting::new("record-clk").run(Attack::Seeded { seeds: 20 }, Knowledge::Copy, size);
        assert!(outcome.share() >= 0.85, "{outcome:?}");
    }

    /// What little there is comes from which parts of a row are missing.
    #[test]
    fn across_blocks_there_is_no_graph() {
        for profile in ["standard", "strong"] {
            let size = Size {
                people: 1000,
                overlap: 100,
            };
            let outcome = Setting::new(profile).run(Attack::Graph, Knowledge::Copy, size);
            assert!(outcome.share() <= 0.05, "{profile}: {outcome:?}");
        }
    }
}
