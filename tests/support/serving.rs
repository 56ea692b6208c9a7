//! A server that a test started without occtl, and requests to it.

use std::time::Duration;

use serde_json::{Value, json};

use super::command::Running;
use super::http_client::{Answer, Events, get, post};
use super::processes::poll;

/// A running server. The sandbox ends it.
pub struct Serving {
    pub port: u16,
    pub running: Running,
}

/// The body of a request that sends a prompt.
pub fn prompt(text: &str) -> Value {
    json!({"parts": [{"type": "text", "text": text}]})
}

impl Serving {
    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// `GET path`.
    #[track_caller]
    pub fn get(&self, path: &str) -> Answer {
        get(&format!("{}{path}", self.url())).expect("an answer")
    }

    /// `POST path` with a JSON body.
    #[track_caller]
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        post(&format!("{}{path}", self.url()), body).expect("an answer")
    }

    /// Opens an event stream.
    #[track_caller]
    pub fn events(&self, path: &str) -> Events {
        Events::open(&format!("{}{path}", self.url())).expect("a stream of events")
    }

    /// Opens a conversation and gives its id. With a title in `body` the model is not asked for
    /// one.
    #[track_caller]
    pub fn open(&self, body: &Value) -> String {
        let created = self.post("/session", body).json();
        created["id"].as_str().expect("a conversation").to_owned()
    }

    /// Sends a prompt and does not wait for its answer.
    #[track_caller]
    pub fn send(&self, conversation: &str, text: &str) {
        let sent = self.post(&format!("/session/{conversation}/prompt_async"), &prompt(text));
        assert_eq!(sent.status, 204, "{}", sent.text());
    }

    /// Sends a prompt into a new conversation; gives the answer of its last step.
    #[track_caller]
    pub fn ask(&self, text: &str) -> Answer {
        let conversation = self.open(&json!({"title": "t"}));
        let answer = self.post(&format!("/session/{conversation}/message"), &prompt(text));
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer
    }

    /// The messages of a conversation.
    #[track_caller]
    pub fn messages(&self, conversation: &str) -> Value {
        self.get(&format!("/session/{conversation}/message")).json()
    }

    /// Waits until the server asks for a permission; gives what it then lists.
    #[track_caller]
    pub fn wait_for_permission(&self, timeout: Duration) -> Value {
        let asks = poll(timeout, || {
            let asks = self.get("/permission").json();
            asks[0].is_object().then_some(asks)
        });
        asks.expect("a request for a permission")
    }
}
