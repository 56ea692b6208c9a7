//! Servers whose clock is not that of this machine, and conversations that are ahead of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::{TEXT, sandbox};
use crate::support::sandbox::Sandbox;

/// What every server of these tests does: it goes by ids, and its turns take a moment.
fn by_ids(clock_ms: i64) -> Value {
    json!({"ids_decide": true, "version": "1.14.34", "clock_ms": clock_ms})
}

/// Sends a prompt with these words; gives the record and what was said on stderr.
#[track_caller]
fn answered_once(sandbox: &Sandbox, session: &str, words: &[&str]) -> (Value, String) {
    let flags = ["send", session, "--wait", "--json", "-t", "40", TEXT];
    let sent = sandbox.occtl(&flags).args(words).run().ok();
    let record = sent.json();
    assert_eq!((&record["outcome"], &record["text"]), (&json!("ok"), &json!(TEXT)), "{words:?}");
    assert_eq!(record["steps"], 1, "{words:?}");
    (record, sent.stderr)
}

#[test]
fn a_prompt_is_dated_by_the_servers_clock_and_a_difference_is_said_once() {
    let sandbox = sandbox("other-clock", by_ids(0));
    let session = sandbox.start(&[]);
    for (clock_ms, words) in [(90_000, "s ahead of that"), (-90_000, "s behind that"), (0, "")] {
        sandbox.set_faults(&by_ids(clock_ms));
        let (first, said) = answered_once(&sandbox, &session, &["--title", "t"]);
        assert_eq!(said.matches("warning: the clock of").count(), usize::from(clock_ms != 0));
        assert!(said.contains(words), "{said}");
        let conversation = first["conversation"].as_str().unwrap();
        let (second, _) = answered_once(&sandbox, &session, &["-s", conversation]);
        assert!(first["turn"].as_str() < second["turn"].as_str());
    }
}

#[test]
fn a_server_whose_process_is_not_known_is_sent_no_id_that_is_ahead_of_its_clock() {
    let sandbox = sandbox("adopted-clock", by_ids(-700));
    let server = sandbox.serve();
    let session = sandbox.occtl(&["adopt", &server.url(), "-q"]).run().ok().stdout;
    let (_, said) = answered_once(&sandbox, session.trim(), &["--title", "t"]);
    assert_eq!(said, "");
}

#[test]
fn after_the_clock_stepped_back_a_prompt_waits_until_it_is_answered_once() {
    let sandbox = sandbox("stepped-back", by_ids(3_000));
    let session = sandbox.start(&[]);
    let (first, _) = answered_once(&sandbox, &session, &["--title", "t"]);
    let conversation = first["conversation"].as_str().unwrap();
    sandbox.set_faults(&by_ids(0));
    let (second, _) = answered_once(&sandbox, &session, &["-s", conversation]);
    assert!(first["turn"].as_str() < second["turn"].as_str());
}

#[test]
fn a_conversation_that_stays_ahead_for_longer_than_the_limit_is_refused() {
    let sandbox = sandbox("far-ahead", by_ids(3_600_000));
    let session = sandbox.start(&[]);
    let (first, _) = answered_once(&sandbox, &session, &["--title", "t"]);
    let conversation = first["conversation"].as_str().unwrap();
    sandbox.set_faults(&by_ids(0));
    let before = sandbox.stand_in_requests().len();
    for words in [&["--wait"][..], &[]] {
        let send = ["send", &session, "-s", conversation, "-t", "30", TEXT];
        let refused = sandbox.occtl(&send).args(words).run().fails(1);
        assert!(refused.elapsed < Duration::from_secs(20), "{:?}", refused.elapsed);
        for words in [conversation, "ahead of the clock", "nothing was sent", "new conversation"] {
            assert!(refused.stderr.contains(words), "{}", refused.stderr);
        }
    }
    let sent = |request: &Value| request["method"] == "POST" && request["path"] != "/session";
    assert!(!sandbox.stand_in_requests()[before..].iter().any(sent));
}
