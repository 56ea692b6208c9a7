//! The routes of asks, agents and configuration.

use std::time::Duration;

use serde_json::{Value, json};

use super::http::{Answer, Client, escape};
use super::wire::*;
use crate::units::REQUEST_LIMIT;

impl Client {
    /// The agents of a directory with their resolved rules.
    pub fn agents(&self, directory: &str) -> Answer<Vec<Agent>> {
        self.get("/agent", &[("directory", directory)], REQUEST_LIMIT)
    }

    /// The providers and models of a directory.
    pub fn providers(&self, directory: &str) -> Answer<Providers> {
        self.get("/config/providers", &[("directory", directory)], REQUEST_LIMIT)
    }

    /// The resolved configuration of a directory. It holds secrets.
    pub fn configuration(&self, directory: &str) -> Answer<Value> {
        self.get("/config", &[("directory", directory)], REQUEST_LIMIT)
    }

    /// The pending questions of a directory, with what they ask.
    pub fn question_asks(&self, directory: &str, limit: Duration) -> Answer<Vec<QuestionAsk>> {
        self.get("/question", &[("directory", directory)], limit)
    }

    /// Answers a permission request: `once`, `always` or `reject`. A success proves little: old
    /// servers say it of unknown requests as well.
    pub fn reply_permission(
        &self,
        id: &str,
        directory: &str,
        reply: &str,
        message: Option<&str>,
    ) -> Answer<()> {
        let route = format!("/permission/{}/reply", escape(id));
        let mut body = json!({"reply": reply});
        if let Some(message) = message {
            body["message"] = message.into();
        }
        self.post_accepted(&route, &[("directory", directory)], &body, REQUEST_LIMIT)
    }

    /// Answers a question: one list of labels for each question of the ask.
    pub fn reply_question(&self, id: &str, directory: &str, answers: &[Vec<String>]) -> Answer<()> {
        let route = format!("/question/{}/reply", escape(id));
        let body = json!({"answers": answers});
        self.post_accepted(&route, &[("directory", directory)], &body, REQUEST_LIMIT)
    }

    /// Refuses to answer a question.
    pub fn reject_question(&self, id: &str, directory: &str) -> Answer<()> {
        let route = format!("/question/{}/reject", escape(id));
        self.post_accepted(&route, &[("directory", directory)], &json!({}), REQUEST_LIMIT)
    }

    /// Conversations of all projects that changed since a moment (milliseconds since 1970). Servers
    /// without that route (1.1) list those of the server's own project, to which all directories that are
    /// no git repository belong.
    pub fn changed_since(&self, since_ms: i64) -> Answer<Vec<Conversation>> {
        let since = since_ms.to_string();
        // Without a directory these routes speak of all of them.
        let query = [("limit", "10000"), ("start", since.as_str())];
        match self.get("/experimental/session", &query, REQUEST_LIMIT) {
            Ok(found) => Ok(found),
            Err(_) => self.get("/session", &query, REQUEST_LIMIT),
        }
    }
}
