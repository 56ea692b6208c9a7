//! What the messages of one conversation say, read once and one after the other.

use std::ops::ControlFlow;

use crate::client::wire::{FilePatch, Info, Message, Part, ReviewedMessage};
use crate::error::Result;
use crate::runner::conversation::find::{self, Place};
use crate::runner::conversation::usage::free::Free;
use crate::runner::session::doing::{RunningTool, server_now};
use crate::runner::session::server::Server;
use crate::runner::turn::Used;

/// What the messages of a conversation say.
#[derive(Default)]
pub struct Reading {
    /// What the steps used whose cost is known.
    pub used: Used,
    /// The newest prompt, without the messages that the server writes itself.
    pub turn: Option<String>,
    /// How often the model was called since that.
    pub step: u64,
    /// The newest message.
    pub newest: Option<Info>,
    /// The newest answer.
    pub answer: Option<Info>,
    /// The newest text of the model.
    pub last_text: Option<String>,
    /// The newest tool call that has not ended, as the messages say.
    pub tool: Option<RunningTool>,
    /// The changes of all turns that are over.
    pub changes: Vec<FilePatch>,
}

impl Reading {
    /// Reads a conversation that was opened at a moment. Steps that cost nothing go to `free`.
    pub fn of(server: &Server, place: &Place, opened: f64, free: &mut Free) -> Result<Reading> {
        let mut reading = Reading::default();
        let client = &server.client;
        let read = client.each_message(&place.id, &place.directory, &mut |message| {
            reading.take(message, opened, free, server_now(client));
            ControlFlow::Continue(())
        });
        read.map_err(|failure| find::gone(server, place, failure))?;
        Ok(reading)
    }

    fn take(&mut self, message: ReviewedMessage, opened: f64, free: &mut Free, now: u64) {
        let ReviewedMessage { info: reviewed, parts } = message;
        let info = reviewed.info;
        self.changes
            .extend(reviewed.changes.into_iter().map(|one| FilePatch { patch: None, ..one }));
        if info.is_prompt() {
            // The server writes prompts of its own, for example after a compaction.
            if parts.iter().any(|part| part.is_text() || part.kind == "file") {
                (self.turn, self.step) = (Some(info.id.clone()), 0);
            }
        } else if info.is_answer() {
            self.step += 1;
            let text = text_of(&parts);
            if !text.trim().is_empty() {
                self.last_text = Some(text);
            }
            let message = Message { info: info.clone(), parts };
            // A call that runs is one of the newest step.
            self.tool = RunningTool::newest(std::slice::from_ref(&message), now);
            self.answer = Some(info.clone());
            // The copies in a fork keep their times, and were paid for in the original.
            if info.time.created.is_none_or(|created| created >= opened) {
                free.take(info.clone(), &mut self.used);
            }
        }
        self.newest = Some(info);
    }
}

/// What the model wrote in one message.
fn text_of(parts: &[Part]) -> String {
    let mut text = String::new();
    for part in parts.iter().filter(|part| part.is_text()) {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&part.text);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(messages: &[&str]) -> (Reading, Free) {
        let (mut reading, mut free) = (Reading::default(), Free::default());
        for text in messages {
            let message: ReviewedMessage = serde_json::from_str(text).unwrap();
            reading.take(message, 100.0, &mut free, 9_000);
        }
        (reading, free)
    }

    const PROMPT: &str = r#"{"info":{"id":"msg_1","role":"user"},
        "parts":[{"id":"p","type":"text","text":"go"}]}"#;
    const CALL: &str = r#"{"info":{"id":"msg_2","role":"assistant","cost":0.5,
        "time":{"created":200}},"parts":[{"id":"q","type":"text","text":"I try"},
        {"id":"r","type":"tool","tool":"bash","state":{"status":"running",
        "time":{"start":4000}}}]}"#;

    #[test]
    fn the_current_step_and_its_tool_and_the_last_text_are_found() {
        let (reading, _) = read(&[PROMPT, CALL]);
        assert_eq!((reading.turn.as_deref(), reading.step), (Some("msg_1"), 1));
        assert_eq!(reading.last_text.as_deref(), Some("I try"));
        assert_eq!(reading.tool.unwrap().running_ms, Some(5_000));
        assert_eq!(reading.used.cost_usd(), Some(0.5));
    }

    #[test]
    fn a_prompt_of_the_server_begins_no_turn_and_a_later_step_has_no_old_tool() {
        let own = r#"{"info":{"id":"msg_3","role":"user"},"parts":[{"id":"s","type":"text",
            "text":"Continue if you have next steps","synthetic":true}]}"#;
        let silent = r#"{"info":{"id":"msg_4","role":"assistant","time":{"created":300}},
            "parts":[]}"#;
        let (reading, _) = read(&[PROMPT, CALL, own, silent]);
        assert_eq!((reading.turn.as_deref(), reading.step), (Some("msg_1"), 2));
        assert_eq!(reading.last_text.as_deref(), Some("I try"));
        assert!(reading.tool.is_none());
    }

    #[test]
    fn what_a_fork_copied_is_not_counted_and_changes_keep_no_patches() {
        let copied = CALL.replace("200", "50");
        let changed = r#"{"info":{"id":"msg_5","role":"user","summary":{"diffs":[{"file":"a",
            "patch":"long"}]}},"parts":[]}"#;
        let (reading, _) = read(&[PROMPT, &copied, changed]);
        assert_eq!(reading.used.steps, 0);
        assert_eq!((reading.changes[0].file.as_str(), &reading.changes[0].patch), ("a", &None));
    }
}
