//! The help texts, made from the tables of commands and flags.

use super::spec::{Absent, Command, Commands, Flag, GLOBAL, Operand, members, outermost};
use super::words::any_of;

/// What stands above the list of commands.
const INTRODUCTION: &str = "\
occtl starts, drives and stops OpenCode servers from scripts.

A session (oc-…) is a server that occtl started or adopted. A conversation (ses_…)
is one chat on it; OpenCode calls that a session. A turn (msg_…) is one prompt and
everything the model does until it stops. Sessions of one directory share its
conversations; only the server that runs a turn can abort it or answer for it.

A dot for SESSION, or no SESSION where there is no other operand, means the one in
OCCTL_SESSION, or else the live one whose directory is the working directory or the
nearest above it. Commands that only read also take the only one that lives.

Usage: occtl COMMAND [ARGUMENTS]

Commands:
";

/// What stands below the flags of every command.
const CLOSING: &str = "  -V, --version     Show the version

SECONDS is a number, or numbers with units: 90, 0.5, 500ms, 1h30m (d, h, m, s, ms).

For a start:
  S=$(occtl start -q)
  occtl send $S --stream 'What is in this directory?'
  occtl stop $S

`occtl help COMMAND` explains one command.
";

/// Help for all commands: a list of them.
pub fn overview(commands: Commands) -> String {
    let commands = outermost(commands).map(|command| (command.name, command));
    let commands = command_rows(commands);
    let flags = flag_rows(GLOBAL.iter());
    format!(
        "{INTRODUCTION}{}\nFlags of every command:\n{}{CLOSING}",
        columns(&commands),
        columns(&flags)
    )
}

/// Help for one command. That of a family lists its commands.
pub fn command(commands: Commands, command: &'static Command) -> String {
    let mut text = format!("{}.\n\nUsage: {}\n", command.summary, usage(command));
    for line in command.about {
        text.push('\n');
        text.push_str(line);
        text.push('\n');
    }
    if !command.operands.is_empty() {
        text.push('\n');
        text.push_str(&columns(&operand_rows(command)));
    }
    let members = command_rows(members(commands, command));
    if !members.is_empty() {
        text.push_str(&format!("\nCommands:\n{}", columns(&members)));
    }
    text.push_str("\nFlags:\n");
    let is_replaced = |global: &Flag| command.all_flags().any(|flag| flag.long == global.long);
    let global = GLOBAL.iter().filter(|global| !is_replaced(global));
    text.push_str(&columns(&flag_rows(command.all_flags().chain(global))));
    if !command.examples.is_empty() {
        text.push_str("\nExamples:\n");
        let row = |(line, what): &(&str, &str)| (line.to_string(), what.to_string());
        text.push_str(&columns(&command.examples.iter().map(row).collect::<Vec<_>>()));
    }
    text
}

fn command_rows(
    commands: impl Iterator<Item = (&'static str, &'static Command)>,
) -> Vec<(String, String)> {
    let shown = commands.filter(|(_, command)| !command.is_hidden());
    shown.map(|(name, command)| (name.into(), command.summary.into())).collect()
}

fn usage(command: &Command) -> String {
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

fn operand_rows(command: &Command) -> Vec<(String, String)> {
    let row = |operand: &Operand| {
        let may_omit = !operand.required || command.may_omit_session();
        let absent = if may_omit { operand.absent } else { Absent::Nothing };
        (operand.name.into(), with_absent(operand.help, absent))
    };
    command.operands.iter().map(row).collect()
}

fn flag_rows<'a>(flags: impl Iterator<Item = &'a Flag>) -> Vec<(String, String)> {
    let row = |flag: &Flag| {
        let short = flag.short.map_or("    ".into(), |letter| format!("-{letter}, "));
        let value = flag.value.map_or(String::new(), |value| format!(" {value}"));
        (format!("{short}--{}{value}", flag.long), explained(flag))
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

fn columns(rows: &[(String, String)]) -> String {
    let width = rows.iter().map(|(left, _)| left.chars().count()).max().unwrap_or(0);
    let line = |(left, right): &(String, String)| {
        let pad = " ".repeat(width - left.chars().count());
        format!("  {left}{pad}  {right}").trim_end().to_string() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::commands::COMMANDS;
    use std::fmt::Write as _;

    /// The commands that users see, those of families included.
    fn shown(commands: Commands) -> impl Iterator<Item = &'static Command> {
        commands.iter().copied().filter(|command| !command.is_hidden())
    }

    /// What `docs/cli.md` must hold.
    fn markdown() -> String {
        let mut text = String::from(
            "# Commands\n\nMade from the command table by `make docs`; a test fails when it is \
             stale.\n\nSECONDS is a number, or numbers with units: 90, 0.5, 500ms, 1h30m (d, \
             h, m, s, ms).\n\nA dot for SESSION, or no SESSION where there is no other operand, \
             means the session in OCCTL_SESSION, or else the live one whose directory is the \
             working directory or the nearest above it. Commands that only read also take the \
             only one that lives; the others say on stderr which one they take.\n\nEvery command \
             also takes:\n\n| flag | does |\n| --- | --- |\n",
        );
        table(&mut text, GLOBAL.iter());
        for command in shown(COMMANDS) {
            let _ = write!(text, "\n## occtl {}\n\n{}.\n\n", command.name, command.summary);
            let _ = writeln!(text, "    {}", usage(command));
            for line in command.about {
                let _ = write!(text, "\n{line}\n");
            }
            if !command.operands.is_empty() {
                text.push_str("\n| operand | is |\n| --- | --- |\n");
                for (name, help) in operand_rows(command) {
                    let _ = writeln!(text, "| `{name}` | {help} |");
                }
            }
            if !command.flags.is_empty() {
                text.push_str("\n| flag | does |\n| --- | --- |\n");
                table(&mut text, command.all_flags());
            }
            for (line, what) in command.examples {
                let _ = write!(text, "\n- `{line}`: {what}");
            }
            if !command.examples.is_empty() {
                text.push('\n');
            }
        }
        text
    }

    fn table<'a>(text: &mut String, flags: impl Iterator<Item = &'a Flag>) {
        for (left, right) in flag_rows(flags) {
            assert!(!right.contains('|'), "{left} would break the table");
            let _ = writeln!(text, "| `{}` | {right} |", left.trim());
        }
    }

    #[test]
    fn docs_cli_md_is_what_the_tables_say() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cli.md");
        if std::env::var_os("OCCTL_WRITE_DOCS").is_some() {
            std::fs::write(path, markdown()).unwrap();
        }
        let found = std::fs::read_to_string(path).unwrap_or_default();
        assert!(found == markdown(), "docs/cli.md is stale: make docs writes it");
    }

    #[test]
    fn every_command_has_help_that_names_all_of_it() {
        for one in shown(COMMANDS) {
            let text = command(COMMANDS, one);
            for flag in one.all_flags() {
                assert!(text.contains(&format!("--{}", flag.long)), "{}", one.name);
            }
            let list = match one.name.split_once(' ') {
                None => overview(COMMANDS),
                Some((family, _)) => {
                    command(COMMANDS, outermost(COMMANDS).find(|it| it.name == family).unwrap())
                }
            };
            assert!(list.contains(one.name.rsplit(' ').next().unwrap()));
            assert!(!one.summary.ends_with('.') && !one.summary.is_empty());
        }
    }
}
