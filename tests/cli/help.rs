//! What a user who knows nothing yet is told, and where the documents say the same.

use std::collections::BTreeSet;
use std::fs;

use serde_json::json;

use super::sandbox;
use crate::support::sandbox::Sandbox;

/// Variables that only occtl itself uses, to tell its own processes something.
const INTERNAL: [&str; 2] = ["OCCTL_TRIAL", "OCCTL_SESSION_FACTS"];
/// Variables that occtl sets for the check of a task; `docs/benchmarking.md` describes them.
const FOR_CHECKS: [&str; 1] = ["OCCTL_SCORE_FILE"];

fn help(sandbox: &Sandbox, topic: &str) -> String {
    sandbox.occtl(&["help", topic]).run().ok().stdout
}

#[test]
fn a_line_without_a_command_names_the_five_commands_of_a_first_success_on_stderr() {
    let sandbox = sandbox("first-help", json!({}));
    let nothing = sandbox.occtl::<&str>(&[]).run().fails(2);
    assert_eq!(nothing.stdout, "");
    let shown = nothing.stderr.lines().filter_map(|line| line.trim().split_once("  "));
    let lines: Vec<&str> = shown.map(|(line, _)| line).collect();
    assert_eq!(lines.len(), 5, "{}", nothing.stderr);
    assert!(nothing.stderr.ends_with("occtl: no command is given (occtl help lists them)\n"));
    for line in lines {
        let done = sandbox.shell("exec \"$0\" \"${@:2}\"", &words(line)).run().ok();
        assert!(!done.stdout.is_empty(), "{line} prints nothing");
    }
    let error = sandbox.occtl(&["--json"]).run().fails(2);
    assert_eq!(error.json_error()["message"], "no command is given");
}

/// The words of a line in which only one word has quotes.
fn words(line: &str) -> Vec<String> {
    match line.split_once('\'') {
        Some((before, quoted)) => {
            let words = before.split_whitespace().map(String::from);
            words.chain([quoted.trim_end_matches('\'').to_owned()]).collect()
        }
        None => line.split_whitespace().map(String::from).collect(),
    }
}

#[test]
fn a_directory_before_the_command_is_where_it_works() {
    let sandbox = sandbox("before", json!({}));
    let inner = sandbox.work().join("inner");
    fs::create_dir_all(inner.join("deep")).unwrap();
    let id = sandbox.occtl(&["-C", "inner", "-C", "deep", "start", "-q"]).run().ok().stdout;
    let record = sandbox.record(id.trim());
    assert_eq!(record["workdir"], json!(inner.join("deep")));
    sandbox.occtl(&["-C", inner.to_str().unwrap(), "stop", id.trim()]).run().ok();
    let missing = sandbox.occtl(&["-C", "nowhere", "list"]).run().fails(3);
    assert_eq!(missing.stderr, "occtl: there is no directory nowhere\n");
    fs::write(sandbox.work().join("file"), "").unwrap();
    let file = sandbox.occtl(&["--json", "-C", "file", "list"]).run().fails(2).json_error();
    assert!(file["message"].as_str().unwrap().starts_with("-C cannot be file: "), "{file}");
}

#[test]
fn list_may_be_called_as_other_programs_call_it() {
    let sandbox = sandbox("synonyms", json!({}));
    let id = sandbox.start(&[]);
    for name in ["list", "ls", "ps"] {
        assert_eq!(sandbox.occtl(&[name, "-q"]).run().ok().stdout.trim(), id, "{name}");
        assert_eq!(help(&sandbox, name), help(&sandbox, "list"));
    }
}

#[test]
fn words_of_other_programs_name_the_right_command() {
    let sandbox = Sandbox::new("other-words");
    for (line, expected) in [
        ("cancel", "did you mean abort?"),
        ("conversations", "did you mean sessions?"),
        ("cat", "did you mean tail?"),
        ("cost", "did you mean usage?"),
        ("deny", "did you mean reject?"),
        ("info", "did you mean status?"),
        ("continue", "did you mean send SESSION --continue?"),
        ("rm x", "stop, which ends a session, or delete, which removes a conversation"),
        ("list -C x", "-C DIR stands before the command: occtl -C DIR list"),
        ("-C", "-C needs a value, DIR"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let refused = sandbox.occtl(&words).run().fails(2);
        assert!(refused.stderr.contains(expected), "{line}: {}", refused.stderr);
    }
    assert!(sandbox.occtl(&["-C", "", "list"]).run().fails(2).stderr.contains("-C cannot be"));
}

#[test]
fn the_exit_codes_of_the_help_are_those_of_the_readme() {
    let sandbox = Sandbox::new("exit-codes");
    let readme = include_str!("../../README.md");
    let (_, table) = readme.split_once("\n## Exit codes\n").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let row = |line: &str| {
        let (code, what) = line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | ")?;
        code.starts_with(|c: char| c.is_ascii_digit()).then(|| format!("{code} {what}"))
    };
    let expected: Vec<String> = table.lines().filter_map(row).collect();
    let shown = plain(&help(&sandbox, "exit-codes"));
    assert!(expected.len() > 14, "{expected:?}");
    for row in expected {
        assert!(shown.contains(&plain(&row)), "occtl help exit-codes lacks: {row}");
    }
}

#[test]
fn every_variable_of_occtl_is_in_the_help() {
    let sandbox = Sandbox::new("variables");
    let shown = help(&sandbox, "environment");
    let is_name = |c: char| c.is_ascii_uppercase() || c == '_';
    let mut used = BTreeSet::new();
    for (name, text) in crate::tidy::text::files("src", ".rs") {
        let code = crate::tidy::text::code(&text);
        for rest in code.split("\"OCCTL_").skip(1) {
            let variable: String = rest.chars().take_while(|c| is_name(*c)).collect();
            // The name of a prefix, or of a variable that only help texts name.
            let is_whole = !variable.is_empty() && rest[variable.len()..].starts_with('"');
            let is_other =
                ["topics.rs", "testing.rs", "tests.rs"].iter().any(|end| name.ends_with(end));
            used.extend((is_whole && !is_other).then(|| format!("OCCTL_{variable}")));
        }
    }
    let known =
        |name: &&String| INTERNAL.contains(&name.as_str()) || FOR_CHECKS.contains(&name.as_str());
    let missing: Vec<_> =
        used.iter().filter(|name| !known(name) && !shown.contains(*name)).collect();
    assert_eq!(missing, [""; 0], "are not in src/cli/help/topics.rs");
    assert!(used.len() > 5, "{used:?}");
    for word in shown.split(|c| !is_name(c)).filter(|word| word.starts_with("OCCTL_")) {
        assert!(used.contains(word), "{word} is in the help, and nothing reads it");
    }
}

#[test]
fn the_policy_of_the_help_is_accepted_and_does_what_it_says() {
    let sandbox =
        sandbox("policy-help", json!({"body": {"/experimental/tool/ids": ["bash", "edit"]}}));
    let text = help(&sandbox, "policy");
    let (_, rest) = text.split_once("\n  {\n").unwrap();
    let (inner, _) = rest.split_once("\n  }\n").unwrap();
    let file = sandbox.work().join("policy.json");
    fs::write(&file, format!("{{{inner}}}")).unwrap();
    let id = sandbox.start(&[]);
    let tried = |command: &str| {
        let run = sandbox.occtl(&["test-permission", &id, "--policy", "policy.json", command]);
        run.args(&["--json"]).run()
    };
    assert_eq!(tried("git status").ok().json()["action"], "allow");
    assert_eq!(tried("git push origin").fails(6).json()["action"], "deny");
    assert_eq!(tried("curl example.org").fails(6).json()["action"], "deny");
}

#[test]
fn json_gives_every_help_as_one_document() {
    let sandbox = Sandbox::new("json-help");
    for words in [&["help"][..], &["help", "send"], &["help", "json"], &["send", "--help"]] {
        let document = sandbox.occtl(words).args(&["--json"]).run().ok().json();
        assert!(document["help"].as_str().unwrap().contains("occtl"), "{words:?}");
    }
    let wrong = sandbox.occtl(&["help", "exit-code"]).run().fails(2);
    assert!(wrong.stderr.contains("did you mean exit-codes?"), "{}", wrong.stderr);
}
