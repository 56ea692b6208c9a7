//! What a batch will show and cost, before it runs.

use std::collections::BTreeMap;

use serde::Serialize;

use super::makespan::{Machines, Makespan, makespan};
use super::night::Night;
use super::plan::Plan;
use super::schedule::Run;
use super::verdict::{Outlook, outlook, unknown_design};

/// What is to be expected.
#[derive(Clone, Debug, Serialize)]
pub struct Forecast {
    /// What the comparison with the base can show; null without a base or with one arm.
    pub outlook: Option<Outlook>,
    /// What the runs will cost in US dollars, as runs of the same arms did in the old night; null
    /// if there is none for an arm.
    pub cost_usd: Option<f64>,
    /// The most that they can cost, by the limits of the tasks; null if a task has no limit.
    pub most_usd: Option<f64>,
    /// How long they take at their limits, in seconds, with so many at once on each machine.
    pub longest_s: f64,
    /// How long they take if runs take as long as in the old night; null without one.
    pub makespan: Option<Makespan>,
}

/// Looks ahead. `runs` are those that are to be made, and `night` is an old one of the same tasks
/// or arms.
pub fn forecast(plan: &Plan, runs: &[Run], machines: &Machines, night: Option<&Night>) -> Forecast {
    let limits = || runs.iter().map(|run| &plan.tasks[run.task].limits);
    let mut longest: BTreeMap<u32, f64> = BTreeMap::new();
    for run in runs {
        let Some(part) = machines.part(run.block) else { continue };
        *longest.entry(part.index).or_default() += plan.tasks[run.task].limits.wall_s;
    }
    let longest = longest.into_values().fold(0.0, f64::max);
    let others = plan.arms.len().saturating_sub(1);
    let is_compared = plan.base.is_some() && others > 0;
    let design = unknown_design(plan.tasks.len(), plan.repeats);
    Forecast {
        outlook: is_compared.then(|| outlook(&plan.gate, &design, None, others)),
        cost_usd: night.and_then(|night| expected_cost(plan, runs, night)),
        // A sum of the standard library begins with -0, and that of no run would be shown so.
        most_usd: limits().try_fold(0.0, |sum, limits| Some(sum + limits.cost_usd?)),
        longest_s: longest / f64::from(machines.jobs.max(1)),
        makespan: night.and_then(|night| makespan(plan, runs, machines, night)),
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
    runs.iter().try_fold(0.0, |sum, run| Some(sum + means[run.arm]?))
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::bench::fixture;
    use crate::bench::report::text::percent;

    /// What nights of several sizes can show, as `docs/benchmarking.md` has it.
    fn table() -> String {
        let gate = fixture::gate();
        let mut table = String::from(
            "| tasks | repeats | runs of two arms | finds a mean drop of | or broken tasks | `ok` \
             comes if nothing changed in |\n| ---: | ---: | ---: | ---: | ---: | ---: |\n",
        );
        for tasks in [8, 20, 40] {
            for repeats in [1, 3, 5, 10] {
                let found = outlook(&gate, &unknown_design(tasks, repeats), None, 1);
                let these = found.these_tasks.unwrap();
                let points = |drop: f64| format!("{:.0} points", 100.0 * drop);
                let drop = these.mean_drop.map_or("none".into(), points);
                let broken = these.broken_tasks.map_or("none".into(), |tasks| tasks.to_string());
                let (runs, ok) = (2 * tasks * repeats as usize, percent(found.chance_of_ok));
                let _ =
                    writeln!(table, "| {tasks} | {repeats} | {runs} | {drop} | {broken} | {ok} |");
            }
        }
        table
    }

    #[test]
    fn docs_benchmarking_md_says_what_so_many_runs_can_show() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/benchmarking.md");
        let text = std::fs::read_to_string(path).unwrap();
        let begin = text.find("| tasks | repeats |").expect("the table");
        let end = begin + text[begin..].find("\n\n").expect("its end") + 1;
        let fresh = format!("{}{}{}", &text[..begin], table(), &text[end..]);
        if std::env::var_os("OCCTL_WRITE_DOCS").is_some() {
            std::fs::write(path, &fresh).unwrap();
            return;
        }
        assert!(text == fresh, "the table is stale: make docs writes it");
    }
}
