//! `sessions`, `chain`, `fork`, `delete`, `export`, `diff`, `todo`, `usage`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::versions::can;
use super::{send, start};
use crate::support::http_client::request;
use crate::support::sandbox::Sandbox;

#[test]
fn conversations_are_listed_copied_counted_and_deleted() {
    let (sandbox, _model) = Sandbox::real("conversations");
    let id = start(&sandbox);
    let occtl = |words: &[&str]| sandbox.occtl(words);
    let json = |words: &[&str]| sandbox.occtl(words).args(&["--json"]).run().ok().json();
    // Nothing is there yet.
    assert_eq!(occtl(&["sessions", &id]).run().ok().stdout, "No conversations\n");
    for command in ["chain", "fork", "tail", "export", "diff", "todo", "usage"] {
        let none = occtl(&[command, &id]).run().fails(3);
        assert!(none.stderr.contains("has no conversation yet"), "{command}: {}", none.stderr);
        let unknown = occtl(&[command, &id, "-s", "ses_nobody"]).run().fails(3);
        assert!(unknown.stderr.contains("occtl sessions"), "{command}: {}", unknown.stderr);
        occtl(&[command, &id, "-s", "../config"]).run().fails(3);
        occtl(&[command, "oc-nobody"]).run().fails(3);
    }

    let title = "odd\n\u{1b}[31m[bold] 你好";
    let root = send(&sandbox, &id, &["--title", title, "[[task {{echo child}}]]"]);
    let listed = json(&["sessions", &id]);
    let rows = listed["conversations"].as_array().unwrap();
    assert_eq!((rows.len(), &listed["session"]), (2, &json!(id)));
    let of = |id: &str| rows.iter().find(|row| row["id"] == id).unwrap();
    let child = rows.iter().find(|row| row["parent"] == root).unwrap()["id"].as_str().unwrap();
    assert_eq!(of(&root)["title"], title);
    assert_eq!(of(&root)["parent"], Value::Null);
    assert_eq!(of(&root)["state"], "idle");
    assert_eq!(of(&root)["directory"], json!(sandbox.work()));
    if can("a conversation tells its tokens") {
        assert_eq!(of(&root)["tokens"]["input"], 200);
        assert!(of(&root)["cost_usd"].as_f64().unwrap() > 0.0);
    }
    let plain = occtl(&["sessions", &id]).run().ok().stdout;
    assert!(plain.contains("odd\\n\\x1b[31m[bold] 你好"), "{plain}");
    let quiet = occtl(&["sessions", &id, "-q"]).run().ok().stdout;
    assert_eq!(quiet.lines().count(), 2);

    let chain = occtl(&["chain", &id, "-s", child]).run().ok().stdout;
    let lines: Vec<&str> = chain.lines().collect();
    assert!(lines[1].starts_with(&format!("  {root}")), "{chain}");
    assert!(lines[2].starts_with(&format!("→ {child}")) && lines[2].contains(&root), "{chain}");
    let relations = |one: &str| {
        let chain = json(&["chain", &id, "-s", one]);
        let rows = chain["conversations"].as_array().unwrap().iter();
        rows.map(|row| row["relation"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(relations(&root), ["self", "child"]);
    assert_eq!(relations(child), ["ancestor", "self"]);

    let used = json(&["usage", &id, "-s", &root]);
    assert_eq!(used["conversations"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&used["total"]["steps"], &used["total"]["tokens"]["input"]),
        (&json!(3), &json!(300))
    );

    // A fork is a root conversation with a copy of the messages, and did not pay for them.
    send(&sandbox, &id, &["-s", &root, "second"]);
    let messages = json(&["tail", &id, "-s", &root, "-n", "100"])["messages"].clone();
    let second = messages.as_array().unwrap().iter().find(|one| one["text"] == "second").unwrap();
    let before = json(&["status", &id])["last_activity"].clone();
    let second = second["id"].as_str().unwrap();
    let forked = json(&["fork", &id, "-s", &root, "-m", second]);
    let fork = forked["conversation"].as_str().unwrap();
    assert_eq!(forked["parent"], json!(root));
    assert_eq!(
        json(&["tail", &id, "-s", fork, "-n", "9"])["messages"].as_array().unwrap().len(),
        3
    );
    assert!(json(&["status", &id])["last_activity"].as_str() > before.as_str());
    assert_eq!(json(&["usage", &id, "-s", fork])["total"]["cost_usd"], 0.0);
    let unknown = occtl(&["fork", &id, "-s", &root, "-m", "msg_nobody"]).run().fails(3);
    assert!(unknown.stderr.contains("no message msg_nobody"), "{}", unknown.stderr);
    // It is no way around the rule that keeps the model from running occtl.
    let exported = occtl(&["export", &id, "-s", fork]).run().ok().json();
    let rule = json!({"permission": "bash", "pattern": "occtl *", "action": "deny"});
    if can("a fork can be given rules") {
        let rules = exported["info"]["permission"].as_array().unwrap();
        assert!(rules.contains(&rule), "{rules:?}");
    }
    let plain = occtl(&["fork", &id, "-s", &root]).run().ok().stdout;
    let copy = plain.lines().next().unwrap().strip_prefix("Forked: ").unwrap();
    assert_eq!(plain, format!("Forked: {copy}\n  Parent: {root}\n"));
    assert_eq!(
        occtl(&["export", &id, "-s", copy]).run().ok().json()["messages"].as_array().unwrap().len(),
        5
    );
    let file = sandbox.work().join("talk.json");
    let words = ["export", &id, "-s", copy, "-o", file.to_str().unwrap()];
    assert_eq!(
        occtl(&words).run().ok().stdout,
        format!("Exported 5 messages to {}\n", file.display())
    );
    let written: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(written["info"]["id"], json!(copy));

    // A busy conversation is not deleted by accident.
    occtl(&["send", &id, "-s", copy, "[[silence]]"]).run().ok();
    crate::support::processes::poll(std::time::Duration::from_secs(20), || {
        let listed = json(&["sessions", &id]);
        let rows = listed["conversations"].as_array().unwrap().clone();
        rows.iter().any(|row| row["id"] == copy && row["state"] == "running").then_some(())
    })
    .expect("a busy conversation");
    let busy = occtl(&["delete", &id, copy]).run().fails(1);
    assert!(busy.stderr.contains("--force"), "{}", busy.stderr);
    let deleted = occtl(&["delete", &id, "--force", copy, fork, "ses_nobody"]).run().fails(3);
    assert_eq!(deleted.stdout, format!("Deleted: {copy}\nDeleted: {fork}\n"));
    occtl(&["tail", &id, "-s", copy]).run().fails(3);
    assert_eq!(json(&["delete", &id, &root])["deleted"], json!([root]));
    assert_eq!(occtl(&["sessions", &id, "-q"]).run().ok().stdout, "", "its sub-agents' go with it");
}

#[test]
fn changes_and_plans_of_a_turn() {
    let (sandbox, _model) = Sandbox::real("changes");
    let git = |words: &[&str]| drop(sandbox.command("git", words).run().ok());
    std::fs::write(sandbox.work().join("a.txt"), "a\n").unwrap();
    git(&["init", "-q"]);
    git(&["add", "-A"]);
    git(&["-c", "user.email=a@b", "-c", "user.name=a", "commit", "-qm", "first"]);
    let id = start(&sandbox);
    let json = |words: &[&str]| sandbox.occtl(words).args(&["--json"]).run().ok().json();
    let root = send(&sandbox, &id, &["[[echo nothing yet]]"]);
    assert_eq!(sandbox.occtl(&["diff", &id]).run().ok().stdout, "No changes\n");
    assert_eq!(sandbox.occtl(&["todo", &id]).run().ok().stdout, "Nothing to do\n");
    send(&sandbox, &id, &["-s", &root, "[[bash echo b >> a.txt]] [[echo ok]]"]);
    let todo = r#"{"todos":[{"content":"dig","status":"in_progress","priority":"high","id":"1"},{"content":"plant\u001b","status":"pending","priority":"low","id":"2"}]}"#;
    let prompt = format!(
        "[[bash printf 'x\\ny\\n' > 'odd name.txt']] [[tool todowrite {todo}]] [[echo ok]]"
    );
    let turn = json(&["send", &id, "--wait", "-s", &root, &prompt]);
    // What this turn changed, and not what the one before it did; or nothing is said of it.
    if turn["files"].is_array() || can("each turn tells what it changed") {
        assert_eq!(turn["files"], json!([{"path": "odd name.txt", "added": 2, "removed": 0}]));
    }
    assert_eq!(sandbox.occtl(&["todo", &id]).run().ok().stdout, "[~] dig\n[ ] plant\\x1b\n");
    assert_eq!(json(&["todo", &id])["todos"][0]["status"], "in_progress");
    if !can("each prompt keeps what it changed") {
        return;
    }
    // The server writes a turn's changes down a moment after its end.
    let whole = crate::support::processes::poll(std::time::Duration::from_secs(20), || {
        let whole = json(&["diff", &id]);
        (whole["files"].as_array().unwrap().len() == 2).then_some(whole)
    })
    .expect("two changed files");
    assert_eq!(whole["files"][0]["path"], "a.txt");
    assert_eq!(whole["files"][1]["added"], 2);
    assert_eq!(whole["files"][1]["status"], "added");
    let names = sandbox.occtl(&["diff", &id, "-q"]).run().ok().stdout;
    assert_eq!(names, "a.txt\nodd name.txt\n");
    let patch = sandbox.occtl(&["diff", &id, "--patch"]).run().ok().stdout;
    assert!(patch.contains("+b\n") && patch.contains("+++ odd name.txt"), "{patch}");
    let prompts = json(&["tail", &id, "--role", "user"]);
    let turn = prompts["messages"][1]["id"].as_str().unwrap();
    let of_turn = json(&["diff", &id, "--turn", turn]);
    assert_eq!(of_turn["files"].as_array().unwrap().len(), 1, "{of_turn}");
    sandbox.occtl(&["diff", &id, "--turn", "msg_nobody"]).run().fails(3);
}

#[test]
fn all_conversations_of_this_directory_are_seen_and_no_others() {
    let (sandbox, model) = Sandbox::real("many");
    let other = sandbox.root().join("other");
    sandbox.configure(&other, &crate::support::opencode::config(&model));
    // Directories that are no git repository share one project on one database.
    let (id, elsewhere) =
        (start(&sandbox), sandbox.occtl(&["start", "-q", "-t", "120"]).cwd(&other).run().ok());
    let elsewhere = elsewhere.stdout.trim().to_owned();
    let url = |id: &str| {
        let status = sandbox.occtl(&["status", id, "--json"]).run().ok().json();
        (status["url"].as_str().unwrap().to_owned(), credentials(&sandbox, id))
    };
    let open = |(url, credentials): &(String, String)| {
        let headers =
            [("authorization", credentials.as_str()), ("content-type", "application/json")];
        let body = br#"{"title":"t"}"#;
        let created = request("POST", &format!("{url}/session"), &headers, body).unwrap();
        created.json()["id"].as_str().unwrap().to_owned()
    };
    let (here, there) = (url(&id), url(&elsewhere));
    let oldest = open(&here);
    for _ in 0..110 {
        open(&here);
    }
    let foreign = open(&there);
    let ids = sandbox.occtl(&["sessions", &id, "-q"]).run().ok().stdout;
    assert_eq!(ids.lines().count(), 111);
    assert!(ids.contains(&oldest) && !ids.contains(&foreign));
    // The newest is the one that was used last, however many were opened after it.
    send(&sandbox, &id, &["-s", &oldest, "again"]);
    let latest = sandbox.occtl(&["tail", &id, "--json"]).run().ok().json();
    if can("a prompt makes its conversation the newest") {
        assert_eq!(latest["conversation"], json!(oldest));
    }
}

/// What a server wants to see before it answers.
fn credentials(sandbox: &Sandbox, id: &str) -> String {
    let store = std::fs::read_to_string(sandbox.data().join("store.json")).unwrap();
    let store: Value = serde_json::from_str(&store).unwrap();
    let password = store["sessions"][id]["password"].as_str().unwrap();
    format!("Basic {}", STANDARD.encode(format!("opencode:{password}")))
}
