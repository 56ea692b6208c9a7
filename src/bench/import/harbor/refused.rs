//! What tasks of Harbor can ask for and runs here cannot give.

use std::path::Path;

use serde_json::Value;

use super::super::candidate::Refusal;
use super::super::source::has;
use super::keys::Keys;

/// A refusal with all the reasons, if there is one.
pub fn expect_possible(path: &Path, keys: &Keys) -> std::result::Result<(), Refusal> {
    let mut reasons: Vec<String> = Vec::new();
    if let Some(version) = keys.get("schema_version").or_else(|| keys.get("version")) {
        let version = match version {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        if version != "1" && !version.starts_with("1.") {
            reasons.push(format!("has the form {version}, and only 1 is known"));
        }
    }
    if keys.has_any("steps") || has(path, "steps") {
        reasons.push("has several steps".into());
    }
    let composed = ["docker-compose.yaml", "docker-compose.yml"];
    if composed.iter().any(|name| has(&path.join("environment"), name)) {
        reasons.push("needs several containers (docker-compose.yaml)".into());
    }
    if keys.has_any("environment.mcp_servers") {
        reasons.push("needs MCP servers".into());
    }
    if keys.has_any("environment.healthcheck") {
        reasons.push("waits for a health check of its container".into());
    }
    let is = |key: &str, word: &str| {
        keys.get(key).and_then(Value::as_str).is_some_and(|text| text.eq_ignore_ascii_case(word))
    };
    if is("environment.os", "windows") {
        reasons.push("needs Windows".into());
    }
    match keys.get("environment.gpus") {
        None | Some(Value::Null) => {}
        Some(count) if count.as_f64() == Some(0.0) => {}
        Some(count) if count == 1 => reasons.push("needs a GPU".into()),
        Some(count) => reasons.push(format!("needs {count} GPUs")),
    }
    if is("verifier.environment_mode", "separate") {
        reasons.push("checks in an environment of its own".into());
    }
    let network = keys.get("environment.network_mode").and_then(Value::as_str);
    match network {
        None | Some("public" | "") => {
            if keys.get("environment.allow_internet") == Some(&Value::Bool(false)) {
                reasons.push("must not reach the network".into());
            }
        }
        Some("no-network") => reasons.push("must not reach the network".into()),
        Some("allowlist") => reasons.push("may reach only some hosts".into()),
        Some(other) => reasons.push(format!("has the network mode {other:?}")),
    }
    if reasons.is_empty() { Ok(()) } else { Err(reasons.join("; ").into()) }
}
