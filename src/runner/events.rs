//! The server's events as they come.

use std::time::Duration;

use serde_json::value::RawValue;

use super::server::Server;
use super::{Context, Signals};
use crate::client::{EventStream, Received};
use crate::error::{Code, Error, Result};
use crate::process;
use crate::units::{Backoff, Deadline, HEARTBEAT_SILENCE, TICK};

/// How long the head of the stream may take: a cold directory blocks the server for a second or two.
const OPEN_TICK: Duration = Duration::from_millis(500);

/// Hands every event of a session's directory to `take` as one line of JSON, until `take` says false,
/// a signal comes, the limit is reached, or the server ends. A stream that breaks is opened again;
/// what happened in between is lost, as the server does not repeat anything.
pub fn events(
    context: &Context,
    signals: &Signals,
    session: &str,
    limit: Option<Duration>,
    take: &mut dyn FnMut(&str) -> bool,
) -> Result<()> {
    let server = Server::open(context, session)?;
    let deadline = limit.map_or(Deadline::after(Duration::MAX), Deadline::after);
    let mut pauses = Backoff::new(TICK, Duration::from_secs(2));
    loop {
        let opened =
            EventStream::open(&server.client, &server.directory, OPEN_TICK, OPEN_TICK, true);
        match opened {
            Ok(mut stream) => {
                pauses = Backoff::new(TICK, Duration::from_secs(2));
                if !follow(context, &mut stream, signals, deadline, &server, take)? {
                    return Ok(());
                }
                (context.say)(
                    "the event stream broke; opening it again, what came in between is lost",
                );
            }
            Err(failure) if !failure.passing() => return Err(failure.into()),
            Err(_) => {}
        }
        if let Some(ended) = server.ended(context) {
            return Err(ended);
        }
        check(signals, deadline)?;
        process::pause(pauses.next());
    }
}

/// False if nobody wants more, true if the stream is over.
fn follow(
    context: &Context,
    stream: &mut EventStream,
    signals: &Signals,
    deadline: Deadline,
    server: &Server,
    take: &mut dyn FnMut(&str) -> bool,
) -> Result<bool> {
    loop {
        let mut wanted = true;
        let received = stream.pump(&mut |data| {
            let Some(data) = data else {
                return (context.say)("an event of more than 64 MiB was left out");
            };
            if let Some(line) = line(data) {
                wanted = wanted && take(&line);
            }
        });
        if !wanted {
            return Ok(false);
        }
        if let Received::Ended(_) = received {
            return Ok(true);
        }
        check(signals, deadline)?;
        if received == Received::Quiet {
            // An empty line asks whether anybody still reads.
            if !take("") {
                return Ok(false);
            }
            if !server.lives() || stream.silence() > HEARTBEAT_SILENCE {
                return Ok(true);
            }
        }
    }
}

fn check(signals: &Signals, deadline: Deadline) -> Result<()> {
    if let Some(code) = signals.received() {
        return Err(Error::new(code, "interrupted"));
    }
    match deadline.expired() {
        true => Err(Error::new(Code::Timeout, "the time for events is over")),
        false => Ok(()),
    }
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
