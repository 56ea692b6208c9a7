//! What a turn and its sub-agents do, for a reader who watches: tools that begin and end, and
//! retries of the provider.

use std::collections::{BTreeMap, VecDeque};

use crate::client::wire::{Activity, ActivityKind, Part};

/// How much news is kept for a reader who does not come for it.
const KEPT: usize = 256;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// Whose it is: the sub-agent's conversation, or `None` for the turn itself.
    pub sub_agent: Option<String>,
    /// What happened.
    pub what: Happening,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening {
    /// A tool began.
    ToolBegan(Named),
    /// A tool ended.
    ToolEnded {
        /// Which one.
        tool: Named,
        /// Whether it did what it was called for.
        well: bool,
        /// How long it ran, if the server says so.
        duration_ms: Option<u64>,
    },
    /// The provider will be tried again.
    Retry {
        /// The number of the coming attempt.
        attempt: u64,
        /// Why the attempt before failed; untrusted text.
        why: Option<String>,
    },
}

/// A call of a tool, for a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// For example `bash`.
    pub name: String,
    /// Its command, or else what it says it does; untrusted text.
    pub title: Option<String>,
}

/// Notices what is new. Events and snapshots tell the same things, in any order.
#[derive(Debug, Default)]
pub struct Newsroom {
    /// How far each call is: whether it has begun, and whether it has ended.
    calls: BTreeMap<String, Progress>,
    /// The last attempt of each conversation.
    attempts: BTreeMap<String, u64>,
    fresh: VecDeque<News>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Progress {
    Began,
    Ended,
}

impl Newsroom {
    /// Takes a part of a step.
    pub(super) fn note_part(&mut self, sub_agent: Option<&str>, part: &Part) {
        let progress = match part.state.status.as_str() {
            "running" => Progress::Began,
            "completed" | "error" => Progress::Ended,
            _ => return,
        };
        let Some(name) = &part.tool else { return };
        let before = self.calls.insert(part.id.clone(), progress);
        if before >= Some(progress) {
            // An old event, or a snapshot that says what an event has said.
            self.calls.extend(before.map(|before| (part.id.clone(), before)));
            return;
        }
        let said = part.state.input.command.as_ref().or(part.state.title.as_ref());
        let title = said.filter(|title| !title.is_empty()).cloned();
        let tool = Named { name: name.clone(), title };
        self.add(
            sub_agent,
            match progress {
                Progress::Began => Happening::ToolBegan(tool),
                Progress::Ended => Happening::ToolEnded {
                    tool,
                    well: part.state.status == "completed",
                    duration_ms: part.state.time.duration_ms(),
                },
            },
        );
    }

    /// Takes what a conversation is doing.
    pub(super) fn note_activity(
        &mut self,
        conversation: &str,
        sub_agent: Option<&str>,
        activity: &Activity,
    ) {
        if activity.kind != ActivityKind::Retry {
            self.attempts.remove(conversation);
            return;
        }
        let attempt = activity.attempt.unwrap_or(0.0).clamp(1.0, 1e9) as u64;
        if self.attempts.insert(conversation.into(), attempt) != Some(attempt) {
            self.add(sub_agent, Happening::Retry { attempt, why: activity.message.clone() });
        }
    }

    fn add(&mut self, sub_agent: Option<&str>, what: Happening) {
        if self.fresh.len() == KEPT {
            self.fresh.pop_front();
        }
        self.fresh.push_back(News { sub_agent: sub_agent.map(String::from), what });
    }

    /// Gives away what is new, the oldest first.
    pub fn next(&mut self) -> Option<News> {
        self.fresh.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(id: &str, status: &str) -> Part {
        let state = format!(
            r#"{{"status":"{status}","input":{{"command":"make"}},"time":{{"start":1,"end":31}}}}"#
        );
        let text = format!(r#"{{"id":"{id}","type":"tool","tool":"bash","state":{state}}}"#);
        serde_json::from_str(&text).unwrap()
    }

    fn all(room: &mut Newsroom) -> Vec<News> {
        std::iter::from_fn(|| room.next()).collect()
    }

    #[test]
    fn each_begin_and_end_of_a_tool_is_told_once_in_whatever_order_it_is_heard() {
        let tool = || Named { name: "bash".into(), title: Some("make".into()) };
        let began = News { sub_agent: None, what: Happening::ToolBegan(tool()) };
        let ended = |well| News {
            sub_agent: None,
            what: Happening::ToolEnded { tool: tool(), well, duration_ms: Some(30) },
        };
        let mut room = Newsroom::default();
        for status in ["pending", "running", "running", "completed", "running", "completed"] {
            room.note_part(None, &part("prt_1", status));
        }
        assert_eq!(all(&mut room), [began, ended(true)]);
        room.note_part(None, &part("prt_2", "error"));
        assert_eq!(all(&mut room), [ended(false)], "its begin was missed");
        room.note_part(Some("ses_2"), &part("prt_3", "running"));
        assert_eq!(all(&mut room)[0].sub_agent.as_deref(), Some("ses_2"));
    }

    #[test]
    fn a_retry_is_told_once_and_again_when_the_server_counts_anew() {
        let activity = |text: &str| serde_json::from_str::<Activity>(text).unwrap();
        let retry = activity(r#"{"type":"retry","attempt":1,"message":"slow down"}"#);
        let mut room = Newsroom::default();
        room.note_activity("ses_1", None, &retry);
        room.note_activity("ses_1", None, &retry);
        assert_eq!(all(&mut room).len(), 1);
        room.note_activity("ses_1", None, &activity(r#"{"type":"busy"}"#));
        room.note_activity("ses_1", None, &retry);
        let expected = Happening::Retry { attempt: 1, why: Some("slow down".into()) };
        assert_eq!(all(&mut room)[0].what, expected);
    }

    #[test]
    fn news_that_nobody_takes_does_not_grow() {
        let mut room = Newsroom::default();
        for number in 0..2 * KEPT {
            room.note_part(None, &part(&format!("prt_{number}"), "running"));
        }
        assert_eq!(all(&mut room).len(), KEPT);
    }
}
