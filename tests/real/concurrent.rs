//! Many starts at once, which 0.4.0 could not do.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use crate::support::command::assert_fair;
use crate::support::opencode::version;
use crate::support::processes::poll;
use crate::support::sandbox::Sandbox;
use crate::support::seats::Seat;

/// How many start at once.
const CROWD: usize = 16;
/// The same on a fresh home, where several servers end and are started again until one stays.
const FRESH_CROWD: usize = 5;
/// Sixteen servers of 3 s of work each on two busy cores.
const CROWD_TIME: Duration = Duration::from_secs(120);

/// Starts a crowd, asks the store while it starts, and checks that all of them live.
fn crowd(sandbox: &Sandbox, size: usize) {
    let limit = CROWD_TIME.as_secs().to_string();
    let arguments = ["start", "--json", "-t", &limit];
    let starting: Vec<_> = (0..size).map(|_| sandbox.occtl(&arguments).spawn()).collect();
    // The lock is free while they start: whoever reads or writes the store is not kept.
    poll(CROWD_TIME, || {
        let ids = sandbox.occtl(&["list", "-q"]).run().ok();
        assert!(ids.elapsed < Duration::from_secs(2), "{:?}", ids.elapsed);
        (ids.stdout.lines().count() == size).then_some(())
    })
    .expect("a record of each");
    for arguments in [vec!["stop", "oc-none"], vec!["list", "--json"], vec!["start", "--name", "-"]]
    {
        let other = sandbox.occtl(&arguments).run();
        assert_ne!(other.status, 9, "{arguments:?}: {}", other.stderr);
        assert!(other.elapsed < Duration::from_secs(5), "{arguments:?}: {:?}", other.elapsed);
    }
    let ended: Vec<_> = starting.into_iter().map(|one| one.wait(CROWD_TIME).ok()).collect();
    if size == CROWD {
        assert_fair(&ended);
    }
    let started: Vec<Value> = ended.iter().map(|one| one.json()).collect();
    let ports: BTreeSet<u64> = started.iter().map(|one| one["port"].as_u64().unwrap()).collect();
    let pids: BTreeSet<u64> = started.iter().map(|one| one["pid"].as_u64().unwrap()).collect();
    assert_eq!((ports.len(), pids.len()), (size, size));
    let listed = sandbox.occtl(&["list", "--json"]).run().ok();
    assert!(listed.elapsed < Duration::from_secs(5), "{:?}", listed.elapsed);
    let listed = listed.json();
    let rows = listed["sessions"].as_array().unwrap();
    assert_eq!(rows.len(), size);
    for row in rows {
        assert_eq!(row["state"], "idle", "{row}");
        assert_eq!(row["opencode_version"], version());
    }
    let stopped = sandbox.occtl(&["stop", "--all", "--json"]).run().ok().json();
    assert_eq!(stopped["stopped"].as_array().unwrap().len(), size);
    sandbox.assert_nothing_left();
    assert_eq!(sandbox.occtl(&["list"]).run().ok().stdout, "No active sessions\n");
}

/// One test and not two, because each crowd takes 5 GB.
#[test]
fn sixteen_starts_at_once_all_succeed_and_so_do_five_on_a_fresh_home() {
    let _all = Seat::all();
    let (mut sandbox, _model) = Sandbox::real("crowd");
    crowd(&sandbox, CROWD);
    // On a fresh home every server migrates the database, and they kill each other.
    let fresh = sandbox.root().join("fresh");
    std::fs::create_dir(&fresh).unwrap();
    sandbox.set_env("HOME", fresh);
    crowd(&sandbox, FRESH_CROWD);
}
