//! `bench export` of nights that have everything in their files that an export has to bear.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::Bench;
use super::nights::Letters;
use crate::support::atif;

/// Text that would do harm where it is not escaped.
const HOSTILE: &str = "\u{1b}[2J\r\n\u{0}\"}],\"x\":[{ \u{202e}</script> \u{ffff}";

/// One arm and a task for each run.
const ONE_ARM: Letters = &[("new", &["p", "f", "u", "g", "-"])];

/// Names of files with what is in them.
type Files = Vec<(&'static str, Vec<u8>)>;

/// A night, each of whose runs has the files that `files` gives it.
fn night(bench: &Bench, arms: Letters, files: &dyn Fn(&str) -> Files) {
    let directory = bench.changed_night("night", arms, |line, run| {
        if !run.is_null() {
            line["artifacts"] = json!(format!("artifacts/{}/1", run["run_id"].as_str().unwrap()));
            if line["result"] == "unscored" {
                line["error"] = json!({"name": "provider", "message": HOSTILE});
            }
        }
    });
    let text = fs::read_to_string(directory.join("results-1-of-1.jsonl")).unwrap();
    for text in text.lines() {
        let line: Value = serde_json::from_str(text).unwrap();
        let place = directory.join(line["artifacts"].as_str().unwrap());
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("result.json"), text).unwrap();
        for (name, text) in files(line["task"].as_str().unwrap()) {
            fs::write(place.join(name), text).unwrap();
        }
    }
}

/// A message of a model with these parts. The tokens are those of a line of [`night`], or none.
fn answer(id: &str, parts: &Value, used: bool) -> Value {
    let tokens = if used { json!({"input": 100, "output": 10}) } else { json!({}) };
    json!({"info": {"id": id, "role": "assistant", "cost": if used { 0.01 } else { 0.0 },
                    "tokens": tokens, "time": {"created": 1_700_000_000_000_u64}},
           "parts": parts})
}

fn prompt(id: &str) -> Value {
    json!({"info": {"id": id, "role": "user"}, "parts": [
        {"id": "prt_1", "type": "text", "text": HOSTILE},
        {"id": "prt_2", "type": "text", "text": "added", "synthetic": true}]})
}

fn conversation(id: &str, parent: Option<&str>, messages: &Value) -> Value {
    json!({"info": {"id": id, "parentID": parent, "title": HOSTILE}, "messages": messages})
}

fn whole(conversations: &[Value]) -> Vec<u8> {
    json!({"conversations": conversations}).to_string().into_bytes()
}

/// Calls of `task` for these conversations, all with one id.
fn calls(children: &[&str]) -> Value {
    let call = |child: &&str| {
        json!({"id": "prt_same", "type": "tool", "tool": "task", "state": {
            "status": "completed", "input": HOSTILE, "output": HOSTILE, "title": HOSTILE,
            "metadata": {"sessionId": child}}})
    };
    children.iter().map(call).collect()
}

fn export(bench: &Bench, format: &str, out: &str) -> Value {
    bench.bench(&["export", format, "night", "-o", out, "--json"]).run().ok().json()
}

fn exported(bench: &Bench, name: &str) -> Value {
    atif::trajectory(&bench.read(name))
}

/// The names of everything beside the night.
fn beside(bench: &Bench) -> Vec<String> {
    let entries = fs::read_dir(bench.sandbox.root()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.contains("out") || name.contains("partial")).collect()
}

#[test]
fn a_trajectory_is_one_whatever_the_transcript_is() {
    let bench = Bench::new("export-traps", json!({}));
    let main =
        json!([prompt("msg_1"), answer("msg_2", &calls(&["ses_b", "ses_b", "ses_x"]), true)]);
    let plain = |text: &str| {
        json!([answer(
            "msg_3",
            &json!([{"id": "prt_3", "type": "text",
        "text": text}]),
            false
        )])
    };
    let tree = [
        conversation("ses_a", None, &main),
        conversation("ses_b", Some("ses_a"), &json!([answer("msg_4", &calls(&["ses_c"]), false)])),
        conversation("ses_c", Some("ses_b"), &plain("deep")),
        conversation("ses_b", Some("ses_a"), &plain("the same id")),
        conversation("ses_d", Some("ses_e"), &plain("a ring")),
        conversation("ses_e", Some("ses_d"), &plain("a ring")),
        conversation("ses_f", Some("ses_gone"), &plain("an orphan")),
        conversation("ses_g", Some("ses_a"), &json!([])),
        conversation("", None, &plain("no id")),
    ];
    let tree = whole(&tree);
    let text = String::from_utf8(tree.clone()).unwrap();
    let cut = tree[..text.find("msg_4").unwrap()].to_vec();
    night(&bench, ONE_ARM, &|task| match task {
        "t0" => vec![("transcript.json", tree.clone())],
        "t1" => vec![("transcript.json", cut.clone())],
        "t2" => vec![("transcript.json", b"{\"conversations\":[\n]}".to_vec())],
        _ => vec![],
    });
    let said = export(&bench, "atif", "out");
    let left_out = json!({"no_messages": 1, "no_transcript": 1, "not_run": 1});
    assert_eq!((&said["written"], &said["left_out"]), (&json!(2), &left_out), "{said}");
    let one = exported(&bench, "out/new/t0.1.json");
    let ids: Vec<&str> =
        atif::all(&one).iter().map(|one| one["trajectory_id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["ses_a", "ses_b", "ses_c", "ses_f", "ses_d", "ses_e"], "{one:#}");
    let sources: Vec<&Value> =
        one["steps"].as_array().unwrap().iter().map(|step| &step["source"]).collect();
    assert_eq!(sources, ["user", "system", "agent"]);
    assert_eq!(one["steps"][0]["message"], HOSTILE);
    let results = one["steps"][2]["observation"]["results"].as_array().unwrap();
    let referring = |result: &&Value| result.get("subagent_trajectory_ref").is_some();
    assert_eq!((results.len(), results.iter().filter(referring).count()), (3, 2), "{one:#}");
    assert_eq!(one["steps"][2]["tool_calls"][0]["arguments"], json!({"value": HOSTILE}));
    assert_eq!(one["final_metrics"]["total_prompt_tokens"], 100);
    assert_eq!(atif::sum(&one, "/metrics/prompt_tokens"), 100.0);
    assert_eq!(said["runs"][0]["notes"], json!(["2 messages of the transcript cannot be read"]));
    let one = exported(&bench, "out/new/t1.1.json");
    assert_eq!(one["steps"].as_array().unwrap().len(), 3);
    assert!(one["notes"].as_str().unwrap().contains("is cut short"), "{one:#}");
    assert!(one.get("subagent_trajectories").is_none(), "{one:#}");
    // What was read does no harm on a terminal either.
    let text = bench.bench(&["export", "atif", "night", "-o", "out2"]).run().ok();
    assert!(!text.stdout.contains('\u{1b}') && !text.stderr.contains('\u{1b}'));
    assert_eq!(text.stdout, "2 trajectories in out2, 3 runs left out\n");
}

#[test]
fn sub_agents_of_any_depth_are_all_there() {
    let bench = Bench::new("export-deep", json!({}));
    let id = |at: usize| format!("ses_{at}");
    let chain: Vec<Value> = (0..300_usize)
        .map(|at| {
            let parent = at.checked_sub(1).map(id);
            let messages = json!([answer("msg", &calls(&[&id(at + 1)]), at == 0)]);
            conversation(&id(at), parent.as_deref(), &messages)
        })
        .collect();
    let chain = whole(&chain);
    night(&bench, &[("new", &["p"])], &|_| vec![("transcript.json", chain.clone())]);
    export(&bench, "atif", "out");
    let one = exported(&bench, "out/new/t0.1.json");
    assert_eq!(atif::all(&one).len(), 300);
}

#[test]
fn texts_are_whole_up_to_half_a_megabyte_and_memory_does_not_grow_with_the_transcript() {
    let bench = Bench::new("export-large", json!({}));
    let text = |length: usize, used| {
        let parts = json!([{"id": "prt_1", "type": "text", "text": "x".repeat(length)}]);
        answer("msg_1", &parts, used)
    };
    let mut messages = vec![text(500_000, true), text(900_000, false)];
    messages.extend((0..80).map(|_| text(1_000_000, false)));
    let large = whole(&[conversation("ses_a", None, &json!(messages))]);
    night(&bench, &[("new", &["p"])], &|_| vec![("transcript.json", large.clone())]);
    let limit = "ulimit -v 65536; exec \"$0\" bench export atif night -o out --json";
    let said = bench.sandbox.shell(limit, &[""; 0]).cwd(bench.sandbox.root()).run().ok().json();
    let note = "81 texts are cut; the transcript has them whole";
    assert_eq!(said["runs"][0]["notes"], json!([note]), "{said}");
    let one = exported(&bench, "out/new/t0.1.json");
    let message = |at: usize| one["steps"][at]["message"].as_str().unwrap();
    assert_eq!(message(0).len(), 500_000);
    assert!(message(1).ends_with("bytes are in the transcript]"), "{}", message(1).len());
}

#[test]
fn a_recheck_counts_although_the_files_are_older() {
    let bench = Bench::new("export-recheck", json!({}));
    let words = [conversation("ses_a", None, &json!([prompt("msg_1")]))];
    night(&bench, ONE_ARM, &|_| vec![("transcript.json", whole(&words))]);
    let verdict = json!({"task": "t1", "arm": "new", "repeat": 1, "result": "pass", "score": 0.75});
    fs::write(bench.path("verdicts"), verdict.to_string()).unwrap();
    bench.bench(&["recheck", "night", "--from", "verdicts"]).run().ok();
    export(&bench, "atif", "out");
    let extra = exported(&bench, "out/new/t1.1.json")["extra"].clone();
    assert_eq!((&extra["result"], &extra["score"]), (&json!("pass"), &json!(0.75)), "{extra}");
    assert_eq!(extra["recheck"], 1);
    let said = export(&bench, "harbor", "out-harbor");
    let result = |task: usize| {
        let place = said["runs"][task]["file"].as_str().unwrap();
        serde_json::from_str::<Value>(&bench.read(&format!("out-harbor/{place}/result.json")))
    };
    let runs = said["runs"].as_array().unwrap();
    let at = |task: &str| runs.iter().position(|run| run["task"] == task).unwrap();
    assert_eq!(result(at("t1")).unwrap()["verifier_result"]["rewards"]["reward"], 0.75);
    // No verdict is no reward of 0, and only what has no result is an exception.
    let (unscored, free) = (result(at("t2")).unwrap(), result(at("t3")).unwrap());
    assert_eq!(
        (&unscored["verifier_result"], &free["verifier_result"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(unscored["exception_info"]["exception_type"], "provider", "{unscored:#}");
    assert_eq!(unscored["exception_info"]["exception_message"], HOSTILE);
    assert_eq!(free["exception_info"], Value::Null);
}

#[test]
fn only_patches_that_json_can_hold_are_predictions() {
    let bench = Bench::new("export-patches", json!({}));
    let arms: Letters = &[("a", &["pp", "f", "u", "p", "p"]), ("b", &["pp", "", "", "", ""])];
    let own = b"diff --git a/.opencode/x b/.opencode/x\n+x\n".to_vec();
    night(&bench, arms, &|task| match task {
        "t0" => vec![("answer.patch", b"diff --git a/x b/x\n+x".to_vec())],
        "t1" => vec![("answer.patch", own.clone())],
        "t2" => vec![("answer.patch", b"diff --git a/x b/x\n+x\n".to_vec())],
        "t3" => vec![("answer.patch", b"diff --git a/x b/x\n+\xff\n".to_vec())],
        _ => vec![],
    });
    let said = export(&bench, "predictions", "out");
    assert_eq!(said["written"], 4, "{said}");
    let left_out = json!({"no_patch": 2, "not_run": 8, "not_text": 1, "unscored": 1});
    let mut seen = said["left_out"].clone();
    seen["not_run"] = json!(8);
    assert_eq!(seen, left_out, "{said}");
    for arm in ["a", "b"] {
        for repeat in [1, 2] {
            let line = json!({"instance_id": "t0", "model_name_or_path": arm,
                              "model_patch": "diff --git a/x b/x\n+x\n"});
            assert_eq!(bench.read(&format!("out/{arm}/{repeat}.jsonl")), format!("{line}\n"));
        }
    }
    let said = bench.bench(&["export", "predictions", "night", "-o", "one", "--arm", "b"]);
    assert!(said.run().ok().stdout.starts_with("2 patches in one"));
    let none = bench.bench(&["export", "predictions", "night", "-o", "none", "--task", "t3"]);
    let none = none.run().fails(3);
    assert!(none.stderr.contains("1 not_text"), "{}", none.stderr);
    assert!(!bench.path("none").exists());
}

#[test]
fn what_exists_stays_and_nothing_half_is_left() {
    let bench = Bench::new("export-exists", json!({}));
    let words = [conversation("ses_a", None, &json!([prompt("msg_1")]))];
    night(&bench, ONE_ARM, &|_| vec![("transcript.json", whole(&words))]);
    fs::create_dir(bench.path("out")).unwrap();
    fs::write(bench.path("out-file"), "mine").unwrap();
    std::os::unix::fs::symlink("nowhere", bench.path("out-link")).unwrap();
    for out in ["out", "out/", "out-file", "out-link"] {
        let refused = bench.bench(&["export", "atif", "night", "-o", out]).run().fails(2);
        assert!(refused.stderr.contains("exists already"), "{}", refused.stderr);
    }
    bench.bench(&["export", "atif", "night", "-o", "no/out"]).run().fails(3);
    bench.bench(&["export", "xml", "night", "-o", "new-out"]).run().fails(2);
    bench.bench(&["export", "atif", "night"]).run().fails(2);
    bench.bench(&["export", "atif", "nowhere", "-o", "new-out"]).run().fails(3);
    bench.bench(&["export", "atif", "night", "-o", "new-out", "--arm", "x"]).run().fails(2);
    let mut left = beside(&bench);
    left.sort();
    assert_eq!(left, ["out", "out-file", "out-link"]);
    assert_eq!(fs::read_dir(bench.path("out")).unwrap().count(), 0);
    assert_eq!(bench.read("out-file"), "mine");
    // A pipe in place of a file is not waited for.
    let transcripts: Vec<PathBuf> = fs::read_dir(bench.path("night/artifacts"))
        .unwrap()
        .map(|entry| entry.unwrap().path().join("1/transcript.json"))
        .collect();
    for path in transcripts {
        fs::remove_file(&path).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, 0o600.into()).unwrap();
    }
    bench.bench(&["export", "atif", "night", "-o", "new-out"]).run().fails(3);
}
