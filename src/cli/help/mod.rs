//! The help texts, made from the tables of commands and flags.

mod layout;
#[cfg(test)]
mod tests;
mod topics;

use super::spec::{Absent, Command, Commands, Flag, GLOBAL, Operand, flag_groups, members};
use super::words::any_of;
use layout::{columns, paragraph};
pub use topics::{Part, TOPICS, Topic, topic};

/// What occtl is, and the words that it uses.
pub const INTRODUCTION: [&str; 3] = [
    "occtl starts, drives and stops OpenCode servers from scripts.",
    "A session (oc-…) is a server that occtl started or adopted. A conversation (ses_…) is one \
     chat on it; OpenCode calls that a session. A turn (msg_…) is one prompt and everything the \
     model does until it stops. Sessions of one directory share its conversations; only the \
     server that runs a turn can abort it or answer for it.",
    "A dot for SESSION, or no SESSION where there is no other operand, means the one in \
     OCCTL_SESSION, or else the live one whose directory is the working directory or the nearest \
     above it. Commands that only read also take the only one that lives.",
];

/// How every duration is written.
const SECONDS: &str =
    "SECONDS is a number, or numbers with units: 90, 0.5, 500ms, 1h30m (d, h, m, s, ms).";

/// The five commands of a first success, and what each of them does.
const FIRST: [(&str, &str); 5] = [
    ("occtl start --name web", "start a server for this directory"),
    ("occtl send web --stream 'Hello!'", "send a prompt and watch the answer"),
    ("occtl list", "see what runs"),
    ("occtl tail web", "read what was said"),
    ("occtl stop web", "end the server and all that it started"),
];

/// What to do after them.
const ONWARD: &str = "`occtl run 'Hello!'` does all of it at once. `occtl help` lists all \
                      commands, `occtl help COMMAND` explains one.";

/// What the flag does that stands before the command's name only.
const DIRECTORY: &str = "Before the command's name: work as if started in DIR";

/// Commands that print no JSON: what they print is for another program. `--json` still makes their
/// errors JSON.
const WITHOUT_JSON: [&str; 5] = ["attach", "man", "completions", "skill", "init"];

/// More flags than this are shown in groups.
const UNGROUPED: usize = 8;

/// What a line without a command gets.
pub fn first(width: usize) -> String {
    let intro = paragraph(&format!("{} For a start:", INTRODUCTION[0]), 0, width);
    let words = "web is a session: a server. A conversation is one chat on it.";
    let words = paragraph(words, 0, width);
    format!("{intro}\n{}\n{words}{}\n", first_rows(width), paragraph(ONWARD, 0, width))
}

fn first_rows(width: usize) -> String {
    let width_of_line = FIRST.iter().map(|(line, _)| line.len()).max().unwrap_or(0);
    let pad = |line: &str| " ".repeat(width_of_line - line.len());
    let row = |(line, what): &(&str, &str)| format!("  {line}{}  {what}\n", pad(line));
    let rows: String = FIRST.iter().map(row).collect();
    if rows.lines().all(|row| row.len() <= width) {
        return rows;
    }
    FIRST.iter().map(|(line, what)| format!("  {line}\n{}", paragraph(what, 6, width))).collect()
}

/// Help for all commands: a list of them by group, in lines of `width` columns.
pub fn overview(commands: Commands, width: usize) -> String {
    let mut text = INTRODUCTION.map(|text| paragraph(text, 0, width) + "\n").concat();
    text.push_str("Usage: occtl COMMAND [ARGUMENTS]\n");
    for (heading, commands) in commands.0.iter().filter(|(heading, _)| !heading.is_empty()) {
        let outermost = commands.iter().filter(|command| !command.name.contains(' '));
        let rows = command_rows(outermost.map(|command| (command.name, *command)));
        text.push_str(&format!("\n{heading}:\n{}", columns(&rows, width)));
    }
    let mut rows = flag_rows(GLOBAL.iter());
    rows.push(("-V, --version".into(), "Show the version".into()));
    rows.push(("-C DIR".into(), DIRECTORY.into()));
    text.push_str(&format!("\nFlags of every command:\n{}\n", columns(&rows, width)));
    text.push_str(&paragraph(SECONDS, 0, width));
    let topics = TOPICS.iter().map(|topic| (format!("help {}", topic.name), topic.summary.into()));
    let topics: Vec<_> = topics.collect();
    text.push_str(&format!("\nMore help:\n{}\nFor a start:\n", columns(&topics, width)));
    text + &first_rows(width) + "\n" + &paragraph(ONWARD, 0, width)
}

/// Help for one command, in lines of `width` columns. That of a family lists its commands.
pub fn command(commands: Commands, command: &'static Command, width: usize) -> String {
    let mut text = paragraph(&format!("{}.", command.summary), 0, width);
    text.push_str(&format!("\nUsage: {}\n", usage(command)));
    for line in command.about {
        text.push('\n');
        text.push_str(&paragraph(line, 0, width));
    }
    if !command.operands.is_empty() {
        text.push('\n');
        text.push_str(&columns(&operand_rows(command), width));
    }
    let members = command_rows(members(commands, command));
    if !members.is_empty() {
        text.push_str(&format!("\nCommands:\n{}", columns(&members, width)));
    }
    for (heading, flags) in headed_flags(command) {
        text.push_str(&format!("\n{heading}:\n{}", columns(&flag_rows(flags.into_iter()), width)));
    }
    if !command.examples.is_empty() {
        text.push_str("\nExamples:\n");
        for (line, what) in command.examples {
            text.push_str(&format!("  {line}\n{}", paragraph(what, 6, width)));
        }
    }
    text
}

/// The flags of a command with their headings: its own, in groups if they are many, and then those
/// of every command.
pub fn headed_flags(command: &'static Command) -> Vec<(&'static str, Vec<&'static Flag>)> {
    let takes_json = !WITHOUT_JSON.contains(&command.name);
    let is_replaced = |global: &Flag| {
        let own = command.all_flags().any(|flag| flag.long == global.long);
        own || (global.long == "json" && !takes_json)
    };
    let global: Vec<&Flag> = GLOBAL.iter().filter(|global| !is_replaced(global)).collect();
    let mut headed = Vec::new();
    if command.all_flags().count() > UNGROUPED {
        for (group, heading) in flag_groups() {
            headed.push((heading, command.all_flags().filter(|it| it.group() == group).collect()));
        }
    } else {
        headed.push(("Flags", command.all_flags().collect()));
    }
    headed.push(("Flags of every command", global));
    headed.retain(|(_, flags)| !flags.is_empty());
    headed
}

fn command_rows(
    commands: impl Iterator<Item = (&'static str, &'static Command)>,
) -> Vec<(String, String)> {
    let shown = commands.filter(|(_, command)| !command.is_hidden());
    shown.map(|(name, command)| (name.into(), command.summary.into())).collect()
}

/// How a command is called.
pub fn usage(command: &Command) -> String {
    let mut usage = format!("occtl {}", command.name);
    if !command.flags.is_empty() {
        usage.push_str(" [FLAGS]");
    }
    for operand in command.operands {
        let dots = if operand.many { "…" } else { "" };
        let required = operand.required && !command.may_omit_session();
        let (open, close) = if required { ("", "") } else { ("[", "]") };
        usage.push_str(&format!(" {open}{}{dots}{close}", operand.name));
    }
    usage
}

/// Each operand, and what it is.
pub fn operand_rows(command: &Command) -> Vec<(String, String)> {
    let row = |operand: &Operand| {
        let may_omit = !operand.required || command.may_omit_session();
        let absent = if may_omit { operand.absent } else { Absent::Nothing };
        (operand.name.into(), with_absent(operand.help, absent))
    };
    command.operands.iter().map(row).collect()
}

/// The names of each flag with its value, and what it does.
pub fn flag_rows<'a>(flags: impl Iterator<Item = &'a Flag>) -> Vec<(String, String)> {
    let row = |flag: &Flag| {
        let short = flag.short.map_or("    ".into(), |letter| format!("-{letter}, "));
        let value = flag.value.map_or(String::new(), |value| format!(" {value}"));
        let longs: Vec<String> = flag.longs().map(|long| format!("--{long}")).collect();
        (format!("{short}{}{value}", longs.join(", ")), explained(flag))
    };
    flags.map(row).collect()
}

fn explained(flag: &Flag) -> String {
    let mut text = flag.help.to_string();
    if !flag.choices.is_empty() {
        text.push_str(&format!(": {}", flag.choices.join(", ")));
    }
    if flag.may_be_stdin {
        text.push_str("; - is stdin");
    }
    if flag.many {
        text.push_str("; may be repeated");
    }
    let names =
        |longs: &[&str]| -> Vec<String> { longs.iter().map(|long| format!("--{long}")).collect() };
    if !flag.needs.is_empty() {
        text.push_str(&format!("; only with {}", any_of(&names(flag.needs))));
    }
    if !flag.excludes.0.is_empty() {
        text.push_str(&format!("; not with {}", any_of(&names(flag.excludes.0))));
    }
    with_absent(&text, flag.absent)
}

/// What a flag or an operand is, and in brackets what holds if it is not given.
fn with_absent(text: &str, absent: Absent) -> String {
    absent.shown().map_or_else(|| text.into(), |words| format!("{text} [{words}]"))
}
