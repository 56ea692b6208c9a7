//! Texts that are too long for a command line, and what `-` means there.

use serde_json::{Value, json};

use super::sandbox;
use crate::support::processes::poll;
use crate::support::sandbox::Sandbox;
use crate::support::session::SOON;

/// The bodies of the requests to a route, whose path ends with these words.
fn bodies(sandbox: &Sandbox, method: &str, end: &str) -> Vec<Value> {
    let sent = sandbox.stand_in_requests().into_iter();
    let to = |one: &Value| {
        one["method"] == method && one["path"].as_str().is_some_and(|path| path.ends_with(end))
    };
    sent.filter(to).map(|one| one["body"].clone()).collect()
}

#[test]
fn system_prompts_and_titles_come_from_files_and_from_stdin() {
    let sandbox = sandbox("long-texts", Value::Null);
    let id = sandbox.start(&[]);
    let long = "Speak like a pirate. ".repeat(10_000);
    std::fs::write(sandbox.work().join("system"), &long).unwrap();
    std::fs::write(sandbox.work().join("title"), "A title\n").unwrap();
    let send = |words: &[&str]| sandbox.occtl(&["send", &id, "--wait", "hello"]).args(words);
    send(&["--system-file", "system", "--title-file", "title"]).run().ok();
    send(&["--system-file", "-", "--title", "t"]).stdin("from stdin").run().ok();
    send(&["--title-file", "-"]).stdin("piped\n").run().ok();
    let run = ["run", "hello", "--system-file", "-", "--title-file", "title"];
    sandbox.occtl(&run).stdin("of run").run().ok();
    let systems: Vec<Value> =
        bodies(&sandbox, "POST", "/message").iter().map(|body| body["system"].clone()).collect();
    assert_eq!(systems, [json!(long), json!("from stdin"), Value::Null, json!("of run")]);
    let titles: Vec<Value> =
        bodies(&sandbox, "POST", "/session").iter().map(|body| body["title"].clone()).collect();
    assert_eq!(titles, ["A title", "t", "piped", "A title"]);
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_large_prompt_and_a_large_file_are_in_memory_no_more_often_than_it_takes_to_send_them() {
    let sandbox = sandbox("large-prompts", json!({"turn": {"text": "ok"}}));
    let id = sandbox.start(&[]);
    std::fs::write(sandbox.work().join("large"), "x".repeat(12 << 20)).unwrap();
    // The text and the JSON with it, whose buffer has grown to twice its size.
    for (mib, words) in [(44, "- <large"), (64, "-f large look")] {
        let script = format!(
            "ulimit -d $(({mib} << 10)) && exec \"$0\" send \"$1\" --title t --wait {words}"
        );
        assert_eq!(sandbox.shell(&script, &[&id]).run().ok().stdout, "ok\n", "{words}");
    }
}

#[test]
fn a_text_that_is_none_sends_nothing() {
    let sandbox = sandbox("no-texts", Value::Null);
    let id = sandbox.start(&[]);
    let write = |name: &str, content: &[u8]| {
        std::fs::write(sandbox.work().join(name), content).unwrap();
    };
    write("latin", b"caf\xe9");
    write("blank", b" \n");
    write("large", &vec![b'x'; (16 << 20) + 1]);
    write("small", b"x");
    for (file, status, why) in [
        ("latin", 2, "latin is not UTF-8 text"),
        ("blank", 2, "blank is empty"),
        ("large", 2, "large has more than 16 MiB"),
        ("missing", 3, "missing: No such file"),
    ] {
        for words in [
            &["send", &id, "hello", "--system-file", file][..],
            &["send", &id, "hello", "--title-file", file],
            &["reject", &id, "--all", "--message-file", file],
        ] {
            let failed = sandbox.occtl(words).run().fails(status);
            assert!(failed.stderr.contains(why), "{words:?}: {}", failed.stderr);
        }
    }
    for words in [
        &["send", &id, "-", "--system-file", "-"][..],
        &["send", &id, "x", "--title-file", "-", "--system-file", "-"],
        &["send", &id, "x", "--system", "a", "--system-file", "small"],
        &["send", &id, "x", "--title", "a", "--title-file", "small"],
        &["send", &id, "x", "-c", "--title-file", "small"],
        &["reject", &id, "--all", "-m", "a", "--message-file", "small"],
    ] {
        sandbox.occtl(words).stdin("x").run().fails(2);
    }
    let is_change = |request: &Value| request["method"] == "POST";
    assert!(!sandbox.stand_in_requests().iter().any(is_change));
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn what_the_model_is_told_about_a_refusal_comes_from_a_file() {
    let turn = json!({"ask": {"permission": "bash", "patterns": ["ls"]}});
    let sandbox = sandbox("refusal", json!({"turn": turn}));
    let id = sandbox.start(&[]);
    for (file, stdin, told) in [("rules", "", "Use staging.\nAlways."), ("-", "piped", "piped")] {
        std::fs::write(sandbox.work().join("rules"), "Use staging.\nAlways.").unwrap();
        sandbox.occtl(&["send", &id, "--title", "t", "x"]).run().ok();
        let pending = || {
            let listed = sandbox.occtl(&["permissions", &id, "-q"]).run().ok().stdout;
            (!listed.is_empty()).then_some(())
        };
        poll(SOON, pending).expect("an ask");
        let words = ["reject", &id, "--all", "--message-file", file];
        sandbox.occtl(&words).stdin(stdin).run().ok();
        let sent = bodies(&sandbox, "POST", "/reply");
        assert_eq!(sent.last().unwrap()["message"], told);
        sandbox.occtl(&["wait", &id]).run().ok();
    }
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}
