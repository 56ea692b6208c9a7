//! Reads on in a conversation while it is being written, until it is idle: `tail -f`. Events make it fast,
//! the REST state makes it true.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::entry::{Depth, Entry, each_of_next, moment};
use super::find::{self, Place};
use super::tail::{MessageSink, TailOptions, hand_over};
use super::writing::{LiveSink, Writing};
use crate::client::event::Kind;
use crate::client::wire::{Conversation, Head};
use crate::client::{Answer, Cause, Event, Failure, Limit};
use crate::error::{Code, Error, Result};
use crate::runner::context::Context;
use crate::runner::session::operation::Operation;
use crate::runner::session::pace::{Outlook, Pace};
use crate::runner::session::server::Server;
use crate::runner::session::stream::{Heard, Stream};
use crate::runner::session::timeouts::LOOK_LIMIT;
use crate::runner::turn::seen::Seen;
use crate::units::{REQUEST_LIMIT, START_WINDOW};

/// How long a conversation must read idle: it does so for a moment between two turns.
const IDLE_PROOF: Duration = Duration::from_millis(700);

/// How many messages one look asks for first.
const PAGE: usize = 8;

/// Why there is nothing more to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TailEnd {
    /// The conversation is idle.
    Idle,
    /// Nobody reads any more.
    Gone,
    /// The limit was reached; whether the conversation waits for somebody's answer.
    Limit {
        /// An ask is pending.
        asked: bool,
    },
    /// A signal arrived.
    Signal(Code),
}

struct LiveTail<'a> {
    operation: &'a Operation<'a>,
    server: &'a Server,
    place: &'a Place,
    options: &'a TailOptions,
    /// Text as it is written, and not whole messages.
    live: bool,
    writing: BTreeMap<String, Writing>,
    /// Up to and with this message everything has been read.
    done: String,
    /// Events that were taken.
    seen: Seen,
    look_wanted: bool,
    /// Events have told something since the last look.
    moved: bool,
    asked: bool,
    idle_since: Option<Instant>,
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
    let late = |error| operation.explain(error);
    let given = options.conversation.as_deref();
    let place = find::given_or_latest(server, given).map_err(late)?;
    // Before the first look, so that nothing falls between the two.
    let stream = Stream::open(&server.client, &place.directory, false);
    let done = newest_complete(server, &place).map_err(late)?;
    let mut before = Before { place: &place, done: &done, sink };
    hand_over(server, &place, options, &mut before).map_err(late)?;
    let mut tail = LiveTail {
        operation: &operation,
        server,
        place: &place,
        options,
        live: !options.raw && !options.whole && options.search.is_none(),
        writing: BTreeMap::new(),
        done,
        seen: Seen::default(),
        look_wanted: true,
        moved: false,
        asked: false,
        idle_since: None,
    };
    tail.run(stream, sink)
}

/// The newest message up to which nothing more will be added; empty if there is none.
fn newest_complete(server: &Server, place: &Place) -> Result<String> {
    struct Known {
        id: String,
        prompt: bool,
        complete: bool,
    }
    let mut pages = server.client.pages(&place.id, &place.directory, Limit::Read(LOOK_LIMIT));
    let mut found: Vec<Known> = Vec::new();
    let mut size = PAGE;
    loop {
        let mut older = Vec::new();
        let take = &mut |entry: Entry| {
            let (prompt, complete) = (entry.role == "user", entry.complete());
            older.push(Known { id: entry.id, prompt, complete });
        };
        let more = each_of_next(&mut pages, place, Depth::Text, size, take)
            .map_err(|failure| find::gone(server, place, failure))?;
        older.append(&mut found);
        found = older;
        let mut done = "";
        let mut last = "";
        let mut open = false;
        for one in &found {
            // Prompts may be queued behind an answer that is being written. What an older answer
            // left open stays so.
            if !open || !one.prompt {
                open = !one.complete;
                done = if open { last } else { &one.id };
            }
            last = &one.id;
        }
        if !done.is_empty() || !more {
            return Ok(done.into());
        }
        size *= PAGE;
    }
}

/// Takes what was there before: what is not complete follows in pieces.
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
        Ok(!self.sink.gone())
    }
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
            if sink.gone() {
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
            self.flush(sink);
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
                self.writing.values_mut().for_each(|one| one.text.note_gap());
                self.look_wanted = true;
            }
            Heard::Data(data) => {
                let event = Event::decode(data, &|id| id == conversation);
                let ours = event.filter(|one| one.conversation.as_ref() == Some(conversation));
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
            Kind::Message(info) if info.id > self.done => {
                self.idle_since = None;
                let open = info.is_answer() && info.time.completed.is_none();
                self.look_wanted |= !open || info.error.is_some();
                let known = self.writing.entry(info.id.clone()).or_default();
                if known.head.is_none() {
                    known.head = Some(Entry::of_head(self.place, Head { info }));
                }
            }
            Kind::Part(part) if part.message > self.done => {
                self.look_wanted |= part.state.has_ended();
                let one = self.writing.entry(part.message.clone()).or_default();
                one.text.take_part(&part, &mut |text| one.taken.push_str(text));
            }
            Kind::Delta { message, part, field, text }
                if message > self.done && field == "text" =>
            {
                let one = self.writing.entry(message.clone()).or_default();
                one.text.take_delta(&message, &part, &text, &mut |text| one.taken.push_str(text));
            }
            Kind::Activity(activity) => self.look_wanted |= !activity.is_busy(),
            Kind::Failed(_) => self.look_wanted = true,
            Kind::Permission(ask) => self.tell("permissions", "a permission", &ask.id),
            Kind::Question(ask) => self.tell("questions", "an answer", &ask.id),
            Kind::Answered { .. } => self.asked = false,
            _ => {}
        }
    }

    fn tell(&mut self, command: &str, what: &str, id: &str) {
        let session = &self.server.record.id;
        if !std::mem::replace(&mut self.asked, true) {
            let text =
                format!("the conversation waits for {what}, {id} (occtl {command} {session})");
            (self.operation.context.say)(&text);
        }
    }

    /// Reads the state; whether the conversation is idle and all of it has been handed over.
    fn look(&mut self, sink: &mut dyn LiveSink) -> Answer<bool> {
        // First what is going on and then the messages, so that nothing is written in between unseen.
        let activities = self.server.client.activities(&self.place.directory, LOOK_LIMIT)?;
        let busy = activities.get(&self.place.id).is_some_and(|one| one.is_busy());
        let entries = self.since_done()?;
        let idle = !busy && !self.about_to_start(&entries)?;
        let since = *self.idle_since.get_or_insert_with(Instant::now);
        if !idle {
            self.idle_since = None;
        }
        let over = idle && since.elapsed() >= IDLE_PROOF;
        let last_answer = entries.iter().rposition(|entry| entry.role != "user");
        let last = entries.len().saturating_sub(1);
        for (index, entry) in entries.into_iter().enumerate() {
            let one = self.writing.entry(entry.id.clone()).or_default();
            // A step that a killed server left open is over once another one follows; a prompt may be queued
            // behind one that is being written.
            let passed = match entry.role.as_str() {
                "user" => index < last,
                _ => last_answer.is_some_and(|last| index < last),
            };
            one.complete = over || passed || entry.complete();
            if one.complete {
                one.complete(&entry.text);
            }
            one.head = Some(entry);
        }
        self.flush(sink);
        Ok(over)
    }

    /// The messages that have not been read to their end, oldest first.
    fn since_done(&self) -> Answer<Vec<Entry>> {
        let (id, directory) = (&self.place.id, &self.place.directory);
        let mut pages = self.server.client.pages(id, directory, Limit::Read(LOOK_LIMIT));
        let mut found: Vec<Entry> = Vec::new();
        loop {
            let mut older = Vec::new();
            let mut reached = false;
            let take = &mut |entry: Entry| {
                if entry.id > self.done {
                    older.push(entry);
                } else {
                    reached = true;
                }
            };
            let more = each_of_next(&mut pages, self.place, self.options.depth(), PAGE, take)?;
            older.append(&mut found);
            found = older;
            if reached || !more {
                return Ok(found);
            }
        }
    }

    /// Whether a prompt is so new that its turn may not have begun.
    fn about_to_start(&self, entries: &[Entry]) -> Answer<bool> {
        let young = |created: Option<jiff::Timestamp>| {
            let age = created.map(|at| jiff::Timestamp::now().duration_since(at).as_secs_f64());
            age.is_some_and(|age| age < START_WINDOW.as_secs_f64())
        };
        match entries.last() {
            Some(newest) => Ok(newest.role == "user" && young(newest.created_at)),
            None if self.done.is_empty() => {
                let found = self
                    .operation
                    .server
                    .client
                    .conversation::<Conversation>(&self.place.id, &self.place.directory)?;
                Ok(young(moment(found.time.created)))
            }
            // The newest of all is complete: a prompt without an answer is still about to start.
            None => {
                let newest = self.server.client.message::<Head>(
                    &self.place.id,
                    &self.place.directory,
                    &self.done,
                    REQUEST_LIMIT,
                )?;
                let time = moment(newest.info.time.created);
                Ok(newest.info.is_prompt() && young(time))
            }
        }
    }

    /// Hands over what is new, in order: of the first message that is not complete what there is of it, and
    /// nothing behind it.
    fn flush(&mut self, sink: &mut dyn LiveSink) {
        while let Some(mut first) = self.writing.first_entry() {
            let one = first.get_mut();
            let Some(head) = &one.head else {
                // Nobody knows yet whose it is.
                self.look_wanted = true;
                return;
            };
            let search = self.options.search.as_ref().map(|text| text.to_lowercase());
            let search = search.as_deref().filter(|_| one.complete);
            let wanted = self.options.wants(head, search);
            if wanted && self.live {
                one.show(sink);
            } else if wanted && one.complete {
                sink.entry(head);
            }
            if !one.complete {
                return;
            }
            self.done = first.key().clone();
            first.remove();
        }
    }

    /// A failed request is no reason to stop, unless there is nothing to wait for.
    fn check(&self, failure: Failure) -> Result<()> {
        if let Some(error) = self.server.ended_by(self.operation.context, &failure) {
            return Err(error);
        }
        match failure.cause {
            Cause::Unauthorized => Err(Error::from(failure)),
            Cause::Status(404, _) => Err(find::gone(self.server, self.place, failure)),
            _ => Ok(()),
        }
    }
}
