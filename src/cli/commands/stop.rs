use std::time::Duration;

use serde_json::json;

use crate::cli::App;
use crate::cli::output::{print_all_but_last, status};
use crate::cli::spec::{Action, Command, Exit, Flag, Operand, QUIET};
use crate::cli::words::Words;
use crate::error::{Code, Error, Result};
use crate::runner;
use crate::runner::lifecycle::{StopOptions, Stopped};
use crate::runner::session::Labels;
use crate::runner::{Context, Purpose};

pub const COMMAND: Command = Command {
    name: "stop",
    summary: "Stop sessions and everything that they started",
    about: &[
        "The server, and every process with the session's OPENCODE_SESSION_ID in its environment, \
         gets SIGTERM, and after --grace SIGKILL. The session is forgotten once all of them are \
         gone and the port is free.",
        "A session from which other sessions were started is refused, unless --recursive stops \
         those first. So is one that is elsewhere, unless --forget-elsewhere is given.",
        "Without --remove-worktree the worktree of a session stays, and the git commands that \
         remove it are shown; `occtl start --worktree NAME` goes on in it. It is only removed if \
         neither it nor a submodule has an uncommitted change or a commit that exists nowhere \
         else. Files that git ignores are named and go with it.",
        "A flag that no SESSION has a use for is refused (status 2), and nothing is stopped: \
         --keep-data without --isolate, for example. With --all it counts where it can.",
    ],
    operands: &[Operand::optional("SESSION", "Ids, unique prefixes of ids, or names")
        .many()
        .session(Purpose::Act)],
    flags: &[&[
        Flag::switch("all", None, "Stop all sessions but those that are elsewhere"),
        Flag::value("label", None, "KEY=VALUE", "Stop all sessions here with this label")
            .repeated()
            .excludes(
                &["all", "forget-elsewhere"],
                "--all stops those without it, and what is elsewhere is named one by one",
            ),
        Flag::switch("dry-run", None, "Only say what would be stopped"),
        Flag::switch("force", Some('f'), "Send SIGKILL at once"),
        Flag::value("grace", None, "SECONDS", "Time between SIGTERM and SIGKILL")
            .default("5")
            .excludes(&["force"], "--force sends SIGKILL at once"),
        Flag::switch("recursive", None, "First stop the sessions that were started from this one")
            .excludes(&["all"], "--all stops them anyway"),
        Flag::switch("keep-data", None, "Keep the database and state of an isolated session"),
        Flag::switch("remove-worktree", None, "Remove the session's git worktree and branch, too"),
        Flag::switch("kill", None, "End the server of an adopted session, too"),
        Flag::switch(
            "forget-elsewhere",
            None,
            "Drop the record and files of a session whose server lives on another machine or in \
             another container; the server itself is not reached",
        )
        .excludes(
            &["all", "grace", "recursive", "keep-data", "remove-worktree", "kill"],
            "it drops one record after the other, and ends nothing",
        ),
        QUIET,
    ]],
    examples: &[
        ("occtl stop $S", "stop one session"),
        ("occtl stop --all", "stop all of them here"),
        ("occtl stop --label job=nightly --dry-run", "see what a label would stop"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let sessions = words.rest(0)?;
    let all = words.has("all");
    let force = words.has("force");
    let quiet = words.has("quiet");
    let grace = words.seconds_or_zero("grace")?;
    let options = StopOptions {
        grace: if force { Duration::ZERO } else { grace },
        // --all includes the nested sessions anyway.
        recursive: words.has("recursive") || all,
        keep_data: words.has("keep-data"),
        remove_worktree: words.has("remove-worktree"),
        kill: words.has("kill"),
        forget_elsewhere: words.has("forget-elsewhere"),
        dry_run: words.has("dry-run"),
        ..StopOptions::default()
    };
    let labels = runner::session::parse_labels(&words.values("label")?)?;
    let several = if all { "all" } else { "label" };
    if (all || !labels.is_empty()) && !sessions.is_empty() {
        return Err(Error::usage(format!("--{several} and a SESSION cannot be used together")));
    }
    if !all && labels.is_empty() && sessions.is_empty() {
        return Err(Error::usage("occtl stop needs a SESSION")
            .hint("or --all for all of them, --label KEY=VALUE for some"));
    }
    let args = Args { sessions, labels, options, quiet };
    let has_grace = words.has("grace");
    Ok(Box::new(move |app| {
        let context = app.context()?;
        let Args { sessions, options, .. } = &args;
        runner::lifecycle::check_stop_flags(&context, sessions, options, has_grace)?;
        run(app, &context, &args)
    }))
}

struct Args {
    /// Those that were named; none with --all and --label.
    sessions: Vec<String>,
    labels: Labels,
    options: StopOptions,
    quiet: bool,
}

/// A session that cannot be stopped does not keep the others running.
fn run(app: &mut App, context: &Context, args: &Args) -> Result<Exit> {
    let everything = args.sessions.is_empty();
    let mut stopped = Vec::new();
    let mut trouble = Vec::new();
    let sessions = if everything {
        for one in runner::lifecycle::stop_dead(context, &args.labels, &args.options)? {
            print(app, &one, args)?;
            stopped.push(one);
        }
        runner::lifecycle::ids_here(context, &args.labels)?
    } else {
        args.sessions.clone()
    };
    let mut options = args.options.clone();
    for session in &sessions {
        status(&format!("stopping {}", context.shown(session)));
        match runner::lifecycle::stop(context, session, &options) {
            Ok(done) => {
                for one in done {
                    // With a dry run a nested session is still there when its turn comes.
                    let is_new = !options.dry_run || options.gone.insert(one.id.clone());
                    if is_new {
                        print(app, &one, args)?;
                        stopped.push(one);
                    }
                }
            }
            // Another process has stopped it since the sessions were listed.
            Err(error) if everything && error.code == Code::NotFound => {}
            Err(error) => trouble.push(error),
        }
    }
    if app.json {
        let row = |one: &Stopped| {
            json!({"id": one.id, "was_dead": one.was_dead, "forgotten": one.forgotten,
                   "processes": one.processes, "killed": one.killed})
        };
        let rows: Vec<_> = stopped.iter().map(row).collect();
        app.out.json(&json!({"dry_run": args.options.dry_run, "stopped": rows}))?;
    } else if everything && stopped.is_empty() && trouble.is_empty() && !args.quiet {
        let with_label = if args.labels.is_empty() { "" } else { " with that label" };
        app.out.line(&format!("No active sessions{with_label}"))?;
    }
    print_all_but_last(trouble, app.json).map_or(Ok(Exit::OK), Err)
}

fn print(app: &mut App, one: &Stopped, args: &Args) -> Result<()> {
    if app.json {
        return Ok(());
    }
    if args.quiet {
        return app.out.line(&one.id);
    }
    let StopOptions { forget_elsewhere, dry_run, .. } = &args.options;
    let note = match (one.was_dead, one.forgotten) {
        (true, _) if *dry_run => " (is already dead)",
        (true, _) => " (was already dead)",
        (_, true) if *dry_run => " (only its record: its server keeps running)",
        (_, true) if *forget_elsewhere => " (forgotten; its server was not reached)",
        (_, true) => " (forgotten; its server was adopted and keeps running)",
        _ => "",
    };
    let verb = if *dry_run { "Would stop" } else { "Stopped" };
    app.out.line(&format!("{verb}: {}{note}", one.id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::STOP_GRACE;

    #[test]
    fn stop_gives_a_server_as_long_to_end_as_the_commands_that_have_no_grace_flag() {
        let words = Words::given(&COMMAND, Vec::new());
        assert_eq!(words.seconds("grace").unwrap(), STOP_GRACE);
    }
}
