//! Reading long conversations, and from servers that are slow or broken.

use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use super::{TEXT, sandbox};
use crate::support::processes::poll;
use crate::support::sandbox::Sandbox;

const SOON: Duration = Duration::from_secs(25);
/// How much memory a command may use for its data. The pages of the program itself do not count.
pub(super) const MEMORY_KIB: u64 = 8 * 1024;

/// The queries of all requests for messages so far.
fn pages(sandbox: &Sandbox) -> Vec<Value> {
    let requests = sandbox.stand_in_requests().into_iter();
    let messages = requests.filter(|one| one["path"].as_str().unwrap().ends_with("/message"));
    messages.map(|one| one["query"].clone()).collect()
}

/// The id of the only conversation of a session. It was not opened by occtl.
fn only(sandbox: &Sandbox, id: &str) -> String {
    sandbox.occtl(&["sessions", id, "-q"]).run().ok().stdout.trim().to_owned()
}

#[test]
fn to_show_five_messages_of_a_long_history_five_are_read() {
    let sandbox = sandbox("long", json!({"messages": 20_000}));
    let id = sandbox.start(&[]);
    let shown = sandbox.occtl(&["tail", &id]).run().ok().stdout;
    assert!(shown.ends_with("message 19998\n\n━━━ assistant ━━━\nmessage 19999\n\n"), "{shown}");
    let asked = pages(&sandbox);
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!(asked[0]["limit"], "5");
    // A filter reads more pages, but only as many as it needs.
    let found = sandbox.occtl(&["tail", &id, "-n", "2", "--role", "user"]).run().ok().stdout;
    assert_eq!(found, "━━━ user ━━━\nmessage 19996\n\n━━━ user ━━━\nmessage 19998\n\n");
    let last = pages(&sandbox).pop().unwrap();
    assert_eq!((&last["limit"], &last["before"]), (&json!("20"), &Value::Null));
}

#[test]
fn a_history_of_any_length_takes_little_memory() {
    let sandbox = sandbox("memory", json!({"messages": 20_000}));
    let id = sandbox.start(&[]);
    for words in [
        &["tail", &id, "-n", "5"][..],
        &["tail", &id, "-g", "message 7"],
        &["tail", &id, "-n", "10000000", "--json"],
        &["tail", &id, "-n", "5000"],
        &["tail", &id, "-f", "-n", "1000000", "-r"],
        &["export", &id],
        &["usage", &id],
        &["diff", &id],
    ] {
        let script = format!("ulimit -d {MEMORY_KIB} && exec \"$0\" \"$@\"");
        sandbox.shell(&script, words).run().ok();
    }
    let all = sandbox.occtl(&["tail", &id, "-n", "5000", "--json"]).run().ok().json();
    let all = all["messages"].as_array().unwrap();
    assert_eq!((all.len(), &all[0]["text"]), (5000, &json!("message 15000")));
}

#[test]
fn an_old_server_without_cursors_gives_the_same_messages() {
    let sandbox = sandbox("no-cursors", json!({"messages": 300, "no_cursors": true}));
    let id = sandbox.start(&[]);
    let texts = |flags: &[&str]| {
        let found = sandbox.occtl(&["tail", &id, "--json"]).args(flags).run().ok().json();
        let found = found["messages"].as_array().unwrap().iter();
        found.map(|one| one["text"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(texts(&["--role", "user", "-n", "2"]), ["message 296", "message 298"]);
    // The first message is on no page that can be asked for.
    assert_eq!(texts(&["-n", "1", "-g", "message 0"]), ["message 0"]);
    let all: Vec<String> = (0..300).map(|number| format!("message {number}")).collect();
    assert_eq!(texts(&["-n", "500"]), all);
}

#[test]
fn bad_words_are_refused_before_anything_is_asked() {
    let sandbox = sandbox("words", json!({"messages": 2}));
    let id = sandbox.start(&[]);
    let asked = sandbox.stand_in_requests().len();
    let not_text = std::ffi::OsStr::from_bytes(b"a\xff");
    let refused = sandbox.occtl(&["tail", &id, "-g"]).args(&[not_text]).run().fails(2);
    assert!(refused.stderr.contains("--search is not UTF-8"), "{}", refused.stderr);
    for words in [
        &["-n", "-1"][..],
        &["-n", "many"],
        &["-n", "99999999999999999999999"],
        &["--role", "system"],
        &["-g", ""],
        &["-t", "0"],
    ] {
        sandbox.occtl(&["tail", &id]).args(words).run().fails(2);
    }
    assert_eq!(sandbox.stand_in_requests().len(), asked);
}

#[test]
fn a_followed_conversation_is_written_to_a_file_once_it_is_idle() {
    let sandbox = sandbox("both", json!({"messages": 2}));
    let id = sandbox.start(&[]);
    let alone = sandbox.occtl(&["tail", &id]).run().ok().stdout;
    let both = sandbox.occtl(&["tail", &id, "-f", "-o", "talk.txt"]).run().ok().stdout;
    assert_eq!(both, format!("{alone}Exported 2 messages to talk.txt\n"));
    assert_eq!(std::fs::read_to_string(sandbox.work().join("talk.txt")).unwrap(), alone);
}

#[test]
fn broken_servers_are_distinguished_from_missing_conversations() {
    let sandbox = sandbox("broken", json!({"messages": 50}));
    let id = sandbox.start(&[]);
    let tail =
        |status: i32| sandbox.occtl(&["tail", &id, "--json"]).run().fails(status).json_error();
    let messages = "/session/*/message";
    sandbox.set_faults(&json!({"status": {messages: 404}}));
    let gone = tail(3);
    assert!(gone["message"].as_str().unwrap().contains("was deleted meanwhile"), "{gone}");
    sandbox.set_faults(&json!({"cut_body": [messages]}));
    assert_eq!(tail(4)["code"], "unreachable");
    sandbox.set_faults(&json!({"html": [messages]}));
    assert_eq!(tail(4)["code"], "unreachable");
    sandbox.set_faults(&json!({"status": {messages: 500}}));
    assert_eq!(tail(1)["code"], "failed");
    // A file is written as a whole or not at all.
    let path = sandbox.work().join("kept");
    std::fs::write(&path, "old").unwrap();
    sandbox.set_faults(&json!({"cut_body": [messages]}));
    for command in ["tail", "export"] {
        sandbox.occtl(&[command, &id, "-o", "kept"]).run().fails(4);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
    }
    // Fields of an unexpected type are passed over.
    let odd = json!([{"info": {"id": "msg_1", "role": 7, "time": "now", "error": [1]},
        "parts": [{"id": "prt_1", "type": "text", "text": {"a": 1}, "state": "x"}]}]);
    sandbox.set_faults(&json!({"body": {messages: odd}}));
    let shown = sandbox.occtl(&["tail", &id, "--tools"]).run().ok().stdout;
    assert_eq!(shown, "━━━ unknown ━━━\n\n");
    // A circle of parents has an end.
    let circle = json!({"id": "ses_a", "parentID": "ses_a", "directory": "/"});
    sandbox.set_faults(
        &json!({"body": {"/session/ses_a": circle, "/session/ses_a/children": [circle]}}),
    );
    let chain = sandbox.occtl(&["chain", &id, "-s", "ses_a"]).run().ok().stdout;
    assert_eq!(chain.lines().count(), 3, "{chain}");
}

#[test]
fn following_keeps_its_limit_and_hears_signals_whatever_the_server_does() {
    let sandbox = sandbox("broken-follow", json!({"messages": 50}));
    let id = sandbox.start(&[]);
    // The server says nothing.
    sandbox.set_faults(&json!({"silence": ["/session/status", "/event"]}));
    let followed = sandbox.occtl(&["tail", &id, "-f", "-t", "1"]).run().fails(124);
    assert!(followed.elapsed < Duration::from_secs(15), "{:?}", followed.elapsed);
    // A request may take ten seconds, but a signal does not wait for it.
    sandbox.set_faults(&json!({"silence": ["/session/*/message"]}));
    let before = sandbox.stand_in_requests().len();
    let following = sandbox.occtl(&["tail", &id, "-f"]).spawn();
    let reads = |one: &Value| one["path"].as_str().is_some_and(|path| path.ends_with("/message"));
    sandbox.wait_for_request(before, reads);
    let signalled = Instant::now();
    following.signal(Signal::INT);
    following.wait(SOON).fails(130);
    assert!(signalled.elapsed() < Duration::from_secs(8), "{:?}", signalled.elapsed());
    // Without events it is slower, but just as complete.
    sandbox.set_faults(&json!({"status": {"/event": 500}}));
    sandbox.occtl(&["send", &id, "-s", &only(&sandbox, &id), "hello there"]).run().ok();
    let followed = sandbox.occtl(&["tail", &id, "-f", "-n", "0"]).run().ok().stdout;
    let followed = followed + &sandbox.occtl(&["tail", &id]).run().ok().stdout;
    assert!(followed.contains("━━━ assistant ━━━\nhello there\n"), "{followed}");
}

#[test]
fn an_event_stream_that_is_slow_to_open_is_given_more_time() {
    let slow = json!({"messages": 2, "delay_ms": {"/event": 700}});
    let sandbox = sandbox("slow", slow);
    let id = sandbox.start(&[]);
    let only = only(&sandbox, &id);
    sandbox.occtl(&["send", &id, "-s", &only, "one two three four five six"]).run().ok();
    let followed = sandbox.occtl(&["tail", &id, "-f"]).run().ok().stdout;
    assert!(followed.contains("one two three four five six"), "{followed}");
    let opened = sandbox.stand_in_requests().iter().filter(|one| one["path"] == "/event").count();
    assert!((2..4).contains(&opened), "one try that was too short, and one that was not: {opened}");
}

#[test]
fn whatever_the_events_do_a_follower_reads_the_text_once() {
    let sandbox = sandbox("odd-events", json!({}));
    let id = sandbox.start(&[]);
    for events in [
        json!({"silent": true}),
        json!({"duplicate": true}),
        json!({"garbage": true, "deltas_before_part": true, "close_after": 5}),
    ] {
        let send = |flags: &[&str]| {
            sandbox.occtl(&["send", &id, "--json", TEXT]).args(flags).run().ok().json()
        };
        sandbox.set_faults(&json!({"events": events, "turn": {"delta_ms": 60, "hold": true}}));
        let first = send(&["--title", "t"]);
        let conversation = first["conversation"].as_str().unwrap();
        // Of two prompts that have not begun, only the newer one is answered: the second one comes
        // when the first turn has begun.
        let begun = || {
            let read =
                sandbox.occtl(&["tail", &id, "-s", conversation, "--json"]).run().ok().json();
            (read["messages"][1]["role"] == "assistant").then_some(())
        };
        poll(SOON, begun).expect("the beginning of the first turn");
        send(&["-s", conversation]);
        let mut follower = sandbox.occtl(&["tail", &id, "-f", "-s", conversation]).spawn();
        follower.wait_for_line("━━━ user ━━━", SOON);
        // Both answers are written while the follower reads.
        sandbox.set_faults(&json!({"events": events, "turn": {"delta_ms": 60}}));
        let followed = follower.wait(SOON).ok().stdout;
        let turn = format!("━━━ user ━━━\n{TEXT}\n\n━━━ assistant ━━━\n{TEXT}\n\n");
        let whole = turn.repeat(2);
        assert_eq!(followed, whole, "{events}");
    }
}

#[test]
fn a_stream_that_always_ends_at_once_is_opened_again_only_after_pauses() {
    let faults = json!({"events": {"close_after": 1}, "turn": {"never_ends": true}});
    let sandbox = sandbox("ending", faults);
    let id = sandbox.start(&[]);
    sandbox.occtl(&["send", &id, "--title", "t", "x"]).run().ok();
    sandbox.occtl(&["tail", &id, "-f", "-t", "3"]).run().fails(124);
    let opened = sandbox.stand_in_requests().iter().filter(|one| one["path"] == "/event").count();
    assert!((2..8).contains(&opened), "{opened} within three seconds");
}

#[test]
fn the_limit_of_following_holds_from_the_first_request_on() {
    let sandbox = sandbox("silent-first", json!({"messages": 2}));
    let id = sandbox.start(&[]);
    for silent in ["/session", "/session/*/message"] {
        sandbox.set_faults(&json!({"silence": [silent]}));
        let followed = sandbox.occtl(&["tail", &id, "-f", "-t", "1"]).run().fails(124);
        assert!(followed.elapsed < Duration::from_secs(12), "{silent}: {:?}", followed.elapsed);
    }
}
