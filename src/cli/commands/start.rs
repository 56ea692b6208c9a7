use crate::cli::App;
use crate::cli::output;
use crate::cli::show::session;
use crate::cli::spec::{Action, Command, Exit, Flag, QUIET};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::lifecycle::StartOptions;
use crate::runner::session::SessionFacts;

/// Where the server works.
pub const WORKDIR: Flag =
    Flag::value("workdir", Some('w'), "DIR", "Where the server works; created if it is missing")
        .absent("the current directory")
        .may_be_empty();
/// Which program is started.
pub const OPENCODE: Flag = Flag::value("opencode", None, "PATH", "The OpenCode program to start")
    .absent("$OCCTL_OPENCODE, or opencode on PATH");
/// Whether the rules against occtl are left out.
pub const ALLOW_OCCTL: Flag =
    Flag::switch("allow-occtl-commands", None, "Let the model run occtl itself");

/// How long the start may take.
pub const TIMEOUT: Flag =
    Flag::value("timeout", Some('t'), "SECONDS", "How long to wait for the server's first answer")
        .default("30");
/// A name of the user's choice.
pub const NAME: Flag = Flag::value("name", None, "NAME", "Name that can be used instead of the id");
/// Variables of the server.
pub const ENV: Flag =
    Flag::value("env", None, "NAME=VALUE", "Set this variable for the server").repeated();
/// A configuration of its own.
pub const CONFIG: Flag =
    Flag::value("config", None, "FILE", "OpenCode configuration that overrides all others")
        .may_be_stdin();
/// What the session is found by.
pub const LABEL: Flag =
    Flag::value("label", None, "KEY=VALUE", "Label by which `list --label` finds it").repeated();

pub const COMMAND: Command = Command {
    name: "start",
    summary: "Start an OpenCode server on a free port and wait until it answers",
    about: &[
        "The server runs in the background until `occtl stop`. What it prints goes to a file in \
         `logs/` in the data directory, which `occtl logs --session SESSION` shows.",
        "The OpenCode program is --opencode, or else $OCCTL_OPENCODE, or else opencode on PATH. \
         Ports are taken from 9100 upwards, or from the range in $OCCTL_PORT_RANGE (FIRST-LAST).",
        "With --lean it knows no models of providers that have neither a key nor a variable and \
         are named in no configuration. If one is added later, it needs `occtl restart`, which \
         always starts with all models.",
        "If the server does not answer in time, it is stopped, and the last lines it printed are \
         shown.",
    ],
    operands: &[],
    flags: &[&[
        WORKDIR,
        TIMEOUT,
        Flag::value("agent", Some('a'), "AGENT", "Agent for prompts that do not name one")
            .may_be_empty(),
        NAME,
        Flag::value(
            "hostname",
            None,
            "ADDRESS",
            "Listen on this address; the password is then $OPENCODE_SERVER_PASSWORD",
        )
        .absent("127.0.0.1, with a generated password"),
        OPENCODE,
        ALLOW_OCCTL,
        Flag::switch("isolate", None, "Give the server its own database and state"),
        Flag::switch(
            "lean",
            None,
            "Start faster: leave out models of providers that nothing here can enable",
        )
        .needs(&["isolate"]),
        ENV,
        CONFIG,
        Flag::value(
            "worktree",
            None,
            "NAME",
            "Work in the git worktree .occtl/worktrees/NAME on the branch occtl/NAME, a new one or \
             one that a session before has left",
        ),
        Flag::value("base", None, "REF", "Commit, tag or branch from which the worktree starts")
            .absent("HEAD")
            .needs(&["worktree"]),
        Flag::value(
            "idle-timeout",
            None,
            "SECONDS",
            "Let `occtl cleanup` stop it when unused for this long, whatever --max-idle says",
        ),
        LABEL,
        QUIET,
    ]],
    examples: &[
        ("occtl start", "start a server for the current directory"),
        ("S=$(occtl start -q -w /srv/project)", "keep its id in a variable"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let options = StartOptions {
        workdir: words.path("workdir"),
        timeout: words.seconds("timeout")?,
        agent: words.value("agent")?,
        name: words.value("name")?,
        allow_occtl: words.has("allow-occtl-commands"),
        hostname: words.value("hostname")?,
        opencode: words.path("opencode"),
        dies_with_us: false,
        keeps_remains: false,
        isolate: words.has("isolate"),
        lean: words.has("lean"),
        providers: Vec::new(),
        variables: words.os_values("env"),
        config: words.path("config"),
        worktree: words.value("worktree")?,
        base: words.value("base")?,
        idle_timeout: words.optional_seconds("idle-timeout")?,
        labels: words.values("label")?,
    };
    let quiet = words.has("quiet");
    Ok(Box::new(move |app| run(app, &options, quiet)))
}

fn run(app: &mut App, options: &StartOptions, quiet: bool) -> Result<Exit> {
    let context = app.context()?;
    output::status("starting OpenCode");
    let started = runner::lifecycle::start(&context, options)?;
    // If the id cannot be printed, the caller must still learn that the server runs.
    print_session(app, "Started", &started, quiet)
        .map_err(|error| error.hint(format!("session {} is running", started.id)))?;
    Ok(Exit::OK)
}

/// Prints a session whose server was started.
pub fn print_session(app: &mut App, verb: &str, started: &SessionFacts, quiet: bool) -> Result<()> {
    if app.json {
        app.out.json(&session::facts(started))?;
    } else if quiet {
        app.out.line(&started.id)?;
    } else {
        app.out.line(&format!("{verb} session: {}", started.id))?;
        app.out.line(&format!("  Port: {}", started.port))?;
        app.out.line(&format!("  PID: {}", started.pid.unwrap_or_default()))?;
        if let Some(agent) = &started.agent {
            app.out.line(&format!("  Agent: {}", output::one_line(agent)))?;
        }
        let more = [
            ("Name", started.name.as_deref()),
            ("Workdir", started.workdir.as_deref()),
            ("Worktree branch", started.branch.as_deref()),
        ];
        for (label, value) in more {
            if let Some(value) = value {
                app.out.line(&format!("  {label}: {}", output::one_line(value)))?;
            }
        }
    }
    Ok(())
}
