//! Why a request has no answer.

use std::fmt;
use std::io;

use serde_json::Value;

use super::surrogates::mend;
use crate::error::{Code, Error};

/// The result of a request; see [`Failure`].
pub type Answer<T> = std::result::Result<T, Failure>;

/// Why a request has no answer. It is shown with the method and the route, and never holds a
/// secret.
#[derive(Clone, Debug)]
pub struct Failure {
    /// For example `GET /session/status`.
    pub request: String,
    /// What happened.
    pub cause: Cause,
}

/// What happened to a request.
#[derive(Clone, Debug)]
pub enum Cause {
    /// No process listens on the port.
    Refused,
    /// A process listens and does not answer in time.
    Silent,
    /// The connection broke, or spoke something other than HTTP.
    Broken(String),
    /// 401: the server wants another password.
    Unauthorized,
    /// A success whose body is not what the route returns: a page of HTML, or the answer of another
    /// program.
    Alien(String),
    /// An HTTP error, with the server's explanation.
    Status(u16, String),
}

impl Failure {
    /// The HTTP status, if the server answered with an error.
    pub fn status(&self) -> Option<u16> {
        match self.cause {
            Cause::Status(status, _) => Some(status),
            Cause::Unauthorized => Some(401),
            _ => None,
        }
    }

    /// Whether the server has what was asked for and cannot show it. Versions 1.15.13 to 1.18.33
    /// fail so on a prompt with a schema, and on every page of messages that contains one.
    pub fn is_unreadable(&self) -> bool {
        matches!(&self.cause, Cause::Status(400, why) if why.contains("OutputFormat"))
    }

    /// Whether the server has permission requests and cannot list them. Versions 1.15.13 to 1.18.33
    /// fail so while one of the requests has a field without a value.
    pub fn hides_asks(&self) -> bool {
        self.status() == Some(400) && self.request == "GET /permission"
    }

    /// Whether the server does not have what was asked for. Some versions answer 400 for an id that
    /// does not exist, others 404.
    pub fn is_missing(&self) -> bool {
        matches!(self.status(), Some(400 | 404)) && !self.is_unreadable()
    }

    /// Whether the server does not take its configuration. Versions before 1.18 say so with 500.
    pub fn is_about_configuration(&self) -> bool {
        matches!(&self.cause, Cause::Status(_, why)
            if why.contains(NO_JSON) || why.contains(INVALID) || why.contains(IN_LOG)
                || why.starts_with(PARSE_ERROR))
    }

    /// What the server's log calls an error that it keeps to itself, `err_…`. 1.15.13 answers so
    /// even where its configuration is wrong.
    pub fn reference(&self) -> Option<&str> {
        let Cause::Status(_, why) = &self.cause else { return None };
        why.strip_suffix(')')?.rsplit_once(REFERENCE).map(|(_, reference)| reference)
    }

    /// The same failure with the name that the server's log gives to its error, if it has one.
    pub fn named_in_log(mut self, name: Option<String>) -> Failure {
        if let (Cause::Status(_, why), Some(name)) = (&mut self.cause, name) {
            let found = if name.starts_with("Config") { IN_LOG } else { "its log names " };
            *why = format!("{found}{name}: {why}");
        }
        self
    }

    /// Whether the server does not know the route: it answers with a page then, or with 404.
    pub fn lacks_route(&self) -> bool {
        matches!(self.cause, Cause::Alien(_) | Cause::Status(404, _))
    }

    /// Whether the same request may succeed later: the server was silent, broke off, or had an
    /// internal error.
    pub fn is_passing(&self) -> bool {
        match self.cause {
            Cause::Refused | Cause::Silent | Cause::Broken(_) | Cause::Alien(_) => true,
            Cause::Unauthorized => false,
            Cause::Status(status, _) => status >= 500,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = &self.request;
        match &self.cause {
            Cause::Refused => write!(f, "{request}: nothing listens there"),
            Cause::Silent => write!(f, "{request}: no answer in time"),
            Cause::Broken(why) => write!(f, "{request}: the connection broke: {why}"),
            Cause::Unauthorized => write!(f, "{request}: 401, the server wants another password"),
            Cause::Alien(what) => write!(f, "{request}: not an answer of OpenCode: {what}"),
            Cause::Status(status, message) if message.is_empty() => {
                write!(f, "{request}: status {status}")
            }
            Cause::Status(status, message) => write!(f, "{request}: status {status}: {message}"),
        }
    }
}

/// What is said where [`Failure::is_unreadable`].
pub const CANNOT_READ_BACK: &str =
    "this OpenCode cannot read back a prompt with --schema, nor what is older";

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        let code = match failure.cause {
            Cause::Status(404, _) => Code::NotFound,
            Cause::Status(..) => Code::Failed,
            _ => Code::Unreachable,
        };
        if failure.is_unreadable() {
            return Error::new(code, CANNOT_READ_BACK);
        }
        match failure.cause {
            Cause::Silent => Error::silent(failure.to_string()),
            _ => Error::new(code, failure.to_string()),
        }
    }
}

/// What an error of the HTTP library means.
pub(super) fn cause(error: ureq::Error) -> Cause {
    match error {
        ureq::Error::Timeout(_) => Cause::Silent,
        ureq::Error::Io(error) => match error.kind() {
            io::ErrorKind::ConnectionRefused => Cause::Refused,
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => {
                Cause::Silent
            }
            _ => Cause::Broken(error.to_string()),
        },
        ureq::Error::ConnectionFailed => Cause::Refused,
        ureq::Error::BodyExceedsLimit(most) => {
            Cause::Alien(format!("it has more than {} MiB", most >> 20))
        }
        other => Cause::Broken(other.to_string()),
    }
}

/// What stands between the place of a configuration and why it is not taken.
const NO_JSON: &str = " is no JSON: ";

/// The same for a configuration that is JSON.
const INVALID: &str = " is no valid configuration: ";

/// What stands before the name that the log has for an error of the configuration.
const IN_LOG: &str = "its log names an error of the configuration, ";

/// What stands before the reference of an error.
const REFERENCE: &str = " (in its log: ";

/// How many of the things that are wrong with a configuration are told.
const MOST_ISSUES: usize = 3;

/// How versions before 1.14 say that a variable with a configuration is no JSON.
const PARSE_ERROR: &str = "SyntaxError: JSON Parse error";

/// The explanation in the body of an error, which comes in several shapes.
pub(super) fn error_message(body: &[u8]) -> String {
    let Ok(value) = serde_json::from_slice::<Value>(&mend(body)) else {
        let text = String::from_utf8_lossy(body);
        let text = text.trim();
        let page = text.starts_with('<');
        return if page { "a page of HTML".into() } else { text.chars().take(300).collect() };
    };
    let places = ["/data/message", "/message", "/error/message", "/error/0/message", "/name"];
    let found = places.iter().find_map(|place| value.pointer(place).and_then(Value::as_str));
    let text = found.map(String::from);
    let text = text.unwrap_or_else(|| value.to_string().chars().take(300).collect());
    // The server quotes a configuration that does not parse in full, including the providers' keys.
    let text = match text.split_once("--- Errors ---") {
        Some((_, errors)) => {
            let places: Vec<&str> =
                errors.lines().filter(|line| line.contains(" at line ")).collect();
            places.join(", ")
        }
        None if text.contains("--- JSONC Input ---") => "its configuration does not parse".into(),
        // What follows is where the server's own program was.
        None if text.starts_with(PARSE_ERROR) => text.lines().take(1).collect(),
        None => text,
    };
    let text = match value.pointer("/data/ref").and_then(Value::as_str) {
        Some(reference) => format!("{text}{REFERENCE}{reference})"),
        None => text,
    };
    // A file, or the name of a variable.
    match value.pointer("/data/path").and_then(Value::as_str) {
        Some(place) if value["name"] == "ConfigJsonError" => format!("{place}{NO_JSON}{text}"),
        Some(place) if value["name"] == "ConfigInvalidError" => {
            format!("{place}{INVALID}{}", issues(&value).unwrap_or(text))
        }
        _ => text,
    }
}

/// What is wrong with a configuration, each with the keys that lead to it.
fn issues(value: &Value) -> Option<String> {
    let list = value.pointer("/data/issues")?.as_array().filter(|list| !list.is_empty())?;
    let mut told: Vec<String> = Vec::new();
    for issue in list {
        let keys = issue["path"].as_array().into_iter().flatten();
        let keys: Vec<String> =
            keys.map(|key| key.as_str().map_or_else(|| key.to_string(), String::from)).collect();
        // A value may be a key of a provider.
        let message = issue["message"].as_str().unwrap_or_default();
        let message = message.split(", got ").next().unwrap_or_default();
        let issue = format!("{}: {message}", keys.join("."));
        if !told.contains(&issue) {
            told.push(issue);
        }
    }
    let more = told.len().saturating_sub(MOST_ISSUES);
    told.truncate(MOST_ISSUES);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    Some(format!("{}{more}", told.join(", ")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_error_that_the_server_keeps_to_itself_is_known_by_its_name_in_the_log() {
        let body = br#"{"name":"UnknownError","data":{"message":"Look there.","ref":"err_1"}}"#;
        let why = error_message(body);
        assert_eq!(why, "Look there. (in its log: err_1)");
        let failure =
            || Failure { request: "GET /path".into(), cause: Cause::Status(500, why.clone()) };
        assert_eq!(failure().reference(), Some("err_1"));
        assert!(!failure().is_about_configuration());
        let named = |name: &str| failure().named_in_log(Some(name.into()));
        assert!(named("ConfigJsonError").is_about_configuration());
        assert!(named("ConfigJsonError").to_string().contains("ConfigJsonError"));
        assert!(!named("SqliteError").is_about_configuration());
        assert!(named("SqliteError").to_string().contains("SqliteError"));
    }

    #[test]
    fn errors_of_every_shape_give_their_message() {
        let nested = br#"{"name":"NotFoundError","data":{"message":"Session not found"}}"#;
        assert_eq!(error_message(nested), "Session not found");
        assert_eq!(error_message(br#"{"message":"m"}"#), "m");
        assert_eq!(error_message(b"<html>"), "a page of HTML");
        assert_eq!(error_message(b" plain "), "plain");
        assert_eq!(error_message(br#"{"x":1}"#), r#"{"x":1}"#);
        let quoted = concat!(
            r#"{"message":"\n--- JSONC Input ---\n{k: sesame\n--- Errors ---\n"#,
            r#"InvalidSymbol at line 1, column 2\n   Line 1: {k: sesame\n   ^\n"#,
            r#"CloseBraceExpected at line 2, column 1\n--- End ---"}"#,
        );
        let places = "InvalidSymbol at line 1, column 2, CloseBraceExpected at line 2, column 1";
        assert_eq!(error_message(quoted.as_bytes()), places);
        let named = quoted
            .replace(r#"{"message""#, r#"{"name":"ConfigJsonError","data":{"path":"X","message""#);
        assert_eq!(
            error_message(format!("{named}}}").as_bytes()),
            format!("X is no JSON: {places}")
        );
        let wrong = json!({"name": "ConfigInvalidError", "data": {"path": "X", "issues": [
            {"path": ["model"], "message": "Expected string | undefined, got 5"},
            {"path": ["model"], "message": "Expected string | undefined, got 6"},
            {"path": ["provider", 0, "key"], "message": "Expected string, got [\"sesame\"]"},
        ]}});
        assert_eq!(
            error_message(wrong.to_string().as_bytes()),
            "X is no valid configuration: model: Expected string | undefined, \
             provider.0.key: Expected string"
        );
        let cut = br#"{"message":"--- JSONC Input ---\n{k: sesame"}"#;
        assert!(!error_message(cut).contains("sesame"));
    }
}
