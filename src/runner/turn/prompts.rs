//! Which messages belong to one prompt.
//!
//! A server that runs out of context in the middle of a turn compacts the conversation and goes on
//! by itself. It stores a user message that holds nothing but a part `compaction`, answers it with
//! a summary, and stores another user message that tells the model to go on, or repeats the prompt.
//! The later steps answer that last message and still belong to the same turn. Seen on 1.1.65 to
//! 1.18.33. After a command that a sub-agent does, it stores such a message as well.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hasher};

use crate::client::wire::{Info, Message};
use crate::sorting;

/// The prompt, and the messages with which the server goes on with it.
#[derive(Debug)]
pub struct Prompts {
    /// The prompt, and the messages by which the server goes on with it.
    answered: BTreeSet<String>,
    /// The messages that ask for a summary.
    compactions: BTreeSet<String>,
    /// Whether the prompt is a command that a sub-agent does. The server then stores a message with
    /// which the turn goes on.
    of_sub_agent: bool,
    /// A hash of the prompt's text, to recognise a repetition. The text itself can be large.
    said: Option<u64>,
}

impl Prompts {
    /// One prompt by its id.
    pub fn new(id: &str) -> Prompts {
        let answered = sorting::set([id.to_string()]);
        Prompts { answered, compactions: BTreeSet::new(), of_sub_agent: false, said: None }
    }

    /// Whether a message is a step of the turn.
    pub fn is_step(&self, info: &Info) -> bool {
        info.parent.as_ref().is_some_and(|parent| self.answered.contains(parent))
    }

    /// The steps of the turn among messages.
    pub fn steps_among<'a>(&self, messages: &'a [Message]) -> Vec<&'a Message> {
        messages.iter().filter(|message| self.is_step(&message.info)).collect()
    }

    /// Whether a message is a summary that the server made on the way.
    pub fn is_summary(&self, info: &Info) -> bool {
        info.parent.as_ref().is_some_and(|parent| self.compactions.contains(parent))
    }

    /// Whether a user message is one of the turn's.
    pub fn has_prompt(&self, id: &str) -> bool {
        self.answered.contains(id) || self.compactions.contains(id)
    }

    /// Whether the prompt is a command that a sub-agent does.
    pub fn is_of_sub_agent(&self) -> bool {
        self.of_sub_agent
    }

    /// Whether the server may go on under a message of its own.
    pub fn may_go_on(&self) -> bool {
        self.of_sub_agent || !self.compactions.is_empty()
    }

    /// Learns from messages, oldest first, with which of them the server went on.
    pub fn learn(&mut self, messages: &[Message]) {
        let mut before: Option<&Message> = None;
        for message in messages {
            let info = &message.info;
            if info.is_prompt() && self.answered.contains(&info.id) {
                self.said.get_or_insert_with(|| said(message));
                self.of_sub_agent |= message.parts.iter().any(|part| part.kind == "subtask");
            } else if info.is_prompt() && !self.compactions.contains(&info.id) {
                let after = |of: fn(&Prompts, &Info) -> bool| {
                    before.is_some_and(|before| of(self, &before.info))
                };
                let asks_for_summary = message.parts.iter().any(|part| part.kind == "compaction");
                if asks_for_summary && after(Prompts::is_step) {
                    self.compactions.insert(info.id.clone());
                } else if after(Prompts::is_summary) && self.goes_on(message)
                    || self.of_sub_agent && after(Prompts::is_step) && is_of_server(message)
                {
                    self.answered.insert(info.id.clone());
                }
            }
            before = Some(message);
        }
    }

    /// Whether the server wrote this message itself, or repeated the prompt.
    fn goes_on(&self, message: &Message) -> bool {
        is_of_server(message) || self.said == Some(said(message))
    }
}

/// Whether the server wrote a user message itself.
fn is_of_server(message: &Message) -> bool {
    let mut texts = message.parts.iter().filter(|part| part.kind == "text").peekable();
    texts.peek().is_some() && texts.all(|part| part.synthetic)
}

/// A hash of the text of a prompt.
fn said(message: &Message) -> u64 {
    let mut hasher = DefaultHasher::new();
    for part in message.parts.iter().filter(|part| part.kind == "text" && !part.synthetic) {
        hasher.write(part.text.as_bytes());
    }
    hasher.finish()
}
