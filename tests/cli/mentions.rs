//! `@file` and `@agent` in the words of a prompt.

use serde_json::{Value, json};

use super::{TOOLS, sandbox};
use crate::support::sandbox::Sandbox;

/// The parts of the newest prompt, without its text.
fn parts(sandbox: &Sandbox) -> Vec<Value> {
    let sent = sandbox.stand_in_requests();
    let is_prompt = |one: &&Value| one["path"].as_str().unwrap_or_default().ends_with("/message");
    let prompt = sent.iter().rev().find(|one| one["method"] == "POST" && is_prompt(one)).unwrap();
    prompt["body"]["parts"].as_array().unwrap()[1..].to_vec()
}

#[test]
fn what_words_mention_is_sent_beside_them() {
    let sandbox = sandbox("mentions", Value::Null);
    let id = sandbox.start(&[]);
    let work = sandbox.work().canonicalize().unwrap();
    std::fs::create_dir_all(work.join("src")).unwrap();
    std::fs::write(work.join("src/a b.rs"), "x").unwrap();
    std::fs::write(work.join("notes"), "x").unwrap();
    std::os::unix::fs::symlink("notes", work.join("alias")).unwrap();
    let send = |words: &[&str]| sandbox.occtl(&["send", &id, "--wait", "--mentions"]).args(words);
    let sent = send(&["See @notes#2-9,", "\u{1f600} @src and @alias:", "@general"]).run().ok();
    assert_eq!(sent.stderr, "");
    assert_eq!(sent.stdout, "See @notes#2-9, \u{1f600} @src and @alias: @general\n");
    let url = |path: &str| format!("file://{}/{path}", work.display());
    let text = |value: &str, start: usize| {
        let end = start + value.len();
        json!({"value": value, "start": start, "end": end})
    };
    let file = |path: &str| json!({"type": "file", "mime": "text/plain", "filename": path});
    let mut notes = file("notes#2-9");
    notes["url"] = json!(format!("{}?start=2&end=9", url("notes")));
    notes["source"] = json!({"type": "file", "path": "notes", "text": text("@notes#2-9", 4)});
    let mut src = file("src");
    src["mime"] = json!("application/x-directory");
    src["url"] = json!(url("src"));
    src["source"] = json!({"type": "file", "path": "src", "text": text("@src", 19)});
    let mut alias = file("alias");
    alias["url"] = json!(url("notes"));
    alias["source"] = json!({"type": "file", "path": "alias", "text": text("@alias", 28)});
    let agent = json!({"type": "agent", "name": "general", "source": text("@general", 36)});
    assert_eq!(parts(&sandbox), [notes, src, alias, agent]);

    // Without the flag an @ is an @.
    sandbox.occtl(&["send", &id, "--wait", "@notes"]).run().ok();
    assert_eq!(parts(&sandbox), [Value::Null; 0]);
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn what_must_not_be_read_stays_words_and_the_user_is_told_why() {
    let sandbox = sandbox("no-mentions", json!({"body": {"/experimental/tool/ids": TOOLS}}));
    let id = sandbox.start(&[]);
    let work = sandbox.work();
    std::fs::write(work.join("notes"), "x").unwrap();
    std::fs::write(sandbox.root().join("secret"), "x").unwrap();
    std::os::unix::fs::symlink("../secret", work.join("link")).unwrap();
    std::os::unix::fs::symlink("..", work.join("up")).unwrap();
    std::fs::write(sandbox.home().join("private"), "x").unwrap();
    let send = |words: &[&str]| sandbox.occtl(&["send", &id, "--wait", "--mentions"]).args(words);
    for (name, why) in [
        ("link", "it is outside of"),
        ("up/secret", "it is outside of"),
        ("../secret", "it is outside of"),
        ("/etc/passwd", "it is outside of"),
        ("~/private", "it is outside of"),
        ("nothing", "there is no such file, and no such agent"),
        ("build", "agent build is none that another agent can call"),
        ("title", "agent title is none that another agent can call"),
    ] {
        let sent = send(&[&format!("see @{name}")]).run().ok();
        let told = format!("occtl: @{name} stays words: {why}");
        assert!(sent.stderr.starts_with(&told), "{name}: {}", sent.stderr);
        assert_eq!(parts(&sandbox), [Value::Null; 0], "{name}");
    }
    // A mention lifts what denies a sub-agent, so there is none where that is denied.
    for rules in [&["--unlisted", "deny"][..], &["--deny", "task"], &["--deny", "task:general"]] {
        let sent = send(&["ask @general"]).args(rules).run().ok();
        assert!(sent.stderr.contains("@general stays words: the rules"), "{}", sent.stderr);
        assert_eq!(parts(&sandbox), [Value::Null; 0], "{rules:?}");
    }
    // The rule of an earlier prompt holds on.
    let again = send(&["ask @general", "-c"]).run().ok();
    assert!(again.stderr.contains("@general stays words"), "{}", again.stderr);

    // It is not known who wrote what a pipe brings.
    let piped = send(&["Sum up:", "-", "@notes"]).stdin("@notes @general @nothing").run().ok();
    assert_eq!(piped.stderr, "");
    let found = parts(&sandbox);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["source"]["text"]["start"], 33);
    let kept = send(&["--", "-", "@notes"]).stdin("@general").run().ok();
    assert_eq!(kept.stdout, "- @notes\n");
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}
