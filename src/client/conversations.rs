//! The routes of whole conversations. Each call carries the directory of the conversation, because
//! the server answers for one directory at a time.

use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::time::Duration;

use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::failure::{Answer, Cause};
use super::http::{Client, escape};
use super::limit::Limit;
use super::wire::{
    Activities, Conversation, FilePatch, NewConversation, OpenedConversation, OwnRules, Todo,
};

/// What the conversations of a directory are doing.
pub(super) const ACTIVITIES: &str = "/session/status";
/// More than any directory has. Without a limit servers return 100, and with 0 some return none.
const ALL: usize = 10_000_000;

impl Client {
    /// Opens a conversation.
    pub fn create(&self, directory: &str, new: &NewConversation) -> Answer<OpenedConversation> {
        self.submit("POST", "/session", &[("directory", directory)], new, Limit::Change)
    }

    /// One conversation, decoded as `T`, which names the wanted fields. The server finds it in any
    /// directory.
    pub fn conversation<T: DeserializeOwned>(&self, id: &str, directory: &str) -> Answer<T> {
        self.get(&format!("/session/{}", escape(id)), &[("directory", directory)], Limit::Ordinary)
    }

    /// One conversation as the server sends it.
    pub fn raw_conversation(&self, id: &str, directory: &str) -> Answer<Box<RawValue>> {
        let route = format!("/session/{}", escape(id));
        let query = [("directory", directory)];
        let exchange = self.send("GET", &route, &query, None, Limit::Ordinary)?.of_any_size();
        exchange.decode(PhantomData, true)
    }

    /// Passes the conversations of a directory to `take`, including those of sub-agents. The order
    /// differs between versions: some sort by creation, others by the last change.
    pub fn each_conversation(
        &self,
        directory: &str,
        take: &mut dyn FnMut(Conversation),
    ) -> Answer<()> {
        self.each_newest(directory, ALL, take)
    }

    /// The same for at most `count` of them: those that come first in that order.
    pub fn each_newest(
        &self,
        directory: &str,
        count: usize,
        take: &mut dyn FnMut(Conversation),
    ) -> Answer<()> {
        self.list(&[("directory", directory), ("limit", &count.to_string())], directory, take)
    }

    /// The same for root conversations, optionally at most `count` of them. Some versions include
    /// other conversations too.
    pub fn each_root(
        &self,
        directory: &str,
        count: Option<usize>,
        take: &mut dyn FnMut(Conversation),
    ) -> Answer<()> {
        let count = count.unwrap_or(ALL).to_string();
        let query = [("directory", directory), ("roots", "true"), ("limit", &count)];
        self.list(&query, directory, take)
    }

    fn list(
        &self,
        query: &[(&str, &str)],
        directory: &str,
        take: &mut dyn FnMut(Conversation),
    ) -> Answer<()> {
        // Versions differ in the filters that they know, so the filter is applied again here.
        let mut take = |one: Conversation| {
            if one.directory.as_deref().is_none_or(|place| place == directory) {
                take(one);
            }
            ControlFlow::Continue(())
        };
        self.each("/session", query, Limit::Ordinary, &mut take).map(drop)
    }

    /// Conversations of all projects that changed since a moment (milliseconds since 1970). Servers
    /// without that route (1.1) list those of the server's own project, which includes every
    /// directory that is not in a git repository.
    pub fn changed_since(&self, since_ms: i64) -> Answer<Vec<Conversation>> {
        let (count, since) = (ALL.to_string(), since_ms.to_string());
        // Without a directory these routes list the conversations of all directories.
        let query = [("limit", count.as_str()), ("start", since.as_str())];
        match self.get("/experimental/session", &query, Limit::Ordinary) {
            Ok(found) => Ok(found),
            Err(failure) if matches!(failure.cause, Cause::Silent | Cause::Refused) => Err(failure),
            Err(_) => self.get("/session", &query, Limit::Ordinary),
        }
    }

    /// The conversations of the sub-agents that this conversation started itself.
    pub fn children(
        &self,
        conversation: &str,
        directory: &str,
        limit: impl Into<Limit>,
    ) -> Answer<Vec<Conversation>> {
        let route = format!("/session/{}/children", escape(conversation));
        self.get(&route, &[("directory", directory)], limit.into())
    }

    /// What the conversations of a directory are doing. Idle ones are absent.
    pub fn activities(&self, directory: &str, limit: impl Into<Limit>) -> Answer<Activities> {
        self.get(ACTIVITIES, &[("directory", directory)], limit.into())
    }

    /// Ends what the conversation is doing and drops its queue of prompts.
    pub fn abort(&self, conversation: &str, directory: &str, limit: Duration) -> Answer<()> {
        let route = format!("/session/{}/abort", escape(conversation));
        self.post_accepted(&route, &[("directory", directory)], &json!({}), Limit::Whole(limit))
    }

    /// Copies a conversation, up to but not including the message `before`. The server does not
    /// treat an unknown message as an error: it then copies everything.
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
        self.submit("POST", &route, &[("directory", directory)], &Body { before }, Limit::Long)
    }

    /// Appends rules to a conversation's own. 1.1.11 to 1.3.2 answer 200 and change nothing;
    /// 1.14.34 and newer ones append. Nothing takes a rule back.
    pub fn append_rules(
        &self,
        conversation: &str,
        directory: &str,
        rules: &OwnRules,
    ) -> Answer<OwnRules> {
        let route = format!("/session/{}", escape(conversation));
        self.submit("PATCH", &route, &[("directory", directory)], rules, Limit::Change)
    }

    /// Gives a conversation another title.
    pub fn rename(&self, conversation: &str, directory: &str, title: &str) -> Answer<Conversation> {
        let route = format!("/session/{}", escape(conversation));
        let body = json!({"title": title});
        self.submit("PATCH", &route, &[("directory", directory)], &body, Limit::Change)
    }

    /// Takes back a message and all after it, with what they did to files. The server passes over
    /// a message that it does not know, and answers 409 while the conversation is busy.
    pub fn revert(
        &self,
        conversation: &str,
        directory: &str,
        message: &str,
    ) -> Answer<Conversation> {
        self.change(conversation, directory, "revert", &json!({"messageID": message}))
    }

    /// Brings back what was taken back.
    pub fn unrevert(&self, conversation: &str, directory: &str) -> Answer<Conversation> {
        self.change(conversation, directory, "unrevert", &json!({}))
    }

    /// Publishes a conversation. Where that is disabled the server answers 500.
    pub fn share(&self, conversation: &str, directory: &str) -> Answer<Conversation> {
        self.change(conversation, directory, "share", &json!({}))
    }

    /// Takes a conversation off again.
    pub fn unshare(&self, conversation: &str, directory: &str) -> Answer<()> {
        let route = format!("/session/{}/share", escape(conversation));
        let query = [("directory", directory)];
        let exchange = self.send("DELETE", &route, &query, None, Limit::Change)?;
        exchange.json::<IgnoredAny>().map(drop)
    }

    fn change(
        &self,
        conversation: &str,
        directory: &str,
        what: &str,
        body: &Value,
    ) -> Answer<Conversation> {
        let route = format!("/session/{}/{what}", escape(conversation));
        self.submit("POST", &route, &[("directory", directory)], body, Limit::Long)
    }

    /// Deletes a conversation and those of its sub-agents. Servers before 1.2 answer `true` for an
    /// unknown conversation too.
    pub fn delete(&self, conversation: &str, directory: &str) -> Answer<()> {
        let route = format!("/session/{}", escape(conversation));
        let query = [("directory", directory)];
        let exchange = self.send("DELETE", &route, &query, None, Limit::Change)?;
        exchange.json::<IgnoredAny>().map(drop)
    }

    /// The files that a turn changed, or the whole conversation. Servers newer than 1.14 answer
    /// with an empty list if no turn is given.
    pub fn diff(
        &self,
        conversation: &str,
        directory: &str,
        turn: Option<&str>,
        limit: impl Into<Limit>,
    ) -> Answer<Vec<FilePatch>> {
        let route = format!("/session/{}/diff", escape(conversation));
        let mut query = vec![("directory", directory)];
        query.extend(turn.map(|turn| ("messageID", turn)));
        self.send("GET", &route, &query, None, limit.into())?.of_any_size().json()
    }

    /// The to-do list that the model keeps.
    pub fn todos(&self, conversation: &str, directory: &str) -> Answer<Vec<Todo>> {
        let route = format!("/session/{}/todo", escape(conversation));
        self.get(&route, &[("directory", directory)], Limit::Ordinary)
    }
}
