//! What a real server leaves, keeps apart, and tells nobody: tools that hide, isolation, secrets, the loopback.

use std::collections::BTreeSet;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::opencode::config;
use crate::support::processes::{self, is_running, poll};
use crate::support::sandbox::Sandbox;
use crate::support::session::Session;

const SOON: Duration = Duration::from_secs(120);
/// Several real servers on two busy cores.
const CROWD_TIME: Duration = Duration::from_secs(150);

fn store(sandbox: &Sandbox) -> Value {
    let text = std::fs::read_to_string(sandbox.data().join("store.json")).expect("a store");
    serde_json::from_str(&text).expect("a store that parses")
}

/// Local addresses that a process of this sandbox listens on, in the notation of `/proc/net/tcp`.
fn listening(port: u64) -> Vec<String> {
    let mut found = Vec::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        let text = std::fs::read_to_string(table).unwrap_or_default();
        let lines = text.lines().map(|line| line.split_ascii_whitespace().collect::<Vec<_>>());
        let own = lines.filter(|line| {
            line.get(3) == Some(&"0A") && line[1].ends_with(&format!(":{port:04X}"))
        });
        found.extend(own.map(|line| line[1].to_owned()));
    }
    found
}

#[test]
fn stop_ends_tools_that_hide_and_doctor_ends_those_of_a_server_and_a_store_that_are_gone() {
    let (sandbox, _model) = Sandbox::real("hiding");
    let hidden = |id: &str| {
        // A double fork, one in a session of its own, one without a terminal: none is a child of the server.
        let script = "(setsid sh -c 'sleep 7001 & sleep 7002' >/dev/null 2>&1 &) ; \
            (nohup sleep 7003 >/dev/null 2>&1 &) ; true";
        sandbox.occtl(&["send", id, "--wait", &format!("[[bash {script}]]")]).run().ok();
        poll(SOON, || {
            let lines: BTreeSet<_> =
                sandbox.marked_processes().into_iter().map(|(_, line)| line).collect();
            ["sleep 7001", "sleep 7002", "sleep 7003"]
                .iter()
                .all(|one| lines.contains(*one))
                .then_some(())
        })
        .expect("the hidden ones");
    };
    let bystander = Sandbox::new("bystander");
    let watched = bystander.command("sleep", &["7000"]).spawn();
    let session = Session::start(&sandbox, &[]);
    hidden(&session.id);
    sandbox.occtl(&["stop", &session.id]).run().ok();
    sandbox.assert_nothing_left();
    // kill -9 of the server and of the store: nobody but /proc knows of its tools.
    let session = Session::start(&sandbox, &[]);
    hidden(&session.id);
    let pid =
        u32::try_from(store(&sandbox)["sessions"][&session.id]["pid"].as_u64().unwrap()).unwrap();
    processes::signal(pid, Signal::KILL);
    poll(SOON, || (!is_running(pid)).then_some(())).expect("its end");
    std::fs::remove_file(sandbox.data().join("store.json")).unwrap();
    sandbox.occtl(&["doctor"]).run().fails(1);
    sandbox.occtl(&["doctor", "--fix"]).run().ok();
    sandbox.assert_nothing_left();
    // A real server is found again by its command line, too.
    let session = Session::start(&sandbox, &["--allow-occtl-commands"]);
    std::fs::remove_file(sandbox.data().join("store.json")).unwrap();
    sandbox.occtl(&["doctor", "--fix"]).run().ok();
    sandbox.occtl(&["send", &session.id, "--wait", "hello"]).run().ok();
    // And a server that its tool starts is one within it.
    let occtl = env!("CARGO_BIN_EXE_occtl");
    let tool = format!("[[bash {occtl} start -q -t 60 > inner]]");
    sandbox.occtl(&["send", &session.id, "--wait", &tool]).run().ok();
    let inner = std::fs::read_to_string(sandbox.work().join("inner")).unwrap();
    let inner = inner.trim();
    assert_eq!(store(&sandbox)["sessions"][inner]["parent"], session.id.as_str());
    let refused = sandbox.occtl(&["stop", &session.id]).run().fails(1);
    assert!(refused.stderr.contains(inner), "{}", refused.stderr);
    let stopped = sandbox.occtl(&["stop", "--recursive", "-q", &session.id]).run().ok();
    assert_eq!(stopped.stdout, format!("{inner}\n{}\n", session.id));
    sandbox.assert_nothing_left();
    assert_eq!(bystander.marked_processes().len(), 1, "somebody else's process is gone");
    watched.signal(Signal::KILL);
}

#[test]
fn nobody_but_the_user_is_told_a_secret_and_nothing_listens_beyond_the_loopback() {
    let (sandbox, model) = Sandbox::real("secrets");
    // A configuration that would open the server to the network.
    let mut open = config(&model);
    open["server"] = json!({"hostname": "0.0.0.0", "mdns": true, "port": 1});
    sandbox.configure(&sandbox.work(), &open);
    let secret = "sesame-4711";
    let settings = sandbox.root().join("settings.json");
    std::fs::write(&settings, json!({"username": "from-config"}).to_string()).unwrap();
    let settings = settings.to_str().unwrap();
    let words = [
        "start",
        "--json",
        "-t",
        "120",
        "--config",
        settings,
        "--env",
        "TOKEN=sesame-4711",
        "--env",
        "OTHER=a=b",
    ];
    let facts = sandbox.occtl(&words).run().ok();
    let id = facts.json()["id"].as_str().unwrap().to_owned();
    let port = facts.json()["port"].as_u64().unwrap();
    assert_eq!(listening(port), [format!("0100007F:{port:04X}")], "127.0.0.1 alone");
    let record = store(&sandbox)["sessions"][&id].clone();
    let password = record["password"].as_str().unwrap();
    let digits: BTreeSet<char> = password.chars().collect();
    assert!(password.len() * 4 >= 128 && digits.len() > 8, "128 random bits as hexadecimal digits");
    let env = ["send", &id, "--wait", "[[bash echo \"$TOKEN $OTHER\" > seen]]"];
    sandbox.occtl(&env).run().ok();
    assert_eq!(std::fs::read_to_string(sandbox.work().join("seen")).unwrap(), "sesame-4711 a=b\n");
    let resolved = sandbox.occtl(&["config", &id, "--json"]).run().ok();
    assert!(resolved.stdout.contains("from-config"), "{}", resolved.stdout);
    for words in [
        vec!["list"],
        vec!["list", "--json"],
        vec!["status", &id, "--json"],
        vec!["doctor"],
        vec!["doctor", "--json"],
        vec!["config", &id, "--json"],
        vec!["export", &id],
        vec!["logs", "-a"],
        vec!["models", &id],
        vec!["agents", &id],
        vec!["send", "oc-none", "x"],
        vec!["cleanup", "--dry-run", "--json"],
    ] {
        let ended = sandbox.occtl(&words).run();
        for hidden in [password, secret] {
            assert!(
                !ended.stdout.contains(hidden) && !ended.stderr.contains(hidden),
                "{words:?}: {ended:?}"
            );
        }
    }
    for (pid, line) in sandbox.marked_processes() {
        assert!(!line.contains(password) && !line.contains(secret), "{pid}: {line}");
    }
    let log = std::fs::read_to_string(record_log(&sandbox, &id)).unwrap();
    assert!(!log.contains(password) && !log.contains(secret), "{log}");
    for name in [
        "OPENCODE_SESSION_ID",
        "OPENCODE_SERVER_PASSWORD",
        "OPENCODE_SERVER_USERNAME",
        "OCCTL_DATA_DIR",
    ] {
        let refused = sandbox.occtl(&["start", "--env", &format!("{name}=x")]).run().fails(2);
        assert!(refused.stderr.contains(name), "{}", refused.stderr);
    }
    // A machine without memory for a server: its own words, and nothing left.
    let occtl = env!("CARGO_BIN_EXE_occtl");
    let poor =
        sandbox.command("prlimit", &["--as=400000000", occtl, "start", "--json", "-t", "30"]).run();
    assert!([1, 4].contains(&poor.status), "{poor:?}");
    assert_eq!(store(&sandbox)["sessions"].as_object().unwrap().len(), 1);
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_nothing_left();
}

fn record_log(sandbox: &Sandbox, id: &str) -> std::path::PathBuf {
    sandbox.data().join("logs").join(format!("{id}.log"))
}
