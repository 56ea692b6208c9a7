use std::time::Duration;

use crate::cli::App;
use crate::cli::output::Cell;
use crate::cli::show::columns::{self, Column};
use crate::cli::show::conversation;
use crate::cli::show::session;
use crate::cli::spec::{Action, Command, Exit, Flag, QUIET};
use crate::cli::words::Words;
use crate::error::Result;
use crate::runner;
use crate::runner::Context;
use crate::runner::conversation::{ConversationList, Listed};
use crate::runner::session::{Labels, SessionStatus};

/// The columns where --format is not given.
const FORMAT: &str = "OCCTL_LIST_FORMAT";

/// Whether git is left out.
pub const NO_GIT: Flag =
    Flag::switch("no-git", None, "Do not ask git for uncommitted changes, as with OCCTL_GIT=off");

pub const COMMAND: Command = Command {
    name: "list",
    summary: "List sessions, what they are doing, and whether they have uncommitted changes",
    about: &[
        "Every server is asked, each with a short time limit. The state is `error` if it does not \
         answer, `dead` if its process is gone, and `elsewhere` if it lives on another machine or \
         in another container that shares the store.",
        "Dirty is ✓ for uncommitted changes, ✗ for none, and - if git cannot tell or is not asked.",
        "`occtl ls` and `occtl ps` are the same.",
        "The columns for --format are id, name, port, url, pid, state, agent, dirty, active, \
         created, workdir, branch, parent, version, labels and error.",
        "On a terminal times are told by how long ago they were, and names, directories and other \
         free text are shortened until the table fits. Anywhere else nothing is.",
    ],
    operands: &[],
    flags: &[&[
        Flag::value("format", Some('o'), "COLUMNS", "Columns to show, separated by commas")
            .absent("$OCCTL_LIST_FORMAT, or else id,port,pid,state,agent,dirty,active,name,workdir")
            .excludes(&["all-conversations", "quiet"], "those have columns of their own"),
        Flag::value("label", None, "KEY=VALUE", "Only sessions with this label").repeated(),
        Flag::switch("all-conversations", None, "List the conversations of all sessions instead"),
        Flag::switch("watch", None, "List again and again until interrupted"),
        Flag::value("interval", None, "SECONDS", "Time between two lists")
            .default("2")
            .needs(&["watch"]),
        NO_GIT.excludes(&["all-conversations", "quiet"], "git is not asked for those"),
        QUIET,
    ]],
    examples: &[
        (
            "occtl list --json | jq -r '.sessions[] | select(.state == \"idle\") | .id'",
            "ids of the idle sessions",
        ),
        ("occtl list -o id,port,state --label job=nightly", "three columns, sessions by label"),
    ],
    parse,
};

struct Args {
    /// As given; each list looks for the default anew.
    format: Option<String>,
    labels: Labels,
    conversations: bool,
    no_git: bool,
    quiet: bool,
}

fn parse(words: &Words) -> Result<Action> {
    let args = Args {
        format: words.value("format")?,
        labels: runner::session::parse_labels(&words.values("label")?)?,
        conversations: words.has("all-conversations"),
        no_git: words.has("no-git"),
        quiet: words.has("quiet"),
    };
    if let Some(names) = &args.format {
        columns::columns(names)?;
    }
    let interval = words.seconds("interval")?;
    if words.has("watch") {
        return Ok(Box::new(move |app| watch(app, &args, interval)));
    }
    Ok(Box::new(move |app| run(app, &args)))
}

fn run(app: &mut App, args: &Args) -> Result<Exit> {
    let context = app.context()?;
    show(app, &context, args, "")?;
    Ok(Exit::OK)
}

/// Lists again and again. On a terminal each list replaces the one before without flicker.
fn watch(app: &mut App, args: &Args, interval: Duration) -> Result<Exit> {
    let context = app.context()?;
    // A shell starts its background jobs with some signals ignored; they must end this, too.
    context.catch_signals()?.set_fatal(true);
    let clear = if app.out.is_terminal() && !app.json { "\u{1b}[H\u{1b}[2J" } else { "" };
    loop {
        show(app, &context, args, clear)?;
        if app.out.closes_within(interval) {
            return Ok(Exit::OK);
        }
    }
}

/// Prints one list. `before` is only written when the list is ready to follow it.
fn show(app: &mut App, context: &Context, args: &Args, before: &str) -> Result<()> {
    if args.conversations {
        return conversations(app, context, args, before);
    }
    if args.quiet && !app.json {
        let ids = runner::session::all_ids(context, &args.labels)?;
        return app.out.write(&ids.iter().fold(before.into(), |all: String, id| all + id + "\n"));
    }
    let columns = if app.json { Vec::new() } else { columns_of(context, args)? };
    let listing = runner::session::list(context, &args.labels, args.no_git)?;
    app.out.write(before)?;
    if app.json {
        // Written one at a time, because there may be thousands.
        app.out.write("{\"sessions\":[")?;
        let mut comma = "";
        listing.each(&mut |one| {
            app.out.write(&format!(
                "{}{}",
                std::mem::replace(&mut comma, ","),
                session::status(&one)
            ))
        })?;
        app.out.line("]}")
    } else if listing.is_empty() {
        app.out.line("No active sessions")
    } else {
        let headings: Vec<&str> = columns.iter().map(|column| column.heading).collect();
        app.out.long_table(&headings, &|row| {
            listing.each(&mut |one: SessionStatus| {
                row(&columns.iter().map(|column| (column.cell)(&one)).collect::<Vec<_>>())
            })
        })
    }
}

/// The columns of the table: those of --format, of the variable, or else the usual ones.
fn columns_of(context: &Context, args: &Args) -> Result<Vec<&'static Column>> {
    if let Some(names) = &args.format {
        return columns::columns(names);
    }
    match context.environment.get(FORMAT) {
        Some(names) => columns::columns(&names.to_string_lossy()).map_err(|mut error| {
            error.message = format!("{FORMAT}: {}", error.message);
            error
        }),
        None => columns::columns(columns::DEFAULT),
    }
}

fn conversations(app: &mut App, context: &Context, args: &Args, before: &str) -> Result<()> {
    let lists = runner::conversation::all_conversations(context, &args.labels)?;
    let found = || lists.iter().flat_map(with_session);
    app.out.write(before)?;
    // There may be thousands, so nothing is made of them before it is written.
    if app.json {
        app.out.write("{\"conversations\":[")?;
        let mut comma = "";
        for (session, listed) in found() {
            let mut value = conversation::listed(listed);
            value["session"] = session.into();
            app.out.write(&format!("{}{value}", std::mem::replace(&mut comma, ",")))?;
        }
        return app.out.line("]}");
    }
    if args.quiet {
        return found().try_for_each(|(_, listed)| app.out.line(&listed.id));
    }
    if found().next().is_none() {
        return app.out.line("No conversations");
    }
    app.out.long_table(&["ID", "Session ID", "Status", "Title", "Updated"], &|row| {
        found().try_for_each(|(session, listed)| {
            row(&[
                Cell::new(session),
                Cell::new(&listed.id),
                Cell::new(listed.state.map_or("-", |state| state.name())),
                conversation::title(listed.title.as_deref()),
                conversation::time(listed.updated),
            ])
        })
    })
}

/// Each conversation of a list with the id of its session.
fn with_session(list: &ConversationList) -> impl Iterator<Item = (&str, &Listed)> {
    list.conversations.iter().map(|listed| (list.session.as_str(), listed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_column() {
        let text = COMMAND.about.concat();
        let has_word = |name: &str| text.split([' ', ',', '.']).any(|word| word == name);
        for column in &columns::COLUMNS {
            assert!(has_word(column.name), "{} is missing", column.name);
        }
    }
}
