//! The stand-in answers as the real server does, and has the faults that a test asks for.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::http_client::{Answer, request};
use crate::support::processes::{is_signal_pending, poll};
use crate::support::sandbox::{Sandbox, example};
use crate::support::serving::{Serving, prompt};

const SOON: Duration = Duration::from_secs(120);

/// Every path of keys in a document, with the kind of its value. An array counts as its first
/// element.
fn shape(value: &Value, path: &str, shapes: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                shape(value, &format!("{path}.{name}"), shapes);
            }
        }
        Value::Array(items) => {
            shapes.insert(format!("{path}[]"));
            if let Some(first) = items.first() {
                shape(first, &format!("{path}[]"), shapes);
            }
        }
        Value::String(_) => drop(shapes.insert(format!("{path}: text"))),
        Value::Number(_) => drop(shapes.insert(format!("{path}: number"))),
        Value::Bool(_) => drop(shapes.insert(format!("{path}: bool"))),
        Value::Null => drop(shapes.insert(format!("{path}: null"))),
    }
}

/// An answer: its name, and its status and shape.
type Seen = (String, BTreeSet<String>);

/// What a client sees of a server.
struct Life<'a> {
    server: &'a Serving,
    seen: Vec<Seen>,
}

impl Life<'_> {
    fn note(&mut self, name: &str, status: u16, body: &Value) {
        let mut shapes = BTreeSet::from([format!("status {status}")]);
        shape(body, "", &mut shapes);
        self.seen.push((name.to_owned(), shapes));
    }

    fn note_answer(&mut self, name: &str, answer: &Answer) {
        self.note(name, answer.status, &answer.json());
    }

    fn names(&self) -> Vec<&str> {
        self.seen.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// Opens a conversation; `asks` makes the real server ask for each command of bash.
    fn open(&mut self, asks: bool) -> String {
        let mut body = json!({"title": "t"});
        if asks {
            body["permission"] = json!([{"permission": "bash", "pattern": "*", "action": "ask"}]);
        }
        let created = self.server.post("/session", &body);
        let mut info = created.json();
        info.as_object_mut().unwrap().remove("permission");
        self.note("POST session", created.status, &info);
        info["id"].as_str().unwrap().to_owned()
    }

    /// A turn with a tool call that is asked for.
    fn turn(&mut self, conversation: &str) {
        let body = prompt("[[bash touch made]][[echo seen]]");
        let sent = self.server.post(&format!("/session/{conversation}/prompt_async"), &body);
        self.note("prompt_async", sent.status, &Value::Null);
        let ask = self.server.wait_for_permission(SOON);
        self.note("GET permission", 200, &ask);
        let server = self.server;
        let status = || server.get("/session/status").json()[conversation].clone();
        self.note("status", 200, &status());
        for id in [ask[0]["id"].as_str().unwrap(), "per_unknown"] {
            let reply = json!({"reply": "once"});
            let replied = self.server.post(&format!("/permission/{id}/reply"), &reply);
            self.note_answer("reply", &replied);
        }
        poll(SOON, || status().is_null().then_some(())).expect("the end of the turn");
    }

    fn messages(&mut self, conversation: &str) {
        let messages = self.server.messages(conversation);
        let messages = messages.as_array().unwrap();
        for (index, message) in messages.iter().enumerate() {
            // The summary of the user message may be there already, or may come later.
            let mut message = message.clone();
            message["info"].as_object_mut().unwrap().remove("summary");
            for part in message["parts"].as_array().unwrap() {
                self.note(&format!("message {index} {}", part["type"]), 200, part);
            }
            self.note(&format!("message {index}"), 200, &message["info"]);
        }
        let of = format!("/session/{conversation}/message");
        let page = self.server.get(&format!("{of}?limit=1"));
        let cursor = page.header("x-next-cursor").expect("a cursor");
        assert!(page.header("link").expect("a link").contains(cursor));
        let older = self.server.get(&format!("{of}?limit=9&before={cursor}"));
        assert_eq!(older.header("x-next-cursor"), None);
        assert_eq!(older.json().as_array().unwrap().len(), messages.len() - 1);
    }

    /// Requests that change nothing, and requests that are refused.
    fn questions(&mut self, conversation: &str) {
        for path in [
            "/global/health",
            "/session/status",
            "/question",
            "/config",
            "/agent",
            "/session/ses_unknown",
            "/session/ses_unknown/message",
            "/session/ID/children",
            "/session/ID/todo",
            "/session/ID/message?before=x",
            "/no/such/route",
        ] {
            let answer = self.server.get(&path.replace("ID", conversation));
            self.note_answer(path, &answer);
        }
        let providers = self.server.get("/config/providers").json();
        let mut providers = providers["providers"].as_array().unwrap().iter();
        let scripted = providers.find(|provider| provider["id"] == "scripted");
        self.note("providers", 200, scripted.expect("our provider"));
        for (path, body) in [
            ("/session/ID/prompt_async", json!({})),
            ("/session/ID/prompt_async", json!({"messageID": "x", "parts": []})),
            ("/session/ID/fork", json!({})),
            ("/session/ID/abort", json!({})),
            ("/session/ses_unknown/abort", json!({})),
            ("/question/que_unknown/reject", json!({})),
        ] {
            let answer = self.server.post(&path.replace("ID", conversation), &body);
            self.note_answer(&format!("POST {path}"), &answer);
        }
    }

    fn delete(&mut self, conversation: &str) {
        let url = format!("{}/session/{conversation}", self.server.url());
        // The second time there is nothing to delete.
        for _ in 0..2 {
            self.note_answer("DELETE", &request("DELETE", &url, &[], b"").unwrap());
        }
    }

    /// The answer to a prompt itself, which comes when the turn is over.
    fn held(&mut self) {
        let message = self.server.ask("one two three").json();
        self.note("POST message", 200, &message["info"]);
        for part in message["parts"].as_array().unwrap() {
            self.note(&format!("POST message {}", part["type"]), 200, part);
        }
    }
}

/// What a client sees in a life of one conversation.
fn life(server: &Serving, asks: bool) -> Life<'_> {
    let mut life = Life { server, seen: Vec::new() };
    let conversation = life.open(asks);
    life.turn(&conversation);
    life.messages(&conversation);
    life.questions(&conversation);
    life.delete(&conversation);
    life
}

#[test]
fn the_stand_in_has_the_shapes_of_the_real_server() {
    let (sandbox, _model) = Sandbox::real("shapes-real");
    let server = sandbox.serve();
    let mut real = life(&server, true);
    real.held();
    let mut sandbox = Sandbox::new("shapes-stand-in");
    sandbox
        .use_stand_in(json!({"turn": {"ask": {"permission": "bash", "patterns": ["touch made"]}}}));
    let stand_in_server = sandbox.serve();
    let mut stand_in = life(&stand_in_server, false);
    sandbox.set_faults(&json!({}));
    stand_in.held();
    assert_eq!(stand_in.names(), real.names());
    let mut differences = Vec::new();
    for ((name, stand_in), (_, real)) in stand_in.seen.iter().zip(&real.seen) {
        let missing: Vec<_> = real.difference(stand_in).collect();
        let extra: Vec<_> = stand_in.difference(real).collect();
        if !missing.is_empty() || !extra.is_empty() {
            differences.push(format!("{name}: missing {missing:?}, extra {extra:?}"));
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

/// The events of one turn, each as a few words, without those that may come at any time.
fn order(server: &Serving, route: &str) -> Vec<String> {
    let turn = |text: &str| {
        let events = server.events(route);
        let mut heard = Vec::new();
        // `/global/event` says that it is connected before it is, and the events until then are
        // lost: conversations are opened until the stream tells of one.
        let conversation = poll(SOON, || {
            let conversation = server.open(&json!({"title": "t"}));
            let tells = |event: &Value| event.to_string().contains(&conversation);
            let (told, events) = match events.until(Duration::from_millis(500), tells) {
                Ok(events) => (true, events),
                Err(events) => (false, events),
            };
            heard.extend(events);
            told.then_some(conversation)
        });
        let conversation = conversation.expect("an event");
        server.send(&conversation, text);
        let is_last = |event: &Value| event.to_string().contains("session.idle");
        heard.extend(events.until(SOON, is_last).expect("the end of the turn"));
        heard
    };
    // The first turn of a real server has events of its start.
    turn("cold");
    let words = turn("one two three").into_iter().filter_map(|event| {
        let frame = if route == "/event" { &event.value } else { &event.value["payload"] };
        let properties = &frame["properties"];
        let kind = frame["type"].as_str()?;
        let detail = match kind {
            // The user message comes again when its summary is ready.
            "message.updated" if properties["info"]["role"] == "user" => return None,
            // The real server sends the message as it is when the event goes out. That may be
            // later, and then even the first event has the finish.
            "message.updated" => String::new(),
            "message.part.updated" => properties["part"]["type"].to_string(),
            "message.part.delta" => properties["delta"].to_string(),
            "session.status" => properties["status"].to_string(),
            "server.connected" | "session.idle" => String::new(),
            _ => return None,
        };
        let mut keys: Vec<&str> = event.value.as_object()?.keys().map(String::as_str).collect();
        keys.extend(properties.as_object()?.keys().map(String::as_str));
        Some(format!("{kind} {detail} {}", keys.join(",")))
    });
    words.collect()
}

#[test]
fn the_stand_in_has_the_events_of_the_real_server() {
    let (sandbox, _model) = Sandbox::real("events-real");
    let real = sandbox.serve();
    let mut other = Sandbox::new("events-stand-in");
    other.use_stand_in(json!({}));
    let stand_in = other.serve();
    assert_eq!(order(&stand_in, "/event"), order(&real, "/event"));
    assert_eq!(order(&stand_in, "/global/event"), order(&real, "/global/event"));
}

#[test]
fn a_password_is_asked_for_and_a_busy_port_refused() {
    let mut sandbox = Sandbox::new("password");
    sandbox.use_stand_in(json!({}));
    sandbox.set_env("OPENCODE_SERVER_PASSWORD", "secret");
    let server = sandbox.serve();
    assert_eq!(server.get("/global/health").status, 401);
    let url = format!("{}/global/health", server.url());
    let basic = ("authorization", "Basic b3BlbmNvZGU6c2VjcmV0");
    assert_eq!(request("GET", &url, &[basic], b"").unwrap().status, 200);
    let program = example("stand-in");
    let again = sandbox.command(program, &["serve", "--port", &server.port.to_string()]);
    assert!(again.run().fails(1).stderr.contains("ServeError"));
}

#[test]
fn faults_change_while_it_runs() {
    let mut sandbox = Sandbox::new("faults");
    sandbox.use_stand_in(json!({"bulk_conversations": 120}));
    let server = sandbox.serve();
    let list = || server.get("/session");
    assert_eq!(list().json().as_array().unwrap().len(), 100);
    sandbox.set_faults(&json!({"status": {"GET /session": 500}, "html": ["/session/*"]}));
    assert_eq!(list().status, 500);
    assert_eq!(server.post("/session", &json!({})).status, 200);
    assert!(server.get("/session/x").text().starts_with("<!doctype"));
    sandbox.set_faults(&json!({"cut_body": ["/session"]}));
    let cut = list();
    let announced: usize = cut.header("content-length").unwrap().parse().unwrap();
    assert!(cut.body.len() < announced);
    let noted = sandbox.stand_in_requests();
    assert_eq!(noted[2]["method"], "POST");
}

/// Runs a turn with these faults; gives the messages and the events at its end.
fn faulty_turn(sandbox: &Sandbox, server: &Serving, faults: &Value) -> (Value, String) {
    sandbox.set_faults(faults);
    let events = server.events("/event");
    let conversation = server.open(&json!({}));
    server.send(&conversation, "one two three");
    let events = events.until(SOON, |event| event["type"] == "session.idle").expect("an end");
    let words = events.iter().map(|event| event.raw.clone()).collect::<Vec<_>>();
    (server.messages(&conversation), words.join("\n"))
}

#[test]
fn turns_go_wrong_as_asked() {
    let mut sandbox = Sandbox::new("turns");
    sandbox.use_stand_in(json!({}));
    let server = sandbox.serve();
    let turn = |faults: Value| faulty_turn(&sandbox, &server, &faults);
    let error = json!({"name": "APIError", "data": {"message": "bad key"}});
    let (messages, events) = turn(json!({"turn": {"error": error}}));
    // As in the recordings, `session.idle` comes before the message has its error.
    assert_eq!(messages.as_array().unwrap().len(), 2);
    assert!(events.contains("session.error"));
    let (messages, _) = turn(json!({"turn": {"empty": true}}));
    assert_eq!(messages[1]["parts"].as_array().unwrap().len(), 2);
    let (messages, events) =
        turn(json!({"turn": {"text": "other words"}, "events": {"old_form": true}}));
    assert_eq!(messages[1]["parts"][1]["text"], "other words");
    assert!(events.contains(r#""delta":"words""#) && !events.contains("message.part.delta"));
    let (_, events) = turn(json!({"events": {"garbage": true, "duplicate": true}}));
    assert!(events.contains("{not json"));
    assert_eq!(events.matches(r#""delta":"two ""#).count(), 2);
    let (_, events) = turn(json!({"events": {"no_deltas": true}}));
    assert!(!events.contains("delta"));
    let (_, events) = turn(json!({"events": {"flood": 50}}));
    assert_eq!(events.matches("elsewhere").count(), 50);
    let (messages, _) = turn(
        json!({"turn": {"tool": {"name": "bash", "input": {"command": "ls"}, "output": "x"}}}),
    );
    assert_eq!(messages[1]["parts"][1]["state"]["status"], "completed");
    assert_eq!(messages[2]["info"]["finish"], "stop");
}

#[test]
fn abort_ends_a_turn_that_never_ends() {
    let mut sandbox = Sandbox::new("abort");
    sandbox.use_stand_in(json!({"turn": {"never_ends": true}}));
    let server = sandbox.serve();
    let conversation = server.open(&json!({}));
    server.send(&conversation, "x");
    let last = || server.messages(&conversation)[1].clone();
    let written = poll(SOON, || (last()["parts"][1]["text"] == "x").then_some(()));
    written.expect("its text");
    server.post(&format!("/session/{conversation}/abort"), &json!({}));
    let ended = poll(SOON, || {
        let error = last()["info"]["error"]["name"].clone();
        (!error.is_null()).then_some(error)
    });
    assert_eq!(ended.unwrap(), "MessageAbortedError");
}

#[test]
fn starts_go_wrong_as_asked() {
    let mut sandbox = Sandbox::new("starts");
    sandbox.use_stand_in(json!({"exit_at_start": {"status": 3, "stderr": "boom"}}));
    let program = example("stand-in");
    let serve = |port: u16| sandbox.command(&program, &["serve", "--port", &port.to_string()]);
    assert!(serve(sandbox.free_port()).run().fails(3).stderr.contains("boom"));
    sandbox.set_faults(&json!({}));
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    assert!(serve(port).run().fails(1).stderr.contains("ServeError"));
    sandbox.set_faults(&json!({"ignore_sigterm": true, "listening_line": "late"}));
    let started = Instant::now();
    let server = sandbox.serve();
    assert!(started.elapsed() >= Duration::from_secs(1));
    let pid = server.running.pid();
    server.running.signal(Signal::TERM);
    poll(SOON, || (!is_signal_pending(pid)).then_some(())).expect("a signal that arrives");
    assert_eq!(server.get("/global/health").status, 200, "SIGTERM is ignored");
    server.running.signal(Signal::KILL);
    assert_eq!(server.running.wait(SOON).status, 137);
}

#[test]
fn a_call_of_attach_is_noted() {
    let sandbox = Sandbox::new("attach");
    let program = example("stand-in");
    let log = sandbox.root().join("attach.json");
    sandbox
        .command(program, &["attach", "http://x", "--session", "ses_1"])
        .env("STAND_IN_ATTACH_LOG", &log)
        .env("STAND_IN_ATTACH_STATUS", "5")
        .env("OPENCODE_SERVER_PASSWORD", "p")
        .run()
        .fails(5);
    let call: Value = serde_json::from_str(&std::fs::read_to_string(log).unwrap()).unwrap();
    assert_eq!(call["arguments"], json!(["http://x", "--session", "ses_1"]));
    assert_eq!(call["password"], true);
}
