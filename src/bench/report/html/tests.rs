//! Pages of runs, whatever is in their files.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::run::RunPage;
use super::well_formed::faults;
use crate::bench::results::row::Row;
use crate::testing::scratch;

/// Text that would do harm where it is not escaped.
const HOSTILE: &str = "</pre></details><script>x</script>\"' onload=x \u{202e}\u{1b}[2J\0 &lt; ]]>";

/// A run with one attempt and these files.
fn place(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let batch = scratch(name);
    let directory = batch.join("artifacts/r/1");
    fs::create_dir_all(&directory).unwrap();
    for (name, text) in files {
        fs::write(directory.join(name), text).unwrap();
    }
    batch
}

fn row(attempt: u32, result: &str, message: &str) -> Row {
    let line = json!({"type": "result", "schema": 1, "batch": "b", "run_id": "r",
        "attempt": attempt, "task": "t", "arm": "a", "repeat": 1, "result": result,
        "stop": "done", "error": {"name": message, "message": message}, "agent_ms": 3200,
        "cost_usd": 0.25, "usage_complete": true, "artifacts": format!("artifacts/r/{attempt}")});
    Row::read(&line.to_string()).unwrap()
}

#[track_caller]
fn page(batch: &Path, prompt: &str, rows: &[Row]) -> String {
    let html = RunPage {
        batch,
        to_batch: "../../b/",
        index: Some("../index.html"),
        task: HOSTILE,
        arm: "a",
        repeat: 1,
        prompt,
        attempts: rows.iter().collect(),
    }
    .to_html();
    assert!(html.len() <= 2_000_000, "{} bytes", html.len());
    assert_eq!(faults(&html), [""; 0]);
    html
}

fn tool(name: &str, output: &str, child: Option<&str>) -> Value {
    json!({"id": "prt_2", "type": "tool", "tool": name, "state": {
        "status": "completed", "title": HOSTILE, "output": output,
        "input": {"command": HOSTILE, HOSTILE: [HOSTILE, {HOSTILE: 1}]},
        "metadata": {"sessionId": child}}})
}

fn step(parts: Vec<Value>) -> Value {
    json!({"info": {"id": "msg_2", "role": "assistant", "cost": 0.5, "finish": "stop",
                    "tokens": {"input": 1234, "output": 5, "cache": {"read": 70}},
                    "providerID": "p", "modelID": "m", "time": {"created": 0, "completed": 2000}},
           "parts": parts})
}

fn text(kind: &str, text: &str) -> Value {
    json!({"id": "prt_1", "type": kind, "text": text})
}

fn transcript(conversations: &[(&str, Option<&str>, Vec<Value>)]) -> String {
    let one = |(id, parent, messages): &(&str, Option<&str>, Vec<Value>)| {
        let info = json!({"id": id, "parentID": parent, "title": HOSTILE});
        json!({"info": info, "messages": messages})
    };
    json!({"conversations": conversations.iter().map(one).collect::<Vec<_>>()}).to_string()
}

#[test]
fn everything_that_happened_is_on_the_page_and_sub_agents_are_inside_their_call() {
    let prompt = json!({"info": {"id": "msg_1", "role": "user"}, "parts": [text("text", "do it")]});
    let again = json!({"info": {"id": "msg_3", "role": "user"}, "parts": [text("text", "again")]});
    let root = vec![
        prompt,
        step(vec![text("reasoning", "hm"), tool("task", "found", Some("ses_b"))]),
        again,
        step(vec![text("text", HOSTILE), json!({"id": "p", "type": "compaction"})]),
    ];
    let inner = vec![step(vec![tool("bash", "deep", Some("ses_c"))])];
    let files = [
        ("ses_a", None, root),
        ("ses_b", Some("ses_a"), inner),
        ("ses_c", Some("ses_b"), vec![step(vec![text("text", "deepest")])]),
        ("ses_d", Some("ses_x"), vec![step(vec![text("text", "lost")])]),
    ];
    let line = json!({"result": "fail", "stop": "done", "tokens": {"input": 9}, "setup_ms": 5,
                      "usage_complete": false, "cost_usd": 2.5, "task_sha256": "abc",
                      "metrics": {HOSTILE: HOSTILE}, "started_at": "2026-01-02T03:04:05.678Z"});
    let batch = place(
        "page",
        &[
            ("transcript.json", &transcript(&files)),
            ("result.json", &line.to_string()),
            ("answer.patch", "diff --git a/x b/x\n@@ -1 +1 @@\n-old\n+new\n"),
            ("check.txt", HOSTILE),
            ("notes.txt", HOSTILE),
            ("turn.json", "{}"),
        ],
    );
    let html = page(&batch, "do it", &[row(1, "pass", HOSTILE)]);
    for part in [
        "1,234 tokens in · 70 from the cache · 5 out · $0.5000 · 2.0 s · <bdi>p/m</bdi>",
        "<summary>Reasoning</summary>",
        "<del>-old\n</del><ins>+new\n</ins>",
        "<td>2026-01-02 03:04:05 UTC</td>",
        "≥ $2.50",
        "<td><span class=\"good\">✓\u{a0}<bdi>pass</bdi></span></td>",
        "The history was summarised here.",
        "href=\"../../b/artifacts/r/1/check.txt\"",
        "<h3>Prompt</h3>\n<div class=\"prose\">again</div>",
    ] {
        assert!(html.contains(part), "{part} in {html}");
    }
    assert_eq!(html.matches("do it").count(), 1, "the prompt stands on the page once");
    let at = |text: &str| html.find(text).unwrap_or_else(|| panic!("{text} in {html}"));
    let order =
        ["hm", "\nfound", "<h4>Sub-agent", "<h5>Step 1", "deep", "<h6>Sub-agent", "deepest"];
    let places: Vec<usize> = order.iter().map(|text| at(text)).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert!(at("deepest") < at("again") && at("again") < at("lost"));
    fs::remove_dir_all(batch).unwrap();
}

#[test]
fn what_is_missing_or_cut_short_is_said() {
    let whole = transcript(&[("ses_a", None, vec![step(vec![text("text", "one")]); 3])]);
    let batch = place("cut", &[("transcript.json", &whole[..whole.len() * 2 / 3])]);
    let html = page(&batch, "p", &[row(1, "fail", "x")]);
    assert!(html.contains("The transcript is cut short") && html.contains("Step 1</h3>"), "{html}");
    fs::write(batch.join("artifacts/r/1/transcript.json"), "no JSON").unwrap();
    let html = page(&batch, "p", &[row(1, "fail", "x")]);
    assert!(html.contains("cut short") && html.contains("There are no messages."), "{html}");
    fs::remove_file(batch.join("artifacts/r/1/transcript.json")).unwrap();
    fs::write(batch.join("artifacts/r/1/turn.json"), json!({"answer": HOSTILE}).to_string())
        .unwrap();
    let html = page(&batch, "p", &[row(1, "fail", "x")]);
    assert!(html.contains("There is no transcript.") && html.contains("The answer"), "{html}");
    assert!(page(&batch, "p", &[]).contains("It has not run yet."));
    // The place that a line names is one in the directory of the batch, or it is none.
    let mut outside = row(1, "fail", "x");
    outside.artifacts = Some("../../../etc".into());
    assert!(page(&batch, "p", &[outside]).contains("Its files are not there."));
    fs::remove_dir_all(batch).unwrap();
}

#[test]
fn every_attempt_is_on_the_page_and_a_recheck_is_no_attempt() {
    let batch = place("attempts", &[("check.txt", "first")]);
    fs::create_dir_all(batch.join("artifacts/r/2")).unwrap();
    fs::write(batch.join("artifacts/r/2/check.txt"), "second").unwrap();
    fs::write(batch.join("artifacts/r/2/result.json"), json!({"result": "fail"}).to_string())
        .unwrap();
    let mut again = row(2, "pass", "x");
    again.recheck_of = Some(1);
    let html = page(&batch, "p", &[row(1, "unscored", "x"), row(2, "fail", "x"), again]);
    assert!(html.find("second").unwrap() < html.find("first").unwrap());
    assert_eq!((html.matches("second").count(), html.matches("<h3>Attempt").count()), (1, 1));
    assert!(html.contains("<th scope=\"row\">2, graded again (1)</th>"), "{html}");
    let verdict = "<th scope=\"row\">Result</th><td><span class=\"good\">✓\u{a0}<bdi>pass</bdi>";
    assert!(html.contains(verdict), "the newest recheck decides: {html}");
    fs::remove_dir_all(batch).unwrap();
}

#[test]
fn no_page_is_larger_than_two_megabytes() {
    let huge = HOSTILE.repeat(20_000);
    let many = |count: usize, text_of: &str| -> Vec<Value> {
        vec![step(vec![text("text", text_of), tool("bash", text_of, Some("ses_b"))]); count]
    };
    let large = HOSTILE.repeat(200);
    let metric = |at| (format!("{at}{HOSTILE}"), json!(HOSTILE));
    let metrics: serde_json::Map<String, Value> = (0..1000).map(metric).collect();
    let line = json!({"result": huge, "stop": huge, "error": {"name": huge, "message": huge},
        "metrics": metrics});
    for conversations in [
        vec![("ses_a", None, many(2, &huge))],
        vec![("ses_a", None, many(120, &large)), ("ses_b", Some("ses_a"), many(120, &large))],
        vec![("ses_a", None, vec![step(vec![text("text", "\u{1b}x"); 5000]); 3])],
        vec![("ses_a", Some("ses_a"), many(1, "x")); 300],
    ] {
        let batch = place(
            "large",
            &[
                ("transcript.json", &transcript(&conversations)),
                ("result.json", &line.to_string()),
                ("answer.patch", &format!("diff --git a/x b/x\n@@\n+{}", huge.replace(' ', "\n+"))),
                ("check.txt", &huge),
                ("notes.txt", &huge),
            ],
        );
        let rows: Vec<Row> = (0..300).map(|_| row(1, "fail", &large)).collect();
        let html = page(&batch, &huge, &rows);
        for part in ["MB more are in <a href=\"../../b/artifacts", "without 2", "page is full"] {
            let fits = html.contains(part) || part == "page is full" || conversations.len() == 1;
            assert!(fits, "{part} is missing");
        }
        fs::remove_dir_all(batch).unwrap();
    }
}
