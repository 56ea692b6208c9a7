//! What the stand-in knows: conversations with their messages, and asks.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::VERSION;
use super::events::Listeners;
use super::faults::Faults;
use super::ids::{id, now};

/// What the threads of all connections and turns share.
pub struct Shared {
    state: Mutex<State>,
    /// Notified of every change of an ask and of every abort.
    pub changed: Condvar,
    pub listeners: Listeners,
    /// The directory that the server was started in.
    pub directory: String,
    pub version: String,
}

/// The part of [`Shared`] that the lock guards.
#[derive(Default)]
pub struct State {
    /// In the order of their creation.
    pub conversations: Vec<Conversation>,
    /// Pending permission requests.
    pub permissions: Vec<Value>,
    /// Pending questions.
    pub questions: Vec<Value>,
    /// Replies that no turn has taken yet, by the id of the ask.
    pub replies: HashMap<String, Value>,
}

/// One conversation.
pub struct Conversation {
    /// As `GET /session/ID` shows it.
    pub info: Value,
    /// As `GET /session/ID/message` shows them, the oldest first.
    pub messages: Vec<Value>,
    /// As `/session/status` shows it; none when idle.
    pub status: Option<Value>,
    pub aborted: bool,
    /// Whether a thread runs its turns.
    pub running: bool,
}

impl Conversation {
    /// Its id.
    pub fn id(&self) -> &str {
        self.info["id"].as_str().unwrap_or_default()
    }

    /// A message by its id.
    pub fn message(&mut self, id: &Value) -> Option<&mut Value> {
        // From the end, because only the newest messages change.
        self.messages.iter_mut().rfind(|message| message["info"]["id"] == *id)
    }
}

impl State {
    /// A conversation by its id.
    pub fn find(&mut self, id: &str) -> Option<&mut Conversation> {
        self.conversations.iter_mut().find(|conversation| conversation.id() == id)
    }
}

impl Shared {
    /// The state at the start, with the conversations that the faults ask for.
    pub fn new(faults: &Faults) -> Self {
        let directory = std::env::current_dir().unwrap_or_default();
        let shared = Self {
            state: Mutex::default(),
            changed: Condvar::new(),
            listeners: Listeners::default(),
            directory: directory.to_string_lossy().into_owned(),
            version: faults.text("/version").unwrap_or(VERSION.to_owned()),
        };
        for number in 0..faults.number("/bulk_conversations").unwrap_or(0) {
            let title = format!("Conversation {number}");
            shared.create(&json!({"title": title}), None);
        }
        if let Some(count) = faults.number("/messages") {
            let id = shared.create(&json!({"title": "Prepared"}), None)["id"].clone();
            let bytes = faults.number("/message_bytes").unwrap_or(0);
            shared.prepare(id.as_str().unwrap_or_default(), count, bytes);
        }
        shared
    }

    /// The state.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Waits until `done` gives a value. Gives `None` when the conversation is aborted or deleted,
    /// or after `timeout`.
    pub fn wait<T>(
        &self,
        conversation: &str,
        timeout: Duration,
        mut done: impl FnMut(&mut State) -> Option<T>,
    ) -> Option<T> {
        let deadline = Instant::now() + timeout;
        let mut state = self.lock();
        loop {
            let value = done(&mut state);
            let left = deadline.saturating_duration_since(Instant::now());
            let gone = state.find(conversation).is_none_or(|found| found.aborted);
            if value.is_some() || gone || left.is_zero() {
                return value;
            }
            state = self.changed.wait_timeout(state, left).unwrap().0;
        }
    }

    /// Adds a conversation and tells the listeners. `body` is that of `POST /session`.
    pub fn create(&self, body: &Value, directory: Option<&str>) -> Value {
        let now = now();
        let directory = directory.unwrap_or(&self.directory);
        let time =
            jiff::Timestamp::from_millisecond(i64::try_from(now).unwrap_or(0)).unwrap_or_default();
        let title = body["title"]
            .as_str()
            .map_or_else(|| format!("New session - {time:.3}"), str::to_owned);
        let mut info = json!({
            "id": id("ses"),
            "slug": "stand-in",
            "projectID": "global",
            "directory": directory,
            "path": directory.trim_start_matches('/'),
            "cost": 0,
            "tokens": {"input": 0, "output": 0, "reasoning": 0, "cache": {"read": 0, "write": 0}},
            "title": title,
            "version": self.version,
            "time": {"created": now, "updated": now},
        });
        for name in ["parentID", "permission", "metadata", "agent", "model"] {
            if !body[name].is_null() {
                info[name] = body[name].clone();
            }
        }
        self.lock().conversations.push(Conversation {
            info: info.clone(),
            messages: Vec::new(),
            status: None,
            aborted: false,
            running: false,
        });
        let properties = json!({"sessionID": info["id"], "info": info});
        self.publish("session.created", directory, properties);
        info
    }

    /// Fills a conversation with `count` messages of turns that are over, with so many more bytes.
    fn prepare(&self, conversation: &str, count: u64, bytes: u64) {
        let rest = " and more".repeat(usize::try_from(bytes / 9).unwrap_or(0));
        let mut state = self.lock();
        let Some(found) = state.find(conversation) else {
            return;
        };
        let mut user = Value::Null;
        for number in 0..count {
            let text = format!("message {number}{rest}");
            let message = if number % 2 == 0 {
                user =
                    user_message(conversation, &json!({"parts": [{"type": "text", "text": text}]}));
                user.clone()
            } else {
                let mut message = assistant_message(&user["info"], &self.directory);
                let info = &mut message["info"];
                info["finish"] = "stop".into();
                info["time"]["completed"] = now().into();
                message["parts"] =
                    json!([part(&message["info"], json!({"type": "text", "text": text}))]);
                message
            };
            found.messages.push(message);
        }
    }
}

/// A part of a message, with its ids.
pub fn part(info: &Value, content: Value) -> Value {
    let mut part = content;
    part["id"] = id("prt").into();
    part["sessionID"] = info["sessionID"].clone();
    part["messageID"] = info["id"].clone();
    part
}

/// A user message as it is stored. `body` is that of `prompt_async`.
pub fn user_message(conversation: &str, body: &Value) -> Value {
    let model = json!({"providerID": "scripted", "modelID": "echo"});
    let given = |name: &str, default: Value| match &body[name] {
        Value::Null => default,
        value => value.clone(),
    };
    let mut info = json!({
        "id": given("messageID", id("msg").into()),
        "sessionID": conversation,
        "role": "user",
        "time": {"created": now()},
        "agent": given("agent", "build".into()),
        "model": given("model", model),
    });
    if let Some(variant) = body["variant"].as_str() {
        info["model"]["variant"] = variant.into();
    }
    let parts: Vec<Value> = body["parts"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|content| part(&info, content.clone()))
        .collect();
    json!({"info": info, "parts": parts})
}

/// A new assistant message that answers a user message.
pub fn assistant_message(user: &Value, directory: &str) -> Value {
    let mut info = json!({
        "id": id("msg"),
        "sessionID": user["sessionID"],
        "parentID": user["id"],
        "role": "assistant",
        "mode": user["agent"],
        "agent": user["agent"],
        "path": {"cwd": directory, "root": "/"},
        "cost": 0,
        "tokens": {"input": 0, "output": 0, "reasoning": 0, "cache": {"read": 0, "write": 0}},
        "modelID": user["model"]["modelID"],
        "providerID": user["model"]["providerID"],
        "time": {"created": now()},
    });
    if let Some(variant) = user["model"]["variant"].as_str() {
        info["variant"] = variant.into();
    }
    json!({"info": info, "parts": []})
}
