//! Kernels that refuse a system call: every command still does its work, or says what it needs.

use std::ffi::OsString;
use std::time::Duration;

use serde_json::json;

use super::sandbox;
use crate::containers::can_enter;
use crate::support::sandbox::{Sandbox, example};

const SOON: Duration = Duration::from_secs(30);

/// A command of occtl for which the kernel lacks something.
pub fn without(what: &str, sandbox: &Sandbox, words: &[&str]) -> crate::support::command::Run {
    let mut arguments = vec![OsString::from(what), env!("CARGO_BIN_EXE_occtl").into()];
    arguments.extend(words.iter().map(OsString::from));
    sandbox.command(example("without"), &arguments).timeout(SOON)
}

#[test]
fn without_pidfd_open_sessions_start_work_and_end_as_they_do_elsewhere() {
    let sandbox = sandbox("no-pidfd", json!({}));
    let run = |words: &[&str]| without("pidfd", &sandbox, words).run();
    let id = run(&["start", "-q"]).ok().stdout.trim().to_owned();
    let listed = run(&["list", "--json"]).ok().json();
    assert_eq!(listed["sessions"][0]["state"], "idle", "{listed}");
    assert_eq!(run(&["send", &id, "--wait", "hello"]).ok().stdout.trim(), "hello");
    let doctor = run(&["doctor", "--json"]).ok().json();
    let findings = doctor["findings"].as_array().unwrap();
    let kernel = findings.iter().find(|one| one["check"] == "kernel").unwrap();
    assert_eq!(kernel["status"], "warning", "{kernel}");
    assert!(kernel["detail"].as_str().unwrap().contains("pidfd_open"), "{kernel}");
    run(&["stop", &id]).ok();
    assert_eq!(run(&["run", "hello"]).ok().stdout.trim(), "hello");
    sandbox.assert_no_trace();
    sandbox.set_faults(&json!({"exit_at_start": {"status": 3, "stderr": "broken"}}));
    let failed = run(&["start", "-t", "20"]).fails(4);
    assert!(failed.stderr.contains("ended with status 3"), "{}", failed.stderr);
    sandbox.set_faults(&json!({"silent_start": true}));
    run(&["start", "-t", "0.5"]).fails(124);
    sandbox.assert_no_trace();
}

#[test]
fn without_subreapers_init_does_its_work_as_the_first_process_and_says_elsewhere_what_it_lacks() {
    let sandbox = Sandbox::new("no-subreaper");
    let script = "(setsid sleep 600 &) & exit 7";
    let lost = without("subreaper", &sandbox, &["init", "--", "true"]).run().fails(1);
    assert!(lost.stderr.contains("the kernel makes no subreaper"), "{}", lost.stderr);
    if !can_enter(&sandbox) {
        return;
    }
    let namespaces = ["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"];
    let first = sandbox.command("unshare", &namespaces).args(&[example("without")]);
    let first = first.args(&["subreaper", env!("CARGO_BIN_EXE_occtl"), "init", "--", "sh", "-c"]);
    first.args(&[script]).timeout(SOON).run().fails(7);
    sandbox.assert_nothing_left();
}
