//! `list`: its columns, labels and conversations, and `--watch`.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::sandbox;
use crate::support::command::Outcome;
use crate::support::sandbox::Sandbox;

const SOON: Duration = Duration::from_secs(30);

/// Runs `list` with more words.
fn list(sandbox: &Sandbox, words: &[&str]) -> Outcome {
    sandbox.occtl(&["list"]).args(words).run()
}

#[test]
fn a_list_has_the_columns_that_were_asked_for() {
    let sandbox = sandbox("listing", Value::Null);
    let wide = sandbox.start(&["-w", "漢字", "--label", "job=a=b", "--label", "zone=ü\u{1b}[31m"]);
    let long = "a".repeat(300);
    let plain = sandbox.start(&["--agent", &long, "--label", "job="]);
    let rows = list(&sandbox, &["-o", "workdir, id,labels"]).ok().stdout;
    let rows: Vec<&str> = rows.lines().collect();
    assert!(rows[0].starts_with("Workdir") && rows[0].ends_with("Labels"), "{rows:?}");
    let place = |name: &str| sandbox.work().join(name).display().to_string();
    // Each of the two characters is two columns wide.
    assert_eq!(rows[1], format!("{}  {wide}  job=a=b,zone=ü\\x1b[31m", place("漢字")));
    let own = sandbox.work().display().to_string();
    assert_eq!(rows[2], format!("{own}{}{plain}  job=", " ".repeat("/4444".len() + 2)));
    assert!(list(&sandbox, &[]).ok().stdout.contains(&long), "nothing is cut in a pipe");
    for (wrong, help) in [("workdri", "did you mean workdir?"), ("nothing", ", workdir,")] {
        let said = list(&sandbox, &["-o", &format!("id,{wrong}")]).fails(2).stderr;
        assert!(said.contains(&format!("\"{wrong}\"")) && said.contains(help), "{said}");
    }
    list(&sandbox, &["-o", ""]).fails(2);
    list(&sandbox, &["-o", "id", "--all-conversations"]).fails(2);
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_list_has_the_labels_and_the_conversations_that_were_asked_for() {
    let sandbox = sandbox("labels", Value::Null);
    let one = sandbox.start(&["--label", "job=a=b", "--label", "zone=ü\u{1b}[31m"]);
    let other = sandbox.start(&["--label", "job="]);
    for (label, expected) in [("job=a=b", &one), ("job=", &other)] {
        assert_eq!(list(&sandbox, &["-q", "--label", label]).ok().stdout.trim(), expected);
        let rows = list(&sandbox, &["--json", "--label", label]).ok().json();
        assert_eq!(rows["sessions"].as_array().unwrap().len(), 1, "{rows}");
    }
    let both = list(&sandbox, &["-q", "--label", "job=a=b", "--label", "zone=b"]);
    assert_eq!(both.ok().stdout, "");
    for bad in ["job", "=a", ""] {
        list(&sandbox, &["--label", bad]).fails(2);
        sandbox.occtl(&["start", "--label", bad]).run().fails(2);
    }

    let said = |id: &str| {
        let sent = sandbox.occtl(&["send", id, "-a", "build", "hello"]).run().ok();
        sent.stdout.trim().to_owned()
    };
    let (first, second) = (said(&one), said(&other));
    let rows = list(&sandbox, &["--all-conversations", "--json"]).ok().json();
    let pairs: Vec<_> = rows["conversations"].as_array().unwrap().iter().collect();
    let has = |session: &str, id: &str| {
        pairs.iter().any(|row| row["session"] == session && row["id"] == id)
    };
    assert!(pairs.len() == 2 && has(&one, &first) && has(&other, &second), "{rows}");
    let only = list(&sandbox, &["--all-conversations", "-q", "--label", "job="]).ok();
    assert_eq!(only.stdout.trim(), second);
    // A session that does not answer does not hide the others, and a warning names it.
    sandbox.edit_record(&one, |record| record["password"] = json!("another"));
    let rest = list(&sandbox, &["--all-conversations", "-q"]).ok();
    assert_eq!(rest.stdout.trim(), second);
    assert!(rest.stderr.contains(&one) && rest.stderr.contains("password"), "{}", rest.stderr);
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_server_that_other_machines_reach_needs_a_password_and_its_address_is_listed() {
    let sandbox = sandbox("open", Value::Null);
    let open = |address: &str, password: &str| {
        let start = sandbox.occtl(&["start", "-q", "--hostname", address]);
        start.env("OPENCODE_SERVER_PASSWORD", password).run()
    };
    let refused = open("0.0.0.0", "").fails(2);
    assert!(refused.stderr.contains("needs a password"), "{}", refused.stderr);
    open("localhost", "sesame").fails(2);
    open("203.0.113.9", "sesame").fails(2);
    let id = open("0.0.0.0", "sesame").ok().stdout;
    let listed = list(&sandbox, &[]).ok().stdout;
    assert!(listed.contains("  0.0.0.0:") && listed.contains("  idle"), "{listed}");
    assert_eq!(sandbox.record(id.trim())["password"], "sesame");
    for (_, line) in sandbox.marked_processes() {
        assert!(!line.contains("sesame"), "{line}");
    }
    sandbox.occtl(&["stop", id.trim()]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_list_of_many_sessions_needs_few_descriptors() {
    let sandbox = sandbox("descriptors", Value::Null);
    for _ in 0..16 {
        sandbox.start(&[]);
    }
    let words = ["--nofile=16", env!("CARGO_BIN_EXE_occtl"), "list", "-o", "state"];
    let listed = sandbox.command("prlimit", &words).run().ok().stdout;
    assert_eq!(listed.matches("idle").count(), 16, "{listed}");
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_watched_list_goes_on_until_it_is_interrupted_or_its_reader_is_gone() {
    let sandbox = sandbox("watch", Value::Null);
    // A shell starts its background jobs with SIGINT ignored.
    let deaf = "trap '' INT; exec \"$0\" list --watch --interval 0.1";
    let mut watched = sandbox.shell(deaf, &[""; 0]).spawn();
    watched.wait_for_line("No active sessions", SOON);
    let id = sandbox.start(&[]);
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
    // It ends when its reader has gone, and not at the next interval.
    let piped = "{ \"$0\" list --watch --interval 3600; echo \"status $?\" >&2; } | head -1";
    let read = sandbox.shell(piped, &[""; 0]).run().ok();
    assert_eq!((&*read.stdout, &*read.stderr), ("No active sessions\n", "status 0\n"));
    for words in [vec!["--interval", "2"], vec!["--watch", "--interval", "0"]] {
        sandbox.occtl(&[&["list"], &*words].concat()).run().fails(2);
    }
}

#[test]
fn thousands_of_conversations_are_listed_in_little_memory() {
    let sandbox = sandbox("many-conversations", json!({"bulk_conversations": 5000}));
    let id = sandbox.start(&[]);
    let limited = |words: &[&str]| {
        // Together with the pages of the program that is less than 8 MiB.
        sandbox.shell("ulimit -d 4500 && exec \"$0\" \"$@\"", words).run().ok()
    };
    for words in [&["list", "--all-conversations"][..], &["sessions", &id]] {
        assert_eq!(limited(words).stdout.matches("\n").count(), 5001, "{words:?}");
        let listed = limited(&[words, &["--json"]].concat()).json();
        assert_eq!(listed["conversations"].as_array().unwrap().len(), 5000, "{words:?}");
    }
}

#[test]
fn ten_thousand_records_need_little_memory() {
    let sandbox = sandbox("many-records", Value::Null);
    let id = sandbox.start(&[]);
    let mut many = sandbox.store();
    for number in 0..10_000 {
        let mut dead = many["sessions"][&id].clone();
        let name = format!("oc-{number:08x}");
        dead["id"] = json!(name);
        dead["pid_start_time"] = json!(1);
        dead["workdir"] = json!(format!("/srv/project-{number}"));
        dead["of-another-program"] = json!([number]);
        many["sessions"][name] = dead;
    }
    std::fs::write(sandbox.store_path(), many.to_string()).unwrap();
    let limited = |words: &[&str]| {
        // Together with the pages of the program that is less than 8 MiB.
        let done = sandbox.shell("ulimit -d 5000 && exec \"$0\" \"$@\"", words).run().ok();
        done.stdout
    };
    let table = limited(&["list", "--no-git"]);
    assert_eq!(table.matches("  dead  ").count(), 10_000);
    // Columns are as wide as their longest cell, however far down that is.
    let at = |line: &str| line.find("/").unwrap();
    let lines: Vec<&str> = table.lines().skip(1).collect();
    assert!(lines.iter().all(|line| at(line) == at(lines[0])), "{}", lines[0]);
    let listed: Value = serde_json::from_str(&limited(&["list", "--no-git", "--json"])).unwrap();
    assert_eq!(listed["sessions"].as_array().unwrap().len(), 10_001);
    assert_eq!(limited(&["list", "-q"]).lines().count(), 10_001);
    assert!(limited(&["status", "oc-00001000", "--no-git"]).contains("dead"));
    assert!(limited(&["sessions", "."]).contains("No conversations"), "the only one alive");
    let new = limited(&["start", "-q", "-w", "new"]);
    limited(&["touch", new.trim()]);
    limited(&["stop", new.trim(), "-q"]);
    // What was not changed is as it was.
    assert!(
        sandbox.store() == {
            many["next_port"] = sandbox.store()["next_port"].clone();
            many
        }
    );
    std::fs::write(
        sandbox.store_path(),
        json!({"sessions": {&id: sandbox.record(&id)}}).to_string(),
    )
    .unwrap();
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}
