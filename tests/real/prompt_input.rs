//! What goes with a prompt: files, a system prompt, a schema, and names that must exist.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::versions::can;
use crate::support::command::Outcome;
use crate::support::model::Model;
use crate::support::sandbox::Sandbox;

/// A picture of one pixel.
const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9\
    awAAAABJRU5ErkJggg==";

/// A session to which prompts with attachments are sent.
struct Sending<'a> {
    sandbox: &'a Sandbox,
    model: &'a Model,
    id: String,
}

impl Sending<'_> {
    fn send(&self, words: &[&str]) -> Outcome {
        let send = ["send", &self.id, "--title", "t", "--wait", "--json"];
        self.sandbox.occtl(&send).args(words).run()
    }

    /// Writes a file and gives its path.
    fn write(&self, name: &str, content: &[u8]) -> String {
        let path = self.sandbox.root().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn assert_files(&self) {
        let text = self.write("note.txt", "words in a grüne file".as_bytes());
        let picture = self.write("dot.bin", &STANDARD.decode(PNG).unwrap());
        let words = ["-f", &text, "--file", &picture, "--system", "Speak like a pirate."];
        self.send(&[&words[..], &["[[echo x]]"]].concat()).ok();
        let asked = self.model.requests().last().unwrap()["messages"].to_string();
        assert!(asked.contains("words in a grüne file"), "{asked}");
        assert!(asked.contains("Speak like a pirate."), "{asked}");
        // For a model that takes no pictures the server names the file instead of sending it.
        assert!(asked.contains("image/png") || asked.contains("dot.bin"), "{asked}");
        for missing in ["/no/such/file", self.sandbox.root().to_str().unwrap()] {
            let before = self.model.request_count();
            let failed = self.send(&["-f", missing, "x"]).fails(3);
            assert!(failed.stderr.contains("cannot attach"), "{}", failed.stderr);
            assert_eq!(self.model.request_count(), before);
        }
    }

    /// An answer in the form of a schema, and reading it again.
    fn assert_structured(&self, schema: &str) {
        let answer = "[[tool StructuredOutput {\"colour\": \"red\"}]]";
        let record = self.send(&["--schema", schema, answer]).ok().json();
        assert_eq!(record["structured"], json!({"colour": "red"}));
        assert_eq!(record["outcome"], "ok");
        assert_eq!(record["answer"], "{\"colour\":\"red\"}");
        // Some versions cannot list the conversation any more. The error says so, and `wait` works.
        let waited = self.sandbox.occtl(&["wait", &self.id, "-t", "60"]).run().ok();
        assert!(waited.stdout.ends_with(" idle\n"), "{}", waited.stdout);
        let turn = record["turn"].as_str().unwrap();
        let wait = ["wait", &self.id, "--turn", turn, "--json"];
        let again = self.sandbox.occtl(&wait).run().ok().json();
        assert_eq!(again["turn"], record["turn"]);
        assert_eq!(again["structured"], record["structured"]);
        for words in
            [&["tail", &self.id][..], &["tail", &self.id, "--turn", turn], &["export", &self.id]]
        {
            let read = self.sandbox.occtl(words).run();
            let said = read.stderr.contains("cannot read back a prompt with --schema");
            assert!(read.status == 0 || (read.status == 1 && said), "{words:?}: {read:?}");
        }
    }

    fn assert_schemas(&self) {
        let schema = json!({"type": "object", "required": ["colour"],
            "properties": {"colour": {"enum": ["red", "blue"]}}});
        let schema = self.write("schema.json", schema.to_string().as_bytes());
        if can("a schema reaches the model") {
            self.assert_structured(&schema);
        }
        let wrong = "[[echo {\"colour\": \"green\"}]]";
        let record = self.send(&["--schema", &schema, wrong]).fails(5).json();
        assert_eq!(record["error"]["name"], "SchemaMismatch", "{record}");
        let record = self.send(&["--schema", &schema, "[[echo no JSON at all]]"]).fails(5).json();
        assert!(record["error"].is_object(), "{record}");
        self.send(&["--schema", "/no/such/schema", "x"]).fails(3);
        let broken = self.write("broken.json", b"{");
        self.send(&["--schema", &broken, "x"]).fails(2);
    }
}

#[test]
fn files_system_prompts_and_schemas_reach_the_model() {
    let (sandbox, model) = Sandbox::real("input");
    let sending = Sending { sandbox: &sandbox, model: &model, id: sandbox.start(&[]) };
    sending.assert_files();
    sending.assert_schemas();
    sandbox.occtl(&["stop", &sending.id]).run().ok();
    sandbox.assert_nothing_left();
}

#[test]
fn an_unknown_name_fails_at_once_with_the_nearest_name_and_opens_no_conversation() {
    let (sandbox, model) = Sandbox::real("names");
    let id = sandbox.start(&[]);
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
