//! The record of one turn: what really happened to one prompt.

use serde::Serialize;

use super::used::Tokens;
use crate::client::wire::Reply;
use crate::client::wire::{Info, Rule, TurnError};
use crate::error::Code;

/// One turn. Serialised as it stands for `--json`; every field is described in `docs/json.md`.
#[derive(Clone, Debug, Serialize)]
pub struct TurnRecord {
    /// `oc-…`.
    pub session: String,
    /// `ses_…`.
    pub conversation: String,
    /// `msg_…`: the id of the prompt.
    pub turn: String,
    /// How it ended.
    #[serde(serialize_with = "outcome_name")]
    pub outcome: Outcome,
    /// The text of all steps, in order.
    pub text: String,
    /// The text of the last step that has some.
    pub answer: String,
    /// The answer to a prompt with a schema.
    pub structured: Option<serde_json::Value>,
    /// Why it failed.
    pub error: Option<Failed>,
    /// The model that was really used.
    pub model: Option<UsedModel>,
    /// The agent that was really used.
    pub agent: Option<String>,
    /// How often a model was called, sub-agents included.
    pub steps: u64,
    /// The agent's own limit of steps, if the turn reached it.
    pub step_limit_of_agent: Option<u64>,
    /// Every tool call, those of sub-agents included.
    pub tools: Vec<Tool>,
    /// Permissions and answers that the turn wanted.
    pub asks: Vec<Ask>,
    /// Files that it changed; `null` if the server did not say.
    pub files: Option<Vec<FileChange>>,
    /// Tokens, those of sub-agents included.
    pub tokens: Tokens,
    /// US dollars, those of sub-agents included; `null` unless the cost of every step is known.
    pub cost_usd: Option<f64>,
    /// The same, as far as it is known; `null` if it is known of no step.
    pub cost_known_usd: Option<f64>,
    /// The flags of limits that could not be enforced.
    pub limits_unenforceable: Vec<&'static str>,
    /// The MCP servers whose tools the turn missed; `null` if the server was not asked or did not
    /// say.
    pub mcp_failed: Option<Vec<McpFailure>>,
    /// When the prompt was sent, in RFC 3339 and UTC.
    pub started_at: String,
    /// From the prompt to the first text.
    pub first_token_ms: Option<u64>,
    /// From the prompt to the end.
    pub total_ms: u64,
    /// How much of that was waiting for the provider to be tried again.
    pub retry_wait_ms: u64,
    /// How often the provider was tried again.
    pub provider_retries: u64,
    /// Why the provider was waited for when a limit ended the turn; `null` if it was not.
    pub retrying: Option<String>,
    /// Why the server could not be asked at that moment; `null` if it could.
    pub trouble: Option<String>,
    /// The sub-agents' conversations.
    pub children: Vec<String>,
    /// The server's version.
    pub opencode_version: Option<String>,
    /// The conversation's own rules, in their order; `null` if they are not known.
    pub rules: Option<Vec<HeldRule>>,
    /// What held for what no rule names: `config`, `ask` or `deny`; `null` if the prompt was not
    /// ours.
    pub unlisted: Option<&'static str>,
}

/// A rule of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldRule {
    /// The rule.
    #[serde(flatten)]
    pub rule: Rule,
    /// What gave it: a flag, `agent NAME`, `occtl` for the rules against itself; `null` if the
    /// conversation had it before.
    pub by: Option<String>,
}

/// `ok`, or why not: the exit code's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The model finished and answered.
    Ok,
    /// It did not.
    Not(Code),
}

impl Outcome {
    /// The name in the table of exit codes.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Not(code) => code.name(),
        }
    }
}

fn outcome_name<S: serde::Serializer>(outcome: &Outcome, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(outcome.name())
}

/// Why a turn failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failed {
    /// The server's name for it, for example `APIError`, or one of ours: `Superseded`,
    /// `NotStarted`, `Interrupted`, `ServerEnded`.
    pub name: String,
    /// The explanation, where possible in the provider's own words.
    pub message: String,
    /// The status of the provider's HTTP answer; `null` if the server does not say.
    pub status: Option<u16>,
    /// The provider and model that it is about, as `provider/model`. Results name them elsewhere.
    #[serde(skip)]
    pub model: Option<String>,
}

impl Failed {
    /// A failure with its name and its explanation.
    pub fn new(name: &str, message: impl Into<String>) -> Failed {
        Failed { name: name.into(), message: message.into(), status: None, model: None }
    }

    /// What the server says of a failure.
    pub fn of(error: &TurnError) -> Failed {
        let status = error.data.status.map(|status| status as u16);
        Failed { status, ..Failed::new(&error.name, error.text()) }
    }

    /// The same about the model of an answer.
    pub fn about(self, info: &Info) -> Failed {
        let name = info.provider.as_ref().zip(info.model.as_ref());
        Failed { model: name.map(|(provider, model)| format!("{provider}/{model}")), ..self }
    }

    /// Name, model and explanation, for people.
    pub fn shown(&self) -> String {
        let Failed { name, message, model, .. } = self;
        let of_model = model.as_ref().map(|model| format!(" from {model}")).unwrap_or_default();
        let begins = message.get(..name.len()).is_some_and(|text| text.eq_ignore_ascii_case(name));
        if name == message {
            format!("{name}{of_model}")
        } else if message.contains(name.as_str()) || begins {
            message.clone()
        } else {
            format!("{name}{of_model}: {message}")
        }
    }
}

/// A model as it was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UsedModel {
    /// The provider's id.
    pub provider: String,
    /// The model's id.
    pub id: String,
    /// The variant, if one was named.
    pub variant: Option<String>,
}

/// An MCP server without its tools.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct McpFailure {
    /// Its name in the configuration.
    pub name: String,
    /// For example `failed` or `needs_auth`.
    pub status: String,
    /// Why, as far as the server says.
    pub error: Option<String>,
}

/// One tool call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tool {
    /// For example `bash`.
    pub name: String,
    /// `pending`, `running`, `completed` or `error`.
    pub status: String,
    /// What the tool says that it does.
    pub title: Option<String>,
    /// How long it ran.
    pub duration_ms: Option<u64>,
    /// The conversation in which it was called.
    pub conversation: String,
}

/// One permission or answer that the turn wanted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ask {
    /// `per_…` or `que_…`.
    pub id: String,
    /// What is wanted.
    pub kind: AskKind,
    /// For example `bash`; `None` for a question.
    pub permission: Option<String>,
    /// What the permission is wanted for; empty for a question.
    pub patterns: Vec<String>,
    /// What became of it.
    pub decision: Decision,
    /// The flag or rule that decided. The word `somebody` stands for a reply from elsewhere.
    pub by: Option<String>,
    /// The conversation that wants it: the turn's own, or a sub-agent's.
    pub conversation: String,
}

/// What an ask wants. Serialised as its name in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AskKind {
    /// Permission to use a tool.
    Permission,
    /// An answer to a question of the model.
    Question,
}

/// What became of an ask. Serialised as its name in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// No answer yet.
    Pending,
    /// It was answered elsewhere, and we do not know how.
    Answered,
    /// It was left unanswered and ended the turn.
    Unanswered,
    /// Allowed, this time.
    Once,
    /// Allowed, now and from now on.
    Always,
    /// Refused.
    Reject,
}

impl Decision {
    /// The decision that a reply stands for.
    pub fn of_reply(reply: &Reply) -> Decision {
        match reply {
            Reply::Once => Decision::Once,
            Reply::Always => Decision::Always,
            Reply::Reject(_) => Decision::Reject,
        }
    }

    /// Whether an event may still say it more exactly.
    pub fn is_vague(self) -> bool {
        matches!(self, Decision::Pending | Decision::Answered)
    }
}

/// One changed file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// As the server names it.
    pub path: String,
    /// Lines added.
    pub added: Option<u64>,
    /// Lines removed.
    pub removed: Option<u64>,
}
