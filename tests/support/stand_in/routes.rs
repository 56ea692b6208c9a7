//! The routes, with the faults in front of them.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::super::http_server::{Connection, Request};
use super::faults::{self, Faults};
use super::ids::{id, now};
use super::state::Shared;
use super::{answers, events, turn};

const HTML: [(&str, &str); 1] = [("content-type", "text/html")];
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// Answers one request.
pub fn handle(
    shared: &Arc<Shared>,
    request: &Request,
    connection: &mut Connection,
) -> io::Result<()> {
    let faults = Faults::read();
    note(request);
    if faults.has("/never_answer") || faults.lists("/silence", request) {
        return connection.wait_until_closed();
    }
    if let Some(delay) = faults.entry("/delay_ms", request).and_then(Value::as_u64) {
        std::thread::sleep(Duration::from_millis(delay));
    }
    if faults.has("/unauthorized") || !authorized(request) {
        let challenge = [("www-authenticate", "Basic realm=\"Secure Area\"")];
        return connection.answer(401, &challenge, b"");
    }
    if let Some(status) = faults.entry("/status", request).and_then(Value::as_u64) {
        let status = u16::try_from(status).unwrap_or(500);
        let data = json!({"message": "Unexpected server error. Check server logs for details."});
        return connection.json(status, &json!({"name": "UnknownError", "data": data}));
    }
    if faults.lists("/html", request) {
        return connection.answer(200, &HTML, answers::PAGE.as_bytes());
    }
    if let Some(body) = faults.entry("/body", request) {
        return connection.json(200, body);
    }
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/event") => return events::stream(shared, request, connection, false),
        ("GET", "/global/event") => return events::stream(shared, request, connection, true),
        _ => {}
    }
    let reply = route(shared, request, &faults);
    match reply {
        Reply::Json(value) if faults.lists("/cut_body", request) => {
            connection.cut_json(&value)?;
            Err(io::ErrorKind::ConnectionAborted.into())
        }
        Reply::Json(value) => connection.json(200, &value),
        Reply::Failed(status, value) => connection.json(status, &value),
        Reply::Recorded(text) => connection.answer(200, &JSON, text.as_bytes()),
        Reply::Page(value, next) => page(request, connection, &value, next),
        Reply::Nothing => connection.answer(204, &[], b""),
        Reply::Unknown => connection.answer(200, &HTML, answers::PAGE.as_bytes()),
    }
}

enum Reply {
    Json(Value),
    Failed(u16, Value),
    Recorded(&'static str),
    /// A page of messages, with the cursor of the next one.
    Page(Value, Option<String>),
    Nothing,
    Unknown,
}

/// Writes down what came, for tests that want to know what was asked.
fn note(request: &Request) {
    let Some(path) = faults::file() else { return };
    let line = json!({
        "method": request.method,
        "path": request.path,
        "query": request.query.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(),
        "authorization": request.header("authorization"),
        "body": request.json(),
    });
    let file = std::fs::OpenOptions::new()
        .append(true)
        .create(true)
        .open(path.with_file_name("requests.jsonl"));
    if let Ok(mut file) = file {
        // One write, so that the lines of concurrent requests do not mix.
        drop(file.write_all(format!("{line}\n").as_bytes()));
    }
}

fn authorized(request: &Request) -> bool {
    let Ok(password) = std::env::var("OPENCODE_SERVER_PASSWORD") else {
        return true;
    };
    let user = std::env::var("OPENCODE_SERVER_USERNAME").unwrap_or("opencode".to_owned());
    let expected = format!("Basic {}", STANDARD.encode(format!("{user}:{password}")));
    request.header("authorization") == Some(&expected)
}

fn route(shared: &Arc<Shared>, request: &Request, faults: &Faults) -> Reply {
    let segments: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    let body = request.json();
    match (request.method.as_str(), segments.as_slice()) {
        ("GET", ["global", "health"]) => Reply::Json(match faults.get("/health") {
            Some(health) => health.clone(),
            None => json!({"healthy": true, "version": shared.version}),
        }),
        ("GET", ["config"]) => Reply::Recorded(answers::CONFIG),
        ("GET", ["config", "providers"]) => Reply::Recorded(answers::PROVIDERS),
        ("GET", ["agent"]) => Reply::Recorded(answers::AGENTS),
        ("GET", ["vcs", "diff"]) => Reply::Json(json!([])),
        ("GET", ["session"]) => Reply::Json(list(shared, request)),
        ("POST", ["session"]) => Reply::Json(shared.create(&body, request.query("directory"))),
        ("GET", ["session", "status"]) => Reply::Json(statuses(shared, request)),
        ("GET", ["permission"]) => Reply::Json(asks(shared, request, false)),
        ("GET", ["question"]) => Reply::Json(asks(shared, request, true)),
        ("POST", ["permission", ask, "reply"]) => reply(shared, ask, body, "permission.replied"),
        ("POST", ["question", ask, "reply"]) => reply(shared, ask, body, "question.replied"),
        ("POST", ["question", ask, "reject"]) => {
            reply(shared, ask, json!({"reply": "reject"}), "question.rejected")
        }
        // Of a conversation that does not exist, abort says the same as of any other.
        ("POST", ["session", conversation, "abort"]) => abort(shared, conversation),
        (method, ["session", conversation, rest @ ..]) => {
            if shared.lock().find(conversation).is_none() {
                return not_found(&format!("Session not found: {conversation}"));
            }
            of_conversation(shared, request, method, conversation, rest)
        }
        _ => Reply::Unknown,
    }
}

fn not_found(message: &str) -> Reply {
    Reply::Failed(
        404,
        json!({"name": "NotFoundError", "data": {"message": message}}),
    )
}

fn of_conversation(
    shared: &Arc<Shared>,
    request: &Request,
    method: &str,
    conversation: &str,
    rest: &[&str],
) -> Reply {
    let body = request.json();
    let info = || {
        shared
            .lock()
            .find(conversation)
            .map(|found| found.info.clone())
            .unwrap_or_default()
    };
    match (method, rest) {
        ("GET", []) => Reply::Json(info()),
        ("PATCH", []) => {
            if let Some(found) = shared.lock().find(conversation) {
                found.info["title"] = body["title"].clone();
            }
            Reply::Json(info())
        }
        ("DELETE", []) => {
            let info = info();
            shared
                .lock()
                .conversations
                .retain(|found| found.id() != conversation);
            shared.changed.notify_all();
            let directory = info["directory"].as_str().unwrap_or_default();
            shared.publish(
                "session.deleted",
                directory,
                json!({"sessionID": conversation, "info": info}),
            );
            Reply::Json(true.into())
        }
        ("GET", ["children"]) => {
            let state = shared.lock();
            let infos = state.conversations.iter().map(|found| &found.info);
            Reply::Json(
                infos
                    .filter(|info| info["parentID"] == conversation)
                    .cloned()
                    .collect(),
            )
        }
        ("GET", ["todo" | "diff"]) => Reply::Json(json!([])),
        ("POST", ["summarize"]) => Reply::Json(true.into()),
        ("POST", ["fork"]) => Reply::Json(fork(shared, conversation, &body)),
        ("GET", ["message"]) => messages(shared, request, conversation),
        ("GET", ["message", message]) => {
            let found = shared
                .lock()
                .find(conversation)
                .and_then(|found| found.message(&json!(message)).cloned());
            found.map_or_else(
                || not_found(&format!("Message not found: {message}")),
                Reply::Json,
            )
        }
        ("POST", ["prompt_async" | "message"]) => {
            if let Some(problem) = problem(&body) {
                let data = json!({"message": problem, "kind": "Payload"});
                return Reply::Failed(400, json!({"name": "BadRequest", "data": data}));
            }
            let user = turn::prompt(shared, conversation, &body);
            if rest == ["prompt_async"] {
                return Reply::Nothing;
            }
            answer_of(shared, conversation, &user).map_or(Reply::Nothing, Reply::Json)
        }
        _ => Reply::Unknown,
    }
}

/// What is wrong with a prompt, in the real server's words.
fn problem(body: &Value) -> Option<String> {
    if !body["parts"].is_array() {
        return Some("Missing key\n  at [\"parts\"]".to_owned());
    }
    let id = body["messageID"]
        .as_str()
        .filter(|id| !id.starts_with("msg"))?;
    Some(format!(
        "Expected a string starting with \"msg\", got {id:?}\n  at [\"messageID\"]"
    ))
}

/// Waits for the end of a turn and gives its last message.
fn answer_of(shared: &Shared, conversation: &str, user: &str) -> Option<Value> {
    loop {
        let state = shared.lock();
        // Woken by the ticks of `wait_timeout`: turns tell of asks and aborts only.
        let (mut state, _) = shared
            .changed
            .wait_timeout(state, Duration::from_millis(5))
            .unwrap();
        let found = state.find(conversation)?;
        let last = found
            .messages
            .iter()
            .rfind(|message| message["info"]["parentID"] == user);
        if let Some(last) = last.filter(|_| found.status.is_none() && !found.running) {
            return Some(last.clone());
        }
    }
}

/// The directory that a request is about.
fn directory<'a>(shared: &'a Shared, request: &'a Request) -> &'a str {
    request.query("directory").unwrap_or(&shared.directory)
}

fn list(shared: &Shared, request: &Request) -> Value {
    let number = |name: &str| {
        request
            .query(name)
            .and_then(|text| text.parse::<u64>().ok())
    };
    let state = shared.lock();
    let mut infos: Vec<&Value> = state
        .conversations
        .iter()
        .map(|found| &found.info)
        .filter(|info| {
            request
                .query("directory")
                .is_none_or(|wanted| info["directory"] == wanted)
        })
        .filter(|info| request.query("roots") != Some("true") || info["parentID"].is_null())
        .filter(|info| {
            number("start").is_none_or(|start| info["time"]["updated"].as_u64() >= Some(start))
        })
        .filter(|info| {
            let title = info["title"].as_str().unwrap_or_default().to_lowercase();
            request
                .query("search")
                .is_none_or(|text| title.contains(&text.to_lowercase()))
        })
        .collect();
    // Ids of conversations sort the newest first, which settles equal times.
    infos.sort_by_key(|info| {
        (
            std::cmp::Reverse(info["time"]["updated"].as_u64()),
            info["id"].to_string(),
        )
    });
    let limit = usize::try_from(number("limit").unwrap_or(100)).unwrap_or(usize::MAX);
    infos.into_iter().take(limit).cloned().collect()
}

fn statuses(shared: &Shared, request: &Request) -> Value {
    let wanted = directory(shared, request);
    let state = shared.lock();
    let busy = state
        .conversations
        .iter()
        .filter(|found| found.info["directory"] == wanted);
    busy.filter_map(|found| Some((found.id().to_owned(), found.status.clone()?)))
        .collect()
}

fn asks(shared: &Shared, request: &Request, questions: bool) -> Value {
    let wanted = directory(shared, request);
    let mut state = shared.lock();
    let asks = if questions {
        &state.questions
    } else {
        &state.permissions
    }
    .clone();
    asks.into_iter()
        .filter(|ask| {
            let conversation = ask["sessionID"].as_str().unwrap_or_default();
            // The ask of a deleted conversation stays, and nobody knows its directory any more.
            state
                .find(conversation)
                .is_none_or(|found| found.info["directory"] == wanted)
        })
        .collect()
}

fn reply(shared: &Shared, ask: &str, body: Value, event: &str) -> Reply {
    let mut state = shared.lock();
    let question = event.starts_with("question");
    let asks = if question {
        &mut state.questions
    } else {
        &mut state.permissions
    };
    let Some(index) = asks.iter().position(|found| found["id"] == ask) else {
        let kind = if question { "Question" } else { "Permission" };
        let message = format!("{kind} request not found: {ask}");
        let tag = format!("{kind}NotFoundError");
        return Reply::Failed(
            404,
            json!({"_tag": tag, "requestID": ask, "message": message}),
        );
    };
    let conversation = asks.remove(index)["sessionID"].clone();
    let directory = state
        .find(conversation.as_str().unwrap_or_default())
        .map_or(shared.directory.clone(), |found| {
            found.info["directory"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        });
    let mut properties = json!({"sessionID": conversation, "requestID": ask});
    for name in ["reply", "answers"] {
        if !body[name].is_null() && event != "question.rejected" {
            properties[name] = body[name].clone();
        }
    }
    state.replies.insert(ask.to_owned(), body);
    drop(state);
    shared.publish(event, &directory, properties);
    shared.changed.notify_all();
    Reply::Json(true.into())
}

fn abort(shared: &Shared, conversation: &str) -> Reply {
    if let Some(found) = shared.lock().find(conversation) {
        found.aborted = found.running;
    }
    shared.changed.notify_all();
    Reply::Json(true.into())
}

fn fork(shared: &Shared, conversation: &str, body: &Value) -> Value {
    let (title, directory, mut messages) = {
        let mut state = shared.lock();
        let Some(found) = state.find(conversation) else {
            return Value::Null;
        };
        let title = found.info["title"].as_str().unwrap_or_default();
        (
            format!("{title} (fork #1)"),
            found.info["directory"].clone(),
            found.messages.clone(),
        )
    };
    // The fork ends before the message that is named.
    if let Some(end) = messages
        .iter()
        .position(|message| message["info"]["id"] == body["messageID"])
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
    let limit = request
        .query("limit")
        .and_then(|text| text.parse::<usize>().ok());
    let bad = Reply::Failed(400, json!({"_tag": "BadRequest"}));
    let mut state = shared.lock();
    let all = state
        .find(conversation)
        .map_or(&[][..], |found| &found.messages);
    let mut end = all.len();
    if let Some(cursor) = request.query("before") {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).unwrap_or_default();
        let cursor: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        // Without a limit the real server refuses a cursor.
        let found = all
            .iter()
            .position(|message| message["info"]["id"] == cursor["id"]);
        let (Some(found), Some(_)) = (found, limit) else {
            return bad;
        };
        end = found;
    }
    let start = end.saturating_sub(limit.filter(|limit| *limit > 0).unwrap_or(end));
    let next = (start > 0).then(|| {
        let info = &all[start]["info"];
        URL_SAFE_NO_PAD
            .encode(json!({"id": info["id"], "time": info["time"]["created"]}).to_string())
    });
    Reply::Page(all[start..end].into(), next)
}

fn page(
    request: &Request,
    connection: &mut Connection,
    value: &Value,
    next: Option<String>,
) -> io::Result<()> {
    let Some(next) = next else {
        return connection.json(200, value);
    };
    let (host, path) = (request.header("host").unwrap_or_default(), &request.path);
    let limit = request.query("limit").unwrap_or_default();
    let link = format!("<http://{host}{path}?limit={limit}&before={next}>; rel=\"next\"");
    let headers = [JSON[0], ("link", &link), ("x-next-cursor", &next)];
    connection.answer(200, &headers, value.to_string().as_bytes())
}
