//! `tail`: what it shows, which messages it finds, and following.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;

use super::{send, start};
use crate::support::opencode::config;
use crate::support::processes::poll;
use crate::support::sandbox::Sandbox;

const SOON: Duration = Duration::from_secs(120);

#[test]
fn every_flag_does_what_it_says() {
    let (sandbox, _model) = Sandbox::real("tail-flags");
    let id = start(&sandbox);
    let long = "x".repeat(600);
    let first = send(&sandbox, &id, &["[[echo one [bold] [/usr/bin] it]]"]);
    send(
        &sandbox,
        &id,
        &[
            "-s",
            &first,
            "[[bash printf 'a\\nb'; printf '\\033[31mred']] [[read missing]] [[echo two]]",
        ],
    );
    send(&sandbox, &id, &["-s", &first, &format!("[[echo {long}]]")]);
    let tail = |flags: &[&str]| sandbox.occtl(&["tail", &id]).args(flags).run().ok().stdout;
    // The session has no other conversation, so it need not be named; five messages are the default.
    let shown = tail(&[]);
    assert_eq!(shown.matches("━━━ ").count(), 5, "{shown}");
    assert!(shown.contains(&long), "nothing is cut in a pipe");
    let all = tail(&["-n", "10000000"]);
    assert!(all.starts_with("━━━ user ━━━\n[[echo one [bold] [/usr/bin] it]]\n\n━━━ assistant ━━━\none [bold] [/usr/bin] it\n"), "{all}");
    assert!(
        all.contains("  ⚡ bash (completed)\n") && all.contains("  ⚡ read (error)\n"),
        "{all}"
    );
    assert_eq!(tail(&["-n", "0"]), "");
    assert_eq!(tail(&["-l"]), format!("━━━ assistant ━━━\n{long}\n\n"));
    assert_eq!(tail(&["-n", "1", "--role", "user"]).lines().next(), Some("━━━ user ━━━"));
    // The filters come before the cut, and the text is searched in any case.
    assert_eq!(
        tail(&["-n", "1", "-g", "ONE ["]),
        "━━━ assistant ━━━\none [bold] [/usr/bin] it\n\n"
    );
    assert_eq!(tail(&["-g", "nobody said this"]), "");
    let tools = tail(&["-n", "100", "--tools"]);
    assert!(tools.contains("    → a\n      b\\x1b[31mred\n"), "{tools}");
    assert!(tools.contains("filePath: missing") && tools.contains("File not found"), "{tools}");
    let dated = tail(&["-l", "-T"]);
    let heading = dated.lines().next().unwrap().strip_prefix("━━━ assistant ━━━ 20").unwrap();
    assert_eq!(heading.len(), "26-01-01 00:00:00".len(), "{heading}");

    let json = sandbox.occtl(&["tail", &id, "-n", "100", "--tools", "--json"]).run().ok().json();
    let messages = json["messages"].as_array().unwrap();
    assert_eq!((&json["session"], &json["conversation"]), (&json!(id), &json!(first)));
    let (prompt, answer) = (&messages[0], &messages[1]);
    assert_eq!((&prompt["role"], &prompt["turn"]), (&json!("user"), &prompt["id"]));
    assert_eq!((&answer["role"], &answer["turn"]), (&json!("assistant"), &prompt["id"]));
    assert_eq!(answer["text"], "one [bold] [/usr/bin] it");
    assert_eq!(answer["model"], json!({"provider": "scripted", "id": "echo", "variant": null}));
    assert!(answer["completed_at"].as_str().unwrap().ends_with('Z'));
    let calls: Vec<_> = messages.iter().flat_map(|one| one["tools"].as_array().unwrap()).collect();
    assert_eq!(calls[0]["output"], "a\nb\u{1b}[31mred");
    assert_eq!(calls[1]["status"], "error");
    assert!(calls[1]["error"].as_str().unwrap().contains("missing"));

    // A turn is named by its prompt; then all its messages are shown.
    let turn = messages[2]["id"].as_str().unwrap();
    let of_turn = sandbox.occtl(&["tail", &id, "--turn", turn, "--json"]).run().ok().json();
    assert_eq!(of_turn["messages"].as_array().unwrap().len(), 4, "{of_turn}");
    let step = messages[3]["id"].as_str().unwrap();
    let refused = sandbox.occtl(&["tail", &id, "--turn", step]).run().fails(3);
    assert!(refused.stderr.contains(turn), "{}", refused.stderr);
    sandbox.occtl(&["tail", &id, "--turn", "msg_0000"]).run().fails(3);

    // As in 0.4.0, -r is each text alone, and -l the newest message of the assistant.
    assert_eq!(tail(&["-r", "-l"]), format!("{long}\n"));
    let texts = format!("[[echo {long}]]\n{long}\n");
    assert_eq!(tail(&["-r", "-n", "2"]), texts, "no headings and no empty lines");
    assert_eq!(tail(&["-l", "--role", "user", "-r"]), format!("[[echo {long}]]\n"));
    let raw = sandbox.occtl(&["tail", &id, "-r", "-n", "2", "--json"]).run().ok().json_lines();
    assert_eq!(raw.len(), 2);
    assert_eq!(raw[1]["info"]["sessionID"], json!(first));
    assert!(raw[1]["parts"].is_array());

    // A file is complete or it is not there.
    let path = sandbox.work().join("out.txt");
    std::fs::write(&path, "old").unwrap();
    let file = path.to_str().unwrap();
    let exported = tail(&["-n", "3", "-o", file]);
    assert_eq!(exported, format!("Exported 3 messages to {file}\n"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), tail(&["-n", "3"]));
    std::fs::write(&path, "old").unwrap();
    let missing = sandbox.work().join("no/out.txt");
    sandbox.occtl(&["tail", &id, "-o", missing.to_str().unwrap()]).run().fails(3);
    sandbox.occtl(&["tail", &id, "-o", "/dev/full"]).run().fails(1);
    sandbox.occtl(&["tail", &id, "-o", file, "-s", "ses_unknown"]).run().fails(3);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "old", "the old file stays");
    let left = std::fs::read_dir(sandbox.work()).unwrap().flatten();
    let partial = left.filter(|file| file.file_name().to_string_lossy().contains("partial"));
    assert_eq!(partial.count(), 0, "no temporary file is left");

    // A reader that has gone is no error.
    let program = env!("CARGO_BIN_EXE_occtl");
    let piped = format!("set -o pipefail; '{program}' tail {id} -n 100 | head -n 1");
    assert_eq!(sandbox.command("bash", &["-c", &piped]).run().ok().stdout, "━━━ user ━━━\n");
}

#[test]
fn a_chain_begins_with_the_conversations_above() {
    let (sandbox, _model) = Sandbox::real("tail-chain");
    let id = start(&sandbox);
    let root = send(&sandbox, &id, &["[[task {{echo from the child}}]]"]);
    let chain = sandbox.occtl(&["chain", &id, "-s", &root, "--json"]).run().ok().json();
    let child = chain["conversations"][1]["id"].as_str().unwrap().to_owned();
    // The newest root conversation is meant, though the child was changed as late.
    let latest = sandbox.occtl(&["tail", &id, "--json"]).run().ok().json();
    assert_eq!(latest["conversation"], json!(root));
    let messages = |flags: &[&str]| {
        let run = sandbox.occtl(&["tail", &id, "-s", &child, "-C", "--json"]).args(flags).run();
        let found = run.ok().json()["messages"].clone();
        let found = found.as_array().unwrap().iter();
        found.map(|one| one["conversation"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(messages(&["-n", "3"]), [&root, &child, &child].map(String::from));
    let many = messages(&["-n", "2000"]);
    assert_eq!(many, messages(&["-n", "100"]), "many and few are read in different ways");
    assert_eq!(many.first(), Some(&root));
    let text = sandbox.occtl(&["tail", &id, "-s", &child, "-C"]).run().ok().stdout;
    assert!(text.starts_with(&format!("═══ {root} ═══\n")), "{text}");
}

#[test]
fn following_shows_text_as_it_is_written_and_ends_when_the_conversation_is_idle() {
    let (sandbox, model) = Sandbox::real("tail-follow");
    let id = start(&sandbox);
    let conversation = send(&sandbox, &id, &["warm"]);
    let prompt = |text: &str| {
        sandbox.occtl(&["send", &id, "-s", &conversation, text]).run().ok();
    };
    prompt(
        "[[wait start]][[text alpha ]][[wait gate]][[text omega]][[bash echo out]] [[echo end]]",
    );
    model.wait_for_gate("start", SOON);
    let mut follow = sandbox.occtl(&["tail", &id, "-f", "-n", "2"]).spawn();
    follow.wait_for_line("━━━ user ━━━", SOON);
    model.release("start");
    model.wait_for_gate("gate", SOON);
    let written = || follow.stdout().contains("━━━ assistant ━━━\nalpha").then_some(());
    poll(SOON, written).expect("text while it is being written");
    model.release("gate");
    let done = follow.wait(SOON).ok().stdout;
    let (_, answer) = done.split_once("━━━ assistant ━━━\n").unwrap();
    assert_eq!(answer, "alphaomega\n  ⚡ bash (completed)\n\n━━━ assistant ━━━\nend\n\n");

    // An idle conversation has nothing more to say.
    let idle = sandbox.occtl(&["tail", &id, "-f", "-l"]).run().ok();
    assert_eq!(idle.stdout, "━━━ assistant ━━━\nend\n\n");

    // With --json a line is a whole message.
    prompt("[[slow 5 20]]");
    let lines = sandbox.occtl(&["tail", &id, "-f", "-n", "2", "--json"]).run().ok().json_lines();
    assert_eq!(lines.last().unwrap()["text"], "w1 w2 w3 w4 w5");
    prompt("[[slow 5 20]]");
    let found =
        sandbox.occtl(&["tail", &id, "-f", "-n", "1", "-g", "W5", "-r", "--json"]).run().ok();
    assert!(found.json_lines().iter().all(|one| one["info"]["role"] == "assistant"));

    // Limits and signals end it in time, and the turn goes on.
    prompt("[[wait other]][[echo late]]");
    let limited = sandbox.occtl(&["tail", &id, "-f", "-t", "1"]).run().fails(124);
    assert!(limited.elapsed < Duration::from_secs(20), "{:?}", limited.elapsed);
    let mut follow = sandbox.occtl(&["tail", &id, "-f"]).spawn();
    follow.wait_for_line("━━━", SOON);
    follow.signal(Signal::INT);
    let interrupted = follow.wait(SOON).fails(130);
    assert_eq!(interrupted.stderr, "");
    let states = sandbox.occtl(&["sessions", &id, "--json"]).run().ok().json();
    assert_eq!(states["conversations"][0]["state"], "running");

    // A server that dies is no end.
    let follow = sandbox.occtl(&["tail", &id, "-f"]).spawn();
    let pid = sandbox.occtl(&["status", &id, "--json"]).run().ok().json()["pid"].as_u64().unwrap();
    crate::support::processes::signal(u32::try_from(pid).unwrap(), Signal::KILL);
    follow.wait(SOON).fails(4);
}

#[test]
fn filters_reach_back_and_following_goes_on_whatever_the_version() {
    let (sandbox, model) = Sandbox::real("tail-far");
    sandbox.configure(&sandbox.work(), &config(&model));
    let id = start(&sandbox);
    let conversation = send(&sandbox, &id, &["[[echo number 0]]"]);
    for number in 1..12 {
        let text = format!("[[echo number {number}]]");
        send(&sandbox, &id, &["-s", &conversation, &text]);
    }
    let texts = |flags: &[&str]| {
        let found = sandbox.occtl(&["tail", &id, "--json"]).args(flags).run().ok().json();
        let found = found["messages"].as_array().unwrap().iter();
        found.map(|one| one["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(texts(&["--role", "assistant", "-n", "2"]), ["number 10", "number 11"]);
    // The first is not on the first page.
    assert_eq!(texts(&["--role", "assistant", "-g", "number 0"]), ["number 0"]);
    assert_eq!(texts(&["-n", "500"]).len(), 24);
    sandbox.occtl(&["send", &id, "-s", &conversation, "[[slow 10 20]]"]).run().ok();
    let followed = sandbox.occtl(&["tail", &id, "-f", "-n", "1"]).run().ok().stdout;
    assert!(followed.ends_with("w1 w2 w3 w4 w5 w6 w7 w8 w9 w10\n\n"), "{followed}");
}
