//! What `wait` makes of a server that is slow to begin, of one without events, and of a turn that
//! failed.

use std::time::Duration;

use serde_json::json;

use super::{sandbox, send};
use crate::support::session::Session;

#[test]
fn a_prompt_that_is_not_stored_yet_does_not_look_like_idleness() {
    let sandbox = sandbox("wait-cold", json!({"turn": {"start_gap_ms": 1500}}));
    let session = Session::start(&sandbox, &[]);
    let conversation = session.prompt("one two");
    assert_eq!(session.get(&format!("/session/{conversation}/message")), json!([]), "it is cold");
    let waited = session.run("wait", &["-s", &conversation]).ok();
    assert_eq!(waited.stdout, format!("{conversation} idle\n"));
    let messages = session.get(&format!("/session/{conversation}/message"));
    assert!(messages[1]["info"]["time"]["completed"].is_number(), "{messages}");
}

#[test]
fn a_conversation_without_a_prompt_is_idle_in_the_end() {
    let sandbox = sandbox("wait-empty", json!({}));
    let session = Session::start(&sandbox, &[]);
    let created = session.ask("POST", "/session", session.directory(), &json!({"title": "t"}));
    let conversation = created.json()["id"].as_str().unwrap().to_owned();
    let waited = session.run("wait", &["-s", &conversation, "--json"]).ok();
    assert!(waited.elapsed >= Duration::from_secs(2), "{:?}", waited.elapsed);
    let reached = &waited.json()["reached"][0];
    assert_eq!((&reached["reached"], &reached["error"]), (&"idle".into(), &json!(null)));
}

#[test]
fn without_events_a_server_is_asked_ever_more_rarely() {
    let faults = json!({"status": {"/event": 500}, "turn": {"never_ends": true}});
    let sandbox = sandbox("wait-deaf", faults);
    let session = sandbox.start(&[]);
    sandbox.occtl(&["send", &session, "--title", "t", "x"]).run().ok();
    let before = sandbox.stand_in_requests().len();
    sandbox.occtl(&["wait", &session, "-t", "4"]).run().fails(124);
    let requests = sandbox.stand_in_requests();
    let looks = requests[before..].iter().filter(|one| one["path"] == "/session/status").count();
    // The pauses double from 50 ms to 2 s.
    assert!((3..=9).contains(&looks), "{looks} looks");
}

#[test]
fn the_error_that_the_newest_turn_ended_in_is_named() {
    let sandbox = sandbox("wait-error", json!({}));
    let session = sandbox.start(&[]);
    let error = json!({"name": "APIError", "data": {"message": "bad key"}});
    send(&sandbox, &session, &json!({"turn": {"error": error}}), &["--wait"]).fails(5);
    let waited = sandbox.occtl(&["wait", &session]).run().ok();
    assert!(
        waited.stdout.ends_with(" idle (APIError from scripted/echo: bad key)\n"),
        "{}",
        waited.stdout
    );
    let waited = sandbox.occtl(&["wait", &session, "--json"]).run().ok().json();
    let expected = json!({"name": "APIError", "message": "bad key", "status": null});
    assert_eq!(waited["reached"][0]["error"], expected);
}
