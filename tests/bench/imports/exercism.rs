//! Exercises of Exercism.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::{Value, json};

use super::{Import, SOON, holding, refused};
use crate::support::foreign::{exercise, install_pytest, write};

/// Writes an exercise with these files, each of which says its own name, and this `files` object.
fn plain(import: &Import, place: &str, files: &Value, more: &[&str]) {
    let place = import.source().join(place);
    let named = files.as_object().unwrap().values().flat_map(|list| list.as_array().unwrap());
    for name in named.map(|name| name.as_str().unwrap()).chain(more.iter().copied()) {
        write(&place.join(name), &format!("// {name}\n"));
    }
    write(&place.join(".meta/config.json"), &json!({"files": files}).to_string());
    write(&place.join(".docs/instructions.md"), "Do it.\n");
}

#[test]
fn an_exercise_shows_its_texts_in_order_and_neither_tests_nor_example() {
    let import = Import::new("exercism-python");
    let place = import.source().join("python/exercises/practice/double");
    exercise(&place, "# Instructions\n\nDouble it.\n", "wrong");
    write(&place.join(".docs/introduction.md"), "# Introduction\n");
    write(&place.join(".docs/instructions.append.md"), "More.\n");
    write(&place.join(".approaches/fast/content.md"), "secret-approach\n");
    write(&place.join("notes.txt"), "seen\n");
    let imported = import.json("exercism", 0);
    assert_eq!(imported["tasks"][0]["task"], "python-double");
    assert_eq!(imported["tasks"][0]["name"], "python/exercises/practice/double");
    let text = import.read("python-double/instruction.md");
    let begin = "# Introduction\n\n# Instructions\n\nDouble it.\n\nMore.\n\n---\n\n\
                 Write the solution into `double.py`.";
    assert!(text.starts_with(begin), "{text}");
    let expected = json!({"check": ["./check.sh"], "answer": ["double.py"], "tags": ["python"],
                          "hide": ["double_test.py"]});
    assert_eq!(import.task("python-double"), expected);
    assert!(import.has("python-double/files/notes.txt"));
    assert!(!import.has("python-double/files/.meta") && !import.has("python-double/files/.docs"));
    assert!(holding(&import.out(), "secret-approach").is_empty());
    assert!(import.read("python-double/solution/double.py").contains("number * 2"));
    let plan: Value =
        serde_json::from_str(&fs::read_to_string(import.out().join("plan.json")).unwrap()).unwrap();
    assert_eq!(plan["defaults"], json!({"tries": 2, "limits": {"check_s": 180}}));
    // The check is sound: it fails on the stub and passes with the example.
    install_pytest(&import.sandbox);
    let checked = import.sandbox.occtl(&["bench", "check", "out/plan.json", "--json"]);
    let checked = checked.cwd(import.sandbox.work()).timeout(SOON).run().ok().json();
    assert_eq!(checked["tasks"][0]["solution_passed"], 1, "{checked}");
}

/// An exercise in each language but Python.
fn write_tracks(import: &Import) {
    plain(
        import,
        "go/exercises/practice/bob",
        &json!({"solution": ["bob.go"], "test": ["bob_test.go"], "example": [".meta/example.go"],
                  "editor": ["cases_test.go", "kinds.go"]}),
        &["go.mod"],
    );
    plain(
        import,
        "rust/exercises/practice/bob",
        &json!({"solution": ["src/lib.rs", "Cargo.toml"], "test": ["tests/bob.rs"],
                  "example": [".meta/example.rs"]}),
        &[],
    );
    plain(
        import,
        "cpp/exercises/practice/bob",
        &json!({"solution": ["bob.cpp", "bob.h"], "test": ["bob_test.cpp"],
                  "example": [".meta/example.cpp", ".meta/example.h"]}),
        &["CMakeLists.txt"],
    );
    plain(
        import,
        "java/exercises/concept/bob",
        &json!({"solution": ["src/main/java/Bob.java"], "test": ["src/test/java/BobTest.java"],
                  "exemplar": [".meta/src/reference/java/Bob.java"]}),
        &["gradlew"],
    );
    let java = import.source().join("java/exercises/concept/bob/src/test/java/BobTest.java");
    write(&java, "@Disabled(\"Remove to run\")\n@Test\nvoid a() {}\n");
    plain(
        import,
        "javascript/exercises/practice/bob",
        &json!({"solution": ["bob.js"], "test": ["bob.spec.js"],
                  "example": [".meta/proof.ci.js"]}),
        &["package.json"],
    );
    let script = import.source().join("javascript/exercises/practice/bob/bob.spec.js");
    write(&script, "test('a');\nxtest('b');\n");
    write(&import.source().join("javascript/node_modules/jest/index.js"), "");
}

#[test]
fn each_language_is_checked_in_its_own_way() {
    let import = Import::new("exercism-languages");
    write_tracks(&import);
    import.json("exercism", 0);

    let task = import.task("go-bob");
    assert_eq!(
        (&task["answer"], &task["hide"]),
        (&json!(["bob.go"]), &json!(["bob_test.go", "cases_test.go"]))
    );
    assert!(import.has("go-bob/files/kinds.go"));
    let task = import.task("rust-bob");
    assert_eq!(task["answer"], json!(["src/lib.rs"]));
    assert_eq!(import.read("rust-bob/solution/src/lib.rs"), "// .meta/example.rs\n");
    assert_eq!(import.read("cpp-bob/solution/bob.h"), "// .meta/example.h\n");
    assert_eq!(import.read("java-bob/files/src/test/java/BobTest.java"), "@Test\nvoid a() {}\n");
    let gradle = fs::metadata(import.out().join("tasks/java-bob/files/gradlew")).unwrap();
    assert_eq!(gradle.permissions().mode() & 0o111, 0o111);
    let solution = "java-bob/solution/src/main/java/Bob.java";
    assert_eq!(import.read(solution), "// .meta/src/reference/java/Bob.java\n");
    assert_eq!(import.read("javascript-bob/files/bob.spec.js"), "test('a');\ntest('b');\n");
    let modules = import.source().join("javascript/node_modules").canonicalize().unwrap();
    assert_eq!(
        import.task("javascript-bob")["setup"],
        json!(["ln", "-s", modules, "node_modules"])
    );
    for (task, line) in [
        ("go-bob", "\ngo test ./...\n"),
        ("rust-bob", "\ncargo test -- --include-ignored\n"),
        ("java-bob", "\n./gradlew test --offline\n"),
        ("javascript-bob", "\nnpm run test\n"),
        ("cpp-bob", "cmake -DEXERCISM_RUN_ALL_TESTS=1 -G 'Unix Makefiles' .. && make\n"),
    ] {
        let check = import.read(&format!("{task}/hidden/check.sh"));
        assert!(check.contains(line), "{check}");
        assert!(check.contains("The tests are right."), "{check}");
    }
    assert!(import.planned().stdout.contains("cpp-bob "));
}

#[test]
fn the_build_of_cpp_runs_in_a_directory_with_the_name_of_the_exercise() {
    let import = Import::new("exercism-cpp");
    plain(
        &import,
        "practice/two-words",
        &json!({"solution": ["a.cpp"], "test": ["a_test.cpp"], "example": [".meta/example.cpp"]}),
        &[],
    );
    import.json("exercism", 0);
    import.sandbox.install("cmake", "#!/bin/sh\nprintf '%s ' \"$@\"\n");
    import.sandbox.install("make", "#!/bin/sh\ncd ..\necho \"$PWD\"\n[ -e bob ]\n");
    let check = import.out().join("tasks/cpp-two-words/hidden/check.sh");
    let tree = import.out().join("tasks/cpp-two-words/files");
    let run = || {
        let temporary = import.sandbox.work().join("t");
        let _ = fs::remove_dir_all(&temporary);
        fs::create_dir(&temporary).unwrap();
        import.sandbox.command(&check, &[] as &[&str]).cwd(&tree).env("TMPDIR", temporary).run()
    };
    let failed = run().fails(1);
    assert!(failed.stdout.contains("/t/two-words\n"), "{failed:?}");
    assert!(failed.stdout.ends_with("Mend a.cpp so that they pass.\n"), "{failed:?}");
    write(&tree.join("bob"), "");
    assert!(!run().ok().stdout.contains("Mend"));
}

#[test]
fn exercises_that_are_not_whole_or_of_no_known_language_are_refused() {
    let import = Import::new("exercism-refused");
    let whole = json!({"solution": ["a.py"], "test": ["a_test.py"], "example": [".meta/e.py"]});
    for name in ["config", "docs", "example", "good", "json", "link", "names", "none", "test"] {
        plain(&import, &format!("exercises/practice/{name}"), &whole, &[]);
    }
    let practice = import.source().join("exercises/practice");
    fs::remove_dir_all(practice.join("config/.meta")).unwrap();
    fs::remove_dir_all(practice.join("docs/.docs")).unwrap();
    fs::remove_file(practice.join("example/.meta/e.py")).unwrap();
    write(&practice.join("json/.meta/config.json"), "{\n");
    symlink("/etc/passwd", practice.join("link/data")).unwrap();
    for (name, files) in [
        ("names", json!({"solution": ["../good/a.py"], "test": ["a_test.py"]})),
        ("none", json!({"solution": [], "test": ["a_test.py"]})),
        ("ruby", json!({"solution": ["a.rb"], "test": ["a_test.rb"]})),
        ("script", json!({"solution": ["a.js"], "test": ["a.spec.js"]})),
    ] {
        write(&practice.join(name).join("a.rb"), "");
        for file in ["a.rb", "a_test.rb", "a.js", "a.spec.js", ".docs/instructions.md"] {
            write(&practice.join(name).join(file), "x");
        }
        let config = json!({"files": files}).to_string();
        write(&practice.join(name).join(".meta/config.json"), &config);
    }
    fs::remove_file(practice.join("test/a_test.py")).unwrap();
    let imported = import.json("exercism", 1);
    let of = |name: &str| format!("exercises/practice/{name}");
    let expected: Vec<(String, &str)> = [
        ("config", "has no .meta/config.json; was it copied as a whole?"),
        ("docs", "has no .docs/instructions.md; was it copied as a whole?"),
        ("example", ".meta/e.py is missing, which .meta/config.json names"),
        ("json", ".meta/config.json:2: this is not JSON"),
        ("link", "data is a link that leads out of the task"),
        ("names", ".meta/config.json names the path \"../good/a.py\""),
        ("none", ".meta/config.json names no file for the solution"),
        ("ruby", "there is no way known to run tests like a_test.rb"),
        ("script", "needs node_modules: run `npm install` in its track, and import it again"),
        ("test", "a_test.py is missing, which .meta/config.json names"),
    ]
    .map(|(name, reason)| (of(name), reason))
    .into();
    let found: Vec<(String, &str)> =
        refused(&imported).into_iter().map(|(name, reason)| (name.to_owned(), reason)).collect();
    assert_eq!(found, expected);
    assert_eq!(imported["tasks"][0]["task"], "python-good");
}
