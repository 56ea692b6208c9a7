//! Defaults of flags that come from the environment.

use serde_json::{Value, json};

use super::sandbox;
use crate::support::sandbox::Sandbox;

/// The model of each prompt that the stand-in got.
fn models(sandbox: &Sandbox) -> Vec<Value> {
    let sent = sandbox.stand_in_requests().into_iter();
    let is_prompt = |one: &Value| {
        let path = one["path"].as_str().unwrap_or_default();
        one["method"] == "POST" && (path.ends_with("/message") || path.ends_with("/prompt_async"))
    };
    sent.filter(is_prompt).map(|one| one["body"]["model"]["modelID"].clone()).collect()
}

#[test]
fn a_model_of_the_environment_counts_where_nothing_else_names_one() {
    let mut sandbox = sandbox("default-model", Value::Null);
    sandbox.set_env("OCCTL_MODEL", "scripted/other");
    let plain = sandbox.start(&[]);
    let agent = sandbox.start(&["--agent", "plan"]);
    for (session, words) in [
        (&plain, &["--wait"][..]),
        (&plain, &[]),
        (&plain, &["--wait", "-m", "scripted/echo"]),
        (&plain, &["--wait", "-a", "build"]),
        (&plain, &["--wait", "-c"]),
        (&agent, &["--wait"]),
    ] {
        sandbox.occtl(&["send", session, "hello"]).args(words).run().ok();
    }
    sandbox.occtl(&["run", "hello"]).run().ok();
    let none = Value::Null;
    let other = json!("other");
    let expected = [&other, &other, &json!("echo"), &none, &none, &none, &other];
    assert_eq!(models(&sandbox).iter().collect::<Vec<_>>(), expected);

    let sent = models(&sandbox).len();
    for (name, status, why) in [
        ("nonsense", 2, "OCCTL_MODEL cannot be nonsense (PROVIDER/MODEL"),
        ("scripted/othr", 5, "OCCTL_MODEL: provider scripted has no model othr"),
    ] {
        let send = sandbox.occtl(&["send", &plain, "hello"]).env("OCCTL_MODEL", name);
        let failed = send.run().fails(status);
        assert!(failed.stderr.contains(why), "{}", failed.stderr);
        // It is not looked at where it does not count.
        let words = ["send", &plain, "hello", "-m", "scripted/echo"];
        sandbox.occtl(&words).env("OCCTL_MODEL", name).run().ok();
    }
    assert_eq!(models(&sandbox).len(), sent + 2);
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_timeout_of_the_environment_counts_for_turns_and_waits_and_a_flag_goes_before_it() {
    let mut sandbox = sandbox("default-timeout", json!({"turn": {"never_ends": true}}));
    let id = sandbox.start(&[]);
    sandbox.set_env("OCCTL_TIMEOUT", "300ms");
    let conversation = sandbox.occtl(&["send", &id, "hello"]).run().ok().stdout;
    for words in [
        &["send", &id, "--wait", "hello"][..],
        &["wait", &id, "-s", conversation.trim()],
        &["send", &id, "--wait", "hello", "-t", "0.3"],
    ] {
        let late = sandbox.occtl(words).run().fails(124);
        assert!(late.stderr.contains("0.3 s"), "{words:?}: {}", late.stderr);
    }
    // No other command has it for a default.
    sandbox.occtl(&["sessions", &id]).env("OCCTL_TIMEOUT", "soon").run().ok();
    for words in [&["send", &id, "x"][..], &["wait", &id], &["run", "x"]] {
        let wrong = sandbox.occtl(words).env("OCCTL_TIMEOUT", "soon").run().fails(2);
        assert!(wrong.stderr.contains("OCCTL_TIMEOUT cannot be soon"), "{}", wrong.stderr);
        let given = sandbox.occtl(words).env("OCCTL_TIMEOUT", "soon").args(&["-t", "nonsense"]);
        assert!(given.run().fails(2).stderr.contains("--timeout cannot be nonsense"));
    }
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}
