//! Conversations that are opened with an agent and a model, taken back and summarised.

use serde_json::Value;

use crate::support::sandbox::Sandbox;
use crate::support::session::{SOON, Session};

use super::versions::can;

/// Sends a prompt and waits for its record.
#[track_caller]
fn send(session: &Session, words: &[&str]) -> Value {
    session.run("send", &[&["--wait", "--json"], words].concat()).ok().json()
}

#[test]
fn a_conversation_keeps_the_agent_and_the_model_that_it_was_opened_with() {
    let (sandbox, model) = Sandbox::real("changes");
    // Files are only tracked in a repository.
    sandbox.git(&sandbox.work(), &["init", "-q"]);
    let session = Session::start(&sandbox, &["--agent", "build"]);
    let opened = session.run("new", &["-a", "plan", "-m", "scripted/other", "--json"]);
    // 1.1 keeps neither, and 1.14 no agent.
    if opened.status == 1 {
        assert_eq!(opened.json_error()["reason"], "unsupported");
        assert_eq!(session.run("sessions", &["-q"]).ok().stdout, "");
    } else {
        let conversation = opened.ok().json()["conversation"].clone();
        for (flags, agent) in [(&[][..], "plan"), (&["-a", "build"], "build"), (&[], "plan")] {
            let record = send(&session, &[&["-c", "[[echo one]]"], flags].concat());
            assert_eq!((&record["conversation"], &record["agent"]), (&conversation, &agent.into()));
            assert_eq!(record["model"]["id"], "other");
        }
        let id = conversation.as_str().unwrap();
        let copy = session.run("fork", &["-s", id, "-q"]).ok().stdout;
        assert_eq!(send(&session, &["-s", copy.trim(), "[[echo two]]"])["agent"], "plan");
    }
    revert_and_compact(&session, &model);
}

/// On the same server, because a start costs more than all of this.
fn revert_and_compact(session: &Session, model: &crate::support::model::Model) {
    let file = session.sandbox.work().join("note.txt");
    let text = || std::fs::read_to_string(&file).unwrap_or_default();
    let first = send(session, &["--title", "t", "[[write note.txt old]]"]);
    let steps = "[[text begun]][[write note.txt new]][[echo and done]]";
    let second = send(session, &["-c", steps]);
    let turn = second["turn"].as_str().unwrap();
    let last = session.run("last", &["--json"]).ok().json();
    assert_eq!((&last["text"], &last["answer"]), (&"begun\nand done".into(), &"and done".into()));
    assert_eq!((&last["steps"], &last["turn"]), (&2.into(), &turn.into()));
    assert_eq!(session.run("last", &[]).ok().stdout, "begun\nand done\n");

    let summary = session.run("compact", &["--json"]).ok().json();
    assert_eq!((&summary["outcome"], &summary["agent"]), (&"ok".into(), &"compaction".into()));
    assert!(!summary["answer"].as_str().unwrap().is_empty());
    assert_eq!(session.run("last", &["-q"]).ok().stdout.trim(), turn, "a summary is no answer");

    // The summary is taken back as well.
    let reverted = session.run("revert", &[turn, "--json"]).ok().json();
    assert_eq!(reverted["turn"], turn);
    if reverted["patch"].is_string() {
        assert_eq!(text(), "old");
    }
    assert_eq!(session.run("last", &["-q"]).ok().stdout.trim(), first["turn"].as_str().unwrap());
    let back = session.run("unrevert", &[]).ok().stdout;
    assert_eq!((back, text()), (format!("Brought back: {turn}\n"), "new".into()));
    let none = session.run("unrevert", &["--json"]).ok().json();
    assert_eq!(none["turn"], Value::Null);
    session.run("revert", &[&turn[..turn.len() - 8]]).ok();
    send(session, &["-c", "[[echo again]]"]);
    assert!(session.run("unrevert", &[]).ok().stdout.starts_with("Nothing is taken back"));
    session.run("revert", &[turn]).fails(3);

    // A busy conversation is refused, and a limit aborts a summary like any turn.
    send(session, &["-c", "[[echo more]]"]);
    session.run("send", &["-s", "latest", "[[text so far]][[wait gate]]"]).ok();
    model.wait_for_gate("gate", SOON);
    for words in [&["revert", "latest"][..], &["compact"]] {
        let refused = session.run(words[0], &[&words[1..], &["--json"]].concat()).fails(1);
        assert_eq!(refused.json_error()["reason"], "busy");
    }
    session.run("abort", &[]).ok();
    session.run("compact", &["-m", "scripted/nope"]).fails(5);
    let empty = session.run("new", &["-q"]).ok().stdout;
    let empty = empty.trim();
    let refused = session.run("compact", &["-s", empty]).fails(1);
    assert!(refused.stderr.contains("has nothing to compact"), "{}", refused.stderr);

    // A prompt with a schema cannot be read back, and its answer is no text.
    if !can("a schema reaches the model") {
        return;
    }
    let schema = session.sandbox.root().join("schema.json");
    std::fs::write(&schema, r#"{"type":"object","properties":{"x":{"type":"string"}}}"#).unwrap();
    let schema = ["--schema", schema.to_str().unwrap()];
    let prompt = r#"[[tool StructuredOutput {"x":"y"}]]"#;
    send(session, &[&["-s", empty, prompt][..], &schema].concat());
    assert_eq!(session.run("last", &["-s", empty]).ok().stdout, "{\"x\":\"y\"}\n");
    session.run("compact", &["-s", empty]).ok();
}
