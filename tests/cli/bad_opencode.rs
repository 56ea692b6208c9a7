//! Programs that are not OpenCode, and servers that do not come up: nothing of them is left.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use super::sandbox;
use crate::support::command::Outcome;
use crate::support::rounds::in_some_round;
use crate::support::sandbox::{Sandbox, example};

/// How much later than its limit a `start` may end.
const LATE: Duration = Duration::from_millis(500);

/// Starts with a limit of `seconds`; the start must fail and leave nothing.
#[track_caller]
fn fails(sandbox: &Sandbox, seconds: f64, status: i32, expected: &[&str]) -> Outcome {
    let limit = seconds.to_string();
    let failed = sandbox.occtl(&["start", "-t", &limit, "--json"]).run().fails(status);
    let error = failed.json_error();
    let message = format!("{} {}", error["message"], error["hint"]);
    for text in expected {
        assert!(message.contains(text), "no {text:?} in {message}");
    }
    assert_eq!(failed.stdout, "");
    sandbox.assert_no_trace();
    failed
}

#[test]
fn a_program_that_ends_at_once_is_named_with_what_it_said() {
    let said: Vec<String> = (1..=30).map(|number| format!("line {number} \u{1b}[31m")).collect();
    let faults = json!({"exit_at_start": {"status": 3, "stderr": said.join("\n")}});
    let sandbox = sandbox("exits", faults);
    let failed = fails(&sandbox, 20.0, 4, &["ended with status 3", "line 11 ", "line 30 "]);
    assert!(failed.elapsed < Duration::from_secs(18));
    let message = failed.json_error()["message"].to_string();
    assert!(!message.contains("line 10 "), "more than the last 20 lines: {message}");
    let plain = sandbox.occtl(&["start"]).run().fails(4);
    assert!(plain.stderr.contains("  line 30 \\x1b[31m"), "{}", plain.stderr);
    assert!(!plain.stderr.contains('\u{1b}'));
    sandbox.set_faults(&json!({"exit_at_start": {"status": 0, "stderr": ""}}));
    fails(&sandbox, 20.0, 4, &["ended with status 0"]);
}

#[test]
fn a_start_says_that_its_session_was_stopped_meanwhile() {
    let sandbox = sandbox("withdrawn", json!({"silent_start": true}));
    let starting = sandbox.occtl(&["start"]).spawn();
    sandbox.wait_for_process(|line| line.contains(" serve "));
    sandbox.occtl(&["stop", "--all"]).run().ok();
    let ended = starting.wait(Duration::from_secs(20)).fails(4);
    assert!(ended.stderr.contains("was ended by SIGTERM"), "{}", ended.stderr);
    sandbox.assert_no_trace();
}

#[test]
fn a_limit_holds_whatever_the_program_does() {
    let sandbox = sandbox("limits", Value::Null);
    for faults in [
        json!({"silent_start": true}),
        json!({"silent_start": true, "ignore_sigterm": true}),
        json!({"never_answer": true}),
        json!({"listening_line": "none", "never_answer": true}),
        json!({"silence": ["/path"]}),
        json!({"status": {"/global/health": 500}}),
        json!({"cut_body": ["/global/health"]}),
        json!({"delay_ms": {"/global/health": 5000}}),
    ] {
        sandbox.set_faults(&faults);
        let expected = [" within 0.8 s: ", "--timeout gives it longer"];
        let limit = Duration::from_secs_f64(0.8);
        let failed = in_some_round(|| fails(&sandbox, 0.8, 124, &expected).within(limit + LATE));
        assert!(failed.elapsed >= limit, "{faults}: {:?}", failed.elapsed);
    }
}

#[test]
fn a_server_that_is_not_a_usable_opencode_is_refused_at_once() {
    let sandbox = sandbox("alien", Value::Null);
    for (faults, expected) in [
        (json!({"unauthorized": true}), "401"),
        (json!({"status": {"/global/health": 404}}), "404"),
        (json!({"html": ["/global/health"]}), "a page of HTML"),
        (json!({"html": ["/path"]}), "a page of HTML"),
        (json!({"body": {"/global/health": {"unhealthy": 1}}}), "missing field"),
        (json!({"body": {"/global/health": "text"}}), "not an answer of OpenCode"),
        (
            json!({"version": "1.0.223", "health": {"healthy": true, "version": "1.0.223"}}),
            "1.0.223 is too old",
        ),
        (
            // The real 1.0 has no such route. It forwards the request to the internet, which it
            // cannot reach.
            json!({"version": "1.0.185", "status": {"/global/health": 500}}),
            "1.0.185 is too old",
        ),
        (json!({"health": {"healthy": false, "version": "1.18.33"}}), "not healthy"),
        (
            json!({"body": {"/path": {"directory": "/somewhere/else"}}}),
            "it works in /somewhere/else",
        ),
    ] {
        sandbox.set_faults(&faults);
        let failed = fails(&sandbox, 30.0, 4, &["is not an OpenCode that occtl can use", expected]);
        assert!(failed.elapsed < Duration::from_secs(20), "{faults}: {:?}", failed.elapsed);
    }
    sandbox.set_faults(&json!({"status": {"/path": 400}}));
    fails(&sandbox, 30.0, 4, &["does not take its configuration"]);
}

#[test]
fn two_versions_on_one_database_give_a_warning_and_isolated_ones_do_not() {
    let sandbox = sandbox("versions", Value::Null);
    let older = || {
        let health = json!({"healthy": true, "version": "1.14.34"});
        sandbox.set_faults(&json!({"version": "1.14.34", "health": health}));
    };
    let newer = sandbox.occtl(&["start", "-q"]).run().ok();
    assert_eq!(newer.stderr, "");
    older();
    let apart = sandbox.occtl(&["start", "-q", "--isolate"]).run().ok();
    assert_eq!(apart.stderr, "");
    let mixed = sandbox.occtl(&["start", "-q"]).run().ok();
    let shares = format!("1.14.34 shares its database with {} (1.18.33)", newer.stdout.trim());
    let said = format!("occtl: warning: {shares}; --isolate keeps them apart\n");
    assert_eq!(mixed.stderr, said);
    let notice: Value =
        serde_json::from_str(&sandbox.occtl(&["start", "--json"]).run().ok().stderr).unwrap();
    let said = notice["notice"].as_str().unwrap();
    assert!(said.starts_with("warning: 1.14.34 shares its database with"), "{said}");
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_program_that_cannot_be_run_is_named_with_how_to_get_one() {
    let mut sandbox = sandbox("programs", Value::Null);
    let plain = sandbox.bin().join("plain");
    std::fs::write(&plain, "no program").unwrap();
    let broken = sandbox.install("broken", "#!/no/such/interpreter\n");
    for (program, status, expected) in [
        (PathBuf::from("/bin/cat"), 4, "ended with status 1"),
        ("/bin/true".into(), 4, "ended with status 0"),
        (plain, 1, "is not an executable file"),
        (sandbox.bin(), 1, "is not an executable file"),
        (broken, 1, "cannot run"),
        (sandbox.bin().join("missing"), 1, "there is no OpenCode at"),
        ("not-on-path".into(), 1, "there is no not-on-path on PATH"),
    ] {
        sandbox.set_env("OCCTL_OPENCODE", &program);
        let failed = fails(&sandbox, 20.0, status, &[expected, program.to_str().unwrap()]);
        let hint = failed.json_error()["hint"].to_string();
        assert!(status != 1 || hint.contains("npm install -g opencode-ai"), "{hint}");
    }
    sandbox.remove_env("OCCTL_OPENCODE");
    sandbox.set_env("PATH", sandbox.bin());
    fails(&sandbox, 20.0, 1, &["there is no opencode on PATH", "npm install -g opencode-ai"]);
    let failed = sandbox.occtl(&["start", "--opencode", "/bin/false"]).run().fails(4);
    assert!(failed.stderr.contains("/bin/false ended with status 1"), "{}", failed.stderr);
    sandbox.assert_no_trace();
}

#[test]
fn another_program_that_serves_something_else_is_not_taken_for_a_server() {
    let mut sandbox = sandbox("web", Value::Null);
    let script = "#!/bin/sh\necho 'Serving HTTP on this port'\nexec sleep 600\n";
    sandbox.set_env("OCCTL_OPENCODE", sandbox.install("web", script));
    let said = ["did not answer within 0.8 s", "none of its processes listens on", "Serving HTTP"];
    fails(&sandbox, 0.8, 124, &said);
    // A wrapper script whose child is the server is accepted.
    let port = *sandbox.ports().start();
    let wrapper = format!(
        "#!/bin/sh\n\"{}\" serve --hostname 127.0.0.1 --port {port} & exec sleep 600\n",
        example("stand-in").display()
    );
    sandbox.set_env("OCCTL_OPENCODE", sandbox.install("wrapper", &wrapper));
    let started = sandbox.occtl(&["start", "--json"]).run().ok().json();
    assert_eq!(started["port"], port);
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_server_that_another_ones_first_start_made_fail_is_started_again() {
    let sandbox = sandbox("stumbles", Value::Null);
    let (tries, server) = (sandbox.root().join("tries"), example("stand-in"));
    for said in [
        "SQLiteError: database is locked",
        "Failed to run the query 'PRAGMA journal_mode = WAL'",
        "Failed to run the query 'CREATE TABLE project'",
    ] {
        std::fs::write(&tries, "").unwrap();
        let script = format!(
            "#!/bin/sh\nif test $(wc -c <'{tries}') -lt 2; then\n\
             printf x >>'{tries}'; echo \"{said}\"; exit 1; fi\n\
             exec '{server}' \"$@\"\n",
            tries = tries.display(),
            server = server.display()
        );
        let program = sandbox.install("stumbling", &script);
        let start = sandbox.occtl(&["start", "-q", "--opencode"]).args(&[&program]).run().ok();
        assert_eq!(std::fs::read_to_string(&tries).unwrap(), "xx", "{said}");
        sandbox.occtl(&["stop", start.stdout.trim()]).run().ok();
        sandbox.assert_no_trace();
    }
}

#[test]
fn a_late_server_is_waited_for_and_one_that_never_says_that_it_listens_is_found() {
    let sandbox = sandbox("late", Value::Null);
    for line in ["late", "none"] {
        sandbox.set_faults(&json!({"listening_line": line}));
        let started = sandbox.occtl(&["start", "--json"]).run().ok();
        assert!(started.elapsed < Duration::from_secs(15), "{line}: {:?}", started.elapsed);
    }
    let rows = sandbox.occtl(&["list", "--json"]).run().ok().json();
    assert!(rows["sessions"].as_array().unwrap().iter().all(|row| row["state"] == "idle"));
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_program_that_cannot_run_here_is_answered_with_what_to_set_or_to_install() {
    let mut sandbox = sandbox("cannot-run", Value::Null);
    let denied = "EACCES: permission denied, mkdir '/root/.local/state/opencode'";
    for (script, hint) in [
        ("kill -ILL $$".to_owned(), "baseline"),
        (format!("echo \"{denied}\" >&2; exit 1"), "XDG_STATE_HOME"),
    ] {
        let program = sandbox.install("broken", &format!("#!/bin/sh\n{script}\n"));
        sandbox.set_env("OCCTL_OPENCODE", program);
        let failed = sandbox.occtl(&["start"]).run().fails(4);
        assert!(failed.stderr.contains(hint), "{}", failed.stderr);
        sandbox.assert_no_trace();
    }
}
