//! The server's events as they come: `events`.

mod wanted;

use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::find::{self, Place};
use crate::client::mend;
use crate::error::{Code, Error, Result};
use crate::runner::context::Context;
use crate::runner::session::server::Server;
use crate::runner::session::stream::{Heard, Stream};
use crate::units::{Deadline, TICK, milliseconds};
use wanted::{Verdict, Wanted};

/// The type of the lines that stand for events which were lost. No server's event begins so.
const GAP: &str = "occtl.gap";

/// Which events are wanted, and for how long.
#[derive(Clone, Debug, Default)]
pub struct EventOptions {
    /// Only those of this conversation (`ses_…`).
    pub conversation: Option<String>,
    /// Those of its sub-agents as well.
    pub children: bool,
    /// Only those of these kinds: a whole name, or its beginning up to a dot. All if there is none.
    pub kinds: Vec<String>,
    /// When to end.
    pub limit: Option<Duration>,
}

/// Hands the events of a session's directory to `take`, each as one line of JSON with a number,
/// until `take` returns false, a signal arrives, the limit is reached, or the server ends. An empty
/// line only asks whether more is wanted.
///
/// A stream that breaks is opened again. What happened in between is lost, because the server
/// repeats no events; a line of its own says so.
pub fn events(
    context: &Context,
    session: &str,
    options: &EventOptions,
    take: &mut dyn FnMut(&str) -> bool,
) -> Result<()> {
    let signals = context.catch_signals()?;
    let server = Server::open(context, session)?;
    let deadline = options.limit.map_or(Deadline::never(), Deadline::after);
    server.client.limit_to(deadline, Some(signals.flag()));
    let place = options.conversation.as_deref().map(|id| find::by_id(&server, id)).transpose()?;
    let directory = place.as_ref().map_or(&server.directory, |place| &place.directory);
    let mut stream = Stream::open(&server.client, directory, true);
    let tree = place.as_ref().map(|place| (place.id.as_str(), options.children));
    let wanted = Wanted::new(&options.kinds, tree);
    let mut relay = Relay::new(context, &server, place.as_ref(), wanted, take);
    let mut next_check = Instant::now();
    while relay.more_wanted {
        if let Some(code) = signals.received() {
            return Err(Error::new(code, code.interrupted()));
        }
        if deadline.expired() {
            return Err(Error::new(Code::Timeout, "the time for events is over"));
        }
        relay.quiet = true;
        let until = Instant::now() + TICK;
        stream.receive(&server.client, until, deadline, &mut |heard| relay.hear(&heard));
        relay.broken &= !stream.is_open();
        if let Some(error) = relay.ended.take() {
            return Err(error);
        }
        let now = Instant::now();
        if !relay.quiet {
            relay.heard = now;
        }
        // Events that are not wanted must not keep a reader that has left from being noticed.
        if relay.quiet || now >= next_check {
            next_check = now + TICK;
            relay.more_wanted = relay.more_wanted && (relay.take)("");
            check(&server, &mut stream)?;
        }
    }
    Ok(())
}

/// Passes events on.
struct Relay<'a> {
    context: &'a Context,
    server: &'a Server,
    place: Option<&'a Place>,
    wanted: Wanted,
    take: &'a mut dyn FnMut(&str) -> bool,
    more_wanted: bool,
    /// Whether the stream is not open, and the user has been told so if it was open before.
    broken: bool,
    /// Whether no event has come.
    quiet: bool,
    /// Whether the next event is the first one of its stream.
    is_new: bool,
    /// Since when events are being lost, if they are.
    lost_since: Option<Instant>,
    /// When the stream was last known to work.
    heard: Instant,
    /// How many lines have been handed over.
    offset: u64,
    /// Why no more events can come.
    ended: Option<Error>,
}

impl<'a> Relay<'a> {
    fn new(
        context: &'a Context,
        server: &'a Server,
        place: Option<&'a Place>,
        wanted: Wanted,
        take: &'a mut dyn FnMut(&str) -> bool,
    ) -> Relay<'a> {
        Relay {
            context,
            server,
            place,
            wanted,
            take,
            more_wanted: true,
            broken: true,
            quiet: true,
            is_new: true,
            lost_since: None,
            heard: Instant::now(),
            offset: 0,
            ended: None,
        }
    }

    fn hear(&mut self, heard: &Heard) {
        match heard {
            Heard::Gap if self.broken => self.is_new = true,
            Heard::Gap => {
                (self.broken, self.is_new) = (true, true);
                self.lost_since.get_or_insert(self.heard);
                let text = "the event stream broke; opening it again, what came in between is lost";
                (self.context.say)(text);
            }
            Heard::Long => {
                (self.context.say)("an event of more than 64 MiB was left out");
                self.hand_over_gap("event_too_long", None);
            }
            Heard::Data(data) => {
                self.quiet = false;
                let is_first = std::mem::take(&mut self.is_new);
                if is_first {
                    self.begin();
                }
                let verdict = self.wanted.judge(data, is_first);
                if matches!(verdict, Verdict::Wanted | Verdict::Deleted(true)) {
                    self.hand_over(data);
                }
                if let (Verdict::Deleted(_), Some(place)) = (verdict, self.place) {
                    self.ended = Some(find::deleted(self.server, place));
                }
            }
        }
    }

    /// A new stream begins. What was opened while there was none is found by asking.
    fn begin(&mut self) {
        if let Some(since) = self.lost_since.take() {
            self.hand_over_gap("stream_broke", Some(since.elapsed()));
        }
        let Some(place) = self.place else { return };
        let known = if self.wanted.has_sub_agents() {
            find::descendants(self.server, place)
        } else {
            find::load(self.server, &place.id).map(|_| Vec::new())
        };
        match known {
            Ok(below) => self.wanted.add_sub_agents(below),
            Err(error) if error.code == Code::NotFound => self.ended = Some(error),
            Err(error) => (self.context.say)(&format!(
                "the sub-agents of {} are not known, so events of some may be missing: {}",
                place.id, error.message
            )),
        }
    }

    fn hand_over(&mut self, data: &[u8]) {
        if let Some(line) = line(data) {
            self.number(&line);
        }
    }

    /// Hands over a line that stands for events which were lost.
    fn hand_over_gap(&mut self, reason: &str, silence: Option<Duration>) {
        let properties = json!({"reason": reason, "silent_ms": silence.map(milliseconds)});
        self.number(&json!({"id": null, "type": GAP, "properties": properties}).to_string());
    }

    /// Hands over an object with its number before its other fields.
    fn number(&mut self, object: &str) {
        let Some(fields) = object.strip_prefix('{') else { return };
        self.offset += 1;
        let line = format!("{{\"offset\":{},{fields}", self.offset);
        self.more_wanted = self.more_wanted && (self.take)(&line);
    }
}

/// An error if no more events can come: the server has ended, or refuses the stream for good.
fn check(server: &Server, stream: &mut Stream) -> Result<()> {
    let trouble = stream.trouble.take();
    let ended = match &trouble {
        Some(failure) => server.ended_by(failure),
        None => server.ended(),
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
