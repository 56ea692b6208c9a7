//! Agents, asks and configuration as the server sends them.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::wire::lenient;

/// `GET /agent`: one agent with everything resolved.
#[derive(Clone, Debug, Deserialize)]
pub struct Agent {
    /// For example `build`.
    pub name: String,
    /// Whether it is for the server's own use.
    #[serde(default, deserialize_with = "lenient")]
    pub hidden: Option<bool>,
    /// The model that it insists on.
    #[serde(default, deserialize_with = "lenient")]
    pub model: Option<AgentModel>,
}

/// The model of an agent.
#[derive(Clone, Debug, Deserialize)]
pub struct AgentModel {
    /// The provider.
    #[serde(rename = "providerID")]
    pub provider: String,
    /// The model.
    #[serde(rename = "modelID")]
    pub model: String,
}

/// `GET /config/providers`.
#[derive(Clone, Debug, Deserialize)]
pub struct Providers {
    /// Those that have a key or need none.
    #[serde(default, deserialize_with = "those_that_fit")]
    pub providers: Vec<Provider>,
}

/// One provider.
#[derive(Clone, Debug, Deserialize)]
pub struct Provider {
    /// For example `anthropic`.
    pub id: String,
    /// Its models by id.
    #[serde(default, deserialize_with = "lenient")]
    pub models: std::collections::BTreeMap<String, Value>,
}

/// The few fields of a model that are shown.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Model {
    /// Variants by name.
    #[serde(default, deserialize_with = "lenient")]
    pub variants: serde_json::Map<String, Value>,
}

/// A list of which only those entries are taken that can be read.
pub fn those_that_fit<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    input: D,
) -> Result<Vec<T>, D::Error> {
    let entries = match Value::deserialize(input)? {
        Value::Array(entries) => entries,
        _ => Vec::new(),
    };
    Ok(entries.into_iter().filter_map(|entry| serde_json::from_value(entry).ok()).collect())
}
