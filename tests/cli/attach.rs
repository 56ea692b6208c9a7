//! `attach` replaces itself by OpenCode's own program.

use serde_json::{Value, json};

use super::sandbox;
use crate::support::opencode;

#[test]
fn attach_replaces_itself_and_keeps_the_password_out_of_the_arguments() {
    let mut sandbox = sandbox("attach", json!({}));
    let log = sandbox.root().join("attach.json");
    sandbox.set_env("STAND_IN_ATTACH_LOG", &log);
    let id = sandbox.start(&[]);
    let record = sandbox.store()["sessions"][&id].clone();
    let url = format!("http://127.0.0.1:{}", record["port"]);
    let call = || -> Value { serde_json::from_slice(&std::fs::read(&log).unwrap()).unwrap() };
    let run = sandbox
        .occtl(&["attach", &id])
        .env("STAND_IN_ATTACH_STATUS", "7")
        .env("OPENCODE_SERVER_USERNAME", "another")
        .run()
        .fails(7);
    assert_eq!(run.stdout, format!("Attaching to {url}...\n"));
    let seen = call();
    assert_eq!(seen["arguments"], json!([url, "--dir", record["workdir"]]));
    assert_eq!((&seen["password"], &seen["username"]), (&json!(true), &json!("opencode")));
    assert!(!seen.to_string().contains(record["password"].as_str().unwrap()));

    let sent = sandbox.occtl(&["send", &id, "hello"]).run().ok();
    let conversation = sent.stdout.trim();
    sandbox.occtl(&["attach", &id, "-s", conversation, "--json"]).run().ok();
    let words = call()["arguments"].clone();
    assert_eq!(words.as_array().unwrap()[3..], [json!("--session"), json!(conversation)]);

    sandbox.occtl(&["attach", &id, "-s", "ses_unknown"]).run().fails(3);
    sandbox.occtl(&["attach", &id, "-s", "../x"]).run().fails(3);
    sandbox.occtl(&["attach", "oc-00000000"]).run().fails(3);
    sandbox.occtl(&["stop", &id]).run().ok();
}

#[test]
fn the_real_program_knows_the_flags_that_attach_uses() {
    let help = std::process::Command::new(opencode::program(&opencode::version()))
        .args(["attach", "--help"])
        .output()
        .unwrap();
    let text = [help.stdout, help.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    for word in ["attach <url>", "--dir", "--session", "OPENCODE_SERVER_PASSWORD"] {
        assert!(text.contains(word), "{word} is not in: {text}");
    }
}
