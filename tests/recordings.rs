//! Makes new recordings in `tests/data`: `cargo test record -- --ignored`.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::model::Model;
use crate::support::sandbox::Sandbox;
use crate::support::serving::Serving;

/// A version with `delta` inside `message.part.updated`, one with the later form of events, and the
/// pinned one.
const VERSIONS: [&str; 3] = ["1.1.65", "1.14.34", "1.18.33"];
/// How long a turn may take.
const TURN: Duration = Duration::from_secs(60);
/// How long after the end of a turn its last events may come.
const TRAIL: Duration = Duration::from_secs(1);

/// The recorded turns: name, prompt, and what the client does in the middle.
const SCENES: [(&str, &str, Middle); 10] = [
    // The first turn of a server has more events between the prompt and the answer.
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

/// What the client does in the middle of a turn.
enum Middle {
    Nothing,
    Reply(&'static str),
    Abort,
}

/// A server of one version whose turns are recorded.
struct Recorder {
    version: &'static str,
    sandbox: Sandbox,
    model: Model,
    server: Serving,
}

#[test]
#[ignore = "rewrites tests/data"]
fn record() {
    for version in VERSIONS {
        let (sandbox, model) = Sandbox::real_version("record", version);
        let server = sandbox.serve();
        let recorder = Recorder { version, sandbox, model, server };
        for (name, prompt, middle) in &SCENES {
            recorder.scene(name, prompt, middle);
        }
        recorder.answers();
    }
}

impl Recorder {
    /// Records what the server says about itself.
    fn answers(&self) {
        for (name, route) in
            [("config", "/config"), ("providers", "/config/providers"), ("agents", "/agent")]
        {
            let mut answer = self.server.get(route).json();
            // The providers that OpenCode brings along change with every version and are of no use
            // here.
            if let Some(providers) = answer.get_mut("providers").and_then(Value::as_array_mut) {
                providers.retain(|provider| provider["id"] == "scripted");
                answer["default"] = json!({"scripted": answer["default"]["scripted"]});
            }
            // The prompts and descriptions of OpenCode's own agents are not ours to copy.
            for agent in answer.as_array_mut().into_iter().flatten() {
                for field in ["prompt", "description"] {
                    if agent.get(field).is_some() {
                        agent[field] = json!("…");
                    }
                }
            }
            let text = answer.to_string().replace(&self.model.base_url(), "http://127.0.0.1:9/v1");
            write(&format!("answer-{}-{name}.json", self.version), &scrub(&self.sandbox, &text));
        }
    }

    /// Records a turn.
    fn scene(&self, name: &str, prompt: &str, middle: &Middle) {
        // The conversations of some turns have no title, so that the request for one is recorded
        // too.
        let mut body = json!({"title": "Recorded"});
        if matches!(middle, Middle::Reply(_)) {
            body["permission"] = json!([{"permission": "bash", "pattern": "*", "action": "ask"}]);
        } else if ["plain", "cold"].contains(&name) {
            body = json!({});
        }
        let events = self.server.events("/event");
        let id = self.server.open(&body);
        self.server.send(&id, prompt);
        self.interfere(&id, middle);
        let idle = |event: &Value| {
            event["type"] == "session.idle" && event["properties"]["sessionID"] == *id
        };
        let mut recorded =
            events.until(TURN, idle).unwrap_or_else(|events| panic!("{name}: {events:#?}"));
        recorded.extend(events.until(TRAIL, |_| false).unwrap_err());
        let stream: String =
            recorded.iter().map(|event| format!("data: {}\n\n", event.raw)).collect();
        let messages = self.server.get(&format!("/session/{id}/message")).text();
        let name = format!("{}-{name}", self.version);
        write(&format!("events-{name}.sse"), &scrub(&self.sandbox, &stream));
        write(&format!("messages-{name}.json"), &scrub(&self.sandbox, &messages));
    }

    fn interfere(&self, conversation: &str, middle: &Middle) {
        match middle {
            Middle::Nothing => {}
            Middle::Abort => {
                self.model.wait_for_gate("for ever", TURN);
                // Text that has not reached the server yet would be in some recordings and missing
                // in others.
                std::thread::sleep(TRAIL);
                self.server.post(&format!("/session/{conversation}/abort"), &json!({}));
            }
            Middle::Reply(reply) => {
                let asks = self.server.wait_for_permission(TURN);
                let route = format!("/permission/{}/reply", asks[0]["id"].as_str().unwrap());
                self.server.post(&route, &json!({"reply": reply}));
            }
        }
    }
}

/// Replaces the paths of this machine in a recording.
fn scrub(sandbox: &Sandbox, text: &str) -> String {
    let (work, home) = (sandbox.work(), sandbox.home());
    let (work, home) = (work.to_str().unwrap(), home.to_str().unwrap());
    text.replace(work, "/srv/project")
        .replace(home, "/home/user")
        // Some fields hold a path without its first slash.
        .replace(&work[1..], "srv/project")
        .replace(&home[1..], "home/user")
}

fn write(name: &str, text: &str) {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    std::fs::write(data.join(name), text).unwrap();
}
