//! What a turn asks for: who answers, by which rule, and how the turn goes on.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::command::{Outcome, Running};
use crate::support::model::Model;
use crate::support::opencode::config;
use crate::support::processes::poll;
use crate::support::rounds::with_longer_limits;
use crate::support::sandbox::Sandbox;
use crate::support::schemas;

const SOON: Duration = Duration::from_secs(120);

/// A session in which every command of `bash` is asked for.
fn session(name: &str) -> (Sandbox, Model, String) {
    let (mut sandbox, model) = Sandbox::real(name);
    sandbox.set_env("OPENCODE_ENABLE_QUESTION_TOOL", "1");
    let mut settings = config(&model);
    settings["permission"] = json!({"bash": "ask"});
    sandbox.configure(&sandbox.work(), &settings);
    let id = sandbox.start(&[]);
    (sandbox, model, id)
}

/// A session to which prompts are sent that ask.
struct Asking<'a> {
    sandbox: &'a Sandbox,
    id: &'a str,
}

impl Asking<'_> {
    fn spawn(&self, prompt: &str, flags: &[&str]) -> Running {
        let words = ["send", self.id, "--title", "t", "--wait", "--json", prompt];
        self.sandbox.occtl(&words).args(flags).spawn()
    }

    fn run(&self, prompt: &str, flags: &[&str]) -> Outcome {
        self.spawn(prompt, flags).wait(SOON)
    }

    /// The id of the ask that a running `send` says it waits for.
    fn told(&self, running: &Running, command: &str) -> String {
        running.wait_for_stderr(&format!("occtl {command} {}", self.id), SOON);
        let said = running.stderr();
        let ask =
            said.split_whitespace().find(|word| word.starts_with(['p', 'q']) && word.contains('_'));
        ask.unwrap_or_else(|| panic!("no ask in {said}")).trim_end_matches([')', ':']).to_owned()
    }

    #[track_caller]
    fn assert_idle(&self) {
        let status = self.sandbox.occtl(&["status", self.id, "--json"]).run().ok().json();
        assert_eq!(status["state"], "idle");
    }

    /// Whether a tool has made a file.
    fn has_made(&self, name: &str) -> bool {
        self.sandbox.work().join(name).exists()
    }
}

/// The only ask of a record: the decision, and who made it.
#[track_caller]
fn decided(record: &Value) -> (&str, &str) {
    let asks = record["asks"].as_array().unwrap();
    assert_eq!(asks.len(), 1, "{record}");
    (asks[0]["decision"].as_str().unwrap(), asks[0]["by"].as_str().unwrap())
}

#[test]
fn permissions_are_answered_by_the_policy_or_by_a_user() {
    let (sandbox, model, id) = session("turn-asks");
    let asking = Asking { sandbox: &sandbox, id: &id };

    // A user approves in another terminal.
    let running = asking.spawn("[[bash touch waited]][[echo seen]]", &[]);
    let ask = asking.told(&running, "approve");
    sandbox.occtl(&["approve", &id, &ask]).run().ok();
    let record = running.wait(SOON).ok().json();
    assert_eq!((record["answer"].as_str(), decided(&record)), (Some("seen"), ("once", "somebody")));
    assert_eq!(record["asks"][0]["patterns"], json!(["touch waited"]));
    assert_eq!(record["asks"][0]["conversation"], record["conversation"]);
    assert!(asking.has_made("waited"));

    // A user rejects it without a reason: that ends the turn.
    let running = asking.spawn("[[bash touch no]][[echo seen]]", &[]);
    let ask = asking.told(&running, "approve");
    sandbox.occtl(&["reject", &id, &ask]).run().ok();
    let record = running.wait(SOON).fails(6).json();
    assert_eq!(record["outcome"], "blocked");
    assert_eq!(decided(&record), ("reject", "somebody"));

    let failed =
        asking.run("[[bash touch no]][[echo seen]]", &["--on-permission", "fail"]).fails(6);
    let record = failed.json();
    assert_eq!(decided(&record), ("unanswered", "--on-permission fail"));
    assert_eq!(record["error"]["name"], "Blocked");
    assert!(record["error"]["message"].as_str().unwrap().contains("touch no"), "{record}");
    asking.assert_idle();

    // With a reason the model goes on. It may still end without an answer.
    let record =
        asking.run("[[bash touch no]][[echo seen]]", &["--on-permission", "reject"]).ok().json();
    assert_eq!((record["answer"].as_str(), decided(&record).0), (Some("seen"), "reject"));
    let told = model.requests().last().unwrap()["messages"].to_string();
    assert!(told.contains("--on-permission reject"), "the model is told why: {told}");
    let record =
        asking.run("[[bash touch no]][[empty]]", &["--on-permission", "reject"]).fails(6).json();
    assert_eq!((record["outcome"].as_str(), decided(&record).0), (Some("blocked"), "reject"));

    let record =
        asking.run("[[bash touch yes]][[echo x]]", &["--on-permission", "approve"]).ok().json();
    assert_eq!(decided(&record), ("once", "--on-permission approve"));
    assert!(asking.has_made("yes") && !asking.has_made("no"));

    // The limit ends a turn that waits for an answer. On a busy machine it may end before the ask.
    let blocked = with_longer_limits(3.0, |limit| {
        let blocked = asking.run("[[bash touch no]]", &["-t", &limit.to_string()]);
        if blocked.status == 124 { Err(blocked.stderr) } else { Ok(blocked.fails(6)) }
    });
    let why = blocked.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(
        why.contains("touch no") && why.contains("--timeout") && why.contains("aborted"),
        "{why}"
    );
    asking.assert_idle();
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_nothing_left();
}

#[test]
fn rules_settle_the_asks_of_the_whole_turn_and_of_nothing_else() {
    let (sandbox, _model, id) = session("turn-rules");
    let asking = Asking { sandbox: &sandbox, id: &id };
    let rules =
        ["--allow", "bash:touch *", "--deny", "bash:touch secret*", "--on-permission", "fail"];
    let record = asking.run("[[bash touch plain]][[echo x]]", &rules).ok().json();
    assert_eq!(decided(&record), ("once", "--allow bash:touch *"));
    let record = asking.run("[[bash touch secret1]][[echo x]]", &rules).ok().json();
    assert_eq!((&record["asks"], &record["tools"][0]["status"]), (&json!([]), &json!("error")));
    let record = asking.run("[[bash mkdir other]][[echo x]]", &rules).fails(6).json();
    assert_eq!(decided(&record), ("unanswered", "--on-permission fail"));
    let policy = sandbox.root().join("policy.json");
    let text =
        json!({"on_permission": "fail", "allow": ["bash:touch *"], "deny": ["bash:touch secret*"]});
    std::fs::write(&policy, text.to_string()).unwrap();
    let policy = ["--policy", policy.to_str().unwrap()];
    let record =
        asking.run("[[bash touch file1]][[bash touch secret2]][[echo x]]", &policy).ok().json();
    assert_eq!(decided(&record), ("once", "--allow bash:touch *"));
    assert_eq!(record["tools"][1]["status"], "error", "{record}");
    assert!(asking.has_made("plain") && asking.has_made("file1"));
    assert!(
        !asking.has_made("secret1") && !asking.has_made("secret2") && !asking.has_made("other")
    );

    // An ask of another conversation is left alone.
    let other = sandbox.occtl(&["send", &id, "--title", "t", "[[bash touch foreign]]"]).run().ok();
    let other = other.stdout.trim();
    let pending = || {
        let listed = sandbox.occtl(&["permissions", &id, "--json"]).run().ok().stdout;
        listed.contains(other).then_some(())
    };
    poll(SOON, pending).expect("the other conversation's ask");

    // The ask of a sub-agent is one of the turn.
    let task = "[[task {{bash touch below}} {{echo child}}]][[echo parent]]";
    let record = asking.run(task, &["--allow", "bash", "--on-permission", "fail"]).ok().json();
    assert_eq!(decided(&record), ("once", "--allow bash:*"));
    assert_eq!(json!([record["asks"][0]["conversation"]]), record["children"]);
    assert!(asking.has_made("below"));
    let record = asking.run(task, &["--on-permission", "fail"]).fails(6).json();
    assert_eq!(decided(&record), ("unanswered", "--on-permission fail"));
    assert_eq!(json!([record["asks"][0]["conversation"]]), record["children"]);
    assert!(
        pending().is_some() && !asking.has_made("foreign"),
        "the other conversation still waits"
    );
    sandbox.occtl(&["abort", &id, "-s", other]).run().ok();
    asking.assert_idle();
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_nothing_left();
}

#[test]
fn questions_have_a_policy_of_their_own_and_hooks_change_nothing() {
    let (sandbox, _model, id) = session("turn-questions");
    let asking = Asking { sandbox: &sandbox, id: &id };
    let prompt = "[[question Which?|Red|Blue]][[echo seen]]";
    let running = asking.spawn(prompt, &["--on-permission", "fail"]);
    let ask = asking.told(&running, "answer");
    sandbox.occtl(&["answer", &id, &ask, "Blue"]).run().ok();
    let record = running.wait(SOON).ok().json();
    assert_eq!(
        (record["answer"].as_str(), decided(&record)),
        (Some("seen"), ("answered", "somebody"))
    );
    assert_eq!(record["asks"][0]["kind"], "question");
    let record = asking.run(prompt, &["--on-question", "fail"]).fails(6).json();
    assert_eq!(decided(&record), ("unanswered", "--on-question fail"));
    asking.assert_idle();
    let record = asking.run(prompt, &["--on-question", "reject"]).fails(6).json();
    assert_eq!(decided(&record), ("reject", "--on-question reject"));

    let events = sandbox.root().join("events.jsonl");
    let hook = format!("cat >> {}", events.display());
    let flags = ["--on-event", &hook, "--on-permission", "approve"];
    let record = asking.run("[[bash true]][[echo hooked]]", &flags).ok().json();
    let told = poll(SOON, || {
        let text = std::fs::read_to_string(&events).unwrap_or_default();
        let told: Vec<Value> =
            text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        (told.len() == 2).then_some(told)
    });
    let told = told.expect("two documents");
    told.iter().for_each(|document| schemas::hold_section("What --on-event gets", document));
    assert_eq!((&told[0]["event"], &told[0]["ask"]["permission"]), (&json!("ask"), &json!("bash")));
    assert_eq!(told[0]["ask"]["id"], record["asks"][0]["id"]);
    assert_eq!(told[0]["turn"], record["turn"]);
    assert_eq!((&told[1]["event"], &told[1]["turn"]), (&json!("turn"), &record));
    for hook in ["sleep 600", "/no/such/program", "exit 3"] {
        let record = asking
            .run("[[bash true]][[echo x]]", &["--on-event", hook, "--on-permission", "approve"]);
        assert_eq!(record.ok().json()["answer"], "x", "{hook}");
    }
    sandbox.occtl(&["stop", &id]).run().ok();
}
