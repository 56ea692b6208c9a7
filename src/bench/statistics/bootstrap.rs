//! The cluster bootstrap: intervals from tasks that are drawn again.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Interval;
use super::generator::Generator;
use crate::sorting;

/// How many times tasks are drawn again: the ends of an interval then move by about a fiftieth of
/// its width from one seed to another.
const DRAWS: usize = 10_000;
/// The same values give the same interval every time.
const SEED: u64 = 20_070_101;

/// The interval of a mean over tasks at `level`, by the percentiles of the cluster bootstrap (Efron
/// 1979): tasks are drawn again, and each brings all its repeats along, in both arms. The values
/// are one for each task. None without one.
pub fn mean(values: &[f64], level: f64) -> Option<Interval> {
    let mut means = Vec::with_capacity(DRAWS);
    resample(values.len(), |tasks| {
        let sum: f64 = tasks.iter().map(|task| values[*task]).sum();
        means.push(sum / values.len() as f64);
    });
    let (low, high) = ends(level);
    Some(Interval { low: quantile(&mut means, low)?, high: quantile(&mut means, high)? })
}

/// One task's parts of two sums.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Parts {
    /// What is divided, such as the cost of the candidate. Not negative.
    pub above: f64,
    /// What it is divided by, such as the cost of the base or the number of passes. Not negative.
    pub below: f64,
}

/// A ratio of sums over tasks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// None where nothing is below the line.
    pub estimate: Option<f64>,
    /// The lower end of the interval. None where even that is without limit.
    pub low: Option<f64>,
    /// The upper end. None where it is without limit.
    pub high: Option<f64>,
}

/// Ratios of two sums over tasks, such as cost per pass or the candidate's cost per cost of the
/// base, each with the interval of the cluster bootstrap at `level`. Where the drawn tasks have
/// nothing below the line, such as no pass, the ratio is without limit. Where they have nothing
/// above either, it could be any, and counts as zero for the lower end and as without limit for the
/// upper one. None for a list without a task.
///
/// Lists of as many tasks are drawn together, because drawing takes longer than adding.
pub fn ratios_of_sums(lists: &[Vec<Parts>], level: f64) -> Vec<Option<Ratio>> {
    let mut by_length: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, list) in lists.iter().enumerate() {
        by_length.entry(list.len()).or_default().push(at);
    }
    let mut found = vec![None; lists.len()];
    for (tasks, places) in by_length {
        let drawn = drawn_ratios(tasks, &places.iter().map(|at| &lists[*at]).collect::<Vec<_>>());
        for (at, ratios) in places.into_iter().zip(drawn) {
            found[at] = ratio(&lists[at], &ratios, level);
        }
    }
    found
}

/// How many lists are added side by side: one addition need not wait for another then.
const LANES: usize = 4;

/// Of each list the ratios of its samples, NaN where a sample could have any. All lists have as
/// many tasks.
fn drawn_ratios(tasks: usize, lists: &[&Vec<Parts>]) -> Vec<Vec<f64>> {
    let row = |lists: &[&Vec<Parts>], task: usize| {
        let mut row = [Parts::default(); LANES];
        lists.iter().zip(&mut row).for_each(|(list, parts)| *parts = list[task]);
        row
    };
    let table = |lists: &[&Vec<Parts>]| (0..tasks).map(|task| row(lists, task)).collect();
    let tables: Vec<Vec<[Parts; LANES]>> = lists.chunks(LANES).map(table).collect();
    let mut ratios = vec![Vec::new(); lists.len()];
    resample(tasks, |drawn| {
        for (table, ratios) in tables.iter().zip(ratios.chunks_mut(LANES)) {
            let sums = sums(drawn.iter().map(|task| &table[*task]));
            ratios.iter_mut().zip(sums).for_each(|(ratios, sum)| ratios.push(sum.ratio()));
        }
    });
    ratios
}

/// The ratio of a list and, from those of its samples, its interval.
fn ratio(list: &[Parts], drawn: &[f64], level: f64) -> Option<Ratio> {
    let finite = |number: f64| Some(number).filter(|number| number.is_finite());
    let whole = list.iter().fold(Parts::default(), |sum, part| sum.plus(*part));
    let end = |share: f64, any: f64| {
        let known = drawn.iter().map(|ratio| if ratio.is_nan() { any } else { *ratio });
        quantile(&mut known.collect::<Vec<_>>(), share).map(finite)
    };
    let (low, high) = ends(level);
    let (low, high) = (end(low, 0.0)?, end(high, f64::INFINITY)?);
    Some(Ratio { estimate: finite(whole.above / whole.below), low, high })
}

/// The sums above and below the line, of lists that lie side by side.
fn sums<'a>(tasks: impl Iterator<Item = &'a [Parts; LANES]>) -> [Parts; LANES] {
    // Without a loop over the lanes the sums stay in registers, even where the compiler is asked
    // for small code. That is four times as fast.
    tasks.fold([Parts::default(); LANES], |[a, b, c, d], row| {
        [a.plus(row[0]), b.plus(row[1]), c.plus(row[2]), d.plus(row[3])]
    })
}

impl Parts {
    #[inline(always)]
    fn plus(self, other: Parts) -> Parts {
        Parts { above: self.above + other.above, below: self.below + other.below }
    }

    /// NaN if it could be any, infinite if it is without limit.
    fn ratio(self) -> f64 {
        if self.below > 0.0 {
            self.above / self.below
        } else if self.above == 0.0 {
            f64::NAN
        } else {
            f64::INFINITY
        }
    }
}

/// The shares of draws below the ends of an interval at `level`.
fn ends(level: f64) -> (f64, f64) {
    (0.5 - 0.5 * level, 0.5 + 0.5 * level)
}

/// Hands many samples of as many tasks as there are to `visit`, drawn with replacement: all that
/// there are where these are no more than `DRAWS`, as for five tasks.
fn resample(tasks: usize, mut visit: impl FnMut(&[usize])) {
    let mut drawn = vec![0; tasks];
    let samples = u32::try_from(tasks).ok().and_then(|places| tasks.checked_pow(places));
    if let Some(samples) = samples.filter(|samples| *samples <= DRAWS) {
        for number in 0..if tasks == 0 { 0 } else { samples } {
            // The digits of the number, in a system with as many digits as there are tasks.
            let mut rest = number;
            for task in &mut drawn {
                (*task, rest) = (rest % tasks, rest / tasks);
            }
            visit(&drawn);
        }
        return;
    }
    let mut random = Generator::new(SEED);
    for _ in 0..DRAWS {
        for task in &mut drawn {
            *task = random.below(tasks);
        }
        visit(&drawn);
    }
}

/// The value below which a share of the values lies, on the straight line between its neighbours
/// (type 7 of Hyndman and Fan 1996). None without a value. The values change their places.
pub fn quantile(values: &mut [f64], share: f64) -> Option<f64> {
    let place = share.clamp(0.0, 1.0) * values.len().checked_sub(1)? as f64;
    let below = sorting::number_at(values, place.floor() as usize);
    let above = sorting::number_at(values, place.ceil() as usize);
    // Two that are without limit have no difference.
    let is_point = below == above || place.fract() == 0.0;
    Some(if is_point { below } else { below + place.fract() * (above - below) })
}

#[cfg(test)]
mod tests {
    use super::super::LEVEL;
    use super::super::testing::close;
    use super::*;

    fn parts(above: &[f64], below: &[f64]) -> Vec<Parts> {
        let both = above.iter().zip(below);
        both.map(|(above, below)| Parts { above: *above, below: *below }).collect()
    }

    fn one_ratio(tasks: &[Parts]) -> Option<Ratio> {
        ratios_of_sums(&[tasks.to_vec()], LEVEL)[0]
    }

    #[test]
    fn five_tasks_are_enumerated_and_have_the_reference_values() {
        let mut samples = 0;
        resample(5, |_| samples += 1);
        assert_eq!(samples, 3125);
        let found = mean(&[0.2, 0.0, 0.4, -0.2, 0.6], LEVEL).unwrap();
        close(found.low, -0.04);
        close(found.high, 0.44);
    }

    #[test]
    fn many_tasks_have_about_the_interval_of_the_normal_distribution() {
        let values: Vec<f64> = (0..400).map(|at| f64::from(at % 2)).collect();
        let found = mean(&values, LEVEL).unwrap();
        // Half a deviation of 1/2 over the root of 400, 1.96 times.
        let half = 1.96 * 0.5 / 20.0;
        assert!((found.low - (0.5 - half)).abs() < 0.003, "{found:?}");
        assert!((found.high - (0.5 + half)).abs() < 0.003, "{found:?}");
        assert_eq!(mean(&values, LEVEL), Some(found), "the seed is fixed");
    }

    #[test]
    fn few_or_equal_tasks_have_no_width_and_no_task_has_no_interval() {
        assert_eq!(mean(&[], LEVEL), None);
        assert_eq!(mean(&[0.3], LEVEL), Some(Interval { low: 0.3, high: 0.3 }));
        let equal = mean(&[0.25; 12], LEVEL).unwrap();
        assert_eq!((equal.low, equal.high), (0.25, 0.25));
    }

    #[test]
    fn a_ratio_of_sums_holds_its_estimate() {
        let costs = parts(&[2.0, 3.0, 5.0, 4.0, 1.0, 3.0], &[1.0, 3.0, 4.0, 5.0, 1.0, 2.0]);
        let found = one_ratio(&costs).unwrap();
        close(found.estimate.unwrap(), 18.0 / 16.0);
        assert!(found.low.unwrap() < 1.125 && found.high.unwrap() > 1.125, "{found:?}");
        let doubled = parts(&[2.0, 6.0, 8.0, 10.0, 2.0, 4.0], &[1.0, 3.0, 4.0, 5.0, 1.0, 2.0]);
        let exactly = Ratio { estimate: Some(2.0), low: Some(2.0), high: Some(2.0) };
        assert_eq!(one_ratio(&doubled), Some(exactly));
    }

    #[test]
    fn samples_without_a_pass_have_no_upper_end() {
        // One task of four passed: (3/4)^4 of all samples have no pass.
        let costs = parts(&[1.0; 4], &[1.0, 0.0, 0.0, 0.0]);
        let found = one_ratio(&costs).unwrap();
        assert_eq!((found.estimate, found.high), (Some(4.0), None));
        assert!(found.low.unwrap() <= 2.0, "{found:?}");
        let never = one_ratio(&parts(&[1.0; 9], &[0.0; 9]));
        assert_eq!(never, Some(Ratio { estimate: None, low: None, high: None }));
    }

    #[test]
    fn nothing_above_and_below_the_line_could_be_any_ratio() {
        let free = one_ratio(&parts(&[0.0; 3], &[0.0; 3]));
        assert_eq!(free, Some(Ratio { estimate: None, low: Some(0.0), high: None }));
        assert_eq!(one_ratio(&[]), None);
    }

    #[test]
    fn lists_that_are_drawn_together_have_the_ratios_of_each_alone() {
        let list = |tasks: u32, salt: u32| -> Vec<Parts> {
            let part = |at: u32| Parts {
                above: f64::from((at * 7 + salt) % 5),
                below: f64::from((at + salt) % 3 / 2),
            };
            (0..tasks).map(part).collect()
        };
        let lengths = [3, 20, 0, 20, 1, 3];
        let many = lengths.iter().cycle().zip(0..40);
        let lists: Vec<Vec<Parts>> = many.map(|(tasks, salt)| list(*tasks, salt)).collect();
        let alone: Vec<Option<Ratio>> = lists.iter().map(|list| one_ratio(list)).collect();
        assert_eq!(ratios_of_sums(&lists, LEVEL), alone);
    }

    #[test]
    fn quantiles_are_on_the_line_between_neighbours() {
        let values = [4.0, 1.0, f64::INFINITY, 2.0];
        let shares = [0.0, 0.5, 0.1, 0.9, 1.0, 2.0 / 3.0];
        let shares = shares.map(|share| quantile(&mut values.clone(), share));
        let expected = [1.0, 3.0, 1.3, f64::INFINITY, f64::INFINITY, 4.0].map(Some);
        assert_eq!(shares, expected);
        assert_eq!(quantile(&mut [f64::INFINITY; 3], 0.3), Some(f64::INFINITY));
        assert_eq!(quantile(&mut [], 0.5), None);
    }
}
