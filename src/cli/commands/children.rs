use serde_json::{Value, json};

use crate::cli::App;
use crate::cli::output::Cell;
use crate::cli::show::{conversation, session};
use crate::cli::spec::{Action, CONVERSATION, Command, Exit, Flag, QUIET, SESSION_TO_READ, WITHIN};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::conversation::{Below, Children, Listed};

pub const COMMAND: Command = Command {
    name: "children",
    summary: "List the conversations of a conversation's sub-agents",
    about: &[
        "Plain, those that the conversation started itself, the oldest first. With --tree also \
         those below them, each indented below the one that started it; the first line is the \
         conversation itself.",
    ],
    operands: &[SESSION_TO_READ],
    flags: &[
        &[
            CONVERSATION,
            Flag::switch("tree", None, "Show all levels, indented, below the conversation itself"),
            QUIET,
        ],
        &[WITHIN],
    ],
    examples: &[
        ("occtl children $S --tree", "see which sub-agents work"),
        ("for C in $(occtl children $S -q); do occtl usage $S -s $C; done", "what each cost"),
    ],
    parse,
};

struct Args {
    session: String,
    conversation: Option<String>,
    tree: bool,
    quiet: bool,
}

fn parse(words: &Words) -> Result<Action> {
    let args = Args {
        session: words.required(0)?,
        conversation: words.value("session")?,
        tree: words.has("tree"),
        quiet: words.has("quiet"),
    };
    words.within(move |app| run(app, &args))
}

fn run(app: &mut App, args: &Args) -> Result<Exit> {
    let given = args.conversation.as_deref();
    let found = runner::conversation::children(&app.context()?, &args.session, given, args.tree)?;
    let Children { session, conversation, below } = found;
    if app.json {
        let row = |one: &Below| {
            let mut value = conversation::listed(&one.conversation);
            value["depth"] = one.depth.into();
            value
        };
        let rows: Vec<Value> = below.iter().map(row).collect();
        app.out.json(&json!({"session": session, "conversation": conversation.id,
                             "children": rows}))?;
    } else if args.quiet {
        below.iter().try_for_each(|one| app.out.line(&one.conversation.id))?;
    } else if below.is_empty() && !args.tree {
        app.out.line("No children")?;
    } else {
        let mut rows = Vec::new();
        if args.tree {
            rows.push(row(0, &conversation));
        }
        let first = usize::from(!args.tree);
        rows.extend(below.iter().map(|one| row(one.depth - first, &one.conversation)));
        app.out.table(&["Session ID", "Status", "Title", "Created"], &rows)?;
    }
    Ok(Exit::OK)
}

fn row(indent: usize, one: &Listed) -> Vec<Cell> {
    let state = match one.state {
        Some(state) => Cell::new(state.name()).colour(session::colour(state)),
        None => Cell::new("-"),
    };
    vec![
        Cell::new(format!("{}{}", "  ".repeat(indent), one.id)),
        state,
        conversation::title(one.title.as_deref()),
        conversation::time(one.created),
    ]
}
