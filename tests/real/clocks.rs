//! A conversation whose newest message has an id from the future.

use serde_json::{Value, json};

use crate::support::sandbox::Sandbox;
use crate::support::session::Session;

/// The id of a message that is made `ahead` milliseconds from now.
fn id(ahead: i64) -> String {
    let time = jiff::Timestamp::now().as_millisecond() + ahead;
    format!("msg_{:012x}{}", (time << 12) & 0xffff_ffff_ffff, "f".repeat(14))
}

#[test]
fn a_prompt_after_a_message_with_an_id_from_the_future_is_answered_once() {
    let (sandbox, model) = Sandbox::real("future-id");
    let session = Session::start(&sandbox, &[]);
    let directory = session.directory();
    // In a directory that is not loaded yet the future would have come before the prompt.
    drop(session.get("/session/status"));
    for prompt in ["[[echo here]]", "[[bash echo a]][[bash echo b]][[echo here]]"] {
        let created = session.ask("POST", "/session", directory, &json!({"title": "t"})).json();
        let conversation = created["id"].as_str().unwrap();
        let future = id(5000);
        let body = json!({
            "messageID": future, "noReply": true, "parts": [{"type": "text", "text": "before"}],
        });
        let route = format!("/session/{conversation}/message");
        assert_eq!(session.ask("POST", &route, directory, &body).status, 200);
        assert_eq!(session.get(&route)[0]["info"]["id"], future);
        let before = model.request_count();
        let sent = session.run("send", &["-s", conversation, "--wait", "--json", prompt]).ok();
        let record: Value = sent.json();
        let steps = prompt.matches("[[").count();
        assert_eq!((&record["outcome"], &record["answer"]), (&json!("ok"), &json!("here")));
        assert_eq!((&record["steps"], model.request_count() - before), (&json!(steps), steps));
        assert!(record["turn"].as_str() > Some(&future), "{record}");
        // All of it can be read again by that id.
        let turn = record["turn"].as_str().unwrap();
        let words = ["-s", conversation, "--turn", turn, "--json"];
        let again = session.run("wait", &words).ok().json();
        assert_eq!((&again["answer"], &again["steps"]), (&json!("here"), &json!(steps)));
    }
}
