//! What each run costs besides its agent and its check.

use serde_json::{Value, json};

use super::{Bench, task};

/// A plan of so many tasks.
fn tasks(count: usize) -> Value {
    (0..count).map(|number| task(&format!("t{number}"), &["true"])).collect()
}

/// How often a batch of so many runs lets its parent alone read a directory; `None` without strace.
fn directories_read(runs: usize) -> Option<u64> {
    let bench = Bench::new(&format!("bench-costs-{runs}"), json!({}));
    bench.plan(&tasks(runs), &json!({}));
    let report = bench.sandbox.root().join("system-calls");
    let (plan, results) = (bench.plan_file(), bench.results());
    let words = [
        "-c".as_ref(),
        "-o".as_ref(),
        report.as_os_str(),
        env!("CARGO_BIN_EXE_occtl").as_ref(),
        "bench".as_ref(),
        "run".as_ref(),
        plan.as_os_str(),
        "-o".as_ref(),
        results.as_os_str(),
    ];
    let is_there = std::process::Command::new("strace").arg("--version").output().is_ok();
    if !is_there {
        eprintln!("skipped: strace is not installed");
        return None;
    }
    bench.sandbox.command("strace", &words).timeout(super::SOON).run().ok();
    assert_eq!(bench.lines().len(), runs);
    bench.sandbox.assert_nothing_left();
    let report = std::fs::read_to_string(report).unwrap();
    let line = report.lines().find(|line| line.ends_with(" getdents64")).unwrap();
    Some(line.split_whitespace().nth(3).unwrap().parse().unwrap())
}

/// To look for the processes of a run means to read the environment of each process of the machine.
/// The trial does that; its parent does it again only if the trial was killed or failed.
#[test]
fn the_parent_looks_for_no_processes_of_runs_that_ended_well() {
    let (Some(few), Some(many)) = (directories_read(1), directories_read(4)) else { return };
    assert_eq!(few, many);
}

#[test]
fn a_run_that_changes_nothing_in_an_empty_tree_needs_four_calls_of_git() {
    let bench = Bench::new("bench-costs-git", json!({}));
    let notes = bench.sandbox.root().join("git.calls");
    let git = std::env::split_paths(&std::env::var_os("PATH").unwrap())
        .map(|place| place.join("git"))
        .find(|path| path.exists())
        .unwrap();
    let script = format!(
        "#!/bin/sh\necho \"$3\" >> '{}'\nexec '{}' \"$@\"\n",
        notes.display(),
        git.display()
    );
    bench.sandbox.install("git", &script);
    bench.plan(&tasks(2), &json!({}));
    bench.run(&["--limit", "1"]).run().ok();
    let calls = || std::fs::read_to_string(&notes).unwrap();
    let before = calls().lines().count();
    bench.run(&[]).run().ok();
    let text = calls();
    let calls: Vec<&str> = text.lines().skip(before).collect();
    // The first start before the runs makes a tree as well.
    let tree = ["read-tree", "write-tree", "commit-tree"];
    assert_eq!(calls, [&tree[..], &tree[..], &["write-tree"]].concat());
}
