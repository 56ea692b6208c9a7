//! A stdout that does not block, as a Node parent leaves it, and a reader that is slow: no byte is
//! lost.

use std::time::Duration;

use serde_json::json;

use super::sandbox;
use crate::support::processes::kill;

const SOON: Duration = Duration::from_secs(90);

/// Many times what a pipe holds.
const LONG: usize = 1_000_000;

#[test]
fn every_byte_arrives_also_where_stdout_does_not_block() {
    let sandbox = sandbox("not-blocking", json!({}));
    let id = sandbox.start(&[]);
    let long = "x".repeat(LONG);
    sandbox.occtl(&["send", &id, "--wait", "-"]).stdin(&long).run().ok();
    sandbox.set_faults(&json!({"body": {"/config": {"theme": long}}}));
    for words in [
        &["export", &id][..],
        &["tail", &id],
        &["tail", &id, "--json"],
        &["tail", &id, "-r", "-f"],
        &["config", &id],
        &["config", &id, "--json"],
    ] {
        let expected = sandbox.occtl(words).run().ok().stdout_bytes;
        assert!(expected.len() > LONG, "{words:?}: only {} bytes", expected.len());
        let slow = sandbox.occtl(words).stdout_that_does_not_block().run().ok();
        assert!(slow.stdout_bytes == expected, "{words:?}: {} bytes", slow.stdout_bytes.len());
    }
    // Events pass by; each is a whole document, and none is missing up to the end of the turn.
    let before = sandbox.stand_in_requests().len();
    let mut events = sandbox.occtl(&["events", &id]).stdout_that_does_not_block().spawn();
    sandbox.wait_for_request(before, |request| request["path"] == "/event");
    sandbox.occtl(&["send", &id, "--wait", "-"]).stdin(&long).run().ok();
    events.wait_for_line("session.idle", SOON);
    kill(sandbox.server_pid(&id));
    let events = events.wait(SOON).fails(4).json_lines();
    let texts = events.iter().filter_map(|event| event["properties"]["part"]["text"].as_str());
    assert!(texts.filter(|text| text.len() >= LONG).count() >= 2, "the prompt and its answer");
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}
