//! What `send`, `run` and `wait` share: the words of a prompt, and the flags for what is sent, for
//! what the turn may use up and for how its asks are answered.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::spec::{Flag, Operand};
use super::words::{Words, seconds_above_zero, wrong_value};
use crate::error::{Error, Result};
use crate::runner::Environment;
use crate::runner::asks::{Otherwise, Policy, PolicyFlags};
use crate::runner::conversation::Target;
use crate::runner::input::{self, Wanted};
use crate::runner::prompt::ModelName;
use crate::runner::prompt::{
    Hook, Limits, Mention, PromptOptions, Terms, check_arguments, find_mentions,
};

/// The longest text that is read from a file or from stdin, in bytes.
pub const LONGEST_TEXT: usize = 16 << 20;

/// The words of the prompt.
pub const MESSAGE: Operand =
    Operand::optional("MESSAGE", "The prompt; several words are joined, and - among them is stdin")
        .many()
        .may_be_stdin();

/// What is sent.
pub const PROMPT: &[Flag] = &[
    Flag::value("agent", Some('a'), "AGENT", "The agent")
        .absent("the session's, or OpenCode's default")
        .may_be_empty(),
    Flag::value("model", Some('m'), "PROVIDER/MODEL", "The model").absent(
        "the conversation's; in a new one without an agent $OCCTL_MODEL, or else the agent's",
    ),
    Flag::value("variant", None, "NAME", "Variant of the model, for example a reasoning effort"),
    Flag::value(
        "file",
        Some('f'),
        "PATH",
        "Attach this file; its type is told by its content, and stdin has the name stdin",
    )
    .repeated()
    .may_be_stdin(),
    Flag::switch(
        "mentions",
        None,
        "Let @file, @directory and @agent in the words of the MESSAGE mean those; files must be in \
         the conversation's directory",
    ),
    Flag::value(
        "command",
        None,
        "NAME",
        "Invoke this command of OpenCode, with the MESSAGE as its arguments",
    )
    .excludes(
        &["system", "system-file", "schema", "mentions"],
        "the server makes the prompt of a command, and looks for @ in its arguments by itself",
    ),
    Flag::value("system", None, "TEXT", "Add this to the system prompt"),
    Flag::value("system-file", None, "FILE", "Add the text of this file to the system prompt")
        .may_be_stdin()
        .excludes(&["system"], "each is the text"),
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

/// The same in a file.
pub const TITLE_FILE: Flag =
    Flag::value("title-file", None, "FILE", "Title of the new conversation, from this file")
        .may_be_stdin();

/// What the turn may use up, besides `--timeout`, and what is told of it. These flags do something
/// only while the turn is followed.
pub const LIMITS: [Flag; 6] = [
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
        "Run this shell command for every ask and at the end, with JSON on its stdin; it may go on \
         when occtl has ended",
    ),
    Flag::switch(
        "verbose",
        Some('v'),
        "Say on stderr which tools the turn calls, and when the provider is tried again",
    ),
];

/// What becomes of the turn at a limit. It is of use where the server goes on.
pub const NO_ABORT: Flag =
    Flag::switch("no-abort", None, "Leave the turn running when it reaches a limit");

/// A prompt as it stands on the command line.
pub struct PromptWords {
    /// What needs no reading.
    pub options: PromptOptions,
    /// The words of the message; `None` is stdin.
    message: Vec<Option<String>>,
    /// Whether what they mention is looked for.
    mentions: bool,
    system_file: Option<PathBuf>,
    title_file: Option<PathBuf>,
}

/// The values of [`PROMPT`], [`TITLE`] and [`TITLE_FILE`], and the words of the message, which are
/// the operands from an index on.
pub fn prompt(words: &Words, index: usize) -> Result<PromptWords> {
    let target = Target::New(words.value("title")?);
    let message = words.rest_or_stdin(index)?;
    let command = words.value("command")?;
    if command.is_some() {
        check_command(&message)?;
    }
    let options = PromptOptions {
        command,
        agent: words.value("agent")?,
        model: words.value("model")?.map(|name| model("--model", &name)).transpose()?,
        variant: words.value("variant")?,
        files: words.os_values("file").into_iter().map(Into::into).collect(),
        system: words.value("system")?,
        schema: words.path("schema"),
        ..PromptOptions::new(String::new(), target)
    };
    Ok(PromptWords {
        options,
        message,
        mentions: words.has("mentions"),
        system_file: words.path("system-file"),
        title_file: words.path("title-file"),
    })
}

/// An error if these words cannot be the arguments of a command.
fn check_command(words: &[Option<String>]) -> Result<()> {
    let Some(words) = words.iter().cloned().collect::<Option<Vec<String>>>() else {
        let what = "stdin cannot be the arguments of --command: OpenCode would run the shell lines";
        return Err(Error::usage(format!("{what} and read the files that it names"))
            .hint("-f - attaches stdin"));
    };
    check_arguments(&words.join(" "))
}

impl PromptWords {
    /// Whether there is no word of a message where one is needed.
    pub fn lacks_message(&self) -> bool {
        self.message.is_empty() && self.options.command.is_none()
    }

    /// The prompt, once the command may have effects: texts are read from files and from stdin, and
    /// defaults from the environment. The time that this takes counts towards the limit of `terms`.
    pub fn read(self, environment: &Environment, terms: &mut Terms) -> Result<PromptOptions> {
        let PromptWords { mut options, message, mentions, system_file, title_file } = self;
        let began = Instant::now();
        let limit = terms.limits.timeout;
        let texts = texts(&message, limit)?;
        if mentions {
            options.mentions = mentioned(&message, &texts);
        }
        // A single one, which may be large, is not copied.
        let joined = texts.into_iter().reduce(|all, text| all + " " + &text);
        options.message = joined.unwrap_or_default();
        if options.message.trim().is_empty() && options.command.is_none() {
            return Err(Error::usage("the message is empty"));
        }
        if let Some(path) = system_file {
            options.system = Some(text_of(&path, "the system prompt", limit)?);
        }
        if let (Some(path), Target::New(title)) = (title_file, &mut options.target) {
            *title = Some(text_of(&path, "the title", limit)?.trim().into());
        }
        options.default_model = default_model(&options, environment)?;
        *terms = terms.clone().after(began);
        Ok(options)
    }
}

/// The words, with what stdin brings in the place of a dash.
fn texts(words: &[Option<String>], limit: Duration) -> Result<Vec<String>> {
    let wanted = Wanted { what: "the message", most: LONGEST_TEXT, limit };
    let read = |word: &Option<String>| match word {
        Some(word) => Ok(word.clone()),
        None => input::read_text(Path::new("-"), wanted),
    };
    words.iter().map(read).collect()
}

/// What the words mention. Text from stdin mentions nothing, because its author is not known.
fn mentioned(words: &[Option<String>], texts: &[String]) -> Vec<Mention> {
    let mut before = 0;
    let mut found = Vec::new();
    for (word, text) in words.iter().zip(texts) {
        if word.is_some() {
            found.extend(find_mentions(text, before));
        }
        before += text.encode_utf16().count() + 1;
    }
    found
}

/// The text of a file or of stdin. One that is empty is refused, as an empty value is.
pub fn text_of(path: &Path, what: &'static str, limit: Duration) -> Result<String> {
    let text = input::read_text(path, Wanted { what, most: LONGEST_TEXT, limit })?;
    if text.trim().is_empty() {
        return Err(Error::usage(format!("{what} {} is empty", input::name(path))));
    }
    Ok(text)
}

/// The model of a new conversation for which no flag names a model or an agent.
fn default_model(options: &PromptOptions, environment: &Environment) -> Result<Option<ModelName>> {
    let is_new = matches!(options.target, Target::New(_));
    if !is_new || options.model.is_some() || options.agent.is_some() {
        return Ok(None);
    }
    model_of_environment(environment)
}

/// The model for conversations that are opened without one.
pub fn model_of_environment(environment: &Environment) -> Result<Option<ModelName>> {
    let name = environment.get(Environment::MODEL);
    name.map(|name| model(Environment::MODEL, &name.to_string_lossy())).transpose()
}

/// `--timeout`, which has a variable for its default.
#[derive(Clone, Copy)]
pub struct TimeLimit {
    limit: Duration,
    is_given: bool,
}

impl TimeLimit {
    /// What the words say.
    pub fn of(words: &Words) -> Result<TimeLimit> {
        Ok(TimeLimit { limit: words.seconds("timeout")?, is_given: words.has("timeout") })
    }

    /// The limit: of the flag, or else of the variable, or else of the table.
    pub fn within(self, environment: &Environment) -> Result<Duration> {
        match environment.get(Environment::TIMEOUT).filter(|_| !self.is_given) {
            Some(text) => seconds_above_zero(Environment::TIMEOUT, &text.to_string_lossy()),
            None => Ok(self.limit),
        }
    }
}

/// The values of [`LIMITS`], [`NO_ABORT`] and `--timeout`. `policy` is what flags say of
/// permissions, `otherwise` what becomes of asks that neither flag nor policy settles.
pub fn terms(
    words: &Words,
    policy: PolicyFlags,
    otherwise: Otherwise,
) -> Result<impl FnOnce(&Environment) -> Result<Terms> + use<>> {
    let time = TimeLimit::of(words)?;
    let limits = Limits {
        timeout: Duration::ZERO,
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
    Ok(move |environment: &Environment| {
        let limits = Limits { timeout: time.within(environment)?, ..limits };
        let began = Instant::now();
        let flags = PolicyFlags { limit: limits.timeout, ..policy };
        let policy = Policy::new(&flags, otherwise)?;
        Ok(Terms { limits, policy, hook }.after(began))
    })
}

/// `PROVIDER/MODEL`, the value of `what`; the name of the model may have more slashes in it.
pub fn model(what: &str, name: &str) -> Result<ModelName> {
    match name.split_once('/') {
        Some((provider, model)) if !provider.is_empty() && !model.is_empty() => {
            Ok(ModelName { provider: provider.into(), model: model.into() })
        }
        _ => {
            let accepted = "PROVIDER/MODEL, for example anthropic/claude-sonnet-4-5";
            Err(wrong_value(what, name, accepted))
        }
    }
}
