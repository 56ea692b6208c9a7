//! Files that go with a prompt: what `-` stands for.

use serde_json::{Value, json};

use super::sandbox;

#[test]
fn a_dash_attaches_what_stdin_brings_with_its_type_by_content_and_stdin_for_a_name() {
    let sandbox = sandbox("dash", Value::Null);
    let id = sandbox.start(&[]);
    std::fs::write(sandbox.work().join("-"), "the wrong one").unwrap();
    let text = [&b"two\n"[..], b"lines"].concat();
    for (content, mime, encoded) in [
        (&text[..], "text/plain", "dHdvCmxpbmVz"),
        (b"\x89PNG\r\n\x1a\n", "image/png", "iVBORw0KGgo="),
        (b"\xff\0", "application/octet-stream", "/wA="),
    ] {
        let words = ["send", &id, "--wait", "--json", "What is it?", "-f", "-"];
        let turn = sandbox.occtl(&words).stdin(content).run().ok().json();
        let conversation = turn["conversation"].as_str().unwrap();
        let exported = sandbox.occtl(&["export", &id, "-s", conversation]).run().ok().json();
        let part = &exported["messages"][0]["parts"][1];
        let data = format!("data:{mime};base64,{encoded}");
        assert_eq!(part["filename"], json!("stdin"), "{part}");
        assert_eq!((&part["mime"], &part["url"]), (&json!(mime), &json!(data)));
    }
    // A path still names a file of that name.
    let words = ["send", &id, "--wait", "--json", "What is it?", "-f", "./-"];
    let turn = sandbox.occtl(&words).stdin("stdin").run().ok().json();
    let conversation = turn["conversation"].as_str().unwrap();
    let exported = sandbox.occtl(&["export", &id, "-s", conversation]).run().ok().stdout;
    assert!(exported.contains("dGhlIHdyb25nIG9uZQ=="), "{exported}");
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_prompt_that_is_refused_names_the_files_that_go_with_it() {
    let sandbox = sandbox("refused", json!({"status": {"POST /session/*/message": 400}}));
    let id = sandbox.start(&[]);
    std::fs::write(sandbox.work().join("broken.png"), "\u{89}PNG\r\n").unwrap();
    let send = |words: &[&str]| sandbox.occtl(&["send", &id, "--wait", "hello"]).args(words).run();
    let refused = send(&["-f", "broken.png"]).fails(5);
    let said = "the server refused the prompt and may not be able to read broken.png: POST ";
    assert!(refused.stderr.contains(said), "{}", refused.stderr);
    send(&[]).fails(1);
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_stdin_that_does_not_end_counts_towards_the_limit_and_nothing_is_sent() {
    let sandbox = sandbox("endless", Value::Null);
    let id = sandbox.start(&[]);
    // A pipe that is open for writing, too, never ends.
    let script = "mkfifo \"$2\"; exec \"$0\" send \"$1\" -f - -t 0.3 hello $3 0<>\"$2\"";
    for (pipe, wait) in [("one", "--wait"), ("two", "--queue -c"), ("three", "")] {
        let late = sandbox.shell(script, &[&id, pipe, wait]).run().fails(124);
        assert!(late.stderr.contains("the file on stdin did not end within 0."), "{late:?}");
    }
    let is_prompt = |request: &Value| request["method"] == "POST";
    assert!(!sandbox.stand_in_requests().iter().any(is_prompt));
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}
