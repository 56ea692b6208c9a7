//! Hides the secrets of a configuration that is shown.
//!
//! Three kinds of places are known to hold secrets: keys with a telling name, addresses with a
//! password or a query, and command lines with a telling flag. When in doubt a harmless word is
//! hidden.

use serde_json::{Map, Value};

/// What stands in the place of a secret.
const MASK: &str = "***";

/// A name that holds one of these, in any spelling, names a secret.
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

/// Flags of programs that take a secret, besides those whose names [`SECRET`] knows.
const SECRET_FLAGS: [&str; 6] = ["header", "headers", "auth", "key", "pat", "pass"];

/// Hides every secret within.
pub fn mask(value: &mut Value) {
    match value {
        Value::Object(fields) => mask_fields(fields),
        Value::Array(items) => mask_items(items),
        Value::String(text) => *text = masked(text),
        _ => {}
    }
}

fn mask_fields(fields: &mut Map<String, Value>) {
    for (key, value) in fields {
        if names_a_secret(key) || SECRET_OBJECTS.contains(&&*plain(key)) {
            hide(value);
        } else {
            mask(value);
        }
    }
}

/// The words of a command stand one by one in a list, a flag before its value.
fn mask_items(items: &mut [Value]) {
    let mut is_value_of_flag = false;
    for item in items {
        let flag = item.as_str().is_some_and(is_secret_flag);
        if is_value_of_flag {
            hide(item);
        } else {
            mask(item);
        }
        is_value_of_flag = flag;
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

/// A name as it is compared: letters and digits only, in lower case.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

fn names_a_secret(name: &str) -> bool {
    let name = plain(name);
    SECRET.iter().any(|sign| name.contains(sign))
}

/// Whether the word after this one is a secret: `--token`, `-H`.
fn is_secret_flag(word: &str) -> bool {
    word == "-H"
        || word.strip_prefix("--").is_some_and(|name| {
            !name.contains('=') && (names_a_secret(name) || SECRET_FLAGS.contains(&&*plain(name)))
        })
}

/// A text without the secrets of its addresses and of the commands in it.
pub fn masked(text: &str) -> String {
    let text = without_passwords(text);
    let mut masked = String::with_capacity(text.len());
    let mut is_secret = false;
    let mut before = "";
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end_matches(char::is_whitespace);
        let space = &piece[word.len()..];
        if word.is_empty() {
            masked.push_str(space);
            continue;
        }
        let bare = word.trim_matches(['"', '\'', '`']);
        // After `Authorization:` comes the scheme, and after that what proves it.
        let is_scheme = ["bearer", "basic"].contains(&&*bare.to_ascii_lowercase());
        let is_introduced = is_header_name(before) && !is_scheme;
        if is_secret && !is_scheme || is_introduced {
            masked.push_str(MASK);
        } else {
            masked.push_str(&without_value(word));
        }
        masked.push_str(space);
        is_secret = is_secret_flag(bare)
            || bare.eq_ignore_ascii_case("bearer")
            || is_scheme && (is_secret || is_header_name(before));
        before = bare;
    }
    masked
}

/// `Authorization:` and its like, as they stand in the words of a command.
fn is_header_name(word: &str) -> bool {
    word.strip_suffix(':').is_some_and(|name| {
        let name = plain(name);
        ["authorization", "apikey", "cookie"].iter().any(|sign| name.ends_with(sign))
    })
}

/// `NAME=VALUE`, `--name=VALUE` and `Name:VALUE` without a value that is a secret.
fn without_value(word: &str) -> String {
    let Some((name, value)) = word.split_once(['=', ':']) else { return word.into() };
    let is_name = name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.\"'`".contains(c));
    let is_flag = name.starts_with("--") && SECRET_FLAGS.contains(&&*plain(name));
    let is_size = value.chars().all(|c| c.is_ascii_digit() || ".,;\"'".contains(c));
    if !is_name || is_size || !(is_flag || names_a_secret(name)) {
        return word.into();
    }
    format!("{}{MASK}", &word[..=name.len()])
}

/// A text in which no address has a password or a query.
fn without_passwords(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let start = at + "://".len();
        let scheme = &rest[..at];
        let end = rest[start..].find(ends_an_address).map_or(rest.len(), |end| start + end);
        // A list of addresses: the next one begins with its scheme, behind a comma.
        let end = match rest[start..end].find("://") {
            Some(next) => {
                rest[..start + next].rfind(',').filter(|end| *end >= start).unwrap_or(end)
            }
            None => end,
        };
        masked.push_str(&rest[..start]);
        masked.push_str(&address(scheme, &rest[start..end]));
        rest = &rest[end..];
    }
    masked.push_str(rest);
    masked
}

fn ends_an_address(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "\"'`<>".contains(c)
}

/// What follows `scheme://`, without the user and the query.
fn address(scheme: &str, rest: &str) -> String {
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = &rest[..host_end];
    // A password may hold what ends a host: `u:p/w@h`. A port before a path is no password.
    let is_port = |(_, port): (&str, &str)| port.chars().all(|c| c.is_ascii_digit());
    let is_web = scheme.ends_with("http") || scheme.ends_with("https");
    let has_password = host.rsplit_once(':').is_some_and(|parts| !(is_web && is_port(parts)));
    let user = if has_password { rest.rfind('@') } else { host.rfind('@') };
    let rest = match user {
        Some(end) => format!("{MASK}{}", &rest[end..]),
        None => rest.into(),
    };
    match rest.split_once('?') {
        Some((place, query)) if !query.is_empty() => format!("{place}?{MASK}"),
        _ => rest,
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

    #[test]
    fn every_address_of_a_text_is_masked_and_nothing_else_of_it_changes() {
        for (text, shown) in [
            (
                "Need help? clone ssh://git@github.com/x/y",
                "Need help? clone ssh://***@github.com/x/y",
            ),
            ("What is this? See https://h/a.", "What is this? See https://h/a."),
            ("amqp://a:b@h1,amqp://c:SECRET@h2", "amqp://***@h1,amqp://***@h2"),
            ("postgres://u:p/w@h", "postgres://***@h"),
            ("postgres://u:1/2@h/db", "postgres://***@h/db"),
            ("x https://u:p@h/a?k=v y http://v@g", "x https://***@h/a?*** y http://***@g"),
            ("https://h:80/@scope/pkg?", "https://h:80/@scope/pkg?"),
            ("(see \"https://h/?q\")", "(see \"https://h/?***\")"),
            ("ü://é@ß?ö://", "ü://***@ß?***"),
            ("a: b", "a: b"),
        ] {
            assert_eq!(masked(text), shown, "{text}");
        }
    }

    #[test]
    fn words_that_a_command_takes_as_secrets_are_masked() {
        let mut value = json!({"command": ["npx", "mcp-remote", "https://h/m", "--header",
            "Authorization: Bearer sk-1", "--token", "sk-2", "--api-key=sk-3", "-e", "API_KEY=sk-4",
            "-H", "X: sk-5", "--max-tokens", "7", "sh", "-c",
            "curl -H 'Authorization: Basic sk-6' --password sk-7 Bearer sk-8 h",
            "--verbose", "last"]});
        mask(&mut value);
        let text = value.to_string();
        assert!(!text.contains("sk-"), "{text}");
        for kept in ["npx", "mcp-remote", "https://h/m", "API_KEY=", "curl", "--verbose", "last"] {
            assert!(text.contains(kept), "{kept}: {text}");
        }
        assert_eq!(masked("use at most max_tokens=500 words"), "use at most max_tokens=500 words");
    }

    #[test]
    fn whatever_stands_before_them_secrets_are_masked() {
        let texts = [
            "Need help? clone ssh://git@github.com/x/y?z#a, amqp://a:b@h1,amqp://c:d@h2",
            "--header 'Authorization: Bearer abc' --token=x API_KEY=y \u{301}é ://@?",
        ];
        crate::testing::mutations(&texts, std::time::Duration::from_millis(300), |bytes| {
            let before = String::from_utf8_lossy(bytes);
            let text = format!("{before} ws://a:sesame-1@h/?sesame-2 --token sesame-3");
            let shown = masked(&text);
            assert!(!shown.contains("sesame"), "{shown}");
        });
    }
}
