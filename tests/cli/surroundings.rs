//! What goes on around a server: MCP servers, plugins, proxies and homes.

use std::os::unix::fs::{MetadataExt, chown};
use std::time::Duration;

use serde_json::{Value, json};

use super::{TEXT, sandbox, send};

/// How long a start may take that is to end at its limit of 3 s.
const SOON: Duration = Duration::from_secs(30);

#[test]
fn an_mcp_server_that_failed_is_named_in_the_record_and_on_stderr() {
    let sandbox = sandbox("mcp", json!({}));
    let session = sandbox.start(&[]);
    let faults = json!({"body": {"/mcp": {
        "good": {"status": "connected"},
        "off": {"status": "disabled"},
        "gone": {"status": "failed", "error": "no answer from https://me:sesame@h/mcp"},
        "closed": {"status": "needs_auth"},
    }}});
    let sent = send(&sandbox, &session, &faults, &["--wait", "--json"]).ok();
    let failed = json!([
        {"name": "closed", "status": "needs_auth", "error": null},
        {"name": "gone", "status": "failed", "error": "no answer from https://***@h/mcp"},
    ]);
    assert_eq!(sent.json()["mcp_failed"], failed);
    assert!(sent.stderr.contains("the tools of MCP server gone were missing"), "{}", sent.stderr);
    // A turn of which only the answer is wanted is asked as well, if it is not a quick one.
    let mut slow = faults;
    slow["turn"] = json!({"delta_ms": 200});
    let sent = send(&sandbox, &session, &slow, &["--wait"]).ok();
    assert!(sent.stderr.contains("MCP server gone"), "{}", sent.stderr);
    let fine = send(&sandbox, &session, &json!({}), &["--wait", "--json"]).ok();
    assert_eq!((&fine.json()["mcp_failed"], &*fine.stderr), (&json!([]), ""));
    // An old server may not have the route, and one that still waits for them does not answer.
    for faults in [json!({"html": ["/mcp"]}), json!({"silence": ["/mcp"]})] {
        let sent = send(&sandbox, &session, &faults, &["--wait", "--json"]).ok();
        assert_eq!(sent.json()["mcp_failed"], Value::Null);
        assert!(sent.elapsed < SOON, "{:?}", sent.elapsed);
    }
}

#[test]
fn an_error_of_a_provider_names_the_proxies_with_which_the_server_was_started() {
    let mut sandbox = sandbox("proxies", json!({}));
    let failure = json!({"name": "APIError", "data": {"message": "Unable to connect"}});
    let faults = json!({"turn": {"error": failure}});
    let plain = sandbox.start(&[]);
    let sent = send(&sandbox, &plain, &faults, &["--wait"]).fails(5);
    assert!(!sent.stderr.to_lowercase().contains("proxy"), "{}", sent.stderr);
    sandbox.set_env("https_proxy", "me:sesame@proxy.example:3128");
    sandbox.set_env("NO_PROXY", "localhost");
    let session = sandbox.start(&[]);
    // Not those of the command that follows the turn.
    sandbox.set_env("https_proxy", "other.example:1");
    let named =
        "the server was started with https_proxy=***@proxy.example:3128, NO_PROXY=localhost";
    let sent = send(&sandbox, &session, &faults, &["--wait"]).fails(5);
    assert!(sent.stderr.contains(named), "{}", sent.stderr);
    let retried = json!({"turn": {"retry_forever": true}});
    let sent = send(&sandbox, &session, &retried, &["--wait", "-t", "3"]).fails(124);
    assert!(sent.stderr.contains(named), "{}", sent.stderr);
    let other = json!({"turn": {"error": {"name": "ContextOverflow", "data": {}}}});
    let sent = send(&sandbox, &session, &other, &["--wait"]).fails(5);
    assert!(!sent.stderr.contains("proxy"), "{}", sent.stderr);
}

#[test]
fn a_server_that_listens_and_does_not_load_the_project_is_said_to_with_its_last_log_line() {
    let sandbox = sandbox("unloaded", json!({"silence": ["/path"]}));
    let logs = sandbox.home().join(".local/share/opencode/log");
    std::fs::create_dir_all(&logs).unwrap();
    let line = "INFO service=plugin path=some-plugin@1.0.0 loading plugin";
    std::fs::write(logs.join("opencode.log"), format!("INFO first\n{line}\n")).unwrap();
    let failed = sandbox.occtl(&["start", "-t", "3"]).timeout(SOON).run().fails(124);
    let said = &failed.stderr;
    assert!(said.contains("listens, but did not load the project"), "{said}");
    assert!(said.contains(sandbox.work().to_str().unwrap()) && said.contains(line), "{said}");
    assert!(said.contains("registry") && !said.contains("INFO first"), "{said}");
    sandbox.assert_no_trace();
}

#[test]
fn root_is_warned_of_the_home_of_another_user_before_anything_is_made_there() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let mut sandbox = sandbox("foreign-home", json!({}));
    sandbox.remove_env("OCCTL_DATA_DIR");
    assert_eq!(std::fs::metadata(sandbox.home()).unwrap().uid(), 0);
    let own = sandbox.occtl(&["run", TEXT]).run().ok();
    assert_eq!(own.stderr, "");
    let home = sandbox.root().join("other");
    std::fs::create_dir(&home).unwrap();
    chown(&home, Some(65_534), None).unwrap();
    sandbox.set_env("HOME", &home);
    let warned = sandbox.occtl(&["run", TEXT]).run().ok();
    let warning = format!("HOME is {}, which belongs to user 65534", home.display());
    assert!(warned.stderr.contains(&warning), "{}", warned.stderr);
    // A start that goes no further has made nothing yet.
    std::fs::remove_dir_all(home.join(".local")).unwrap();
    let missing = sandbox.occtl(&["start", "--opencode", "/no/such/program"]).run().fails(1);
    assert!(missing.stderr.contains(&warning), "{}", missing.stderr);
    assert_eq!(std::fs::read_dir(&home).unwrap().count(), 0);
}
