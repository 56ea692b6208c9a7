//! Completions in real shells, and what is installed for them.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use super::sandbox;
use crate::support::processes::poll;
use crate::support::sandbox::Sandbox;

const SOON: Duration = Duration::from_secs(90);

/// Each shell, and how it takes the completions.
const SHELLS: [(&str, &str); 3] = [
    ("bash", "source <(occtl completions bash)"),
    ("zsh", "autoload -U compinit; compinit -u -D; source <(occtl completions zsh)"),
    ("fish", "occtl completions fish | source"),
];

fn is_there(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        eprintln!("{program} is not installed: nothing is tried with it");
    }
    found
}

/// A sandbox in whose shells `occtl` is the one of this test.
fn with_shells(name: &str, faults: serde_json::Value) -> Sandbox {
    let sandbox = sandbox(name, faults);
    let occtl = env!("CARGO_BIN_EXE_occtl");
    sandbox.install("occtl", &format!("#!/bin/sh\nexec '{occtl}' \"$@\"\n"));
    sandbox
}

/// Types keys into a shell until it shows what is expected.
#[track_caller]
fn shows(sandbox: &Sandbox, (shell, start): (&str, &str), keys: &str, expected: &str) {
    let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/type.py");
    let words = [driver, shell, start, keys, expected];
    sandbox.command("python3", &words).timeout(Duration::from_secs(60)).run().ok();
}

#[test]
fn real_shells_complete_commands_flags_sessions_conversations_and_names_with_blanks() {
    let agents = json!([{"name": "my agent:x", "mode": "primary", "permission": []}]);
    let sandbox = with_shells("shells", json!({"body": {"/agent": agents}}));
    let id = sandbox.start(&["--name", "web"]);
    let sent = sandbox.occtl(&["send", "web", "-w", "-q", "hello"]).run().ok().stdout;
    let conversation = sent.trim();
    for shell in SHELLS.into_iter().filter(|(shell, _)| is_there(shell) && is_there("python3")) {
        shows(&sandbox, shell, "occtl cleanu\\t", "cleanup");
        shows(&sandbox, shell, "occtl send x --unlisted=d\\t", "--unlisted=deny");
        shows(&sandbox, shell, "occtl stop we\\t", "web");
        shows(&sandbox, shell, "occtl stop oc-\\t", &id);
        shows(&sandbox, shell, "occtl tail web -s s\\t", conversation);
        shows(&sandbox, shell, "occtl send web -a m\\t", "my\\ agent:x");
    }
}

#[test]
fn completing_is_quick_and_silent_where_nothing_answers() {
    let sandbox = with_shells("silent-shells", json!({}));
    let complete = |words: &[&str]| {
        let began = Instant::now();
        let run = sandbox.occtl(&[&["complete", "words", "--"], words].concat()).run().ok();
        assert_eq!(run.stderr, "", "{words:?}");
        (run, began.elapsed())
    };
    assert_eq!(complete(&["tail", "x", "-s", ""]).0.stdout, "nothing\n");
    assert_eq!(complete(&["xyzzy", ""]).0.stdout, "nothing\n");
    let id = sandbox.start(&[]);
    sandbox.set_faults(&json!({"never_answer": true}));
    for words in [["tail", &id, "-s", ""], ["send", &id, "-m", ""], ["approve", &id, "", ""]] {
        let run = complete(&words).0;
        assert_eq!(run.stdout, "nothing\n", "{words:?}");
        run.within(Duration::from_millis(400)).unwrap();
    }
}

#[test]
fn of_many_conversations_the_newest_are_offered_and_older_ones_once_their_ids_are_typed() {
    let sandbox = with_shells("many-to-complete", json!({"bulk_conversations": 200}));
    let id = sandbox.start(&[]);
    let listed = sandbox.occtl(&["sessions", &id, "-q"]).run().ok().stdout;
    let ids: Vec<&str> = listed.lines().collect();
    // A server on a busy machine may be late, and then there are none.
    let complete = |typed: &str| {
        let words = ["complete", "words", "--", "tail", &id, "-s", typed];
        let offered = || {
            let shown = sandbox.occtl(&words).run().ok().stdout;
            let offered: Vec<String> =
                shown.lines().skip(1).map(|line| line.split('\t').next().unwrap().into()).collect();
            (!offered.is_empty()).then_some(offered)
        };
        poll(SOON, offered).expect("an answer in time")
    };
    for typed in ["", "s", "ses_"] {
        let before = sandbox.stand_in_requests().len();
        assert_eq!(complete(typed), ids[..100], "{typed}");
        let asked = sandbox.stand_in_requests().split_off(before);
        let lists = asked.iter().filter(|one| one["path"] == "/session");
        assert!(lists.clone().all(|one| one["query"]["limit"] == "100"), "{asked:?}");
    }
    let oldest = ids[199];
    assert!(complete(&oldest[..oldest.len() - 1]).contains(&oldest.to_owned()));
}

#[test]
fn make_install_puts_pages_and_completions_where_they_are_looked_for() {
    let sandbox = Sandbox::new("install");
    let root = sandbox.root().join("stage");
    let words = [
        "-C".into(),
        env!("CARGO_MANIFEST_DIR").into(),
        // The binary of this test is installed: nothing is built.
        "-o".into(),
        "build".into(),
        "install".into(),
        "PREFIX=/usr".into(),
        format!("DESTDIR={}", root.display()),
        format!("OCCTL={}", env!("CARGO_BIN_EXE_occtl")),
    ];
    sandbox.command("make", &words).run().ok();
    for file in [
        "bin/occtl",
        "share/man/man1/occtl.1",
        "share/man/man1/occtl-send.1",
        "share/man/man1/occtl-bench-run.1",
        "share/bash-completion/completions/occtl",
        "share/zsh/site-functions/_occtl",
        "share/fish/vendor_completions.d/occtl.fish",
    ] {
        let path = root.join("usr").join(file);
        assert!(path.metadata().is_ok_and(|found| found.len() > 0), "{file} is missing");
    }
    assert_pages_are_clean(&root.join("usr/share/man/man1"));
}

/// `mandoc` finds nothing wrong with any page.
fn assert_pages_are_clean(directory: &Path) {
    if Command::new("mandoc").arg("-T").arg("lint").arg("/dev/null").output().is_err() {
        eprintln!("mandoc is not installed: the pages are not checked");
        return;
    }
    let pages = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let lint = Command::new("mandoc").arg("-T").arg("lint").args(pages).output().unwrap();
    let said = String::from_utf8_lossy(&[lint.stdout, lint.stderr].concat()).into_owned();
    assert_eq!(said, "", "mandoc -T lint");
}
