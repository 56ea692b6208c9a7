//! Lists and manages conversations: `sessions`, `chain`, `fork`, `delete`, `export`.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use jiff::Timestamp;
use serde_json::value::RawValue;

use super::conversation::{self, Place, changed, no_occtl};
use super::entry::moment;
use super::outcome::Tokens;
use super::server::Server;
use super::state::{Labels, Look, State, list};
use super::{Context, Signals};
use crate::client::wire::{Activities, Conversation, Head, OwnRules};
use crate::client::{LONG_READ, Page};
use crate::error::{Code, Error, Result};
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

/// A copy of a conversation.
#[derive(Clone, Debug)]
pub struct Forked {
    /// `oc-…`.
    pub session: String,
    /// The copy, `ses_…`.
    pub id: String,
    /// The original.
    pub parent: String,
    /// The copy's title.
    pub title: Option<String>,
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
    for Look { facts, state, trouble, .. } in list(context, labels)? {
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
        if doing.activities.values().any(|one| one.busy()) {
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
            Some(one) if one.busy() && self.permissions.contains(id) => State::WaitingPermission,
            Some(one) if one.busy() && self.questions.contains(id) => State::WaitingQuestion,
            Some(one) if one.busy() => State::Running,
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
    let place = conversation::given_or_latest(&server, id)?;
    let asked = conversation::load(&server, &place.id)?;
    let mut chain: Vec<(Relation, Listed)> = conversation::ancestors(&server, &place)?
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

/// Copies a conversation, up to and without the message `before`.
pub fn fork(
    context: &Context,
    word: &str,
    id: Option<&str>,
    before: Option<&str>,
) -> Result<Forked> {
    let server = Server::open(context, word)?;
    let place = conversation::given_or_latest(&server, id)?;
    let (client, directory) = (&server.client, &place.directory);
    if let Some(message) = before {
        // The server copies everything where it does not find the message.
        check_message(&server, &place, message)?;
    }
    let mut rules: OwnRules = client.conversation_as(&place.id, directory)?;
    let forked = client
        .fork(&place.id, directory, before)
        .map_err(|failure| conversation::gone(&server, &place, failure))?;
    // A fork does not inherit the rules of its original, and must not be a way around them.
    if !server.record.allow_occtl_commands.unwrap_or(false) {
        let missing = no_occtl().into_iter().filter(|rule| !rules.permission.contains(rule));
        let missing: Vec<_> = missing.collect();
        rules.permission.extend(missing);
    }
    if !rules.permission.is_empty() {
        let kept = client.set_rules(&forked.id, directory, &rules)?;
        if kept.permission.is_empty() {
            (context.say)(&format!(
                "this OpenCode cannot give {} the rules of {}",
                forked.id, place.id
            ));
        }
    }
    server.touch(context)?;
    let title = forked.title;
    Ok(Forked { session: server.record.id, id: forked.id, parent: place.id, title })
}

fn check_message(server: &Server, place: &Place, message: &str) -> Result<()> {
    match server.client.message::<Head>(&place.id, &place.directory, message, REQUEST_LIMIT) {
        Ok(_) => Ok(()),
        Err(failure) if matches!(failure.status(), Some(400 | 404)) && !failure.unreadable() => {
            let session = &server.record.id;
            Err(Error::not_found(format!("conversation {} has no message {message}", place.id))
                .hint(format!("occtl tail {session} -s {} -n 50 --json lists them", place.id)))
        }
        Err(failure) => Err(failure.into()),
    }
}

/// Deletes a conversation and its sub-agents'. A busy one only with `force`: then it is aborted first.
pub fn delete(context: &Context, word: &str, id: &str, force: bool) -> Result<()> {
    let server = Server::open(context, word)?;
    let place = conversation::by_id(&server, id)?;
    let (client, directory) = (&server.client, &place.directory);
    let busy = client.activities(directory, REQUEST_LIMIT)?.get(id).is_some_and(|one| one.busy());
    if busy && !force {
        return Err(Error::failed(format!("conversation {id} is busy"))
            .hint("--force aborts its turn and deletes it"));
    }
    if busy {
        client.abort(id, directory, REQUEST_LIMIT)?;
    }
    client.delete(id, directory).map_err(|failure| conversation::gone(&server, &place, failure))?;
    // The answer says `true` whatever happened.
    match client.conversation(id, directory) {
        Err(failure) if failure.status() == Some(404) => Ok(()),
        Err(failure) => Err(failure.into()),
        Ok(_) => Err(Error::failed(format!("conversation {id} is still there"))),
    }
}

/// Hands over a conversation as one JSON document, `{"info": …, "messages": […]}`, in pieces. Everything
/// is as the server has it, and no more than one message is held. `write` says whether anybody still reads.
pub fn export(
    context: &Context,
    signals: &Signals,
    word: &str,
    id: Option<&str>,
    write: &mut dyn FnMut(&str) -> Result<bool>,
) -> Result<usize> {
    let server = Server::open(context, word)?;
    let place = conversation::given_or_latest(&server, id)?;
    let (client, directory) = (&server.client, &place.directory);
    let info: Box<RawValue> = client.conversation_as(&place.id, directory)?;
    write(&format!("{{\"info\":{},\"messages\":[", info.get()))?;
    let mut count = 0;
    let mut trouble = None;
    let result =
        client.each_message(&place.id, directory, Page::All, LONG_READ, &mut |raw: Box<
            RawValue,
        >| {
            let comma = if count == 0 { "\n" } else { ",\n" };
            let written = match signals.received() {
                Some(code) => Err(Error::new(code, "the export was interrupted")),
                None => write(comma).and_then(|_| write(raw.get())),
            };
            count += 1;
            match written {
                Ok(true) => ControlFlow::Continue(()),
                Ok(false) => ControlFlow::Break(()),
                Err(error) => {
                    trouble = Some(error);
                    ControlFlow::Break(())
                }
            }
        });
    if let Some(error) = trouble {
        return Err(error);
    }
    result.map_err(|failure| conversation::gone(&server, &place, failure))?;
    write("\n]}\n")?;
    match signals.received() {
        Some(code @ (Code::Interrupted | Code::Terminated)) => {
            Err(Error::new(code, "the export was interrupted"))
        }
        _ => Ok(count),
    }
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
            tokens: one.tokens.map(|told| {
                let mut tokens = Tokens::default();
                tokens.add(&told);
                tokens
            }),
            state: None,
        }
    }
}
