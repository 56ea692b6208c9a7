//! Whether an arm changed during the night, as providers do that swap a model behind its name.

use super::Drift;
use super::pairs::Matched;
use super::side::TaskRuns;
use crate::bench::statistics::Pair;
use crate::bench::statistics::exact::stratified;

/// Below this an arm is said to have changed.
pub const SUSPICIOUS: f64 = 0.01;

/// Compares the later half of each task's runs with the earlier half.
pub fn of(pairs: &[Matched]) -> Drift {
    let base: Vec<&TaskRuns> = pairs.iter().map(|pair| &pair.base).collect();
    let candidate: Vec<&TaskRuns> = pairs.iter().map(|pair| &pair.candidate).collect();
    Drift { base: of_arm(&base), candidate: of_arm(&candidate) }
}

/// The same for one arm; `None` where no task has two runs.
pub fn of_arm(tasks: &[&TaskRuns]) -> Option<f64> {
    let halves = tasks.iter().filter_map(|task| task.halves());
    let pairs: Vec<Pair> = halves.map(|(base, candidate)| Pair { base, candidate }).collect();
    (!pairs.is_empty()).then(|| stratified(&pairs).two_sided())
}
