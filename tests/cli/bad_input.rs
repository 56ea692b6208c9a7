//! Wrong arguments: each is named, gives its exit status, and changes nothing.

use std::ffi::OsStr;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::time::Duration;

use serde_json::json;

use super::sandbox;

#[test]
fn a_session_that_does_not_exist_is_named_with_how_many_there_are() {
    let sandbox = sandbox("no-session", json!({}));
    for arguments in [
        vec!["status", "oc-77"],
        vec!["stop", "oc-77"],
        vec!["send", "oc-77", "hello"],
        vec!["send", "oc-77", "--wait", "hello"],
    ] {
        let failed = sandbox.occtl(&arguments).run().fails(3);
        assert_eq!(failed.stdout, "", "{arguments:?}");
        let expected = "occtl: there is no session oc-77 (there is none at all; occtl start starts \
                        one)\n";
        assert_eq!(failed.stderr, expected, "{arguments:?}");
    }
    let empty = sandbox.occtl(&["stop", ""]).run().fails(3);
    assert!(
        empty.stderr.contains("there is no session \"\" (the word is empty"),
        "{}",
        empty.stderr
    );
    let failed = sandbox.occtl(&["stop", "oc-77", "--json"]).run().fails(3);
    let error = failed.json_error();
    assert_eq!(
        (&error["code"], &error["hint"]),
        (&json!("not_found"), &json!("there is none at all; occtl start starts one"))
    );
    sandbox.assert_no_trace();
}

#[test]
fn an_ambiguous_beginning_lists_the_candidates_and_touches_none() {
    let sandbox = sandbox("ambiguous", json!({}));
    let ids = [sandbox.start(&[]), sandbox.start(&[])];
    // Every id begins with `oc-`, and two ids may have nothing else in common: a third is made up.
    let failed = sandbox.occtl(&["stop", "oc-"]).run().fails(3);
    assert!(failed.stderr.contains("occtl list shows all 2"), "{}", failed.stderr);
    let twin = format!("{}ffff", &ids[0][..7]);
    let mut text = sandbox.store();
    text["sessions"][&twin] = json!({"id": twin, "port": 1, "pid": null});
    std::fs::write(sandbox.store_path(), text.to_string()).unwrap();
    for arguments in [vec!["status", &ids[0][..7]], vec!["stop", &ids[0][3..7]]] {
        let failed = sandbox.occtl(&arguments).run().fails(3);
        assert!(failed.stderr.contains("more than one session begins with"), "{}", failed.stderr);
        for id in [&ids[0], &twin] {
            assert!(failed.stderr.contains(id.as_str()), "{}", failed.stderr);
        }
    }
    assert_eq!(sandbox.records().len(), 3);
    sandbox.edit_record(&twin, |record| record["port"] = json!(2));
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn an_unusable_workdir_is_an_error_before_anything_is_started() {
    let sandbox = sandbox("workdirs", json!({}));
    let file = sandbox.work().join("file");
    std::fs::write(&file, "").unwrap();
    for (workdir, expected) in [
        (file.clone(), "is not a directory"),
        (file.join("below"), "cannot create workdir"),
        ("/proc/not/there".into(), "cannot create workdir"),
        (sandbox.work().join(OsStr::from_bytes(b"not-\xff-text")), "not UTF-8"),
    ] {
        let failed = sandbox.occtl(&["start", "-w"]).args(&[&workdir]).run().fails(1);
        assert!(failed.stderr.contains(expected), "{}", failed.stderr);
        assert_eq!((failed.stdout.as_str(), failed.stderr.lines().count()), ("", 1));
    }
    assert!(!sandbox.store_path().exists());
    sandbox.assert_no_trace();
    let gone = sandbox.work().join("gone");
    let script = "mkdir \"$1\" && cd \"$1\" && rmdir \"$1\" && exec \"$0\" start";
    let run = sandbox.shell(script, &[&gone]).run().fails(1);
    assert!(run.stderr.contains("the working directory is gone"), "{}", run.stderr);
    sandbox.assert_no_trace();
}

#[test]
fn a_workdir_may_have_any_utf_8_name_and_is_created_if_it_is_missing() {
    let sandbox = sandbox("names", json!({}));
    for name in ["a b/c'd \"e\"", "ünï 你好", "-w", "new\nline\u{1b}[31m", "$(touch x);%s%20&=#?"]
    {
        let path = sandbox.work().join("new").join(name);
        let workdir = format!("--workdir={}", path.display());
        let started = sandbox.occtl(&["start", "--json", &workdir]).run().ok().json();
        assert_eq!(started["workdir"].as_str(), path.to_str());
        let id = started["id"].as_str().unwrap();
        let answer = sandbox.occtl(&["send", id, "--wait", "hello"]).run().ok();
        assert_eq!(answer.stdout, "hello\n", "in {name:?}");
        let status = sandbox.occtl(&["status", id]).run().ok();
        assert!(!status.stdout.contains('\u{1b}') && status.stdout.contains("idle"));
        sandbox.occtl(&["stop", id]).run().ok();
    }
    // A flag with an empty value, as from an unset variable, counts as missing, as in 0.4.0.
    let flags = ["start", "--json", "-w", "", "-a", ""];
    let started = sandbox.occtl(&flags).run().ok().json();
    assert_eq!(started["workdir"].as_str(), sandbox.work().to_str());
    assert_eq!(started["agent"], json!(null));
    // A relative workdir counts from the working directory, and a link is followed.
    std::os::unix::fs::symlink(sandbox.work().join("new"), sandbox.work().join("link")).unwrap();
    let started = sandbox.occtl(&["start", "--json", "-w", "link"]).run().ok().json();
    assert_eq!(started["workdir"].as_str(), sandbox.work().join("new").to_str());
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn ports_in_use_are_passed_over_and_it_is_an_error_if_none_is_free() {
    let sandbox = sandbox("ports", json!({}));
    let first = *sandbox.ports().start();
    let range = format!("{first}-{}", first + 2);
    let _foreign = TcpListener::bind(("127.0.0.1", first)).unwrap();
    let _everywhere = TcpListener::bind(("0.0.0.0", first + 2)).unwrap();
    let start = || sandbox.occtl(&["start", "--json"]).env("OCCTL_PORT_RANGE", &range).run();
    let one = start().ok().json();
    assert_eq!(one["port"], first + 1);
    let failed = start().fails(1);
    let error = failed.json_error();
    let expected = format!("no port from {first} to {} is free", first + 2);
    assert_eq!((&error["code"], &error["message"]), (&json!("failed"), &json!(expected)));
    assert!(error["hint"].as_str().unwrap().contains("OCCTL_PORT_RANGE"));
    assert_eq!(sandbox.records().len(), 1);
    sandbox.occtl(&["stop", "--all"]).run().ok();
    let again = start().ok().json();
    assert_eq!(again["port"], first + 1, "a port that became free is used again at once");
    for range in ["x", "0-5", "9-8"] {
        let failed = sandbox.occtl(&["start"]).env("OCCTL_PORT_RANGE", range).run().fails(2);
        assert!(failed.stderr.contains("not a range of ports"), "{}", failed.stderr);
    }
}

#[test]
fn wrong_flags_and_values_are_usage_errors_that_change_nothing() {
    let sandbox = sandbox("usage", json!({}));
    for (arguments, expected) in [
        (vec!["strat"], "did you mean start?"),
        (vec!["quit"], "did you mean stop?"),
        (vec!["status"], "no SESSION is given"),
        (vec!["list", "--json=1"], "occtl help list explains its flags"),
        (vec!["start", "--timeout", "0"], "--timeout cannot be 0"),
        (vec!["start", "--timeout=-1"], "--timeout cannot be -1"),
        (vec!["start", "-t", "nan"], "--timeout cannot be nan"),
        (vec!["start", "-t", "1x"], "--timeout cannot be 1x"),
        (vec!["start", "-t", "30m1h"], "with units: 500ms, 1h30m"),
        (vec!["start", "-t", "inf"], "a number of seconds above 0"),
        (vec!["stop", "x", "--grace", "1x"], "a number of seconds, 0 or more"),
        (vec!["send", "x", "hello", "-t", "0"], "--timeout cannot be 0"),
        (vec!["start", "--name", "a b"], "cannot be a name"),
        (vec!["start", "--name", "oc-1"], "are ids"),
        (vec!["start", "extra"], "does not know what to do with extra"),
        (vec!["list", "--nope"], "occtl list has no flag --nope"),
        (vec!["stop"], "needs a SESSION"),
        (vec!["stop", "--all", "x"], "cannot be used together"),
        (vec!["send"], "needs a SESSION"),
        (vec!["send", "x y"], "needs a MESSAGE for SESSION x y"),
        (vec!["send", "x", ""], "the message is empty"),
        (vec!["send", "x", " \n "], "the message is empty"),
        (vec!["send", "x", "-"], "the message is empty"),
        (vec!["send", "x", "-m", "noslash", "hi"], "--model cannot be noslash"),
        (vec!["send", "x", "-m", "/m", "hi"], "PROVIDER/MODEL"),
        (vec!["send", "x", "-c", "-s", "ses_1", "hi"], "cannot be used together"),
        (vec!["send", "x", "-c", "--title", "t", "hi"], "it is for a new conversation"),
        (vec!["send", "x", "--title", "", "hi"], "--title cannot be \"\""),
        (vec!["send", "x", "-r", "--max-steps", "1", "hi"], "--max-steps is for --wait, --stream"),
        (vec!["list", "--interval", "1"], "--interval is for --watch"),
        (vec!["start", "--base", "main"], "--base is for --worktree"),
        (vec!["stop", "x", "-f", "--grace", "1"], "--grace and --force cannot be used together"),
        (vec!["wait", "x", "--max-cost", "1"], "--max-cost is for --turn"),
        (vec!["reject", "x", "--all", "-m", ""], "--message cannot be \"\""),
        (vec!["send", "x", "--stream", "--raw", "hi"], "cannot be used together"),
        (vec!["send", "x", "-", "a", "-"], "only one - can be stdin"),
        (vec!["send", "x", "--schema", "-", "-"], "not MESSAGE and --schema"),
        (vec!["send", "x", "- item one\n- item two"], "has no flag - item one… (if it is"),
        (vec!["run", "---\ntitle: x\n---\nbody"], "put -- before it, or use -"),
        (vec!["send", "x", "--wiat", "hi"], "did you mean --wait?"),
        (vec!["help", "nothing"], "there is no command nothing"),
        (vec!["list", "--color", "blue"], "auto, always, never"),
    ] {
        let failed = sandbox.occtl(&arguments).run().fails(2);
        assert!(failed.stderr.contains(expected), "{arguments:?}: {}", failed.stderr);
        assert!(failed.stderr.starts_with("occtl: "), "{arguments:?}: {}", failed.stderr);
        assert_eq!(failed.stdout, "", "{arguments:?}");
        let mut json = arguments.clone();
        json.insert(0, "--json");
        let failed = sandbox.occtl(&json).run().fails(2);
        assert_eq!(failed.json_error()["code"], "usage", "{arguments:?}");
    }
    sandbox.assert_no_trace();
}

#[test]
fn json_as_the_value_of_a_flag_is_no_flag_and_words_that_are_not_utf_8_are_refused() {
    let sandbox = sandbox("odd-words", json!({}));
    let title = sandbox.shell("\"$0\" send x --title --json", &[""; 0]).run().fails(2);
    assert!(title.stderr.starts_with("occtl: "), "{}", title.stderr);
    let bytes = sandbox.occtl(&["send", "x", "-"]).stdin(b"a\xff").run().fails(2);
    assert!(bytes.stderr.contains("not UTF-8"), "{}", bytes.stderr);
    let word = sandbox.occtl(&["send", "x"]).args(&[OsStr::from_bytes(b"\xff")]).run().fails(2);
    assert!(word.stderr.contains("not UTF-8"), "{}", word.stderr);
    sandbox.assert_no_trace();
}

#[test]
fn help_and_version_need_no_home_and_no_store() {
    let mut sandbox = sandbox("help", json!({}));
    sandbox.remove_env("HOME");
    sandbox.remove_env("OCCTL_DATA_DIR");
    for arguments in [vec!["help"], vec!["--help"], vec!["-h"]] {
        let help = sandbox.occtl(&arguments).run().ok();
        assert!(help.stdout.contains("Usage: occtl COMMAND"), "{}", help.stdout);
        assert_eq!(help.stderr, "");
        let json = sandbox.occtl(&arguments).args(&["--json"]).run().ok().json();
        assert_eq!(json, json!({"help": help.stdout}));
    }
    for command in ["start", "list", "status", "stop", "send", "version", "help"] {
        let one = sandbox.occtl(&["help", command]).run().ok();
        assert!(one.stdout.contains(&format!("Usage: occtl {command}")), "{}", one.stdout);
        let other = sandbox.occtl(&[command, "--help"]).run().ok();
        assert_eq!(one.stdout, other.stdout);
    }
    let version = env!("CARGO_PKG_VERSION");
    for arguments in [vec!["version"], vec!["--version"], vec!["-V"]] {
        assert_eq!(sandbox.occtl(&arguments).run().ok().stdout, format!("{version}\n"));
    }
    let json = sandbox.occtl(&["version", "--json"]).run().ok().json();
    assert_eq!(json, json!({"version": version}));
    sandbox.assert_no_trace();
}

#[test]
fn a_long_message_and_one_with_escape_sequences_arrive_as_they_are() {
    let sandbox = sandbox("messages", json!({}));
    let id = sandbox.start(&[]);
    // The words are long because the stand-in sends a delta for each word.
    let long = format!("{} ", "ä".repeat(8192)).repeat(64);
    assert!(long.len() >= 1 << 20);
    let send = ["send", &id, "--wait", "--json", "-"];
    let record = sandbox.occtl(&send).stdin(&long).run().ok().json();
    assert!(
        record["answer"] == *long,
        "{} characters came back",
        record["answer"].to_string().len()
    );
    let evil = "\u{1b}]0;title\u{7}\u{1b}[31mred\r\u{9b}2J\u{202e}[bold][/usr/bin]\ttab\nline";
    let record = sandbox.occtl(&["send", &id, "--wait", "--json", evil]).run().ok();
    assert_eq!(record.json()["answer"], evil);
    let shown = "\\x1b]0;title\\x07\\x1b[31mred\\r\\x9b2J\\u{202e}[bold][/usr/bin]\ttab\nline\n";
    for how in ["--wait", "--stream"] {
        let plain = sandbox.occtl(&["send", &id, how, evil]).run().ok();
        assert_eq!(plain.stdout, shown, "{how}");
        assert_eq!(plain.stderr, "", "{how}");
    }
    let prompts: Vec<_> = sandbox.stand_in_requests();
    let sent = prompts.iter().filter(|one| one["body"]["parts"][0]["text"] == evil).count();
    assert_eq!(sent, 3);
    let dashed = sandbox.occtl(&["send", &id, "--wait", "--", "-x", "--json"]).run().ok();
    assert_eq!(dashed.stdout, "-x --json\n");
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_file_without_an_end_or_a_pipe_without_a_writer_is_an_error_and_a_pipe_is_read() {
    let sandbox = sandbox("endless", json!(null));
    let id = sandbox.start(&[]);
    let fifo = sandbox.root().join("fifo");
    let made = sandbox.command("mkfifo", &[&fifo]).run();
    made.ok();
    let fifo = fifo.to_str().unwrap();
    for flag in ["--schema", "--policy"] {
        for (file, status) in [("/dev/zero", 2), (fifo, 124)] {
            let send = ["send", &id, "--wait", "-t", "1", flag, file, "hello"];
            let failed = sandbox.occtl(&send).timeout(Duration::from_secs(20)).run().fails(status);
            assert!(failed.stderr.contains(file), "{}", failed.stderr);
        }
    }
    let url = "http://127.0.0.1:1";
    for (words, status) in [
        (&["start", "-t", "1", "--config", "/dev/zero"][..], 2),
        (&["start", "-t", "1", "--config", fifo], 124),
        (&["adopt", url, "--password-file", "/dev/zero"], 2),
        (&["adopt", url, "--password-file", fifo], 124),
    ] {
        let failed = sandbox.occtl(words).run().fails(status);
        assert!(failed.stderr.contains(words[words.len() - 1]), "{}", failed.stderr);
    }
    let failed = sandbox.occtl(&["start", "--config", "/dev/null"]).run().fails(2);
    let expected = "occtl: the config /dev/null is empty ({} is a configuration";
    assert!(failed.stderr.starts_with(expected), "{}", failed.stderr);
    let misspelt = sandbox.root().join("misspelt.json");
    std::fs::write(&misspelt, r#"{"properties": {"a": {"type": "strng"}}}"#).unwrap();
    let misspelt = misspelt.to_str().unwrap();
    let failed = sandbox.occtl(&["send", &id, "--wait", "--schema", misspelt, "x"]).run().fails(2);
    assert!(failed.stderr.contains("/properties/a/type is \"strng\""), "{}", failed.stderr);
    let policy = sandbox.root().join("policy.json");
    std::fs::write(&policy, r#"{"on_question": "approve"}"#).unwrap();
    let policy = policy.to_str().unwrap();
    let failed = sandbox.occtl(&["send", &id, "--wait", "--policy", policy, "x"]).run().fails(2);
    let expected = "on_question cannot be \"approve\" (one of wait, fail, reject)";
    assert!(failed.stderr.contains(expected), "{}", failed.stderr);
    // `run` starts no server for a prompt that cannot be sent.
    let run = sandbox.occtl(&["run", "--schema", "/dev/null", "hello"]).run().fails(2);
    assert!(run.stderr.contains("is not JSON"), "{}", run.stderr);
    let script = "\"$0\" send \"$1\" --wait --schema <(sleep 0.2; echo '{\"type\":\"integer\"}') 7";
    assert_eq!(sandbox.shell(script, &[&id]).run().ok().stdout, "7\n");
    let late = sandbox.occtl(&["wait", &id, "--until", "dead", "-t", "0.2"]).run().fails(124);
    assert!(late.stderr.contains(&format!("the end of session {id}")), "{}", late.stderr);
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_nothing_left();
}

#[test]
fn a_dash_among_the_words_is_stdin_and_after_two_dashes_it_is_a_dash() {
    let sandbox = sandbox("dashes", json!({}));
    let id = sandbox.start(&[]);
    let send = |words: &[&str], stdin: &[u8]| {
        sandbox.occtl(&["send", &id, "--wait"]).args(words).stdin(stdin).run().ok().stdout
    };
    assert_eq!(send(&["summarise", "-", "briefly"], b"data\n"), "summarise data\n briefly\n");
    assert_eq!(send(&["-"], b"alone"), "alone\n");
    assert_eq!(send(&["--", "-", "item"], b"unread"), "- item\n");
    assert_eq!(send(&["a", "-", "--", "-"], b"b"), "a b -\n");
    // What Windows writes.
    assert_eq!(send(&["-"], b"\xef\xbb\xbfone\r\ntwo"), "one\ntwo\n");
    assert_eq!(send(&["-"], b"\xff\xfeh\0i\0"), "hi\n");
    let integer = b"\xef\xbb\xbf{\"type\": \"integer\"}\r\n";
    assert_eq!(send(&["--schema", "-", "7"], integer), "7\n");
    assert_eq!(send(&["--policy", "-", "x"], b"\xef\xbb\xbf{\"allow\": [\"bash\"]}\r\n"), "x\n");
    let config = sandbox.occtl(&["start", "-q", "--config", "-"]);
    config.stdin(b"\xef\xbb\xbf{\"username\": \"x\"}\r\n").run().ok();
    let large = vec![b'a'; (16 << 20) + 1];
    let refused = sandbox.occtl(&["send", &id, "--wait", "-"]).stdin(&large).run().fails(2);
    assert!(refused.stderr.contains("has more than 16 MiB"), "{}", refused.stderr);
    sandbox.occtl(&["stop", "--all"]).run().ok();
}

#[test]
fn a_silent_stdin_counts_towards_the_limit() {
    let sandbox = sandbox("silent", json!({}));
    let id = sandbox.start(&[]);
    let pipe = sandbox.root().join("pipe");
    sandbox.command("mkfifo", &[&pipe]).run().ok();
    let pipe = pipe.to_str().unwrap();
    for command in ["run -t 1 -", "send \"$1\" -t 1 -", "send \"$1\" -w -t 1 --schema - x"] {
        // Open for writing too, so that it does not end.
        let script = format!("exec \"$0\" {command} <> \"$2\"");
        let ended = sandbox.shell(&script, &[id.as_str(), pipe]).run().fails(124);
        assert!(ended.stderr.contains("did not end within 1 s"), "{}", ended.stderr);
        assert!(ended.elapsed < Duration::from_secs(20), "{:?}", ended.elapsed);
    }
}

#[test]
fn a_store_that_is_a_pipe_is_an_error_of_the_store() {
    let sandbox = sandbox("piped", json!({}));
    std::fs::create_dir_all(sandbox.data()).unwrap();
    sandbox
        .command("mkfifo", &["-m", "600", sandbox.data().join("store.json").to_str().unwrap()])
        .run()
        .ok();
    for words in [&["list"][..], &["start"], &["cleanup"]] {
        let failed = sandbox.occtl(words).timeout(Duration::from_secs(20)).run().fails(9);
        assert!(failed.stderr.contains("is not a plain file"), "{}", failed.stderr);
    }
}

#[test]
fn a_directory_that_start_makes_is_named() {
    let sandbox = sandbox("typo", json!({}));
    let made = sandbox.work().join("no/such");
    let started = sandbox.occtl(&["start", "-q", "-w", "no/such"]).run().ok();
    assert_eq!(started.stderr, format!("occtl: created {}\n", made.display()));
    let again = sandbox.occtl(&["start", "-q", "-w", "no/such"]).run().ok();
    assert_eq!(again.stderr, "");
    sandbox.occtl(&["stop", "--all"]).run().ok();
}
