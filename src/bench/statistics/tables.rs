//! Tests of two-by-two tables, which reports print beside the gate: McNemar, Cochran, Mantel and
//! Haenszel, Fisher.

use serde::Serialize;

use super::distributions::{binomial_lower, hypergeometric, normal_upper};
use super::{Cell, Pair};

/// McNemar's test (1947), exact and two-sided: of the tasks that only one arm solved, `lost` were
/// solved by the base and `won` by the candidate. It is also the sign test of any two counts. The
/// p value is 1 where both are equal, as without such a task.
pub fn mcnemar(lost: u64, won: u64) -> f64 {
    (2.0 * binomial_lower(lost.min(won), lost + won, 0.5)).min(1.0)
}

/// A statistic with a chi-square distribution of one degree of freedom.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ChiSquare {
    /// The statistic.
    pub value: f64,
    /// The probability of one that is at least as large if the arms do not differ.
    pub p: f64,
}

/// The test of Cochran (1954), Mantel and Haenszel (1959), two-sided and without correction for
/// continuity: the gate's test with a normal distribution in place of the exact one. None where no
/// task has both a run that passed and one that failed.
pub fn cochran_mantel_haenszel(pairs: &[Pair]) -> Option<ChiSquare> {
    let (excess, variance) = excess_and_variance(pairs);
    let value = excess * excess / variance;
    (variance > 0.0).then(|| ChiSquare { value, p: 2.0 * normal_upper(value.sqrt()) })
}

/// By how many passes the base has more than its share of each task's passes, summed over the
/// tasks, and the variance of that number if the arms do not differ.
pub fn excess_and_variance(pairs: &[Pair]) -> (f64, f64) {
    let (mut excess, mut variance) = (0.0, 0.0);
    for pair in pairs.iter().filter(|pair| pair.is_complete()) {
        let (base, candidate) = (f64::from(pair.base.runs), f64::from(pair.candidate.runs));
        let runs = base + candidate;
        let passes = f64::from(pair.base.passes) + f64::from(pair.candidate.passes);
        excess += f64::from(pair.base.passes) - base * passes / runs;
        variance += base * candidate * passes * (runs - passes) / (runs * runs * (runs - 1.0));
    }
    (excess, variance)
}

/// Fisher's exact test (1935) of two shares, two-sided: the probability of all tables that are at
/// most as likely as the one that was seen. Reports use it for the shares of runs without a
/// verdict: `passes` then counts those, and `runs` all. The p value is 1 where an arm has no run.
pub fn fisher(base: Cell, candidate: Cell) -> f64 {
    /// Tables that are equally likely may differ in their last digits.
    const EQUALLY_LIKELY: f64 = 1.0 + 1e-9;
    let row = hypergeometric(base.runs, candidate.runs, base.passes + candidate.passes);
    let seen = row.weights[(base.passes - row.least) as usize];
    let extreme = row.weights.iter().filter(|weight| **weight <= seen * EQUALLY_LIKELY);
    extreme.sum::<f64>().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{close, examples, is_probability, pairs, swapped};
    use super::*;

    #[test]
    fn the_test_of_mcnemar_has_the_reference_values() {
        close(mcnemar(10, 2), 0.038_574_218_75);
        close(mcnemar(2, 10), 0.038_574_218_75);
        close(mcnemar(6, 0), 0.031_25);
        close(mcnemar(5, 0), 0.062_5);
        assert_eq!((mcnemar(0, 0), mcnemar(4, 4), mcnemar(3, 4)), (1.0, 1.0, 1.0));
    }

    #[test]
    fn the_test_of_cochran_mantel_and_haenszel_has_the_reference_values() {
        let night = pairs(&[3, 2, 0, 3, 1, 2, 3, 0], &[3, 1, 0, 1, 0, 2, 2, 0], 3);
        let found = cochran_mantel_haenszel(&night).unwrap();
        close(found.value, 25.0 / 7.0);
        close(found.p, 0.058_781_721_355_358_9);
    }

    #[test]
    fn the_test_of_cochran_mantel_and_haenszel_does_not_care_which_arm_is_which() {
        let mut with_value = 0;
        for night in examples() {
            let found = cochran_mantel_haenszel(&night);
            with_value += usize::from(found.is_some());
            if let (Some(one), Some(other)) = (found, cochran_mantel_haenszel(&swapped(&night))) {
                close(one.value, other.value);
                assert!(is_probability(one.p), "{night:?}");
            }
        }
        assert!(with_value > 100, "{with_value}");
        assert_eq!(cochran_mantel_haenszel(&[]), None);
        assert_eq!(cochran_mantel_haenszel(&pairs(&[5, 0], &[5, 0], 5)), None);
    }

    #[test]
    fn the_test_of_fisher_has_known_values() {
        // The tea of Fisher's lady, 34/70, and a table whose two tails have unequal numbers of
        // tables.
        close(fisher(Cell::new(3, 4), Cell::new(1, 4)), 34.0 / 70.0);
        close(fisher(Cell::new(1, 10), Cell::new(6, 8)), 1.0 / 78.0);
        close(fisher(Cell::new(6, 8), Cell::new(1, 10)), 1.0 / 78.0);
        assert_eq!(fisher(Cell::new(0, 0), Cell::new(3, 5)), 1.0);
        close(fisher(Cell::new(0, 40), Cell::new(0, 40)), 1.0);
        close(fisher(Cell::new(2, 40), Cell::new(2, 40)), 1.0);
    }
}
