use crate::cli::App;
use crate::cli::spec::{Action, CONVERSATION, Command, Exit, Flag, SESSION_TO_READ};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::conversation::EventOptions;

pub const COMMAND: Command = Command {
    name: "events",
    summary: "Print the server's events as they happen, one JSON document per line",
    about: &[
        "The documents are the server's own, {id, type, properties}, with the number of the line \
         in `offset`. Heartbeats are left out. The server repeats nothing: events from before the \
         command started are missing. Where a broken stream had to be opened again, a line of the \
         type occtl.gap says that some may be missing; no flag leaves it out.",
        "The first line is server.connected, unless --type leaves it out: what happens from then \
         on is printed.",
        "Ends with status 4 when the server ends, with 3 when the conversation of -s is deleted, \
         and with 124 after --timeout.",
    ],
    operands: &[SESSION_TO_READ],
    flags: &[&[
        CONVERSATION.absent("all of the session's directory"),
        Flag::switch("children", None, "Events of the conversation's sub-agents too")
            .needs(&["session"]),
        Flag::value(
            "type",
            None,
            "TYPE",
            "Only events of this type; message means every type that begins with `message.`",
        )
        .repeated(),
        Flag::value("timeout", Some('t'), "SECONDS", "Stop after this time").absent("never"),
    ]],
    examples: &[
        (
            "occtl events $S --type permission.asked | jq -r .properties.id",
            "ids of permissions as they are requested",
        ),
        ("occtl events $S -t 60 -s $C --children > events.jsonl", "one conversation, for a minute"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let options = EventOptions {
        conversation: words.value("session")?,
        children: words.has("children"),
        kinds: words.values("type")?,
        limit: words.optional_seconds("timeout")?,
    };
    Ok(Box::new(move |app| run(app, &session, &options)))
}

fn run(app: &mut App, session: &str, options: &EventOptions) -> Result<Exit> {
    let context = app.context()?;
    let mut failed = None;
    let out = &mut app.out;
    runner::conversation::events(&context, session, options, &mut |line| {
        if !line.is_empty() {
            failed = out.line(line).err();
        }
        failed.is_none() && !out.is_closed()
    })?;
    failed.map_or(Ok(Exit::OK), Err)
}
