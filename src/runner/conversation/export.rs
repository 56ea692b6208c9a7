//! Writes whole conversations as JSON: `export`.

use std::ops::ControlFlow;

use serde_json::value::RawValue;

use super::children::below;
use super::find::{self, Place};
use crate::error::{Error, Result};
use crate::runner::context::Context;
use crate::runner::session::server::Server;
use crate::runner::signals::Signals;

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
    let signals = context.catch_signals()?;
    Server::with(context, word, |server| {
        let place = find::given_or_latest(server, options.conversation.as_deref())?;
        let mut document = Document { server, signals: &signals, write, count: 0, is_read: true };
        document.conversation(&place, "")?;
        if options.children && document.is_read {
            document.children(context, &place)?;
        }
        document.write("}\n")?;
        Ok(document.count)
    })
}

/// The document that is being written.
struct Document<'a> {
    server: &'a Server,
    signals: &'a Signals,
    write: &'a mut dyn FnMut(&str) -> Result<bool>,
    /// How many messages were written.
    count: usize,
    /// Whether the reader is still there.
    is_read: bool,
}

impl Document<'_> {
    /// Writes text, unless a signal or the reader has ended the export.
    fn write(&mut self, text: &str) -> Result<()> {
        if let Some(error) = interruption(self.signals) {
            return Err(error);
        }
        self.is_read = self.is_read && (self.write)(text)?;
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
        let take = &mut |raw: Box<RawValue>| {
            let written = self.write(comma).and_then(|()| self.write(raw.get()));
            comma = ",\n";
            self.count += 1;
            trouble = written.err();
            if self.is_read && trouble.is_none() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        };
        let result = server.client.each_message(&place.id, &place.directory, take);
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
