//! Conversations that a user may mean who has typed the beginning of an id: what a shell completes.

use super::find::{CONVERSATION, changed};
use crate::client::wire::Conversation;
use crate::error::Result;
use crate::runner::context::Context;
use crate::runner::session::server::Server;
use crate::sorting;

/// How many of the newest conversations are asked for. A server needs long to write down thousands
/// of them, and a person who has typed nothing looks for one of the last.
const NEWEST: usize = 100;

/// A conversation that may be meant.
#[derive(Clone, Debug)]
pub struct Suggestion {
    /// `ses_…`.
    pub id: String,
    /// Untrusted text.
    pub title: Option<String>,
}

/// The conversations of the session's directory whose ids begin like that, the last changed first.
/// Older ones are among them once more than the beginning of every id is typed. What has come when
/// the command's time is over is all there is.
pub fn suggest(context: &Context, word: &str, beginning: &str) -> Result<Vec<Suggestion>> {
    Server::with(context, word, |server| {
        let (mut seen, mut found) = (0, Found { beginning, fitting: Vec::new() });
        let take = &mut |one| {
            seen += 1;
            found.add(one);
        };
        let mut read = server.client.each_newest(&server.directory, NEWEST, take);
        if read.is_ok() && seen >= NEWEST && beginning.len() > CONVERSATION.len() {
            read = server.client.each_conversation(&server.directory, &mut |one| found.add(one));
        }
        if found.fitting.is_empty() {
            read?;
        }
        Ok(found.sorted())
    })
}

struct Found<'a> {
    beginning: &'a str,
    /// Each with its last change.
    fitting: Vec<(f64, Suggestion)>,
}

impl Found<'_> {
    fn add(&mut self, one: Conversation) {
        // Only the first list and the second one have some in common.
        let first = self.fitting.iter().take(NEWEST);
        let is_new = |id: &str| !first.clone().any(|(_, known)| known.id == id);
        if one.id.starts_with(self.beginning) && is_new(&one.id) {
            let last = changed(&one);
            self.fitting.push((last, Suggestion { id: one.id, title: one.title }));
        }
    }

    fn sorted(mut self) -> Vec<Suggestion> {
        sorting::sort_by(&mut self.fitting, |(a, _), (b, _)| b.total_cmp(a));
        self.fitting.into_iter().map(|(_, one)| one).collect()
    }
}
