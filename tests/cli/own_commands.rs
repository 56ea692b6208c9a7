//! OpenCode's own commands, and what must not become one.

use serde_json::{Value, json};

use super::{TOOLS, sandbox};
use crate::support::sandbox::Sandbox;

/// What the server lists.
fn listed() -> Value {
    json!({"body": {"/experimental/tool/ids": TOOLS, "/command": [
        {"name": "greet", "description": "Greets\u{1b}[31m", "source": "command", "template": "x"},
        {"name": "review", "source": "skill", "template": "x", "subtask": true},
        {"name": "planned", "template": "x", "agent": "plan", "model": "scripted/other"},
        {"name": "shell", "template": "on !`git branch`"},
        {"name": "odd", "template": 7, "agent": [], "hints": 1},
    ]}})
}

/// The requests that invoke a command or open a conversation.
fn sent(sandbox: &Sandbox) -> Vec<Value> {
    let all = sandbox.stand_in_requests().into_iter();
    all.filter(|request| request["method"] == "POST").collect()
}

#[test]
fn the_commands_of_the_server_are_listed() {
    let sandbox = sandbox("commands", listed());
    let id = sandbox.start(&[]);
    let text = sandbox.occtl(&["commands", &id]).run().ok().stdout;
    let rows: Vec<&str> = text.lines().collect();
    assert_eq!(rows[0], "Name     Source   Description");
    assert_eq!(rows[1], "greet    command  Greets\\x1b[31m");
    assert_eq!(rows[5], "shell    -        -");
    let names = sandbox.occtl(&["commands", &id, "-q"]).run().ok().stdout;
    assert_eq!(names, "greet\nodd\nplanned\nreview\nshell\n");
    let document = sandbox.occtl(&["commands", &id, "--json"]).run().ok().json();
    let planned = json!({"name": "planned", "description": null, "source": null, "agent": "plan",
        "model": "scripted/other", "subtask": null});
    assert_eq!(document["commands"][2], planned);
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_command_is_followed_like_a_prompt_in_all_ways() {
    let sandbox = sandbox("command-turns", listed());
    let id = sandbox.start(&[]);
    let send = |words: &[&str]| {
        sandbox.occtl(&["send", &id, "--command", "greet", "big", "world"]).args(words).run()
    };
    assert_eq!(send(&["--wait"]).ok().stdout, "greet big world\n");
    assert_eq!(send(&["--stream", "-c"]).ok().stdout, "greet big world\n");
    let record = send(&["--wait", "--json", "-m", "scripted/other", "-a", "plan"]).ok().json();
    assert_eq!((&record["outcome"], &record["steps"]), (&json!("ok"), &json!(1)));
    let body = sent(&sandbox).last().unwrap()["body"].clone();
    let expected = json!({"messageID": record["turn"], "command": "greet",
        "arguments": "big world", "model": "scripted/other", "agent": "plan"});
    assert_eq!(body, expected);
    // Without --wait the server has the prompt when the command ends.
    let begun = send(&["--json"]).ok().json();
    let turn = begun["turn"].as_str().unwrap();
    sandbox.occtl(&["wait", &id, "--turn", turn]).run().ok();
    // A command needs no arguments, and a server of its own is fine.
    let run = ["run", "--command", "greet"];
    assert_eq!(sandbox.occtl(&run).run().ok().stdout, "greet \n");

    sandbox.set_faults(&json!({"turn": {"error": {"name": "APIError", "data": {"message": "no"}}},
        "body": listed()["body"]}));
    assert_eq!(send(&["--wait"]).fails(5).stdout, "");
    sandbox.set_faults(&json!({"turn": {"never_ends": true}, "body": listed()["body"]}));
    send(&["--wait", "-t", "0.5"]).fails(124);
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_command_that_cannot_be_invoked_like_this_sends_nothing() {
    let sandbox = sandbox("command-errors", listed());
    let id = sandbox.start(&[]);
    std::fs::write(sandbox.work().join("inside"), "").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", sandbox.work().join("link")).unwrap();
    for (words, status, why) in [
        (&["gret"][..], 3, "has no command gret (did you mean greet?)"),
        (&["/greet"], 3, "did you mean greet?"),
        (&["zzz"], 3, "has no command zzz (greet, review, planned, shell, odd)"),
        (&["planned", "-m", "scripted/echo"], 2, "--model does nothing for command planned"),
        (&["planned", "-a", "build"], 2, "--agent does nothing for command planned"),
        (&["review", "-f", "inside"], 2, "--file does nothing for command review"),
        (&["shell", "--deny", "edit"], 1, "runs shell lines of its template"),
        (&["review", "--unlisted", "deny"], 1, "the rules deny that"),
        (&["review", "--deny", "task"], 1, "the rules deny that"),
        (&["greet", "!`id`"], 2, "a shell line"),
        (&["greet", "x", "!`id"], 2, "a shell line"),
        (&["greet", "@/etc/passwd"], 2, "outside of"),
        (&["greet", "see @link"], 2, "outside of"),
        (&["greet", "@../../../../etc/passwd"], 2, "outside of"),
        (&["greet", "-"], 2, "stdin cannot be the arguments of --command"),
        (&["greet", "x", "--system", "y"], 2, "cannot be used together"),
        (&["greet", "x", "--mentions"], 2, "cannot be used together"),
    ] {
        for how in [&["--wait"][..], &[]] {
            let send = sandbox.occtl(&["send", &id, "--command"]).args(words).args(how);
            let failed = send.stdin("x").run().fails(status);
            assert!(failed.stderr.contains(why), "{words:?}: {}", failed.stderr);
        }
    }
    let refused = ["send", &id, "--json", "--command", "review", "--unlisted", "ask"];
    let refused = sandbox.occtl(&refused).run().fails(1).json_error();
    assert_eq!(refused["reason"], "unsupported");
    assert_eq!(sent(&sandbox), [Value::Null; 0]);
    // A file in the directory, and a name of nothing, are no danger.
    let fine = ["send", &id, "--command", "greet", "me@x.org", "@inside", "@none"];
    sandbox.occtl(&fine).run().ok();

    // A server without the route.
    let before = sent(&sandbox).len();
    sandbox.set_faults(&json!({}));
    for words in [&["commands", &id, "--json"][..], &["send", &id, "--json", "--command", "greet"]]
    {
        let error = sandbox.occtl(words).run().fails(1).json_error();
        assert_eq!(error["reason"], "unsupported", "{words:?}");
    }
    assert_eq!(sent(&sandbox).len(), before);
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn words_that_look_like_a_command_are_sent_as_words_and_the_user_is_told() {
    let sandbox = sandbox("command-words", listed());
    let id = sandbox.start(&[]);
    for (message, told) in [
        ("/greet big world", true),
        ("/greet", true),
        ("/greeting", false),
        ("/srv/greet", false),
        ("/greet/x", false),
        (" /greet", false),
        ("/ greet", false),
        ("say /greet", false),
    ] {
        let sent = sandbox.occtl(&["send", &id, "--wait", message]).run().ok();
        assert_eq!(sent.stdout, format!("{message}\n"));
        let note = "occtl: /greet is a command of OpenCode, and is sent as words (--command greet \
                    invokes it)\n";
        assert_eq!(sent.stderr, if told { note } else { "" }, "{message}");
    }
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}
