//! What a batch will show and cost, before it runs.

use std::path::Path;

use serde::Serialize;

use super::night::Night;
use super::plan::Plan;
use super::schedule::Run;
use super::verdict::{Outlook, outlook, unknown_design};

/// What is to be expected.
#[derive(Clone, Debug, Serialize)]
pub struct Forecast {
    /// What the comparison with the base can show; null without a base or with one arm.
    pub outlook: Option<Outlook>,
    /// What the runs will cost in US dollars, as runs of the same arms did in the directory; null
    /// if there is none for an arm.
    pub cost_usd: Option<f64>,
    /// The most that they can cost, by the limits of the tasks; null if a task has no limit.
    pub most_usd: Option<f64>,
    /// How long they take at their limits, in seconds, with so many at once.
    pub longest_s: f64,
}

/// Looks ahead. `directory` may hold runs of the same plan; `runs` are those that are to be made.
pub fn forecast(plan: &Plan, runs: &[Run], jobs: u32, directory: &Path) -> Forecast {
    let limits = || runs.iter().map(|run| &plan.tasks[run.task].limits);
    let longest: f64 = limits().map(|limits| limits.wall_s).sum();
    let others = plan.arms.len().saturating_sub(1);
    let is_compared = plan.base.is_some() && others > 0;
    let design = unknown_design(plan.tasks.len(), plan.repeats);
    Forecast {
        outlook: is_compared.then(|| outlook(&plan.gate, &design, None, others)),
        cost_usd: Night::read(directory).ok().and_then(|night| expected_cost(plan, runs, &night)),
        most_usd: limits().map(|limits| limits.cost_usd).sum(),
        longest_s: longest / f64::from(jobs.max(1)),
    }
}

/// The mean cost of the runs of each arm, as often as the arm is to run.
fn expected_cost(plan: &Plan, runs: &[Run], night: &Night) -> Option<f64> {
    let means = plan.arms.iter().map(|arm| {
        let place = night.arm(&arm.id)?;
        let costs = night.of_arm(place).filter_map(|run| run.spent_usd);
        let costs: Vec<f64> = costs.collect();
        (!costs.is_empty()).then(|| costs.iter().sum::<f64>() / costs.len() as f64)
    });
    let means: Vec<Option<f64>> = means.collect();
    runs.iter().map(|run| means[run.arm]).sum()
}
