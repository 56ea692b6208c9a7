//! `occtl init`: the first process of a container, here as a subreaper. `containers` has it as the
//! first process.

use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::command::{Run, Running};
use crate::support::processes::{is_running, poll};
use crate::support::sandbox::Sandbox;

const SOON: Duration = Duration::from_secs(60);

/// `occtl init` apart from the terminal that the tests run on: its keys would count.
fn init(sandbox: &Sandbox, words: &[&str]) -> Run {
    let run = sandbox.command("setsid", &[env!("CARGO_BIN_EXE_occtl"), "init"]);
    run.args(words).timeout(SOON)
}

/// Starts `init` with a script of sh, and waits until that has said that it is ready.
fn started(sandbox: &Sandbox, flags: &[&str], script: &str) -> Running {
    let mut running = init(sandbox, flags).args(&["--", "sh", "-c", script]).spawn();
    running.wait_for_line("ready", SOON);
    running
}

fn text(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok().filter(|text| text.ends_with('\n'))
}

#[test]
fn the_status_is_that_of_the_command_or_says_why_there_is_none() {
    let sandbox = Sandbox::new("init-status");
    for (script, status) in [("exit 0", 0), ("exit 7", 7), ("kill -KILL $$", 137)] {
        init(&sandbox, &["--", "sh", "-c", script]).run().fails(status);
    }
    let missing = init(&sandbox, &["--", "no-such-program"]).run().fails(3);
    assert!(missing.stderr.contains("cannot run no-such-program"), "{}", missing.stderr);
    std::fs::write(sandbox.work().join("plain"), "").unwrap();
    init(&sandbox, &["--", "./plain"]).run().fails(1);
    let words = init(&sandbox, &["sh", "-c", "true"]).run().fails(2);
    assert!(words.stderr.contains("occtl init -- COMMAND"), "{}", words.stderr);
    sandbox.assert_nothing_left();
}

#[test]
fn signals_go_on_to_the_command() {
    let sandbox = Sandbox::new("init-signals");
    // The echo comes last: the next signal may arrive as soon as it is read.
    let script = "for name in HUP INT QUIT TERM USR1 USR2; do trap \"n=$name; echo $name\" $name; \
                  done; echo ready; while [ \"$n\" != TERM ]; do sleep 0.02; done; exit 9";
    let mut running = started(&sandbox, &[], script);
    let last = [("USR2", Signal::USR2), ("TERM", Signal::TERM)];
    let first = [("HUP", Signal::HUP), ("INT", Signal::INT), ("USR1", Signal::USR1)];
    for (name, signal) in first.into_iter().chain([("QUIT", Signal::QUIT)]).chain(last) {
        running.signal(signal);
        running.wait_for_line(name, SOON);
    }
    running.wait(SOON).fails(9);
    // A command without handlers ends as the signal says.
    let running = started(&sandbox, &[], "echo ready; exec sleep 600");
    running.signal(Signal::TERM);
    running.wait(SOON).fails(143);
}

#[test]
fn what_nohup_ignores_stays_ignored() {
    let sandbox = Sandbox::new("init-nohup");
    let occtl = env!("CARGO_BIN_EXE_occtl");
    let inner = "trap 'exit 4' USR1; echo ready; while :; do sleep 0.02; done";
    let line = "trap '' HUP; exec setsid \"$0\" init -- sh -c \"$1\"";
    let mut running = sandbox.command("sh", &["-c", line, occtl, inner]).spawn();
    running.wait_for_line("ready", SOON);
    running.signal(Signal::HUP);
    running.signal(Signal::USR1);
    running.wait(SOON).fails(4);
}

#[test]
fn a_key_reaches_the_command_once() {
    let sandbox = Sandbox::new("init-key");
    // It says how often SIGINT came once SIGUSR1 is there, which is handed on after SIGINT.
    let command = sandbox.install(
        "counts",
        "#!/bin/sh\nn=0; trap 'n=$((n+1)); : >got' INT\ntrap 'echo \"ints: $n\"; exit 0' USR1\n\
         echo $PPID >ready\nwhile :; do sleep 0.02; done\n",
    );
    let line = "{ until [ -s ready ]; do sleep 0.02; done; printf '\\003'
        until [ -e got ]; do sleep 0.02; done; kill -USR1 \"$(cat ready)\"; } |
        script -qec \"exec '$0' init -- '$1'\" /dev/null";
    let ended = sandbox.shell(line, &[command]).timeout(SOON).run().ok();
    assert!(ended.stdout.contains("ints: 1\r\n"), "{ended:?}");
}

#[test]
fn orphans_are_reaped_while_the_command_runs() {
    let sandbox = Sandbox::new("init-orphans");
    let script = "(setsid sh -c 'echo $$ >orphan; exec sleep 0.1' &); echo ready; exec sleep 600";
    let running = started(&sandbox, &[], script);
    let orphan = poll(SOON, || text(&sandbox.work().join("orphan"))).expect("its pid");
    let place = format!("/proc/{}", orphan.trim());
    poll(SOON, || (!Path::new(&place).exists()).then_some(())).expect("no zombie");
    running.signal(Signal::TERM);
    running.wait(SOON).fails(143);
}

#[test]
fn what_outlives_the_command_is_asked_to_end_and_then_killed() {
    let sandbox = Sandbox::new("init-left");
    // One ends when it is asked to, and one does not; both have gone as far away as they can.
    let script = "env -i setsid sh -c 'trap \"echo asked >asked; exit\" TERM; : >one; \
                  while :; do sleep 0.02; done' & \
                  env -i setsid sh -c 'trap \"\" TERM; echo $$ >two; \
                  while :; do sleep 0.02; done' & \
                  until [ -e one ] && [ -s two ]; do sleep 0.02; done; exit 5";
    let left = || text(&sandbox.work().join("two")).unwrap().trim().parse().unwrap();
    init(&sandbox, &["--grace", "0.5", "--", "sh", "-c", script]).run().fails(5);
    assert!(!is_running(left()));
    assert_eq!(text(&sandbox.work().join("asked")).as_deref(), Some("asked\n"));
    // A further signal makes the rest of a long grace short.
    for file in ["asked", "one", "two"] {
        std::fs::remove_file(sandbox.work().join(file)).unwrap();
    }
    let running = init(&sandbox, &["--grace", "1h", "--", "sh", "-c", script]).spawn();
    poll(SOON, || text(&sandbox.work().join("asked"))).expect("the end of the command");
    running.signal(Signal::TERM);
    running.wait(SOON).fails(5);
    assert!(!is_running(left()));
}

#[test]
fn without_a_command_it_waits_for_a_signal() {
    let sandbox = Sandbox::new("init-alone");
    let running = init(&sandbox, &[]).spawn();
    let catches = |pid: u32| {
        let status = text(Path::new(&format!("/proc/{pid}/status")))?;
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"))?;
        let mask = u64::from_str_radix(mask.trim(), 16).unwrap();
        // SIGCHLD, the last one to be caught.
        (mask & 1 << 16 != 0).then_some(())
    };
    poll(SOON, || catches(running.pid())).expect("its handlers");
    running.signal(Signal::USR1);
    running.signal(Signal::INT);
    running.wait(SOON).fails(130);
}
