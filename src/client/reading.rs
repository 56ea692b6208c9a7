//! The routes that read and manage conversations. As everywhere, each call carries a directory.

use std::ops::ControlFlow;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::http::{Answer, Client, Limit, escape};
use super::wire::*;
use crate::units::REQUEST_LIMIT;

/// How long one read of a long answer may take. A server reads all of a conversation before it sends the
/// first byte of it.
pub const LONG_READ: Duration = Duration::from_secs(120);
/// As many as there are: without a limit servers give 100, and with 0 some give none.
const ALL: usize = 10_000_000;

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
    /// Hands over the conversations of a directory, sub-agents' too, in an order that differs between
    /// versions: some go by the creation, others by the last change.
    pub fn each_conversation(
        &self,
        directory: &str,
        take: &mut dyn FnMut(Conversation),
    ) -> Answer<()> {
        self.list(&[("directory", directory), ("limit", &ALL.to_string())], directory, take)
    }

    /// The same for root conversations, and perhaps only so many. Some versions give others too.
    pub fn each_root(
        &self,
        directory: &str,
        limit: Option<usize>,
        take: &mut dyn FnMut(Conversation),
    ) -> Answer<()> {
        let limit = limit.unwrap_or(ALL).to_string();
        let query = [("directory", directory), ("roots", "true"), ("limit", &limit)];
        self.list(&query, directory, take)
    }

    fn list(
        &self,
        query: &[(&str, &str)],
        directory: &str,
        take: &mut dyn FnMut(Conversation),
    ) -> Answer<()> {
        // Versions differ in which filters they know, so it is applied again here.
        let mut take = |one: Conversation| {
            if one.directory.as_deref().is_none_or(|place| place == directory) {
                take(one);
            }
            ControlFlow::Continue(())
        };
        self.each("/session", query, REQUEST_LIMIT, &mut take).map(drop)
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

    /// A conversation, as much of it as is wanted.
    pub fn conversation_as<T: DeserializeOwned>(&self, id: &str, directory: &str) -> Answer<T> {
        self.get(&format!("/session/{}", escape(id)), &[("directory", directory)], REQUEST_LIMIT)
    }

    /// Copies a conversation, up to and without a message. An unknown message is no error here: then
    /// everything is copied.
    pub fn fork(
        &self,
        conversation: &str,
        directory: &str,
        before: Option<&str>,
    ) -> Answer<Conversation> {
        #[derive(Serialize)]
        struct Body<'a> {
            #[serde(rename = "messageID", skip_serializing_if = "Option::is_none")]
            before: Option<&'a str>,
        }
        let route = format!("/session/{}/fork", escape(conversation));
        self.post(&route, &[("directory", directory)], &Body { before }, LONG_READ)
    }

    /// Gives a conversation its own rules. Servers before 1.2 pass over them without a word.
    pub fn set_rules(
        &self,
        conversation: &str,
        directory: &str,
        rules: &OwnRules,
    ) -> Answer<OwnRules> {
        let route = format!("/session/{}", escape(conversation));
        self.patch(&route, &[("directory", directory)], rules, REQUEST_LIMIT)
    }

    /// Deletes a conversation and its sub-agents'. Servers before 1.2 say `true` of an unknown one too.
    pub fn delete(&self, conversation: &str, directory: &str) -> Answer<()> {
        let route = format!("/session/{}", escape(conversation));
        let exchange = self.send(
            "DELETE",
            &route,
            &[("directory", directory)],
            None,
            Limit::Whole(REQUEST_LIMIT),
        )?;
        exchange.decode(std::marker::PhantomData::<Value>).map(drop)
    }

    /// What the model noted down to do.
    pub fn todos(&self, conversation: &str, directory: &str) -> Answer<Vec<Todo>> {
        let route = format!("/session/{}/todo", escape(conversation));
        self.get(&route, &[("directory", directory)], REQUEST_LIMIT)
    }

    /// What a whole conversation changed, on servers up to 1.14; newer ones answer with nothing.
    pub fn whole_diff(&self, conversation: &str, directory: &str) -> Answer<Vec<FilePatch>> {
        let route = format!("/session/{}/diff", escape(conversation));
        self.get(&route, &[("directory", directory)], REQUEST_LIMIT)
    }
}
