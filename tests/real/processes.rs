//! The environment of a server and its tools, and that `stop` ends all of them.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::Duration;

use serde_json::json;

use super::versions::can;
use crate::support::command::Outcome;
use crate::support::processes::{command_line, kill, poll};
use crate::support::records::pid_of;
use crate::support::sandbox::Sandbox;

const SOON: Duration = Duration::from_secs(120);

/// All processes of this machine, with their command lines.
fn command_lines() -> Vec<String> {
    let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.map(command_line).collect()
}

/// Starts a session with an environment in which some variables are OpenCode's and occtl's own.
fn start_with_environment(sandbox: &Sandbox) -> Outcome {
    let start = sandbox.occtl(&["start", "--json", "-t", "120"]);
    let start = start.env("OPENCODE_SERVER_USERNAME", "another").env("OPENCODE", "1");
    let start = start.env("OPENCODE_SERVER_PASSWORD", "theirs").env("OPENCODE_PID", "1");
    let start = start.env("OPENCODE_SESSION_ID", "oc-parent0").env("OWN", "kept");
    start.env("OPENCODE_BLACKLIST", "bash:rm").run().ok()
}

/// Lets a tool print its environment, and checks it.
fn assert_environment(sandbox: &Sandbox, id: &str, password: &str) -> Outcome {
    let sent = sandbox.occtl(&["send", id, "--wait", "--json", "[[bash env > seen]]"]).run().ok();
    let seen = std::fs::read_to_string(sandbox.work().join("seen")).unwrap();
    let seen: BTreeMap<&str, &str> = seen.lines().filter_map(|line| line.split_once('=')).collect();
    let get = |name: &str| seen.get(name).copied();
    assert_eq!(get("OPENCODE_SESSION_ID"), Some(id));
    assert_eq!(get("OPENCODE_PARENT_SESSION_ID"), Some("oc-parent0"));
    assert_eq!(get("OPENCODE_BLACKLIST"), Some("bash:rm,bash:occtl"));
    assert_eq!(get("OPENCODE_DISABLE_AUTOUPDATE"), Some("1"));
    assert_eq!(get("OWN"), Some("kept"));
    assert_eq!(get("OPENCODE_SERVER_USERNAME"), None);
    assert_eq!(get("OPENCODE_SERVER_PASSWORD").unwrap_or(password), password);
    sent
}

#[test]
fn tools_see_the_session_and_no_output_shows_the_password() {
    let (sandbox, _model) = Sandbox::real("environment");
    let started = start_with_environment(&sandbox);
    let facts = started.json();
    let id = facts["id"].as_str().unwrap();
    assert_eq!(facts["parent"], "oc-parent0");
    let password = sandbox.record(id)["password"].as_str().unwrap().to_owned();
    assert!(password.len() >= 32 && password != "theirs");
    let sent = assert_environment(&sandbox, id, &password);

    let show = |arguments: &[&str]| sandbox.occtl(arguments).run();
    let mut said = vec![started, sent];
    said.extend([show(&["list"]), show(&["list", "--json"]), show(&["status", id, "--json"])]);
    said.push(show(&["send", id, "--wait", "[[http 401 refused]]"]));
    for one in &said {
        let found = one.stdout.contains(&password) || one.stderr.contains(&password);
        assert!(!found, "{one:?}");
    }
    let log = std::fs::read_to_string(facts["log"].as_str().unwrap()).unwrap();
    assert!(log.contains("listening on") && !log.contains(&password), "{log}");
    assert!(!command_lines().iter().any(|line| line.contains(&password)));
    // Without the password the server answers no request.
    let url = format!("{}/session/status", facts["url"].as_str().unwrap());
    if can("the server asks for its password") {
        assert_eq!(crate::support::http_client::get(&url).unwrap().status, 401);
    } else {
        assert!(said[0].stderr.contains("asks for no password"), "{:?}", said[0]);
    }
    show(&["stop", id]).ok();
    sandbox.assert_nothing_left();
}

#[test]
fn a_model_runs_occtl_only_if_the_session_allows_it() {
    let (sandbox, _model) = Sandbox::real("allowed");
    sandbox.install("occtl", "#!/bin/sh\necho called > called\n");
    let show = |arguments: &[&str]| sandbox.occtl(arguments).run();
    let id = sandbox.start(&[]);
    let refused = "[[bash echo a && occtl list]][[echo after]]";
    let denied = show(&["send", &id, "--wait", "--json", refused]).json();
    assert_eq!(denied["tools"][0]["status"], "error", "{denied}");
    show(&["stop", &id]).ok();
    let start = sandbox.occtl(&["start", "-q", "-t", "120", "--allow-occtl-commands"]);
    let allowed = start.env("OPENCODE_BLACKLIST", "bash:rm").run().ok().stdout;
    let allowed = allowed.trim();
    let ran = show(&["send", allowed, "--wait", "--json", "[[bash occtl list; env > seen]]"]).ok();
    assert_eq!(ran.json()["tools"][0]["status"], "completed");
    assert!(sandbox.work().join("called").exists());
    let seen = std::fs::read_to_string(sandbox.work().join("seen")).unwrap();
    assert!(seen.lines().any(|line| line == "OPENCODE_BLACKLIST=bash:rm"), "{seen}");
    assert!(!seen.contains("OPENCODE_PARENT_SESSION_ID=oc-parent0"));
    show(&["stop", allowed]).ok();
    sandbox.assert_nothing_left();
}

#[test]
fn stop_ends_every_process_that_a_tool_has_started() {
    let (sandbox, _model) = Sandbox::real("tools");
    for force in [false, true] {
        let facts = sandbox.occtl(&["start", "--json", "-t", "120"]).run().ok().json();
        let id = facts["id"].as_str().unwrap();
        // Processes in other process sessions and groups, one that ignores hang-ups, one that
        // ignores SIGTERM, and the tool itself, which still runs.
        let script = "setsid sleep 601 >/dev/null 2>&1 & nohup setsid sleep 602 >/dev/null 2>&1 & \
            (trap '' TERM; exec sleep 603) >/dev/null 2>&1 & exec sleep 600";
        sandbox.occtl(&["send", id, &format!("[[bash {script}]]")]).run().ok();
        let running = || {
            let marked = sandbox.marked_processes();
            let has =
                |seconds: &str| marked.iter().any(|(_, line)| *line == format!("sleep {seconds}"));
            ["600", "601", "602", "603"].iter().all(|seconds| has(seconds)).then_some(())
        };
        poll(SOON, running).expect("the tool's processes");
        let stop = if force { vec!["stop", "-f", id] } else { vec!["stop", id] };
        let stopped = sandbox.occtl(&stop).args(&["--json"]).run().ok();
        sandbox.assert_nothing_left();
        assert!(stopped.elapsed < Duration::from_secs(20), "{:?}", stopped.elapsed);
        let one = &stopped.json()["stopped"][0];
        assert_eq!((&one["id"], &one["was_dead"]), (&json!(id), &json!(false)));
        assert!(one["processes"].as_u64().unwrap() >= 5, "{one}");
        assert_eq!(one["killed"], true, "one of them ignores SIGTERM");
        let port = u16::try_from(facts["port"].as_u64().unwrap()).unwrap();
        assert!(TcpListener::bind(("127.0.0.1", port)).is_ok(), "the port is held");
        assert_eq!(sandbox.store()["sessions"], json!({}));
        assert!(!std::path::Path::new(facts["log"].as_str().unwrap()).exists());
    }
    // A server that is killed leaves its tools behind; their mark tells whose they are.
    let facts = sandbox.occtl(&["start", "--json", "-t", "120"]).run().ok().json();
    let id = facts["id"].as_str().unwrap();
    sandbox.occtl(&["send", id, "[[bash exec sleep 600]]"]).run().ok();
    sandbox.wait_for_process(|line| line == "sleep 600");
    kill(pid_of(&facts));
    let status = sandbox.occtl(&["status", id, "--json"]).run().ok().json();
    assert_eq!(status["state"], "dead");
    sandbox.occtl(&["stop", id]).run().ok();
    sandbox.assert_nothing_left();
}
