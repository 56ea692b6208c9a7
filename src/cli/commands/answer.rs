use serde_json::json;

use crate::cli::spec::{Action, Command, Exit, Flag, Operand, QUIET, SESSION_TO_USE};
use crate::cli::words::Words;
use crate::error::{Error, Result};
use crate::runner;
use crate::runner::asks::Answer;

pub const COMMAND: Command = Command {
    name: "answer",
    summary: "Answer a question that a model asks",
    about: &[
        "If the model asks several things at once, give one LABEL for each, in their order. To \
         choose several labels for one of them, join them with commas.",
    ],
    operands: &[
        SESSION_TO_USE,
        Operand::required("QUESTION", "Id or unique prefix of one, with or without que_"),
        Operand::optional("LABEL", "The chosen answers").many(),
    ],
    flags: &[&[
        Flag::switch("custom", None, "Send words that are not labels as an answer of your own")
            .excludes(&["reject"], "--reject sends no answer"),
        Flag::switch("reject", None, "Refuse to answer"),
        QUIET,
    ]],
    examples: &[
        ("occtl answer $S que_204f Blue", "choose one of the offered answers"),
        ("occtl answer $S que_204f --custom 'Neither of them'", "answer in words of your own"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let question = words.required(1)?;
    let labels = words.rest(2)?;
    let custom = words.has("custom");
    let reject = words.has("reject");
    let quiet = words.has("quiet");
    if reject && !labels.is_empty() {
        return Err(Error::usage("--reject and a LABEL cannot be used together"));
    }
    if !reject && labels.is_empty() {
        return Err(Error::usage("occtl answer needs a LABEL").hint("or --reject"));
    }
    let answer = if reject { Answer::Reject } else { Answer::Labels { labels, custom } };
    Ok(Box::new(move |app| {
        let done = runner::asks::answer(&app.context()?, &session, &question, &answer)?;
        let (reply, verb) = match answer {
            Answer::Reject => ("reject", "Rejected"),
            Answer::Labels { .. } => ("answer", "Answered"),
        };
        if app.json {
            app.out.json(&json!({"session": done.session, "id": done.id,
                                 "conversation": done.conversation, "reply": reply}))?;
        } else {
            app.out.done(verb, &done.id, quiet)?;
        }
        Ok(Exit::OK)
    }))
}
