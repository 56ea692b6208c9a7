//! `run`: one shot, after which nothing is left, however it ends.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::model::Model;
use crate::support::opencode::config;
use crate::support::processes::{is_running, poll};
use crate::support::sandbox::Sandbox;

use super::versions::can;

const SOON: Duration = Duration::from_secs(120);
/// Every `run` starts a server of its own, which a busy machine takes its time for.
const PATIENCE: Duration = Duration::from_secs(180);

/// No process, no record, no log.
#[track_caller]
fn nothing_left(sandbox: &Sandbox, limit: Duration, after: &str) {
    let trace = || {
        let mut left: Vec<String> = sandbox
            .marked_processes()
            .into_iter()
            .map(|(pid, line)| format!("{pid} {line}"))
            .collect();
        let store = std::fs::read_to_string(sandbox.data().join("store.json")).unwrap_or_default();
        let store: Value = serde_json::from_str(&store).unwrap_or_default();
        left.extend(
            store["sessions"].as_object().into_iter().flatten().map(|one| format!("{one:?}")),
        );
        let logs = std::fs::read_dir(sandbox.data().join("logs")).into_iter().flatten().flatten();
        left.extend(logs.map(|log| log.path().display().to_string()));
        left
    };
    let gone = poll(limit, || trace().is_empty().then_some(()));
    assert!(gone.is_some(), "left after {after}: {:#?}", trace());
}

#[test]
fn run_answers_and_leaves_nothing() {
    let (sandbox, model) = Sandbox::real("run");
    let run =
        |flags: &[&str]| sandbox.occtl(&["run", "-t", "170"]).args(flags).timeout(PATIENCE).run();
    let plain = run(&["[[echo the answer]]"]).ok();
    assert_eq!(plain.stdout, "the answer\n");
    // Where the server asks for no password, that is warned of.
    assert!(!can("the server asks for its password") || plain.stderr.is_empty(), "{plain:?}");
    nothing_left(&sandbox, Duration::ZERO, "run");
    let stdin = sandbox
        .occtl(&["run", "--json", "-"])
        .stdin("[[bash echo hi]][[echo after]]")
        .timeout(PATIENCE)
        .run();
    let record = stdin.ok().json();
    assert_eq!((&record["answer"], &record["steps"]), (&json!("after"), &json!(2)));
    let streamed = run(&["--stream", "[[text one]][[bash true]][[echo two]]"]).ok();
    assert_eq!(streamed.stdout, "one\ntwo\n");
    let failed = run(&["[[http 401 bad key]]"]).fails(5);
    assert!(
        failed.stderr.contains("bad key") && !failed.stderr.contains("occtl tail"),
        "{}",
        failed.stderr
    );
    // The limit is for all of it, the start included.
    let timed = sandbox.occtl(&["run", "-t", "3", "[[silence]]"]).run().fails(124);
    assert!(timed.elapsed < Duration::from_secs(20), "{:?}", timed.elapsed);
    nothing_left(&sandbox, Duration::ZERO, "run");
    let mut settings = config(&model);
    settings["permission"] = json!({"bash": "ask"});
    let other = sandbox.root().join("other");
    sandbox.configure(&other, &settings);
    let blocked = run(&["-w", other.to_str().unwrap(), "[[bash touch made]]"]).fails(6);
    assert!(blocked.stderr.contains("touch made"), "{}", blocked.stderr);
    run(&["-w", other.to_str().unwrap(), "--allow", "bash", "[[bash touch made]]"]).ok();
    assert!(other.join("made").exists());
    nothing_left(&sandbox, Duration::ZERO, "run");
    let unknown = run(&["-m", "scripted/ecko", "x"]).fails(5);
    assert!(unknown.stderr.contains("did you mean echo"), "{}", unknown.stderr);
    run(&["-f", "/no/such/file", "x"]).fails(3);
    nothing_left(&sandbox, Duration::ZERO, "run");
    let kept = run(&["--keep", "[[echo kept]]"]).ok();
    assert_eq!(kept.stdout, "kept\n");
    let listed = sandbox.occtl(&["list", "--json"]).run().ok().json();
    let id = listed["sessions"][0]["id"].as_str().unwrap();
    assert!(kept.stderr.contains(id), "{}", kept.stderr);
    assert_eq!(listed["sessions"][0]["state"], "idle");
    sandbox.occtl(&["stop", id]).run().ok();
    nothing_left(&sandbox, Duration::ZERO, "run");
}

/// Waits for what shall be there when `run` is killed.
type Moment = fn(&Sandbox, &Model) -> bool;

fn recorded(sandbox: &Sandbox) -> bool {
    std::fs::read_to_string(sandbox.data().join("store.json"))
        .is_ok_and(|text| text.contains("\"oc-"))
}

fn runs(sandbox: &Sandbox, words: &str) -> bool {
    sandbox.marked_processes().iter().any(|(_, line)| line.contains(words))
}

#[test]
fn run_leaves_nothing_when_it_is_killed_or_interrupted_at_any_moment() {
    let moments: [(&str, Moment); 4] = [
        ("the guard runs", |sandbox, _| recorded(sandbox) && runs(sandbox, "guard")),
        ("the server runs", |sandbox, _| runs(sandbox, "serve --")),
        ("the model is asked", |_, model| model.request_count() > 0),
        // The prompt holds these words as well, so they must be all.
        ("a tool runs", |sandbox, _| {
            sandbox.marked_processes().iter().any(|(_, line)| line == "sleep 600")
        }),
    ];
    let (sandbox, _) = Sandbox::real("run-killed");
    for (sent, status) in [(Signal::KILL, 137), (Signal::INT, 130), (Signal::TERM, 143)] {
        for (name, moment) in &moments {
            if *name != "a tool runs" && sent == Signal::TERM {
                continue;
            }
            let model = Model::start();
            sandbox.configure(&sandbox.work(), &config(&model));
            // One out of the tool's session; the tool itself goes on, as old servers do not wait for the other.
            let prompt = "[[bash setsid sleep 600 & exec sleep 601]]";
            let running = sandbox.occtl(&["run", "-t", "170", "--title", "t", prompt]).spawn();
            let come = || moment(&sandbox, &model).then_some(());
            let _ = poll(SOON, || come().or((!is_running(running.pid())).then_some(())));
            assert!(moment(&sandbox, &model), "{name} never came: {}", running.stderr());
            let began = Instant::now();
            running.signal(sent);
            running.wait(SOON).fails(status);
            nothing_left(&sandbox, SOON, &format!("{sent:?} when {name}"));
            assert!(
                began.elapsed() < Duration::from_secs(40),
                "{name}, {sent:?}: {:?}",
                began.elapsed()
            );
        }
    }
}
