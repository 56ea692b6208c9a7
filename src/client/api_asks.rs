//! The routes of asks, agents and configuration.

use serde_json::{Value, json};

use super::http::{Answer, Client, escape};
use super::wire_asks::*;
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

    /// Refuses to answer a question.
    pub fn reject_question(&self, id: &str, directory: &str) -> Answer<()> {
        let route = format!("/question/{}/reject", escape(id));
        self.post_accepted(&route, &[("directory", directory)], &json!({}), REQUEST_LIMIT)
    }
}
