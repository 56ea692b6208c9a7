//! Times of opencode-ctl 0.4.0 have no zone: they are read in the zone of the user, however that is
//! set.

use std::fs;

use serde_json::json;

use crate::support::sandbox::Sandbox;

/// When a session of 0.4.0 was last used, read with a `TZ` and a zone database.
fn last_active(zone: Option<&str>, database: Option<&str>) -> String {
    let mut sandbox = Sandbox::new("zones");
    match zone {
        Some(zone) => sandbox.set_env("TZ", zone),
        None => sandbox.remove_env("TZ"),
    }
    if let Some(database) = database {
        sandbox.set_env("TZDIR", database);
    }
    fs::create_dir_all(sandbox.data()).unwrap();
    let used = "2026-01-15T12:00:00.000000";
    let store = json!({"sessions": {"oc-0a0b0c0d": {"id": "oc-0a0b0c0d", "port": 9100, "pid": 1,
        "created_at": used, "last_activity": used, "config_path": null, "status": "running"}},
        "next_port": 9101});
    fs::write(sandbox.store_path(), store.to_string()).unwrap();
    let status = sandbox.occtl(&["status", "oc-0a0b0c0d", "--json"]).run().ok().json();
    status["last_activity"].as_str().unwrap().to_owned()
}

#[test]
fn a_time_without_zone_is_read_in_a_zone_that_has_a_name() {
    assert_eq!(last_active(Some("America/New_York"), None), "2026-01-15T17:00:00Z");
    assert_eq!(last_active(Some(":Asia/Kolkata"), None), "2026-01-15T06:30:00Z");
    assert_eq!(last_active(Some("UTC"), None), "2026-01-15T12:00:00Z");
}

#[test]
fn a_time_without_zone_is_read_in_a_zone_that_is_spelled_out() {
    assert_eq!(last_active(Some("EST5EDT,M3.2.0,M11.1.0"), None), "2026-01-15T17:00:00Z");
    assert_eq!(last_active(Some("<-03>3"), None), "2026-01-15T15:00:00Z");
    // It needs no database.
    assert_eq!(last_active(Some("<-03>3"), Some("/nonexistent")), "2026-01-15T15:00:00Z");
}

#[test]
fn without_a_zone_that_of_the_machine_is_taken() {
    let local = std::process::Command::new("sh")
        .args(["-c", "date -d '2026-01-15 12:00:00' +%s"])
        .env_remove("TZ")
        .output()
        .unwrap();
    let seconds: i64 = String::from_utf8(local.stdout).unwrap().trim().parse().unwrap();
    let expected = jiff::Timestamp::from_second(seconds).unwrap().to_string();
    assert_eq!(last_active(None, None), expected);
}
