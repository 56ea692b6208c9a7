//! Times of opencode-ctl 0.4.0 have no zone: they are read in the zone of the user, however that is
//! set.

use std::fs;
use std::path::Path;

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

/// A zone of a database, in the form of RFC 9636: without transitions, so that the rule at its end
/// holds at all times.
fn zone_file(rule: &str) -> Vec<u8> {
    // The counts are those of leap seconds, transitions, types of local time, and bytes of names.
    let header = [&b"TZif2"[..], &[0; 15], &[0; 12]].concat();
    let counts = [0u32, 1, 4].map(u32::to_be_bytes).concat();
    let types = b"\0\0\0\0\0\0UTC\0";
    let block = [&header[..], &counts, types].concat();
    [&block[..], &block, b"\n", rule.as_bytes(), b"\n"].concat()
}

/// Where zone databases are installed.
const DATABASE: &str = "/usr/share/zoneinfo";

#[test]
fn a_time_without_zone_is_read_in_a_zone_that_has_a_name() {
    let own = Sandbox::new("zone-files");
    let database = own.work().join("zoneinfo");
    for (name, rule) in [
        ("America/New_York", "EST5EDT,M3.2.0,M11.1.0"),
        ("Asia/Kolkata", "IST-5:30"),
        ("Etc/UTC", "UTC0"),
    ] {
        fs::create_dir_all(database.join(name).parent().unwrap()).unwrap();
        fs::write(database.join(name), zone_file(rule)).unwrap();
    }
    let installed = Path::new(DATABASE).join("America/New_York").exists().then_some(DATABASE);
    if installed.is_none() {
        eprintln!("no zone database (tzdata) in {DATABASE}: only one of the test's own is read");
    }
    for database in [database.to_str()].into_iter().chain(installed.map(Some)) {
        assert_eq!(last_active(Some("America/New_York"), database), "2026-01-15T17:00:00Z");
        assert_eq!(last_active(Some(":Asia/Kolkata"), database), "2026-01-15T06:30:00Z");
        assert_eq!(last_active(Some("Etc/UTC"), database), "2026-01-15T12:00:00Z");
    }
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
