//! The rules of the house that a machine can check, each with a proof that it can fail.

use std::collections::BTreeSet;

mod arrows;
mod cycles;
mod functions;
mod modules;
mod names;
mod secrets;
pub mod text;

use modules::{reached, source};
use text::{code, files, has_word, root, rust, without_strings};

/// No file is longer; most are half of it.
const LONGEST_FILE: usize = 400;
/// No line of code or comment has more characters: it is what rustfmt holds code to.
const WIDEST_LINE: usize = 100;
/// What the package may depend on. The reason of each that is not in the first list is in
/// `docs/design.md`.
const AGREED: [&str; 10] = [
    "fs2",
    "jiff",
    "lexopt",
    "rustix",
    "serde",
    "serde_json",
    "signal-hook",
    "unicode-width",
    "ureq",
    "uuid",
];
const WITH_REASON: [&str; 2] = ["base64", "sha2"];

/// Holds a rule against many files.
#[track_caller]
fn hold(files: &[(String, String)], rule: impl Fn(&str, &str) -> Vec<String>) {
    let faults: Vec<String> = files
        .iter()
        .flat_map(|(name, text)| {
            let faults = rule(name, text).into_iter();
            faults.map(move |fault| format!("{name}: {fault}"))
        })
        .collect();
    assert!(!files.is_empty(), "no file was looked at");
    assert_none(&faults);
}

#[track_caller]
fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Files that no `mod` line reaches from one of `roots`.
fn forgotten(files: &[(String, String)], roots: &[String]) -> Vec<String> {
    let reached = reached(files, roots);
    let names = files.iter().map(|(name, _)| name.clone());
    names.filter(|name| !reached.contains(name)).collect()
}

#[test]
fn every_file_is_part_of_the_program_of_its_tests_or_of_an_example() {
    assert_eq!(forgotten(&files("src", ".rs"), &["src/main.rs".into()]), [""; 0]);
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let fuzz = std::fs::read_to_string(root().join("tests/fuzz/Cargo.toml")).unwrap();
    let paths = |manifest: &str, start: &str, folder: &str| -> Vec<String> {
        let paths = manifest.lines().filter_map(|line| line.strip_prefix(start));
        paths.map(|path| format!("{folder}/{}", path.trim_end_matches('"'))).collect()
    };
    let mut roots = paths(&manifest, "path = \"tests/", "tests");
    roots.extend(paths(&fuzz, "path = \"", "tests/fuzz"));
    assert!(roots.contains(&"tests/main.rs".to_owned()), "{roots:?}");
    let mut own = files("tests", ".rs");
    // What a task asks for, and its solution, is no part of our programs.
    own.retain(|(name, _)| !name.starts_with("tests/bench-tasks/"));
    assert_eq!(forgotten(&own, &roots), [""; 0]);
    let file = |name: &str, text: &str| (name.to_owned(), text.to_owned());
    let example = [
        file("tests/main.rs", "mod a;\npub mod b;\n#[path = \"../tests/other.rs\"]\nmod c;\n"),
        file("tests/a.rs", "mod inner;\n"),
        file("tests/a/inner.rs", "// mod lost;\n"),
        file("tests/b/mod.rs", ""),
        file("tests/other.rs", ""),
        file("tests/lost.rs", ""),
    ];
    assert_eq!(forgotten(&example, &["tests/main.rs".into()]), ["tests/lost.rs"]);
}

fn too_long(_: &str, text: &str) -> Vec<String> {
    let count = text.lines().count();
    let fault = (count > LONGEST_FILE).then(|| format!("{count} lines"));
    fault.into_iter().collect()
}

#[test]
fn no_file_is_longer_than_a_reader_can_bear() {
    hold(&rust(), too_long);
    assert_eq!(too_long("", &"x\n".repeat(LONGEST_FILE)).len(), 0);
    assert_eq!(too_long("", &"x\n".repeat(LONGEST_FILE + 1)).len(), 1);
}

fn too_wide(_: &str, text: &str) -> Vec<String> {
    let widths = text.lines().map(|line| line.chars().count()).enumerate();
    let wide = widths.filter(|(_, width)| *width > WIDEST_LINE);
    wide.map(|(at, width)| format!("line {} has {width} columns", at + 1)).collect()
}

#[test]
fn no_line_is_wider_than_rustfmt_makes_code() {
    hold(&rust(), too_wide);
    let fine = format!("{}\n// {}\n", "x".repeat(WIDEST_LINE), "ü".repeat(WIDEST_LINE - 3));
    assert_eq!(too_wide("", &fine), [""; 0]);
    let wide = format!("{fine}//! {}\n", "x".repeat(WIDEST_LINE));
    assert_eq!(too_wide("", &wide), ["line 3 has 104 columns"]);
}

fn forbidden(name: &str, text: &str) -> Vec<String> {
    let code = without_strings(&code(text));
    let mut faults = Vec::new();
    let mut forbid = |word: &str, allowed: bool| {
        if !allowed && has_word(&code, word) {
            faults.push(format!("{word} is not for here"));
        }
    };
    let printer = name == "src/cli/output/mod.rs";
    let words = ["print!", "println!", "eprint!", "eprintln!", "dbg!", "stdout()", "stderr()"];
    for word in words {
        forbid(word, printer);
    }
    // Prompts are read by `cli`; `process` has a child that waits for the end of its stdin.
    forbid("stdin()", name.starts_with("src/cli/") || name.starts_with("src/process/"));
    forbid("unsafe", name.starts_with("src/process/"));
    for word in ["thread::spawn", "thread::scope", "thread::Builder"] {
        forbid(word, false);
    }
    faults
}

#[test]
fn output_unsafe_and_threads_are_only_where_they_belong() {
    hold(&files("src", ".rs"), forbidden);
    for (name, text) in [
        ("src/runner/x.rs", "println!(\"x\");"),
        ("src/cli/mod.rs", "let out = std::io::stderr().lock();"),
        ("src/client/x.rs", "io::stdin().read_to_end(&mut x);"),
        ("src/cli/output/mod.rs", "unsafe { x() }"),
        ("src/process/mod.rs", "std::thread::spawn(|| ());"),
    ] {
        assert_eq!(forbidden(name, text).len(), 1, "{text}");
    }
    let fine = "// println!\n#![deny(unsafe_code)]\nlet text = \"unsafe\";\nsprintln!(x);\n";
    assert_eq!(forbidden("src/runner/x.rs", fine), [""; 0]);
}

/// Ports that are not named by `units`: our own first and last one, and any behind a host.
fn port_literals(ports: &[String], name: &str, text: &str) -> Vec<String> {
    if name == "src/units.rs" {
        return Vec::new();
    }
    // An example in a help text may hold an address.
    let lines = code(text);
    let code: String =
        lines.split_inclusive('\n').filter(|line| !line.contains("example")).collect();
    let bare = without_strings(&lines).replace('_', "");
    let mut faults: Vec<String> =
        ports.iter().filter(|port| has_word(&bare, port)).cloned().collect();
    for host in ["127.0.0.1:", "localhost:", "0.0.0.0:"] {
        let fixed = |(at, _)| code[at + host.len()..].starts_with(|c: char| c.is_ascii_digit());
        faults.extend(code.match_indices(host).any(fixed).then(|| host.to_owned()));
    }
    faults
}

#[test]
fn ports_are_numbers_only_in_units() {
    let units = std::fs::read_to_string(root().join("src/units.rs")).unwrap();
    let ports: Vec<String> = units
        .lines()
        .filter(|line| line.contains("_PORT: u16"))
        .filter_map(|line| Some(line.split_once("= ")?.1.trim_end_matches(';').replace('_', "")))
        .collect();
    assert_eq!(ports.len(), 2, "{ports:?}");
    hold(&files("src", ".rs"), |name, text| port_literals(&ports, name, text));
    for text in ["let port = 9_100;", "let url = \"http://127.0.0.1:80\";"] {
        assert_eq!(port_literals(&["9100".into()], "src/x.rs", text).len(), 1, "{text}");
    }
    let fine = "let url = format!(\"http://127.0.0.1:{port}\"); let n = 91000;";
    assert_eq!(port_literals(&["9100".into()], "src/x.rs", fine), [""; 0]);
}

/// The names below a heading of a manifest.
fn dependencies<'a>(manifest: &'a str, heading: &str) -> BTreeSet<&'a str> {
    let lines = manifest.lines().skip_while(|line| *line != heading).skip(1);
    let lines = lines.take_while(|line| !line.starts_with('['));
    lines.filter_map(|line| Some(line.split_once('=')?.0.trim())).collect()
}

#[test]
fn nothing_is_depended_on_that_was_not_agreed() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let expected = AGREED.iter().chain(&WITH_REASON).copied().collect();
    assert_eq!(dependencies(&manifest, "[dependencies]"), expected);
    assert!(dependencies(&manifest, "[dev-dependencies]").is_empty());
    let design = std::fs::read_to_string(root().join("docs/design.md"));
    // The document is newer than this rule; once it is there it must hold the reasons.
    if let Ok(design) = design {
        for name in WITH_REASON {
            assert!(design.contains(name), "docs/design.md does not say why {name} is needed");
        }
    }
    let example = "[dependencies]\na = \"1\"\nb = { version = \"2\" }\n\n[profile.dev]\nc = 1\n";
    assert_eq!(dependencies(example, "[dependencies]"), BTreeSet::from(["a", "b"]));
}

/// Paths of the machine that something was made on.
fn machine_paths(places: &[String], text: &str) -> Vec<String> {
    let before = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '}' | '$');
    let after = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let found = |place: &&String| {
        text.match_indices(place.as_str()).any(|(at, _)| {
            !text[..at].ends_with(before) && !text[at + place.len()..].starts_with(after)
        })
    };
    places.iter().filter(found).cloned().collect()
}

#[test]
fn no_file_names_a_path_of_the_machine_that_made_it() {
    let mut places = vec![root().display().to_string()];
    // A place directly below the root, such as /root or /srv, says nothing of a machine.
    let above = root().parent().unwrap().display().to_string();
    let home = std::env::var("HOME").unwrap_or_default();
    places.extend([above, home].into_iter().filter(|place| place.matches('/').count() > 1));
    hold(&files("", ""), |_, text| machine_paths(&places, text));
    let places = ["/build/here".to_owned()];
    for text in ["see /build/here/x", "\"/build/here\"", "file:///build/here"] {
        assert_eq!(machine_paths(&places, text).len(), 1, "{text}");
    }
    for text in ["/build/hereafter", "other/build/here", "{root}/build/here"] {
        assert_eq!(machine_paths(&places, text).len(), 0, "{text}");
    }
}
