//! What a turn or a conversation changed, and what it still means to do: `diff`, `todo`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::find;
use crate::client::wire::{Changed, FilePatch};
use crate::error::Result;
use crate::runner::context::Context;
use crate::runner::session::server::Server;
use crate::runner::turn::used::add_count;
use crate::units::REQUEST_LIMIT;

/// One changed file.
#[derive(Clone, Debug, Default)]
pub struct FileDiff {
    /// Relative to the worktree; untrusted text.
    pub path: String,
    /// `added`, `modified` or `deleted`, where the server tells.
    pub status: Option<String>,
    /// Lines.
    pub added: Option<u64>,
    /// Lines.
    pub removed: Option<u64>,
    /// Unified diffs, one a turn, where the server has them.
    pub patches: Vec<String>,
}

/// The files that were changed.
#[derive(Clone, Debug)]
pub struct Diff {
    /// `oc-…`.
    pub session: String,
    /// `ses_…`.
    pub conversation: String,
    /// By name.
    pub files: Vec<FileDiff>,
}

/// The list that a model keeps of its work.
#[derive(Clone, Debug)]
pub struct TodoList {
    /// `oc-…`.
    pub session: String,
    /// `ses_…`.
    pub conversation: String,
    /// What, how far (`pending`, `in_progress`, `completed`, `cancelled`) and how urgent.
    pub entries: Vec<(String, String, Option<String>)>,
}

/// The files that one turn changed, or all turns of a conversation.
///
/// The server keeps that with each prompt. Its own sum for the conversation is empty since 1.15, so what the
/// turns say is added up; where an old server has nothing with the prompts, its sum is taken.
pub fn diff(context: &Context, word: &str, id: Option<&str>, turn: Option<&str>) -> Result<Diff> {
    let server = Server::open(context, word)?;
    let place = find::given_or_latest(&server, id)?;
    let (client, directory) = (&server.client, &place.directory);
    let mut files = Files::default();
    match turn {
        Some(turn) => {
            let found = client.message::<Changed>(&place.id, directory, turn, REQUEST_LIMIT);
            match found.map(|message| message.info) {
                Ok(info) if info.parent.is_none() => files.extend(info.summary.diffs),
                Ok(_) => return Err(find::no_turn(&server, &place, turn)),
                Err(failure) if failure.is_missing() => {
                    return Err(find::no_turn(&server, &place, turn));
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
            read.map_err(|failure| find::gone(&server, &place, failure))?;
            if files.0.is_empty() {
                files.extend(client.diff(&place.id, directory, None, REQUEST_LIMIT)?);
            }
        }
    }
    let files = files.0.into_values().collect();
    Ok(Diff { session: server.record.id, conversation: place.id, files })
}

#[derive(Default)]
struct Files(BTreeMap<String, FileDiff>);

impl Files {
    fn extend(&mut self, diffs: Vec<FilePatch>) {
        for diff in diffs {
            let change = self.0.entry(diff.file.clone()).or_default();
            change.path = diff.file;
            let count = |lines: Option<f64>| lines.map(|lines| lines as u64);
            add_count(&mut change.added, count(diff.additions));
            add_count(&mut change.removed, count(diff.deletions));
            change.patches.extend(diff.patch.filter(|patch| !patch.is_empty()));
            // What was added and then modified is still new.
            change.status = match (change.status.take().as_deref(), diff.status.as_deref()) {
                (Some("added"), Some("modified")) => Some("added".into()),
                (_, Some(status)) => Some(status.into()),
                (before, None) => before.map(String::from),
            };
        }
    }
}

/// What the model of a conversation noted down to do.
pub fn todos(context: &Context, word: &str, id: Option<&str>) -> Result<TodoList> {
    let server = Server::open(context, word)?;
    let place = find::given_or_latest(&server, id)?;
    let found = server.client.todos(&place.id, &place.directory);
    let found = found.map_err(|failure| find::gone(&server, &place, failure))?;
    let entries = found.into_iter().map(|one| (one.content, one.status, one.priority)).collect();
    Ok(TodoList { session: server.record.id, conversation: place.id, entries })
}
