use std::time::Duration;

use serde_json::json;

use crate::cli::App;
use crate::cli::output::{print_all_but_last, say};
use crate::cli::spec::{Action, Command, Exit, Flag, QUIET};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::lifecycle::{Cleaned, CleanedUp, Why};
use crate::runner::session::Labels;
use crate::units::milliseconds;

pub const COMMAND: Command = Command {
    name: "cleanup",
    summary: "Stop idle sessions, and remove what dead ones left behind",
    about: &[
        "A session is stopped if it was last used longer ago than its own --idle-timeout, or else \
         than --max-idle, and if its server has no turn running and no ask pending. The server is \
         asked twice, the second time right before it is stopped. If it does not answer, the \
         session is left alone and stderr says so.",
        "send, abort, approve, reject, answer, fork, attach and touch count as use, and so \
         does any change of a conversation: a turn that has just ended, for example. Adopted \
         sessions and those that are elsewhere are left alone.",
        "A session whose server is dead is removed, with its log and any processes it left. \
         stderr says why the server died, if its log tells.",
    ],
    operands: &[],
    flags: &[&[
        Flag::value(
            "max-idle",
            Some('m'),
            "SECONDS",
            "Stop what was last used longer ago than this, 0 or more",
        )
        .default("60"),
        Flag::value("label", None, "KEY=VALUE", "Only sessions with this label").repeated(),
        Flag::switch("dry-run", None, "Only say what would be done"),
        QUIET,
    ]],
    examples: &[
        ("occtl cleanup --dry-run", "see what it would do"),
        ("occtl cleanup -m 3600", "stop what was not used for an hour"),
    ],
    parse,
};

struct Args {
    max_idle: Duration,
    labels: Labels,
    dry_run: bool,
    quiet: bool,
}

fn parse(words: &Words) -> Result<Action> {
    // Unlike for a time limit, zero makes sense: it means every session that is idle now.
    let max_idle = words.seconds_or_zero("max-idle")?;
    let labels = runner::session::parse_labels(&words.values("label")?)?;
    let (dry_run, quiet) = (words.has("dry-run"), words.has("quiet"));
    let args = Args { max_idle, labels, dry_run, quiet };
    Ok(Box::new(move |app| run(app, &args)))
}

fn run(app: &mut App, args: &Args) -> Result<Exit> {
    let context = app.context()?;
    let mut done = runner::lifecycle::cleanup(&context, args.max_idle, &args.labels, args.dry_run)?;
    let last = print_all_but_last(std::mem::take(&mut done.trouble), app.json);
    if app.json {
        app.out.json(&document(&done, args.dry_run))?;
    } else {
        print(app, &done, args, last.is_some())?;
    }
    last.map_or(Ok(Exit::OK), Err)
}

fn print(app: &mut App, done: &CleanedUp, args: &Args, failed: bool) -> Result<()> {
    for (id, why) in &done.spared {
        say(&format!("{id} is left alone: {why}"));
    }
    for one in &done.cleaned {
        if let Why::Dead(_) = one.why {
            say(&format!("{} {}", one.id, one.why.text()));
        }
        if args.quiet {
            app.out.line(&one.id)?;
        }
    }
    if args.quiet {
        return Ok(());
    }
    if done.cleaned.is_empty() {
        return if failed { Ok(()) } else { app.out.line("No idle sessions to clean") };
    }
    let verb = if args.dry_run { "Would clean up" } else { "Cleaned up" };
    app.out.line(&format!("{verb} {} session(s):", done.cleaned.len()))?;
    done.cleaned.iter().try_for_each(|one| app.out.line(&format!("  - {}", one.id)))
}

fn document(done: &CleanedUp, dry_run: bool) -> serde_json::Value {
    let row = |one: &Cleaned| {
        let (reason, idle, log) = match &one.why {
            Why::Idle(idle) => ("idle", Some(milliseconds(*idle)), None),
            Why::Dead(log) => ("dead", None, log.clone()),
        };
        json!({"id": one.id, "reason": reason, "idle_ms": idle, "death": log,
               "processes": one.processes})
    };
    let cleaned: Vec<_> = done.cleaned.iter().map(row).collect();
    let spared: Vec<_> =
        done.spared.iter().map(|(id, why)| json!({"id": id, "why": why})).collect();
    json!({"dry_run": dry_run, "cleaned": cleaned, "spared": spared})
}
