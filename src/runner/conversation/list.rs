//! Lists conversations: those of a session, those of all sessions, and the relatives of one.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::entry::moment;
use super::find::{self, changed};
use crate::client::wire::{Activities, Conversation};
use crate::error::Result;
use crate::runner::context::Context;
use crate::runner::session::labels::Labels;
use crate::runner::session::probe::State;
use crate::runner::session::server::Server;
use crate::runner::session::status::{SessionStatus, list};
use crate::runner::turn::Tokens;
use crate::units::{PROBE_LIMIT, REQUEST_LIMIT};

/// A conversation as it is listed.
#[derive(Clone, Debug)]
pub struct Listed {
    /// `ses_…`.
    pub id: String,
    /// Untrusted text.
    pub title: Option<String>,
    /// Of a sub-agent's conversation: the one that it works for.
    pub parent: Option<String>,
    /// Where its tools work.
    pub directory: Option<String>,
    /// When it was opened.
    pub created: Option<Timestamp>,
    /// When it was last changed.
    pub updated: Option<Timestamp>,
    /// US dollars of it alone, where the server tells.
    pub cost_usd: Option<f64>,
    /// Tokens of it alone, where the server tells.
    pub tokens: Option<Tokens>,
    /// What it is doing; `None` where nobody was asked or the server did not tell.
    pub state: Option<State>,
}

/// What a conversation is to the one that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Above it.
    Ancestor,
    /// Itself.
    Asked,
    /// A sub-agent's, directly below it.
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

/// All conversations of the session's directory, the last changed first; with the session's id.
pub fn sessions(context: &Context, word: &str) -> Result<(String, Vec<Listed>)> {
    let server = Server::open(context, word)?;
    let mut found = Vec::new();
    let mut newest = Vec::new();
    server.client.each_conversation(&server.directory, &mut |one| {
        newest.push(changed(&one));
        found.push(Listed::of(one));
    })?;
    let doing = Doing::ask(&server);
    for one in &mut found {
        one.state = doing.as_ref().map(|doing| doing.state(&one.id));
    }
    let mut order: Vec<(f64, Listed)> = newest.into_iter().zip(found).collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0));
    Ok((server.record.id, order.into_iter().map(|(_, one)| one).collect()))
}

/// The conversations of all sessions that carry these labels, each with its session's id. Those of
/// servers that do not answer are missing, which is said.
pub fn all_conversations(context: &Context, labels: &Labels) -> Result<Vec<(String, Listed)>> {
    let mut all = Vec::new();
    for SessionStatus { facts, state, trouble, .. } in list(context, labels)? {
        let missing = |why: &str| (context.say)(&format!("without those of {}: {why}", facts.id));
        match state {
            State::Dead | State::Starting => {}
            State::Error => missing(&trouble.unwrap_or_default()),
            _ => match sessions(context, &facts.id) {
                Ok((id, found)) => all.extend(found.into_iter().map(|one| (id.clone(), one))),
                // It ended in the meantime.
                Err(error) => missing(&error.message),
            },
        }
    }
    Ok(all)
}

/// What the conversations of a directory are doing.
struct Doing {
    activities: Activities,
    permissions: BTreeSet<String>,
    questions: BTreeSet<String>,
}

impl Doing {
    fn ask(server: &Server) -> Option<Doing> {
        let (client, directory) = (&server.client, &server.directory);
        let activities = client.activities(directory, PROBE_LIMIT).ok()?;
        let mut doing =
            Doing { activities, permissions: BTreeSet::new(), questions: BTreeSet::new() };
        if doing.activities.values().any(|one| one.is_busy()) {
            let permissions = client.permissions(directory, PROBE_LIMIT).ok()?;
            let questions = client.questions(directory, PROBE_LIMIT).ok()?;
            doing.permissions = permissions.into_iter().map(|ask| ask.conversation).collect();
            doing.questions = questions.into_iter().map(|ask| ask.conversation).collect();
        }
        Some(doing)
    }

    fn state(&self, id: &str) -> State {
        // An ask of an aborted turn stays in the list; only a busy conversation waits for one.
        match self.activities.get(id) {
            Some(one) if one.is_busy() && self.permissions.contains(id) => State::WaitingPermission,
            Some(one) if one.is_busy() && self.questions.contains(id) => State::WaitingQuestion,
            Some(one) if one.is_busy() => State::Running,
            _ => State::Idle,
        }
    }
}

/// The conversations above one, itself, and its children; with the session's id.
pub fn chain(
    context: &Context,
    word: &str,
    id: Option<&str>,
) -> Result<(String, Vec<(Relation, Listed)>)> {
    let server = Server::open(context, word)?;
    let place = find::given_or_latest(&server, id)?;
    let asked = find::load(&server, &place.id)?;
    let mut chain: Vec<(Relation, Listed)> = find::ancestors(&server, &place)?
        .into_iter()
        .map(|one| (Relation::Ancestor, Listed::of(one)))
        .collect();
    chain.push((Relation::Asked, Listed::of(asked)));
    let mut children = server.client.children(&place.id, &place.directory, REQUEST_LIMIT)?;
    let created = |one: &Conversation| one.time.created.unwrap_or(0.0);
    children.sort_by(|a, b| created(a).total_cmp(&created(b)));
    chain.extend(children.into_iter().map(|one| (Relation::Child, Listed::of(one))));
    Ok((server.record.id, chain))
}

impl Listed {
    /// What a server says of a conversation.
    pub fn of(one: Conversation) -> Listed {
        Listed {
            id: one.id,
            title: one.title,
            parent: one.parent,
            directory: one.directory,
            created: moment(one.time.created),
            updated: moment(one.time.updated),
            cost_usd: one.cost,
            tokens: one.tokens.map(Tokens::from),
            state: None,
        }
    }
}
