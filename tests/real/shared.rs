//! Two servers with one directory and database: they share the conversations, and each of them runs
//! turns of its own.

use crate::support::processes::poll;
use crate::support::sandbox::Sandbox;
use crate::support::session::{SOON, Session};

/// Two sessions in the sandbox's working directory.
fn pair(sandbox: &Sandbox) -> (Session<'_>, Session<'_>) {
    let first = Session::start(sandbox, &["--name", "a"]);
    let second = Session::start(sandbox, &["--name", "b"]);
    (first, second)
}

/// Waits until a session's server says that it works on a conversation.
#[track_caller]
fn wait_until_busy(session: &Session, conversation: &str) {
    let busy = || session.get("/session/status")[conversation].is_object().then_some(());
    poll(SOON, busy).expect("a busy conversation");
}

#[test]
fn an_abort_ends_a_turn_of_its_own_server_and_says_when_another_server_runs_it() {
    let (sandbox, model) = Sandbox::real("abort-elsewhere");
    let (a, b) = pair(&sandbox);
    let sent = b.run("send", &["--title", "t", "[[text so far]][[wait gate]]"]).ok();
    let conversation = sent.stdout.trim();
    wait_until_busy(&b, conversation);
    model.wait_for_gate("gate", SOON);

    // No conversation was used on `a` yet, and it does not take one of the other server.
    let none = a.run("abort", &[]).fails(3);
    assert!(none.stderr.contains("-s names one"), "{}", none.stderr);
    let refused = a.run("abort", &["-s", conversation]).fails(1);
    let hint = format!("occtl abort {} -s {conversation}", b.id);
    assert!(refused.stderr.contains(&hint), "{}", refused.stderr);
    wait_until_busy(&b, conversation);

    let aborted = b.run("abort", &[]).ok();
    assert_eq!(aborted.stdout, format!("Aborted: {conversation}\n"));
    for session in [&a, &b] {
        let again = session.run("abort", &["-s", conversation]).ok();
        assert_eq!(again.stdout, format!("Nothing was going on in {conversation}\n"));
    }
    let again = b.run("abort", &["--json"]).ok().json();
    assert_eq!((&again["conversation"], &again["aborted"]), (&conversation.into(), &false.into()));
}

#[test]
fn a_conversation_that_is_continued_is_one_that_occtl_used_on_this_session() {
    let (sandbox, _model) = Sandbox::real("continue-own");
    let (a, b) = pair(&sandbox);
    let send = |session: &Session, words: &[&str]| {
        let sent = session.run("send", &[&["--wait", "--json"], words].concat()).ok();
        (sent.json()["conversation"].as_str().unwrap().to_owned(), sent.stderr)
    };
    let (own, _) = send(&a, &["--title", "own", "[[echo one]]"]);
    let (other, _) = send(&b, &["--title", "other", "[[echo two]]"]);
    let (continued, said) = send(&a, &["-c", "[[echo three]]"]);
    assert_eq!(continued, own);
    assert!(said.contains(&other), "the newer conversation of the directory is named: {said}");
    // It is the newest of the directory now, so no other one is named.
    let (continued, said) = send(&a, &["-c", "[[echo four]]"]);
    assert_eq!((continued.as_str(), said.as_str()), (own.as_str(), ""));

    // Reading commands take the newest conversation of the directory, and `wait` the one in use.
    send(&b, &["-c", "[[echo five]]"]);
    assert!(a.run("tail", &["--json"]).ok().stdout.contains(&other));
    assert_eq!(a.run("wait", &["-q"]).ok().stdout, format!("{own}\n"));
    // A copy counts as used. Once it is deleted no other conversation takes its place.
    let copy = a.run("fork", &["-q", "-s", &own]).ok().stdout.trim().to_owned();
    assert_eq!(send(&a, &["-c", "[[echo six]]"]).0, copy);
    a.run("delete", &[&copy]).ok();
    let gone = a.run("send", &["-c", "x"]).fails(3);
    assert!(gone.stderr.contains(&copy), "{}", gone.stderr);
}
