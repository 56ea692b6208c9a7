//! The server's events as they come: `events`.

use std::time::{Duration, Instant};

use serde_json::Value;
use serde_json::value::RawValue;

use crate::client::mend;
use crate::error::{Code, Error, Result};
use crate::runner::context::Context;
use crate::runner::session::server::Server;
use crate::runner::session::stream::{Heard, Stream};
use crate::units::{Deadline, TICK};

/// Hands every event of a session's directory to `take` as one line of JSON, until `take` returns
/// false, a signal arrives, the limit is reached, or the server ends. An empty line only asks
/// whether more is wanted.
///
/// A stream that breaks is opened again. What happened in between is lost, because the server
/// repeats no events; the user is told so.
pub fn events(
    context: &Context,
    session: &str,
    limit: Option<Duration>,
    take: &mut dyn FnMut(&str) -> bool,
) -> Result<()> {
    let signals = context.catch_signals()?;
    let server = Server::open(context, session)?;
    let deadline = limit.map_or(Deadline::never(), Deadline::after);
    server.client.limit_to(deadline, Some(signals.flag()));
    let mut stream = Stream::open(&server.client, &server.directory, true);
    let mut relay = Relay { context, take, more_wanted: true, broken: true, quiet: true };
    while relay.more_wanted {
        if let Some(code) = signals.received() {
            return Err(Error::new(code, "interrupted"));
        }
        if deadline.expired() {
            return Err(Error::new(Code::Timeout, "the time for events is over"));
        }
        relay.quiet = true;
        let until = Instant::now() + TICK;
        stream.receive(&server.client, until, deadline, &mut |heard| relay.hear(&heard));
        relay.broken &= !stream.is_open();
        if relay.quiet {
            relay.more_wanted = relay.more_wanted && (relay.take)("");
            check(context, &server, &mut stream)?;
        }
    }
    Ok(())
}

/// Passes events on.
struct Relay<'a> {
    context: &'a Context,
    take: &'a mut dyn FnMut(&str) -> bool,
    more_wanted: bool,
    /// Whether the stream is not open, and the user has been told so if it was open before.
    broken: bool,
    /// Whether no event has come.
    quiet: bool,
}

impl Relay<'_> {
    fn hear(&mut self, heard: &Heard) {
        match heard {
            Heard::Gap if self.broken => {}
            Heard::Gap => {
                self.broken = true;
                let text = "the event stream broke; opening it again, what came in between is lost";
                (self.context.say)(text);
            }
            Heard::Long => (self.context.say)("an event of more than 64 MiB was left out"),
            Heard::Data(data) => {
                self.quiet = false;
                if let Some(line) = line(data) {
                    self.more_wanted = self.more_wanted && (self.take)(&line);
                }
            }
        }
    }
}

/// An error if no more events can come: the server has ended, or refuses the stream for good.
fn check(context: &Context, server: &Server, stream: &mut Stream) -> Result<()> {
    let trouble = stream.trouble.take();
    let ended = match &trouble {
        Some(failure) => server.ended_by(context, failure),
        None => server.ended(context),
    };
    if let Some(error) = ended {
        return Err(error);
    }
    match trouble.filter(|failure| !failure.is_passing()) {
        Some(failure) => Err(failure.into()),
        None => Ok(()),
    }
}

/// The data of one event on one line; `None` if it is not JSON.
fn line(data: &[u8]) -> Option<String> {
    let raw: &RawValue = serde_json::from_slice(data).ok()?;
    let text = raw.get();
    if text.contains('\n') {
        let value: Value = serde_json::from_slice(&mend(text.as_bytes())).ok()?;
        return Some(value.to_string());
    }
    Some(text.into())
}
