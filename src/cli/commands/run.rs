use super::start::{ALLOW_OCCTL, CONFIG, ENV, LABEL, NAME, OPENCODE, WORKDIR};
use crate::cli::App;
use crate::cli::output;
use crate::cli::policy_flags::{self, ABOUT, ALLOW, RULES, UNSETTLED};
use crate::cli::show::turn::{self, Show, View};
use crate::cli::spec::{Action, Command, Exit, Flag, QUIET, all_need};
use crate::cli::turn_flags::{self, LIMITS, MESSAGE, NO_ABORT, PROMPT, TITLE, TITLE_FILE};
use crate::cli::words::Words;
use crate::error::{Error, Result};
use crate::runner::asks::Otherwise;
use crate::runner::lifecycle::StartOptions;
use crate::runner::prompt::{Follow, Terms};
use crate::runner::run::RunOptions;
use crate::runner::{self, Context};

const OWN: &[Flag] = &[
    WORKDIR,
    Flag::switch("stream", None, "Print all text as it is written")
        .excludes(&["raw"], "--raw prints one JSON document at the end"),
    Flag::switch("raw", Some('r'), "Print the last message as the server has it (JSON)"),
    Flag::switch("keep", None, "Leave the server running"),
    Flag::switch(
        "keep-on-failure",
        None,
        "Keep the log of a run that fails, and its database and state unless --no-isolate is given",
    )
    .excludes(&["keep"], "--keep leaves everything"),
    NAME,
    LABEL,
    ENV,
    CONFIG,
    Flag::switch(
        "no-isolate",
        None,
        "Use your own OpenCode database and state, not temporary ones",
    ),
    OPENCODE,
    ALLOW_OCCTL,
    Flag::value(
        "timeout",
        Some('t'),
        "SECONDS",
        "Time limit for everything (status 124). $OCCTL_TIMEOUT is another default",
    )
    .default("300"),
    TITLE.absent(
        "occtl run; with --keep, --keep-on-failure or --no-isolate it is written by the model",
    ),
    TITLE_FILE.excludes(&["title"], "each is the title"),
    QUIET.excludes(&["stream", "raw"], "--quiet prints only the id of the conversation"),
];

/// Without --keep the server ends, and its turn with it.
const GOING_ON: &[Flag] = &all_need([NO_ABORT], &["keep"], "");

pub const COMMAND: Command = Command {
    name: "run",
    summary: "Run one prompt on a server of its own: start, send, wait, stop",
    about: &[
        "Prints the answer, or with --stream all text as it is written. The exit status is that \
         of the turn, as with `occtl send --wait`. The time limit covers everything from the \
         start to the answer; to abort the turn and stop the server may take a few seconds more.",
        "Nothing is left behind: the server and everything it started end with this command, even \
         if the command is killed.",
        "With --keep-on-failure stderr says where the log and the database of a run with a status \
         other than 0 are, and how to remove them. If the command is killed, nothing is kept.",
        ABOUT[0],
        ABOUT[1],
        "If the turn asks for a permission that no --allow and no --deny settles, it ends with \
         status 6, unless --on-permission says otherwise.",
    ],
    operands: &[MESSAGE],
    flags: &[OWN, PROMPT, &LIMITS, GOING_ON, &[ALLOW], &RULES, &UNSETTLED],
    examples: &[
        ("occtl run 'Explain this repository'", "print the answer"),
        (
            "occtl run -w /srv/project --unlisted deny --allow edit --allow 'bash:make *' 'Fix it'",
            "allow only to edit and to run make",
        ),
        ("occtl run --json - < prompt.md > turn.json", "save the whole record of the turn"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let prompt = turn_flags::prompt(words, 0)?;
    let stream = words.has("stream");
    let raw = words.has("raw");
    let show = if words.has("quiet") {
        Show::Id
    } else if stream {
        Show::Stream
    } else if raw {
        Show::Raw
    } else {
        Show::Answer
    };
    let terms = turn_flags::terms(words, policy_flags::rules(words)?, Otherwise::Fail)?;
    let start = StartOptions {
        workdir: words.path("workdir"),
        allow_occtl: words.has("allow-occtl-commands"),
        opencode: words.path("opencode"),
        isolate: !words.has("no-isolate"),
        keeps_remains: words.has("keep-on-failure"),
        name: words.value("name")?,
        labels: words.values("label")?,
        variables: words.os_values("env"),
        config: words.path("config"),
        ..StartOptions::default()
    };
    let keep = words.has("keep");
    let view = View { show, verbose: words.has("verbose") };
    if prompt.lacks_message() {
        return Err(Error::usage("occtl run needs a MESSAGE").hint("- reads it from stdin"));
    }
    Ok(Box::new(move |app| {
        let context = app.context()?;
        let mut terms = terms(&context.environment)?;
        let start = StartOptions { timeout: terms.limits.timeout, ..start };
        let prompt = prompt.read(&context.environment, &mut terms)?;
        run(app, &context, RunOptions { start, prompt, keep }, terms, view)
    }))
}

fn run(
    app: &mut App,
    context: &Context,
    options: RunOptions,
    terms: Terms,
    view: View,
) -> Result<Exit> {
    let json = app.json;
    output::status("starting OpenCode");
    turn::follow_and_print(app, view, |watcher| {
        let follow = Follow { terms, watcher, wanted: view.show.wants(json) };
        runner::run::run(context, options, follow)
    })
}
