//! How the end of a turn is told: its answer on stdout, its trouble on stderr, its outcome as status.

use super::output::{Output, escape, print_error};
use super::spec::Exit;
use crate::error::{Code, Error, Result};
use crate::runner::{Outcome, TurnRecord};

/// Prints the answer, which always ends its line.
pub fn print_answer(out: &mut Output, record: &TurnRecord) -> Result<()> {
    let newline = if record.answer.ends_with('\n') { "" } else { "\n" };
    out.write(&format!("{}{newline}", escape(&record.answer)))
}

/// The status of a turn. What kept it from being answered is said on stderr.
pub fn exit(record: &TurnRecord, json: bool) -> Exit {
    let Outcome::Not(code) = record.outcome else { return Exit::OK };
    let session = &record.session;
    let conversation = &record.conversation;
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
    let hint = format!("occtl tail {session} -s {conversation} shows the conversation");
    print_error(&Error::new(code, why).hint(hint), json);
    Exit(code.exit())
}
