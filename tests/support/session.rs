//! A session in a sandbox, and what its server answers when it is asked without occtl.

use std::time::Duration;

use base64::Engine;
use serde_json::{Value, json};

use super::command::Outcome;
use super::http_client::{Answer, request};
use super::processes::poll;
use super::sandbox::Sandbox;

/// How long anything that a turn of the real server does may take on a busy machine.
pub const SOON: Duration = Duration::from_secs(120);
/// How long a server may stay busy: some tests send many prompts at once.
const IDLE_WITHIN: Duration = Duration::from_secs(150);

/// A running session.
pub struct Session<'a> {
    pub sandbox: &'a Sandbox,
    pub id: String,
    url: String,
    authorization: String,
    directory: String,
}

impl<'a> Session<'a> {
    /// Starts a session with more words for `start`.
    #[track_caller]
    pub fn start(sandbox: &'a Sandbox, words: &[&str]) -> Self {
        Self::of(sandbox, sandbox.start(words))
    }

    /// The session with this id.
    pub fn of(sandbox: &'a Sandbox, id: String) -> Self {
        let record = sandbox.record(&id);
        let password = record["password"].as_str().expect("a password");
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("opencode:{password}"));
        Self {
            sandbox,
            url: format!("http://127.0.0.1:{}", record["port"]),
            authorization: format!("Basic {pair}"),
            directory: record["workdir"].as_str().expect("a workdir").to_owned(),
            id,
        }
    }

    /// Runs a command of occtl with this session's id and more words.
    #[track_caller]
    pub fn run(&self, command: &str, words: &[&str]) -> Outcome {
        let words = [&[command, self.id.as_str()], words].concat();
        self.sandbox.occtl(&words).run()
    }

    /// Sends the server a request about a directory.
    #[track_caller]
    pub fn ask(&self, method: &str, path: &str, directory: &str, body: &Value) -> Answer {
        let mark = if path.contains('?') { '&' } else { '?' };
        let url = format!("{}{path}{mark}directory={}", self.url, directory.replace('/', "%2F"));
        let headers =
            [("authorization", &*self.authorization), ("content-type", "application/json")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        request(method, &url, &headers, body.as_bytes()).expect("an answer")
    }

    /// What the server answers to `GET path` about the session's own directory.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        self.ask("GET", path, &self.directory, &Value::Null).json()
    }

    /// Opens a conversation in a directory without occtl, and sends a prompt into it.
    #[track_caller]
    pub fn prompt_in(&self, directory: &str, prompt: &str) -> String {
        let created = self.ask("POST", "/session", directory, &json!({"title": "t"})).json();
        let id = created["id"].as_str().expect("a conversation").to_owned();
        let route = format!("/session/{id}/prompt_async");
        let sent = self.ask("POST", &route, directory, &super::serving::prompt(prompt));
        assert_eq!(sent.status, 204, "{}", sent.text());
        id
    }

    /// Does the same in the session's own directory.
    #[track_caller]
    pub fn prompt(&self, prompt: &str) -> String {
        self.prompt_in(&self.directory.clone(), prompt)
    }

    /// Waits until the server lists `count` asks for a directory; `route` is `/permission` or
    /// `/question`.
    #[track_caller]
    pub fn wait_for_asks(&self, route: &str, directory: &str, count: usize) -> Vec<Value> {
        let found = poll(SOON, || {
            let asks = self.ask("GET", route, directory, &Value::Null).json();
            asks.as_array().filter(|asks| asks.len() == count).cloned()
        });
        found.unwrap_or_else(|| panic!("no {count} at {route}"))
    }

    /// The session's own directory.
    pub fn directory(&self) -> &str {
        &self.directory
    }

    /// Waits until nothing is busy in the session's directory and every prompt has been answered.
    /// The second condition is needed because a server may not be busy yet one or two seconds after
    /// a prompt.
    #[track_caller]
    pub fn wait_until_idle(&self) {
        let idle = poll(IDLE_WITHIN, || {
            // The rest is a request for each conversation, which a busy server need not answer.
            self.get("/session/status").as_object().filter(|busy| busy.is_empty())?;
            let conversations = self.get("/session");
            let all = conversations.as_array()?;
            all.iter().all(|one| self.is_answered(&one["id"])).then_some(())
        });
        idle.expect("an idle server");
    }

    /// Whether the newest message of a conversation is complete, and the model's.
    fn is_answered(&self, conversation: &Value) -> bool {
        let id = conversation.as_str().unwrap_or_default();
        let messages = self.get(&format!("/session/{id}/message"));
        let newest = messages.as_array().and_then(|all| all.last());
        newest.is_none_or(|newest| newest["info"]["time"]["completed"].is_number())
    }

    /// The tool calls of a conversation: name, status, and the error or output.
    pub fn tools(&self, conversation: &str) -> Vec<(String, String, String)> {
        let messages = self.get(&format!("/session/{conversation}/message"));
        let parts = messages.as_array().into_iter().flatten();
        let parts = parts.flat_map(|message| message["parts"].as_array().into_iter().flatten());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        parts
            .filter(|part| part["type"] == "tool")
            .map(|part| {
                let state = &part["state"];
                let said = format!("{}{}", text(&state["error"]), text(&state["output"]));
                (text(&part["tool"]), text(&state["status"]), said)
            })
            .collect()
    }
}
