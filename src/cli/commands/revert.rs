use serde_json::json;

use crate::cli::App;
use crate::cli::spec::{
    Action, CONVERSATION_TO_USE, Command, Exit, Operand, QUIET, SESSION_TO_USE,
};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::conversation::Target;

pub const COMMAND: Command = Command {
    name: "revert",
    summary: "Take back a turn and all after it, with what they did to files",
    about: &[
        "OpenCode keeps track of files in git repositories only; what shell commands did is taken \
         back there as well, and elsewhere only the messages are. `occtl unrevert` brings all of \
         it back until the next prompt, which removes the messages for good. Until then `tail` \
         and `export` still show them.",
        "Without -s it is the conversation that occtl opened or used last on this session. A busy \
         one is refused (status 1).",
    ],
    operands: &[
        SESSION_TO_USE,
        Operand::required(
            "TURN",
            "The first turn to take back: an id (msg_…), the beginning of \
             one, or latest",
        ),
    ],
    flags: &[&[CONVERSATION_TO_USE, QUIET]],
    examples: &[
        ("occtl revert $S latest", "undo the newest turn"),
        ("occtl revert $S -s $C $T --json | jq -r .patch", "see what became of the files"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let turn = words.required(1)?;
    let target = words.target()?;
    let quiet = words.has("quiet");
    Ok(Box::new(move |app| run(app, &session, &target, &turn, quiet)))
}

fn run(app: &mut App, session: &str, target: &Target, turn: &str, quiet: bool) -> Result<Exit> {
    let reverted = runner::conversation::revert(&app.context()?, session, target, turn)?;
    if app.json {
        app.out
            .json(&json!({"session": reverted.session, "conversation": reverted.conversation,
                             "turn": reverted.turn, "patch": reverted.patch}))?;
    } else {
        app.out.done("Reverted", &reverted.turn, quiet)?;
        if !quiet {
            let files = if reverted.patch.is_some() { "restored" } else { "unchanged" };
            app.out.line(&format!("  Conversation: {}", reverted.conversation))?;
            app.out.line(&format!("  Files: {files}"))?;
        }
    }
    Ok(Exit::OK)
}
