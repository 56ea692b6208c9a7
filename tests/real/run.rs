//! `run`: one prompt on a server of its own, of which nothing is left, however it ends.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::support::model::Model;
use crate::support::opencode::config;
use crate::support::processes::{is_running, poll};
use crate::support::sandbox::Sandbox;

use super::versions::can;

const SOON: Duration = Duration::from_secs(120);
/// How long a `run` may take: it starts a server of its own, and the machine may be busy.
const RUN_TIME: Duration = Duration::from_secs(180);

#[test]
fn run_answers_and_leaves_nothing() {
    let (sandbox, model) = Sandbox::real("run");
    let run =
        |flags: &[&str]| sandbox.occtl(&["run", "-t", "170"]).args(flags).timeout(RUN_TIME).run();
    let plain = run(&["[[echo the answer]]"]).ok();
    assert_eq!(plain.stdout, "the answer\n");
    // If the server does not ask for its password, a warning says so.
    assert!(!can("the server asks for its password") || plain.stderr.is_empty(), "{plain:?}");
    sandbox.assert_no_trace();
    let untitled = model.title_requests().is_empty();
    assert!(
        untitled || !can("a given title costs no call of the model"),
        "a model wrote a title that goes with the server"
    );
    let stdin = sandbox
        .occtl(&["run", "--json", "-"])
        .stdin("[[bash echo hi]][[echo after]]")
        .timeout(RUN_TIME)
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
    // The limit includes the start of the server.
    let timed = sandbox.occtl(&["run", "-t", "3", "[[silence]]"]).run().fails(124);
    assert!(timed.elapsed < Duration::from_secs(20), "{:?}", timed.elapsed);
    sandbox.assert_no_trace();
    let mut settings = config(&model);
    settings["permission"] = json!({"bash": "ask"});
    let other = sandbox.root().join("other");
    sandbox.configure(&other, &settings);
    let blocked = run(&["-w", other.to_str().unwrap(), "[[bash touch made]]"]).fails(6);
    assert!(blocked.stderr.contains("touch made"), "{}", blocked.stderr);
    run(&["-w", other.to_str().unwrap(), "--allow", "bash", "[[bash touch made]]"]).ok();
    assert!(other.join("made").exists());
    sandbox.assert_no_trace();
    let unknown = run(&["-m", "scripted/ecko", "x"]).fails(5);
    assert!(unknown.stderr.contains("did you mean echo"), "{}", unknown.stderr);
    run(&["-f", "/no/such/file", "x"]).fails(3);
    sandbox.assert_no_trace();
    let titles = model.title_requests().len();
    let kept = run(&["--keep", "[[echo kept]]"]).ok();
    assert_eq!(kept.stdout, "kept\n");
    let listed = sandbox.occtl(&["list", "--json"]).run().ok().json();
    let id = listed["sessions"][0]["id"].as_str().unwrap();
    assert!(kept.stderr.contains(id), "{}", kept.stderr);
    assert_eq!(listed["sessions"][0]["state"], "idle");
    let titled = || (model.title_requests().len() > titles).then_some(());
    poll(SOON, titled).expect("a title for a conversation that stays");
    sandbox.occtl(&["stop", id]).run().ok();
    sandbox.assert_no_trace();
}

/// Whether the moment has come at which `run` is to be killed.
type Moment = fn(&Sandbox, &Model) -> bool;

/// Whether a process of the sandbox has these words in its command line.
fn runs(sandbox: &Sandbox, words: &str) -> bool {
    sandbox.marked_processes().iter().any(|(_, line)| line.contains(words))
}

#[test]
fn run_leaves_nothing_when_it_is_killed_or_interrupted_at_any_moment() {
    let moments: [(&str, Moment); 4] = [
        ("the guard runs", |sandbox, _| !sandbox.records().is_empty() && runs(sandbox, "guard")),
        ("the server runs", |sandbox, _| runs(sandbox, "serve --")),
        ("the model is asked", |_, model| model.request_count() > 0),
        // The prompt contains these words as well, so the whole command line is compared.
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
            // One process leaves the process session of the tool. The tool itself goes on, because
            // old servers do not wait for the other process.
            let prompt = "[[bash setsid sleep 600 & exec sleep 601]]";
            let running = sandbox.occtl(&["run", "-t", "170", "--title", "t", prompt]).spawn();
            let come = || moment(&sandbox, &model).then_some(());
            let _ = poll(SOON, || come().or((!is_running(running.pid())).then_some(())));
            assert!(moment(&sandbox, &model), "{name} never came: {}", running.stderr());
            let began = Instant::now();
            running.signal(sent);
            running.wait(SOON).fails(status);
            sandbox.wait_for_no_trace(SOON, &format!("a run that got {sent:?} when {name}"));
            assert!(
                began.elapsed() < Duration::from_secs(40),
                "{name}, {sent:?}: {:?}",
                began.elapsed()
            );
        }
    }
}
