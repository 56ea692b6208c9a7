//! Asks that another client answers while this one does.

use serde_json::{Value, json};

use super::sandbox;
use crate::support::processes::poll;
use crate::support::sandbox::Sandbox;
use crate::support::session::SOON;

/// Sends a prompt with this turn, and waits for what it asks; gives the ask's id.
fn ask(sandbox: &Sandbox, session: &str, turn: &Value, list: &str) -> String {
    sandbox.set_faults(&json!({"turn": turn}));
    sandbox.occtl(&["send", session, "--title", "t", "x"]).run().ok();
    let listed = || {
        let ids = sandbox.occtl(&[list, session, "-q"]).run().ok().stdout;
        ids.lines().next().map(str::to_owned)
    };
    poll(SOON, listed).expect("an ask")
}

#[test]
fn what_another_client_has_answered_is_not_reported_as_done() {
    let sandbox = sandbox("answered-before", json!({}));
    let session = sandbox.start(&[]);
    let permission = json!({"ask": {"permission": "bash", "patterns": ["ls"]}});
    let question = json!({"question": {"question": "Which?", "options": ["Red"]}});
    // The server settles the ask and then says 404, as if another client had been quicker.
    let late = json!({"late_status": {
        "/permission/*/reply": 404, "/question/*/reply": 404, "/question/*/reject": 404,
    }});
    for words in [&["reject"][..], &["approve"], &["approve", "--always"], &["reject", "--all"]] {
        let id = ask(&sandbox, &session, &permission, "permissions");
        sandbox.set_faults(&late);
        let mut reply = sandbox.occtl(&[words[0], &session]).args(&words[1..]);
        if !words.contains(&"--all") {
            reply = reply.args(&[&id]);
        }
        let reply = reply.run().fails(3);
        assert_eq!(reply.stdout, "", "{words:?}");
        let said = format!("{id} was answered by another client");
        assert!(reply.stderr.contains(&said), "{words:?}: {}", reply.stderr);
        sandbox.occtl(&["wait", &session]).run().ok();
    }
    for word in ["Red", "--reject"] {
        let id = ask(&sandbox, &session, &question, "questions");
        sandbox.set_faults(&late);
        let answer = sandbox.occtl(&["answer", &session, &id, word]).run().fails(3);
        assert!(answer.stderr.contains("by another client"), "{word}: {}", answer.stderr);
        sandbox.occtl(&["wait", &session]).run().ok();
    }
}
