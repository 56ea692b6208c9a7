//! Permissions and questions: they are found in every directory, and the server takes the replies.

use serde_json::{Value, json};

use crate::support::command::Outcome;
use crate::support::opencode::config;
use crate::support::processes::poll;
use crate::support::rounds::with_longer_limits;
use crate::support::sandbox::Sandbox;
use crate::support::session::{SOON, Session};

/// The ids of the listed permissions.
fn ids(asks: &Value) -> Vec<String> {
    let rows = asks["permissions"].as_array().unwrap().iter();
    rows.map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

/// Sends prompts that ask: in the session's directory, by a sub-agent, and in another directory.
/// Gives the id of the last ask.
fn ask_everywhere(session: &Session, other: &str) -> String {
    let own = session.prompt("[[bash echo one && echo two]]");
    session.wait_for_asks("/permission", session.directory(), 1);
    let parent = session.prompt("[[task {{bash echo child}}]]");
    session.wait_for_asks("/permission", session.directory(), 2);
    let far = session.prompt_in(other, "[[bash echo far]]");
    session.wait_for_asks("/permission", other, 1);
    let found = session.run("permissions", &["--json"]).ok().json();
    let rows = found["permissions"].as_array().unwrap();
    let of = |conversation: &str| rows.iter().find(|row| row["conversation"] == conversation);
    assert_eq!(rows.len(), 3, "{found}");
    assert_eq!(of(&own).unwrap()["patterns"], json!(["echo one", "echo two"]));
    assert_eq!(of(&far).unwrap()["directory"], other);
    assert!(of(&parent).is_none(), "the ask carries the sub-agent's id");
    of(&far).unwrap()["id"].as_str().unwrap().to_owned()
}

/// Unknown and ambiguous ids have status 3, and the others are replied to all the same.
fn reply_by_wrong_ids(session: &Session, known: &str) {
    let last_activity =
        || session.run("status", &["--json"]).ok().json()["last_activity"].to_string();
    let before = last_activity();
    let mixed = session.run("approve", &["per_nonsense", known]).fails(3);
    assert_eq!(mixed.stdout, format!("Approved (once): {known}\n"));
    assert!(mixed.stderr.contains("per_nonsense"), "{}", mixed.stderr);
    let after = last_activity();
    assert!(after > before, "{before} {after}");
    session.run("approve", &[known]).fails(3);
    for word in ["per_", "", "zzz", "per_../x"] {
        session.run("reject", &[word]).fails(3);
    }
    session.run("approve", &["per"]).fails(3);
    session.run("approve", &[]).fails(2);
    session.run("approve", &["--all", "x"]).fails(2);
    session.sandbox.occtl(&["approve", "oc-00000000", "--all"]).run().fails(3);
    let ambiguous = session.run("approve", &["2"]);
    assert_eq!(ambiguous.status, 3, "both ids begin with the time");
}

/// Two asks are left: one is approved by the beginning of its id, the other rejected by `--all`.
fn reply_to_the_rest(session: &Session) {
    let left = ids(&session.run("permissions", &["--json"]).ok().json());
    // Without `per_`, and with one character more than the two have in common.
    let same = left[0].bytes().zip(left[1].bytes()).take_while(|(a, b)| a == b).count();
    let short = &left[0][4..=same];
    let approved = session.run("approve", &[short, "--always"]).ok().stdout;
    assert_eq!(approved, format!("Approved (always): {}\n", left[0]));
    let rejected = session.run("reject", &["--all", "-m", "not now", "-q"]).ok().stdout;
    assert_eq!(rejected, format!("{}\n", left[1]));
    session.wait_until_idle();
}

#[test]
fn permissions_are_found_everywhere_and_settled() {
    let (sandbox, model) = Sandbox::real("asks");
    let mut asking = config(&model);
    asking["permission"] = json!({"bash": "ask"});
    let other = sandbox.root().join("other");
    sandbox.configure(&sandbox.work(), &asking);
    sandbox.configure(&other, &asking);
    let session = Session::start(&sandbox, &[]);
    let all = |words: &[&str]| sandbox.occtl(&[&["permissions"], words].concat()).run().ok();
    assert_eq!(all(&[]).stdout, "No pending permissions in any session\n");
    assert_eq!(session.run("permissions", &[]).ok().stdout, "No pending permissions\n");
    assert_eq!(session.run("approve", &["--all"]).ok().stdout, "No pending permissions\n");

    let far = ask_everywhere(&session, other.to_str().unwrap());
    let table = all(&[]).stdout;
    assert!(table.starts_with(&format!("Session {}:\nID ", session.id)), "{table}");
    assert!(table.contains("bash  echo one\n") && table.contains("      echo two\n"), "{table}");
    assert_eq!(all(&["-q"]).stdout.lines().count(), 3);
    reply_by_wrong_ids(&session, &far);
    reply_to_the_rest(&session);

    let prompts = ["[[bash uname]]", "[[bash uname -a]]"].map(|prompt| session.prompt(prompt));
    session.wait_for_asks("/permission", session.directory(), 2);
    let replied = session.run("reject", &["--all", "--json"]).ok().json();
    assert_eq!(replied["replied"].as_array().unwrap().len(), 2);
    assert!(replied["replied"].as_array().unwrap().iter().all(|row| row["reply"] == "reject"));
    session.wait_until_idle();
    for conversation in prompts {
        assert_eq!(session.tools(&conversation)[0].1, "error");
    }
}

/// A session whose model has to ask for bash, and may ask questions.
fn asking(sandbox: &mut Sandbox, model: &crate::support::model::Model) {
    sandbox.set_env("OPENCODE_ENABLE_QUESTION_TOOL", "1");
    let mut settings = config(model);
    settings["permission"] = json!({"bash": "ask"});
    sandbox.configure(&sandbox.work(), &settings);
}

#[test]
fn an_ask_of_an_aborted_turn_is_left_out_everywhere_until_it_is_named() {
    let (mut sandbox, model) = Sandbox::real("ghosts");
    asking(&mut sandbox, &model);
    let session = Session::start(&sandbox, &[]);
    let abort = |conversation: &str| {
        let route = format!("/session/{conversation}/abort");
        session.ask("POST", &route, session.directory(), &json!({}));
    };
    let conversation = session.prompt("[[bash echo ghost]]");
    let dead = session.wait_for_asks("/permission", session.directory(), 1);
    let dead = dead[0]["id"].as_str().unwrap();
    assert_eq!(session.run("permissions", &["-q"]).ok().stdout.trim(), dead, "it is live");
    abort(&conversation);
    let asked = session.prompt("[[question Which?|Red]]");
    session.wait_for_asks("/question", session.directory(), 1);
    abort(&asked);
    let gone = |list: &str, none: &str| {
        let shown = || session.run(list, &[]).ok().stdout;
        poll(SOON, || (shown() == none).then_some(())).expect("a list without dead asks");
    };
    gone("permissions", "No pending permissions\n");
    gone("questions", "No pending questions\n");
    let until = ["-s", &conversation, "-s", &asked, "--until", "ask", "-t", "3"];
    session.run("wait", &until).fails(124);
    assert_eq!(session.run("approve", &["--all"]).ok().stdout, "No pending permissions\n");
    let unused = ["--max-idle", "0.1", "--dry-run", "--json"];
    let cleanup = || sandbox.occtl(&["cleanup"]).args(&unused).run().ok().json();
    let cleaned = || cleanup()["cleaned"].as_array().is_some_and(|all| !all.is_empty());
    poll(SOON, || cleaned().then_some(())).expect("a session that nothing is going on in");

    // A live one of another conversation is shown beside it.
    session.prompt("[[bash echo live]]");
    session.wait_for_asks("/permission", session.directory(), 2);
    let shown = session.run("permissions", &["-q"]).ok().stdout;
    assert!(shown.lines().count() == 1 && shown.trim() != dead, "{shown}");
    session.run("reject", &[dead]).ok();
    session.run("reject", &["--all"]).ok();
    session.wait_for_asks("/permission", session.directory(), 0);
}

#[test]
fn what_occtl_ends_leaves_no_ask_behind() {
    let (mut sandbox, model) = Sandbox::real("no-ghosts");
    asking(&mut sandbox, &model);
    let session = Session::start(&sandbox, &[]);
    let none_left = || {
        session.wait_for_asks("/permission", session.directory(), 0);
        session.wait_for_asks("/question", session.directory(), 0);
    };
    let (bash, question) = ("[[bash echo hi]]", "[[question Which?|Red]]");
    for words in [
        &["--on-permission", "fail", bash][..],
        &["--on-question", "fail", question],
        &["--on-permission", "fail", "[[task {{bash echo child}}]]"],
    ] {
        session.run("send", &[&["--title", "t", "--wait"], words].concat()).fails(6);
        none_left();
    }
    with_longer_limits(4.0, |limit| {
        let words = ["--title", "t", "--wait", "-t", &limit.to_string(), bash];
        let ended = session.run("send", &words);
        // The limit may come before the ask.
        if ended.status == 124 { Err(ended.stderr) } else { Ok(ended.fails(6)) }
    });
    none_left();
    let conversation = session.prompt(bash);
    session.wait_for_asks("/permission", session.directory(), 1);
    session.run("abort", &["-s", &conversation]).ok();
    none_left();
    let conversation = session.prompt(bash);
    session.wait_for_asks("/permission", session.directory(), 1);
    session.run("delete", &["--force", &conversation]).ok();
    none_left();
    assert_eq!(session.get("/session/status"), json!({}), "a deleted conversation is not busy");
}

/// A page that nothing serves. Without a `timeout` the request for it has a field without a value.
const FETCH: &str = "[[tool webfetch {\"url\":\"http://127.0.0.1:9/\",\"format\":\"text\"}]]\
                     [[echo end]]";

#[test]
fn requests_that_the_server_cannot_list_are_found_and_answered_all_the_same() {
    let (sandbox, model) = Sandbox::real("unlistable");
    let mut settings = config(&model);
    settings["permission"] = json!({"webfetch": "ask", "bash": "ask"});
    sandbox.configure(&sandbox.work(), &settings);
    let session = Session::start(&sandbox, &[]);
    let shown = |count: usize| {
        let shown = || session.run("permissions", &["--json"]);
        let count_of = |told: &Outcome| told.json()["permissions"].as_array().map(Vec::len);
        let found = poll(SOON, || {
            Some(shown()).filter(|told| told.status == 0 && count_of(told) == Some(count))
        });
        found.expect("all that is pending")
    };
    let conversation = session.prompt(FETCH);
    let told = shown(1);
    let one = &told.json()["permissions"][0];
    assert_eq!(
        (&one["permission"], &one["conversation"]),
        (&json!("webfetch"), &conversation.as_str().into())
    );
    assert_eq!(one["patterns"], json!(["http://127.0.0.1:9/"]));
    let refuses =
        session.ask("GET", "/permission", session.directory(), &Value::Null).status == 400;
    assert_eq!(told.stderr.contains("cannot list"), refuses, "{}", told.stderr);
    println!("the list is refused: {refuses}");
    let other = session.prompt("[[bash echo hi && ls]]");
    let both = shown(2).json();
    let rows = both["permissions"].as_array().unwrap();
    let of_other = rows.iter().find(|row| row["conversation"] == *other).unwrap();
    assert_eq!(of_other["patterns"], json!(["echo hi", "ls"]));
    for waiting in [&conversation, &other] {
        let reached = session.run("wait", &["-s", waiting, "--until", "ask", "-t", "60"]).ok();
        assert!(reached.stdout.contains("ask per_"), "{}", reached.stdout);
    }
    let status = || session.run("status", &[]).ok().stdout.starts_with("waiting_permission");
    poll(SOON, || status().then_some(())).expect("a session that waits for a permission");
    let id = one["id"].as_str().unwrap();
    let approved = session.run("approve", &[id]).ok().stdout;
    assert_eq!(approved, format!("Approved (once): {id}\n"));
    session.run("approve", &[id]).fails(3);
    session.run("approve", &["--all"]).ok();
    session.wait_until_idle();

    // A turn that was begun without occtl, and one that occtl aborts.
    let sent = session.run("send", &["--title", "t", "--json", FETCH]).ok().json();
    shown(1);
    let turn = ["--turn", sent["turn"].as_str().unwrap(), "--allow", "webfetch"];
    assert_eq!(session.run("wait", &turn).ok().stdout, "end\n");
    let conversation = session.prompt(FETCH);
    shown(1);
    session.run("abort", &["-s", &conversation]).ok();
    assert_eq!(session.get("/permission"), json!([]), "an ask would spoil the list for ever");
}

#[test]
fn what_an_aborted_turn_asked_for_does_not_hold_up_the_next_one() {
    let (mut sandbox, model) = Sandbox::real("dead-ask");
    asking(&mut sandbox, &model);
    let session = Session::start(&sandbox, &[]);
    let conversation = session.prompt("[[bash echo ghost]]");
    session.wait_for_asks("/permission", session.directory(), 1);
    let route = format!("/session/{conversation}/abort");
    session.ask("POST", &route, session.directory(), &json!({}));
    let next = ["-s", &conversation, "--wait", "--on-permission", "fail", "[[slow 20 200]]"];
    let answered = session.run("send", &next).ok();
    assert!(answered.stdout.ends_with("w20\n"), "{}", answered.stdout);
    session.wait_for_asks("/permission", session.directory(), 1);
}

#[test]
fn questions_are_shown_and_answered() {
    let (mut sandbox, _model) = Sandbox::real("questions");
    sandbox.set_env("OPENCODE_ENABLE_QUESTION_TOOL", "1");
    let session = Session::start(&sandbox, &[]);
    assert_eq!(session.run("questions", &[]).ok().stdout, "No pending questions\n");
    let ask = |prompt: &str| {
        let conversation = session.prompt(prompt);
        let asks = session.wait_for_asks("/question", session.directory(), 1);
        (conversation, asks[0]["id"].as_str().unwrap().to_owned())
    };
    let (conversation, id) = ask("[[question Which colour?|Red|Blue]]");
    let shown = session.run("questions", &[]).ok().stdout;
    assert!(shown.starts_with(&format!("{id}\n  Which colour?\n    - Red: ")), "{shown}");
    let json = session.run("questions", &["--json"]).ok().json();
    assert_eq!(json["questions"][0]["questions"][0]["options"][1]["label"], "Blue");
    assert_eq!(json["questions"][0]["conversation"], conversation);
    let unknown = session.run("answer", &[&id, "Green"]).fails(2);
    assert!(unknown.stderr.contains("Red, Blue"), "{}", unknown.stderr);
    session.run("answer", &["que_nonsense", "Red"]).fails(3);
    session.run("answer", &[&id]).fails(2);
    let answered = session.run("answer", &[&id[4..], "blue"]).ok().stdout;
    assert_eq!(answered, format!("Answered: {id}\n"));
    let said = poll(SOON, || {
        let tools = session.tools(&conversation);
        (tools[0].1 == "completed").then(|| tools[0].2.clone())
    });
    assert!(said.unwrap().contains("\"Which colour?\"=\"Blue\""));
    session.run("answer", &[&id, "Red"]).fails(3);

    let (conversation, id) = ask("[[question Which?|Red]]");
    session.run("answer", &[&id, "--custom", "a mix of both"]).ok();
    session.wait_until_idle();
    assert!(session.tools(&conversation)[0].2.contains("a mix of both"));

    let (conversation, id) = ask("[[question Which?|Red]]");
    assert_eq!(session.run("answer", &[&id, "--reject", "-q"]).ok().stdout, format!("{id}\n"));
    session.wait_until_idle();
    assert_eq!(session.tools(&conversation)[0].1, "error");
}
