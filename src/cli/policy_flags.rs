//! The flags for what a turn may do: rules that the server enforces, and answers to what is asked
//! for.

use super::spec::Flag;
use super::words::Words;
use crate::error::Result;
use crate::runner::asks::{OnPermission, OnQuestion, PolicyFlags, Setting, Unlisted};
use crate::units::REQUEST_LIMIT;

/// What becomes of asks that no rule settles. These flags do something only while the turn is
/// followed.
pub const UNSETTLED: [Flag; 2] = [
    Flag::value(
        "on-permission",
        None,
        "WHAT",
        "What to do when the turn asks for a permission that no --allow and no --deny settles",
    )
    .choices(OnPermission::WORDS),
    Flag::value("on-question", None, "WHAT", "What to do when the model asks a question")
        .choices(OnQuestion::WORDS),
];

/// Rules, for a command that sends a prompt.
pub const RULES: [Flag; 3] = [DENY, UNLISTED, POLICY];

/// Rules, for a command that only follows a turn and sends none: it answers by them.
pub const ANSWERS: [Flag; 3] = [
    Flag::value("allow", None, "RULE", "Say yes when OpenCode asks for PERMISSION:PATTERN")
        .repeated(),
    Flag::value(
        "deny",
        None,
        "RULE",
        "Say no when OpenCode asks for it, whatever --allow says; no rule is sent",
    )
    .repeated(),
    Flag::value(
        "policy",
        None,
        "FILE",
        "Read allow, deny, on_permission and on_question from this JSON file; unlisted in it does \
         not matter here",
    )
    .may_be_stdin(),
];

/// For a command that tells what rules would do.
pub const TRIED: &[Flag] = &[ALLOW, DENY, UNLISTED, POLICY];

/// What the help of a command with [`RULES`] says of them.
pub const ABOUT: [&str; 2] = [
    "--deny is a rule of the conversation from then on: the server enforces it, behind everything \
     that is configured, whether or not OpenCode would ask. --allow says yes to what OpenCode asks \
     for; no flag lifts what the configuration denies. With --unlisted deny everything is denied \
     but reading in the working directory, the todo list and what --allow names; with --unlisted \
     ask the same is asked for. Sub-agents are denied then, because they would not be held by it.",
    "A rule looks at the command as it is written: --deny bash is a wall, --deny 'bash:git push*' \
     stops the plain form only, and --unlisted deny with --allow is the way to allow only what is \
     named. A program that is allowed can do whatever it can do.",
];

/// What is granted. Without a wall it only answers.
pub const ALLOW: Flag = Flag::value(
    "allow",
    None,
    "RULE",
    "Say yes when OpenCode asks for PERMISSION:PATTERN, for example 'bash:git *', or edit; with \
     --unlisted ask or deny it is not asked for",
)
.repeated();

const DENY: Flag = Flag::value(
    "deny",
    None,
    "RULE",
    "Deny it in this conversation from now on; before OpenCode 1.18 that denies sub-agents (task) \
     as well",
)
.repeated();

const UNLISTED: Flag = Flag::value(
    "unlisted",
    None,
    "WHAT",
    "What holds for what no --allow and no --deny names: what OpenCode's configuration says, an \
     ask, or a denial",
)
.choices(Unlisted::WORDS)
.absent("config");

const POLICY: Flag = Flag::value(
    "policy",
    None,
    "FILE",
    "Read allow, deny, unlisted, on_permission and on_question from this JSON file; flags come \
     on top",
)
.may_be_stdin();

/// The values of [`ALLOW`], [`RULES`] and [`UNSETTLED`].
pub fn rules(words: &Words) -> Result<PolicyFlags> {
    Ok(PolicyFlags { unlisted: unlisted(words)?, ..answers(words)? })
}

/// The values of [`ANSWERS`] and [`UNSETTLED`].
pub fn answers(words: &Words) -> Result<PolicyFlags> {
    Ok(PolicyFlags {
        on_permission: words.value("on-permission")?.and_then(|word| OnPermission::named(&word)),
        on_question: words.value("on-question")?.and_then(|word| OnQuestion::named(&word)),
        ..patterns(words)?
    })
}

/// The values of [`TRIED`].
pub fn tried(words: &Words) -> Result<PolicyFlags> {
    Ok(PolicyFlags { unlisted: unlisted(words)?, limit: REQUEST_LIMIT, ..patterns(words)? })
}

fn unlisted(words: &Words) -> Result<Option<Unlisted>> {
    Ok(words.value("unlisted")?.and_then(|word| Unlisted::named(&word)))
}

fn patterns(words: &Words) -> Result<PolicyFlags> {
    Ok(PolicyFlags {
        allow: words.values("allow")?,
        deny: words.values("deny")?,
        file: words.path("policy"),
        ..PolicyFlags::default()
    })
}
