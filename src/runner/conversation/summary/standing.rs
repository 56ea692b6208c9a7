//! What a conversation and its sub-agents are doing, and what they wait for.

use std::time::Duration;

use crate::client::Limit;
use crate::client::wire::{Activities, Activity, Ask, Conversation, Info, is_busy};
use crate::error::Result;
use crate::runner::context::Context;
use crate::runner::conversation::find::Place;
use crate::runner::conversation::work::{BEGINS_WITHIN, Work, look_at_work};
use crate::runner::session::doing::server_now;
use crate::runner::session::ghosts::is_over;
use crate::runner::session::pending::{Pending, Scene, unlistable};
use crate::runner::session::server::Server;

/// What a conversation is doing. The names are those of a session's state, with one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// A turn is going on.
    Running,
    /// A turn waits for a permission.
    WaitingPermission,
    /// A turn waits for an answer.
    WaitingQuestion,
    /// Nothing is going on, and the newest answer is not complete: a server that occtl does not
    /// know works on it, or its server ended in the middle.
    Unfinished,
    /// Nothing is going on.
    Idle,
}

impl Stand {
    /// The name as it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Stand::Running => "running",
            Stand::WaitingPermission => "waiting_permission",
            Stand::WaitingQuestion => "waiting_question",
            Stand::Unfinished => "unfinished",
            Stand::Idle => "idle",
        }
    }
}

/// Something that a conversation waits for.
#[derive(Clone, Debug)]
pub struct PendingAsk {
    /// `per_…` or `que_…`.
    pub id: String,
    /// The conversation that asks.
    pub conversation: String,
    /// For example `bash`; `None` for a question.
    pub permission: Option<String>,
    /// What the tool wants to do, or what is asked; untrusted text.
    pub what: Vec<String>,
}

/// What the server says of all conversations of a tree.
pub struct Scenery {
    activities: Activities,
    members: Vec<String>,
    /// What they wait for.
    pub asks: Vec<PendingAsk>,
    /// Whether one waits for a permission that the server cannot list.
    hidden: bool,
    /// The moment of the look by the server's clock, in milliseconds since 1970.
    now: u64,
}

impl Scenery {
    /// Asks what a conversation and those below it are doing.
    pub fn of(
        context: &Context,
        server: &Server,
        place: &Place,
        all: &[Conversation],
    ) -> Result<Scenery> {
        let client = &server.client;
        let activities = client.activities(&place.directory, Limit::Ordinary)?;
        let members = all.iter().map(|one| one.id.clone()).collect();
        let now = server_now(client);
        let mut found = Scenery { activities, members, asks: Vec::new(), hidden: false, now };
        if !found.is_busy() {
            return Ok(found);
        }
        let directory = &place.directory;
        let waits = |found: &Scenery, ask: &dyn Ask| {
            found.members.iter().any(|id| id == ask.conversation())
                && is_busy(&found.activities, ask.conversation())
                && !is_over(client, directory, ask, Limit::Ordinary)
        };
        let pending = match Scene::of(server, directory, Limit::Ordinary).permissions() {
            Err(failure) if failure.hides_asks() => {
                (context.say)(&unlistable(server).to_string());
                found.hidden = true;
                Pending::default()
            }
            pending => pending?,
        };
        for ask in pending.asks.into_iter().filter(|ask| waits(&found, ask)).collect::<Vec<_>>() {
            let (permission, what) = (Some(ask.permission), ask.patterns);
            let (id, conversation) = (ask.id, ask.conversation);
            found.asks.push(PendingAsk { id, conversation, permission, what });
        }
        let questions = client.questions(directory, Limit::Ordinary)?;
        for ask in questions.into_iter().filter(|ask| waits(&found, ask)).collect::<Vec<_>>() {
            let what = ask.questions.into_iter().map(|one| one.question).collect();
            let (id, conversation) = (ask.id, ask.conversation);
            found.asks.push(PendingAsk { id, conversation, permission: None, what });
        }
        Ok(found)
    }

    /// Whether anything goes on in the tree: a parent is not idle while a sub-agent works.
    pub fn is_busy(&self) -> bool {
        self.members.iter().any(|id| is_busy(&self.activities, id))
    }

    /// What all of them are doing together.
    pub fn stand(&self) -> Stand {
        let asks = |is_permission: bool| {
            self.asks.iter().any(|ask| ask.permission.is_some() == is_permission)
        };
        if !self.is_busy() {
            Stand::Idle
        } else if self.hidden || asks(true) {
            Stand::WaitingPermission
        } else if asks(false) {
            Stand::WaitingQuestion
        } else {
            Stand::Running
        }
    }

    /// What the server says of one of them, if it is busy.
    pub fn activity(&self, id: &str) -> Option<&Activity> {
        self.activities.get(id).filter(|activity| activity.is_busy())
    }

    /// What one of them is doing itself, where `newest` is its newest message.
    pub fn stand_of(&self, id: &str, newest: Option<&Info>) -> Stand {
        if self.activity(id).is_some() {
            let asks = |ask: &&PendingAsk| ask.conversation == id;
            return match self.asks.iter().find(asks) {
                Some(ask) if ask.permission.is_some() => Stand::WaitingPermission,
                Some(_) => Stand::WaitingQuestion,
                None => Stand::Running,
            };
        }
        match newest {
            Some(info) if info.is_answer() => {
                let is_open = info.time.completed.is_none() && info.error.is_none();
                if is_open { Stand::Unfinished } else { Stand::Idle }
            }
            // A server that accepted a prompt a moment ago may be about to begin.
            Some(info) if self.age(info) < BEGINS_WITHIN => Stand::Running,
            _ => Stand::Idle,
        }
    }

    fn age(&self, info: &Info) -> Duration {
        let created = info.time.created.unwrap_or(0.0) as u64;
        Duration::from_millis(self.now.saturating_sub(created))
    }
}

/// The session whose server works on a conversation that has an answer which is not complete.
pub fn worker(context: &Context, server: &Server, place: &Place) -> Result<Option<String>> {
    Ok(match look_at_work(context, server, place, &[])?.work {
        Work::Here => Some(server.record.id.clone()),
        Work::There(other) => Some(other),
        Work::Unfinished | Work::MayBegin | Work::Idle => None,
    })
}
