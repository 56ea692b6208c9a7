//! `stop`: sessions within sessions, deaf processes, dead servers, and what is kept.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{assert_no_trace, edit_record, sandbox, start, store};
use crate::support::processes::{is_running, poll, signal};
use crate::support::rounds::in_some_round;
use crate::support::sandbox::Sandbox;

const SOON: Duration = Duration::from_secs(30);

/// A session that was started from within another one, as a tool of that would do it.
fn start_within(sandbox: &Sandbox, outer: &str) -> String {
    let start = sandbox.occtl(&["start", "-q"]).env("OPENCODE_SESSION_ID", outer);
    start.run().ok().stdout.trim().to_owned()
}

#[track_caller]
fn stopped(sandbox: &Sandbox, words: &[&str]) -> Vec<(String, bool)> {
    let report = sandbox.occtl(&[&["stop", "--json"], words].concat()).run().ok().json();
    let rows = report["stopped"].as_array().unwrap().clone();
    let id = |row: &Value| row["id"].as_str().unwrap().to_owned();
    rows.iter().map(|row| (id(row), row["was_dead"] == true)).collect()
}

#[test]
fn sessions_within_a_session_keep_it_from_being_stopped_unless_it_is_recursive() {
    let sandbox = sandbox("nested", Value::Null);
    let outer = start(&sandbox);
    let inner = start_within(&sandbox, &outer);
    let innermost = start_within(&sandbox, &inner);
    let refused = sandbox.occtl(&["stop", &outer]).run().fails(1);
    assert!(
        refused.stderr.contains(&inner) && refused.stderr.contains("--recursive"),
        "{refused:?}"
    );
    assert!(!refused.stderr.contains(&innermost), "{refused:?}");
    assert_eq!(store(&sandbox)["sessions"].as_object().unwrap().len(), 3, "nothing was stopped");
    let gone = stopped(&sandbox, &["--recursive", &outer]);
    assert_eq!(gone, [(innermost, false), (inner, false), (outer, false)], "the innermost first");
    assert_no_trace(&sandbox);
}

#[test]
fn sessions_that_claim_to_be_within_each_other_are_stopped_once() {
    let sandbox = sandbox("circle", Value::Null);
    let one = start(&sandbox);
    let other = start_within(&sandbox, &one);
    edit_record(&sandbox, &one, |record| record["parent"] = json!(other));
    sandbox.occtl(&["stop", &one]).run().fails(1);
    assert_eq!(stopped(&sandbox, &["--recursive", &one]).len(), 2);
    assert_no_trace(&sandbox);
}

#[test]
fn a_dead_session_is_forgotten_though_one_that_was_started_within_it_lives() {
    let sandbox = sandbox("widow", Value::Null);
    let outer = start(&sandbox);
    let inner = start_within(&sandbox, &outer);
    let pid = store(&sandbox)["sessions"][&outer]["pid"].as_u64().unwrap();
    signal(u32::try_from(pid).unwrap(), Signal::KILL);
    poll(SOON, || (!is_running(u32::try_from(pid).unwrap())).then_some(())).expect("its end");
    assert_eq!(stopped(&sandbox, &[&outer]), [(outer, true)]);
    let listed = sandbox.occtl(&["list", "--json"]).run().ok().json();
    assert_eq!(listed["sessions"][0]["state"], "idle", "{listed}");
    assert_eq!(stopped(&sandbox, &[&inner]), [(inner, false)]);
    assert_no_trace(&sandbox);
}

#[test]
fn several_are_stopped_dead_ones_say_so_and_an_unknown_one_keeps_none_of_them_running() {
    let sandbox = sandbox("several", Value::Null);
    let ids = [start(&sandbox), start(&sandbox), start(&sandbox)];
    let pid = store(&sandbox)["sessions"][&ids[1]]["pid"].as_u64().unwrap();
    signal(u32::try_from(pid).unwrap(), Signal::KILL);
    poll(SOON, || (!is_running(u32::try_from(pid).unwrap())).then_some(())).expect("its end");
    let done = sandbox.occtl(&["stop", &ids[0], "oc-none", &ids[1], &ids[2]]).run().fails(3);
    let expected = format!(
        "Stopped: {}\nStopped: {} (was already dead)\nStopped: {}\n",
        ids[0], ids[1], ids[2]
    );
    assert_eq!(done.stdout, expected);
    assert!(done.stderr.contains("oc-none"), "{}", done.stderr);
    assert_no_trace(&sandbox);
}

#[test]
fn grace_is_how_long_a_deaf_server_is_given() {
    let sandbox = sandbox("grace", json!({"ignore_sigterm": true}));
    // Without these words it is 5 s.
    for (words, least, most) in [
        (&["--force"][..], 0, 3000),
        (&["--grace", "0.2"], 200, 4000),
        (&["--grace", "7"], 7000, 20_000),
    ] {
        let done = in_some_round(|| {
            let id = start(&sandbox);
            let done = sandbox.occtl(&["stop", "--json", &id]).args(words).run().ok();
            assert_no_trace(&sandbox);
            done.within(Duration::from_millis(most))
        });
        assert!(done.elapsed >= Duration::from_millis(least), "{words:?}: {:?}", done.elapsed);
        assert_eq!(done.json()["stopped"][0]["killed"], true);
    }
}

/// Deaf, and as fast as anything can be: it forks and ends, again and again, for as long as `tool` is there.
const CHAIN: &str = r#"
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>
int main(void) {
    signal(SIGTERM, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    for (unsigned count = 0; !fork(); count++) {
        if (count % 16) continue;
        if (access("tool", F_OK)) return 0;
        close(open("beat", O_CREAT | O_WRONLY, 0600));
    }
    _exit(0);
}
"#;
/// Another program each time, in a session of its own.
const AGAIN: &str = "#!/bin/sh\ntrap '' TERM HUP\n: > beat\nsetsid \"$0\" &\n";
/// Two of whom each starts the other one again.
const PAIR: &str = "#!/bin/sh\ntrap '' TERM HUP\n\
    if test \"$1\"; then while kill -0 $1; do : > beat; done; exec setsid \"$0\"; fi\n\
    while :; do setsid \"$0\" $$ & wait; done\n";

#[test]
fn a_tool_that_starts_itself_again_at_once_is_ended_all_the_same() {
    let sandbox = sandbox("respawn", Value::Null);
    let (beat, tool) = (sandbox.work().join("beat"), sandbox.work().join("tool"));
    std::fs::write(sandbox.work().join("chain.c"), CHAIN).unwrap();
    // Several, because together they outrun whoever ends one of them after the other.
    for (make, count) in [("cc chain.c -o", 4), (AGAIN, 1), (PAIR, 1)] {
        let id = start(&sandbox);
        match make.starts_with("cc") {
            true => drop(sandbox.command("sh", &["-c", &format!("{make} tool")]).run().ok()),
            false => drop(std::fs::rename(sandbox.install("again", make), &tool)),
        }
        let run = "for one in $(seq $0); do ./tool >/dev/null 2>&1 </dev/null & done";
        let run = sandbox.command("sh", &["-c", run, &count.to_string()]);
        run.env("OPENCODE_SESSION_ID", &id).run().ok();
        poll(SOON, || beat.exists().then_some(())).expect("a sign of life");
        let done = sandbox.occtl(&["stop", "--grace", "0.3", &id]).run();
        // What still ran would soon leave this again.
        std::fs::remove_file(&beat).unwrap();
        let alive = poll(Duration::from_millis(100), || beat.exists().then_some(()));
        std::fs::remove_file(&tool).unwrap();
        assert!(alive.is_none(), "{make}: {done:?}");
        assert!(done.ok().elapsed < SOON, "{make}");
        assert_no_trace(&sandbox);
    }
}

#[test]
fn kept_data_stays_whatever_is_cleaned_up_afterwards() {
    let sandbox = sandbox("kept", Value::Null);
    let start = sandbox.occtl(&["start", "--json", "--isolate"]).run().ok().json();
    let id = start["id"].as_str().unwrap();
    let own = sandbox.data().join("isolated").join(id);
    std::fs::write(own.join("data/opencode/opencode.db"), "precious").unwrap();
    let done = sandbox.occtl(&["stop", "--keep-data", id]).run().ok();
    assert!(done.stderr.contains("is kept"), "{}", done.stderr);
    sandbox.occtl(&["doctor", "--fix"]).run().ok();
    sandbox.occtl(&["cleanup", "-m", "0"]).run().ok();
    let kept = sandbox.data().join("kept").join(id).join("data/opencode/opencode.db");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "precious");
    assert!(!own.exists());
    assert_no_trace(&sandbox);
}

#[test]
fn the_port_is_looked_at_where_the_server_listens() {
    let sandbox = sandbox("address", Value::Null);
    let start = || {
        let start = sandbox.occtl(&["start", "--json", "--hostname", "127.0.0.2"]);
        start.env("OPENCODE_SERVER_PASSWORD", "sesame").run().ok().json()
    };
    let at = |facts: &Value| u16::try_from(facts["port"].as_u64().unwrap()).unwrap();
    // Who has the same port of another address is in nobody's way, neither before nor after.
    let first = start();
    let other = std::net::TcpListener::bind(("127.0.0.1", at(&first))).unwrap();
    assert_eq!(stopped(&sandbox, &["--all"]), [(first["id"].as_str().unwrap().to_owned(), false)]);
    let second = start();
    assert_eq!(at(&second), at(&first));
    drop(other);
    // Nobody else can listen there while the server does, so the record names another place.
    let id = second["id"].as_str().unwrap();
    edit_record(&sandbox, id, |record| record["hostname"] = json!("127.0.0.3"));
    let taken = std::net::TcpListener::bind(("127.0.0.3", at(&second))).unwrap();
    let stop = sandbox.occtl(&["stop", id]).spawn();
    let server = u32::try_from(second["pid"].as_u64().unwrap()).unwrap();
    poll(SOON, || (!is_running(server)).then_some(())).expect("its end");
    // It is confirmed a moment later, and not before the port is free.
    let gone = poll(Duration::from_millis(500), || {
        store(&sandbox)["sessions"].as_object().unwrap().is_empty().then_some(())
    });
    assert!(gone.is_none(), "forgotten while the port is taken");
    drop(taken);
    stop.wait(SOON).ok();
    assert_no_trace(&sandbox);
}
