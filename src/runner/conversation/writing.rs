//! One message while it is being written: what is known of it, and what of that a reader has.

use super::entry::{Entry, ToolCall};
use crate::runner::turn::text::Text;

/// Somebody who reads.
pub trait LiveSink {
    /// A message that is complete.
    fn entry(&mut self, entry: &Entry);
    /// A message begins; its text and tools follow in pieces.
    fn begin(&mut self, entry: &Entry);
    /// More of its text.
    fn text(&mut self, text: &str);
    /// A tool of it has ended.
    fn tool(&mut self, tool: &ToolCall);
    /// The message that has begun is complete.
    fn end(&mut self, entry: &Entry);
    /// Nobody reads any more.
    fn gone(&self) -> bool;
}

/// A message that is being written.
#[derive(Default)]
pub struct Writing {
    /// What is known of it besides its text; nothing until it was seen itself.
    pub head: Option<Entry>,
    /// Puts the events together.
    pub text: Text,
    /// All text that was taken from events.
    pub taken: String,
    /// How much of it the reader has.
    shown: usize,
    tools_shown: usize,
    begun: bool,
    /// Nothing more will be added.
    pub complete: bool,
}

impl Writing {
    /// Takes the whole text of a message. The server cuts white space off the end, which is no other text; where it
    /// is another one, the whole is shown again behind what was shown.
    pub fn complete(&mut self, text: &str) {
        if self.taken.starts_with(text) {
            return;
        }
        if !text.starts_with(&self.taken[..self.shown]) {
            self.shown = 0;
        }
        self.taken = text.into();
    }

    /// Hands over what the reader does not have yet.
    pub fn show(&mut self, sink: &mut dyn LiveSink) {
        let Some(head) = &self.head else { return };
        let text = &self.taken[self.shown..];
        let ended = |tool: &&ToolCall| self.complete || tool.ended();
        let tools: Vec<&ToolCall> =
            head.tools.iter().skip(self.tools_shown).take_while(ended).collect();
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
