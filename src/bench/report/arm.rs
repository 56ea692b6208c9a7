//! One arm of a night in numbers.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::bench::night::{Counted, Night};
use crate::bench::results::line::RunResult;
use crate::bench::statistics::bootstrap::{Parts, Ratio, ratios_of_sums};
use crate::bench::statistics::{Cell, Interval, LEVEL, intervals, latency, passes};
use crate::bench::verdict::{ArmNumbers, Side, SideFacts, TaskRuns, arm_numbers, drift_of_arm};

/// What came of one arm.
#[derive(Clone, Debug, Serialize)]
pub struct ArmReport {
    /// What ran where.
    #[serde(flatten)]
    pub facts: SideFacts,
    /// `provider/model`; null for what the configuration says.
    pub model: Option<String>,
    /// The agent; null for OpenCode's default.
    pub agent: Option<String>,
    /// The model's variant.
    pub variant: Option<String>,
    /// Passes, rates and what is missing.
    #[serde(flatten)]
    pub numbers: ArmNumbers,
    /// Runs of tasks without a check.
    pub ungraded: u32,
    /// The chance that at least one of `k` runs passes, and that all do, for each `k` that every
    /// task has enough runs for.
    pub pass_at: Vec<PassAt>,
    /// From the prompt to the end of the turn.
    pub agent_time: Times,
    /// From the prompt to the first text.
    pub first_token: Times,
    /// What the attempts that count cost together, in US dollars; null if that is known of none.
    pub total_usd: Option<f64>,
    /// What all attempts cost together.
    pub spent_usd: Option<f64>,
    /// Whether those sums are complete: false makes them lower bounds.
    pub cost_complete: bool,
    /// US dollars for each pass; null where no cost is known.
    pub usd_per_pass: Option<Ratio>,
    /// Tokens of all kinds, of the attempts that count.
    pub tokens: Option<u64>,
    /// Calls of the model, of the attempts that count.
    pub steps: Option<u64>,
    /// Whether tokens and steps are complete: false makes them lower bounds.
    pub usage_complete: bool,
    /// How the turns ended, and how many of them.
    pub stops: BTreeMap<&'static str, u32>,
    /// How surprising the difference between the earlier and the later half of the night is; null
    /// with one repeat.
    pub drift_p: Option<f64>,
    /// Each task, in the order of the plan.
    pub tasks: Vec<TaskCell>,
}

/// One task of an arm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TaskCell {
    /// The task's id.
    pub task: String,
    /// Runs that passed, of those that have a result.
    #[serde(flatten)]
    pub cell: Cell,
    /// The interval of its rate, from the runs of this task alone; null without a result.
    pub interval: Option<Interval>,
    /// Runs without a result.
    pub unscored: u32,
    /// The median of the times in milliseconds; null if it is unknown or beyond a limit.
    pub median_ms: Option<f64>,
}

/// The chance of passes among `k` runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PassAt {
    /// The number of runs.
    pub k: u32,
    /// That at least one passes: pass@k.
    pub any: f64,
    /// That all pass: pass^k.
    pub all: f64,
}

/// Times of the runs with a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Times {
    /// How many are known.
    pub count: usize,
    /// How many of them a limit ended, so that they would have been longer.
    pub censored: usize,
    /// In milliseconds; null without a time, and where half of the runs hit a limit.
    pub median_ms: Option<f64>,
    /// The lower end of its interval; null with fewer than six times.
    pub low_ms: Option<f64>,
    /// The upper end; null also if it is beyond a limit.
    pub high_ms: Option<f64>,
}

impl ArmReport {
    /// The numbers of all arms of a night.
    pub fn all(night: &Night) -> Vec<ArmReport> {
        let arms = 0..night.plan.arms.len();
        let tasks: Vec<_> = arms.map(|arm| Side { night, arm }.tasks()).collect();
        let (arms, costs): (Vec<usize>, Vec<_>) = tasks
            .iter()
            .enumerate()
            .filter_map(|(arm, tasks)| Some((arm, costs_and_passes(tasks)?)))
            .unzip();
        let mut per_pass = vec![None; tasks.len()];
        for (arm, ratio) in arms.into_iter().zip(ratios_of_sums(&costs, LEVEL)) {
            per_pass[arm] = ratio;
        }
        let report = |(arm, (tasks, per_pass)): (usize, (Vec<TaskRuns>, Option<Ratio>))| {
            ArmReport::of(Side { night, arm }, &tasks, per_pass)
        };
        tasks.into_iter().zip(per_pass).enumerate().map(report).collect()
    }

    fn of(side: Side, tasks: &[TaskRuns], usd_per_pass: Option<Ratio>) -> ArmReport {
        let arm = &side.night.plan.arms[side.arm];
        let lines = || side.night.of_arm(side.arm).filter_map(|run| run.counts.as_ref());
        let runs = || side.night.of_arm(side.arm);
        let mut stops = BTreeMap::new();
        lines().for_each(|line| *stops.entry(line.stop.name()).or_insert(0) += 1);
        let sum = |values: &mut dyn Iterator<Item = f64>| values.reduce(|sum, value| sum + value);
        ArmReport {
            facts: side.facts(),
            model: arm.model.clone(),
            agent: arm.agent.clone(),
            variant: arm.variant.clone(),
            numbers: arm_numbers(tasks.iter()),
            ungraded: runs().filter(|run| run.result() == RunResult::Ungraded).count() as u32,
            pass_at: pass_at(tasks),
            agent_time: Times::of(tasks.iter().flat_map(TaskRuns::times).collect()),
            first_token: Times::of(
                lines().filter_map(|line| line.first_token_ms.map(|ms| ms as f64)).collect(),
            ),
            total_usd: sum(&mut lines().filter_map(|line| line.cost_usd)),
            spent_usd: sum(&mut runs().filter_map(|run| run.spent_usd)),
            cost_complete: runs().all(|run| run.spent_complete),
            usd_per_pass,
            tokens: lines().filter_map(|line| line.tokens).reduce(u64::saturating_add),
            steps: lines().filter_map(|line| line.steps).reduce(u64::saturating_add),
            usage_complete: lines().all(|line| line.usage_complete),
            stops,
            drift_p: drift_of_arm(&tasks.iter().collect::<Vec<_>>()),
            tasks: cells(side, tasks),
        }
    }
}

fn cells(side: Side, tasks: &[TaskRuns]) -> Vec<TaskCell> {
    let cell = |(at, task): (usize, &TaskRuns)| {
        let planned = task.planned();
        TaskCell {
            task: side.night.plan.tasks[at].id.clone(),
            cell: planned.scored,
            interval: intervals::wilson(planned.scored, LEVEL),
            unscored: planned.unscored,
            median_ms: Times::of(task.times()).median_ms,
        }
    };
    tasks.iter().enumerate().map(cell).collect()
}

/// Up to ten runs: beyond that the numbers hardly change.
fn pass_at(tasks: &[TaskRuns]) -> Vec<PassAt> {
    const MOST: u32 = 10;
    let cells: Vec<Cell> = tasks.iter().map(|task| task.planned().scored).collect();
    let cells: Vec<Cell> = cells.into_iter().filter(|cell| cell.runs > 0).collect();
    let fewest = cells.iter().map(|cell| cell.runs).min().unwrap_or(0);
    let of = |k: u32| {
        Some(PassAt {
            k,
            any: passes::mean_over_tasks(&cells, k, passes::pass_at_k)?,
            all: passes::mean_over_tasks(&cells, k, passes::pass_all_k)?,
        })
    };
    (1..=fewest.min(MOST)).filter_map(of).collect()
}

/// The cost and the passes of each task with a result, for what a pass costs with the failures that
/// have to be paid for it. `None` unless the cost of every run with a result is known.
fn costs_and_passes(tasks: &[TaskRuns]) -> Option<Vec<Parts>> {
    let parts = tasks.iter().filter(|task| task.scored().next().is_some()).map(|task| {
        let costs = task.scored().map(|line: &Counted| line.cost_usd.filter(|usd| *usd >= 0.0));
        let above = costs.sum::<Option<f64>>()?;
        Some(Parts { above, below: f64::from(task.planned().scored.passes) })
    });
    parts.collect()
}

impl Times {
    /// Of times in milliseconds, where infinity stands for a limit that was hit.
    fn of(times: Vec<f64>) -> Times {
        let known = |time: f64| time.is_finite().then_some(time);
        let median = latency::median(&times, LEVEL);
        let interval = median.and_then(|median| median.interval);
        Times {
            count: times.len(),
            censored: times.iter().filter(|time| time.is_infinite()).count(),
            median_ms: median.and_then(|median| known(median.estimate)),
            low_ms: interval.and_then(|interval| known(interval.low)),
            high_ms: interval.and_then(|interval| known(interval.high)),
        }
    }
}
