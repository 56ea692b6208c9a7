//! Makes the record of a turn from what is known at its end.

use std::time::{Duration, Instant};

use crate::client::wire::{Changed, FilePatch, Info, Message};
use crate::error::Code;
use crate::runner::conversation::find::Place;
use crate::runner::conversation::messages::messages_since;
use crate::runner::session::prices::Prices;
use crate::runner::session::server::Server;
use crate::runner::session::timeouts::LOOK_LIMIT;
use crate::runner::session::version::Version;
use crate::runner::turn::record::{
    Decision, Failed, FileChange, McpFailure, Outcome, Tool, TurnRecord, UsedModel,
};
use crate::runner::turn::{Turn, Used};
use crate::sorting;
use crate::units::{Backoff, Deadline, POLL_FIRST, TICK, milliseconds, pause};

/// The first version that says what one turn changed if it is asked for one turn.
const DIFFS_OF_TURNS: Version = Version::new(1, 16);

/// How long an older server may take to write that down beside the prompt.
const SUMMARY_WITHIN: Duration = Duration::from_secs(1);

/// What only the follower knows of a turn that is over.
pub struct Facts {
    /// How it ended.
    pub conclusion: Conclusion,
    /// The turn's own messages, oldest first.
    pub messages: Vec<Message>,
    /// When the prompt was sent.
    pub started: jiff::Timestamp,
    /// The same on the monotonic clock.
    pub began: Instant,
    /// From then to the end.
    pub total: Duration,
    /// Until when the server may be asked for more.
    pub deadline: Deadline,
    /// The flags of limits that could not be enforced.
    pub limits_unenforceable: Vec<&'static str>,
    /// The MCP servers whose tools were missing.
    pub mcp_failed: Option<Vec<McpFailure>>,
}

/// How a turn ended, whatever its text.
pub struct Conclusion {
    /// The outcome.
    pub outcome: Outcome,
    /// Why it failed.
    pub error: Option<Failed>,
}

/// The record of a turn.
pub fn record(
    server: &Server,
    place: &Place,
    turn: &mut Turn,
    prices: &Prices,
    facts: Facts,
) -> TurnRecord {
    let Facts { conclusion, messages, started, began, total, deadline, .. } = facts;
    let inquiry = Inquiry { server, place, deadline, prices };
    let children = inquiry.sub_agents(turn, &messages);
    let structured = messages.iter().rev().find_map(|message| message.info.structured.clone());
    let mut work = Work::default();
    work.add(&inquiry, &place.id, &messages);
    // Text can be large, and the turn has its own copy.
    drop(messages);
    for child in &children {
        work.add(&inquiry, child, &inquiry.messages_of(child));
    }
    let text = turn.finish_text();
    let answered = structured.is_some() || !text.answer.trim().is_empty();
    let rejected = turn.asks.all().any(|ask| ask.decision == Decision::Reject);
    let since = |at: Instant| milliseconds(at.saturating_duration_since(began));
    let last = turn.steps().next_back();
    TurnRecord {
        session: server.record.id.clone(),
        conversation: place.id.clone(),
        turn: turn.id().into(),
        outcome: outcome(conclusion.outcome, answered, work.denied || rejected),
        text: text.all,
        answer: text.answer,
        structured,
        error: conclusion.error,
        model: last.and_then(model),
        agent: last.and_then(|info| info.agent.clone()),
        steps: work.used.steps,
        step_limit_of_agent: None,
        files: inquiry.files(turn.id(), &work.tools),
        tools: work.tools,
        asks: turn.asks.all().cloned().collect(),
        tokens: work.used.tokens,
        cost_usd: work.used.cost_usd(),
        cost_known_usd: work.used.cost_known_usd,
        limits_unenforceable: facts.limits_unenforceable,
        mcp_failed: facts.mcp_failed,
        started_at: started.to_string(),
        first_token_ms: turn.first_text().map(since),
        total_ms: milliseconds(total),
        retry_wait_ms: milliseconds(turn.retries.wait()),
        provider_retries: turn.provider_retries(),
        retrying: None,
        trouble: None,
        children,
        opencode_version: server.record.opencode_version.clone(),
        rules: None,
        unlisted: None,
    }
}

/// The model that gave an answer, if the server says so.
fn model(info: &Info) -> Option<UsedModel> {
    let (provider, id) = (info.provider.clone()?, info.model.clone()?);
    Some(UsedModel { provider, id, variant: info.variant.clone() })
}

/// The outcome with regard to the answer: a turn that ended well and says nothing is no success.
fn outcome(outcome: Outcome, answered: bool, denied: bool) -> Outcome {
    if outcome != Outcome::Ok || answered {
        return outcome;
    }
    Outcome::Not(if denied { Code::Blocked } else { Code::Empty })
}

/// Asks the server for what the follower does not know. After the deadline nothing is asked, and
/// what is missing stays unknown.
struct Inquiry<'a> {
    server: &'a Server,
    place: &'a Place,
    deadline: Deadline,
    prices: &'a Prices<'a>,
}

impl Inquiry<'_> {
    /// How long one request may take; `None` if there is no time left for one.
    fn time_left(&self) -> Option<Duration> {
        (!self.deadline.expired()).then(|| self.deadline.remaining(LOOK_LIMIT))
    }

    /// US dollars of a step, if they are known.
    fn cost(&self, step: &Info) -> Option<f64> {
        self.prices.cost(step, self.deadline.remaining(LOOK_LIMIT).into())
    }

    /// The sub-agents' conversations, from events and from what the `task` tools say.
    fn sub_agents(&self, turn: &Turn, messages: &[Message]) -> Vec<String> {
        let mut found: Vec<String> = turn.descendants().map(String::from).collect();
        let mut used_task = false;
        for part in messages.iter().flat_map(|message| &message.parts) {
            if part.tool.as_deref() == Some("task") {
                used_task = true;
                found.extend(part.state.metadata.conversation.clone());
            }
        }
        if used_task && found.is_empty() {
            found = self.children_since(messages);
        }
        sorting::sort(&mut found);
        found.dedup();
        found
    }

    /// The conversations that were opened below this one while the turn ran: an old server does not
    /// say which of them its `task` tools use.
    fn children_since(&self, messages: &[Message]) -> Vec<String> {
        let Some(limit) = self.time_left() else { return Vec::new() };
        let began = messages.first().and_then(|first| first.info.time.created).unwrap_or(0.0);
        let asked = self.server.client.children(&self.place.id, &self.place.directory, limit);
        let children = asked.unwrap_or_default().into_iter();
        let during = |created: Option<f64>| created.is_some_and(|created| created >= began);
        children.filter(|child| during(child.time.created)).map(|child| child.id).collect()
    }

    /// All messages of a sub-agent: every one belongs to the turn that started it.
    fn messages_of(&self, child: &str) -> Vec<Message> {
        let Some(limit) = self.time_left() else { return Vec::new() };
        let place = self.place.beside(child.into());
        messages_since(self.server, &place, "", None, limit.into()).unwrap_or_default()
    }

    /// What the server says that the turn changed. If no tool was used, nothing is asked.
    fn files(&self, turn: &str, tools: &[Tool]) -> Option<Vec<FileChange>> {
        let limit = self.time_left()?;
        if tools.is_empty() {
            return Some(Vec::new());
        }
        let Place { id, directory, .. } = self.place;
        let changes = self.server.client.diff(id, directory, Some(turn), limit).ok()?;
        let version = self.server.record.opencode_version.as_deref().and_then(Version::parse);
        if changes.is_empty() || version >= Some(DIFFS_OF_TURNS) {
            return Some(changes.into_iter().map(change).collect());
        }
        // That was about the whole conversation. What the turn changed is written down with its
        // prompt, a moment later.
        let deadline = Deadline::after(self.time_left()?.min(SUMMARY_WITHIN));
        let mut pauses = Backoff::new(POLL_FIRST, TICK);
        loop {
            let prompt = self.server.client.message::<Changed>(id, directory, turn, limit);
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
}

fn change(one: FilePatch) -> FileChange {
    let count = |lines: Option<f64>| lines.map(|lines| lines as u64);
    FileChange { path: one.file, added: count(one.additions), removed: count(one.deletions) }
}

/// What a turn did, in all its conversations.
#[derive(Default)]
struct Work {
    used: Used,
    tools: Vec<Tool>,
    /// Whether a rule kept a tool from running.
    denied: bool,
}

impl Work {
    /// Adds the messages of one conversation.
    fn add(&mut self, inquiry: &Inquiry, conversation: &str, messages: &[Message]) {
        for message in messages.iter().filter(|message| message.info.is_answer()) {
            if message.is_of_model() {
                self.used.add_step(&message.info, inquiry.cost(&message.info));
            }
            for part in message.parts.iter().filter(|part| part.kind == "tool") {
                self.denied |= part.state.denied;
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
