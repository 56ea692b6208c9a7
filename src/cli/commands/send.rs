use std::io::Read;
use std::time::Duration;

use serde_json::json;

use crate::cli::App;
use crate::cli::output::{Output, escape};
use crate::cli::spec::{Action, Command, Exit, Flag, Operand, QUIET, SESSION};
use crate::cli::turn;
use crate::cli::words::Words;
use crate::error::{Error, Result};
use crate::runner::{self, Follow, ModelName, PromptOptions, Target, Watcher};

/// The longest prompt that is read from stdin.
const LONGEST_PROMPT: u64 = 64 << 20;

pub const COMMAND: Command = Command {
    name: "send",
    summary: "Send a prompt; print the conversation, or wait for the answer, or stream it",
    about: &[
        "Without --wait and --stream it returns once the server has the prompt and prints the conversation's id.",
        "--wait prints the answer, --stream all text as it is written. The status says how the turn ended: 0 it was answered, 5 it failed, 6 it needs a permission, 7 there was no text, 8 it was aborted, 124 it took too long.",
        "Without -s and -c a new conversation is opened.",
    ],
    operands: &[
        SESSION,
        Operand::optional("MESSAGE", "The prompt; several words are joined; - reads stdin").many(),
    ],
    flags: &[
        Flag::switch("wait", Some('w'), "Wait for the answer and print it"),
        Flag::switch("stream", None, "Print the text as it is written"),
        Flag::switch("raw", Some('r'), "Wait and print the last message as the server has it"),
        Flag::value("agent", Some('a'), "NAME", "The agent").default("the session's"),
        Flag::value("model", Some('m'), "PROVIDER/MODEL", "The model").default("the agent's"),
        Flag::value("variant", None, "NAME", "The model's variant, for example a reasoning effort"),
        Flag::value("session", Some('s'), "CONVERSATION", "Send into this conversation"),
        Flag::switch("continue", Some('c'), "Send into the newest root conversation"),
        Flag::value("title", None, "TEXT", "The title of the new conversation")
            .default("made up by the model"),
        Flag::value("timeout", Some('t'), "SECONDS", "Abort the turn after that, with status 124")
            .default("300"),
        QUIET,
    ],
    examples: &[
        ("occtl send $S --wait 'Explain this repository'", "the answer"),
        ("git diff | occtl send $S --stream -", "the prompt from a pipe"),
        ("occtl send $S -c --wait --json 'And now?' | jq .cost_usd", "what it cost"),
    ],
    parse,
};

struct Args {
    session: String,
    message: Vec<String>,
    options: PromptOptions,
    timeout: Duration,
    how: How,
    quiet: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    Send,
    Wait,
    Stream,
    Raw,
}

fn parse(words: &Words) -> Result<Action> {
    let (given, newest) = (words.value("session")?, words.set("continue"));
    let title = words.value("title")?;
    let target = match (given, newest, title) {
        (Some(_), true, _) => return Err(Error::usage("-s and -c exclude each other")),
        (Some(_), _, Some(_)) | (None, true, Some(_)) => {
            return Err(Error::usage("--title is for a new conversation, not for -s or -c"));
        }
        (Some(id), false, None) => Target::Given(id),
        (None, true, None) => Target::Latest,
        (None, false, title) => Target::New(title),
    };
    let how = match (words.set("wait"), words.set("stream"), words.set("raw")) {
        (_, true, true) => return Err(Error::usage("--stream and --raw exclude each other")),
        (_, true, _) => How::Stream,
        (_, _, true) => How::Raw,
        (true, _, _) => How::Wait,
        _ => How::Send,
    };
    let args = Args {
        session: words.required(0)?,
        message: words.rest(1)?,
        options: PromptOptions {
            message: String::new(),
            target,
            agent: words.value("agent")?,
            model: words.value("model")?.map(|name| model(&name)).transpose()?,
            variant: words.value("variant")?,
        },
        timeout: words.seconds("timeout", 300.0)?,
        how,
        quiet: words.set("quiet"),
    };
    if args.message.is_empty() {
        return Err(Error::usage("occtl send needs a MESSAGE").hint("- reads it from stdin"));
    }
    Ok(Box::new(move |app| run(app, args)))
}

/// `provider/model`: the model's own name may hold further slashes.
fn model(name: &str) -> Result<ModelName> {
    match name.split_once('/') {
        Some((provider, model)) if !provider.is_empty() && !model.is_empty() => {
            Ok(ModelName { provider: provider.into(), model: model.into() })
        }
        _ => Err(Error::usage(format!("--model cannot be {name}"))
            .hint("PROVIDER/MODEL, for example anthropic/claude-sonnet-4-5")),
    }
}

fn message(words: &[String]) -> Result<String> {
    let message = match words {
        [dash] if dash == "-" => {
            let mut text = Vec::new();
            let stdin = std::io::stdin().lock().take(LONGEST_PROMPT + 1).read_to_end(&mut text);
            stdin.map_err(|error| Error::failed(format!("cannot read stdin: {error}")))?;
            if text.len() as u64 > LONGEST_PROMPT {
                let limit = LONGEST_PROMPT >> 20;
                return Err(Error::usage(format!("stdin holds more than {limit} MiB")));
            }
            String::from_utf8(text).map_err(|_| Error::usage("stdin is not UTF-8 text"))?
        }
        words => words.join(" "),
    };
    if message.trim().is_empty() {
        return Err(Error::usage("the message is empty"));
    }
    Ok(message)
}

fn run(app: &mut App, args: Args) -> Result<Exit> {
    let options = PromptOptions { message: message(&args.message)?, ..args.options };
    let context = app.context()?;
    if args.how == How::Send {
        let sent = runner::send(&context, &args.session, &options)?;
        if app.json {
            app.out.json(&json!({"session": sent.session, "conversation": sent.conversation,
                                 "turn": sent.turn}))?;
        } else {
            app.out.line(&sent.conversation)?;
        }
        return Ok(Exit::OK);
    }
    let signals = app.signals()?;
    let streams = args.how == How::Stream && !app.json && !args.quiet;
    let mut watcher = Printer { out: &mut app.out, streams, ends_line: true, failed: None };
    let follow = Follow { timeout: args.timeout, watcher: &mut watcher, raw: args.how == How::Raw };
    let followed = runner::send_and_follow(&context, &signals, &args.session, &options, follow)?;
    let (ends_line, failed) = (watcher.ends_line, watcher.failed);
    if let Some(error) = failed {
        return Err(error);
    }
    // Nobody reads any more, and the turn goes on without us.
    let Some((record, raw)) = followed else { return Ok(Exit::OK) };
    match raw {
        Some(raw) => app.out.json(&raw)?,
        None if app.json => app.out.json(&record)?,
        None if args.quiet => app.out.line(&record.conversation)?,
        None if streams && !ends_line => app.out.line("")?,
        None if !streams && !record.answer.is_empty() => turn::print_answer(&mut app.out, &record)?,
        None => {}
    }
    Ok(turn::exit(&record, app.json))
}

/// Prints text while it is being written.
struct Printer<'a> {
    out: &'a mut Output,
    streams: bool,
    ends_line: bool,
    failed: Option<Error>,
}

impl Watcher for Printer<'_> {
    fn text(&mut self, text: &str) {
        if self.streams && self.failed.is_none() {
            self.ends_line = text.ends_with('\n');
            self.failed = self.out.write(&escape(text)).err();
        }
    }

    fn gone(&self) -> bool {
        self.failed.is_some() || self.out.closed()
    }
}
