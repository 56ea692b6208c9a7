//! What `run` leaves on request, and what it hands to its server.

use std::path::PathBuf;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::sandbox;
use crate::support::processes::poll;
use crate::support::sandbox::Sandbox;

const SOON: Duration = Duration::from_secs(30);

/// Everything that is kept in a sandbox.
fn kept(sandbox: &Sandbox) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(sandbox.data().join("kept")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// The place that a run says something is kept in, after the command that it names has removed it.
#[track_caller]
fn removed(sandbox: &Sandbox, said: &str, what: &str) {
    let line = said.lines().find(|line| line.contains(" is kept in ")).expect("a place");
    assert!(line.contains(what), "{line}");
    let (_, command) = line.split_once("to remove it: ").unwrap();
    assert_eq!(kept(sandbox).len(), 1);
    sandbox.shell(command, &[""; 0]).run().ok();
    assert!(kept(sandbox).is_empty());
    sandbox.assert_no_trace();
}

#[test]
fn a_failed_run_keeps_its_log_and_data_on_request_and_says_how_they_go() {
    let sandbox = sandbox("run-kept", Value::Null);
    let run = |words: &[&str]| sandbox.occtl(&[&["run", "x"], words].concat()).run();
    run(&["--keep-on-failure"]).ok();
    assert!(kept(&sandbox).is_empty(), "a run that succeeded leaves nothing");
    let error = json!({"name": "APIError", "data": {"message": "no"}});
    sandbox.set_faults(&json!({"turn": {"error": error}}));
    run(&[]).fails(5);
    sandbox.assert_no_trace();
    assert!(kept(&sandbox).is_empty());
    let failed = run(&["--keep-on-failure"]).fails(5);
    let place = kept(&sandbox).pop().expect("something that is kept");
    let log = std::fs::read_to_string(place.join("server.log")).unwrap();
    assert!(log.contains("listening on") && place.join("data/opencode").is_dir(), "{log}");
    removed(&sandbox, &failed.stderr, "(database, state, log) is kept");
    let shared = run(&["--keep-on-failure", "--no-isolate", "--json"]).fails(5);
    let notice: Value = serde_json::from_str(shared.stderr.lines().next().unwrap()).unwrap();
    let text = notice["notice"].as_str().unwrap();
    assert!(text.starts_with("what is left of oc-"), "{text}");
    removed(&sandbox, text, "(log) is kept");
    run(&["--keep-on-failure", "--keep"]).fails(2);
}

#[test]
fn a_run_whose_server_does_not_start_keeps_what_it_printed() {
    let sandbox = sandbox("run-unready", json!({"silent_start": true}));
    let failed = sandbox.occtl(&["run", "x", "-t", "2", "--keep-on-failure"]).run().fails(124);
    let place = kept(&sandbox).pop().expect("something that is kept");
    assert!(place.join("server.log").is_file());
    removed(&sandbox, &failed.stderr, "log) is kept");
}

#[test]
fn a_run_that_is_killed_keeps_nothing() {
    let sandbox = sandbox("run-killed", json!({"turn": {"never_ends": true}}));
    let running = sandbox.occtl(&["run", "x", "--keep-on-failure"]).spawn();
    sandbox.wait_for_request(0, |one| one["body"]["parts"].is_array());
    running.signal(Signal::KILL);
    running.wait(SOON).fails(137);
    sandbox.wait_for_no_trace(SOON, "a run that was killed");
    assert!(kept(&sandbox).is_empty());
    // What a killed run was about to keep is known by its name.
    let part = sandbox.data().join("kept/oc-12345678.part/data");
    std::fs::create_dir_all(&part).unwrap();
    sandbox.occtl(&["guard"]).stdin("oc-12345678").run().ok();
    assert!(kept(&sandbox).is_empty());
}

#[test]
fn run_gives_its_server_a_name_labels_variables_and_a_configuration() {
    let sandbox = sandbox("run-named", json!({"turn": {"never_ends": true}}));
    let words = ["run", "x", "--name", "once", "--label", "job=a", "--env", "COLOUR=blue", "-q"];
    let config = ["--config", "-"];
    let run = sandbox.occtl(&[&words[..], &config].concat());
    let running = run.stdin("{\"theme\":\"x\"}").spawn();
    sandbox.wait_for_request(0, |one| one["body"]["parts"].is_array());
    let listed = sandbox.occtl(&["list", "--label", "job=a", "--json"]).run().ok().json();
    let session = &listed["sessions"][0];
    assert_eq!(session["name"], "once");
    let pid = session["pid"].as_u64().unwrap();
    let variables = std::fs::read_to_string(format!("/proc/{pid}/environ")).unwrap();
    let has = |text: &str| variables.split('\0').any(|one| one == text);
    assert!(has("COLOUR=blue") && has("OPENCODE_CONFIG_CONTENT={\"theme\":\"x\"}"));
    sandbox.occtl(&["abort", "once"]).run().ok();
    let ended = running.wait(SOON).fails(8);
    let line = ended.stdout.trim();
    assert!(line.starts_with("ses_") && !line.contains('\n'), "{ended:?}");
    poll(SOON, || sandbox.records().is_empty().then_some(())).expect("no session");
    sandbox.wait_for_no_trace(SOON, "a run that was aborted");
    for moot in [&["-q", "--stream"][..], &["-q", "--raw"]] {
        sandbox.occtl(&[&["run", "x"], moot].concat()).run().fails(2);
    }
}
