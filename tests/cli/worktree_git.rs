//! Git's settings, hooks, submodules and refusals: none of them loses work or goes unnoticed.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::sandbox;
use crate::support::sandbox::Sandbox;

const SOON: Duration = Duration::from_secs(30);

/// Makes a directory of the sandbox a repository with one commit.
fn repository(sandbox: &Sandbox, place: &Path) {
    std::fs::create_dir_all(place).unwrap();
    sandbox.git(place, &["init", "-q", "-b", "main"]);
    std::fs::write(place.join("file"), "one").unwrap();
    sandbox.git(place, &["add", "."]);
    sandbox.git(place, &["commit", "-qm", "one"]);
}

/// Writes a hook that runs after each checkout of the repository.
fn hook(sandbox: &Sandbox, script: &str) {
    let path = sandbox.work().join(".git/hooks/post-checkout");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

fn worktree(sandbox: &Sandbox, name: &str) -> PathBuf {
    sandbox.work().join(".occtl/worktrees").join(name)
}

#[test]
fn no_setting_of_the_users_git_hides_work_and_ignored_files_are_named_before_they_go() {
    let sandbox = sandbox("git-settings", Value::Null);
    repository(&sandbox, &sandbox.work());
    let ignored = sandbox.home().join("ignored");
    std::fs::write(&ignored, "*.log\n").unwrap();
    let settings = format!(
        "[status]\nshowUntrackedFiles = no\nrelativePaths = true\nrenames = false\n\
         [core]\nquotePath = true\nignoreStat = true\nexcludesFile = {}\nuntrackedCache = true\n\
         [diff]\nignoreSubmodules = all\n[alias]\nstatus = log\n[color]\nui = always\n",
        ignored.display()
    );
    std::fs::write(sandbox.home().join(".gitconfig"), settings).unwrap();
    let id = sandbox.start(&["--worktree", "w"]);
    let place = worktree(&sandbox, "w");
    let changes = |variables: &[(&str, &str)]| {
        let run = sandbox.occtl(&["status", "--json", &id]);
        let run = variables.iter().fold(run, |run, (name, value)| run.env(name, value));
        run.run().ok().json()["uncommitted_changes"].clone()
    };
    assert_eq!(changes(&[]), json!([]));
    std::fs::write(place.join("n\u{e9}w"), "work").unwrap();
    assert_eq!(changes(&[]), json!(["n\u{e9}w"]));
    let elsewhere = [
        ("GIT_DIR", "/nonexistent"),
        ("GIT_COMMON_DIR", "/nonexistent"),
        ("GIT_OBJECT_DIRECTORY", "/nonexistent"),
        ("GIT_CEILING_DIRECTORIES", "/"),
        ("GIT_CONFIG_COUNT", "1"),
        ("GIT_CONFIG_KEY_0", "status.showUntrackedFiles"),
        ("GIT_CONFIG_VALUE_0", "no"),
    ];
    assert_eq!(changes(&elsewhere), json!(["n\u{e9}w"]));
    let stop = || sandbox.occtl(&["stop", "--remove-worktree", &id]).run();
    assert!(stop().fails(1).stderr.contains("uncommitted"));
    std::fs::remove_file(place.join("n\u{e9}w")).unwrap();
    // What is checked out later is looked at like the rest, or else named as not looked at.
    std::fs::write(place.join("file"), "two").unwrap();
    assert_eq!(changes(&[]), json!(["file"]));
    sandbox.git(&place, &["update-index", "--assume-unchanged", "file"]);
    assert!(stop().fails(1).stderr.contains("told not to look at"));
    sandbox.git(&place, &["update-index", "--no-assume-unchanged", "file"]);
    sandbox.git(&place, &["checkout", "-q", "file"]);
    sandbox.git(&place, &["update-index", "--no-assume-unchanged", "file"]);
    std::fs::write(place.join("a.log"), "").unwrap();
    let stopped = stop().ok();
    assert!(stopped.stderr.contains("a.log"), "{}", stopped.stderr);
    assert!(!place.exists());
    sandbox.assert_no_trace();
}

#[test]
fn the_line_that_hides_worktrees_leaves_the_patterns_of_the_user_whole_and_comes_once() {
    let sandbox = sandbox("exclude", Value::Null);
    repository(&sandbox, &sandbox.work());
    let path = sandbox.work().join(".git/info/exclude");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, b"caf\xe9\n*.log").unwrap();
    for name in ["a", "b"] {
        let id = sandbox.start(&["--worktree", name]);
        sandbox.occtl(&["stop", &id]).run().ok();
        assert_eq!(std::fs::read(&path).unwrap(), b"caf\xe9\n*.log\n/.occtl/\n");
    }
    sandbox.assert_no_trace();
}

#[test]
fn what_a_hook_says_is_shown_and_one_that_fails_or_chatters_keeps_no_session_from_starting() {
    let sandbox = sandbox("hook", Value::Null);
    repository(&sandbox, &sandbox.work());
    for (name, script) in [
        ("a", "#!/bin/sh\nprintf 'caf\\351\\n'; echo no such tool >&2; exit 3\n"),
        ("b", "#!/bin/sh\nyes | head -c 300000; echo no such tool\n"),
        ("c", "#!/bin/sh\necho no such tool; sleep 300 &\n"),
    ] {
        hook(&sandbox, script);
        let started = sandbox.occtl(&["start", "-q", "-t", "120", "--worktree", name]).run().ok();
        assert!(started.stderr.contains("\n  no such tool\n"), "{name}: {}", started.stderr);
        assert!(started.elapsed < Duration::from_secs(60), "{name}: {:?}", started.elapsed);
        assert!(worktree(&sandbox, name).join("file").exists());
        sandbox.occtl(&["stop", started.stdout.trim(), "--remove-worktree"]).run().ok();
        assert!(!worktree(&sandbox, name).exists());
    }
}

#[test]
fn a_slow_hook_is_held_to_the_limit_and_to_signals_and_does_not_stay() {
    let sandbox = sandbox("slow-hook", Value::Null);
    repository(&sandbox, &sandbox.work());
    hook(
        &sandbox,
        "#!/bin/sh\ntrap '' TERM\necho waiting for a license >&2\nsleep 301\nsleep 302\n",
    );
    let late = sandbox.occtl(&["start", "-t", "1", "--worktree", "w"]).run().fails(124);
    assert!(late.elapsed < SOON, "{:?}", late.elapsed);
    assert!(late.stderr.contains("waiting for a license"), "{}", late.stderr);
    sandbox.assert_no_trace();
    let running = sandbox.occtl(&["start", "--worktree", "w"]).spawn();
    sandbox.wait_for_process(|line| line.contains("sleep 301"));
    running.signal(Signal::TERM);
    running.wait(SOON).fails(143);
    sandbox.assert_no_trace();
    assert!(!sandbox.work().join(".occtl").exists());
    assert_eq!(sandbox.git(&sandbox.work(), &["branch", "--list", "occtl/*"]), "");
}

#[test]
fn a_worktree_with_submodules_is_removed_unless_one_of_them_holds_work() {
    let sandbox = sandbox("submodules", Value::Null);
    let library = sandbox.work().join("library");
    let project = sandbox.work().join("project");
    repository(&sandbox, &library);
    repository(&sandbox, &project);
    let local = ["-c", "protocol.file.allow=always", "submodule", "-q"];
    let add = ["add", library.to_str().unwrap(), "library"];
    sandbox.git(&project, &[&local[..], &add].concat());
    sandbox.git(&project, &["config", "-f", ".gitmodules", "submodule.library.ignore", "all"]);
    sandbox.git(&project, &["commit", "-qam", "with a library"]);
    let id = sandbox.start(&["-w", project.to_str().unwrap(), "--worktree", "w"]);
    let place = project.join(".occtl/worktrees/w");
    sandbox.git(&place, &[&local[..], &["update", "--init"]].concat());
    let within = place.join("library");
    let stop = || sandbox.occtl(&["stop", "--remove-worktree", &id]).run();
    std::fs::write(within.join("new"), "work").unwrap();
    assert!(stop().fails(1).stderr.contains("uncommitted"));
    sandbox.git(&within, &["add", "."]);
    sandbox.git(&within, &["commit", "-qm", "work"]);
    let refused = stop().fails(1).stderr;
    assert!(refused.contains("uncommitted"), "{refused}");
    sandbox.git(&place, &["update-index", "--cacheinfo", &commit_of(&sandbox, &within)]);
    sandbox.git(&place, &["commit", "-qm", "newer library"]);
    sandbox.git(&project, &["merge", "-q", "occtl/w"]);
    let refused = stop().fails(1).stderr;
    assert!(refused.contains("on no branch of another repository"), "{refused}");
    sandbox.git(&within, &["push", "-q", "origin", "HEAD:refs/heads/work"]);
    std::fs::write(within.join("file"), "put away").unwrap();
    sandbox.git(&within, &["stash", "-q"]);
    assert!(stop().fails(1).stderr.contains("stash"));
    sandbox.git(&within, &["stash", "drop", "-q"]);
    stop().ok();
    assert!(!place.exists());
    assert_eq!(sandbox.git(&project, &["branch", "--list", "occtl/*"]), "");
    sandbox.assert_no_trace();
}

/// The entry of the index that makes the submodule's commit the one of its repository.
fn commit_of(sandbox: &Sandbox, submodule: &Path) -> String {
    let commit = sandbox.git(submodule, &["rev-parse", "HEAD"]);
    format!("160000,{},library", commit.trim())
}

#[test]
fn a_repository_that_git_refuses_for_its_owner_is_named_as_such() {
    let sandbox = sandbox("dubious", Value::Null);
    repository(&sandbox, &sandbox.work());
    let git = sandbox.command("sh", &["-c", "command -v git"]).run().ok().stdout;
    let script =
        format!("#!/bin/sh\nGIT_TEST_ASSUME_DIFFERENT_OWNER=1 exec {} \"$@\"\n", git.trim());
    sandbox.install("git", &script);
    let refused = sandbox.occtl(&["start", "--worktree", "w"]).run().fails(1);
    assert!(refused.stderr.contains("dubious ownership"), "{}", refused.stderr);
    assert!(refused.stderr.contains("safe.directory"), "{}", refused.stderr);
    sandbox.assert_no_trace();
}
