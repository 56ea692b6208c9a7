//! How it is shown what a conversation is doing right now.

use serde_json::{Value, json};

use crate::cli::output::one_line;
use crate::runner::session::{Doing, Retry, RunningTool};

/// As JSON; `docs/json.md` describes the fields.
pub fn documents(all: &[Doing]) -> Vec<Value> {
    let one = |doing: &Doing| {
        json!({"conversation": doing.conversation, "retry": doing.retry.as_ref().map(retry),
               "tool": doing.tool.as_ref().map(tool)})
    };
    all.iter().map(one).collect()
}

/// A provider that is tried again, as JSON.
pub fn retry(retry: &Retry) -> Value {
    json!({"attempt": retry.attempt, "message": retry.why})
}

/// A tool call that runs, as JSON.
pub fn tool(tool: &RunningTool) -> Value {
    json!({"name": tool.name, "title": tool.title, "running_ms": tool.running_ms})
}

/// In words that follow the name of a state: `, retry 3: slow down`. Untrusted text is escaped.
pub fn in_words(retry: Option<&Retry>, tool: Option<&RunningTool>) -> String {
    let mut words = String::new();
    if let Some(Retry { attempt, why }) = retry {
        words.push_str(", retry");
        words.extend(attempt.map(|attempt| format!(" {attempt}")));
        words.extend(why.as_ref().map(|why| format!(": {}", one_line(why))));
    }
    if let Some(RunningTool { name, title, running_ms, .. }) = tool {
        words.push_str(&format!(", tool {}", one_line(name)));
        words.extend(title.as_ref().map(|title| format!(" ({})", one_line(title))));
        words.extend(running_ms.map(|ms| format!(", for {} s", ms / 1000)));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_and_a_tool_are_told_as_far_as_they_are_known() {
        let retry = |attempt, why: &str| Retry { attempt, why: Some(why.into()) };
        let tool = |title: Option<&str>, running_ms| RunningTool {
            name: "bash".into(),
            title: title.map(String::from),
            turn: None,
            running_ms,
        };
        assert_eq!(in_words(Some(&retry(Some(3), "slow down")), None), ", retry 3: slow down");
        let unknown = Retry { attempt: None, why: None };
        assert_eq!(in_words(Some(&unknown), None), ", retry");
        let made = tool(Some("make"), Some(12_900));
        assert_eq!(in_words(None, Some(&made)), ", tool bash (make), for 12 s");
        assert_eq!(in_words(None, Some(&tool(None, None))), ", tool bash");
        let odd = in_words(Some(&retry(None, "a\u{1b}[2J\nb")), None);
        assert!(!odd.contains(['\u{1b}', '\n']), "{odd}");
        assert_eq!(in_words(None, None), "");
    }
}
