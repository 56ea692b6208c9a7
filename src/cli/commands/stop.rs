use std::time::Duration;

use serde_json::json;

use crate::cli::App;
use crate::cli::output::{print_all_but_last, status};
use crate::cli::spec::{Action, Command, Exit, Flag, Operand, QUIET};
use crate::cli::words::Words;
use crate::error::{Code, Error, Result};
use crate::runner;
use crate::runner::lifecycle::{StopOptions, Stopped};
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
        ..StopOptions::default()
    };
    if all && !sessions.is_empty() {
        return Err(Error::usage("--all and a SESSION cannot be used together"));
    }
    if !all && sessions.is_empty() {
        return Err(Error::usage("occtl stop needs a SESSION").hint("or --all for all of them"));
    }
    let has_grace = words.has("grace");
    Ok(Box::new(move |app| {
        let context = app.context()?;
        runner::lifecycle::check_stop_flags(&context, &sessions, &options, has_grace)?;
        run(app, &context, &sessions, &options, quiet)
    }))
}

/// A session that cannot be stopped does not keep the others running.
fn run(
    app: &mut App,
    context: &Context,
    sessions: &[String],
    options: &StopOptions,
    quiet: bool,
) -> Result<Exit> {
    let everything = sessions.is_empty();
    let mut stopped = Vec::new();
    let mut trouble = Vec::new();
    let sessions = if everything {
        for one in runner::lifecycle::stop_dead(context, options)? {
            if !app.json {
                print(app, &one, options, quiet)?;
            }
            stopped.push(one);
        }
        runner::lifecycle::ids_here(context)?
    } else {
        sessions.to_vec()
    };
    for session in &sessions {
        status(&format!("stopping {}", context.shown(session)));
        match runner::lifecycle::stop(context, session, options) {
            Ok(done) => {
                for one in done {
                    if !app.json {
                        print(app, &one, options, quiet)?;
                    }
                    stopped.push(one);
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
        app.out.json(&json!({"stopped": rows}))?;
    } else if everything && stopped.is_empty() && trouble.is_empty() && !quiet {
        app.out.line("No active sessions")?;
    }
    print_all_but_last(trouble, app.json).map_or(Ok(Exit::OK), Err)
}

fn print(app: &mut App, one: &Stopped, options: &StopOptions, quiet: bool) -> Result<()> {
    if quiet {
        return app.out.line(&one.id);
    }
    let note = if one.was_dead {
        " (was already dead)"
    } else if one.forgotten && options.forget_elsewhere {
        " (forgotten; its server was not reached)"
    } else if one.forgotten {
        " (forgotten; its server was adopted and keeps running)"
    } else {
        ""
    };
    app.out.line(&format!("Stopped: {}{note}", one.id))
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
