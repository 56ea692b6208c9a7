//! How a turn is shown: its text while it is written, its result, and why it failed.

use super::news;
use crate::cli::App;
use crate::cli::output::{
    Detail, Output, escape, notice, print_error, say, say_json, status, status_detail,
};
use crate::cli::spec::Exit;
use crate::error::{Code, Error, Result};
use crate::runner::Signals;
use crate::runner::prompt::{Finished, Wanted, Watcher};
use crate::runner::turn::{News, Outcome, Spent, TurnRecord};
use crate::units::Deadline;

/// How many bytes of text are escaped and written at once.
const PIECE: usize = 64 << 10;

/// What is printed of a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    /// The answer.
    Answer,
    /// All text as it is written.
    Stream,
    /// The last message as the server has it.
    Raw,
    /// The conversation's id.
    Id,
}

impl Show {
    /// What the runner has to find out for it.
    pub fn wants(self, json: bool) -> Wanted {
        match self {
            Show::Raw => Wanted::Raw,
            Show::Answer | Show::Id if !json => Wanted::Answer,
            _ => Wanted::Record,
        }
    }
}

/// What is shown of a turn.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// What is printed on stdout.
    pub show: Show,
    /// Whether tools and retries are told on stderr.
    pub verbose: bool,
}

/// Calls `follow`, prints what is to be shown of the turn, and gives its exit status.
pub fn follow_and_print(
    app: &mut App,
    View { show, verbose }: View,
    follow: impl FnOnce(&mut dyn Watcher) -> Result<Finished>,
) -> Result<Exit> {
    let streams = show == Show::Stream && !app.json;
    let mut printer = Printer {
        out: &mut app.out,
        streams,
        json: app.json,
        at_line_start: true,
        failed: None,
        gives_up: None,
        stuck: false,
        told_closed: false,
        verbose,
        doing: String::new(),
    };
    let finished = follow(&mut printer);
    // All that is left is to print, and a reader that does not read could block that for ever.
    if let Some((_, signals)) = &printer.gives_up {
        signals.set_fatal(true);
    }
    let Printer { at_line_start, stuck, failed, .. } = printer;
    if !at_line_start && !stuck {
        app.out.write("\n")?;
    }
    let finished = finished?;
    let printed = failed.map_or_else(|| print(app, show, &finished), Err);
    let Finished { record, session_remains, .. } = finished;
    let outcome = record.outcome;
    match printed {
        // The status of a turn that failed says more than that of a full disk.
        Err(error) if outcome != Outcome::Ok => print_error(&error, app.json),
        printed => printed?,
    }
    if stuck && outcome == Outcome::Ok {
        let message = "the reader of stdout did not read in time, so the text is incomplete";
        return Err(Error::new(Code::Timeout, message));
    }
    Ok(exit(&record, session_remains, app.json))
}

/// Prints what is shown of a turn once it is over.
fn print(app: &mut App, show: Show, finished: &Finished) -> Result<()> {
    let Finished { record, raw, .. } = finished;
    match raw {
        Some(raw) => app.out.json(raw),
        None if app.json => app.out.json(record),
        None if show == Show::Id => app.out.line(&record.conversation),
        None if show == Show::Answer && !record.answer.is_empty() => {
            print_answer(&mut app.out, record)
        }
        None => Ok(()),
    }
}

/// Prints the answer, with a newline at its end if it has none.
fn print_answer(out: &mut Output, record: &TurnRecord) -> Result<()> {
    let newline = if record.answer.ends_with('\n') { "" } else { "\n" };
    write_escaped(out, &record.answer)?;
    out.write(newline)
}

/// Writes text of a model in pieces, because one message may hold tens of megabytes.
pub fn write_escaped(out: &mut Output, text: &str) -> Result<()> {
    each_piece(text, |piece| out.write(&escape(piece)))
}

/// Calls `write` with pieces of a text that together are all of it.
pub fn each_piece(text: &str, mut write: impl FnMut(&str) -> Result<()>) -> Result<()> {
    let mut rest = text;
    while !rest.is_empty() {
        let end = (PIECE.min(rest.len())..=rest.len()).find(|at| rest.is_char_boundary(*at));
        let (piece, tail) = rest.split_at(end.unwrap_or(rest.len()));
        write(piece)?;
        rest = tail;
    }
    Ok(())
}

/// The exit status of a turn. Says on stderr why a turn has no answer.
fn exit(record: &TurnRecord, session_remains: bool, json: bool) -> Exit {
    let Outcome::Not(code) = record.outcome else { return Exit::OK };
    let why = match &record.error {
        Some(error) => error.shown(),
        None => match code {
            Code::Empty => "the turn ended without any text".into(),
            Code::Aborted => "the turn was aborted by another program or a user".into(),
            Code::Blocked => "a permission was denied, and the turn ended without an answer".into(),
            _ => format!("the turn ended with the outcome {}", code.name()),
        },
    };
    let mut error = Error::new(code, why);
    if session_remains {
        let session = &record.session;
        let conversation = &record.conversation;
        error = error.hint(match record.error.as_ref().map_or("", |error| &error.name) {
            "ConversationGone" => format!("occtl sessions {session} lists the others"),
            "ServerEnded" => format!("occtl logs --session {session} shows what the server said"),
            "Unauthorized" => format!("occtl status {session} shows how the server is"),
            _ => format!("occtl tail {session} -s {conversation} shows the conversation"),
        });
    }
    print_error(&error, json);
    Exit(code.exit())
}

/// Prints text while it is being written.
struct Printer<'a> {
    out: &'a mut Output,
    streams: bool,
    json: bool,
    at_line_start: bool,
    failed: Option<Error>,
    /// When to stop waiting for a reader that does not read.
    gives_up: Option<(Deadline, Signals)>,
    /// Whether that has happened, so that text is missing on stdout.
    stuck: bool,
    /// Whether the user has been told that stdout has no reader any more.
    told_closed: bool,
    /// Whether tools and retries are told on stderr.
    verbose: bool,
    /// What the turn did last.
    doing: String,
}

impl Watcher for Printer<'_> {
    fn text(&mut self, text: &str) {
        if !self.streams || self.failed.is_some() {
            return;
        }
        self.at_line_start = text.ends_with('\n');
        let gives_up = self.gives_up.as_ref();
        let enough = || {
            gives_up.is_some_and(|(deadline, signals)| {
                deadline.expired() || signals.received().is_some()
            })
        };
        let out = &mut self.out;
        let stuck = &mut self.stuck;
        let written = each_piece(text, |piece| {
            // Text after a gap would only confuse.
            *stuck = *stuck || !out.write_unless(&escape(piece), enough)?;
            Ok(())
        });
        self.failed = written.err();
    }

    fn give_up_at(&mut self, deadline: Deadline, signals: &Signals) {
        self.gives_up = Some((deadline, signals.clone()));
        status("waiting for the answer");
    }

    fn news(&mut self, news: &News) {
        self.doing = news::brief(news);
        if self.verbose {
            let line = news::line(news);
            if self.json { say_json(&line) } else { say(&line) }
        }
    }

    fn turn_goes_on(&mut self, spent: Spent) {
        let doing = self.doing.clone();
        status_detail(Detail { steps: spent.steps, doing, cost: spent.cost });
        if !self.told_closed && self.out.is_closed() {
            self.told_closed = true;
            let text = "the reader of stdout has gone; the turn is followed to its end";
            notice(text, self.json);
        }
    }
}
