//! What `docs/recipes.md` shows works as it stands there, as far as a machine can tell that has no
//! provider and no manager of systemd.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::command::Run;
use crate::support::guides::{blocks, verify_units, write_units};
use crate::support::processes::kill;
use crate::support::sandbox::{Sandbox, set_mode};

const RECIPES: &str = include_str!("../../docs/recipes.md");

/// The only block in a language that holds a text.
#[track_caller]
fn block(language: &str, text: &str) -> &'static str {
    let found: Vec<_> =
        blocks(RECIPES, language).into_iter().filter(|block| block.contains(text)).collect();
    assert_eq!(found.len(), 1, "blocks in {language} with {text:?}: {found:?}");
    found[0]
}

/// The faults of a stand-in with these turns, which can name its permissions.
fn turns(turn: Value) -> Value {
    let tools = ["bash", "edit", "external_directory", "read", "webfetch"];
    json!({"turn": turn, "body": {"/experimental/tool/ids": tools}})
}

/// A sandbox with a stand-in for these turns, in which `occtl` is on `PATH` as the recipes want it.
fn place(name: &str, turn: Value) -> Sandbox {
    let mut sandbox = Sandbox::new(name);
    sandbox.use_stand_in(turns(turn));
    let occtl = sandbox.bin().join("occtl");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_occtl"), occtl).unwrap();
    sandbox
}

/// Writes a script of the recipes into the working directory.
fn script(sandbox: &Sandbox, name: &str, text: &str) {
    let path = sandbox.work().join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    set_mode(&path, 0o755);
}

fn bash(sandbox: &Sandbox, line: &str) -> Run {
    sandbox.command("bash", &["-c", line])
}

/// A repository with a commit `origin/main` and one after it.
fn repository(sandbox: &Sandbox) {
    let work = sandbox.work();
    sandbox.git(&work, &["init", "-q", "-b", "main"]);
    sandbox.git(&work, &["commit", "-q", "--allow-empty", "-m", "one"]);
    sandbox.git(&work, &["update-ref", "refs/remotes/origin/main", "HEAD"]);
    std::fs::write(work.join("file"), "two\n").unwrap();
    sandbox.git(&work, &["add", "file"]);
    sandbox.git(&work, &["commit", "-qm", "two"]);
}

#[test]
fn every_snippet_is_what_its_language_accepts() {
    let sandbox = place("recipes-parsed", json!({}));
    let mut seen = 0;
    for shell in ["sh", "bash"] {
        for text in blocks(RECIPES, shell) {
            sandbox.command(shell, &["-n"]).stdin(text).run().ok();
            seen += 1;
        }
    }
    for text in blocks(RECIPES, "json") {
        serde_json::from_str::<Value>(text).unwrap();
        seen += 1;
    }
    let yaml = blocks(RECIPES, "yaml");
    let has_parser = Command::new("python3").args(["-c", "import yaml"]).output();
    if has_parser.is_ok_and(|output| output.status.success()) {
        for text in &yaml {
            let parse = "import sys, yaml; assert yaml.safe_load(sys.stdin)['jobs']";
            sandbox.command("python3", &["-c", parse]).stdin(text).run().ok();
        }
    }
    seen += yaml.len();
    for text in blocks(RECIPES, "python") {
        let parse = "import ast, sys; ast.parse(sys.stdin.read())";
        sandbox.command("python3", &["-c", parse]).stdin(text).run().ok();
        seen += 1;
    }
    let units = blocks(RECIPES, "ini");
    let files = write_units(&sandbox, &units);
    seen += files.len();
    if let Some(ended) = verify_units(&sandbox, &files) {
        assert_eq!(ended.ok().stderr, "");
    }
    let fences = RECIPES.lines().filter(|line| line.starts_with("```")).count();
    assert_eq!(seen * 2, fences, "a snippet is in a language that nothing here checks");
}

#[test]
fn each_step_of_a_ci_job_takes_the_server_that_is_there_or_starts_another() {
    let sandbox = place("recipes-steps", json!({}));
    let step = block("bash", "At the beginning of each step");
    let listed = || {
        let list = format!("{step}\nocctl list --json");
        let ended = bash(&sandbox, &list).run().ok();
        let list: Value = serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
        assert_eq!(list["sessions"].as_array().unwrap().len(), 1, "{list}");
        list["sessions"][0].clone()
    };
    let first = listed();
    assert_eq!((&first["name"], &first["state"]), (&json!("ci"), &json!("idle")));
    assert_eq!(listed()["id"], first["id"]);
    // What a runner does at the end of a step.
    kill(first["pid"].as_u64().unwrap().try_into().unwrap());
    let second = listed();
    assert_eq!(second["state"], "idle");
    assert_ne!(second["id"], first["id"]);
}

#[test]
fn the_ci_job_fails_if_the_review_finds_something_or_could_not_be_made() {
    let sandbox = place("recipes-ci", json!({}));
    repository(&sandbox);
    script(&sandbox, "ci/review.sh", block("bash", "ci/review.sh BASE"));
    let workflow = block("yaml", "ci/review.sh");
    let line = workflow.lines().find_map(|line| line.trim().strip_prefix("- run: ")).unwrap();
    let review = |turn: Value| {
        sandbox.set_faults(&turns(turn));
        bash(&sandbox, line).env("GITHUB_BASE_REF", "main").run()
    };
    let found = r#"{"ok": false, "findings": ["the file is wrong"]}"#;
    assert_eq!(review(json!({"text": found})).fails(1).stdout, "the file is wrong\n");
    let asked = sandbox.stand_in_requests();
    let has_change = |request: &Value| request["body"].to_string().contains("+two");
    assert!(asked.iter().any(has_change), "the change was not sent");
    assert_eq!(review(json!({"text": r#"{"ok": true, "findings": []}"#})).ok().stdout, "");
    review(json!({"error": {"name": "APIError", "data": {"message": "no"}}})).fails(5);
    let record = std::fs::read_to_string(sandbox.work().join("review.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&record).unwrap()["outcome"], "turn_failed");
    sandbox.assert_no_trace();
}

#[test]
fn work_is_reviewed_until_it_is_good_or_three_rounds_are_over() {
    let sandbox = place("recipes-review", json!({"text": "OK"}));
    repository(&sandbox);
    let text = block("bash", "review.sh NAME");
    script(&sandbox, "review.sh", text);
    std::fs::write(sandbox.work().join("task.md"), "Mend it.\n").unwrap();
    let prompts = || {
        let requests = sandbox.stand_in_requests();
        let is_prompt = |path: &Value| path.as_str().is_some_and(|path| path.contains("/prompt"));
        let is_message = |path: &Value| path.as_str().is_some_and(|it| it.ends_with("/message"));
        let sent = |request: &&Value| {
            let path = &request["path"];
            request["method"] == "POST" && (is_prompt(path) || is_message(path))
        };
        requests.iter().filter(sent).count()
    };
    let ended = bash(&sandbox, "./review.sh good").run().ok();
    assert_eq!((ended.stdout.as_str(), prompts()), ("good: good after round 1\n", 2));
    sandbox.set_faults(&turns(json!({"text": "It is wrong."})));
    let ended = bash(&sandbox, "./review.sh bad").run().fails(1);
    assert!(ended.stderr.contains("bad: not good after three rounds"), "{ended:?}");
    assert_eq!(prompts(), 2 + 1 + 3 * 2);
    sandbox.assert_no_trace();
}

#[test]
fn asks_are_answered_by_the_policy_file_and_by_the_program() {
    let sandbox = place("recipes-policy", json!({}));
    let work = sandbox.work();
    std::fs::write(work.join("policy.json"), block("json", "on_question")).unwrap();
    std::fs::write(work.join("prompt.md"), "Work.\n").unwrap();
    let record = bash(&sandbox, block("sh", "--policy policy.json")).run().ok().json();
    assert_eq!(record["unlisted"], "ask");
    let rules = record["rules"].as_array().unwrap();
    for given in ["--allow bash:make *", "--deny bash:git push*"] {
        assert!(rules.iter().any(|rule| rule["by"] == given), "{given}: {rules:?}");
    }

    script(&sandbox, "decide.sh", block("bash", "decide.sh: "));
    let session = sandbox.start(&[]);
    let line = block("sh", "--on-event ./decide.sh").trim().to_owned() + " --json";
    let decision = |pattern: &str| {
        let ask = json!({"permission": "external_directory", "patterns": [pattern]});
        sandbox.set_faults(&turns(json!({"ask": ask})));
        bash(&sandbox, &line).env("S", &session).run().json()["asks"][0]["decision"].clone()
    };
    assert_eq!(decision("/srv/data/one"), "once");
    assert_eq!(decision("/srv/data/../keys"), "reject");
    assert_eq!(decision("/srv/keys/one"), "reject");
}

#[test]
fn prompts_run_side_by_side_in_conversations_of_their_own() {
    let sandbox = place("recipes-parallel", json!({"text": "One line."}));
    let text = block("bash", "conversations=()");
    let ended = bash(&sandbox, text).run().ok();
    assert_eq!(ended.stdout, "One line.\n".repeat(3));
    let opened = sandbox.stand_in_requests();
    let opened = opened.iter().filter(|it| it["method"] == "POST" && it["path"] == "/session");
    assert_eq!(opened.count(), 3);
    sandbox.assert_no_trace();
}

/// Runs Harbor's agent of the recipes without Harbor: its container is this process's environment.
const HARBOR: &str = r#"
import asyncio, json, pathlib, subprocess, sys, types
import occtl_agent

class Environment:
    async def exec(self, command, **_):
        ended = subprocess.run(command, shell=True, stdout=subprocess.PIPE, text=True)
        return types.SimpleNamespace(stdout=ended.stdout, return_code=ended.returncode)

agent, context = occtl_agent.Occtl(), types.SimpleNamespace()
agent.model_name, agent.logs_dir = None, pathlib.Path(".")
try:
    asyncio.run(agent.run(sys.argv[1], Environment(), context))
except RuntimeError as error:
    context.raised = str(error)
json.dump(vars(context), sys.stdout)
"#;

#[test]
fn harbor_gets_the_usage_of_the_whole_tree_and_how_the_turn_ended() {
    let (sandbox, _model) = Sandbox::real("recipes-harbor");
    let occtl = sandbox.bin().join("occtl");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_occtl"), occtl).unwrap();
    let agent = sandbox.work().join("occtl_agent.py");
    std::fs::write(agent, block("python", "def usage(record)")).unwrap();
    let run = |prompt: &str| {
        let run = sandbox.command("python3", &["-c", HARBOR, prompt]);
        run.timeout(std::time::Duration::from_secs(240)).run().ok().json()
    };
    let prompt = "[[cached 40]][[task {{cached 10}}{{reasoning it's \"hard\"}}]][[echo one]]";
    let context = run(prompt);
    let record = std::fs::read_to_string(sandbox.work().join("occtl.json")).unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    let tokens = |name: &str| record["tokens"][name].as_u64().unwrap_or(0);
    assert!(tokens("reasoning") > 0, "{record}");
    assert_eq!(context["n_cache_tokens"], 50, "{record}");
    assert_eq!(context["n_input_tokens"], 100 * record["steps"].as_u64().unwrap(), "{record}");
    assert_eq!(context["n_output_tokens"], tokens("output") + tokens("reasoning"));
    assert_eq!(context["cost_usd"], record["cost_usd"]);
    assert_eq!(context["metadata"]["outcome"], "ok");
    assert_eq!(context["metadata"]["children"].as_array().map(Vec::len), Some(1), "{context}");
    assert_eq!(context.get("raised"), None);
    let failed = run("[[http 401 bad key]]");
    let raised = failed["raised"].as_str().unwrap();
    assert!(raised.starts_with("turn_failed: ") && raised.contains("bad key"), "{failed}");
    sandbox.assert_no_trace();
}
