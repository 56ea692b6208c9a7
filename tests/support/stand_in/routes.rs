//! The routes, with the faults in front of them.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::http_server::{Connection, Request};
use super::faults::{self, Faults};
use super::state::Shared;
use super::{answers, conversation, endless, events, ids};

const HTML: [(&str, &str); 1] = [("content-type", "text/html")];
const JSON: [(&str, &str); 1] = [("content-type", "application/json")];

/// How often a held request or turn checks whether it may go on.
pub const HOLD_LOOK: Duration = Duration::from_millis(5);

/// Answers one request.
pub fn handle(
    shared: &Arc<Shared>,
    request: &Request,
    connection: &mut Connection,
) -> io::Result<()> {
    let faults = Faults::read();
    note(request);
    connection.set(faults.has("/halves"), ids::date_by(&faults));
    if faults.has("/never_answer") || faults.lists("/silence", request) {
        return connection.wait_until_closed();
    }
    while Faults::read().lists("/hold", request) {
        std::thread::sleep(HOLD_LOOK);
    }
    let number = |place: &str| faults.entry(place, request).and_then(Value::as_u64);
    std::thread::sleep(Duration::from_millis(number("/delay_ms").unwrap_or(0)));
    if faults.has("/unauthorized") || !authorized(request) {
        let challenge = [("www-authenticate", "Basic realm=\"Secure Area\"")];
        return connection.answer(401, &challenge, b"");
    }
    if let Some(status) = number("/status") {
        return connection.json(u16::try_from(status).unwrap_or(500), &unknown_error());
    }
    if faults.lists("/html", request) {
        return connection.answer(200, &HTML, answers::PAGE.as_bytes());
    }
    if let Some(body) = faults.entry("/body", request) {
        return connection.json(200, body);
    }
    if number("/trickle").is_some() || faults.lists("/flood", request) {
        return endless::blanks(connection, number("/trickle"));
    }
    match (request.method.as_str(), request.path.as_str()) {
        ("GET", "/event") => return events::stream(shared, request, connection, false),
        ("GET", "/global/event") => return events::stream(shared, request, connection, true),
        _ => {}
    }
    if faults.lists("/early_head", request) {
        connection.early_head()?;
    }
    let mut reply = route(shared, request, &faults);
    if let Some(status) = number("/late_status") {
        let error = json!({"name": "NotFoundError", "data": {"message": "too late"}});
        reply = Reply::Failed(u16::try_from(status).unwrap_or(500), error);
    }
    give(reply, &faults, request, connection)
}

/// Gives an answer, whole or as the faults want it.
fn give(
    reply: Reply,
    faults: &Faults,
    request: &Request,
    connection: &mut Connection,
) -> io::Result<()> {
    match reply {
        Reply::Json(value) | Reply::Page(value, _) if faults.lists("/cut_body", request) => {
            connection.cut_json(&value)?;
            Err(io::ErrorKind::ConnectionAborted.into())
        }
        Reply::Json(value) | Reply::Page(value, _) if faults.lists("/stall_body", request) => {
            connection.cut_json(&value)?;
            connection.wait_until_closed()
        }
        Reply::Json(value) => connection.json(200, &value),
        Reply::Failed(status, value) => connection.json(status, &value),
        Reply::Recorded(text) => connection.answer(200, &JSON, text.as_bytes()),
        Reply::Page(value, next) => page(request, connection, &value, next),
        Reply::Nothing => connection.answer(204, &[], b""),
        Reply::Unknown => connection.answer(200, &HTML, answers::PAGE.as_bytes()),
    }
}

/// What a route answers.
pub enum Reply {
    Json(Value),
    Failed(u16, Value),
    Recorded(&'static str),
    /// A page of messages, with the cursor of the next page.
    Page(Value, Option<String>),
    Nothing,
    Unknown,
}

/// Writes a request down, for tests that want to know what was asked.
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
        // A single write, so that the lines of concurrent requests do not mix.
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
        ("GET", ["path"]) => Reply::Json(json!({
            "home": "/", "state": "/", "config": "/", "worktree": "/",
            "directory": directory(shared, request),
        })),
        ("GET", ["config"]) => Reply::Recorded(answers::CONFIG),
        ("GET", ["config", "providers"]) => Reply::Recorded(answers::PROVIDERS),
        ("GET", ["agent"]) => Reply::Recorded(answers::AGENTS),
        ("GET", ["mcp"]) => Reply::Json(json!({})),
        ("GET", ["vcs", "diff"]) => Reply::Json(json!([])),
        ("GET", ["session"]) => Reply::Json(list(shared, request)),
        ("POST", ["session"]) => Reply::Json(shared.create(&body, request.query("directory"))),
        ("GET", ["session", "status"]) => Reply::Json(statuses(shared, request)),
        ("GET", ["permission"]) => match asks(shared, request, false) {
            listed if faults.has("/lists_no_asks") && listed != json!([]) => unlistable(),
            listed => Reply::Json(listed),
        },
        ("GET", ["question"]) => Reply::Json(asks(shared, request, true)),
        ("POST", ["permission", ask, "reply"]) => reply(shared, ask, body, "permission.replied"),
        ("POST", ["question", ask, "reply"]) => reply(shared, ask, body, "question.replied"),
        ("POST", ["question", ask, "reject"]) => {
            reply(shared, ask, json!({"reply": "reject"}), "question.rejected")
        }
        // The answer is the same for a conversation that does not exist.
        ("POST", ["session", conversation, "abort"]) => abort(shared, conversation),
        (method, ["session", conversation, rest @ ..]) => {
            let known = shared.lock().find(conversation).map(|found| found.info.clone());
            if method == "GET"
                && faults.has("/endless_relatives")
                && let Some(reply) =
                    endless::relatives(conversation, rest, known.unwrap_or_else(|| json!({})))
            {
                return reply;
            }
            if shared.lock().find(conversation).is_none() {
                return not_found(&format!("Session not found: {conversation}"));
            }
            conversation::answer(shared, request, method, conversation, rest)
        }
        _ => Reply::Unknown,
    }
}

/// The error object of a failure that the server does not explain.
pub fn unknown_error() -> Value {
    let message = "Unexpected server error. Check server logs for details.";
    json!({"name": "UnknownError", "data": {"message": message}})
}

/// The answer to a request about something that does not exist.
pub fn not_found(message: &str) -> Reply {
    Reply::Failed(404, json!({"name": "NotFoundError", "data": {"message": message}}))
}

/// The answer of 1.15.13 to 1.18.33 for all requests if the first is of webfetch without a timeout.
fn unlistable() -> Reply {
    let message = "Expected JSON value, got undefined\n  at [0][\"metadata\"][\"timeout\"]";
    Reply::Failed(400, json!({"name": "BadRequest", "data": {"message": message, "kind": "Body"}}))
}

/// The directory that a request is about.
fn directory<'a>(shared: &'a Shared, request: &'a Request) -> &'a str {
    request.query("directory").unwrap_or(&shared.directory)
}

fn list(shared: &Shared, request: &Request) -> Value {
    let number = |name: &str| request.query(name).and_then(|text| text.parse::<u64>().ok());
    let state = shared.lock();
    let mut infos: Vec<&Value> = state
        .conversations
        .iter()
        .map(|found| &found.info)
        .filter(|info| request.query("directory").is_none_or(|wanted| info["directory"] == wanted))
        .filter(|info| request.query("roots") != Some("true") || info["parentID"].is_null())
        .filter(|info| {
            number("start").is_none_or(|start| info["time"]["updated"].as_u64() >= Some(start))
        })
        .filter(|info| {
            let title = info["title"].as_str().unwrap_or_default().to_lowercase();
            request.query("search").is_none_or(|text| title.contains(&text.to_lowercase()))
        })
        .collect();
    // Between equal times the id decides: ids of conversations sort backwards.
    infos.sort_by_key(|info| {
        (std::cmp::Reverse(info["time"]["updated"].as_u64()), info["id"].to_string())
    });
    let limit = usize::try_from(number("limit").unwrap_or(100)).unwrap_or(usize::MAX);
    infos.into_iter().take(limit).cloned().collect()
}

fn statuses(shared: &Shared, request: &Request) -> Value {
    let wanted = directory(shared, request);
    let state = shared.lock();
    let busy = state.conversations.iter().filter(|found| found.info["directory"] == wanted);
    busy.filter_map(|found| Some((found.id().to_owned(), found.status.clone()?))).collect()
}

fn asks(shared: &Shared, request: &Request, questions: bool) -> Value {
    let wanted = directory(shared, request);
    let mut state = shared.lock();
    let asks = if questions { &state.questions } else { &state.permissions }.clone();
    asks.into_iter()
        .filter(|ask| {
            let conversation = ask["sessionID"].as_str().unwrap_or_default();
            // The ask of a deleted conversation stays, in every directory, as its own is not known.
            state.find(conversation).is_none_or(|found| found.info["directory"] == wanted)
        })
        .collect()
}

fn reply(shared: &Shared, ask: &str, body: Value, event: &str) -> Reply {
    let mut state = shared.lock();
    let question = event.starts_with("question");
    let asks = if question { &mut state.questions } else { &mut state.permissions };
    let Some(index) = asks.iter().position(|found| found["id"] == ask) else {
        let kind = if question { "Question" } else { "Permission" };
        let message = format!("{kind} request not found: {ask}");
        let tag = format!("{kind}NotFoundError");
        return Reply::Failed(404, json!({"_tag": tag, "requestID": ask, "message": message}));
    };
    let conversation = asks.remove(index)["sessionID"].clone();
    let directory = state
        .find(conversation.as_str().unwrap_or_default())
        .map_or(shared.directory.clone(), |found| {
            found.info["directory"].as_str().unwrap_or_default().to_owned()
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
