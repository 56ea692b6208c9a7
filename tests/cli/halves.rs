//! Halves of characters in what a server says: they become U+FFFD, and everything else is read.

use serde_json::{Value, json};

use super::{sandbox, send};

/// What the model writes: a whole character in two deltas, and half of one.
const WRITTEN: &str = "one <> two < three";
const READ: &str = "one \u{1f600} two \u{fffd} three";

#[test]
fn half_a_character_hides_nothing_of_a_conversation() {
    let sandbox = sandbox("halves", json!({}));
    let session = sandbox.start(&[]);
    let tool = json!({"name": "bash", "input": {"command": "echo <"}, "output": "<\n<>"});
    let faults =
        |turn: Value, events: Value| json!({"halves": true, "turn": turn, "events": events});
    let turn = json!({"text": WRITTEN, "tool": tool});
    for events in [json!({}), json!({"old_form": true}), json!({"silent": true})] {
        let faults = faults(turn.clone(), events);
        let streamed = send(&sandbox, &session, &faults, &["--stream"]).ok();
        assert_eq!(streamed.stdout, format!("{READ}\n"), "{faults}");
        let record = send(&sandbox, &session, &faults, &["--wait", "--json"]).ok().json();
        assert_eq!((&record["text"], &record["steps"]), (&json!(READ), &json!(2)), "{faults}");
    }
    let error = json!({"name": "APIError", "data": {"message": "no <"}});
    let faults = faults(json!({"error": error}), json!({}));
    let failed = send(&sandbox, &session, &faults, &["--wait", "--json"]).fails(5).json();
    assert_eq!(failed["error"]["message"], "no \u{fffd}");

    sandbox.set_faults(&json!({"halves": true, "turn": turn}));
    let words = ["send", &session, "--title", "a <> b <", "--wait", "-q", "go"];
    let conversation = sandbox.occtl(&words).run().ok().stdout.trim().to_owned();
    let run = |words: &[&str]| {
        let words = [&[words[0], &session], &words[1..], &["-s", &conversation]].concat();
        sandbox.occtl(&words).run().ok()
    };
    let tail = run(&["tail", "--tools", "--json"]).json();
    let answer = tail["messages"].as_array().unwrap().last().unwrap();
    assert_eq!(answer["text"], READ);
    assert!(tail.to_string().contains("echo \u{fffd}"), "{tail}");
    assert!(run(&["tail"]).stdout.contains(READ));
    let listed = sandbox.occtl(&["sessions", &session, "--json"]).run().ok().json();
    assert!(listed.to_string().contains("a \u{1f600} b \u{fffd}"), "{listed}");
    // What is written out raw is just what the server sent.
    for raw in [run(&["export"]).stdout, run(&["tail", "--raw", "--json"]).stdout] {
        let sent = r"one \ud83d\ude00 two \ud83d three";
        assert!(raw.contains(sent), "{raw}");
    }
}
