//! What commands show of a session, and which sessions `cleanup` keeps.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::model::Model;
use crate::support::opencode::config;
use crate::support::processes::{kill, poll};
use crate::support::rounds::with_longer_limits;
use crate::support::sandbox::Sandbox;
use crate::support::session::{SOON, Session};

/// A session with secrets and rules in its configuration.
fn configured<'a>(sandbox: &'a Sandbox, model: &Model) -> Session<'a> {
    let mut configured = config(model);
    configured["provider"]["scripted"]["options"]["apiKey"] = "s3cret-key".into();
    configured["provider"]["scripted"]["options"]["headers"] = json!({"x-a": "s3cret-header"});
    configured["permission"] = json!({"bash": {"git *": "ask"}, "edit": "deny"});
    configured["agent"] = json!({"narrow": {"description": "Looks\nonly", "mode": "primary",
        "model": "scripted/other", "permission": {"bash": "deny"}}});
    sandbox.configure(&sandbox.work(), &configured);
    Session::start(sandbox, &[])
}

fn assert_config(session: &Session) {
    let table = session.run("config", &[]).ok().stdout;
    assert!(table.contains("  bash.git *  ask\n") && table.contains("scripted/echo"), "{table}");
    for words in [&[][..], &["-j"], &["all", "--json"], &["agent"], &["permission"], &["tools"]] {
        let shown = session.run("config", words).ok().stdout;
        assert!(!shown.contains("s3cret"), "{shown}");
    }
    let open = session.run("config", &["--show-secrets", "-j"]).ok();
    assert_eq!(open.json()["provider"]["scripted"]["options"]["apiKey"], "s3cret-key");
    let rules = session.run("config", &["permission", "-j"]).ok().json();
    assert_eq!(rules, json!({"bash": {"git *": "ask"}, "edit": "deny"}));
    session.run("config", &["nonsense"]).fails(2);
    session.sandbox.occtl(&["config", "oc-00000000"]).run().fails(3);
}

fn assert_models(session: &Session) {
    let names = session.run("models", &["-q", "SCRIPTED/"]).ok().stdout;
    assert_eq!(names, "scripted/echo\nscripted/other\n");
    let models = session.run("models", &["scripted/other", "--json"]).ok().json();
    let other = &models["models"][0];
    assert_eq!(other["context_tokens"], json!(200_000.0));
    assert_eq!(other["output_cost_usd"], json!(2.0));
    assert!(other["variants"].as_array().unwrap().contains(&json!("high")), "{other}");
    assert_eq!(session.run("models", &["no such"]).ok().stdout, "No models\n");
}

fn assert_agents(session: &Session) {
    let agents = session.run("agents", &["-q"]).ok().stdout;
    let has = |name: &str| agents.lines().any(|line| line == name);
    assert!(has("build") && has("narrow") && !has("title"), "{agents}");
    assert!(session.run("agents", &["-q", "--all"]).ok().stdout.contains("title\n"));
    let table = session.run("agents", &[]).ok().stdout;
    assert!(table.contains("scripted/other") && table.contains("Looks\\nonly"), "{table}");
    let json = session.run("agents", &["--json"]).ok().json();
    let narrow = json["agents"].as_array().unwrap().iter().find(|one| one["name"] == "narrow");
    let rule = json!({"permission": "bash", "pattern": "*", "action": "deny"});
    assert!(narrow.unwrap()["rules"].as_array().unwrap().contains(&rule), "{json}");
    let told = session.run("test-permission", &["git status", "-a", "narrow"]).fails(6);
    assert!(told.stdout.starts_with("🚫 deny"), "{}", told.stdout);
}

#[test]
fn config_models_and_agents_are_shown_without_secrets() {
    let (sandbox, model) = Sandbox::real("inspect");
    let session = configured(&sandbox, &model);
    assert_config(&session);
    assert_models(&session);
    assert_agents(&session);
    // On a server that has died each of these commands has status 4.
    kill(sandbox.server_pid(&session.id));
    for words in [
        &["config"][..],
        &["models"],
        &["agents"],
        &["permissions"],
        &["questions"],
        &["events"],
        &["attach"],
        &["approve", "x"],
        &["reject", "--all"],
        &["answer", "x", "y"],
        &["test-permission", "ls"],
    ] {
        session.run(words[0], &words[1..]).fails(4);
    }
    session.run("touch", &[]).ok();
    let cleaned = sandbox.occtl(&["cleanup", "-m", "1000"]).run().ok();
    assert_eq!(cleaned.stdout, format!("Cleaned up 1 session(s):\n  - {}\n", session.id));
}

#[test]
fn a_busy_session_and_one_with_an_ask_are_never_cleaned_up() {
    let (sandbox, model) = Sandbox::real("busy");
    let mut configured = config(&model);
    configured["permission"] = json!({"bash": {"uname *": "ask"}});
    let other = sandbox.root().join("other");
    sandbox.configure(&sandbox.work(), &configured);
    sandbox.configure(&other, &configured);
    let session = Session::start(&sandbox, &[]);
    let spared = |why: &str| {
        // A busy server may not answer in time; it is spared then, for another reason.
        let said = poll(SOON, || {
            let run = sandbox.occtl(&["cleanup", "-m", "0"]).run().ok();
            assert_eq!(run.stdout, "No idle sessions to clean\n");
            run.stderr.contains(why).then_some(())
        });
        assert!(said.is_some(), "never said: {why}");
    };
    // A tool that prints nothing; 0.4.0 took its session for idle.
    let quiet = session.prompt("[[bash sleep 600]]");
    poll(SOON, || session.tools(&quiet).first().filter(|tool| tool.1 == "running").map(drop))
        .expect("a running tool");
    spared("a turn is going on");
    session.run("abort", &["-s", &quiet]).ok();
    session.wait_until_idle();

    let other = other.to_str().unwrap();
    let far = session.prompt_in(other, "[[bash uname -a]]");
    session.wait_for_asks("/permission", other, 1);
    spared(&far);
    session.run("reject", &["--all"]).ok();
    poll(SOON, || {
        let busy = session.ask("GET", "/session/status", other, &Value::Null);
        busy.json().as_object().is_some_and(|busy| busy.is_empty()).then_some(())
    })
    .expect("the end of the turn");
    let done = poll(SOON, || {
        let run = sandbox.occtl(&["cleanup", "-m", "0"]).run().ok();
        (run.stdout == format!("Cleaned up 1 session(s):\n  - {}\n", session.id)).then_some(())
    });
    done.expect("a cleanup");
    sandbox.wait_for_nothing_left(Duration::from_secs(40));
}

#[test]
fn events_are_printed_one_on_each_line_until_the_server_ends() {
    let (sandbox, _model) = Sandbox::real("events");
    let session = Session::start(&sandbox, &[]);
    let first = with_longer_limits(2.0, |limit| {
        let timed = session.run("events", &["-t", &limit.to_string()]).fails(124);
        timed.json_lines().first().cloned().ok_or(timed.stderr)
    });
    assert_eq!(first["type"], "server.connected");
    let mut running = sandbox.occtl(&["events", &session.id]).spawn();
    running.wait_for_line("server.connected", SOON);
    let conversation = session.prompt("[[echo hello there]]");
    running.wait_for_line("session.idle", SOON);
    let told = session.run("send", &["--stream", "-v", "--title", "t", "[[bash true]][[echo a]]"]);
    assert!(told.stderr.starts_with("occtl: tool bash (true)\n"), "{}", told.stderr);
    let summary = session.run("summary", &["--json"]).ok().json();
    assert_eq!((&summary["state"], &summary["last_text"]), (&json!("idle"), &json!("a")));
    let used = session.run("usage", &["--since", "today", "--by", "model", "--json"]).ok().json();
    // The conversation of the first prompt has one step, that of the second has two.
    assert_eq!(
        (&used["rows"][0]["key"], &used["total"]["steps"]),
        (&json!("scripted/echo"), &json!(3))
    );
    session.run("stop", &[]).ok();
    let ended = running.wait(SOON).fails(4);
    let of = |event: &&Value| event["properties"]["sessionID"] == *conversation;
    assert!(ended.json_lines().iter().filter(of).count() > 5);
    let other = Session::start(&sandbox, &[]);
    let run = sandbox.shell("\"$0\" events \"$1\" | head -1", &[&other.id]).run().ok();
    assert_eq!(run.stdout.lines().count(), 1);
}
