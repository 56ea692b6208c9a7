//! Servers that hang, trickle, or have no end: every reading ends, and says which session it was.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use super::sandbox;
use crate::support::command::Running;
use crate::support::processes::signal;
use crate::support::sandbox::Sandbox;

/// What a loaded machine may add to a few seconds.
const SOON: Duration = Duration::from_secs(20);

/// Commands that read, without their session.
const READING: [&[&str]; 11] = [
    &["permissions"],
    &["questions"],
    &["sessions"],
    &["tail"],
    &["models"],
    &["agents"],
    &["config"],
    &["diff"],
    &["todo"],
    &["usage"],
    &["export"],
];

/// Starts all these commands at once, because each takes seconds.
fn all(sandbox: &Sandbox, id: &str, more: &[&str]) -> Vec<(String, Running)> {
    let begin = |words: &&[&str]| {
        let run = sandbox.occtl(words).args(&[id]).args(more);
        (words.join(" "), run.spawn())
    };
    READING.iter().map(begin).collect()
}

#[test]
fn a_server_that_hangs_is_given_up_after_five_seconds_without_a_byte() {
    let sandbox = sandbox("hangs", json!({}));
    let id = sandbox.start(&[]);
    sandbox.occtl(&["send", &id, "--wait", "hello"]).run().ok();
    signal(sandbox.server_pid(&id), Signal::STOP);
    let everything = sandbox.occtl(&["permissions"]).spawn();
    for (name, running) in all(&sandbox, &id, &[]) {
        let ended = running.wait(SOON).fails(4);
        assert!(ended.elapsed >= Duration::from_millis(4800), "{name}: {:?}", ended.elapsed);
        assert!(ended.elapsed < Duration::from_secs(12), "{name}: {:?}", ended.elapsed);
        let hint = format!("occtl status {id}; occtl stop --force {id}");
        assert!(
            ended.stderr.contains(&format!("session {id} does not answer")),
            "{name}: {ended:?}"
        );
        assert!(ended.stderr.contains(&hint), "{name}: {}", ended.stderr);
    }
    let everything = everything.wait(SOON).fails(4);
    assert!(everything.elapsed < Duration::from_secs(12), "{:?}", everything.elapsed);
    assert!(everything.stderr.contains(&format!("{id} does not answer")), "{everything:?}");
    let failed = sandbox.occtl(&["todo", &id, "--json"]).run().fails(4);
    assert_eq!(failed.json_error()["reason"], "silent");
    sandbox.occtl(&["stop", "--force", &id]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn timeout_limits_the_whole_command_whether_its_server_hangs_or_trickles() {
    let sandbox = sandbox("trickles", json!({}));
    let id = sandbox.start(&[]);
    sandbox.occtl(&["send", &id, "--wait", "hello"]).run().ok();
    let routes = ["/session", "/session/*", "/session/*/message", "/permission", "/question"];
    let mut trickle = json!({});
    for route in routes.into_iter().chain(["/agent", "/config", "/config/providers"]) {
        trickle[format!("GET {route}")] = json!(100);
    }
    for faults in [json!({"trickle": trickle}), json!({"never_answer": true})] {
        sandbox.set_faults(&faults);
        for (name, running) in all(&sandbox, &id, &["-t", "1.5"]) {
            let ended = running.wait(SOON).fails(124);
            assert!(ended.elapsed >= Duration::from_millis(1500), "{name}: {:?}", ended.elapsed);
            let said = format!("the limit of 1.5 s is over: session {id} does not answer");
            assert!(ended.stderr.contains(&said), "{name}: {}", ended.stderr);
        }
    }
    sandbox.set_faults(&json!({}));
    sandbox.occtl(&["tail", &id, "-t", "60"]).run().ok();
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn the_first_answer_from_a_directory_has_room_and_later_ones_have_not() {
    let sandbox = sandbox("cold", json!({}));
    let id = sandbox.start(&[]);
    sandbox.occtl(&["send", &id, "--wait", "hello"]).run().ok();
    let before = sandbox.stand_in_requests().len();
    sandbox.set_faults(&json!({"delay_ms": {"GET /session": 5500}}));
    let cold = sandbox.occtl(&["sessions", &id]).spawn();
    sandbox.wait_for_request(before, |one| one["path"] == "/session" && one["method"] == "GET");
    sandbox.set_faults(&json!({"silence": ["/session/*/message", "/session/*/todo"]}));
    let later = ["tail", "todo", "diff"].map(|name| sandbox.occtl(&[name, &id]).spawn());
    for warm in later {
        let warm = warm.wait(SOON).fails(4);
        assert!(warm.elapsed < Duration::from_secs(12), "{:?}", warm.elapsed);
    }
    cold.wait(SOON).ok();
    sandbox.set_faults(&json!({}));
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn relatives_without_end_or_in_circles_are_followed_for_a_while_and_said() {
    let sandbox = sandbox("relatives", json!({}));
    let id = sandbox.start(&[]);
    let conversation = sandbox.occtl(&["send", &id, "--wait", "hello", "--json"]).run().ok();
    let conversation = conversation.json()["conversation"].as_str().unwrap().to_owned();
    let time = json!({"created": 1, "updated": 1});
    let info = |name: &str| json!({"id": name, "parentID": conversation, "time": time});
    let circle = json!({
        "GET /session/*": info(&conversation),
        "GET /session/*/children": [info("ses_a"), info(&conversation)],
    });
    for faults in [json!({"endless_relatives": true}), json!({"body": circle})] {
        sandbox.set_faults(&faults);
        for words in [&["chain", &*id][..], &["tail", &id, "-C"]] {
            let words = sandbox.occtl(words).args(&["-s", &conversation]);
            let ended = words.timeout(SOON).run().ok();
            let warning = format!("{conversation} in circles or without end");
            assert_eq!(ended.stderr.matches(&warning).count(), 1, "{faults}: {}", ended.stderr);
        }
    }
    sandbox.set_faults(&json!({"endless_relatives": true}));
    let usage = ["usage", &id, "-s", &conversation];
    let failed = sandbox.occtl(&usage).timeout(SOON).run().fails(1);
    assert!(failed.stderr.contains("lists sub-agents without end"), "{}", failed.stderr);
    let abort = ["abort", &id, "-s", &conversation];
    let aborted = sandbox.occtl(&abort).timeout(SOON).run();
    assert!(aborted.stderr.contains("in circles or without end"), "{}", aborted.stderr);
    sandbox.set_faults(&json!({}));
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_small_answer_that_has_no_end_is_not_read_to_it() {
    let sandbox = sandbox("flood", json!({}));
    let id = sandbox.start(&[]);
    let record = sandbox.store()["sessions"][&id].clone();
    let url = format!("http://127.0.0.1:{}", record["port"]);
    let password = record["password"].as_str().unwrap().to_owned();
    sandbox.set_faults(&json!({"flood": ["/global/health"]}));
    let adopt = sandbox.occtl(&["adopt", &url]).env("OPENCODE_SERVER_PASSWORD", &password);
    let refused = adopt.timeout(SOON).run().fails(4);
    assert!(refused.stderr.contains("it has more than 1 MiB"), "{}", refused.stderr);
    sandbox.set_faults(&json!({}));
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_list_of_conversations_that_has_no_end_takes_neither_the_memory_nor_the_other_sessions() {
    let sandbox = sandbox("endless-list", json!({}));
    let id = sandbox.start(&[]);
    sandbox.set_faults(&json!({"flood": ["/session"]}));
    let alone = sandbox.occtl(&["sessions", &id]).timeout(SOON).run().fails(4);
    assert!(alone.stderr.contains("it has more than 256 MiB"), "{}", alone.stderr);
    let all = sandbox.occtl(&["list", "--all-conversations"]).timeout(SOON).run().ok();
    assert!(all.stderr.contains(&format!("without those of {id}: ")), "{}", all.stderr);
    sandbox.set_faults(&json!({}));
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_no_trace();
}
