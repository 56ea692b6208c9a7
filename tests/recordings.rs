//! Makes the recordings in `tests/data` anew: `cargo test record -- --ignored`.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::http_client::{Events, get, post};
use crate::support::model::Model;
use crate::support::processes::poll;
use crate::support::sandbox::Sandbox;

/// The versions whose wire differs: `delta` inside `message.part.updated`, the form since, and the pinned one.
const VERSIONS: [&str; 3] = ["1.1.65", "1.14.34", "1.18.33"];
/// What a turn may take.
const TURN: Duration = Duration::from_secs(60);
/// How long events may trail behind the end of a turn.
const TRAIL: Duration = Duration::from_secs(1);

/// A recorded turn: its name, its prompt, and what the client does in the middle of it.
const SCENES: [(&str, &str, Middle); 10] = [
    // The first turn of a server has events of its own between the prompt and the answer.
    ("cold", "[[echo one two three]]", Middle::Nothing),
    ("plain", "[[echo one two three]]", Middle::Nothing),
    ("reasoning", "[[reasoning first think]]", Middle::Nothing),
    ("bash", "[[text I look.]][[bash echo hi]][[echo seen]]", Middle::Nothing),
    ("ask", "[[bash touch made]][[echo seen]]", Middle::Reply("once")),
    ("denied", "[[bash touch made]][[echo seen]]", Middle::Reply("reject")),
    ("error", "[[http 401 bad key]]", Middle::Nothing),
    ("retry", "[[http 500 busy times=1]][[echo after all]]", Middle::Nothing),
    ("abort", "[[text a start]][[wait for ever]]", Middle::Abort),
    ("task", "[[task {{bash echo hi}} {{echo child}}]][[echo parent]]", Middle::Nothing),
];

enum Middle {
    Nothing,
    Reply(&'static str),
    Abort,
}

#[test]
#[ignore = "rewrites tests/data"]
fn record() {
    for version in VERSIONS {
        let (sandbox, model) = Sandbox::real_version("record", version);
        let server = sandbox.serve();
        for (name, prompt, middle) in &SCENES {
            let name = format!("{version}-{name}");
            scene(&sandbox, &model, &server.url(), &name, prompt, middle);
        }
        answers(&sandbox, &model, &server.url(), version);
    }
}

/// Records what a server says about itself.
fn answers(sandbox: &Sandbox, model: &Model, url: &str, version: &str) {
    for (name, route) in
        [("config", "/config"), ("providers", "/config/providers"), ("agents", "/agent")]
    {
        let mut answer = get(&format!("{url}{route}")).unwrap().json();
        // The providers that OpenCode brings along change with every version and are of no use here.
        if let Some(providers) = answer.get_mut("providers").and_then(Value::as_array_mut) {
            providers.retain(|provider| provider["id"] == "scripted");
            answer["default"] = json!({"scripted": answer["default"]["scripted"]});
        }
        // The words of OpenCode's own agents are OpenCode's.
        for agent in answer.as_array_mut().into_iter().flatten() {
            for field in ["prompt", "description"] {
                if agent.get(field).is_some() {
                    agent[field] = json!("…");
                }
            }
        }
        let text = answer.to_string().replace(&model.base_url(), "http://127.0.0.1:9/v1");
        write(&format!("answer-{version}-{name}.json"), &scrub(sandbox, &text));
    }
}

fn scene(sandbox: &Sandbox, model: &Model, url: &str, name: &str, prompt: &str, middle: &Middle) {
    // These turns have no title of their own, so that the request for one is on record too.
    let mut body = json!({"title": "Recorded"});
    match middle {
        Middle::Reply(_) => {
            body["permission"] = json!([{"permission": "bash", "pattern": "*", "action": "ask"}]);
        }
        _ if name.ends_with("plain") || name.ends_with("cold") => body = json!({}),
        _ => {}
    }
    let events = Events::open(&format!("{url}/event")).unwrap();
    let conversation = post(&format!("{url}/session"), &body).unwrap().json();
    let id = conversation["id"].as_str().unwrap();
    let of_conversation = format!("{url}/session/{id}");
    let parts = json!({"parts": [{"type": "text", "text": prompt}]});
    let sent = post(&format!("{of_conversation}/prompt_async"), &parts).unwrap();
    assert_eq!(sent.status, 204, "{}", sent.text());
    match middle {
        Middle::Nothing => {}
        Middle::Abort => {
            model.wait_for_gate("for ever", TURN);
            // Text that has not reached the server yet would be missing from some recordings and not from others.
            std::thread::sleep(TRAIL);
            post(&format!("{of_conversation}/abort"), &json!({})).unwrap();
        }
        Middle::Reply(reply) => {
            let ask = poll(TURN, || {
                let asks = get(&format!("{url}/permission")).unwrap().json();
                asks[0]["id"].as_str().map(str::to_owned)
            });
            let ask = ask.expect("an ask");
            let answer = json!({"reply": reply});
            post(&format!("{url}/permission/{ask}/reply"), &answer).unwrap();
        }
    }
    let idle =
        |event: &Value| event["type"] == "session.idle" && event["properties"]["sessionID"] == id;
    let mut recorded =
        events.until(TURN, idle).unwrap_or_else(|events| panic!("{name}: {events:#?}"));
    recorded.extend(events.until(TRAIL, |_| false).unwrap_err());
    let stream: String = recorded.iter().map(|event| format!("data: {}\n\n", event.raw)).collect();
    let messages = get(&format!("{of_conversation}/message")).unwrap().text();
    write(&format!("events-{name}.sse"), &scrub(sandbox, &stream));
    write(&format!("messages-{name}.json"), &scrub(sandbox, &messages));
}

/// Takes the machine out of a recording.
fn scrub(sandbox: &Sandbox, text: &str) -> String {
    let (work, home) = (sandbox.work(), sandbox.home());
    let (work, home) = (work.to_str().unwrap(), home.to_str().unwrap());
    text.replace(work, "/srv/project")
        .replace(home, "/home/user")
        // Some fields hold the path without its first slash.
        .replace(&work[1..], "srv/project")
        .replace(&home[1..], "home/user")
}

fn write(name: &str, text: &str) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    std::fs::write(data.join(name), text).unwrap();
}
