//! `summary`, and what `status` says of busy conversations.

use std::time::Duration;

use serde_json::{Value, json};

use super::sandbox;
use crate::docs::compare;
use crate::support::processes::poll;
use crate::support::sandbox::Sandbox;
use crate::support::session::Session;

const SOON: Duration = Duration::from_secs(60);

/// Opens a conversation, perhaps below another one, and sends a prompt into it.
fn prompt(session: &Session, parent: Option<&str>) -> String {
    let body = json!({"title": "t", "parentID": parent});
    let opened = session.ask("POST", "/session", session.directory(), &body).json();
    let id = opened["id"].as_str().unwrap().to_owned();
    session.run("send", &["-s", &id, "-q", "go on"]).ok();
    id
}

fn summary(session: &Session, conversation: &str) -> Value {
    session.run("summary", &["-s", conversation, "--json"]).ok().json()
}

#[test]
fn a_conversation_is_not_idle_while_a_sub_agent_works_and_all_that_is_known_is_told() {
    let sandbox = sandbox("summary", json!({}));
    let session = Session::start(&sandbox, &[]);
    let root = prompt(&session, None);
    session.run("wait", &["-s", &root]).ok();
    let idle = summary(&session, &root);
    assert_eq!((&idle["state"], &idle["worker"]), (&json!("idle"), &Value::Null));
    assert_eq!((&idle["last_text"], &idle["step"]), (&json!("go on"), &json!(1)));
    assert!(idle["used"]["cost_usd"].as_f64().unwrap() > 0.0, "{idle}");
    // A sub-agent waits for a permission, and the provider of another one is tried again.
    let ask = json!({"permission": "bash", "patterns": ["make\nall"]});
    sandbox.set_faults(&json!({"turn": {"ask": ask}}));
    let asking = prompt(&session, Some(&root));
    let asked = || (summary(&session, &root)["asks"] != json!([])).then_some(());
    poll(SOON, asked).expect("an ask");
    let below = prompt(&session, Some(&asking));
    let todo = json!([{"content": "a", "status": "completed"},
                      {"content": "b", "status": "in_progress"}, {"content": "c"}]);
    let diff = json!([{"file": "x.rs", "additions": 3, "deletions": 1}]);
    let bodies = json!({"/session/*/todo": todo, "/session/*/diff": diff});
    sandbox.set_faults(&json!({"turn": {"retry_forever": true}, "body": bodies}));
    let retrying = prompt(&session, Some(&root));
    let retries = || {
        let found = summary(&session, &root);
        (found["sub_agents"][2]["retry"].is_object()).then_some(found)
    };
    let busy = poll(SOON, retries).expect("a retry");
    assert_eq!(busy["state"], "waiting_permission");
    assert_eq!(busy["worker"], *session.id);
    let ids: Vec<&Value> =
        busy["sub_agents"].as_array().unwrap().iter().map(|one| &one["conversation"]).collect();
    assert_eq!(ids, [&json!(asking), &json!(below), &json!(retrying)], "each below its parent");
    assert_eq!(busy["todo"], json!({"total": 3, "done": 1, "current": "b"}));
    assert_eq!(busy["files"][0], json!({"path": "x.rs", "added": 3, "removed": 1}));
    assert_eq!(busy["sub_agents"][0]["tool"]["name"], "bash");
    assert_text(&session, &root, &asking, &retrying);
    compare_documents(&sandbox, &session, busy);
}

/// What `summary` and `status` say in words.
fn assert_text(session: &Session, root: &str, asking: &str, retrying: &str) {
    let shown = session.run("summary", &["-s", root]).ok().stdout;
    assert!(shown.starts_with(&format!("waiting_permission {root}\n")), "{shown}");
    for line in [
        "Todo: 1 of 3 done, now: b",
        "Changed: x.rs (+3 -1)",
        "bash: make\\nall",
        &format!("Sub-agent: {retrying} (t): running, retry "),
    ] {
        assert!(shown.contains(line), "{line} is missing: {shown}");
    }
    assert!(shown.ends_with("\n\ngo on\n"), "{shown}");
    // The session's own status says the same of each busy conversation, after the state.
    let status = session.run("status", &["--no-git"]).ok().stdout;
    assert!(status.starts_with(&format!("waiting_permission {}\n", session.id)), "{status}");
    assert!(status.contains(&format!("  Turn: {retrying}: running, retry ")), "{status}");
    assert!(
        status.contains(&format!("  Turn: {asking}: running, tool bash (make…), for ")),
        "{status}"
    );
}

/// Holds the documents of several conversations against the documented fields.
fn compare_documents(sandbox: &Sandbox, session: &Session, busy: Value) {
    sandbox.set_faults(&json!({"turn": {"error": {"name": "APIError", "data": {}}}}));
    let failed = prompt(session, None);
    session.run("wait", &["-s", &failed]).ok();
    let failed = summary(session, &failed);
    assert_eq!(failed["error"]["name"], "APIError");
    // A step of the conversation itself that waits for its provider.
    sandbox.set_faults(&json!({"turn": {"retry_forever": true}}));
    let alone = prompt(session, None);
    let retries = || {
        let found = summary(session, &alone);
        (found["retry"].is_object()).then_some(found)
    };
    let alone = poll(SOON, retries).expect("a retry");
    sandbox.set_faults(&json!({"turn": {"ask": {"permission": "bash", "patterns": ["x"]}}}));
    let waiting = prompt(session, None);
    let asked = || {
        let found = summary(session, &waiting);
        (found["tool"].is_object()).then_some(found)
    };
    let waiting = poll(SOON, asked).expect("a tool");
    compare("occtl summary", &[busy, failed, alone, waiting]);
}

#[test]
fn a_conversation_on_which_another_server_works_or_worked_is_not_idle() {
    let sandbox = sandbox("summary-other", json!({}));
    let session = Session::start(&sandbox, &[]);
    let conversation = prompt(&session, None);
    session.run("wait", &["-s", &conversation]).ok();
    let messages = session.get(&format!("/session/{conversation}/message"));
    let mut open = messages.clone();
    open[1]["info"]["time"].as_object_mut().unwrap().remove("completed");
    sandbox.set_faults(&json!({"body": {"GET /session/*/message": open}}));
    let found = summary(&session, &conversation);
    assert_eq!((&found["state"], &found["worker"]), (&json!("unfinished"), &Value::Null));
    session.run("summary", &["-s", "ses_none"]).fails(3);
}
