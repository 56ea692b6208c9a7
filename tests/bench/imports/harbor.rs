//! Tasks of Harbor.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;

use super::{Import, refused};
use crate::support::foreign::{harbor, write};

/// All that a task may say and that is taken.
const FULL: &str = r#"schema_version = "1.4"
[task]
name = "own/one"
description = """
several
lines"""
keywords = ["sums", "short"]
[metadata]
category = "numbers"
difficulty = "easy"
tags = ["short"]
[agent]
timeout_sec = 100.5
[verifier]
timeout_sec = 30
env = {TOKEN = "it's"}
[environment]
docker_image = "example/image:1"
build_timeout_sec = 40
env = {MODE = "${MODE:-fast}"}
[solution]
env = {HINT = "x"}
"#;

#[test]
fn a_task_of_harbor_keeps_its_prompt_limits_tags_image_and_files() {
    let import = Import::new("harbor-full");
    harbor(&import.source().join("one task.v2"), FULL, "# Canary\n\n\nSay 42.");
    let imported = import.json("harbor", 0);
    assert_eq!(imported["plan"], "out/plan.json");
    assert_eq!(imported["tasks"][0]["task"], "one-task.v2");
    assert_eq!(imported["tasks"][0]["name"], "one task.v2");
    let notes = imported["tasks"][0]["notes"].to_string();
    assert!(notes.contains("environment.env.MODE has the default of MODE"), "{notes}");
    assert!(notes.contains("docker cp"), "{notes}");
    let expected = json!({
        "check": [".harbor/check.sh"], "protect": [".harbor"], "image": "example/image:1",
        "tags": ["short", "sums", "numbers", "easy"], "env": {"MODE": "fast"},
        "limits": {"wall_s": 100.5, "check_s": 30.0, "setup_s": 40.0},
    });
    assert_eq!(import.task("one-task.v2"), expected);
    // The second mark stands behind a blank line, and so belongs to the prompt.
    assert_eq!(import.read("one-task.v2/instruction.md"), "# Canary\n\n\nSay 42.\n");
    assert_eq!(import.read("one-task.v2/files/given.txt"), "given\n");
    assert!(import.has("one-task.v2/environment/Dockerfile"));
    assert!(import.has("one-task.v2/hidden/.harbor/tests/test.sh"));
    let check = import.read("one-task.v2/hidden/.harbor/check.sh");
    assert!(check.contains("export TOKEN='it'\\''s'") && check.contains("cd '/app'"), "{check}");
    let solve = import.read("one-task.v2/solution/solve.sh");
    assert!(solve.starts_with("#!/bin/sh\nexport HINT='x'\ncp "), "{solve}");
    assert!(import.planned().stdout.contains("one-task.v2 "));
}

#[test]
fn a_task_that_says_nothing_has_the_limits_that_harbor_gives() {
    let import = Import::new("harbor-plain");
    harbor(&import.source(), "version = \"1.0\"\n", "Say 42.");
    import.json("harbor", 0);
    let task = import.task("source");
    assert_eq!(task["limits"], json!({"check_s": 600.0, "setup_s": 600.0}));
    assert_eq!((&task["tags"], &task["image"]), (&json!([]), &json!(null)));
}

/// Names, what their `task.toml` says, and why they are refused.
const REFUSED: [(&str, &str, &str); 18] = [
    ("gpu", "[environment]\ngpus = 1\n", "needs a GPU"),
    ("gpus", "[environment]\ngpus = 2\n[[steps]]\n", "has several steps; needs 2 GPUs"),
    (
        "health",
        "[environment.healthcheck]\ncommand = \"x\"\n",
        "waits for a health check of its container",
    ),
    ("mcp", "[[environment.mcp_servers]]\nname = \"x\"\n", "needs MCP servers"),
    ("net-few", "[environment]\nnetwork_mode = \"allowlist\"\n", "may reach only some hosts"),
    ("net-none", "[environment]\nnetwork_mode = \"no-network\"\n", "must not reach the network"),
    ("net-old", "[environment]\nallow_internet = false\n", "must not reach the network"),
    ("next", "schema_version = \"2.0\"\n", "has the form 2.0, and only 1 is known"),
    ("os", "[environment]\nos = \"windows\"\n", "needs Windows"),
    (
        "secret",
        "[verifier.env]\nKEY = \"${KEY}\"\n",
        "task.toml:2: verifier.env.KEY needs KEY of the caller, which no task can name",
    ),
    (
        "separate",
        "[verifier]\nenvironment_mode = \"separate\"\n",
        "checks in an environment of its own",
    ),
    (
        "string-image",
        "[environment]\ndocker_image = \"\"\"\na\nb\"\"\"\n",
        "task.toml:2: environment.docker_image must be one line",
    ),
    (
        "string-open",
        "[task]\nname = 'x'\ndescription = '''\nnever\n",
        "task.toml:3: the string of several lines that begins here is never closed",
    ),
    (
        "time",
        "\n[agent]\ntimeout_sec = \"long\"\n",
        "task.toml:3: agent.timeout_sec must be a number above 0",
    ),
    ("toml", "a = 1\nb = = 2\n", "task.toml:2: Invalid value"),
    (
        "where",
        "[environment]\nworkdir = \"/usr/src/app\"\n",
        "its working directory /usr/src/app is taken by the sandbox itself",
    ),
    (
        "where-not",
        "[environment]\nworkdir = \"/app/../x\"\n",
        "its working directory cannot be mounted: \"/app/../x\"",
    ),
    (
        "zero",
        "[environment]\nenv = {HOME = \"x\"}\n",
        "would be no task of harbor: task.json:6: env.HOME cannot set HOME",
    ),
];

#[test]
fn what_cannot_be_done_is_refused_by_name_and_reason_and_all_else_is_written() {
    let import = Import::new("harbor-refused");
    let source = import.source().join("tasks");
    let mut expected: Vec<(&str, &str)> = Vec::new();
    for (name, toml, reason) in REFUSED {
        harbor(&source.join(name), toml, "Say 42.");
        expected.push((name, reason));
    }
    harbor(&source.join("composed"), "", "Say 42.");
    write(&source.join("composed/environment/docker-compose.yaml"), "x");
    expected.insert(0, ("composed", "needs several containers (docker-compose.yaml)"));
    harbor(&source.join("good"), "", "Say 42.");
    // What is no task at all is passed over.
    write(&source.join("docs/README.md"), "x");
    let imported = import.json("harbor", 1);
    assert_eq!(refused(&imported), expected);
    assert_eq!(imported["tasks"].as_array().unwrap().len(), 1, "{imported}");
    let names = fs::read_dir(import.out().join("tasks")).unwrap();
    assert_eq!(names.map(|name| name.unwrap().file_name()).collect::<Vec<_>>(), ["good"]);
    let ended = import.import("harbor").run().fails(2);
    assert!(ended.stderr.contains("out is there already; nothing was written"), "{ended:?}");
    fs::rename(import.out(), import.source().join("../out-1")).unwrap();
    let ended = import.import("harbor").run().fails(1);
    assert!(ended.stdout.contains("refused gpu: needs a GPU\n"), "{ended:?}");
    assert!(ended.stdout.ends_with("1 of 20 tasks imported: out/plan.json\n"), "{ended:?}");
}

#[test]
fn half_a_task_and_links_out_of_one_are_refused() {
    let import = Import::new("harbor-half");
    let source = import.source();
    for name in ["a-prompt", "b-tests", "c-test", "e-link", "f-inner", "g-pipe", "h-file"] {
        harbor(&source.join(name), "", "Say 42.");
    }
    fs::remove_file(source.join("a-prompt/instruction.md")).unwrap();
    fs::remove_file(source.join("b-tests/task.toml")).unwrap();
    fs::remove_file(source.join("c-test/tests/test.sh")).unwrap();
    fs::create_dir(source.join("d-empty")).unwrap();
    symlink("/etc/passwd", source.join("e-link/tests/p")).unwrap();
    symlink("../../h-file", source.join("f-inner/solution/up")).unwrap();
    symlink("answer.txt", source.join("h-file/solution/same")).unwrap();
    let pipe = source.join("g-pipe/environment/pipe");
    import.sandbox.command("mkfifo", &[&pipe]).run().ok();
    symlink("h-file", source.join("i-linked")).unwrap();
    symlink("/etc/passwd", source.join("j")).unwrap();
    harbor(&source.join("k-prompt-link"), "", "Say 42.");
    fs::remove_file(source.join("k-prompt-link/instruction.md")).unwrap();
    symlink("/etc/passwd", source.join("k-prompt-link/instruction.md")).unwrap();
    let imported = import.json("harbor", 1);
    let expected = [
        ("a-prompt", "has no instruction.md"),
        ("b-tests", "has no task.toml; was it copied as a whole?"),
        ("c-test", "has no tests/test.sh"),
        ("d-empty", "has no task.toml; was it copied as a whole?"),
        ("e-link", "tests/p is a link that leads out of the task"),
        ("f-inner", "solution/up is a link that leads out of the task"),
        ("g-pipe", "environment/pipe is neither a file, a directory nor a link"),
        ("i-linked", "is a link; copy the set with its files (cp -RL)"),
        ("k-prompt-link", "instruction.md is a link; copy the set with its files (cp -RL)"),
    ];
    assert_eq!(refused(&imported), expected);
    assert_eq!(
        fs::read_link(import.out().join("tasks/h-file/solution/same")).unwrap().to_str(),
        Some("answer.txt")
    );
    assert!(super::holding(&import.out(), "root:").is_empty());
}

#[test]
fn without_a_python_that_reads_toml_a_task_json_beside_it_is_read() {
    let import = Import::new("harbor-python");
    for name in ["both", "toml"] {
        harbor(&import.source().join(name), "[agent]\ntimeout_sec = 1\n", "Say 42.");
    }
    write(&import.source().join("both/task.json"), "{\"agent\": {\"timeout_sec\": 7}}");
    let reason = "needs python3 (3.11 or newer) to read task.toml, or a task.json beside it";
    let bin = import.sandbox.bin();
    let old = "#!/bin/sh\necho \"ModuleNotFoundError: No module named 'tomllib'\" >&2\nexit 1\n";
    for (python, why) in [
        (None, "python3 cannot be started"),
        (Some(old), "python3 here is older than 3.11"),
        (Some("#!/bin/sh\necho what >&2\nexit 4\n"), "python3 ended with exit status: 4: what"),
    ] {
        if let Some(script) = python {
            import.sandbox.install("python3", script);
        }
        let ended = import.import("harbor").env("PATH", &bin).run().fails(1);
        assert_eq!(
            ended.stdout,
            format!("refused toml: {reason}\n1 of 2 tasks imported: out/plan.json\n")
        );
        assert!(ended.stderr.contains(why), "{}", ended.stderr);
        // The line that is told does what it says.
        assert!(ended.stderr.contains("python3 -c 'import tomllib,json,sys;"), "{}", ended.stderr);
        assert_eq!(import.task("both")["limits"]["wall_s"], 7.0);
        fs::remove_dir_all(import.out()).unwrap();
    }
    fs::remove_file(bin.join("python3")).unwrap();
    let ended = import.import("harbor").env("PATH", &bin).run().fails(1);
    let line = ended.stderr.split("each task.toml: ").nth(1).unwrap().trim();
    let task = import.source().join("toml");
    import.sandbox.command("sh", &["-c", line]).cwd(&task).run().ok();
    fs::remove_dir_all(import.out()).unwrap();
    import.import("harbor").env("PATH", &bin).run().ok();
    assert_eq!(import.task("toml")["limits"]["wall_s"], 1.0);
}

#[test]
fn two_thousand_tasks_are_read_by_one_python() {
    let import = Import::new("harbor-many");
    let text = "[metadata]\ntags = [\"many\"]\n";
    for number in 0..2000 {
        let task = import.source().join(format!("task {number:04}"));
        write(&task.join("task.toml"), text);
        write(&task.join("instruction.md"), "Say 42.");
        write(&task.join("tests/test.sh"), "true\n");
    }
    let python = import.sandbox.command("sh", &["-c", "command -v python3"]).run().ok().stdout;
    let starts = import.sandbox.root().join("starts");
    let script =
        format!("#!/bin/sh\necho >> '{}'\nexec '{}' \"$@\"\n", starts.display(), python.trim());
    import.sandbox.install("python3", &script);
    let imported = import.json("harbor", 0);
    assert_eq!(imported["tasks"].as_array().unwrap().len(), 2000);
    assert_eq!(fs::read_to_string(starts).unwrap().lines().count(), 1);
    assert_eq!(import.task("task-1999")["tags"], json!(["many"]));
}
