use serde_json::json;

use crate::cli::App;
use crate::cli::policy_flags::{self, ABOUT, ALLOW, RULES, UNSETTLED};
use crate::cli::show::turn::{self, Show, View};
use crate::cli::spec::{Action, Command, Exit, Flag, QUIET, SESSION_TO_USE, all_need};
use crate::cli::turn_flags::{
    self, LIMITS, MESSAGE, NO_ABORT, PROMPT, PromptWords, TITLE, TITLE_FILE,
};
use crate::cli::words::Words;
use crate::error::{Error, Result};
use crate::runner::asks::{Otherwise, Unlisted};
use crate::runner::conversation::Target;
use crate::runner::prompt::{Follow, Terms};
use crate::runner::{self, Context};

const OWN: &[Flag] = &[
    Flag::switch("wait", Some('w'), "Wait for the answer and print it"),
    Flag::switch("stream", None, "Print all text as it is written")
        .excludes(&["raw", "quiet"], "each says what is printed; --wait waits as well"),
    Flag::switch(
        "raw",
        Some('r'),
        "With --wait: print the last message as the server has it (JSON)",
    ),
    Flag::value(
        "session",
        Some('s'),
        "CONVERSATION",
        "Send to this conversation: an id (ses_…), the beginning of one, or latest",
    )
    .alias("conversation")
    .absent("a new one"),
    Flag::switch(
        "continue",
        Some('c'),
        "Send to the conversation that occtl opened or used last on this session",
    )
    .excludes(&["session"], "each names a conversation"),
    Flag::switch(
        "queue",
        None,
        "Wait until the conversation has been idle for 700 ms; the wait counts towards --timeout",
    )
    .needs(&["session", "continue"]),
    TITLE.excludes(&["session", "continue"], "it is for a new conversation"),
    TITLE_FILE
        .excludes(&["title", "session", "continue"], "it is for a new conversation, as --title is"),
    Flag::value(
        "timeout",
        Some('t'),
        "SECONDS",
        "Abort the turn after this time (status 124); without --wait and --stream: how \
         long the server may take to accept the prompt. $OCCTL_TIMEOUT is another default",
    )
    .default("300"),
    QUIET,
];

/// What does something only while the turn is followed; without it --allow is a rule where a wall
/// is.
const FOLLOWING: &[Flag] = &all_need(LIMITS, FOLLOWED, WAIT_TURN);
const GOING_ON: &[Flag] = &all_need([NO_ABORT], FOLLOWED, WAIT_TURN);
const GRANTS: &[Flag] = &all_need([ALLOW], &["wait", "stream", "unlisted", "policy"], WAIT_TURN);
const ASKING: &[Flag] = &all_need(UNSETTLED, FOLLOWED, WAIT_TURN);
const FOLLOWED: &[&str] = &["wait", "stream"];
const WAIT_TURN: &str = "occtl wait --turn";

pub const COMMAND: Command = Command {
    name: "send",
    summary: "Send a prompt, and on request wait for the answer or stream it",
    about: &[
        "SESSION is a server (oc-…). A conversation (ses_…) is one chat on it; OpenCode calls \
         that a session. Without -s and -c the prompt opens a new conversation.",
        "Without --wait and --stream the command ends as soon as the server has the \
         prompt, and prints the id of the conversation.",
        "--wait prints the answer, --stream all text as it is written. The exit status tells how \
         the turn ended: 0 it was answered, 5 it failed, 6 it needs a permission or an answer, 7 \
         it ended without text, 8 it was aborted, 124 it reached a limit. After a limit or a \
         signal, it takes up to 5 s more, usually far less, to abort the turn and to collect its \
         record. If the reader of stdout ends early, the turn is still followed to its end.",
        "A prompt that arrives while a turn is running takes the turn over. So -c refuses a busy \
         conversation (status 1), -s says on stderr which turn the prompt takes over, and --queue \
         waits until nothing goes on. Several prompts that wait with --queue are sent one after \
         the other; one that waits until --timeout is not sent (status 124).",
        "--command invokes a command of OpenCode (`occtl commands SESSION` lists them). OpenCode \
         puts the arguments into the command's template, runs the shell lines (!`…`) of the result \
         and reads the files that @ names there, without asking: never give it arguments of \
         strangers.",
        ABOUT[0],
        ABOUT[1],
        "A permission that no --allow and no --deny settles is waited for, unless --on-permission \
         says otherwise. `occtl approve` grants it from another terminal.",
    ],
    operands: &[SESSION_TO_USE, MESSAGE],
    flags: &[OWN, PROMPT, FOLLOWING, GOING_ON, GRANTS, &RULES, ASKING],
    examples: &[
        ("occtl send $S --wait 'Explain this repository'", "print the answer"),
        ("git diff | occtl send $S --stream -", "read the prompt from a pipe"),
        ("git diff | occtl send $S --wait 'Review this:' -", "put words before it"),
        ("occtl send $S --wait -- '- a list'", "send words that begin with a dash"),
        ("occtl send $S --wait --command review main", "invoke a command of OpenCode"),
        ("occtl send $S --wait --mentions 'Compare @a.rs with @b.rs'", "name files"),
        ("occtl send $S -c --wait --json 'And now?' | jq .cost_usd", "see what a turn cost"),
        (
            "occtl send $S --wait --unlisted deny --allow edit --allow 'bash:make *' 'Mend it'",
            "allow only to edit and to run make",
        ),
    ],
    parse,
};

struct Args {
    session: String,
    prompt: PromptWords,
    show: Option<Show>,
    verbose: bool,
}

fn parse(words: &Words) -> Result<Action> {
    let mut prompt = turn_flags::prompt(words, 1)?;
    if let Some(target) = target(words)? {
        prompt.options.target = target;
    }
    prompt.options.queue = words.has("queue");
    let show = show(words);
    let terms = turn_flags::terms(words, policy_flags::rules(words)?, Otherwise::Wait)?;
    let allows = words.has("allow");
    let verbose = words.has("verbose");
    let args = Args { session: words.required(0)?, prompt, show, verbose };
    if args.prompt.lacks_message() {
        let session = &args.session;
        return Err(Error::usage(format!("occtl send needs a MESSAGE for SESSION {session}"))
            .hint(without_message(session)));
    }
    Ok(Box::new(move |app| {
        let context = app.context()?;
        let terms = terms(&context.environment)?;
        if args.show.is_none() && allows && terms.policy.unlisted == Unlisted::Config {
            let what = "--allow does nothing without --wait, --stream, or --unlisted ask or deny";
            return Err(Error::usage(what).hint(format!("{WAIT_TURN} takes it as well")));
        }
        run(app, &context, args, terms)
    }))
}

/// What to type where there is one word only. A word with blanks is no session.
fn without_message(word: &str) -> String {
    let is_message = word.contains(char::is_whitespace) && !word.contains(['\'', '\n']);
    if is_message {
        format!("occtl send . '{word}' sends it to the session of this directory")
    } else {
        format!("occtl send {word} 'Say hello.'; - reads the message from stdin")
    }
}

/// The conversation that `-s` or `-c` means; `None` for a new one.
fn target(words: &Words) -> Result<Option<Target>> {
    let given = words.value("session")?;
    let latest = words.has("continue");
    Ok(if latest { Some(Target::LastUsed) } else { given.map(Target::Given) })
}

/// What is printed of the turn; `None` if it is not waited for.
fn show(words: &Words) -> Option<Show> {
    let wait = words.has("wait");
    let stream = words.has("stream");
    let raw = words.has("raw");
    let quiet = words.has("quiet");
    if !wait && !stream {
        // --raw alone changes nothing, as in opencode-ctl 0.4.0.
        None
    } else if raw {
        Some(Show::Raw)
    } else if quiet {
        Some(Show::Id)
    } else if stream {
        Some(Show::Stream)
    } else {
        Some(Show::Answer)
    }
}

fn run(app: &mut App, context: &Context, args: Args, mut terms: Terms) -> Result<Exit> {
    let options = args.prompt.read(&context.environment, &mut terms)?;
    let Some(show) = args.show else {
        let sent = runner::prompt::send(context, &args.session, options, &terms)?;
        if app.json {
            app.out.json(&json!({"session": sent.session, "conversation": sent.conversation,
                                 "turn": sent.turn}))?;
        } else {
            app.out.line(&sent.conversation)?;
        }
        return Ok(Exit::OK);
    };
    let json = app.json;
    turn::follow_and_print(app, View { show, verbose: args.verbose }, |watcher| {
        let follow = Follow { terms, watcher, wanted: show.wants(json) };
        runner::prompt::send_and_follow(context, &args.session, options, follow)
    })
}
