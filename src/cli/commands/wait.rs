use serde_json::json;

use crate::cli::App;
use crate::cli::output::{one_line, status};
use crate::cli::policy_flags::{self, ANSWERS, UNSETTLED};
use crate::cli::show::turn::{self, Show, View};
use crate::cli::spec::{
    Action, CONVERSATION, Command, Exit, Flag, QUIET, SESSION_TO_READ, all_need,
};
use crate::cli::turn_flags::{self, LIMITS, NO_ABORT, TimeLimit};
use crate::cli::words::{Words, wrong_choice};
use crate::error::{Error, Result};
use crate::runner::asks::Otherwise;
use crate::runner::conversation::Target;
use crate::runner::prompt::{Follow, Reached, Terms, Until, WaitOptions, Wanted};
use crate::runner::{self, Context, Environment};

const OWN: &[Flag] = &[
    CONVERSATION
        .absent("the one that occtl used last on this session, or else the newest one")
        .repeated(),
    Flag::switch("any", None, "Wait for any one of several conversations")
        .excludes(&["all"], "--all waits for each of them"),
    Flag::switch("all", None, "Wait for all of several conversations, as without --any"),
    Flag::value(
        "until",
        None,
        "WHAT",
        "What to wait for: idle, ask, text:STRING or dead; of several, the first to come true",
    )
    .default("idle")
    .repeated(),
    Flag::value(
        "turn",
        None,
        "TURN",
        "Follow this turn to its end: an id (msg_…), the beginning of one, or latest",
    )
    .excludes(&["any", "all", "until"], "it follows one turn to its end"),
    Flag::value(
        "timeout",
        Some('t'),
        "SECONDS",
        "Give up after this time (status 124); with --turn, abort the turn. $OCCTL_TIMEOUT is \
         another default",
    )
    .default("300"),
    QUIET,
];

/// What does something only while a turn is followed.
const FOLLOWING: &[Flag] = &all_need(LIMITS, &["turn"], "");
const GOING_ON: &[Flag] = &all_need([NO_ABORT], &["turn"], "");
const ANSWERING: &[Flag] = &all_need(ANSWERS, &["turn"], "");
const ASKING: &[Flag] = &all_need(UNSETTLED, &["turn"], "");

pub const COMMAND: Command = Command {
    name: "wait",
    summary: "Wait until conversations are idle, ask, say something, or the server is dead",
    about: &[
        "Prints for each conversation what came true: idle, ask, text or dead. idle means that \
         neither the conversation nor a sub-agent below it does anything; text:STRING looks for \
         STRING in the text of the newest turn.",
        "Without --turn the command only watches: it aborts nothing, and status 0 does not mean \
         that the turn succeeded. If the newest turn ended in an error, that is named after idle.",
        "With --turn it follows that turn as `occtl send --wait` does: it prints the answer, the \
         exit status is that of the turn, limits abort the turn, and --allow, --deny and the like \
         answer what it asks for. It sends no rules: what the turn does without asking goes on.",
    ],
    operands: &[SESSION_TO_READ],
    flags: &[OWN, FOLLOWING, GOING_ON, ANSWERING, ASKING],
    examples: &[
        ("occtl wait $S", "until the conversation that was used last is idle"),
        ("occtl wait $S --until ask -t 60 && occtl permissions $S", "until a person has to decide"),
        ("occtl wait $S --turn $T --json", "the record of a turn that `send --json` began"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let conversations = words.values("session")?;
    let terms = turn_flags::terms(words, policy_flags::answers(words)?, Otherwise::Wait)?;
    let any = words.has("any");
    // --all says what holds without --any.
    let of_several = words.has("all") || any;
    let quiet = words.has("quiet");
    let verbose = words.has("verbose");
    let until =
        words.values("until")?.iter().map(|text| condition(text)).collect::<Result<Vec<_>>>()?;
    if let Some(turn) = words.value("turn")? {
        if conversations.len() > 1 {
            return Err(Error::usage("--turn cannot be used with several -s"));
        }
        let target =
            conversations.into_iter().next().map_or(Target::LastUsedOrNewest, Target::Given);
        let show = if quiet { Show::Id } else { Show::Answer };
        let turn = ChosenTurn { session, target, turn };
        let view = View { show, verbose };
        return Ok(Box::new(move |app| follow(app, &turn, terms, view)));
    }
    if of_several && conversations.len() < 2 {
        let flag = if any { "any" } else { "all" };
        return Err(Error::usage(format!("--{flag} is for several -s")).hint(format!(
            "without -s one conversation is waited for; occtl sessions {session} -q lists them"
        )));
    }
    if !conversations.is_empty() && until.iter().all(|one| *one == Until::Dead) {
        return Err(Error::usage("-s is not for --until dead alone")
            .hint("all conversations of a server end with it"));
    }
    let time = TimeLimit::of(words)?;
    Ok(Box::new(move |app| {
        let context = app.context()?;
        let timeout = time.within(&context.environment)?;
        let options = WaitOptions { conversations, any, until, timeout };
        run(app, &context, &session, &options, quiet)
    }))
}

fn condition(text: &str) -> Result<Until> {
    match text.split_once(':') {
        None if text == "idle" => Ok(Until::Idle),
        None if text == "ask" => Ok(Until::Ask),
        None if text == "dead" => Ok(Until::Dead),
        Some(("text", wanted)) if !wanted.is_empty() => Ok(Until::Text(wanted.into())),
        _ => Err(wrong_choice("--until", text, &["idle", "ask", "text:STRING", "dead"])),
    }
}

fn run(
    app: &mut App,
    context: &Context,
    session: &str,
    options: &WaitOptions,
    quiet: bool,
) -> Result<Exit> {
    status("waiting");
    let all_reached = runner::prompt::wait(context, session, options)?;
    if app.json {
        let row = |reached: &Reached| {
            json!({"conversation": reached.conversation, "reached": reached.what.name(),
                   "ask": reached.what.ask(), "error": reached.what.error()})
        };
        let rows: Vec<_> = all_reached.iter().map(row).collect();
        app.out.json(&json!({"reached": rows}))?;
        return Ok(Exit::OK);
    }
    for reached in all_reached {
        // A server that is dead has no conversation to name.
        let mut line = one_line(reached.conversation.as_deref().unwrap_or(context.shown(session)));
        if !quiet {
            line.push_str(&format!(" {}", reached.what.name()));
            if let Some(ask) = reached.what.ask() {
                line.push_str(&format!(" {}", one_line(ask)));
            }
            if let Some(error) = reached.what.error() {
                line.push_str(&format!(" ({})", one_line(&error.shown())));
            }
        }
        app.out.line(&line)?;
    }
    Ok(Exit::OK)
}

/// The one turn that `--turn` names.
struct ChosenTurn {
    session: String,
    target: Target,
    turn: String,
}

fn follow(
    app: &mut App,
    chosen: &ChosenTurn,
    terms: impl FnOnce(&Environment) -> Result<Terms>,
    view: View,
) -> Result<Exit> {
    let ChosenTurn { session, target, turn } = chosen;
    let context = app.context()?;
    let terms = terms(&context.environment)?;
    turn::follow_and_print(app, view, |watcher| {
        let follow = Follow { terms, watcher, wanted: Wanted::Record };
        runner::prompt::follow_turn(&context, session, target, turn, follow)
    })
}
