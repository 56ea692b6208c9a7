//! The state machine without a network: every outcome, recorded streams, and random faults in them.

mod commands;
mod outcomes;
mod property;
mod recorded;

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::record::Decision;
use super::{End, Snapshot, Turn};
use crate::client::Event;
use crate::client::wire::{Activities, Message};

/// Longer than any proof of idleness.
const LONG: Duration = Duration::from_secs(20);

/// A turn with its own clock, and all that it has shown.
struct Bench {
    turn: Turn,
    shown: String,
    now: Instant,
}

impl Bench {
    fn new(conversation: &str, id: &str) -> Bench {
        let now = Instant::now();
        Bench { turn: Turn::new(conversation, id, now), shown: String::new(), now }
    }

    /// Time passes.
    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    fn event(&mut self, data: &[u8]) {
        self.pass(Duration::from_millis(1));
        let event = Event::decode(data, &|conversation| self.turn.concerns(conversation));
        if let Some(event) = event {
            self.turn.apply_event(&event, self.now, &mut |text| self.shown.push_str(text));
        }
    }

    fn look(&mut self, messages: &[Message], activities: Option<&Activities>) -> Option<End> {
        self.pass(Duration::from_millis(1));
        let snapshot = Snapshot { messages, activities, at: self.now };
        self.turn.apply_snapshot(&snapshot, &mut |text| self.shown.push_str(text))
    }

    /// The end that two looks with nothing going on agree on.
    fn end(&mut self, messages: &[Message]) -> Option<End> {
        let idle = Activities::new();
        if let Some(end) = self.look(messages, Some(&idle)) {
            return Some(end);
        }
        self.pass(LONG);
        self.look(messages, Some(&idle))
    }

    fn settle(&mut self, messages: &[Message]) {
        self.turn.settle(messages, self.now, &mut |text| self.shown.push_str(text));
    }
}

/// What is done in a conversation, as `/session/status` tells it.
fn activities(conversation: &str, activity: Value) -> Activities {
    let map = json!({conversation: activity});
    serde_json::from_value(map).unwrap()
}

fn messages(value: Value) -> Vec<Message> {
    serde_json::from_value(value).unwrap()
}

/// The text of a turn as REST has it: the parts of text of its messages, each beginning on a line
/// of its own. Written anew here, so that it is no echo of what is tested.
fn rest_text(messages: &Value, turn: &str) -> String {
    let mut all = String::new();
    for message in messages.as_array().unwrap() {
        if message["info"]["parentID"] != turn {
            continue;
        }
        for part in message["parts"].as_array().unwrap() {
            let hidden = part["synthetic"] == true || part["ignored"] == true;
            let text = part["text"].as_str().unwrap_or_default();
            if part["type"] == "text" && !hidden && !text.is_empty() {
                if !all.is_empty() && !all.ends_with('\n') {
                    all.push('\n');
                }
                all.push_str(text);
            }
        }
    }
    all
}
