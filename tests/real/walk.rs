//! Every command and flag of opencode-ctl 0.4.0, as scripts of its users have them.

use std::time::Duration;

use serde_json::Value;

use crate::support::opencode::config;
use crate::support::sandbox::Sandbox;

#[test]
fn a_script_written_for_0_4_0_runs_unchanged() {
    let (sandbox, model) = Sandbox::real("walk");
    let mut configured = config(&model);
    configured["permission"] = "RULES".into();
    // The order of the rules counts, and serde_json sorts keys.
    let rules = r#"{"bash": {"*": "allow", "uname *": "ask", "rm *": "deny"}}"#;
    let text = configured.to_string().replace("\"RULES\"", rules);
    assert!(serde_json::from_str::<Value>(&text).is_ok());
    std::fs::write(sandbox.work().join("opencode.json"), text).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/walk-0.4.0.sh");
    let run = sandbox.command("sh", &[script, env!("CARGO_BIN_EXE_occtl")]);
    let run = run.timeout(Duration::from_secs(400)).run();
    assert!(run.status == 0, "{}\n{}", run.stdout, run.stderr);
    sandbox.assert_nothing_left();
}
