//! Permission requests, questions, and the rules that decide about permissions.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{id, lenient, those_that_fit};

/// A pending permission request.
#[derive(Clone, Debug, Deserialize)]
#[serde(from = "PermissionFields")]
pub struct Permission {
    /// `per_…`.
    pub id: String,
    /// The conversation whose tool wants it.
    pub conversation: String,
    /// The call that wants it.
    pub tool: AskingCall,
    /// For example `bash`, `edit`.
    pub permission: String,
    /// What the tool wants to do, for example its commands.
    pub patterns: Vec<String>,
}

/// A permission request with the names that older and newer servers give its fields. One that has
/// both counts by the newer: an alias would make the whole list unreadable.
#[derive(Deserialize)]
struct PermissionFields {
    #[serde(deserialize_with = "id")]
    id: String,
    #[serde(default, rename = "sessionID", deserialize_with = "lenient")]
    conversation: String,
    #[serde(default, deserialize_with = "lenient")]
    tool: AskingCall,
    #[serde(default, deserialize_with = "lenient")]
    permission: String,
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    old_permission: String,
    #[serde(default, deserialize_with = "one_or_many")]
    patterns: Vec<String>,
    #[serde(default, rename = "pattern", deserialize_with = "one_or_many")]
    old_patterns: Vec<String>,
}

impl From<PermissionFields> for Permission {
    fn from(fields: PermissionFields) -> Permission {
        let is_old = fields.permission.is_empty();
        let permission = if is_old { fields.old_permission } else { fields.permission };
        let no_patterns = fields.patterns.is_empty();
        let patterns = if no_patterns { fields.old_patterns } else { fields.patterns };
        let PermissionFields { id, conversation, tool, .. } = fields;
        Permission { id, conversation, tool, permission, patterns }
    }
}

/// The call of a tool that waits for the reply to an ask.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct AskingCall {
    /// The answer that the call is part of, `msg_…`.
    #[serde(default, rename = "messageID", deserialize_with = "lenient")]
    pub message: Option<String>,
}

/// What permission requests and questions have in common.
pub trait Ask {
    /// The conversation that asks.
    fn conversation(&self) -> &str;
    /// The answer in which it asks, `msg_…`; `None` if the server does not tell.
    fn message(&self) -> Option<&str>;
}

impl Ask for Permission {
    fn conversation(&self) -> &str {
        &self.conversation
    }

    fn message(&self) -> Option<&str> {
        self.tool.message.as_deref()
    }
}

impl Ask for Question {
    fn conversation(&self) -> &str {
        &self.conversation
    }

    fn message(&self) -> Option<&str> {
        self.tool.message.as_deref()
    }
}

/// A pending ask of the model. It may hold several questions.
#[derive(Clone, Debug, Deserialize)]
pub struct Question {
    /// `que_…`.
    #[serde(deserialize_with = "id")]
    pub id: String,
    /// The conversation whose model asks.
    #[serde(default, rename = "sessionID", deserialize_with = "lenient")]
    pub conversation: String,
    /// The call with which it asks.
    #[serde(default, deserialize_with = "lenient")]
    pub tool: AskingCall,
    /// In the order in which they must be answered.
    #[serde(default, deserialize_with = "those_that_fit")]
    pub questions: Vec<QuestionText>,
}

/// One question.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct QuestionText {
    /// The whole question.
    #[serde(default, deserialize_with = "lenient")]
    pub question: String,
    /// A short title.
    #[serde(default, deserialize_with = "lenient")]
    pub header: String,
    /// The options to choose from.
    #[serde(default, deserialize_with = "those_that_fit")]
    pub options: Vec<QuestionOption>,
    /// Whether more than one may be chosen.
    #[serde(default, deserialize_with = "lenient")]
    pub multiple: Option<bool>,
    /// Whether the answer may be free text. OpenCode's default is yes.
    #[serde(default, deserialize_with = "lenient")]
    pub custom: Option<bool>,
}

/// One option of a question.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct QuestionOption {
    /// The answer that is sent if this option is chosen.
    #[serde(default, deserialize_with = "lenient")]
    pub label: String,
    /// What it means.
    #[serde(default, deserialize_with = "lenient")]
    pub description: String,
}

/// An answer to a permission request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Allows it this time.
    Once,
    /// Allows it and every request like it, for as long as the server lives.
    Always,
    /// Refuses it. With a message the model goes on and reads it; without one the turn ends.
    Reject(Option<String>),
}

impl Reply {
    /// The server's word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Reply::Once => "once",
            Reply::Always => "always",
            Reply::Reject(_) => "reject",
        }
    }

    /// The reply that the server's word means.
    pub fn named(word: &str) -> Option<Reply> {
        match word {
            "once" => Some(Reply::Once),
            "always" => Some(Reply::Always),
            "reject" => Some(Reply::Reject(None)),
            _ => None,
        }
    }
}

/// Old servers send a single pattern as a string.
fn one_or_many<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
    Ok(match Value::deserialize(input)? {
        Value::String(one) => vec![one],
        Value::Array(many) => {
            many.into_iter().filter_map(|value| value.as_str().map(String::from)).collect()
        }
        _ => Vec::new(),
    })
}

/// One rule of a permission list. The last rule that matches decides.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Rule {
    /// For example `bash`; a wildcard pattern.
    pub permission: String,
    /// A wildcard pattern for what the tool wants to do.
    #[serde(default)]
    pub pattern: String,
    /// `allow`, `deny` or `ask`.
    pub action: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_that_are_no_list_are_none() {
        let ask: Question = serde_json::from_str(r#"{"id":"que_1","questions":{"a":1}}"#).unwrap();
        assert!(ask.questions.is_empty());
    }

    #[test]
    fn old_and_new_names_of_a_permission_request() {
        let old = r#"{"id":"per_1","type":"bash","pattern":"ls"}"#;
        let new = r#"{"id":"per_1","permission":"bash","patterns":["ls"]}"#;
        let both =
            r#"{"id":"per_1","type":"x","pattern":"y","permission":"bash","patterns":["ls"]}"#;
        for text in [old, new, both] {
            let ask: Permission = serde_json::from_str(text).unwrap();
            assert_eq!((ask.permission.as_str(), ask.patterns), ("bash", vec!["ls".to_string()]));
        }
    }
}
