//! Tables on a terminal and in a pipe.

use serde_json::Value;
use unicode_width::UnicodeWidthStr;

use super::sandbox;
use crate::support::sandbox::Sandbox;

/// What a command shows on a terminal of that many columns, line by line. `set` sets variables.
fn shown(sandbox: &Sandbox, columns: usize, set: &str, words: &str) -> Vec<String> {
    let inner =
        format!("stty cols {columns}; {set} exec '{}' {words}", env!("CARGO_BIN_EXE_occtl"));
    let terminal = sandbox.command("script", &["-qec", &inner, "/dev/null"]);
    let outcome = terminal.env("SHELL", "/bin/sh").env("TERM", "xterm").run().ok();
    outcome.stdout.lines().map(|line| line.trim_end_matches('\r').to_owned()).collect()
}

/// A line without the sequences that colour it.
fn bare(line: &str) -> String {
    let mut pieces = line.split("\u{1b}[");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |all, piece| all + piece.split_once('m').unwrap().1)
}

#[test]
fn tables_fit_every_terminal_and_nothing_is_cut_in_a_pipe() {
    let sandbox = sandbox("terminals", Value::Null);
    let place =
        "漢字の場所/👩\u{200d}👩\u{200d}👧\u{200d}👦 e\u{301}u\u{308}/a-directory-with-a-long-name";
    std::fs::create_dir_all(sandbox.work().join(place)).unwrap();
    let name = "a-name-of-many-letters-for-a-session-of-the-night";
    let id = sandbox.start(&["-w", place, "--name", name]);
    sandbox.start(&["--label", "zone=ü"]);
    let title =
        "標題 with 👍🏽 and e\u{301}\u{302} and so on, until no terminal shows it. ".repeat(4);
    sandbox.occtl(&["send", &id, "--title", &title, "hello"]).run().ok();
    sandbox.occtl(&["wait", &id]).run().ok();

    let full = sandbox.work().join(place).display().to_string();
    let piped = sandbox.occtl(&["list"]).run().ok().stdout;
    assert!(piped.contains(name) && piped.contains(&full), "{piped}");
    assert!(
        !piped.contains('…') && !piped.contains(" ago") && !piped.contains('\u{1b}'),
        "{piped}"
    );
    let listed = sandbox.occtl(&["sessions", &id]).run().ok().stdout;
    assert!(listed.contains(title.trim_end()) && !listed.contains(" ago"), "{listed}");

    for columns in [60, 80, 200] {
        for set in ["", "TERM=dumb", "NO_COLOR=1"] {
            for words in ["list", "sessions ID", "list --all-conversations", "chain ID"] {
                let lines = shown(&sandbox, columns, set, &words.replace("ID", &id));
                assert!(lines.len() > 1, "{words}: {lines:?}");
                let coloured = lines.iter().any(|line| line.contains('\u{1b}'));
                assert_eq!(coloured, set.is_empty(), "{words} with {set:?}: {lines:?}");
                for line in lines.iter().map(|line| bare(line)) {
                    assert!(line.width() <= columns, "{words} at {columns}: {line:?}");
                }
            }
            let list = shown(&sandbox, columns, set, "list");
            let row = list.iter().map(|line| bare(line)).find(|line| line.contains(&id)).unwrap();
            let whole = row.contains(name) && row.contains(" s ago");
            assert_eq!(whole, columns == 200, "{row}");
            assert!(columns == 200 || row.contains('…'), "{row}");
        }
    }
    // A terminal that does not tell its size, and a table of which no column can be spared.
    let lines = shown(&sandbox, 0, "", "list");
    assert!(lines.iter().any(|line| line.contains(&full)), "{lines:?}");
    let lines = shown(&sandbox, 20, "", "list -o id,port,url");
    assert!(lines.iter().any(|line| line.contains("http://127.0.0.1:")), "{lines:?}");
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}

#[test]
fn a_variable_names_the_columns_of_the_list() {
    let sandbox = sandbox("columns", Value::Null);
    let id = sandbox.start(&["--name", "web"]);
    let list = |words: &[&str], value: &str| {
        sandbox.occtl(&[&["list"], words].concat()).env("OCCTL_LIST_FORMAT", value).run()
    };
    assert_eq!(list(&[], "name, id").ok().stdout, format!("Name  ID\nweb   {id}\n"));
    assert_eq!(list(&["-o", "id"], "name").ok().stdout, format!("ID\n{id}\n"));
    assert!(list(&[], "").ok().stdout.contains("Last Activity"), "an empty one is none");
    let wrong = list(&[], "id,nope").fails(2).stderr;
    assert!(
        wrong.starts_with("occtl: OCCTL_LIST_FORMAT: ") && wrong.contains("\"nope\""),
        "{wrong}"
    );
    // It is no error where there are no columns to choose.
    for words in [&["-q"][..], &["--all-conversations"], &["--json"]] {
        list(words, "nope").ok();
    }
    sandbox.occtl(&["stop", "--all"]).run().ok();
    sandbox.assert_no_trace();
}
