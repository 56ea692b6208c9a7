//! `bench compare --confirm`: an alarm counts if a second night has it as well.

use rustix::process::Signal;
use serde_json::{Value, json};

use super::nights::{Letters, plan};
use super::{Bench, SOON, all, is_prompt};
use crate::support::command::Run;
use crate::support::processes::poll;

/// A first night that alarms, written by hand, whose arms run on the stand-in when they are run
/// again. The answer is a file that the arm's program leaves in the agent's tree, so what a second
/// night says is known: `new` has none unless the file `mended` is there.
fn alarm(name: &str, faults: Value) -> Bench {
    let bench = Bench::new(name, faults);
    let root = bench.sandbox.root().display().to_string();
    let steady = bench.counting("steady", "echo yes > answer;");
    let mended = format!("if [ -e '{root}/mended' ]; then echo yes > answer; fi;");
    let broken = bench.counting("broken", &mended);
    let mut plan = plan(&[("stable", &["pppp"]), ("new", &["ffff"]), ("other", &["pppp"])]);
    plan["pass_env"] = json!(["TEST_SANDBOX", "STAND_IN_FAULTS"]);
    plan["tasks"][0]["check"] = json!(["grep", "-q", "yes", "answer"]);
    for (at, program) in [&steady, &broken, &steady].into_iter().enumerate() {
        plan["arms"][at]["model"] = json!("scripted/echo");
        plan["arms"][at]["opencode"] = json!(program);
    }
    plan["arms"][2]["env"] = json!({"OTHER": "1"});
    bench.write("first", &plan, &mut |run| {
        Some(json!({"result": if run["arm"] == "new" { "fail" } else { "pass" }}))
    });
    bench
}

fn confirm(bench: &Bench) -> Run {
    let words = ["compare", "first", "--confirm", "results", "-j", "2", "--junit", "out.xml"];
    bench.bench(&words)
}

#[test]
fn an_alarm_that_comes_twice_is_a_regression_and_nothing_runs_again() {
    let bench = alarm("confirm-twice", json!({}));
    let ended = confirm(&bench).run().fails(10);
    assert!(ended.stderr.contains("regression: new passes less than stable"), "{ended:?}");
    let flat = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    let first = "regression: new passes less than stable, p 0.0143, and a second night confirms it";
    assert!(flat.starts_with(first), "{}", ended.stdout);
    assert!(flat.contains("second night, results: regression: new passes less"), "{flat}");
    assert!(bench.read("out.xml").contains("<failure"));
    // The alarmed arm and the base ran, as often as the plan says, and the other arm did not.
    let lines = bench.lines();
    assert_eq!(
        all(&lines, "arm"),
        ["new", "new", "new", "new", "stable", "stable", "stable", "stable"]
    );
    let starts = bench.starts("steady") + bench.starts("broken");
    let again = bench.bench(&["compare", "first", "--confirm", "results", "--json"]);
    let verdict = again.run().fails(10).json();
    assert_eq!(bench.starts("steady") + bench.starts("broken"), starts, "a server was started");
    assert_eq!(verdict["confirmation"]["verdict"], "regression");
    assert_eq!(verdict["confirmation"]["candidates"].as_array().unwrap().len(), 1);
    assert_eq!(verdict["candidates"][1]["verdict"], "inconclusive");
    bench.sandbox.assert_nothing_left();
}

#[test]
fn an_alarm_that_comes_once_is_not_confirmed_and_no_alarm_runs_nothing() {
    let bench = alarm("confirm-once", json!({}));
    std::fs::write(bench.path("mended"), "").unwrap();
    let ended = confirm(&bench).run().ok();
    let flat = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.starts_with("inconclusive: alarm not confirmed"), "{}", ended.stdout);
    assert!(bench.read("out.xml").contains("<skipped message=\"alarm not confirmed"));
    assert_eq!(all(&bench.lines(), "result"), ["pass"; 8]);
    let strict = bench.bench(&["compare", "first", "--confirm", "results", "--strict"]);
    strict.run().fails(11);
    let quiet = ["compare", "first:stable", "first:other", "--confirm", "third"];
    bench.bench(&quiet).run().ok();
    assert!(!bench.path("third").exists(), "something ran");
    let two = bench.bench(&["compare", "first:stable", "results:stable", "--confirm", "third"]);
    assert!(two.run().fails(2).stderr.contains("of one directory"));
}

#[test]
fn nothing_that_is_there_is_taken_for_the_second_night_of_another_one() {
    let bench = Bench::new("confirm-foreign", json!({}));
    let broken: Letters = &[("stable", &["pppp"]), ("new", &["ffff"])];
    let on = |name: &str, day: &str| {
        let day = format!("2026-01-{day}T02:00:00Z");
        bench.changed_night(name, broken, |line, run| {
            if !run.is_null() {
                line["started_at"] = json!(day);
            }
        });
    };
    on("first", "10");
    on("before", "09");
    on("after", "11");
    bench.night("other", &[("stable", &["ppp"]), ("new", &["fff"])]);
    let confirm = |name: &str| bench.bench(&["compare", "first", "--confirm", name]).run();
    for (name, why) in [
        ("first", "it is the first one"),
        ("before", "it began before the first one"),
        ("other", "its plan is another one"),
    ] {
        let refused = confirm(name).fails(2);
        assert!(refused.stderr.contains(why), "{refused:?}");
        assert!(refused.stderr.contains("not there yet"), "{refused:?}");
    }
    confirm("after").fails(10);
}

#[test]
fn a_signal_leaves_the_second_night_and_the_same_command_continues_it() {
    let bench = alarm("confirm-signal", json!({"turn": {"hold": true}}));
    std::fs::write(bench.path("out.xml"), "the verdict of yesterday").unwrap();
    let running = confirm(&bench).spawn();
    let prompted = || bench.sandbox.stand_in_requests().iter().any(is_prompt).then_some(());
    poll(SOON, prompted).expect("a prompt");
    running.signal(Signal::TERM);
    let ended = running.wait(SOON).fails(143);
    assert!(ended.stderr.contains("there is no verdict yet"), "{}", ended.stderr);
    assert!(ended.stdout.is_empty(), "{}", ended.stdout);
    assert!(bench.read("out.xml").contains("<error"), "a verdict of another night is left");
    bench.sandbox.assert_nothing_left();
    bench.sandbox.set_faults(&json!({}));
    confirm(&bench).run().fails(10);
    let lines = bench.lines();
    let scored = lines.iter().filter(|line| line["result"] != "unscored").count();
    assert_eq!(scored, 8, "{lines:?}");
}
