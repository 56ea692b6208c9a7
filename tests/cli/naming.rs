//! Conversations and turns that are named by the beginning of their id, or as the latest.

use serde_json::{Value, json};

use super::sandbox;
use super::tail::MEMORY_KIB;
use crate::support::sandbox::Sandbox;

/// A session with three conversations, the newest first.
struct Named<'a> {
    sandbox: &'a Sandbox,
    id: String,
    conversations: Vec<String>,
}

impl<'a> Named<'a> {
    fn start(sandbox: &'a Sandbox) -> Self {
        let id = sandbox.start(&[]);
        for prompt in ["one", "two", "three"] {
            sandbox.occtl(&["send", &id, "--title", prompt, "--wait", prompt]).run().ok();
        }
        let listed = sandbox.occtl(&["sessions", &id, "-q"]).run().ok().stdout;
        Self { sandbox, id, conversations: listed.lines().map(String::from).collect() }
    }

    fn json(&self, command: &str, words: &[&str]) -> Value {
        let words = [&[command, &self.id, "--json"], words].concat();
        self.sandbox.occtl(&words).run().ok().json()
    }

    /// The message of a failure with status 3.
    fn error(&self, command: &str, words: &[&str]) -> String {
        let words = [&[command, self.id.as_str()], words].concat();
        self.sandbox.occtl(&words).run().fails(3).stderr
    }

    /// The turn of a conversation.
    fn turn(&self, conversation: &str) -> String {
        let told = self.json("tail", &["-s", conversation, "--role", "user"]);
        told["messages"][0]["id"].as_str().unwrap().to_owned()
    }
}

/// The shortest beginning of the first id that no other one has.
fn beginning<'a>(ids: &[&'a str]) -> &'a str {
    let is_unique = |end: &usize| !ids[1..].iter().any(|other| other.starts_with(&ids[0][..*end]));
    let end = (5..=ids[0].len()).find(is_unique).unwrap();
    &ids[0][..end]
}

#[test]
fn a_conversation_is_named_by_a_unique_beginning_with_or_without_its_prefix_or_as_the_latest() {
    let sandbox = sandbox("naming", json!({}));
    let named = Named::start(&sandbox);
    let ids: Vec<&str> = named.conversations.iter().map(String::as_str).collect();
    let [newest, middle, oldest] = ids[..] else { panic!("{ids:?}") };
    let short = beginning(&[oldest, middle, newest]);
    for (word, id) in [(short, oldest), (&short[4..], oldest), ("latest", newest)] {
        for command in ["tail", "usage", "diff", "todo", "wait"] {
            let found = named.json(command, &["-s", word]);
            let found = found.get("conversation").unwrap_or(&found["reached"][0]["conversation"]);
            assert_eq!(*found, id, "{command} -s {word}");
        }
    }
    let sent = named.json("send", &["-s", short, "--wait", "more"]);
    assert_eq!(sent["conversation"], oldest);
    // It is the newest of the directory now.
    assert_eq!(named.json("tail", &["-s", "latest"])["conversation"], oldest);
    assert_eq!(named.json("abort", &["-s", short])["conversation"], oldest);
    assert_eq!(named.json("fork", &["-s", short])["parent"], oldest);
}

#[test]
fn a_word_that_names_no_conversation_or_several_is_not_found_and_says_what_there_is() {
    let sandbox = sandbox("ambiguous", json!({}));
    let named = Named::start(&sandbox);
    let ids: Vec<&str> = named.conversations.iter().map(String::as_str).collect();
    for command in ["tail", "abort", "fork", "export", "chain", "attach", "wait"] {
        let error = named.error(command, &["-s", &ids[0][..8]]);
        assert!(error.contains("more than one conversation begins with"), "{error}");
        assert!(ids.iter().all(|id| error.contains(id)), "{error}");
        for word in ["ses_nope", "nope", "a b", "ses_", "ses_0123456789abcdefghijklmnop"] {
            let error = named.error(command, &["-s", word]);
            assert!(error.contains(&format!("has no conversation {word}")), "{error}");
        }
        let turn = named.turn(ids[0]);
        assert!(named.error(command, &["-s", &turn]).contains("that is a turn"));
    }
    assert!(named.error("delete", &[&ids[0][..8]]).contains("more than one conversation"));
    let latest = sandbox.occtl(&["delete", &named.id, "latest"]).run().fails(2);
    assert!(latest.stderr.contains("delete always wants ids"), "{}", latest.stderr);
    assert_eq!(named.json("sessions", &[])["conversations"].as_array().unwrap().len(), 3);
    let short = beginning(&[ids[1], ids[0], ids[2]]);
    let deleted = sandbox.occtl(&["delete", &named.id, short]).run().ok();
    assert_eq!(deleted.stdout, format!("Deleted: {}\n", ids[1]));
    let none = sandbox.start(&[]);
    let error = sandbox.occtl(&["tail", &none, "-s", "latest"]).run().fails(3).stderr;
    assert!(error.contains("has no conversation yet"), "{error}");
}

#[test]
fn a_turn_is_named_in_the_same_way_and_one_of_another_conversation_is_not_found() {
    let sandbox = sandbox("turns", json!({}));
    let named = Named::start(&sandbox);
    let [newest, middle, _] = &named.conversations[..] else { panic!() };
    let first = named.turn(newest);
    let second = named.json("send", &["-s", newest, "--wait", "again"]);
    let second = second["turn"].as_str().unwrap();
    let short = beginning(&[first.as_str(), second]);
    let of_newest = |command: &str, turn: &str| {
        let flag = if command == "fork" { "-m" } else { "--turn" };
        named.json(command, &["-s", newest, flag, turn])
    };
    for (word, turn) in [(short, first.as_str()), (&short[4..], &first), ("latest", second)] {
        let told = of_newest("tail", word);
        assert_eq!(told["messages"][0]["id"], turn, "{word}");
        assert_eq!(of_newest("wait", word)["turn"], turn, "{word}");
        assert_eq!(of_newest("diff", word)["turn"], turn, "{word}");
    }
    let copy = of_newest("fork", "latest")["conversation"].clone();
    let copied = named.json("tail", &["-s", copy.as_str().unwrap()]);
    assert_eq!(copied["messages"].as_array().unwrap().len(), 2, "all but the newest turn");

    let foreign = named.turn(middle);
    for (command, flag) in
        [("tail", "--turn"), ("wait", "--turn"), ("diff", "--turn"), ("fork", "-m")]
    {
        let several = named.error(command, &["-s", newest, flag, &first[..8]]);
        assert!(several.contains("begins with"), "{command}: {several}");
        for wrong in [foreign.as_str(), "msg_nope", "nope", middle, "msg_"] {
            let error = named.error(command, &["-s", newest, flag, wrong]);
            assert!(error.contains(&format!("{newest} has no ")), "{command}: {error}");
        }
    }
}

#[test]
fn a_beginning_costs_one_question_more_also_among_thousands_of_conversations() {
    let sandbox = sandbox("naming-many", json!({"bulk_conversations": 5000}));
    let id = sandbox.start(&[]);
    let questions = |words: &[&str]| {
        let before = sandbox.stand_in_requests().len();
        let words = [&["tail", &id, "--json"], words].concat();
        let told = sandbox.occtl(&words).run().ok().json();
        let asked = sandbox.stand_in_requests().split_off(before);
        let asked = asked.iter().filter_map(|one| one["path"].as_str());
        let asked: Vec<&str> = asked.filter(|path| path.starts_with("/session")).collect();
        let lists = asked.iter().filter(|path| **path == "/session").count();
        (told["conversation"].as_str().unwrap().to_owned(), lists, asked.len())
    };
    let ids = sandbox.occtl(&["sessions", &id, "-q"]).run().ok().stdout;
    let ids: Vec<&str> = ids.lines().collect();
    let last = ids[4999];
    let mut others = ids[..4999].to_vec();
    others.insert(0, last);
    assert_eq!(questions(&["-s", beginning(&others)]), (last.into(), 1, 2));
    assert_eq!(questions(&["-s", "latest"]), (ids[0].into(), 1, 2));
    assert_eq!(questions(&[]), (ids[0].into(), 1, 2));
    let script = format!("ulimit -d {MEMORY_KIB} && exec \"$0\" \"$@\"");
    sandbox.shell(&script, &["tail", &id, "-s", beginning(&others)]).run().ok();
    let error = sandbox.occtl(&["tail", &id, "-s", &last[..6]]).run().fails(3).stderr;
    assert!(error.contains(" more)") && error.len() < 1000, "{error}");
}
