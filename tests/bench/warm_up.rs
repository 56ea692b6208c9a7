//! The one start of a server before the first run: it spends nothing, leaves nothing, and knows the
//! prices that limits of the cost need.

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{Bench, SOON, all, both, is_prompt, task};
use crate::support::processes::poll;

#[test]
fn each_program_is_started_once_before_the_first_run_and_no_model_is_asked() {
    let bench = Bench::new("bench-warm", json!({}));
    let arm = |id: &str, program: &str| {
        let mut arm = bench.arm(id);
        arm["opencode"] = json!(bench.counting(program, ""));
        arm
    };
    let arms = json!([arm("a", "one"), arm("b", "one"), arm("c", "two")]);
    bench.plan(&json!([task("t", &["true"])]), &json!({"arms": arms}));
    bench.run(&["--limit", "2"]).run().ok();
    bench.run(&[]).run().ok();
    let prompts = bench.sandbox.stand_in_requests().iter().filter(|one| is_prompt(one)).count();
    assert_eq!((prompts, bench.lines().len()), (3, 3));
    // Each of the two processes has warmed up what its runs needed: which arm is the last one
    // is a matter of chance, but not how many starts there are.
    let last = bench.lines()[2]["arm"].clone();
    let expected = if last == "c" { (3, 2) } else { (4, 2) };
    assert_eq!((bench.starts("one"), bench.starts("two")), expected, "{last}");
    bench.run(&[]).run().fails(2);
    assert_eq!((bench.starts("one"), bench.starts("two")), expected, "nothing was to be run");
    assert_eq!((bench.left_running(), bench.left_in_scratch()), (0, vec![]));
    bench.sandbox.assert_nothing_left();
}

#[test]
fn the_first_start_has_what_the_program_reads_of_template_and_overlay_and_not_the_rest() {
    let bench = Bench::new("bench-warm-tree", json!({}));
    let root = bench.sandbox.root();
    let write = |path: &str| {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "{}").unwrap();
    };
    for name in ["instruction.md", "files/opencode.json", "files/.opencode/agent/a", "files/large"]
    {
        write(&format!("tasks/t/{name}"));
    }
    write("overlay/AGENTS.md");
    let seen = root.join("seen");
    let look = format!(
        "test -e '{0}' || find . -path ./.git -prune -o -type f -print > '{0}';",
        seen.display()
    );
    let mut arm = bench.arm("a");
    arm["opencode"] = json!(bench.counting("looking", &look));
    arm["overlay"] = json!("overlay");
    let more = json!({"defaults": {"check": ["true"]}, "arms": [arm], "budget_usd": 1});
    bench.plan(&json!(["tasks/*"]), &more);
    bench.run(&[]).run().ok();
    let seen = std::fs::read_to_string(seen).unwrap();
    let mut seen: Vec<&str> = seen.lines().collect();
    seen.sort_unstable();
    assert_eq!(seen, ["./.opencode/agent/a", "./AGENTS.md", "./opencode.json"]);
    assert_eq!(all(&bench.lines(), "result"), ["pass"]);
}

#[test]
fn a_first_start_that_fails_is_told_and_the_runs_are_made() {
    let bench = Bench::new("bench-cold", json!({}));
    let mark = bench.sandbox.root().join("second");
    let fail = format!("mkdir '{}' && {{ echo no luck >&2; exit 3; }};", mark.display());
    let mut arm = bench.arm("a");
    arm["opencode"] = json!(bench.counting("once", &fail));
    bench.plan(&both(), &json!({"arms": [arm]}));
    let ended = bench.run(&[]).run().ok();
    assert!(ended.stderr.contains("warning: a first start of arm a failed"), "{}", ended.stderr);
    assert_eq!(bench.lines().len(), 2);
    assert!(bench.lines().iter().all(|line| line["stop"] == "done"), "{:?}", bench.lines());
}

/// The answer of a server that has one model with this `cost`.
fn models(cost: &Value) -> Value {
    let mut model = json!({"id": "echo", "name": "Echo"});
    if !cost.is_null() {
        model["cost"] = cost.clone();
    }
    json!({"body": {"/config/providers": {"default": {},
        "providers": [{"id": "scripted", "models": {"echo": model}}]}}})
}

#[test]
fn what_is_limited_in_dollars_needs_a_known_price_before_anything_is_spent() {
    let bench = Bench::new("bench-priced", json!({}));
    let limited = json!({"budget_usd": 5});
    bench.plan(&both(), &limited);
    let refused = |words: &[&str]| {
        let error = bench.run(&["--json"]).run().fails(2).json_error();
        assert_eq!(error["code"], "usage", "{error}");
        for word in words {
            assert!(error.to_string().contains(word), "{word} in {error}");
        }
    };
    bench.sandbox.set_faults(&models(&Value::Null));
    refused(&["arm a: OpenCode does not know the price of scripted/echo", "prices", "cache_read"]);
    let mut limited_task = task("t", &["true"]);
    limited_task["limits"] = json!({"cost_usd": 1});
    bench.plan(&json!([limited_task]), &json!({}));
    refused(&["arm a: OpenCode does not know the price"]);
    let mut arm = bench.arm("other");
    arm["model"] = json!("scripted/ecko");
    bench.plan(&both(), &json!({"budget_usd": 5, "arms": [arm]}));
    refused(&["arm other: OpenCode has no model scripted/ecko", "pass_env"]);
    let mut arm = bench.arm("plain");
    arm.as_object_mut().unwrap().remove("model");
    bench.plan(&both(), &json!({"budget_usd": 5, "arms": [arm]}));
    let mut faults = models(&Value::Null);
    faults["body"]["/config"] = json!({});
    bench.sandbox.set_faults(&faults);
    refused(&["arm plain: no model is named", "write the arm's"]);
    let sent = bench.sandbox.stand_in_requests();
    assert!(!sent.iter().any(is_prompt), "something was spent");
    assert!(bench.lines().is_empty());
    // Prices of nothing are prices, and so are those of the plan.
    bench.sandbox.set_faults(&models(&json!({"input": 0, "output": 0})));
    bench.plan(&both(), &limited);
    bench.run(&["--limit", "1"]).run().ok();
    bench.sandbox.set_faults(&models(&Value::Null));
    let mut arm = bench.arm("a");
    arm["prices"] = json!({"input": 1, "output": 2, "cache_read": 0, "cache_write": 0});
    bench.plan(&both(), &json!({"budget_usd": 5, "arms": [arm]}));
    bench.run(&["--limit", "1"]).run().ok();
    // Without a limit no price is asked for.
    bench.plan(&both(), &json!({}));
    bench.run(&["--limit", "1"]).run().ok();
    assert_eq!((bench.left_running(), bench.left_in_scratch()), (0, vec![]));
}

#[test]
fn a_first_start_is_ended_by_a_signal_and_what_a_killed_process_left_of_it_is_removed() {
    let bench = Bench::new("bench-warm-end", json!({"silent_start": true}));
    bench.plan(&both(), &json!({}));
    for signal in [Signal::TERM, Signal::KILL] {
        let running = bench.run(&[]).spawn();
        let serves = |(_, line): &(u32, String)| line.contains("serve");
        let started = || bench.sandbox.marked_processes().iter().any(serves).then_some(());
        poll(SOON, started).expect("a server that says nothing");
        running.signal(signal);
        let ended = running.wait(SOON);
        assert!(ended.elapsed < SOON / 2, "{:?}", ended.elapsed);
        bench.sandbox.wait_for_nothing_left(SOON);
        assert!(bench.lines().is_empty(), "{:?}", bench.lines());
        if signal == Signal::TERM {
            ended.fails(143);
            assert_eq!((bench.left_running(), bench.left_in_scratch()), (0, vec![]));
        }
    }
    assert_eq!(bench.left_running(), 1);
    bench.sandbox.set_faults(&json!({}));
    bench.run(&[]).run().ok();
    assert_eq!((bench.left_running(), bench.left_in_scratch()), (0, vec![]));
    assert_eq!(bench.lines().len(), 2);
}
