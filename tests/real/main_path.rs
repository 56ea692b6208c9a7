//! The main work: start, look, send in every way, stop.

use std::time::Duration;

use serde_json::{Value, json};

use super::versions::can;
use crate::support::command::Outcome;
use crate::support::model::Model;
use crate::support::opencode::{config, version};
use crate::support::processes::poll;
use crate::support::sandbox::Sandbox;

const SOON: Duration = Duration::from_secs(120);

/// Every field of the record of a turn.
const FIELDS: [&str; 25] = [
    "session",
    "conversation",
    "turn",
    "outcome",
    "text",
    "answer",
    "error",
    "model",
    "agent",
    "steps",
    "tools",
    "asks",
    "files",
    "tokens",
    "cost_usd",
    "cost_known_usd",
    "limits_unenforceable",
    "started_at",
    "first_token_ms",
    "total_ms",
    "retry_wait_ms",
    "provider_retries",
    "retrying",
    "trouble",
    "children",
];

/// What a session was started with.
struct Started {
    id: String,
    port: u16,
    pid: u32,
}

/// Starts a session with the name `nightly`, and checks what is printed.
fn start_nightly(sandbox: &Sandbox) -> Started {
    let port = *sandbox.ports().start();
    let start = ["start", "-t", "120", "-a", "plan", "--name", "nightly"];
    let started = sandbox.occtl(&start).run().ok();
    assert!(started.stderr.is_empty() || !can("the server asks for its password"), "{started:?}");
    let lines: Vec<&str> = started.stdout.lines().collect();
    let digits = lines[0].strip_prefix("Started session: oc-").expect("the phrase of 0.4.0");
    assert!(digits.len() == 8 && digits.chars().all(|c| c.is_ascii_hexdigit()), "{digits}");
    assert_eq!(lines[1], format!("  Port: {port}"));
    let pid = lines[2].strip_prefix("  PID: ").unwrap().parse().unwrap();
    let place = format!("  Workdir: {}", sandbox.work().display());
    assert_eq!(lines[3..], ["  Agent: plan", "  Name: nightly", &place]);
    Started { id: format!("oc-{digits}"), port, pid }
}

/// Checks the list, in which a session is the only one.
fn assert_listed(sandbox: &Sandbox, Started { id, port, pid }: &Started) {
    let listed = sandbox.occtl(&["list"]).run().ok().stdout;
    let rows: Vec<Vec<&str>> = listed
        .lines()
        .map(|line| line.split("  ").filter(|cell| !cell.is_empty()).map(str::trim).collect())
        .collect();
    let old = ["ID", "Port", "PID", "Status", "Agent", "Dirty", "Last Activity"];
    assert_eq!((&rows[0][..7], &rows[0][7..]), (&old[..], &["Name", "Workdir"][..]));
    assert_eq!(rows[1][..6], [id, &port.to_string(), &pid.to_string(), "idle", "plan", "-"]);
    assert_eq!(rows[1][7..], ["nightly", &sandbox.work().display().to_string()]);
    assert_eq!(sandbox.occtl(&["list", "-q"]).run().ok().stdout, format!("{id}\n"));
    assert!(!listed.contains('\u{1b}'), "colour in a pipe");
    let coloured = sandbox.occtl(&["list", "--color", "always"]).run().ok().stdout;
    assert!(coloured.contains("\u{1b}[32midle\u{1b}[0m"), "{coloured}");
}

/// Checks the status of a session by its id, by beginnings of it, and by its name.
fn assert_status(sandbox: &Sandbox, Started { id, port, pid }: &Started) {
    for word in [id.as_str(), &id[..9], &id[3..9], "nightly"] {
        let status = sandbox.occtl(&["status", word, "--json"]).run().ok().json();
        assert_eq!(status["id"], **id, "{word}");
        assert_eq!((&status["name"], &status["agent"]), (&json!("nightly"), &json!("plan")));
        assert_eq!((&status["state"], &status["port"]), (&json!("idle"), &json!(port)));
        assert_eq!((&status["pid"], &status["error"]), (&json!(pid), &Value::Null));
        assert_eq!(status["workdir"].as_str(), sandbox.work().to_str());
        assert_eq!(status["opencode_version"], version());
        assert_eq!(status["url"], format!("http://127.0.0.1:{port}"));
        for name in ["created_at", "last_activity"] {
            assert!(status[name].as_str().unwrap().ends_with('Z'), "{status}");
        }
        assert!(std::path::Path::new(status["log"].as_str().unwrap()).exists());
    }
    let status = sandbox.occtl(&["status", "nightly"]).run().ok().stdout;
    let head = format!("idle {id}\n  Name: nightly\n  Port: {port}\n");
    assert!(status.starts_with(&head), "{status}");
    for line in ["\n  Agent: plan\n", "\n  Last activity: "] {
        assert!(status.contains(line), "{status}");
    }
}

#[test]
fn start_list_status_and_stop_show_what_they_did() {
    let (sandbox, _model) = Sandbox::real("show");
    assert_eq!(sandbox.occtl(&["list"]).run().ok().stdout, "No active sessions\n");
    let first = start_nightly(&sandbox);
    assert_listed(&sandbox, &first);

    let second = sandbox.occtl(&["start", "-q", "-t", "120"]).run().ok().stdout;
    let second = second.trim();
    assert!(second.starts_with("oc-") && second.len() == 11, "{second}");
    let all = sandbox.occtl(&["list", "--json"]).run().ok().json();
    assert_eq!(all["sessions"].as_array().unwrap().len(), 2);
    assert_status(&sandbox, &first);
    let taken = sandbox.occtl(&["start", "--name", "nightly"]).run().fails(1);
    assert!(taken.stderr.contains("already has the name nightly"), "{}", taken.stderr);

    let stopped = sandbox.occtl(&["stop", "nightly"]).run().ok();
    assert_eq!(stopped.stdout, format!("Stopped: {}\n", first.id));
    let stopped = sandbox.occtl(&["stop", "oc-none", second]).run().fails(3);
    assert_eq!(stopped.stdout, format!("Stopped: {second}\n"));
    assert_eq!(sandbox.occtl(&["stop", "--all"]).run().ok().stdout, "No active sessions\n");
    assert_eq!(std::fs::read_dir(sandbox.data().join("logs")).unwrap().count(), 0);
    sandbox.assert_nothing_left();
}

/// A session to which prompts are sent.
struct Sending<'a> {
    sandbox: &'a Sandbox,
    model: &'a Model,
    id: String,
}

impl Sending<'_> {
    fn send(&self, arguments: &[&str]) -> Outcome {
        self.sandbox.occtl(&["send", &self.id]).args(arguments).run()
    }

    /// Sends with `--wait --json`, and gives the record.
    #[track_caller]
    fn record(&self, arguments: &[&str]) -> Value {
        self.send(&[&["--wait", "--json"], arguments].concat()).ok().json()
    }

    /// The first turn of a server, and the turns that follow in its conversation. Gives its id.
    fn assert_continued(&self) -> String {
        // With a title, so that the model is asked once.
        let sent = self.send(&["--title", "Ours", "[[wait gate]][[echo first]]"]).ok();
        let conversation = sent.stdout.trim().to_owned();
        assert!(conversation.starts_with("ses_"), "{conversation}");
        assert_eq!(sent.stdout.lines().count(), 1, "{}", sent.stdout);
        self.model.wait_for_gate("gate", SOON);
        // In its first turn a server on a busy machine may not answer as long as `status` waits.
        let running = || {
            let status = self.sandbox.occtl(&["status", &self.id, "--json"]).run().ok().json();
            (status["state"] == "running").then_some(())
        };
        poll(SOON, running).expect("the state of a turn that goes on");
        self.model.release("gate");
        if !can("a prompt that comes at the very end of a turn is answered") {
            self.sandbox.occtl(&["wait", &self.id]).run().ok();
        }
        let next = self.record(&["-s", &conversation, "[[echo second]]"]);
        assert_eq!(next["conversation"], *conversation);
        assert_eq!(next["answer"], "second");
        let next = self.record(&["-c", "[[echo third]]"]);
        assert_eq!(next["conversation"], *conversation);
        let newest = self.model.requests().last().unwrap()["messages"].to_string();
        assert!(newest.contains("first") && newest.contains("second"), "no history: {newest}");
        let untitled = self.model.title_requests().is_empty();
        assert!(!can("a given title costs no call of the model") || untitled);
        let other = self.record(&["[[echo other]]"]);
        assert_ne!(other["conversation"], *conversation, "without -s and -c it is a new one");
        conversation
    }

    fn assert_whole_record(&self) {
        let full = self.record(&["[[text looking ]][[bash echo made > made.txt]][[echo the end]]"]);
        for name in FIELDS.iter().chain(&["opencode_version"]) {
            assert!(full.get(name).is_some(), "no {name} in {full}");
        }
        assert_eq!((&full["session"], &full["outcome"]), (&json!(self.id), &json!("ok")));
        assert!(full["turn"].as_str().unwrap().starts_with("msg_"));
        assert_eq!((&full["answer"], &full["steps"]), (&json!("the end"), &json!(2)));
        let text = full["text"].as_str().unwrap();
        assert!(text.starts_with("looking") && text.ends_with("the end"), "{text:?}");
        assert_eq!(full["model"], json!({"provider": "scripted", "id": "echo", "variant": null}));
        assert_eq!((&full["agent"], &full["error"]), (&json!("build"), &Value::Null));
        let tool = &full["tools"][0];
        assert_eq!((&tool["name"], &tool["status"]), (&json!("bash"), &json!("completed")));
        assert_eq!(tool["conversation"], full["conversation"]);
        assert!(tool["duration_ms"].is_u64());
        assert_eq!(full["tokens"]["input"], 200);
        assert!(full["cost_usd"].as_f64().unwrap() > 0.0);
        assert!(full["first_token_ms"].as_u64().unwrap() <= full["total_ms"].as_u64().unwrap());
        assert_eq!((&full["asks"], &full["children"]), (&json!([]), &json!([])));
        assert_eq!(full["opencode_version"], version());
        let made = std::fs::read_to_string(self.sandbox.work().join("made.txt")).unwrap();
        assert_eq!(made, "made\n");

        let child = self.record(&["[[task {{echo from the child}}]][[echo parent]]"]);
        assert_eq!((&child["answer"], &child["steps"]), (&json!("parent"), &json!(3)));
        assert_eq!(child["children"].as_array().unwrap().len(), 1);
        assert_eq!(child["tokens"]["input"], 300, "a sub-agent's tokens count");
        // -c means the newest root conversation, and not that of a sub-agent.
        let next = self.record(&["-c", "[[echo x]]"]);
        assert_eq!(next["conversation"], child["conversation"]);
    }

    fn assert_forms(&self, conversation: &str) {
        let joined = self.send(&["--wait", "[[echo a", "b]]"]).ok();
        assert_eq!(joined.stdout, "a b\n", "words are joined");
        let plain = self.send(&["--wait", "[[text one]][[bash true]][[echo two]]"]).ok();
        assert_eq!(plain.stdout, "two\n", "only the answer");
        let stream = self.send(&["--stream", "[[reasoning secret thought]]"]).ok();
        assert_eq!(stream.stdout, "ok\n");
        let stream = self.send(&["--stream", "[[text one ]][[bash true]][[echo two]]"]).ok().stdout;
        assert!(stream.starts_with("one") && stream.ends_with("two\n"), "{stream}");
        let id_alone = self.send(&["-r", "-s", conversation, "[[echo one]]"]).ok().stdout;
        let expected = format!("{conversation}\n");
        assert_eq!(id_alone, expected, "--raw counts only with --wait, as in 0.4.0");
        self.sandbox.occtl(&["wait", &self.id, "-s", conversation]).run().ok();
        let raw = ["--wait", "--raw", "[[text one]][[bash true]][[echo two]]"];
        let raw = self.send(&raw).ok().json();
        assert_eq!(raw["info"]["role"], "assistant");
        assert_eq!(raw["info"]["finish"], "stop");
        assert!(raw["parts"].to_string().contains("two") && raw.as_object().unwrap().len() == 2);
        let quiet = self.send(&["--wait", "-q", "[[echo x]]"]).ok();
        assert!(quiet.stdout.starts_with("ses_") && quiet.stdout.lines().count() == 1);
        let accepted = self.send(&["--json", "[[echo x]]"]).ok().json();
        assert_eq!(accepted.as_object().unwrap().len(), 3, "{accepted}");
        let stdin = self.sandbox.occtl(&["send", &self.id, "--wait", "-"]);
        assert_eq!(stdin.stdin("[[echo from\nstdin]]").run().ok().stdout, "from\nstdin\n");
    }

    fn assert_any_text(&self) {
        let evil = "\u{1b}[31mred\u{7}[bold][/usr/bin] x";
        let echo = format!("[[echo {evil}]]");
        assert_eq!(self.record(&[&echo])["answer"], evil);
        for how in ["--wait", "--stream"] {
            let shown = self.send(&[how, &echo]).ok().stdout;
            assert_eq!(shown, "\\x1b[31mred\\x07[bold][/usr/bin] x\n");
        }
        let long = format!("long {}", "0123456789abcdef".repeat(1 << 16));
        let sent = self.sandbox.occtl(&["send", &self.id, "--wait", "--json", "-"]).stdin(&long);
        assert!(sent.run().ok().json()["answer"] == *long, "a message of 1 MB comes back");
    }
}

#[test]
fn send_does_what_its_flags_say() {
    let (sandbox, model) = Sandbox::real("send");
    let sending = Sending { sandbox: &sandbox, model: &model, id: sandbox.start(&[]) };
    let conversation = sending.assert_continued();
    sending.assert_whole_record();
    sending.assert_forms(&conversation);
    sending.assert_any_text();
    sandbox.occtl(&["stop", &sending.id]).run().ok();
    sandbox.assert_nothing_left();
}

#[test]
fn agents_models_and_variants_are_those_that_were_asked_for() {
    let (sandbox, model) = Sandbox::real("models");
    let mut settings = config(&model);
    // The name of a model may contain slashes.
    let models = &mut settings["provider"]["scripted"]["models"];
    models["deep/er/model"] = models["echo"].clone();
    sandbox.configure(&sandbox.work(), &settings);
    let id = sandbox.start(&["--agent", "plan"]);
    let send = |arguments: &[&str]| {
        let all = sandbox.occtl(&["send", &id, "--wait", "--json", "[[echo x]]"]).args(arguments);
        all.run().ok().json()
    };
    assert_eq!(send(&[])["agent"], "plan", "the session's own agent");
    assert_eq!(send(&["-a", "build"])["agent"], "build");
    let other = send(&["-m", "scripted/other", "--variant", "high"]);
    let named = can("an answer names the variant of its model").then_some("high");
    assert_eq!(other["model"], json!({"provider": "scripted", "id": "other", "variant": named}));
    assert_eq!(model.requests().last().unwrap()["model"], "other");
    let deep = send(&["--model=scripted/deep/er/model"]);
    assert_eq!(deep["model"]["id"], "deep/er/model");
    assert_eq!(model.requests().last().unwrap()["model"], "deep/er/model");
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_nothing_left();
}
