//! What missing verdicts could change: the best and the worst that runs without one can have been.

use super::{Cell, Interval, Pair, tasks};

/// One task of an arm as it was planned: what has a verdict, and how many runs have none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Planned {
    /// The runs with a verdict.
    pub scored: Cell,
    /// The runs without one.
    pub unscored: u32,
}

impl Planned {
    /// If all that has no verdict failed.
    pub fn lowest(self) -> Cell {
        Cell::new(self.scored.passes, self.scored.runs + self.unscored)
    }

    /// If all that has no verdict passed.
    pub fn highest(self) -> Cell {
        Cell::new(self.scored.passes + self.unscored, self.scored.runs + self.unscored)
    }
}

/// One task in both arms as it was planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlannedPair {
    /// What the candidate is compared with.
    pub base: Planned,
    /// What may have become worse.
    pub candidate: Planned,
}

/// What has a verdict. Tasks that have none in an arm stay, with a cell of no runs.
pub fn scored(pairs: &[PlannedPair]) -> Vec<Pair> {
    let pair =
        |pair: &PlannedPair| Pair { base: pair.base.scored, candidate: pair.candidate.scored };
    pairs.iter().map(pair).collect()
}

/// The best for the candidate: its runs without a verdict passed, and those of the base failed. A
/// regression that holds here does not depend on what is missing.
pub fn best_for_candidate(pairs: &[PlannedPair]) -> Vec<Pair> {
    let pair =
        |pair: &PlannedPair| Pair { base: pair.base.lowest(), candidate: pair.candidate.highest() };
    pairs.iter().map(pair).collect()
}

/// The worst for the candidate: its runs without a verdict failed, and those of the base passed.
pub fn worst_for_candidate(pairs: &[PlannedPair]) -> Vec<Pair> {
    let pair =
        |pair: &PlannedPair| Pair { base: pair.base.highest(), candidate: pair.candidate.lowest() };
    pairs.iter().map(pair).collect()
}

/// The smallest and the largest mean difference of rates that the missing verdicts can lead to
/// (worst-case bounds: Horowitz and Manski 2000). None where no task was planned in both arms.
pub fn difference(pairs: &[PlannedPair]) -> Option<Interval> {
    let estimate = |pairs: &[Pair]| Some(tasks::difference(pairs, super::LEVEL)?.estimate);
    let low = estimate(&worst_for_candidate(pairs))?;
    Some(Interval { low, high: estimate(&best_for_candidate(pairs))? })
}

/// The smallest and the largest share of passes among all planned runs of an arm. None without a
/// run.
pub fn share_of_passes(cells: &[Planned]) -> Option<Interval> {
    let sum = |of: fn(&Planned) -> u32| cells.iter().map(|cell| f64::from(of(cell))).sum::<f64>();
    let passes = sum(|cell| cell.scored.passes);
    let unscored = sum(|cell| cell.unscored);
    let runs = sum(|cell| cell.scored.runs) + unscored;
    (runs > 0.0).then(|| Interval { low: passes / runs, high: (passes + unscored) / runs })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, examples};
    use super::*;

    fn planned(passes: u32, runs: u32, unscored: u32) -> Planned {
        Planned { scored: Cell::new(passes, runs), unscored }
    }

    #[test]
    fn missing_verdicts_widen_the_range_of_both_arms() {
        let night = [
            PlannedPair { base: planned(4, 5, 0), candidate: planned(3, 4, 1) },
            PlannedPair { base: planned(1, 3, 2), candidate: planned(0, 0, 5) },
        ];
        let found = difference(&night).unwrap();
        close(found.low, ((0.6 - 0.8) + (0.0 - 0.6)) / 2.0);
        close(found.high, ((0.8 - 0.8) + (1.0 - 0.2)) / 2.0);
        let arm = night.map(|pair| pair.candidate);
        assert_eq!(share_of_passes(&arm), Some(Interval { low: 0.3, high: 0.9 }));
        assert!(!scored(&night)[1].is_complete());
    }

    #[test]
    fn without_missing_verdicts_the_bounds_are_the_estimate() {
        for night in examples() {
            let all = |cell: Cell| planned(cell.passes, cell.runs, 0);
            let pair =
                |pair: &Pair| PlannedPair { base: all(pair.base), candidate: all(pair.candidate) };
            let complete: Vec<PlannedPair> = night.iter().map(pair).collect();
            let estimate = tasks::difference(&night, 0.95).map(|mean| mean.estimate);
            let bounds = difference(&complete);
            assert_eq!(bounds.map(|bounds| (bounds.low, bounds.high)), estimate.map(|d| (d, d)));
            assert_eq!(scored(&complete), night);
        }
    }

    #[test]
    fn every_verdict_that_is_found_narrows_the_bounds() {
        let night = |found: u32| PlannedPair {
            base: planned(2, 3, 2),
            candidate: planned(found, found, 5 - found),
        };
        let widths = (0..=5).map(|found| {
            let bounds = difference(&[night(found)]).unwrap();
            bounds.high - bounds.low
        });
        assert!(widths.is_sorted_by(|wide, narrow| wide > narrow));
    }

    #[test]
    fn no_run_gives_no_bounds() {
        assert_eq!((difference(&[]), share_of_passes(&[])), (None, None));
        assert_eq!(difference(&[PlannedPair::default()]), None);
        assert_eq!(share_of_passes(&[Planned::default()]), None);
    }
}
