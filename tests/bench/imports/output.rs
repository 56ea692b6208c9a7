//! What holds for all formats: where an import writes, and what its words mean.

use std::fs;
use std::os::unix::fs::symlink;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{Import, SOON};
use crate::bench::scarce::SmallDisk;
use crate::support::foreign::{exercise, harbor, write};

#[test]
fn what_is_there_already_is_never_overwritten() {
    let import = Import::new("there");
    harbor(&import.source(), "", "Say 42.");
    let out = import.out();
    let makes: [(&str, &dyn Fn()); 3] = [
        ("a directory", &|| fs::create_dir(&out).unwrap()),
        ("a file", &|| fs::write(&out, "mine").unwrap()),
        ("a link", &|| symlink("nowhere", &out).unwrap()),
    ];
    for (what, make) in makes {
        make();
        let ended = import.import("harbor").run().fails(2);
        assert!(ended.stderr.contains("out is there already; nothing was written"), "{what}");
        let names = fs::read_dir(import.sandbox.work()).unwrap().count();
        assert_eq!(names, 2, "{what}");
        if out.is_dir() { fs::remove_dir(&out).unwrap() } else { fs::remove_file(&out).unwrap() }
    }
    import.import("harbor").run().ok();
}

#[test]
fn a_source_in_no_known_layout_is_a_usage_error_that_says_what_was_looked_for() {
    let import = Import::new("layout");
    write(&import.source().join("task/task.yaml"), "x");
    for (format, looked_for) in [
        ("harbor", "looked for task.toml, */task.toml"),
        ("exercism", "looked for .meta/config.json"),
    ] {
        let ended = import.import(format).run().fails(2);
        assert!(ended.stderr.contains(looked_for), "{ended:?}");
    }
    let ended = import.import("swebench").args(&["--clones", "."]).run().fails(2);
    assert!(ended.stderr.contains("is no file"), "{ended:?}");
    import.assert_nothing_written();
    fs::remove_dir_all(import.source()).unwrap();
    assert!(import.import("harbor").run().fails(3).stderr.contains("source cannot be read"));
    write(&import.source(), "x");
    assert!(import.import("harbor").run().fails(2).stderr.contains("is no directory"));
}

#[test]
fn nothing_is_written_into_its_own_source_or_when_every_task_is_refused() {
    let import = Import::new("nothing");
    harbor(&import.source().join("gpu"), "[environment]\ngpus = 1\n", "Say 42.");
    let ended = import.import("harbor").run().fails(1);
    let said = "refused gpu: needs a GPU\n0 of 1 tasks imported; nothing was written\n";
    assert_eq!(ended.stdout, said);
    let document = import.json("harbor", 1);
    assert_eq!((&document["plan"], &document["tasks"]), (&json!(null), &json!([])));
    import.assert_nothing_written();
    let inside = ["bench", "import", "harbor", "source", "-o", "source/new/out"];
    let ended = import.sandbox.occtl(&inside).cwd(import.sandbox.work()).run().fails(2);
    assert!(ended.stderr.contains("source/new/out lies within source"), "{ended:?}");
    assert!(!import.source().join("new").exists());
}

#[test]
fn a_full_disk_is_told_with_the_path_that_a_file_would_have_had() {
    let import = Import::new("full");
    exercise(&import.source(), "Double it.", "wrong");
    let place = import.sandbox.work().join("small");
    let Some(_disk) = SmallDisk::over(&place, 4) else { return };
    let words = ["bench", "import", "exercism", "source", "-o", "small/out"];
    let failed = import.sandbox.occtl(&words).cwd(import.sandbox.work()).run().fails(1);
    assert!(failed.stderr.contains("No space left on device"), "{}", failed.stderr);
    assert!(failed.stderr.contains("small/out/tasks/"), "{}", failed.stderr);
    assert_eq!(fs::read_dir(place).unwrap().count(), 0);
}

#[test]
fn words_that_would_have_no_effect_are_usage_errors() {
    let import = Import::new("words");
    harbor(&import.source(), "", "Say 42.");
    for (words, said) in [
        (&["nope", "source", "-o", "out"][..], "FORMAT cannot be nope (one of harbor, exercism, "),
        (&["harbor", "source"], "needs -o DIR"),
        (&["harbor", "source", "-o", "out", "--clones", "."], "swebench alone"),
        (&["swebench", "source", "-o", "out"], "--clones DIR"),
        (&["harbor", "source", "-o", "out", "-m", "model"], "provider/model"),
        (&["harbor", "source", "-o", "out", "-m", "a/b", "-m", "a/b"], "would name an arm twice"),
    ] {
        let words = [&["bench", "import"], words].concat();
        let ended = import.sandbox.occtl(&words).cwd(import.sandbox.work()).run().fails(2);
        assert!(ended.stderr.contains(said), "{words:?}: {}", ended.stderr);
    }
    import.assert_nothing_written();
}

#[test]
fn each_model_is_an_arm_and_the_first_one_the_base() {
    let import = Import::new("models");
    exercise(&import.source(), "Double it.", "wrong");
    import.import("exercism").args(&["-m", "a/b:1", "-m", "c/d"]).run().ok();
    let text = fs::read_to_string(import.out().join("plan.json")).unwrap();
    let plan: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(plan["base"], "a-b-1");
    assert_eq!(plan["arms"][0], json!({"id": "a-b-1", "model": "a/b:1"}));
    assert_eq!(plan["arms"][1], json!({"id": "c-d", "model": "c/d"}));
    assert_eq!(import.planned().stdout.matches("python-source ").count(), 2);
    assert!(import.out().join("README.md").is_file());
}

#[test]
fn a_signal_ends_an_import_and_leaves_nothing_of_it() {
    let import = Import::new("signal");
    harbor(&import.source(), "", "Say 42.");
    let began = import.sandbox.root().join("began");
    let python = format!("#!/bin/sh\n: > '{}'\nexec sleep 600\n", began.display());
    import.sandbox.install("python3", &python);
    let running = import.import("harbor").spawn();
    crate::support::processes::poll(SOON, || began.exists().then_some(())).expect("a start");
    running.signal(Signal::INT);
    let ended = running.wait(SOON).fails(130);
    assert!(ended.stderr.contains("interrupted by SIGINT; nothing was written"), "{ended:?}");
    import.assert_nothing_written();
    import.sandbox.assert_nothing_left();
}
