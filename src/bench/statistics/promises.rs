//! What the verdict promises about many nights, held against nights that are played here: the gate
//! with `exact`, the evidence for `ok` with `tasks`.
//!
//! A share of nights is itself known only up to chance: every bound has three standard errors
//! added, which luck alone exceeds once in 700 times; with the seeds below it does not.

use super::exact::stratified;
use super::generator::Generator;
use super::nights::{nearly_always_or_never, played};
use super::tasks::is_no_worse;
use super::{LEVEL, Pair, reaches};

const ALPHA: f64 = 0.025;
const MARGIN: f64 = 0.1;
const NIGHTS: u32 = 2000;

/// How often an arm passes each task.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Difficulty {
    /// Beta(½, ½): half of the tasks are nearly always or nearly never solved.
    Mixed,
    /// All tasks pass 95 of 100 times.
    Easy,
}

/// What a night is made of.
#[derive(Clone, Copy, Debug)]
struct Design {
    tasks: usize,
    repeats: u32,
    difficulty: Difficulty,
}

impl Design {
    /// How often the base passes each task.
    fn rates(self, random: &mut Generator) -> Vec<f64> {
        let mut rate = || match self.difficulty {
            Difficulty::Mixed => nearly_always_or_never(random),
            Difficulty::Easy => 0.95,
        };
        (0..self.tasks).map(|_| rate()).collect()
    }
}

/// The designs that the promises are about.
fn designs() -> Vec<Design> {
    let mut designs = Vec::new();
    for tasks in [8, 20, 40] {
        for repeats in [1, 3, 5] {
            for difficulty in [Difficulty::Mixed, Difficulty::Easy] {
                designs.push(Design { tasks, repeats, difficulty });
            }
        }
    }
    designs
}

/// One night of tasks that the base and the candidate pass with those rates.
fn night(random: &mut Generator, base: &[f64], candidate: &[f64], repeats: u32) -> Vec<Pair> {
    let mut pair = |(base, candidate): (&f64, &f64)| Pair {
        base: played(random, *base, repeats),
        candidate: played(random, *candidate, repeats),
    };
    base.iter().zip(candidate).map(&mut pair).collect()
}

fn is_alarm(night: &[Pair]) -> bool {
    reaches(stratified(night).worse.mid_p, ALPHA)
}

/// The share of nights for which a question has the answer yes.
fn share(seed: u64, mut holds: impl FnMut(&mut Generator) -> bool) -> f64 {
    let mut holds = |stream| holds(&mut Generator::stream(seed, stream));
    (0..NIGHTS).filter(|stream| holds(*stream)).count() as f64 / f64::from(NIGHTS)
}

/// Three standard errors of a share that is known from so many nights.
fn luck(share: f64, nights: u32) -> f64 {
    3.0 * (share * (1.0 - share) / f64::from(nights)).sqrt()
}

#[test]
fn equal_arms_alarm_as_rarely_as_promised() {
    let designs = designs();
    let mut sum = 0.0;
    for design in &designs {
        let found = share(1, |random| {
            let rates = design.rates(random);
            is_alarm(&night(random, &rates, &rates, design.repeats))
        });
        assert!(found <= 0.035 + luck(0.035, NIGHTS), "{design:?}: {found}");
        sum += found;
    }
    let mean = sum / designs.len() as f64;
    assert!(mean <= ALPHA + luck(ALPHA, NIGHTS * designs.len() as u32), "{mean}");
    // A gate that never fires would pass all that.
    assert!(mean > 0.01, "{mean}");
}

#[test]
fn a_few_broken_tasks_are_found_as_often_as_promised() {
    for (tasks, broken, promised) in [(8, 3, 0.95), (20, 3, 0.7), (40, 4, 0.65)] {
        let base = vec![0.95; tasks];
        let mut candidate = base.clone();
        candidate[..broken].fill(0.05);
        let found = share(2, |random| is_alarm(&night(random, &base, &candidate, 5)));
        assert!(found >= promised, "{broken} of {tasks}: {found}");
    }
}

/// Rates of base and candidate, which lost `MARGIN` on average: each task that much, or every
/// second one twice that.
fn dropped(random: &mut Generator, design: Design, is_uneven: bool) -> [Vec<f64>; 2] {
    let drop = |at: usize| match (is_uneven, at % 2) {
        (false, _) => MARGIN,
        (true, 0) => 2.0 * MARGIN,
        (true, _) => 0.0,
    };
    let mut base = design.rates(random);
    if design.difficulty == Difficulty::Mixed {
        // Every rate needs room for its drop.
        for (at, rate) in base.iter_mut().enumerate() {
            *rate = drop(at) + (1.0 - drop(at)) * *rate;
        }
    }
    let candidate = base.iter().enumerate().map(|(at, rate)| rate - drop(at)).collect();
    [base, candidate]
}

#[test]
fn a_drop_of_the_margin_is_seldom_called_fine() {
    for design in designs() {
        for is_uneven in [false, true] {
            let found = share(3, |random| {
                let [base, candidate] = dropped(random, design, is_uneven);
                is_no_worse(&night(random, &base, &candidate, design.repeats), MARGIN, LEVEL)
            });
            let most = 0.06 + luck(0.06, NIGHTS);
            assert!(found <= most, "{design:?}, uneven: {is_uneven}: {found}");
        }
    }
}

#[test]
fn a_quiet_month_seldom_has_an_alarm_that_is_confirmed() {
    const NIGHTS_A_MONTH: u32 = 30;
    for (tasks, repeats) in [(8, 5), (20, 3)] {
        let design = Design { tasks, repeats, difficulty: Difficulty::Mixed };
        let found = share(5, |random| {
            // The tasks stay the same all month.
            let rates = design.rates(random);
            let mut alarm = || is_alarm(&night(random, &rates, &rates, repeats));
            let mut is_confirmed = false;
            for _ in 0..NIGHTS_A_MONTH {
                // The confirmation is a night of its own, after an alarm only.
                is_confirmed |= alarm() && alarm();
            }
            is_confirmed
        });
        assert!(found <= 0.025 + luck(0.025, NIGHTS), "{design:?}: {found}");
    }
}
