//! Man pages, made from the tables of commands and flags.

use super::help::{Part, TOPICS, flag_rows, headed_flags, operand_rows, usage};
use super::spec::{Command, Commands, GLOBAL};

/// When the pages were last made for a release. The machine's date would make each build another.
const DATE: &str = "2026-11-30";

/// What `mandoc -T lint` takes for a line of readable length, without the guard of a dot.
const LONGEST_LINE: usize = 78;

/// The name of a command's page, without `.1`; that of occtl itself for `None`.
pub fn name(command: Option<&Command>) -> String {
    let words = command.map_or(String::new(), |command| format!("-{}", command.name));
    format!("occtl{}", words.replace(' ', "-"))
}

/// All commands that have a page.
pub fn described(commands: Commands) -> impl Iterator<Item = &'static Command> {
    commands.iter().copied().filter(|command| !command.is_hidden())
}

/// The page of occtl itself: `introduction` says in paragraphs what it is.
pub fn overview(commands: Commands, introduction: &[&str]) -> String {
    let what = "start, drive and stop OpenCode servers from scripts";
    let mut page = head("occtl", what);
    page.push_str(".B occtl\nCOMMAND [ARGUMENTS]\n.SH DESCRIPTION\n");
    page.push_str(&paragraphs(introduction));
    page.push_str(".SH COMMANDS\n");
    for (heading, commands) in commands.0.iter().filter(|(heading, _)| !heading.is_empty()) {
        page.push_str(&format!(".SS {}\n", text(heading)));
        let rows = commands.iter().filter(|command| !command.is_hidden());
        for command in rows {
            page.push_str(&item(&format!("\\fB{}\\fR", bare(command.name)), command.summary));
        }
    }
    page.push_str(".SH OPTIONS\nThey may stand before or after the command.\n");
    page.push_str(&flags(flag_rows(GLOBAL.iter())));
    page.push_str(&item("\\fB\\-V\\fR, \\fB\\-\\-version\\fR", "Show the version"));
    let directory = "Before the command's name only: work as if started in DIR";
    page.push_str(&item("\\fB\\-C\\fR \\fIDIR\\fR", directory));
    for topic in TOPICS {
        page.push_str(&format!(".SH {}\n", topic.heading));
        page.push_str(&format!("{}.\n", text(topic.summary)));
        topic.parts.iter().for_each(|part| page.push_str(&of_part(part)));
    }
    page.push_str(".SH SEE ALSO\n");
    let pages: Vec<String> = described(commands)
        .map(|command| format!("\\fB{}\\fR(1)", bare(&name(Some(command)))))
        .collect();
    page + &pages.join(",\n") + "\n"
}

/// The page of one command.
pub fn page(command: &'static Command) -> String {
    let mut page = head(&name(Some(command)), command.summary);
    let usage = usage(command);
    let rest = usage.strip_prefix(&format!("occtl {}", command.name)).unwrap_or_default();
    page.push_str(&format!(".B occtl {}\n", bare(command.name)));
    if !rest.is_empty() {
        page.push_str(&format!("{}\n", text(rest.trim())));
    }
    page.push_str(".SH DESCRIPTION\n");
    page.push_str(&format!("{}.\n", text(command.summary)));
    for paragraph in command.about {
        page.push_str(&format!(".PP\n{}\n", text(paragraph)));
    }
    if !command.operands.is_empty() {
        page.push_str(".SH OPERANDS\n");
        for (name, help) in operand_rows(command) {
            page.push_str(&item(&format!("\\fI{}\\fR", bare(&name)), &help));
        }
    }
    page.push_str(".SH OPTIONS\n");
    for (heading, group) in headed_flags(command) {
        page.push_str(&format!(".SS {}\n", text(heading)));
        page.push_str(&flags(flag_rows(group.into_iter())));
    }
    if !command.examples.is_empty() {
        page.push_str(".SH EXAMPLES\n");
        for (line, what) in command.examples {
            page.push_str(&format!(".TP\n.B {}\n{}\n", bare(line), text(what)));
        }
    }
    page + ".SH SEE ALSO\n\\fBocctl\\fR(1) has the exit statuses and the variables\n"
}

fn head(name: &str, what: &str) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let title = bare(&name.to_uppercase());
    format!(
        ".\\\" Made by `occtl man` from the table of commands.\n\
         .TH {title} 1 {DATE} \"occtl {version}\" \"occtl\"\n\
         .SH NAME\n{}\n.SH SYNOPSIS\n",
        wrapped(&format!("{} \\- {}", escaped(name), escaped(what)))
    )
}

fn paragraphs(all: &[&str]) -> String {
    all.iter().map(|one| text(one) + "\n").collect::<Vec<_>>().join(".PP\n")
}

fn of_part(part: &Part) -> String {
    match part {
        Part::Text(words) => format!(".PP\n{}\n", text(words)),
        Part::Rows(rows) => {
            let row =
                |(left, right): &(&str, &str)| item(&format!("\\fB{}\\fR", bare(left)), right);
            rows.iter().map(row).collect()
        }
        Part::Lines(lines) => {
            let lines: String = lines.lines().map(|line| bare(line) + "\n").collect();
            format!(".PP\n.RS 4\n.nf\n{lines}.fi\n.RE\n")
        }
    }
}

fn item(left: &str, right: &str) -> String {
    format!(".TP\n{left}\n{}\n", text(right))
}

/// Rows of flags: names in bold, values in italics.
fn flags(rows: Vec<(String, String)>) -> String {
    let marked = |names: &str| {
        let one = |name: &str| match name.split_once(' ') {
            Some((flag, value)) => format!("\\fB{}\\fR \\fI{}\\fR", bare(flag), bare(value)),
            None => format!("\\fB{}\\fR", bare(name)),
        };
        names.split(", ").map(|name| one(name.trim())).collect::<Vec<_>>().join(", ")
    };
    rows.iter().map(|(names, help)| item(&marked(names), help)).collect()
}

/// Text in which what stands between back quotes is bold.
fn text(words: &str) -> String {
    let mut marked = String::new();
    for (at, piece) in words.split('`').enumerate() {
        let piece = escaped(piece);
        marked.push_str(&if at % 2 == 1 { format!("\\fB{piece}\\fR") } else { piece });
    }
    wrapped(&marked)
}

/// The same in lines that are short enough for people who read the source of a page. A blank and
/// the end of a line mean the same.
fn wrapped(words: &str) -> String {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in words.split(' ') {
        if !line.is_empty() && line.len() + 1 + word.len() > LONGEST_LINE {
            lines.push(guarded(std::mem::take(&mut line)));
        } else if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(guarded(line));
    lines.join("\n")
}

/// Text as it is.
fn bare(words: &str) -> String {
    guarded(escaped(words))
}

/// A dot or an apostrophe at the beginning of a line would be a request.
fn guarded(line: String) -> String {
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
}

fn escaped(words: &str) -> String {
    let mut escaped = String::new();
    for c in words.chars() {
        match c {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '\'' => escaped.push_str("\\(aq"),
            '"' => escaped.push_str("\\(dq"),
            '^' => escaped.push_str("\\(ha"),
            '~' => escaped.push_str("\\(ti"),
            '`' => escaped.push_str("\\(ga"),
            c if !c.is_ascii() => escaped.push_str(&format!("\\[u{:04X}]", c as u32)),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::commands::COMMANDS;

    #[test]
    fn a_page_names_all_that_the_table_has_and_holds_no_stray_request() {
        for command in described(COMMANDS) {
            let page = page(command);
            for flag in command.all_flags() {
                let name = bare(&format!("--{}", flag.long));
                assert!(page.contains(&name), "{} lacks {name}", command.name);
            }
            let known = [".TH ", ".SH ", ".SS ", ".TP", ".PP", ".B ", ".RS ", ".RE", ".nf", ".fi"];
            for line in page.lines().filter(|line| line.starts_with(['.', '\''])).skip(1) {
                assert!(known.iter().any(|request| line.starts_with(request)), "{line}");
            }
            assert!(page.is_ascii(), "{}", command.name);
        }
    }

    #[test]
    fn text_cannot_become_a_request() {
        assert_eq!(text(".so /x"), "\\&.so /x");
        let long = format!("{} .so", "x".repeat(LONGEST_LINE));
        assert_eq!(text(&long), format!("{}\n\\&.so", "x".repeat(LONGEST_LINE)));
        assert_eq!(text("run `a-b` now"), "run \\fBa\\-b\\fR now");
        assert_eq!(bare("it's \\n …"), "it\\(aqs \\en \\[u2026]");
    }
}
