//! Why there is no answer.

use std::fmt;
use std::io;

use serde_json::Value;

use crate::error::{Code, Error};

/// What may go wrong with a request; see [`Failure`].
pub type Answer<T> = std::result::Result<T, Failure>;

/// Why there is no answer. Shown with the method and the route, never with a secret.
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
    /// Nobody listens.
    Refused,
    /// Somebody listens and does not answer in time.
    Silent,
    /// The connection broke, or spoke something other than HTTP.
    Broken(String),
    /// 401: another password than the one we have.
    Unauthorized,
    /// A success whose body is not what the route answers: a page of HTML, or another program.
    Alien(String),
    /// An HTTP error, with what the server said of it.
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

    /// Whether the server has what was asked for and cannot show it: a prompt with a schema, from 1.15.13
    /// to 1.18.33, and every page of messages that holds one.
    pub fn unreadable(&self) -> bool {
        matches!(&self.cause, Cause::Status(400, why) if why.contains("OutputFormat"))
    }

    /// Whether asking again may help: the server was silent, broke off, or had trouble of its own.
    pub fn passing(&self) -> bool {
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
            Cause::Refused => write!(f, "{request}: nobody listens there"),
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

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        let code = match failure.cause {
            Cause::Status(404, _) => Code::NotFound,
            Cause::Status(..) => Code::Failed,
            _ => Code::Unreachable,
        };
        if failure.unreadable() {
            let what = "this OpenCode cannot read back a prompt with --schema, nor what is older";
            return Error::new(code, what).hint("occtl tail -n 1 shows what came after it");
        }
        Error::new(code, failure.to_string())
    }
}

/// What an error of the library means.
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
        other => Cause::Broken(other.to_string()),
    }
}

/// What the server says in the body of an error, which comes in several shapes.
pub(super) fn error_message(body: &[u8]) -> String {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        let text = String::from_utf8_lossy(body);
        let text = text.trim();
        let page = text.starts_with('<');
        return if page { "a page of HTML".into() } else { text.chars().take(300).collect() };
    };
    let places = ["/data/message", "/message", "/error/message", "/error/0/message", "/name"];
    let found = places.iter().find_map(|place| value.pointer(place).and_then(Value::as_str));
    let text = found.map(String::from);
    let text = text.unwrap_or_else(|| value.to_string().chars().take(300).collect());
    // A configuration that does not parse is quoted in full, with the keys of providers in it.
    match text.split_once("--- Errors ---") {
        Some((_, errors)) => {
            let places: Vec<&str> =
                errors.lines().filter(|line| line.contains(" at line ")).collect();
            places.join(", ")
        }
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_every_shape_give_their_message() {
        let nested = br#"{"name":"NotFoundError","data":{"message":"Session not found"}}"#;
        assert_eq!(error_message(nested), "Session not found");
        assert_eq!(error_message(br#"{"message":"m"}"#), "m");
        assert_eq!(error_message(b"<html>"), "a page of HTML");
        assert_eq!(error_message(b" plain "), "plain");
        assert_eq!(error_message(br#"{"x":1}"#), r#"{"x":1}"#);
        let quoted = r#"{"message":"\n--- JSONC Input ---\n{k: sesame\n--- Errors ---\nInvalidSymbol at line 1, column 2\n   Line 1: {k: sesame\n   ^\nCloseBraceExpected at line 2, column 1\n--- End ---"}"#;
        let places = "InvalidSymbol at line 1, column 2, CloseBraceExpected at line 2, column 1";
        assert_eq!(error_message(quoted.as_bytes()), places);
    }
}
