//! What a round of expectation counts: how often each level occurs in each class, weighted by what
//! every pattern is thought to be.

use rayon::prelude::*;

use super::levels::{Variable, Variables};
use super::mixture::{CLASSES, Class};
use super::patterns::Observed;
use super::sheet::{Grid, Thought, column, column_of_pass};

/// Numbers of all parts that one thread adds up at once.
const JOINED_AT_ONCE: usize = 512;

/// Weighted counts: what a round of maximisation starts from.
pub(super) struct Counts<'a> {
    grid: &'a Grid,
    /// By level: how many pairs of each column have it.
    lines: Vec<f64>,
    /// By pass: how many strangers met in it.
    pub(super) shares: Vec<f64>,
    /// By stratum: responsibility of each class.
    pub(super) strata: Vec<[f64; CLASSES]>,
}

impl<'a> Counts<'a> {
    /// Nothing counted yet, for so many passes and strata.
    pub(super) fn none(grid: &'a Grid, passes: usize, strata: usize) -> Self {
        Self {
            grid,
            lines: grid.zeros(),
            shares: vec![0.0; passes],
            strata: vec![[0.0; CLASSES]; strata],
        }
    }

    /// Counts the pairs of a pattern, by what one of them is thought to be; then that is of all of them.
    pub(super) fn add(&mut self, pair: Observed<'_>, thought: &mut Thought) {
        self.grid.add(&mut self.lines, pair.pairs, thought);
        let stratum = &mut self.strata[usize::from(pair.stratum)];
        for class in Class::ALL {
            if let Some(column) = column(class) {
                stratum[class as usize] += thought.classes[column];
            }
        }
        for (pass, strangers) in thought.strangers() {
            self.shares[pass] += strangers;
            stratum[Class::Unrelated as usize] += strangers;
        }
    }

    /// Adds what `parts` counted, one after the other.
    pub(super) fn join(&mut self, parts: &[Self]) {
        let lines = self.lines.par_chunks_mut(JOINED_AT_ONCE).enumerate();
        lines.for_each(|(place, own)| {
            for part in parts {
                add_all(own, &part.lines[place * JOINED_AT_ONCE..]);
            }
        });
        for part in parts {
            add_all(&mut self.shares, &part.shares);
            for (own, other) in self.strata.iter_mut().zip(&part.strata) {
                add_all(own, other);
            }
        }
    }

    /// By level of variable number `place`: how many pairs teach `class` what it is like there. Twins teach the
    /// class they are like.
    pub(super) fn of_class(&self, class: Class, place: usize, variable: &Variable) -> Vec<f64> {
        let counted = [class, Class::Twins].into_iter();
        let counted = counted.filter(|counted| *counted == class || twins_like(variable) == class);
        let mut levels = vec![0.0; variable.level_count()];
        for column in counted.filter_map(column) {
            let own = self.grid.column(&self.lines, place, column);
            levels
                .iter_mut()
                .zip(own)
                .for_each(|(sum, own)| *sum += own);
        }
        levels
    }

    /// By level of variable number `place`: how many strangers who met in `pass` are at it.
    pub(super) fn of_strangers(&self, pass: usize, place: usize) -> Vec<f64> {
        let own = self.grid.column(&self.lines, place, column_of_pass(pass));
        own.collect()
    }
}

fn add_all(sums: &mut [f64], more: &[f64]) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum += more;
    }
}

/// The grid of `variables` and so many passes.
pub(super) fn grid(variables: &Variables, passes: usize) -> Grid {
    Grid::of(variables.0.iter().map(Variable::level_count), passes)
}

/// Twins differ in what is a person's own as two people of a household do, and share all else as
/// one person's records do.
pub(super) fn twins_like(variable: &Variable) -> Class {
    if variable.parts_twins() {
        Class::Household
    } else {
        Class::Match
    }
}
