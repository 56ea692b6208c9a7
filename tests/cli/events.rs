//! `events`: which are printed, and how loss is marked.

use std::collections::BTreeSet;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::sandbox;
use crate::support::processes::poll;
use crate::support::session::Session;

const SOON: Duration = Duration::from_secs(30);

/// The types of the lines.
fn types(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["type"].as_str().unwrap()).collect()
}

#[test]
fn a_stream_of_events_that_breaks_goes_on_with_a_line_for_the_gap_and_a_refused_one_does_not() {
    let sandbox = sandbox("events", json!({"events": {"close_after": 3, "heartbeat_ms": 50}}));
    let id = sandbox.start(&[]);
    let running = sandbox.occtl(&["events", &id]).spawn();
    let streams = || running.stdout().matches("server.connected").count();
    poll(SOON, || (streams() > 2).then_some(())).expect("a third stream");
    running.signal(Signal::INT);
    let ended = running.wait(SOON).fails(130);
    let lines = ended.json_lines();
    let expected = ["server.connected", "occtl.gap", "server.connected", "occtl.gap"];
    assert_eq!(types(&lines)[..4], expected, "heartbeats are no events");
    for (at, line) in lines.iter().enumerate() {
        assert_eq!(line["offset"], at + 1, "{line}");
    }
    assert_eq!(lines[1]["properties"]["reason"], "stream_broke");
    assert!(lines[1]["properties"]["silent_ms"].as_u64().unwrap() < 30_000, "{}", lines[1]);
    let broke = ended.stderr.matches("the event stream broke; opening it again").count();
    assert!((2..=streams_of(&lines)).contains(&broke), "{}", ended.stderr);
    // A stream that never opened is not said to have broken.
    sandbox.set_faults(&json!({"status": {"/event": 500}}));
    let never = sandbox.occtl(&["events", &id, "-t", "1"]).run().fails(124);
    assert!(!never.stderr.contains("broke"), "{}", never.stderr);
    for (faults, status) in
        [(json!({"status": {"/event": 404}}), 3), (json!({"unauthorized": true}), 4)]
    {
        sandbox.set_faults(&faults);
        sandbox.occtl(&["events", &id, "-t", "60"]).run().fails(status);
    }
}

/// The conversations that lines are about, each once and sorted.
fn about(lines: &[Value]) -> Vec<String> {
    let id = |line: &Value| {
        let properties = &line["properties"];
        let places = [&properties["sessionID"], &properties["info"]["id"]];
        places.iter().find_map(|place| place.as_str().map(String::from))
    };
    let ids: BTreeSet<String> = lines.iter().filter_map(id).collect();
    ids.into_iter().collect()
}

fn streams_of(lines: &[Value]) -> usize {
    types(lines).iter().filter(|kind| **kind == "server.connected").count()
}

#[test]
fn a_conversation_is_followed_with_its_sub_agents_old_and_new_until_it_is_deleted() {
    let sandbox = sandbox("events-tree", json!({}));
    let session = Session::start(&sandbox, &[]);
    let open = |parent: Option<&str>| {
        let body = json!({"title": "t", "parentID": parent});
        let answer = session.ask("POST", "/session", session.directory(), &body);
        answer.json()["id"].as_str().unwrap().to_owned()
    };
    let prompt = |conversation: &str| {
        let words = ["send", &session.id, "-s", conversation, "--wait", "-q", "hello there"];
        sandbox.occtl(&words).run().ok();
    };
    let (root, other) = (open(None), open(None));
    let old_child = open(Some(&root));
    let follow = |words: &[&str]| {
        let words = [&["events", &session.id, "-s", &root], words].concat();
        sandbox.occtl(&words).spawn()
    };
    let before = sandbox.stand_in_requests().len();
    let mut alone = follow(&[]);
    let mut tree = follow(&["--children"]);
    let idle = follow(&["--children", "--type", "session.idle"]);
    sandbox.wait_for_request(before, |request| {
        request["path"].as_str().is_some_and(|path| path.ends_with("/children"))
    });
    alone.wait_for_line("server.connected", SOON);
    tree.wait_for_line("server.connected", SOON);
    // The third prints no greeting; its stream is the third one.
    let streams = || {
        let all = sandbox.stand_in_requests();
        all[before..].iter().filter(|one| one["path"] == "/event").count()
    };
    poll(SOON, || (streams() == 3).then_some(())).expect("three streams");
    let new_child = open(Some(&old_child));
    for conversation in [&other, &old_child, &new_child, &root] {
        prompt(conversation);
    }
    session.run("delete", &[&root]).ok();
    let alone = alone.wait(SOON).fails(3);
    assert!(alone.stderr.contains("was deleted meanwhile"), "{}", alone.stderr);
    assert_eq!(about(&alone.json_lines()), std::slice::from_ref(&root));
    let mut all = [root.clone(), old_child.clone(), new_child.clone()];
    all.sort();
    assert_eq!(about(&tree.wait(SOON).fails(3).json_lines()), all);
    let idle = idle.wait(SOON).fails(3).json_lines();
    assert_eq!(types(&idle), ["session.idle"; 3]);
    assert_eq!(about(&idle), all);
}

#[test]
fn events_of_an_unknown_conversation_and_children_of_none_are_refused() {
    let sandbox = sandbox("events-refused", json!({}));
    let id = sandbox.start(&[]);
    sandbox.occtl(&["events", &id, "-s", "ses_none"]).run().fails(3);
    sandbox.occtl(&["events", &id, "--children"]).run().fails(2);
    sandbox.occtl(&["events", &id, "--type", ""]).run().fails(2);
}
