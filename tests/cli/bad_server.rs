//! Servers that hang or die, and processes that are no servers: no command waits for long, and no
//! other process is harmed.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::sandbox;
use crate::support::processes::{has_socket, is_running, kill, poll, signal};
use crate::support::rounds::in_some_round;
use crate::support::sandbox::Sandbox;

/// No `list` takes longer, whatever the servers do. They are all asked at once, for up to 2 s.
const LIST_LIMIT: Duration = Duration::from_secs(4);
const SOON: Duration = Duration::from_secs(20);

/// The states that `list` shows, in the order of `ids`.
#[track_caller]
fn states(sandbox: &Sandbox, ids: &[String]) -> Vec<String> {
    let list = || sandbox.occtl(&["list", "--json"]).run().ok().within(LIST_LIMIT);
    let listed = in_some_round(list).json();
    let rows = listed["sessions"].as_array().unwrap();
    let of = |id: &String| rows.iter().find(|row| row["id"] == *id).unwrap()["state"].clone();
    ids.iter().map(|id| of(id).as_str().unwrap().to_owned()).collect()
}

#[test]
fn servers_that_do_not_answer_are_rows_in_state_error_and_delay_no_other_row() {
    let sandbox = sandbox("frozen", json!({}));
    let ids: Vec<String> = (0..6).map(|_| sandbox.start(&[])).collect();
    let frozen = &ids[..5];
    for id in frozen {
        signal(sandbox.server_pid(id), Signal::STOP);
    }
    assert_eq!(states(&sandbox, &ids), ["error", "error", "error", "error", "error", "idle"]);
    let status = || sandbox.occtl(&["status", &ids[0]]).run().ok().within(LIST_LIMIT);
    let status = in_some_round(status);
    assert!(
        status.stdout.starts_with(&format!("error {}\n  Error: ", ids[0])),
        "{}",
        status.stdout
    );
    let plain = sandbox.occtl(&["list"]).run().ok();
    assert_eq!(plain.stdout.matches("  error  ").count(), 5, "{}", plain.stdout);
    // A process that is stopped with SIGSTOP does not receive SIGTERM.
    let stopped = sandbox.occtl(&["stop", "--force", "--json"]).args(frozen).run().ok();
    assert!(stopped.elapsed < SOON, "{:?}", stopped.elapsed);
    let stopped = stopped.json();
    assert!(stopped["stopped"].as_array().unwrap().iter().all(|one| one["killed"] == true));
    sandbox.occtl(&["stop", &ids[5]]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn many_silent_servers_delay_neither_list_nor_the_row_of_a_busy_server() {
    let sandbox = sandbox("silent", json!({}));
    let silent = sandbox.start(&[]);
    let busy = sandbox.start(&[]);
    sandbox.set_faults(&json!({"turn": {"never_ends": true}}));
    sandbox.occtl(&["send", &busy, "hello"]).run().ok();
    signal(sandbox.server_pid(&silent), Signal::STOP);
    // Many records of one silent server, all of them before the record of the busy one.
    let path = sandbox.store_path();
    let mut all = sandbox.store();
    for number in 0..40 {
        let id = format!("oc-000000{number:02}");
        all["sessions"][&id] = all["sessions"][&silent].clone();
        all["sessions"][&id]["id"] = json!(id);
    }
    let last = all["sessions"].as_object_mut().unwrap().remove(&busy).unwrap();
    all["sessions"][&busy] = last;
    std::fs::write(path, all.to_string()).unwrap();
    let list = || sandbox.occtl(&["list", "--json"]).run().ok().within(LIST_LIMIT);
    let rows = in_some_round(list).json()["sessions"].as_array().unwrap().clone();
    let of = |state: &str| rows.iter().filter(|row| row["state"] == state).count();
    assert_eq!((rows.len(), of("error"), of("running")), (42, 41, 1), "{rows:#?}");
}

#[test]
fn a_server_that_ignores_sigterm_is_killed_after_five_seconds() {
    let sandbox = sandbox("stubborn", json!({"ignore_sigterm": true}));
    let id = sandbox.start(&[]);
    let stopped = sandbox.occtl(&["stop", &id, "--json"]).run().ok();
    assert!(stopped.elapsed >= Duration::from_millis(4900), "{:?}", stopped.elapsed);
    assert!(stopped.elapsed < SOON, "{:?}", stopped.elapsed);
    let one = &stopped.json()["stopped"][0];
    assert_eq!((&one["killed"], &one["was_dead"]), (&json!(true), &json!(false)));
    sandbox.assert_no_trace();
}

#[test]
fn servers_that_answer_wrongly_are_rows_in_state_error() {
    let sandbox = sandbox("wrong", json!({}));
    let ids = [sandbox.start(&[])];
    for (faults, expected) in [
        (json!({"unauthorized": true}), "401"),
        (json!({"html": ["/session/status"]}), "a page of HTML"),
        (json!({"body": {"/session/status": [1]}}), "not an answer of OpenCode"),
        (json!({"status": {"/session/status": 500}}), "500"),
        (json!({"cut_body": ["/session/status"]}), "GET /session/status"),
        (json!({"never_answer": true}), "no answer in time"),
    ] {
        sandbox.set_faults(&faults);
        assert_eq!(states(&sandbox, &ids), ["error"], "{faults}");
        let status = sandbox.occtl(&["status", &ids[0], "--json"]).run().ok().json();
        assert!(status["error"].to_string().contains(expected), "{faults}: {status}");
    }
    for (faults, code) in [
        (json!({"unauthorized": true}), 4),
        (json!({"html": ["POST /session"]}), 4),
        (json!({"body": {"POST /session": {"no": "id"}}}), 4),
        (json!({"html": ["POST /session/*/prompt_async", "POST /session/*/message"]}), 4),
        (json!({"status": {"POST /session": 500}}), 1),
    ] {
        sandbox.set_faults(&faults);
        for how in [vec![], vec!["--wait"]] {
            let send = ["send", &ids[0], "hello", "--json", "-t", "5"];
            let failed = sandbox.occtl(&send).args(&how).run();
            assert_eq!(failed.status, code, "{faults} {how:?}: {}", failed.stderr);
            assert_eq!(failed.stdout, "", "{faults}");
            assert!(failed.json_error()["message"].to_string().contains("POST /session"));
        }
    }
    sandbox.set_faults(&Value::Null);
    assert_eq!(states(&sandbox, &ids), ["idle"]);
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_turn_on_a_server_that_does_not_answer_ends_at_its_limit() {
    let sandbox = sandbox("stopped", json!({}));
    let id = sandbox.start(&[]);
    signal(sandbox.server_pid(&id), Signal::STOP);
    for how in [&["--wait"][..], &["--stream"], &["--wait", "--raw"]] {
        let send = sandbox.occtl(&["send", &id, "-t", "2", "hello"]);
        let ended = send.args(how).run().fails(124);
        assert!(ended.elapsed < Duration::from_secs(12), "{how:?}: {:?}", ended.elapsed);
    }
    let sending = sandbox.occtl(&["send", &id, "--wait", "hello"]).spawn();
    // The signal handler is installed before the connection to the server is made.
    poll(SOON, || has_socket(sending.pid()).then_some(())).expect("a connection");
    sending.signal(Signal::INT);
    let ended = sending.wait(SOON).fails(130);
    assert!(ended.elapsed < Duration::from_secs(12), "{:?}", ended.elapsed);
    // After a second signal the abort is not waited for, which this server does not answer.
    let sending = sandbox.occtl(&["send", &id, "--wait", "hello"]).spawn();
    poll(SOON, || has_socket(sending.pid()).then_some(())).expect("a connection");
    let insist = || {
        sending.signal(Signal::INT);
        (!is_running(sending.pid())).then_some(())
    };
    poll(SOON, insist).expect("its end");
    assert_eq!(sending.wait(SOON).fails(130).stderr, "");
    sandbox.occtl(&["stop", "--force", &id]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_turn_ends_at_its_limit_when_its_server_stops_answering_in_the_middle() {
    let sandbox = sandbox("middle", json!({"turn": {"delta_ms": 200}}));
    let id = sandbox.start(&[]);
    let message = vec!["word"; 1000].join(" ");
    for seconds in ["5", "3"] {
        let send = ["send", &id, "--stream", "-t", seconds, &message];
        let sending = sandbox.occtl(&send).spawn();
        poll(SOON, || sending.stdout().contains("word").then_some(())).expect("the first word");
        signal(sandbox.server_pid(&id), Signal::STOP);
        let ended = sending.wait(SOON).fails(124);
        // The attempt to abort the turn takes more time.
        let limit = Duration::from_secs_f64(seconds.parse().unwrap());
        assert!(ended.elapsed >= limit, "{:?}", ended.elapsed);
        assert!(ended.elapsed < limit + Duration::from_secs(12), "{:?}", ended.elapsed);
        signal(sandbox.server_pid(&id), Signal::CONT);
    }
    sandbox.occtl(&["stop", "--force", &id]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_server_that_is_slow_to_begin_a_turn_is_not_given_up_on() {
    // As in the first turn on a busy machine: the prompt is stored late, and every request takes a
    // second.
    let faults = json!({
        "delay_ms": {"GET /session/*/message": 900},
        "turn": {"start_gap_ms": 1500, "delta_ms": 100},
    });
    let sandbox = sandbox("slow", faults);
    let id = sandbox.start(&[]);
    let message = vec!["word"; 40].join(" ");
    let sent = sandbox.occtl(&["send", &id, "--wait", &message]).run().ok();
    assert_eq!(sent.stdout.trim_end(), message);
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_server_that_is_killed_in_the_middle_of_a_turn_is_noticed_soon() {
    let sandbox = sandbox("killed", json!({"turn": {"delta_ms": 50}}));
    for how in ["--stream", "--wait"] {
        let id = sandbox.start(&[]);
        let before = sandbox.stand_in_requests().len();
        let message = vec!["word"; 1000].join(" ");
        let sending = sandbox.occtl(&["send", &id, how, &message]).spawn();
        sandbox.wait_for_request(before, |one| one["body"]["parts"].is_array());
        signal(sandbox.server_pid(&id), Signal::KILL);
        let began = std::time::Instant::now();
        let failed = sending.wait(SOON).fails(4);
        assert!(began.elapsed() < Duration::from_secs(12), "{how}: {:?}", began.elapsed());
        assert!(
            failed.stderr.contains(&format!("the server of session {id} ended")),
            "{}",
            failed.stderr
        );
        // `stop` removes what a dead server left, and says so.
        let status = sandbox.occtl(&["status", &id]).run().ok();
        assert!(status.stdout.starts_with(&format!("dead {id}\n")), "{}", status.stdout);
        assert_eq!(states(&sandbox, std::slice::from_ref(&id)), ["dead"]);
        let refused = sandbox.occtl(&["send", &id, "hello"]).run().fails(4);
        let hint = format!(
            "occtl logs --session {id} shows what the server said; occtl stop {id} removes what it \
             left; occtl start starts another"
        );
        assert_eq!(refused.stderr, format!("occtl: session {id} is dead ({hint})\n"));
        let stopped = sandbox.occtl(&["stop", &id]).run().ok();
        assert_eq!(stopped.stdout, format!("Stopped: {id} (was already dead)\n"));
        sandbox.assert_no_trace();
    }
}

/// A process that has nothing to do with occtl. Dropping this ends it.
struct Bystander(Child);

impl Bystander {
    fn new() -> Bystander {
        let sleep = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn();
        Bystander(sleep.expect("a sleep"))
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn a_pid_that_another_process_has_now_is_never_signalled() {
    let sandbox = sandbox("recycled", json!({}));
    let bystander = Bystander::new();
    let foreign = bystander.0.id();
    for forgetful in [false, true] {
        for arguments in [vec!["stop"], vec!["stop", "--force"], vec!["stop", "--all"]] {
            let id = sandbox.start(&[]);
            kill(sandbox.server_pid(&id));
            sandbox.edit_record(&id, |record| {
                record["pid"] = json!(foreign);
                // The two processes may have started within one tick of 10 ms.
                record["pid_start_time"] = json!(record["pid_start_time"].as_u64().unwrap() + 1);
                if forgetful {
                    // As 0.4.0 leaves it: neither start time nor boot.
                    record.as_object_mut().unwrap().retain(|name, _| {
                        !["pid_start_time", "boot_id", "password"].contains(&name.as_str())
                    });
                }
            });
            assert_eq!(states(&sandbox, std::slice::from_ref(&id)), ["dead"]);
            sandbox.occtl(&["send", &id, "hello"]).run().fails(4);
            let one = if arguments.contains(&"--all") { vec![] } else { vec![&id] };
            let stopped = sandbox.occtl(&arguments).args(&one).run().ok();
            assert_eq!(stopped.stdout, format!("Stopped: {id} (was already dead)\n"));
            assert!(is_running(foreign), "the bystander was ended by {arguments:?}");
            sandbox.assert_no_trace();
        }
    }
    // The same pid and start time of another boot is another process.
    let id = sandbox.start(&[]);
    sandbox.edit_record(&id, |record| record["boot_id"] = json!("another"));
    assert_eq!(states(&sandbox, std::slice::from_ref(&id)), ["dead"]);
    // The server still carries the mark of the session, so `stop` ends it as well.
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_record_that_0_4_0_rewrote_still_reaches_its_server() {
    let sandbox = sandbox("rewritten", json!({}));
    let id = sandbox.start(&[]);
    sandbox.edit_record(&id, |record| {
        let kept =
            ["id", "port", "pid", "created_at", "last_activity", "config_path", "status", "agent"];
        record.as_object_mut().unwrap().retain(|name, _| kept.contains(&name.as_str()));
    });
    assert_eq!(states(&sandbox, std::slice::from_ref(&id)), ["idle"]);
    assert_eq!(sandbox.occtl(&["send", &id, "--wait", "hello"]).run().ok().stdout, "hello\n");
    let stopped = sandbox.occtl(&["stop", &id]).run().ok();
    assert_eq!(stopped.stdout, format!("Stopped: {id}\n"));
    sandbox.assert_no_trace();
}

#[test]
fn a_server_s_id_that_cannot_be_one_is_refused_before_it_is_printed_or_sent() {
    let sandbox = sandbox("bad-ids", json!({}));
    let id = sandbox.start(&[]);
    for bad in ["ses_\u{1b}]52;c;x\u{7}", "ses_1\nses_2", "../global", "", "ses 1"] {
        let row = json!({"id": bad, "title": "t", "time": {"created": 1, "updated": 1}});
        sandbox.set_faults(&json!({"body": {"/session": [row]}}));
        for words in [&["sessions", &id, "-q"][..], &["sessions", &id], &["tail", &id]] {
            let refused = sandbox.occtl(words).run().fails(4);
            assert!(refused.stderr.contains("is not an id"), "{}", refused.stderr);
            let printed = format!("{}{}", refused.stdout, refused.stderr);
            assert!(!printed.contains('\u{1b}') && !printed.contains("ses_1\n"), "{printed:?}");
        }
        sandbox.set_faults(&json!({"body": {"/session": row}}));
        let refused = sandbox.occtl(&["send", &id, "hello"]).run().fails(4);
        assert_eq!(refused.stdout, "");
    }
    sandbox.set_faults(&json!({}));
    sandbox.occtl(&["stop", &id]).run().ok();
}
