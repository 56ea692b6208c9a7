//! The end of `run`: within 8 s of a signal or its limit, whatever its server and its tools do.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::kernel::without;
use super::sandbox;
use crate::support::command::{Outcome, Running};
use crate::support::processes::{kill, poll};
use crate::support::rounds::in_some_round;
use crate::support::sandbox::Sandbox;

const SOON: Duration = Duration::from_secs(30);
/// After its limit or a signal; `docker stop` kills after 10 s.
const ENDS_WITHIN: Duration = Duration::from_secs(8);

/// Starts `run` with a turn that never ends, and waits until the server has the prompt. No abort
/// ends that turn, as if its tool did not end.
fn endless(sandbox: &Sandbox, run: impl FnOnce() -> Running) -> Running {
    let faults = json!({"ignore_sigterm": true, "turn": {"never_ends": true}});
    sandbox.set_faults(&faults);
    let before = sandbox.stand_in_requests().len();
    let running = run();
    let has_prompt = |one: &Value| one["body"]["parts"].is_array();
    sandbox.wait_for_request(before, has_prompt);
    let requests = sandbox.stand_in_requests();
    let prompt = requests.iter().rev().find(|one| has_prompt(one)).unwrap();
    let conversation = prompt["path"].as_str().unwrap().split('/').nth(2).unwrap();
    let mut busy = faults;
    busy["body"] = json!({"/session/status": {conversation: {"type": "busy"}}});
    sandbox.set_faults(&busy);
    running
}

/// Starts a tool of a session that ignores SIGTERM, and gives its pid.
fn deaf_tool(sandbox: &Sandbox) -> u32 {
    let id = sandbox.records()[0]["id"].as_str().unwrap().to_owned();
    let tool = sandbox.command("sh", &["-c", "trap '' TERM; echo deaf; exec sleep 600"]);
    let mut tool = tool.env("OPENCODE_SESSION_ID", id).spawn();
    tool.wait_for_line("deaf", SOON);
    tool.pid()
}

/// The outcome of a command that was ended at a moment, unless it took too long.
fn in_time(ended: Outcome, moment: Instant) -> Result<Outcome, String> {
    let took = moment.elapsed();
    if took < ENDS_WITHIN { Ok(ended) } else { Err(format!("it took {took:?}: {ended:?}")) }
}

#[test]
fn run_ends_within_eight_seconds_of_a_signal_whatever_ignores_sigterm() {
    let sandbox = sandbox("run-term", json!({}));
    let ended = in_some_round(|| {
        let running = endless(&sandbox, || sandbox.occtl(&["run", "--json", "x"]).spawn());
        deaf_tool(&sandbox);
        let signalled = Instant::now();
        running.signal(Signal::TERM);
        in_time(running.wait(SOON).fails(143), signalled)
    });
    assert_eq!(ended.json()["error"]["name"], "Interrupted", "the record is printed");
    sandbox.assert_no_trace();
}

#[test]
fn run_ends_within_eight_seconds_of_its_limit_whatever_ignores_sigterm() {
    let sandbox = sandbox("run-limit", json!({}));
    let ended = in_some_round(|| {
        let began = Instant::now();
        let running =
            endless(&sandbox, || sandbox.occtl(&["run", "--json", "-t", "6", "x"]).spawn());
        deaf_tool(&sandbox);
        in_time(running.wait(SOON).fails(124), began + Duration::from_secs(6))
    });
    assert_eq!(ended.json()["outcome"], "timeout", "the record is printed");
    sandbox.assert_no_trace();
}

#[test]
fn run_ends_in_time_while_another_process_holds_the_lock() {
    let sandbox = sandbox("run-lock", json!({}));
    let ended = in_some_round(|| {
        let running = endless(&sandbox, || sandbox.occtl(&["run", "--json", "x"]).spawn());
        let lock = std::fs::File::open(sandbox.data().join("store.lock")).unwrap();
        fs2::FileExt::lock_exclusive(&lock).unwrap();
        let signalled = Instant::now();
        running.signal(Signal::INT);
        let ended = in_time(running.wait(SOON).fails(130), signalled);
        drop(lock);
        // The guard goes on until it has the lock.
        sandbox.wait_for_no_trace(SOON, "a run that could not have the lock");
        ended
    });
    assert_eq!(ended.json()["error"]["name"], "Interrupted", "the record is printed");
    assert!(ended.stderr.contains("warning: ") && ended.stderr.contains("store.lock"), "{ended:?}");
}

#[test]
fn what_sigkill_does_not_end_is_named_by_pid_and_its_record_stays() {
    let sandbox = sandbox("undying", json!({}));
    let running = endless(&sandbox, || without("sigkill", &sandbox, &["run", "x"]).spawn());
    let tool = deaf_tool(&sandbox);
    running.signal(Signal::TERM);
    let ended = running.wait(SOON).fails(143);
    let named =
        |line: &str| line.contains("SIGKILL did not end") && line.contains(&tool.to_string());
    assert!(ended.stderr.lines().any(named), "{}", ended.stderr);
    assert_eq!(sandbox.records().len(), 1);
    let stopped = sandbox.occtl(&["stop", "--all", "--force"]).run().ok();
    assert!(stopped.stdout.contains("Stopped: oc-"), "{stopped:?}");
    sandbox.wait_for_no_trace(SOON, "a run whose tool did not end");
}

#[test]
fn run_tells_how_its_turn_failed_and_that_its_server_did_not_end() {
    let sandbox = sandbox("both", json!({"silence": ["POST /session"]}));
    let running = without("sigkill", &sandbox, &["run", "-t", "4", "x"]).spawn();
    sandbox.wait_for_request(0, |one| one["path"] == "/session" && one["method"] == "POST");
    let tool = deaf_tool(&sandbox);
    let ended = running.wait(SOON).fails(124);
    assert!(ended.stderr.contains("the limit of 4 s is over"), "{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("did not end: {tool}")), "{}", ended.stderr);
    kill(tool);
    sandbox.wait_for_no_trace(SOON, "a run whose turn and server failed");
}

#[test]
fn a_start_that_fails_keeps_the_record_of_what_it_could_not_end() {
    let sandbox = sandbox("kept-record", json!({"silent_start": true}));
    let starting = without("sigkill", &sandbox, &["start", "-t", "2"]).spawn();
    poll(SOON, || (!sandbox.records().is_empty()).then_some(())).expect("a record");
    let tool = deaf_tool(&sandbox);
    let ended = starting.wait(SOON).fails(124);
    assert!(ended.stderr.contains(&tool.to_string()), "{}", ended.stderr);
    assert_eq!(sandbox.records().len(), 1, "{}", ended.stderr);
    sandbox.occtl(&["stop", "--all", "--force"]).run().ok();
    sandbox.assert_no_trace();
}
