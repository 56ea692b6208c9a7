use super::*;

/// What stands in the fourth line of a plan that is right otherwise, and what is said of it.
const LINES: [(&str, &str); 48] = [
    (r#""repeat": 3"#, r#"there is no key "repeat" (did you mean "repeats"?)"#),
    (r#""xyzzy": 3"#, r#"there is no key "xyzzy" (the keys are schema, name, "#),
    (r#""sha265": "x""#, r#"there is no key "sha265""#),
    (r#""tasks": []"#, r#"the key "tasks" stands twice"#),
    (r#""schema": 2"#, "schema must be 1: this occtl reads no other form"),
    (r#""name": """#, "name must not be empty"),
    (r#""name": "a\nb""#, "name must be one line"),
    (r#""name": 7"#, "name must be a string"),
    (r#""name": "\ud83d""#, "name cannot be read"),
    (r#""seed": -1"#, "seed must be a whole number, 0 or more"),
    (r#""repeats": 0"#, "repeats must be a whole number from 1 to 100000"),
    (r#""repeats": 2.5"#, "repeats must be a whole number"),
    (r#""repeats": "5""#, "repeats must be a whole number"),
    (r#""defaults": {"id": "x"}"#, r#"there is no key "id" in defaults"#),
    (r#""defaults": {"limits": {"wall": 9}}"#, r#"in defaults.limits (did you mean "wall_s"?)"#),
    (
        r#""defaults": {"limits": {"wall_s": 0}}"#,
        "defaults.limits.wall_s must be a number of seconds",
    ),
    (r#""defaults": {"limits": {"wall_s": null}}"#, "defaults.limits.wall_s must be a number"),
    (r#""defaults": {"limits": {"stall_s": 1e999}}"#, "defaults.limits.stall_s must be a number"),
    (r#""defaults": {"limits": {"cost_usd": -1}}"#, "defaults.limits.cost_usd must be an amount"),
    (r#""defaults": {"limits": {"steps": 1.5}}"#, "defaults.limits.steps must be a whole number"),
    (r#""defaults": {"tries": 0}"#, "defaults.tries must be a whole number from 1 to 100"),
    (r#""defaults": {"check": "./check.sh"}"#, "defaults.check must be a list of words (no shell"),
    (r#""defaults": {"check": [""]}"#, "defaults.check[0] must not be empty"),
    (r#""defaults": {"answer": ["/etc/*"]}"#, "defaults.answer[0] must be relative"),
    (r#""defaults": {"protect": ["a/../../b"]}"#, "defaults.protect[0] must not leave"),
    (r#""defaults": {"hidden": "nowhere"}"#, "defaults.hidden does not exist: "),
    (r#""defaults": {"template": "plan.json"}"#, "defaults.template is no directory: "),
    (
        r#""defaults": {"template": {"git": "https://x/y"}}"#,
        r#"defaults.template needs the key "ref""#,
    ),
    (r#""defaults": {"template": {"git": "ext::x", "ref": "-x"}}"#, "cannot begin with -"),
    (r#""base": "b""#, r#"base cannot be "b": no arm has that id (the arms are a)"#),
    (
        r#""matrix": {"model": ["p/m"]}"#,
        r#"there is no key "model" in matrix (did you mean "models"?)"#,
    ),
    (r#""matrix": {"models": ["gpt"]}"#, r#"matrix.models[0] cannot be "gpt" (provider/model)"#),
    (r#""matrix": {"models": []}"#, "matrix.models must not be empty"),
    (r#""gate": {"infer": "run"}"#, r#"gate.infer cannot be "run" (did you mean runs?)"#),
    (r#""gate": {"infer": "all"}"#, r#"gate.infer cannot be "all" (one of runs, tasks)"#),
    (r#""gate": {"alpha": 0.5}"#, "gate.alpha must be above 0 and below 0.5"),
    (r#""gate": {"max_cost_increase": "20%"}"#, "gate.max_cost_increase must be 0 or more"),
    (r#""retry": {"max_attempts": 0}"#, "retry.max_attempts must be a whole number from 1"),
    (r#""max_unscored": 5"#, "max_unscored must be a share from 0 to 1"),
    (r#""budget_usd": 0"#, "budget_usd must be an amount of US dollars above 0"),
    (r#""max_parallel": {"p/m": 0}"#, "max_parallel.p/m must be a whole number from 1"),
    (r#""env": {"HOME": "/x"}"#, "env.HOME cannot set HOME (occtl sets it for every run"),
    (r#""env": {"A=B": "/x"}"#, r#"has the name "A=B", which no variable can have"#),
    (r#""env": {"A": 1}"#, "env.A must be a string"),
    (
        r#""pass_env": ["OPENCODE_SERVER_PASSWORD"]"#,
        "pass_env[0] cannot set OPENCODE_SERVER_PASSWORD",
    ),
    (r#""wrap": ["docker", "{img}"]"#, "wrap names {img}, which stands for nothing"),
    (r#""wrap": ["docker", "{image}"]"#, "wrap names {image}, and the task ok has none"),
    (
        r#""wrap_kill": ["docker", "kill"]"#,
        "wrap_kill ends what wrap started, and there is no wrap",
    ),
];

/// An arm in the fourth line of a plan, and what is said of it.
const ARMS: [(&str, &str); 15] = [
    (r#"{"model": "p/m"}"#, r#"arms[1] needs the key "id""#),
    (r#"{"id": "a"}"#, r#"arms[1] has the id "a", as another arm has"#),
    (r#"{"id": "../x"}"#, r#"arms[1].id cannot be "../x""#),
    (r#"{"id": "b", "models": "p/m"}"#, r#"no key "models" in arms[1] (did you mean "model"?)"#),
    (r#"{"id": "b", "model": "p/"}"#, r#"arms[1].model cannot be "p/""#),
    (r#"{"id": "b", "agent": ["x"]}"#, "arms[1].agent must be a string"),
    (r#"{"id": "b", "opencode": "./nowhere"}"#, "arms[1].opencode is no program: "),
    (r#"{"id": "b", "config": "x"}"#, "arms[1].config must be an object"),
    (
        r#"{"id": "b", "config": {"x": {"y": 1, "y": 2}}}"#,
        r#"the key "y" stands twice in arms[1].config.x"#,
    ),
    (r#"{"id": "b", "overlay": "nowhere"}"#, "arms[1].overlay does not exist: "),
    (r#"{"id": "b", "prompt": "Do it."}"#, "arms[1].prompt must contain {instruction}"),
    (r#"{"id": "b", "policy": {"alow": []}}"#, "arms[1].policy is wrong: "),
    (r#"{"id": "b", "policy": {"allow": ["write"]}}"#, "did you mean edit?"),
    (r#"{"id": "b", "policy": {"on_question": "wait"}}"#, "nobody answers in a run"),
    (r#"{"id": "b", "prices": {"input": 1}}"#, r#"arms[1].prices needs the key "output""#),
];

/// A task in the fourth line of a plan, and what is said of it.
const TASKS: [(&str, &str); 9] = [
    (r#""tasks/nothing*""#, "tasks[1] names no directory: "),
    (r#""tasks/**""#, "tasks[1] cannot contain **"),
    (r#"7"#, "tasks[1] must be an object"),
    (r#"{"instruction": "x"}"#, r#"tasks[1] needs the key "id""#),
    (r#"{"id": "ok", "instruction": "x"}"#, r#"tasks[1] has the id "ok", as another task has"#),
    (r#"{"id": "x y", "instruction": "x"}"#, r#"tasks[1].id cannot be "x y""#),
    (r#"{"id": "x", "instruction": " "}"#, "tasks[1].instruction must not be empty"),
    (
        r#"{"id": "x", "instruction": "x", "tag": []}"#,
        r#"no key "tag" in tasks[1] (did you mean "tags"?)"#,
    ),
    (r#"{"id": "x", "instruction": "x", "sha256": "x"}"#, r#"there is no key "sha256""#),
];

/// Whole texts, the line at fault, and what is said of it.
const TEXTS: [(&str, usize, &str); 8] = [
    ("", 0, "plan.json is empty"),
    ("{\n\"tasks\": [],\n}", 3, "JSON has neither comments nor a comma at the end"),
    ("{\n// here\n}", 2, "this is not JSON: "),
    ("[]", 1, "the whole must be an object"),
    ("{\"arms\": [{\"id\": \"a\"}]}", 1, r#"needs the key "tasks""#),
    ("{\"tasks\": [\"tasks/ok\"]}", 1, "has no arms"),
    ("{\n\n\"tasks\": [],\n\"arms\": []}", 3, "tasks must not be empty"),
    (
        "{\n\"tasks\": [\"tasks/ok\"],\n\"arms\":\n\n[{\"id\":\n7}]}",
        6,
        "arms[0].id must be a string",
    ),
];

/// A file of a task, what it holds, and what is said of it. `@` is the directory.
const FILES: [(&str, &[u8], &str); 9] = [
    ("tasks/t/task.json", b"{\n\n\"tag\": []}", "@/tasks/t/task.json:3: there is no key \"tag\""),
    ("tasks/t/task.json", b"{}", "@/tasks/t/instruction.md is missing"),
    ("tasks/t/instruction.md", b"one\ntwo \xff", "@/tasks/t/instruction.md:2: this is not UTF-8"),
    ("tasks/t/instruction.md", b" \n", "@/tasks/t/instruction.md is empty"),
    ("tasks/t/instruction.md", b"a\0", "@/tasks/t/instruction.md contains NUL"),
    (
        "tasks/t/hiden/check.sh",
        b"",
        "@/tasks/t/hiden has no meaning in a task (did you mean hidden?)",
    ),
    ("tasks/a b/instruction.md", b"x", "@/tasks/a b is no name for a task"),
    (
        "tasks/t/task.json",
        b"{\"instruction\": \"x\", \"template\": 3}",
        "template must be an object",
    ),
    ("tasks/t/task.json/x", b"", "@/tasks/t/task.json cannot be read: Is a directory"),
];

#[track_caller]
fn check(place: &Place, text: &str, line: usize, words: &str) {
    let error = match place.read(text) {
        Ok(_) => panic!("{text} is accepted"),
        Err(error) => error,
    };
    assert_eq!(error.code.exit(), 2, "{text}: {error}");
    let shown = error.to_string();
    assert!(shown.contains(words), "{text}\n  gives {shown}\n  and not {words}");
    if line > 0 {
        let at = format!("plan.json:{line}: ");
        assert!(shown.contains(&at), "{text}\n  gives {shown}\n  and not line {line}");
    }
}

#[test]
fn a_wrong_plan_is_told_with_file_line_key_and_the_nearest_right_one() {
    let place = Place::new();
    let arm = r#"{"id": "a", "model": "p/m"}"#;
    for (line, words) in LINES {
        let text = format!("{{\n\"tasks\": [\"tasks/ok\"],\n\"arms\": [{arm}],\n{line}}}");
        check(&place, &text, 4, words);
    }
    for (arm, words) in ARMS {
        let text =
            format!("{{\n\"tasks\": [\"tasks/ok\"],\n\"arms\": [{{\"id\": \"a\"}},\n{arm}]}}");
        check(&place, &text, 4, words);
    }
    for (task, words) in TASKS {
        let text =
            format!("{{\n\n\"arms\": [{{\"id\": \"a\"}}], \"tasks\": [\"tasks/ok\",\n{task}]}}");
        check(&place, &text, 4, words);
    }
    for (text, line, words) in TEXTS {
        check(&place, text, line, words);
    }
}

#[test]
fn a_wrong_task_is_told_with_its_own_file_and_line() {
    for (name, content, words) in FILES {
        let place = Place::new();
        place.write(name, content);
        let root = place.path("");
        let root = root.to_str().unwrap().trim_end_matches('/');
        let text = r#"{"tasks": ["tasks/*"], "arms": [{"id": "a"}]}"#;
        check(&place, text, 0, &words.replace('@', root));
    }
}

#[test]
fn a_pipe_in_a_task_is_refused_and_not_waited_for() {
    for name in ["instruction.md", "task.json", "files/pipe"] {
        let place = Place::new();
        let path = place.write(&format!("tasks/ok/{name}"), "");
        fs::remove_file(&path).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
        let text = r#"{"tasks": ["tasks/ok"], "arms": [{"id": "a"}]}"#;
        let words = if name == "files/pipe" { "pipe is neither a file" } else { "is no file" };
        check(&place, text, 0, words);
    }
}

#[test]
fn no_text_whatever_makes_the_reader_fail_but_by_an_error() {
    let place = Place::new();
    let texts = [
        r#"{"schema": 1, "tasks": ["tasks/*", {"id": "x", "instruction": "y", "tries": 3}]}"#,
        r#"{"arms": [{"id": "a", "policy": {"allow": ["*"]}, "prices": {"input": 1}}]}"#,
        r#"{"matrix": {"models": ["p/m"]}, "tasks": ["tasks/o?"], "wrap": ["{run}"]}"#,
    ];
    crate::testing::mutations(&texts, std::time::Duration::from_millis(500), |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if let Err(error) = place.read(&text) {
            assert_eq!(error.code.exit(), 2, "{text}: {error}");
        }
    });
    let deep =
        format!("{{\"arms\": [{{\"id\": \"a\", \"config\": {{\"x\": {}", "[".repeat(100_000));
    check(&place, &format!("{deep}{}}}}}]}}", "]".repeat(100_000)), 1, "needs the key");
    let text = deep.replace("{\"arms\"", "{\"tasks\": [\"tasks/ok\"], \"arms\"");
    check(&place, &format!("{text}{}}}}}]}}", "]".repeat(100_000)), 1, "is nested too deep");
}
