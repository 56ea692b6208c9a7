//! The routes that occtl uses, one method each. Every call about a conversation carries its
//! directory, because the server answers for one directory at a time.

use std::time::Duration;

use serde_json::{Value, json};

use super::http::{Answer, Client, escape};
use super::wire::*;
use crate::units::REQUEST_LIMIT;

/// What the conversations of a directory are doing.
pub(super) const ACTIVITIES: &str = "/session/status";

impl Client {
    /// Whether an OpenCode server is there, and which.
    pub fn health(&self, limit: Duration) -> Answer<Health> {
        self.get("/global/health", &[], limit)
    }

    /// The directories that the server itself works in.
    pub fn own_paths(&self, limit: Duration) -> Answer<Paths> {
        self.get("/path", &[], limit)
    }

    /// The cheapest question that an instance answers with JSON (20 ms where it is cold).
    pub fn paths(&self, directory: &str, limit: Duration) -> Answer<Paths> {
        self.get("/path", &[("directory", directory)], limit)
    }

    /// What the conversations of a directory are doing; idle ones are absent.
    pub fn activities(&self, directory: &str, limit: Duration) -> Answer<Activities> {
        self.get(ACTIVITIES, &[("directory", directory)], limit)
    }

    /// The pending permission requests of a directory.
    pub fn permissions(&self, directory: &str, limit: Duration) -> Answer<Vec<Permission>> {
        self.get("/permission", &[("directory", directory)], limit)
    }

    /// The pending questions of a directory.
    pub fn questions(&self, directory: &str, limit: Duration) -> Answer<Vec<Question>> {
        self.get("/question", &[("directory", directory)], limit)
    }

    /// One conversation, wherever it is.
    pub fn conversation(&self, id: &str, directory: &str) -> Answer<Conversation> {
        self.get(&format!("/session/{}", escape(id)), &[("directory", directory)], REQUEST_LIMIT)
    }

    /// Opens a conversation.
    pub fn create(&self, directory: &str, new: &NewConversation) -> Answer<Conversation> {
        self.post("/session", &[("directory", directory)], new, REQUEST_LIMIT)
    }

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

    /// The sub-agents' conversations directly below one.
    pub fn children(
        &self,
        conversation: &str,
        directory: &str,
        limit: Duration,
    ) -> Answer<Vec<Conversation>> {
        let route = format!("/session/{}/children", escape(conversation));
        self.get(&route, &[("directory", directory)], limit)
    }

    /// The files that one turn changed.
    pub fn diff(
        &self,
        conversation: &str,
        directory: &str,
        turn: &str,
        limit: Duration,
    ) -> Answer<Vec<FilePatch>> {
        let route = format!("/session/{}/diff", escape(conversation));
        self.get(&route, &[("directory", directory), ("messageID", turn)], limit)
    }

    /// Ends whatever the conversation is doing and drops its queue.
    pub fn abort(&self, conversation: &str, directory: &str, limit: Duration) -> Answer<()> {
        let route = format!("/session/{}/abort", escape(conversation));
        self.post_accepted(&route, &[("directory", directory)], &json!({}), limit)
    }
}
