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

#[test]
fn requests_that_the_server_cannot_list_are_named_as_such_and_answered_by_id() {
    let sandbox = sandbox("unlistable", json!({}));
    let session = sandbox.start(&[]);
    let occtl = |words: &[&str]| sandbox.occtl(words).run();
    let turn = json!({"ask": {"permission": "webfetch", "patterns": ["http://x/"]}});
    // It has no log that could tell the ids.
    let hidden = json!({"lists_no_asks": true, "turn": turn});
    let id = ask(&sandbox, &session, &turn, "permissions");
    sandbox.set_faults(&hidden);
    for words in [&["permissions"][..], &["approve", "--all"], &["reject", "--all"]] {
        let words = [&[words[0], &session], &words[1..], &["--json"]].concat();
        let error = occtl(&words).fails(1).json_error();
        assert_eq!(error["reason"], "unsupported", "{error}");
        assert!(error["message"].as_str().unwrap().contains("1.18.33 cannot list"), "{error}");
        assert!(error["hint"].as_str().unwrap().contains("PER_ID"), "{error}");
    }
    for list in [&["status", &session][..], &["list"]] {
        let told = occtl(&[list, &["--json"]].concat()).ok().stdout;
        assert!(told.contains("waiting_permission"), "{list:?}: {told}");
    }
    let waited = occtl(&["wait", &session, "--until", "ask", "-t", "1"]).fails(124).stderr;
    assert_eq!(waited.matches("cannot list").count(), 1, "said once: {waited}");
    occtl(&["wait", &session, "-t", "1"]).fails(124);
    let other = format!("per_{}", "0".repeat(26));
    let both = occtl(&["approve", &session, &other, &id]).fails(3);
    assert_eq!(both.stdout, format!("Approved (once): {id}\n"));
    assert!(both.stderr.contains(&other), "{}", both.stderr);
    occtl(&["wait", &session, "-t", "30"]).ok();

    // Events tell a follower what is asked for.
    occtl(&["send", &session, "--wait", "--allow", "webfetch", "x"]).ok();
    let failed = occtl(&["send", &session, "--wait", "--on-permission", "fail", "x"]).fails(6);
    assert!(failed.stderr.contains("http://x/"), "{}", failed.stderr);
    let sent = occtl(&["send", &session, "--json", "x"]).ok().json();
    let turn = sent["turn"].as_str().unwrap();
    let waits = || occtl(&["status", &session]).stdout.contains("waiting_permission").then_some(());
    poll(SOON, waits).expect("a turn that waits");
    let late = occtl(&["wait", &session, "--turn", turn, "-t", "3"]);
    assert!(late.status != 0 && late.stderr.contains("cannot list"), "{}", late.stderr);
}

#[test]
fn an_old_server_that_ignores_rules_gets_no_prompt_and_one_without_reach_no_sub_agents() {
    let old = |version: &str| {
        let health = json!({"healthy": true, "version": version});
        json!({"version": version, "health": health, "ignores_rules": true})
    };
    let sandbox = sandbox("old-rules", old("1.3.2"));
    let session = sandbox.start(&[]);
    let opened = sandbox.occtl(&["send", &session, "--title", "t", "x"]).run().ok();
    let given = opened.stdout.trim();
    sandbox.occtl(&["wait", &session]).run().ok();
    let is_prompt = |request: &serde_json::Value| {
        request["method"] == "POST"
            && request["path"].as_str().is_some_and(|path| path.contains(given))
    };
    let before = sandbox.stand_in_requests().len();
    let send = ["send", &session, "-s", given, "--deny", "bash:ls*", "--json", "x"];
    let error = sandbox.occtl(&send).run().fails(1).json_error();
    assert_eq!(error["reason"], "unsupported", "{error}");
    assert!(error["message"].as_str().unwrap().contains("1.3.2"), "{error}");
    let asked = sandbox.stand_in_requests().split_off(before);
    assert!(asked.iter().any(|request| request["method"] == "PATCH"), "{asked:?}");
    assert!(!asked.iter().any(is_prompt), "the prompt was sent: {asked:?}");

    // A copy gets no rules there. Those against occtl are no promise; others are.
    let fork = |from: &str| sandbox.occtl(&["fork", &session, "-s", from, "-q"]).run();
    assert!(fork(given).ok().stderr.contains("1.3.2 gives a copy no rules"));
    let denied = sandbox.occtl(&["send", &session, "--deny", "bash:ls*", "x"]).run().ok();
    assert!(denied.stderr.contains("1.3.2") && denied.stderr.contains("task is denied as well"));
    let denied = denied.stdout.trim();
    sandbox.occtl(&["wait", &session]).run().ok();
    let last = sandbox.stand_in_requests();
    let opened = last.iter().rfind(|one| one["method"] == "POST" && one["path"] == "/session");
    let rules = &opened.unwrap()["body"]["permission"];
    assert_eq!(rules[0], json!({"permission": "task", "pattern": "*", "action": "deny"}));
    fork(denied).fails(1);
}

#[test]
fn how_an_ask_was_answered_is_told_although_its_event_comes_after_the_end() {
    let sandbox = sandbox("late-reply", json!({}));
    let session = sandbox.start(&[]);
    let turn = json!({"ask": {"permission": "bash", "patterns": ["ls"]}});
    sandbox.set_faults(&json!({"turn": turn, "events": {"late": 700}}));
    let sending = sandbox.occtl(&["send", &session, "--title", "t", "--wait", "--json", "x"]);
    let sending = sending.spawn();
    sending.wait_for_stderr(&format!("occtl approve {session}"), SOON);
    let id = poll(SOON, || {
        let listed = sandbox.occtl(&["permissions", &session, "-q"]).run().ok().stdout;
        listed.lines().next().map(str::to_owned)
    });
    sandbox.occtl(&["approve", &session, &id.expect("an ask")]).run().ok();
    let record = sending.wait(SOON).ok().json();
    assert_eq!(record["asks"][0]["decision"], "once", "{record}");
    sandbox.set_faults(&json!({}));
    sandbox.occtl(&["stop", "--all"]).run().ok();
}
