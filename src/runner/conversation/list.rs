//! Lists conversations: those of a session, those of all sessions, and the relatives of one.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::entry::moment;
use super::find::{self, changed, created};
use crate::client::Limit;
use crate::client::wire::{Activities, Ask, Conversation, is_busy};
use crate::error::Result;
use crate::runner::context::Context;
use crate::runner::session::ghosts::is_over;
use crate::runner::session::labels::Labels;
use crate::runner::session::pending::Scene;
use crate::runner::session::probe::State;
use crate::runner::session::server::Server;
use crate::runner::session::status::{SessionStatus, list};
use crate::runner::turn::Tokens;
use crate::sorting;
use crate::units::{Deadline, PROBE_LIMIT};

/// How long one of many servers may take to list its conversations. Its disk can be slow, but the
/// others are waiting.
const LIST_MOST: Duration = Duration::from_secs(20);

/// A conversation as it is listed.
#[derive(Clone, Debug)]
pub struct Listed {
    /// `ses_…`.
    pub id: String,
    /// Untrusted text.
    pub title: Option<String>,
    /// The conversation that a sub-agent's conversation works for.
    pub parent: Option<String>,
    /// Where its tools work.
    pub directory: Option<String>,
    /// When it was opened.
    pub created: Option<Timestamp>,
    /// When it was last changed.
    pub updated: Option<Timestamp>,
    /// What it alone cost in US dollars; `None` for 0, which a server also says of what it does not
    /// know.
    pub cost_usd: Option<f64>,
    /// What it alone used, if the server tells.
    pub tokens: Option<Tokens>,
    /// What it is doing; `None` if the server was not asked or did not tell.
    pub state: Option<State>,
}

/// Conversations of a session.
#[derive(Clone, Debug)]
pub struct ConversationList {
    /// `oc-…`.
    pub session: String,
    /// The last changed one first.
    pub conversations: Vec<Listed>,
}

/// The conversations around one.
#[derive(Clone, Debug)]
pub struct Chain {
    /// `oc-…`.
    pub session: String,
    /// From the topmost down; the children are in the order of their creation.
    pub conversations: Vec<Relative>,
}

/// A conversation of a chain.
#[derive(Clone, Debug)]
pub struct Relative {
    /// What it is to the conversation that was asked for.
    pub relation: Relation,
    /// The conversation.
    pub conversation: Listed,
}

/// What a conversation is to the one that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Above it.
    Ancestor,
    /// Itself.
    Asked,
    /// That of a sub-agent, directly below it.
    Child,
}

impl Relation {
    /// The name as it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Relation::Ancestor => "ancestor",
            Relation::Asked => "self",
            Relation::Child => "child",
        }
    }
}

/// All conversations of the session's directory.
pub fn sessions(context: &Context, word: &str) -> Result<ConversationList> {
    Server::with(context, word, list_all)
}

/// The same for one of many, within [`LIST_MOST`].
fn list_soon(server: &Server) -> Result<ConversationList> {
    server.client.limit_to(Deadline::after(LIST_MOST), None);
    list_all(server)
}

fn list_all(server: &Server) -> Result<ConversationList> {
    let mut found: Vec<(f64, Listed)> = Vec::new();
    server.client.each_conversation(&server.directory, &mut |conversation| {
        found.push((changed(&conversation), Listed::of(conversation)));
    })?;
    sorting::sort_by(&mut found, |(a, _), (b, _)| b.total_cmp(a));
    let mut conversations: Vec<Listed> = found.into_iter().map(|(_, listed)| listed).collect();
    if let Some(doing) = Doing::ask(server, &server.directory) {
        for listed in &mut conversations {
            listed.state = Some(doing.state(&listed.id));
        }
    }
    Ok(ConversationList { session: server.record.id.clone(), conversations })
}

/// The conversations of all sessions that have these labels, one list for each session. Those of
/// servers that do not answer are missing, and the user is told so.
pub fn all_conversations(context: &Context, labels: &Labels) -> Result<Vec<ConversationList>> {
    let mut all = Vec::new();
    list(context, labels, true)?.each(&mut |SessionStatus { facts, state, trouble, .. }| {
        let missing = |why: &str| (context.say)(&format!("without those of {}: {why}", facts.id));
        match state {
            State::Dead | State::Starting => {}
            State::Error => missing(&trouble.unwrap_or_default()),
            _ => {
                let begin = Instant::now();
                match Server::with(context, &facts.id, list_soon) {
                    Ok(found) => all.push(found),
                    Err(_) if begin.elapsed() >= LIST_MOST => {
                        missing(&format!("not listed within {} s", LIST_MOST.as_secs()));
                    }
                    // Its server has ended in the meantime.
                    Err(error) => missing(&error.message),
                }
            }
        }
        Ok(())
    })?;
    Ok(all)
}

/// What the conversations of a directory are doing.
pub(super) struct Doing {
    activities: Activities,
    permissions: BTreeSet<String>,
    questions: BTreeSet<String>,
}

impl Doing {
    /// `None` if the server does not tell.
    pub(super) fn ask(server: &Server, directory: &str) -> Option<Doing> {
        let client = &server.client;
        let activities = client.activities(directory, PROBE_LIMIT).ok()?;
        let mut permissions = BTreeSet::new();
        let mut questions = BTreeSet::new();
        if activities.values().any(|activity| activity.is_busy()) {
            let waits = |ask: &dyn Ask| !is_over(client, directory, ask, PROBE_LIMIT.into());
            let mut asked = match Scene::of(server, directory, PROBE_LIMIT).permissions() {
                Ok(pending) => pending.asks,
                Err(failure) if failure.hides_asks() => Vec::new(),
                Err(_) => return None,
            };
            asked.retain(|ask| waits(ask));
            permissions.extend(asked.into_iter().map(|ask| ask.conversation));
            let mut asked = client.questions(directory, PROBE_LIMIT).ok()?;
            asked.retain(|ask| waits(ask));
            questions.extend(asked.into_iter().map(|ask| ask.conversation));
        }
        Some(Doing { activities, permissions, questions })
    }

    pub(super) fn state(&self, id: &str) -> State {
        // An ask of an aborted turn stays in the list; only a busy conversation waits for one.
        if !is_busy(&self.activities, id) {
            State::Idle
        } else if self.permissions.contains(id) {
            State::WaitingPermission
        } else if self.questions.contains(id) {
            State::WaitingQuestion
        } else {
            State::Running
        }
    }
}

/// The conversations above one, itself, and its children.
pub fn chain(context: &Context, word: &str, id: Option<&str>) -> Result<Chain> {
    Server::with(context, word, |server| chain_of(server, id))
}

fn chain_of(server: &Server, id: Option<&str>) -> Result<Chain> {
    let place = find::given_or_latest(server, id)?;
    let asked = find::load(server, &place.id)?;
    let ancestors = find::ancestors(server, &place)?;
    let mut children = server.client.children(&place.id, &place.directory, Limit::Ordinary)?;
    sorting::sort_by(&mut children, |a, b| created(a).total_cmp(&created(b)));
    let relatives = |relation: Relation, conversations: Vec<Conversation>| {
        let relative = move |found| Relative { relation, conversation: Listed::of(found) };
        conversations.into_iter().map(relative)
    };
    let conversations = relatives(Relation::Ancestor, ancestors)
        .chain(relatives(Relation::Asked, vec![asked]))
        .chain(relatives(Relation::Child, children))
        .collect();
    Ok(Chain { session: server.record.id.clone(), conversations })
}

impl Listed {
    /// What a server says of a conversation.
    pub fn of(found: Conversation) -> Listed {
        Listed {
            id: found.id,
            title: found.title,
            parent: found.parent,
            directory: found.directory,
            created: moment(found.time.created),
            updated: moment(found.time.updated),
            cost_usd: found.cost.filter(|cost| *cost > 0.0),
            tokens: found.tokens.map(Tokens::from),
            state: None,
        }
    }
}
