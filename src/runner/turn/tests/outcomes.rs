//! Every way in which a turn can end, and those in which it must not.

use super::*;

pub const CONVERSATION: &str = "ses_1";

pub const PROMPT: &str = "msg_5";

pub fn bench() -> Bench {
    Bench::new(CONVERSATION, PROMPT)
}

pub fn prompt(id: &str) -> Value {
    json!({"info": {"id": id, "role": "user", "sessionID": CONVERSATION}, "parts": []})
}

/// An assistant message that answers `parent`.
pub fn answer(id: &str, parent: &str, rest: Value) -> Value {
    let mut info =
        json!({"id": id, "role": "assistant", "sessionID": CONVERSATION, "parentID": parent});
    for (name, value) in rest.as_object().unwrap() {
        info[name] = value.clone();
    }
    json!({"info": info, "parts": []})
}

pub fn done(finish: &str) -> Value {
    json!({"finish": finish, "time": {"completed": 2}})
}

/// What a turn with one answer ends as: at once while the conversation is busy, and after all
/// proofs of idleness.
fn ends(info: Value) -> (Option<End>, Option<End>) {
    let all = messages(json!([prompt(PROMPT), answer("msg_6", PROMPT, info)]));
    let busy = activities(CONVERSATION, json!({"type": "busy"}));
    (bench().look(&all, Some(&busy)), bench().end(&all))
}

pub fn name(end: &Option<End>) -> &str {
    match end {
        None => "none",
        Some(End::Finished) => "finished",
        Some(End::Aborted) => "aborted",
        Some(End::Denied) => "denied",
        Some(End::Failed(why)) => &why.name,
    }
}

#[test]
fn cut_steps_in_a_row_are_counted_until_a_tool_runs() {
    let mut bench = bench();
    let cut = |id: u32, parts: Value| {
        let mut message = answer(&format!("msg_6{id}"), PROMPT, done("unknown"));
        message["parts"] = parts;
        message
    };
    let tool = |id: u32, name: &str| {
        json!([{"id": "prt_1", "messageID": format!("msg_6{id}"), "type": "tool", "tool": name,
            "state": {"status": "completed"}}])
    };
    let all = [
        (cut(1, json!([])), (0, 1)),
        (cut(2, tool(2, "invalid")), (1, 2)),
        (cut(3, tool(3, "bash")), (2, 0)),
        (cut(4, json!([])), (2, 1)),
        (cut(5, json!([])), (3, 2)),
    ];
    let busy = activities(CONVERSATION, json!({"type": "busy"}));
    for count in 1..=all.len() {
        let seen: Vec<Value> = all[..count].iter().map(|(message, _)| message.clone()).collect();
        assert_eq!(bench.look(&messages(seen.into()), Some(&busy)), None);
        let cuts = bench.turn.cuts();
        assert_eq!((cuts.repeated, cuts.in_a_row), all[count - 1].1, "{count}");
    }
}

#[test]
fn an_answer_ends_the_turn_by_its_finish() {
    for (info, at_once, idle) in [
        (done("stop"), "finished", "finished"),
        (
            json!({"finish": "other", "time": {"completed": 2}, "tokens": {"input": 9}}),
            "finished",
            "finished",
        ),
        (done("other"), "none", "ProviderCutOff"),
        (done("length"), "OutputLength", "OutputLength"),
        (done("content-filter"), "ContentFilter", "ContentFilter"),
        (done("error"), "ProviderError", "ProviderError"),
        (done("tool-calls"), "none", "denied"),
        (done("unknown"), "none", "ProviderCutOff"),
        (
            json!({"finish": "tool-calls", "time": {"completed": 2}, "structured": {"a": 1}}),
            "finished",
            "finished",
        ),
        (json!({"time": {"completed": 2}}), "none", "aborted"),
        (json!({"finish": "stop"}), "none", "Interrupted"),
        (json!({}), "none", "Interrupted"),
        (json!({"error": {"name": "MessageAbortedError"}}), "aborted", "aborted"),
        (json!({"error": {"name": "APIError"}}), "APIError", "APIError"),
        (json!({"error": {"name": "APIError"}, "finish": "stop"}), "APIError", "APIError"),
    ] {
        let (first, second) = ends(info.clone());
        assert_eq!((name(&first), name(&second)), (at_once, idle), "{info}");
    }
}

#[test]
fn the_newest_answer_counts_and_foreign_ones_do_not() {
    let all = json!([
        prompt(PROMPT),
        answer("msg_6", PROMPT, done("tool-calls")),
        answer("msg_7", PROMPT, json!({}))
    ]);
    let busy = activities(CONVERSATION, json!({"type": "busy"}));
    assert_eq!(bench().look(&messages(all), Some(&busy)), None);
    let foreign = json!([prompt("msg_4"), answer("msg_45", "msg_4", done("stop")), prompt(PROMPT)]);
    assert_eq!(bench().look(&messages(foreign), Some(&busy)), None);
}

#[test]
fn the_reason_of_a_failure_is_the_servers() {
    let error = json!({"error": {"name": "APIError", "data": {"message": "bad key"}}});
    let Some(End::Failed(why)) = ends(error).0 else { panic!() };
    assert_eq!((why.name.as_str(), why.message.as_str()), ("APIError", "bad key"));
}

#[test]
fn idleness_counts_only_when_it_lasts() {
    let all = messages(json!([prompt(PROMPT), answer("msg_6", PROMPT, done("tool-calls"))]));
    let (idle, busy) = (Activities::new(), activities(CONVERSATION, json!({"type": "busy"})));
    let mut bench = bench();
    for _ in 0..10 {
        assert_eq!(bench.look(&all, Some(&idle)), None);
        bench.pass(Duration::from_millis(500));
        assert_eq!(bench.look(&all, Some(&busy)), None);
        bench.pass(Duration::from_secs(1));
    }
    // Not knowing is no idleness either.
    assert_eq!(bench.look(&all, Some(&idle)), None);
    bench.pass(LONG);
    assert_eq!(bench.look(&all, None), None);
    bench.pass(LONG);
    assert_eq!(bench.look(&all, Some(&idle)), None);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.look(&all, Some(&idle)), Some(End::Denied));
}

#[test]
fn a_turn_that_begins_between_two_requests_of_a_look_is_not_over() {
    let (idle, busy) = (Activities::new(), activities(CONVERSATION, json!({"type": "busy"})));
    let prompt = json!([prompt(PROMPT)]);
    let begun = json!([prompt[0], answer("msg_6", PROMPT, json!({}))]);
    let mut bench = bench();
    assert_eq!(bench.look(&messages(prompt), Some(&idle)), None);
    bench.pass(Duration::from_secs(6));
    // The status was asked for before it began, and the messages after that.
    assert_eq!(bench.look(&messages(begun.clone()), Some(&idle)), None);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.look(&messages(begun.clone()), Some(&busy)), None);
    bench.pass(Duration::from_secs(6));
    assert_eq!(bench.look(&messages(begun), Some(&idle)), None);
}

#[test]
fn a_finished_answer_ends_the_turn_also_when_the_server_does_not_tell_what_goes_on() {
    let all = messages(json!([prompt(PROMPT), answer("msg_6", PROMPT, done("stop"))]));
    assert_eq!(bench().look(&all, None), Some(End::Finished));
}

#[test]
fn a_newer_prompt_takes_over() {
    let newer = |first: Value| {
        messages(json!([
            prompt(PROMPT),
            first,
            prompt("msg_7"),
            answer("msg_8", "msg_7", json!({}))
        ]))
    };
    for first in [answer("msg_6", PROMPT, done("tool-calls")), prompt("msg_55")] {
        let busy = activities(CONVERSATION, json!({"type": "busy"}));
        let Some(End::Failed(why)) = bench().look(&newer(first), Some(&busy)) else { panic!() };
        assert_eq!(why.name, "Superseded");
        assert!(why.message.contains("msg_7"), "{}", why.message);
    }
    let finished = newer(answer("msg_6", PROMPT, done("stop")));
    assert_eq!(bench().end(&finished), Some(End::Finished), "it was answered before that");
}

#[test]
fn a_conversation_that_is_compacted_on_the_way_goes_on_under_another_prompt() {
    let part = |kind: &str, text: &str, synthetic: bool| {
        let id = format!("prt_{text}");
        json!([{"id": id, "type": kind, "text": text, "synthetic": synthetic}])
    };
    let with = |mut message: Value, parts: Value| {
        message["parts"] = parts;
        message
    };
    let step = with(answer("msg_6", PROMPT, done("tool-calls")), part("text", "first", false));
    let compaction = with(prompt("msg_7"), part("compaction", "", false));
    let summary = |rest| with(answer("msg_8", "msg_7", rest), part("text", "summary", false));
    let busy = activities(CONVERSATION, json!({"type": "busy"}));
    for again in [part("text", "go on", true), part("text", "the prompt", false)] {
        let asked = with(prompt(PROMPT), part("text", "the prompt", false));
        let again = with(prompt("msg_9"), again);
        let last = |rest| with(answer("msg_90", "msg_9", rest), part("text", "second", false));
        let mut all = vec![asked, step.clone(), compaction.clone(), summary(json!({}))];
        let mut bench = bench();
        let look =
            |bench: &mut Bench, all: &[Value]| bench.look(&messages(all.into()), Some(&busy));
        assert_eq!(look(&mut bench, &all[..2]), None);
        assert_eq!(look(&mut bench, &all[..3]), None);
        assert_eq!(look(&mut bench, &all), None);
        all[3] = summary(done("stop"));
        assert_eq!(look(&mut bench, &all), None, "the summary is not the end");
        all.extend([again, last(json!({}))]);
        assert_eq!(look(&mut bench, &all), None);
        all[5] = last(done("stop"));
        assert_eq!(look(&mut bench, &all), Some(End::Finished));
        assert_eq!(bench.shown, "first\nsecond", "the summary is no answer");
        assert_eq!(bench.turn.spent().steps, 3, "but it is a step");
    }
    // A prompt of another client behind a summary is another turn.
    let foreign = with(prompt("msg_9"), part("text", "something else", false));
    let all = json!([
        prompt(PROMPT),
        step,
        compaction,
        summary(done("stop")),
        foreign,
        answer("msg_90", "msg_9", json!({}))
    ]);
    assert_eq!(name(&bench().look(&messages(all), Some(&busy))), "Superseded");
    let failed = summary(json!({"error": {"name": "APIError"}}));
    let all = json!([prompt(PROMPT), step, compaction, failed]);
    assert_eq!(name(&bench().look(&messages(all), Some(&busy))), "APIError");
}

#[test]
fn a_prompt_that_waits_behind_another_turn_is_waited_for() {
    let queued = messages(json!([prompt(PROMPT)]));
    let (idle, busy) = (Activities::new(), activities(CONVERSATION, json!({"type": "busy"})));
    let mut bench = bench();
    for _ in 0..100 {
        assert_eq!(bench.look(&queued, Some(&busy)), None);
        bench.pass(LONG);
    }
    // The turn before it ends, and this one begins a moment later.
    assert_eq!(bench.look(&queued, Some(&idle)), None);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.look(&queued, Some(&idle)), None);
    bench.pass(Duration::from_secs(2));
    let end = bench.look(&queued, Some(&idle));
    assert_eq!(name(&end), "NotStarted");
}

#[test]
fn a_prompt_without_any_sign_of_life_fails_after_its_window() {
    for all in [json!([prompt(PROMPT)]), json!([])] {
        let (all, idle) = (messages(all), Activities::new());
        let mut bench = bench();
        let mut waited = Duration::ZERO;
        let end = loop {
            match bench.look(&all, Some(&idle)) {
                Some(end) => break Some(end),
                None => bench.pass(Duration::from_millis(500)),
            }
            waited += Duration::from_millis(500);
        };
        assert_eq!(name(&end), "NotStarted");
        assert!((29..32).contains(&waited.as_secs()), "{waited:?}");
    }
}

#[test]
fn an_error_before_any_answer_is_the_reason() {
    for (error, expected) in [
        ("ProviderModelNotFoundError", "ProviderModelNotFoundError"),
        ("MessageAbortedError", "aborted"),
    ] {
        let event = json!({"type": "session.error", "properties": {"sessionID": CONVERSATION,
            "error": {"name": error, "data": {"message": "unknown model x/y"}}}});
        let (all, idle) = (messages(json!([prompt(PROMPT)])), Activities::new());
        let mut bench = bench();
        bench.event(event.to_string().as_bytes());
        assert!(bench.turn.wants_look());
        assert_eq!(bench.look(&all, Some(&idle)), None, "the turn may still begin");
        bench.pass(Duration::from_secs(1));
        assert_eq!(name(&bench.look(&all, Some(&idle))), expected);
    }
}

#[test]
fn retries_of_every_step_are_counted_and_none_twice() {
    let mut bench = bench();
    let all = messages(json!([prompt(PROMPT)]));
    let mut told = |activity: Value, by_rest: bool| {
        if by_rest {
            bench.look(&all, Some(&activities(CONVERSATION, activity)));
        } else {
            let properties = json!({"sessionID": CONVERSATION, "status": activity});
            let event = json!({"type": "session.status", "properties": properties});
            bench.event(event.to_string().as_bytes());
        }
        bench.turn.retries.count()
    };
    let retry = |attempt: u64| json!({"type": "retry", "attempt": attempt, "message": "no"});
    let busy = json!({"type": "busy"});
    assert_eq!(told(retry(1), false), 1);
    assert_eq!(told(retry(1), true), 1);
    // Events may come long after REST has told of them.
    assert_eq!(told(busy.clone(), false), 1);
    assert_eq!(told(retry(1), false), 1);
    assert_eq!(told(busy.clone(), true), 1);
    assert_eq!(told(retry(2), false), 2);
    assert_eq!(told(busy.clone(), false), 2);
    // The next step begins anew.
    assert_eq!(told(retry(1), true), 3);
    assert_eq!(told(retry(3), true), 5);
    assert_eq!(told(busy, true), 5);
    assert_eq!(bench.turn.retries.reason(), None);
}

#[test]
fn what_rest_says_of_an_ask_is_made_exact_by_the_event() {
    let mut bench = bench();
    let event = |kind: &str, mut properties: Value| {
        properties["sessionID"] = CONVERSATION.into();
        json!({"type": kind, "properties": properties}).to_string()
    };
    let ask = json!({"id": "per_1", "permission": "bash", "patterns": ["ls"]});
    bench.event(event("permission.asked", ask).as_bytes());
    assert_eq!(bench.turn.asks.pending().count(), 1);
    bench.turn.asks.keep_pending(&std::collections::BTreeSet::new());
    assert_eq!(bench.turn.asks.all().next().unwrap().decision, Decision::Answered);
    let replied = json!({"requestID": "per_1", "reply": "reject"});
    bench.event(event("permission.replied", replied).as_bytes());
    assert_eq!(bench.turn.asks.all().next().unwrap().decision, Decision::Reject);
    bench.turn.asks.decide("per_1", Decision::Once, "--allow x");
    bench.event(
        event("permission.replied", json!({"requestID": "per_1", "reply": "always"})).as_bytes(),
    );
    assert_eq!(
        bench.turn.asks.all().next().unwrap().decision,
        Decision::Once,
        "ours is known better"
    );
}

#[test]
fn an_ask_of_an_unknown_conversation_is_looked_into() {
    let mut bench = bench();
    let ask =
        json!({"type": "permission.asked", "properties": {"id": "per_1", "sessionID": "ses_9"}});
    bench.event(ask.to_string().as_bytes());
    assert!(bench.turn.wants_look() && bench.turn.asks.pending().count() == 0);
    let info = json!({"id": "ses_9", "parentID": CONVERSATION});
    let child = json!({"type": "session.created", "properties": {"info": info}});
    bench.event(child.to_string().as_bytes());
    bench.event(ask.to_string().as_bytes());
    assert_eq!(bench.turn.asks.pending().count(), 1);
}
