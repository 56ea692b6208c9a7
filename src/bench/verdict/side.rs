//! One side of a comparison: an arm of a night.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::bench::night::{Counted, Night, NightRun};
use crate::bench::results::line::RunResult;
use crate::bench::statistics::Cell;
use crate::bench::statistics::bounds::Planned;
use crate::sorting;

/// An arm of a night.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// The night.
    pub night: &'a Night,
    /// The arm's place in the night's plan.
    pub arm: usize,
}

/// What a verdict says of a side.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SideFacts {
    /// The directory, as the caller named it.
    pub directory: String,
    /// The batch's id.
    pub batch: String,
    /// The arm's id.
    pub arm: String,
    /// The versions of OpenCode, sorted; those of programs that did not say one are missing.
    pub versions: Vec<String>,
    /// The SHA-256 of the OpenCode programs.
    pub programs: Vec<String>,
    /// The machines.
    pub hosts: Vec<String>,
    /// How many runs went on at once; more than one number if that changed.
    pub jobs: Vec<u32>,
    /// How often its plan runs it on each task.
    pub repeats: u32,
}

impl SideFacts {
    /// What the other side and this one are called beside each other: the ids of the arms, with
    /// their directories where those are the same.
    pub fn names_beside(&self, other: &SideFacts) -> [String; 2] {
        [other, self].map(|side| {
            if self.arm == other.arm {
                format!("{}:{}", side.directory, side.arm)
            } else {
                side.arm.clone()
            }
        })
    }
}

/// The runs of one task on one side.
#[derive(Clone, Debug, Default)]
pub struct TaskRuns<'a> {
    /// All that the plan has, in the order of their repeats.
    pub runs: Vec<&'a NightRun>,
}

impl<'a> Side<'a> {
    /// The arm's id.
    pub fn id(&self) -> &'a str {
        &self.night.plan.arms[self.arm].id
    }

    /// The runs of each task, in the order of the plan's tasks.
    pub fn tasks(&self) -> Vec<TaskRuns<'a>> {
        let mut tasks = vec![TaskRuns::default(); self.night.plan.tasks.len()];
        for run in self.night.of_arm(self.arm) {
            tasks[run.task].runs.push(run);
        }
        tasks
    }

    /// The facts.
    pub fn facts(&self) -> SideFacts {
        let lines: Vec<&Counted> =
            self.night.of_arm(self.arm).filter_map(|run| run.counts.as_ref()).collect();
        let texts = |of: &dyn Fn(&Counted) -> Option<&'a str>| -> Vec<String> {
            let found = sorting::set(lines.iter().filter_map(|line| of(line)));
            found.into_iter().map(String::from).collect()
        };
        let jobs = sorting::set(lines.iter().filter_map(|line| line.jobs));
        SideFacts {
            directory: self.night.directory.display().to_string(),
            batch: self.night.batch.clone(),
            arm: self.id().into(),
            versions: texts(&|line| self.night.version(line)),
            programs: texts(&|line| self.night.program(line)),
            hosts: texts(&|line| self.night.host(line)),
            jobs: jobs.into_iter().collect(),
            repeats: self.night.plan.repeats,
        }
    }

    /// The places of tasks in the plan, by their ids.
    pub fn places(&self) -> BTreeMap<&'a str, usize> {
        let tasks = self.night.plan.tasks.iter().enumerate();
        sorting::map(tasks.map(|(at, task)| (task.id.as_str(), at)))
    }
}

impl<'a> TaskRuns<'a> {
    /// How many passed and how many have a result, and how many have none.
    pub fn planned(&self) -> Planned {
        let count = |result: RunResult| {
            self.runs.iter().filter(|run| run.result() == result).count() as u32
        };
        let passes = count(RunResult::Pass);
        Planned {
            scored: Cell::new(passes, passes + count(RunResult::Fail)),
            unscored: count(RunResult::Unscored),
        }
    }

    /// The lines of the runs that passed or failed.
    pub fn scored(&self) -> impl Iterator<Item = &'a Counted> {
        let lines = self.runs.iter().filter_map(|run| run.counts.as_ref());
        lines.filter(|line| matches!(line.result, RunResult::Pass | RunResult::Fail))
    }

    /// The mean of what is known of the scored runs; `None` if it is known of none.
    pub fn mean(&self, of: &dyn Fn(&Counted) -> Option<f64>) -> Option<f64> {
        let known: Vec<f64> = self.scored().filter_map(of).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    }

    /// The times of the scored runs in milliseconds, as the statistics of latency take them:
    /// infinity for a run that a limit ended.
    pub fn times(&self) -> Vec<f64> {
        let time = |line: &Counted| {
            if line.is_censored() { Some(f64::INFINITY) } else { line.agent_ms.map(|ms| ms as f64) }
        };
        self.scored().filter_map(time).collect()
    }

    /// The scored runs of the earlier and of the later half of the night, by the moments at which
    /// they began. `None` with fewer than two of them.
    pub fn halves(&self) -> Option<(Cell, Cell)> {
        let mut lines: Vec<&Counted> = self.scored().collect();
        sorting::sort_by_key(&mut lines, |line| line.started_ms);
        let (earlier, later) = lines.split_at(lines.len() / 2);
        let cell = |lines: &[&Counted]| {
            let passes = lines.iter().filter(|line| line.result == RunResult::Pass).count();
            Cell::new(passes as u32, lines.len() as u32)
        };
        (!earlier.is_empty()).then(|| (cell(earlier), cell(later)))
    }
}
