//! What the scripted model does: directives `[[name arguments]]` in the last user message.
//!
//! | directive | what the model does |
//! | --- | --- |
//! | none | echoes the whole message in several deltas |
//! | `[[echo TEXT]]` | answers TEXT, one delta a word |
//! | `[[tokens N]]` | answers `w1 w2 … wN` in N deltas, at full speed |
//! | `[[slow N MS]]` | the same, MS milliseconds before each delta |
//! | `[[reasoning TEXT]]` | reasoning TEXT, then the text `ok` |
//! | `[[empty]]` | ends without any text |
//! | `[[length]]` | the text `cut short`, with finish reason `length` |
//! | `[[bash COMMAND]]` `[[write PATH CONTENT]]` `[[read PATH]]` | calls that tool |
//! | `[[task PROMPT]]` | starts a sub-agent; `{{…}}` in PROMPT becomes `[[…]]` for it |
//! | `[[question TEXT\|LABEL\|LABEL]]` | calls the question tool |
//! | `[[tool NAME JSON]]` | calls any other tool |
//! | `[[http STATUS MESSAGE]]` | an HTTP error, for every request |
//! | `[[http STATUS MESSAGE times=N]]` | the same, for the first N requests only (or `after=N`) |
//! | `[[silence]]` | never answers |
//! | `[[cut N]]` | N deltas, then the answer ends without a finish reason |
//! | `[[cut N broken times=N]]` | N deltas, then the connection breaks inside the body |
//! | `[[text TEXT]]` | prefix: this text first, then the next directive in the same step |
//! | `[[cached N]]` | prefix: N tokens of this step's prompt are from the provider's cache |
//! | `[[wait NAME]]` | prefix: waits until the test calls `release(NAME)` |
//!
//! Every directive that is not a prefix is one step. The first request of a turn gets the first
//! step, the request with the result of its tool gets the second, and so on. When the steps are
//! used up the model answers `done`. Text outside directives is ignored.

use serde_json::{Value, json};

/// One thing the model does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Text, one delta an item, `pause_ms` before each.
    Say {
        deltas: Vec<String>,
        pause_ms: u64,
    },
    /// `w1 … wN`, kept as a number because N may be a million.
    Tokens {
        count: u64,
        pause_ms: u64,
    },
    Reason(String),
    Length,
    Call {
        tool: String,
        arguments: Value,
    },
    Http {
        status: u16,
        message: String,
        times: Option<u64>,
    },
    Silence,
    Cut {
        count: u64,
        broken: bool,
        times: Option<u64>,
    },
    Wait(String),
    Cached(u64),
}

impl Action {
    /// How often it happens, if it is a failure that happens only so often.
    pub fn times(&self) -> Option<u64> {
        match self {
            Action::Http { times, .. } | Action::Cut { times, .. } => *times,
            _ => None,
        }
    }

    /// Whether it only precedes another action of the same step.
    fn is_prefix(name: &str) -> bool {
        matches!(name, "text" | "wait" | "cached")
    }
}

/// The actions of one answer, in order.
pub type Step = Vec<Action>;

/// Splits text into deltas: one for each word, with the space after it.
pub fn words(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(str::to_owned).collect()
}

/// The steps that a user message asks for; empty when it has no directive.
pub fn parse(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut step = Step::new();
    let mut rest = text;
    while let Some((_, tail)) = rest.split_once("[[") {
        let Some((inside, tail)) = tail.split_once("]]") else {
            break;
        };
        rest = tail;
        let inside = inside.trim();
        let (name, arguments) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
        let Some(actions) = actions(name, arguments.trim()) else {
            continue;
        };
        step.extend(actions);
        if !Action::is_prefix(name) {
            steps.push(std::mem::take(&mut step));
        }
    }
    if !step.is_empty() {
        steps.push(step);
    }
    steps
}

fn actions(name: &str, arguments: &str) -> Option<Vec<Action>> {
    let (first, rest) = arguments.split_once(char::is_whitespace).unwrap_or((arguments, ""));
    let number = |text: &str| text.trim().parse::<u64>().unwrap_or(0);
    let call = |tool: &str, arguments: Value| Action::Call { tool: tool.to_owned(), arguments };
    Some(vec![match name {
        "echo" | "text" => Action::Say { deltas: words(arguments), pause_ms: 0 },
        "tokens" => Action::Tokens { count: number(first), pause_ms: 0 },
        "slow" => Action::Tokens { count: number(first), pause_ms: number(rest) },
        "reasoning" => Action::Reason(arguments.to_owned()),
        "empty" => Action::Say { deltas: Vec::new(), pause_ms: 0 },
        "length" => Action::Length,
        "bash" => call("bash", json!({"command": arguments, "description": "Scripted command"})),
        "write" => call("write", json!({"filePath": first, "content": rest})),
        "read" => call("read", json!({"filePath": first})),
        "task" => {
            let prompt = arguments.replace("{{", "[[").replace("}}", "]]");
            let description = "Scripted task";
            let agent = "general";
            call(
                "task",
                json!({"description": description, "prompt": prompt, "subagent_type": agent}),
            )
        }
        "question" => call("question", question(arguments)),
        "tool" => call(first, serde_json::from_str(rest).unwrap_or(json!({}))),
        "http" => http_error(first, rest),
        "silence" => Action::Silence,
        "cut" => {
            let times = rest.split_whitespace().find_map(|word| word.strip_prefix("times="));
            let broken = rest.split_whitespace().next() == Some("broken");
            Action::Cut {
                count: number(first),
                broken,
                times: times.and_then(|count| count.parse().ok()),
            }
        }
        "wait" => Action::Wait(arguments.to_owned()),
        "cached" => Action::Cached(number(first)),
        _ => return None,
    }])
}

fn question(arguments: &str) -> Value {
    let mut fields = arguments.split('|').map(str::trim);
    let text = fields.next().unwrap_or_default();
    let options: Vec<Value> = fields
        .map(|label| json!({"label": label, "description": format!("Choose {label}")}))
        .collect();
    json!({"questions": [{"question": text, "header": "Scripted", "options": options}]})
}

fn http_error(status: &str, rest: &str) -> Action {
    let mut times = None;
    let mut message = Vec::new();
    for word in rest.split_whitespace() {
        match word.strip_prefix("times=").or(word.strip_prefix("after=")) {
            Some(count) => times = count.parse().ok(),
            None => message.push(word),
        }
    }
    Action::Http { status: status.parse().unwrap_or(500), message: message.join(" "), times }
}

/// What a chat request is for.
#[derive(Debug, PartialEq)]
pub enum Purpose {
    /// OpenCode asks for a conversation title.
    Title,
    /// OpenCode asks for a summary of the conversation.
    Summary,
    /// A step of a turn: the user's text, and how many steps of it were answered before.
    Turn { text: String, step: usize },
}

/// Finds out what a chat request is for.
pub fn purpose(body: &Value) -> Purpose {
    let none = Vec::new();
    let messages = body["messages"].as_array().unwrap_or(&none);
    // Requests for titles and summaries have no tools, but those of a turn may have none either.
    // The system prompts of the two have named them since 1.1.
    if body["tools"].as_array().is_none_or(Vec::is_empty) {
        let system: String = of_role(messages, "system").map(content_text).collect();
        if system.contains("title generator") {
            return Purpose::Title;
        }
        if system.contains("summariz") || system.contains("context-compaction") {
            return Purpose::Summary;
        }
    }
    let last = messages.iter().rposition(|message| message["role"] == "user");
    let step = messages
        .iter()
        .skip(last.map_or(0, |index| index + 1))
        .filter(|message| message["role"] == "assistant")
        .count();
    let text = last.map_or_else(String::new, |index| user_text(&content_text(&messages[index])));
    Purpose::Turn { text, step }
}

fn of_role<'a>(messages: &'a [Value], role: &'a str) -> impl Iterator<Item = &'a Value> {
    messages.iter().filter(move |message| message["role"] == role)
}

/// The text of a message, whose content is a string or an array of parts.
fn content_text(message: &Value) -> String {
    match &message["content"] {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

/// What the user typed, without the reminders that OpenCode adds, and without the sentences that it
/// puts around a prompt which arrives while a turn runs.
fn user_text(content: &str) -> String {
    const WRAPPED: &str = "The user sent the following message:\n";
    if let Some((_, tail)) = content.rsplit_once(WRAPPED) {
        let end = tail.find("\n\nPlease address").unwrap_or(tail.len());
        return tail[..end].to_owned();
    }
    let mut text = content.to_owned();
    while let Some(start) = text.find("<system-reminder>") {
        const CLOSE: &str = "</system-reminder>";
        let end = text[start..].find(CLOSE).map_or(text.len(), |at| start + at + CLOSE.len());
        text.replace_range(start..end, "");
    }
    text.trim().to_owned()
}
