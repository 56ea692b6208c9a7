//! What busy conversations are doing right now: the tool that runs, and whether the provider is
//! being tried again.

use crate::client::wire::{Activities, Activity, ActivityKind, Message, Part};
use crate::client::{Client, DATE_LAG, Limit};
use crate::units::milliseconds;

/// Among how many of the newest messages a running tool is looked for.
const NEWEST: usize = 8;

/// How many busy conversations are looked at: a person reads no more of them.
const MOST: usize = 8;

/// How much of a command is shown, in characters.
const SHOWN: usize = 80;

/// What one busy conversation is doing.
#[derive(Clone, Debug)]
pub struct Doing {
    /// `ses_…`.
    pub conversation: String,
    /// Set while it waits to try its provider again.
    pub retry: Option<Retry>,
    /// The newest tool call that runs.
    pub tool: Option<RunningTool>,
}

/// A provider that is tried again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The number of the coming attempt.
    pub attempt: Option<u64>,
    /// Why the attempt before failed; untrusted text.
    pub why: Option<String>,
}

/// A tool call that has not ended.
#[derive(Clone, Debug)]
pub struct RunningTool {
    /// For example `bash`.
    pub name: String,
    /// The beginning of its command, or else its title; untrusted text.
    pub title: Option<String>,
    /// Its turn, if the server says so.
    pub turn: Option<String>,
    /// How long it has run.
    pub running_ms: Option<u64>,
}

impl Retry {
    /// What an activity says of a retry; `None` if it is none.
    pub fn of(activity: &Activity) -> Option<Retry> {
        let attempt = activity.attempt.filter(|attempt| *attempt >= 1.0);
        let retry = Retry {
            attempt: attempt.map(|attempt| attempt.min(1e9) as u64),
            why: activity.message.clone(),
        };
        (activity.kind == ActivityKind::Retry).then_some(retry)
    }
}

impl RunningTool {
    /// The newest tool call that still runs, of messages that are sorted by time. `now` is the
    /// server's clock in milliseconds since 1970.
    pub fn newest(messages: &[Message], now: u64) -> Option<RunningTool> {
        let runs = |part: &&Part| part.kind == "tool" && part.state.status == "running";
        messages.iter().rev().find_map(|message| {
            let part = message.parts.iter().rfind(runs)?;
            Some(RunningTool::of(part, message.info.parent.clone(), now))
        })
    }

    /// A call that runs.
    pub fn of(part: &Part, turn: Option<String>, now: u64) -> RunningTool {
        let said = part.state.input.command.as_deref().or(part.state.title.as_deref());
        let start = part.state.time.start;
        RunningTool {
            name: part.tool.clone().unwrap_or_else(|| "without a name".into()),
            title: said.map(shortened).filter(|title| !title.is_empty()),
            turn,
            running_ms: start.map(|start| now.saturating_sub(start as u64)),
        }
    }
}

/// What the busy conversations of a directory are doing. What the server does not tell is left out.
pub fn doing(
    client: &Client,
    directory: &str,
    activities: &Activities,
    limit: &dyn Fn() -> Limit,
) -> Vec<Doing> {
    let busy = activities.iter().filter(|(_, activity)| activity.is_busy()).take(MOST);
    let one = |(id, activity): (&String, &Activity)| Doing {
        conversation: id.clone(),
        retry: Retry::of(activity),
        tool: running_tool(client, directory, id, limit()),
    };
    busy.map(one).collect()
}

/// The newest tool call of a conversation that still runs. `None` if there is none, or the server
/// does not tell.
pub fn running_tool(
    client: &Client,
    directory: &str,
    conversation: &str,
    limit: Limit,
) -> Option<RunningTool> {
    let mut pages = client.pages(conversation, directory, limit);
    let messages: Vec<Message> = pages.next(NEWEST).ok()??;
    RunningTool::newest(&messages, server_now(client))
}

/// The server's clock, by that of this machine as far as both agree.
pub fn server_now(client: &Client) -> u64 {
    let here = jiff::Timestamp::now().as_millisecond() as u64;
    client.server_time().map_or(here, |at| here.clamp(at, at + milliseconds(DATE_LAG)))
}

/// The beginning of the first line of a command.
fn shortened(command: &str) -> String {
    let line = command.trim().lines().next().unwrap_or_default();
    let mut shown: String = line.chars().take(SHOWN).collect();
    if shown.len() < command.trim().len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_on_one_line_and_what_is_left_out_is_marked() {
        assert_eq!(shortened(" setsid sleep 9 & echo a\n"), "setsid sleep 9 & echo a");
        assert_eq!(shortened("cd x\nmake"), "cd x…");
        assert_eq!(shortened(&"ü".repeat(81)), format!("{}…", "ü".repeat(80)));
    }

    #[test]
    fn the_newest_call_that_runs_is_found_and_how_long_it_has() {
        let call = |id: &str, status: &str| {
            let input = format!(r#"{{"command":"{id}"}}"#);
            let state =
                format!(r#"{{"status":"{status}","input":{input},"time":{{"start":500}}}}"#);
            format!(r#"{{"id":"{id}","type":"tool","tool":"bash","state":{state}}}"#)
        };
        let message = |parts: &[String]| -> Message {
            let info = r#"{"id":"msg_2","parentID":"msg_1"}"#;
            serde_json::from_str(&format!(r#"{{"info":{info},"parts":[{}]}}"#, parts.join(",")))
                .unwrap()
        };
        let messages = [
            message(&[call("a", "running"), call("b", "running"), call("c", "completed")]),
            message(&[call("d", "error"), call("e", "pending")]),
        ];
        let found = RunningTool::newest(&messages, 2000).unwrap();
        assert_eq!((found.name.as_str(), found.title.as_deref()), ("bash", Some("b")));
        assert_eq!((found.turn.as_deref(), found.running_ms), (Some("msg_1"), Some(1500)));
        assert!(RunningTool::newest(&messages[1..], 2000).is_none());
    }

    #[test]
    fn only_an_activity_that_says_so_is_a_retry() {
        let read = |text: &str| Retry::of(&serde_json::from_str::<Activity>(text).unwrap());
        let retry =
            |attempt, why: Option<&str>| Some(Retry { attempt, why: why.map(String::from) });
        let full = r#"{"type":"retry","attempt":3,"message":"slow down"}"#;
        assert_eq!(read(full), retry(Some(3), Some("slow down")));
        assert_eq!(read(r#"{"type":"retry","attempt":-1}"#), retry(None, None));
        assert_eq!(read(r#"{"type":"busy","attempt":3}"#), None);
    }
}
