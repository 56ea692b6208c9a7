//! Which permissions turns wait for, also while the server cannot list them.
//!
//! 1.15.13 to 1.18.33 answer 400 for the whole list while one request has a field without a value,
//! such as `webfetch` without `timeout`. What waits shows in two more places then: a tool call that
//! runs and has reported nothing, and a line of the server's log, which has the request's id.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::logs::asking::{LoggedAsk, read_asks};
use super::server::Server;
use crate::client::wire::{AskingCall, FullMessage, Permission, is_busy};
use crate::client::{Answer, Client, Failure, Limit};
use crate::error::Error;
use crate::process::{Identity, open_files};
use crate::sorting;

/// How many of a conversation's newest messages may hold a call that waits.
const NEWEST: usize = 8;

/// How many digits of an id tell when it was made. Of two ids of one server the greater one is the
/// later one.
const STAMP_DIGITS: usize = 12;

/// The tools that ask for `edit`.
const EDITING: [&str; 5] = ["edit", "write", "apply_patch", "patch", "multiedit"];

/// Pending permission requests of a directory.
#[derive(Debug, Default)]
pub struct Pending {
    /// Those that are known.
    pub asks: Vec<Permission>,
    /// Whether the server listed them, so that there are no others.
    pub complete: bool,
}

/// A tool call that may wait for a permission.
struct Call {
    conversation: String,
    message: String,
    tool: String,
    /// Its arguments as JSON.
    input: String,
    /// Milliseconds since 1970.
    start: f64,
}

/// The calls that are looked for.
#[derive(Clone, Copy)]
enum Wanted {
    /// Those that run and have reported nothing.
    Waiting,
    /// Those of aborted turns as well.
    Ended,
}

/// Whose requests, and how long one of the questions may take.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// Asks the server.
    pub client: &'a Client,
    /// The server's process, if it is known: its log can be read then.
    pub process: Option<&'a Identity>,
    /// The directory of the requests.
    pub directory: &'a str,
    /// The limit of each request.
    pub limit: Limit,
}

impl<'a> Scene<'a> {
    /// The requests of a directory of a session's server.
    pub fn of(server: &'a Server, directory: &'a str, limit: impl Into<Limit>) -> Scene<'a> {
        Scene {
            client: &server.client,
            process: server.process.as_ref(),
            directory,
            limit: limit.into(),
        }
    }

    /// The pending requests. A failure that [`Failure::hides_asks`] means that something may wait
    /// of which no id can be found.
    pub fn permissions(&self) -> Answer<Pending> {
        match self.client.permissions(self.directory, self.limit) {
            Ok(asks) => Ok(Pending { asks, complete: true }),
            Err(failure) if failure.hides_asks() => self.otherwise(failure),
            Err(failure) => Err(failure),
        }
    }

    /// The pending requests that can be found where the server does not list them.
    pub fn otherwise(&self, failure: Failure) -> Answer<Pending> {
        let activities = self.client.activities(self.directory, self.limit)?;
        let busy = activities.keys().filter(|id| is_busy(&activities, id));
        let calls = self.calls(busy.map(String::as_str), Wanted::Waiting)?;
        // Only requests of aborted turns are left, and nothing waits for those.
        if calls.is_empty() {
            return Ok(Pending::default());
        }
        let asks = self.logged(calls);
        if asks.is_empty() {
            return Err(failure);
        }
        Ok(Pending { asks, complete: false })
    }

    /// What these conversations asked for before they were aborted, as far as it can be found. Some
    /// of it may have had a reply.
    pub fn left_behind(&self, conversations: &[&str]) -> Vec<Permission> {
        let calls = self.calls(conversations.iter().copied(), Wanted::Ended);
        calls.map(|calls| self.logged(calls)).unwrap_or_default()
    }

    /// The tool calls of conversations that are looked for.
    fn calls<'b>(
        &self,
        conversations: impl Iterator<Item = &'b str>,
        wanted: Wanted,
    ) -> Answer<Vec<Call>> {
        let mut calls = Vec::new();
        for id in conversations {
            let newest = |count| {
                let mut pages = self.client.pages(id, self.directory, self.limit);
                pages.next::<FullMessage>(count)
            };
            let messages = match newest(NEWEST) {
                // A prompt with a schema is among them; its answer is newer.
                Err(failure) if failure.is_unreadable() => newest(1)?,
                messages => messages?,
            };
            for message in messages.unwrap_or_default() {
                calls.extend(calls_of(id, message, wanted));
            }
        }
        Ok(calls)
    }

    /// The requests of the server's log that these calls wait for.
    fn logged(&self, calls: Vec<Call>) -> Vec<Permission> {
        let Some(process) = self.process else { return Vec::new() };
        let mut files = open_files(process.pid);
        files.retain(|file| file.extension().is_some_and(|end| end == "log"));
        files.retain(|file| file.parent().is_some_and(|place| place.ends_with("opencode/log")));
        let ids: Vec<&str> = calls.iter().map(|call| call.conversation.as_str()).collect();
        let (asks, runs) = read(&files, &ids);
        assign(calls, asks, &runs)
    }
}

/// The requests in log files, and under which name each conversation's server writes.
fn read(files: &[PathBuf], ids: &[&str]) -> (Vec<LoggedAsk>, BTreeMap<String, Option<String>>) {
    let (mut asks, mut runs) = (Vec::new(), BTreeMap::new());
    for file in files {
        // One that cannot be read tells nothing.
        let _ = read_asks(file, ids, &mut asks, &mut runs);
    }
    (asks, runs)
}

/// The part of an id that tells when it was made.
fn stamp(id: &str) -> Option<&str> {
    let (_, rest) = id.split_once('_')?;
    let stamp = rest.get(..STAMP_DIGITS)?;
    stamp.bytes().all(|byte| byte.is_ascii_hexdigit()).then_some(stamp)
}

fn calls_of(conversation: &str, message: FullMessage, wanted: Wanted) -> Vec<Call> {
    let FullMessage { info, parts } = message;
    let aborted = info.error.as_ref().is_some_and(|error| error.name == "MessageAbortedError");
    let open = info.time.completed.is_none();
    let mut calls = Vec::new();
    for part in parts {
        let (part, details) = part.split();
        let waits = open && part.state.status == "running" && !details.reports;
        let is_wanted = match wanted {
            Wanted::Waiting => waits,
            Wanted::Ended => open || aborted,
        };
        let Some(tool) = part.tool.filter(|tool| is_wanted && tool != "question") else { continue };
        let input = details.input.map(|input| input.to_string()).unwrap_or_default();
        calls.push(Call {
            conversation: conversation.into(),
            message: info.id.clone(),
            tool,
            input,
            start: part.state.time.start.unwrap_or(0.0),
        });
    }
    calls
}

/// Finds for each call the newest request that it may have made. Of calls that may have made the
/// same request it is the latest, because a log is read from its end.
fn assign(
    mut calls: Vec<Call>,
    mut asks: Vec<LoggedAsk>,
    runs: &BTreeMap<String, Option<String>>,
) -> Vec<Permission> {
    sorting::sort_by(&mut calls, |a, b| b.start.total_cmp(&a.start));
    let mut found = Vec::new();
    // What a request names is in the arguments of its call, but for some tools: for those the
    // permission tells.
    for fits in [Call::names_it_all, Call::has_its_name] {
        let mut left = Vec::new();
        for ask in asks.into_iter().rev() {
            let made = |call: &Call| {
                let run = runs.get(&call.conversation);
                call.may_have_made(&ask.id)
                    && run.is_none_or(|run| *run == ask.run)
                    && fits(call, &ask)
            };
            let Some(index) = calls.iter().position(made) else {
                left.push(ask);
                continue;
            };
            let call = calls.remove(index);
            found.push(Permission {
                id: ask.id,
                conversation: call.conversation,
                tool: AskingCall { message: Some(call.message) },
                permission: ask.permission,
                patterns: ask.patterns,
            });
        }
        left.reverse();
        asks = left;
    }
    found.reverse();
    found
}

impl Call {
    /// Whether a request with this id may come from the call: it is younger than the message that
    /// the call is in. Times would not tell, because lines of 1.15 have whole seconds.
    fn may_have_made(&self, ask: &str) -> bool {
        match (stamp(ask), stamp(&self.message)) {
            (Some(asked), Some(begun)) => asked >= begun,
            // An id of another form tells nothing.
            _ => true,
        }
    }

    /// Whether the arguments hold all that a request names.
    fn names_it_all(&self, ask: &LoggedAsk) -> bool {
        let named = ask.patterns.iter().map(|pattern| pattern.trim_end_matches(['*', '/']));
        let mut named = named.filter(|name| !name.is_empty()).peekable();
        // Compared as JSON, with the same escapes on both sides.
        let holds = |name: &str| {
            let text = serde_json::Value::from(name).to_string();
            self.input.contains(text.trim_matches('"'))
        };
        named.peek().is_some() && named.all(holds)
    }

    /// Whether the request is for the permission that the tool needs.
    fn has_its_name(&self, ask: &LoggedAsk) -> bool {
        let editing = ask.permission == "edit" && EDITING.contains(&self.tool.as_str());
        ask.permission == self.tool || editing
    }
}

/// The error for requests that the server cannot list and of which no id can be found.
pub fn unlistable(server: &Server) -> Error {
    let session = &server.record.id;
    Error::unsupported(format!("{}: what is pending is not known", cannot_list(server))).hint(
        format!(
            "its log has the id of each in a line with 'asking' (occtl logs asking), and occtl \
             approve {session} PER_ID or occtl reject {session} PER_ID answers it"
        ),
    )
}

/// Says that and why the server cannot list its permission requests.
pub fn cannot_list(server: &Server) -> String {
    let version = server.record.opencode_version.as_deref().unwrap_or("of this version");
    format!(
        "OpenCode {version} cannot list its permission requests while one of them has a field \
         without a value (webfetch without a timeout, glob or grep without a path)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(message: &str) -> Call {
        let (conversation, tool) = ("ses_1".into(), "webfetch".into());
        let input = r#"{"url":"http://127.0.0.1:9/"}"#.into();
        Call { conversation, message: message.into(), tool, input, start: 1_796_041_509_000.0 }
    }

    fn ask(id: &str) -> LoggedAsk {
        let (permission, patterns) = ("webfetch".into(), vec!["http://127.0.0.1:9/".into()]);
        LoggedAsk { id: id.into(), run: None, permission, patterns }
    }

    #[test]
    fn a_request_of_an_older_turn_is_not_taken_for_that_of_a_call_that_has_not_asked_yet() {
        let found = |asks: &[&str]| {
            let asks = asks.iter().map(|id| ask(id)).collect();
            let found = assign(vec![call("msg_22c6aa507001DPToxF")], asks, &BTreeMap::new());
            found.into_iter().map(|ask| ask.id).collect::<Vec<_>>()
        };
        let (older, own) = ("per_22c6a9df7001UAERIM", "per_22c6aa57a001yuqXRh");
        assert_eq!(found(&[older]), [""; 0]);
        assert_eq!(found(&[older, own]), [own]);
    }
}
