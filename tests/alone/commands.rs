//! Many commands at once, on stand-in servers.

use std::collections::BTreeSet;
use std::fs::File;
use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::sandbox;
use crate::support::command::{Outcome, Run};
use crate::support::rounds::{fair, in_some_round};
use crate::support::sandbox::Sandbox;
use crate::support::seats::Place;

/// How long a crowd may take on two busy cores.
const CROWD_TIME: Duration = Duration::from_secs(120);

/// Runs commands that begin together: the lock of the store is held until all of them have started.
fn together(sandbox: &Sandbox, commands: impl Iterator<Item = Run>) -> Vec<Outcome> {
    let lock = File::create(sandbox.data().join("store.lock")).expect("the lock's file");
    fs2::FileExt::lock_exclusive(&lock).expect("the lock");
    let running: Vec<_> = commands.map(Run::spawn).collect();
    drop(lock);
    running.into_iter().map(|one| one.wait(CROWD_TIME).ok()).collect()
}

#[test]
fn two_hundred_touches_all_succeed_and_none_waits_much_longer_than_the_others() {
    let _alone = Place::alone();
    let sandbox = sandbox("touches", Value::Null);
    let ids: Vec<String> = (0..4).map(|_| sandbox.start(&[])).collect();
    in_some_round(|| {
        let before = sandbox.store();
        let touches = (0..200).map(|at| sandbox.occtl(&["touch", &ids[at % 4]]));
        let ended = together(&sandbox, touches);
        let after = sandbox.store();
        for id in &ids {
            let moved = |store: &Value| {
                store["sessions"][id]["last_activity_utc"].as_str().unwrap().to_owned()
            };
            assert!(moved(&after) > moved(&before), "{id}");
        }
        assert_eq!(after["sessions"].as_object().unwrap().len(), 4);
        fair(&ended)
    });
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn sixty_four_starts_all_succeed_on_as_many_ports() {
    let _alone = Place::alone();
    let mut sandbox = sandbox("starts", Value::Null);
    // A sandbox has fewer ports. Occtl passes over those that are in use.
    sandbox.set_env("OCCTL_PORT_RANGE", "9700-9999");
    in_some_round(|| {
        let starts = (0..64).map(|_| sandbox.occtl(&["start", "--json", "-t", "100"]));
        let ended = together(&sandbox, starts);
        let ports: BTreeSet<u64> =
            ended.iter().map(|one| one.json()["port"].as_u64().unwrap()).collect();
        assert_eq!(ports.len(), 64);
        assert_eq!(sandbox.records().len(), 64);
        let healthy = sandbox.occtl(&["doctor", "--json"]).run().ok().json();
        let sessions =
            healthy["findings"].as_array().unwrap().iter().filter(|one| one["check"] == "session");
        assert_eq!(sessions.filter(|one| one["status"] == "ok").count(), 64, "{healthy:#}");
        sandbox.occtl(&["stop", "--all"]).timeout(CROWD_TIME).run().ok();
        sandbox.assert_no_trace();
        fair(&ended)
    });
}

#[test]
fn writers_of_all_kinds_lose_nothing() {
    const CROWD: usize = 32;
    let _alone = Place::alone();
    let sandbox = sandbox("writers", Value::Null);
    let all = |words: &[Vec<&str>]| together(&sandbox, words.iter().map(|one| sandbox.occtl(one)));
    let started = all(&vec![vec!["start", "-q"]; CROWD]);
    let ids: BTreeSet<&str> = started.iter().map(|one| one.stdout.trim()).collect();
    let sessions = sandbox.store()["sessions"].as_object().unwrap().clone();
    assert_eq!(sessions.keys().map(String::as_str).collect::<BTreeSet<_>>(), ids);
    assert_eq!(ids.len(), CROWD);
    let ports: BTreeSet<u64> = sessions.values().map(|one| one["port"].as_u64().unwrap()).collect();
    let first = u64::from(*sandbox.ports().start());
    assert!(ports.into_iter().eq(first..first + CROWD as u64), "the lowest, one each");
    let listed = sandbox.occtl(&["list", "--json"]).run().ok().json();
    let rows = listed["sessions"].as_array().unwrap();
    assert!(rows.iter().all(|row| row["state"] == "idle"), "{rows:#?}");
    // Half of the sessions are used while the other half are removed from the store.
    let half = |index: usize, id| {
        if index.is_multiple_of(2) { vec!["stop", id] } else { vec!["send", id, "hello"] }
    };
    all(&ids.iter().enumerate().map(|(index, id)| half(index, id)).collect::<Vec<_>>());
    assert_eq!(sandbox.records().len(), CROWD / 2);
    all(&ids.iter().skip(1).step_by(2).map(|id| vec!["stop", id]).collect::<Vec<_>>());
    assert_eq!(sandbox.store()["sessions"], json!({}));
    sandbox.assert_nothing_left();
}
