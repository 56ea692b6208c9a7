//! Messages while they are being written: what is known of each, and what of that the sink has.

use std::collections::BTreeMap;

use super::entry::{Entry, ToolCall};
use super::find::Place;
use super::tail::{Filter, TailOptions};
use crate::client::Piece;
use crate::client::wire::{Head, Info, Part};
use crate::runner::turn::text::Text;

/// Receives a conversation while it is being written.
pub trait LiveSink {
    /// Takes a message that is complete.
    fn entry(&mut self, entry: &Entry);
    /// A message begins; its text and tools follow in pieces.
    fn begin(&mut self, entry: &Entry);
    /// Takes more of its text.
    fn text(&mut self, text: &str);
    /// Takes a tool of it that has ended.
    fn tool(&mut self, tool: &ToolCall);
    /// The message that has begun is complete.
    fn end(&mut self, entry: &Entry);
    /// Whether nothing more is wanted: the reader at the other end has gone.
    fn is_gone(&self) -> bool;
}

/// The messages of a conversation that the sink does not have completely.
pub struct Writing<'a> {
    place: &'a Place,
    filter: Filter<'a>,
    /// Whether text is handed over as it is written; otherwise only complete messages are.
    live: bool,
    /// Everything up to and with this message has been handed over.
    done: String,
    messages: BTreeMap<String, Unfinished>,
}

impl<'a> Writing<'a> {
    /// Begins behind the message `done`.
    pub fn new(place: &'a Place, options: &'a TailOptions, done: String) -> Writing<'a> {
        // Whether a text contains something is known only when it is complete.
        let live = !options.raw && !options.whole && options.search.is_none();
        Writing { place, filter: options.filter(), live, done, messages: BTreeMap::new() }
    }

    /// The message up to which everything has been handed over; empty if there is none.
    pub fn done(&self) -> &str {
        &self.done
    }

    /// Whether a message still has something to hand over.
    pub fn concerns(&self, message: &str) -> bool {
        message > self.done.as_str()
    }

    /// Events may have been lost.
    pub fn note_gap(&mut self) {
        self.messages.values_mut().for_each(|message| message.text.note_gap());
    }

    /// Takes what an event says of a message without its text.
    pub fn take_head(&mut self, info: Info) {
        let message = self.messages.entry(info.id.clone()).or_default();
        if message.head.is_none() {
            message.head = Some(Entry::of_head(self.place, Head { info }));
        }
    }

    /// Takes a part from an event.
    pub fn take_part(&mut self, part: &Part) {
        let message = self.messages.entry(part.message.clone()).or_default();
        message.text.take_part(part, &mut |text| message.taken.push_str(text));
    }

    /// Takes more of a part's text from an event.
    pub fn take_delta(&mut self, id: &str, part: &str, text: &Piece) {
        let message = self.messages.entry(id.into()).or_default();
        message.text.take_delta(id, part, text, &mut |text| message.taken.push_str(text));
    }

    /// Takes all unfinished messages as REST has them, oldest first. With `over` they are complete,
    /// whatever they say themselves.
    pub fn take_entries(&mut self, entries: Vec<Entry>, over: bool) {
        let last_answer = entries.iter().rposition(|entry| !entry.is_prompt());
        let last = entries.len().saturating_sub(1);
        for (index, entry) in entries.into_iter().enumerate() {
            // A step that a killed server left open is over once another step follows. A prompt may
            // be queued behind an answer that is still being written.
            let passed = if entry.is_prompt() {
                index < last
            } else {
                last_answer.is_some_and(|last| index < last)
            };
            let message = self.messages.entry(entry.id.clone()).or_default();
            message.complete = over || passed || entry.is_complete();
            if message.complete {
                message.take_whole(&entry.text);
            }
            message.head = Some(entry);
        }
    }

    /// Hands over what the sink does not have, in order: of the first incomplete message what there
    /// is of it, and nothing behind it. False if the first message is known only by its text: REST
    /// must say whose it is.
    pub fn flush(&mut self, sink: &mut dyn LiveSink) -> bool {
        while let Some(mut first) = self.messages.first_entry() {
            let message = first.get_mut();
            let Some(head) = &message.head else { return false };
            let wanted = self.filter.passes(head);
            if wanted && self.live {
                message.show(sink);
            } else if wanted && message.complete {
                sink.entry(head);
            }
            if !message.complete {
                return true;
            }
            self.done = first.key().clone();
            first.remove();
        }
        true
    }
}

/// A message that the sink does not have completely.
#[derive(Default)]
struct Unfinished {
    /// What is known of it besides its text; `None` until an event or REST tells.
    head: Option<Entry>,
    /// Puts the pieces of its text in order.
    text: Text,
    /// All text that has been put in order.
    taken: String,
    /// How much of that text the sink has, in bytes.
    shown: usize,
    tools_shown: usize,
    begun: bool,
    /// Whether nothing more will be added.
    complete: bool,
}

impl Unfinished {
    /// Takes the whole text. The server cuts white space off the end, which does not make another
    /// text. If the text really is another one, all of it is shown again behind what was shown.
    fn take_whole(&mut self, text: &str) {
        if self.taken.starts_with(text) {
            return;
        }
        if !text.starts_with(&self.taken[..self.shown]) {
            self.shown = 0;
        }
        self.taken = text.into();
    }

    /// Hands over what the sink does not have.
    fn show(&mut self, sink: &mut dyn LiveSink) {
        let Some(head) = &self.head else { return };
        let text = &self.taken[self.shown..];
        let has_ended = |tool: &&ToolCall| self.complete || tool.has_ended();
        let tools: Vec<&ToolCall> =
            head.tools.iter().skip(self.tools_shown).take_while(has_ended).collect();
        if !self.begun && (self.complete || !text.is_empty() || !tools.is_empty()) {
            self.begun = true;
            sink.begin(head);
        }
        if !text.is_empty() {
            sink.text(text);
            self.shown = self.taken.len();
        }
        for tool in &tools {
            sink.tool(tool);
        }
        self.tools_shown += tools.len();
        if self.complete {
            sink.end(head);
        }
    }
}
