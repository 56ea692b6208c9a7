//! `adopt`: what is refused, and that an adopted server is only ended when the user asks for it.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::sandbox;
use crate::support::processes::{is_running, poll};

const SOON: Duration = Duration::from_secs(15);

#[test]
fn an_address_without_http_or_a_listener_or_opencode_is_refused() {
    let sandbox = sandbox("refused", json!({"html": ["/global/health"]}));
    let alien = sandbox.serve();
    let dead = format!("http://127.0.0.1:{}", sandbox.free_port());
    for (url, status, words) in [
        ("https://127.0.0.1:1", 2, "only http"),
        ("http://user:secret@127.0.0.1:1", 2, "--password-file"),
        ("https://user:secret@127.0.0.1:1", 2, "--password-file"),
        ("user:secret@127.0.0.1:1", 2, "--password-file"),
        ("http://127.0.0.1:1/path", 2, "a host and a port"),
        ("127.0.0.1:1", 2, "no http address"),
        (&*dead, 4, &*dead),
        (&*alien.url(), 4, &*alien.url()),
    ] {
        let refused = sandbox.occtl(&["adopt", url]).run().fails(status);
        assert!(refused.stderr.contains(words), "{url}: {}", refused.stderr);
        assert!(!refused.stderr.contains("secret"), "{}", refused.stderr);
        assert_eq!(sandbox.store()["sessions"], json!({}), "{url}");
    }
    sandbox.set_faults(&json!({"version": "1.0.220"}));
    let old = sandbox.occtl(&["adopt", &sandbox.serve().url()]).run().fails(4);
    assert!(old.stderr.contains("1.0.220 is too old"), "{}", old.stderr);
}

#[test]
fn a_process_that_does_not_listen_at_the_address_is_not_taken_for_the_server() {
    let sandbox = sandbox("pid", Value::Null);
    let server = sandbox.serve();
    let bystander = sandbox.command("sleep", &["7000"]).spawn();
    let other = sandbox.wait_for_process(|line| line == "sleep 7000");
    let adopt = |pid: &str| sandbox.occtl(&["adopt", &server.url(), "--pid", pid, "-q"]).run();
    assert!(adopt(&other.to_string()).fails(1).stderr.contains("does not listen"));
    adopt("4190001").fails(3);
    let server_pid = server.running.pid().to_string();
    // The port of another machine says nothing of a process here: --kill would end a wrong one.
    let far = format!("http://203.0.113.9:{}", server.port);
    let refused = sandbox.occtl(&["adopt", &far, "--pid", &server_pid]).run().fails(2);
    assert!(refused.stderr.contains("not on this machine"), "{}", refused.stderr);
    let id = adopt(&server_pid).ok().stdout.trim().to_owned();
    // Without --kill the server runs on, also after `stop --force`, `cleanup` and `doctor --fix`.
    sandbox.occtl(&["cleanup", "-m", "0"]).run().ok();
    sandbox.occtl(&["doctor", "--fix"]).run().ok();
    let done = sandbox.occtl(&["stop", "-f", &id]).run().ok();
    assert!(done.stdout.contains("forgotten"), "{}", done.stdout);
    assert!(is_running(server_pid.parse().unwrap()));
    let id = adopt(&server_pid).ok().stdout.trim().to_owned();
    let twice = adopt(&server_pid).fails(1);
    assert!(twice.stderr.contains(&id), "{}", twice.stderr);
    let alias = server.url().replace("127.0.0.1", "LOCALHOST");
    sandbox.occtl(&["adopt", &alias]).run().fails(1);
    sandbox.occtl(&["stop", "--kill", &id]).run().ok();
    assert!(!is_running(server_pid.parse().unwrap()));
    assert!(is_running(other));
    drop(bystander);
}

#[test]
fn the_end_of_a_server_without_a_known_process_is_noticed() {
    let sandbox = sandbox("adopted-end", json!({"turn": {"never_ends": true}}));
    let server = sandbox.serve();
    let id = sandbox.occtl(&["adopt", &server.url(), "-q"]).run().ok().stdout.trim().to_owned();
    let mut turn = sandbox.occtl(&["send", &id, "--stream", "one\n"]).spawn();
    turn.wait_for_line("one", SOON);
    let idle = sandbox.occtl(&["wait", &id]).spawn();
    let tail = sandbox.occtl(&["tail", &id, "-f"]).spawn();
    let events = sandbox.occtl(&["events", &id]).spawn();
    for reader in [&tail, &events] {
        poll(SOON, || (!reader.stdout().is_empty()).then_some(())).expect("something to read");
    }
    let dead = sandbox.occtl(&["wait", &id, "--until", "dead"]).spawn();
    server.running.signal(Signal::KILL);
    let lost = turn.wait(SOON).fails(4);
    assert!(lost.stderr.contains("ended"), "{}", lost.stderr);
    for follower in [idle, tail, events] {
        follower.wait(SOON).fails(4);
    }
    assert_eq!(dead.wait(SOON).ok().stdout, format!("{id} dead\n"));
}

#[test]
fn a_server_of_this_store_is_not_adopted_and_a_password_without_end_is_refused() {
    let sandbox = sandbox("own", Value::Null);
    let id = sandbox.start(&[]);
    let record = sandbox.store()["sessions"][&id].clone();
    let url = format!("http://127.0.0.1:{}", record["port"]);
    let password = record["password"].as_str().unwrap();
    let twice = sandbox.occtl(&["adopt", &url]).env("OPENCODE_SERVER_PASSWORD", password);
    assert!(twice.run().fails(1).stderr.contains(&id));
    sandbox.occtl(&["adopt", &url, "--password-file", "/dev/zero"]).run().fails(2);
    sandbox.occtl(&["adopt", &url, "--password-file", "/dev/null"]).run().fails(2);
    sandbox.occtl(&["adopt", &url, "--password-file", "missing"]).run().fails(3);
    sandbox.occtl(&["start", "--config", "/dev/zero"]).run().fails(2);
    std::fs::write(sandbox.work().join("zero"), "{\0}").unwrap();
    let zero = sandbox.occtl(&["start", "--config", "zero"]).run().fails(2);
    assert!(zero.stderr.contains("zero byte"), "{}", zero.stderr);
    let unnamed = sandbox.occtl(&["start", "--env", "=sesame"]).run().fails(2);
    assert!(!unnamed.stderr.contains("sesame"), "{}", unnamed.stderr);
    sandbox.occtl(&["stop", "--all"]).run().ok();
}

#[test]
fn a_name_that_nothing_resolves_keeps_no_list_waiting_and_no_other_session_from_its_state() {
    let sandbox = sandbox("slow-names", Value::Null);
    let server = sandbox.serve();
    let far: Vec<String> = (0..3)
        .map(|number| {
            let server = sandbox.serve();
            let id = sandbox.occtl(&["adopt", "-q", &server.url()]).run().ok().stdout;
            let url = format!("http://box{number}.example:{}", server.port);
            sandbox.edit_record(id.trim(), |record| record["adopted_url"] = json!(url));
            id.trim().to_owned()
        })
        .collect();
    let near = sandbox.occtl(&["adopt", "-q", &server.url()]).run().ok().stdout;
    let own = sandbox.start(&[]);
    sandbox.install("getent", "#!/bin/sh\nexec sleep 600\n");
    let listed = sandbox.occtl(&["list", "--json"]).run().ok();
    // The limit of a list is 5 s.
    assert!(listed.elapsed < SOON, "{:?}", listed.elapsed);
    let listed = listed.json();
    for row in listed["sessions"].as_array().unwrap() {
        let id = row["id"].as_str().unwrap();
        let is_far = far.iter().any(|one| one == id);
        assert_eq!(row["state"], if is_far { "error" } else { "idle" }, "{row}");
    }
    assert_eq!(listed["sessions"].as_array().unwrap().len(), 5);
    let status = sandbox.occtl(&["status", &far[0], "--json"]).run().ok();
    assert!(status.elapsed < SOON, "{:?}", status.elapsed);
    for id in far.iter().map(String::as_str).chain([near.trim(), &*own]) {
        sandbox.occtl(&["stop", id]).run().ok();
    }
    let asleep = sandbox.marked_processes().into_iter().find(|(_, line)| line == "sleep 600");
    assert_eq!(asleep, None);
}
