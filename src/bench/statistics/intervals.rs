//! Intervals of one arm: means over tasks, pass rates, and counts of independent runs.

use serde::Serialize;

use super::distributions::{normal_quantile, t_quantile};
use super::{Cell, Interval};

/// A mean over tasks with its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mean {
    /// How many values it is of.
    pub tasks: usize,
    /// The mean.
    pub estimate: f64,
    /// Its standard error. None with one task.
    pub standard_error: Option<f64>,
    /// Student's interval. None with one task.
    pub interval: Option<Interval>,
}

/// The mean of one number a task, such as its mean score or the difference of its rates, with
/// Student's t interval (1908) at `level`, a share. The repeats of a task are one number here, so
/// that it does not matter how much they depend on each other (Miller 2024, arXiv:2411.00640,
/// clustered standard errors). None without a task.
pub fn mean(values: &[f64], level: f64) -> Option<Mean> {
    let tasks = values.len();
    let (estimate, deviation) = mean_and_deviation(values)?;
    let standard_error = deviation.map(|deviation| deviation / (tasks as f64).sqrt());
    let interval = standard_error.map(|error| {
        let half = t_quantile(0.5 + 0.5 * level, (tasks - 1) as f64) * error;
        Interval { low: estimate - half, high: estimate + half }
    });
    Some(Mean { tasks, estimate, standard_error, interval })
}

/// The mean and, from two values on, the standard deviation of a sample. Equal values have a
/// deviation of exactly zero, which their rounded mean would not give.
pub fn mean_and_deviation(values: &[f64]) -> Option<(f64, Option<f64>)> {
    let first = *values.first()?;
    if values.iter().all(|value| *value == first) {
        return Some((first, (values.len() > 1).then_some(0.0)));
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((mean, Some((squares / (count - 1.0)).sqrt())))
}

/// Wilson's score interval (1927) of a rate from runs that are independent of each other, such as
/// the runs of one task, at `level`. None without a run.
pub fn wilson(cell: Cell, level: f64) -> Option<Interval> {
    Some(score_interval(cell.rate()?, f64::from(cell.runs), normal_quantile(0.5 + 0.5 * level)))
}

/// Wilson's formula: the rates that are at most `z` of their own standard errors from the one seen
/// in `runs` runs, which need not be a whole number.
fn score_interval(rate: f64, runs: f64, z: f64) -> Interval {
    let share = z * z / runs;
    let half = z * (rate * (1.0 - rate) / runs + 0.25 * share / runs).sqrt();
    let end = |half: f64| (rate + 0.5 * share + half) / (1.0 + share);
    // Rates of 0 and 1 are ends themselves, which rounding would miss by a last digit.
    let low = if rate == 0.0 { 0.0 } else { end(-half).clamp(0.0, rate) };
    let high = if rate == 1.0 { 1.0 } else { end(half).clamp(rate, 1.0) };
    Interval { low, high }
}

/// What an interval of a pass rate speaks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// Tasks like these.
    Tasks,
    /// This task alone: one task says nothing about others.
    ThisTask,
}

/// The pass rate of an arm.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PassRate {
    /// Tasks with at least one run.
    pub tasks: usize,
    /// The mean of the tasks' rates, so that every task counts alike, from 0 to 1.
    pub estimate: f64,
    /// The standard error of the estimate as a mean over tasks. None with one task.
    pub standard_error: Option<f64>,
    /// How many independent runs would tell as much.
    pub effective_runs: f64,
    /// From 0 to 1.
    pub interval: Interval,
    /// What the interval speaks about.
    pub about: About,
}

/// The pass rate over tasks (Miller 2024, arXiv:2411.00640) with Wilson's interval (1927) of as
/// many runs as would give the same standard error, and Student's quantile in place of the normal
/// one (Korn and Graubard 1998 do so for surveys). Where the tasks do not differ at all the
/// standard error says nothing, and the number of tasks is taken. Student's own interval around the
/// mean would cover only 83 to 93 % at rates of 0.9 and more, and leave the range from 0 to 1.
///
/// Cells without a run are left out. None without a task.
pub fn pass_rate(cells: &[Cell], level: f64) -> Option<PassRate> {
    let rates: Vec<f64> = cells.iter().filter_map(|cell| cell.rate()).collect();
    let tasks = rates.len();
    let (estimate, deviation) = mean_and_deviation(&rates)?;
    let all_runs: f64 = cells.iter().map(|cell| f64::from(cell.runs)).sum();
    let Some(deviation) = deviation else {
        let z = normal_quantile(0.5 + 0.5 * level);
        return Some(PassRate {
            tasks,
            estimate,
            standard_error: None,
            effective_runs: all_runs,
            interval: score_interval(estimate, all_runs, z),
            about: About::ThisTask,
        });
    };
    let error = deviation / (tasks as f64).sqrt();
    let effective_runs = if deviation == 0.0 {
        tasks as f64
    } else {
        (estimate * (1.0 - estimate) / (error * error)).min(all_runs)
    };
    let t = t_quantile(0.5 + 0.5 * level, (tasks - 1) as f64);
    Some(PassRate {
        tasks,
        estimate,
        standard_error: Some(error),
        effective_runs,
        interval: score_interval(estimate, effective_runs, t),
        about: About::Tasks,
    })
}

#[cfg(test)]
mod tests {
    use super::super::LEVEL;
    use super::super::testing::{close, examples};
    use super::*;

    #[track_caller]
    fn close_interval(found: Interval, low: f64, high: f64) {
        close(found.low, low);
        close(found.high, high);
    }

    #[test]
    fn intervals_of_wilson_have_the_reference_values() {
        let of = |passes, runs| wilson(Cell::new(passes, runs), LEVEL).unwrap();
        close_interval(of(7, 50), 0.069_508_334_270_162_9, 0.261_861_937_105_854_4);
        close_interval(of(0, 10), 0.0, 0.277_532_799_862_889_3);
        close_interval(of(10, 10), 0.722_467_200_137_110_7, 1.0);
        assert_eq!((of(0, 10).low, of(10, 10).high), (0.0, 1.0));
        assert_eq!(wilson(Cell::new(0, 0), LEVEL), None);
    }

    #[test]
    fn pass_rates_have_the_reference_values() {
        let cells = [(2, 3), (0, 3), (3, 3), (1, 3), (3, 3)];
        let cells: Vec<Cell> =
            cells.into_iter().map(|(passes, runs)| Cell::new(passes, runs)).collect();
        let found = pass_rate(&cells, LEVEL).unwrap();
        close(found.estimate, 0.6);
        close(found.standard_error.unwrap(), 0.194_365_063_161_510);
        close(found.effective_runs, 6.352_941_176_470_589);
        close_interval(found.interval, 0.178_335_097_328_945_6, 0.912_023_700_070_115_1);
        let all = pass_rate(&[Cell::new(1, 1); 40], LEVEL).unwrap();
        close_interval(all.interval, 0.907_208_892_737_883_4, 1.0);
        let mut cells = [Cell::new(1, 1); 20];
        cells[..2].fill(Cell::new(0, 1));
        let found = pass_rate(&cells, LEVEL).unwrap();
        close(found.effective_runs, 19.0);
        close_interval(found.interval, 0.675_120_906_761_983_8, 0.974_986_560_989_562_7);
    }

    #[test]
    fn one_task_speaks_about_itself_alone() {
        let cells = [Cell::new(0, 0), Cell::new(7, 50)];
        let found = pass_rate(&cells, LEVEL).unwrap();
        assert_eq!((found.tasks, found.about), (1, About::ThisTask));
        assert_eq!((found.standard_error, found.effective_runs), (None, 50.0));
        assert_eq!(Some(found.interval), wilson(cells[1], LEVEL));
        assert_eq!(pass_rate(&[], LEVEL), None);
        assert_eq!(pass_rate(&[Cell::new(0, 0)], LEVEL), None);
    }

    #[test]
    fn tasks_that_do_not_differ_count_once_each_whatever_their_repeats() {
        // The mean of 29 times 1/3 is not 1/3 for a computer.
        let found = pass_rate(&[Cell::new(1, 3); 29], LEVEL).unwrap();
        assert_eq!((found.standard_error, found.effective_runs), (Some(0.0), 29.0));
        let mixed = [Cell::new(1, 3), Cell::new(2, 6)];
        assert_eq!(pass_rate(&mixed, LEVEL).unwrap().effective_runs, 2.0);
    }

    #[test]
    fn every_interval_holds_its_estimate_and_widens_with_the_level() {
        for night in examples() {
            let cells: Vec<Cell> = night.iter().map(|pair| pair.base).collect();
            let Some(found) = pass_rate(&cells, LEVEL) else { continue };
            let (low, high) = (found.interval.low, found.interval.high);
            assert!(0.0 <= low && low <= found.estimate, "{cells:?}");
            assert!(found.estimate <= high && high <= 1.0, "{cells:?}");
            let wide = pass_rate(&cells, 0.99).unwrap().interval;
            assert!(wide.low <= low && high <= wide.high, "{cells:?}");
            let mirrored: Vec<Cell> =
                cells.iter().map(|cell| Cell::new(cell.failures(), cell.runs)).collect();
            let mirrored = pass_rate(&mirrored, LEVEL).unwrap();
            close_interval(mirrored.interval, 1.0 - high, 1.0 - low);
        }
    }

    #[test]
    fn means_have_the_interval_of_student() {
        // The scores 1, 2, 3: a deviation of 1, and 4.302... is the quantile at two degrees.
        let found = mean(&[1.0, 2.0, 3.0], LEVEL).unwrap();
        let half = 4.302_652_729_749_464 / 3f64.sqrt();
        close_interval(found.interval.unwrap(), 2.0 - half, 2.0 + half);
        assert_eq!(mean(&[], LEVEL), None);
        let one = mean(&[0.4], LEVEL).unwrap();
        assert_eq!((one.estimate, one.standard_error, one.interval), (0.4, None, None));
        let equal = mean(&[0.1; 7], LEVEL).unwrap().interval.unwrap();
        assert_eq!((equal.low, equal.high), (0.1, 0.1));
    }
}
