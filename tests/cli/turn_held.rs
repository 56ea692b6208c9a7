//! The server's own answer to a prompt, which comes when the turn is over and makes short turns
//! quick. It is used as far as it is complete.

use std::time::Duration;

use serde_json::{Value, json};

use super::{TEXT, sandbox, send};
use crate::support::rounds::in_some_round;
use crate::support::sandbox::Sandbox;

const PROMPT: &str = "POST /session/*/message";

/// The requests to the stand-in after the first `from`, without ids.
fn asked(sandbox: &Sandbox, from: usize) -> Vec<String> {
    let requests = sandbox.stand_in_requests().into_iter().skip(from);
    let name = |one: Value| {
        let path = one["path"].as_str().unwrap_or_default().to_owned();
        let parts = path.split('/').map(|part| if part.starts_with("ses_") { "ID" } else { part });
        format!("{} {}", one["method"].as_str().unwrap(), parts.collect::<Vec<_>>().join("/"))
    };
    requests.map(name).collect()
}

#[test]
fn an_answer_costs_no_more_requests_than_its_prompt_and_the_events() {
    let sandbox = sandbox("held-cost", json!({}));
    let session = sandbox.start(&[]);
    let costs = |faults: &Value| {
        let before = sandbox.stand_in_requests().len();
        let sent = send(&sandbox, &session, faults, &["--wait"]).ok();
        assert_eq!((sent.stdout, sent.stderr), (format!("{TEXT}\n"), String::new()));
        asked(&sandbox, before)
    };
    // Versions before 1.15 send the beginning of the answer's head at once.
    for faults in [json!({}), json!({"early_head": [PROMPT], "turn": {"delta_ms": 20}})] {
        // On a machine so busy that the answer comes long after the events, REST is asked as well.
        let least = (0..10).map(|_| costs(&faults)).min_by_key(Vec::len).unwrap();
        assert_eq!(least, ["POST /session", "GET /event", "POST /session/ID/message"], "{faults}");
    }
}

#[test]
fn a_server_that_prepares_its_first_step_is_not_asked_about_it() {
    let sandbox = sandbox("held-cold", json!({}));
    let session = sandbox.start(&[]);
    let faults = json!({"turn": {"step_gap_ms": 1300}});
    // After two seconds it is asked, which a busy machine may take for such a turn.
    in_some_round(|| {
        let before = sandbox.stand_in_requests().len();
        let sent = send(&sandbox, &session, &faults, &["--wait"]).ok();
        assert!(sent.elapsed > Duration::from_millis(1200), "it ends before it would be asked");
        let asked = asked(&sandbox, before);
        let is_about_turn = |one: &String| one == "GET /session/status";
        if asked.iter().any(is_about_turn) { Err(format!("{asked:?}")) } else { Ok(()) }
    });
}

#[test]
fn an_answer_that_does_not_arrive_whole_is_read_from_the_conversation() {
    let sandbox = sandbox("held-lost", json!({}));
    let session = sandbox.start(&[]);
    let tool = json!({"name": "bash", "input": {"command": "ls"}, "output": "x"});
    for faults in [
        json!({"cut_body": [PROMPT]}),
        json!({"cut_body": [PROMPT], "events": {"silent": true}}),
        json!({"turn": {"tool": tool}}),
        // These statuses come when the turn has begun, so they do not mean that it was refused.
        json!({"late_status": {PROMPT: 404}}),
        json!({"late_status": {PROMPT: 408}, "events": {"silent": true}}),
    ] {
        let sent = send(&sandbox, &session, &faults, &["--wait"]).ok();
        assert_eq!((sent.stdout, sent.stderr), (format!("{TEXT}\n"), String::new()), "{faults}");
    }
}

#[test]
fn asks_are_answered_although_the_answer_of_the_turn_has_begun() {
    let sandbox = sandbox("held-early", json!({}));
    let session = sandbox.start(&[]);
    let ask = json!({"permission": "bash", "patterns": ["ls"]});
    let faults = json!({"early_head": [PROMPT], "turn": {"ask": ask}});
    // Waiting for the rest of the answer first would take two seconds.
    in_some_round(|| {
        let sent = send(&sandbox, &session, &faults, &["--wait", "--allow", "bash"]).ok();
        assert_eq!((&*sent.stdout, &*sent.stderr), (&*format!("{TEXT}\n"), ""));
        sent.within(Duration::from_millis(1900))
    });
}

#[test]
fn a_prompt_that_is_refused_fails_with_the_reason_and_is_not_sent_again() {
    let sandbox = sandbox("held-refused", json!({}));
    let session = sandbox.start(&[]);
    for (faults, status, said) in [
        (json!({"status": {PROMPT: 400}}), 1, "status 400"),
        (json!({"status": {PROMPT: 404}}), 3, "status 404"),
        (json!({"html": [PROMPT]}), 4, "a page of HTML"),
        (json!({"status": {PROMPT: 500}}), 5, "status 500"),
        (json!({"silence": [PROMPT]}), 124, "not over after 1 s"),
    ] {
        let before = sandbox.stand_in_requests().len();
        let limit = if status == 124 { "1" } else { "60" };
        let sent = send(&sandbox, &session, &faults, &["--wait", "-t", limit]).fails(status);
        assert!(sent.stderr.contains(said), "{faults}: {}", sent.stderr);
        assert!(sent.elapsed < Duration::from_secs(20), "{faults}: {:?}", sent.elapsed);
        let prompts = asked(&sandbox, before);
        assert_eq!(
            prompts
                .iter()
                .filter(|one| one.contains("/message") && one.starts_with("POST"))
                .count(),
            1
        );
    }
}
