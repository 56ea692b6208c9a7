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
