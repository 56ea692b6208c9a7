//! A table of ends, with what each of them means.

use serde_json::json;

use super::*;

/// A turn with tokens, an outcome and an error.
fn turn(outcome: &str, name: &str, message: &str) -> Value {
    let error = (!name.is_empty()).then(|| json!({"name": name, "message": message}));
    json!({"outcome": outcome, "error": error, "text": "", "tools": [], "structured": null,
           "tokens": {"input": 5, "output": null}, "retry_wait_ms": 0, "retrying": null,
           "trouble": null})
}

fn judged(turn: Value) -> (Stop, bool, Option<String>) {
    let left = Left { turn, server: json!({}), ..Left::default() };
    let Judged { stop, scored, error } = judge(&left, 100.0);
    (stop, scored, error.map(|error| error.name))
}

#[track_caller]
fn assert_judged(turn: &Value, stop: Stop, scored: bool, name: &str) {
    let name = Some(name.to_owned()).filter(|name| !name.is_empty());
    assert_eq!(judged(turn.clone()), (stop, scored, name), "{turn}");
}

#[test]
fn what_the_agent_did_is_scored() {
    for (outcome, name, stop, error) in [
        ("ok", "", Stop::Done, ""),
        ("empty", "", Stop::Done, ""),
        ("blocked", "", Stop::Blocked, "blocked"),
        ("blocked", "Blocked", Stop::Blocked, "blocked"),
        ("blocked", "Timeout", Stop::Blocked, "blocked"),
        ("timeout", "Timeout", Stop::WallLimit, "timeout"),
        ("timeout", "WorkingTimeout", Stop::WorkingLimit, "working_timeout"),
        ("timeout", "StallTimeout", Stop::Stall, "stall_timeout"),
        ("timeout", "MaxCost", Stop::CostLimit, "max_cost"),
        ("timeout", "MaxSteps", Stop::StepLimit, "max_steps"),
        ("turn_failed", "ContextOverflowError", Stop::Done, "context"),
        ("turn_failed", "ContentFilter", Stop::Done, "refusal"),
        ("turn_failed", "ContentFilterError", Stop::Done, "refusal"),
        ("turn_failed", "OutputLength", Stop::Done, "output_length"),
        ("turn_failed", "MessageOutputLengthError", Stop::Done, "output_length"),
    ] {
        assert_judged(&turn(outcome, name, "why"), stop, true, error);
    }
    let overflow = "This model's maximum context length is 8192 tokens";
    assert_judged(&turn("turn_failed", "APIError", overflow), Stop::Done, true, "context");
}

#[test]
fn what_server_and_provider_did_is_not() {
    use Stop::{Interrupted, ProviderError, ServerError};
    for (outcome, name, message, stop, error) in [
        ("timeout", "MaxRetries", "429", ProviderError, "provider"),
        ("turn_failed", "APIError", "Internal error", ProviderError, "provider"),
        ("turn_failed", "ProviderAuthError", "no key", ProviderError, "authentication"),
        ("turn_failed", "APIError", "Incorrect API key provided", ProviderError, "authentication"),
        ("turn_failed", "ProviderModelNotFoundError", "x", ProviderError, "unknown_model"),
        ("turn_failed", "APIError", "You exceeded your current quota", ProviderError, "quota"),
        ("turn_failed", "APIError", "Rate limit reached", ProviderError, "rate_limit"),
        ("turn_failed", "StreamCut", "x", ProviderError, "provider"),
        ("turn_failed", "ProviderCutOff", "x", ProviderError, "provider"),
        ("turn_failed", "NotStarted", "x", ServerError, "not_started"),
        ("turn_failed", "Interrupted", "x", ServerError, "interrupted"),
        ("unreachable", "ServerEnded", "x", ServerError, "server_ended"),
        ("aborted", "", "", ServerError, "aborted"),
        ("interrupted", "Interrupted", "a signal arrived", Interrupted, "interrupted"),
        ("nonsense", "", "", ServerError, "unknown"),
    ] {
        assert_judged(&turn(outcome, name, message), stop, false, error);
    }
    for (status, name) in [
        (401, "authentication"),
        (402, "quota"),
        (403, "authentication"),
        (404, "unknown_model"),
        (429, "rate_limit"),
        (500, "provider"),
    ] {
        let mut failed = turn("turn_failed", "APIError", "the model says no");
        failed["error"]["status"] = json!(status);
        assert_judged(&failed, ProviderError, false, name);
    }
}

#[test]
fn a_limit_is_the_providers_if_it_was_waited_for() {
    let mut wall = turn("timeout", "Timeout", "the turn was not over");
    wall["retry_wait_ms"] = json!(10_000);
    assert_judged(&wall, Stop::WallLimit, true, "timeout");
    wall["retry_wait_ms"] = json!(10_001);
    assert_judged(&wall, Stop::ProviderError, false, "provider");
    wall["retry_wait_ms"] = json!(1);
    wall["retrying"] = json!("Rate limit reached");
    assert_judged(&wall, Stop::ProviderError, false, "rate_limit");
    let mut stall = turn("timeout", "StallTimeout", "nothing happened");
    stall["retrying"] = json!("");
    assert_judged(&stall, Stop::ProviderError, false, "provider");
    stall["retrying"] = json!(null);
    stall["trouble"] = json!("no answer");
    assert_judged(&stall, Stop::ServerError, false, "silent");
}

#[test]
fn a_turn_without_tokens_and_answer_says_nothing_of_the_agent() {
    let without = |outcome: &str, name: &str| {
        let mut turn = turn(outcome, name, "why");
        turn["tokens"] = json!({"input": 0, "output": null});
        turn
    };
    assert_judged(&without("empty", ""), Stop::ProviderError, false, "no_answer");
    assert_judged(&without("timeout", "Timeout"), Stop::WallLimit, false, "no_answer");
    assert_judged(&without("timeout", "StallTimeout"), Stop::Stall, false, "no_answer");
    let mut tool = without("timeout", "Timeout");
    tool["tools"] = json!([{"name": "bash"}]);
    assert_judged(&tool, Stop::WallLimit, true, "timeout");
    let mut said = without("ok", "");
    said["text"] = json!("hello");
    assert_judged(&said, Stop::Done, true, "");
    assert_judged(&without("blocked", "Blocked"), Stop::Blocked, true, "blocked");
    assert_judged(&without("turn_failed", "ContextOverflowError"), Stop::Done, true, "context");
    assert_judged(&without("turn_failed", "ContentFilter"), Stop::Done, true, "refusal");
    let usage = json!({"tokens": {"output": 1}});
    let left = Left { turn: without("empty", ""), usage, ..Left::default() };
    assert!(judge(&left, 1.0).scored, "another conversation has used some");
}

#[test]
fn without_a_turn_nothing_is_scored() {
    let end = |phase: &str, code: &str, reason: Value| {
        let message = "why";
        json!({"phase": phase, "code": code, "message": message, "reason": reason})
    };
    for (end, started, stop, name) in [
        (json!(null), false, Stop::ServerError, "server_start"),
        (json!(null), true, Stop::ServerError, "no_record"),
        (end("start", "unreachable", json!(null)), false, Stop::ServerError, "server_start"),
        (end("start", "interrupted", json!(null)), false, Stop::Interrupted, "interrupted"),
        (end("prompt", "unreachable", json!(null)), true, Stop::ServerError, "prompt"),
        (
            end("prompt", "turn_failed", json!("unknown")),
            true,
            Stop::ProviderError,
            "unknown_model",
        ),
    ] {
        let server = if started { json!({}) } else { json!(null) };
        let left = Left { end: end.clone(), server, ..Left::default() };
        let Judged { stop: found, scored, error } = judge(&left, 1.0);
        assert_eq!((found, scored, error.unwrap().name.as_str()), (stop, false, name), "{end}");
    }
}
