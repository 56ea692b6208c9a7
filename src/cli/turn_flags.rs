//! What `send`, `run` and `wait` share: the words of a prompt, and the flags for what is sent, for
//! what the turn may use up and for how its asks are answered.

use std::borrow::Cow;
use std::path::Path;
use std::time::Instant;

use super::spec::{Flag, Operand};
use super::words::{Words, wrong_value};
use crate::error::{Error, Result};
use crate::runner::asks::{Otherwise, Policy, PolicyFlags};
use crate::runner::conversation::Target;
use crate::runner::input::{self, Wanted};
use crate::runner::prompt::ModelName;
use crate::runner::prompt::{Hook, Limits, PromptOptions, Terms};

/// The longest prompt that is read from stdin, in bytes.
const LONGEST_PROMPT: usize = 16 << 20;

/// The words of the prompt.
pub const MESSAGE: Operand =
    Operand::optional("MESSAGE", "The prompt; several words are joined, and - among them is stdin")
        .many()
        .may_be_stdin();

/// What is sent.
pub const PROMPT: &[Flag] = &[
    Flag::value("agent", Some('a'), "NAME", "The agent")
        .absent("the session's, or OpenCode's default")
        .may_be_empty(),
    Flag::value("model", Some('m'), "PROVIDER/MODEL", "The model").absent("the agent's"),
    Flag::value("variant", None, "NAME", "Variant of the model, for example a reasoning effort"),
    Flag::value(
        "file",
        Some('f'),
        "PATH",
        "Attach this file; its type is told by its content, and stdin has the name stdin",
    )
    .repeated()
    .may_be_stdin(),
    Flag::value("system", None, "TEXT", "Add this to the system prompt"),
    Flag::value(
        "schema",
        None,
        "FILE",
        "Request an answer that fits this JSON schema; OpenCode from 1.15 on cannot list such a \
         conversation afterwards",
    )
    .may_be_stdin(),
];

/// The title of a new conversation.
pub const TITLE: Flag = Flag::value("title", None, "TEXT", "Title of the new conversation")
    .absent("written by the model");

/// What the turn may use up, besides `--timeout`, and what is told of it. These flags do something
/// only while the turn is followed.
pub const LIMITS: [Flag; 5] = [
    Flag::value(
        "stall-timeout",
        None,
        "SECONDS",
        "Abort the turn after this time without any progress",
    ),
    Flag::value(
        "max-retries",
        None,
        "N",
        "Abort the turn after more than N retries of the provider, those after a stream that ended \
         early included",
    )
    .absent("no limit, but five such streams in a row end the turn"),
    Flag::value(
        "max-steps",
        None,
        "N",
        "Abort the turn after more than N calls of the model, including those of sub-agents",
    ),
    Flag::value(
        "max-cost",
        None,
        "USD",
        "Abort the turn when it has cost more than this, including sub-agents. A model without a \
         price gives a warning",
    ),
    Flag::value(
        "on-event",
        None,
        "CMD",
        "Run this shell command for every ask and at the end, with JSON on its stdin",
    ),
];

/// What becomes of the turn at a limit. It is of use where the server goes on.
pub const NO_ABORT: Flag =
    Flag::switch("no-abort", None, "Leave the turn running when it reaches a limit");

/// The values of [`PROMPT`]. The message is added later, because reading stdin is an effect.
pub fn prompt(words: &Words) -> Result<PromptOptions> {
    Ok(PromptOptions {
        message: String::new(),
        target: Target::New(words.value("title")?),
        queue: false,
        agent: words.value("agent")?,
        model: words.value("model")?.map(|name| model(&name)).transpose()?,
        variant: words.value("variant")?,
        files: words.os_values("file").into_iter().map(Into::into).collect(),
        system: words.value("system")?,
        schema: words.path("schema"),
    })
}

/// The message: the words joined with spaces, with what stdin brings in the place of a dash. What
/// that takes counts towards the limit of `terms`.
pub fn message(words: &[Option<String>], terms: &mut Terms) -> Result<String> {
    let began = Instant::now();
    let limit = terms.limits.timeout;
    let mut parts = Vec::new();
    for word in words {
        parts.push(match word {
            Some(word) => Cow::Borrowed(word.as_str()),
            None => {
                let wanted = Wanted { what: "the message", most: LONGEST_PROMPT, limit };
                Cow::Owned(input::read_text(Path::new("-"), wanted)?)
            }
        });
    }
    let message = parts.join(" ");
    if message.trim().is_empty() {
        return Err(Error::usage("the message is empty"));
    }
    *terms = terms.clone().after(began);
    Ok(message)
}

/// The values of [`LIMITS`], [`NO_ABORT`] and `--timeout`. `policy` is what flags say of
/// permissions, `otherwise` what becomes of asks that neither flag nor policy settles.
pub fn terms(
    words: &Words,
    policy: PolicyFlags,
    otherwise: Otherwise,
) -> Result<impl FnOnce() -> Result<Terms> + use<>> {
    let limits = Limits {
        timeout: words.seconds("timeout")?,
        rest_of: None,
        stall: words.optional_seconds("stall-timeout")?,
        working: None,
        retries: words.whole_number("max-retries")?,
        steps: words.whole_number("max-steps")?,
        cost: words.number("max-cost")?.filter(|cost| cost.is_finite()),
        no_abort: words.has("no-abort"),
    };
    let hook = Hook::new(words.os_value("on-event"));
    // The policy's file is read later, when the command may have effects.
    Ok(move || {
        let began = Instant::now();
        let flags = PolicyFlags { limit: limits.timeout, ..policy };
        let policy = Policy::new(&flags, otherwise)?;
        Ok(Terms { limits, policy, hook }.after(began))
    })
}

/// `PROVIDER/MODEL`; the name of the model may have more slashes in it.
fn model(name: &str) -> Result<ModelName> {
    match name.split_once('/') {
        Some((provider, model)) if !provider.is_empty() && !model.is_empty() => {
            Ok(ModelName { provider: provider.into(), model: model.into() })
        }
        _ => {
            let accepted = "PROVIDER/MODEL, for example anthropic/claude-sonnet-4-5";
            Err(wrong_value("--model", name, accepted))
        }
    }
}
