//! `cleanup` removes sessions that are dead or have not been used, and no others.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::sandbox;
use crate::support::processes::{is_running, kill, signal};
use crate::support::rounds::in_some_round;
use crate::support::sandbox::Sandbox;

const SOON: Duration = Duration::from_secs(20);

/// Makes a session look unused for `seconds`.
fn age(sandbox: &Sandbox, id: &str, seconds: i64) {
    let then = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(seconds);
    sandbox.edit_record(id, |record| {
        // As 0.4.0 writes it: without a zone, in local time, which is UTC in a sandbox.
        record["last_activity"] = then.strftime("%Y-%m-%dT%H:%M:%S.%6f").to_string().into();
        record.as_object_mut().unwrap().remove("last_activity_utc");
    });
}

#[test]
fn only_sessions_past_the_limit_are_stopped_and_a_dry_run_stops_none() {
    let sandbox = sandbox("cleanup", json!({}));
    assert_eq!(sandbox.occtl(&["cleanup"]).run().ok().stdout, "No idle sessions to clean\n");
    let (old, new) = (sandbox.start(&[]), sandbox.start(&[]));
    assert_eq!(sandbox.occtl(&["cleanup"]).run().ok().stdout, "No idle sessions to clean\n");
    age(&sandbox, &old, 61);
    age(&sandbox, &new, 40);
    let dry = sandbox.occtl(&["cleanup", "--dry-run"]).run().ok();
    assert_eq!(dry.stdout, format!("Would clean up 1 session(s):\n  - {old}\n"));
    let json = sandbox.occtl(&["cleanup", "--dry-run", "--json"]).run().ok().json();
    assert_eq!((&json["dry_run"], &json["cleaned"][0]["reason"]), (&json!(true), &json!("idle")));
    assert!(json["cleaned"][0]["idle_ms"].as_u64().unwrap() >= 61_000, "{json}");
    assert!(is_running(sandbox.server_pid(&old)));
    let touched = sandbox.occtl(&["touch", &old]).run().ok().stdout;
    assert_eq!(touched, format!("Updated activity: {old}\n"));
    assert_eq!(sandbox.occtl(&["cleanup"]).run().ok().stdout, "No idle sessions to clean\n");
    age(&sandbox, &old, 61);
    let done = sandbox.occtl(&["cleanup"]).run().ok();
    assert_eq!(done.stdout, format!("Cleaned up 1 session(s):\n  - {old}\n"));
    assert_eq!(sandbox.occtl(&["cleanup", "-m", "30", "-q"]).run().ok().stdout, format!("{new}\n"));
    sandbox.assert_no_trace();
    for bad in ["-1", "x", "", "nan"] {
        sandbox.occtl(&["cleanup", "-m", bad]).run().fails(2);
    }
    let last = sandbox.start(&[]);
    sandbox.occtl(&["cleanup", "-m", "0"]).run().ok();
    assert!(sandbox.store()["sessions"][&last].is_null());
}

#[test]
fn a_session_is_in_use_when_its_turn_has_just_ended_however_long_ago_it_began() {
    let sandbox = sandbox("long-turn", json!({}));
    let id = sandbox.start(&[]);
    let sent = sandbox.occtl(&["send", &id, "--wait", "--json", "hello"]).run().ok().json();
    age(&sandbox, &id, 3600);
    let done = sandbox.occtl(&["cleanup", "-m", "600", "--json"]).run().ok().json();
    assert_eq!(done["cleaned"], json!([]), "{done}");
    let why = done["spared"][0]["why"].as_str().unwrap_or_default();
    assert!(why.contains(sent["conversation"].as_str().unwrap()), "{done}");
    sandbox.occtl(&["stop", &id]).run().ok();
}

#[test]
fn ten_thousand_dead_sessions_are_removed_at_once() {
    let sandbox = sandbox("ten-thousand", json!({}));
    let alive = sandbox.start(&[]);
    let whole = sandbox.store();
    // How long a command takes with so many dead sessions.
    let takes = |command: &[&str], count: u32| {
        let mut many = whole.clone();
        let template = whole["sessions"][&alive].clone();
        let spares = command[0] != "stop";
        if !spares {
            many["sessions"] = json!({});
        }
        for number in 0..count {
            let id = format!("oc-{number:08x}");
            let mut dead = template.clone();
            dead["id"] = json!(id);
            dead["pid_start_time"] = json!(1);
            many["sessions"][id] = dead;
        }
        std::fs::write(sandbox.store_path(), many.to_string()).unwrap();
        let done = sandbox.occtl(command).run().ok();
        assert_eq!(sandbox.records().len(), usize::from(spares), "{command:?}");
        done.elapsed
    };
    for command in [&["cleanup", "-q"][..], &["doctor", "--fix"], &["stop", "--all", "-q"]] {
        in_some_round(|| {
            let (few, many) = (takes(command, 1000), takes(command, 10_000));
            // Ten times as many take ten times as long, on any machine. A save for each of them,
            // or a look through /proc for each, would take a hundred times as long.
            let grows = format!("{command:?}: {few:?} for 1,000, {many:?} for 10,000");
            if many < 35 * few { Ok(()) } else { Err(grows) }
        });
    }
    std::fs::write(sandbox.store_path(), whole.to_string()).unwrap();
    sandbox.occtl(&["stop", "--all", "-q"]).run().ok();
    assert!(sandbox.records().is_empty());
}

#[test]
fn a_dead_session_is_removed_with_the_reason_and_what_it_left() {
    let sandbox = sandbox("cleanup-dead", json!({}));
    let (locked, silent) = (sandbox.start(&[]), sandbox.start(&[]));
    std::fs::write(sandbox.log(&locked), "listening\nSQLiteError: database is locked\nbye\n")
        .unwrap();
    // What a tool leaves: a process with the session's mark, in a process session of its own.
    let script = "setsid sleep 1000 >/dev/null 2>&1 & exit 0";
    sandbox.command("sh", &["-c", script]).env("OPENCODE_SESSION_ID", &silent).run().ok();
    kill(sandbox.server_pid(&locked));
    kill(sandbox.server_pid(&silent));
    let done = sandbox.occtl(&["cleanup"]).run().ok();
    assert!(done.stdout.starts_with("Cleaned up 2 session(s):\n"), "{}", done.stdout);
    let said = format!("{locked} was dead: SQLiteError: database is locked");
    assert!(done.stderr.contains(&said), "{}", done.stderr);
    assert!(done.stderr.contains(&format!("{silent} was dead; its log")), "{}", done.stderr);
    sandbox.assert_no_trace();
}

#[test]
fn a_server_that_does_not_answer_and_a_process_with_the_pid_of_a_dead_one_are_not_stopped() {
    let sandbox = sandbox("cleanup-frozen", json!({}));
    let frozen = sandbox.start(&[]);
    age(&sandbox, &frozen, 1000);
    let pid = sandbox.server_pid(&frozen);
    signal(pid, Signal::STOP);
    let done = sandbox.occtl(&["cleanup", "--json"]).run().ok();
    assert_eq!(done.json()["spared"][0]["id"], frozen, "{}", done.stdout);
    let said = sandbox.occtl(&["cleanup"]).run().ok();
    assert_eq!(said.stdout, "No idle sessions to clean\n");
    assert!(said.stderr.contains("does not answer"), "{}", said.stderr);
    signal(pid, Signal::CONT);
    sandbox.occtl(&["cleanup"]).run().ok();
    sandbox.assert_no_trace();

    // Another process has the pid by now. The record goes, and the process stays.
    let dead = sandbox.start(&[]);
    kill(sandbox.server_pid(&dead));
    let mut other = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
    sandbox.edit_record(&dead, |record| record["pid"] = other.id().into());
    sandbox.occtl(&["cleanup"]).run().ok();
    assert_eq!(sandbox.store()["sessions"], json!({}));
    assert_eq!(other.try_wait().unwrap(), None, "the unrelated process still runs");
    other.kill().unwrap();
    other.wait().unwrap();
}

#[test]
fn a_session_that_is_touched_while_its_server_is_asked_is_not_stopped() {
    let sandbox = sandbox("cleanup-race", json!({}));
    let id = sandbox.start(&[]);
    age(&sandbox, &id, 1000);
    sandbox.set_faults(&json!({"hold": ["GET /question"]}));
    let running = sandbox.occtl(&["cleanup"]).spawn();
    sandbox.wait_for_request(0, |request| request["path"] == "/question");
    sandbox.occtl(&["touch", &id]).run().ok();
    sandbox.set_faults(&json!({}));
    let done = running.wait(SOON).ok();
    assert_eq!(done.stdout, "No idle sessions to clean\n");
    assert!(done.stderr.contains("in between"), "{}", done.stderr);
    let listed: Value = sandbox.occtl(&["list", "--json"]).run().ok().json();
    assert_eq!(listed["sessions"][0]["state"], "idle");
}

#[test]
fn a_session_with_a_nested_one_in_use_is_left_alone() {
    let sandbox = sandbox("cleanup-nested", json!({}));
    let outer = sandbox.start(&[]);
    let inner = sandbox.occtl(&["start", "-q"]).env("OPENCODE_SESSION_ID", &outer).run().ok();
    let inner = inner.stdout.trim().to_owned();
    age(&sandbox, &outer, 1000);
    let spared = sandbox.occtl(&["cleanup"]).run().ok();
    assert_eq!(spared.stdout, "No idle sessions to clean\n");
    assert!(spared.stderr.contains(&inner), "{}", spared.stderr);
    age(&sandbox, &inner, 1000);
    let done = sandbox.occtl(&["cleanup"]).run().ok();
    assert!(done.stdout.starts_with("Cleaned up 2 session(s):\n"), "{}", done.stderr);
    sandbox.assert_no_trace();
}
