//! A batch: all runs of a plan, in child processes, with results that survive anything.

mod children;
mod directory;
mod first_order;
mod ledger;
mod lock;
mod options;
mod orders;
mod outage;
mod overview;
mod parent;
mod progress;
mod recheck;
mod resume;
pub mod scratch;
mod selection;
pub mod shards;
mod show;
mod trial_end;
mod verdicts;
mod warm_up;

pub use directory::Directory;
pub use ledger::{Ledger, Standing};
pub use options::{BatchOptions, BatchWatcher, Ended, Left, Rerun, Trees};
pub use outage::{Ahead, Hold};
pub use overview::{Overview, RunState, overview};
pub use parent::STAGGER;
pub use progress::Progress;
pub use recheck::{RecheckOptions, Rechecked, recheck};
pub use selection::Selection;
pub use show::{Shown, show};

use std::collections::{HashSet, VecDeque};
use std::time::Instant;

use jiff::Timestamp;

use super::plan::Plan;
use super::results::file::{self, Appender};
use super::schedule::{self, Run};
use crate::bench::results::line::RunResult;
use crate::bench::results::row::Row;
use crate::error::{Error, Result};
use crate::runner::Context;
use directory::RUNNING;
use lock::ParentLock;
use orders::Orders;
use outage::Outages;
use parent::Parent;
use progress::Pace;

/// Makes the runs of a plan, or those that are left of it, and records them.
pub fn run(
    context: &Context,
    plan: &Plan,
    options: &BatchOptions,
    watcher: &mut dyn BatchWatcher,
) -> Result<Ended> {
    let signals = context.catch_signals()?;
    let directory = Directory::create(&options.output, &options.batch, options.shard)?;
    let lock = ParentLock::take(&directory.path, options.shard, &signals, watcher)?;
    directory.begin_plan(plan)?;
    let scratch = scratch::open(&context.environment, options.scratch.as_deref())?;
    let mut lines = file::read_all(&directory.path, &directory.batch)?;
    let mut results = Appender::open(&directory.path, &file::name(options.shard))?;
    // Without room for what was left, nothing more can be begun.
    let recovered = resume::recover(&directory, options.shard, &mut lines, &mut results);
    let runs = schedule::runs(plan, &directory.batch);
    let chosen = options.selection.choose(plan, &runs, options.shard)?;
    let mut ledger = Ledger::new(plan, runs, lines);
    let dropped = dropped_runs(&directory, &ledger)?;
    let adopted = recovered.and_then(|recovered| {
        let adopted = resume::adopt(&directory, &mut ledger, &chosen, &mut results)?;
        Ok(recovered + adopted)
    });
    reopen(&mut ledger, &chosen, options.rerun.as_ref())?;
    let queue = due(&ledger, &chosen);
    let is_untouched = matches!(adopted, Ok(0)) && !is_sent_again(options, &directory);
    if queue.is_empty() && is_untouched && is_finished(&ledger) {
        return Err(nothing_to_run(&ledger));
    }
    // A command that is refused leaves the batch as it was.
    directory.change_plan(plan)?;
    tell_dropped(dropped, watcher);
    let mut parent = Parent {
        spent: ledger.spent(options.shard),
        progress: Progress::of(&ledger, chosen.iter().map(|place| &ledger.runs[*place])),
        plan,
        options,
        directory: &directory,
        orders: Orders::new(directory.path.join(RUNNING)),
        ledger,
        results,
        lock,
        scratch,
        signals,
        queue,
        children: Vec::new(),
        outages: Outages::default(),
        pace: Pace::new(),
        started: None,
        full: None,
        free_since: Instant::now(),
    };
    let left = match adopted {
        Err(error) => Left::Disk(error.to_string()),
        Ok(_) => parent.warm_up(watcher).map(|()| parent.work(watcher))?,
    };
    Ok(ended(parent, left))
}

/// How many recorded runs the batch's plan has and this one, which is to take its place, has not.
/// An error if that would be all of them, and the plans have different names: then the directory is
/// the wrong one.
fn dropped_runs(directory: &Directory, ledger: &Ledger) -> Result<usize> {
    let (before, plan) = (directory.plan()?, ledger.plan());
    if before.sha256 == plan.sha256 {
        return Ok(0);
    }
    let now: HashSet<&str> = ledger.runs.iter().map(|run| &*run.id).collect();
    let attempts = |run: &str| ledger.lines.attempts(run).next().is_some();
    let is_scored = ledger.lines.rows.iter().any(Row::is_scored);
    if is_scored && before.name != plan.name && !now.iter().any(|run| attempts(run)) {
        let (shown, name) = (directory.path.display(), &before.name);
        return Err(Error::usage(format!("{shown} has only results of the plan {name:?}"))
            .hint(format!("-o names another directory for the plan {:?}", plan.name)));
    }
    let dropped = schedule::runs(&before, &directory.batch).into_iter();
    Ok(dropped.filter(|run| !now.contains(&*run.id) && attempts(&run.id)).count())
}

fn tell_dropped(runs: usize, watcher: &mut dyn BatchWatcher) {
    if runs > 0 {
        let (are, stay) = if runs == 1 { ("run is", "stays") } else { ("runs are", "stay") };
        watcher.warned(&format!(
            "{runs} recorded {are} not in this plan, and {stay} in the results uncounted"
        ));
    }
}

/// Whether a scheduler that has not learnt of the end of a shard can have sent this process again.
fn is_sent_again(options: &BatchOptions, directory: &Directory) -> bool {
    options.shard.count > 1 && options.scheduled.as_ref() == Some(&directory.batch)
}

/// The places of those of the chosen runs that are to be made, in their order.
fn due(ledger: &Ledger, chosen: &[usize]) -> VecDeque<usize> {
    let is_due = |place: &usize| ledger.standing(&ledger.runs[*place]) == Standing::Due;
    chosen.iter().copied().filter(is_due).collect()
}

fn ended(parent: Parent, left: Left) -> Ended {
    let Parent { ledger, progress, plan, directory, .. } = parent;
    let stopped = ledger.stopped_arms().map(|(arm, why)| (arm.into(), why.into())).collect();
    Ended {
        left,
        progress,
        is_finished: is_finished(&ledger),
        batch: directory.batch.clone(),
        stopped_arms: stopped,
        too_many_unscored: too_many_unscored(plan, &ledger),
    }
}

/// The runs that [`run`] would make, in their order. Nothing is written.
pub fn dry_run(plan: &Plan, options: &BatchOptions) -> Result<Vec<Run>> {
    let directory = Directory::open(&options.output).ok();
    let (batch, lines) = match &directory {
        Some(found) => (&found.batch, file::read_all(&found.path, &found.batch)?),
        None => (&options.batch, Default::default()),
    };
    let runs = schedule::runs(plan, batch);
    let chosen = options.selection.choose(plan, &runs, options.shard)?;
    let mut ledger = Ledger::new(plan, runs, lines);
    if let Some(directory) = directory.as_ref().filter(|directory| directory.has_plan()) {
        dropped_runs(directory, &ledger)?;
    }
    reopen(&mut ledger, &chosen, options.rerun.as_ref())?;
    let runs = chosen.into_iter().map(|place| ledger.runs[place].clone());
    Ok(runs.filter(|run| ledger.standing(run) == Standing::Due).collect())
}

/// What is recorded of a batch, which is only read.
pub fn ledger_of<'a>(directory: &Directory, plan: &'a Plan) -> Result<Ledger<'a>> {
    let lines = file::read_all(&directory.path, &directory.batch)?;
    Ok(Ledger::new(plan, schedule::runs(plan, &directory.batch), lines))
}

/// Whether every run of the plan is settled, whichever shard does it.
pub fn is_finished(ledger: &Ledger) -> bool {
    ledger.runs.iter().all(|run| ledger.standing(run).is_settled())
}

/// Opens those of the chosen runs again that `--rerun` names.
fn reopen(ledger: &mut Ledger, chosen: &[usize], rerun: Option<&Rerun>) -> Result<()> {
    let Some(rerun) = rerun else { return Ok(()) };
    let is_meant = |run: &Run| match rerun {
        Rerun::Unscored => ledger.standing(run) == Standing::Spent,
        Rerun::Fail => ledger.newest(&run.id).is_some_and(|row| row.result == RunResult::Fail),
        Rerun::Run(id) => run.id.starts_with(id.as_str()),
    };
    let runs = chosen.iter().map(|place| &ledger.runs[*place]);
    let meant: Vec<String> = runs.filter(|run| is_meant(run)).map(|run| run.id.clone()).collect();
    if let (true, Rerun::Run(id)) = (meant.len() != 1, rerun) {
        let what = if meant.is_empty() { "no run" } else { "more than one run" };
        return Err(Error::not_found(format!("{what} has an id that begins with {id}"))
            .hint("occtl bench status lists them"));
    }
    meant.iter().for_each(|run| ledger.reopen(run));
    Ok(())
}

/// A second night must not take the first one's results for its own.
fn nothing_to_run(ledger: &Ledger) -> Error {
    let last = ledger.lines.rows.iter().filter_map(|row| row.started_at).max();
    let to_the_second = last.and_then(|last| Timestamp::from_second(last.as_second()).ok());
    let last = to_the_second.map_or("before".into(), |last| last.to_string());
    Error::usage(format!("nothing to run: finished {last}"))
        .hint("another night needs another directory; --rerun opens runs of this one again")
}

/// The arms of which more runs stayed unscored than the plan allows, with the share.
fn too_many_unscored(plan: &Plan, ledger: &Ledger) -> Vec<(String, f64)> {
    let mut found = Vec::new();
    for (at, arm) in plan.arms.iter().enumerate() {
        let of_arm: Vec<&Run> = ledger.runs.iter().filter(|run| run.arm == at).collect();
        let spent = of_arm.iter().filter(|run| ledger.standing(run) == Standing::Spent).count();
        let share = spent as f64 / of_arm.len().max(1) as f64;
        if share > plan.max_unscored {
            found.push((arm.id.clone(), share));
        }
    }
    found
}
