//! How a batch is, as `bench status` shows it. Reads only.

use std::fs;
use std::path::Path;

use super::directory::Directory;
use super::ledger::Standing;
use super::lock::is_held;
use super::progress::Progress;
use super::{is_finished, ledger_of};
use crate::bench::schedule::{Run, Shard};
use crate::error::Result;

/// How a batch is.
pub struct Overview {
    /// The batch's id.
    pub batch: String,
    /// How many shards it is split into.
    pub shards: u32,
    /// Whether all runs of its plan are settled.
    pub is_finished: bool,
    /// All runs.
    pub progress: Progress,
    /// The runs of each arm, in the order of the plan.
    pub arms: Vec<(String, Progress)>,
    /// Every run, in the order of the schedule.
    pub runs: Vec<RunState>,
    /// The shards that a process works on now, on this machine.
    pub working: Vec<String>,
    /// How many recorded runs the plan no longer has.
    pub not_in_plan: usize,
    /// How many lines are no results of this batch.
    pub foreign: usize,
    /// How many lines repeat an attempt.
    pub doubled: usize,
}

/// How one run is.
pub struct RunState {
    /// What names it.
    pub id: String,
    /// The task's id.
    pub task: String,
    /// The arm's id.
    pub arm: String,
    /// From 1.
    pub repeat: u32,
    /// `pass`, `fail`, `unscored`, `ungraded`, `running` or `left`.
    pub state: String,
    /// How many attempts are recorded.
    pub attempts: usize,
}

/// Looks at the directory of a batch. One that vanishes meanwhile is not found, whatever could not
/// be read of it first.
pub fn overview(path: &Path) -> Result<Overview> {
    look(path).map_err(|error| Directory::open(path).err().unwrap_or(error))
}

fn look(path: &Path) -> Result<Overview> {
    let directory = Directory::open(path)?;
    let plan = directory.plan()?;
    let ledger = ledger_of(&directory, &plan)?;
    let running = running(path);
    let is_running = |id: &str| running.iter().any(|name| name.starts_with(id));
    let state = |run: &Run| match ledger.standing(run) {
        Standing::Due if is_running(&run.id) => "running",
        Standing::Due => "left",
        _ => ledger.newest(&run.id).map_or("left", |row| row.result.name()),
    };
    let runs: Vec<RunState> = ledger
        .runs
        .iter()
        .map(|run| RunState {
            id: run.id.clone(),
            task: plan.tasks[run.task].id.clone(),
            arm: plan.arms[run.arm].id.clone(),
            repeat: run.repeat,
            state: state(run).into(),
            attempts: ledger.lines.attempts(&run.id).count(),
        })
        .collect();
    let mut progress = Progress::of(&ledger, ledger.runs.iter());
    progress.running = runs.iter().filter(|run| run.state == "running").count();
    let of_arm = |at: usize| Progress::of(&ledger, ledger.runs.iter().filter(|run| run.arm == at));
    let arms = plan.arms.iter().enumerate().map(|(at, arm)| (arm.id.clone(), of_arm(at)));
    let shards = (1..=directory.shards).map(|index| Shard { index, count: directory.shards });
    let working = shards.filter(|shard| is_held(path, *shard)).map(Shard::name).collect();
    Ok(Overview {
        arms: arms.collect(),
        batch: directory.batch.clone(),
        shards: directory.shards,
        is_finished: is_finished(&ledger),
        progress,
        working,
        not_in_plan: ledger.not_in_plan(),
        foreign: ledger.lines.foreign,
        doubled: ledger.lines.doubled,
        runs,
    })
}

/// The names of the attempts that go on, or that were left by a process that was killed.
fn running(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path.join("running")).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}
