//! Turns whose prompt the server makes itself, of one of its commands.

use super::outcomes::{CONVERSATION, PROMPT, answer, bench, done, name, prompt};
use super::*;

#[test]
fn a_command_that_a_sub_agent_does_goes_on_under_a_message_of_the_server() {
    let mut asked = prompt(PROMPT);
    asked["parts"] = json!([{"id": "prt_1", "type": "subtask"}]);
    let mut called = answer("msg_6", PROMPT, done("tool-calls"));
    called["parts"] = json!([{"id": "prt_2", "type": "tool", "tool": "task"}]);
    let mut again = prompt("msg_7");
    again["parts"] = json!([{"id": "prt_3", "type": "text", "text": "Sum up", "synthetic": true}]);
    let last = |rest| answer("msg_8", "msg_7", rest);
    let busy = activities(CONVERSATION, json!({"type": "busy"}));
    let mut all = vec![asked, called, again, last(json!({}))];
    let mut bench = bench();
    for count in 1..=4 {
        assert_eq!(bench.look(&messages(all[..count].into()), Some(&busy)), None);
    }
    assert_eq!(bench.turn.spent().steps, 1, "the call is not one of a model");
    all[3] = last(done("stop"));
    assert_eq!(bench.look(&messages(all.clone().into()), Some(&busy)), Some(End::Finished));
    // What another client says then is another turn.
    all[2]["parts"][0]["synthetic"] = json!(false);
    let end = Bench::new(CONVERSATION, PROMPT).look(&messages(all.into()), Some(&busy));
    assert_eq!(name(&end), "Superseded");
}

#[test]
fn a_command_whose_shell_lines_run_is_not_given_up() {
    let idle = Activities::new();
    let mut bench = bench();
    bench.turn.note_preparation(true);
    for _ in 0..10 {
        bench.pass(LONG);
        assert_eq!(bench.look(&[], Some(&idle)), None);
    }
    bench.turn.note_preparation(false);
    assert_eq!(name(&bench.look(&[], Some(&idle))), "NotStarted");
}
