//! Each command's help has two examples at least, and they do what they say.

use std::fs;
use std::time::Duration;

use serde_json::json;

use super::sandbox;
use crate::support::command::Run;
use crate::support::sandbox::Sandbox;

/// Examples that need what no test of theirs has, by the beginning of the line, and where the same
/// is run. The unit tests hold that the table accepts them.
const ELSEWHERE: [(&str, &str); 7] = [
    ("occtl bench ", "tests/bench/guide.rs makes batches"),
    ("occtl run", "tests/real/run.rs"),
    ("occtl start", "the first test of tests/cli/help.rs"),
    ("S=$(occtl start", "the sandbox needs a directory of its own for it"),
    ("occtl attach", "tests/cli/attach.rs"),
    ("occtl init", "tests/cli/init.rs"),
    ("occtl logs", "tests/cli/logs.rs: the stand-in has no log, and one follows it without end"),
];

/// The statuses of examples whose status is not 0, by the beginning of the line, and why.
const STATUSES: [(&str, &[i32], &str); 11] = [
    ("occtl wait $S --until ask", &[124], "nothing asks"),
    ("occtl events $S -t", &[124], "it ends by its limit"),
    ("occtl events $S |", &[0, 4, 124, 143], "it is ended by the test"),
    ("occtl doctor", &[0, 1], "1 says that something is wrong on the machine"),
    ("occtl test-permission", &[0, 6], "6 says that it is denied or asked for"),
    ("occtl share", &[1], "the stand-in cannot share: unsupported"),
    ("occtl unshare", &[1], "the same"),
    ("occtl commands", &[1], "the stand-in has no commands: unsupported"),
    ("occtl send $S --wait --command", &[1], "the same"),
    ("occtl man send | man", &[0, 1, 127], "the machine may have no man"),
    ("occtl list --watch", &[124], "it is ended by the test"),
];

/// The tools of the server.
const TOOLS: [&str; 3] = ["bash", "edit", "read"];

/// How long an example that never ends by itself is watched.
const WATCHED: &str = "1";

/// The examples of `docs/cli.md`, which is made from the table: each with its command.
fn examples() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for section in include_str!("../../docs/cli.md").split("\n## occtl ").skip(1) {
        let (name, rest) = section.split_once('\n').unwrap();
        let lines = rest.lines().filter_map(|line| line.strip_prefix("- `"));
        let lines: Vec<&str> = lines.filter_map(|line| Some(line.rsplit_once("`: ")?.0)).collect();
        assert!(lines.len() >= 2, "occtl {name} has fewer than two examples: {lines:?}");
        found.extend(lines.into_iter().map(|line| (name.to_owned(), line.to_owned())));
    }
    found
}

/// What an example finds: a session, a conversation with a turn, and files that it names.
struct Stage {
    sandbox: Sandbox,
    session: String,
    conversation: String,
    turn: String,
}

impl Stage {
    fn new() -> Stage {
        let sandbox = sandbox("examples", json!({}));
        let occtl = env!("CARGO_BIN_EXE_occtl");
        sandbox.install("occtl", &format!("#!/bin/sh\nexec '{occtl}' \"$@\"\n"));
        let work = sandbox.work();
        fs::write(work.join("README"), "one\n").unwrap();
        sandbox.git(&work, &["init", "-q"]);
        sandbox.git(&work, &["add", "."]);
        sandbox.git(&work, &["commit", "-qm", "first"]);
        fs::write(work.join("README"), "two\n").unwrap();
        for file in ["prompt.md", "password.txt", "rules.md"] {
            fs::write(sandbox.work().join(file), "hello").unwrap();
        }
        fs::create_dir_all(sandbox.home().join(".config/fish/completions")).unwrap();
        let (session, conversation, turn) = Default::default();
        Stage { sandbox, session, conversation, turn }
    }

    /// Makes anew what the example before has removed.
    fn set(&mut self) {
        self.sandbox.set_faults(&json!({"body": {"/experimental/tool/ids": TOOLS}}));
        let alive = self.sandbox.occtl(&["list", "-q"]).run().ok().stdout;
        if self.session.is_empty() || !alive.contains(&self.session) {
            self.session = self.sandbox.start(&[]);
        }
        let sent = self.send(&["-w", "--json"]).run().ok().json();
        self.conversation = sent["conversation"].as_str().unwrap().to_owned();
        self.turn = sent["turn"].as_str().unwrap().to_owned();
    }

    fn send(&self, flags: &[&str]) -> Run {
        self.sandbox.occtl(&["send", &self.session, "hello"]).args(flags)
    }

    /// Lets a turn ask, and gives the id of what it asks for.
    fn ask(&self, list: &str) -> String {
        let turn = match list {
            "questions" => json!({"question": {"question": "Which?", "options": ["Blue", "Red"]}}),
            _ => json!({"ask": {"permission": "bash", "patterns": ["make"]}}),
        };
        self.sandbox.set_faults(&json!({"turn": turn}));
        self.send(&[]).run().ok();
        self.sandbox.occtl(&["wait", &self.session, "--until", "ask", "-t", "20"]).run().ok();
        let asks = self.sandbox.occtl(&[list, &self.session, "-q"]).run().ok().stdout;
        asks.lines().next().expect("an ask").to_owned()
    }

    /// The line as a shell runs it here, with the ids that exist.
    fn adapted(&self, command: &str, line: &str) -> String {
        let mut line = line.replace(" -t 60", " -t 0.5").replace("| head -1", "| head -n 1");
        if ["approve", "reject"].contains(&command) {
            line = line.replace("per_204f", &self.ask("permissions"));
        }
        if ["answer", "questions"].contains(&command) {
            line = line.replace("que_204f", &self.ask("questions"));
        }
        if line.contains("occtl events") && !line.contains(" -t ") || line.contains("--watch") {
            line = format!("timeout {WATCHED} {line}");
        }
        line
    }

    fn run(&self, line: &str) -> i32 {
        let run = self.sandbox.command("bash", &["-c", line]);
        let run = run.env("S", &self.session).env("C", &self.conversation).env("T", &self.turn);
        let outcome = run.timeout(Duration::from_secs(60)).run();
        let status = outcome.status;
        if status != 0 {
            eprintln!("{line}: {status}\n{}{}", outcome.stdout, outcome.stderr);
        }
        status
    }
}

#[test]
fn every_example_of_the_help_does_what_it_says() {
    let examples = examples();
    assert!(examples.len() > 80, "only {} examples", examples.len());
    let has_jq = std::process::Command::new("jq").arg("--version").output().is_ok();
    let mut stage = Stage::new();
    let mut wrong = Vec::new();
    for (command, line) in &examples {
        let elsewhere = ELSEWHERE.iter().any(|(start, _)| line.starts_with(start));
        if elsewhere || (line.contains("| jq") && !has_jq) {
            continue;
        }
        stage.set();
        let served = (command == "adopt").then(|| stage.sandbox.serve());
        let url = served.as_ref().map_or(String::new(), |server| server.url());
        let line = line.replace("$URL", &url);
        let status = stage.run(&stage.adapted(command, &line));
        let expected = STATUSES.iter().find(|(start, _, _)| line.starts_with(start));
        if !expected.map_or(&[0][..], |(_, statuses, _)| *statuses).contains(&status) {
            wrong.push(format!("{line}: status {status}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
