//! Hides the secrets of a configuration that is shown.

use serde_json::{Map, Value};

/// What stands in the place of a secret.
const MASK: &str = "***";

/// A key that holds one of these, in whatever spelling, holds a secret.
const SECRET: [&str; 10] = [
    "apikey",
    "token",
    "password",
    "passwd",
    "secret",
    "authorization",
    "credential",
    "privatekey",
    "accesskey",
    "cookie",
];

/// Everything in these objects may be a secret: headers of requests, variables of programs.
const SECRET_OBJECTS: [&str; 3] = ["headers", "environment", "env"];

pub fn mask(value: &mut Value) {
    match value {
        Value::Object(fields) => mask_fields(fields),
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::String(text) => mask_address(text),
        _ => {}
    }
}

fn mask_fields(fields: &mut Map<String, Value>) {
    for (key, value) in fields {
        let plain: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
        let plain = plain.to_ascii_lowercase();
        if SECRET.iter().any(|sign| plain.contains(sign)) || SECRET_OBJECTS.contains(&&*plain) {
            hide(value);
        } else {
            mask(value);
        }
    }
}

/// Hides every text within. Numbers stay: `max_tokens` is a size and no token.
fn hide(value: &mut Value) {
    match value {
        Value::String(text) if !text.is_empty() => *text = MASK.into(),
        Value::Array(items) => items.iter_mut().for_each(hide),
        Value::Object(fields) => fields.values_mut().for_each(hide),
        _ => {}
    }
}

/// `scheme://user:password@host` without what stands before the `@`, and without a query.
fn mask_address(text: &mut String) {
    let Some(at) = text.find("://") else { return };
    let rest = &text[at + 3..];
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let user = rest[..host_end].rfind('@').map(|end| at + 3..at + 3 + end);
    if let Some(query) = text.find('?') {
        text.replace_range(query + 1.., MASK);
    }
    if let Some(user) = user {
        text.replace_range(user, MASK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn secrets_are_masked_wherever_they_are() {
        let mut value = json!({
            "provider": {"a": {"options": {"apiKey": "k1", "baseURL": "https://u:k2@h/v1?key=k3"},
                "models": {"m": {"limit": {"max_tokens": 5}, "headers": {"x": "k4"}}}}},
            "mcp": {"m": {"environment": {"PAT": "k5"}, "command": ["run", "--x"],
                "oauth": {"client_secret": "k6", "tokens": ["k7"]}}},
            "API_KEY": "", "model": "a/m",
        });
        mask(&mut value);
        let text = value.to_string();
        assert!((1..=7).all(|n| !text.contains(&format!("k{n}"))), "{text}");
        assert!(text.contains("\"max_tokens\":5") && text.contains("a/m") && text.contains("--x"));
        assert!(text.contains("https://***@h/v1?***"), "{text}");
    }
}
