//! The test support itself: the model against the real OpenCode, the sandbox's hold on its processes.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::http_client::{get, post};
use crate::support::opencode::version;
use crate::support::processes::{is_running, poll};
use crate::support::sandbox::{Sandbox, Serving};

const SOON: Duration = Duration::from_secs(120);

/// Opens a conversation, with a title so that no model call goes to one.
fn conversation(server: &Serving) -> String {
    let created = post(&format!("{}/session", server.url()), &json!({"title": "t"})).unwrap();
    created.json()["id"].as_str().unwrap().to_owned()
}

/// Sends a prompt and waits for the answer of its last step.
fn turn(server: &Serving, text: &str) -> Value {
    let conversation = conversation(server);
    let url = format!("{}/session/{conversation}/message", server.url());
    let parts = json!({"parts": [{"type": "text", "text": text}]});
    let answer = post(&url, &parts).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

fn text_of(message: &Value) -> String {
    let parts = message["parts"].as_array().unwrap();
    parts
        .iter()
        .filter(|part| part["type"] == "text")
        .filter_map(|part| part["text"].as_str())
        .collect()
}

#[test]
fn model_obeys_each_directive_through_the_real_server() {
    let (sandbox, model) = Sandbox::real("directives");
    let server = sandbox.serve_with(|run| run.env("OPENCODE_ENABLE_QUESTION_TOOL", "1"));
    let answer = |text: &str| text_of(&turn(&server, text));
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
    assert_eq!(turn(&server, "[[empty]]")["info"]["finish"], "stop");
    let refused = turn(&server, "[[http 401 bad key]]");
    assert_eq!(refused["info"]["error"]["data"]["statusCode"], 401);
    // Only before 1.2 a prompt gets a title of its own, besides the conversation's.
    if !version().starts_with("1.1.") {
        assert!(model.title_requests().is_empty());
    }
}

#[test]
fn gates_hold_a_turn_until_the_test_opens_them() {
    let (sandbox, model) = Sandbox::real("gates");
    let server = sandbox.serve();
    let conversation = conversation(&server);
    let prompt = json!({"parts": [{"type": "text", "text": "[[text a]][[wait gate]][[echo b]]"}]});
    let url = format!("{}/session/{conversation}", server.url());
    assert_eq!(post(&format!("{url}/prompt_async"), &prompt).unwrap().status, 204);
    model.wait_for_gate("gate", SOON);
    let status = get(&format!("{}/session/status", server.url())).unwrap().json();
    assert_eq!(status[&conversation]["type"], "busy");
    model.release("gate");
    let done = poll(SOON, || {
        let messages = get(&format!("{url}/message")).unwrap().json();
        let last = messages.as_array()?.last()?.clone();
        (last["info"]["finish"] == "stop").then(|| text_of(&last))
    });
    assert_eq!(done.as_deref(), Some("ab"));
}

#[test]
fn sandbox_ends_what_was_started_in_it() {
    let sandbox = Sandbox::new("ends");
    // A process of its own session, reparented: what a tool of a killed server looks like.
    let script = "setsid sleep 1000 >/dev/null 2>&1 & exit 0";
    sandbox.command("sh", &["-c", script]).run().ok();
    let marked = sandbox.marked_processes();
    assert_eq!(marked.len(), 1, "{marked:?}");
    let pid = marked[0].0;
    drop(sandbox);
    assert!(!is_running(pid));
}

#[test]
fn sandboxes_share_no_ports() {
    let (one, other) = (Sandbox::new("ports"), Sandbox::new("ports"));
    assert!(!other.ports().contains(one.ports().start()));
    assert!(!one.ports().contains(other.ports().start()));
}
