//! Hashes: what tells whether two results are of the same task, arm and plan.

use std::fmt::Write;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::plan::Arm;

/// SHA-256 of bytes, in hexadecimal.
pub fn bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// SHA-256 of a JSON value. Objects are sorted by key, so the order in a file does not matter.
pub fn json(value: &Value) -> String {
    bytes(value.to_string().as_bytes())
}

/// The hash of everything in an arm that can change what the agent does. Its id is only a name,
/// and the program and the catalogue of models are recorded beside it.
pub fn arm(arm: &Arm) -> String {
    let prices = arm
        .prices
        .map(|prices| [prices.input, prices.output, prices.cache_read, prices.cache_write]);
    json(&json!({
        "model": arm.model, "agent": arm.agent, "variant": arm.variant, "config": arm.config,
        "overlay": arm.overlay_sha256, "prompt": arm.prompt, "policy": arm.policy,
        "prices": prices, "env": arm.env,
    }))
}

/// The name of a run in results: `arm` is the hash of [`arm`].
pub fn run(batch: &str, task_sha256: &str, arm: &str, repeat: u32) -> String {
    bytes(format!("{batch}\n{task_sha256}\n{arm}\n{repeat}").as_bytes())
}

fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
