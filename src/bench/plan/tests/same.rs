use super::*;
use crate::bench::plan::{Auth, Infer};
use crate::bench::task::Template;
use serde_json::json;

/// A plan that uses every key.
const FULL: &str = r#"{
 "schema": 1, "name": "nightly", "seed": 18446744073709551615, "repeats": 7,
 "defaults": {"check": ["./check.sh"], "limits": {"wall_s": 900.1, "cost_usd": 0.3, "steps": 9},
              "env": {"A": "default", "B": "default"}, "image": "alpine"},
 "tasks": ["tasks/*", "tasks/ok",
           {"id": "inline", "instruction": "Say \"é\\\n\".", "template": "tasks/ok/files",
            "hidden": null, "check": [], "setup": ["make"], "tries": 2, "answer": ["**/*.c"],
            "limits": {"cost_usd": null, "working_s": 1e-7}, "env": {"B": "own"}},
           {"id": "git", "instruction": "x", "template": {"git": "https://x/y", "ref": "main"}}],
 "base": "a",
 "arms": [{"id": "a", "model": "p/m/x", "agent": "build", "variant": "high",
           "config": {"x": [0.1, 1e21]},
           "overlay": "overlay", "prompt": "{instruction} Now.", "policy": {"allow": ["edit"]},
           "prices": {"input": 0.1, "output": 0.30000000000000004, "cache_read": 0,
                      "cache_write": 1},
           "env": {"C": "1"}},
          {"id": "b", "opencode": "./plan.json"}, {"id": "c"}, {"id": "d"}],
 "matrix": {"models": ["p/a:b", "q/c"], "agents": ["x"], "variants": ["low", "high"]},
 "gate": {"infer": "tasks", "alpha": 0.01, "margin": 0.07, "max_cost_increase": 0.2},
 "retry": {"max_attempts": 3, "hold_s": 60}, "max_unscored": 0, "budget_usd": 12.34,
 "max_parallel": {"p/m/x": 4}, "env": {"CI": "1"}, "pass_env": ["KEY"],
 "wrap": ["docker", "--name", "{name}", "{image}", "${x}", "{{.Id}}"],
 "wrap_kill": ["docker", "kill", "{name}"], "auth": "copy"}"#;

#[test]
fn a_resolved_plan_is_read_again_as_the_same_plan() {
    let place = Place::new();
    let plan = place.read(FULL).unwrap();
    let text = plan.to_json().to_string();
    let pretty = serde_json::to_string_pretty(&plan.to_json()).unwrap();
    // Where it is stored, and whether its files are still there, does not matter.
    fs::rename(place.0.join("tasks"), place.0.join("gone")).unwrap();
    for text in [&text, &pretty] {
        let other = Place::new();
        let again = other.read(text).unwrap();
        assert_eq!(format!("{again:?}"), format!("{plan:?}"));
        assert_eq!(again.to_json(), plan.to_json());
        let again = Plan::resolved(text.clone(), "order").unwrap();
        assert_eq!(format!("{again:?}"), format!("{plan:?}"));
    }
    let one = plan.narrowed(2, 2);
    let again = Plan::resolved(one.to_json().to_string(), "order").unwrap();
    assert_eq!(format!("{again:?}"), format!("{one:?}"));
    assert_eq!((one.tasks.len(), one.arms.len(), one.arms[0].twin), (1, 1, 0));
}

#[test]
fn every_key_means_what_the_documentation_says() {
    let place = Place::new();
    let plan = place.read(FULL).unwrap();
    let ids: Vec<_> = plan.tasks.iter().map(|task| task.id.as_str()).collect();
    assert_eq!(ids, ["ok", "plain", "inline", "git"]);
    let [ok, plain, inline, git] = &plan.tasks[..] else { panic!() };
    assert_eq!(ok.check, ["sh", "check.sh"]);
    assert_eq!(ok.template, Template::Directory(place.path("tasks/ok/files")));
    assert_eq!(ok.hidden, Some(place.path("tasks/ok/hidden")));
    assert_eq!((&ok.solution, ok.limits.wall_s, ok.limits.cost_usd), (&None, 900.1, Some(0.3)));
    assert_eq!(
        (plain.check.clone(), &plain.template),
        (vec!["./check.sh".into()], &Template::Empty)
    );
    assert_eq!((inline.check.len(), inline.limits.cost_usd, inline.tries), (0, None, 2));
    assert_eq!((inline.env["A"].as_str(), inline.env["B"].as_str()), ("default", "own"));
    assert!(matches!(&git.template, Template::Git { reference, .. } if reference == "main"));
    let ids: Vec<_> = plan.arms.iter().map(|arm| arm.id.as_str()).collect();
    let of_matrix = ["p-a-b_x_low", "p-a-b_x_high", "q-c_x_low", "q-c_x_high"];
    assert_eq!(ids[..4], ["a", "b", "c", "d"]);
    assert_eq!(ids[4..], of_matrix);
    let policy = json!({"allow": ["edit"], "on_permission": "fail", "on_question": "fail"});
    assert_eq!(plan.arms[0].policy, policy);
    let usual = json!({"allow": ["*"], "deny": ["external_directory", "doom_loop"],
                       "on_permission": "fail", "on_question": "fail"});
    assert_eq!(plan.arms[1].policy, usual);
    assert_eq!(plan.arms[1].opencode, place.path("plan.json").to_str().unwrap());
    assert_eq!((plan.arms[2].twin, plan.arms[3].twin), (0, 1));
    assert_ne!(plan.arms[2].identity(), plan.arms[3].identity());
    assert_eq!((plan.gate.infer, plan.auth), (Infer::Tasks, Auth::Copy));
    let unpriced: Vec<_> = plan.arms_to_price().iter().map(|arm| arm.id.as_str()).collect();
    assert_eq!(unpriced, ids[1..]);
    let small =
        place.read(r#"{"tasks": ["tasks/ok"], "arms": [{"id": "a", "policy": {}}]}"#).unwrap();
    assert_eq!((small.name.as_str(), small.seed, small.repeats), ("plan", 1, 5));
    assert_eq!((small.arms[0].policy.clone(), small.arms_to_price().len()), (usual, 0));
}

#[test]
fn hashes_change_with_what_decides_about_results_and_with_nothing_else() {
    let text = |arm: &str, rest: &str| {
        format!("{{\"tasks\": [\"tasks/ok\"], \"arms\": [{{\"id\": \"a\"{arm}}}]{rest}}}")
    };
    let first = Place::new().read(&text("", "")).unwrap();
    let moved = Place::new().read(&text(r#", "model": null"#, r#", "repeats": 5"#)).unwrap();
    assert_eq!(moved.sha256, first.sha256);
    let more = Place::new().read(&text("", r#", "repeats": 6"#)).unwrap();
    assert_ne!(more.sha256, first.sha256);
    assert_eq!(more.tasks[0].sha256, first.tasks[0].sha256);
    assert_eq!(more.arms[0].identity(), first.arms[0].identity());
    let limit = Place::new().read(&text("", r#", "defaults": {"limits": {"steps": 3}}"#)).unwrap();
    assert_ne!(limit.tasks[0].sha256, first.tasks[0].sha256);
    for arm in [r#", "opencode": "oc2""#, r#", "env": {"A": "1"}"#, r#", "overlay": "overlay""#] {
        let other = Place::new().read(&text(arm, "")).unwrap();
        assert_ne!(other.arms[0].identity(), first.arms[0].identity(), "{arm}");
        assert_eq!(other.tasks[0].sha256, first.tasks[0].sha256, "{arm}");
    }
    let place = Place::new();
    let task = place.read(&text("", "")).unwrap().tasks.remove(0);
    assert_eq!(task.hash_now().unwrap(), task.sha256);
    place.write("tasks/ok/hidden/check.sh", "exit 1\n");
    assert_ne!(task.hash_now().unwrap(), task.sha256);
}

#[test]
fn the_plan_of_bench_init_is_read() {
    let root = std::env::temp_dir().join(format!("occtl-init-{}", crate::random::id()));
    crate::bench::starter::write(&root).unwrap();
    let plan = Plan::read(&root.join("plan.json")).unwrap();
    let arms: Vec<_> = plan.arms.iter().map(|arm| arm.id.as_str()).collect();
    assert_eq!((plan.tasks[0].id.as_str(), arms), ("leap", vec!["plain", "careful"]));
    assert!(plan.tasks[0].solution.is_some() && plan.tasks[0].hidden.is_some());
    fs::remove_dir_all(root).unwrap();
}
