//! The server's events as they come.

use std::time::{Duration, Instant};

use serde_json::value::RawValue;

use crate::error::{Code, Error, Result};
use crate::runner::context::Context;
use crate::runner::session::server::Server;
use crate::runner::session::stream::{Heard, Stream};
use crate::units::{Deadline, TICK};

/// Hands every event of a session's directory to `take` as one line of JSON, until `take` says false,
/// a signal comes, the limit is reached, or the server ends. A stream that breaks is opened again;
/// what happened in between is lost, as the server does not repeat anything.
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
    let (mut wanted, mut broken) = (true, true);
    while wanted {
        if let Some(code) = signals.received() {
            return Err(Error::new(code, "interrupted"));
        }
        if deadline.expired() {
            return Err(Error::new(Code::Timeout, "the time for events is over"));
        }
        let mut quiet = true;
        stream.receive(&server.client, Instant::now() + TICK, deadline, &mut |heard| match heard {
            Heard::Gap if std::mem::replace(&mut broken, true) => {}
            Heard::Gap => {
                (context.say)(
                    "the event stream broke; opening it again, what came in between is lost",
                );
            }
            Heard::Long => (context.say)("an event of more than 64 MiB was left out"),
            Heard::Data(data) => {
                quiet = false;
                if let Some(line) = line(data) {
                    wanted = wanted && take(&line);
                }
            }
        });
        broken &= !stream.is_open();
        if quiet {
            // An empty line asks whether anybody still reads.
            wanted = wanted && take("");
            let trouble = stream.trouble.take();
            let ended = match &trouble {
                Some(failure) => server.ended_by(context, failure),
                None => server.ended(context),
            };
            if let Some(error) = ended {
                return Err(error);
            }
            if let Some(failure) = trouble.filter(|failure| !failure.is_passing()) {
                return Err(failure.into());
            }
        }
    }
    Ok(())
}

/// The data of one event on one line; `None` if it is not JSON.
fn line(data: &[u8]) -> Option<String> {
    let raw: &RawValue = serde_json::from_slice(data).ok()?;
    let text = raw.get();
    match text.contains('\n') {
        false => Some(text.into()),
        true => serde_json::from_str::<serde_json::Value>(text).ok().map(|value| value.to_string()),
    }
}
