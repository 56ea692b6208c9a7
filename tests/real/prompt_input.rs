//! What goes with a prompt: files, a system prompt, a schema, and names that must be known.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::versions::can;
use crate::support::sandbox::Sandbox;

/// A picture of one pixel.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn newest(model: &crate::support::model::Model) -> String {
    model.requests().last().unwrap()["messages"].to_string()
}

#[test]
fn files_system_prompts_and_schemas_reach_the_model() {
    let (sandbox, model) = Sandbox::real("input");
    let id = sandbox.occtl(&["start", "-q", "-t", "120"]).run().ok().stdout.trim().to_owned();
    let send = |words: &[&str]| {
        sandbox.occtl(&["send", &id, "--title", "t", "--wait", "--json"]).args(words).run()
    };
    let write = |name: &str, content: &[u8]| {
        let path = sandbox.root().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let text = write("note.txt", "words in a grüne file".as_bytes());
    let picture = write("dot.bin", &STANDARD.decode(PNG).unwrap());
    send(&["-f", &text, "--file", &picture, "--system", "Speak like a pirate.", "[[echo x]]"]).ok();
    let asked = newest(&model);
    assert!(asked.contains("words in a grüne file"), "{asked}");
    assert!(asked.contains("Speak like a pirate."), "{asked}");
    // A model that takes no pictures is told so by the server; either way it hears of the file.
    assert!(asked.contains("image/png") || asked.contains("dot.bin"), "{asked}");
    for missing in ["/no/such/file", sandbox.root().to_str().unwrap()] {
        let before = model.request_count();
        let failed = send(&["-f", missing, "x"]).fails(3);
        assert!(failed.stderr.contains("cannot attach"), "{}", failed.stderr);
        assert_eq!(model.request_count(), before);
    }

    let schema = json!({"type": "object", "required": ["colour"], "properties": {"colour": {"enum": ["red", "blue"]}}});
    let schema = write("schema.json", schema.to_string().as_bytes());
    let structured = |answer: &str| send(&["--schema", &schema, answer]);
    if can("a schema reaches the model") {
        let record = structured("[[tool StructuredOutput {\"colour\": \"red\"}]]").run_json(0);
        assert_eq!(
            (&record["structured"], &record["outcome"]),
            (&json!({"colour": "red"}), &json!("ok"))
        );
        assert_eq!(record["answer"], "{\"colour\":\"red\"}");
        // Some versions cannot list the conversation any more. That is said, and can be waited for.
        let waited = sandbox.occtl(&["wait", &id, "-t", "60"]).run().ok();
        assert!(waited.stdout.ends_with(" idle\n"), "{}", waited.stdout);
        let turn = record["turn"].as_str().unwrap();
        let again = sandbox.occtl(&["wait", &id, "--turn", turn, "--json"]).run().run_json(0);
        assert_eq!(
            (&again["turn"], &again["structured"]),
            (&record["turn"], &record["structured"])
        );
        for words in [&["tail", &id][..], &["tail", &id, "--turn", turn], &["export", &id]] {
            let read = sandbox.occtl(words).run();
            let said = read.stderr.contains("cannot read back a prompt with --schema");
            assert!(read.status == 0 || (read.status == 1 && said), "{words:?}: {read:?}");
        }
    }
    let record = structured("[[echo {\"colour\": \"green\"}]]").run_json(5);
    assert_eq!(record["error"]["name"], "SchemaMismatch", "{record}");
    let record = structured("[[echo no JSON at all]]").run_json(5);
    assert!(record["error"].is_object(), "{record}");
    send(&["--schema", "/no/such/schema", "x"]).fails(3);
    let broken = write("broken.json", b"{");
    send(&["--schema", &broken, "x"]).fails(2);
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_nothing_left();
}

trait RunJson {
    fn run_json(self, status: i32) -> Value;
}

impl RunJson for crate::support::command::Outcome {
    #[track_caller]
    fn run_json(self, status: i32) -> Value {
        self.fails(status).json()
    }
}

#[test]
fn unknown_names_fail_at_once_with_the_nearest_and_open_nothing() {
    let (sandbox, model) = Sandbox::real("names");
    let id = sandbox.occtl(&["start", "-q", "-t", "120"]).run().ok().stdout.trim().to_owned();
    for (flags, said) in [
        (&["-a", "biuld"][..], "did you mean build?"),
        (&["-m", "scripted/ecko"], "did you mean echo?"),
        (&["-m", "scriptet/echo"], "did you mean scripted?"),
        (&["-m", "scripted/other", "--variant", "hihg"], "low, high"),
        (&["--variant", "high"], "it has none"),
    ] {
        for how in [&["--wait"][..], &[]] {
            let failed = sandbox.occtl(&["send", &id, "x"]).args(flags).args(how).run().fails(5);
            assert!(failed.elapsed < Duration::from_secs(20), "{:?}", failed.elapsed);
            let sorted = |text: &str| text.replace("high, low", "low, high");
            assert!(sorted(&failed.stderr).contains(said), "{flags:?}: {}", failed.stderr);
        }
    }
    let sessions = sandbox.occtl(&["sessions", &id, "--json"]).run().ok().stdout;
    assert!(!sessions.contains("ses_"), "no conversation was opened: {sessions}");
    assert_eq!(model.request_count(), 0);
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_nothing_left();
}
