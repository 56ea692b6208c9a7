//! Small sets of tasks of our own, in the layouts of other tools.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::sandbox::Sandbox;

/// Tests of Harbor that want 42, say so in a file, and end with a status that means nothing.
pub const TESTS: &str = "#!/bin/sh\necho \"tested in $PWD\"\n\
    if [ \"$(cat /app/answer.txt)\" = 42 ]; then reward=1.0; else reward=0.25; fi\n\
    echo \"{\\\"reward\\\": $reward, \\\"speed\\\": 3}\" > /logs/verifier/reward.json\n\
    echo 0 > /logs/verifier/reward.txt\nexit 3\n";

/// A task of Harbor whose solution writes 42 into a file of the working directory.
pub fn harbor(task: &Path, toml: &str, prompt: &str) {
    write(&task.join("task.toml"), toml);
    write(&task.join("instruction.md"), &format!("<!-- our canary -->\n\n{prompt}\n"));
    write(
        &task.join("environment/Dockerfile"),
        "FROM debian\nWORKDIR /app\nCOPY given.txt .\nCMD [\"sh\"]\n",
    );
    write(&task.join("environment/given.txt"), "given\n");
    write(&task.join("tests/test.sh"), TESTS);
    write(&task.join("solution/solve.sh"), "#!/bin/sh\ncp /solution/answer.txt /app/answer.txt\n");
    write(&task.join("solution/answer.txt"), "42\n");
}

/// An exercise in Python, as a track has it: to double a number. `failing` is what its test says
/// of an answer that is wrong.
pub fn exercise(place: &Path, prompt: &str, failing: &str) {
    let config = json!({"files": {"solution": ["double.py"], "test": ["double_test.py"],
                                  "example": [".meta/example.py"]}});
    write(&place.join(".meta/config.json"), &config.to_string());
    write(&place.join(".meta/example.py"), "def double(number):\n    return number * 2\n");
    write(&place.join(".docs/instructions.md"), prompt);
    write(&place.join("double.py"), "def double(number):\n    pass\n");
    let tests = format!(
        "import unittest\nfrom double import double\n\n\nclass DoubleTest(unittest.TestCase):\n    \
         def test_two(self):\n        self.assertEqual(double(2), 4, {})\n",
        json!(failing)
    );
    write(&place.join("double_test.py"), &tests);
}

/// A `pytest` for such tests, on machines without one.
pub fn install_pytest(sandbox: &Sandbox) {
    sandbox.install("pytest", "#!/bin/sh\nexec python3 -m unittest double_test\n");
}

/// A clone `owner__name` with two commits, and instances of SWE-bench at the first one: one with
/// lists, and one with strings that hold them.
pub fn swebench(sandbox: &Sandbox, file: &Path, clones: &Path) -> String {
    let clone = clones.join("owner__name");
    fs::create_dir_all(&clone).expect("a directory for the clone");
    sandbox.git(&clone, &["init", "-q", "-b", "main"]);
    for text in ["before", "after"] {
        write(&clone.join("state.txt"), text);
        sandbox.git(&clone, &["add", "."]);
        sandbox.git(&clone, &["commit", "-qm", text]);
    }
    let base = sandbox.git(&clone, &["rev-parse", "HEAD~1"]).trim().to_owned();
    let tests = [json!(["a", "b"]), json!("[\"a\", \"b\"]")];
    let lines = tests.iter().enumerate();
    let lines = lines.map(|(at, tests)| instance(&format!("owner__name-{at}"), &base, tests));
    write(file, &lines.map(|line| format!("{line}\n")).collect::<String>());
    base
}

/// A line of SWE-bench.
pub fn instance(id: &str, commit: &str, tests: &Value) -> Value {
    json!({"instance_id": id, "repo": "owner/name", "base_commit": commit,
           "problem_statement": "It is broken.", "patch": "secret-patch",
           "test_patch": "secret-tests", "hints_text": "secret-hint", "version": "1",
           "FAIL_TO_PASS": tests, "PASS_TO_PASS": tests})
}

/// Writes a file, and the directories above it.
pub fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a directory")).expect("directories");
    fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
