//! What happens when the machine has no more of something.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{is_busy, sandbox};
use crate::support::command::Outcome;
use crate::support::processes::poll;
use crate::support::sandbox::{Sandbox, example, set_mode};

const SOON: Duration = Duration::from_secs(60);

#[test]
fn a_start_that_runs_out_of_descriptors_says_so_and_leaves_nothing() {
    let sandbox = sandbox("descriptors", Value::Null);
    let (mut failed, mut worked) = (0, 0);
    for limit in 3..26 {
        let limit = format!("--nofile={limit}");
        let words = [limit.as_str(), env!("CARGO_BIN_EXE_occtl"), "start", "--json", "-t", "20"];
        let ended = sandbox.command("prlimit", &words).run();
        if ended.status == 0 {
            worked += 1;
            sandbox.occtl(&["stop", "--all"]).run().ok();
        } else if ended.status == 127 || !ended.stderr.contains("\"error\"") {
            // The loader could not load the program, which has done nothing then.
            let said = ["Too many open files", "Error 24"];
            assert!(said.iter().any(|said| ended.stderr.contains(said)), "{limit}: {ended:?}");
        } else {
            failed += 1;
            let error = ended.json_error();
            assert!([1, 4, 9].contains(&ended.status), "{limit}: {ended:?}");
            let said = error.to_string();
            assert!(
                said.contains("open files") || said.contains("ulimit -n") || ended.status == 4,
                "{limit}: {said}"
            );
        }
        assert!(!ended.stderr.contains("panicked"), "{ended:?}");
        sandbox.assert_no_trace();
    }
    assert!(failed > 0 && worked > 0, "{failed} failed, {worked} worked");
}

/// A user to whom nothing here belongs. It needs no name: the kernel knows users by number.
const OTHER_USER: u32 = 4711;

/// A directory with copies of the programs, for a user that a limit on processes binds. It does not
/// bind root, so root becomes another user here, to whom the checkout and TMPDIR may be closed, as
/// everything in a home of mode 0700 is.
struct Elsewhere<'a> {
    sandbox: &'a Sandbox,
    place: PathBuf,
}

impl<'a> Elsewhere<'a> {
    fn new(sandbox: &'a Sandbox) -> Self {
        let places = [sandbox.root(), Path::new("/tmp"), Path::new("/var/tmp")];
        let made = places.iter().map(|place| Self::within(sandbox, place));
        // By way of `env`, because `setpriv` itself may still open what is closed to the other
        // user.
        let usable = made.flatten().find(|made| made.run(&["env"], &["version"]).status == 0);
        usable.unwrap_or_else(|| panic!("another user can run programs in none of {places:?}"))
    }

    fn within(sandbox: &'a Sandbox, parent: &Path) -> std::io::Result<Self> {
        let place = parent.join(format!("occtl-test-elsewhere-{}", std::process::id()));
        std::fs::create_dir(&place)?;
        let made = Self { sandbox, place };
        set_mode(&made.place, 0o755);
        if is_root() {
            chown(&made.place, Some(OTHER_USER), Some(OTHER_USER))?;
        }
        let programs =
            [("occtl", env!("CARGO_BIN_EXE_occtl").into()), ("server", example("stand-in"))];
        for (name, program) in programs {
            let copy = made.place.join(name);
            std::fs::copy(program, &copy)?;
            set_mode(&copy, 0o755);
        }
        Ok(made)
    }

    /// Runs the copy of occtl, by way of the command `before`.
    fn run(&self, before: &[&str], words: &[&str]) -> Outcome {
        let ids = [format!("--reuid={OTHER_USER}"), format!("--regid={OTHER_USER}")];
        let user = ["setpriv", &ids[0], &ids[1], "--clear-groups"];
        let user = if is_root() { &user[..] } else { &["env"] };
        let occtl = self.place.join("occtl");
        let line = [user, before, &[occtl.to_str().unwrap()], words].concat();
        let run = self.sandbox.command(line[0], &line[1..]).cwd(&self.place);
        let run = run.env("HOME", &self.place).env("OCCTL_DATA_DIR", self.place.join("data"));
        run.env("OCCTL_OPENCODE", self.place.join("server")).run()
    }
}

impl Drop for Elsewhere<'_> {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.place));
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn a_start_that_may_have_no_more_processes_says_so_and_leaves_nothing() {
    let sandbox = sandbox("processes", Value::Null);
    let elsewhere = Elsewhere::new(&sandbox);
    let ended = elsewhere.run(&["prlimit", "--nproc=1"], &["start", "--json"]).fails(1);
    let error = ended.json_error();
    assert!(error["hint"].as_str().unwrap().contains("ulimit -u"), "{error}");
    let left = std::fs::read_to_string(elsewhere.place.join("data/store.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&left).unwrap()["sessions"], json!({}));
    sandbox.assert_no_trace();
}

#[test]
fn a_full_disk_is_an_error_of_the_store_and_what_was_there_stays() {
    let sandbox = sandbox("full", Value::Null);
    let id = sandbox.start(&[]);
    let before = std::fs::read(sandbox.store_path()).unwrap();
    let limited = |words: &[&str]| sandbox.shell("ulimit -f 0; exec \"$0\" \"$@\"", words).run();
    for words in [vec!["start"], vec!["touch", &id]] {
        let refused = limited(&words).fails(9);
        assert!(refused.stderr.contains("File too large"), "{}", refused.stderr);
        assert_eq!(std::fs::read(sandbox.store_path()).unwrap(), before);
    }
    let locks = std::fs::read_dir(sandbox.data().join("locks")).unwrap();
    assert_eq!(locks.count(), 1, "a session that was not started leaves no lock");
    // A stop ends the server and removes its files, and cannot remove its record; a later stop
    // does.
    limited(&["stop", &id]).fails(9);
    assert!(!sandbox.log(&id).exists());
    let listed = sandbox.occtl(&["list", "--json"]).run().ok().json();
    assert_eq!(listed["sessions"][0]["state"], "dead");
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_reader_that_does_not_read_holds_up_neither_a_limit_nor_a_signal() {
    let sandbox = sandbox("stuck", json!({"turn": {"bytes": 1_000_000, "never_ends": true}}));
    let id = sandbox.start(&[]);
    let pipe = sandbox.root().join("pipe");
    sandbox.command("mkfifo", &[&pipe]).run().ok();
    // The test holds the reading end and does not read.
    let _reader = File::options().read(true).write(true).open(&pipe).unwrap();
    for (limit, sent, status) in [("1.5", None, 124), ("60", Some(Signal::INT), 130)] {
        let script = "exec \"$0\" send \"$1\" -t \"$2\" --title t --stream x > \"$3\"";
        let running = sandbox.shell(script, &[&id, limit, pipe.to_str().unwrap()]).spawn();
        if let Some(sent) = sent {
            poll(SOON, || is_busy(&sandbox, &id).then_some(())).expect("a turn");
            running.signal(sent);
        }
        let ended = running.wait(Duration::from_secs(25)).fails(status);
        assert!(ended.stderr.contains("the turn was aborted"), "{}", ended.stderr);
        sandbox.occtl(&["wait", &id, "-t", "20"]).run().ok();
    }
    // The same when the turn is over and its answer is being printed.
    sandbox.set_faults(&json!({"turn": {"bytes": 1_000_000}}));
    for form in ["--color=never", "--json"] {
        let pipe = sandbox.root().join(form);
        sandbox.command("mkfifo", &["--", pipe.to_str().unwrap()]).run().ok();
        let mut reader = File::options().read(true).write(true).open(&pipe).unwrap();
        let script = "exec \"$0\" send \"$1\" --wait \"$2\" --title t x > \"$3\"";
        let running = sandbox.shell(script, &[&id, form, pipe.to_str().unwrap()]).spawn();
        reader.read_exact(&mut [0]).unwrap();
        running.signal(Signal::TERM);
        running.wait(Duration::from_secs(25)).fails(143);
    }
}

#[test]
fn a_crash_is_explained_by_the_missing_device_or_the_build_and_by_nothing_that_is_not_so() {
    let sandbox = sandbox("crashes", Value::Null);
    let says = |name: &str, text: &str, without_device: bool| {
        let program = sandbox.install(name, &format!("#!/bin/sh\necho '{text}'; kill -ILL $$\n"));
        let line = if without_device {
            "mkdir dev && touch dev/null && mount --bind /dev/null dev/null && \
             mount --rbind dev /dev && exec \"$0\" \"$@\""
        } else {
            "exec \"$0\" \"$@\""
        };
        let occtl = env!("CARGO_BIN_EXE_occtl");
        let words = ["-m", "sh", "-c", line, occtl, "start", "--opencode"];
        let run = sandbox.command("unshare", &words).args(&[&program]);
        run.run().fails(4).stderr
    };
    if sandbox.command("unshare", &["-m", "true"]).run().status != 0 {
        eprintln!("skipped: this user may not mount");
        return;
    }
    let said = says("modern", "Bun v1.3.14 Linux x64", false);
    assert!(said.contains("the baseline build"), "{said}");
    let said = says("baseline", "Bun v1.3.14 Linux x64 (baseline)", false);
    assert!(said.contains("SIGILL") && !said.contains("the baseline build"), "{said}");
    let said = says("blind", "Bun v1.3.14 Linux x64 (baseline)", true);
    assert!(said.contains("there is no /dev/urandom"), "{said}");
    sandbox.assert_no_trace();
}

#[test]
fn a_place_without_devices_is_told_that_a_server_needs_one() {
    let sandbox = sandbox("no-devices", Value::Null);
    if sandbox.command("unshare", &["-m", "true"]).run().status != 0 {
        eprintln!("skipped: this user may not mount");
        return;
    }
    let script = "mount -t tmpfs none /dev && exec \"$0\" start";
    let words = ["-m", "sh", "-c", script, env!("CARGO_BIN_EXE_occtl")];
    let refused = sandbox.command("unshare", &words).run().fails(1);
    assert!(refused.stderr.contains("there is no /dev/null"), "{}", refused.stderr);
    assert!(!refused.stderr.contains("npm install"), "{}", refused.stderr);
    sandbox.assert_no_trace();
}
