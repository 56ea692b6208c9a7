//! `occtl bench check`: tasks that are sound, and those that are not.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::processes::{poll, working_below};
use crate::support::sandbox::{Sandbox, set_mode};

/// Copies, checks and a loaded machine.
const LONG: Duration = Duration::from_secs(300);

/// A task that is solved by `answer` being 42, with a check of the text given.
fn task(sandbox: &Sandbox, id: &str, check: &str, more: Value) -> PathBuf {
    let task = sandbox.work().join("tasks").join(id);
    for (name, text) in [
        ("instruction.md", "Write 42 into answer.\n"),
        ("files/answer", "0\n"),
        ("solution/answer", "42\n"),
        ("hidden/check.sh", &format!("#!/bin/sh\n{check}\n")),
    ] {
        write(&task.join(name), text);
    }
    set_mode(&task.join("hidden/check.sh"), 0o755);
    let mut keys = json!({"check": ["./check.sh"], "limits": {"check_s": 20}});
    for (key, value) in more.as_object().unwrap() {
        keys[key] = value.clone();
    }
    write(&task.join("task.json"), &keys.to_string());
    task
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn plan(sandbox: &Sandbox) -> PathBuf {
    let path = sandbox.work().join("plan.json");
    write(
        &path,
        &json!({"schema": 1, "name": "p", "tasks": ["tasks/*"],
                "arms": [{"id": "a", "model": "p/m"}]})
        .to_string(),
    );
    path
}

/// Runs `bench check --json` and returns the tasks by name.
fn check(sandbox: &Sandbox, words: &[&str], status: i32) -> Value {
    let plan = plan(sandbox);
    let mut all = vec!["--json", "bench", "check", plan.to_str().unwrap()];
    all.extend(words);
    let scratch = sandbox.root().join("scratch");
    fs::create_dir_all(&scratch).unwrap();
    all.extend(["--scratch", scratch.to_str().unwrap()]);
    let outcome = sandbox.occtl(&all).timeout(LONG).run();
    let shown = outcome.json();
    let outcome = if status == 0 { outcome.ok() } else { outcome.fails(status) };
    drop(outcome);
    assert_nothing_left(sandbox, &scratch);
    let mut tasks = json!({});
    for task in shown["tasks"].as_array().unwrap() {
        tasks[task["task"].as_str().unwrap()] = task.clone();
    }
    tasks
}

#[track_caller]
fn assert_nothing_left(sandbox: &Sandbox, scratch: &Path) {
    sandbox.wait_for_nothing_left(Duration::from_secs(30));
    let working = working_below(scratch);
    assert!(working.is_empty(), "{working:?}");
    let own = fs::read_dir(scratch).unwrap().next().unwrap().unwrap().path();
    let left: Vec<_> = fs::read_dir(own).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(left.is_empty(), "{left:?}");
}

const SOUND: &str = "test \"$(cat answer)\" = 42";

#[test]
fn sound_tasks_are_sound_and_each_fault_of_others_is_named() {
    let sandbox = Sandbox::new("bench-check");
    task(&sandbox, "sound", SOUND, json!({}));
    let scripted = task(&sandbox, "scripted", SOUND, json!({"answer": ["answer"]}));
    fs::remove_file(scripted.join("solution/answer")).unwrap();
    write(&scripted.join("solution/solve.sh"), "echo 42 > answer\n");
    task(&sandbox, "passes", "exit 0", json!({}));
    task(&sandbox, "fails", "echo no such luck; exit 1", json!({}));
    task(&sandbox, "unable", "exit 75", json!({}));
    task(&sandbox, "absent", SOUND, json!({"check": ["./nowhere.sh"]}));
    task(&sandbox, "crashes", "kill -SEGV $$", json!({}));
    task(
        &sandbox,
        "hangs",
        "trap '' TERM INT; while :; do sleep 1; done",
        json!({"limits": {"check_s": 1}}),
    );
    task(&sandbox, "narrow", SOUND, json!({"answer": ["other"]}));
    task(&sandbox, "unset", SOUND, json!({"setup": ["sh", "-c", "echo no network; exit 4"]}));
    task(&sandbox, "murder", "kill -9 $PPID; sleep 1", json!({}));
    let alone = task(&sandbox, "unsolved", SOUND, json!({}));
    fs::remove_dir_all(alone.join("solution")).unwrap();
    let tasks = check(&sandbox, &["--jobs", "3"], 1);
    let of = |name: &str| {
        let task = &tasks[name];
        let texts = |key: &str| -> Vec<String> {
            task[key].as_array().unwrap().iter().map(|t| t.as_str().unwrap().into()).collect()
        };
        (
            task["sound"].as_bool().unwrap(),
            texts("problems").join("; "),
            texts("warnings").join("; "),
        )
    };
    for name in ["sound", "scripted"] {
        assert_eq!(of(name), (true, String::new(), String::new()), "{name}");
    }
    assert!(of("unsolved").0 && of("unsolved").2.contains("has no solution"));
    for (name, text) in [
        ("passes", "passes before anything is solved"),
        ("fails", "fails with its solution (status 1)\nno such luck"),
        ("unable", "ended with status 75"),
        ("absent", "ended with status 127|could not be started"),
        ("crashes", "was ended by signal 11"),
        ("hangs", "did not end within 1 s"),
        ("narrow", "fails with its solution (status 1)"),
        ("unset", "setup ended with status 4: no network"),
        ("murder", "a check must not kill what it did not start"),
    ] {
        let (is_sound, problems, _) = of(name);
        assert!(!is_sound, "{name}");
        assert!(text.split('|').any(|text| problems.contains(text)), "{name}: {problems}");
    }
    assert!(of("narrow").2.contains("look at answer"), "{:?}", of("narrow"));
}

#[test]
fn a_flaky_check_is_named_with_its_share() {
    let sandbox = Sandbox::new("bench-flaky");
    let count = sandbox.root().join("count");
    write(&count, "");
    // Every third check with the solution fails; appending is atomic.
    let script = format!(
        "{SOUND} || exit 1; echo x >> {0}; n=$(wc -l < {0}); exit $((n % 3 == 0))",
        count.display()
    );
    task(&sandbox, "flaky", &script, json!({}));
    task(&sandbox, "sound", SOUND, json!({}));
    let tasks = check(&sandbox, &["--repeat", "6"], 1);
    let flaky = &tasks["flaky"];
    assert_eq!(flaky["tried"], 6);
    assert_eq!((&flaky["pristine_failed"], &flaky["solution_passed"]), (&json!(6), &json!(4)));
    let problem = flaky["problems"][0].as_str().unwrap();
    assert!(
        problem.starts_with("is flaky: fails 2 of 6 times (33 %) with its solution"),
        "{problem}"
    );
    assert_eq!(tasks["sound"]["sound"], true);
    // What was chosen is sound.
    check(&sandbox, &["--task", "so*"], 0);
}

#[test]
fn a_check_that_forks_and_prints_without_end_is_ended_and_its_output_bounded() {
    let sandbox = Sandbox::new("bench-wild");
    task(
        &sandbox,
        "wild",
        "(while :; do sleep 0.1 & done) & env -i setsid sh -c 'sleep 300 & sleep 300' & yes",
        json!({"limits": {"check_s": 2}}),
    );
    let tasks = check(&sandbox, &[], 1);
    let problems = tasks["wild"]["problems"].to_string();
    assert!(problems.contains("did not end within 2 s"), "{problems}");
    assert!(problems.len() < 10_000);
}

#[test]
fn a_python_check_that_trusts_the_answer_is_warned_about() {
    let sandbox = Sandbox::new("bench-trust");
    let python = |id: &str, check: &str, answer: Value| {
        let task =
            task(&sandbox, id, "", json!({"check": ["python3", "check.py"], "answer": answer}));
        fs::remove_dir_all(task.join("solution")).unwrap();
        write(&task.join("files/value.py"), "VALUE = 0\n");
        write(&task.join("solution/value.py"), "VALUE = 42\n");
        write(&task.join("hidden/check.py"), check);
    };
    python("trusts", "from value import VALUE\nassert VALUE == 42\n", json!([]));
    let child = "import subprocess, sys\n\
                 code = 'from value import VALUE; print(VALUE)'\n\
                 run = subprocess.run([sys.executable, '-c', code], capture_output=True)\n\
                 sys.exit(run.stdout.strip() != b'42')\n";
    python("child", child, json!(["value.py"]));
    // The check's own directory is where Python looks for modules of any name.
    let tasks = check(&sandbox, &[], 0);
    let warnings = |name: &str| tasks[name]["warnings"].to_string();
    assert!(warnings("trusts").contains("only os._exit(0) passes"), "{}", warnings("trusts"));
    assert_eq!(warnings("child"), "[]");
}

/// What an agent may leave to be taken for a pass, and where. All of it must fail.
const PLANTS: [(&str, &str); 8] = [
    ("result.json", "{\"result\": \"pass\", \"score\": 1}"),
    ("conftest.py", "import os\nos._exit(0)\n"),
    ("sitecustomize.py", "import os\nos._exit(0)\n"),
    ("planted.pth", "import os; os._exit(0)\n"),
    ("bin/no-such-tool", "#!/bin/sh\nexit 0\n"),
    ("no-such-tool", "#!/bin/sh\nexit 0\n"),
    (".profile", "exit 0\n"),
    ("check.sh", "#!/bin/sh\nexit 0\n"),
];

#[test]
fn nothing_that_an_agent_plants_makes_a_failing_check_pass() {
    let sandbox = Sandbox::new("bench-plants");
    for (number, (path, text)) in PLANTS.iter().enumerate() {
        let task = task(
            &sandbox,
            &format!("plant-{number}"),
            // PATH has the working directory in the caller's environment, and Python runs here.
            "no-such-tool && exit 0; mkdir -p logs; echo x > logs/log; \
             python3 -c 'import sys; sys.exit(open(\"answer\").read().strip() != \"42\")'",
            json!({"answer": ["answer"], "limits": {"check_s": 20}}),
        );
        // The solution is what an agent leaves here: the plant, in its tree and in its HOME.
        fs::remove_file(task.join("solution/answer")).unwrap();
        let script = format!(
            "mkdir -p bin $HOME/.local/bin\n\
             cat > '{path}' <<'END'\n{text}END\nchmod +x '{path}'; rm -rf logs; ln -s /tmp logs\n\
             cp '{path}' $HOME/; cp '{path}' $HOME/.local/bin/\n"
        );
        write(&task.join("solution/solve.sh"), &script);
    }
    let mut sandbox = sandbox;
    let path = std::env::var("PATH").unwrap();
    sandbox.set_env("PATH", format!(".:bin::{path}"));
    let tasks = check(&sandbox, &["--jobs", "2"], 1);
    for (number, (path, _)) in PLANTS.iter().enumerate() {
        let task = &tasks[format!("plant-{number}")];
        assert_eq!(
            (&task["pristine_failed"], &task["solution_passed"]),
            (&json!(1), &json!(0)),
            "{path}"
        );
        let problem = task["problems"][0].as_str().unwrap();
        assert!(problem.starts_with("fails with its solution (status 1)"), "{path}: {problem}");
    }
}

#[test]
fn an_interrupted_check_leaves_nothing_that_runs() {
    let sandbox = Sandbox::new("bench-interrupted");
    task(&sandbox, "long", "sleep 300", json!({"limits": {"check_s": 600}}));
    let plan = plan(&sandbox);
    let scratch = sandbox.root().join("scratch");
    fs::create_dir_all(&scratch).unwrap();
    let words = ["bench", "check", plan.to_str().unwrap(), "--scratch", scratch.to_str().unwrap()];
    let running = sandbox.occtl(&words).timeout(LONG).spawn();
    let works = || (!working_below(&scratch).is_empty()).then_some(());
    poll(LONG, works).expect("a check that has begun");
    running.signal(rustix::process::Signal::TERM);
    running.wait(LONG).fails(143);
    assert_nothing_left(&sandbox, &scratch);
    // Killed, it can remove nothing, but what it started ends all the same.
    let running = sandbox.occtl(&words).timeout(LONG).spawn();
    poll(LONG, works).expect("a check that has begun");
    running.signal(rustix::process::Signal::KILL);
    running.wait(LONG);
    poll(LONG, || working_below(&scratch).is_empty().then_some(())).expect("the end of the check");
    sandbox.wait_for_nothing_left(LONG);
}
