use serde_json::json;

use crate::cli::App;
use crate::cli::output::one_line;
use crate::cli::spec::{Action, Command, Exit, Flag, QUIET, SESSION_TO_USE};
use crate::cli::turn_flags::{TITLE, model, model_of_environment};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::prompt::NewOptions;

pub const COMMAND: Command = Command {
    name: "new",
    summary: "Open a conversation without a prompt",
    about: &[
        "The conversation counts as used: `occtl send -c` goes to it. It has the rules that keep \
         the model from running occtl, as one that `send` opens.",
        "--agent holds for every prompt that occtl sends to it without one of its own; OpenCode \
         itself would give each of them its default agent. --model holds for every prompt from \
         any client, until one names another model or has an agent with a model. OpenCode 1.15 \
         and newer keep the agent, 1.14 and newer the model (status 1 on older ones).",
        "A conversation with a --parent is listed as one of its sub-agents' and is never the \
         newest of its session. It inherits no rules.",
    ],
    operands: &[SESSION_TO_USE],
    flags: &[&[
        TITLE,
        Flag::value("agent", Some('a'), "NAME", "The agent of its prompts")
            .absent("the session's, or OpenCode's default")
            .may_be_empty(),
        Flag::value("model", Some('m'), "PROVIDER/MODEL", "The model of its prompts")
            .absent("$OCCTL_MODEL unless there is an agent, or else the agent's"),
        Flag::value(
            "parent",
            None,
            "CONVERSATION",
            "The conversation above it: its id (ses_…), the beginning of one, or latest",
        )
        .absent("none"),
        QUIET,
    ]],
    examples: &[
        ("occtl send $S -s $(occtl new $S -a plan -q) --wait 'What is to be done?'", "only plan"),
        ("C=$(occtl new $S --title 'Nightly review' -q)", "have its id before the first prompt"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let options = NewOptions {
        title: words.value("title")?,
        agent: words.value("agent")?,
        model: words.value("model")?.map(|name| model("--model", &name)).transpose()?,
        parent: words.value("parent")?,
        default_model: None,
    };
    let quiet = words.has("quiet");
    Ok(Box::new(move |app| run(app, &session, options, quiet)))
}

fn run(app: &mut App, session: &str, mut options: NewOptions, quiet: bool) -> Result<Exit> {
    let context = app.context()?;
    options.default_model = model_of_environment(&context.environment)?;
    let opened = runner::prompt::open_conversation(&context, session, &options)?;
    if app.json {
        let model =
            opened.model.map(|model| json!({"provider": model.provider, "id": model.model}));
        app.out.json(&json!({"session": opened.session, "conversation": opened.conversation,
                             "title": opened.title, "parent": opened.parent,
                             "agent": opened.agent, "model": model}))?;
    } else {
        app.out.done("Opened", &opened.conversation, quiet)?;
        if let Some(title) = opened.title.filter(|_| !quiet) {
            app.out.line(&format!("  Title: {}", one_line(&title)))?;
        }
    }
    Ok(Exit::OK)
}
