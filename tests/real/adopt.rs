//! `adopt`: a server that was not started by occtl, under occtl's commands.

use serde_json::json;

use super::versions::can;
use crate::support::opencode::{program, version};
use crate::support::processes::is_running;
use crate::support::sandbox::Sandbox;
use crate::support::session::SOON;

/// An address of this machine that other machines can reach. Nothing is sent to find it.
fn outer_address() -> Option<String> {
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("198.51.100.1:9").ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback()).then(|| address.to_string())
}

#[test]
fn an_adopted_server_is_driven_like_any_other_and_lives_on() {
    let (sandbox, _model) = Sandbox::real("adopt");
    let open = sandbox.serve_with(|run| run.env_remove("OPENCODE_SERVER_PASSWORD"));
    let guarded = sandbox.serve_with(|run| run.env("OPENCODE_SERVER_PASSWORD", "sesame"));
    let file = sandbox.root().join("password");
    std::fs::write(&file, "sesame\n").unwrap();
    let file = file.to_str().unwrap();
    let adopt = |url: &str, more: &[&str]| sandbox.occtl(&[&["adopt", "-q", url], more].concat());

    // A server is not adopted without its password, and then nothing is recorded.
    for bad in [
        adopt(&guarded.url(), &[]),
        adopt(&guarded.url(), &[]).env("OPENCODE_SERVER_PASSWORD", "wrong"),
    ] {
        if can("the server asks for its password") {
            let refused = bad.run().fails(4);
            assert!(refused.stderr.contains("password"), "{}", refused.stderr);
        }
    }
    assert_eq!(sandbox.occtl(&["list", "-q"]).run().ok().stdout, "");

    let from_file =
        adopt(&guarded.url(), &["--password-file", file, "--name", "guarded"]).run().ok().stdout;
    let plain = adopt(&open.url(), &[]).run().ok().stdout;
    for id in [from_file.trim(), plain.trim()] {
        let facts = sandbox.occtl(&["status", id, "--json"]).run().ok().json();
        assert_eq!((&facts["state"], &facts["adopted"]), (&json!("idle"), &json!(true)), "{facts}");
        assert_eq!(facts["workdir"], json!(sandbox.work()), "{facts}");
        let sent = sandbox.occtl(&["send", id, "--wait", "[[echo answered]]"]).run().ok();
        assert!(sent.stdout.contains("answered"), "{sent:?}");
        let tail = sandbox.occtl(&["tail", id, "-l"]).run().ok();
        assert!(tail.stdout.contains("answered"), "{tail:?}");
        // These commands do not end an adopted server.
        sandbox.occtl(&["cleanup", "-m", "0"]).run().ok();
        sandbox.occtl(&["doctor", "--fix"]).run().ok();
    }
    let listed = sandbox.occtl(&["list"]).run().ok();
    assert!(listed.stdout.contains(from_file.trim()) && !listed.stdout.contains("sesame"));
    for words in [vec!["stop", "guarded"], vec!["stop", "--force", plain.trim()]] {
        let stopped = sandbox.occtl(&words).run().ok();
        assert!(stopped.stdout.contains("forgotten"), "{}", stopped.stdout);
    }
    let by_variable =
        adopt(&guarded.url(), &[]).env("OPENCODE_SERVER_PASSWORD", "sesame").run().ok().stdout;
    sandbox.occtl(&["send", by_variable.trim(), "--wait", "hello"]).run().ok();
    sandbox.occtl(&["stop", by_variable.trim()]).run().ok();

    // If its process is known, `stop --kill` ends it.
    let port = format!("--port {}", open.port);
    let pid = sandbox.wait_for_process(|line| line.contains(&port));
    let id = adopt(&open.url(), &["--pid", &pid.to_string()]).run().ok().stdout;
    let stopped = sandbox.occtl(&["stop", "--kill", id.trim()]).run().ok();
    // Threads of a process hold its port for a moment longer.
    let free = std::net::TcpListener::bind(("127.0.0.1", open.port));
    assert!(free.is_ok(), "{free:?}");
    assert!(!stopped.stdout.contains("forgotten"), "{}", stopped.stdout);
    assert!(!is_running(pid));
}

#[test]
fn a_server_at_an_outer_address_is_adopted_as_well() {
    let Some(address) = outer_address() else {
        eprintln!(
            "this machine has no address but the loopback: adoption of another host is not tested"
        );
        return;
    };
    let (sandbox, _model) = Sandbox::real("adopt-outer");
    let port = sandbox.free_port().to_string();
    let program = program(&version());
    let words = ["serve", "--port", &port, "--hostname", &address];
    let mut outer =
        sandbox.command(program, &words).env("OPENCODE_SERVER_PASSWORD", "sesame").spawn();
    outer.wait_for_line("listening on", SOON);
    let url = format!("http://{address}:{port}");
    let adopt = sandbox.occtl(&["adopt", "-q", &url]).env("OPENCODE_SERVER_PASSWORD", "sesame");
    let id = adopt.run().ok().stdout;
    sandbox.occtl(&["send", id.trim(), "--wait", "hello"]).run().ok();
    let facts = sandbox.occtl(&["list", "--json"]).run().ok().json();
    assert_eq!(facts["sessions"][0]["url"], url.as_str());
    assert_eq!(facts["sessions"][0]["adopted"], true);
    sandbox.occtl(&["stop", id.trim()]).run().ok();
}
