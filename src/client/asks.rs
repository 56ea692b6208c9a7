//! The routes of asks: which of them wait for an answer, and how they are answered.

use serde_json::json;

use super::failure::Answer;
use super::http::{Client, escape};
use super::limit::Limit;
use super::wire::{Permission, Question, Reply};

impl Client {
    /// The pending permission requests of a directory.
    pub fn permissions(&self, directory: &str, limit: impl Into<Limit>) -> Answer<Vec<Permission>> {
        self.get("/permission", &[("directory", directory)], limit.into())
    }

    /// The pending questions of a directory.
    pub fn questions(&self, directory: &str, limit: impl Into<Limit>) -> Answer<Vec<Question>> {
        self.get("/question", &[("directory", directory)], limit.into())
    }

    /// Answers a permission request. A success proves little, because old servers report it for
    /// unknown requests too.
    pub fn reply_permission(&self, id: &str, directory: &str, reply: &Reply) -> Answer<()> {
        let route = format!("/permission/{}/reply", escape(id));
        let mut body = json!({"reply": reply.name()});
        if let Reply::Reject(Some(message)) = reply {
            body["message"] = message.as_str().into();
        }
        self.post_accepted(&route, &[("directory", directory)], &body, Limit::Change)
    }

    /// Answers a question: one list of labels for each question of the ask.
    pub fn reply_question(&self, id: &str, directory: &str, answers: &[Vec<String>]) -> Answer<()> {
        let route = format!("/question/{}/reply", escape(id));
        let body = json!({"answers": answers});
        self.post_accepted(&route, &[("directory", directory)], &body, Limit::Change)
    }

    /// Refuses to answer a question.
    pub fn reject_question(&self, id: &str, directory: &str) -> Answer<()> {
        let route = format!("/question/{}/reject", escape(id));
        self.post_accepted(&route, &[("directory", directory)], &json!({}), Limit::Change)
    }
}
