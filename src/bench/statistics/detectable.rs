//! What a comparison can find before it is made: the smallest effect, whether an alarm is possible
//! at all, and how often a night without change is called fine.

use serde::Serialize;

use super::distributions::{ln_choose, normal_quantile, t_quantile};
use super::exact::stratified;
use super::nights::{Design, NIGHTS, Rates, Runs, arcsine_quantile, nights};
use super::tables::excess_and_variance;
use super::{Pair, reaches, tasks};

/// The share of nights in which an effect is to be found, if it is there.
const POWER: f64 = 0.8;

/// The smallest mid-p value that the stratified exact test can give with so many runs: the base
/// passed all of its runs and the candidate none. It is half of the smallest p value, which is the
/// product of 1/C(base + candidate, base) over the tasks. An alarm is impossible where it is above
/// α: for a night, or for a row of a report after its adjustment. Without tasks it is ½.
pub fn smallest_mid_p(runs: &[Runs]) -> f64 {
    let ln_choices = |runs: &Runs| {
        let (base, candidate) = (u64::from(runs.base), u64::from(runs.candidate));
        ln_choose(base + candidate, base)
    };
    0.5 * (-runs.iter().map(ln_choices).sum::<f64>()).exp()
}

/// Whether no outcome of so many runs can be an alarm at `alpha`.
pub fn cannot_alarm(runs: &[Runs], alpha: f64) -> bool {
    !reaches(smallest_mid_p(runs), alpha)
}

/// The smallest true effects that the stratified exact test finds in 80 of 100 nights.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Detectable {
    /// The same drop for all tasks, as far as they can drop: 0.1 is ten points. None where even
    /// tasks that are never solved again are found more rarely.
    pub drop: Option<f64>,
    /// What that does to the mean pass rate: less than `drop`, because a rate ends at zero.
    pub mean_drop: Option<f64>,
    /// The number of tasks that must break completely, those first that the base solves most often.
    /// None where even all of them are found more rarely.
    pub broken_tasks: Option<usize>,
}

/// The smallest effects that the test of `exact` at `alpha` finds in 80 of 100 nights, from up to
/// 2,000 seeded nights for each effect that is tried.
pub fn detectable(design: &Design, alpha: f64) -> Detectable {
    /// Drops are tried in steps of half a point.
    const STEPS: usize = 200;
    let drop_of = |step: usize| step as f64 / STEPS as f64;
    let drop = smallest(STEPS, |step| {
        let drop = drop_of(step);
        is_found(design, alpha, &move |_, rate| (rate - drop).max(0.0))
    })
    .map(drop_of);
    let broken_tasks = smallest(design.runs.len(), |broken| {
        is_found(design, alpha, &move |at, rate| if at < broken { 0.0 } else { rate })
    });
    Detectable { drop, mean_drop: drop.map(|drop| mean_loss(&design.rates, drop)), broken_tasks }
}

/// Whether an effect is found in 80 of 100 nights. An effect that is found far more or far less
/// often is known after few of the nights.
fn is_found(design: &Design, alpha: f64, effect: &dyn Fn(usize, f64) -> f64) -> bool {
    /// With fewer nights the standard error of a share says little.
    const FIRST_LOOK: u32 = 50;
    /// Standard errors away from `POWER`: with hundreds of looks no luck goes that far.
    const BEYOND_DOUBT: f64 = 5.0;
    let z = normal_quantile(1.0 - alpha);
    let (mut played, mut found) = (0, 0);
    for night in nights(design, effect) {
        played += 1;
        found += u32::from(is_alarm(&night, alpha, z));
        let distance = f64::from(found) / f64::from(played) - POWER;
        let error = (POWER * (1.0 - POWER) / f64::from(played)).sqrt();
        if played >= FIRST_LOOK && distance.abs() > BEYOND_DOUBT * error {
            return distance > 0.0;
        }
    }
    f64::from(found) >= POWER * f64::from(played)
}

/// By how much the mean rate falls if every task loses `drop`, as far as it can.
fn mean_loss(rates: &Rates, drop: f64) -> f64 {
    /// So many evenly spread quantiles stand for a distribution.
    const QUANTILES: u32 = 1000;
    let loss = |rates: &mut dyn ExactSizeIterator<Item = f64>| {
        let count = rates.len().max(1) as f64;
        rates.map(|rate| rate.min(drop)).sum::<f64>() / count
    };
    match rates {
        Rates::Known(rates) => loss(&mut rates.iter().copied()),
        Rates::Unknown => {
            let share = |at: u32| (f64::from(at) + 0.5) / f64::from(QUANTILES);
            loss(&mut (0..QUANTILES).map(|at| arcsine_quantile(share(at))))
        }
    }
}

/// The smallest number from 1 to `most` for which a question has the answer yes, if every larger
/// one has it as well.
fn smallest(most: usize, holds: impl Fn(usize) -> bool) -> Option<usize> {
    if most == 0 || !holds(most) {
        return None;
    }
    let (mut no, mut yes) = (0, most);
    while yes - no > 1 {
        let middle = no + (yes - no) / 2;
        if holds(middle) {
            yes = middle;
        } else {
            no = middle;
        }
    }
    Some(yes)
}

/// Whether the test of `exact` finds a night worse. Far from the limit, and where the sum has a
/// wide distribution, its normal approximation says the same and costs nothing; a test holds both
/// against each other. `z` is the normal quantile of 1 - `alpha`.
fn is_alarm(night: &[Pair], alpha: f64, z: f64) -> bool {
    /// Sums with less variance are looked at exactly.
    const NARROW: f64 = 4.0;
    /// Sums with more variance are as good as normal.
    const WIDE: f64 = 30.0;
    /// So many standard deviations away from the limit there is no doubt.
    const DOUBT: f64 = 0.4;
    let (excess, variance) = excess_and_variance(night);
    let distance = excess / variance.sqrt() - z;
    if variance > WIDE || (variance > NARROW && distance.abs() > DOUBT) {
        distance >= 0.0
    } else {
        reaches(stratified(night).worse.mid_p, alpha)
    }
}

/// The chance that a night in which nothing changed is evidence for that, as `tasks::is_no_worse`
/// has it, from 2,000 seeded nights.
pub fn chance_of_no_worse(design: &Design, margin: f64, level: f64) -> f64 {
    let nights = nights(design, &|_, rate| rate);
    let fine = nights.filter(|night| tasks::is_no_worse(night, margin, level)).count();
    fine as f64 / f64::from(NIGHTS)
}

/// The smallest mean difference that the paired t test of `tasks` finds in 80 of 100 nights:
/// `deviation` is that of the differences of tasks. None with fewer than two tasks.
pub fn detectable_by_tasks(tasks: usize, deviation: f64, level: f64) -> Option<f64> {
    let degrees = tasks.checked_sub(1).filter(|degrees| *degrees > 0)? as f64;
    let factor = t_quantile(0.5 + 0.5 * level, degrees) + t_quantile(POWER, degrees);
    Some(factor * deviation / (tasks as f64).sqrt())
}

/// The standard deviation of the differences of tasks to expect if the arms do not differ and each
/// task has `repeats` runs in both: from the base's rates, else from those of Beta(½, ½). Zero
/// without a run.
pub fn expected_deviation(rates: &Rates, repeats: u32) -> f64 {
    // The mean of p (1 - p); that of Beta(½, ½) is 1/8.
    let spread = match rates {
        Rates::Unknown => 0.125,
        Rates::Known(rates) => {
            let sum: f64 = rates.iter().map(|rate| rate * (1.0 - rate)).sum();
            sum / rates.len().max(1) as f64
        }
    };
    if repeats == 0 { 0.0 } else { (2.0 * spread / f64::from(repeats)).sqrt() }
}

#[cfg(test)]
mod tests {
    use super::super::Cell;
    use super::super::LEVEL;
    use super::super::testing::close;
    use super::*;

    const ALPHA: f64 = 0.025;

    fn design(tasks: usize, repeats: u32) -> Design {
        let runs = Runs { base: repeats, candidate: repeats };
        Design { runs: vec![runs; tasks], rates: Rates::Unknown }
    }

    #[test]
    fn the_smallest_p_is_that_of_all_passes_against_none() {
        let of = |tasks, repeats| smallest_mid_p(&design(tasks, repeats).runs);
        close(of(1, 5), 0.5 / 252.0);
        close(of(1, 6), 0.5 / 924.0);
        close(of(3, 2), 0.5 / 216.0);
        for runs in [Runs { base: 5, candidate: 3 }, Runs { base: 1, candidate: 1 }] {
            let lost = Pair {
                base: Cell::new(runs.base, runs.base),
                candidate: Cell::new(0, runs.candidate),
            };
            close(smallest_mid_p(&[runs; 3]), stratified(&[lost; 3]).worse.mid_p);
        }
        close(smallest_mid_p(&[]), 0.5);
        close(smallest_mid_p(&[Runs { base: 0, candidate: 5 }]), 0.5);
        assert_eq!(of(5000, 5), 0.0, "too small for a double, and no fault");
    }

    #[test]
    fn few_runs_cannot_alarm() {
        assert!(cannot_alarm(&design(4, 1).runs, ALPHA));
        assert!(!cannot_alarm(&design(5, 1).runs, ALPHA));
        assert!(cannot_alarm(&design(1, 2).runs, ALPHA));
        assert!(!cannot_alarm(&design(1, 3).runs, ALPHA));
        assert!(cannot_alarm(&[], ALPHA));
    }

    #[test]
    fn effects_on_tasks_have_the_reference_values() {
        let factor =
            |tasks: usize| detectable_by_tasks(tasks, (tasks as f64).sqrt(), LEVEL).unwrap();
        close(factor(8), 3.260_653_895_906_549_4);
        close(factor(20), 2.953_974_604_677_237_3);
        close(factor(40), 2.873_625_939_956_857);
        let points = |tasks| {
            let deviation = expected_deviation(&Rates::Unknown, 5);
            detectable_by_tasks(tasks, deviation, LEVEL).unwrap() * 100.0
        };
        assert!((points(40) - 10.2).abs() < 0.05 && (points(8) - 25.8).abs() < 0.05);
        assert_eq!(detectable_by_tasks(1, 0.2, LEVEL), None);
        assert_eq!(detectable_by_tasks(0, 0.2, LEVEL), None);
        close(expected_deviation(&Rates::Unknown, 5), 0.5 / 5f64.sqrt());
        close(expected_deviation(&Rates::Known(vec![0.5, 1.0]), 4), 0.25);
        assert_eq!(expected_deviation(&Rates::Known(vec![]), 0), 0.0);
    }

    #[test]
    fn the_chance_of_fine_has_the_reference_values() {
        // From 20,000 nights of an independent simulation in another language.
        let expected = [((8, 5), 0.248), ((20, 5), 0.495), ((40, 5), 0.784), ((40, 10), 0.969)];
        for ((tasks, repeats), expected) in expected {
            let found = chance_of_no_worse(&design(tasks, repeats), 0.1, LEVEL);
            // Three standard errors of 2,000 nights.
            let error = 3.0 * (expected * (1.0 - expected) / f64::from(NIGHTS)).sqrt();
            assert!((found - expected).abs() < error, "T={tasks} R={repeats}: {found}");
        }
        assert_eq!(chance_of_no_worse(&design(0, 5), 0.1, LEVEL), 0.0);
        assert_eq!(chance_of_no_worse(&design(1, 5), 0.1, LEVEL), 0.0);
    }

    #[test]
    fn more_tasks_and_more_runs_find_smaller_effects() {
        let of = |tasks, repeats| detectable(&design(tasks, repeats), ALPHA);
        let (few, tasks, runs) = (of(6, 3), of(12, 3), of(6, 6));
        assert!(few.drop > tasks.drop && few.drop > runs.drop, "{few:?} {tasks:?} {runs:?}");
        assert!(few.mean_drop < few.drop && few.broken_tasks > runs.broken_tasks);
    }

    #[test]
    fn an_effect_that_cannot_be_found_is_none() {
        let nothing = Detectable { drop: None, mean_drop: None, broken_tasks: None };
        assert_eq!(detectable(&design(0, 5), ALPHA), nothing);
        assert_eq!(detectable(&design(4, 1), ALPHA), nothing);
        let never_solved = Design { rates: Rates::Known(vec![0.0; 8]), ..design(8, 5) };
        assert_eq!(detectable(&never_solved, ALPHA), nothing);
    }

    #[test]
    fn one_broken_task_is_found_among_tasks_that_are_always_solved() {
        // It gives half of 1/252 in every night, because no other task varies.
        let always = Design { rates: Rates::Known(vec![1.0; 8]), ..design(8, 5) };
        let found = detectable(&always, ALPHA);
        assert_eq!(found.broken_tasks, Some(1));
        close(found.drop.unwrap(), found.mean_drop.unwrap());
    }

    #[test]
    fn the_normal_shortcut_says_what_the_exact_test_says() {
        let z = normal_quantile(1.0 - ALPHA);
        for (tasks, repeats, drop) in [(20, 5, 0.15), (60, 3, 0.1), (120, 1, 0.1)] {
            let effect = move |_: usize, rate: f64| (rate - drop).max(0.0);
            let design = design(tasks, repeats);
            let (mut differ, mut alarms) = (0, 0);
            for night in nights(&design, &effect).take(500) {
                let exact = reaches(stratified(&night).worse.mid_p, ALPHA);
                alarms += usize::from(exact);
                differ += usize::from(exact != is_alarm(&night, ALPHA, z));
            }
            assert!((50..450).contains(&alarms), "T={tasks} R={repeats}: {alarms}");
            assert!(differ <= 2, "T={tasks} R={repeats}: {differ} of 500");
        }
    }
}
