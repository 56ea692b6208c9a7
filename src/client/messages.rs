//! The routes of messages: sends prompts and reads what is there.

use std::ops::ControlFlow;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::failure::Answer;
use super::http::{Client, Limit, escape};
use super::wire::{Message, Prompt};
use crate::units::REQUEST_LIMIT;

/// How long one read of a long answer may take. A server reads the whole conversation before it
/// sends the first byte.
pub const LONG_READ: Duration = Duration::from_secs(120);

/// Which messages of a conversation are wanted.
#[derive(Clone, Copy, Debug)]
pub enum Page<'a> {
    /// All of them.
    All,
    /// The newest ones, that many.
    Newest(usize),
    /// The ones before a cursor, that many.
    Before(usize, &'a str),
}

impl Client {
    /// Sends a prompt. The server answers before the model does.
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
        let exchange = self.send("GET", &route, &query, None, Limit::Whole(time))?;
        let cursor = exchange.cursor();
        Ok((exchange.json()?, cursor))
    }

    /// Passes messages to `take`, oldest first, and returns where the older ones start. `limit`
    /// applies to each read.
    ///
    /// Servers before 1.2 have no cursors and return none even if there are older messages.
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

    /// One message, decoded as `T`, which names the wanted fields.
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
