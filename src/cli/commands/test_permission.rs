use serde_json::{Value, json};

use crate::cli::App;
use crate::cli::output::one_line;
use crate::cli::policy_flags::{self, TRIED};
use crate::cli::spec::{Action, Command, Exit, Flag, Operand, SESSION_TO_READ, WITHIN};
use crate::cli::words::Words;
use crate::error::{Code, Result};
use crate::runner;
use crate::runner::asks::{Piece, Question, Trial, Verdict};

const OWN: &[Flag] = &[
    Flag::value("agent", Some('a'), "AGENT", "Agent whose rules count")
        .absent("the session's, or OpenCode's default")
        .may_be_empty(),
    Flag::value("session", Some('s'), "CONVERSATION", "Conversation whose rules count")
        .alias("conversation")
        .absent("a new one"),
    Flag::value("permission", None, "NAME", "Permission to check, for example edit or webfetch")
        .default("bash"),
];

pub const COMMAND: Command = Command {
    name: "test-permission",
    summary: "Tell whether OpenCode would run a command, ask first, or refuse",
    about: &[
        "The last rule whose permission and pattern both match decides. If none matches, OpenCode \
         asks. The status is 0 for allow, and 6 for deny and for ask; --json says which.",
        "A line of several commands is taken apart as OpenCode does it, and one denied command \
         denies the whole line.",
        "It answers for the agent and the rules that `occtl send` with the same flags would use: \
         those of the conversation after -s, or else those of a new one, which include the rules \
         against occtl. An ask that --allow would answer counts as allow.",
        "Paths outside the working directory need a permission of their own, external_directory, \
         which is not checked here.",
    ],
    operands: &[
        SESSION_TO_READ,
        Operand::required(
            "COMMAND",
            "The shell command; with --permission, what that would be asked for",
        ),
    ],
    flags: &[OWN, TRIED, &[WITHIN]],
    examples: &[
        ("occtl test-permission $S 'git push' && echo free to go", "decide by it"),
        ("occtl test-permission $S --permission edit src/main.rs", "may it change a file?"),
    ],
    parse,
};

fn parse(words: &Words) -> Result<Action> {
    let session = words.required(0)?;
    let question = Question {
        permission: words.text("permission")?,
        text: words.required(1)?,
        agent: words.value("agent")?,
        conversation: words.value("session")?,
    };
    let flags = policy_flags::tried(words)?;
    words.within(move |app| {
        let trial = runner::asks::test_permission(&app.context()?, &session, &question, &flags)?;
        print(app, &trial, &question)?;
        Ok(match trial.verdict {
            Verdict::Allow => Exit::OK,
            Verdict::Ask | Verdict::Deny => Exit(Code::Blocked.exit()),
        })
    })
}

/// A piece is what OpenCode judges by itself, such as one command of `a && b`. The decisive piece
/// gives the whole line its verdict.
fn print(app: &mut App, trial: &Trial, question: &Question) -> Result<()> {
    let Question { permission, text, .. } = question;
    if app.json {
        let pieces: Vec<Value> = trial.pieces.iter().map(piece).collect();
        return app.out.json(&json!({
            "action": trial.verdict.name(), "agent": trial.agent, "permission": permission,
            "command": text, "rule": trial.decisive.as_ref().map(rule),
            "commands": pieces,
        }));
    }
    let rule = trial.decisive.as_ref().and_then(|piece| piece.rule.as_ref());
    let sign = match (trial.verdict, rule) {
        (Verdict::Ask, None) => "⚠ No matching rule",
        (Verdict::Allow, _) => "✅ allow",
        (Verdict::Deny, _) => "🚫 deny",
        (Verdict::Ask, _) => "❓ ask",
    };
    app.out.line(&format!("{sign} — {}", one_line(text)))?;
    if let Some(piece) = trial.decisive.as_ref().filter(|_| trial.pieces.len() > 1) {
        app.out.line(&format!("Decided by: {}", one_line(&piece.pattern)))?;
    }
    let Some(rule) = rule else { return Ok(()) };
    let line = format!("Matched: {}:{} → {}", rule.permission, rule.pattern, rule.action);
    app.out.line(&one_line(&line))
}

fn piece(piece: &Piece) -> Value {
    json!({"pattern": piece.pattern, "action": piece.verdict.name(), "rule": rule(piece)})
}

fn rule(piece: &Piece) -> Value {
    let Some(rule) = &piece.rule else { return Value::Null };
    json!({"permission": rule.permission, "pattern": rule.pattern, "action": rule.action})
}
