//! `skill`: what it teaches works as it stands.

use serde_json::{Value, json};

use super::sandbox;

#[test]
fn every_command_of_the_skill_works_and_leaves_nothing() {
    let sandbox = sandbox("skill", json!({"body": {"/experimental/tool/ids": ["bash", "read"]}}));
    let text = sandbox.occtl(&["skill"]).run().ok().stdout;
    assert!(text.starts_with("---\nname: occtl\ndescription: "), "{text}");
    let script: String = text
        .split("```")
        .skip(1)
        .step_by(2)
        .map(|block| block.strip_prefix("sh\n").expect("a block of shell"))
        .collect();
    assert!(script.matches("occtl ").count() > 15, "{script}");
    let program = env!("CARGO_BIN_EXE_occtl");
    let occtl = sandbox.bin().join("occtl");
    std::os::unix::fs::symlink(program, occtl).unwrap();
    sandbox.command("sh", &["-ec", &script]).run().ok();
    let record = std::fs::read_to_string(sandbox.work().join("record.json")).unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    for field in ["outcome", "answer", "tools", "files", "tokens", "cost_usd"] {
        assert!(record.get(field).is_some(), "{field}");
    }
    sandbox.assert_no_trace();
    // What prints a file prints the same one with `--json`, which is for errors then.
    for words in [&["skill"][..], &["man", "send"], &["completions", "fish"]] {
        let plain = sandbox.occtl(words).run().ok().stdout;
        let json = sandbox.occtl(&[words, &["--json"]].concat()).run().ok().stdout;
        assert_eq!(json, plain, "{words:?}");
        let wrong = sandbox.occtl(&[words, &["--json", "--xyzzy"]].concat()).run().fails(2);
        assert!(wrong.stderr.starts_with("{\"error\":"), "{}", wrong.stderr);
    }
}
