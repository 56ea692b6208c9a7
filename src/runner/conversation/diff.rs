//! What a turn or a conversation changed, and what it still plans to do: `diff`, `todo`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::find::{self, Place};
use super::turns;
use crate::client::Limit;
use crate::client::wire::{Changed, FilePatch, Todo};
use crate::error::Result;
use crate::runner::context::Context;
use crate::runner::session::server::Server;
use crate::runner::turn::used::add_count;

/// One changed file.
#[derive(Clone, Debug, Default)]
pub struct FileDiff {
    /// Relative to the worktree; untrusted text.
    pub path: String,
    /// `added`, `modified` or `deleted`, if the server tells.
    pub status: Option<String>,
    /// How many lines were added.
    pub added: Option<u64>,
    /// How many lines were removed.
    pub removed: Option<u64>,
    /// Unified diffs, one for each turn, if the server has them.
    pub patches: Vec<String>,
}

/// The files that were changed.
#[derive(Clone, Debug)]
pub struct Diff {
    /// `oc-…`.
    pub session: String,
    /// `ses_…`.
    pub conversation: String,
    /// The turn that was asked for, `msg_…`; `None` for all turns.
    pub turn: Option<String>,
    /// Sorted by path.
    pub files: Vec<FileDiff>,
}

/// The to-do list that a model keeps.
#[derive(Clone, Debug)]
pub struct TodoList {
    /// `oc-…`.
    pub session: String,
    /// `ses_…`.
    pub conversation: String,
    /// In the model's order.
    pub entries: Vec<TodoEntry>,
}

/// One entry of a to-do list.
#[derive(Clone, Debug)]
pub struct TodoEntry {
    /// What is to be done; untrusted text.
    pub content: String,
    /// `pending`, `in_progress`, `completed` or `cancelled`.
    pub status: String,
    /// How urgent it is, if the model said so.
    pub priority: Option<String>,
}

/// The files that one turn changed, or all turns of a conversation.
///
/// The server keeps the changes of a turn with its prompt. Its own sum for the conversation is
/// empty since 1.15, so the turns are added up here. Old servers keep nothing with the prompts; for
/// them the sum is taken.
pub fn diff(context: &Context, word: &str, id: Option<&str>, turn: Option<&str>) -> Result<Diff> {
    Server::with(context, word, |server| diff_of(server, id, turn))
}

fn diff_of(server: &Server, id: Option<&str>, turn: Option<&str>) -> Result<Diff> {
    let place = find::given_or_latest(server, id)?;
    let client = &server.client;
    let directory = &place.directory;
    let mut files = Files::default();
    let turn = turn.map(|word| turns::turn(server, &place, word)).transpose()?;
    match &turn {
        Some(turn) => {
            let found = client.message::<Changed>(&place.id, directory, turn, Limit::Ordinary);
            match found.map(|message| message.info) {
                Ok(info) if info.parent.is_none() => files.extend(info.summary.diffs),
                Ok(_) => return Err(find::no_turn(server, &place, turn)),
                Err(failure) if failure.is_missing() => {
                    return Err(find::no_turn(server, &place, turn));
                }
                Err(failure) => return Err(failure.into()),
            }
        }
        None => {
            let take = &mut |message: Changed| {
                files.extend(message.info.summary.diffs);
                ControlFlow::Continue(())
            };
            let read = client.each_message(&place.id, directory, take);
            read.map_err(|failure| find::gone(server, &place, failure))?;
            if files.is_empty() {
                files.extend(client.diff(&place.id, directory, None, Limit::Ordinary)?);
            }
        }
    }
    let files = files.sorted();
    Ok(Diff { session: server.record.id.clone(), conversation: place.id, turn, files })
}

/// The changes by path.
#[derive(Default)]
pub struct Files(BTreeMap<String, FileDiff>);

impl Files {
    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, sorted by path.
    pub fn sorted(self) -> Vec<FileDiff> {
        self.0.into_values().collect()
    }

    /// Adds what a turn changed.
    pub fn extend(&mut self, diffs: Vec<FilePatch>) {
        for diff in diffs {
            let change = self.0.entry(diff.file.clone()).or_default();
            change.path = diff.file;
            let count = |lines: Option<f64>| lines.map(|lines| lines as u64);
            add_count(&mut change.added, count(diff.additions));
            add_count(&mut change.removed, count(diff.deletions));
            change.patches.extend(diff.patch.filter(|patch| !patch.is_empty()));
            // A file that was added and then modified is still new.
            change.status = match (change.status.take().as_deref(), diff.status.as_deref()) {
                (Some("added"), Some("modified")) => Some("added".into()),
                (_, Some(status)) => Some(status.into()),
                (before, None) => before.map(String::from),
            };
        }
    }
}

/// The to-do list of a conversation.
pub fn todos(context: &Context, word: &str, id: Option<&str>) -> Result<TodoList> {
    Server::with(context, word, |server| todos_of(server, id))
}

fn todos_of(server: &Server, id: Option<&str>) -> Result<TodoList> {
    todos_at(server, find::given_or_latest(server, id)?)
}

/// The to-do list of one that was found.
pub fn todos_at(server: &Server, place: Place) -> Result<TodoList> {
    let found = server.client.todos(&place.id, &place.directory);
    let found = found.map_err(|failure| find::gone(server, &place, failure))?;
    let entry = |Todo { content, status, priority }| TodoEntry { content, status, priority };
    let entries = found.into_iter().map(entry).collect();
    Ok(TodoList { session: server.record.id.clone(), conversation: place.id, entries })
}
