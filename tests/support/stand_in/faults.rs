//! The faults in force: a JSON file that the test may change at any time.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::super::http_server::Request;

/// The file with the faults.
pub fn file() -> Option<PathBuf> {
    std::env::var_os("STAND_IN_FAULTS").map(PathBuf::from)
}

/// The faults in force. Places in them are JSON pointers, such as `/turn/empty`.
#[derive(Debug)]
pub struct Faults(Value);

impl Faults {
    /// Reads the file; without one there are no faults.
    pub fn read() -> Self {
        let text = file().and_then(|path| std::fs::read_to_string(path).ok());
        Self(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or(Value::Null))
    }

    /// The fault at a place.
    pub fn get(&self, pointer: &str) -> Option<&Value> {
        self.0.pointer(pointer).filter(|value| !value.is_null())
    }

    /// Whether there is a fault at a place, and it is not `false`.
    pub fn has(&self, pointer: &str) -> bool {
        self.get(pointer).is_some_and(|value| *value != Value::Bool(false))
    }

    /// A fault that is a number; `true` counts as 1.
    pub fn number(&self, pointer: &str) -> Option<u64> {
        self.get(pointer)
            .and_then(|value| value.as_u64().or((*value == Value::Bool(true)).then_some(1)))
    }

    /// A fault that is a text.
    pub fn text(&self, pointer: &str) -> Option<String> {
        self.get(pointer).and_then(Value::as_str).map(str::to_owned)
    }

    /// A fault that is a duration in milliseconds.
    pub fn duration(&self, pointer: &str) -> Duration {
        Duration::from_millis(self.number(pointer).unwrap_or(0))
    }

    /// Whether a list of paths at a place names this request.
    pub fn lists(&self, pointer: &str, request: &Request) -> bool {
        let list = self.get(pointer).and_then(Value::as_array);
        list.is_some_and(|patterns| {
            patterns.iter().filter_map(Value::as_str).any(|pattern| matches(pattern, request))
        })
    }

    /// The value for this request in a table of paths at a place.
    pub fn entry(&self, pointer: &str, request: &Request) -> Option<&Value> {
        let table = self.get(pointer)?.as_object()?;
        table.iter().find(|(pattern, _)| matches(pattern, request)).map(|(_, value)| value)
    }
}

fn matches(pattern: &str, request: &Request) -> bool {
    let (method, path) = pattern.split_once(' ').unwrap_or((&request.method, pattern));
    let (wanted, given) = (path.split('/'), request.path.split('/'));
    method == request.method
        && wanted.clone().count() == given.clone().count()
        && wanted.zip(given).all(|(want, have)| want == "*" || want == have)
}
