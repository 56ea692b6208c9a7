//! Times the statistics of `occtl bench` on 500 tasks. Prints rows `what<TAB>microseconds`, each
//! the median of several rounds.

#![allow(missing_docs, dead_code, clippy::unwrap_used, clippy::print_stdout)]
#![allow(clippy::disallowed_methods)]

use std::hint::black_box;
use std::time::Instant;

#[path = "../../../src/sorting.rs"]
mod sorting;
#[path = "../../../src/bench/statistics/mod.rs"]
mod statistics;

use statistics::detectable::detectable;
use statistics::generator::Generator;
use statistics::nights::{Design, Rates, Runs, nearly_always_or_never, played};
use statistics::{LEVEL, Pair, bootstrap, exact, sign_flip, tasks};

const ROUNDS: usize = 9;
const TASKS: usize = 500;
const REPEATS: u32 = 5;

fn measure<T>(what: &str, work: impl Fn() -> T) {
    let mut times: Vec<u128> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            black_box(work());
            began.elapsed().as_micros()
        })
        .collect();
    times.sort_unstable();
    println!("{what}\t{}", times[ROUNDS / 2]);
}

fn main() {
    let mut random = Generator::new(1);
    // Every task has passes and failures: none is left out as saying nothing.
    let telling: Vec<Pair> = (0..TASKS)
        .map(|_| {
            let mut cell = || played(&mut random, 0.5, REPEATS);
            Pair { base: cell(), candidate: cell() }
        })
        .collect();
    measure("exact test", || exact::stratified(black_box(&telling)));
    let differences = tasks::differences(&telling);
    measure("bootstrap", || bootstrap::mean(black_box(&differences), LEVEL));
    measure("sign-flip test", || sign_flip::sign_flip(black_box(&telling)));
    let rates = (0..TASKS).map(|_| nearly_always_or_never(&mut random)).collect();
    let runs = vec![Runs { base: REPEATS, candidate: REPEATS }; TASKS];
    let large = Design { runs, rates: Rates::Known(rates) };
    measure("smallest effects", || detectable(black_box(&large), 0.025));
    let runs = large.runs[..40].to_vec();
    let small = Design { runs, rates: Rates::Unknown };
    measure("smallest effects of 40 tasks", || detectable(black_box(&small), 0.025));
}
