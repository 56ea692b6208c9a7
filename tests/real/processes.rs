//! What a server and its tools get from us, and that `stop` ends all of them.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::Duration;

use serde_json::{Value, json};

use super::versions::can;
use crate::support::processes::{command_line, poll};
use crate::support::sandbox::Sandbox;

const SOON: Duration = Duration::from_secs(120);

fn store(sandbox: &Sandbox) -> Value {
    let text = std::fs::read_to_string(sandbox.data().join("store.json")).expect("a store");
    serde_json::from_str(&text).expect("a store that parses")
}

/// All processes of this machine, with their command lines.
fn command_lines() -> Vec<String> {
    let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.map(command_line).collect()
}

#[test]
fn tools_see_the_session_and_nobody_sees_the_password() {
    let (sandbox, _model) = Sandbox::real("environment");
    let start = sandbox.occtl(&["start", "--json", "-t", "120"]);
    let start = start.env("OPENCODE_SERVER_USERNAME", "somebody").env("OPENCODE", "1");
    let start = start.env("OPENCODE_SERVER_PASSWORD", "theirs").env("OPENCODE_PID", "1");
    let start = start.env("OPENCODE_SESSION_ID", "oc-parent0").env("OWN", "kept");
    let started = start.env("OPENCODE_BLACKLIST", "bash:rm").run().ok();
    let facts = started.json();
    let id = facts["id"].as_str().unwrap();
    assert_eq!(facts["parent"], "oc-parent0");
    let password = store(&sandbox)["sessions"][id]["password"].as_str().unwrap().to_owned();
    assert!(password.len() >= 32 && password != "theirs");
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
    assert_eq!(get("OPENCODE_SERVER_PASSWORD").unwrap_or(&password), password);

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
    // Without the password the server tells nobody anything.
    let url = format!("{}/session/status", facts["url"].as_str().unwrap());
    if can("the server asks for its password") {
        assert_eq!(crate::support::http_client::get(&url).unwrap().status, 401);
    } else {
        assert!(said[0].stderr.contains("asks nobody for a password"), "{:?}", said[0]);
    }

    // The model may not run occtl itself, unless it was allowed to.
    let refused = "[[bash echo a && occtl list]][[echo after]]";
    let denied = show(&["send", id, "--wait", "--json", refused]).json();
    assert_eq!(denied["tools"][0]["status"], "error", "{denied}");
    show(&["stop", id]).ok();
    let allowed = sandbox.occtl(&["start", "-q", "-t", "120", "--allow-occtl-commands"]);
    let allowed = allowed.env("OPENCODE_BLACKLIST", "bash:rm").run().ok().stdout;
    let allowed = allowed.trim();
    sandbox.install("occtl", "#!/bin/sh\necho called > called\n");
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
        // Out of the tool's session and group, deaf to hang-ups and to SIGTERM, and one that runs right now.
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
        assert_eq!(one["killed"], true, "one of them was deaf to SIGTERM");
        let port = u16::try_from(facts["port"].as_u64().unwrap()).unwrap();
        assert!(TcpListener::bind(("127.0.0.1", port)).is_ok(), "the port is held");
        assert_eq!(store(&sandbox)["sessions"], json!({}));
        assert!(!std::path::Path::new(facts["log"].as_str().unwrap()).exists());
    }
    // A server that died leaves its tools behind; they are found by their mark.
    let facts = sandbox.occtl(&["start", "--json", "-t", "120"]).run().ok().json();
    let id = facts["id"].as_str().unwrap();
    sandbox.occtl(&["send", id, "[[bash exec sleep 600]]"]).run().ok();
    let tool = || sandbox.marked_processes().into_iter().find(|(_, line)| line == "sleep 600");
    poll(SOON, tool).expect("the tool");
    let pid = u32::try_from(facts["pid"].as_u64().unwrap()).unwrap();
    crate::support::processes::signal(pid, rustix::process::Signal::KILL);
    poll(SOON, || (!crate::support::processes::is_running(pid)).then_some(())).expect("its end");
    let status = sandbox.occtl(&["status", id, "--json"]).run().ok().json();
    assert_eq!(status["state"], "dead");
    sandbox.occtl(&["stop", id]).run().ok();
    sandbox.assert_nothing_left();
}
