//! Servers that give wrong answers, stall or break while a turn is followed: the text is complete,
//! the outcome is right, and the command ends in time.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{TEXT, is_busy, sandbox, send};
use crate::support::command::{Outcome, Running};
use crate::support::processes::{is_running, is_signal_pending, poll, signal};
use crate::support::rounds::in_some_round;
use crate::support::sandbox::Sandbox;

/// A turn without faults takes some milliseconds; the machine may be busy.
const SOON: Duration = Duration::from_secs(25);

/// The record that `--json` prints. Its outcome must be `ok`, and its text must be [`TEXT`].
#[track_caller]
fn whole(sent: Outcome, faults: &Value, limit: Duration) -> Value {
    assert!(sent.elapsed < limit, "{faults}: {:?}", sent.elapsed);
    let record = sent.ok().json();
    let told = [&record["outcome"], &record["text"], &record["answer"]];
    assert_eq!(told, [&json!("ok"), &json!(TEXT), &json!(TEXT)], "{faults}");
    assert_eq!(record["steps"], 1, "{faults}");
    record
}

/// Starts a turn that takes more than a minute, and waits until its first word was streamed.
fn long_turn(sandbox: &Sandbox, session: &str, flags: &[&str]) -> Running {
    slow_turn(sandbox, session, 200, &format!("one\n{}", " more".repeat(400)), flags)
}

/// Starts a turn whose words take `pace` milliseconds each, and waits until the first was streamed.
fn slow_turn(sandbox: &Sandbox, session: &str, pace: u64, text: &str, flags: &[&str]) -> Running {
    sandbox.set_faults(&json!({"turn": {"delta_ms": pace, "text": text}}));
    let mut running =
        sandbox.occtl(&["send", session, "--title", "t", "--stream", "x"]).args(flags).spawn();
    running.wait_for_line("one", SOON);
    running
}

#[test]
fn whatever_the_events_do_the_text_is_complete() {
    let sandbox = sandbox("faulty-events", json!({}));
    let session = sandbox.start(&[]);
    for events in [
        json!({}),
        json!({"silent": true}),
        json!({"heartbeats_only": true, "heartbeat_ms": 50}),
        json!({"close_after": 1}),
        json!({"close_after": 4}),
        json!({"close_after": 6, "duplicate": true}),
        json!({"deaf_ms": 60_000}),
        json!({"garbage": true}),
        json!({"duplicate": true}),
        json!({"no_deltas": true}),
        json!({"late": 300}),
        json!({"old_form": true}),
        json!({"old_form": true, "duplicate": true}),
        json!({"deltas_before_part": true}),
        json!({"deltas_before_part": true, "close_after": 5}),
        json!({"flood": 20_000}),
    ] {
        let faults = json!({"events": events});
        whole(send(&sandbox, &session, &faults, &["--wait", "--json"]), &faults, SOON);
        let streamed = send(&sandbox, &session, &faults, &["--stream"]).ok();
        assert_eq!(streamed.stdout, format!("{TEXT}\n"), "{faults}");
        assert_eq!(streamed.stderr, "", "{faults}");
    }
    // Late events are not waited for, because REST gives the whole text.
    let faults = json!({"events": {"late": 60_000}});
    let sent = send(&sandbox, &session, &faults, &["--wait", "--json"]);
    whole(sent, &faults, SOON);
}

#[test]
fn a_text_of_20_mb_is_not_held_several_times() {
    let sandbox = sandbox("large-events", json!({"turn": {"bytes": 20_000_000}}));
    let session = sandbox.start(&[]);
    // The limit counts reserved memory, and a buffer that grows reserves up to twice what it uses.
    let script = "ulimit -d $((80 << 10)) && exec \"$0\" send \"$1\" --title t --wait --json x";
    let record = sandbox.shell(script, &[&session]).run().ok().json();
    assert_eq!(record["text"].as_str().unwrap().len(), 20_000_000);
    assert_eq!(record["answer"], record["text"]);
}

#[test]
fn a_route_that_fails_does_not_hide_the_end() {
    let sandbox = sandbox("faulty-routes", json!({}));
    let session = sandbox.start(&[]);
    for faults in [
        json!({"silence": ["/event"]}),
        json!({"html": ["/event"]}),
        json!({"status": {"/event": 500}}),
        json!({"silence": ["/session/status"]}),
        json!({"status": {"/session/status": 500}}),
        json!({"html": ["/session/status"]}),
        json!({"body": {"/session/status": {"ses_x": 5}}}),
        json!({"cut_body": ["/session/status"]}),
        json!({"silence": ["/permission", "/question"]}),
        json!({"status": {"/permission": 404, "/question": 404}, "turn": {"delta_ms": 100}}),
        json!({"html": ["/session/*/diff", "/session/*/children"]}),
        json!({"delay_ms": {"/session/*/message": 700, "/session/status": 700}}),
    ] {
        whole(send(&sandbox, &session, &faults, &["--wait", "--json"]), &faults, SOON);
    }
}

#[test]
fn a_turn_goes_on_when_the_server_fails_for_a_while() {
    let sandbox = sandbox("trouble", json!({}));
    let session = sandbox.start(&[]);
    for trouble in [
        json!({"status": {"/session/*/message": 500, "/session/status": 503}}),
        json!({"html": ["/session/*/message"]}),
        json!({"cut_body": ["/session/*/message"]}),
        json!({"silence": ["/session/*/message"]}),
        json!({"body": {"/session/*/message": {"not": "a list"}}}),
    ] {
        let looks = || {
            let asked = sandbox.stand_in_requests().into_iter();
            let path = |one: &Value| one["path"].as_str().unwrap_or_default().to_owned();
            asked.filter(|one| one["method"] == "GET" && path(one).ends_with("/message")).count()
        };
        in_some_round(|| {
            let text = "one\n two three four five";
            let running = slow_turn(&sandbox, &session, 300, text, &["-t", "30"]);
            let before = looks();
            sandbox.set_faults(&trouble);
            // The fault is lifted when a request has met it. That takes a second; on a busy machine
            // the fault may come later, when the turn is over.
            let over = || !is_running(running.pid());
            let _ = poll(SOON, || (looks() > before || over()).then_some(()));
            sandbox.set_faults(&json!({}));
            let ended = running.wait(SOON).ok();
            assert_eq!(ended.stdout, format!("{text}\n"), "{trouble}");
            (looks() > before).then_some(()).ok_or(format!("{trouble}: never asked"))
        });
    }
}

#[test]
fn a_server_that_refuses_or_dies_or_freezes_ends_the_command() {
    let sandbox = sandbox("dying", json!({}));
    let session = sandbox.start(&[]);
    // The turn goes on, because occtl cannot abort it.
    let text = "one\n two three four five";
    let running = slow_turn(&sandbox, &session, 2000, text, &["-t", "60"]);
    sandbox.set_faults(&json!({"unauthorized": true}));
    let refused = running.wait(SOON).fails(4);
    assert!(refused.stderr.contains("401"), "{}", refused.stderr);

    let server = sandbox.server_pid(&session);
    for (flags, sent, status) in [(["-t", "4"], None, 124), (["-t", "60"], Some(Signal::INT), 130)]
    {
        let running = long_turn(&sandbox, &session, &flags);
        let asked = sandbox.stand_in_requests().len();
        let frozen = Instant::now();
        signal(server, Signal::STOP);
        if let Some(sent) = sent {
            running.signal(sent);
        }
        let ended = running.wait(SOON).fails(status);
        // The limit is 4 s, and everything after it takes 5 s at most.
        assert!(frozen.elapsed() < SOON, "{:?}", frozen.elapsed());
        assert!(ended.stderr.contains("does not confirm"), "{}", ended.stderr);
        assert!(ended.stdout.starts_with("one\n"), "{}", ended.stdout);
        signal(server, Signal::CONT);
        // The server now reads the requests that came while it was frozen.
        let aborts =
            |one: &Value| one["path"].as_str().is_some_and(|path| path.ends_with("/abort"));
        sandbox.wait_for_request(asked, aborts);
        poll(SOON, || (!is_busy(&sandbox, &session)).then_some(())).expect("the end");
    }
}

#[test]
fn a_server_that_is_killed_is_noticed_at_once() {
    let sandbox = sandbox("killed", json!({}));
    let session = sandbox.start(&[]);
    let running = long_turn(&sandbox, &session, &["-t", "60"]);
    let killed = Instant::now();
    signal(sandbox.server_pid(&session), Signal::KILL);
    let ended = running.wait(SOON).fails(4);
    assert!(killed.elapsed() < Duration::from_secs(10), "{:?}", killed.elapsed());
    assert!(ended.stderr.contains("ended"), "{}", ended.stderr);
    assert!(ended.stdout.starts_with("one\n"), "{}", ended.stdout);
}

#[test]
fn every_outcome_has_its_status() {
    let sandbox = sandbox("outcomes", json!({}));
    let session = sandbox.start(&[]);
    let provider = json!({"name": "APIError", "data": {"message": "no money left"}});
    let unknown =
        json!({"name": "ProviderModelNotFoundError", "data": {"message": "unknown model x/y"}});
    for (turn, status, outcome, name, text) in [
        (json!({"never_idle": true}), 0, "ok", None, TEXT),
        (json!({"idle_early": true, "delta_ms": 300}), 0, "ok", None, TEXT),
        (json!({"start_gap_ms": 2500}), 0, "ok", None, TEXT),
        (json!({"empty": true}), 7, "empty", None, ""),
        (json!({"text": " \n"}), 7, "empty", None, " \n"),
        (json!({"error": provider}), 5, "turn_failed", Some("APIError"), ""),
        (
            json!({"never_starts": unknown}),
            5,
            "turn_failed",
            Some("ProviderModelNotFoundError"),
            "",
        ),
    ] {
        let faults = json!({"turn": turn});
        in_some_round(|| {
            let sent = send(&sandbox, &session, &faults, &["--wait", "--json"]).within(SOON)?;
            let record = sent.fails(status).json();
            let told = (&record["outcome"], &record["text"]);
            assert_eq!(told, (&json!(outcome), &json!(text)), "{faults}");
            // Only an event says why a prompt is not begun, and on a busy machine it may be missed.
            match &record["error"]["name"] {
                told if *told == json!(name) => Ok(()),
                told => Err(format!("{faults}: {told}")),
            }
        });
    }
}

#[test]
fn a_prompt_that_the_server_never_begins_fails_after_half_a_minute() {
    let sandbox = sandbox("never-starts", json!({}));
    let session = sandbox.start(&[]);
    let faults = json!({"turn": {"never_starts": true}});
    let sent = send(&sandbox, &session, &faults, &["--wait", "--json"]).fails(5);
    assert!((29..75).contains(&sent.elapsed.as_secs()), "{:?}", sent.elapsed);
    assert_eq!(sent.json()["error"]["name"], "NotStarted");
    // A later command knows how old the prompt is, and does not wait as long.
    let waited = sandbox.occtl(&["wait", &session, "-t", "40"]).run().ok();
    assert!(waited.elapsed < Duration::from_secs(20), "{:?}", waited.elapsed);
}

#[test]
fn a_limit_ends_the_turn_and_says_which_it_was() {
    let sandbox = sandbox("limits", json!({}));
    let session = sandbox.start(&[]);
    let tool = json!({"tool": {"name": "bash", "input": {"command": "ls"}, "output": "x"},
        "never_ends": true});
    for (turn, flags, name, said) in [
        (
            json!({"never_ends": true}),
            &["-t", "1.5"][..],
            "Timeout",
            "not over after 1.5 s (--timeout)",
        ),
        (
            json!({"never_ends": true}),
            &["--stall-timeout", "1"],
            "StallTimeout",
            "nothing happened in the turn for 1 s (--stall-timeout)",
        ),
        (
            json!({"retry_forever": 100}),
            &["--max-retries", "3"],
            "MaxRetries",
            "failed 4 times, --max-retries allows 3: busy",
        ),
        (json!({"retry_forever": 100}), &["-t", "1"], "Timeout", "tried again: busy"),
        (
            tool.clone(),
            &["--max-steps", "1"],
            "MaxSteps",
            "the turn reached step 2, --max-steps allows 1",
        ),
        (tool, &["--max-cost", "0.00001"], "MaxCost", "US dollars, --max-cost allows 0.00001"),
    ] {
        let faults = json!({"turn": turn});
        let sent = send(&sandbox, &session, &faults, &[&["--wait", "--json"], flags].concat());
        assert!(sent.elapsed < SOON, "{faults}: {:?}", sent.elapsed);
        let sent = sent.fails(124);
        let record = sent.json();
        assert_eq!(
            (&record["outcome"], &record["error"]["name"]),
            (&json!("timeout"), &json!(name)),
            "{faults}"
        );
        let message = record["error"]["message"].as_str().unwrap();
        assert!(
            message.contains(said) && message.ends_with("; the turn was aborted"),
            "{faults}: {message}"
        );
        assert!(sent.json_error()["message"].as_str().unwrap().contains(said), "{}", sent.stderr);
        assert!(!is_busy(&sandbox, &session), "{faults}: it was not aborted");
    }
}

#[test]
fn no_abort_leaves_a_turn_running_and_abort_ends_it() {
    let sandbox = sandbox("no-abort", json!({}));
    let session = sandbox.start(&[]);
    let faults = json!({"turn": {"never_ends": true}});
    let left = send(&sandbox, &session, &faults, &["--wait", "-t", "1", "--no-abort", "--json"]);
    let record = left.fails(124).json();
    assert!(
        record["error"]["message"].as_str().unwrap().ends_with("; the turn goes on"),
        "{record}"
    );
    assert_eq!(record["text"], TEXT, "what was said until then");
    assert!(is_busy(&sandbox, &session));
    let conversation = record["conversation"].as_str().unwrap();
    // It is aborted while two commands follow it.
    let turn = record["turn"].as_str().unwrap();
    let following = sandbox.occtl(&["wait", &session, "--turn", turn, "--json"]).spawn();
    let waiting = sandbox.occtl(&["wait", &session, "-s", conversation]).spawn();
    let busy = sandbox.occtl(&["wait", &session, "-t", "1"]).run().fails(124);
    assert!(busy.stderr.contains(conversation), "{}", busy.stderr);
    let aborted = sandbox.occtl(&["abort", &session]).run().ok();
    assert_eq!(aborted.stdout, format!("Aborted: {conversation}\n"));
    let record = following.wait(SOON).fails(8).json();
    assert_eq!((&record["outcome"], &record["text"]), (&json!("aborted"), &json!(TEXT)));
    assert_eq!(waiting.wait(SOON).ok().stdout, format!("{conversation} idle\n"));
    assert!(!is_busy(&sandbox, &session));
}

#[test]
fn signals_abort_the_turn_and_a_closed_pipe_changes_nothing() {
    let sandbox = sandbox("signals", json!({}));
    let session = sandbox.start(&[]);
    for (sent, status) in [(Signal::HUP, 129), (Signal::INT, 130), (Signal::TERM, 143)] {
        // On a busy machine the second one may come so late that it is taken for one more.
        in_some_round(|| {
            let running = long_turn(&sandbox, &session, &[]);
            // Twice, as `timeout` sends it: to the program, and to the process group that it is in.
            running.signal(sent);
            let handled = || (!is_signal_pending(running.pid())).then_some(());
            poll(SOON, handled).expect("a signal that arrives");
            running.signal(sent);
            let ended = running.wait(SOON).fails(status);
            if !ended.stderr.contains("the turn was aborted") {
                sandbox.occtl(&["abort", &session]).run().ok();
                return Err(format!("{ended:?}"));
            }
            assert!(ended.signal.is_none() && ended.stdout.starts_with("one\n"), "{ended:?}");
            assert!(!is_busy(&sandbox, &session));
            Ok(())
        });
    }
    // An ignored SIGHUP stays ignored, as under `nohup`.
    sandbox.set_faults(&json!({"turn": {"delta_ms": 300, "text": "one\n two three four"}}));
    let script = "trap '' HUP; exec \"$0\" send \"$1\" --title t --stream x";
    let mut running = sandbox.shell(script, &[&session]).spawn();
    running.wait_for_line("one", SOON);
    running.signal(Signal::HUP);
    assert_eq!(running.wait(SOON).ok().stdout, "one\n two three four\n");
    sandbox.set_faults(&json!({"turn": {"delta_ms": 1500, "text": "one\n two three four five"}}));
    let script = "\"$0\" send \"$1\" --title t --stream x | head -1; exit \"${PIPESTATUS[0]}\"";
    let piped = sandbox.shell(script, &[&session]).run().ok();
    assert_eq!((piped.stdout.as_str(), piped.stderr.as_str()), ("one\n", ""));
    assert!(!is_busy(&sandbox, &session), "the turn was not followed to its end");
}

#[test]
fn a_hook_that_cannot_run_gives_a_warning_and_changes_nothing() {
    let sandbox = sandbox("hooks", json!({}));
    let session = sandbox.start(&[]);
    for (hook, said) in [
        ("no-such-program --flag", "warning: the shell finds no no-such-program for --on-event"),
        ("/no/such/program", "warning: the shell finds no /no/such/program for --on-event"),
        ("true", ""),
        ("cat > told", ""),
        ("if true; then :; fi", ""),
        ("'quoted program'", ""),
    ] {
        let sent = send(&sandbox, &session, &json!({}), &["--wait", "--on-event", hook]).ok();
        assert_eq!(sent.stdout, format!("{TEXT}\n"), "{hook}");
        assert!(sent.stderr.contains(said), "{hook}: {}", sent.stderr);
        assert_eq!(sent.stderr.is_empty(), said.is_empty(), "{hook}: {}", sent.stderr);
    }
    let flags = ["--wait", "--json", "--on-event", "/no/such/program"];
    let sent = send(&sandbox, &session, &json!({}), &flags).ok();
    assert!(sent.stderr.starts_with("{\"notice\":\"warning: the shell finds"), "{}", sent.stderr);
}
