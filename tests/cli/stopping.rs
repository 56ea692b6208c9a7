//! `stop`: sessions within sessions, processes that ignore SIGTERM, dead servers, and what is kept.

use std::time::Duration;

use serde_json::{Value, json};

use super::sandbox;
use crate::support::processes::{is_running, kill, poll};
use crate::support::rounds::in_some_round;
use crate::support::sandbox::Sandbox;

const SOON: Duration = Duration::from_secs(30);

/// Starts a session from within another one, as a tool of that session would.
fn start_within(sandbox: &Sandbox, outer: &str) -> String {
    let start = sandbox.occtl(&["start", "-q"]).env("OPENCODE_SESSION_ID", outer);
    start.run().ok().stdout.trim().to_owned()
}

/// Stops sessions; gives their ids in order, and whether each was dead already.
#[track_caller]
fn stopped(sandbox: &Sandbox, words: &[&str]) -> Vec<(String, bool)> {
    let report = sandbox.occtl(&[&["stop", "--json"], words].concat()).run().ok().json();
    let rows = report["stopped"].as_array().unwrap().clone();
    let id = |row: &Value| row["id"].as_str().unwrap().to_owned();
    rows.iter().map(|row| (id(row), row["was_dead"] == true)).collect()
}

#[test]
fn a_session_with_sessions_within_it_is_only_stopped_with_recursive() {
    let sandbox = sandbox("nested", Value::Null);
    let outer = sandbox.start(&[]);
    let inner = start_within(&sandbox, &outer);
    let innermost = start_within(&sandbox, &inner);
    let refused = sandbox.occtl(&["stop", &outer]).run().fails(1);
    assert!(
        refused.stderr.contains(&inner) && refused.stderr.contains("--recursive"),
        "{refused:?}"
    );
    assert!(!refused.stderr.contains(&innermost), "{refused:?}");
    assert_eq!(sandbox.records().len(), 3, "nothing was stopped");
    let gone = stopped(&sandbox, &["--recursive", &outer]);
    assert_eq!(gone, [(innermost, false), (inner, false), (outer, false)], "the innermost first");
    sandbox.assert_no_trace();
}

#[test]
fn sessions_that_claim_to_be_within_each_other_are_stopped_once() {
    let sandbox = sandbox("circle", Value::Null);
    let one = sandbox.start(&[]);
    let other = start_within(&sandbox, &one);
    sandbox.edit_record(&one, |record| record["parent"] = json!(other));
    sandbox.occtl(&["stop", &one]).run().fails(1);
    assert_eq!(stopped(&sandbox, &["--recursive", &one]).len(), 2);
    sandbox.assert_no_trace();
}

#[test]
fn a_dead_session_is_removed_although_one_that_was_started_within_it_lives() {
    let sandbox = sandbox("widow", Value::Null);
    let outer = sandbox.start(&[]);
    let inner = start_within(&sandbox, &outer);
    kill(sandbox.server_pid(&outer));
    assert_eq!(stopped(&sandbox, &[&outer]), [(outer, true)]);
    let listed = sandbox.occtl(&["list", "--json"]).run().ok().json();
    assert_eq!(listed["sessions"][0]["state"], "idle", "{listed}");
    assert_eq!(stopped(&sandbox, &[&inner]), [(inner, false)]);
    sandbox.assert_no_trace();
}

#[test]
fn of_several_sessions_all_are_stopped_also_beside_dead_and_unknown_ones() {
    let sandbox = sandbox("several", Value::Null);
    let ids = [sandbox.start(&[]), sandbox.start(&[]), sandbox.start(&[])];
    kill(sandbox.server_pid(&ids[1]));
    let done = sandbox.occtl(&["stop", &ids[0], "oc-none", &ids[1], &ids[2]]).run().fails(3);
    let expected = format!(
        "Stopped: {}\nStopped: {} (was already dead)\nStopped: {}\n",
        ids[0], ids[1], ids[2]
    );
    assert_eq!(done.stdout, expected);
    assert!(done.stderr.contains("oc-none"), "{}", done.stderr);
    sandbox.assert_no_trace();
}

#[test]
fn a_server_that_ignores_sigterm_is_killed_after_the_grace_time() {
    let sandbox = sandbox("grace", json!({"ignore_sigterm": true}));
    // Without these flags it is 5 s.
    for (words, least, most) in [
        (&["--force"][..], 0, 3000),
        (&["--grace", "0.2"], 200, 4000),
        (&["--grace", "7"], 7000, 20_000),
    ] {
        let done = in_some_round(|| {
            let id = sandbox.start(&[]);
            let done = sandbox.occtl(&["stop", "--json", &id]).args(words).run().ok();
            sandbox.assert_no_trace();
            done.within(Duration::from_millis(most))
        });
        assert!(done.elapsed >= Duration::from_millis(least), "{words:?}: {:?}", done.elapsed);
        assert_eq!(done.json()["stopped"][0]["killed"], true);
    }
}

/// A program that ignores SIGTERM and is as fast as anything can be: it forks and ends, again and
/// again, as long as the file `tool` is there.
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
/// A script that starts itself again, each time in a process session of its own.
const AGAIN: &str = "#!/bin/sh\ntrap '' TERM HUP\n: > beat\nsetsid \"$0\" &\n";
/// Two scripts, of which each starts the other one again.
const PAIR: &str = "#!/bin/sh\ntrap '' TERM HUP\n\
    if test \"$1\"; then while kill -0 $1; do : > beat; done; exec setsid \"$0\"; fi\n\
    while :; do setsid \"$0\" $$ & wait; done\n";

#[test]
fn a_tool_that_starts_itself_again_at_once_is_ended_all_the_same() {
    let sandbox = sandbox("respawn", Value::Null);
    let (beat, tool) = (sandbox.work().join("beat"), sandbox.work().join("tool"));
    std::fs::write(sandbox.work().join("chain.c"), CHAIN).unwrap();
    // Several chains, because together they are faster than a loop that ends one process after the
    // other.
    for (make, count) in [("cc chain.c -o", 4), (AGAIN, 1), (PAIR, 1)] {
        let id = sandbox.start(&[]);
        if make.starts_with("cc") {
            sandbox.command("sh", &["-c", &format!("{make} tool")]).run().ok();
        } else {
            std::fs::rename(sandbox.install("again", make), &tool).unwrap();
        }
        let run = "for one in $(seq $0); do ./tool >/dev/null 2>&1 </dev/null & done";
        let run = sandbox.command("sh", &["-c", run, &count.to_string()]);
        run.env("OPENCODE_SESSION_ID", &id).run().ok();
        poll(SOON, || beat.exists().then_some(())).expect("a sign of life");
        let done = sandbox.occtl(&["stop", "--grace", "0.3", &id]).run();
        // A process that still ran would soon make this file again.
        std::fs::remove_file(&beat).unwrap();
        let alive = poll(Duration::from_millis(100), || beat.exists().then_some(()));
        std::fs::remove_file(&tool).unwrap();
        assert!(alive.is_none(), "{make}: {done:?}");
        assert!(done.ok().elapsed < SOON, "{make}");
        sandbox.assert_no_trace();
    }
}

#[test]
fn kept_data_stays_when_doctor_and_cleanup_run_afterwards() {
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
    sandbox.assert_no_trace();
}

#[test]
fn a_flag_that_no_named_session_has_a_use_for_is_refused_before_anything_is_stopped() {
    let sandbox = sandbox("moot", Value::Null);
    let plain = sandbox.start(&[]);
    let isolated = sandbox.start(&["--isolate"]);
    let server = sandbox.serve();
    let adopted = sandbox.occtl(&["adopt", &server.url(), "-q"]).run().ok().stdout;
    let adopted = adopted.trim();
    for words in [
        &["--keep-data", &plain][..],
        &["--remove-worktree", &plain, &isolated],
        &["--kill", &isolated],
        &["--kill", adopted],
        &["--grace", "1", adopted],
        &["--recursive", "--keep-data", &plain],
    ] {
        let refused = sandbox.occtl(&["stop"]).args(words).run().fails(2);
        let what = format!("{} would do nothing for oc-", words.iter().rfind(is_flag).unwrap());
        assert!(refused.stderr.contains(&what), "{}", refused.stderr);
        assert_eq!(sandbox.records().len(), 3, "{words:?}");
    }
    // It is enough that one of several has a use for it; --all is for whatever there is.
    assert_eq!(stopped(&sandbox, &["--keep-data", &plain, &isolated]).len(), 2);
    let all = ["--all", "--keep-data", "--remove-worktree", "--kill", "--grace", "1"];
    assert_eq!(stopped(&sandbox, &all).len(), 1);
    sandbox.occtl(&["stop", "--kill", "oc-77"]).run().fails(3);
    assert!(sandbox.records().is_empty());
    drop(server);
}

fn is_flag(word: &&&str) -> bool {
    word.starts_with("--")
}

#[test]
fn the_port_is_looked_at_where_the_server_listens() {
    let sandbox = sandbox("address", Value::Null);
    let start = || {
        let start = sandbox.occtl(&["start", "--json", "--hostname", "127.0.0.2"]);
        start.env("OPENCODE_SERVER_PASSWORD", "sesame").run().ok().json()
    };
    let at = |facts: &Value| u16::try_from(facts["port"].as_u64().unwrap()).unwrap();
    // A listener on the same port of another address makes no difference.
    let first = start();
    let other = std::net::TcpListener::bind(("127.0.0.1", at(&first))).unwrap();
    assert_eq!(stopped(&sandbox, &["--all"]), [(first["id"].as_str().unwrap().to_owned(), false)]);
    let second = start();
    assert_eq!(at(&second), at(&first));
    drop(other);
    // No other process can listen there while the server does, so the record names another address.
    let id = second["id"].as_str().unwrap();
    sandbox.edit_record(id, |record| record["hostname"] = json!("127.0.0.3"));
    let taken = std::net::TcpListener::bind(("127.0.0.3", at(&second))).unwrap();
    let stop = sandbox.occtl(&["stop", id]).spawn();
    let server = u32::try_from(second["pid"].as_u64().unwrap()).unwrap();
    poll(SOON, || (!is_running(server)).then_some(())).expect("its end");
    // `stop` removes the record only when the port is free as well.
    let gone = poll(Duration::from_millis(500), || {
        sandbox.store()["sessions"].as_object().unwrap().is_empty().then_some(())
    });
    assert!(gone.is_none(), "the record is removed while the port is taken");
    drop(taken);
    stop.wait(SOON).ok();
    sandbox.assert_no_trace();
}

#[test]
fn an_isolated_session_leaves_nothing_below_a_data_directory_of_any_name() {
    use std::os::unix::ffi::OsStrExt;
    let sandbox = sandbox("any-name", json!({}));
    let place = sandbox.root().join(std::ffi::OsStr::from_bytes(b"data-\xff"));
    let occtl = |words: &[&str]| sandbox.occtl(words).env("OCCTL_DATA_DIR", &place);
    let id = occtl(&["start", "-q", "--isolate"]).run().ok().stdout.trim().to_owned();
    assert!(place.join("isolated").join(&id).join("data").is_dir());
    occtl(&["stop", &id]).run().ok();
    let left = std::fs::read_dir(place.join("isolated")).unwrap().count();
    assert_eq!(left, 0);
    let names = std::fs::read_dir(sandbox.root()).unwrap().flatten().map(|one| one.file_name());
    let data = names.filter(|name| name.to_string_lossy().starts_with("data-")).count();
    assert_eq!(data, 1, "and nothing below another name");
}

#[test]
fn sessions_are_stopped_by_label_and_a_dry_run_stops_none() {
    let sandbox = sandbox("by-label", Value::Null);
    let outer = sandbox.start(&["--label", "job=a", "--isolate"]);
    let within = sandbox.occtl(&["start", "-q", "--label", "job=a"]);
    let inner = within.env("OPENCODE_SESSION_ID", &outer).run().ok().stdout.trim().to_owned();
    let other = sandbox.start(&["--label", "job=b"]);
    let dead = sandbox.start(&["--label", "job=a"]);
    kill(sandbox.server_pid(&dead));
    let before = std::fs::read(sandbox.store_path()).unwrap();
    let by_label = ["--label", "job=a"];
    let dry = sandbox.occtl(&["stop", "--dry-run", "--json", "--label", "job=a"]).run().ok().json();
    assert_eq!(dry["dry_run"], true);
    let rows = dry["stopped"].as_array().unwrap();
    assert_eq!(rows.len(), 3, "{dry}");
    let row = |id: &str| rows.iter().find(|row| row["id"] == id).unwrap();
    assert_eq!((&row(&dead)["was_dead"], &row(&inner)["was_dead"]), (&json!(true), &json!(false)));
    assert_eq!((&row(&inner)["processes"], &row(&dead)["processes"]), (&json!(1), &json!(0)));
    let said = sandbox.occtl(&["stop", "--dry-run", &other]).run().ok().stdout;
    assert_eq!(said, format!("Would stop: {other}\n"));
    let refused = sandbox.occtl(&["stop", "--dry-run", &outer]).run().fails(1).stderr;
    assert!(refused.contains(&inner), "{refused}");
    assert_eq!(stopped(&sandbox, &["--dry-run", "--all"]).len(), 4, "each is named once");
    assert_eq!(std::fs::read(sandbox.store_path()).unwrap(), before, "nothing was stopped");
    sandbox.occtl(&["stop", "--dry-run", "--keep-data", &other]).run().fails(2);

    let cleaned = sandbox.occtl(&["cleanup", "-m", "0", "--label", "job=b", "-q"]).run().ok();
    assert_eq!(cleaned.stdout, format!("{other}\n"), "the dead one has another label");
    let gone = stopped(&sandbox, &by_label);
    let ids: Vec<&str> = gone.iter().map(|(id, _)| id.as_str()).collect();
    assert_eq!(ids, [&dead, &inner, &outer], "the nested one before the one that it is in");
    let none = sandbox.occtl(&["stop", "--label", "job=a"]).run().ok().stdout;
    assert_eq!(none, "No active sessions with that label\n");
    for wrong in [&["--label", "job"][..], &["--all"], &["oc-1"]] {
        sandbox.occtl(&["stop", "--label", "job=a"]).args(wrong).run().fails(2);
    }
    sandbox.assert_no_trace();
}
