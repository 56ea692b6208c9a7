//! `test-permission` says what the real server does, and rules keep a model from running occtl.

use serde_json::json;

use super::versions::can;
use crate::support::model::Model;
use crate::support::opencode::config;
use crate::support::processes::poll;
use crate::support::sandbox::Sandbox;
use crate::support::session::{SOON, Session};

/// Commands that do no harm when they are allowed. The rules for them are in [`with_rules`].
const COMMANDS: [&str; 48] = [
    "ls",
    "ls -a",
    "lsx",
    "ls  -a",
    "true",
    "git",
    "git status",
    "git push",
    "git push origin main",
    "git pushx",
    "gitk",
    "echo 1",
    "echo 12",
    "echo [a]",
    "echo a",
    "echo x.env",
    "echo x_env",
    "echo (a)",
    "printf a\\b",
    "printf a/b",
    "printf é",
    "printf 😀",
    "printf 😀😀",
    "echo 'a && git push'",
    "echo 1 && git push",
    "git push && echo 1",
    "true && git push",
    "echo 1 && true",
    "echo 1; echo 1",
    "ls | true",
    "ls | git push",
    "ls $(git push)",
    "ls `git push`",
    "ls > out.txt",
    "ls && ls > out.txt",
    "X=1 git push",
    "(git push)",
    "if ls; then git push; fi",
    "for i in 1; do ls; done",
    "cd .",
    "cd . && ls",
    "x=1",
    "ls # git push",
    "# git push",
    "cat <<X\ngit push\nX",
    "ls &",
    "! ls",
    "ls || git push",
];

/// Whether the error of a tool says that a rule denied it.
fn is_denial(said: &str) -> bool {
    said.contains("prevents") || said.contains("PermissionDenied")
}

/// A sandbox whose configuration has rules for the commands.
fn with_rules(name: &str) -> (Sandbox, Model) {
    let (sandbox, model) = Sandbox::real(name);
    let mut configured = config(&model);
    // The order of the rules counts, and serde_json sorts keys: the file is written as text.
    configured["permission"] = json!("RULES");
    let rules = r#"{"bash":{"*":"ask","ls *":"allow","git *":"allow","git push *":"deny",
        "echo ?":"allow","echo [a]":"deny","echo *.env":"deny","echo (*":"deny",
        "printf a\\b":"deny","printf ??":"allow","ls > *":"deny","cat *":"allow"}}"#;
    let text = configured.to_string().replace("\"RULES\"", rules);
    std::fs::write(sandbox.work().join("opencode.json"), text).unwrap();
    (sandbox, model)
}

#[test]
fn test_permission_says_what_the_real_server_does() {
    let (sandbox, _model) = with_rules("test-permission");
    let session = Session::start(&sandbox, &["--allow-occtl-commands"]);
    let conversations: Vec<String> =
        COMMANDS.iter().map(|command| session.prompt(&format!("[[bash {command} ]]"))).collect();
    let mut wrong = Vec::new();
    for (command, conversation) in COMMANDS.iter().zip(&conversations) {
        let real = poll(SOON, || {
            let asks = session.get("/permission");
            let asked = asks.as_array()?.iter().any(|ask| ask["sessionID"] == **conversation);
            if asked {
                return Some("ask");
            }
            let tools = session.tools(conversation);
            match tools.first()? {
                (_, status, _) if status == "completed" => Some("allow"),
                // 1.2.27 and 1.3.2 give the name of the error alone.
                (_, status, said) if status == "error" && is_denial(said) => Some("deny"),
                _ => None,
            }
        });
        let told = session.run("test-permission", &[command, "--json"]);
        let action = told.json()["action"].clone();
        assert_eq!(told.status, if action == "allow" { 0 } else { 6 }, "{command}");
        if real.is_none() || action != real.unwrap_or_default() {
            wrong.push(format!("{command:?}: really {real:?}, told {action}"));
        }
    }
    assert!(!can("patterns match as documented") || wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn test_permission_names_the_rule_that_decides_and_takes_agents_and_the_flags_of_send() {
    let (sandbox, _model) = with_rules("deciding-rule");
    let session = Session::start(&sandbox, &["--allow-occtl-commands"]);
    let said = |words: &[&str]| session.run("test-permission", words).stdout;
    assert_eq!(said(&["git status"]), "✅ allow — git status\nMatched: bash:git * → allow\n");
    assert_eq!(said(&["git push -f"]), "🚫 deny — git push -f\nMatched: bash:git push * → deny\n");
    assert_eq!(said(&["make"]), "❓ ask — make\nMatched: bash:* → ask\n");
    let edit = session.run("test-permission", &["src/x", "-a", "plan", "--permission", "edit"]);
    assert_eq!(edit.fails(6).stdout, "🚫 deny — src/x\nMatched: edit:* → deny\n");
    // As `send` with the same flags would have it.
    let denied = ["--deny", "bash:git *"];
    assert_eq!(
        session.run("test-permission", &[&["git status"], &denied[..]].concat()).fails(6).stdout,
        "🚫 deny — git status\nMatched: bash:git * → deny\n"
    );
    let allowed = said(&["make", "--allow", "bash:make"]);
    assert_eq!(allowed, "✅ allow — make\nMatched: bash:make → allow\n");
    let walled = ["ls", "--unlisted", "deny", "--allow", "bash:git *"];
    assert_eq!(
        session.run("test-permission", &walled).fails(6).stdout,
        "🚫 deny — ls\nMatched: *:* → deny\n"
    );
    let sent = session.run("send", &[&["[[echo x]]"], &denied[..]].concat()).ok();
    let given = ["git status", "-s", sent.stdout.trim()];
    session.run("test-permission", &given).fails(6);
    let planning = Session::start(&sandbox, &["--agent", "plan"]);
    planning.run("test-permission", &["src/x", "--permission", "edit"]).fails(6);
    let unknown = session.run("test-permission", &["ls", "-a", "unknown"]).fails(3);
    assert!(unknown.stderr.contains("build"), "{}", unknown.stderr);
    sandbox.occtl(&["test-permission", "oc-00000000", "ls"]).run().fails(3);
}

/// Ways to run occtl that a model may find.
const WAYS: [&str; 26] = [
    "occtl list",
    "occtl",
    "echo a && occtl list",
    "echo $(occtl list)",
    "occtl list | cat",
    "occtl>out",
    "X=1 occtl list",
    "BIN/occtl list",
    "BIN/occtl",
    "\"occtl\" list",
    "\\occtl list",
    "sh -c 'occtl list'",
    "bash -c \"occtl list\"",
    "bash -lc 'cd . && occtl list'",
    "/bin/sh -c occtl",
    "env occtl list",
    "env X=1 occtl list",
    "command occtl list",
    "exec occtl list",
    "nohup occtl list",
    "timeout 5 occtl list",
    "time occtl list",
    "echo list | xargs occtl",
    "eval 'occtl list'",
    "sh <<X\nocctl list\nX",
    "for i in 1; do occtl list; done",
];

/// Commands that only contain the word.
const HARMLESS: [&str; 10] = [
    "echo about occtl",
    "echo occtl",
    "ls -d occtl.md",
    "echo see docs/occtl.md",
    "ls /srv/occtl",
    "command -v occtl",
    "make -n occtl",
    "bash -c \"echo occtl\"",
    "FOO=1 echo hi occtl x",
    "echo occtl.md | xargs -n 1 grep -c occtl",
];

#[test]
fn a_model_cannot_run_occtl_unless_it_is_allowed() {
    let (sandbox, _model) = Sandbox::real("no-occtl");
    sandbox.install("occtl", "#!/bin/sh\necho OCCTL RAN\n");
    std::fs::write(sandbox.work().join("occtl.md"), "").unwrap();
    let session = Session::start(&sandbox, &[]);
    let send = |session: &Session, prompt: &str| {
        let sent = session.run("send", &[prompt]).ok();
        sent.stdout.trim().to_owned()
    };
    let command = |way: &str| way.replace("BIN", &sandbox.bin().display().to_string());
    let prompt = |way: &&str| send(&session, &format!("[[bash {}]]", command(way)));
    let conversations: Vec<String> = WAYS.iter().map(prompt).collect();
    let harmless: Vec<String> = HARMLESS.iter().map(prompt).collect();
    let by_child = send(&session, "[[task {{bash occtl list}}]]");
    session.wait_until_idle();
    let mut ran = Vec::new();
    for (way, conversation) in WAYS.iter().zip(&conversations) {
        let tools = session.tools(conversation);
        let denied =
            tools.iter().all(|(_, status, said)| status == "error" && said.contains("rule"));
        if tools.is_empty() || !denied {
            ran.push(format!("{way:?}: {tools:?}"));
        }
    }
    assert!(!can("patterns match as documented") || ran.is_empty(), "{ran:#?}");
    for (way, conversation) in HARMLESS.iter().zip(&harmless) {
        let tools = session.tools(conversation);
        assert!(tools.iter().all(|(_, status, _)| status == "completed"), "{way}: {tools:?}");
    }
    let children = session.get(&format!("/session/{by_child}/children"));
    let child = children[0]["id"].as_str().expect("a sub-agent");
    let tools = session.tools(child);
    assert_eq!(tools.len(), 1, "{tools:?}");
    let denied = tools[0].1 == "error";
    assert!(!can("rules of a conversation reach its sub-agents") || denied, "{tools:?}");
    let told = session.run("test-permission", &["echo a && occtl list"]).fails(6).stdout;
    assert_eq!(
        told,
        "🚫 deny — echo a && occtl list\nDecided by: occtl list\nMatched: bash:occtl * → deny\n"
    );

    let allowed = Session::start(&sandbox, &["--allow-occtl-commands"]);
    let conversation = send(&allowed, "[[bash occtl list]]");
    let found = allowed.get(&format!("/session/{conversation}"));
    assert!(found["permission"].is_null() || found["permission"] == json!([]), "{found}");
    allowed.wait_until_idle();
    let tools = allowed.tools(&conversation);
    assert!(tools[0].2.contains("OCCTL RAN"), "{tools:?}");
}
