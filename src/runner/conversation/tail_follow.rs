//! Reads on in a conversation while it is being written, until it is idle: `tail -f`. Events make
//! it fast, and what REST says makes it true.

use std::time::{Duration, Instant};

use super::entry::{Depth, Entry, each_of_next, moment};
use super::find::{self, Place};
use super::tail::{MessageSink, TailOptions, hand_over};
use super::writing::{LiveSink, Writing};
use crate::client::event::Kind;
use crate::client::wire::{Conversation, Head, is_busy};
use crate::client::{Answer, Cause, Event, Failure, Limit};
use crate::error::{Code, Error, Result};
use crate::runner::context::Context;
use crate::runner::session::operation::Operation;
use crate::runner::session::pace::{Outlook, Pace};
use crate::runner::session::server::Server;
use crate::runner::session::stream::{Heard, Stream};
use crate::runner::session::timeouts::LOOK_LIMIT;
use crate::runner::turn::seen::Seen;
use crate::units::START_WINDOW;

/// How long a conversation must read idle before it is: it reads so for a moment between two turns.
const IDLE_PROOF: Duration = Duration::from_millis(700);

/// How many messages one look asks for first.
const PAGE: usize = 8;

/// Why there is nothing more to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TailEnd {
    /// The conversation is idle.
    Idle,
    /// The reader has gone.
    Gone,
    /// The limit was reached.
    Limit {
        /// Whether the conversation waits for a permission or an answer.
        asked: bool,
    },
    /// A signal arrived.
    Signal(Code),
}

/// Hands over the newest messages, and then what is added until the conversation is idle.
pub fn tail_follow(
    context: &Context,
    word: &str,
    options: &TailOptions,
    limit: Duration,
    sink: &mut dyn LiveSink,
) -> Result<TailEnd> {
    let operation = Operation::begin(context, word, limit)?;
    let server = &operation.server;
    let explain = |error| operation.explain(error);
    let given = options.conversation.as_deref();
    let place = find::given_or_latest(server, given).map_err(explain)?;
    let options = &options.with_turn(server, &place).map_err(explain)?;
    // The stream is opened before the first look, so that nothing is missed between the two.
    let stream = Stream::open(&server.client, &place.directory, false);
    let done = newest_complete(server, &place).map_err(explain)?;
    let mut before = Before { place: &place, done: &done, sink };
    hand_over(server, &place, options, &mut before).map_err(explain)?;
    let mut tail = LiveTail {
        operation: &operation,
        server,
        place: &place,
        depth: options.depth(),
        writing: Writing::new(&place, options, done),
        seen: Seen::default(),
        look_wanted: true,
        moved: false,
        asked: false,
        idle_since: None,
    };
    tail.run(stream, sink)
}

/// The message up to which nothing more will be added; empty if there is none.
fn newest_complete(server: &Server, place: &Place) -> Result<String> {
    let mut pages = server.client.pages(&place.id, &place.directory, LOOK_LIMIT.into());
    let mut found: Vec<Known> = Vec::new();
    let mut size = PAGE;
    loop {
        let mut older = Vec::new();
        let take = &mut |entry: Entry| {
            let prompt = entry.is_prompt();
            let complete = entry.is_complete();
            older.push(Known { id: entry.id, prompt, complete });
        };
        let more = each_of_next(&mut pages, place, Depth::Text, size, take)
            .map_err(|failure| find::gone(server, place, failure))?;
        older.append(&mut found);
        found = older;
        let done = last_complete(&found);
        if !done.is_empty() || !more {
            return Ok(done.into());
        }
        size *= PAGE;
    }
}

/// What must be known of a message to tell where a conversation is complete.
struct Known {
    id: String,
    prompt: bool,
    complete: bool,
}

/// The last message of these, which are the newest ones, before everything that may still grow.
fn last_complete(messages: &[Known]) -> &str {
    let mut done = "";
    let mut before = "";
    let mut open = false;
    for message in messages {
        // Prompts may be queued behind an answer that is being written. An answer that is followed
        // by another one stays as it is, complete or not.
        if !open || !message.prompt {
            open = !message.complete;
            done = if open { before } else { &message.id };
        }
        before = &message.id;
    }
    done
}

/// Takes what was there before, up to the last complete message. The others follow in pieces.
struct Before<'a> {
    place: &'a Place,
    done: &'a str,
    sink: &'a mut dyn LiveSink,
}

impl MessageSink for Before<'_> {
    fn begin(&mut self, _: &str, _: &str) -> Result<()> {
        Ok(())
    }

    fn entry(&mut self, entry: &Entry) -> Result<bool> {
        if entry.conversation != self.place.id || entry.id.as_str() <= self.done {
            self.sink.entry(entry);
        }
        Ok(!self.sink.is_gone())
    }
}

/// A conversation that is followed.
struct LiveTail<'a> {
    operation: &'a Operation<'a>,
    server: &'a Server,
    place: &'a Place,
    depth: Depth,
    writing: Writing<'a>,
    /// The events that were taken.
    seen: Seen,
    /// Whether REST must be asked soon: an event says that something has ended, or was missed.
    look_wanted: bool,
    /// Whether events have come since the last look.
    moved: bool,
    /// Whether the conversation waits for a permission or an answer.
    asked: bool,
    idle_since: Option<Instant>,
}

impl LiveTail<'_> {
    fn run(&mut self, mut stream: Stream, sink: &mut dyn LiveSink) -> Result<TailEnd> {
        let Operation { signals, server, deadline, .. } = self.operation;
        let client = &server.client;
        let mut pace = Pace::new(Instant::now(), Duration::ZERO);
        loop {
            if let Some(code) = signals.received() {
                return Ok(TailEnd::Signal(code));
            }
            if sink.is_gone() {
                return Ok(TailEnd::Gone);
            }
            if deadline.expired() {
                return Ok(TailEnd::Limit { asked: self.asked });
            }
            if pace.is_due(Instant::now()) {
                self.look_wanted = false;
                match self.look(sink) {
                    Ok(true) => return Ok(TailEnd::Idle),
                    Ok(false) => {}
                    Err(failure) => self.check(failure)?,
                }
                let outlook = self.outlook(stream.is_open());
                pace.plan(Instant::now(), outlook);
            }
            stream.receive(client, pace.next_look(), *deadline, &mut |heard| self.hear(&heard));
            self.look_wanted |= !self.writing.flush(sink);
            if self.look_wanted {
                pace.hurry(Instant::now());
            }
        }
    }

    /// What is known after a look, for the moment of the next one.
    fn outlook(&mut self, stream_is_open: bool) -> Outlook {
        if self.idle_since.is_some() {
            return Outlook::Idle;
        }
        let moved = std::mem::take(&mut self.moved);
        if moved && stream_is_open { Outlook::Moving } else { Outlook::Quiet }
    }

    fn hear(&mut self, heard: &Heard) {
        let conversation = &self.place.id;
        match heard {
            Heard::Gap | Heard::Long => {
                self.writing.note_gap();
                self.look_wanted = true;
            }
            Heard::Data(data) => {
                let event = Event::decode(data, &|id| id == conversation);
                let ours = event.filter(|event| event.conversation.as_ref() == Some(conversation));
                if let Some(event) = ours
                    && self.seen.remember(event.id.as_deref())
                {
                    self.moved = true;
                    self.event(event);
                }
            }
        }
    }

    fn event(&mut self, event: Event) {
        match event.kind {
            Kind::Message(info) if self.writing.concerns(&info.id) => {
                self.idle_since = None;
                let open = info.is_answer() && info.time.completed.is_none();
                self.look_wanted |= !open || info.error.is_some();
                self.writing.take_head(info);
            }
            Kind::Part(part) if self.writing.concerns(&part.message) => {
                self.look_wanted |= part.state.has_ended();
                self.writing.take_part(&part);
            }
            Kind::Delta { message, part, field, text }
                if self.writing.concerns(&message) && field == "text" =>
            {
                self.writing.take_delta(&message, &part, &text);
            }
            Kind::Activity(activity) => self.look_wanted |= !activity.is_busy(),
            Kind::Failed(_) => self.look_wanted = true,
            Kind::Permission(ask) => self.tell("permissions", "a permission", &ask.id),
            Kind::Question(ask) => self.tell("questions", "an answer", &ask.id),
            Kind::Answered { .. } => self.asked = false,
            _ => {}
        }
    }

    /// Tells the user that the conversation waits, once until it goes on.
    fn tell(&mut self, command: &str, what: &str, id: &str) {
        if !self.asked {
            self.asked = true;
            let session = &self.server.record.id;
            let text =
                format!("the conversation waits for {what}, {id} (occtl {command} {session})");
            (self.operation.context.say)(&text);
        }
    }

    /// Asks REST, and hands over what is new. True if the conversation is idle and all of it has
    /// been handed over.
    fn look(&mut self, sink: &mut dyn LiveSink) -> Answer<bool> {
        // The activity is read before the messages: a message that is written in between is then
        // part of a busy conversation, which is looked at again.
        let activities = self.server.client.activities(&self.place.directory, LOOK_LIMIT)?;
        let busy = is_busy(&activities, &self.place.id);
        let entries = self.unfinished()?;
        let idle = !busy && !self.is_about_to_start(&entries)?;
        let since = *self.idle_since.get_or_insert_with(Instant::now);
        if !idle {
            self.idle_since = None;
        }
        let over = idle && since.elapsed() >= IDLE_PROOF;
        self.writing.take_entries(entries, over);
        self.look_wanted |= !self.writing.flush(sink);
        Ok(over)
    }

    /// The messages that have not been handed over completely, oldest first.
    fn unfinished(&self) -> Answer<Vec<Entry>> {
        let id = &self.place.id;
        let directory = &self.place.directory;
        let mut pages = self.server.client.pages(id, directory, LOOK_LIMIT.into());
        let mut found: Vec<Entry> = Vec::new();
        loop {
            let mut older = Vec::new();
            let mut reached = false;
            let take = &mut |entry: Entry| {
                if self.writing.concerns(&entry.id) {
                    older.push(entry);
                } else {
                    reached = true;
                }
            };
            let more = each_of_next(&mut pages, self.place, self.depth, PAGE, take)?;
            older.append(&mut found);
            found = older;
            if reached || !more {
                return Ok(found);
            }
        }
    }

    /// Whether there is a prompt so new that its turn may not have begun.
    fn is_about_to_start(&self, entries: &[Entry]) -> Answer<bool> {
        if let Some(newest) = entries.last() {
            return Ok(newest.is_prompt() && is_young(newest.created_at));
        }
        let client = &self.server.client;
        let id = &self.place.id;
        let directory = &self.place.directory;
        let done = self.writing.done();
        if done.is_empty() {
            let empty: Conversation = client.conversation(id, directory)?;
            return Ok(is_young(moment(empty.time.created)));
        }
        // All messages are complete. The newest one may be a prompt without an answer.
        let newest: Head = client.message(id, directory, done, Limit::Ordinary)?;
        Ok(newest.info.is_prompt() && is_young(moment(newest.info.time.created)))
    }

    /// An error if there is nothing to wait for. Otherwise a failed request is no reason to stop.
    fn check(&self, failure: Failure) -> Result<()> {
        if let Some(error) = self.server.ended_by(&failure) {
            return Err(error);
        }
        match failure.cause {
            Cause::Unauthorized => Err(Error::from(failure)),
            Cause::Status(404, _) => Err(find::gone(self.server, self.place, failure)),
            _ => Ok(()),
        }
    }
}

/// Whether something is so new that what follows from it may not have begun.
fn is_young(created: Option<jiff::Timestamp>) -> bool {
    let age = created.map(|created| jiff::Timestamp::now().duration_since(created).as_secs_f64());
    age.is_some_and(|age| age < START_WINDOW.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The last complete one of some messages: `p` is a prompt and `a` an answer, in capitals if it
    /// is complete.
    fn last_of(messages: &str) -> usize {
        let known = |(index, kind): (usize, char)| Known {
            id: (index + 1).to_string(),
            prompt: kind.eq_ignore_ascii_case(&'p'),
            complete: kind.is_uppercase(),
        };
        let messages: Vec<Known> = messages.chars().enumerate().map(known).collect();
        last_complete(&messages).parse().unwrap_or(0)
    }

    #[test]
    fn everything_before_what_may_still_grow_is_complete() {
        for (messages, last) in [("", 0), ("p", 0), ("P", 1), ("PA", 2), ("Pa", 1), ("PAPAa", 4)] {
            assert_eq!(last_of(messages), last, "{messages}");
        }
    }

    #[test]
    fn a_prompt_behind_an_open_answer_waits_and_an_open_answer_before_another_one_does_not() {
        assert_eq!(last_of("PaPP"), 1);
        assert_eq!(last_of("PaA"), 3);
        assert_eq!(last_of("PaPa"), 3);
    }
}
