//! The statistics of comparisons as pure functions: numbers in, numbers out. Nothing here reads
//! files, knows plans or decides what is printed.
//!
//! Repeats of one task are not independent of each other: a task that is hard for an agent is hard
//! every time. So what is said about tasks in general counts tasks and not runs (`intervals`,
//! `tasks`, `bootstrap`), and what is said about these very tasks compares the arms within each
//! task (`exact`). Counting all runs together gives intervals that claim 95 % and hold 73 %.

pub mod adjustments;
pub mod bootstrap;
pub mod bounds;
pub mod detectable;
pub mod distributions;
pub mod exact;
pub mod generator;
pub mod intervals;
pub mod latency;
pub mod nights;
pub mod passes;
#[cfg(test)]
mod promises;
pub mod sign_flip;
pub mod tables;
pub mod tasks;

use serde::Serialize;

/// The level of intervals that are printed: they hold the true value in 95 of 100 nights.
pub const LEVEL: f64 = 0.95;

/// How often one arm solved one task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// Runs that passed; never more than `runs`.
    pub passes: u32,
    /// Runs with a verdict.
    pub runs: u32,
}

impl Cell {
    /// `passes` of `runs`.
    pub fn new(passes: u32, runs: u32) -> Cell {
        debug_assert!(passes <= runs, "{passes} passes of {runs} runs");
        Cell { passes, runs }
    }

    /// Runs that did not pass.
    pub fn failures(self) -> u32 {
        self.runs.saturating_sub(self.passes)
    }

    /// The share of runs that passed, from 0 to 1. None without a run.
    pub fn rate(self) -> Option<f64> {
        (self.runs > 0).then(|| f64::from(self.passes) / f64::from(self.runs))
    }
}

/// One task in both arms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// What the candidate is compared with.
    pub base: Cell,
    /// What may have become worse.
    pub candidate: Cell,
}

impl Pair {
    /// Whether both arms have a run. A task without one in either arm says nothing about a
    /// difference, and every function here leaves it out.
    pub fn is_complete(self) -> bool {
        self.base.runs > 0 && self.candidate.runs > 0
    }

    /// The candidate's rate less the base's, from -1 to 1: negative where the candidate is worse.
    pub fn difference(self) -> Option<f64> {
        Some(self.candidate.rate()? - self.base.rate()?)
    }
}

/// A range of numbers, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// Whether a p value is at most `alpha`. Rounding must not decide: half of 1/20 is exactly 0.025,
/// but a sum that should give it may end a last digit above.
pub fn reaches(p: f64, alpha: f64) -> bool {
    p <= alpha * (1.0 + 1e-9)
}

#[cfg(test)]
mod testing {
    //! What the tests of several families need.

    use super::generator::Generator;
    use super::{Cell, Pair};

    /// Pairs with the given passes of base and candidate, of `runs` runs each.
    pub fn pairs(base: &[u32], candidate: &[u32], runs: u32) -> Vec<Pair> {
        let both = base.iter().zip(candidate);
        both.map(|(a, b)| Pair { base: Cell::new(*a, runs), candidate: Cell::new(*b, runs) })
            .collect()
    }

    /// The same pairs with the arms exchanged.
    pub fn swapped(pairs: &[Pair]) -> Vec<Pair> {
        pairs.iter().map(|pair| Pair { base: pair.candidate, candidate: pair.base }).collect()
    }

    /// Many small comparisons with up to 9 tasks and up to 6 runs a cell, those without tasks and
    /// without runs among them.
    pub fn examples() -> Vec<Vec<Pair>> {
        let mut random = Generator::new(5);
        let mut cell = |least: usize| {
            let runs = least + random.below(7 - least);
            Cell::new(random.below(runs + 1) as u32, runs as u32)
        };
        let mut pair = |least: usize| Pair { base: cell(least), candidate: cell(least) };
        (0..200).map(|at| (0..at % 10).map(|_| pair(at % 2)).collect()).collect()
    }

    /// Fails unless both are equal to nine digits after the point.
    #[track_caller]
    pub fn close(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }

    /// Whether a number is a probability; not-a-number is none.
    pub fn is_probability(number: f64) -> bool {
        (0.0..=1.0).contains(&number)
    }
}
