use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::export::{self, OUTPUT};
use crate::cli::App;
use crate::cli::output::file::NewFile;
use crate::cli::output::{Output, escape, one_line};
use crate::cli::show::message::Style;
use crate::cli::spec::{Action, CONVERSATION, Command, Exit, Flag, SESSION_TO_READ};
use crate::cli::words::Words;
use crate::error::{Code, Error, Result};
use crate::runner::conversation::{Entry, LiveSink, MessageSink, TailEnd, TailOptions, ToolCall};
use crate::runner::{self, Signals};
use crate::units;

const TIMEOUT: &str = "How long to follow; if given, also how long the command may take without -f";

pub const COMMAND: Command = Command {
    name: "tail",
    summary: "Show the newest messages of a conversation, or follow it",
    about: &[
        "--role, --search and --turn filter first: -n counts only the messages that pass, and \
         older messages are read until there are enough.",
        "On a terminal a text is cut after 500 characters and a tool's result after 200. In a \
         pipe, in a file and with --full nothing is cut.",
        "--follow shows text as it is written, until the conversation is idle. After --timeout it \
         ends with status 124. With --output the file is written once the conversation is idle.",
        "--raw prints nothing but the text of each message. With --json it prints the server's \
         own JSON, one message per line.",
    ],
    operands: &[SESSION_TO_READ],
    flags: &[&[
        CONVERSATION,
        Flag::switch("follow", Some('f'), "Show new text until the conversation is idle"),
        Flag::switch(
            "last",
            Some('l'),
            "Show only the last message of the assistant, or of --role",
        ),
        Flag::switch("full", None, "Do not cut anything"),
        Flag::value(
            "limit",
            Some('n'),
            "N",
            "How many messages; with --turn, all unless -n is given",
        )
        .default("5"),
        Flag::value("timeout", Some('t'), "SECONDS", TIMEOUT).default("300"),
        Flag::switch(
            "raw",
            Some('r'),
            "Print only the texts; with --json, the messages as the server has them",
        ),
        Flag::value("role", None, "ROLE", "Only messages of this role")
            .choices(&["user", "assistant"]),
        Flag::value(
            "search",
            Some('g'),
            "TEXT",
            "Only messages whose text contains this, in upper or lower case",
        ),
        Flag::value(
            "turn",
            None,
            "TURN",
            "Only messages of this turn: an id (msg_…), the beginning of one, or latest",
        ),
        Flag::switch("tools", None, "Show the arguments and results of tools"),
        Flag::switch("timestamps", Some('T'), "Show when each message was begun"),
        OUTPUT,
        Flag::switch("chain", Some('C'), "Show the conversations above a sub-agent's first"),
    ]],
    examples: &[
        ("occtl tail $S -f", "watch the newest conversation"),
        ("occtl tail $S -n 100000 -o all.txt", "save a whole conversation to a file"),
        ("occtl tail $S -l -r", "print the last answer and nothing else"),
    ],
    parse,
};

struct Args {
    session: String,
    options: TailOptions,
    style: Style,
    follow: Option<Duration>,
    /// How long the whole command may take, if that is given.
    limit: Option<Duration>,
    full: bool,
    output: Option<PathBuf>,
}

fn parse(words: &Words) -> Result<Action> {
    let turn = words.value("turn")?;
    let last = words.has("last");
    let limit = words.count("limit")?;
    let count = if last {
        Some(1)
    } else if turn.is_some() && !words.has("limit") {
        None
    } else {
        Some(limit)
    };
    let timeout = words.seconds("timeout")?;
    let tools = words.has("tools");
    let raw = words.has("raw");
    // As in 0.4.0: scripts take the last answer this way, and the newest message may be a prompt.
    let role = words.value("role")?.or_else(|| last.then(|| "assistant".into()));
    let args = Args {
        session: words.required(0)?,
        options: TailOptions {
            conversation: words.value("session")?,
            count,
            role,
            search: words.value("search")?,
            turn,
            chain: words.has("chain"),
            tools,
            raw,
            costs: false,
            whole: false,
        },
        style: Style { cut: false, tools, timestamps: words.has("timestamps"), bare: raw },
        follow: words.has("follow").then_some(timeout),
        limit: words.has("timeout").then_some(timeout),
        full: words.has("full"),
        output: words.path("output"),
    };
    Ok(Box::new(move |app| run(app, args)))
}

fn run(app: &mut App, mut args: Args) -> Result<Exit> {
    // Only --json has a use for the messages as the server has them.
    args.options.raw &= app.json;
    args.options.costs = app.json && !args.options.raw;
    args.style.cut = app.out.is_terminal() && !args.full && args.output.is_none();
    if let Some(limit) = args.follow {
        let exit = follow(app, &args, limit)?;
        if exit != Exit::OK || args.output.is_none() {
            return Ok(exit);
        }
    }
    app.limit = args.limit;
    let context = app.context()?;
    let json = app.json && !args.options.raw;
    let file = args.output.as_deref().map(NewFile::create).transpose()?;
    let out = &mut app.out;
    let signals = file.is_some().then(|| context.catch_signals()).transpose()?;
    let above = String::new();
    let mut writer = Writer { args: &args, out, file, signals, json, count: 0, above };
    runner::conversation::tail(&context, &args.session, &args.options, &mut writer)?;
    if json {
        writer.write("]}\n")?;
    }
    let count = writer.count;
    if let Some(file) = writer.file {
        export::finish(app, file, count)?;
    }
    Ok(Exit::OK)
}

/// Writes messages to stdout or a file one at a time, because all of them may not fit into memory.
struct Writer<'a> {
    args: &'a Args,
    out: &'a mut Output,
    file: Option<NewFile>,
    /// Caught where there is an unfinished file to remove.
    signals: Option<Signals>,
    json: bool,
    count: usize,
    /// The conversation of the last message.
    above: String,
}

impl Writer<'_> {
    fn write(&mut self, text: &str) -> Result<()> {
        match &mut self.file {
            Some(file) => file.write(text),
            None => self.out.write(text),
        }
    }
}

impl MessageSink for Writer<'_> {
    fn begin(&mut self, session: &str, conversation: &str) -> Result<()> {
        if !self.json {
            return Ok(());
        }
        let session = json!(session);
        let conversation = json!(conversation);
        self.write(&format!(
            "{{\"session\":{session},\"conversation\":{conversation},\"messages\":["
        ))
    }

    fn entry(&mut self, entry: &Entry) -> Result<bool> {
        if let Some(code) = self.signals.as_ref().and_then(Signals::received) {
            let how = code.interrupted();
            return Err(Error::new(code, format!("{how}; nothing was written")));
        }
        if self.json {
            let comma = if self.count == 0 { "" } else { "," };
            self.write(&format!("{comma}{}", document(entry)))?;
        } else if let Some(raw) = &entry.raw {
            self.write(&format!("{}\n", raw.get()))?;
        } else {
            if self.args.options.chain && self.above != entry.conversation {
                self.above.clone_from(&entry.conversation);
                self.write(&format!("═══ {} ═══\n\n", one_line(&entry.conversation)))?;
            }
            self.write(&self.args.style.entry(entry))?;
        }
        self.count += 1;
        Ok(self.file.is_some() || !self.out.is_closed())
    }
}

/// A message as JSON. Writing it cannot fail, because all its keys are strings.
fn document(entry: &Entry) -> String {
    match &entry.raw {
        Some(raw) => raw.get().into(),
        None => serde_json::to_string(entry).unwrap_or_default(),
    }
}

fn follow(app: &mut App, args: &Args, limit: Duration) -> Result<Exit> {
    let context = app.context()?;
    let mut options = args.options.clone();
    options.whole = app.json;
    let json = app.json;
    let mut printer =
        Printer { out: &mut app.out, style: args.style, json, at_line_start: true, failed: None };
    let end =
        runner::conversation::tail_follow(&context, &args.session, &options, limit, &mut printer)?;
    if let Some(error) = printer.failed {
        return Err(error);
    }
    match end {
        TailEnd::Idle | TailEnd::Gone => Ok(Exit::OK),
        TailEnd::Signal(code) => Ok(Exit(code.exit())),
        TailEnd::Limit { asked } => {
            let limit = units::seconds(limit);
            let why = if asked { " because it waits for a reply" } else { "" };
            let message = format!("the conversation is not idle after {limit}{why}");
            Err(Error::new(Code::Timeout, message).hint("-t SECONDS follows it for longer"))
        }
    }
}

/// Prints a conversation while it is being written.
struct Printer<'a> {
    out: &'a mut Output,
    style: Style,
    json: bool,
    at_line_start: bool,
    failed: Option<Error>,
}

impl Printer<'_> {
    fn write(&mut self, text: &str) {
        if self.failed.is_none() && !text.is_empty() {
            self.at_line_start = text.ends_with('\n');
            self.failed = self.out.write(text).err();
        }
    }

    fn end_line(&mut self) {
        if !self.at_line_start {
            self.write("\n");
        }
    }
}

impl LiveSink for Printer<'_> {
    fn entry(&mut self, entry: &Entry) {
        let text = if self.json { document(entry) + "\n" } else { self.style.entry(entry) };
        self.write(&text);
    }

    fn begin(&mut self, entry: &Entry) {
        self.write(&self.style.head(entry));
    }

    fn text(&mut self, text: &str) {
        self.write(&escape(text));
    }

    fn tool(&mut self, tool: &ToolCall) {
        self.end_line();
        self.write(&self.style.tool(tool));
    }

    fn end(&mut self, entry: &Entry) {
        self.end_line();
        self.write(&self.style.end(entry));
    }

    fn is_gone(&self) -> bool {
        self.failed.is_some() || self.out.is_closed()
    }
}
