//! What a turn cost, where that is not known.

use serde_json::{Value, json};

use super::{sandbox, send};

#[test]
fn without_usage_the_cost_is_unknown_and_a_limit_of_it_gives_a_warning() {
    let sandbox = sandbox("no-usage", json!({}));
    let session = sandbox.start(&[]);
    let faults = json!({"turn": {"no_usage": true}});
    let flags = ["--wait", "--json", "--max-cost", "1"];
    let sent = send(&sandbox, &session, &faults, &flags).ok();
    let record = sent.json();
    assert_eq!((&record["cost_usd"], &record["cost_known_usd"]), (&Value::Null, &Value::Null));
    assert_eq!(record["limits_unenforceable"], json!(["--max-cost"]));
    assert!(sent.stderr.contains("scripted does not report what echo used"), "{}", sent.stderr);
    let sent = send(&sandbox, &session, &faults, &["--wait", "--json"]).ok();
    assert_eq!((&sent.json()["limits_unenforceable"], sent.stderr.as_str()), (&json!([]), ""));
    // A conversation in which the cost of one turn is known, and that of another one is not.
    let conversation = sent.json()["conversation"].as_str().unwrap().to_owned();
    let words = ["send", &session, "-s", &conversation, "--wait", "--json", "x"];
    let known = sandbox.occtl(&words).run().ok().json()["cost_usd"].clone();
    assert!(known.as_f64().unwrap() > 0.0, "{known}");
    let words = ["usage", &session, "-s", &conversation];
    let usage = sandbox.occtl(&words).args(&["--json"]).run().ok().json();
    let total = &usage["total"];
    assert_eq!((&total["cost_usd"], &total["cost_known_usd"]), (&Value::Null, &known));
    let shown = sandbox.occtl(&words).run().ok().stdout;
    assert!(shown.contains("> $0.0"), "{shown}");
}

#[test]
fn a_server_that_does_not_say_its_prices_leaves_a_cost_of_nothing_unknown() {
    let sandbox = sandbox("no-prices", json!({}));
    let session = sandbox.start(&[]);
    let model = json!({"name": "Echo", "cost": {"input": 0, "output": 0}});
    let providers = json!({"providers": [{"id": "scripted", "models": {"echo": model}}]});
    // The stand-in reckons a cost all the same, so only the warning tells.
    for (faults, status) in [
        (json!({"status": {"/config/providers": 500}, "turn": {"never_ends": true}}), 124),
        (
            json!({"body": {"/config/providers": {"providers": []}}, "turn": {"never_ends": true}}),
            124,
        ),
        (
            json!({"body": {"/config/providers": providers}, "status": {"/config": 500},
            "turn": {"never_ends": true}}),
            124,
        ),
    ] {
        let flags = ["--wait", "--json", "--max-cost", "1", "-t", "2"];
        let sent = send(&sandbox, &session, &faults, &flags).fails(status);
        assert!(sent.stderr.contains("scripted/echo has no price"), "{faults}: {}", sent.stderr);
        assert_eq!(sent.json()["limits_unenforceable"], json!(["--max-cost"]), "{faults}");
        assert_eq!(sent.json()["cost_usd"], Value::Null, "{faults}");
    }
}

#[test]
fn a_message_that_cost_nothing_says_so_only_if_its_model_states_such_a_price() {
    let sandbox = sandbox("free", json!({}));
    let session = sandbox.start(&[]);
    let sent = send(&sandbox, &session, &json!({}), &["--wait", "--json"]).ok().json();
    let conversation = sent["conversation"].as_str().unwrap();
    let words = ["-s", conversation];
    let exported = sandbox.occtl(&["export", &session]).args(&words).run().ok().json();
    let mut messages = exported["messages"].clone();
    messages[1]["info"]["cost"] = json!(0);
    let mut unused = messages.clone();
    unused[1]["info"]["tokens"] = json!({"input": 0, "output": 0, "cache": {"read": 0}});
    let model = json!({"name": "Echo", "cost": {"input": 0, "output": 0}});
    let stated = json!({"provider": {"scripted": {"models": {"echo": model}}}});
    let bare = json!({"provider": {"scripted": {"models": {"echo": {"name": "Echo"}}}}});
    let providers = json!({"providers": [{"id": "scripted", "models": {"echo": model}}]});
    let path = format!("/session/{conversation}/message");
    for (messages, configuration, expected) in [
        (&messages, &stated, json!(0.0)),
        (&messages, &bare, Value::Null),
        (&unused, &stated, Value::Null),
    ] {
        let bodies = json!({&path: messages, "/config": configuration,
            "/config/providers": providers});
        sandbox.set_faults(&json!({"body": bodies}));
        for count in ["5", "5000"] {
            let words = ["tail", &session, "-s", conversation, "--json", "-n", count];
            let tail = sandbox.occtl(&words).run().ok().json();
            assert_eq!(tail["messages"][1]["cost_usd"], expected, "{configuration} -n {count}");
            assert_eq!(tail["messages"][0]["cost_usd"], Value::Null);
        }
    }
    sandbox.set_faults(&json!({}));
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn prices_are_asked_for_only_where_a_cost_is_shown_or_limited() {
    let sandbox = sandbox("price-questions", json!({}));
    let session = sandbox.start(&[]);
    for (flags, asks) in [
        (&["--wait"][..], false),
        (&["--wait", "--max-cost", "1"], true),
        (&["--wait", "--json"], true),
    ] {
        let before = sandbox.stand_in_requests().len();
        send(&sandbox, &session, &json!({"turn": {"free": true}}), flags).ok();
        let requests = sandbox.stand_in_requests().split_off(before);
        let asked = requests.iter().any(|one| one["path"] == "/config/providers");
        assert_eq!(asked, asks, "{flags:?}: {requests:?}");
    }
    sandbox.occtl(&["stop", "--all"]).run().ok();
}
