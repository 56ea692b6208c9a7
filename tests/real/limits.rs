//! What a turn waited for that did not end in time, and an agent's own limit of steps.

use serde_json::{Value, json};

use crate::support::opencode::{config, version};
use crate::support::processes::poll;
use crate::support::rounds::with_longer_limits;
use crate::support::sandbox::Sandbox;
use crate::support::session::{SOON, Session};

#[test]
fn the_end_of_a_turn_names_the_tool_that_holds_its_pipe() {
    let (sandbox, _model) = Sandbox::real("held-pipe");
    let session = Session::start(&sandbox, &[]);
    let holds = !["1.1.11", "1.1.65", "1.2.27", "1.3.2"].contains(&version().as_str());
    let send = |words: &[&str]| session.run("send", words);
    let prompt = "[[bash setsid sleep 600 & echo a > begun]][[echo end]]";
    if !holds {
        assert_eq!(send(&["--wait", "--title", "t", prompt]).ok().stdout, "end\n");
        return;
    }
    let sent = send(&["--title", "t", "--json", prompt]).ok().json();
    let conversation = sent["conversation"].as_str().unwrap();
    let begun = sandbox.work().join("begun");
    poll(SOON, || begun.exists().then_some(())).expect("a tool that has begun");
    let tool = "tool bash (setsid sleep 600 & echo a > begun)";
    // The limit may come before all of it is known.
    let late = |words: &[&str]| {
        with_longer_limits(4.0, |limit| {
            let late = send(&[words, &["--wait", "-t", &limit.to_string()]].concat()).fails(124);
            if late.stderr.contains(tool) { Ok(late) } else { Err(late.stderr) }
        })
    };
    // A prompt that is sent behind it, one that waits for its end, and the turn itself.
    let behind = late(&["-s", conversation, "--no-abort", "next"]);
    let queued = late(&["-s", conversation, "--queue", "third"]);
    let turn = sent["turn"].as_str().unwrap();
    for late in [&behind, &queued] {
        for words in [tool, &format!("of turn {turn}"), "which has run for"] {
            assert!(late.stderr.contains(words), "{words}: {}", late.stderr);
        }
    }
    session.run("abort", &["-s", conversation]).ok();
    // Its own turn is aborted, which frees the conversation.
    let own = late(&["--title", "t", prompt]);
    for words in [&format!("waits for {tool}, which has run for"), "; the turn was aborted"] {
        assert!(own.stderr.contains(words), "{words}: {}", own.stderr);
    }
    assert_eq!(send(&["-s", conversation, "--wait", "-t", "60", "next"]).ok().stdout, "next\n");
}

#[test]
fn a_turn_that_reached_the_limit_of_its_agent_says_so() {
    let (mut sandbox, model) = Sandbox::real("agent-limit");
    let mut settings = config(&model);
    settings["agent"] = json!({"short": {"mode": "primary", "steps": 2, "maxSteps": 2}});
    if version() == "1.1.11" {
        settings["agent"]["short"] = json!({"mode": "primary", "maxSteps": 2});
    }
    sandbox.configure(&sandbox.work(), &settings);
    sandbox.set_env("OCCTL_TIMEOUT", "60");
    let session = Session::start(&sandbox, &[]);
    for (agent, prompt, limit) in [
        ("short", "[[bash echo a]][[echo b]]", json!(2)),
        ("short", "[[echo b]]", Value::Null),
        ("build", "[[bash echo a]][[echo b]]", Value::Null),
    ] {
        let words = ["--title", "t", "--wait", "--json", "-a", agent, prompt];
        let record = session.run("send", &words).ok().json();
        assert_eq!(record["step_limit_of_agent"], limit, "{agent} {prompt}: {record}");
    }
}
