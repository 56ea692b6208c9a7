//! `occtl bench`: its words, the plan that it writes, and plans that are wrong.

use crate::support::sandbox::Sandbox;

#[test]
fn bench_init_writes_a_plan_that_is_accepted_as_it_is_and_overwrites_nothing() {
    let sandbox = Sandbox::new("bench-init");
    let work = sandbox.work();
    let occtl = |words: &[&str]| sandbox.occtl(words).cwd(&work).run();
    let written = occtl(&["bench", "init", "first"]).ok();
    let files: Vec<&str> = written.stdout.lines().collect();
    assert!(files.contains(&"first/plan.json"), "{files:?}");
    assert!(files.iter().all(|file| work.join(file).is_file()), "{files:?}");
    let checked = occtl(&["bench", "check", "first/plan.json"]).ok();
    assert_eq!(checked.stdout, "leap: sound\n1 of 1 tasks are sound\n");
    let plan = ["bench", "run", "first/plan.json", "-o", "results", "--dry-run"];
    let planned = occtl(&plan).ok();
    assert_eq!(planned.stdout.matches("leap ").count(), 6, "{}", planned.stdout);
    assert!(!work.join("results").exists(), "a dry run leaves no batch");

    std::fs::write(work.join("first/tasks/leap/instruction.md"), "Mine.").unwrap();
    std::fs::remove_file(work.join("first/plan.json")).unwrap();
    let refused = occtl(&["bench", "init", "first"]).fails(2);
    assert!(refused.stderr.contains("is there already; nothing was written"), "{}", refused.stderr);
    assert!(!work.join("first/plan.json").exists());
    let kept = std::fs::read_to_string(work.join("first/tasks/leap/instruction.md")).unwrap();
    assert_eq!(kept, "Mine.");
    let json = occtl(&["bench", "init", "--json", "second"]).ok().json();
    assert_eq!(json["files"].as_array().unwrap().len(), files.len());
}

#[test]
fn a_wrong_plan_is_a_usage_error_with_its_line_and_nothing_is_made() {
    let sandbox = Sandbox::new("bench-wrong-plan");
    let work = sandbox.work();
    std::fs::write(work.join("p.json"), "{\n\"tasks\": [],\n\"repaets\": 3\n}\n").unwrap();
    let words = ["bench", "run", "p.json", "-o", "results"];
    let refused = sandbox.occtl(&words).cwd(&work).run().fails(2);
    let expected = "p.json:3: there is no key \"repaets\" (did you mean \"repeats\"?)";
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    assert!(!work.join("results").exists());
    let missing = ["bench", "run", "none.json", "-o", "results"];
    let refused = sandbox.occtl(&missing).cwd(&work).run().fails(2);
    assert!(refused.stderr.contains("none.json cannot be read"), "{}", refused.stderr);
}

#[test]
fn the_help_of_a_family_lists_its_commands_and_each_of_them_explains_itself() {
    let sandbox = Sandbox::new("bench-help");
    let help = |words: &[&str]| sandbox.occtl(words).run().ok().stdout;
    let family = help(&["bench", "--help"]);
    assert_eq!(help(&["help", "bench"]), family);
    assert!(family.contains("Usage: occtl bench COMMAND\n"), "{family}");
    assert!(family.contains("\nCommands:\n") && family.contains("\n  init "), "{family}");
    let run = help(&["bench", "run", "--help"]);
    assert_eq!(help(&["help", "bench", "run"]), run);
    assert!(run.contains("Usage: occtl bench run [FLAGS] PLAN\n"), "{run}");
    let all = help(&["help"]);
    assert!(all.contains("\n  bench ") && !all.contains("bench init"), "{all}");
    for words in [&["help", "bench", "runs"][..], &["bench", "runs"]] {
        let refused = sandbox.occtl(words).run().fails(2);
        assert!(refused.stderr.contains("did you mean bench run?"), "{}", refused.stderr);
    }
    let refused = sandbox.occtl(&["help", "start", "x"]).run().fails(2);
    assert!(refused.stderr.contains("there is no command start x"), "{}", refused.stderr);
}
