//! What came of an attack, held against the truth.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::registry::Scene;

/// One guess: this record of the target is that person of the register.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guess {
    /// The target's record. An attacker who sees one row only does not know which record it is of; the
    /// one who judges does.
    pub record: u32,
    /// The place of the person in the register.
    pub person: u32,
    /// How much the attacker believes it; comparable within one attack.
    pub score: f32,
    /// Whether the attacker would claim it: best on both sides, and above the attack's fixed score.
    pub sure: bool,
}

/// A number of guesses and how many were right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hits {
    /// Guesses.
    pub made: usize,
    /// Right ones.
    pub right: usize,
}

impl Hits {
    /// The share that was right; none where nothing was guessed.
    pub fn precision(self) -> Option<f64> {
        (self.made > 0).then(|| self.right as f64 / self.made as f64)
    }
}

/// The measure of an attack.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// What there was to name: persons on both sides, or values for attacks that name values.
    pub of: usize,
    /// How many were named by a best guess that is right.
    pub named: usize,
    /// Guesses the attacker is sure of, a person or value counted once.
    pub sure: Hits,
    /// The 20 guesses believed most.
    pub top_20: Hits,
    /// The 100 guesses believed most.
    pub top_100: Hits,
    /// How often a guess at random is right.
    pub prior: f64,
}

impl Outcome {
    /// Holds guesses against the truth of the scene. `known` says which records the attacker was told, which
    /// do not count.
    pub fn judge(scene: &Scene<'_>, guesses: &[Guess], known: impl Fn(u32) -> bool) -> Self {
        let unknown = |record: &u32| !known(*record);
        let is_right = |guess: &Guess| scene.is_of(guess.record, guess.person);
        let mut guesses: Vec<Guess> = guesses.to_vec();
        guesses.retain(|guess| unknown(&guess.record));
        let named: BTreeSet<u32> = guesses
            .iter()
            .filter(|g| is_right(g))
            .map(|g| g.record)
            .collect();
        let ranked = ranked(guesses);
        let hits = |guesses: &mut dyn Iterator<Item = &Guess>| {
            guesses.fold(Hits::default(), |hits, guess| Hits {
                made: hits.made + 1,
                right: hits.right + usize::from(is_right(guess)),
            })
        };
        let there = (0..)
            .zip(&scene.truth)
            .filter(|(record, place)| place.is_some() && unknown(record));
        Self {
            of: there.count(),
            named: named.len(),
            sure: hits(&mut ranked.iter().filter(|guess| guess.sure)),
            top_20: hits(&mut ranked.iter().take(20)),
            top_100: hits(&mut ranked.iter().take(100)),
            prior: scene.prior(),
        }
    }

    /// The share named.
    pub fn share(&self) -> f64 {
        self.named as f64 / self.of.max(1) as f64
    }

    /// How much better than guessing the sure claims are; none where there are none.
    pub fn advantage(&self) -> Option<f64> {
        Some(self.sure.precision()? - self.prior)
    }
}

/// The best guess for each person, best first.
fn ranked(mut guesses: Vec<Guess>) -> Vec<Guess> {
    guesses.sort_by(|a, b| {
        let by_score = b.score.total_cmp(&a.score);
        by_score.then((a.record, a.person).cmp(&(b.record, b.person)))
    });
    let mut seen = BTreeSet::new();
    guesses.retain(|guess| seen.insert(guess.person));
    guesses
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(record: u32, person: u32, score: f32) -> Guess {
        Guess {
            record,
            person,
            score,
            sure: score > 0.5,
        }
    }

    #[test]
    fn guesses_count_once_a_person_and_not_for_those_told() {
        let scene = Scene {
            target: Vec::new(),
            register: Vec::new(),
            truth: vec![Some(0), Some(1), Some(2), None],
            decoys: Vec::new(),
        };
        let guesses = [
            guess(0, 0, 0.9),
            guess(3, 0, 0.8),
            guess(1, 2, 0.7),
            guess(1, 1, 0.1),
            guess(2, 2, 0.95),
        ];
        let outcome = Outcome::judge(&scene, &guesses, |record| record == 2);
        assert_eq!((outcome.of, outcome.named), (2, 2));
        assert_eq!(outcome.sure, Hits { made: 2, right: 1 });
        assert_eq!(outcome.top_20, Hits { made: 3, right: 2 });
        assert_eq!(outcome.sure.precision(), Some(0.5));
    }

    #[test]
    fn a_claim_on_a_decoy_is_a_wrong_claim_and_no_decoy_is_there_to_be_named() {
        let nobody = records::NormalisedRecord { values: Vec::new() };
        let scene = Scene {
            target: Vec::new(),
            register: Vec::new(),
            truth: vec![Some(0)],
            decoys: vec![&nobody],
        };
        let guesses = [guess(0, 0, 0.9), guess(1, 1, 0.8)];
        let outcome = Outcome::judge(&scene, &guesses, |_| false);
        assert_eq!((outcome.of, outcome.named), (1, 1));
        assert_eq!(outcome.sure, Hits { made: 2, right: 1 });
    }
}
