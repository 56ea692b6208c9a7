use std::path::PathBuf;

use serde_json::json;

use super::run::PLAN;
use crate::bench::batch;
use crate::bench::check::sound::{self, SoundOptions, Soundness};
use crate::bench::glob;
use crate::bench::plan::Plan;
use crate::cli::App;
use crate::cli::spec::{Action, Command, Exit, Flag};
use crate::cli::words::Words;
use crate::error::{Error, Result};

pub const COMMAND: Command = Command {
    name: "bench check",
    summary: "Try the tasks of a plan themselves: no model is asked",
    about: &[
        "The check of each task must fail on the template as it is and pass with the solution. Of \
         a Python task it is also tried whether an answer can pass that solves nothing; that is a \
         warning. The status is 1 if a task is not sound.",
        "A check that passes only sometimes is named with its share: try it with --repeat 10, and \
         with as many --jobs as the runs will have.",
    ],
    operands: &[PLAN],
    flags: &[&[
        Flag::value("repeat", None, "N", "Try each task so often").default("1"),
        Flag::value("jobs", Some('j'), "N", "So many at once").default("1"),
        Flag::value("task", None, "GLOB", "Only tasks whose id matches").repeated(),
        Flag::value("scratch", None, "DIR", "Where working trees are").absent("TMPDIR"),
    ]],
    examples: &[
        ("occtl bench check plan.json --repeat 10 --jobs 4", "find flaky checks"),
        ("occtl bench check plan.json", "try each task once"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let path: PathBuf = words.required(0)?.into();
    let repeats = u32::try_from(words.count("repeat")?).unwrap_or(u32::MAX);
    let jobs = words.count("jobs")?;
    let tasks = words.values("task")?;
    let scratch = words.path("scratch");
    if repeats == 0 || jobs == 0 {
        return Err(Error::usage("--repeat and --jobs cannot be 0"));
    }
    Ok(Box::new(move |app| {
        let context = app.context()?;
        let mut plan = Plan::read(&path)?;
        if !tasks.is_empty() {
            let is_chosen = |id: &str| tasks.iter().any(|one| glob::matches(one, id.as_bytes()));
            plan.tasks.retain(|task| is_chosen(&task.id));
            if plan.tasks.is_empty() {
                return Err(Error::usage(format!("no task matches {}", tasks.join(", "))));
            }
        }
        let scratch = batch::scratch::open(&context.environment, scratch.as_deref())?;
        let options = SoundOptions { repeats, jobs, scratch };
        let signals = context.catch_signals()?;
        let is_json = app.json;
        let mut show = |one: &Soundness| if is_json { Ok(()) } else { show(app, one) };
        let all = sound::check(&plan, &options, &signals, &mut show)?;
        finish(app, &all)
    }))
}

fn show(app: &mut App, one: &Soundness) -> Result<()> {
    let state = if one.is_sound { "sound" } else { "NOT SOUND" };
    app.out.line(&format!("{}: {state}", one.task))?;
    for problem in &one.problems {
        app.out.line(&format!("  {}", problem.replace('\n', "\n    ")))?;
    }
    for warning in &one.warnings {
        app.out.line(&format!("  warning: {warning}"))?;
    }
    Ok(())
}

fn finish(app: &mut App, all: &[Soundness]) -> Result<Exit> {
    let sound = all.iter().filter(|one| one.is_sound).count();
    let is_sound = sound == all.len();
    if app.json {
        let tasks: Vec<_> = all.iter().map(Soundness::to_json).collect();
        app.out.json(&json!({"sound": is_sound, "tasks": tasks}))?;
    } else {
        app.out.line(&format!("{sound} of {} tasks are sound", all.len()))?;
    }
    Ok(if is_sound { Exit::OK } else { Exit(1) })
}
