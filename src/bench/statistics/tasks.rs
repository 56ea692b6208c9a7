//! What a comparison says about tasks like these, and whether it is evidence that nothing became
//! worse.

use super::distributions::t_quantile;
use super::intervals::{Mean, mean, mean_and_deviation};
use super::{Interval, Pair};

/// The mean over tasks of the candidate's rate less the base's, from -1 to 1, with the paired t
/// interval at `level` (Miller 2024, arXiv:2411.00640, paired and clustered). None without a task
/// that has runs in both arms.
pub fn difference(pairs: &[Pair], level: f64) -> Option<Mean> {
    mean(&differences(pairs), level)
}

/// The differences of the tasks that have runs in both arms.
pub fn differences(pairs: &[Pair]) -> Vec<f64> {
    pairs.iter().filter_map(|pair| pair.difference()).collect()
}

/// The same interval, guarded against tasks that happen not to differ: with a few repeats all
/// differences may be zero by luck, and the plain interval would have no width. One task that
/// gained a run and one that lost a run are added, as Agresti and Coull (1998) add successes and
/// failures; a run is one of the smallest number of runs that a task has in an arm. Student's
/// quantile stays that of the tasks that there are. None with fewer than two tasks.
pub fn guarded_difference(pairs: &[Pair], level: f64) -> Option<Interval> {
    let complete = pairs.iter().filter(|pair| pair.is_complete());
    let fewest_runs = complete.map(|pair| pair.base.runs.min(pair.candidate.runs)).min()?;
    let mut values = differences(pairs);
    let tasks = values.len();
    if tasks < 2 {
        return None;
    }
    let step = 1.0 / f64::from(fewest_runs);
    values.extend([step, -step]);
    let (centre, deviation) = mean_and_deviation(&values)?;
    let error = deviation? / (values.len() as f64).sqrt();
    let half = t_quantile(0.5 + 0.5 * level, (tasks - 1) as f64) * error;
    Some(Interval { low: centre - half, high: centre + half })
}

/// Whether a comparison is evidence that tasks like these lost at most `margin` (0.1 is ten points
/// of the pass rate): both intervals at `level` end above that. A test for non-inferiority, as one
/// for the absence of a difference, needs an interval and no p value (Schuirmann 1987). Fewer than
/// two tasks are never evidence.
pub fn is_no_worse(pairs: &[Pair], margin: f64, level: f64) -> bool {
    let plain = difference(pairs, level).and_then(|mean| mean.interval);
    let guarded = guarded_difference(pairs, level);
    let holds = |interval: Option<Interval>| interval.is_some_and(|found| found.low >= -margin);
    holds(plain) && holds(guarded)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, examples, pairs, swapped};
    use super::super::{Cell, LEVEL};
    use super::*;

    /// The ten tasks of the reference values: differences of 1/3, 0, 2/3, -1/3, 1/3, 1, 0, 1/3, 2/3
    /// and 0.
    fn ten() -> Vec<Pair> {
        pairs(&[1, 2, 0, 2, 1, 0, 3, 2, 1, 0], &[2, 2, 2, 1, 2, 3, 3, 3, 3, 0], 3)
    }

    #[test]
    fn the_paired_interval_has_the_reference_values() {
        let found = difference(&ten(), LEVEL).unwrap();
        close(found.estimate, 0.3);
        let interval = found.interval.unwrap();
        assert!((interval.low - 0.014_520).abs() < 5e-7, "{interval:?}");
        assert!((interval.high - 0.585_480).abs() < 5e-7, "{interval:?}");
    }

    #[test]
    fn the_guarded_interval_has_the_reference_values() {
        let still = |tasks: usize, runs| {
            let cell = Cell::new(runs, runs);
            let night = vec![Pair { base: cell, candidate: cell }; tasks];
            guarded_difference(&night, LEVEL).unwrap()
        };
        close(still(8, 5).high, 0.070_499_474_237_413_75);
        close(still(8, 5).low, -0.070_499_474_237_413_75);
        close(still(40, 1).high, 0.068_933_122_145_211_1);
        let found = guarded_difference(&ten(), LEVEL).unwrap();
        close(found.low, -0.014_570_389_366_805_742);
        close(found.high, 0.514_570_389_366_805_7);
    }

    #[test]
    fn a_task_with_fewer_runs_widens_the_guard_and_one_of_a_single_arm_does_not() {
        let cell = |runs| Cell::new(runs, runs);
        let pair = |base, candidate| Pair { base: cell(base), candidate: cell(candidate) };
        let five = vec![pair(5, 5); 8];
        let mut fewer = five.clone();
        fewer[3] = pair(5, 2);
        let mut lost = five.clone();
        lost.push(pair(5, 0));
        let low = |night: &[Pair]| guarded_difference(night, LEVEL).unwrap().low;
        assert!(low(&fewer) < low(&five) && low(&lost) == low(&five));
    }

    #[test]
    fn evidence_needs_both_intervals_above_the_margin() {
        let night = ten();
        assert!(is_no_worse(&night, 0.02, LEVEL));
        // The guarded interval alone reaches below that.
        assert!(!is_no_worse(&night, 0.01, LEVEL));
        // Two values near zero make an interval of wild differences narrower: here the plain one
        // alone reaches below the margin.
        let wild = pairs(&[5, 0, 5, 5], &[0, 5, 0, 0], 5);
        assert!(guarded_difference(&wild, LEVEL).unwrap().low > -1.8);
        assert!(!is_no_worse(&wild, 1.8, LEVEL));
        for few in [vec![], pairs(&[5], &[5], 5), vec![Pair::default(); 9]] {
            assert!(!is_no_worse(&few, 1.0, LEVEL), "{few:?}");
        }
    }

    #[test]
    fn exchanged_arms_mirror_the_interval_and_more_margin_is_never_worse() {
        for night in examples() {
            if let Some(found) = difference(&night, LEVEL).and_then(|mean| mean.interval) {
                let other = difference(&swapped(&night), LEVEL).unwrap().interval.unwrap();
                close(found.low, -other.high);
                close(found.high, -other.low);
            }
            let evidence =
                [0.0, 0.1, 0.3, 0.6, 3.0].map(|margin| is_no_worse(&night, margin, LEVEL));
            assert!(evidence.is_sorted(), "{night:?}");
        }
    }
}
