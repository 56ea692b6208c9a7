//! `make playground` (`tests/playground.sh`): what README.md shows can be typed there as it stands,
//! and nothing outlives the shell.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::real::versions::can;
use crate::support::command::Run;
use crate::support::sandbox::{Sandbox, example};

/// How long the examples may take on a busy machine.
pub const EXAMPLES: Duration = Duration::from_secs(240);
/// How long the end of a playground may take, in which a server is stopped.
const END: Duration = Duration::from_secs(60);

/// A place for `tests/playground.sh`.
pub struct Playground {
    pub sandbox: Sandbox,
}

impl Playground {
    pub fn new(name: &str) -> Playground {
        let mut sandbox = Sandbox::new(name);
        sandbox.use_real();
        // The programs of the tests, for a release would have to be built.
        let examples = example("scripted-model").parent().unwrap().to_owned();
        sandbox.set_env("DEMO_PROGRAMS", examples.parent().unwrap());
        let temporary = sandbox.root().join("tmp");
        std::fs::create_dir(&temporary).unwrap();
        sandbox.set_env("TMPDIR", temporary);
        Playground { sandbox }
    }

    pub fn script() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/playground.sh")
    }

    /// A playground in which these lines are typed.
    fn typed(&self, lines: &str) -> Run {
        let words = ["-c", "exec \"$0\" 2>&1"];
        let run = self.sandbox.command("bash", &words).args(&[Self::script()]);
        run.stdin(lines).timeout(EXAMPLES)
    }

    /// Waits until nothing of a playground is left: no process and no file.
    pub fn ends(&self) {
        self.sandbox.wait_for_nothing_left(END);
        let left: Vec<_> = std::fs::read_dir(self.sandbox.root().join("tmp")).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// An example of the README: what is typed, and the lines that it prints.
#[derive(Debug, Default)]
struct Example {
    typed: String,
    printed: Vec<String>,
}

/// The examples of the README, in their order. `echo $?` belongs to the one before it.
fn examples(readme: &str) -> Vec<Example> {
    let (_, rest) = readme.split_once("\n## Use it\n").unwrap();
    let section = rest.split("\n## ").next().unwrap();
    let mut examples: Vec<Example> = Vec::new();
    for line in section.lines().filter_map(|line| line.strip_prefix("    ")) {
        let Some(command) = line.strip_prefix("$ ") else {
            examples.last_mut().expect("a command").printed.push(lasting(line));
            continue;
        };
        if command != "echo $?" {
            examples.push(Example::default());
        }
        let example = examples.last_mut().expect("a command");
        example.typed.push_str(command);
        example.typed.push('\n');
    }
    examples
}

/// A line without what differs each time: ids, ports, processes, paths, times, and how wide columns
/// are. On a terminal, for which the README speaks, a time is `3 s ago`.
pub fn lasting(line: &str) -> String {
    let mut words: Vec<String> = line.split_whitespace().map(lasting_word).collect();
    while let Some(at) = words.iter().position(|word| word == "ago") {
        words.splice(at - 2..=at, ["TIME".to_owned()]);
    }
    words.join(" ").replace("TIME TIME", "TIME")
}

fn lasting_word(word: &str) -> String {
    let is_time = word.len() > 7 && word.contains(['-', ':']);
    if is_time && word.bytes().all(|byte| byte.is_ascii_digit() || b"-:".contains(&byte)) {
        return "TIME".into();
    }
    if word.starts_with('/') {
        return "PATH".into();
    }
    for (start, name) in [("oc-", "SESSION"), ("ses_", "CONVERSATION")] {
        let id = word.strip_prefix(start).map(|id| id.trim_end_matches(')'));
        if id.is_some_and(|id| id.len() >= 8 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()))
        {
            return name.into();
        }
    }
    let mut lasting = String::new();
    for part in word.split_inclusive(|c: char| !c.is_ascii_digit()) {
        let digits = part.trim_end_matches(|c: char| !c.is_ascii_digit());
        // A quick machine answers within a second, which are three digits.
        let is_duration = lasting.ends_with("_ms\":") && !digits.is_empty();
        let varies = is_duration || digits.len() >= 4 && !lasting.ends_with('.');
        lasting.push_str(if varies { "N" } else { digits });
        lasting.push_str(&part[digits.len()..]);
    }
    lasting
}

#[test]
fn durations_differ_each_time_however_short_they_are() {
    assert_eq!(
        lasting(r#"{"total_ms":889,"steps":2}"#),
        lasting(r#"{"total_ms":12889,"steps":2}"#)
    );
    assert_ne!(lasting(r#"{"total_ms":889,"steps":2}"#), lasting(r#"{"total_ms":889,"steps":3}"#));
}

#[test]
fn what_the_readme_shows_can_be_typed_as_it_stands_and_all_ends_with_the_shell() {
    let playground = Playground::new("playground");
    let mut examples = examples(include_str!("../../README.md"));
    // Six servers one after the other would take a minute, and the README shows nothing of it.
    examples.retain(|example| !example.typed.starts_with("occtl bench run"));
    assert!(examples.len() >= 9, "{examples:?}");
    let lines = examples.iter().map(|example| format!("{}echo @@\n", example.typed));
    // A server that runs when the shell is killed.
    let end = "occtl start -q >/dev/null\nkill -KILL $$\n";
    let script: String = lines.chain([end.to_owned()]).collect();
    let ended = playground.typed(&script).run().fails(137);
    let shown: Vec<&str> = ended.stdout.split("@@\n").collect();
    assert_eq!(shown.len(), examples.len() + 1, "{}", ended.stdout);
    for (example, shown) in examples.iter().zip(shown) {
        let is_warned = !can("the server asks for its password");
        let lines = shown.lines().filter(|line| !is_warned || !line.contains("no password"));
        let shown: Vec<String> = lines.map(lasting).collect();
        let is_bench = example.typed.starts_with("occtl bench");
        assert!(is_bench || shown == example.printed, "{example:?}: {shown:?}");
    }
    assert!(ended.stdout.contains("leap: sound"), "{}", ended.stdout);
    playground.ends();
}

#[test]
fn a_playground_ends_also_if_its_own_script_is_killed() {
    let playground = Playground::new("playground-killed");
    let ended = playground.typed("sleep 1000 &\nkill -KILL $PPID\nsleep 1001\n").run();
    assert_eq!(ended.status, 137, "{ended:?}");
    playground.ends();
}

#[test]
fn on_a_terminal_a_playground_greets_and_ends_with_exit() {
    if !Path::new("/usr/bin/script").exists() {
        println!("script is not there, so no terminal was tried");
        return;
    }
    let playground = Playground::new("playground-terminal");
    let script = Playground::script();
    let words = ["-qec", script.to_str().unwrap(), "/dev/null"];
    let typed =
        playground.sandbox.command("script", &words).stdin("echo $((6 * 7)) > n\ncat n\nexit\n");
    let ended = typed.timeout(END).run().ok();
    for part in ["A playground: a project", "playground$ ", "\n42\r\n"] {
        assert!(ended.stdout.contains(part), "{part:?}: {}", ended.stdout);
    }
    playground.ends();
}
