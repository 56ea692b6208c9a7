use crate::cli::show::turn::{self, Show, View};
use crate::cli::spec::{Action, CONVERSATION_TO_USE, Command, Flag, QUIET, SESSION_TO_USE};
use crate::cli::turn_flags::{self, LIMITS, NO_ABORT, model};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::asks::{Otherwise, PolicyFlags};
use crate::runner::prompt::Follow;

pub const COMMAND: Command = Command {
    name: "compact",
    summary: "Let the model summarise a conversation, which goes on with the summary",
    about: &[
        "What the model reads of the conversation from then on is the summary and what comes \
         after it; nothing is deleted. It is followed to its end like any turn: it prints the \
         summary, the exit status says how it ended, and limits abort it.",
        "Without -s it is the conversation that occtl opened or used last on this session. A busy \
         one is refused (status 1).",
    ],
    operands: &[SESSION_TO_USE],
    flags: &[
        &[
            CONVERSATION_TO_USE,
            Flag::value("model", Some('m'), "PROVIDER/MODEL", "The model that writes the summary")
                .absent("that of the newest answer"),
            Flag::value("timeout", Some('t'), "SECONDS", "Abort it after this time (status 124)")
                .default("300"),
            QUIET,
        ],
        &LIMITS,
        &[NO_ABORT],
    ],
    examples: &[
        ("occtl compact $S -s $C > summary.md", "keep the summary as well"),
        ("occtl compact $S --max-cost 0.50 --json | jq .cost_usd", "see what it cost"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let target = words.target()?;
    let model = words.value("model")?.map(|name| model("--model", &name)).transpose()?;
    let terms = turn_flags::terms(words, PolicyFlags::default(), Otherwise::Wait)?;
    let show = if words.has("quiet") { Show::Id } else { Show::Answer };
    let view = View { show, verbose: words.has("verbose") };
    Ok(Box::new(move |app| {
        let context = app.context()?;
        let terms = terms(&context.environment)?;
        let wanted = show.wants(app.json);
        turn::follow_and_print(app, view, |watcher| {
            let follow = Follow { terms, watcher, wanted };
            runner::prompt::compact(&context, &session, &target, model.as_ref(), follow)
        })
    }))
}
