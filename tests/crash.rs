//! `occtl start` ended at any moment: the store parses, and `stop` reaches all that is left.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::command::Running;
use crate::support::processes::{poll, signal};
use crate::support::sandbox::Sandbox;

const SOON: Duration = Duration::from_secs(30);

/// The servers of this sandbox, with their process ids and command lines.
fn servers(sandbox: &Sandbox) -> Vec<(u32, String)> {
    let mut marked = sandbox.marked_processes();
    marked.retain(|(_, line)| line.contains(" serve "));
    marked
}

/// Whether a log holds the line of a server that listens.
fn listens(log: &PathBuf) -> bool {
    std::fs::read_to_string(log).is_ok_and(|text| text.contains("listening"))
}

/// A moment of a start: its name, and whether it has come, as seen from outside.
type Moment = (&'static str, fn(&Sandbox) -> bool);

const MOMENTS: [Moment; 7] = [
    ("at once", |_| true),
    ("the lock's file is there", |sandbox| sandbox.data().join("store.lock").exists()),
    ("the store is being written", |sandbox| {
        let new = sandbox.data().join(".store.json.new");
        new.exists() || sandbox.store_path().exists()
    }),
    ("the record is there", |sandbox| !sandbox.records().is_empty()),
    ("the log is there", |sandbox| !sandbox.logs().is_empty()),
    ("the server's process is there", |sandbox| !servers(sandbox).is_empty()),
    ("the server listens", |sandbox| sandbox.logs().iter().any(listens)),
];

/// Starts, waits for a moment and then for a few more looks, and signals the start.
fn kill_at(sandbox: &Sandbox, moment: Moment, later: u32, signal: Signal) -> Running {
    let running = sandbox.occtl(&["start", "-q"]).spawn();
    // There is no pause between two looks, because some moments are short.
    let began = Instant::now();
    while !moment.1(sandbox) {
        assert!(began.elapsed() < SOON, "{} never came", moment.0);
    }
    for _ in 0..later {
        std::thread::yield_now();
        let _ = sandbox.data().exists();
    }
    running.signal(signal);
    running
}

/// Fails the test unless `stop --all` leaves nothing of a start that was killed, and its port is
/// used again.
#[track_caller]
fn recovers(sandbox: &Sandbox, what: &str) {
    // This fails the test if the store does not parse.
    let left = sandbox.records();
    let listed = sandbox.occtl(&["list", "--json"]).run().ok().json();
    assert_eq!(listed["sessions"].as_array().unwrap().len(), left.len(), "{what}");
    sandbox.occtl(&["stop", "--all"]).run().ok();
    let servers = servers(sandbox);
    assert!(servers.is_empty(), "{what}: {servers:?}; the records were {left:#?}");
    sandbox.assert_no_trace();
    let again = sandbox.occtl(&["start", "--json"]).run().ok().json();
    assert_eq!(again["port"], *sandbox.ports().start(), "{what}");
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_start_that_is_killed_at_any_moment_leaves_nothing_that_stop_cannot_reach() {
    let mut sandbox = Sandbox::new("crash");
    sandbox.use_stand_in(Value::Null);
    for moment in MOMENTS {
        for later in [0, 20, 200, 2000] {
            // Each time without a data directory, because start makes it at one of the moments.
            let _ = std::fs::remove_dir_all(sandbox.data());
            let running = kill_at(&sandbox, moment, later, Signal::KILL);
            // The start may have been quicker than the signal.
            let ended = running.wait(SOON);
            assert!(ended.status == 137 || ended.status == 0, "{}: {ended:?}", moment.0);
            recovers(&sandbox, &format!("{} and {later} looks", moment.0));
        }
    }
}

#[test]
fn a_run_that_is_killed_at_any_moment_leaves_nothing_not_even_a_record_or_a_file() {
    let mut sandbox = Sandbox::new("run-crash");
    sandbox.use_stand_in(Value::Null);
    let run = || sandbox.occtl(&["run", "-t", "100", "hello"]);
    let whole = run().run().ok().elapsed;
    for moment in 0..24 {
        let running = run().spawn();
        std::thread::sleep(whole * moment / 24);
        running.signal(Signal::KILL);
        // The run may have been quicker than the signal.
        let ended = running.wait(SOON);
        assert!(ended.status == 137 || ended.status == 0, "{ended:?}");
        sandbox.wait_for_nothing_left(SOON);
        let what = format!("a run that was killed after {moment}/24 of {whole:?}");
        sandbox.wait_for_no_trace(Duration::ZERO, &what);
        let isolated = std::fs::read_dir(sandbox.data().join("isolated"));
        assert_eq!(isolated.into_iter().flatten().count(), 0, "{what}");
        assert!(!sandbox.data().join(".store.json.new").exists(), "{what}");
    }
}

#[test]
fn the_next_start_takes_over_what_a_killed_one_reserved() {
    let mut sandbox = Sandbox::new("reserved");
    sandbox.use_stand_in(json!({"silent_start": true}));
    // While the server lives its port stays reserved.
    let running = kill_at(&sandbox, MOMENTS[5], 0, Signal::KILL);
    running.wait(SOON).fails(137);
    let abandoned = sandbox.records()[0].clone();
    assert_eq!(abandoned["status"], "starting");
    let listed = sandbox.occtl(&["list", "--json"]).run().ok().json();
    let row = &listed["sessions"][0];
    assert_eq!(row["state"], "error", "a server that never listens: {row}");
    sandbox.set_faults(&Value::Null);
    let next = sandbox.occtl(&["start", "--json"]).run().ok().json();
    assert_eq!(next["port"], *sandbox.ports().start() + 1);
    // Once the server is dead, the next start drops the record and takes the port.
    for (pid, line) in servers(&sandbox) {
        if line.ends_with(&sandbox.ports().start().to_string()) {
            signal(pid, Signal::KILL);
        }
    }
    poll(SOON, || (servers(&sandbox).len() == 1).then_some(())).expect("its end");
    let next = sandbox.occtl(&["start", "--json"]).run().ok().json();
    assert_eq!(next["port"], *sandbox.ports().start());
    assert_eq!(sandbox.records().len(), 2);
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_nothing_left();
}

#[test]
fn a_start_that_is_interrupted_leaves_nothing_and_says_so() {
    let mut sandbox = Sandbox::new("interrupted");
    for (faults, moments) in [
        (json!({"silent_start": true}), &MOMENTS[5..6]),
        (json!({"never_answer": true}), &MOMENTS[5..7]),
        (json!({"silent_start": true, "ignore_sigterm": true}), &MOMENTS[4..6]),
    ] {
        sandbox.use_stand_in(faults);
        for moment in moments {
            for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
                let running = kill_at(&sandbox, *moment, 0, signal);
                let began = Instant::now();
                let ended = running.wait(SOON).fails(status);
                assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
                assert_eq!(ended.stdout, "");
                assert!(ended.stderr.contains("interrupted"), "{}", ended.stderr);
                sandbox.assert_no_trace();
            }
        }
    }
}

#[test]
fn a_start_of_the_real_opencode_that_is_killed_or_interrupted_leaves_nothing_behind() {
    let (sandbox, _model) = Sandbox::real("crash-real");
    for (moment, signal, status) in [
        (MOMENTS[5], Signal::KILL, 137),
        (MOMENTS[6], Signal::KILL, 137),
        (MOMENTS[5], Signal::TERM, 143),
    ] {
        let running = kill_at(&sandbox, moment, 0, signal);
        let ended = running.wait(SOON);
        if signal == Signal::KILL {
            assert!(ended.status == status || ended.status == 0, "{ended:?}");
            assert_eq!(sandbox.records().len(), 1);
            sandbox.occtl(&["stop", "--all"]).run().ok();
        } else {
            ended.fails(status);
        }
        sandbox.assert_no_trace();
    }
    let again = sandbox.occtl(&["start", "--json"]).run().ok().json();
    assert_eq!(again["port"], *sandbox.ports().start());
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_session_that_is_stopped_while_it_starts_is_gone_and_its_start_fails() {
    let mut sandbox = Sandbox::new("withdrawn");
    sandbox.use_stand_in(json!({"never_answer": true}));
    let running = sandbox.occtl(&["start", "--json"]).spawn();
    poll(SOON, || (!servers(&sandbox).is_empty()).then_some(())).expect("a server");
    let id = sandbox.records()[0]["id"].as_str().unwrap().to_owned();
    let listed = sandbox.occtl(&["list", "--json"]).run().ok().json();
    assert_eq!(listed["sessions"][0]["state"], "starting");
    let refused = sandbox.occtl(&["send", &id, "hello"]).run().fails(4);
    assert!(refused.stderr.contains("is still starting"), "{}", refused.stderr);
    sandbox.occtl(&["stop", &id]).run().ok();
    let failed = running.wait(SOON);
    assert_ne!(failed.status, 0, "{failed:?}");
    assert_eq!(failed.stdout, "");
    sandbox.assert_no_trace();
}
