//! The gate: have these very tasks become worse? An exact test of runs within each task.

use serde::Serialize;

use super::Pair;
use super::distributions::hypergeometric;

/// How surprising a night is if the arms do not differ, seen in one direction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Tail {
    /// The probability of what was seen and of all that is more extreme. A test at α that uses it
    /// alarms in at most α of quiet nights, and in many designs far more rarely.
    pub p: f64,
    /// The same with only half of the probability of exactly what was seen (Lancaster 1961). It is
    /// what the gate compares with α, by `reaches`: its alarms are α of quiet nights on average.
    pub mid_p: f64,
}

/// What the stratified exact test says.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Stratified {
    /// Tasks with runs in both arms.
    pub tasks: usize,
    /// Those of them where at least one run passed and one failed: the others say nothing.
    pub telling: usize,
    /// Small where the candidate passes less than the base.
    pub worse: Tail,
    /// Small where the candidate passes more than the base.
    pub better: Tail,
}

impl Stratified {
    /// The two-sided mid-p value: for the question whether there is any difference.
    pub fn two_sided(&self) -> f64 {
        (2.0 * self.worse.mid_p.min(self.better.mid_p)).min(1.0)
    }
}

/// The stratified exact test with mid-p values (Mantel and Haenszel 1959; exact: Mehta, Patel and
/// Gray 1985; mid-p: Lancaster 1961). If an arm makes no difference to a task, it makes none which
/// of the task's runs passed, and the base's passes are hypergeometric. Their sum over the tasks is
/// compared with what was seen. Tasks may have any numbers of runs; those without a run in an arm
/// are left out. With one run a task in each arm it is McNemar's one-sided mid-p test.
///
/// Without tasks that tell something both p are 1 and both mid-p are ½.
pub fn stratified(pairs: &[Pair]) -> Stratified {
    let mut weights = vec![1.0];
    // Of the sum of the base's passes, counted from its smallest possible value, as the weights
    // are.
    let mut seen = 0;
    let (mut tasks, mut telling) = (0, 0);
    for pair in pairs.iter().filter(|pair| pair.is_complete()) {
        tasks += 1;
        let passes = pair.base.passes + pair.candidate.passes;
        let row = hypergeometric(pair.base.runs, pair.candidate.runs, passes);
        if row.weights.len() > 1 {
            telling += 1;
            seen += (pair.base.passes - row.least) as usize;
            weights = convolved(&weights, &row.weights);
        }
    }
    let exactly = weights[seen];
    let tail = |beyond: &[f64]| {
        let beyond: f64 = beyond.iter().sum();
        Tail { p: (beyond + exactly).min(1.0), mid_p: (beyond + 0.5 * exactly).min(1.0) }
    };
    Stratified { tasks, telling, worse: tail(&weights[seen + 1..]), better: tail(&weights[..seen]) }
}

/// The distribution of the sum of two independent numbers, from the distributions of both.
fn convolved(long: &[f64], short: &[f64]) -> Vec<f64> {
    let mut sum = vec![0.0; long.len() + short.len() - 1];
    for (shift, share) in short.iter().enumerate() {
        for (sum, weight) in sum[shift..].iter_mut().zip(long) {
            *sum += share * weight;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::super::Cell;
    use super::super::distributions::binomial_lower;
    use super::super::testing::{close, examples, is_probability, pairs, swapped};
    use super::*;

    #[test]
    fn worse_nights_have_the_reference_values() {
        let night = pairs(&[3, 2, 0, 3, 1, 2, 3, 0], &[3, 1, 0, 1, 0, 2, 2, 0], 3);
        let found = stratified(&night).worse;
        assert!((found.p - 0.0615).abs() < 5e-5 && (found.mid_p - 0.03525).abs() < 5e-6);
        let base = [5, 5, 5, 0, 3, 5, 5, 5];
        let one_broken = stratified(&pairs(&base, &[0, 5, 5, 0, 3, 5, 5, 5], 5)).worse;
        close(one_broken.p, 0.038_359_788_359_788_37);
        close(one_broken.mid_p, 0.020_880_574_452_003_028);
        let two_broken = stratified(&pairs(&base, &[0, 0, 5, 0, 3, 5, 5, 5], 5)).worse;
        close(two_broken.p, 0.000_527_150_895_631_621_6);
        close(two_broken.mid_p, 0.000_275_010_797_969_981_8);
    }

    #[test]
    fn unequal_numbers_of_runs_have_the_reference_values() {
        let cells = |passes: [u32; 4], runs: [u32; 4]| passes.into_iter().zip(runs);
        let base = cells([5, 4, 2, 20], [5, 5, 4, 20]);
        let candidate = cells([3, 3, 1, 3], [5, 4, 5, 5]);
        let cell = |(passes, runs)| Cell::new(passes, runs);
        let night: Vec<Pair> = base
            .zip(candidate)
            .map(|(base, candidate)| Pair { base: cell(base), candidate: cell(candidate) })
            .collect();
        let found = stratified(&night).worse;
        close(found.p, 0.014_192_631_785_224_376);
        close(found.mid_p, 0.007_811_581_422_692_533);
    }

    #[test]
    fn with_one_run_a_task_it_is_the_test_of_mcnemar() {
        // Seven tasks lost, two won, three solved by both, one by neither.
        let base = [1, 1, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 0];
        let candidate = [0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 0];
        let found = stratified(&pairs(&base, &candidate, 1));
        assert_eq!((found.tasks, found.telling), (13, 9));
        let at_most = |won| binomial_lower(won, 9, 0.5);
        close(found.worse.p, at_most(2));
        close(found.worse.mid_p, 0.5 * (at_most(2) + at_most(1)));
    }

    #[test]
    fn what_says_nothing_is_no_evidence() {
        let nothing = Tail { p: 1.0, mid_p: 0.5 };
        for night in [
            vec![],
            vec![Pair::default()],
            pairs(&[5, 5], &[5, 5], 5),
            pairs(&[0], &[0], 5),
            vec![Pair { base: Cell::new(5, 5), candidate: Cell::new(0, 0) }],
        ] {
            let found = stratified(&night);
            assert_eq!((found.worse, found.better, found.telling), (nothing, nothing, 0));
            assert_eq!(found.two_sided(), 1.0);
        }
    }

    #[test]
    fn exchanged_arms_exchange_worse_and_better() {
        for night in examples() {
            let (one, other) = (stratified(&night), stratified(&swapped(&night)));
            close(one.worse.p, other.better.p);
            close(one.better.mid_p, other.worse.mid_p);
            close(one.worse.mid_p + one.better.mid_p, 1.0);
            let tails = [one.worse.p, one.worse.mid_p, one.better.p, one.two_sided()];
            assert!(tails.into_iter().all(is_probability), "{night:?}");
        }
    }

    #[test]
    fn the_order_of_tasks_and_tasks_of_one_arm_change_nothing() {
        for mut night in examples() {
            let found = stratified(&night);
            night.reverse();
            night.push(Pair { base: Cell::new(3, 4), candidate: Cell::new(0, 0) });
            let again = stratified(&night);
            close(again.worse.mid_p, found.worse.mid_p);
            assert_eq!(again.tasks, found.tasks);
        }
    }

    #[test]
    fn each_pass_that_the_candidate_loses_is_more_evidence() {
        let base = [5, 3, 4, 5, 2];
        let mut before = 1.0;
        for lost in 0..=5 {
            let found = stratified(&pairs(&base, &[5 - lost, 3, 4, 5, 2], 5)).worse.mid_p;
            assert!(found < before, "{lost} lost: {found}");
            before = found;
        }
    }
}
