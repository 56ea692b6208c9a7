use std::path::Path;

use crate::cli::App;
use crate::cli::output;
use crate::cli::show::session;
use crate::cli::spec::{Action, Command, Exit, Flag, QUIET};
use crate::cli::words::Words;
use crate::error::{Error, Result};
use crate::runner;
use crate::runner::lifecycle::StartOptions;
use crate::runner::session::SessionFacts;

pub const COMMAND: Command = Command {
    name: "start",
    summary: "Start an OpenCode server on a free port and wait until it answers",
    about: &[
        "The server runs in the background until `occtl stop`; what it prints is in `logs/` below the data directory.",
        "The OpenCode program is --opencode, or $OCCTL_OPENCODE, or opencode on PATH. Ports are taken from 9100 upwards, or from $OCCTL_PORT_RANGE (FIRST-LAST).",
        "If it does not answer in time, nothing is left of it and the last lines that it printed are shown.",
    ],
    operands: &[],
    flags: &[&[
        Flag::value(
            "workdir",
            Some('w'),
            "DIR",
            "Where the server works; created if it is missing",
        )
        .absent("the working directory"),
        Flag::value("timeout", Some('t'), "SECONDS", "How long to wait for its first answer")
            .default("30"),
        Flag::value("agent", Some('a'), "NAME", "The agent for prompts that name none"),
        Flag::value("name", None, "NAME", "A name to use instead of the id"),
        Flag::value("hostname", None, "ADDRESS", "Listen there, with $OPENCODE_SERVER_PASSWORD")
            .absent("127.0.0.1, and a password of its own"),
        Flag::value("opencode", None, "PATH", "The OpenCode program"),
        Flag::switch("allow-occtl-commands", None, "Let the model run occtl itself"),
        Flag::switch("isolate", None, "Give the server a database and a state of its own"),
        Flag::value("env", None, "NAME=VALUE", "Set a variable for the server").repeated(),
        Flag::value("config", None, "FILE", "OpenCode configuration that goes before all other"),
        Flag::value("worktree", None, "NAME", "Work in a new git worktree, on branch occtl/NAME"),
        Flag::value("base", None, "REF", "What the worktree starts from").default("HEAD"),
        Flag::value(
            "idle-timeout",
            None,
            "SECONDS",
            "After that long without use cleanup stops it",
        ),
        Flag::value("label", None, "KEY=VALUE", "What list --label finds it by").repeated(),
        QUIET,
    ]],
    examples: &[
        ("occtl start", "a server for the working directory"),
        ("S=$(occtl start -q -w /srv/project)", "its id in a variable"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let options = StartOptions {
        workdir: words.path("workdir").filter(|path| named(path)),
        timeout: words.seconds("timeout")?,
        agent: words.value("agent")?.filter(|name| !name.is_empty()),
        name: words.value("name")?,
        allow_occtl: words.has("allow-occtl-commands"),
        hostname: words.value("hostname")?,
        opencode: words.path("opencode").filter(|path| named(path)),
        dies_with_us: false,
        isolate: words.has("isolate"),
        variables: words.os_values("env"),
        config: words.path("config"),
        worktree: words.value("worktree")?,
        base: words.value("base")?,
        idle_timeout: words.optional_seconds("idle-timeout")?,
        labels: words.values("label")?,
    };
    let quiet = words.has("quiet");
    if words.has("base") && options.worktree.is_none() {
        return Err(Error::usage("--base is for --worktree"));
    }
    Ok(Box::new(move |app| run(app, &options, quiet)))
}

/// An empty path is what an unset variable of a script leaves.
fn named(path: &Path) -> bool {
    !path.as_os_str().is_empty()
}

fn run(app: &mut App, options: &StartOptions, quiet: bool) -> Result<Exit> {
    let context = app.context()?;
    output::status("starting OpenCode");
    let started = runner::lifecycle::start(&context, options)?;
    // Whoever cannot read the id must still get to know it.
    print(app, &started, quiet)
        .map_err(|error| error.hint(format!("session {} is running", started.id)))?;
    Ok(Exit::OK)
}

fn print(app: &mut App, started: &SessionFacts, quiet: bool) -> Result<()> {
    if app.json {
        app.out.json(&session::facts(started))?;
    } else if quiet {
        app.out.line(&started.id)?;
    } else {
        app.out.line(&format!("Started session: {}", started.id))?;
        app.out.line(&format!("  Port: {}", started.port))?;
        app.out.line(&format!("  PID: {}", started.pid.unwrap_or_default()))?;
        if let Some(agent) = &started.agent {
            app.out.line(&format!("  Agent: {}", output::one_line(agent)))?;
        }
    }
    Ok(())
}
