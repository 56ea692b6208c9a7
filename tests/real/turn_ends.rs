//! How turns end: each with its status and its message on stderr, and none that goes on unseen.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use super::versions::can;
use crate::support::command::{Outcome, Run};
use crate::support::model::Model;
use crate::support::opencode::version;
use crate::support::processes::poll;
use crate::support::rounds::with_longer_limits;
use crate::support::sandbox::Sandbox;

const SOON: Duration = Duration::from_secs(120);

/// A sandbox with a session that has had its first turn.
fn session(name: &str) -> (Sandbox, Model, String) {
    let (sandbox, model) = Sandbox::real(name);
    let id = sandbox.start(&[]);
    sandbox.occtl(&["send", &id, "--wait", "[[echo warm]]"]).run().ok();
    (sandbox, model, id)
}

fn send(sandbox: &Sandbox, id: &str, arguments: &[&str]) -> Run {
    // With a title, so that every request to the model belongs to the turn.
    sandbox.occtl(&["send", id, "--title", "t"]).args(arguments)
}

/// Fails the test unless the server is idle again and has closed its request to the model.
#[track_caller]
fn assert_aborted(sandbox: &Sandbox, model: &Model, id: &str) {
    // Before, a server that is aborted between two tries may say for ever that it works.
    if can("an aborted conversation is idle") {
        let status = sandbox.occtl(&["status", id, "--json"]).run().ok().json();
        assert_eq!(status["state"], "idle");
    }
    poll(SOON, || (model.open_answers() == 0).then_some(())).expect("the end of the model's call");
}

/// The record on stdout, with which the error object on stderr must agree.
#[track_caller]
fn told(outcome: &Outcome, name: &str) -> Value {
    let record = outcome.json();
    assert_eq!(record["outcome"], name, "{record}");
    let error = outcome.json_error();
    assert_eq!(error["code"], name);
    record
}

#[test]
fn errors_of_the_provider_and_empty_answers_have_their_status_and_their_words() {
    let (sandbox, _model, id) = session("errors");
    let refused = "[[text before ]][[bash true]][[http 401 the key is no good]]";
    let plain = send(&sandbox, &id, &["--wait", refused]).run().fails(5);
    assert!(plain.stderr.contains("the key is no good"), "{}", plain.stderr);
    assert!(plain.stderr.starts_with("occtl: APIError from scripted/echo: "), "{}", plain.stderr);
    assert!(plain.stderr.contains(&format!("occtl tail {id} -s ses_")), "{}", plain.stderr);
    let failed = send(&sandbox, &id, &["--wait", "--json", refused]).run().fails(5);
    let record = told(&failed, "turn_failed");
    assert_eq!(record["error"]["name"], "APIError");
    assert!(record["error"]["message"].as_str().unwrap().contains("the key is no good"));
    assert!(record["text"].as_str().unwrap().starts_with("before"), "{record}");
    let streamed = send(&sandbox, &id, &["--stream", refused]).run().fails(5);
    assert!(streamed.stdout.starts_with("before") && streamed.stdout.ends_with('\n'));
    let evil = "[[http 400 \u{1b}[31mred [bold] x]]";
    let escaped = send(&sandbox, &id, &["--wait", evil]).run().fails(5);
    assert!(!escaped.stderr.contains('\u{1b}'), "{}", escaped.stderr);

    let empty = send(&sandbox, &id, &["--wait", "[[empty]]"]).run().fails(7);
    assert_eq!(empty.stdout, "");
    assert!(empty.stderr.contains("the turn ended without any text"), "{}", empty.stderr);
    let empty = send(&sandbox, &id, &["--wait", "--json", "[[empty]]"]).run().fails(7);
    assert_eq!(told(&empty, "empty")["answer"], "");
    // The request to a busy provider is repeated, and the record says so.
    let again =
        send(&sandbox, &id, &["--wait", "--json", "[[http 503 busy times=1]][[echo then]]"]);
    let record = again.run().ok().json();
    assert_eq!((&record["answer"], &record["provider_retries"]), (&json!("then"), &json!(1)));
    assert!(record["retry_wait_ms"].as_u64().unwrap() > 0, "{record}");
    for (arguments, status) in [
        (vec!["send", &id, "-s", "ses_none", "x", "--wait"], 3),
        (vec!["send", &id, "-s", "none", "x"], 3),
    ] {
        let failed = sandbox.occtl(&arguments).run().fails(status);
        assert!(failed.stderr.contains("has no conversation"), "{}", failed.stderr);
    }
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_nothing_left();
}

#[test]
fn a_turn_that_is_timed_out_or_interrupted_is_aborted_on_the_server() {
    let (sandbox, model, id) = session("aborts");
    for message in
        ["[[silence]]", "[[slow 10000 20]]", "[[bash sleep 600]]", "[[task {{silence}}]]"]
    {
        // On a busy machine the limit may come before the model has been asked.
        let (limit, run) = with_longer_limits(2.5, |limit| {
            let before = model.request_count();
            let flags = ["--wait", "--json", "-t", &limit.to_string(), message];
            let run = send(&sandbox, &id, &flags).run();
            let asked = model.request_count() > before;
            if asked { Ok((limit, run.fails(124))) } else { Err(format!("{message}: {run:?}")) }
        });
        let over = run.elapsed.as_secs_f64() - limit;
        assert!((0.0..18.0).contains(&over), "{message}: {:?}", run.elapsed);
        let record = told(&run, "timeout");
        let why = record["error"]["message"].as_str().unwrap();
        assert!(why.contains(&format!("{limit} s")) && why.contains("aborted"), "{why}");
        let requests = model.request_count();
        assert_aborted(&sandbox, &model, &id);
        assert_eq!(model.request_count(), requests, "{message}: it went on");
    }
    // The message says why it took so long.
    with_longer_limits(3.0, |limit| {
        let flags = ["--wait", "-t", &limit.to_string(), "[[http 503 too busy]]"];
        let busy = send(&sandbox, &id, &flags).run().fails(124);
        if busy.stderr.contains("too busy") { Ok(()) } else { Err(busy.stderr) }
    });
    assert_aborted(&sandbox, &model, &id);
    for (signal, status) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        for how in ["--stream", "--wait"] {
            let before = model.request_count();
            let running = send(&sandbox, &id, &[how, "[[slow 10000 20]]"]).spawn();
            model.wait_for_requests(before + 1, SOON);
            if how == "--stream" {
                let seen = || running.stdout().contains("w3").then_some(());
                poll(SOON, seen).expect("the text as it is written");
            }
            let began = std::time::Instant::now();
            running.signal(signal);
            let ended = running.wait(SOON).fails(status);
            assert!(began.elapsed() < Duration::from_secs(15), "{how}: {:?}", began.elapsed());
            assert!(ended.stderr.contains("aborted"), "{}", ended.stderr);
            assert!(how == "--stream" || !ended.stdout.contains("w9999"));
            assert_aborted(&sandbox, &model, &id);
        }
    }
    let left = sandbox.marked_processes();
    assert!(!left.iter().any(|(_, line)| line.contains("sleep 600")), "{left:?}");
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_nothing_left();
}

#[test]
fn a_stream_that_is_cut_again_and_again_ends_the_turn() {
    let (sandbox, model, id) = session("cuts");
    // 1.14.34 and 1.15.13 end a turn at the first cut text; the others ask again for ever.
    let asks_again = !["1.14.34", "1.15.13"].contains(&version().as_str());
    let cut = "[[cut 2]]".repeat(40);
    let before = model.request_count();
    let failed = send(&sandbox, &id, &["--wait", "--json", "-t", "60", &cut]).run().fails(5);
    let record = told(&failed, "turn_failed");
    let name = if asks_again { "StreamCut" } else { "ProviderCutOff" };
    assert_eq!(record["error"]["name"], name, "{record}");
    assert!(record["text"].as_str().unwrap().starts_with("w1 w2"), "the text so far: {record}");
    assert!(model.request_count() < before + 20, "{} requests", model.request_count() - before);
    assert_aborted(&sandbox, &model, &id);
    if asks_again {
        let flags = ["--wait", "--json", "--max-retries", "2", &cut];
        let failed = send(&sandbox, &id, &flags).run().fails(124);
        let record = told(&failed, "timeout");
        assert_eq!(record["error"]["name"], "MaxRetries", "{record}");
        assert!(record["provider_retries"].as_u64() >= Some(3), "{record}");
        assert_aborted(&sandbox, &model, &id);
        // Four cuts are not too many.
        let answered = format!("{}[[echo at last]]", "[[cut 2]]".repeat(4));
        let record = send(&sandbox, &id, &["--wait", "--json", &answered]).run().ok().json();
        assert_eq!(
            (&record["answer"], &record["provider_retries"]),
            (&json!("at last"), &json!(4))
        );
    }
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_nothing_left();
}

#[test]
fn a_sub_agent_whose_stream_is_cut_again_and_again_ends_the_turn_too() {
    let (sandbox, model, id) = session("cuts-below");
    let prompt = format!("[[task {}]][[echo done]]", "{{cut 2}}".repeat(40));
    let before = model.request_count();
    if ["1.14.34", "1.15.13"].contains(&version().as_str()) {
        // The first cut ends the sub-agent's turn, and its parent goes on.
        send(&sandbox, &id, &["--wait", "-t", "60", &prompt]).run().ok();
    } else {
        let failed = send(&sandbox, &id, &["--wait", "--json", "-t", "60", &prompt]).run().fails(5);
        let record = told(&failed, "turn_failed");
        assert_eq!(record["error"]["name"], "StreamCut", "{record}");
        assert_aborted(&sandbox, &model, &id);
    }
    assert!(model.request_count() < before + 20, "{} requests", model.request_count() - before);
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_nothing_left();
}

#[test]
fn the_answer_is_that_of_the_attempt_that_succeeded() {
    let (sandbox, model) = Sandbox::real("attempts");
    model.close_connections();
    let id = sandbox.start(&[]);
    let prompt = "[[cut 3 broken times=2]][[echo the whole answer]]";
    let record = send(&sandbox, &id, &["--wait", "--json", prompt]).run().ok().json();
    assert_eq!([&record["text"], &record["answer"]], ["the whole answer"; 2], "{record}");
    assert_eq!(record["provider_retries"], 2, "{record}");
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_nothing_left();
}

#[test]
fn a_reader_that_goes_away_changes_neither_the_turn_nor_its_status() {
    let (sandbox, model, id) = session("reader");
    let message =
        "[[text w1 w2 w3 ]][[bash sleep 0.5]][[wait gate]][[bash echo made > made]][[echo end]]";
    let script =
        "{ \"$0\" send \"$1\" --title t $3 \"$2\"; echo \"status $?\" >&2; } | head -c \"$4\"";
    let piped = |message: &str, form: &str, count: &str| {
        sandbox.shell(script, &[&id, message, form, count]).spawn()
    };
    let run = piped(message, "--stream", "5");
    model.wait_for_gate("gate", SOON);
    model.release("gate");
    let run = run.wait(SOON).ok();
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("w1 w2", "status 0\n"));
    assert!(sandbox.work().join("made").exists(), "the rest of the turn");
    for form in ["--wait", "--stream", "--wait --raw", "--wait --json", "--wait -q"] {
        let run = piped("[[bash sleep 1]][[http 401 late-failure]]", form, "0").wait(SOON).ok();
        assert!(run.stderr.contains("late-failure"), "{form}: {}", run.stderr);
        assert!(run.stderr.ends_with("status 5\n"), "{form}: {}", run.stderr);
    }
    // The same for a turn that was sent before, and for `run`.
    let sent = sandbox.occtl(&["send", &id, "--json", "[[bash sleep 1]][[http 401 late-failure]]"]);
    let sent = sent.run().ok().json();
    let (conversation, turn) = (sent["conversation"].as_str(), sent["turn"].as_str());
    let followed = "{ \"$0\" wait \"$1\" -s \"$2\" --turn \"$3\"; echo \"status $?\" >&2; } | true";
    let run = sandbox.shell(followed, &[&id, conversation.unwrap(), turn.unwrap()]).run().ok();
    assert!(run.stderr.ends_with("status 5\n"), "{}", run.stderr);
    let alone = "{ \"$0\" run -t 120 \"$1\"; echo \"status $?\" >&2; } | true";
    let run = sandbox.shell(alone, &["[[bash sleep 1]][[http 401 late-failure]]"]).run().ok();
    assert!(run.stderr.ends_with("status 5\n"), "{}", run.stderr);
    sandbox.occtl(&["stop", &id]).run().ok();
    sandbox.assert_nothing_left();
}
