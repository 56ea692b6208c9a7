//! How a batch is, as `bench status` shows it. Reads only.

use std::fs;
use std::path::Path;

use super::directory::{Directory, RUNNING};
use super::ledger::Standing;
use super::ledger_of;
use super::lock::is_held;
use super::progress::Progress;
use crate::bench::plan::Plan;
use crate::bench::schedule::{Run, Shard};
use crate::error::Result;

/// How a batch is.
pub struct Overview {
    /// Its plan.
    pub plan: Plan,
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
    /// The run.
    pub run: Run,
    /// `pass`, `fail`, `unscored`, `ungraded`, `running` or `left`.
    pub state: &'static str,
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
    let shards = (1..=directory.shards).map(|index| Shard { index, count: directory.shards });
    let working: Vec<Shard> = shards.filter(|shard| is_held(path, *shard)).collect();
    // What was left by a process that was killed does not go on.
    let is_running = |run: &Run| {
        running.iter().any(|name| name.starts_with(&run.id))
            && working.iter().any(|shard| shard.does(run.block))
    };
    let mut progress = Progress::none();
    let mut arms = vec![Progress::none(); plan.arms.len()];
    let mut is_finished = true;
    let mut states = Vec::with_capacity(ledger.runs.len());
    for run in &ledger.runs {
        let (standing, newest) = ledger.standing_and_newest(run);
        let attempts = ledger.lines.attempts(&run.id);
        for progress in [&mut progress, &mut arms[run.arm]] {
            progress.count(standing, newest, attempts.clone());
        }
        is_finished &= standing.is_settled();
        let state = match standing {
            Standing::Due if is_running(run) => "running",
            Standing::Due => "left",
            _ => newest.map_or("left", |row| row.result.name()),
        };
        progress.running += usize::from(state == "running");
        states.push((state, attempts.count()));
    }
    let not_in_plan = ledger.not_in_plan();
    let (foreign, doubled) = (ledger.lines.foreign, ledger.lines.doubled);
    // The rows are of no more use, and there may be many.
    let runs = ledger.into_runs().into_iter().zip(states);
    let runs = runs.map(|(run, (state, attempts))| RunState { run, state, attempts }).collect();
    let names = plan.arms.iter().map(|arm| arm.id.clone());
    let working = working.into_iter().map(Shard::name).collect();
    Ok(Overview {
        arms: names.zip(arms).collect(),
        batch: directory.batch.clone(),
        shards: directory.shards,
        is_finished,
        progress,
        working,
        not_in_plan,
        foreign,
        doubled,
        runs,
        plan,
    })
}

/// The names of the attempts that go on, or that were left by a process that was killed.
fn running(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path.join(RUNNING)).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}
