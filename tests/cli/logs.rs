//! `logs`: logs of any size and form, and logs that grow.

use std::io::{Seek, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::sandbox::Sandbox;

const SOON: Duration = Duration::from_secs(20);

fn directory(sandbox: &Sandbox) -> PathBuf {
    let directory = sandbox.home().join(".local/share/opencode/log");
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

fn new_line(level: &str, message: &str) -> String {
    format!("timestamp=2026-11-22T20:36:53.084Z level={level} run=e1 message=\"{message}\"\n")
}

#[test]
fn the_last_matching_lines_are_shown() {
    let sandbox = Sandbox::new("logs");
    let none = sandbox.occtl(&["logs"]).run().fails(1);
    assert!(none.stderr.contains("there is no log in"), "{}", none.stderr);
    let directory = directory(&sandbox);
    sandbox.occtl(&["logs"]).run().fails(1);
    let mut text = String::new();
    for number in 0..100 {
        text.push_str(&new_line("INFO", &format!("line {number}")));
    }
    text.push_str(&new_line("ERROR", "Database \u{1b}[31m LOCKED\u{7}"));
    std::fs::write(directory.join("opencode.log"), &text).unwrap();
    let lines = |words: &[&str]| {
        let run = sandbox.occtl(&[&["logs"], words].concat()).run().ok();
        run.stdout.lines().map(String::from).collect::<Vec<_>>()
    };
    assert_eq!(lines(&[]).len(), 50);
    assert!(lines(&["-n", "1"])[0].contains("Database \\x1b[31m LOCKED\\x07"));
    assert_eq!(lines(&["database"]).len(), 1);
    assert_eq!(lines(&["-n", "10000000"]).len(), 101);
    assert_eq!(lines(&["-l", "error"]).len(), 1);
    assert_eq!(lines(&["LINE 9", "-n", "3", "-l", "INFO"]).len(), 3);
    let json = sandbox.occtl(&["logs", "--json", "-l", "ERROR"]).run().ok().json();
    assert_eq!(json["level"], "ERROR");
    assert_eq!(json["time"], "2026-11-22T20:36:53.084Z");
    assert_eq!(json["message"], "Database \u{1b}[31m LOCKED\u{7}");
    for nothing in [&["absent"][..], &["-n", "0"], &["-l", "WARN"]] {
        let run = sandbox.occtl(&["logs"]).args(nothing).run().fails(1);
        let said = format!(" is in {}", directory.join("opencode.log").display());
        assert!(run.stdout.is_empty() && run.stderr.contains(&said), "{}", run.stderr);
    }
    assert_eq!(lines(&["--search", "DATABASE"]).len(), 1);
    for bad in [&["-n", "-1"][..], &["-n", "x"], &["-l", "LOUD"]] {
        sandbox.occtl(&["logs"]).args(bad).run().fails(2);
    }
    use std::os::unix::ffi::OsStrExt;
    let odd = std::ffi::OsStr::from_bytes(b"\xff");
    sandbox.occtl(&["logs"]).args(&[odd]).run().fails(2);

    // Versions before 1.18 write a file for each start, of which the newest counts.
    let old = "INFO  2026-11-22T20:38:20 +2ms service=server path=/x started\n";
    let path = directory.join("2026-11-22T203820.log");
    std::fs::write(&path, old).unwrap();
    let later = std::time::SystemTime::now() + Duration::from_secs(1);
    std::fs::File::options().append(true).open(&path).unwrap().set_modified(later).unwrap();
    let json = sandbox.occtl(&["logs", "--json"]).run().ok().json();
    assert_eq!((&json["service"], &json["message"]), (&json!("server"), &json!("started")));
    let older = sandbox.occtl(&["logs", "locked"]).run().fails(1).stderr;
    assert!(older.contains("--all looks into the older files"), "{older}");
    assert_eq!(lines(&["-a", "-n", "1000"]).len(), 102);
    assert_eq!(lines(&["-a", "-n", "2"])[1], old.trim());

    let elsewhere = sandbox.root().join("data-home");
    std::fs::create_dir_all(elsewhere.join("opencode/log")).unwrap();
    std::fs::write(elsewhere.join("opencode/log/opencode.log"), "elsewhere\n").unwrap();
    let run = sandbox.occtl(&["logs"]).env("XDG_DATA_HOME", &elsewhere).run().ok();
    assert_eq!(run.stdout, "elsewhere\n");
}

#[test]
fn of_a_huge_log_only_the_end_is_read() {
    let sandbox = Sandbox::new("logs-huge");
    let path = directory(&sandbox).join("opencode.log");
    let mut file = std::fs::File::create(path).unwrap();
    // A hole needs no disk, but reading all of it would take long.
    file.seek(std::io::SeekFrom::Start(100 << 30)).unwrap();
    for number in 0..1000 {
        file.write_all(format!("\nline {number} of the log").as_bytes()).unwrap();
    }
    let began = Instant::now();
    let run = sandbox.occtl(&["logs", "-n", "50"]).run().ok();
    assert_eq!(run.stdout.lines().count(), 50);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn following_goes_on_when_the_log_grows_is_cut_is_rotated_or_gets_a_new_file() {
    let sandbox = Sandbox::new("logs-follow");
    let directory = directory(&sandbox);
    let path = directory.join("opencode.log");
    std::fs::write(&path, new_line("INFO", "old want") + &new_line("WARN", "want")).unwrap();
    let words = ["logs", "WANT", "-f", "-l", "WARN", "-n", "5"];
    let mut running = sandbox.occtl(&words).spawn();
    running.wait_for_line("message=\"want\"", SOON);
    let append = |text: &str| {
        let file = std::fs::OpenOptions::new().append(true).create(true).open(&path);
        file.unwrap().write_all(text.as_bytes()).unwrap();
    };
    let line = new_line("WARN", "want grown");
    append(&line[..20]);
    append(&new_line("ERROR", "want other level")[..0]);
    append(&line[20..]);
    append(&new_line("ERROR", "want another level"));
    running.wait_for_line("want grown", SOON);
    std::fs::write(&path, new_line("WARN", "want cut")).unwrap();
    running.wait_for_line("want cut", SOON);
    std::fs::rename(&path, directory.join("opencode.log.1")).unwrap();
    append(&new_line("WARN", "want rotated"));
    running.wait_for_line("want rotated", SOON);
    let new = directory.join("2026-12-01T000000.log");
    std::fs::write(new, "WARN  2026-12-01T00:00:00 +0ms service=x want next\n").unwrap();
    running.wait_for_line("want next", SOON);
    running.signal(rustix::process::Signal::INT);
    let end = running.wait(SOON).fails(130);
    assert_eq!(end.stdout.lines().count(), 5, "{}", end.stdout);
}

#[test]
fn a_session_has_a_log_of_its_own() {
    let mut sandbox = Sandbox::new("logs-session");
    sandbox.use_stand_in(json!({}));
    let id = sandbox.start(&[]);
    std::fs::write(directory(&sandbox).join("opencode.log"), "oc-zz in OpenCode's log\n").unwrap();
    let log = |words: &[&str]| sandbox.occtl(&[&["logs"], words].concat()).run();
    for words in [&[id.as_str()][..], &[&id[..7]], &["--session", &id], &["--session", &id[3..]]] {
        assert!(log(words).ok().stdout.contains("listening on"), "{words:?}");
    }
    assert_eq!(log(&["--session", &id, "LISTENING"]).ok().stdout.lines().count(), 1);
    assert_eq!(log(&["--search", "oc-zz"]).ok().stdout, "oc-zz in OpenCode's log\n");
    for unknown in ["oc-00000000", "oc-zz"] {
        let said = log(&[unknown]).fails(3).stderr;
        assert!(said.contains(&format!("--search {unknown} looks for it as text")), "{said}");
    }
    log(&["--session", "unknown"]).fails(3);
    std::fs::remove_file(sandbox.log(&id)).unwrap();
    log(&[&id]).fails(3);
    sandbox.occtl(&["stop", &id]).run().ok();
}

#[test]
fn a_name_means_the_session_and_an_isolated_one_has_a_log_of_opencode() {
    let mut sandbox = Sandbox::new("logs-named");
    sandbox.use_stand_in(json!({}));
    let id = sandbox.start(&["--name", "error", "--isolate"]);
    std::fs::write(directory(&sandbox).join("opencode.log"), "an error in the shared log\n")
        .unwrap();
    let own = sandbox.data().join("isolated").join(&id).join("data/opencode/log");
    std::fs::create_dir_all(&own).unwrap();
    let later = std::time::SystemTime::now() + Duration::from_secs(1);
    let path = own.join("opencode.log");
    std::fs::write(&path, "own one\nown two\n").unwrap();
    std::fs::File::options().append(true).open(&path).unwrap().set_modified(later).unwrap();
    let log = |words: &[&str]| sandbox.occtl(&[&["logs"], words].concat()).run();
    let named = log(&["error"]).ok();
    let said = format!("occtl: the log of session {id}; --search error looks for the word\n");
    assert_eq!(named.stderr, said);
    assert!(named.stdout.contains("listening on"), "{}", named.stdout);
    assert!(named.stdout.ends_with("own one\nown two\n"), "{}", named.stdout);
    let json = log(&["error", "--json", "--search", "TWO"]).ok();
    assert_eq!(json.json()["line"], "own two");
    assert!(json.stderr.starts_with("{\"notice\":\"the log of session"), "{}", json.stderr);
    assert_eq!(log(&["--search", "error"]).ok().stdout, "an error in the shared log\n");
    assert_eq!(log(&["erro"]).ok().stdout, "an error in the shared log\n", "a beginning is text");
    assert_eq!(log(&[".", "-n", "1"]).ok().stdout, "own two\n");
    let nothing = log(&["--session", "error", "absent", "-l", "INFO", "--json"]).fails(1);
    let message = nothing.json_error()["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("no line of level INFO with \"absent\" is in /"), "{message}");
    assert!(message.contains(&path.display().to_string()), "{message}");
    log(&["one", "--search", "two"]).fails(2);
    log(&["one", "--session", "error", "--search", "two"]).fails(2);
    // A search needs no store.
    std::fs::write(sandbox.store_path(), "{").unwrap();
    assert_eq!(log(&["shared"]).ok().stdout, "an error in the shared log\n");
    sandbox.occtl(&["doctor", "--fix"]).run();
    sandbox.occtl(&["stop", "--all"]).run().ok();
}
