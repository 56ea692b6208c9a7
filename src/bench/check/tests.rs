use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::*;
use crate::bench::fixture::{Fixture, write};

/// What a check says of the tree that `agent` leaves.
fn graded(fixture: &Fixture, agent: impl Fn(&Path)) -> Graded {
    let site = fixture.site();
    workspace::remove(site.scratch).unwrap();
    let workspace = Workspace::create(&site).unwrap();
    agent(&site.tree());
    let answer = workspace.take_answer(&site).unwrap();
    let graded = grade(&site, &workspace, &answer);
    assert!(!site.scratch.join("check").exists());
    graded
}

fn said(graded: &Graded) -> String {
    let Some(output) = &graded.output else { return String::new() };
    String::from_utf8_lossy(&fs::read(output).unwrap()).into_owned()
}

/// A task that is solved by writing 42 into `answer`.
fn simple() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.file("files/answer", "0\n");
    fixture.file("solution/answer", "42\n");
    fixture.task.solution = Some(fixture.root.join("solution"));
    fixture.check("test \"$(cat answer)\" = 42 || exit 1");
    fixture
}

#[test]
fn the_check_sees_the_answer_in_a_fresh_copy_and_nothing_else_of_the_agent() {
    let mut fixture = simple();
    fixture.check("env; pwd; ls -A . $HOME; test \"$(cat answer)\" = 42 || exit 1");
    fixture.plan.env.insert("CI".into(), "1".into());
    fixture.task.env.insert("CI".into(), "2".into());
    fixture.task.setup = ["sh", "-c", "echo setup > made"].map(Into::into).into();
    fixture.overlay = Some(fixture.root.join("overlay"));
    fixture.file("overlay/AGENTS.md", "x");
    let fails = graded(&fixture, |_| {});
    assert_eq!((fails.result, fails.exit, fails.score), (RunResult::Fail, Some(1), Some(0.0)));
    let passes = graded(&fixture, |tree| {
        write(&tree.join("answer"), "42\n");
        write(&tree.join("../home/.profile"), "exit 0");
        write(&tree.join("made"), "agent");
    });
    assert_eq!((passes.result, passes.exit, passes.score), (RunResult::Pass, Some(0), Some(1.0)));
    let said = said(&passes);
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines.contains(&"CI=2") && lines.contains(&"TERM=dumb"), "{said}");
    assert!(!said.contains("AGENTS.md") && !said.contains(".profile"), "{said}");
    let names: Vec<&str> =
        lines.iter().filter_map(|line| line.split_once('=')).map(|p| p.0).collect();
    let known = [
        "CI",
        "TERM",
        "HOME",
        "TMPDIR",
        "PATH",
        "LANG",
        "TZ",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "_",
        "OCCTL_TRIAL",
        "OCCTL_SCORE_FILE",
    ];
    assert!(names.iter().all(|name| known.contains(name)), "{said}");
}

#[test]
fn every_end_of_a_check_has_its_result() {
    // The check, its result with a sound solution, without one, and the status.
    let solved = "test \"$(cat answer)\" = 42 && exit 0;";
    let table = [
        ("exit 2", RunResult::Fail, RunResult::Fail, Some(2)),
        ("echo 5 passed; exit 1", RunResult::Fail, RunResult::Fail, Some(1)),
        ("exit 75", RunResult::Fail, RunResult::Unscored, Some(75)),
        ("exit 126", RunResult::Fail, RunResult::Unscored, Some(126)),
        ("exit 127", RunResult::Fail, RunResult::Unscored, Some(127)),
        ("kill -9 $$", RunResult::Fail, RunResult::Fail, Some(137)),
        ("kill -SEGV $$", RunResult::Fail, RunResult::Fail, Some(139)),
        ("exit 137", RunResult::Fail, RunResult::Fail, Some(137)),
        ("trap '' TERM; sleep 600", RunResult::Fail, RunResult::Fail, None),
    ];
    let mut fixture = simple();
    fixture.task.limits.check_s = 3.0;
    let solution = fixture.task.solution.clone();
    for (end, with, without, exit) in table {
        for (solution, expected) in [(solution.clone(), with), (None, without)] {
            fixture.task.solution = solution;
            fixture.check(&format!("{solved} {end}"));
            let graded = graded(&fixture, |_| {});
            assert_eq!((graded.result, graded.exit), (expected, exit), "{end}");
            assert_eq!(graded.score.is_none(), expected == RunResult::Unscored, "{end}");
            assert_eq!(graded.error.is_some(), expected == RunResult::Unscored, "{end}");
        }
        // The same end with the solution is the check's own fault.
        fixture.task.solution = solution.clone();
        fixture.check(end);
        let graded = graded(&fixture, |_| {});
        let plain = end == "exit 2" || end.ends_with("exit 1");
        let expected = if plain { RunResult::Fail } else { RunResult::Unscored };
        assert_eq!(graded.result, expected, "{end}");
        if let Some(error) = graded.error {
            assert!(error.name == "check" && error.message.contains("as well"), "{error:?}");
        }
    }
}

#[test]
fn a_check_that_is_missing_cannot_be_started() {
    let mut fixture = simple();
    fixture.task.check = vec!["./no-such-check".into()];
    let graded = graded(&fixture, |tree| {
        write(&tree.join("no-such-check"), "#!/bin/sh\nexit 0\n");
    });
    // The agent's program of that name is no check; it is not even executable here.
    assert_eq!(graded.result, RunResult::Unscored);
}

#[test]
fn output_is_bounded_and_nothing_that_a_check_starts_outlives_it() {
    let mut fixture = simple();
    fixture.check(
        "echo first; head -c 50000000 /dev/zero | tr '\\0' x; echo; echo last
         setsid sleep 300 >/dev/null 2>&1 & echo $! > $OCCTL_SCORE_FILE.pid
         (sleep 300 &) ; cp $OCCTL_SCORE_FILE.pid /dev/stderr; exit 0",
    );
    let graded = graded(&fixture, |_| {});
    assert_eq!(graded.result, RunResult::Pass);
    let said = said(&graded);
    assert!(said.len() < 2_000_000 && said.starts_with("first\n"), "{}", said.len());
    assert!(said.contains("bytes are left out here]") && said.contains("\nlast\n"));
    let pid = said.trim().rsplit('\n').next().unwrap().to_string();
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    assert!(stat.is_empty() || stat.contains(") Z "), "{stat}");
}

#[test]
fn a_score_counts_only_with_a_pass_or_status_1() {
    let mut fixture = simple();
    let mut of = |file: &str, end: &str| {
        fixture.check(&format!("echo '{file}' > $OCCTL_SCORE_FILE; {end}"));
        let graded = graded(&fixture, |_| {});
        (graded.score, graded.metrics.len(), graded.notes.len())
    };
    let file = r#"{"score": 0.25, "metrics": {"tests": 4}}"#;
    assert_eq!(of(file, "exit 0"), (Some(0.25), 1, 0));
    assert_eq!(of(file, "exit 1"), (Some(0.25), 1, 0));
    assert_eq!(of(file, "exit 2"), (Some(0.0), 0, 0));
    assert_eq!(of(r#"{"metrics": {"a": 1}}"#, "exit 0"), (Some(1.0), 1, 0));
    for wrong in [r#"{"score": 2}"#, r#"{"score": "1"}"#, "[]", "{", r#"{"metrics": 1}"#] {
        assert_eq!(of(wrong, "exit 0"), (Some(1.0), 0, 1), "{wrong}");
    }
    assert_eq!(of("", "ln -sf /etc/passwd $OCCTL_SCORE_FILE"), (Some(1.0), 0, 1));
}

#[test]
fn what_is_protected_stays_and_links_that_leave_the_tree_are_dropped() {
    let mut fixture = Fixture::new();
    for name in ["tests/a", "conf/x", "hid/h", "src/s", "lib/f"] {
        fixture.file(&format!("files/{name}"), "template\n");
    }
    fixture
        .script("files/check", "test -e passed || { find . | sort; cat tests/* hid/*; exit 1; }");
    fixture.task.check = vec!["./check".into()];
    fixture.task.protect = vec!["tests/**".into(), "conf".into()];
    fixture.task.hide = vec!["hid".into()];
    let graded = graded(&fixture, |tree| {
        fs::write(tree.join("check"), "#!/bin/sh\nexit 0\n").unwrap();
        fs::remove_dir_all(tree.join("tests")).unwrap();
        symlink("src", tree.join("tests")).unwrap();
        fs::remove_dir_all(tree.join("conf")).unwrap();
        write(&tree.join("conf/new"), "agent");
        write(&tree.join("hid/h"), "agent");
        fs::remove_dir_all(tree.join("lib")).unwrap();
        symlink("src", tree.join("lib")).unwrap();
        symlink("/etc/passwd", tree.join("passed")).unwrap();
        symlink("../../x", tree.join("up")).unwrap();
        symlink(".", tree.join("src/top")).unwrap();
        symlink("top/top/../../../x", tree.join("src/sly")).unwrap();
        symlink("nowhere", tree.join("dangling")).unwrap();
    });
    assert_eq!(graded.result, RunResult::Fail);
    let said = said(&graded);
    let lines: Vec<&str> = said.lines().collect();
    for name in ["./tests/a", "./conf/x", "./hid/h", "./lib", "./src/top", "./dangling"] {
        assert!(lines.contains(&name), "{name}: {said}");
    }
    for name in ["./conf/new", "./passed", "./up", "./src/sly", "agent", "./lib/f"] {
        assert!(!lines.contains(&name), "{name}: {said}");
    }
    let notes = graded.notes.join("\n");
    for name in ["\"up\" dropped: the link leaves", "\"tests\" dropped", "\"check\" dropped"] {
        assert!(notes.contains(name), "{name}: {notes}");
    }
}

#[test]
fn laying_over_never_writes_through_a_link() {
    let mut fixture = simple();
    fixture.file("hidden/logs/log", "hidden");
    fixture.check("cat logs/log; test \"$(cat answer)\" = 42 || exit 1");
    let outside = fixture.file("outside/log", "precious");
    let directory = outside.parent().unwrap().to_path_buf();
    let graded = graded(&fixture, |tree| {
        symlink(&directory, tree.join("logs")).unwrap();
        write(&tree.join("check.sh/deep/file"), "in the way");
    });
    assert_eq!((graded.result, graded.exit), (RunResult::Fail, Some(1)));
    assert_eq!(said(&graded), "hidden");
    assert_eq!(fs::read_to_string(outside).unwrap(), "precious");
}

#[test]
fn a_check_is_wrapped_and_what_wrap_started_is_ended_at_the_deadline() {
    let mut fixture = simple();
    fixture.task.image = Some("image:1".into());
    fixture.plan.wrap =
        ["sh", "-c", "echo \"$0 $1\"; shift; exec \"$@\"", "{name}", "{image}={run}"]
            .map(Into::into)
            .into();
    let killed = fixture.root.join("killed");
    fixture.plan.wrap_kill = vec!["touch".into(), killed.to_str().unwrap().into()];
    fixture.check("env; pwd; test \"$(cat answer)\" = 42 || exit 1");
    let passes = graded(&fixture, |tree| drop(write(&tree.join("answer"), "42\n")));
    assert_eq!(passes.result, RunResult::Pass);
    let site = fixture.site();
    let check = site.scratch.join("check");
    let text = said(&passes);
    let first = format!("occtl-{}-check image:1={}\n", site.mark(), check.display());
    assert!(text.starts_with(&first), "{text}");
    assert!(text.contains(&format!("HOME={}/home\n", check.display())), "{text}");
    assert!(text.ends_with(&format!("{}/tree\n", check.display())), "{text}");
    assert!(!text.contains("CARGO"), "{text}");
    assert!(!killed.exists());
    fixture.check("sleep 300");
    fixture.task.limits.check_s = 0.3;
    fixture.task.solution = None;
    assert_eq!(graded(&fixture, |_| {}).result, RunResult::Fail);
    assert!(killed.exists());
    // One that never ends is waited for only so long.
    fixture.plan.wrap_kill = ["sleep", "600"].map(Into::into).into();
    let began = std::time::Instant::now();
    assert_eq!(graded(&fixture, |_| {}).result, RunResult::Fail);
    assert!(began.elapsed().as_secs() < 120, "{:?}", began.elapsed());
    fixture.plan.wrap_kill.clear();
    fixture.task.image = None;
    let error = graded(&fixture, |_| {}).error.unwrap();
    assert_eq!(error.message, "wrap needs an image, and task task names none");
    // Docker and podman tell so that they started nothing.
    fixture.plan.wrap = ["sh", "-c", "exit 125"].map(Into::into).into();
    assert_eq!(graded(&fixture, |_| {}).result, RunResult::Unscored);
}

#[test]
fn a_solution_may_be_a_program() {
    let mut fixture = simple();
    fixture.file("solution/solve.sh", "echo 42 > answer; echo made by $0");
    fs::remove_file(fixture.root.join("solution/answer")).unwrap();
    fixture.check("test \"$(cat answer)\" = 42 || exit 75");
    assert_eq!(graded(&fixture, |_| {}).result, RunResult::Fail);
}

#[test]
fn a_task_without_a_check_is_ungraded() {
    let fixture = Fixture::new();
    let graded = graded(&fixture, |_| {});
    assert_eq!((graded.result, graded.score), (RunResult::Ungraded, None));
}

#[test]
fn a_task_that_changes_or_disappears_is_neither_prepared_nor_checked() {
    let mut fixture = simple();
    // The run's directory is no part of the task.
    fixture.task.directory = None;
    fixture.task.sha256 = fixture.task.hash_now().unwrap();
    assert_eq!(graded(&fixture, |_| {}).result, RunResult::Fail);
    let graded = graded(&fixture, |_| drop(fixture.script("hidden/check.sh", "exit 0")));
    assert_eq!(graded.result, RunResult::Unscored);
    assert_eq!(graded.error.unwrap().name, "task_changed");
    let create = || Workspace::create(&fixture.site()).err().unwrap();
    assert_eq!(create().kind, TroubleKind::TaskChanged);
    fs::remove_dir_all(fixture.root.join("hidden")).unwrap();
    let trouble = create();
    assert!(trouble.message.contains("hidden"), "{trouble:?}");
}
