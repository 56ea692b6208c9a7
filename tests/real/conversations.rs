//! `sessions`, `chain`, `fork`, `delete`, `export`, `diff`, `todo`, `usage`.

use serde_json::{Value, json};

use super::send;
use super::versions::can;
use crate::support::command::Outcome;
use crate::support::opencode::config;
use crate::support::processes::poll;
use crate::support::sandbox::Sandbox;
use crate::support::session::{SOON, Session};

/// A session whose conversations a test works with.
struct Talks<'a> {
    sandbox: &'a Sandbox,
    id: String,
}

impl Talks<'_> {
    /// Runs a command on the session.
    #[track_caller]
    fn run(&self, command: &str, words: &[&str]) -> Outcome {
        self.sandbox.occtl(&[&[command, &self.id], words].concat()).run()
    }

    #[track_caller]
    fn json(&self, command: &str, words: &[&str]) -> Value {
        self.run(command, &[words, &["--json"]].concat()).ok().json()
    }

    #[track_caller]
    fn text(&self, command: &str, words: &[&str]) -> String {
        self.run(command, words).ok().stdout
    }

    /// How many messages `tail` shows of a conversation.
    #[track_caller]
    fn count(&self, conversation: &str) -> usize {
        let read = self.json("tail", &["-s", conversation, "-n", "9"]);
        read["messages"].as_array().unwrap().len()
    }

    fn assert_none_yet(&self) {
        assert_eq!(self.text("sessions", &[]), "No conversations\n");
        for command in ["chain", "fork", "tail", "export", "diff", "todo", "usage"] {
            let none = self.run(command, &[]).fails(3);
            assert!(none.stderr.contains("has no conversation yet"), "{command}: {}", none.stderr);
            let unknown = self.run(command, &["-s", "ses_unknown"]).fails(3);
            assert!(unknown.stderr.contains("occtl sessions"), "{command}: {}", unknown.stderr);
            self.run(command, &["-s", "../config"]).fails(3);
            self.sandbox.occtl(&[command, "oc-unknown"]).run().fails(3);
        }
    }

    /// The list of the conversation `root`, which has a sub-agent; gives the sub-agent's id.
    fn assert_listed(&self, root: &str, title: &str) -> String {
        let listed = self.json("sessions", &[]);
        let rows = listed["conversations"].as_array().unwrap();
        assert_eq!((rows.len(), &listed["session"]), (2, &json!(self.id)));
        let of_root = rows.iter().find(|row| row["id"] == root).unwrap();
        let child = rows.iter().find(|row| row["parent"] == root).unwrap()["id"].as_str();
        assert_eq!(of_root["title"], title);
        assert_eq!(of_root["parent"], Value::Null);
        assert_eq!(of_root["state"], "idle");
        assert_eq!(of_root["directory"], json!(self.sandbox.work()));
        if can("a conversation tells its tokens") {
            assert_eq!(of_root["tokens"]["input"], 200);
            assert!(of_root["cost_usd"].as_f64().unwrap() > 0.0);
        }
        let plain = self.text("sessions", &[]);
        assert!(plain.contains("odd\\n\\x1b[31m[bold] 你好"), "{plain}");
        assert_eq!(self.text("sessions", &["-q"]).lines().count(), 2);
        child.unwrap().to_owned()
    }

    fn assert_chained(&self, root: &str, child: &str) {
        let chain = self.text("chain", &["-s", child]);
        let lines: Vec<&str> = chain.lines().collect();
        assert!(lines[1].starts_with(&format!("  {root}")), "{chain}");
        let of_child = lines[2].starts_with(&format!("→ {child}")) && lines[2].contains(root);
        assert!(of_child, "{chain}");
        let relations = |one: &str| {
            let chain = self.json("chain", &["-s", one]);
            let rows = chain["conversations"].as_array().unwrap().iter();
            rows.map(|row| row["relation"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(relations(root), ["self", "child"]);
        assert_eq!(relations(child), ["ancestor", "self"]);
        let used = self.json("usage", &["-s", root]);
        assert_eq!(used["conversations"].as_array().unwrap().len(), 2);
        let total = &used["total"];
        assert_eq!((&total["steps"], &total["tokens"]["input"]), (&json!(3), &json!(300)));
    }

    /// A fork of `root` before its second prompt: a root conversation with a copy of the messages,
    /// whose cost is not counted again. Gives its id.
    fn assert_forked(&self, root: &str) -> String {
        let messages = self.json("tail", &["-s", root, "-n", "100"])["messages"].clone();
        let messages = messages.as_array().unwrap();
        let second = messages.iter().find(|one| one["text"] == "second").unwrap();
        let second = second["id"].as_str().unwrap();
        let last_activity = || self.json("status", &[])["last_activity"].to_string();
        let before = last_activity();
        let forked = self.json("fork", &["-s", root, "-m", second]);
        let fork = forked["conversation"].as_str().unwrap();
        assert_eq!(forked["parent"], json!(root));
        assert_eq!(self.count(fork), 3);
        assert!(last_activity() > before);
        assert_eq!(self.json("usage", &["-s", fork])["total"]["cost_usd"], 0.0);
        let unknown = self.run("fork", &["-s", root, "-m", "msg_unknown"]).fails(3);
        assert!(unknown.stderr.contains("no message msg_unknown"), "{}", unknown.stderr);
        // The rule that keeps the model from running occtl holds in the fork as well.
        let exported = self.run("export", &["-s", fork]).ok().json();
        let rule = json!({"permission": "bash", "pattern": "occtl *", "action": "deny"});
        if can("a conversation can be given rules later") {
            let rules = exported["info"]["permission"].as_array().unwrap();
            assert!(rules.contains(&rule), "{rules:?}");
        }
        fork.to_owned()
    }

    /// A fork of all messages of `root`, and its export. Gives its id.
    fn assert_exported(&self, root: &str) -> String {
        let plain = self.text("fork", &["-s", root]);
        let copy = plain.lines().next().unwrap().strip_prefix("Forked: ").unwrap();
        assert_eq!(plain, format!("Forked: {copy}\n  Parent: {root}\n"));
        let exported = self.run("export", &["-s", copy]).ok().json();
        assert_eq!(exported["messages"].as_array().unwrap().len(), 5);
        let file = self.sandbox.work().join("talk.json");
        let said = self.text("export", &["-s", copy, "-o", file.to_str().unwrap()]);
        assert_eq!(said, format!("Exported 5 messages to {}\n", file.display()));
        let written: Value =
            serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        assert_eq!(written["info"]["id"], json!(copy));
        copy.to_owned()
    }

    /// Deletes the conversations: a busy one only with `--force`, and sub-agents with their root.
    fn assert_deleted(&self, root: &str, fork: &str, busy: &str) {
        self.run("send", &["-s", busy, "[[silence]]"]).ok();
        let is_busy = || {
            let listed = self.json("sessions", &[]);
            let rows = listed["conversations"].as_array().unwrap().iter();
            rows.clone().any(|row| row["id"] == busy && row["state"] == "running").then_some(())
        };
        poll(SOON, is_busy).expect("a busy conversation");
        let refused = self.run("delete", &[busy]).fails(1);
        assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
        let deleted = self.run("delete", &["--force", busy, fork, "ses_unknown"]).fails(3);
        assert_eq!(deleted.stdout, format!("Deleted: {busy}\nDeleted: {fork}\n"));
        self.run("tail", &["-s", busy]).fails(3);
        assert_eq!(self.json("delete", &[root])["deleted"], json!([root]));
        assert_eq!(
            self.text("sessions", &["-q"]),
            "",
            "the conversation of the sub-agent is deleted with its root"
        );
    }
}

#[test]
fn conversations_are_listed_copied_counted_and_deleted() {
    let (sandbox, _model) = Sandbox::real("conversations");
    let talks = Talks { sandbox: &sandbox, id: sandbox.start(&[]) };
    talks.assert_none_yet();
    let title = "odd\n\u{1b}[31m[bold] 你好";
    let root = send(&sandbox, &talks.id, &["--title", title, "[[task {{echo child}}]]"]);
    let child = talks.assert_listed(&root, title);
    talks.assert_chained(&root, &child);
    send(&sandbox, &talks.id, &["-s", &root, "second"]);
    let fork = talks.assert_forked(&root);
    let copy = talks.assert_exported(&root);
    talks.assert_deleted(&root, &fork, &copy);
}

#[test]
fn the_changes_and_the_plan_of_a_turn_are_shown() {
    let (sandbox, _model) = Sandbox::real("changes");
    std::fs::write(sandbox.work().join("a.txt"), "a\n").unwrap();
    for words in [&["init", "-q"][..], &["add", "-A"], &["commit", "-qm", "first"]] {
        sandbox.git(&sandbox.work(), words);
    }
    let id = sandbox.start(&[]);
    let json = |words: &[&str]| sandbox.occtl(words).args(&["--json"]).run().ok().json();
    let root = send(&sandbox, &id, &["[[echo nothing yet]]"]);
    assert_eq!(sandbox.occtl(&["diff", &id]).run().ok().stdout, "No changes\n");
    assert_eq!(sandbox.occtl(&["todo", &id]).run().ok().stdout, "Nothing to do\n");
    send(&sandbox, &id, &["-s", &root, "[[bash echo b >> a.txt]] [[echo ok]]"]);
    let todo = json!({"todos": [
        {"content": "dig", "status": "in_progress", "priority": "high", "id": "1"},
        {"content": "plant\u{1b}", "status": "pending", "priority": "low", "id": "2"},
    ]});
    let prompt = format!(
        "[[bash printf 'x\\ny\\n' > 'odd name.txt']] [[tool todowrite {todo}]] [[echo ok]]"
    );
    let turn = json(&["send", &id, "--wait", "-s", &root, &prompt]);
    // Either the changes of this turn alone are known, and not those of the turn before, or none.
    if turn["files"].is_array() || can("each turn tells what it changed") {
        assert_eq!(turn["files"], json!([{"path": "odd name.txt", "added": 2, "removed": 0}]));
    }
    assert_eq!(sandbox.occtl(&["todo", &id]).run().ok().stdout, "[~] dig\n[ ] plant\\x1b\n");
    assert_eq!(json(&["todo", &id])["todos"][0]["status"], "in_progress");
    if !can("each prompt keeps what it changed") {
        return;
    }
    // The server stores the changes of a turn a moment after its end.
    let whole = poll(SOON, || {
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
    sandbox.occtl(&["diff", &id, "--turn", "msg_unknown"]).run().fails(3);
}

#[test]
fn all_conversations_of_the_directory_are_listed_and_no_others() {
    let (sandbox, model) = Sandbox::real("many");
    let other = sandbox.root().join("other");
    sandbox.configure(&other, &config(&model));
    // Directories that are no git repositories share one project in one database.
    let here = Session::start(&sandbox, &[]);
    let there = Session::start(&sandbox, &["-w", other.to_str().unwrap()]);
    let id = &here.id;
    let open = |session: &Session| {
        let created = session.ask("POST", "/session", session.directory(), &json!({"title": "t"}));
        created.json()["id"].as_str().unwrap().to_owned()
    };
    let oldest = open(&here);
    for _ in 0..110 {
        open(&here);
    }
    let foreign = open(&there);
    let ids = sandbox.occtl(&["sessions", id, "-q"]).run().ok().stdout;
    assert_eq!(ids.lines().count(), 111);
    assert!(ids.contains(&oldest) && !ids.contains(&foreign));
    // The newest conversation is the one that was used last, however many were opened after it.
    send(&sandbox, id, &["-s", &oldest, "again"]);
    let latest = sandbox.occtl(&["tail", id, "--json"]).run().ok().json();
    if can("a prompt makes its conversation the newest") {
        assert_eq!(latest["conversation"], json!(oldest));
    }
}
