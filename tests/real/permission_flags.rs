//! What `--allow`, `--deny` and `--unlisted` promise, held against what the real server lets
//! happen.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::versions::can;
use crate::support::command::Outcome;
use crate::support::model::Model;
use crate::support::opencode::config;
use crate::support::sandbox::Sandbox;
use crate::support::session::Session;

/// Writes the todo list. The tools `glob` and `grep` need a program that is not on every machine.
const TODO: &str = "[[tool todowrite {\"todos\":[{\"content\":\"x\",\"status\":\"pending\",\
                    \"priority\":\"low\",\"id\":\"1\"}]}]][[echo x]]";

/// A tool of the configuration's own, which OpenCode never asks about.
const OWN_TOOL: &str =
    "export default { description: 'own', args: {}, async execute() { return 'OWN TOOL RAN' } }\n";

/// A sandbox whose workdir is a repository with the remote `origin`, with `permission` configured.
fn repository(name: &str, permission: &Value) -> (Sandbox, Model) {
    let (sandbox, model) = Sandbox::real(name);
    let mut configured = config(&model);
    configured["permission"] = permission.clone();
    sandbox.configure(&sandbox.work(), &configured);
    std::fs::write(sandbox.work().join("a.txt"), "inside\n").unwrap();
    std::fs::write(sandbox.work().join(".env"), "SECRET=1\n").unwrap();
    let remote = remote(&sandbox);
    git(sandbox.root(), &["init", "-q", "--bare", remote.to_str().unwrap()]);
    git(&sandbox.work(), &["init", "-q", "-b", "main"]);
    git(&sandbox.work(), &["remote", "add", "origin", remote.to_str().unwrap()]);
    git(&sandbox.work(), &["add", "a.txt"]);
    let who = ["-c", "user.name=x", "-c", "user.email=x@localhost"];
    git(&sandbox.work(), &[&who[..], &["commit", "-qm", "x"]].concat());
    (sandbox, model)
}

fn remote(sandbox: &Sandbox) -> PathBuf {
    sandbox.root().join("remote.git")
}

fn git(directory: &Path, words: &[&str]) -> String {
    let output = Command::new("git").args(words).current_dir(directory).output().unwrap();
    assert!(output.status.success(), "git {words:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What has been pushed.
fn pushed(sandbox: &Sandbox) -> String {
    git(&remote(sandbox), &["for-each-ref"])
}

impl Session<'_> {
    /// `send --wait --json` with a title, so that the model is called for nothing else.
    fn turn(&self, prompt: &str, flags: &[&str]) -> Outcome {
        self.run("send", &[&["--wait", "--json", prompt], flags].concat())
    }

    fn made(&self, name: &str) -> bool {
        Path::new(self.directory()).join(name).exists()
    }

    /// The rules that a conversation has.
    fn rules(&self, conversation: &str) -> Vec<Value> {
        let found = self.get(&format!("/session/{conversation}"));
        found["permission"].as_array().cloned().unwrap_or_default()
    }

    fn messages(&self, conversation: &str) -> usize {
        self.get(&format!("/session/{conversation}/message")).as_array().unwrap().len()
    }
}

fn id(record: &Value) -> &str {
    record["conversation"].as_str().unwrap()
}

/// What a rule of a record is, without those against occtl.
fn rules(record: &Value) -> Vec<String> {
    let all = record["rules"].as_array().unwrap().iter();
    let own = all.filter(|rule| rule["by"] != "occtl");
    own.map(|rule| {
        let text = |key: &str| rule[key].as_str().unwrap_or("null").to_owned();
        let (permission, pattern) = (text("permission"), text("pattern"));
        format!("{permission}:{pattern} {} ({})", text("action"), text("by"))
    })
    .collect()
}

#[test]
fn what_deny_names_does_not_happen_although_opencode_would_not_ask() {
    let (sandbox, model) = repository("deny", &json!({}));
    let session = Session::start(&sandbox, &[]);
    let push = "[[bash git push origin main]][[echo seen]]";
    let flags = ["--allow", "bash:git *", "--deny", "bash:git push*", "--on-permission", "fail"];
    let record = session.turn(push, &flags).ok().json();
    assert_eq!(
        (&record["answer"], &record["tools"][0]["status"]),
        (&json!("seen"), &json!("error"))
    );
    assert_eq!(pushed(&sandbox), "");
    let said = rules(&record).join(", ");
    assert!(said.contains("bash:git push* deny (--deny bash:git push*)"), "{said}");
    assert_eq!(record["unlisted"], "config");
    let own: Vec<Value> = record["rules"].as_array().unwrap().iter().map(without_by).collect();
    assert_eq!(session.rules(id(&record)), own, "the record says which rules the server has");
    let denied = session.turn("[[bash git push origin main]][[empty]]", &flags).fails(6);
    assert_eq!(denied.json()["outcome"], "blocked");

    // Without waiting the rule holds as well.
    session.run("send", &[push, "--deny", "bash:git push*"]).ok();
    session.wait_until_idle();
    assert_eq!(pushed(&sandbox), "");
    session.turn("[[bash touch wall]][[echo x]]", &["--deny", "bash"]).ok();
    let offered = model.requests().last().unwrap()["tools"].to_string();
    assert!(!can("a rule takes its tool away") || !offered.contains("\"bash\""), "{offered}");
    let path = Path::new(session.directory()).join("written").display().to_string();
    let write = format!("[[write {path} x]][[echo x]]");
    session.turn(&write, &["--deny", "edit"]).ok();
    let policy = sandbox.root().join("policy.json");
    std::fs::write(&policy, json!({"deny": ["edit"]}).to_string()).unwrap();
    session.turn(&write, &["--policy", policy.to_str().unwrap()]).ok();
    assert!(!session.made("wall") && !session.made("written"));

    // A sub-agent.
    let task = "[[task {{bash touch below}} {{echo child}}]][[echo parent]]";
    let told = session.turn(task, &["--deny", "bash:touch *"]).ok();
    assert!(!session.made("below"));
    let reaches = can("rules of a conversation reach its sub-agents");
    assert_eq!(told.stderr.contains("task is denied as well"), !reaches, "{}", told.stderr);
    // The same without the flags: that these prompts do something shows what kept them from it.
    session.turn(task, &[]).ok();
    session.turn(&write, &[]).ok();
    session.turn(push, &[]).ok();
    assert!(session.made("below") && session.made("written") && pushed(&sandbox).contains("main"));
}

fn without_by(rule: &Value) -> Value {
    json!({"permission": rule["permission"], "pattern": rule["pattern"], "action": rule["action"]})
}

#[test]
fn behind_a_wall_only_what_is_allowed_and_reading_happens() {
    let (sandbox, _model) = repository("wall", &json!({}));
    let session = Session::start(&sandbox, &[]);
    let outside = sandbox.root().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("o.txt"), "outside\n").unwrap();
    let work = session.directory().to_owned();
    let outside = outside.display();
    let denied = [
        "[[bash touch no]][[echo x]]".to_owned(),
        format!("[[write {work}/no x]][[echo x]]"),
        format!("[[read {outside}/o.txt]][[echo x]]"),
        format!("[[read {work}/.env]][[echo x]]"),
        "[[tool webfetch {\"url\":\"http://127.0.0.1:9/\",\"format\":\"text\"}]][[echo x]]".into(),
        "[[task {{bash touch no}}]][[echo x]]".into(),
        "[[bash git status && touch no]][[echo x]]".into(),
        "[[bash occtl list]][[echo x]]".into(),
    ];
    let wall = ["--unlisted", "deny", "--allow", "bash:git *", "--deny", "bash:git push*"];
    for prompt in &denied {
        let record = session.turn(prompt, &wall).ok().json();
        let tool = &record["tools"][0];
        let kept = tool["status"] == "error" || tool["name"] == "invalid";
        assert!(kept && record["asks"] == json!([]), "{prompt}: {record}");
    }
    assert!(!session.made("no"));
    let run = |prompt: &str, flags: &[&str]| {
        let record = session.turn(prompt, &[&wall, flags].concat()).ok().json();
        assert_eq!(record["tools"][0]["status"], "completed", "{prompt}: {record}");
        record
    };
    run("[[bash git status]][[echo x]]", &[]);
    run(&format!("[[read {work}/a.txt]][[echo x]]"), &[]);
    run(TODO, &[]);
    let record = run(&format!("[[write {work}/yes x]][[echo x]]"), &["--allow", "edit"]);
    assert!(session.made("yes"));
    assert_eq!(record["unlisted"], "deny");
    let held = rules(&record);
    let place = |rule: &str| {
        let found = held.iter().position(|held| held == rule);
        found.unwrap_or_else(|| panic!("no {rule} in {held:#?}"))
    };
    assert_eq!(place("*:* deny (--unlisted deny)"), 0);
    let order = [
        place("read:* allow (--unlisted deny)"),
        place("bash:git * allow (--allow bash:git *)"),
        place("edit:* allow (--allow edit:*)"),
        place("question:* deny (agent build)"),
        place("task:* deny (--unlisted deny)"),
        place("bash:git push* deny (--deny bash:git push*)"),
    ];
    assert!(order.is_sorted(), "{held:#?}");
}

#[test]
fn under_unlisted_ask_what_is_not_listed_is_asked_for_and_what_is_allowed_is_not() {
    let (sandbox, _model) = repository("unlisted-ask", &json!({}));
    let session = Session::start(&sandbox, &[]);
    let asks = ["--unlisted", "ask", "--on-permission", "reject"];
    let record = session.turn("[[bash touch no]][[echo x]]", &asks).ok().json();
    assert_eq!(record["asks"][0]["decision"], "reject", "{record}");
    let read = format!("[[read {}/.env]][[echo x]]", session.directory());
    let record = session.turn(&read, &asks).ok().json();
    assert_eq!(record["tools"][0]["status"], "error", "{record}");
    // Where the agent denies it, so do the rules.
    let decision =
        if can("the agent asks before it reads .env") { "reject".into() } else { Value::Null };
    assert_eq!(record["asks"][0]["decision"], decision, "{record}");
    let allow = [&asks[..], &["--allow", "bash:touch *"]].concat();
    let record = session.turn("[[bash touch asked]][[echo x]]", &allow).ok().json();
    assert!(session.made("asked") && !session.made("no"), "{record}");
    assert_eq!(record["asks"], json!([]), "what is allowed is not asked for");
}

#[test]
fn no_flag_lifts_what_the_configuration_denies() {
    let permission = json!({"bash": {"*": "allow", "rm *": "deny"}, "edit": "deny"});
    let (sandbox, _model) = repository("configured", &permission);
    let session = Session::start(&sandbox, &[]);
    std::fs::write(sandbox.work().join("precious"), "").unwrap();
    let work = session.directory().to_owned();
    let allow = ["--allow", "bash", "--allow", "bash:rm *", "--allow", "edit", "--allow", "*"];
    for unlisted in ["config", "ask", "deny"] {
        let more = ["--unlisted", unlisted, "--on-permission", "approve"];
        let flags = [&allow[..], &more].concat();
        session.turn("[[bash rm precious]][[echo x]]", &flags).ok();
        session.turn(&format!("[[write {work}/written x]][[echo x]]"), &flags).ok();
        assert!(session.made("precious") && !session.made("written"), "{unlisted}");
        session.turn(&format!("[[bash touch {unlisted}]][[echo x]]"), &flags).ok();
        assert!(session.made(unlisted), "{unlisted} lets be what the configuration allows");
    }
}

#[test]
fn a_given_conversation_gets_the_rules_once_or_the_prompt_is_not_sent() {
    let (sandbox, _model) = repository("given", &json!({}));
    let session = Session::start(&sandbox, &[]);
    let opened = session.turn("[[echo hello]]", &[]).ok().json();
    let conversation = id(&opened);
    let before = (session.rules(conversation), session.messages(conversation));
    let push = "[[bash git push origin main]][[echo seen]]";
    let flags = ["-s", conversation, "--deny", "bash:git push*"];
    if !can("a conversation can be given rules later") {
        let refused = session.turn(push, &flags).fails(1).json_error();
        assert_eq!(refused["reason"], "unsupported", "{refused}");
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains(opened["opencode_version"].as_str().unwrap()), "{message}");
        assert_eq!((session.rules(conversation), session.messages(conversation)), before);
        // What needs no rule needs no PATCH, nor do rules that the conversation was opened with.
        session.turn("[[echo again]]", &flags[..2]).ok();
        let walled = session.turn("[[echo hello]]", &flags[2..]).ok().json();
        session.turn(push, &["-s", id(&walled), flags[2], flags[3]]).ok();
        assert_eq!(pushed(&sandbox), "");
        return;
    }
    // Where rules do not reach sub-agents, `task` is denied with them.
    let added = if can("rules of a conversation reach its sub-agents") { 1 } else { 2 };
    for flags in [&flags[..], &flags, &["-c", "--deny", "bash:git push*"]] {
        let record = session.turn(push, flags).ok().json();
        assert_eq!(record["tools"][0]["status"], "error", "{record}");
        assert_eq!(session.rules(conversation).len(), before.0.len() + added, "appended once");
        let newest = record["rules"].as_array().unwrap().last().unwrap();
        assert_eq!(newest["by"], "--deny bash:git push*", "{record}");
    }
    let walled = session.turn("[[echo hello]]", &flags[2..]).ok().json();
    let rules = session.rules(id(&walled));
    session.turn(push, &["-s", id(&walled), flags[2], flags[3]]).ok();
    assert_eq!(session.rules(id(&walled)), rules, "what it was opened with holds");
    assert_eq!(pushed(&sandbox), "");
    let wall = ["-s", conversation, "--unlisted", "deny", "--allow", "bash"];
    for _ in 0..2 {
        let record = session.turn(push, &wall).ok().json();
        assert_eq!(record["tools"][0]["status"], "error", "an earlier denial stays: {record}");
    }
    let walled = session.rules(conversation).len();
    session.turn("[[bash touch ran]][[echo x]]", &wall).ok();
    assert!(session.made("ran") && pushed(&sandbox).is_empty());
    assert_eq!(session.rules(conversation).len(), walled, "appended once");
    // A turn that is going on would go on by the old rules, and hand them to the prompt that takes
    // over.
    let slow = session.run("send", &["[[bash sleep 600]]"]).ok().stdout.trim().to_owned();
    let busy = session.turn("[[echo x]]", &["-s", &slow, "--deny", "bash"]);
    assert_eq!(busy.fails(1).json_error()["reason"], "busy");
    session.run("abort", &["-s", &slow]).ok();
}

#[test]
fn a_rule_that_the_server_does_not_know_or_cannot_hold_is_refused_before_anything_is_sent() {
    let (mut sandbox, model) = Sandbox::real("unknown-rule");
    // For tools of its own the server asks the registry for a package, again and again.
    sandbox.set_env("npm_config_fetch_retries", "0");
    let mut configured = config(&model);
    configured["mcp"] =
        json!({"my.server": {"type": "local", "command": ["false"], "enabled": false}});
    sandbox.configure(&sandbox.work(), &configured);
    let tools = sandbox.work().join(".opencode/tool");
    std::fs::create_dir_all(&tools).unwrap();
    std::fs::write(tools.join("mytool.js"), OWN_TOOL).unwrap();
    let session = Session::start(&sandbox, &[]);
    let refused = |status: i32, flags: &[&str]| {
        session.turn("[[tool mytool {}]][[echo x]]", flags).fails(status).json_error()
    };
    for (flags, hint) in [
        (&["--deny", "rm"][..], "'bash:rm *'"),
        (&["--allow", "webfetsh"], "did you mean webfetch?"),
        (&["--allow", "bash git *"], "did you mean 'bash:git *'?"),
        (&["--deny", "write"], "did you mean edit?"),
        (&["--allow", "task", "--unlisted", "ask"], "sub-agent"),
    ] {
        let error = refused(2, flags);
        let said = error["hint"].as_str().unwrap();
        assert!(said.contains(hint), "{error}");
    }
    let can_take_away = can("a rule takes its tool away");
    let unsupported = |flags: &[&str]| {
        let error = refused(1, flags);
        assert_eq!(error["reason"], "unsupported", "{flags:?}: {error}");
        assert!(error["message"].as_str().unwrap().contains("mytool"), "{error}");
    };
    unsupported(&["--unlisted", "ask"]);
    if !can_take_away {
        unsupported(&["--unlisted", "deny"]);
        unsupported(&["--deny", "mytool"]);
        assert_eq!(refused(1, &["--deny", "question"])["reason"], "unsupported");
    }
    assert_eq!(session.get("/session"), json!([]), "no conversation was opened");

    let ran = |flags: &[&str]| {
        let record = session.turn("[[tool mytool {}]][[echo x]]", flags).ok().json();
        let tools = session.tools(id(&record));
        tools.iter().any(|(_, _, said)| said.contains("OWN TOOL RAN"))
    };
    assert!(ran(&["--unlisted", "deny", "--allow", "mytool"]));
    assert!(ran(&["--allow", "my_server_x", "--deny", "bash"]));
    if can_take_away {
        assert!(!ran(&["--unlisted", "deny"]));
        assert!(!ran(&["--unlisted", "ask", "--deny", "mytool"]));
        assert!(!ran(&["--deny", "my*"]));
    }
}
