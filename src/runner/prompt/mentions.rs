//! `@file` and `@agent` among the words of a prompt, which become parts of it as in OpenCode's own
//! interface. The words stay what they are.

use std::fs;
use std::path::Path;

use crate::client::wire::{Agent, InputPart, Passage, Rule};
use crate::error::Result;
use crate::runner::asks::rules::{DENY, decide};
use crate::runner::context::Context;
use crate::runner::session::server::Server;

/// What a sub-agent is called by.
pub(super) const SUB_AGENTS: &str = "task";

/// Signs that end a sentence or a bracket, and so hardly belong to a name.
const ENDS: [char; 9] = [':', ';', '!', '?', ')', ']', '}', '"', '\''];

/// A name after an `@` in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// The name.
    pub name: String,
    /// Where the `@` stands, in units of UTF-16.
    start: usize,
}

impl Mention {
    /// The passage of the text, if the name is this beginning of it.
    fn passage(&self, name: &str) -> Passage {
        let value = format!("@{name}");
        Passage { start: self.start, end: self.start + value.encode_utf16().count(), value }
    }
}

/// The mentions in a text that stands `before` units of UTF-16 after the beginning of the message.
///
/// A name ends where the server's own pattern ends it: at a blank, a backtick, a comma, or a dot
/// that nothing follows. `a@b.org` mentions nothing.
pub fn find_mentions(text: &str, before: usize) -> Vec<Mention> {
    let mut found = Vec::new();
    let mut previous = ' ';
    let mut rest = text;
    let mut start = before;
    while let Some(first) = rest.chars().next() {
        let mut length = first.len_utf8();
        if first == '@' && !(previous.is_ascii_alphanumeric() || "_`".contains(previous)) {
            let name = name_at(&rest[1..]);
            length += name.len();
            if !name.is_empty() {
                found.push(Mention { name: name.into(), start });
            }
        }
        let (passed, behind) = rest.split_at(length);
        start += passed.encode_utf16().count();
        previous = passed.chars().next_back().unwrap_or(first);
        rest = behind;
    }
    found
}

fn name_at(text: &str) -> &str {
    let ends = |c: char| c.is_whitespace() || "`,.".contains(c);
    let run = |from: usize| text[from..].find(ends).map_or(text.len(), |length| from + length);
    let mut end = run(usize::from(text.starts_with('.')));
    while text[end..].starts_with('.') && run(end + 1) > end + 1 {
        end = run(end + 1);
    }
    &text[..end]
}

/// What a mention means.
#[derive(Debug)]
enum Meaning {
    Part(InputPart<'static>),
    /// Nothing that may be sent, for this reason.
    Words(String),
}

/// The parts that mentions become. What stays words is told to the user.
pub(super) fn resolve(
    context: &Context,
    server: &Server,
    directory: &str,
    mentions: &[Mention],
    rules: &[Rule],
) -> Result<Vec<InputPart<'static>>> {
    let mut agents: Option<Vec<Agent>> = None;
    let mut parts = Vec::new();
    for mention in mentions {
        let file = of_file(server, Path::new(directory), mention);
        let meaning = match file {
            Some(meaning) => meaning,
            None => {
                if agents.is_none() {
                    agents = Some(server.client.agents(directory)?);
                }
                of_agent(agents.as_deref().unwrap_or_default(), mention, rules)
            }
        };
        match meaning {
            Meaning::Part(part) => parts.push(part),
            Meaning::Words(why) => {
                (context.say)(&format!("@{} stays words: {why}", mention.name));
            }
        }
    }
    Ok(parts)
}

/// The forms of a name that may be meant, the longest first.
fn forms(name: &str) -> impl Iterator<Item = &str> {
    let short = name.trim_end_matches(ENDS);
    std::iter::once(name).chain((short.len() < name.len() && !short.is_empty()).then_some(short))
}

/// The file or directory that is mentioned; `None` if there is none. Only what lies in the working
/// directory is sent, also by way of links: the server reads it without asking for a permission.
fn of_file(server: &Server, directory: &Path, mention: &Mention) -> Option<Meaning> {
    if server.process.is_none() {
        let is_path = mention.name.contains('/');
        let why = "the server may be on another machine, whose files occtl cannot check";
        return is_path.then(|| Meaning::Words(why.into()));
    }
    forms(&mention.name).find_map(|name| {
        let (path, lines) = lines_of(name);
        let found = locate(directory, name).map(|found| (found, None));
        let (found, lines) = found.or_else(|| Some((locate(directory, path)?, Some(lines?))))?;
        Some(match found {
            Located::Inside { path, is_directory } => {
                Meaning::Part(InputPart::on_disk(&path, is_directory, lines, mention.passage(name)))
            }
            Located::Outside => Meaning::Words(format!("it is outside of {}", directory.display())),
            Located::Special => Meaning::Words("it is neither a file nor a directory".into()),
        })
    })
}

/// A path without the lines that are wanted: `src/main.rs#10-20`, `src/main.rs#10`.
fn lines_of(name: &str) -> (&str, Option<(u64, Option<u64>)>) {
    let parsed = name.rsplit_once('#').and_then(|(path, lines)| {
        let (first, last) = lines.split_once('-').map_or((lines, None), |(a, b)| (a, Some(b)));
        let last = last.map(str::parse).transpose().ok()?;
        Some((path, (first.parse().ok()?, last)))
    });
    parsed.map_or((name, None), |(path, lines)| (path, Some(lines)))
}

/// What is at a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Located {
    Inside { path: String, is_directory: bool },
    Outside,
    Special,
}

/// What a name means to a server that works in `directory`; `None` if nothing is there.
pub(super) fn locate(directory: &Path, name: &str) -> Option<Located> {
    // The server would take its own home, which is not the place to work in.
    if name.starts_with("~/") {
        return Some(Located::Outside);
    }
    let path = directory.join(name);
    let metadata = fs::metadata(&path).ok()?;
    let real = fs::canonicalize(&path).ok()?;
    let inside = fs::canonicalize(directory).is_ok_and(|directory| real.starts_with(directory));
    let path = real.to_str().filter(|_| inside);
    Some(match path {
        None => Located::Outside,
        Some(_) if !metadata.is_file() && !metadata.is_dir() => Located::Special,
        Some(path) => Located::Inside { path: path.into(), is_directory: metadata.is_dir() },
    })
}

/// The sub-agent that is mentioned. A mention lets the model call it whatever the rules say, so one
/// that they deny stays words.
fn of_agent(agents: &[Agent], mention: &Mention, rules: &[Rule]) -> Meaning {
    let named = |name: &&str| agents.iter().any(|agent| agent.name == **name);
    let found = forms(&mention.name).find(named);
    let Some(name) = found else {
        return Meaning::Words("there is no such file, and no such agent".into());
    };
    let callable = |agent: &&Agent| {
        agent.name == name && agent.mode.as_deref() != Some("primary") && agent.hidden != Some(true)
    };
    if !agents.iter().any(|agent| callable(&agent)) {
        return Meaning::Words(format!("agent {name} is none that another agent can call"));
    }
    if decide(rules, SUB_AGENTS, name).is_some_and(|rule| rule.action == DENY) {
        return Meaning::Words(format!("the rules of the conversation deny {SUB_AGENTS}"));
    }
    Meaning::Part(InputPart::Agent { name: name.into(), source: mention.passage(name) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        find_mentions(text, 0).into_iter().map(|mention| mention.name).collect()
    }

    #[test]
    fn a_name_begins_and_ends_where_opencode_has_it() {
        for (text, expected) in [
            ("see @src/main.rs.", &["src/main.rs"][..]),
            ("(@a.b, @c;d) @.env", &["a.b", "c;d)", ".env"]),
            ("me@example.org `@x` _@y", &[]),
            ("@ @@ @../up @~/home @/etc/x", &["@", "../up", "~/home", "/etc/x"]),
            ("\u{e4}@x", &["x"]),
            ("@a..b", &["a"]),
        ] {
            assert_eq!(names(text), expected, "{text}");
        }
        let found = &find_mentions("\u{1f600} @x", 10)[0];
        let passage = found.passage("x");
        assert_eq!((passage.start, passage.end, passage.value.as_str()), (13, 15, "@x"));
    }

    #[test]
    fn lines_and_signs_behind_a_name_are_told_from_it() {
        assert_eq!(lines_of("a#3-9"), ("a", Some((3, Some(9)))));
        assert_eq!(lines_of("a#3"), ("a", Some((3, None))));
        assert_eq!(lines_of("a#b"), ("a#b", None));
        assert_eq!(forms("x).").collect::<Vec<_>>(), ["x)."]);
        assert_eq!(forms("x:)").collect::<Vec<_>>(), ["x:)", "x"]);
    }

    #[test]
    fn nothing_outside_is_found_inside() {
        let root = std::env::temp_dir().join(format!("occtl-mentions-{}", std::process::id()));
        let work = root.join("work");
        fs::create_dir_all(work.join("sub")).unwrap();
        fs::write(root.join("secret"), "").unwrap();
        fs::write(work.join("in"), "").unwrap();
        let link = |target: &str, name: &str| {
            std::os::unix::fs::symlink(target, work.join(name)).unwrap();
        };
        link("../secret", "out");
        link("in", "alias");
        let inside = |name: &str| matches!(locate(&work, name), Some(Located::Inside { .. }));
        assert!(inside("in") && inside("alias") && inside("sub/../in") && inside("sub"));
        assert!(inside(work.join("in").to_str().unwrap()));
        for name in ["out", "../secret", "/etc/passwd", "..", "~/in"] {
            assert_eq!(locate(&work, name), Some(Located::Outside), "{name}");
        }
        assert_eq!(locate(&work, "none"), None);
        fs::remove_dir_all(&root).unwrap();
    }
}
