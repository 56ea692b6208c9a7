//! OpenCode's own commands and mentions, on one real server.

use serde_json::{Value, json};

use crate::support::model::Model;
use crate::support::opencode::config;
use crate::support::rounds::with_longer_limits;
use crate::support::sandbox::Sandbox;
use crate::support::session::Session;

/// A sandbox whose configuration has commands.
fn with_commands(name: &str) -> (Sandbox, Model) {
    let (sandbox, model) = Sandbox::real(name);
    let mut configured = config(&model);
    configured["command"] = json!({
        "greet": {"template": "[[echo hello $1, $ARGUMENTS]]", "description": "Greets"},
        "delegate": {"template": "[[bash echo $ARGUMENTS > made]]", "subtask": true},
        "planned": {"template": "[[echo planned]]", "agent": "plan", "model": "scripted/other"},
        "fails": {"template": "[[http 401 bad key]]"},
        "shell": {"template": "[[echo $ARGUMENTS !`sleep 1; echo ran`]]"},
        // Up to 1.2.27 the shell is one that is built into OpenCode, without loops.
        "held": {"template": "[[echo x]] !`sh -c 'until [ -e free ]; do sleep 0.1; done'`"},
        "gated": {"template": "[[text so far]][[wait gate]]"},
    });
    sandbox.configure(&sandbox.work(), &configured);
    (sandbox, model)
}

/// Invokes a command and gives the record of its turn.
fn invoke(session: &Session, status: i32, words: &[&str]) -> Value {
    let flags = [&["--title", "t", "--wait", "--json", "--command"], words].concat();
    session.run("send", &flags).fails(status).json()
}

fn assert_commands(session: &Session) {
    let listed = session.run("commands", &["--json"]).ok().json();
    let greet = listed["commands"].as_array().unwrap().iter().find(|one| one["name"] == "greet");
    assert_eq!(greet.unwrap()["description"], "Greets");
    let record = invoke(session, 0, &["greet", "big", "world"]);
    assert_eq!(record["answer"], "hello big world, big world");
    assert_eq!((&record["steps"], &record["agent"]), (&json!(1), &json!("build")));
    let record = invoke(session, 0, &["planned"]);
    assert_eq!((&record["agent"], &record["model"]["id"]), (&json!("plan"), &json!("other")));
    assert_eq!(invoke(session, 5, &["fails"])["error"]["name"], "APIError");
    assert_eq!(invoke(session, 0, &["shell", "it"])["answer"], "it ran");
    let streamed = session.run("send", &["--title", "t", "--stream", "--command", "greet", "x"]);
    assert_eq!(streamed.ok().stdout, "hello x, x\n");
}

/// The work is done by a sub-agent, and the turn goes on under a message of the server.
fn assert_sub_agent(sandbox: &Sandbox, session: &Session) {
    let record = invoke(session, 0, &["delegate", "words"]);
    assert_eq!(record["outcome"], "ok");
    assert_eq!(record["children"].as_array().unwrap().len(), 1, "{record}");
    assert!(record["answer"].as_str().unwrap().starts_with("Summarize the task"), "{record}");
    assert!(record["cost_usd"].is_number(), "{record}");
    assert_eq!(std::fs::read_to_string(sandbox.work().join("made")).unwrap(), "words\n");
}

/// Without --wait the command ends when the server has made the prompt, and the turn goes on.
fn assert_not_waited_for(model: &Model, session: &Session) {
    let begun = session.run("send", &["--title", "t", "--json", "--command", "gated"]).ok().json();
    let turn = begun["turn"].as_str().unwrap();
    model.release("gate");
    let record = session.run("wait", &["--turn", turn, "--json"]).ok().json();
    assert_eq!(record["answer"], "so fardone", "{record}");
    with_longer_limits(0.5, |limit| {
        let flags = ["--title", "t", "-t", &limit.to_string(), "--command", "held"];
        let late = session.run("send", &flags).fails(124).stderr;
        if late.contains("still prepares the command") { Ok(()) } else { Err(late) }
    });
    std::fs::write(session.sandbox.work().join("free"), "").unwrap();
    session.wait_until_idle();
}

fn assert_mentions(sandbox: &Sandbox, model: &Model, session: &Session) {
    std::fs::write(sandbox.work().join("notes.txt"), "first\nsecond\nthird\n").unwrap();
    let words = ["--title", "t", "--wait", "--mentions"];
    // What the model was asked with these words: the command that was not waited for may be asked
    // for at any moment.
    let asked = |text: &str| {
        session.run("send", &[&words[..], &[text]].concat()).ok();
        let requests = model.requests().into_iter().map(|request| request["messages"].to_string());
        requests.rev().find(|messages| messages.contains(text)).expect("a request")
    };
    let lines = asked("[[echo x]] @notes.txt#2-2");
    assert!(lines.contains("second") && !lines.contains("third"), "{lines}");
    let agent = asked("[[echo x]] @general");
    assert!(agent.contains("subagent: general"), "{agent}");
}

#[test]
fn commands_and_mentions_do_on_the_real_server_what_they_do_in_its_own_interface() {
    let (sandbox, model) = with_commands("own-commands");
    let session = Session::start(&sandbox, &[]);
    assert_commands(&session);
    assert_sub_agent(&sandbox, &session);
    assert_not_waited_for(&model, &session);
    assert_mentions(&sandbox, &model, &session);
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_nothing_left();
}
