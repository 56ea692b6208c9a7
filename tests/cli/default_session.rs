//! The session that is meant where none is named.

use std::path::Path;

use serde_json::{Value, json};

use super::sandbox;
use crate::support::command::Outcome;
use crate::support::processes::kill;
use crate::support::sandbox::Sandbox;

/// Runs a command in a directory.
fn run_in(sandbox: &Sandbox, directory: &Path, words: &[&str]) -> Outcome {
    sandbox.occtl(words).cwd(directory).run()
}

/// Starts a session in a directory below the working directory.
fn start_in(sandbox: &Sandbox, directory: &str, words: &[&str]) -> String {
    std::fs::create_dir_all(sandbox.work().join(directory)).unwrap();
    sandbox.start(&[&["-w", directory], words].concat())
}

/// The session that `status` without a SESSION shows in a directory.
fn read(sandbox: &Sandbox, directory: &Path) -> String {
    run_in(sandbox, directory, &["status", "--json"]).ok().json()["id"].as_str().unwrap().into()
}

#[test]
fn the_nearest_session_is_meant_and_for_reading_the_only_one() {
    let sandbox = sandbox("nearest", Value::Null);
    let work = sandbox.work();
    let none = run_in(&sandbox, &work, &["status"]).fails(2);
    assert!(none.stderr.contains("none is alive (occtl start starts one)"), "{}", none.stderr);

    let other = start_in(&sandbox, "other", &[]);
    assert_eq!(read(&sandbox, &work), other);
    let refused = run_in(&sandbox, &work, &["touch"]).fails(2).stderr;
    let only = format!("(there is only {other} of {}/other)", work.display());
    assert!(refused.contains("none works in") && refused.contains(&only), "{refused}");

    let outer = start_in(&sandbox, "outer", &[]);
    let inner = start_in(&sandbox, "outer/inner", &["--name", "in"]);
    let deep = work.join("outer/inner/deep");
    let beside = work.join("outer/innermost");
    std::fs::create_dir_all(&deep).unwrap();
    std::fs::create_dir_all(&beside).unwrap();
    assert_eq!(read(&sandbox, &deep), inner);
    assert_eq!(read(&sandbox, &beside), outer, "a name that begins alike is no directory above");
    let touched = run_in(&sandbox, &deep, &["touch"]).ok();
    let place = work.join("outer/inner");
    let used = format!("occtl: using session {inner} (in) of {}\n", place.display());
    assert_eq!((touched.stdout, touched.stderr), (format!("Updated activity: {inner}\n"), used));
    let several = run_in(&sandbox, &work, &["status"]).fails(2).stderr;
    for one in [&other, &outer, &inner] {
        assert!(several.contains(one.as_str()), "{several}");
    }

    let twin = start_in(&sandbox, "outer/inner", &[]);
    let several = run_in(&sandbox, &deep, &["status", "--json"]).fails(2).json_error();
    let hint = several["hint"].as_str().unwrap();
    assert!(hint.contains(&inner) && hint.contains(&twin) && !hint.contains(&outer), "{hint}");
    kill(sandbox.server_pid(&twin));
    assert_eq!(read(&sandbox, &deep), inner, "a dead session is not meant");
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_variable_names_the_session_for_every_command() {
    let sandbox = sandbox("variable", Value::Null);
    let here = sandbox.start(&[]);
    let other = start_in(&sandbox, "other", &["--name", "far"]);
    let with = |value: &str, words: &[&str]| sandbox.occtl(words).env("OCCTL_SESSION", value).run();
    let id = |outcome: Outcome| outcome.ok().json()["id"].clone();
    assert_eq!(id(with("far", &["status", "--json"])), json!(other));
    assert_eq!(id(with("", &["status", "--json"])), json!(here), "an empty one is none");
    assert_eq!(id(with("far", &["status", &here, "--json"])), json!(here), "a word goes before it");
    let touched = with("far", &["touch", "--json"]).ok();
    let said = json!({"notice": format!("using session {other} of OCCTL_SESSION")});
    assert_eq!(touched.stderr.trim(), said.to_string());
    for wrong in ["nope", ".", "oc-"] {
        let error = with(wrong, &["status", "--json"]).fails(3).json_error();
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("OCCTL_SESSION is {wrong}: ")), "{message}");
    }
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_dot_stands_for_it_before_other_words_and_what_is_used_is_said_once() {
    let sandbox = sandbox("dot", Value::Null);
    let id = sandbox.start(&[]);
    let sent = sandbox.occtl(&["send", ".", "hello", "--wait", "--json"]).run().ok();
    assert_eq!(sent.json()["session"], json!(id));
    let conversation = sent.json()["conversation"].as_str().unwrap().to_owned();
    assert_eq!(sent.stderr.matches(&id).count(), 1, "{}", sent.stderr);
    let read = sandbox.occtl(&["tail", "-s", &conversation]).run().ok();
    assert!(read.stdout.contains("hello") && read.stderr.is_empty(), "{}", read.stderr);
    let other = sandbox.occtl(&["send", ".", "more"]).run().ok();
    assert_eq!(sandbox.occtl(&["wait"]).run().ok().stderr, "");
    let words = ["delete", ".", &conversation, other.stdout.trim(), "-q"];
    let deleted = sandbox.occtl(&words).run().ok();
    assert_eq!(deleted.stderr.matches("using session").count(), 1, "{}", deleted.stderr);
    sandbox.occtl(&["send", "hello"]).run().fails(2);
    sandbox.occtl(&["start", "--name", "."]).run().fails(2);
    // Without a word these mean all sessions, or want to be told.
    assert!(sandbox.occtl(&["permissions"]).run().ok().stdout.contains("in any session"));
    sandbox.occtl(&["stop"]).run().fails(2);
    let stopped = sandbox.occtl(&["stop", "."]).run().ok();
    assert_eq!(stopped.stdout, format!("Stopped: {id}\n"));
    assert_eq!(stopped.stderr.matches("using session").count(), 1, "{}", stopped.stderr);
    sandbox.assert_no_trace();
}
