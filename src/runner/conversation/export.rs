//! Writes whole conversations as JSON: `export`.

use std::ops::ControlFlow;

use super::children::below;
use super::find::{self, Place};
use crate::error::{Error, Result};
use crate::runner::context::Context;
use crate::runner::session::server::Server;
use crate::runner::signals::Signals;

/// How much of the document is handed over at once. A message is far smaller, and each handing over
/// is a system call or two.
const PIECE: usize = 64 << 10;

/// What is exported.
#[derive(Clone, Debug)]
pub struct ExportOptions {
    /// A word for the conversation; by default the newest root one.
    pub conversation: Option<String>,
    /// Also the conversations of its sub-agents.
    pub children: bool,
}

/// Hands over a conversation as one JSON document, `{"info": …, "messages": […]}`, in pieces, with
/// those of its sub-agents in `children` if they are wanted. Everything in it is as the server has
/// it, and no more than one message is held in memory. `write` returns false if the reader has
/// gone. Returns how many messages were written.
pub fn export(
    context: &Context,
    word: &str,
    options: &ExportOptions,
    write: &mut dyn FnMut(&str) -> Result<bool>,
) -> Result<usize> {
    interruptible(context, word, |server, signals| {
        let place = find::given_or_latest(server, options.conversation.as_deref())?;
        let text = String::with_capacity(PIECE);
        let mut document = Document { server, signals, write, text, count: 0, is_read: true };
        let result = document.whole(context, &place, options.children);
        // What came before a failure is of use as well. After a signal the reader may not read.
        if interruption(signals).is_none() {
            document.hand_over()?;
        }
        result.map(|()| document.count)
    })
}

/// Does something with a server whose requests end when a signal arrives.
pub(super) fn interruptible<T>(
    context: &Context,
    word: &str,
    act: impl FnOnce(&Server, &Signals) -> Result<T>,
) -> Result<T> {
    let signals = context.catch_signals()?;
    Server::with(context, word, |server| {
        server.client.end_by(signals.flag());
        act(server, &signals).map_err(|error| interruption(&signals).unwrap_or(error))
    })
}

/// The document that is being written.
struct Document<'a> {
    server: &'a Server,
    signals: &'a Signals,
    write: &'a mut dyn FnMut(&str) -> Result<bool>,
    /// What is to be handed over next.
    text: String,
    /// How many messages were written.
    count: usize,
    /// Whether the reader is still there.
    is_read: bool,
}

impl Document<'_> {
    fn whole(&mut self, context: &Context, place: &Place, children: bool) -> Result<()> {
        self.conversation(place, "")?;
        if children && self.is_read {
            self.children(context, place)?;
        }
        self.write("}\n")
    }

    /// Adds text, unless a signal has ended the export.
    fn write(&mut self, text: &str) -> Result<()> {
        if let Some(error) = interruption(self.signals) {
            return Err(error);
        }
        if self.text.len() + text.len() > PIECE {
            self.hand_over()?;
        }
        if text.len() < PIECE {
            self.text.push_str(text);
        } else if self.is_read {
            self.is_read = (self.write)(text)?;
        }
        Ok(())
    }

    /// Hands over what was added, unless the reader has ended the export.
    fn hand_over(&mut self) -> Result<()> {
        let is_due = self.is_read && !self.text.is_empty();
        let written = if is_due { (self.write)(&self.text) } else { Ok(self.is_read) };
        self.text.clear();
        self.is_read = written?;
        Ok(())
    }

    /// Writes a conversation without the brace at its end, after `before`.
    fn conversation(&mut self, place: &Place, before: &str) -> Result<()> {
        let server = self.server;
        let gone = |failure| find::gone(server, place, failure);
        let info = server.client.raw_conversation(&place.id, &place.directory).map_err(gone)?;
        self.write(&format!("{before}{{\"info\":{},\"messages\":[", info.get()))?;
        let mut comma = "\n";
        let mut trouble = None;
        let take = &mut |raw: &str| {
            let written = self.write(comma).and_then(|()| self.write(raw));
            comma = ",\n";
            self.count += 1;
            trouble = written.err();
            if self.is_read && trouble.is_none() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        };
        let result = server.client.each_raw_message(&place.id, &place.directory, take);
        if let Some(error) = trouble {
            return Err(error);
        }
        result.map_err(gone)?;
        self.write("\n]")
    }

    /// Writes the conversations of the sub-agents. One that was deleted before it could be read is
    /// left out, and the user is told so.
    fn children(&mut self, context: &Context, place: &Place) -> Result<()> {
        self.write(",\"children\":[")?;
        let mut before = "\n";
        for (_, child) in below(self.server, place, usize::MAX)? {
            let child = Place::of(child, self.server);
            let found = self.server.client.raw_conversation(&child.id, &child.directory);
            if found.is_err_and(|failure| failure.is_missing()) {
                (context.say)(&format!("without {}, which was deleted meanwhile", child.id));
                continue;
            }
            self.conversation(&child, before)?;
            self.write("}")?;
            before = ",\n";
            if !self.is_read {
                break;
            }
        }
        self.write("\n]")
    }
}

/// The error if a signal has arrived.
pub(super) fn interruption(signals: &Signals) -> Option<Error> {
    signals
        .received()
        .map(|code| Error::new(code, format!("the export was {}", code.interrupted())))
}
