use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::bench::batch::{self, Overview, Progress, RunState};
use crate::bench::plan::Plan;
use crate::cli::App;
use crate::cli::output::Cell;
use crate::cli::show::bench::counts;
use crate::cli::spec::{Action, Command, Exit, Flag, Operand};
use crate::cli::words::Words;
use crate::error::Result;
use crate::sorting;

/// The directory of a batch.
pub const DIRECTORY: Operand = Operand::required("DIR", "The directory of a batch");

pub const COMMAND: Command = Command {
    name: "bench status",
    summary: "Show what is done, running and left of a batch",
    about: &[
        "Counts all shards. A run that could not be scored is left as long as it has attempts.",
        "With --watch it looks again and again, at all shards that write into a shared directory, \
         and ends with status 0 once all runs of the plan are settled.",
    ],
    operands: &[DIRECTORY],
    flags: &[&[
        Flag::switch("watch", None, "Show it again and again until the batch is finished"),
        Flag::value("interval", None, "SECONDS", "Time between two looks")
            .default("2")
            .needs(&["watch"]),
    ]],
    examples: &[
        ("occtl bench status results", "how far a batch is"),
        ("occtl bench status results --json | jq .progress", "the same for a script"),
        ("occtl bench status results --watch", "until all shards are done"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let directory: PathBuf = words.required(0)?.into();
    let interval = words.seconds("interval")?;
    let watched = words.has("watch");
    Ok(Box::new(move |app| {
        if watched {
            watch(app, &directory, interval)
        } else {
            show(app, &directory, "").map(|_| Exit::OK)
        }
    }))
}

/// Looks again and again until nothing more can come. On a terminal each look replaces the one
/// before.
fn watch(app: &mut App, directory: &Path, interval: Duration) -> Result<Exit> {
    // A shell starts its background jobs with some signals ignored; they must end this, too.
    app.context()?.catch_signals()?.set_fatal(true);
    let clear = if app.out.is_terminal() && !app.json { "\u{1b}[H\u{1b}[2J" } else { "" };
    loop {
        let is_finished = show(app, directory, clear)?;
        if is_finished || app.out.closes_within(interval) {
            return Ok(Exit::OK);
        }
    }
}

/// Prints how the batch is, and returns whether it is finished. `before` is only written when the
/// rest is ready to follow it.
fn show(app: &mut App, directory: &Path, before: &str) -> Result<bool> {
    let overview = batch::overview(directory)?;
    if app.json {
        app.out.json(&document(&overview))?;
        return Ok(overview.is_finished);
    }
    app.out.write(before)?;
    let state = if overview.is_finished { "finished" } else { "unfinished" };
    app.out.line(&format!("{} {state}: {}", overview.batch, counts(&overview.progress)))?;
    let rows = overview.arms.iter().map(|(arm, progress)| {
        let numbers = [
            progress.runs,
            progress.pass,
            progress.fail,
            progress.unscored,
            progress.runs - progress.done,
        ];
        let cells = numbers.iter().map(|number| Cell::new(number.to_string()));
        std::iter::once(Cell::new(arm)).chain(cells).collect()
    });
    let rows: Vec<_> = rows.collect();
    app.out.table(&["Arm", "Runs", "Pass", "Fail", "Unscored", "Left"], &rows)?;
    for shard in &overview.working {
        app.out.line(&format!("shard {shard} is worked on"))?;
    }
    for (count, what) in [
        (overview.not_in_plan, "recorded runs are not in the plan"),
        (overview.foreign, "lines are no results of this batch"),
        (overview.doubled, "lines repeat an attempt"),
    ] {
        if count > 0 {
            app.out.line(&format!("{count} {what}"))?;
        }
    }
    Ok(overview.is_finished)
}

/// The whole as JSON. It is written piece by piece, because a batch may have 100,000 runs.
#[derive(Serialize)]
struct Document<'a> {
    batch: &'a str,
    shards: u32,
    finished: bool,
    progress: &'a Progress,
    arms: BTreeMap<&'a str, &'a Progress>,
    working: &'a [String],
    not_in_plan: usize,
    foreign_lines: usize,
    doubled_lines: usize,
    runs: Vec<RunRow<'a>>,
}

#[derive(Serialize)]
struct RunRow<'a> {
    run_id: &'a str,
    task: &'a str,
    arm: &'a str,
    repeat: u32,
    state: &'a str,
    attempts: usize,
}

fn document<'a>(overview: &'a Overview) -> Document<'a> {
    let Plan { tasks, arms, .. } = &overview.plan;
    let row = |one: &'a RunState| RunRow {
        run_id: &one.run.id,
        task: &tasks[one.run.task].id,
        arm: &arms[one.run.arm].id,
        repeat: one.run.repeat,
        state: one.state,
        attempts: one.attempts,
    };
    Document {
        batch: &overview.batch,
        shards: overview.shards,
        finished: overview.is_finished,
        progress: &overview.progress,
        arms: sorting::map(overview.arms.iter().map(|(arm, progress)| (&**arm, progress))),
        working: &overview.working,
        not_in_plan: overview.not_in_plan,
        foreign_lines: overview.foreign,
        doubled_lines: overview.doubled,
        runs: overview.runs.iter().map(row).collect(),
    }
}
