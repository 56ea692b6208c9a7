use serde_json::json;

use super::status::DIRECTORY;
use crate::bench::batch::{self, RecheckOptions, Rechecked};
use crate::cli::App;
use crate::cli::output;
use crate::cli::spec::{Action, Command, Exit, Flag};
use crate::cli::words::Words;
use crate::error::{Code, Error, Result};

pub const COMMAND: Command = Command {
    name: "bench recheck",
    summary: "Grade the stored answers again, without spending a token",
    about: &[
        "Each run's newest answer is checked with the task's check as it is today. Old lines stay; \
         the new ones are in a file of their own, and the newest line of a run counts. What has \
         another result now is printed. What cannot be graded keeps its result and is named on \
         stderr, and the status is 1.",
        "With --from the verdicts come from another grader: lines of JSON with `result` (pass, \
         fail or unscored), perhaps `score`, and either `run_id` or `task`, `arm` and `repeat`; or \
         a report of SWE-bench. How many are about no run of the batch is said on stderr; if all \
         are, the status is 3.",
    ],
    operands: &[DIRECTORY],
    flags: &[&[
        Flag::value("jobs", Some('j'), "N", "So many checks at once")
            .default("1")
            .excludes(&["from"], "no check runs then"),
        Flag::value("from", None, "FILE", "Verdicts of another grader").may_be_stdin(),
        Flag::value("arm", None, "ARM", "The arm that a report is about").needs(&["from"]),
        Flag::value("scratch", None, "DIR", "Where fresh copies are")
            .absent("TMPDIR")
            .excludes(&["from"], "no check runs then"),
    ]],
    examples: &[
        ("occtl bench recheck results", "after a check was mended"),
        (
            "occtl bench recheck results --from report.json --arm stable",
            "take verdicts of another grader",
        ),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let options = RecheckOptions {
        directory: words.required(0)?.into(),
        jobs: words.count("jobs")?,
        from: words.path("from"),
        arm: words.value("arm")?,
        scratch: words.path("scratch"),
    };
    if options.jobs == 0 {
        return Err(Error::usage("--jobs cannot be 0"));
    }
    Ok(Box::new(move |app| {
        let context = app.context()?;
        let found = batch::recheck(&context, &options)?;
        print(app, &options, &found)?;
        match context.catch_signals()?.received() {
            Some(code) if found.is_cut => Ok(Exit(code.exit())),
            _ if !found.ungraded.is_empty() => Ok(Exit(Code::Failed.exit())),
            _ => Ok(Exit::OK),
        }
    }))
}

fn print(app: &mut App, options: &RecheckOptions, found: &Rechecked) -> Result<()> {
    let say = if app.json { output::say_json } else { output::say };
    if found.unknown > 0 {
        say(&format!("warning: {} of the verdicts are about no run of this batch", found.unknown));
    }
    for one in &found.ungraded {
        let (task, arm, repeat, reason) = (&one.task, &one.arm, one.repeat, &one.reason);
        say(&format!("{task} {arm} #{repeat} could not be graded, and its result stays: {reason}"));
    }
    if app.json {
        let flips = found.flips.iter().map(|flip| {
            json!({"run_id": flip.run_id, "task": flip.task, "arm": flip.arm,
                   "repeat": flip.repeat, "from": flip.from, "to": flip.to})
        });
        let flips: Vec<_> = flips.collect();
        let ungraded = found.ungraded.iter().map(|one| {
            json!({"run_id": one.run_id, "task": one.task, "arm": one.arm, "repeat": one.repeat,
                   "reason": one.reason})
        });
        let ungraded: Vec<_> = ungraded.collect();
        return app.out.json(&json!({
            "recheck": found.number, "directory": options.directory, "graded": found.graded,
            "without": found.without, "flips": flips, "ungraded": ungraded,
            "unknown_verdicts": found.unknown,
        }));
    }
    for flip in &found.flips {
        let (task, arm, repeat) = (&flip.task, &flip.arm, flip.repeat);
        app.out.line(&output::one_line(&format!(
            "{task} {arm} #{repeat}: {} -> {}",
            flip.from, flip.to
        )))?;
    }
    if found.is_cut {
        output::say("interrupted; what was graded is recorded");
    }
    let (graded, flips, without) = (found.graded, found.flips.len(), found.without);
    // A run of which the other grader says nothing may well have an answer.
    let what = if options.from.is_some() { "verdict" } else { "answer" };
    app.out.line(&format!("{graded} graded, {flips} with another result, {without} without {what}"))
}
