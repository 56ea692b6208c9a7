//! `bench trial`: one run from an order to its result line.

use serde_json::{Value, json};

use crate::real::versions::can;
use crate::support::processes::working_below;
use crate::support::trials::{Trial, ends};

/// A prompt that writes what the check wants.
const GOOD: &str = "[[bash echo good > out.txt]][[echo finished]]";

#[test]
fn an_answer_that_passes_is_recorded_with_everything_that_was_used() {
    let mut trial = Trial::new("trial-pass", GOOD);
    trial.sandbox.set_env("SOME_KEY", "sk-hidden-value");
    trial.order["plan"]["pass_env"] = json!(["SOME_KEY"]);
    trial.task()["instruction"] =
        json!("[[bash echo good > out.txt; echo $SOME_KEY]][[echo the key is sk-hidden-value]]");
    let line = trial.run();
    assert_eq!(ends(&line), ("pass", "done"), "{line}");
    let expected = json!({
        "type": "result", "schema": 1, "batch": "b", "run_id": "r", "attempt": 1, "repeat": 1,
        "task": "secret-task", "arm": "secret-arm", "shard": "1/1", "block": 0,
        "model": {"provider": "scripted", "id": "echo", "variant": null}, "agent": "build",
        "score": 1.0, "check_exit": 0, "passed_at": 1, "error": null, "queue_ms": 5, "steps": 2,
        "tool_calls": 1, "tool_errors": 0, "conversations": 1, "compactions": 0,
        "provider_retries": 0, "cost_source": "opencode", "usage_complete": true,
        "diff_added": 1, "diff_removed": 0, "jobs": 1, "artifacts": "artifacts/r/1",
        "recheck_of": null,
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&line[key], value, "{key} in {line}");
    }
    for key in ["setup_ms", "server_start_ms", "agent_ms", "working_ms", "check_ms", "cpus"] {
        assert!(line[key].as_u64() > Some(0), "{key} in {line}");
    }
    let all: u64 = line["agent_ms"].as_u64().unwrap() - line["retry_wait_ms"].as_u64().unwrap();
    assert_eq!(line["working_ms"], all);
    assert!(line["max_rss_bytes"].as_u64() > Some(50 << 20), "{line}");
    assert_eq!(line["cost_usd"], line["spent_usd"]);
    for key in ["opencode_sha256", "catalogue_sha256", "config_sha256", "policy_sha256"] {
        assert_eq!(line[key].as_str().unwrap().len(), 64, "{key}");
    }
    assert!(trial.artifact("answer.patch").contains("+good"));
    assert_eq!(trial.artifact("check.txt").trim(), "good");
    let turn: Value = serde_json::from_str(&trial.artifact("turn.json")).unwrap();
    assert_eq!(turn["outcome"], "ok");
    let transcript: Value = serde_json::from_str(&trial.artifact("transcript.json")).unwrap();
    let messages = transcript["conversations"][0]["messages"].as_array().unwrap();
    assert_eq!(messages.len(), 3, "{transcript}");
    assert!(trial.artifact("server.log").contains("listening on"));
    for name in ["turn.json", "transcript.json", "server.log", "answer.patch", "result.json"] {
        assert!(!trial.artifact(name).contains("sk-hidden"), "{name}");
    }
    assert!(turn["answer"].as_str().unwrap().contains("the key is ***"), "{turn}");
    assert!(!trial.sandbox.root().join("batch/kept/r").exists());
    let untitled = trial.model.title_requests().is_empty();
    assert!(untitled || !can("a given title costs no call of the model"), "a title was asked for");
    // No server is started for another program.
    trial.order["opencode_sha256"] = json!("0".repeat(64));
    crate::docs::compare("Result lines", &[line, trial.run()]);
}

#[test]
fn an_answer_that_does_not_pass_fails_and_its_tree_is_kept() {
    let trial = Trial::new("trial-fail", "[[bash echo bad > out.txt]]");
    let line = trial.run();
    assert_eq!(ends(&line), ("fail", "done"), "{line}");
    assert_eq!((&line["score"], &line["check_exit"]), (&json!(0.0), &json!(1)));
    assert_eq!((&line["passed_at"], &line["error"]), (&json!(null), &json!(null)));
    let kept = trial.sandbox.root().join("batch/kept/r/out.txt");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "bad\n");
}

#[test]
fn an_agent_finds_nothing_that_tells_what_it_is_measured_by() {
    // Everything above the tree, up to the directory that all runs of a host share.
    let look = "[[bash { env; pwd; cat /proc/$PPID/environ /proc/$PPID/cmdline; d=$PWD; \
                for up in 1 2 3 4; do ls -a \"$d\"; d=$(dirname \"$d\"); done; \
                git log --stat; git config -l; } > seen 2>&1; \
                cp seen out.txt; echo good >> out.txt]]";
    let trial = Trial::new("trial-look", look);
    let line = trial.run();
    assert_eq!(ends(&line), ("pass", "done"), "{line}");
    let seen = trial.artifact("check.txt");
    assert!(seen.contains("TERM=dumb") && seen.contains("HOME="), "{seen}");
    for word in ["secret-", "nightly", "artifacts", "running", "result", "OCCTL_TEST"] {
        assert!(!seen.contains(word), "{word} in {seen}");
    }
    for name in ["OPENCODE_DISABLE_AUTOUPDATE=1", "OPENCODE_DISABLE_MODELS_FETCH=1"] {
        assert!(seen.contains(name), "{name} in {seen}");
    }
}

#[test]
fn an_agent_that_removes_its_repository_its_home_and_the_runs_directory_changes_nothing() {
    // In a file, because OpenCode asks for paths that stand in a command.
    let remove = "[[write gone.sh rm -rf .git ../home ../outbox ../tmp ../../repo.git]]\
                  [[bash sh gone.sh; rm gone.sh; ls -a .. ../..; echo good > out.txt]]\
                  [[echo done]]";
    let trial = Trial::new("trial-remove", remove);
    let line = trial.run();
    assert!(trial.artifact("answer.patch").contains("+good"));
    if !can("the data of a server is one database") {
        // The conversation was a file below HOME: the answer is graded, or the server has lost it.
        assert_ne!(line["result"], "fail", "{line}");
        return;
    }
    assert_eq!(ends(&line), ("pass", "done"), "{line}");
    assert_eq!((&line["steps"], &line["usage_complete"]), (&json!(3), &json!(true)), "{line}");
}

#[test]
fn nothing_of_an_agent_writes_after_its_end() {
    let writer = "[[bash (env -i setsid sh -c '(while :; do echo bad > out.txt; echo x >> log; \
                  sleep 0.1; done) &' > /dev/null 2>&1 &); sleep 0.5; test -s log]]";
    let mut trial = Trial::new("trial-writer", writer);
    trial.task()["check"] =
        json!(["sh", "-c", "wc -c < log; a=$(wc -c < log); sleep 1; test $a = $(wc -c < log)"]);
    trial.order["keep_all"] = json!(true);
    let line = trial.run();
    assert_eq!(ends(&line), ("pass", "done"), "{line}");
    assert!(trial.sandbox.root().join("batch/kept/r/log").is_file());
    // It has no mark any more, but the tree is still the directory that it works in.
    let working = working_below(&trial.scratch());
    assert!(working.is_empty(), "{working:?}");
}

#[test]
fn what_sub_agents_used_is_in_the_sums_and_nothing_counts_twice() {
    let prompt = "[[cached 40]][[task {{cached 10}}{{reasoning think hard}}]]\
                  [[bash echo good > out.txt]][[echo one two three]]";
    let trial = Trial::new("trial-sums", prompt);
    let line = trial.run();
    assert_eq!(ends(&line), ("pass", "done"), "{line}");
    // The default policy denies `task` where denials do not reach sub-agents.
    let has_child = can("rules of a conversation reach its sub-agents");
    let requests = trial.model.requests().len();
    assert_eq!(line["conversations"], if has_child { 2 } else { 1 }, "{line}");
    assert_eq!(line["tool_calls"], 2, "{line}");
    let steps = line["steps"].as_u64().unwrap();
    // A call for a title may come with one for a summary, which is no step either.
    let all_are_steps = can("a given title costs no call of the model");
    assert!(steps == requests as u64 || !all_are_steps, "each request was a step: {line}");
    // The sums of what the model reported, which OpenCode's messages repeat.
    let transcript: Value = serde_json::from_str(&trial.artifact("transcript.json")).unwrap();
    let mut sums = json!({"input": 0, "output": 0, "reasoning": 0, "cache_read": 0,
                          "cache_write": 0});
    let conversations = transcript["conversations"].as_array().unwrap();
    for message in conversations.iter().flat_map(|one| one["messages"].as_array().unwrap()) {
        let tokens = &message["info"]["tokens"];
        for (name, place) in [
            ("input", "/input"),
            ("output", "/output"),
            ("reasoning", "/reasoning"),
            ("cache_read", "/cache/read"),
            ("cache_write", "/cache/write"),
        ] {
            let more = tokens.pointer(place).and_then(Value::as_u64).unwrap_or(0);
            sums[name] = json!(sums[name].as_u64().unwrap() + more);
        }
    }
    assert_eq!(line["tokens"], sums, "{line}");
    let cached = if has_child { 50 } else { 40 };
    assert_eq!(sums["cache_read"], cached);
    assert_eq!(sums["input"], 100 * steps - cached);
    assert_eq!(sums["reasoning"].as_u64() > Some(0), has_child, "{sums}");
}

#[test]
fn a_second_try_goes_on_with_what_the_check_said() {
    let prompt = "[[bash echo bad > out.txt]]";
    let mut trial = Trial::new("trial-tries", prompt);
    // What lies beside the agent's directory at its second try.
    let again = "[[bash up=..; ls -p $up/.. > seen; echo good > out.txt]]";
    trial.task()["tries"] = json!(2);
    trial.task()["check"] = json!([
        "sh",
        "-c",
        format!("grep -q good out.txt && cat seen || {{ echo '{again}'; exit 1; }}")
    ]);
    let line = trial.run();
    assert_eq!(ends(&line), ("pass", "done"), "{line}");
    assert_eq!((&line["passed_at"], &line["conversations"]), (&json!(2), &json!(1)), "{line}");
    let seen = trial.artifact("check.txt");
    let files = seen.lines().filter(|name| !name.ends_with('/')).collect::<Vec<_>>();
    assert_eq!(files, ["agent.log"], "what the check printed is not there: {seen}");
    assert_eq!((&line["steps"], &line["tool_calls"]), (&json!(4), &json!(2)));
    let first: Value = serde_json::from_str(&trial.artifact("turn-1.json")).unwrap();
    let second: Value = serde_json::from_str(&trial.artifact("turn.json")).unwrap();
    let total = |turn: &Value| turn["total_ms"].as_u64().unwrap();
    assert_eq!(line["agent_ms"], total(&first) + total(&second));
    assert_eq!(first["conversation"], second["conversation"]);
}
