//! What comes after a limit or a signal: the turn is aborted, and no server can hold that up.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{assert_no_trace, goes_on, sandbox, send, server_pid, start};
use crate::support::processes::{poll, signal};
use crate::support::rounds::in_some_round;

/// A turn without obstacles takes some milliseconds; the machine may be busy.
const SOON: Duration = Duration::from_secs(15);

#[test]
fn no_limit_is_passed_on_a_frozen_server() {
    let sandbox = sandbox("frozen", json!({}));
    let session = start(&sandbox);
    let session = session.as_str();
    let sent = sandbox.occtl(&["send", session, "x", "--json"]).run().ok().json();
    let (turn, conversation) = (sent["turn"].as_str().unwrap(), &sent["conversation"]);
    let conversation = conversation.as_str().unwrap();
    signal(server_pid(&sandbox, session), Signal::STOP);
    let commands = [
        &["send", session, "x"][..],
        &["send", session, "--wait", "x"],
        &["send", session, "-c", "--stream", "x"],
        &["wait", session],
        &["wait", session, "-s", conversation],
        &["wait", session, "--turn", turn],
        &["abort", session],
    ];
    // All at once, because each takes as long as it may.
    let began = Instant::now();
    let running = commands.map(|words| sandbox.occtl(words).args(&["-t", "1.5"]).spawn());
    for (words, running) in commands.iter().zip(running) {
        let ended = running.wait(SOON).fails(124);
        assert!(began.elapsed() < Duration::from_secs(10), "{words:?}: {:?}", began.elapsed());
        assert!(ended.stderr.contains("1.5 s"), "{words:?}: {}", ended.stderr);
    }
    // It ends like any other one, and need not be killed.
    let stopped = sandbox.occtl(&["stop", session, "--json"]).run().ok().json();
    assert_eq!(stopped["stopped"][0]["killed"], false, "{stopped}");
}

#[test]
fn a_quiet_event_stream_holds_up_no_limit() {
    let sandbox = sandbox("quiet", json!({}));
    let session = start(&sandbox);
    // The head of a stream may take half a second, and a look at it must not.
    let ended = in_some_round(|| {
        let events = sandbox.occtl(&["events", &session, "-t", "1.1"]).run().fails(124);
        events.within(Duration::from_millis(1400))
    });
    assert!(ended.elapsed >= Duration::from_millis(1100), "{:?}", ended.elapsed);
}

#[test]
fn a_signal_does_not_wait_for_the_rest_of_an_answer() {
    let sandbox = sandbox("rest-of-answer", json!({}));
    let session = start(&sandbox);
    sandbox.occtl(&["send", &session, "x"]).run().ok();
    sandbox.set_faults(&json!({"stall_body": ["GET /session/status"]}));
    let before = sandbox.stand_in_requests().len();
    let waiting = sandbox.occtl(&["wait", &session]).spawn();
    let asked = || {
        let status = |one: &Value| one["path"] == "/session/status";
        sandbox.stand_in_requests()[before..].iter().any(status).then_some(())
    };
    poll(SOON, asked).expect("a question");
    let signalled = Instant::now();
    waiting.signal(Signal::INT);
    waiting.wait(SOON).fails(130);
    // Such a request may take ten seconds.
    assert!(signalled.elapsed() < Duration::from_secs(8), "{:?}", signalled.elapsed());
}

#[test]
fn run_names_its_own_limit_and_what_it_leaves_running() {
    let sandbox = sandbox("run-silent", json!({"silence": ["POST /session"]}));
    let ended = sandbox.occtl(&["run", "-t", "2", "x"]).run().fails(124);
    assert!(ended.stderr.contains("the limit of 2 s is over"), "{}", ended.stderr);
    assert_no_trace(&sandbox);
    let before = sandbox.stand_in_requests().len();
    let running = sandbox.occtl(&["run", "--keep", "x"]).spawn();
    let asked = || {
        let opens = |one: &Value| one["path"] == "/session" && one["method"] == "POST";
        sandbox.stand_in_requests()[before..].iter().any(opens).then_some(())
    };
    poll(SOON, asked).expect("a conversation is wanted");
    running.signal(Signal::INT);
    let ended = running.wait(SOON).fails(130);
    assert!(ended.stderr.contains("is left running: occtl stop oc-"), "{}", ended.stderr);
    sandbox.occtl(&["stop", "--all"]).run().ok();
    assert_no_trace(&sandbox);
}

#[test]
fn a_prompt_that_may_have_arrived_is_aborted() {
    let sandbox = sandbox("perhaps", json!({}));
    let session = start(&sandbox);
    let faults = json!({"silence": ["POST /session/*/message"]});
    let sent = send(&sandbox, &session, &faults, &["--wait", "-t", "1"]).fails(124);
    assert!(sent.stderr.contains("not over after 1 s"), "{}", sent.stderr);
    let last = sandbox.stand_in_requests().into_iter().rev().find(|one| one["method"] == "POST");
    let path = last.unwrap()["path"].as_str().unwrap().to_owned();
    assert!(path.ends_with("/abort"), "{path}");
    // A policy's answer has no more time than the turn.
    let ask = json!({"permission": "bash", "patterns": ["ls"]});
    let faults = json!({"turn": {"ask": ask}, "silence": ["/permission/*/reply"]});
    let sent = send(&sandbox, &session, &faults, &["--wait", "--allow", "bash", "-t", "2"]);
    assert!(sent.elapsed < Duration::from_secs(15), "{:?}", sent.elapsed);
    let sent = sent.fails(6);
    assert!(sent.stderr.contains("waits for permission bash: ls"), "{}", sent.stderr);
}

#[test]
fn a_prompt_that_the_server_has_not_begun_with_is_aborted_when_it_does() {
    let sandbox = sandbox("not-begun", json!({}));
    let session = start(&sandbox);
    sandbox.set_faults(&json!({"turn": {"start_gap_ms": 1000, "never_ends": true}}));
    let before = sandbox.stand_in_requests().len();
    let sending = sandbox.occtl(&["send", &session, "--wait", "--title", "t", "x"]).spawn();
    let prompted = || {
        let prompt = |one: &Value| one["body"]["parts"].is_array();
        sandbox.stand_in_requests()[before..].iter().any(prompt).then_some(())
    };
    poll(SOON, prompted).expect("a prompt");
    sending.signal(Signal::INT);
    let ended = sending.wait(SOON).fails(130);
    assert!(ended.stderr.contains("it was aborted"), "{}", ended.stderr);
    let messages = sandbox.occtl(&["tail", &session, "--json"]).run().ok().json();
    let prompts = messages["messages"].as_array().unwrap().iter();
    let prompts = prompts.filter(|one| one["role"] == "user");
    assert_eq!(prompts.count(), 1, "the server had taken it: {messages}");
    assert!(!goes_on(&sandbox, &session));
}
