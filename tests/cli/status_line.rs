//! The status line on a terminal, and what `-v` says in its place.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

use super::sandbox;
use crate::support::command::{Outcome, Running};
use crate::support::processes::{self, poll};
use crate::support::sandbox::Sandbox;
use crate::support::terminal::screen;

/// A command with wide characters, marks and emoji, and what would move the cursor.
const COMMAND: &str =
    "echo 漢字かな漢字 👩\u{200d}👩\u{200d}👧 e\u{301}u\u{308} ❤\u{fe0f} \u{1b}[2J 漢字かな漢字";

const SOON: Duration = Duration::from_secs(90);

/// Begins a command on a terminal of that many columns. `set` sets variables.
fn begin(sandbox: &Sandbox, columns: usize, set: &str, words: &str) -> Running {
    let occtl = env!("CARGO_BIN_EXE_occtl");
    let inner = format!("stty cols {columns}; {set} exec '{occtl}' {words}");
    let terminal = sandbox.command("script", &["-qec", &inner, "/dev/null"]);
    terminal.env("SHELL", "/bin/sh").env("TERM", "xterm").spawn()
}

fn end(running: Running) -> Outcome {
    running.wait(SOON)
}

/// Every status line that was shown: what stands between a carriage return and the sequence that
/// erases the rest of a line.
fn statuses(transcript: &str) -> Vec<&str> {
    let pieces = transcript.split("\u{1b}[K");
    let ends = pieces.map(|piece| piece.rsplit('\r').next().unwrap_or_default());
    ends.filter(|text| text.contains(" s")).collect()
}

#[test]
fn a_status_fits_every_terminal_and_leaves_streamed_text_as_it_is() {
    // Each delta comes so late that the status is shown in between, in the middle of the line.
    let tool = json!({"name": "bash", "input": {"command": COMMAND}});
    let faults = json!({"turn": {"tool": tool, "delta_ms": 1200, "text": "one 漢字 three\nfour"}});
    let sandbox = sandbox("status-line", faults);
    let id = sandbox.start(&[]);
    let words = format!("send {id} --stream --title t go");
    let widths = [60, 80, 200];
    let begun = widths.map(|columns| (columns, begin(&sandbox, columns, "", &words)));
    let dumb = begin(&sandbox, 80, "TERM=dumb", &words);
    let plain = begin(&sandbox, 80, "NO_COLOR=1", &format!("send {id} --wait --title t go"));
    for (columns, running) in begun {
        let shown = end(running).ok().stdout;
        let shown_lines = screen(&shown, columns);
        assert_eq!(shown_lines, ["one 漢字 three", "four", ""], "{shown:?}");
        let statuses = statuses(&shown);
        assert!(statuses.len() >= 3, "{statuses:?}");
        for status in &statuses {
            assert!(status.width() < columns, "{columns}: {status}");
            assert!(status.starts_with("waiting for the answer, "), "{status}");
        }
        let with_tool = statuses.iter().find(|status| status.contains("bash (echo"));
        let with_tool = with_tool.unwrap_or_else(|| panic!("no tool at {columns}: {statuses:?}"));
        assert!(with_tool.contains(", step "), "{with_tool}");
        assert_eq!(with_tool.contains('…'), columns < 200, "{with_tool}");
    }
    let dumb = end(dumb).ok().stdout;
    assert_eq!(dumb.replace('\r', ""), "one 漢字 three\nfour\n", "no status, no sequence");
    let plain = end(plain).ok().stdout;
    assert!(!statuses(&plain).is_empty(), "{plain:?}");
    assert!(!plain.contains("\u{1b}[0m") && !plain.contains("\u{1b}[1m"), "{plain:?}");
    assert_eq!(screen(&plain, 80), ["one 漢字 three", "four", ""]);
    // In a pipe nothing is added.
    let piped = sandbox.occtl(&["send", &id, "--stream", "--title", "t", "go"]).run().ok();
    assert_eq!((piped.stdout.as_str(), piped.stderr.as_str()), ("one 漢字 three\nfour\n", ""));
}

#[test]
fn whatever_takes_long_says_so_until_its_first_output() {
    let slow = json!({"delay_ms": {"/session": 1500, "/config": 10}});
    let sandbox = sandbox("status-slow", slow);
    let id = sandbox.start(&[]);
    let shown = end(begin(&sandbox, 80, "", &format!("sessions {id}"))).ok().stdout;
    assert!(statuses(&shown)[0].starts_with("occtl sessions, "), "{shown:?}");
    assert_eq!(screen(&shown, 80), ["No conversations", ""]);
    let quick = end(begin(&sandbox, 80, "", &format!("agents {id}"))).ok().stdout;
    assert!(!quick.contains("occtl agents"), "{quick:?}");
}

#[test]
fn a_signal_leaves_nothing_of_the_status_and_ends_the_command_as_ever() {
    let sandbox = sandbox("status-signal", json!({}));
    let id = sandbox.start(&[]);
    sandbox.set_faults(&json!({"delay_ms": {"/session": 120_000}}));
    // Commands that leave signals alone, that end by themselves, and that end at once.
    let words = [
        (format!("sessions {id}"), "occtl sessions, "),
        (format!("export {id}"), "occtl export, "),
        (format!("send {id} --wait --title t go"), "occtl send, "),
    ];
    for (words, status) in words {
        for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
            let file = sandbox.root().join("pid");
            let set = format!("echo $$ >'{}';", file.display());
            let running = begin(&sandbox, 80, &set, &words);
            let shown = poll(SOON, || running.stdout().contains(status).then_some(()));
            assert!(shown.is_some(), "{words}: {:?}", running.stdout());
            let pid = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
            processes::signal(pid, signal);
            let lines = screen(&end(running).fails(code).stdout, 80);
            assert!(lines.iter().all(|line| !line.contains(status)), "{words}: {lines:?}");
        }
    }
}

#[test]
fn tools_and_retries_are_told_on_stderr_with_v_and_not_without() {
    let tool = json!({"name": "bash", "input": {"command": "make\nall"}, "output": "x"});
    let sandbox = sandbox("verbose", json!({"turn": {"tool": tool}}));
    let id = sandbox.start(&[]);
    let begin = |words: &[&str]| {
        let words = [&["send", &id, "--title", "t", "hello there"], words].concat();
        sandbox.occtl(&words)
    };
    let send = |words: &[&str]| begin(words).run();
    // The text comes once the tool has been told: the answer as a whole knows only its end.
    let told = |words: &[&str]| {
        sandbox.set_faults(&json!({"turn": {"tool": tool, "hold": true}}));
        let running = begin(words).spawn();
        let ended = || running.stderr().contains("ended after").then_some(());
        poll(SOON, ended).expect("the end of the tool");
        sandbox.set_faults(&json!({"turn": {"tool": tool}}));
        running.wait(SOON).ok()
    };
    let streamed = told(&["--stream", "-v"]);
    assert_eq!(streamed.stdout, "hello there\n");
    let lines: Vec<&str> = streamed.stderr.lines().collect();
    assert_eq!(lines[0], "occtl: tool bash (make…)");
    assert!(lines[1].starts_with("occtl: tool bash (make…) ended after "), "{lines:?}");
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(send(&["--stream"]).ok().stderr, "");
    let told = told(&["--wait", "--json", "-v"]);
    let notice: Value = serde_json::from_str(told.stderr.lines().next().unwrap()).unwrap();
    assert_eq!(notice, json!({"notice": "tool bash (make…)"}));
    // A turn that another command began, while its provider is tried again.
    sandbox.set_faults(&json!({"turn": {"retry_forever": 300}}));
    let sent = send(&["--json"]).ok().json();
    let turn = sent["turn"].as_str().unwrap();
    let words = ["wait", &id, "--turn", turn, "-v", "--max-retries", "2"];
    let told = sandbox.occtl(&words).run();
    assert!(told.stderr.contains("occtl: retry 2: busy\n"), "{}", told.stderr);
    send(&["-v"]).fails(2);
    sandbox.occtl(&["wait", &id, "-v"]).run().fails(2);
}
