//! Makes the record of a turn from what is known at its end.

use std::time::{Duration, Instant};

use crate::client::wire::{Changed, FilePatch, Message};
use crate::error::Code;
use crate::runner::conversation::find::Place;
use crate::runner::conversation::messages::messages_since;
use crate::runner::session::server::Server;
use crate::runner::session::timeouts::LOOK_LIMIT;
use crate::runner::session::version::Version;
use crate::runner::turn::record::*;
use crate::runner::turn::{Turn, Used};
use crate::units::{Backoff, Deadline, POLL_FIRST, TICK, milliseconds, pause};

/// The first version that tells what one turn changed where it is asked for that.
const DIFFS_OF_TURNS: Version = Version::new(1, 16);

/// How long an older server may take to write it down.
const SUMMARY_WITHIN: Duration = Duration::from_secs(1);

/// What only the follower knows.
pub struct Facts {
    /// How it ended, before anybody looks at the text.
    pub outcome: Outcome,
    /// Why it failed.
    pub error: Option<Failed>,
    /// When the prompt was sent.
    pub started: jiff::Timestamp,
    /// The same on the monotonic clock.
    pub began: Instant,
    /// From then to the end.
    pub total: Duration,
    /// How long the server may be asked for more.
    pub asking: Deadline,
}

/// The record. `messages` are the turn's own, oldest first.
pub fn record(
    server: &Server,
    place: &Place,
    id: &str,
    turn: &mut Turn,
    messages: Vec<Message>,
    facts: Facts,
) -> TurnRecord {
    let mut sum = Sum::default();
    sum.add(&place.id, &messages);
    let children = descendants(server, place, turn, &messages, facts.asking);
    let structured = messages.iter().rev().find_map(|message| message.info.structured.clone());
    // Text can be large, and the turn has its own copy.
    drop(messages);
    for child in &children {
        let place = Place { id: child.clone(), directory: place.directory.clone() };
        // Every message of a sub-agent belongs to the turn that started it.
        if let Some(limit) = left(facts.asking) {
            let of_child = messages_since(server, &place, "", None, limit).unwrap_or_default();
            sum.add(child, &of_child);
        }
    }
    let text = turn.finish_text();
    let rejected = turn.asks.all().any(|ask| ask.decision == Decision::Reject);
    let outcome = match facts.outcome {
        Outcome::Ok if text.answer.trim().is_empty() && structured.is_none() => {
            Outcome::Not(if rejected { Code::Blocked } else { Code::Empty })
        }
        other => other,
    };
    let last = turn.steps().next_back();
    let since = |at: Instant| milliseconds(at.saturating_duration_since(facts.began));
    TurnRecord {
        session: server.record.id.clone(),
        conversation: place.id.clone(),
        turn: id.into(),
        outcome,
        text: text.all,
        answer: text.answer,
        structured,
        error: facts.error,
        model: last.and_then(|info| {
            let (provider, id) = (info.provider.clone()?, info.model.clone()?);
            Some(Model { provider, id, variant: info.variant.clone() })
        }),
        agent: last.and_then(|info| info.agent.clone()),
        steps: sum.used.steps,
        files: files(server, place, id, &sum.tools, facts.asking),
        tools: sum.tools,
        asks: turn.asks.all().cloned().collect(),
        tokens: sum.used.tokens,
        cost_usd: sum.used.cost_usd,
        started_at: facts.started.to_string(),
        first_token_ms: turn.first_text().map(since),
        total_ms: milliseconds(facts.total),
        retry_wait_ms: milliseconds(turn.retries.wait()),
        provider_retries: turn.retries.count(),
        children,
        opencode_version: server.record.opencode_version.clone(),
    }
}

/// How long one request may take; `None` if there is no use in asking.
fn left(asking: Deadline) -> Option<Duration> {
    (!asking.expired()).then(|| asking.remaining(LOOK_LIMIT))
}

/// The sub-agents' conversations, from events and from what the `task` tools say.
fn descendants(
    server: &Server,
    place: &Place,
    turn: &Turn,
    messages: &[Message],
    asking: Deadline,
) -> Vec<String> {
    let mut found: Vec<String> = turn.descendants().map(String::from).collect();
    let parts = messages.iter().flat_map(|message| &message.parts);
    let mut used_task = false;
    for part in parts.filter(|part| part.tool.as_deref() == Some("task")) {
        used_task = true;
        found.extend(part.state.metadata.conversation.clone());
    }
    if used_task
        && found.is_empty()
        && let Some(limit) = left(asking)
    {
        // An old server does not say which; those that began within this turn are its own.
        let began = messages.first().and_then(|first| first.info.time.created).unwrap_or(0.0);
        let children = server.client.children(&place.id, &place.directory, limit);
        let during = |created: Option<f64>| created.is_some_and(|created| created >= began);
        let children = children.unwrap_or_default().into_iter();
        found.extend(children.filter(|one| during(one.time.created)).map(|one| one.id));
    }
    found.sort();
    found.dedup();
    found
}

/// What the server says that the turn changed. Nothing is asked where no tool was used.
fn files(
    server: &Server,
    place: &Place,
    id: &str,
    tools: &[Tool],
    asking: Deadline,
) -> Option<Vec<FileChange>> {
    let limit = left(asking)?;
    if tools.is_empty() {
        return Some(Vec::new());
    }
    let changes = server.client.diff(&place.id, &place.directory, Some(id), limit).ok()?;
    let version = server.record.opencode_version.as_deref().and_then(Version::parse);
    if changes.is_empty() || version >= Some(DIFFS_OF_TURNS) {
        return Some(changes.into_iter().map(change).collect());
    }
    // That was about the whole conversation. What the turn did is with its prompt, a moment later.
    let deadline = Deadline::after(left(asking)?.min(SUMMARY_WITHIN));
    let mut pauses = Backoff::new(POLL_FIRST, TICK);
    loop {
        let prompt = server.client.message::<Changed>(&place.id, &place.directory, id, limit);
        let changes = prompt.ok()?.info.summary.diffs;
        if !changes.is_empty() {
            return Some(changes.into_iter().map(change).collect());
        }
        if deadline.expired() {
            return None;
        }
        pause(pauses.next());
    }
}

fn change(one: FilePatch) -> FileChange {
    let count = |value: Option<f64>| value.map(|value| value as u64);
    FileChange { path: one.file, added: count(one.additions), removed: count(one.deletions) }
}

/// What is counted over all conversations of a turn.
#[derive(Default)]
struct Sum {
    used: Used,
    tools: Vec<Tool>,
}

impl Sum {
    fn add(&mut self, conversation: &str, messages: &[Message]) {
        for message in messages.iter().filter(|message| message.info.is_answer()) {
            self.used.add_step(&message.info);
            for part in message.parts.iter().filter(|part| part.kind == "tool") {
                self.tools.push(Tool {
                    name: part.tool.clone().unwrap_or_default(),
                    status: part.state.status.clone(),
                    title: part.state.title.clone().filter(|title| !title.is_empty()),
                    duration_ms: part.state.time.duration_ms(),
                    conversation: conversation.into(),
                });
            }
        }
    }
}
