//! The routes below `/session/ID`.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::super::http_server::Request;
use super::faults::Faults;
use super::ids::{id, now};
use super::routes::{Reply, not_found, unknown_error};
use super::state::{Shared, assistant_message, part, user_message};
use super::turn;

/// Answers a request about a conversation that exists.
pub fn answer(
    shared: &Arc<Shared>,
    request: &Request,
    method: &str,
    conversation: &str,
    rest: &[&str],
) -> Reply {
    let body = request.json();
    let info =
        || shared.lock().find(conversation).map(|found| found.info.clone()).unwrap_or_default();
    match (method, rest) {
        ("GET", []) => Reply::Json(info()),
        ("PATCH", []) => {
            if let Some(found) = shared.lock().find(conversation) {
                change(&mut found.info, &body);
            }
            Reply::Json(info())
        }
        ("DELETE", []) => delete(shared, conversation, &info()),
        ("GET", ["children"]) => {
            let state = shared.lock();
            let infos = state.conversations.iter().map(|found| &found.info);
            Reply::Json(infos.filter(|info| info["parentID"] == conversation).cloned().collect())
        }
        ("GET", ["todo" | "diff"]) => Reply::Json(json!([])),
        ("POST", ["summarize"]) => summarize(shared, conversation, &body),
        ("POST", ["revert"]) => {
            let revert = json!({"messageID": body["messageID"], "diff": "-new\n+old"});
            Reply::Json(set(shared, conversation, "revert", revert))
        }
        ("POST", ["unrevert"]) => Reply::Json(set(shared, conversation, "revert", Value::Null)),
        ("POST", ["share"]) => {
            let share = json!({"url": "http://share.invalid/s/1"});
            Reply::Json(set(shared, conversation, "share", share))
        }
        ("DELETE", ["share"]) => Reply::Json(set(shared, conversation, "share", Value::Null)),
        ("POST", ["fork"]) => Reply::Json(fork(shared, conversation, &body)),
        ("GET", ["message"]) => messages(shared, request, conversation),
        ("GET", ["message", message]) => {
            let found = shared
                .lock()
                .find(conversation)
                .and_then(|found| found.message(&json!(message)).cloned());
            found.map_or_else(|| not_found(&format!("Message not found: {message}")), Reply::Json)
        }
        ("POST", ["prompt_async"]) => prompt(shared, conversation, &body, false),
        ("POST", ["message"]) => prompt(shared, conversation, &body, true),
        ("POST", ["command"]) => prompt(shared, conversation, &made_of_command(&body), true),
        _ => Reply::Unknown,
    }
}

/// Makes the changes of a PATCH. Rules are appended; servers before 1.14 ignore them and answer
/// 200.
fn change(info: &mut Value, body: &Value) {
    if !body["title"].is_null() {
        info["title"] = body["title"].clone();
    }
    if let Some(rules) = body["permission"].as_array()
        && !Faults::read().has("/ignores_rules")
    {
        let mut all = info["permission"].as_array().cloned().unwrap_or_default();
        all.extend(rules.iter().cloned());
        info["permission"] = all.into();
    }
}

/// Sets a field of a conversation, and gives the conversation.
fn set(shared: &Shared, conversation: &str, name: &str, value: Value) -> Value {
    let mut state = shared.lock();
    let Some(found) = state.find(conversation) else { return Value::Null };
    found.info[name] = value;
    found.info.clone()
}

/// Stores a request for a summary, and the summary.
fn summarize(shared: &Shared, conversation: &str, body: &Value) -> Reply {
    let asked = json!({"parts": [{"type": "compaction", "auto": false}], "model": body});
    let asked = user_message(conversation, &asked);
    let mut summary = assistant_message(&asked["info"], &shared.directory);
    let info = &mut summary["info"];
    info["summary"] = true.into();
    info["finish"] = "stop".into();
    info["time"]["completed"] = now().into();
    let text = json!({"type": "text", "text": "a summary"});
    summary["parts"] = json!([part(&summary["info"], text)]);
    if let Some(found) = shared.lock().find(conversation) {
        found.messages.extend([asked, summary]);
    }
    Reply::Json(true.into())
}

fn delete(shared: &Shared, conversation: &str, info: &Value) -> Reply {
    shared.lock().conversations.retain(|found| found.id() != conversation);
    shared.changed.notify_all();
    let directory = info["directory"].as_str().unwrap_or_default();
    let properties = json!({"sessionID": conversation, "info": info});
    shared.publish("session.deleted", directory, properties);
    Reply::Json(true.into())
}

/// The prompt that a command makes: its name and arguments.
fn made_of_command(body: &Value) -> Value {
    let word = |name: &str| body[name].as_str().unwrap_or_default();
    let text = format!("{} {}", word("command"), word("arguments"));
    let mut prompt = body.clone();
    prompt["parts"] = json!([{"type": "text", "text": text}]);
    prompt
}

/// Takes a prompt; `held` makes the answer of its turn the answer of the request.
fn prompt(shared: &Arc<Shared>, conversation: &str, body: &Value, held: bool) -> Reply {
    if let Some(problem) = problem(body) {
        let data = json!({"message": problem, "kind": "Payload"});
        return Reply::Failed(400, json!({"name": "BadRequest", "data": data}));
    }
    let user = turn::prompt(shared, conversation, body);
    if !held {
        return Reply::Nothing;
    }
    // With a model that does not exist the real server stores the prompt and fails.
    if Faults::read().get("/turn/never_starts").is_some_and(Value::is_object) {
        return Reply::Failed(500, unknown_error());
    }
    answer_of(shared, conversation, &user).map_or(Reply::Nothing, Reply::Json)
}

/// What is wrong with a prompt, in the real server's words.
fn problem(body: &Value) -> Option<String> {
    if !body["parts"].is_array() {
        return Some("Missing key\n  at [\"parts\"]".to_owned());
    }
    let id = body["messageID"].as_str().filter(|id| !id.starts_with("msg"))?;
    Some(format!("Expected a string starting with \"msg\", got {id:?}\n  at [\"messageID\"]"))
}

/// Waits for the end of a turn and gives its last message, or that of a newer turn which took over.
fn answer_of(shared: &Shared, conversation: &str, user: &str) -> Option<Value> {
    loop {
        let state = shared.lock();
        // The end of a turn is noticed by the timeout alone: turns announce only asks and aborts.
        let (mut state, _) = shared.changed.wait_timeout(state, Duration::from_millis(5)).unwrap();
        let found = state.find(conversation)?;
        let last = found
            .messages
            .iter()
            .rfind(|message| message["info"]["parentID"].as_str().is_some_and(|id| id >= user));
        if let Some(last) = last.filter(|_| found.status.is_none() && !found.running) {
            return Some(last.clone());
        }
    }
}

fn fork(shared: &Shared, conversation: &str, body: &Value) -> Value {
    let (title, directory, mut messages) = {
        let mut state = shared.lock();
        let Some(found) = state.find(conversation) else {
            return Value::Null;
        };
        let title = found.info["title"].as_str().unwrap_or_default();
        (format!("{title} (fork #1)"), found.info["directory"].clone(), found.messages.clone())
    };
    // The copy ends before the message that the request names.
    if let Some(end) =
        messages.iter().position(|message| message["info"]["id"] == body["messageID"])
    {
        messages.truncate(end);
    }
    let info = shared.create(&json!({"title": title}), directory.as_str());
    let mut renamed: Vec<(Value, Value)> = Vec::new();
    for message in &mut messages {
        let new = Value::from(id("msg"));
        renamed.push((message["info"]["id"].take(), new.clone()));
        message["info"]["id"] = new.clone();
        message["info"]["sessionID"] = info["id"].clone();
        let parent = message["info"]["parentID"].clone();
        if let Some((_, new)) = renamed.iter().find(|(old, _)| *old == parent) {
            message["info"]["parentID"] = new.clone();
        }
        for part in message["parts"].as_array_mut().into_iter().flatten() {
            part["id"] = id("prt").into();
            part["messageID"] = new.clone();
            part["sessionID"] = info["id"].clone();
        }
    }
    if let Some(found) = shared.lock().find(info["id"].as_str().unwrap_or_default()) {
        found.messages = messages;
        found.info["time"]["updated"] = now().into();
    }
    info
}

fn messages(shared: &Shared, request: &Request, conversation: &str) -> Reply {
    let limit = request.query("limit").and_then(|text| text.parse::<usize>().ok());
    let bad = Reply::Failed(400, json!({"_tag": "BadRequest"}));
    let mut state = shared.lock();
    let all = state.find(conversation).map_or(&[][..], |found| &found.messages);
    let mut end = all.len();
    let cursors = !Faults::read().has("/no_cursors");
    if let Some(cursor) = request.query("before").filter(|_| cursors) {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).unwrap_or_default();
        let cursor: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        // Without a limit the real server refuses a cursor.
        let found = all.iter().position(|message| message["info"]["id"] == cursor["id"]);
        let (Some(found), Some(_)) = (found, limit) else {
            return bad;
        };
        end = found;
    }
    let start = end.saturating_sub(limit.filter(|limit| *limit > 0).unwrap_or(end));
    let next = (start > 0 && cursors).then(|| {
        let info = &all[start]["info"];
        URL_SAFE_NO_PAD
            .encode(json!({"id": info["id"], "time": info["time"]["created"]}).to_string())
    });
    Reply::Page(all[start..end].into(), next)
}
