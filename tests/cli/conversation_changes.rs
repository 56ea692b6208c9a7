//! Conversations that are opened, renamed, taken back, summarised, shared and exported.

use rustix::process::Signal;
use serde_json::{Value, json};

use super::sandbox;
use super::tail::MEMORY_KIB;
use crate::support::sandbox::Sandbox;
use crate::support::session::{SOON, Session};

/// Each command that takes the conversation that occtl used last, with its further words.
const ACTING: [&[&str]; 6] = [
    &["rename", "another title"],
    &["revert", "latest"],
    &["unrevert"],
    &["compact"],
    &["share"],
    &["unshare"],
];

/// A configuration under which conversations may be shared.
fn shareable() -> Value {
    json!({"body": {"/config": {"share": "manual"}}})
}

/// Runs one of [`ACTING`] with more words.
fn act(
    sandbox: &Sandbox,
    id: &str,
    words: &[&str],
    more: &[&str],
) -> crate::support::command::Outcome {
    let (command, rest) = words.split_first().unwrap();
    sandbox.occtl(&[&[command, id], rest, more].concat()).run()
}

#[test]
fn acting_commands_take_the_conversation_that_occtl_used_and_name_a_newer_one() {
    let sandbox = sandbox("acting", shareable());
    let session = Session::start(&sandbox, &[]);
    let foreign = session.prompt("from another client");
    session.wait_until_idle();
    for words in ACTING {
        let refused = act(&sandbox, &session.id, words, &[]).fails(3);
        assert!(refused.stderr.contains("-s names one"), "{words:?}: {}", refused.stderr);
        act(&sandbox, &session.id, words, &["-s", &foreign]).ok();
    }
    let own = session.run("new", &["-q"]).ok().stdout.trim().to_owned();
    session.run("send", &["-s", &own, "--wait", "one two"]).ok();
    let newer = session.prompt("newer");
    session.wait_until_idle();
    for words in ACTING {
        let done = act(&sandbox, &session.id, words, &["--json"]).ok();
        assert_eq!(done.json()["conversation"], own.as_str(), "{words:?}");
        assert!(done.stderr.contains(&newer), "{words:?}: {}", done.stderr);
    }
    // Reading commands take the newest one.
    assert_eq!(session.run("last", &["--json"]).ok().json()["conversation"], newer.as_str());
    assert_eq!(session.run("children", &["--json"]).ok().json()["conversation"], newer.as_str());
}

#[test]
fn a_server_that_cannot_do_it_is_told_apart_and_a_conversation_that_vanishes_as_well() {
    let sandbox = sandbox("refused", shareable());
    let id = sandbox.start(&[]);
    sandbox.occtl(&["send", &id, "--title", "t", "--wait", "one"]).run().ok();
    sandbox.occtl(&["revert", &id, "latest"]).run().ok();
    let routes = ["revert", "unrevert", "summarize", "share"];
    let paths: Vec<String> = routes.iter().map(|route| format!("/session/*/{route}")).collect();
    let with = |name: &str, fault: Value| {
        let mut faults = shareable();
        faults[name] = fault;
        sandbox.set_faults(&faults);
    };
    with("html", paths.into());
    for words in [&["revert", "latest"][..], &["unrevert"], &["compact"], &["share"]] {
        let refused = act(&sandbox, &id, words, &["--json"]).fails(1).json_error();
        assert_eq!(refused["reason"], "unsupported", "{words:?}: {refused}");
    }
    let statuses = |status: u16, paths: &[&str]| -> Value {
        let table = paths.iter().map(|path| ((*path).to_owned(), status.into()));
        table.collect::<serde_json::Map<_, Value>>().into()
    };
    let changing = [
        "PATCH /session/*",
        "POST /session/*/revert",
        "POST /session/*/unrevert",
        "POST /session/*/share",
        "POST /session/*/summarize",
        "/session/*/message",
    ];
    // A turn that began in the meantime, and a conversation that was deleted.
    with("status", statuses(409, &changing[1..4]));
    for words in [&["revert", "latest"][..], &["unrevert"], &["share"]] {
        let busy = act(&sandbox, &id, words, &["--json"]).fails(1).json_error();
        assert_eq!(busy["reason"], "busy", "{words:?}: {busy}");
    }
    with("status", statuses(404, &changing));
    for words in [
        &["rename", "x"][..],
        &["revert", "latest"],
        &["unrevert"],
        &["share"],
        &["compact"],
        &["last"],
        &["export"],
        &["export", "--format", "markdown"],
    ] {
        let gone = act(&sandbox, &id, words, &[]).fails(3);
        assert!(gone.stderr.contains("was deleted meanwhile"), "{words:?}: {}", gone.stderr);
    }
}

#[test]
fn a_summary_that_does_not_come_ends_with_the_limit_or_the_signal_and_is_aborted() {
    let sandbox = sandbox("compact-limits", json!({}));
    let id = sandbox.start(&[]);
    sandbox.occtl(&["send", &id, "--title", "t", "--wait", "one"]).run().ok();
    let aborts = || {
        let requests = sandbox.stand_in_requests();
        requests.iter().filter(|one| one["path"].as_str().unwrap().ends_with("/abort")).count()
    };
    sandbox.set_faults(&json!({"silence": ["/session/*/summarize"]}));
    sandbox.occtl(&["compact", &id, "-t", "1"]).run().fails(124);
    assert_eq!(aborts(), 1);
    let before = sandbox.stand_in_requests().len();
    let running = sandbox.occtl(&["compact", &id]).spawn();
    sandbox.wait_for_request(before, |one| one["path"].as_str().unwrap().ends_with("/summarize"));
    running.signal(Signal::TERM);
    running.wait(SOON).fails(143);
    assert_eq!(aborts(), 2);
    // What the server answers without a message is no summary.
    sandbox.set_faults(&json!({"body": {"/session/*/summarize": true}}));
    let none = sandbox.occtl(&["compact", &id]).run().fails(5);
    assert!(none.stderr.contains("stored no request"), "{}", none.stderr);
    sandbox.set_faults(&json!({"status": {"/session/*/summarize": 500}}));
    let refused = sandbox.occtl(&["compact", &id]).run().fails(1);
    assert!(refused.stderr.contains("status 500"), "{}", refused.stderr);
}

#[test]
fn sharing_that_the_configuration_disables_is_refused_and_nothing_is_sent() {
    let disabled = json!({"body": {"/config": {"share": "disabled"}}});
    let sandbox = sandbox("share-disabled", disabled.clone());
    let id = sandbox.start(&[]);
    sandbox.occtl(&["new", &id]).run().ok();
    for command in ["share", "unshare"] {
        let refused = sandbox.occtl(&[command, &id]).run().fails(1);
        assert!(refused.stderr.contains("\"share\": \"disabled\""), "{}", refused.stderr);
    }
    let shares = |one: &Value| one["path"].as_str().unwrap().ends_with("/share");
    assert!(!sandbox.stand_in_requests().iter().any(shares));
    // What was shared before can be taken off all the same.
    sandbox.set_faults(&shareable());
    let shared = sandbox.occtl(&["share", &id]).run().ok();
    assert_eq!(shared.stdout, "http://share.invalid/s/1\n");
    sandbox.set_faults(&disabled);
    assert!(sandbox.occtl(&["unshare", &id]).run().ok().stdout.starts_with("Unshared: ses_"));
    sandbox.occtl(&["unshare", &id]).run().fails(1);
}

#[test]
fn a_title_with_every_control_character_is_kept_and_controls_no_terminal() {
    let sandbox = sandbox("titles", json!({}));
    let id = sandbox.start(&[]);
    let controls = (1..0x20).chain(0x7f..0xa0).filter_map(char::from_u32);
    let title: String = controls.chain("\u{202e}\u{2066}\u{feff}end".chars()).collect();
    sandbox.occtl(&["new", &id]).run().ok();
    let renamed = sandbox.occtl(&["rename", &id, &title, "--json"]).run().ok().json();
    assert_eq!(renamed["title"], title.as_str());
    sandbox.occtl(&["new", &id, "--title", &title, "--parent", "latest"]).run().ok();
    for words in [
        &["rename", &id, &title][..],
        &["sessions", &id],
        &["chain", &id],
        &["children", &id, "--tree"],
        &["export", &id, "--format", "markdown", "--children"],
        &["new", &id, "--title", &title],
    ] {
        let shown = sandbox.occtl(words).run().ok().stdout;
        let is_harmful = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(shown.contains("\\x1b") && !shown.contains(is_harmful), "{words:?}: {shown:?}");
    }
    sandbox.occtl(&["rename", &id, " "]).run().fails(2);
}

#[test]
fn a_conversation_that_the_server_does_not_keep_as_it_was_asked_for_is_not_left_behind() {
    let plain = json!({"id": "ses_0123456789abABCDEFGHIJKLMN", "directory": "/"});
    let sandbox = sandbox("new-old", json!({"body": {"POST /session": plain}}));
    let id = sandbox.start(&["--allow-occtl-commands"]);
    sandbox.occtl(&["new", &id]).run().ok();
    for flags in [&["-a", "build"][..], &["-m", "scripted/echo"]] {
        let refused = sandbox.occtl(&["new", &id, "--json"]).args(flags).run().fails(1);
        assert_eq!(refused.json_error()["reason"], "unsupported");
        let last = sandbox.stand_in_requests().pop().unwrap();
        assert_eq!(last["method"], "DELETE");
    }
    for (flags, status) in
        [(["-a", "nope"], 5), (["-m", "scripted/nope"], 5), (["--parent", "nope"], 3)]
    {
        let before = sandbox.stand_in_requests().len();
        sandbox.occtl(&["new", &id]).args(&flags).run().fails(status);
        let asked = sandbox.stand_in_requests().split_off(before);
        assert!(asked.iter().all(|one| one["method"] == "GET"), "{flags:?}: {asked:?}");
    }
}

#[test]
fn thousands_of_conversations_and_messages_need_few_questions_and_little_memory() {
    let sandbox = sandbox("many-messages", json!({"bulk_conversations": 5000, "messages": 20_000}));
    let id = sandbox.start(&[]);
    let limited = |words: &[&str]| {
        let before = sandbox.stand_in_requests().len();
        let script = format!("ulimit -d {MEMORY_KIB} && exec \"$0\" \"$@\"");
        let done = sandbox.shell(&script, words).run().ok();
        (done.stdout, sandbox.stand_in_requests().len() - before)
    };
    // The first question is whether the server is there, the second which conversation is meant.
    for (words, questions) in [
        (&["last", &id][..], 4),
        (&["children", &id, "--tree"], 4),
        (&["export", &id, "--format", "markdown"], 3),
        (&["export", &id, "--children"], 5),
        (&["tail", &id, "--turn", "latest"], 5),
        (&["rename", &id, "-s", "latest", "renamed"], 3),
    ] {
        let (_, asked) = limited(words);
        assert!(asked <= questions, "{words:?} asked {asked} questions");
    }
    // A whole export comes through a pipe, however slowly that is read.
    let (text, _) = limited(&["export", &id, "--children"]);
    let exported: Value = serde_json::from_str(&text).expect("a whole document");
    assert_eq!(exported["messages"].as_array().unwrap().len(), 20_000);
    assert_eq!(exported["children"], json!([]));
    let (text, _) = limited(&["export", &id, "--format", "markdown"]);
    assert_eq!(text.matches("\n## User\n").count(), 10_000);
    assert!(text.ends_with("message 19999\n"), "{}", &text[text.len() - 100..]);
    let slow = sandbox.shell("\"$0\" export \"$1\" | (sleep 1; cat)", &[&id]).run().ok();
    assert_eq!(slow.json(), sandbox.occtl(&["export", &id]).run().ok().json());
}

#[test]
fn the_conversations_of_sub_agents_are_a_tree_and_part_of_an_export() {
    let sandbox = sandbox("tree", json!({}));
    let id = sandbox.start(&[]);
    let new = |words: &[&str]| {
        let words = [&["new", &id, "-q"], words].concat();
        sandbox.occtl(&words).run().ok().stdout.trim().to_owned()
    };
    let root = new(&["--title", "root"]);
    let first = new(&["--parent", &root, "--title", "first"]);
    let inner = new(&["--parent", &first, "--title", "inner"]);
    let second = new(&["--parent", &root, "--title", "second"]);
    for conversation in [&root, &inner] {
        sandbox.occtl(&["send", &id, "-s", conversation, "--wait", "one two"]).run().ok();
    }
    let lines = |words: &[&str]| {
        let words = [&["children", &id], words].concat();
        let shown = sandbox.occtl(&words).run().ok().stdout;
        shown.lines().map(String::from).collect::<Vec<_>>()
    };
    assert_eq!(lines(&["-q"]), [first.clone(), second.clone()]);
    let tree = lines(&["--tree"]);
    for (line, (indent, conversation)) in
        tree[1..].iter().zip([("", &root), ("  ", &first), ("    ", &inner), ("  ", &second)])
    {
        assert!(line.starts_with(&format!("{indent}{conversation}")), "{tree:?}");
    }
    let json = sandbox.occtl(&["children", &id, "--tree", "--json"]).run().ok().json();
    let depths: Vec<&Value> =
        json["children"].as_array().unwrap().iter().map(|one| &one["depth"]).collect();
    assert_eq!(depths, [1, 2, 1]);
    let exported = sandbox.occtl(&["export", &id, "--children"]).run().ok().json();
    let children = exported["children"].as_array().unwrap();
    let ids: Vec<&Value> = children.iter().map(|one| &one["info"]["id"]).collect();
    assert_eq!(ids, [first.as_str(), &inner, &second]);
    assert_eq!(children[1]["messages"].as_array().unwrap().len(), 2);
    let markdown = &["export", &id, "--children", "--format", "markdown"][..];
    let shown = sandbox.occtl(markdown).run().ok().stdout;
    assert!(shown.contains("\n# Sub-agent: inner\n"), "{shown}");
    sandbox.occtl(markdown).args(&["--json"]).run().fails(2);
    let saved = sandbox.occtl(markdown).args(&["-o", "talk.md", "--json"]).run().ok().json();
    assert_eq!(saved["exported"], 4);
    assert_eq!(std::fs::read_to_string(sandbox.work().join("talk.md")).unwrap(), shown);
    // One that is deleted while the others are read is left out.
    let gone = format!("/session/{inner}");
    sandbox.set_faults(&json!({"status": {gone: 404}}));
    let exported = sandbox.occtl(&["export", &id, "--children"]).run().ok();
    assert!(exported.stderr.contains(&format!("without {inner}")), "{}", exported.stderr);
    assert_eq!(exported.json()["children"].as_array().unwrap().len(), 2);
}
