//! What goes on around the real server: MCP servers that fail, configurations that are none, and
//! keys of providers.

use serde_json::json;

use super::versions::can;
use crate::support::model::Model;
use crate::support::opencode::{config, version};
use crate::support::sandbox::Sandbox;
use crate::support::session::Session;

#[test]
fn the_record_names_mcp_servers_that_failed_and_not_those_that_are_off() {
    let (sandbox, model) = Sandbox::real("mcp-failed");
    let mut configured = config(&model);
    configured["mcp"] = json!({
        "gone": {"type": "local", "command": ["/no/such/program"]},
        "off": {"type": "local", "command": ["/no/such/program"], "enabled": false},
    });
    sandbox.configure(&sandbox.work(), &configured);
    let session = Session::start(&sandbox, &[]);
    let sent = session.run("send", &["--wait", "--json", "--title", "t", "[[echo hi]]"]).ok();
    let failed = sent.json()["mcp_failed"].clone();
    assert_eq!((&failed[0]["name"], &failed[0]["status"]), (&json!("gone"), &json!("failed")));
    assert_eq!(failed.as_array().unwrap().len(), 1, "{failed}");
    assert!(sent.stderr.contains("MCP server gone"), "{}", sent.stderr);
}

#[test]
fn a_configuration_that_is_no_json_is_named_by_where_it_comes_from_and_not_quoted() {
    let (sandbox, _model) = Sandbox::real("no-json");
    let broken = r#"{"model": "scripted/echo", "key": "sesame"#;
    let file = sandbox.root().join("broken.json");
    std::fs::write(&file, broken).unwrap();
    let start = |words: &[&str]| sandbox.occtl(&["start", "-t", "120"]).args(words);
    let inherited = start(&[]).env("OPENCODE_CONFIG_CONTENT", broken).run().fails(4);
    let given = start(&["--config", file.to_str().unwrap()]).run().fails(4);
    for (failed, place) in [
        (inherited, "OPENCODE_CONFIG_CONTENT is no JSON".to_owned()),
        (given, format!("--config {} is no JSON", file.display())),
    ] {
        assert!(failed.stderr.contains(&place), "{}", failed.stderr);
        assert!(!failed.stderr.contains("sesame"), "{}", failed.stderr);
    }
    sandbox.assert_no_trace();
}

#[test]
fn a_wrong_file_of_the_configuration_ends_a_start_at_once_and_is_not_quoted() {
    let (sandbox, _model) = Sandbox::real("wrong-file");
    let file = sandbox.work().join("opencode.json");
    for (text, name, what) in [
        (r#"{"model": "sesame"#, "ConfigJsonError", "is no JSON"),
        (r#"{"model": ["sesame"]}"#, "ConfigInvalidError", "is no valid configuration: model: "),
    ] {
        std::fs::write(&file, text).unwrap();
        let failed = sandbox.occtl(&["start", "-t", "120"]).run().fails(4);
        let said = &failed.stderr;
        assert!(said.contains("does not take its configuration"), "{said}");
        // 1.15.13 tells its log alone.
        let told = match version().as_str() {
            "1.15.13" => name.to_owned(),
            _ => format!("{} {what}", file.display()),
        };
        assert!(said.contains(&told), "{said}");
        assert!(!said.contains("sesame"), "{said}");
    }
    sandbox.assert_no_trace();
}

#[test]
fn keys_from_the_environment_reach_the_providers_of_an_isolated_server() {
    let mut sandbox = Sandbox::real("keys").0;
    let model = Model::start();
    let mut configured = config(&model);
    configured["provider"]["scripted"]["options"]["apiKey"] = json!("{env:MODEL_KEY}");
    let mut other = configured["provider"]["scripted"].clone();
    other["options"].as_object_mut().unwrap().remove("apiKey");
    configured["provider"]["stored"] = other;
    sandbox.configure(&sandbox.work(), &configured);
    sandbox.set_env("MODEL_KEY", "from-a-variable");
    let stored = json!({"stored": {"type": "api", "key": "from-content"}});
    sandbox.set_env("OPENCODE_AUTH_CONTENT", stored.to_string());
    let session = Session::start(&sandbox, &["--isolate"]);
    let providers = session.get("/config/providers")["providers"].clone();
    let of = |id: &str| providers.as_array().unwrap().iter().find(|one| one["id"] == id).cloned();
    assert_eq!(of("scripted").unwrap()["options"]["apiKey"], "from-a-variable", "{providers}");
    if can("keys come from OPENCODE_AUTH_CONTENT") {
        assert_eq!(of("stored").unwrap()["key"], "from-content", "{providers}");
    }
}
