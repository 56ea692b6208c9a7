//! `tail`: what it shows, which messages it finds, and how it follows a conversation.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::send;
use crate::support::command::Outcome;
use crate::support::opencode::config;
use crate::support::processes::{kill, poll};
use crate::support::sandbox::Sandbox;

const SOON: Duration = Duration::from_secs(120);

/// A conversation of three turns, the last of which has a long answer.
struct Talk<'a> {
    sandbox: &'a Sandbox,
    id: String,
    conversation: String,
    long: String,
}

impl<'a> Talk<'a> {
    fn new(sandbox: &'a Sandbox) -> Self {
        let id = sandbox.start(&[]);
        let long = "x".repeat(600);
        let conversation = send(sandbox, &id, &["[[echo one [bold] [/usr/bin] it]]"]);
        let tools = "[[bash printf 'a\\nb'; printf '\\033[31mred']] [[read missing]] [[echo two]]";
        for prompt in [tools, &format!("[[echo {long}]]")] {
            send(sandbox, &id, &["-s", &conversation, prompt]);
        }
        Self { sandbox, id, conversation, long }
    }

    /// Runs `tail` on the session. It has no other conversation, which need not be named then.
    fn run(&self, flags: &[&str]) -> Outcome {
        self.sandbox.occtl(&["tail", &self.id]).args(flags).run()
    }

    #[track_caller]
    fn text(&self, flags: &[&str]) -> String {
        self.run(flags).ok().stdout
    }

    fn assert_text(&self) {
        let shown = self.text(&[]);
        assert_eq!(shown.matches("━━━ ").count(), 5, "five messages are the default: {shown}");
        assert!(shown.contains(&self.long), "nothing is cut in a pipe");
        let all = self.text(&["-n", "10000000"]);
        let first = "━━━ user ━━━\n[[echo one [bold] [/usr/bin] it]]\n\n\
            ━━━ assistant ━━━\none [bold] [/usr/bin] it\n";
        assert!(all.starts_with(first), "{all}");
        for tool in ["  ⚡ bash (completed)\n", "  ⚡ read (error)\n"] {
            assert!(all.contains(tool), "{all}");
        }
        assert_eq!(self.text(&["-n", "0"]), "");
        assert_eq!(self.text(&["-l"]), format!("━━━ assistant ━━━\n{}\n\n", self.long));
        let user = self.text(&["-n", "1", "--role", "user"]);
        assert_eq!(user.lines().next(), Some("━━━ user ━━━"));
        // The filters are applied before -n, and -g ignores case.
        let found = self.text(&["-n", "1", "-g", "ONE ["]);
        assert_eq!(found, "━━━ assistant ━━━\none [bold] [/usr/bin] it\n\n");
        assert_eq!(self.text(&["-g", "in no message"]), "");
        let tools = self.text(&["-n", "100", "--tools"]);
        assert!(tools.contains("    → a\n      b\\x1b[31mred\n"), "{tools}");
        assert!(tools.contains("filePath: missing") && tools.contains("File not found"), "{tools}");
        let dated = self.text(&["-l", "-T"]);
        let heading = dated.lines().next().unwrap().strip_prefix("━━━ assistant ━━━ 20").unwrap();
        assert_eq!(heading.len(), "26-01-01 00:00:00".len(), "{heading}");
    }

    /// Checks the documents of all messages, and gives them.
    fn assert_json(&self) -> Vec<Value> {
        let json = self.run(&["-n", "100", "--tools", "--json"]).ok().json();
        let messages = json["messages"].as_array().unwrap();
        assert_eq!(json["session"], json!(self.id));
        assert_eq!(json["conversation"], json!(self.conversation));
        let (prompt, answer) = (&messages[0], &messages[1]);
        assert_eq!((&prompt["role"], &prompt["turn"]), (&json!("user"), &prompt["id"]));
        assert_eq!((&answer["role"], &answer["turn"]), (&json!("assistant"), &prompt["id"]));
        assert_eq!(answer["text"], "one [bold] [/usr/bin] it");
        assert_eq!(answer["model"], json!({"provider": "scripted", "id": "echo", "variant": null}));
        assert!(answer["completed_at"].as_str().unwrap().ends_with('Z'));
        let calls = messages.iter().flat_map(|one| one["tools"].as_array().unwrap());
        let calls: Vec<_> = calls.collect();
        assert_eq!(calls[0]["output"], "a\nb\u{1b}[31mred");
        assert_eq!(calls[1]["status"], "error");
        assert!(calls[1]["error"].as_str().unwrap().contains("missing"));
        messages.clone()
    }

    /// A turn is named by its prompt, and shown with all its messages.
    fn assert_turn(&self, messages: &[Value]) {
        let turn = messages[2]["id"].as_str().unwrap();
        let of_turn = self.run(&["--turn", turn, "--json"]).ok().json();
        assert_eq!(of_turn["messages"].as_array().unwrap().len(), 4, "{of_turn}");
        let step = messages[3]["id"].as_str().unwrap();
        let refused = self.run(&["--turn", step]).fails(3);
        assert!(refused.stderr.contains(turn), "{}", refused.stderr);
        self.run(&["--turn", "msg_0000"]).fails(3);
    }

    /// As in 0.4.0, -r prints each text alone, and -l the newest message of the assistant.
    fn assert_raw(&self) {
        let long = &self.long;
        assert_eq!(self.text(&["-r", "-l"]), format!("{long}\n"));
        let texts = format!("[[echo {long}]]\n{long}\n");
        assert_eq!(self.text(&["-r", "-n", "2"]), texts, "no headings and no empty lines");
        let user = self.text(&["-l", "--role", "user", "-r"]);
        assert_eq!(user, format!("[[echo {long}]]\n"));
        let raw = self.run(&["-r", "-n", "2", "--json"]).ok().json_lines();
        assert_eq!(raw.len(), 2);
        assert_eq!(raw[1]["info"]["sessionID"], json!(self.conversation));
        assert!(raw[1]["parts"].is_array());
    }

    /// A file is written as a whole or not at all.
    fn assert_files(&self) {
        let path = self.sandbox.work().join("out.txt");
        std::fs::write(&path, "old").unwrap();
        let file = path.to_str().unwrap();
        let exported = self.text(&["-n", "3", "-o", file]);
        assert_eq!(exported, format!("Exported 3 messages to {file}\n"));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), self.text(&["-n", "3"]));
        std::fs::write(&path, "old").unwrap();
        let missing = self.sandbox.work().join("no/out.txt");
        self.run(&["-o", missing.to_str().unwrap()]).fails(3);
        self.run(&["-o", "/dev/full"]).fails(1);
        self.run(&["-o", file, "-s", "ses_unknown"]).fails(3);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old", "the old file stays");
        let left = std::fs::read_dir(self.sandbox.work()).unwrap().flatten();
        let partial = left.filter(|file| file.file_name().to_string_lossy().contains("partial"));
        assert_eq!(partial.count(), 0, "no temporary file is left");
    }
}

#[test]
fn every_flag_does_what_it_says() {
    let (sandbox, _model) = Sandbox::real("tail-flags");
    let talk = Talk::new(&sandbox);
    talk.assert_text();
    talk.assert_turn(&talk.assert_json());
    talk.assert_raw();
    talk.assert_files();
    // A reader that has gone is not an error.
    let piped = "set -o pipefail; \"$0\" tail \"$1\" -n 100 | head -n 1";
    assert_eq!(sandbox.shell(piped, &[&talk.id]).run().ok().stdout, "━━━ user ━━━\n");
}

#[test]
fn a_chain_begins_with_the_parents_of_the_conversation() {
    let (sandbox, _model) = Sandbox::real("tail-chain");
    let id = sandbox.start(&[]);
    let root = send(&sandbox, &id, &["[[task {{echo from the child}}]]"]);
    let chain = sandbox.occtl(&["chain", &id, "-s", &root, "--json"]).run().ok().json();
    let child = chain["conversations"][1]["id"].as_str().unwrap().to_owned();
    // The default is the newest root conversation, although the child is just as new.
    let latest = sandbox.occtl(&["tail", &id, "--json"]).run().ok().json();
    assert_eq!(latest["conversation"], json!(root));
    let messages = |flags: &[&str]| {
        let run = sandbox.occtl(&["tail", &id, "-s", &child, "-C", "--json"]).args(flags).run();
        let found = run.ok().json()["messages"].clone();
        let found = found.as_array().unwrap().iter();
        found.map(|one| one["conversation"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(messages(&["-n", "3"]), [&root, &child, &child].map(String::from));
    let many = messages(&["-n", "2000"]);
    assert_eq!(many, messages(&["-n", "100"]), "many messages are read in another way than few");
    assert_eq!(many.first(), Some(&root));
    let text = sandbox.occtl(&["tail", &id, "-s", &child, "-C"]).run().ok().stdout;
    assert!(text.starts_with(&format!("═══ {root} ═══\n")), "{text}");
}

#[test]
fn following_shows_text_as_it_is_written_and_ends_when_the_conversation_is_idle() {
    let (sandbox, model) = Sandbox::real("tail-follow");
    let id = sandbox.start(&[]);
    let conversation = send(&sandbox, &id, &["warm"]);
    let prompt = |text: &str| {
        sandbox.occtl(&["send", &id, "-s", &conversation, text]).run().ok();
    };
    prompt(
        "[[wait start]][[text alpha ]][[wait gate]][[text omega]][[bash echo out]] [[echo end]]",
    );
    model.wait_for_gate("start", SOON);
    let mut follow = sandbox.occtl(&["tail", &id, "-f", "-n", "2"]).spawn();
    follow.wait_for_line("━━━ user ━━━", SOON);
    model.release("start");
    model.wait_for_gate("gate", SOON);
    let written = || follow.stdout().contains("━━━ assistant ━━━\nalpha").then_some(());
    poll(SOON, written).expect("text while it is being written");
    model.release("gate");
    let done = follow.wait(SOON).ok().stdout;
    let (_, answer) = done.split_once("━━━ assistant ━━━\n").unwrap();
    assert_eq!(answer, "alphaomega\n  ⚡ bash (completed)\n\n━━━ assistant ━━━\nend\n\n");

    // Following an idle conversation ends at once.
    let idle = sandbox.occtl(&["tail", &id, "-f", "-l"]).run().ok();
    assert_eq!(idle.stdout, "━━━ assistant ━━━\nend\n\n");

    // With --json a line is a complete message.
    prompt("[[slow 5 20]]");
    let lines = sandbox.occtl(&["tail", &id, "-f", "-n", "2", "--json"]).run().ok().json_lines();
    assert_eq!(lines.last().unwrap()["text"], "w1 w2 w3 w4 w5");
    prompt("[[slow 5 20]]");
    let found =
        sandbox.occtl(&["tail", &id, "-f", "-n", "1", "-g", "W5", "-r", "--json"]).run().ok();
    assert!(found.json_lines().iter().all(|one| one["info"]["role"] == "assistant"));

    // A limit or a signal ends it in time, and the turn goes on.
    prompt("[[wait other]][[echo late]]");
    model.wait_for_gate("other", SOON);
    let limited = sandbox.occtl(&["tail", &id, "-f", "-t", "1"]).run().fails(124);
    assert!(limited.elapsed < Duration::from_secs(20), "{:?}", limited.elapsed);
    let mut follow = sandbox.occtl(&["tail", &id, "-f"]).spawn();
    follow.wait_for_line("━━━", SOON);
    follow.signal(Signal::INT);
    let interrupted = follow.wait(SOON).fails(130);
    assert_eq!(interrupted.stderr, "");
    let states = sandbox.occtl(&["sessions", &id, "--json"]).run().ok().json();
    assert_eq!(states["conversations"][0]["state"], "running");

    // When the server dies, the end of the conversation is not known.
    let follow = sandbox.occtl(&["tail", &id, "-f"]).spawn();
    kill(sandbox.server_pid(&id));
    follow.wait(SOON).fails(4);
}

#[test]
fn filters_reach_back_and_following_goes_on_whatever_the_version() {
    let (sandbox, model) = Sandbox::real("tail-far");
    sandbox.configure(&sandbox.work(), &config(&model));
    let id = sandbox.start(&[]);
    let conversation = send(&sandbox, &id, &["[[echo number 0]]"]);
    for number in 1..12 {
        let text = format!("[[echo number {number}]]");
        send(&sandbox, &id, &["-s", &conversation, &text]);
    }
    let texts = |flags: &[&str]| {
        let found = sandbox.occtl(&["tail", &id, "--json"]).args(flags).run().ok().json();
        let found = found["messages"].as_array().unwrap().iter();
        found.map(|one| one["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(texts(&["--role", "assistant", "-n", "2"]), ["number 10", "number 11"]);
    // The first message is not on the first page.
    assert_eq!(texts(&["--role", "assistant", "-g", "number 0"]), ["number 0"]);
    assert_eq!(texts(&["-n", "500"]).len(), 24);
    sandbox.occtl(&["send", &id, "-s", &conversation, "[[slow 10 20]]"]).run().ok();
    let followed = sandbox.occtl(&["tail", &id, "-f", "-n", "1"]).run().ok().stdout;
    assert!(followed.ends_with("w1 w2 w3 w4 w5 w6 w7 w8 w9 w10\n\n"), "{followed}");
}
