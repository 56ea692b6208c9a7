//! The test support itself: the model that the real OpenCode asks, and what a sandbox ends.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::opencode::version;
use crate::support::processes::{is_running, poll};
use crate::support::sandbox::Sandbox;

const SOON: Duration = Duration::from_secs(120);

fn text_of(message: &Value) -> String {
    let parts = message["parts"].as_array().unwrap();
    parts
        .iter()
        .filter(|part| part["type"] == "text")
        .filter_map(|part| part["text"].as_str())
        .collect()
}

#[test]
fn the_model_obeys_each_directive_through_the_real_server() {
    let (sandbox, model) = Sandbox::real("directives");
    let server = sandbox.serve_with(|run| run.env("OPENCODE_ENABLE_QUESTION_TOOL", "1"));
    let answer = |text: &str| text_of(&server.ask(text).json());
    assert_eq!(answer("no directive here"), "no directive here");
    assert_eq!(answer("[[echo one two]]"), "one two");
    assert_eq!(answer("[[tokens 3]]"), "w1 w2 w3");
    assert_eq!(answer("[[slow 2 1]]"), "w1 w2");
    assert_eq!(answer("[[bash echo hi > made]]"), "done");
    assert!(sandbox.work().join("made").exists());
    assert_eq!(answer("[[write written some text]] [[read written]] [[echo end]]"), "end");
    assert_eq!(
        std::fs::read_to_string(sandbox.work().join("written")).unwrap().trim(),
        "some text"
    );
    assert_eq!(answer("[[task {{bash touch by-child}} {{echo child}}]]"), "done");
    assert!(sandbox.work().join("by-child").exists());
    assert_eq!(answer("[[reasoning deep thought]]"), "ok");
    assert_eq!(answer("[[http 500 not yet times=1]][[echo then]]"), "then");
    assert_eq!(answer("[[text before]][[length]]"), "beforecut short");
    assert_eq!(server.ask("[[empty]]").json()["info"]["finish"], "stop");
    let refused = server.ask("[[http 401 bad key]]").json();
    assert_eq!(refused["info"]["error"]["data"]["statusCode"], 401);
    // The conversations have titles. Before 1.2 each prompt is given a title as well.
    if !version().starts_with("1.1.") {
        assert!(model.title_requests().is_empty());
    }
}

#[test]
fn gates_hold_a_turn_until_the_test_opens_them() {
    let (sandbox, model) = Sandbox::real("gates");
    let server = sandbox.serve();
    let conversation = server.open(&json!({"title": "t"}));
    server.send(&conversation, "[[text a]][[wait gate]][[echo b]]");
    model.wait_for_gate("gate", SOON);
    let status = server.get("/session/status").json();
    assert_eq!(status[&conversation]["type"], "busy");
    model.release("gate");
    let done = poll(SOON, || {
        let last = server.messages(&conversation).as_array()?.last()?.clone();
        (last["info"]["finish"] == "stop").then(|| text_of(&last))
    });
    assert_eq!(done.as_deref(), Some("ab"));
}

#[test]
fn a_sandbox_ends_what_was_started_in_it() {
    let sandbox = Sandbox::new("ends");
    // In a session of its own and without its parent, as the tool of a killed server is.
    let script = "setsid sleep 1000 >/dev/null 2>&1 & exit 0";
    sandbox.command("sh", &["-c", script]).run().ok();
    let pid = sandbox.wait_for_process(|line| line == "sleep 1000");
    let marked = sandbox.marked_processes();
    assert_eq!(marked.len(), 1, "{marked:?}");
    drop(sandbox);
    assert!(!is_running(pid));
}

#[test]
fn sandboxes_share_no_ports() {
    let (one, other) = (Sandbox::new("ports"), Sandbox::new("ports"));
    assert!(!other.ports().contains(one.ports().start()));
    assert!(!one.ports().contains(other.ports().start()));
}
