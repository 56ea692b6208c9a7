use super::start::{CONFIG, ENV, OPENCODE, TIMEOUT, print_session};
use crate::cli::output;
use crate::cli::spec::{Action, Command, Exit, QUIET, SESSION_TO_USE};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::lifecycle::StartOptions;

pub const COMMAND: Command = Command {
    name: "restart",
    summary: "End the server of a session, if it runs, and start it again",
    about: &[
        "The session keeps its id, directory, name, labels, agent, worktree, database and all \
         else that its record tells of the start, and its port if that is free. The values of \
         --env and --config are not recorded, because they may be secret: stderr says so if they \
         were given, and they can be given again. All other variables are those of this command.",
        "What a turn is doing ends with the old server. If the new one does not start, the session \
         is dead and keeps its data, and the command can be tried again.",
    ],
    operands: &[SESSION_TO_USE],
    flags: &[&[TIMEOUT, OPENCODE.absent("the program of the first start"), ENV, CONFIG, QUIET]],
    examples: &[
        ("occtl restart $S", "let a server read its configuration anew"),
        ("occtl restart $S --env OPENCODE_PURE=1", "try it without plugins"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let options = StartOptions {
        timeout: words.seconds("timeout")?,
        opencode: words.path("opencode"),
        variables: words.os_values("env"),
        config: words.path("config"),
        ..StartOptions::default()
    };
    let quiet = words.has("quiet");
    Ok(Box::new(move |app| {
        let context = app.context()?;
        output::status("restarting OpenCode");
        let started = runner::lifecycle::restart(&context, &session, &options)?;
        print_session(app, "Restarted", &started, quiet)?;
        Ok(Exit::OK)
    }))
}
