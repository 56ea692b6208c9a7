//! The stand-in answers as the real server does, and its faults are those that were asked for.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::http_client::{Events, get, post, request};
use crate::support::processes::poll;
use crate::support::sandbox::{Sandbox, Serving};

const SOON: Duration = Duration::from_secs(120);

/// Every path of keys in a document, with the kind of value there. Arrays count as their first element.
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

/// An answer: its name, its status and its shape.
type Seen = (String, BTreeSet<String>);

fn seen(name: &str, status: u16, body: &Value) -> Seen {
    let mut shapes = BTreeSet::from([format!("status {status}")]);
    shape(body, "", &mut shapes);
    (name.to_owned(), shapes)
}

/// The answer that a server gives to a prompt itself, when the turn is over.
fn held(server: &Serving) -> Vec<Seen> {
    let url = server.url();
    let conversation = post(&format!("{url}/session"), &json!({"title": "t"})).unwrap().json();
    let route = format!("{url}/session/{}/message", conversation["id"].as_str().unwrap());
    let prompt = json!({"parts": [{"type": "text", "text": "one two three"}]});
    let answer = post(&route, &prompt).unwrap();
    let message = answer.json();
    let parts = message["parts"].as_array().unwrap().iter();
    let mut all = vec![seen("POST message", answer.status, &message["info"])];
    all.extend(parts.map(|part| seen(&format!("POST message {}", part["type"]), 200, part)));
    all
}

/// What a client sees of a server in a life of one conversation.
fn life(server: &Serving, rule: bool) -> Vec<Seen> {
    let url = server.url();
    let mut all = Vec::new();
    let mut note = |name: &str, status: u16, body: &Value| all.push(seen(name, status, body));
    let mut body = json!({"title": "t"});
    if rule {
        body["permission"] = json!([{"permission": "bash", "pattern": "*", "action": "ask"}]);
    }
    let created = post(&format!("{url}/session"), &body).unwrap();
    let conversation = created.json()["id"].as_str().unwrap().to_owned();
    let of = format!("{url}/session/{conversation}");
    let mut info = created.json();
    info.as_object_mut().unwrap().remove("permission");
    note("POST session", created.status, &info);
    let prompt = json!({"parts": [{"type": "text", "text": "[[bash touch made]][[echo seen]]"}]});
    let sent = post(&format!("{of}/prompt_async"), &prompt).unwrap();
    note("prompt_async", sent.status, &Value::Null);
    let ask = poll(SOON, || {
        let asks = get(&format!("{url}/permission")).unwrap().json();
        asks[0].is_object().then(|| asks.clone())
    });
    let ask = ask.expect("an ask");
    note("GET permission", 200, &ask);
    let status = get(&format!("{url}/session/status")).unwrap().json();
    note("status", 200, &status[&conversation]);
    let id = ask[0]["id"].as_str().unwrap();
    for id in [id, "per_unknown"] {
        let reply =
            post(&format!("{url}/permission/{id}/reply"), &json!({"reply": "once"})).unwrap();
        note("reply", reply.status, &reply.json());
    }
    poll(SOON, || {
        let status = get(&format!("{url}/session/status")).unwrap().json();
        status[&conversation].is_null().then_some(())
    })
    .expect("the end of the turn");
    let messages = get(&format!("{of}/message")).unwrap().json();
    for (index, message) in messages.as_array().unwrap().iter().enumerate() {
        // When the summary of the user message is made is a matter of time.
        let mut message = message.clone();
        message["info"].as_object_mut().unwrap().remove("summary");
        for part in message["parts"].as_array().unwrap() {
            note(&format!("message {index} {}", part["type"]), 200, part);
        }
        note(&format!("message {index}"), 200, &message["info"]);
    }
    let page = get(&format!("{of}/message?limit=1")).unwrap();
    let cursor = page.header("x-next-cursor").expect("a cursor");
    assert!(page.header("link").expect("a link").contains(cursor));
    let older = get(&format!("{of}/message?limit=9&before={cursor}")).unwrap();
    assert_eq!(older.header("x-next-cursor"), None);
    let expected = messages.as_array().unwrap().len() - 1;
    assert_eq!(older.json().as_array().unwrap().len(), expected);
    for path in [
        "/global/health",
        "/session/status",
        "/question",
        "/config",
        "/agent",
        "/session/ses_unknown",
        "/session/ses_unknown/message",
        &format!("/session/{conversation}/children"),
        &format!("/session/{conversation}/todo"),
        &format!("/session/{conversation}/message?before=x"),
        "/no/such/route",
    ] {
        let answer = get(&format!("{url}{path}")).unwrap();
        let name = path.replace(&conversation, "ID");
        note(&name, answer.status, &answer.json());
    }
    let providers = get(&format!("{url}/config/providers")).unwrap().json();
    let ours = providers["providers"].as_array().unwrap().iter();
    let scripted = ours.clone().find(|provider| provider["id"] == "scripted");
    note("providers", 200, scripted.expect("our provider"));
    for (path, body) in [
        (format!("{of}/prompt_async"), json!({})),
        (format!("{of}/prompt_async"), json!({"messageID": "x", "parts": []})),
        (format!("{of}/fork"), json!({})),
        (format!("{of}/abort"), json!({})),
        (format!("{url}/session/ses_unknown/abort"), json!({})),
        (format!("{url}/question/que_unknown/reject"), json!({})),
    ] {
        let answer = post(&path, &body).unwrap();
        note(
            &format!("POST {path}").replace(&conversation, "ID").replace(&url, ""),
            answer.status,
            &answer.json(),
        );
    }
    for _ in 0..2 {
        let answer = request("DELETE", &of, &[], b"").unwrap();
        note("DELETE", answer.status, &answer.json());
    }
    all
}

#[test]
fn stand_in_has_the_shapes_of_the_real_server() {
    let (sandbox, _model) = Sandbox::real("shapes-real");
    let server = sandbox.serve();
    let mut real = life(&server, true);
    real.extend(held(&server));
    let mut sandbox = Sandbox::new("shapes-stand-in");
    sandbox
        .use_stand_in(json!({"turn": {"ask": {"permission": "bash", "patterns": ["touch made"]}}}));
    let server = sandbox.serve();
    let mut stand_in = life(&server, false);
    sandbox.set_faults(&json!({}));
    stand_in.extend(held(&server));
    let names = |life: &[Seen]| life.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&stand_in), names(&real));
    let mut differences = Vec::new();
    for ((name, stand_in), (_, real)) in stand_in.iter().zip(&real) {
        let missing: Vec<_> = real.difference(stand_in).collect();
        let extra: Vec<_> = stand_in.difference(real).collect();
        if !missing.is_empty() || !extra.is_empty() {
            differences.push(format!("{name}: missing {missing:?}, extra {extra:?}"));
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

/// The events of one turn, each as a short word; without those that come at their own time.
fn order(server: &Serving, route: &str) -> Vec<String> {
    let url = server.url();
    let turn = |text: &str| {
        let events = Events::open(&format!("{url}{route}")).unwrap();
        let conversation = post(&format!("{url}/session"), &json!({"title": "t"})).unwrap().json();
        let id = conversation["id"].as_str().unwrap();
        let prompt = json!({"parts": [{"type": "text", "text": text}]});
        post(&format!("{url}/session/{id}/prompt_async"), &prompt).unwrap();
        events
            .until(SOON, |event| event.to_string().contains("session.idle"))
            .expect("the end of the turn")
    };
    // The first turn of a real server comes with events of the start.
    turn("cold");
    let words = turn("one two three").into_iter().filter_map(|event| {
        let frame = if route == "/event" { &event.value } else { &event.value["payload"] };
        let properties = &frame["properties"];
        let kind = frame["type"].as_str()?;
        let detail = match kind {
            // The user message is told again when its summary is ready.
            "message.updated" if properties["info"]["role"] == "user" => return None,
            // The real server writes down how the message is when the event goes out, which may be later: then even
            // the first one has its finish.
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
fn stand_in_has_the_events_of_the_real_server() {
    let (sandbox, _model) = Sandbox::real("events-real");
    let real = sandbox.serve();
    let mut other = Sandbox::new("events-stand-in");
    other.use_stand_in(json!({}));
    let stand_in = other.serve();
    assert_eq!(order(&stand_in, "/event"), order(&real, "/event"));
    // `/global/event` says that it is connected before it is: the first events of a busy server are lost.
    let (stand_in, real) = (order(&stand_in, "/global/event"), order(&real, "/global/event"));
    assert_eq!(stand_in[0], real[0]);
    assert!(stand_in.ends_with(&real[1..]), "{stand_in:#?}\n{real:#?}");
}

#[test]
fn password_and_busy_port() {
    let mut sandbox = Sandbox::new("password");
    sandbox.use_stand_in(json!({}));
    sandbox.set_env("OPENCODE_SERVER_PASSWORD", "secret");
    let server = sandbox.serve();
    let url = format!("{}/global/health", server.url());
    assert_eq!(get(&url).unwrap().status, 401);
    let basic = ("authorization", "Basic b3BlbmNvZGU6c2VjcmV0");
    assert_eq!(request("GET", &url, &[basic], b"").unwrap().status, 200);
    let program = crate::support::sandbox::example("stand-in");
    let again = sandbox.command(program, &["serve", "--port", &server.port.to_string()]);
    assert!(again.run().fails(1).stderr.contains("ServeError"));
}

#[test]
fn faults_change_while_it_runs() {
    let mut sandbox = Sandbox::new("faults");
    sandbox.use_stand_in(json!({"bulk_conversations": 120}));
    let server = sandbox.serve();
    let list = format!("{}/session", server.url());
    assert_eq!(get(&list).unwrap().json().as_array().unwrap().len(), 100);
    sandbox.set_faults(&json!({"status": {"GET /session": 500}, "html": ["/session/*"]}));
    assert_eq!(get(&list).unwrap().status, 500);
    assert_eq!(post(&list, &json!({})).unwrap().status, 200);
    assert!(get(&format!("{list}/x")).unwrap().text().starts_with("<!doctype"));
    sandbox.set_faults(&json!({"cut_body": ["/session"]}));
    let cut = get(&list).unwrap();
    let announced: usize = cut.header("content-length").unwrap().parse().unwrap();
    assert!(cut.body.len() < announced);
    let noted = sandbox.stand_in_requests();
    assert_eq!(noted[2]["method"], "POST");
}

/// Starts a turn with these faults and gives the messages and events at the end of it.
fn faulty_turn(sandbox: &Sandbox, server: &Serving, faults: &Value) -> (Value, String) {
    sandbox.set_faults(faults);
    let url = server.url();
    let events = Events::open(&format!("{url}/event")).unwrap();
    let conversation = post(&format!("{url}/session"), &json!({})).unwrap().json();
    let of = format!("{url}/session/{}", conversation["id"].as_str().unwrap());
    let prompt = json!({"parts": [{"type": "text", "text": "one two three"}]});
    post(&format!("{of}/prompt_async"), &prompt).unwrap();
    let events = events.until(SOON, |event| event["type"] == "session.idle").expect("an end");
    let messages = get(&format!("{of}/message")).unwrap().json();
    let words = events.iter().map(|event| event.raw.clone()).collect::<Vec<_>>();
    (messages, words.join("\n"))
}

#[test]
fn turns_go_wrong_as_asked() {
    let mut sandbox = Sandbox::new("turns");
    sandbox.use_stand_in(json!({}));
    let server = sandbox.serve();
    let turn = |faults: Value| faulty_turn(&sandbox, &server, &faults);
    let error = json!({"name": "APIError", "data": {"message": "bad key"}});
    let (messages, events) = turn(json!({"turn": {"error": error}}));
    // As in the recordings, idle is said before the message has its error.
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
    let conversation = post(&format!("{}/session", server.url()), &json!({})).unwrap().json();
    let of = format!("{}/session/{}", server.url(), conversation["id"].as_str().unwrap());
    let prompt = json!({"parts": [{"type": "text", "text": "x"}]});
    post(&format!("{of}/prompt_async"), &prompt).unwrap();
    let last = || get(&format!("{of}/message")).unwrap().json()[1].clone();
    let written = poll(SOON, || (last()["parts"][1]["text"] == "x").then_some(()));
    written.expect("its text");
    post(&format!("{of}/abort"), &json!({})).unwrap();
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
    let program = crate::support::sandbox::example("stand-in");
    let serve = |port: u16| sandbox.command(&program, &["serve", "--port", &port.to_string()]);
    assert!(serve(sandbox.free_port()).run().fails(3).stderr.contains("boom"));
    sandbox.set_faults(&json!({"port_taken_times": 2}));
    for _ in 0..2 {
        serve(sandbox.free_port()).run().fails(1);
    }
    sandbox.set_faults(
        &json!({"port_taken_times": 2, "ignore_sigterm": true, "listening_line": "late"}),
    );
    let started = Instant::now();
    let mut running = serve(sandbox.free_port()).spawn();
    running.wait_for_line("listening on", SOON);
    assert!(started.elapsed() >= Duration::from_secs(1));
    running.signal(rustix::process::Signal::TERM);
    running.signal(rustix::process::Signal::CONT);
    assert!(crate::support::processes::is_running(running.pid()));
    running.signal(rustix::process::Signal::KILL);
    assert_eq!(running.wait(SOON).status, 137);
}

#[test]
fn attach_is_noted() {
    let sandbox = Sandbox::new("attach");
    let program = crate::support::sandbox::example("stand-in");
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
