//! `start --worktree` and `stop --remove-worktree`: no work is lost, and no worktree is left over.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::sandbox;
use crate::support::processes::kill;
use crate::support::sandbox::Sandbox;

const SOON: Duration = Duration::from_secs(30);

/// Makes the workdir a repository with two commits.
fn repository(sandbox: &Sandbox) {
    let work = sandbox.work();
    sandbox.git(&work, &["init", "-q", "-b", "main"]);
    std::fs::write(work.join("file"), "one").unwrap();
    sandbox.git(&work, &["add", "."]);
    sandbox.git(&work, &["commit", "-qm", "one"]);
    sandbox.git(&work, &["tag", "v1"]);
    std::fs::write(work.join("file"), "two").unwrap();
    sandbox.git(&work, &["commit", "-qam", "two"]);
}

/// Fails the test if a worktree, a branch or an untracked file is left.
#[track_caller]
fn assert_as_before(sandbox: &Sandbox) {
    let work = sandbox.work();
    assert_eq!(sandbox.git(&work, &["worktree", "list"]).lines().count(), 1);
    assert_eq!(sandbox.git(&work, &["branch", "--list", "occtl/*"]), "");
    assert_eq!(sandbox.git(&work, &["status", "--porcelain"]), "");
    assert!(!work.join(".occtl").exists());
}

#[test]
fn a_worktree_has_a_branch_and_is_only_removed_when_no_work_is_lost() {
    let sandbox = sandbox("worktree", Value::Null);
    repository(&sandbox);
    let work = sandbox.work();
    let facts = sandbox.occtl(&["start", "--json", "--worktree", "try", "--base", "v1"]).run().ok();
    let facts = facts.json();
    let id = facts["id"].as_str().unwrap();
    let place = work.join(".occtl/worktrees/try");
    assert_eq!(facts["workdir"], json!(place));
    assert_eq!(facts["branch"], "occtl/try");
    assert_eq!(std::fs::read_to_string(place.join("file")).unwrap(), "one");
    assert_eq!(
        sandbox.git(&work, &["status", "--porcelain"]),
        "",
        "git does not show the worktree"
    );
    let taken = sandbox.occtl(&["start", "--worktree", "try"]).run().fails(1);
    assert!(taken.stderr.contains("is there already"), "{}", taken.stderr);

    let stop = || sandbox.occtl(&["stop", "--remove-worktree", id]).run();
    std::fs::write(place.join("new"), "work").unwrap();
    assert!(stop().fails(1).stderr.contains("uncommitted"));
    sandbox.git(&place, &["add", "."]);
    sandbox.git(&place, &["commit", "-qm", "work"]);
    assert!(stop().fails(1).stderr.contains("nowhere else"));
    // Without any branch its commits would be lost.
    sandbox.git(&place, &["checkout", "-q", "--detach"]);
    sandbox.git(&place, &["branch", "-q", "-D", "occtl/try"]);
    assert!(stop().fails(1).stderr.contains("nowhere else"));
    sandbox.git(&place, &["checkout", "-q", "-b", "occtl/try"]);
    let status = sandbox.occtl(&["status", "--json", id]).run().ok().json();
    assert_eq!(status["state"], "idle", "a refusal stops nothing");
    // A commit that is merged is not lost with the branch.
    sandbox.git(&work, &["merge", "-q", "-m", "merged", "occtl/try"]);
    // A worktree within it may hold work, which git does not see from here.
    let within = ["start", "-q", "--worktree", "in", "-w", place.to_str().unwrap()];
    let within = sandbox.occtl(&within).run().ok().stdout;
    std::fs::write(place.join(".occtl/worktrees/in/more"), "work").unwrap();
    assert!(stop().fails(1).stderr.contains("worktrees of its own"));
    std::fs::remove_file(place.join(".occtl/worktrees/in/more")).unwrap();
    sandbox.occtl(&["stop", "--remove-worktree", within.trim()]).run().ok();
    stop().ok();
    assert_as_before(&sandbox);
    sandbox.assert_no_trace();
}

#[test]
fn without_the_flag_the_work_stays_and_a_new_session_takes_it_up_or_git_removes_it() {
    let sandbox = sandbox("stays", Value::Null);
    repository(&sandbox);
    let work = sandbox.work();
    let place = work.join(".occtl/worktrees/w");
    let id = sandbox.start(&["--worktree", "w"]);
    std::fs::write(place.join("new"), "work").unwrap();
    let stopped = sandbox.occtl(&["stop", &id]).run().ok();
    assert!(stopped.stderr.contains("(branch occtl/w) stays"), "{}", stopped.stderr);
    assert!(place.join("file").exists());
    // A start that fails, or is told where to begin, leaves what was there.
    sandbox.occtl(&["start", "--worktree", "w", "--base", "v1"]).run().fails(1);
    sandbox.set_faults(&json!({"exit_at_start": {"status": 1, "stderr": "no"}}));
    sandbox.occtl(&["start", "--worktree", "w"]).run().fails(4);
    sandbox.set_faults(&Value::Null);
    let id = sandbox.start(&["--worktree", "w"]);
    assert_eq!(sandbox.record(&id)["workdir"], json!(place));
    assert_eq!(std::fs::read_to_string(place.join("new")).unwrap(), "work");
    // Nothing but a worktree of this repository is taken up.
    std::fs::create_dir_all(work.join(".occtl/worktrees/plain")).unwrap();
    let refused = sandbox.occtl(&["start", "--worktree", "plain"]).run().fails(1);
    assert!(refused.stderr.contains("no worktree"), "{}", refused.stderr);
    // One whose session is dead is, and then the dead session cannot remove it any more.
    kill(sandbox.server_pid(&id));
    let next = sandbox.start(&["--worktree", "w"]);
    std::fs::remove_file(place.join("new")).unwrap();
    let refused = sandbox.occtl(&["stop", "--remove-worktree", &id]).run().fails(1);
    assert!(refused.stderr.contains(&next), "{}", refused.stderr);
    sandbox.occtl(&["stop", &id]).run().ok();
    let stopped = sandbox.occtl(&["stop", &next]).run().ok();
    let (_, commands) = stopped.stderr.trim_end().split_once("to remove both: ").unwrap();
    sandbox.shell(commands, &[""; 0]).run().ok();
    std::fs::remove_dir_all(work.join(".occtl")).unwrap();
    assert_as_before(&sandbox);
    sandbox.assert_no_trace();
}

#[test]
fn a_start_that_fails_or_is_killed_leaves_neither_worktree_nor_branch() {
    let sandbox = sandbox("failed", json!({"exit_at_start": {"status": 1, "stderr": "no"}}));
    repository(&sandbox);
    for words in [vec!["--worktree", "x"], vec!["--worktree", "x", "--base", "nothing"]] {
        sandbox.occtl(&[&["start"], &*words].concat()).run();
        assert_as_before(&sandbox);
    }
    for bad in ["a/b", "..", "-x", "a.lock", "a..b", "", &"a".repeat(201)] {
        sandbox.occtl(&["start", &format!("--worktree={bad}")]).run().fails(2);
    }
    sandbox.occtl(&["start", "--worktree", "x", "-w", "/"]).run().fails(1);
    sandbox.occtl(&["start", "--base", "v1"]).run().fails(2);
    let flag = sandbox.occtl(&["start", "--worktree", "x", "--base", "-f"]).run().fails(2);
    assert!(flag.stderr.starts_with("occtl: \"-f\" cannot be"), "{}", flag.stderr);
    // Of two starts with the same name one succeeds, and the other one removes nothing of it.
    sandbox.set_faults(&Value::Null);
    let both: Vec<_> =
        (0..2).map(|_| sandbox.occtl(&["start", "-q", "--worktree", "both"]).spawn()).collect();
    let ended: Vec<_> = both.into_iter().map(|one| one.wait(SOON).status).collect();
    assert_eq!(ended.iter().filter(|status| **status == 0).count(), 1, "{ended:?}");
    assert!(sandbox.work().join(".occtl/worktrees/both/file").exists());
    let id = sandbox.store()["sessions"].as_object().unwrap().keys().next().unwrap().clone();
    sandbox.occtl(&["stop", "--remove-worktree", &id]).run().ok();
    assert_as_before(&sandbox);
    // A start is killed while its server starts: the next command removes its session and worktree.
    for recover in
        [vec!["doctor", "--fix"], vec!["stop", "--all"], vec!["cleanup"], vec!["start", "-q"]]
    {
        sandbox.set_faults(&json!({"silent_start": true}));
        let running = sandbox.occtl(&["start", "--worktree", "killed"]).spawn();
        let server = sandbox.wait_for_process(|line| line.contains(" serve "));
        running.signal(Signal::KILL);
        running.wait(SOON);
        // The next start takes over only a session without any process.
        kill(server);
        sandbox.wait_for_nothing_left(SOON);
        sandbox.set_faults(&Value::Null);
        sandbox.occtl(&recover).run().ok();
        assert_as_before(&sandbox);
        sandbox.occtl(&["stop", "--all"]).run().ok();
    }
    sandbox.assert_no_trace();
}

#[test]
fn the_idle_limit_of_a_session_takes_precedence_over_that_of_cleanup() {
    let sandbox = sandbox("idle", Value::Null);
    let short = sandbox.occtl(&["start", "-q", "--idle-timeout", "1"]).run().ok().stdout;
    let long = sandbox.occtl(&["start", "-q", "--idle-timeout", "1000000"]).run().ok().stdout;
    let plain = sandbox.start(&[]);
    let old = |record: &mut Value| {
        record["last_activity"] = json!("2026-01-01T00:00:00.000000");
        record["last_activity_utc"] = json!("2026-01-01T00:00:00Z");
    };
    sandbox.edit_record(short.trim(), old);
    sandbox.edit_record(&plain, old);
    let recent = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(7200);
    sandbox.edit_record(long.trim(), |record| {
        record["last_activity"] = json!(recent.strftime("%Y-%m-%dT%H:%M:%S.000000").to_string());
        record["last_activity_utc"] = Value::Null;
    });
    let cleaned = sandbox.occtl(&["cleanup", "-q", "-m", "999999999"]).run().ok();
    assert_eq!(cleaned.stdout, short, "{}", cleaned.stderr);
    let cleaned = sandbox.occtl(&["cleanup", "-q", "-m", "3600"]).run().ok();
    assert_eq!(cleaned.stdout.trim(), plain, "{}", cleaned.stderr);
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}
