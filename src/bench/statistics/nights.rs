//! Nights that are played with seeded luck instead of agents: what a design would give.

use super::generator::Generator;
use super::{Cell, Pair};

use crate::sorting;

/// Nights that are played for one number. Its standard error is then one point at most.
pub const NIGHTS: u32 = 2000;
/// The same design gives the same numbers every time.
const SEED: u64 = 20_070_102;

/// The numbers of runs of one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runs {
    /// Of the base.
    pub base: u32,
    /// Of the candidate.
    pub candidate: u32,
}

/// A comparison before it is made, or again.
#[derive(Clone, Debug, PartialEq)]
pub struct Design {
    /// One a task.
    pub runs: Vec<Runs>,
    /// The base's pass rates.
    pub rates: Rates,
}

/// How often the base passes each task.
#[derive(Clone, Debug, PartialEq)]
pub enum Rates {
    /// As an earlier night had it: as many as tasks, each from 0 to 1.
    Known(Vec<f64>),
    /// Not known: each night draws them from Beta(½, ½), where half of the tasks are nearly always
    /// or nearly never solved.
    Unknown,
}

/// Seeded nights of a design. `effect` says what becomes of the rate of a task, which is given its
/// place among the base's rates, from the largest one. All effects meet the same luck, so that a
/// larger one is found in no fewer nights.
pub fn nights<'a>(
    design: &'a Design,
    effect: &'a dyn Fn(usize, f64) -> f64,
) -> impl Iterator<Item = Vec<Pair>> + 'a {
    let mut tasks: Vec<(f64, Runs)> = match &design.rates {
        Rates::Known(rates) => rates.iter().copied().zip(design.runs.iter().copied()).collect(),
        Rates::Unknown => design.runs.iter().map(|runs| (0.0, *runs)).collect(),
    };
    let from_largest = |one: &(f64, Runs), other: &(f64, Runs)| other.0.total_cmp(&one.0);
    sorting::sort_by(&mut tasks, from_largest);
    (0..NIGHTS).map(move |night| {
        let mut random = Generator::stream(SEED, night);
        if design.rates == Rates::Unknown {
            for (rate, _) in &mut tasks {
                *rate = nearly_always_or_never(&mut random);
            }
            sorting::sort_by(&mut tasks, from_largest);
        }
        let mut pair = |(at, (rate, runs)): (usize, &(f64, Runs))| Pair {
            base: played(&mut random, *rate, runs.base),
            candidate: played(&mut random, effect(at, *rate), runs.candidate),
        };
        tasks.iter().enumerate().map(&mut pair).collect()
    })
}

/// A rate from Beta(½, ½).
pub fn nearly_always_or_never(random: &mut Generator) -> f64 {
    arcsine_quantile(random.unit())
}

/// The rate below which a share of Beta(½, ½), the arcsine distribution, lies.
pub fn arcsine_quantile(share: f64) -> f64 {
    (share * std::f64::consts::FRAC_PI_2).sin().powi(2)
}

/// So many runs of a task that passes with `rate`. With the same luck a larger rate gives no fewer
/// passes.
pub fn played(random: &mut Generator, rate: f64, runs: u32) -> Cell {
    /// The probability of no pass in so many runs is a number that a double can hold.
    const AT_ONCE: u32 = 512;
    let mut passes = 0;
    for begun in (0..runs).step_by(AT_ONCE as usize) {
        let runs = (runs - begun).min(AT_ONCE);
        let luck = random.unit();
        // The rarer outcome is counted, so that there is little to count.
        passes += if rate <= 0.5 {
            binomial_quantile(1.0 - luck, rate, runs)
        } else {
            runs - binomial_quantile(luck, 1.0 - rate, runs)
        };
    }
    Cell::new(passes, runs)
}

/// The smallest number of passes for which a binomial distribution is above `share` or at its end,
/// for a rate of at most ½.
fn binomial_quantile(share: f64, rate: f64, runs: u32) -> u32 {
    let odds = rate / (1.0 - rate);
    let (mut passes, mut left) = (0, share);
    let mut probability = (1.0 - rate).powi(runs as i32);
    while left >= probability && passes < runs && rate > 0.0 {
        left -= probability;
        probability *= odds * f64::from(runs - passes) / f64::from(passes + 1);
        passes += 1;
    }
    passes
}

#[cfg(test)]
mod tests {
    use super::super::intervals::mean_and_deviation;
    use super::*;

    #[test]
    fn runs_that_are_played_pass_as_often_as_their_rate_says() {
        let mut random = Generator::new(8);
        for (rate, runs) in [(0.1, 5), (0.7, 5), (0.5, 700), (0.95, 1)] {
            let counts: Vec<f64> =
                (0..4000).map(|_| f64::from(played(&mut random, rate, runs).passes)).collect();
            let (mean, deviation) = mean_and_deviation(&counts).unwrap();
            let expected = (f64::from(runs) * rate * (1.0 - rate)).sqrt();
            let luck = 3.0 * expected / 4000f64.sqrt();
            assert!((mean - rate * f64::from(runs)).abs() < luck, "{rate} {runs}: {mean}");
            assert!((deviation.unwrap() / expected - 1.0).abs() < 0.05, "{rate} {runs}");
        }
        assert_eq!(played(&mut random, 0.0, 9), Cell::new(0, 9));
        assert_eq!(played(&mut random, 1.0, 9), Cell::new(9, 9));
        assert_eq!(played(&mut random, 0.4, 0), Cell::new(0, 0));
    }

    #[test]
    fn with_the_same_luck_a_larger_rate_gives_no_fewer_passes() {
        for seed in 0..200 {
            let passes = |rate: u32| {
                let rate = f64::from(rate) / 20.0;
                played(&mut Generator::new(seed), rate, 7).passes
            };
            assert!((0..=20).map(passes).is_sorted(), "{seed}");
        }
    }
}
