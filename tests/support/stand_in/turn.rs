//! A turn of the stand-in: what happens between a prompt and `session.idle`.
//!
//! | fault below `turn` | effect |
//! | --- | --- |
//! | `text: "…"` | answers with this instead of the prompt |
//! | `tokens: N` | answers with `w1 … wN` |
//! | `bytes: N` | answers with N bytes without a space, so that they are one delta |
//! | `empty: true` | ends without any text |
//! | `delta_ms: N` | N ms before each delta |
//! | `hold: true` | begins no text before this fault is lifted |
//! | `start_gap_ms: N` | for N ms after the prompt nothing is stored and nothing is busy |
//! | `step_gap_ms: N` | is busy for N ms before its first step |
//! | `no_usage: true` | the provider does not report what a step used |
//! | `free: true` | what it used costs nothing |
//! | `error: {name, data}` | ends in this error |
//! | `never_starts: true` | stores the prompt and does nothing more |
//! | `never_starts: {name, data}` | the same, with a `session.error` (an unknown model) |
//! | `never_ends: true` | stays busy after its text, and does not complete it |
//! | `never_idle: true` | completes its answer but stays busy |
//! | `idle_early: true` | says `session.idle` before its text |
//! | `retry_forever: true` | retries every 2000 ms without end; a number is another pace in ms |
//! | `ask: {permission, patterns}` | asks for a permission first, and answers if it is given |
//! | `question: {question, options: [label]}` | asks a question first |
//! | `tool: {name, input, output}` | calls a tool first; with `bytes: N` its output has N bytes |

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::faults::Faults;
use super::ids::{id, now};
use super::routes::HOLD_LOOK;
use super::state::{Shared, assistant_message, part, user_message};

/// How long a turn waits for a reply: longer than any test takes.
pub(super) const FOREVER: Duration = Duration::from_secs(24 * 60 * 60);
/// The size of every prompt, the same as in the scripted model.
const PROMPT_TOKENS: u64 = 100;

/// Takes a prompt and starts a thread that answers it. Gives the id of its message.
pub fn prompt(shared: &Arc<Shared>, conversation: &str, body: &Value) -> String {
    let message = user_message(conversation, body);
    let user = message["info"]["id"].as_str().unwrap_or_default().to_owned();
    let gap = Faults::read().duration("/turn/start_gap_ms");
    let (shared, conversation) = (Arc::clone(shared), conversation.to_owned());
    // Without a gap the prompt is stored before its request is answered, as on a warm server.
    let late = if gap.is_zero() {
        store(&shared, &conversation, message);
        None
    } else {
        Some(message)
    };
    std::thread::spawn(move || {
        if let Some(message) = late {
            std::thread::sleep(gap);
            store(&shared, &conversation, message);
        }
        answer_newest(&shared, &conversation);
    });
    user
}

fn store(shared: &Shared, conversation: &str, message: Value) {
    let directory = {
        let mut state = shared.lock();
        let Some(found) = state.find(conversation) else {
            return;
        };
        found.messages.push(message.clone());
        found.info["time"]["updated"] = now().into();
        found.info["directory"].as_str().unwrap_or_default().to_owned()
    };
    let properties = json!({"sessionID": conversation, "info": message["info"]});
    shared.publish("message.updated", &directory, properties);
    for part in message["parts"].as_array().into_iter().flatten() {
        let properties = json!({"sessionID": conversation, "part": part, "time": now()});
        shared.publish("message.part.updated", &directory, properties);
    }
}

/// Answers the newest prompt, and after that the newest of those that came meanwhile, until none
/// came.
fn answer_newest(shared: &Shared, conversation: &str) {
    let mut last = Value::Null;
    loop {
        let turn = {
            let mut state = shared.lock();
            let Some(found) = state.find(conversation) else {
                return;
            };
            let newest = newest_prompt(&found.messages, Faults::read().has("/ids_decide"));
            let busy_elsewhere = last.is_null() && found.running;
            // An abort drops the prompts that wait.
            let aborted = std::mem::take(&mut found.aborted) && !last.is_null();
            match newest {
                Some(message) if !busy_elsewhere && !aborted && message["info"]["id"] != last => {
                    found.running = true;
                    Turn::new(shared, found.info["directory"].as_str(), message)
                }
                _ => {
                    found.running &= busy_elsewhere;
                    return;
                }
            }
        };
        last = turn.user["id"].clone();
        let by_ids = turn.faults.has("/ids_decide");
        turn.run();
        if by_ids {
            // It counts as answered once there is an answer with a later id.
            last = Value::Bool(true);
        }
    }
}

/// The prompt that is to be answered next.
fn newest_prompt(messages: &[Value], by_ids: bool) -> Option<&Value> {
    let id = |message: &&Value| message["info"]["id"].as_str().unwrap_or_default().to_owned();
    let of = |role: &'static str| messages.iter().filter(move |one| one["info"]["role"] == role);
    if !by_ids {
        return of("user").next_back();
    }
    let answered = of("assistant").map(|message| id(&message)).max();
    of("user").max_by_key(id).filter(|newest| Some(id(newest)) > answered)
}

/// Text without spaces, with `bytes` bytes. Its line ends have to be escaped in JSON.
pub(super) fn much(bytes: Option<u64>) -> String {
    "fifteen-letters\n".repeat(usize::try_from(bytes.unwrap_or(0) / 16).unwrap_or(0))
}

/// One turn while it runs.
pub(super) struct Turn<'a> {
    pub(super) shared: &'a Shared,
    pub(super) faults: Faults,
    pub(super) conversation: String,
    pub(super) directory: String,
    /// The info of the user message.
    user: Value,
    /// The text of its answer.
    text: Option<String>,
}

/// An assistant message while it is written.
pub(super) struct Step {
    pub(super) info: Value,
    pub(super) completion_tokens: u64,
}

/// The turn was aborted, or its conversation deleted.
pub(super) struct Aborted;

impl<'a> Turn<'a> {
    fn new(shared: &'a Shared, directory: Option<&str>, message: &Value) -> Self {
        let faults = Faults::read();
        let parts = message["parts"].as_array().into_iter().flatten();
        let prompt: String = parts.filter_map(|part| part["text"].as_str()).collect();
        let text = match faults.number("/turn/tokens") {
            _ if faults.has("/turn/empty") => None,
            Some(count) => {
                Some((1..=count).map(|number| format!("w{number}")).collect::<Vec<_>>().join(" "))
            }
            None if faults.has("/turn/bytes") => Some(much(faults.number("/turn/bytes"))),
            None => Some(faults.text("/turn/text").unwrap_or(prompt)),
        };
        Self {
            shared,
            conversation: message["info"]["sessionID"].as_str().unwrap_or_default().to_owned(),
            directory: directory.unwrap_or_default().to_owned(),
            user: message["info"].clone(),
            faults,
            text,
        }
    }

    fn run(self) {
        if let Some(never) = self.faults.get("/turn/never_starts") {
            if never.is_object() {
                self.publish("session.error", json!({"error": never}));
            }
            return;
        }
        self.status(json!({"type": "busy"}));
        let prepared = self.pause(self.faults.duration("/turn/step_gap_ms"));
        let mut step = self.begin();
        if prepared.and_then(|()| self.steps(&mut step)).is_err() {
            // An abort while the provider is retried leaves no error behind.
            let retried = self.faults.has("/turn/retry_forever");
            let error = json!({"name": "MessageAbortedError", "data": {"message": "Aborted"}});
            self.fail(&mut step, (!retried).then_some(error));
        }
        let _ = self.with(|found| {
            found.info["time"]["updated"] = now().into();
            let info = found.info.clone();
            self.publish("session.updated", json!({"info": info}));
        });
        self.publish("message.updated", json!({"info": self.user}));
    }

    fn steps(&self, step: &mut Step) -> Result<(), Aborted> {
        if let Some(pace) = self.faults.number("/turn/retry_forever") {
            self.retry(if pace > 1 { pace } else { 2000 })?;
        }
        if let Some(error) = self.faults.get("/turn/error") {
            self.fail(step, Some(error.clone()));
            return Ok(());
        }
        self.part(step, json!({"type": "step-start"}));
        if !self.tool(step)? {
            self.finish(step, "tool-calls");
            self.idle();
            return Ok(());
        }
        while Faults::read().has("/turn/hold") {
            self.pause(HOLD_LOOK)?;
        }
        if self.faults.has("/turn/idle_early") {
            self.idle();
        }
        if let Some(text) = &self.text {
            self.say(step, text)?;
        }
        if self.faults.has("/turn/never_ends") {
            self.pause(FOREVER)?;
        }
        self.finish(step, "stop");
        if !self.faults.has("/turn/never_idle") {
            self.status(json!({"type": "busy"}));
            self.idle();
        }
        Ok(())
    }

    fn retry(&self, pace: u64) -> Result<(), Aborted> {
        for attempt in 1_u64.. {
            let next = now() + pace;
            let retry =
                json!({"type": "retry", "attempt": attempt, "message": "busy", "next": next});
            self.status(retry);
            self.pause(Duration::from_millis(pace))?;
        }
        Ok(())
    }

    fn say(&self, step: &mut Step, text: &str) -> Result<(), Aborted> {
        let pace = self.faults.duration("/turn/delta_ms");
        self.flood();
        let begun = now();
        let content = json!({"type": "text", "text": "", "time": {"start": begun}});
        let mut part = part(&step.info, content);
        let reversed = self.faults.has("/events/deltas_before_part");
        if !reversed {
            self.update_part(part.clone());
        }
        // Half a character, which `halves` makes of `<`, ends a delta.
        for word in text.split_inclusive([' ', '<']) {
            self.pause(pace)?;
            self.publish("message.part.delta", json!({
                "messageID": step.info["id"], "partID": part["id"], "field": "text", "delta": word,
            }));
            step.completion_tokens += 1;
        }
        if reversed {
            self.update_part(part.clone());
        }
        part["text"] = text.into();
        part["time"]["end"] = now().into();
        self.update_part(part);
        Ok(())
    }

    /// Publishes events of a conversation that does not exist here.
    fn flood(&self) {
        let (conversation, message, part) = (id("ses"), id("msg"), id("prt"));
        for _ in 0..self.faults.number("/events/flood").unwrap_or(0) {
            let properties = json!({
                "sessionID": conversation, "messageID": message, "partID": part,
                "field": "text", "delta": "elsewhere ",
            });
            self.shared.publish("message.part.delta", &self.directory, properties);
        }
    }

    /// Begins an assistant message.
    pub(super) fn begin(&self) -> Step {
        let message = assistant_message(&self.user, &self.directory);
        let info = message["info"].clone();
        let _ = self.with(|found| found.messages.push(message));
        self.publish("message.updated", json!({"info": info}));
        self.status(json!({"type": "busy"}));
        Step { info, completion_tokens: 0 }
    }

    /// Ends an assistant message: first its finish is set, then its time, as in the real server.
    pub(super) fn finish(&self, step: &mut Step, reason: &str) {
        let counts = !self.faults.has("/turn/no_usage");
        let (input, output) = if counts { (PROMPT_TOKENS, step.completion_tokens) } else { (0, 0) };
        let tokens = json!({
            "total": input + output, "input": input, "output": output, "reasoning": 0,
            "cache": {"read": 0, "write": 0},
        });
        // The prices of the tests' configuration: 1 and 2 dollars for a million tokens.
        let millionths = if self.faults.has("/turn/free") { 0 } else { input + 2 * output };
        let cost = millionths as f64 / 1e6;
        self.part(
            step,
            json!({"type": "step-finish", "reason": reason, "tokens": tokens, "cost": cost}),
        );
        let info = &mut step.info;
        info["tokens"] = tokens;
        info["cost"] = cost.into();
        info["finish"] = reason.into();
        self.update_info(info);
        info["time"]["completed"] = now().into();
        self.update_info(info);
        let _ = self.with(|found| {
            let info = &mut found.info;
            info["cost"] = (info["cost"].as_f64().unwrap_or(0.0) + cost).into();
            for (name, more) in [("input", input), ("output", output)] {
                let sum = info["tokens"][name].as_u64().unwrap_or(0) + more;
                info["tokens"][name] = sum.into();
            }
        });
    }

    /// Ends a turn that went wrong. As recorded, idle comes before and after the message.
    fn fail(&self, step: &mut Step, error: Option<Value>) {
        if let Some(error) = error {
            self.publish("session.error", json!({"error": error}));
            self.idle();
            step.info["error"] = error;
        }
        step.info["time"]["completed"] = now().into();
        self.update_info(&step.info);
        self.idle();
    }

    fn idle(&self) {
        self.status(json!({"type": "idle"}));
        self.publish("session.idle", json!({}));
    }

    pub(super) fn status(&self, status: Value) {
        let kept = (status["type"] != "idle").then(|| status.clone());
        let _ = self.with(|found| found.status = kept);
        self.publish("session.status", json!({"status": status}));
    }

    /// Adds a part to a message.
    pub(super) fn part(&self, step: &Step, content: Value) -> Value {
        let part = part(&step.info, content);
        self.update_part(part.clone());
        part
    }

    pub(super) fn update_part(&self, part: Value) {
        let _ = self.with(|found| {
            let Some(message) = found.message(&part["messageID"]) else {
                return;
            };
            if let Some(parts) = message["parts"].as_array_mut() {
                match parts.iter_mut().find(|old| old["id"] == part["id"]) {
                    Some(old) => *old = part.clone(),
                    None => parts.push(part.clone()),
                }
            }
        });
        self.publish("message.part.updated", json!({"part": part, "time": now()}));
    }

    fn update_info(&self, info: &Value) {
        let _ = self.with(|found| {
            if let Some(message) = found.message(&info["id"]) {
                message["info"] = info.clone();
            }
        });
        self.publish("message.updated", json!({"info": info}));
    }

    /// Does something with the conversation; nothing if it was deleted.
    fn with<T>(&self, action: impl FnOnce(&mut super::state::Conversation) -> T) -> Option<T> {
        self.shared.lock().find(&self.conversation).map(action)
    }

    fn publish(&self, kind: &str, mut properties: Value) {
        properties["sessionID"] = self.conversation.clone().into();
        self.shared.publish(kind, &self.directory, properties);
    }

    /// Lets time pass, unless the turn is aborted.
    fn pause(&self, time: Duration) -> Result<(), Aborted> {
        let nothing = |_: &mut super::state::State| None::<()>;
        let _ = self.shared.wait(&self.conversation, time, nothing);
        match self.with(|found| found.aborted) {
            Some(false) => Ok(()),
            _ => Err(Aborted),
        }
    }
}
