//! The routes of messages: sends prompts and reads what is there.

use std::ops::ControlFlow;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::http::{Answer, Client, escape};
use super::wire::{Message, Prompt};
use crate::units::REQUEST_LIMIT;

/// How long one read of a long answer may take. A server reads all of a conversation before it sends the
/// first byte of it.
pub const LONG_READ: Duration = Duration::from_secs(120);

/// Which messages of a conversation are wanted.
#[derive(Clone, Copy, Debug)]
pub enum Page<'a> {
    /// All of them.
    All,
    /// The newest so many.
    Newest(usize),
    /// So many before a cursor.
    Before(usize, &'a str),
}

impl Client {
    /// Hands over a prompt; the server answers before the model does.
    pub fn prompt(&self, conversation: &str, directory: &str, prompt: &Prompt) -> Answer<()> {
        let route = format!("/session/{}/prompt_async", escape(conversation));
        self.post_accepted(&route, &[("directory", directory)], prompt, REQUEST_LIMIT)
    }

    /// The newest `limit` messages, oldest first, and where the older ones start.
    pub fn messages(
        &self,
        conversation: &str,
        directory: &str,
        limit: usize,
        before: Option<&str>,
        time: Duration,
    ) -> Answer<(Vec<Message>, Option<String>)> {
        let route = format!("/session/{}/message", escape(conversation));
        let limit = limit.to_string();
        let mut query = vec![("directory", directory), ("limit", limit.as_str())];
        query.extend(before.map(|cursor| ("before", cursor)));
        self.get_page(&route, &query, time)
    }

    /// Hands over messages, oldest first, and gives where the older ones start. `limit` is for each read.
    ///
    /// Servers before 1.2 have no cursors and give none even where there are older ones.
    pub fn each_message<T: DeserializeOwned>(
        &self,
        conversation: &str,
        directory: &str,
        page: Page,
        limit: Duration,
        take: &mut dyn FnMut(T) -> ControlFlow<()>,
    ) -> Answer<Option<String>> {
        let route = format!("/session/{}/message", escape(conversation));
        let mut query = vec![("directory", directory)];
        let count = match page {
            Page::All => None,
            Page::Newest(count) | Page::Before(count, _) => Some(count.to_string()),
        };
        query.extend(count.as_deref().map(|count| ("limit", count)));
        if let Page::Before(_, cursor) = page {
            query.push(("before", cursor));
        }
        self.each(&route, &query, limit, take)
    }

    /// One message, as much of it as is wanted.
    pub fn message<T: DeserializeOwned>(
        &self,
        conversation: &str,
        directory: &str,
        id: &str,
        limit: Duration,
    ) -> Answer<T> {
        let route = format!("/session/{}/message/{}", escape(conversation), escape(id));
        self.get(&route, &[("directory", directory)], limit)
    }

    /// One message exactly as the server has it.
    pub fn raw_message(
        &self,
        conversation: &str,
        directory: &str,
        id: &str,
        limit: Duration,
    ) -> Answer<Value> {
        let route = format!("/session/{}/message/{}", escape(conversation), escape(id));
        self.get(&route, &[("directory", directory)], limit)
    }
}
