//! Agents, providers and models as the server sends them.

use serde::Deserialize;
use serde_json::Value;

use super::{CacheTokens, Rule, lenient, those_that_fit};

/// `GET /agent`: one agent with everything resolved.
#[derive(Clone, Debug, Deserialize)]
pub struct Agent {
    /// For example `build`.
    pub name: String,
    /// `primary`, `subagent` or `all`.
    #[serde(default, deserialize_with = "lenient")]
    pub mode: Option<String>,
    /// What it is for.
    #[serde(default, deserialize_with = "lenient")]
    pub description: Option<String>,
    /// Whether it is part of OpenCode.
    #[serde(default, deserialize_with = "lenient")]
    pub native: Option<bool>,
    /// Whether the server uses it internally and does not list it for users.
    #[serde(default, deserialize_with = "lenient")]
    pub hidden: Option<bool>,
    /// The model that it always uses.
    #[serde(default, deserialize_with = "lenient")]
    pub model: Option<AgentModel>,
    /// The step in which it tells the model to end with a text.
    #[serde(default, deserialize_with = "lenient")]
    pub steps: Option<f64>,
    /// Its rules in order. The last rule that matches decides.
    #[serde(default, deserialize_with = "those_that_fit")]
    pub permission: Vec<Rule>,
}

/// `GET /command`: a prompt that the server makes from a template.
#[derive(Clone, Debug, Deserialize)]
pub struct OwnCommand {
    /// For example `review`.
    pub name: String,
    /// What it is for.
    #[serde(default, deserialize_with = "lenient")]
    pub description: Option<String>,
    /// Where it comes from: `command` for OpenCode and its configuration, `mcp` or `skill`.
    #[serde(default, deserialize_with = "lenient")]
    pub source: Option<String>,
    /// The agent that it always uses.
    #[serde(default, deserialize_with = "lenient")]
    pub agent: Option<String>,
    /// The model that it always uses, as `provider/model`.
    #[serde(default, deserialize_with = "lenient")]
    pub model: Option<String>,
    /// Whether a sub-agent does its work; by default if the agent is one.
    #[serde(default, deserialize_with = "lenient")]
    pub subtask: Option<bool>,
    /// The prompt, in which arguments and the output of shell lines are put.
    #[serde(default, deserialize_with = "lenient")]
    pub template: Option<String>,
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

/// `GET /mcp`: one MCP server.
#[derive(Clone, Debug, Deserialize)]
pub struct McpServer {
    /// `connected`, `disabled`, `failed`, `needs_auth` or another state without its tools.
    #[serde(default, deserialize_with = "lenient")]
    pub status: String,
    /// Why it failed.
    #[serde(default, deserialize_with = "lenient")]
    pub error: Option<String>,
}

impl McpServer {
    /// Whether its tools are missing although the configuration wants them.
    pub fn is_missing(&self) -> bool {
        !["connected", "disabled", ""].contains(&&*self.status)
    }
}

/// `GET /config/providers`.
#[derive(Clone, Debug, Deserialize)]
pub struct Providers {
    /// The providers that have a key or need none.
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

/// The fields of a model that occtl shows.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Model {
    /// The display name.
    #[serde(default, deserialize_with = "lenient")]
    pub name: Option<String>,
    /// `active`, `beta`, `deprecated`, …
    #[serde(default, deserialize_with = "lenient")]
    pub status: Option<String>,
    /// Prices.
    #[serde(default, deserialize_with = "lenient")]
    pub cost: Cost,
    /// Sizes.
    #[serde(default, deserialize_with = "lenient")]
    pub limit: Limit,
    /// Variants by name.
    #[serde(default, deserialize_with = "lenient")]
    pub variants: serde_json::Map<String, Value>,
}

/// What a model costs, in US dollars.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Cost {
    /// For a million tokens read.
    #[serde(default, deserialize_with = "lenient")]
    pub input: Option<f64>,
    /// For a million tokens written.
    #[serde(default, deserialize_with = "lenient")]
    pub output: Option<f64>,
    /// For a million tokens of the provider's cache.
    #[serde(default, deserialize_with = "lenient")]
    pub cache: CacheTokens,
}

/// How many tokens a model takes.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Limit {
    /// Prompt and answer together.
    #[serde(default, deserialize_with = "lenient")]
    pub context: Option<f64>,
    /// One answer.
    #[serde(default, deserialize_with = "lenient")]
    pub output: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_cannot_be_read_are_left_out() {
        let text =
            r#"{"name":"x","permission":[7,{"permission":"bash","action":"ask"},{}],"model":3}"#;
        let agent: Agent = serde_json::from_str(text).unwrap();
        assert_eq!(agent.permission.len(), 1);
        assert!(agent.model.is_none());
    }
}
