//! `usage --since`: every step once, and what is unknown.

use serde_json::{Value, json};

use super::{sandbox, send};
use crate::docs::compare;
use crate::support::processes::kill;
use crate::support::sandbox::Sandbox;
use crate::support::session::Session;

#[test]
fn every_step_since_a_day_counts_once_whatever_sessions_share_and_forks_copy() {
    let sandbox = sandbox("usage-since", json!({}));
    let first = Session::start(&sandbox, &[]);
    let id = first.id.clone();
    let usage = |words: &[&str]| {
        let words = [&["usage", "--since", "yesterday", "--json"], words].concat();
        sandbox.occtl(&words).run().ok()
    };
    let nothing = usage(&[]).json();
    assert_eq!((&nothing["total"]["steps"], &nothing["rows"]), (&json!(0), &json!([])));
    assert_eq!(nothing["total"]["cost_usd"], 0.0);
    let sent = open_three(&sandbox, &first);
    let all = usage(&["--by", "model"]).json();
    assert_eq!(all["total"]["steps"], 3, "{all}");
    assert_eq!(all["rows"][0]["key"], "scripted/echo");
    let cost = sent["cost_usd"].as_f64().unwrap();
    assert!(all["total"]["cost_usd"].as_f64().unwrap() > 2.0 * cost, "{all}");
    // The price of a step is not known, so neither is the sum.
    send(&sandbox, &id, &json!({"turn": {"no_usage": true}}), &["--wait"]).ok();
    let all = usage(&["--by", "agent"]).json();
    assert_eq!((&all["total"]["steps"], &all["total"]["cost_usd"]), (&json!(4), &Value::Null));
    assert!(all["total"]["cost_known_usd"].as_f64().unwrap() > 0.0, "{all}");
    let shown = sandbox.occtl(&["usage", &id, "--since", "0d"]).run().ok().stdout;
    assert!(shown.starts_with("Day ") && shown.contains("> $0.0"), "{shown}");
    assert!(shown.lines().last().unwrap().starts_with("Total"), "{shown}");
    // Days: all of it is of today, and nothing is left if the span ends before.
    let days = usage(&["--until", "today"]).json();
    assert_eq!(days["rows"].as_array().unwrap().len(), 1, "{days}");
    assert_eq!(days["total"]["steps"], 4);
    let before = usage(&["--until", "yesterday"]).json();
    assert_eq!(before["total"]["steps"], 0, "{before}");
    // The stand-in of another directory has conversations of its own, and a third one is dead.
    let other = sandbox.start(&["-w", "other"]);
    send(&sandbox, &other, &json!({}), &["--wait"]).ok();
    let dead = sandbox.start(&["-w", "gone"]);
    kill(sandbox.server_pid(&dead));
    let told = usage(&["--by", "session"]);
    let sessions = told.json();
    assert_eq!(sessions["total"]["steps"], 5, "{sessions}");
    let keys: Vec<&Value> =
        sessions["rows"].as_array().unwrap().iter().map(|row| &row["key"]).collect();
    assert_eq!(keys.len(), 2, "{sessions}");
    assert!(keys.contains(&&json!(id)) && keys.contains(&&json!(other)), "{sessions}");
    assert_eq!(sessions["missing"][0]["session"], *dead);
    assert!(told.stderr.contains("not counted: everything of session"), "{}", told.stderr);
    compare("occtl usage --since", &[sessions, days]);
    sandbox.occtl(&["usage", &dead, "--since", "today"]).run().fails(4);
}

/// Sends one prompt, one to a sub-agent, and one to a fork of the first; gives the first record.
fn open_three(sandbox: &Sandbox, first: &Session) -> Value {
    let sent = send(sandbox, &first.id, &json!({}), &["--wait", "--json"]).ok().json();
    let root = sent["conversation"].as_str().unwrap().to_owned();
    let body = json!({"title": "t", "parentID": root});
    let child = first.ask("POST", "/session", first.directory(), &body).json();
    let child = child["id"].as_str().unwrap().to_owned();
    first.run("send", &["-s", &child, "--wait", "-q", "below"]).ok();
    let forked = first.run("fork", &["-s", &root, "--json"]).ok().json();
    let fork = forked["conversation"].as_str().or(forked["id"].as_str()).unwrap().to_owned();
    first.run("send", &["-s", &fork, "--wait", "-q", "again"]).ok();
    sent
}

#[test]
fn a_span_that_cannot_be_is_refused() {
    let sandbox = sandbox("usage-span", Value::Null);
    for words in [
        &["--since", "tomorrow"][..],
        &["--since", "2026-13-01"],
        &["--since", "today", "--until", "yesterday"],
        &["--since", "today", "--by", "hour"],
        &["--since", "today", "-s", "ses_1"],
        &["oc-1", "--by", "day"],
        &["oc-1", "--until", "today"],
    ] {
        sandbox.occtl(&["usage"]).args(words).run().fails(2);
    }
}
