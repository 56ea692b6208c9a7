//! The flags that `send`, `run` and `wait` share: what is prompted, what the turn may take, and what
//! is answered to it.

use std::io::Read;

use super::spec::Flag;
use super::words::Words;
use crate::error::{Error, Result};
use crate::runner::asks::{OnPermission, OnQuestion, Otherwise, Policy, PolicyFlags, Setting};
use crate::runner::conversation::Target;
use crate::runner::prompt::ModelName;
use crate::runner::prompt::{Hook, Limits, PromptOptions, Terms};

/// The longest prompt that is read from stdin.
const LONGEST_PROMPT: u64 = 64 << 20;

/// What is prompted.
pub const PROMPT: &[Flag] = &[
    Flag::value("agent", Some('a'), "NAME", "The agent").absent("the session's"),
    Flag::value("model", Some('m'), "PROVIDER/MODEL", "The model").absent("the agent's"),
    Flag::value("variant", None, "NAME", "The model's variant, for example a reasoning effort"),
    Flag::value("title", None, "TEXT", "The title of the new conversation")
        .absent("made up by the model"),
    Flag::value("file", Some('f'), "PATH", "Attach a file").repeated(),
    Flag::value("system", None, "TEXT", "Add this to the system prompt"),
    Flag::value(
        "schema",
        None,
        "FILE",
        "Want an answer that fits this JSON schema; OpenCode from 1.15 on cannot list the conversation afterwards",
    ),
];

/// What a turn may take, besides `--timeout`, and what is answered to it.
pub const TERMS: &[Flag] = &[
    Flag::value(
        "stall-timeout",
        None,
        "SECONDS",
        "End the turn after that long without any progress",
    ),
    Flag::value(
        "max-retries",
        None,
        "N",
        "End the turn when the provider was tried again more often",
    ),
    Flag::value(
        "max-steps",
        None,
        "N",
        "End the turn after more calls of the model, sub-agents included",
    ),
    Flag::value("max-cost", None, "USD", "End the turn when it has cost more, sub-agents included"),
    Flag::switch("no-abort", None, "Leave the turn running when a limit is reached"),
    Flag::value("on-permission", None, "WHAT", "What to do when a permission is wanted")
        .choices(OnPermission::WORDS),
    Flag::value("on-question", None, "WHAT", "What to do when a question is asked")
        .choices(OnQuestion::WORDS),
    Flag::value(
        "allow",
        None,
        "RULE",
        "Allow PERMISSION:PATTERN, for example 'bash:git *', or edit",
    )
    .repeated(),
    Flag::value("deny", None, "RULE", "Deny it; goes before --allow").repeated(),
    Flag::value(
        "policy",
        None,
        "FILE",
        "The same as JSON: on_permission, on_question, allow, deny",
    ),
    Flag::value("on-event", None, "CMD", "Run CMD with JSON on its stdin for asks and for the end"),
];

/// Reads [`PROMPT`]. The message itself is read later, when something may happen.
pub fn prompt(words: &Words) -> Result<PromptOptions> {
    Ok(PromptOptions {
        message: String::new(),
        target: Target::New(words.value("title")?),
        agent: words.value("agent")?.filter(|name| !name.is_empty()),
        model: words.value("model")?.map(|name| model(&name)).transpose()?,
        variant: words.value("variant")?,
        files: words.os_values("file").into_iter().map(Into::into).collect(),
        system: words.value("system")?,
        schema: words.path("schema"),
    })
}

/// The words of a prompt; `-` alone reads stdin.
pub fn message(words: &[String]) -> Result<String> {
    let message = match words {
        [dash] if dash == "-" => {
            let mut text = Vec::new();
            let stdin = std::io::stdin().lock().take(LONGEST_PROMPT + 1).read_to_end(&mut text);
            stdin.map_err(|error| Error::failed(format!("cannot read stdin: {error}")))?;
            if text.len() as u64 > LONGEST_PROMPT {
                let limit = LONGEST_PROMPT >> 20;
                return Err(Error::usage(format!("stdin holds more than {limit} MiB")));
            }
            String::from_utf8(text).map_err(|_| Error::usage("stdin is not UTF-8 text"))?
        }
        words => words.join(" "),
    };
    if message.trim().is_empty() {
        return Err(Error::usage("the message is empty"));
    }
    Ok(message)
}

/// Reads [`TERMS`] and `--timeout`; `otherwise` is for asks that no flag settles.
pub fn terms(
    words: &Words,
    otherwise: Otherwise,
) -> Result<impl FnOnce() -> Result<Terms> + use<>> {
    let limits = Limits {
        timeout: words.seconds("timeout")?,
        rest_of: None,
        stall: words.optional_seconds("stall-timeout")?,
        retries: words.whole_number("max-retries")?,
        steps: words.whole_number("max-steps")?,
        cost: words.number("max-cost")?.filter(|cost| cost.is_finite()),
        no_abort: words.has("no-abort"),
    };
    let flags = PolicyFlags {
        on_permission: words.value("on-permission")?.and_then(|word| OnPermission::named(&word)),
        on_question: words.value("on-question")?.and_then(|word| OnQuestion::named(&word)),
        allow: words.values("allow")?,
        deny: words.values("deny")?,
        file: words.path("policy"),
    };
    let hook = Hook::new(words.os_value("on-event"));
    // The policy's file is read when something may happen.
    Ok(move || Ok(Terms { limits, policy: Policy::new(&flags, otherwise)?, hook }))
}

/// `provider/model`: the model's own name may hold further slashes.
fn model(name: &str) -> Result<ModelName> {
    match name.split_once('/') {
        Some((provider, model)) if !provider.is_empty() && !model.is_empty() => {
            Ok(ModelName { provider: provider.into(), model: model.into() })
        }
        _ => Err(Error::usage(format!("--model cannot be {name}"))
            .hint("PROVIDER/MODEL, for example anthropic/claude-sonnet-4-5")),
    }
}
