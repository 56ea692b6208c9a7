//! What comes after a limit or a signal: the turn is aborted, and no server can delay that.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use super::{is_busy, sandbox, send};
use crate::support::processes::signal;
use crate::support::rounds::in_some_round;

/// A turn without faults takes some milliseconds; the machine may be busy.
const SOON: Duration = Duration::from_secs(15);

#[test]
fn commands_on_a_frozen_server_end_at_their_limit() {
    let sandbox = sandbox("frozen", json!({}));
    let session = sandbox.start(&[]);
    let session = session.as_str();
    let sent = sandbox.occtl(&["send", session, "x", "--json"]).run().ok().json();
    let (turn, conversation) = (sent["turn"].as_str().unwrap(), &sent["conversation"]);
    let conversation = conversation.as_str().unwrap();
    signal(sandbox.server_pid(session), Signal::STOP);
    let commands = [
        &["send", session, "x"][..],
        &["send", session, "--wait", "x"],
        &["send", session, "-c", "--stream", "x"],
        &["wait", session],
        &["wait", session, "-s", conversation],
        &["wait", session, "--turn", turn],
        &["abort", session],
    ];
    // All at once, because each of them takes the whole time of its limit.
    let began = Instant::now();
    let running = commands.map(|words| sandbox.occtl(words).args(&["-t", "1.5"]).spawn());
    for (words, running) in commands.iter().zip(running) {
        let ended = running.wait(SOON).fails(124);
        assert!(began.elapsed() < Duration::from_secs(10), "{words:?}: {:?}", began.elapsed());
        assert!(ended.stderr.contains("1.5 s"), "{words:?}: {}", ended.stderr);
    }
    // `stop` lets it continue, so that it can end by itself and need not be killed.
    let stopped = sandbox.occtl(&["stop", session, "--json"]).run().ok().json();
    assert_eq!(stopped["stopped"][0]["killed"], false, "{stopped}");
}

#[test]
fn a_quiet_event_stream_delays_no_limit() {
    let sandbox = sandbox("quiet", json!({}));
    let session = sandbox.start(&[]);
    // The head of a stream may take half a second; a look for the next event must take less.
    let ended = in_some_round(|| {
        let events = sandbox.occtl(&["events", &session, "-t", "1.1"]).run().fails(124);
        events.within(Duration::from_millis(1400))
    });
    assert!(ended.elapsed >= Duration::from_millis(1100), "{:?}", ended.elapsed);
}

#[test]
fn a_signal_does_not_wait_for_the_rest_of_an_answer() {
    let sandbox = sandbox("rest-of-answer", json!({}));
    let session = sandbox.start(&[]);
    sandbox.occtl(&["send", &session, "x"]).run().ok();
    sandbox.set_faults(&json!({"stall_body": ["GET /session/status"]}));
    let before = sandbox.stand_in_requests().len();
    let waiting = sandbox.occtl(&["wait", &session]).spawn();
    sandbox.wait_for_request(before, |one| one["path"] == "/session/status");
    let signalled = Instant::now();
    waiting.signal(Signal::INT);
    waiting.wait(SOON).fails(130);
    // The request itself may take ten seconds.
    assert!(signalled.elapsed() < Duration::from_secs(8), "{:?}", signalled.elapsed());
}

#[test]
fn run_names_its_own_limit_and_the_session_that_it_leaves_running() {
    let sandbox = sandbox("run-silent", json!({"silence": ["POST /session"]}));
    let ended = sandbox.occtl(&["run", "-t", "2", "x"]).run().fails(124);
    assert!(ended.stderr.contains("the limit of 2 s is over"), "{}", ended.stderr);
    sandbox.assert_no_trace();
    let before = sandbox.stand_in_requests().len();
    let running = sandbox.occtl(&["run", "--keep", "x"]).spawn();
    sandbox.wait_for_request(before, |one| one["path"] == "/session" && one["method"] == "POST");
    running.signal(Signal::INT);
    let ended = running.wait(SOON).fails(130);
    assert!(ended.stderr.contains("is left running: occtl stop oc-"), "{}", ended.stderr);
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_prompt_that_may_have_arrived_is_aborted() {
    let sandbox = sandbox("perhaps", json!({}));
    let session = sandbox.start(&[]);
    let faults = json!({"silence": ["POST /session/*/message"]});
    let sent = send(&sandbox, &session, &faults, &["--wait", "-t", "1"]).fails(124);
    assert!(sent.stderr.contains("not over after 1 s"), "{}", sent.stderr);
    let last = sandbox.stand_in_requests().into_iter().rev().find(|one| one["method"] == "POST");
    let path = last.unwrap()["path"].as_str().unwrap().to_owned();
    assert!(path.ends_with("/abort"), "{path}");
    // The reply of a policy may not take longer than the turn.
    let ask = json!({"permission": "bash", "patterns": ["ls"]});
    let faults = json!({"turn": {"ask": ask}, "silence": ["/permission/*/reply"]});
    let sent = send(&sandbox, &session, &faults, &["--wait", "--allow", "bash", "-t", "2"]);
    assert!(sent.elapsed < Duration::from_secs(15), "{:?}", sent.elapsed);
    let sent = sent.fails(6);
    assert!(sent.stderr.contains("waits for permission bash: ls"), "{}", sent.stderr);
}

#[test]
fn a_prompt_that_the_server_has_not_begun_is_aborted_when_it_begins() {
    let sandbox = sandbox("not-begun", json!({}));
    let session = sandbox.start(&[]);
    sandbox.set_faults(&json!({"turn": {"start_gap_ms": 1000, "never_ends": true}}));
    let before = sandbox.stand_in_requests().len();
    let sending = sandbox.occtl(&["send", &session, "--wait", "--title", "t", "x"]).spawn();
    sandbox.wait_for_request(before, |one| one["body"]["parts"].is_array());
    sending.signal(Signal::INT);
    let ended = sending.wait(SOON).fails(130);
    assert!(ended.stderr.contains("the turn was aborted"), "{}", ended.stderr);
    let messages = sandbox.occtl(&["tail", &session, "--json"]).run().ok().json();
    let prompts = messages["messages"].as_array().unwrap().iter();
    let prompts = prompts.filter(|one| one["role"] == "user");
    assert_eq!(prompts.count(), 1, "the server took the prompt: {messages}");
    assert!(!is_busy(&sandbox, &session));
}
