//! Two servers with one directory and database: they share the conversations, and each of them runs
//! turns of its own.

use crate::support::processes::{kill, poll};
use crate::support::sandbox::Sandbox;
use crate::support::session::{SOON, Session};

/// How many prompts a conversation has.
fn prompts(session: &Session, conversation: &str) -> usize {
    let messages = session.get(&format!("/session/{conversation}/message"));
    messages.as_array().unwrap().iter().filter(|one| one["info"]["role"] == "user").count()
}

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

#[test]
fn a_conversation_that_another_server_works_on_is_deleted_only_by_that_one() {
    let (sandbox, model) = Sandbox::real("delete-elsewhere");
    let (a, b) = pair(&sandbox);
    let sent = b.run("send", &["--title", "t", "[[text so far]][[wait gate]]"]).ok();
    let conversation = sent.stdout.trim();
    wait_until_busy(&b, conversation);
    model.wait_for_gate("gate", SOON);
    for force in [&[][..], &["--force"]] {
        let refused = a.run("delete", &[&[conversation][..], force].concat()).fails(1);
        let hint = format!("occtl delete --force {} {conversation}", b.id);
        assert!(refused.stderr.contains(&hint), "{}", refused.stderr);
    }
    wait_until_busy(&b, conversation);
    let refused = b.run("delete", &[conversation, "--json"]).fails(1).json_error();
    assert_eq!(refused["reason"], "busy");
    b.run("delete", &[conversation, "--force"]).ok();
    a.run("tail", &["-s", conversation]).fails(3);

    // What a server left when it was killed can only be deleted with --force.
    let sent = b.run("send", &["--title", "t", "[[text so far]][[wait other]]"]).ok();
    let conversation = sent.stdout.trim();
    wait_until_busy(&b, conversation);
    model.wait_for_gate("other", SOON);
    kill(sandbox.server_pid(&b.id));
    let refused = a.run("delete", &[conversation]).fails(1);
    assert!(refused.stderr.contains("its server ended"), "{}", refused.stderr);
    a.run("delete", &[conversation, "--force"]).ok();
    a.run("tail", &["-s", conversation]).fails(3);
}

#[test]
fn a_busy_conversation_is_refused_taken_over_or_waited_for() {
    let (sandbox, model) = Sandbox::real("busy");
    let session = Session::start(&sandbox, &[]);
    let send = |words: &[&str]| sandbox.occtl(&[&["send", &session.id], words].concat());
    let first = send(&["--title", "t", "--wait", "--json", "[[wait one]][[echo first]]"]).spawn();
    model.wait_for_gate("one", SOON);
    let conversation = session.run("sessions", &["-q"]).ok().stdout.trim().to_owned();

    let refused = send(&["-c", "--json", "never"]).run().fails(1).json_error();
    assert_eq!((&refused["code"], &refused["reason"]), (&"failed".into(), &"busy".into()));
    for form in [&["--wait"][..], &[]] {
        let late = send(&["-c", "--queue", "-t", "2", "never"]).args(form).run().fails(124);
        assert!(late.stderr.contains("nothing was sent"), "{}", late.stderr);
    }
    assert_eq!(prompts(&session, &conversation), 1, "nothing was sent");

    // One after the other, and none of them takes another one over.
    let queued = ["[[echo second]]", "[[bash sleep 1]][[echo third]]", "[[echo fourth]]"];
    let queued = queued.map(|prompt| {
        let words = ["-s", &*conversation, "--queue", "--wait", "--json", prompt];
        send(&words).spawn()
    });
    model.release("one");
    assert_eq!(first.wait(SOON).ok().json()["answer"], "first");
    let answers = queued.map(|running| running.wait(SOON).ok().json()["answer"].clone());
    assert_eq!(answers, ["second", "third", "fourth"]);
    assert!(std::fs::read_dir(sandbox.data().join("queue")).unwrap().next().is_none());

    let running = send(&["-c", "--json", "[[wait two]][[echo old]]"]).run().ok().json();
    model.wait_for_gate("two", SOON);
    // A prompt that waits is newer than those that were sent in the meantime.
    let last = send(&["-c", "--queue", "--wait", "[[bash sleep 2]][[echo last]]"]).spawn();
    let queue = || std::fs::read_dir(sandbox.data().join("queue")).ok()?.next();
    drop(poll(SOON, queue).expect("a prompt that waits"));
    let taken = send(&["-s", &conversation, "[[echo new]]"]).run().ok();
    assert!(taken.stderr.contains(running["turn"].as_str().unwrap()), "{}", taken.stderr);
    model.release("two");
    assert_eq!(last.wait(SOON).ok().stdout, "last\n");
}

#[test]
fn a_conversation_that_another_server_works_on_is_busy_too() {
    let (sandbox, model) = Sandbox::real("busy-elsewhere");
    let (a, b) = pair(&sandbox);
    let sent = a.run("send", &["--title", "t", "--wait", "--json", "[[echo one]]"]).ok().json();
    let conversation = sent["conversation"].as_str().unwrap();
    b.run("send", &["-s", conversation, "[[text so far]][[wait gate]][[echo two]]"]).ok();
    model.wait_for_gate("gate", SOON);
    let refused = a.run("send", &["-c", "never"]).fails(1);
    assert!(refused.stderr.contains(&b.id), "{}", refused.stderr);
    assert_eq!(prompts(&a, conversation), 2);
    model.release("gate");
    let queued = a.run("send", &["-c", "--queue", "--wait", "[[echo three]]"]).ok();
    assert_eq!(queued.stdout, "three\n");
}
