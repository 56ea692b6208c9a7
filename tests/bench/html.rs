//! `bench report --html`, looked at in a real browser where there is one.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{Bench, task};

/// What browsers that understand the flags are called.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "chrome"];

/// Text that would do harm where it is not escaped.
const HOSTILE: &str =
    "</pre></details><script>document.title = 'x'</script><img src=x> \u{202e}x\u{1b}[2J";

/// The first of the browsers that is installed.
fn browser() -> Option<&'static str> {
    BROWSERS.into_iter().find(|name| {
        let mut version = Command::new(name);
        version.arg("--version").stdout(Stdio::null()).stderr(Stdio::null());
        version.status().is_ok_and(|status| status.success())
    })
}

/// Two nights of two arms and three tasks, with everything in the files that a report has to bear.
fn nights(bench: &Bench, repeats: u32) -> Vec<String> {
    let tasks = json!([
        task("good", &["true"]),
        task("bad", &["false"]),
        task("long.name-of_a_task.that-is-wide", &["true"])
    ]);
    let arms = json!([bench.arm("base"), bench.arm("a-candidate_with.a-long-name")]);
    bench.plan(&tasks, &json!({"repeats": repeats, "arms": arms, "base": "base"}));
    let plan = bench.plan_file().display().to_string();
    let mut found = Vec::new();
    for name in ["one", "two"] {
        let directory = bench.sandbox.root().join(name);
        let words = ["bench", "run", &plan, "-o", directory.to_str().unwrap(), "--jobs", "4"];
        bench.sandbox.occtl(&words).timeout(super::SOON).run().ok();
        enrich(&directory, name);
        found.push(directory.display().to_string());
    }
    found
}

/// Makes some runs fail in every way, and gives all of them rich files.
fn enrich(directory: &Path, version: &str) {
    let file = directory.join("results-1-of-1.jsonl");
    let text = fs::read_to_string(&file).unwrap();
    let mut lines: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (at, line) in lines.iter_mut().enumerate() {
        line["agent_ms"] = json!(1000 + 700 * at);
        line["cost_usd"] = json!(0.01 * (at + 1) as f64);
        line["opencode_version"] = json!(version);
        match at % 4 {
            1 => line["stop"] = json!("wall_limit"),
            2 => {
                line["result"] = json!("unscored");
                line["stop"] = json!("provider_error");
                line["error"] = json!({"name": "provider", "message": HOSTILE});
            }
            _ => {}
        }
        let files = directory.join(line["artifacts"].as_str().unwrap());
        let put = |name: &str, text: &str| fs::write(files.join(name), text).unwrap();
        put("result.json", &line.to_string());
        put("transcript.json", &transcript().to_string());
        put("check.txt", &format!("{HOSTILE}\n{}", "x".repeat(3000)));
        put(
            "answer.patch",
            "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\n same\n",
        );
    }
    let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
    fs::write(&file, lines.join("\n") + "\n").unwrap();
}

/// A conversation with a sub-agent, reasoning, and a result that does not fit.
fn transcript() -> Value {
    let info = |id: &str| {
        let tokens = json!({"input": 12345, "output": 6});
        json!({"id": id, "role": "assistant", "cost": 0.25, "tokens": tokens})
    };
    let tool = |name: &str, output: String, child: &str| {
        json!({"id": "prt_1", "type": "tool", "tool": name, "state": {"status": "completed",
            "title": HOSTILE, "input": {"command": HOSTILE, "list": [1, {"a": HOSTILE}]},
            "output": output, "metadata": {"sessionId": child}}})
    };
    let text = |kind: &str| json!({"id": "prt_2", "type": kind, "text": HOSTILE});
    let root = json!([
        {"info": info("msg_1"), "parts": [text("reasoning"), tool("task", "done".into(), "ses_b")]},
        {"info": info("msg_2"), "parts": [tool("bash", "wide ".repeat(30_000), ""), text("text")]},
    ]);
    let child = json!([{"info": info("msg_3"), "parts": [text("reasoning"), text("text")]}]);
    json!({"conversations": [{"info": {"id": "ses_a"}, "messages": root},
        {"info": {"id": "ses_b", "parentID": "ses_a", "title": HOSTILE}, "messages": child}]})
}

/// A page on which everything is wrong that is looked for: faint, wide and small text, text that
/// stays folded in print, and an attribute that its policy refuses.
const WRONG: &str = "<!DOCTYPE html><html lang=\"en\"><head><title>wrong</title>\
    <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src \
    'sha256-mD/aijAkK7JouXQ3KT5RlxcWX1QJduNIe+wPTsD3k6I='\">\
    <style>body{color:#999;background:#fff}pre{width:5000px}small{font-size:6px}</style>\
    </head><body style=\"x\"><p>faint</p><pre>wide</pre><small>tiny</small>\
    <details><summary>s</summary><p>folded</p></details></body></html>";

/// Has the browser look at pages, and returns what it found and what it wrote on its console.
fn look(browser: &str, root: &Path, pages: &[String], dark: bool) -> (Value, Vec<String>) {
    let driver = include_str!("browser.html")
        .replace("PAGES", &json!(pages).to_string())
        .replace("DARK", &dark.to_string());
    let file = root.join(format!("look-{dark}.html"));
    fs::write(&file, driver).unwrap();
    let scheme = if dark { 0 } else { 1 };
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args(["--allow-file-access-from-files", "--enable-logging=stderr", "--dump-dom"])
        .args(["--no-first-run", "--disable-extensions", "--disable-background-networking"])
        .arg(format!("--blink-settings=preferredColorScheme={scheme}"))
        .arg(format!("--user-data-dir={}", root.join("browser").display()))
        .arg("--virtual-time-budget=600000")
        .arg(format!("file://{}", file.display()))
        .output()
        .unwrap();
    let page = String::from_utf8_lossy(&output.stdout).into_owned();
    let console = String::from_utf8_lossy(&output.stderr).into_owned();
    let found =
        page.split("<pre id=\"found\">").nth(1).and_then(|rest| rest.split("</pre>").next());
    let found = found.unwrap_or_else(|| panic!("{page}\n{console}"));
    let found = found.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    let found = serde_json::from_str(&found).unwrap_or_else(|error| panic!("{error}: {found}"));
    let console = console.lines().filter(|line| line.contains("CONSOLE"));
    (found, console.map(String::from).collect())
}

/// All files of a directory with this ending.
fn pages(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|end| end == "html")).collect();
    found.sort();
    found
}

#[test]
fn every_page_fits_its_window_can_be_read_and_says_nothing_on_the_console() {
    let Some(browser) = browser() else {
        eprintln!("skipped: no browser ({}) is installed", BROWSERS.join(", "));
        return;
    };
    let bench = Bench::new("html-browser", json!({}));
    let root = bench.sandbox.root();
    let nights = nights(&bench, 2);
    let out = root.join("out");
    let mut words = vec!["bench", "report", "--html", out.to_str().unwrap()];
    words.extend(nights.iter().map(String::as_str));
    bench.sandbox.occtl(&words).run().ok();
    // Some runs are enough: the pages of all are made alike.
    let all = pages(&out).into_iter().chain(pages(&out.join("runs")).into_iter().step_by(5));
    let mut all: Vec<String> = all.map(|page| format!("file://{}", page.display())).collect();
    assert!(all.len() > 4, "{all:?}");
    let wrong = root.join("wrong.html");
    fs::write(&wrong, WRONG).unwrap();
    let wrong = format!("file://{}", wrong.display());
    all.push(wrong.clone());
    for dark in [false, true] {
        let (report, console) = look(browser, root, &all, dark);
        assert!(report["looked"].as_u64() > Some(1000), "{report}");
        let found = report["found"].as_array().unwrap().iter().map(|one| one.as_str().unwrap());
        let (of_wrong, others): (Vec<&str>, Vec<&str>) =
            found.partition(|one| one.starts_with(&wrong));
        assert_eq!(others, [""; 0]);
        let mut kinds = vec!["contrast", "letters of", "pixels wide"];
        if !dark {
            kinds.push("stays folded");
        }
        for kind in kinds {
            assert!(of_wrong.iter().any(|one| one.contains(kind)), "{kind} in {of_wrong:?}");
        }
        let (of_wrong, others): (Vec<&String>, Vec<&String>) =
            console.iter().partition(|line| line.contains("wrong.html"));
        assert!(!of_wrong.is_empty() && others.is_empty(), "{others:?} and {of_wrong:?}");
    }
}

#[test]
fn a_report_links_to_its_runs_replaces_an_older_one_and_nothing_else() {
    let bench = Bench::new("html-report", json!({}));
    let nights = nights(&bench, 1);
    let out = bench.sandbox.root().join("out");
    let report = |nights: &[String]| {
        let words = ["bench", "report", "--html", out.to_str().unwrap()];
        let nights: Vec<&str> = nights.iter().map(String::as_str).collect();
        bench.sandbox.occtl(&words).args(&nights).run()
    };
    report(&nights).ok();
    assert_eq!((pages(&out).len(), pages(&out.join("runs")).len()), (2, 12));
    for page in pages(&out).iter().chain(&pages(&out.join("runs"))) {
        let html = fs::read_to_string(page).unwrap();
        for link in html.split(" href=\"").skip(1) {
            let link = link.split('"').next().unwrap();
            let target = page.parent().unwrap().join(link.split('#').next().unwrap());
            assert!(link.starts_with('#') || target.exists(), "{link} in {}", page.display());
        }
    }
    report(&nights[..1]).ok();
    assert_eq!((pages(&out).len(), pages(&out.join("runs")).len()), (1, 6));
    let work = bench.sandbox.root().join("one");
    let words = ["bench", "report", "--html", work.to_str().unwrap(), &nights[0]];
    let refused = bench.sandbox.occtl(&words).run().fails(2);
    assert!(refused.stderr.contains("holds no report"), "{}", refused.stderr);
}
