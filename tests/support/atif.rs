//! Holds trajectories against ATIF 1.7: the schema in `tests/data`, and what a schema cannot say.

use std::collections::BTreeSet;

use serde_json::Value;

use super::schemas;

/// What only steps of an agent may have.
const OF_AGENTS: [&str; 5] =
    ["model_name", "reasoning_content", "tool_calls", "metrics", "llm_call_count"];

/// Reads a trajectory that must be one.
#[track_caller]
pub fn trajectory(text: &str) -> Value {
    let whole: Value = serde_json::from_str(text).unwrap();
    let schema = include_str!("../data/atif-1.7.schema.json");
    let schema: Value = serde_json::from_str(schema).unwrap();
    let faults = [schemas::faults(&schema, &whole), faults(&whole)].concat();
    assert!(faults.is_empty(), "{faults:#?}\n{whole:#}");
    let ids: Vec<&Value> = all(&whole).iter().map(|one| &one["trajectory_id"]).collect();
    let different: BTreeSet<&str> = ids.iter().map(|id| id.as_str().unwrap()).collect();
    assert_eq!(different.len(), ids.len(), "{ids:?}");
    whole
}

/// A trajectory, and all that are in it.
pub fn all(whole: &Value) -> Vec<&Value> {
    let inner = whole["subagent_trajectories"].as_array().into_iter().flatten();
    [whole].into_iter().chain(inner.flat_map(all)).collect()
}

/// The sum of a number of all steps of a trajectory and those in it.
pub fn sum(whole: &Value, place: &str) -> f64 {
    let steps = all(whole).into_iter().flat_map(|one| one["steps"].as_array().unwrap());
    steps.filter_map(|step| step.pointer(place)?.as_f64()).sum()
}

fn faults(one: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut fault = |holds: bool, what: String| {
        if !holds {
            faults.push(what);
        }
    };
    let name = &one["trajectory_id"];
    fault(one["schema_version"] == "ATIF-v1.7", format!("{name}: the version"));
    let steps = one["steps"].as_array().unwrap();
    fault(!steps.is_empty(), format!("{name}: no steps"));
    fault(one["final_metrics"]["total_steps"] == steps.len(), format!("{name}: total_steps"));
    let inner = one["subagent_trajectories"].as_array().map(Vec::as_slice).unwrap_or_default();
    for (at, step) in steps.iter().enumerate() {
        let place = format!("{name}, step {}", at + 1);
        fault(step["step_id"] == at + 1, format!("{place}: its number"));
        let source = step["source"].as_str().unwrap();
        fault(["system", "user", "agent"].contains(&source), format!("{place}: {source}"));
        let has = |key: &&&str| step.get(**key).is_some();
        let strange = OF_AGENTS.iter().find(has).filter(|_| source != "agent");
        fault(strange.is_none(), format!("{place}: {strange:?} of {source}"));
        let items = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
        let calls = items(step, "tool_calls");
        let calls: BTreeSet<&str> =
            calls.iter().map(|call| call["tool_call_id"].as_str().unwrap()).collect();
        fault(calls.len() == items(step, "tool_calls").len(), format!("{place}: ids of calls"));
        for result in items(&step["observation"], "results") {
            let call = result["source_call_id"].as_str();
            let is_known = call.is_none_or(|call| calls.contains(call));
            fault(is_known, format!("{place}: no call {call:?}"));
            for reference in items(&result, "subagent_trajectory_ref") {
                let is_there = |one: &Value| one["trajectory_id"] == reference["trajectory_id"];
                fault(inner.iter().any(is_there), format!("{place}: no {reference}"));
            }
        }
    }
    for one in inner {
        let more = self::faults(one);
        faults.extend(more);
    }
    faults
}
