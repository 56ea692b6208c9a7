use serde_json::{Value, json};

use crate::cli::App;
use crate::cli::output::{Cell, escape, one_line};
use crate::cli::spec::{Action, CONVERSATION, Command, Exit, Flag, SESSION_TO_READ, WITHIN};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::conversation::FileDiff;

pub const COMMAND: Command = Command {
    name: "diff",
    summary: "Show which files a conversation, or one turn of it, changed",
    about: &[
        "OpenCode records changes when a turn ends, and only in a git repository. The line counts \
         of several turns are added up.",
    ],
    operands: &[SESSION_TO_READ],
    flags: &[
        &[
            CONVERSATION,
            Flag::value(
                "turn",
                None,
                "TURN",
                "Only what this turn changed: an id (msg_…), the beginning of one, or latest",
            ),
            Flag::switch("patch", Some('p'), "Print the patches instead of the table")
                .excludes(&["quiet"], "-q prints only names"),
            Flag::switch("quiet", Some('q'), "Print only the names of the files, one per line"),
        ],
        &[WITHIN],
    ],
    examples: &[
        ("occtl diff $S --patch", "what the newest conversation changed"),
        ("occtl diff $S -s $C --turn $T -q", "the files that one turn changed"),
    ],
    parse,
};

struct Args {
    session: String,
    conversation: Option<String>,
    turn: Option<String>,
    patch: bool,
    quiet: bool,
}

fn parse(words: &Words) -> Result<Action> {
    let args = Args {
        session: words.required(0)?,
        conversation: words.value("session")?,
        turn: words.value("turn")?,
        patch: words.has("patch"),
        quiet: words.has("quiet"),
    };
    words.within(move |app| run(app, &args))
}

fn run(app: &mut App, args: &Args) -> Result<Exit> {
    let id = args.conversation.as_deref();
    let turn = args.turn.as_deref();
    let found = runner::conversation::diff(&app.context()?, &args.session, id, turn)?;
    if app.json {
        let row = |one: &FileDiff| {
            json!({"path": one.path, "status": one.status, "added": one.added,
                   "removed": one.removed, "patches": one.patches})
        };
        let files: Vec<Value> = found.files.iter().map(row).collect();
        app.out.json(&json!({"session": found.session, "conversation": found.conversation,
                             "turn": found.turn, "files": files}))?;
    } else if args.quiet {
        found.files.iter().try_for_each(|one| app.out.line(&one_line(&one.path)))?;
    } else if args.patch {
        for patch in found.files.iter().flat_map(|one| &one.patches) {
            let newline = if patch.ends_with('\n') { "" } else { "\n" };
            app.out.write(&format!("{}{newline}", escape(patch)))?;
        }
    } else if found.files.is_empty() {
        app.out.line("No changes")?;
    } else {
        let count = |lines: Option<u64>| Cell::new(lines.map_or("-".into(), |n| n.to_string()));
        let row = |one: &FileDiff| vec![Cell::new(&one.path), count(one.added), count(one.removed)];
        let rows: Vec<_> = found.files.iter().map(row).collect();
        app.out.table(&["File", "Added", "Removed"], &rows)?;
    }
    Ok(Exit::OK)
}
