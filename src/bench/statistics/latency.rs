//! Latency: medians and their intervals, and the ratio of two arms. No mean is taken, because runs
//! that hit a limit would make it say what the limit is.

use serde::Serialize;

use super::Interval;
use super::distributions::binomial_lower;
use super::intervals::mean;
use super::tables::mcnemar;
use crate::sorting;

/// The median of times. A run that hit a limit took longer than all that was measured: infinity
/// stands for it, here and in what is given.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Median {
    /// The middle time, or the mean of the two in the middle.
    pub estimate: f64,
    /// Its interval. None with fewer than six times.
    pub interval: Option<Interval>,
}

/// The ranks, from 1, of the ordered times that enclose the median (Thompson 1936), and the
/// probability that they do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranks {
    /// The rank of the lower end.
    pub low: usize,
    /// The rank of the upper end.
    pub high: usize,
    /// The probability that the interval holds the true median: `level` or more.
    pub coverage: f64,
}

/// The narrowest pair of ranks, as far from the first as from the last time, that holds the median
/// with a probability of at least `level`. None where even the first and the last do not.
pub fn median_ranks(times: usize, level: f64) -> Option<Ranks> {
    let coverage = |low: usize| 1.0 - 2.0 * binomial_lower(low as u64 - 1, times as u64, 0.5);
    let low = (1..=times / 2).take_while(|low| coverage(*low) >= level).last()?;
    Some(Ranks { low, high: times + 1 - low, coverage: coverage(low) })
}

/// The median of the times of one cell with its order-statistic interval (Thompson 1936) at
/// `level`. None without a time.
pub fn median(times: &[f64], level: f64) -> Option<Median> {
    let mut times = times.to_vec();
    let count = times.len();
    let mut at = |place: usize| sorting::number_at(&mut times, place);
    let (lower, upper) = (at(count.checked_sub(1)? / 2), at(count / 2));
    let interval = median_ranks(count, level)
        .map(|ranks| Interval { low: at(ranks.low - 1), high: at(ranks.high - 1) });
    Some(Median { estimate: lower + 0.5 * finite_or_all(upper, lower), interval })
}

/// The way from one time to a later one, which is no way where both are without limit.
fn finite_or_all(upper: f64, lower: f64) -> f64 {
    if upper == lower { 0.0 } else { upper - lower }
}

/// The median times of one task in both arms; infinity where half of the runs hit a limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Medians {
    /// Of what the candidate is compared with.
    pub base: f64,
    /// Of what may have become slower.
    pub candidate: f64,
}

/// How the candidate's times compare with those of the base.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The geometric mean over tasks of the candidate's median by the base's: 1.2 is a fifth
    /// slower. None where a median is infinite or zero, and without tasks.
    pub ratio: Option<f64>,
    /// The interval of the ratio. None as well with one task.
    pub interval: Option<Interval>,
    /// Tasks that the candidate did faster.
    pub faster: usize,
    /// Tasks that the candidate did slower.
    pub slower: usize,
    /// The two-sided sign test of those two numbers (Arbuthnott 1710; Dixon and Mood 1946), which
    /// infinite medians do not disturb.
    pub sign_test: f64,
}

/// Compares the arms by the ratio of each task's medians, with Student's interval on the logarithms
/// at `level`.
pub fn compare(tasks: &[Medians], level: f64) -> Comparison {
    let logarithms: Vec<f64> =
        tasks.iter().map(|task| task.candidate.ln() - task.base.ln()).collect();
    let is_known = logarithms.iter().all(|logarithm| logarithm.is_finite());
    let mean = if is_known { mean(&logarithms, level) } else { None };
    let faster = tasks.iter().filter(|task| task.candidate < task.base).count();
    let slower = tasks.iter().filter(|task| task.candidate > task.base).count();
    Comparison {
        ratio: mean.map(|mean| mean.estimate.exp()),
        interval: mean
            .and_then(|mean| mean.interval)
            .map(|found| Interval { low: found.low.exp(), high: found.high.exp() }),
        faster,
        slower,
        sign_test: mcnemar(slower as u64, faster as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::super::LEVEL;
    use super::super::testing::close;
    use super::*;

    const LIMIT: f64 = f64::INFINITY;

    #[test]
    fn ranks_have_the_reference_values() {
        let ten = median_ranks(10, LEVEL).unwrap();
        assert_eq!((ten.low, ten.high), (2, 9));
        assert!((ten.coverage - 0.978_516).abs() < 5e-7, "{ten:?}");
        let twenty = median_ranks(20, LEVEL).unwrap();
        assert_eq!((twenty.low, twenty.high), (6, 15));
        assert!((twenty.coverage - 0.958_611).abs() < 5e-7, "{twenty:?}");
        assert!((0..6).all(|times| median_ranks(times, LEVEL).is_none()));
        assert_eq!(median_ranks(6, LEVEL).map(|six| (six.low, six.high)), Some((1, 6)));
    }

    #[test]
    fn ranks_enclose_the_middle_and_hold_the_level() {
        for times in 6..300 {
            let found = median_ranks(times, LEVEL).unwrap();
            assert!(found.low <= times / 2 && found.high > times.div_ceil(2), "{times}");
            assert!(found.coverage >= LEVEL && found.coverage < 1.0, "{times}");
        }
    }

    #[test]
    fn runs_that_hit_a_limit_are_later_than_all_others() {
        let found = median(&[4.0, LIMIT, 1.0], LEVEL).unwrap();
        assert_eq!((found.estimate, found.interval), (4.0, None));
        assert_eq!(median(&[LIMIT, 1.0, LIMIT, LIMIT], LEVEL).unwrap().estimate, LIMIT);
        assert_eq!(median(&[1.0, LIMIT], LEVEL).unwrap().estimate, LIMIT);
        assert_eq!(median(&[1.0, 4.0], LEVEL).unwrap().estimate, 2.5);
        let ten = [3.0, 1.0, 2.0, LIMIT, 4.0, 5.0, 7.0, LIMIT, 6.0, 8.0];
        let found = median(&ten, LEVEL).unwrap();
        assert_eq!(found.estimate, 5.5);
        assert_eq!(found.interval, Some(Interval { low: 2.0, high: LIMIT }));
        assert_eq!(median(&[], LEVEL), None);
    }

    #[test]
    fn ratios_are_averaged_as_logarithms() {
        let tasks = [(10.0, 20.0), (400.0, 200.0), (5.0, 20.0), (7.0, 7.0)];
        let tasks = tasks.map(|(base, candidate)| Medians { base, candidate });
        let found = compare(&tasks, LEVEL);
        close(found.ratio.unwrap(), 4f64.powf(0.25));
        assert_eq!((found.faster, found.slower, found.sign_test), (1, 2, 1.0));
        let swapped = tasks.map(|task| Medians { base: task.candidate, candidate: task.base });
        let other = compare(&swapped, LEVEL);
        close(other.ratio.unwrap(), 1.0 / found.ratio.unwrap());
        close(other.interval.unwrap().low, 1.0 / found.interval.unwrap().high);
        assert_eq!((other.faster, other.slower), (2, 1));
    }

    #[test]
    fn with_a_median_beyond_the_limit_only_signs_are_left() {
        let slow = Medians { base: 3.0, candidate: LIMIT };
        let both = Medians { base: LIMIT, candidate: LIMIT };
        let found = compare(&[slow, slow, slow, slow, slow, slow, both], LEVEL);
        assert_eq!((found.ratio, found.interval), (None, None));
        assert_eq!((found.faster, found.slower), (0, 6));
        close(found.sign_test, 0.03125);
        let none = compare(&[], LEVEL);
        assert_eq!((none.ratio, none.faster, none.slower, none.sign_test), (None, 0, 0, 1.0));
        let one = compare(&[Medians { base: 2.0, candidate: 3.0 }], LEVEL);
        close(one.ratio.unwrap(), 1.5);
        assert_eq!(one.interval, None);
        let zero = compare(&[Medians { base: 0.0, candidate: 3.0 }], LEVEL);
        assert_eq!((zero.ratio, zero.slower), (None, 1));
    }
}
