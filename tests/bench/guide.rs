//! What `docs/benchmarking.md` shows works as it stands there.

use std::path::Path;

use serde_json::{Value, json};

use super::nights::plan;
use super::{Bench, SOON, all};
use crate::support::foreign::{exercise, harbor, swebench};
use crate::support::guides;
use crate::support::sandbox::{example, set_mode};

const GUIDE: &str = include_str!("../../docs/benchmarking.md");

/// The blocks of the guide in a language.
fn blocks(language: &str) -> Vec<&'static str> {
    guides::blocks(GUIDE, language)
}

/// The keys `wrap` and `wrap_kill` of a plan that the guide shows for a program.
pub fn wrap(program: &str) -> Value {
    let begin = format!("\"wrap\": [\"{program}\"");
    let text = blocks("json").into_iter().find(|text| text.starts_with(&begin));
    let text = text.unwrap_or_else(|| panic!("the guide has no wrap with {program}"));
    serde_json::from_str(&format!("{{{text}}}")).unwrap()
}

/// A sandbox in which the `opencode` of PATH is a stand-in with the model of the guide's plan, as
/// with a key that reaches it.
fn place(name: &str) -> Bench {
    let bench = Bench::new(name, json!({}));
    let [provider, model] = ["anthropic", "claude-sonnet-4-5"];
    let known = json!({"id": model, "name": model, "cost": {"input": 3, "output": 15}});
    let faults = json!({"body": {"/config/providers": {"default": {},
                        "providers": [{"id": provider, "models": {model: known}}]}}});
    let file = bench.sandbox.root().join("faults.json");
    bench.sandbox.set_faults(&faults);
    let script = format!(
        "#!/bin/sh\nSTAND_IN_FAULTS='{}' exec '{}' \"$@\"\n",
        file.display(),
        example("stand-in").display()
    );
    bench.sandbox.install("opencode", &script);
    bench
}

#[test]
fn the_commands_of_the_guide_work_one_after_the_other() {
    let bench = place("guide-commands");
    let work = bench.sandbox.work();
    harbor(&work.join("dataset/one"), "", "Say 42.");
    exercise(&work.join("polyglot/python/exercises/practice/double"), "Double it.", "wrong");
    swebench(&bench.sandbox, &work.join("lite.jsonl"), &work.join("repositories"));
    let mut seen: Vec<&str> = Vec::new();
    for line in blocks("sh").iter().flat_map(|block| block.lines()) {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[..2], ["occtl", "bench"], "{line}");
        let ended = bench.sandbox.occtl(&words[1..]).timeout(SOON).run();
        // What is finished is not run again.
        let status = if seen.contains(&line) { 2 } else { 0 };
        let ended = if status == 0 { ended.ok() } else { ended.fails(status) };
        if line.contains(" status ") {
            assert!(ended.stdout.contains("6 of 6") || ended.stdout.contains("6/6"), "{ended:?}");
        }
        seen.push(line);
    }
    assert!(seen.len() >= 7, "{seen:?}");
}

/// The command of the guide's line for cron, as cron gives it to a shell: without the five fields
/// of the time, and without a percent sign, which cron would take for a newline.
fn cron_command() -> String {
    let lines = blocks("crontab")[0].lines().filter(|line| !line.contains("MAILTO"));
    let line: Vec<&str> = lines.flat_map(|line| line.split(' ')).collect();
    let is_time = |word: &&str| word.chars().all(|letter| letter == '*' || letter.is_ascii_digit());
    assert!(line[..5].iter().all(is_time) && !line.concat().contains('%'), "{line:?}");
    line[5..].join(" ")
}

#[test]
fn the_script_of_every_night_works_as_cron_calls_it() {
    let bench = Bench::new("guide-nightly", json!({}));
    let here = bench.sandbox.home().join("bench");
    let steady = bench.counting("steady", "echo yes > answer;");
    let mut nightly = plan(&[("stable", &["pppp"]), ("new", &["pppp"])]);
    nightly["pass_env"] = json!(["TEST_SANDBOX", "STAND_IN_FAULTS"]);
    nightly["tasks"][0]["check"] = json!(["grep", "-q", "yes", "answer"]);
    for (arm, program) in [(0, &steady), (1, &bench.counting("broken", ""))] {
        nightly["arms"][arm]["model"] = json!("scripted/echo");
        nightly["arms"][arm]["opencode"] = json!(program);
    }
    write(&here.join("plan.json"), &nightly.to_string());
    write(&here.join("nightly.sh"), blocks("bash")[0]);
    let own = bench.sandbox.home().join(".local/bin");
    std::fs::create_dir_all(&own).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_occtl"), own.join("occtl")).unwrap();
    // Where cron looks for programs.
    let cron =
        || bench.sandbox.command("sh", &["-c", &cron_command()]).env("PATH", "/usr/bin:/bin");
    let night = || cron().timeout(SOON).run();
    let ended = night().fails(10);
    assert!(ended.stdout.contains("and a second night confirms"), "{ended:?}");
    let mut names: Vec<String> = std::fs::read_dir(here.join("nights"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() == 2 && names[1] == format!("{}-again", names[0]), "{names:?}");
    assert!(names[0].parse::<jiff::civil::Date>().is_ok(), "{names:?}");
    bench.sandbox.assert_nothing_left();
}

#[test]
fn the_units_of_the_guide_are_what_systemd_accepts() {
    let bench = Bench::new("guide-systemd", json!({}));
    let files = guides::write_units(&bench.sandbox, &blocks("ini"));
    assert_eq!(files.len(), 2);
    let verify = || guides::verify_units(&bench.sandbox, &files);
    let Some(ended) = verify() else { return };
    assert_eq!(ended.ok().stderr, "");
    // It would say what is wrong.
    let wrong = std::fs::read_to_string(&files[1]).unwrap().replace("02:15:00", "02:75");
    write(&files[1], &wrong);
    verify().unwrap().fails(1);
}

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn the_plan_and_the_task_of_the_guide_run_as_they_stand_there() {
    let bench = place("guide-plan");
    let root = bench.sandbox.root();
    let plans = blocks("json");
    let plan = plans.iter().find(|text| text.contains("\"arms\"")).unwrap();
    let task = plans.iter().find(|text| text.contains("\"protect\"")).unwrap();
    write(&bench.plan_file(), plan);
    write(&root.join("tasks/mine/task.json"), task);
    write(&root.join("tasks/mine/instruction.md"), "Write 42 into src/answer.");
    write(&root.join("tasks/mine/files/src/answer"), "0\n");
    write(&root.join("tasks/mine/files/tests/a"), "");
    let check = root.join("tasks/mine/hidden/check.sh");
    write(&check, "#!/bin/sh\ntest \"$(cat src/answer)\" = 42\n");
    set_mode(&check, 0o755);
    write(&root.join("tasks/mine/solution/src/answer"), "42\n");
    write(&root.join("overlays/brief/AGENTS.md"), "Be brief.\n");
    let plan = bench.plan_file().display().to_string();
    let checked = bench.sandbox.occtl(&["bench", "check", &plan]).timeout(SOON).run().ok();
    assert!(checked.stdout.contains("2 of 2 tasks are sound"), "{}", checked.stdout);
    let summary = bench.run(&["--repeats", "1", "--jobs", "2", "--json"]).run().ok().json();
    assert_eq!((&summary["runs"], &summary["fail"]), (&json!(4), &json!(4)), "{summary}");
    let lines = bench.lines();
    assert_eq!(all(&lines, "arm"), ["brief", "brief", "stable", "stable"]);
    assert!(lines.iter().all(|line| line["stop"] == "done"), "{lines:?}");
}
