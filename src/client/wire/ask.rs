//! Permission requests, questions, and the rules that decide about them.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::lenient;

/// A pending permission request.
#[derive(Clone, Debug, Deserialize)]
pub struct Permission {
    /// `per_…`.
    pub id: String,
    /// The conversation whose tool wants it.
    #[serde(default, rename = "sessionID", deserialize_with = "lenient")]
    pub conversation: String,
    /// For example `bash`, `edit`. Older servers call it `type`.
    #[serde(default, alias = "type", deserialize_with = "lenient")]
    pub permission: String,
    /// What it wants to do, for example the commands.
    #[serde(default, alias = "pattern", deserialize_with = "one_or_many")]
    pub patterns: Vec<String>,
}

/// A pending question of the model.
#[derive(Clone, Debug, Deserialize)]
pub struct Question {
    /// `que_…`.
    pub id: String,
    /// The conversation whose model asks.
    #[serde(default, rename = "sessionID", deserialize_with = "lenient")]
    pub conversation: String,
}

/// Old servers send one pattern as a string.
fn one_or_many<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<String>, D::Error> {
    Ok(match Value::deserialize(input)? {
        Value::String(one) => vec![one],
        Value::Array(many) => {
            many.into_iter().filter_map(|value| value.as_str().map(String::from)).collect()
        }
        _ => Vec::new(),
    })
}

/// One rule of a permission list; the last that matches wins.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Rule {
    /// For example `bash`; a wildcard pattern.
    pub permission: String,
    /// A wildcard pattern for what is to be done.
    #[serde(default)]
    pub pattern: String,
    /// `allow`, `deny` or `ask`.
    pub action: String,
}
