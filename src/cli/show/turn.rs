//! A turn as it is shown: its prompt, its text while it is written, its end.

use crate::cli::App;
use crate::cli::output::{Output, escape, print_error, status};
use crate::cli::spec::Exit;
use crate::error::{Code, Error, Result};
use crate::runner::Signals;
use crate::runner::prompt::{Finished, Wanted, Watcher};
use crate::runner::turn::{Outcome, TurnRecord};

use crate::units::Deadline;

/// How much text is escaped and written at once.
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
    /// What has to be known for it.
    pub fn wants(self, json: bool) -> Wanted {
        match self {
            Show::Raw => Wanted::Raw,
            Show::Answer | Show::Id if !json => Wanted::Answer,
            _ => Wanted::Record,
        }
    }
}

/// Follows a turn with `follow`, prints what is to be shown of it, and gives its status.
pub fn show(
    app: &mut App,
    show: Show,
    follow: impl FnOnce(&mut dyn Watcher) -> Result<Option<Finished>>,
) -> Result<Exit> {
    let streams = show == Show::Stream && !app.json;
    let mut printer = Printer {
        out: &mut app.out,
        streams,
        at_line_start: true,
        failed: None,
        gives_up: None,
        stuck: false,
    };
    status("waiting for the answer");
    let finished = follow(&mut printer);
    // From here on there is only something to print, for a reader who may never take it.
    if let Some((_, signals)) = &printer.gives_up {
        signals.set_fatal(true);
    }
    let Printer { at_line_start, stuck, failed, .. } = printer;
    if !at_line_start && !stuck {
        app.out.write("\n")?;
    }
    if let Some(error) = failed {
        return Err(error);
    }
    // Nobody reads any more, and the turn goes on without us.
    let Some(Finished { record, raw, session_remains }) = finished? else {
        return Ok(Exit::OK);
    };
    match raw {
        Some(raw) => app.out.json(&raw)?,
        None if app.json => app.out.json(&record)?,
        None if show == Show::Id => app.out.line(&record.conversation)?,
        None if show == Show::Answer && !record.answer.is_empty() => {
            print_answer(&mut app.out, &record)?;
        }
        None => {}
    }
    if stuck && record.outcome == Outcome::Ok {
        let message = "nobody read stdout until the limit, so the text on it is not complete";
        return Err(Error::new(Code::Timeout, message));
    }
    Ok(exit(&record, session_remains, app.json))
}

/// Prints the answer, which always ends its line.
fn print_answer(out: &mut Output, record: &TurnRecord) -> Result<()> {
    let newline = if record.answer.ends_with('\n') { "" } else { "\n" };
    write_escaped(out, &record.answer)?;
    out.write(newline)
}

/// Writes text of a model, in pieces: one message may hold tens of megabytes.
fn write_escaped(out: &mut Output, text: &str) -> Result<()> {
    each_piece(text, |piece| out.write(&escape(piece)))
}

/// Hands over a text.
fn each_piece(text: &str, mut take: impl FnMut(&str) -> Result<()>) -> Result<()> {
    let mut rest = text;
    while !rest.is_empty() {
        let end = (PIECE.min(rest.len())..=rest.len()).find(|at| rest.is_char_boundary(*at));
        let (piece, tail) = rest.split_at(end.unwrap_or(rest.len()));
        take(piece)?;
        rest = tail;
    }
    Ok(())
}

/// The status of a turn. What kept it from being answered is said on stderr.
fn exit(record: &TurnRecord, session_remains: bool, json: bool) -> Exit {
    let Outcome::Not(code) = record.outcome else { return Exit::OK };
    let why = match &record.error {
        Some(error) if error.message.contains(&error.name) => error.message.clone(),
        Some(error) => format!("{}: {}", error.name, error.message),
        None => match code {
            Code::Empty => "the turn ended without any text".into(),
            Code::Aborted => "somebody aborted the turn".into(),
            Code::Blocked => "the turn was denied what it needs and ended without an answer".into(),
            _ => format!("the turn ended as {}", code.name()),
        },
    };
    let mut error = Error::new(code, why);
    if session_remains {
        let session = &record.session;
        let conversation = &record.conversation;
        let hint = format!("occtl tail {session} -s {conversation} shows the conversation");
        error = error.hint(hint);
    }
    print_error(&error, json);
    Exit(code.exit())
}

/// Prints text while it is being written.
struct Printer<'a> {
    out: &'a mut Output,
    streams: bool,
    at_line_start: bool,
    failed: Option<Error>,
    /// When to stop waiting for a reader that does not read.
    gives_up: Option<(Deadline, Signals)>,
    stuck: bool,
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
            // What comes behind a gap would only confuse.
            *stuck = *stuck || !out.write_unless(&escape(piece), enough)?;
            Ok(())
        });
        self.failed = written.err();
    }

    fn give_up_at(&mut self, deadline: Deadline, signals: &Signals) {
        self.gives_up = Some((deadline, signals.clone()));
    }

    fn gone(&self) -> bool {
        self.failed.is_some() || self.out.is_closed()
    }
}
