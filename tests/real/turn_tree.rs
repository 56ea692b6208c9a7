//! Several turns of one conversation, turns of sub-agents, and waiting for turns.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::opencode::{config, version};
use crate::support::processes::{has_socket, is_waiting, kill, poll};
use crate::support::sandbox::Sandbox;

const SOON: Duration = Duration::from_secs(120);

#[test]
fn a_prompt_before_a_newer_one_is_superseded_and_an_aborted_turn_is_aborted() {
    let (sandbox, model) = Sandbox::real("superseded");
    let id = sandbox.start(&[]);
    let first = ["send", &id, "--title", "t", "--wait", "--json", "[[wait gate]][[echo first]]"];
    let first = sandbox.occtl(&first).spawn();
    model.wait_for_gate("gate", SOON);
    let conversation = sandbox.occtl(&["sessions", &id, "-q"]).run().ok().stdout;
    let conversation = conversation.trim();
    let send = |message: &str| {
        let words = ["send", &id, "-s", conversation, "--json", message];
        sandbox.occtl(&words).run().ok().json()["turn"].as_str().unwrap().to_owned()
    };
    let second = send("[[echo second]]");
    let third = send("[[echo third]]");
    let follow = |turn: &str| {
        sandbox.occtl(&["wait", &id, "-s", conversation, "--turn", turn, "--json"]).spawn()
    };
    let (second, last) = (follow(&second), follow(&third));
    model.release("gate");
    assert_eq!(first.wait(SOON).ok().json()["answer"], "first");
    assert_eq!(last.wait(SOON).ok().json()["answer"], "third");
    let record = second.wait(SOON).fails(5).json();
    assert_eq!(record["error"]["name"], "Superseded");
    assert!(record["error"]["message"].as_str().unwrap().contains(&third), "{record}");

    // The record of a turn that is over is printed at once, and an unknown turn is not found.
    assert_eq!(follow(&third).wait(SOON).ok().json()["answer"], "third");
    follow("msg_000000000000aaaaaaaaaaaaaa").wait(SOON).fails(3);

    // The server has the message when `send` returns.
    let turn = send("[[text so far]][[wait abort]]");
    let export = sandbox.occtl(&["tail", &id, "-s", conversation, "--json"]).run().ok().stdout;
    assert!(export.contains(&turn), "{export}");
    model.wait_for_gate("abort", SOON);
    let following = follow(&turn);
    let queued = send("[[echo never]]");
    let dropped = follow(&queued);
    let aborted = sandbox.occtl(&["abort", &id, "-s", conversation, "--json"]).run().ok().json();
    assert_eq!(aborted["conversation"], conversation);
    let record = following.wait(SOON).fails(8).json();
    assert_eq!(record["outcome"], "aborted");
    // 1.2 does not store the text of a turn that is aborted, and a command that follows the turn
    // later has not heard it.
    assert!(["so far", ""].contains(&record["text"].as_str().unwrap()), "{record}");
    let dropped = dropped.wait(SOON);
    assert!([5, 8].contains(&dropped.status), "an abort drops the queue: {dropped:?}");
    sandbox.occtl(&["abort", &id]).run().ok();
    sandbox.occtl(&["abort", &id, "-s", "ses_none"]).run().fails(3);
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_nothing_left();
}

#[test]
fn sub_agents_belong_to_the_turn() {
    let (sandbox, _model) = Sandbox::real("sub-agents");
    let id = sandbox.start(&[]);
    let prompt = "[[task {{bash true}} {{echo child}}]][[echo parent]]";
    let sent = sandbox.occtl(&["send", &id, "--title", "t", "--wait", "--json", prompt]).run().ok();
    let record = sent.json();
    assert_eq!((&record["answer"], &record["steps"]), (&json!("parent"), &json!(4)), "{record}");
    let children = record["children"].as_array().unwrap();
    assert_eq!(children.len(), 1, "{record}");
    let mut tools: Vec<(&str, &Value)> = record["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| (tool["name"].as_str().unwrap(), &tool["conversation"]))
        .collect();
    tools.sort_by_key(|tool| tool.0);
    assert_eq!(tools, [("bash", &children[0]), ("task", &record["conversation"])]);
    // Four steps of a hundred tokens each, and one token for each tool call and each word.
    assert_eq!(record["tokens"]["input"], 400, "{record}");
    assert_eq!(record["tokens"]["output"], 4, "{record}");
    let cost = record["cost_usd"].as_f64().unwrap();
    assert!((cost - 408e-6).abs() < 1e-9, "{cost}");
    let limited = ["send", &id, "--title", "t", "--wait", "--json", "--max-steps", "2", prompt];
    let limited = sandbox.occtl(&limited).run();
    if limited.status != 0 {
        assert_eq!(limited.fails(124).json()["error"]["name"], "MaxSteps");
    }
    let slow = "[[task {{bash true}} {{bash sleep 600}}]][[echo parent]]";
    let slow = ["send", &id, "--title", "t", "--wait", "--json", "--max-steps", "2", slow];
    let record = sandbox.occtl(&slow).run().fails(124).json();
    assert_eq!(record["error"]["name"], "MaxSteps", "{record}");
    let gone = poll(SOON, || {
        let left = sandbox.marked_processes();
        (!left.iter().any(|(_, line)| line.contains("sleep 600"))).then_some(())
    });
    assert!(gone.is_some(), "the sub-agent's tool is ended as well");
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_nothing_left();
}

/// Fails the test unless `wait` has seen the end of a turn that was aborted at a sub-agent's ask.
#[track_caller]
fn assert_idle(said: &str, conversation: &str) {
    // 1.14.34 begins one more step then, and leaves it unfinished for ever.
    let unfinished = format!("{conversation} idle (Interrupted");
    let is_left = version() == "1.14.34" && said.starts_with(&unfinished);
    assert!(is_left || said == format!("{conversation} idle\n"), "{said}");
}

#[test]
fn wait_tells_which_conversation_reached_what() {
    let (sandbox, model) = Sandbox::real("wait");
    let mut settings = config(&model);
    settings["permission"] = json!({"bash": "ask"});
    sandbox.configure(&sandbox.work(), &settings);
    let id = sandbox.start(&[]);
    let send = |message: &str| {
        sandbox.occtl(&["send", &id, "--title", "t", message]).run().ok().stdout.trim().to_owned()
    };
    let wait = |flags: &[&str]| sandbox.occtl(&["wait", &id]).args(flags).spawn();
    sandbox.occtl(&["wait", &id]).run().fails(3);
    let done = send("[[echo done it]]");
    assert_eq!(wait(&[]).wait(SOON).ok().stdout, format!("{done} idle\n"));
    assert_eq!(wait(&["-q"]).wait(SOON).ok().stdout, format!("{done}\n"));
    assert_eq!(wait(&["--until", "text:done"]).wait(SOON).ok().stdout, format!("{done} text\n"));

    let gated = send("[[text looking]][[wait one]][[text nearly]][[wait two]][[echo there]]");
    model.wait_for_gate("one", SOON);
    let text = wait(&["--until", "text:nearlythere", "-t", "120"]);
    // The text of the prompt does not count.
    sandbox.occtl(&["wait", &id, "--until", "text:wait one", "-t", "1"]).run().fails(124);
    let some = ["-s", gated.as_str(), "-s", done.as_str()];
    let any = wait(&[&some[..], &["--any"]].concat()).wait(SOON).ok();
    assert_eq!(any.stdout, format!("{done} idle\n"));
    let all = wait(&[&some[..], &["--all", "--json"]].concat());
    let short = sandbox.occtl(&["wait", &id, "-t", "1"]).run().fails(124);
    assert!(short.stderr.contains(&gated), "{}", short.stderr);
    model.release("one");
    model.wait_for_gate("two", SOON);
    assert_eq!(all.stdout(), "");
    model.release("two");
    assert_eq!(text.wait(SOON).ok().stdout, format!("{gated} text\n"));
    let all = all.wait(SOON).ok().json();
    let reached = all["reached"].as_array().unwrap().iter();
    let reached = reached.map(|one| one["conversation"].as_str().unwrap());
    // They come in the order in which they were seen, and a slow machine may see both at once.
    let reached: BTreeSet<&str> = reached.collect();
    assert_eq!(reached, BTreeSet::from([done.as_str(), gated.as_str()]), "{all}");

    let asking = send("[[task {{bash true}}]][[echo x]]");
    let asked = wait(&["--until", "ask"]).wait(SOON).ok().stdout;
    assert!(asked.starts_with(&format!("{asking} ask per_")), "{asked}");
    sandbox.occtl(&["abort", &id]).run().ok();
    assert_idle(&wait(&[]).wait(SOON).ok().stdout, &asking);

    let dead = wait(&["--until", "dead", "-t", "120"]);
    let idle = wait(&["-s", &asking, "--until", "text:never", "-t", "120"]);
    // Both must have begun to wait, or they would find a dead server, which is another case.
    let both_wait = || (is_waiting(dead.pid()) && has_socket(idle.pid())).then_some(());
    poll(SOON, both_wait).expect("two commands that wait");
    kill(sandbox.server_pid(&id));
    assert_eq!(dead.wait(SOON).ok().stdout, format!("{id} dead\n"));
    idle.wait(SOON).fails(4);
    assert_eq!(wait(&["--until", "dead"]).wait(SOON).ok().stdout, format!("{id} dead\n"));
    wait(&[]).wait(SOON).fails(4);
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_nothing_left();
}

#[test]
fn a_turn_that_compacts_its_conversation_on_the_way_goes_on() {
    let (sandbox, model) = Sandbox::real("compacted");
    let mut settings = config(&model);
    // Every answer costs a hundred tokens, and one more for each word.
    settings["provider"]["scripted"]["models"]["echo"]["limit"] =
        json!({"context": 1000, "output": 100});
    sandbox.configure(&sandbox.work(), &settings);
    let id = sandbox.start(&[]);
    let words = "w ".repeat(900);
    let prompt = format!("[[text {words}]][[bash true]][[echo never]]");
    let sent = ["send", &id, "--title", "t", "--wait", "--json", "-t", "120", &prompt];
    let record = sandbox.occtl(&sent).run().ok().json();
    assert_eq!((&record["outcome"], &record["steps"]), (&json!("ok"), &json!(3)), "{record}");
    // The model echoes what the server itself tells it.
    assert!(record["answer"].as_str().unwrap().starts_with("Continue if"), "{}", record["answer"]);
    assert!(!record["text"].as_str().unwrap().contains("Scripted summary"), "{record}");
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_nothing_left();
}
