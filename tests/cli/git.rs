//! Uncommitted changes are those that git tells of, or they are unknown.

use std::path::Path;

use serde_json::{Value, json};

use super::sandbox;
use crate::support::sandbox::Sandbox;

/// A repository with one commit.
fn repository(sandbox: &Sandbox, name: &str) -> std::path::PathBuf {
    let place = sandbox.work().join(name);
    std::fs::create_dir_all(place.join("sub/deep")).unwrap();
    std::fs::write(place.join("sub/deep/file"), "one\n").unwrap();
    sandbox.git(&place, &["init", "-q"]);
    sandbox.git(&place, &["add", "."]);
    sandbox.git(&place, &["commit", "-q", "-m", "one"]);
    place
}

#[test]
fn changes_are_told_in_repositories_worktrees_and_below_and_unknown_elsewhere() {
    let sandbox = sandbox("git", json!({}));
    let clean = repository(&sandbox, "clean");
    let dirty = repository(&sandbox, "dirty");
    std::fs::write(dirty.join("sub/deep/file"), "two\n").unwrap();
    std::fs::write(dirty.join("a b\n\u{1b}[31m"), "").unwrap();
    sandbox.git(&clean, &["worktree", "add", "-q", "../tree"]);
    let tree = sandbox.work().join("tree");
    let clean_tree = sandbox.work().join("clean-tree");
    sandbox.git(&clean, &["worktree", "add", "-q", "../clean-tree"]);
    std::fs::write(tree.join("new"), "").unwrap();
    let broken = sandbox.work().join("broken");
    std::fs::create_dir_all(broken.join(".git")).unwrap();
    let plain = sandbox.work().join("plain");
    let cases: [(&Path, Value); 8] = [
        (&clean, json!([])),
        (&clean.join("sub"), json!([])),
        (&dirty, json!(["sub/deep/file", "a b\n\u{1b}[31m"])),
        (&dirty.join("sub/deep"), json!(["sub/deep/file", "a b\n\u{1b}[31m"])),
        (&tree, json!(["new"])),
        (&clean_tree, json!([])),
        (&broken, Value::Null),
        (&plain, Value::Null),
    ];
    for (place, expected) in &cases {
        let id = sandbox.start(&["-w", place.to_str().unwrap()]);
        let status = |run: &[&str]| sandbox.occtl(&["status", &id]).args(run).run().ok();
        let known = status(&["--json"]).json();
        assert_eq!(known["uncommitted_changes"], *expected, "{}", place.display());
        let dirty = expected.as_array().map(|files| !files.is_empty());
        assert_eq!(known["dirty"], json!(dirty), "{}", place.display());
        let plain = status(&[]).stdout;
        let phrase = match dirty {
            Some(false) => "\n  No uncommitted changes\n",
            Some(true) => "\n  Uncommitted changes (",
            None => "\n  Uncommitted changes: unknown\n",
        };
        assert!(plain.contains(phrase), "{}: {plain}", place.display());
        assert!(!plain.contains('\u{1b}'));
        let listed = sandbox.occtl(&["list"]).run().ok().stdout;
        let mark = dirty.map_or("  -  ", |dirty| if dirty { "  ✓  " } else { "  ✗  " });
        assert!(listed.contains(mark), "{}: {listed}", place.display());
        // Without git they are unknown; that is not the same as none.
        let unable = sandbox.occtl(&["status", &id, "--json"]).env("PATH", sandbox.bin()).run();
        assert_eq!(unable.ok().json()["uncommitted_changes"], Value::Null);
        sandbox.occtl(&["stop", &id]).run().ok();
    }
    sandbox.assert_no_trace();
}

#[test]
fn a_git_that_hangs_or_fails_or_is_pointed_elsewhere_neither_delays_nor_misleads() {
    let sandbox = sandbox("git-hangs", json!({}));
    let place = repository(&sandbox, "clean");
    let id = sandbox.start(&["-w", place.to_str().unwrap()]);
    // Variables that a git hook or alias sets for its commands point to another repository.
    let dirty = repository(&sandbox, "dirty");
    std::fs::write(dirty.join("new"), "").unwrap();
    let status = sandbox.occtl(&["status", &id, "--json"]).env("GIT_DIR", dirty.join(".git"));
    let status = status.env("GIT_WORK_TREE", &dirty).run().ok().json();
    assert_eq!(status["uncommitted_changes"], json!([]));
    for script in [
        "#!/bin/sh\nexec sleep 600\n",
        "#!/bin/sh\nexit 1\n",
        "#!/bin/sh\nexec >&-\nexec sleep 600\n",
    ] {
        sandbox.install("git", script);
        for arguments in [vec!["list", "--json"], vec!["status", &id, "--json"]] {
            let looked = sandbox.occtl(&arguments).run().ok();
            assert!(looked.elapsed < std::time::Duration::from_secs(20), "{:?}", looked.elapsed);
            let looked = looked.json();
            let row = looked.get("sessions").map_or(&looked, |rows| &rows[0]);
            assert_eq!((&row["state"], &row["dirty"]), (&json!("idle"), &Value::Null));
        }
    }
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_no_trace();
}

/// A `git` that notes its call in the file `calls`, says that a file is changed, and does `more`.
fn pretend(sandbox: &Sandbox, more: &str) -> std::path::PathBuf {
    let calls = sandbox.root().join("calls");
    let _ = std::fs::remove_file(&calls);
    let script = format!(
        "#!/bin/sh\necho \"$2\" >> {}\n{more}\n\
         case \"$*\" in *status*) printf ' M made up\\0';; esac\n",
        calls.display()
    );
    sandbox.install("git", &script);
    calls
}

#[test]
fn no_filter_that_a_repository_names_is_run_for_a_list() {
    let sandbox = sandbox("git-filter", json!({}));
    let place = repository(&sandbox, "hostile");
    let id = sandbox.start(&["-w", place.to_str().unwrap()]);
    let mark = sandbox.root().join("ran");
    let program = format!("touch {}; cat", mark.display());
    std::fs::write(place.join(".git/info/attributes"), "* filter=a=b\n").unwrap();
    sandbox.git(&place, &["config", "filter.a=b.clean", &program]);
    std::fs::write(place.join("sub/deep/file"), "two\n").unwrap();
    for words in [vec!["list", "--json"], vec!["status", &id, "--json"]] {
        let looked = sandbox.occtl(&words).run().ok().json();
        let row = looked.get("sessions").map_or(&looked, |rows| &rows[0]);
        assert_eq!(row["dirty"], true, "{row}");
        assert!(!mark.exists(), "{words:?}");
    }
    sandbox.git(&place, &["status"]);
    assert!(mark.exists(), "git runs such a filter by itself");
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn git_and_not_occtl_looks_for_the_repository_unless_git_is_left_out() {
    let sandbox = sandbox("git-looks", json!({}));
    let id = sandbox.start(&[]);
    let calls = pretend(&sandbox, "");
    for words in [vec!["list", "--json"], vec!["status", &id, "--json"]] {
        let row = |run: crate::support::command::Run| {
            let looked = run.run().ok().json();
            looked.get("sessions").map_or(looked.clone(), |rows| rows[0].clone())
        };
        let looked = row(sandbox.occtl(&words));
        assert_eq!(looked["dirty"], true, "{looked}");
        std::fs::remove_file(&calls).unwrap();
        let left_out = row(sandbox.occtl(&words).args(&["--no-git"]));
        assert_eq!((&left_out["state"], &left_out["dirty"]), (&json!("idle"), &Value::Null));
        assert_eq!(row(sandbox.occtl(&words).env("OCCTL_GIT", "off"))["dirty"], Value::Null);
        assert!(!calls.exists(), "{words:?}");
        sandbox.occtl(&words).env("OCCTL_GIT", "maybe").run().fails(2);
    }
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_list_of_many_directories_runs_few_gits_at_a_time_and_asks_each_once() {
    let sandbox = sandbox("git-many", json!({}));
    let id = sandbox.start(&[]);
    let mut store = sandbox.store();
    for number in 0..30 {
        let mut record = store["sessions"][&id].clone();
        let other = format!("oc-{number:08x}");
        record["id"] = json!(other);
        record["pid"] = json!(null);
        record["workdir"] = json!(format!("/nonexistent/{}", number / 2));
        store["sessions"][&other] = record;
    }
    std::fs::write(sandbox.store_path(), store.to_string()).unwrap();
    let running = sandbox.root().join("running");
    std::fs::create_dir(&running).unwrap();
    let most = sandbox.root().join("most");
    let more = format!(
        "mkdir {0}/$$; ls {0} | wc -l >> {1}; sleep 0.1; rmdir {0}/$$",
        running.display(),
        most.display()
    );
    let calls = pretend(&sandbox, &more);
    let listed = sandbox.occtl(&["list", "--json"]).run().ok();
    assert!(listed.elapsed < std::time::Duration::from_secs(20), "{:?}", listed.elapsed);
    let counts = std::fs::read_to_string(most).unwrap();
    let most = counts.lines().filter_map(|line| line.trim().parse::<u32>().ok()).max();
    assert!(most.unwrap() <= 8, "{counts}");
    // For its settings and for its changes.
    let calls = std::fs::read_to_string(calls).unwrap();
    let count = |place: &str| calls.lines().filter(|line| *line == place).count();
    for number in 0..15 {
        assert!(count(&format!("/nonexistent/{number}")) <= 2, "{calls}");
    }
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}
