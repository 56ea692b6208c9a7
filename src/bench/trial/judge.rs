//! What an agent's end means for its score. Pure.
//!
//! Two axes: `stop` says why the agent ended, and `scored` whether that says something of the agent
//! at all. What the provider or the server did is tried again, and everything else counts.

use serde_json::Value;

use crate::bench::results::line::{LineError, Stop};

/// The share of `wall_s` that may go into waiting for the provider.
const MOST_WAITING: f64 = 0.1;

/// What an agent's end means.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Why it ended.
    pub stop: Stop,
    /// Whether the check decides.
    pub scored: bool,
    /// What went wrong, if anything did.
    pub error: Option<LineError>,
}

/// The documents that the agent's process has left; null for one that is missing.
#[derive(Clone, Debug, Default)]
pub struct Left {
    /// The record of the turn.
    pub turn: Value,
    /// Why there is no turn.
    pub end: Value,
    /// What was used, in all conversations.
    pub usage: Value,
    /// What was known before the prompt.
    pub server: Value,
}

impl Judged {
    fn scored(stop: Stop, error: Option<LineError>) -> Judged {
        Judged { stop, scored: true, error }
    }

    fn unscored(stop: Stop, name: &str, message: &str) -> Judged {
        Judged { stop, scored: false, error: Some(error(name, message)) }
    }
}

/// An error of a result line.
pub fn error(name: &str, message: &str) -> LineError {
    LineError { name: name.into(), message: message.into() }
}

/// Judges what the agent's process has left. `wall_s` is the task's limit.
pub fn judge(left: &Left, wall_s: f64) -> Judged {
    let Left { turn, end, .. } = left;
    if !turn.is_object() {
        return without_turn(end, left.server.is_object());
    }
    let said = Said::of(turn);
    let judged = match turn["outcome"].as_str().unwrap_or_default() {
        "ok" | "empty" => Judged::scored(Stop::Done, None),
        "blocked" => {
            let denied = "a permission was denied, and the agent ended without an answer";
            let message = if said.message.is_empty() { denied } else { said.message };
            return Judged::scored(Stop::Blocked, Some(error("blocked", message)));
        }
        "timeout" => limit(turn, &said, wall_s),
        "turn_failed" => failure(&said),
        "interrupted" => return Judged::unscored(Stop::Interrupted, "interrupted", said.message),
        "aborted" => {
            let message = "the turn was aborted, and not by its limits";
            Judged::unscored(Stop::ServerError, "aborted", message)
        }
        _ => Judged::unscored(Stop::ServerError, &snake(said.name), said.message),
    };
    let is_agents = matches!(
        judged.error.as_ref().map(|error| error.name.as_str()),
        Some("context" | "refusal")
    );
    if judged.scored && !is_agents && did_nothing(left) {
        return nothing(judged);
    }
    judged
}

/// What a record says of its failure.
struct Said<'a> {
    name: &'a str,
    message: &'a str,
    status: Option<u64>,
}

impl Said<'_> {
    fn of(turn: &Value) -> Said<'_> {
        let error = &turn["error"];
        Said {
            name: error["name"].as_str().unwrap_or_default(),
            message: error["message"].as_str().unwrap_or_default(),
            status: error["status"].as_u64(),
        }
    }
}

/// What the lack of a turn means. `started` says whether the server answered.
fn without_turn(end: &Value, started: bool) -> Judged {
    let message = end["message"].as_str();
    let Some(message) = message else {
        let (name, message) = if started {
            ("no_record", "the agent's process ended without a record of its turn")
        } else {
            ("server_start", "the agent's process ended before the server answered")
        };
        return Judged::unscored(Stop::ServerError, name, message);
    };
    if end["code"] == "interrupted" {
        return Judged::unscored(Stop::Interrupted, "interrupted", message);
    }
    if end["phase"] == "start" {
        return Judged::unscored(Stop::ServerError, "server_start", message);
    }
    if end["reason"] == "unknown" {
        return Judged::unscored(Stop::ProviderError, "unknown_model", message);
    }
    Judged::unscored(Stop::ServerError, "prompt", message)
}

/// What a limit means that ended the turn.
fn limit(turn: &Value, said: &Said, wall_s: f64) -> Judged {
    let retrying = turn["retrying"].as_str();
    let trouble = turn["trouble"].as_str();
    let scored = |stop| Judged::scored(stop, Some(error(&snake(said.name), said.message)));
    let provider = |why: &str| {
        let kind = provider_fault(&Said { name: "", message: why, status: None });
        Judged::unscored(Stop::ProviderError, kind, said.message)
    };
    match said.name {
        "WorkingTimeout" => scored(Stop::WorkingLimit),
        "MaxCost" => scored(Stop::CostLimit),
        "MaxSteps" => scored(Stop::StepLimit),
        "MaxRetries" => provider(said.message),
        "StallTimeout" => match (retrying, trouble) {
            (Some(why), _) => provider(why),
            (None, Some(_)) => Judged::unscored(Stop::ServerError, "silent", said.message),
            (None, None) => scored(Stop::Stall),
        },
        _ => {
            let waited = turn["retry_wait_ms"].as_f64().unwrap_or(0.0) / 1000.0;
            match retrying {
                Some(why) => provider(why),
                None if waited > wall_s * MOST_WAITING => provider(said.message),
                None => scored(Stop::WallLimit),
            }
        }
    }
}

/// What the end of a turn by an error means.
fn failure(said: &Said) -> Judged {
    let text = format!("{} {}", said.name, said.message).to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let done = |name| Judged::scored(Stop::Done, Some(error(name, said.message)));
    match said.name {
        "OutputLength" | "MessageOutputLengthError" => done("output_length"),
        "ContentFilter" | "ContentFilterError" => done("refusal"),
        "ContextOverflowError" => done("context"),
        "NotStarted" | "ServerEnded" | "Interrupted" | "Refused" | "Unauthorized"
        | "ConversationGone" | "Superseded" => {
            Judged::unscored(Stop::ServerError, &snake(said.name), said.message)
        }
        _ if says(&CONTEXT) => done("context"),
        _ if says(&REFUSAL) => done("refusal"),
        _ => Judged::unscored(Stop::ProviderError, provider_fault(said), said.message),
    }
}

/// How providers say that a conversation does not fit any more.
const CONTEXT: [&str; 6] = [
    "context_length",
    "context length",
    "context window",
    "prompt is too long",
    "input is too long",
    "maximum number of tokens",
];

/// How they say that they do not want to answer.
const REFUSAL: [&str; 4] = ["content_filter", "content filter", "content_policy", "refusal"];

/// What kind of fault of a provider it is. The parent stops an arm for the first three.
fn provider_fault(said: &Said) -> &'static str {
    let text = format!("{} {}", said.name, said.message).to_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let quota = ["insufficient_quota", "exceeded your current quota", "billing", "credit balance"];
    match said.status {
        Some(402) => "quota",
        // A limit of the moment and an empty account have the same status.
        _ if says(&quota) => "quota",
        Some(401 | 403) => "authentication",
        Some(429) => "rate_limit",
        _ if says(&[
            "providerautherror",
            "invalid api key",
            "incorrect api key",
            "unauthorized",
        ]) =>
        {
            "authentication"
        }
        _ if says(&["modelnotfound", "model not found", "model_not_found"]) => "unknown_model",
        Some(404) if says(&["model"]) => "unknown_model",
        _ if says(&["rate limit", "rate_limit", "too many requests"]) => "rate_limit",
        _ => "provider",
    }
}

/// Whether no model has said or done anything.
fn did_nothing(left: &Left) -> bool {
    let Left { turn, usage, .. } = left;
    let spent = |document: &Value| {
        let counts = document["tokens"].as_object();
        counts.is_some_and(|counts| counts.values().any(|count| count.as_f64() > Some(0.0)))
    };
    let said = turn["text"].as_str().is_some_and(|text| !text.trim().is_empty());
    let acted = turn["tools"].as_array().is_some_and(|tools| !tools.is_empty());
    !said && !acted && turn["structured"].is_null() && !spent(turn) && !spent(usage)
}

/// An end of an agent that has not begun.
fn nothing(judged: Judged) -> Judged {
    let (stop, message) = match judged.stop {
        Stop::Done => (Stop::ProviderError, "the turn ended without tokens and without an answer"),
        stop => (stop, "until its limit the turn had no tokens and no answer"),
    };
    Judged::unscored(stop, "no_answer", message)
}

/// `StallTimeout` as `stall_timeout`: names of errors in result lines are like all other words
/// there.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    if snake.is_empty() { "unknown".into() } else { snake }
}

#[cfg(test)]
#[path = "judge_tests.rs"]
mod tests;
