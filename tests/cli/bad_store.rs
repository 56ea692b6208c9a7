//! A broken store, home or output: the error says so, and nothing that was there is lost.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use super::sandbox;
use crate::support::sandbox::set_mode;

/// Commands that read or write the store, or both.
fn commands(id: &str) -> Vec<Vec<&str>> {
    vec![
        vec!["list"],
        vec!["list", "-q"],
        vec!["status", id],
        vec!["start"],
        vec!["stop", id],
        vec!["stop", "--all"],
        vec!["send", id, "hello"],
        vec!["send", id, "hello", "--wait"],
    ]
}

#[test]
fn a_store_that_does_not_parse_is_named_with_the_place_and_left_alone() {
    let sandbox = sandbox("torn", json!({}));
    let id = sandbox.start(&[]);
    let good = fs::read(sandbox.store_path()).unwrap();
    let torn = [
        (good[..good.len() / 2].to_vec(), "line "),
        (Vec::new(), "it is empty"),
        (b" \n".to_vec(), "it is empty"),
        (b"[]".to_vec(), "line 1"),
        (b"{\"sessions\": []}".to_vec(), "an object with the sessions"),
        ([&good[..], b"}"].concat(), "line "),
        ([b"{\"\xff\": 1,", &good[1..]].concat(), "byte 2 is not UTF-8"),
        (vec![0; 4096], "line 1"),
    ];
    for (bytes, place) in torn {
        fs::write(sandbox.store_path(), &bytes).unwrap();
        for arguments in commands(&id) {
            let failed = sandbox.occtl(&arguments).args(&["--json"]).run().fails(9);
            let message = failed.json_error()["message"].to_string();
            assert!(message.contains("store.json is damaged"), "{arguments:?}: {message}");
            assert!(message.replace('\\', "").contains(place), "{arguments:?}: {message}");
            // `stop` prints what it could stop.
            let none = ["", "{\"stopped\":[]}\n"];
            assert!(none.contains(&failed.stdout.as_str()), "{arguments:?}: {}", failed.stdout);
        }
        assert_eq!(fs::read(sandbox.store_path()).unwrap(), bytes, "it was overwritten");
    }
    assert_eq!(sandbox.marked_processes().len(), 1, "only the server that was there before");
    fs::write(sandbox.store_path(), &good).unwrap();
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_record_that_makes_no_sense_is_named() {
    let sandbox = sandbox("records", json!({}));
    for (record, place) in [
        (json!({"port": 9000}), "missing field `id`"),
        (json!({"id": "oc-1", "port": "9000"}), "in session oc-1"),
        (json!({"id": "oc-1", "port": 70000}), "in session oc-1"),
        (json!([]), "in session oc-1"),
        (Value::Null, "in session oc-1"),
    ] {
        let text = json!({"sessions": {"oc-1": record}}).to_string();
        fs::write(sandbox.store_path(), &text).unwrap();
        for arguments in [vec!["list"], vec!["start"], vec!["status", "oc-1"]] {
            let failed = sandbox.occtl(&arguments).run().fails(9);
            assert!(failed.stderr.contains(place), "{arguments:?}: {}", failed.stderr);
        }
        assert_eq!(fs::read_to_string(sandbox.store_path()).unwrap(), text);
    }
    // It is in the way of no other record.
    let id = {
        fs::remove_file(sandbox.store_path()).unwrap();
        sandbox.start(&["--name", "good"])
    };
    for record in [json!([]), Value::Null, json!("x"), json!({"id": 1, "name": []})] {
        let mut store = sandbox.store();
        store["sessions"]["oc-1"] = record.clone();
        fs::write(sandbox.store_path(), store.to_string()).unwrap();
        for session in [&id, "good"] {
            sandbox.occtl(&["touch", session]).run().ok();
        }
        assert_eq!(sandbox.store()["sessions"]["oc-1"], record);
    }
    sandbox.occtl(&["stop", &id]).run().ok();
    // Pids that no server can have. The value 0 would mean a whole group of processes.
    for pid in [0_u32, 1, u32::MAX, 1 << 31] {
        let text = json!({"sessions": {"oc-1": {"id": "oc-1", "port": 1, "pid": pid}}}).to_string();
        fs::write(sandbox.store_path(), &text).unwrap();
        let listed = sandbox.occtl(&["list", "--json"]).run().ok().json();
        assert_eq!(listed["sessions"][0]["state"], "dead", "pid {pid}");
        let stopped = sandbox.occtl(&["stop", "--all"]).run().ok();
        assert_eq!(stopped.stdout, "Stopped: oc-1 (was already dead)\n", "pid {pid}");
    }
    sandbox.assert_no_trace();
}

#[test]
fn a_place_where_nothing_can_be_written_is_an_error_and_nothing_runs() {
    let sandbox = sandbox("read-only", json!({}));
    let file = sandbox.root().join("file");
    fs::write(&file, "kept").unwrap();
    for data in ["/proc/occtl".into(), file.clone(), file.join("below"), "/dev/null".into()] {
        let run = |arguments: &[&str]| sandbox.occtl(arguments).env("OCCTL_DATA_DIR", &data).run();
        let failed = run(&["start", "--json"]).fails(9);
        let error = failed.json_error();
        assert_eq!(error["code"], "store");
        assert!(error["message"].to_string().contains(data.to_str().unwrap()), "{error}");
        sandbox.assert_nothing_left();
    }
    assert_eq!(fs::read_to_string(&file).unwrap(), "kept");
    // A directory cannot be read as the store, or locked as its lock.
    for name in ["store.json", "store.lock", "logs", ".store.json.new"] {
        let place = sandbox.data().join(name);
        let is_file = name == "logs";
        if is_file {
            fs::write(&place, "in the way").unwrap();
        } else {
            fs::create_dir(&place).unwrap();
        }
        let failed = sandbox.occtl(&["start"]).run().fails(9);
        assert!(
            failed.stderr.contains(place.to_str().unwrap()) || name.starts_with('.'),
            "{}",
            failed.stderr
        );
        sandbox.assert_nothing_left();
        if is_file {
            fs::remove_file(&place).unwrap();
        } else {
            fs::remove_dir(&place).unwrap();
        }
        assert_eq!(sandbox.store()["sessions"], json!({}), "with {name} in the way");
    }
    sandbox.assert_no_trace();
}

#[test]
fn what_is_read_only_can_be_read_and_says_that_it_cannot_be_written() {
    let sandbox = sandbox("mounted", json!({}));
    let id = sandbox.start(&[]);
    let before = fs::read(sandbox.store_path()).unwrap();
    // File modes do not bind root, but a read-only mount does; it is made in a mount namespace. A
    // user who may not make one needs a user namespace as well. Root does not get one, because it
    // could not enter a checkout of another user from there.
    let may_mount = sandbox.command("unshare", &["-m", "true"]).run().status == 0;
    let flags = if may_mount { "-m" } else { "-rm" };
    let read_only = |place: PathBuf, words: &[&str]| {
        let script = "place=$1; shift; mount --bind \"$place\" \"$place\" && \
            mount -o remount,bind,ro \"$place\" && exec \"$0\" \"$@\"";
        let occtl = env!("CARGO_BIN_EXE_occtl");
        let shell = [flags, "sh", "-c", script, occtl, place.to_str().unwrap()];
        sandbox.command("unshare", &shell).args(words).run()
    };
    let listed = read_only(sandbox.data(), &["list", "--json"]).ok().json();
    assert_eq!(listed["sessions"][0]["id"], *id);
    for words in [&["start"][..], &["stop", &id]] {
        let failed = read_only(sandbox.data(), words).fails(9);
        assert!(failed.stderr.contains("Read-only file system"), "{}", failed.stderr);
        assert_eq!(fs::read(sandbox.store_path()).unwrap(), before);
    }
    // A workdir may be read-only on purpose.
    let started = read_only(sandbox.work(), &["start", "-q"]).ok();
    let said = format!("warning: workdir {} is not writable", sandbox.work().display());
    assert!(started.stderr.contains(&said), "{}", started.stderr);
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn without_home_the_variable_is_named_and_a_missing_data_directory_is_created() {
    let mut sandbox = sandbox("homeless", json!({}));
    let data = sandbox.data();
    fs::remove_dir_all(&data).unwrap();
    let missing = data.join("deep/er");
    let listed = sandbox.occtl(&["list"]).env("OCCTL_DATA_DIR", &missing).run().ok();
    assert_eq!(listed.stdout, "No active sessions\n");
    assert!(!data.exists(), "reading creates no directory");
    sandbox.remove_env("OCCTL_DATA_DIR");
    let id = sandbox.start(&[]);
    let store = sandbox.home().join(".local/share/opencode-ctl/store.json");
    assert!(fs::read_to_string(&store).unwrap().contains(&id));
    assert!(!data.exists());
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.remove_env("HOME");
    for arguments in commands(&id) {
        let failed = sandbox.occtl(&arguments).run().fails(9);
        assert!(failed.stderr.contains("OCCTL_DATA_DIR"), "{arguments:?}: {}", failed.stderr);
        assert!(failed.stderr.contains("HOME"), "{arguments:?}: {}", failed.stderr);
    }
    let id = sandbox.occtl(&["start", "-q"]).env("OCCTL_DATA_DIR", &missing).run().ok();
    let stop = sandbox.occtl(&["stop", id.stdout.trim()]).env("OCCTL_DATA_DIR", &missing);
    stop.run().ok();
    sandbox.assert_nothing_left();
}

#[test]
fn a_full_output_is_an_error_and_a_closed_one_is_not() {
    let sandbox = sandbox("full", json!({}));
    let id = sandbox.start(&[]);
    let shell = |script: &str| {
        let script = script.replace("ID", &id);
        sandbox.shell(&script, &[""; 0]).run()
    };
    for command in [
        "list",
        "list --json",
        "status ID",
        "version",
        "help",
        "send ID --wait hi",
        "send ID --stream hi",
    ] {
        let full = shell(&format!("exec \"$0\" {command} > /dev/full")).fails(1);
        assert!(full.stderr.contains("cannot write to stdout: No space left"), "{}", full.stderr);
        for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
            shell(&format!("exec \"$0\" {command} {closed}")).ok();
        }
        let read = shell(&format!("{{ \"$0\" {command}; echo \"status $?\" >&2; }} | true")).ok();
        assert_eq!(read.stderr, "status 0\n", "{command}");
    }
    let failed = shell("exec \"$0\" status oc-none 2>/dev/full").fails(3);
    assert_eq!(failed.stdout, "");
    let nothing = shell("exec \"$0\" send ID - <&-").fails(2);
    assert!(nothing.stderr.contains("the message is empty"), "{}", nothing.stderr);
    // On a terminal the answer replaces what the user saw of the wait, if it took long.
    let seen = shell("exec script -qec \"'$0' send ID --wait hi\" /dev/null").ok();
    assert!(seen.stdout == "hi\r\n" || seen.stdout.ends_with("\u{1b}[Khi\r\n"), "{seen:?}");
    // A server that starts without open descriptors must not print into the next file that it
    // opens.
    let before = sandbox.records().len();
    let closed = shell("exec \"$0\" start <&- >&- 2>&-").ok();
    assert!(closed.elapsed < Duration::from_secs(20));
    assert_eq!(sandbox.records().len(), before + 1);
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn the_first_command_that_reads_closes_what_others_can_look_into() {
    let sandbox = sandbox("open", Value::Null);
    let id = sandbox.start(&[]);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (data, store) = (sandbox.data(), sandbox.store_path());
    for words in [&["list"][..], &["list", "-q"], &["status", &id], &["logs", &id], &["touch", &id]]
    {
        set_mode(&store, 0o644);
        set_mode(&data, 0o755);
        sandbox.occtl(words).run().ok();
        assert_eq!((mode(&data), mode(&store)), (0o700, 0o600), "{words:?}");
    }
    // A directory that another program uses stays open, and the passwords in it are closed.
    std::fs::write(data.join("another-program"), "").unwrap();
    set_mode(&store, 0o644);
    set_mode(&data, 0o755);
    sandbox.occtl(&["list"]).run().ok();
    assert_eq!((mode(&data), mode(&store)), (0o755, 0o600));
    std::fs::remove_file(data.join("another-program")).unwrap();
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}
