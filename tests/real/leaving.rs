//! What a real server leaves behind, and what it must not show: hidden tools, secrets, open ports.

use std::collections::BTreeSet;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use crate::support::model::Model;
use crate::support::opencode::config;
use crate::support::processes::{kill, poll};
use crate::support::sandbox::Sandbox;
use crate::support::session::Session;

const SOON: Duration = Duration::from_secs(120);

/// The local addresses with a listener on a port, in the notation of `/proc/net/tcp`.
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
        // A double fork, a process in a process session of its own, and one that ignores hang-ups:
        // none of them is a child of the server.
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
        .expect("the hidden tools");
    };
    let bystander = Sandbox::new("bystander");
    let watched = bystander.command("sleep", &["7000"]).spawn();
    let session = Session::start(&sandbox, &[]);
    hidden(&session.id);
    sandbox.occtl(&["stop", &session.id]).run().ok();
    sandbox.assert_nothing_left();
    // The server is killed and the store is lost: only /proc still knows of the tools.
    let session = Session::start(&sandbox, &[]);
    hidden(&session.id);
    kill(sandbox.server_pid(&session.id));
    std::fs::remove_file(sandbox.store_path()).unwrap();
    sandbox.occtl(&["doctor"]).run().fails(1);
    sandbox.occtl(&["doctor", "--fix"]).run().ok();
    sandbox.assert_nothing_left();
    // A server itself is found again as well.
    let session = Session::start(&sandbox, &["--allow-occtl-commands"]);
    std::fs::remove_file(sandbox.store_path()).unwrap();
    sandbox.occtl(&["doctor", "--fix"]).run().ok();
    sandbox.occtl(&["send", &session.id, "--wait", "hello"]).run().ok();
    // A session that a tool starts is recorded as one within the tool's session.
    let occtl = env!("CARGO_BIN_EXE_occtl");
    let tool = format!("[[bash '{occtl}' start -q -t 60 > inner]]");
    sandbox.occtl(&["send", &session.id, "--wait", &tool]).run().ok();
    let inner = std::fs::read_to_string(sandbox.work().join("inner")).unwrap();
    let inner = inner.trim();
    assert_eq!(sandbox.store()["sessions"][inner]["parent"], session.id.as_str());
    let refused = sandbox.occtl(&["stop", &session.id]).run().fails(1);
    assert!(refused.stderr.contains(inner), "{}", refused.stderr);
    let stopped = sandbox.occtl(&["stop", "--recursive", "-q", &session.id]).run().ok();
    assert_eq!(stopped.stdout, format!("{inner}\n{}\n", session.id));
    sandbox.assert_nothing_left();
    assert_eq!(bystander.marked_processes().len(), 1, "an unrelated process is gone");
    watched.signal(Signal::KILL);
}

/// A value that a session has in its environment, and that no command may show.
const SECRET: &str = "sesame-4711";

/// Starts a session with secrets in its environment and configuration; gives its id and port.
fn start_with_secrets(sandbox: &Sandbox, model: &Model) -> (String, u64) {
    // This configuration would open the server to the network.
    let mut open = config(model);
    open["server"] = json!({"hostname": "0.0.0.0", "mdns": true, "port": 1});
    sandbox.configure(&sandbox.work(), &open);
    let settings = sandbox.root().join("settings.json");
    std::fs::write(&settings, json!({"username": "from-config"}).to_string()).unwrap();
    let token = format!("TOKEN={SECRET}");
    let start = sandbox.occtl(&["start", "--json", "-t", "120", "--env", &token]);
    let start = start.args(&["--env", "OTHER=a=b", "--config", settings.to_str().unwrap()]);
    let facts = start.run().ok().json();
    (facts["id"].as_str().unwrap().to_owned(), facts["port"].as_u64().unwrap())
}

/// Fails the test if a command, a process or a log shows the password or the secret.
fn assert_secret(sandbox: &Sandbox, id: &str, password: &str) {
    let shows = |text: &str| text.contains(password) || text.contains(SECRET);
    for words in [
        vec!["list"],
        vec!["list", "--json"],
        vec!["status", id, "--json"],
        vec!["doctor"],
        vec!["doctor", "--json"],
        vec!["config", id, "--json"],
        vec!["export", id],
        vec!["logs", "-a"],
        vec!["models", id],
        vec!["agents", id],
        vec!["send", "oc-none", "x"],
        vec!["cleanup", "--dry-run", "--json"],
    ] {
        let ended = sandbox.occtl(&words).run();
        assert!(!shows(&ended.stdout) && !shows(&ended.stderr), "{words:?}: {ended:?}");
    }
    for (pid, line) in sandbox.marked_processes() {
        assert!(!shows(&line), "{pid}: {line}");
    }
    let log = std::fs::read_to_string(sandbox.log(id)).unwrap();
    assert!(!shows(&log), "{log}");
}

#[test]
fn no_command_shows_a_secret_and_a_server_listens_on_the_loopback_alone() {
    let (sandbox, model) = Sandbox::real("secrets");
    let (id, port) = start_with_secrets(&sandbox, &model);
    assert_eq!(listening(port), [format!("0100007F:{port:04X}")], "127.0.0.1 alone");
    let record = sandbox.record(&id);
    let password = record["password"].as_str().unwrap();
    let digits: BTreeSet<char> = password.chars().collect();
    assert!(password.len() * 4 >= 128 && digits.len() > 8, "128 random bits as hexadecimal digits");
    let env = ["send", &id, "--wait", "[[bash echo \"$TOKEN $OTHER\" > seen]]"];
    sandbox.occtl(&env).run().ok();
    let seen = std::fs::read_to_string(sandbox.work().join("seen")).unwrap();
    assert_eq!(seen, format!("{SECRET} a=b\n"));
    let resolved = sandbox.occtl(&["config", &id, "--json"]).run().ok();
    assert!(resolved.stdout.contains("from-config"), "{}", resolved.stdout);
    assert_secret(&sandbox, &id, password);
    for name in [
        "OPENCODE_SESSION_ID",
        "OPENCODE_SERVER_PASSWORD",
        "OPENCODE_SERVER_USERNAME",
        "OCCTL_DATA_DIR",
    ] {
        let refused = sandbox.occtl(&["start", "--env", &format!("{name}=x")]).run().fails(2);
        assert!(refused.stderr.contains(name), "{}", refused.stderr);
    }
    // Without enough memory a server fails by itself, and nothing of it is left.
    let occtl = env!("CARGO_BIN_EXE_occtl");
    let poor =
        sandbox.command("prlimit", &["--as=400000000", occtl, "start", "--json", "-t", "30"]).run();
    assert!([1, 4].contains(&poor.status), "{poor:?}");
    assert_eq!(sandbox.records().len(), 1);
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_nothing_left();
}
