//! `list`: its columns, its labels, all conversations, and again and again.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{assert_no_trace, edit_record, sandbox, store};

const SOON: Duration = Duration::from_secs(30);

#[test]
fn a_list_has_the_columns_the_labels_and_the_conversations_that_were_asked_for() {
    let sandbox = sandbox("listing", Value::Null);
    let start = |words: &[&str]| {
        sandbox.occtl(&[&["start", "-q"], words].concat()).run().ok().stdout.trim().to_owned()
    };
    let wide = start(&["-w", "漢字", "--label", "job=a=b", "--label", "zone=ü\u{1b}[31m"]);
    let long = "a".repeat(300);
    let plain = start(&["--agent", &long, "--label", "job="]);
    let list = |words: &[&str]| sandbox.occtl(&[&["list"], words].concat()).run();

    let rows = list(&["-o", "workdir, id,labels"]).ok().stdout;
    let rows: Vec<&str> = rows.lines().collect();
    assert!(rows[0].starts_with("Workdir") && rows[0].ends_with("Labels"), "{rows:?}");
    let place = |name: &str| sandbox.work().join(name).display().to_string();
    // Each of the two characters takes the room of two.
    assert_eq!(rows[1], format!("{}  {wide}  job=a=b,zone=ü\\x1b[31m", place("漢字")));
    let own = sandbox.work().display().to_string();
    assert_eq!(rows[2], format!("{own}{}{plain}  job=", " ".repeat("/4444".len() + 2)));
    assert!(list(&[]).ok().stdout.contains(&long), "nothing is cut in a pipe");
    let unknown = list(&["-o", "id,nope"]).fails(2).stderr;
    assert!(unknown.contains("\"nope\"") && unknown.contains("workdir"), "{unknown}");
    list(&["-o", ""]).fails(2);
    list(&["-o", "id", "--all-conversations"]).fails(2);

    for (label, expected) in [("job=a=b", &wide), ("job=", &plain)] {
        assert_eq!(list(&["-q", "--label", label]).ok().stdout.trim(), expected);
        let rows = list(&["--json", "--label", label]).ok().json();
        assert_eq!(rows["sessions"].as_array().unwrap().len(), 1, "{rows}");
    }
    assert_eq!(list(&["-q", "--label", "job=a=b", "--label", "zone=b"]).ok().stdout, "");
    for bad in ["job", "=a", ""] {
        list(&["--label", bad]).fails(2);
        sandbox.occtl(&["start", "--label", bad]).run().fails(2);
    }

    let said = |id: &str| {
        let sent = sandbox.occtl(&["send", id, "-a", "build", "hello"]).run().ok();
        sent.stdout.trim().to_owned()
    };
    let (one, other) = (said(&wide), said(&plain));
    let rows = list(&["--all-conversations", "--json"]).ok().json();
    let pairs: Vec<_> = rows["conversations"].as_array().unwrap().iter().collect();
    let has = |session: &str, id: &str| {
        pairs.iter().any(|row| row["session"] == session && row["id"] == id)
    };
    assert!(pairs.len() == 2 && has(&wide, &one) && has(&plain, &other), "{rows}");
    let only = list(&["--all-conversations", "-q", "--label", "job="]).ok();
    assert_eq!(only.stdout.trim(), other);
    // One that does not answer hides the others neither by an error nor by silence.
    edit_record(&sandbox, &wide, |record| record["password"] = json!("another"));
    let rest = list(&["--all-conversations", "-q"]).ok();
    assert_eq!(rest.stdout.trim(), other);
    assert!(rest.stderr.contains(&wide) && rest.stderr.contains("password"), "{}", rest.stderr);
    sandbox.occtl(&["stop", "--all"]).run().ok();

    // One that other machines reach is seen at once, and is not had without a password that they know.
    let open = |address: &str, password: &str| {
        let start = sandbox.occtl(&["start", "-q", "--hostname", address]);
        start.env("OPENCODE_SERVER_PASSWORD", password).run()
    };
    let refused = open("0.0.0.0", "").fails(2);
    assert!(refused.stderr.contains("needs a password"), "{}", refused.stderr);
    open("localhost", "sesame").fails(2);
    open("203.0.113.9", "sesame").fails(2);
    let id = open("0.0.0.0", "sesame").ok().stdout;
    let listed = list(&[]).ok().stdout;
    assert!(listed.contains("  0.0.0.0:") && listed.contains("  idle"), "{listed}");
    assert_eq!(store(&sandbox)["sessions"][id.trim()]["password"], "sesame");
    for (_, line) in sandbox.marked_processes() {
        assert!(!line.contains("sesame"), "{line}");
    }
    sandbox.occtl(&["stop", id.trim()]).run().ok();
    assert_no_trace(&sandbox);
}

#[test]
fn a_list_of_many_needs_few_descriptors() {
    let sandbox = sandbox("descriptors", Value::Null);
    for _ in 0..16 {
        super::start(&sandbox);
    }
    let words = ["--nofile=16", env!("CARGO_BIN_EXE_occtl"), "list", "-o", "state"];
    let listed = sandbox.command("prlimit", &words).run().ok().stdout;
    assert_eq!(listed.matches("idle").count(), 16, "{listed}");
    sandbox.occtl(&["stop", "--all"]).run().ok();
    assert_no_trace(&sandbox);
}

#[test]
fn a_watched_list_goes_on_until_it_is_interrupted_or_nobody_reads_it() {
    let sandbox = sandbox("watch", Value::Null);
    // A shell's jobs in the background begin like this.
    let deaf = "trap '' INT; exec \"$0\" list --watch --interval 0.1";
    let mut watched = sandbox.command("sh", &["-c", deaf, env!("CARGO_BIN_EXE_occtl")]).spawn();
    watched.wait_for_line("No active sessions", SOON);
    let id = super::start(&sandbox);
    watched.wait_for_line(&id, SOON);
    sandbox.occtl(&["stop", &id]).run().ok();
    watched.wait_for_line("No active sessions", SOON);
    assert!(!watched.stdout().contains('\u{1b}'), "no screen is cleared in a pipe");
    watched.signal(Signal::INT);
    watched.wait(SOON).fails(130);
    let mut json = sandbox.occtl(&["list", "--watch", "--json"]).spawn();
    json.wait_for_line("{\"sessions\":[]}", SOON);
    json.signal(Signal::TERM);
    json.wait(SOON).fails(143);
    // An hour is not waited for somebody who has gone.
    let piped = "{ \"$0\" list --watch --interval 3600; echo \"status $?\" >&2; } | head -1";
    let read = sandbox.command("sh", &["-c", piped, env!("CARGO_BIN_EXE_occtl")]).run().ok();
    assert_eq!((&*read.stdout, &*read.stderr), ("No active sessions\n", "status 0\n"));
    for words in [vec!["--interval", "2"], vec!["--watch", "--interval", "0"]] {
        sandbox.occtl(&[&["list"], &*words].concat()).run().fails(2);
    }
}
