//! Values that only occtl knows: those in its store, those that a server has, those of a plan.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::candidate::Candidate;
use super::line::Line;
use crate::bench::plan::outline;
use crate::cli::output::one_line;
use crate::cli::spec::Kind;
use crate::error::Result;
use crate::runner::conversation::{Entry, MessageSink, TailOptions};
use crate::runner::{self, Context, DEFAULT_SESSION, Environment, Purpose};

/// A person who presses a key waits no longer than 0.1 s without noticing it; the rest is for
/// starting occtl and for the shell.
const ANSWER_WITHIN: Duration = Duration::from_millis(80);
/// How many of the newest messages are looked at for turns.
const NEWEST: usize = 50;
/// The most characters of a title or a prompt beside an id.
const LONGEST_WHAT: usize = 60;

/// What is wanted, and what is known of the line.
pub struct Asked {
    /// What the values are.
    pub kind: Kind,
    session: String,
    /// The words of the command.
    operands: Vec<String>,
    conversation: Option<String>,
    /// What of the value is typed.
    current: String,
    /// The plan of a benchmark, or a directory that holds one.
    plan: PathBuf,
    /// What stands before the arm in `DIR:ARM`.
    results: String,
}

impl Asked {
    /// The same as the command would ask.
    pub(super) fn of(line: &Line, kind: Kind, current: &str) -> Asked {
        let first = line.command.and_then(|command| command.operands.first());
        let takes_session = first.is_some_and(|operand| operand.name == "SESSION");
        let first = line.operands.first().cloned();
        let session = first.clone().filter(|_| takes_session);
        let results = current.split_once(':').map(|(directory, _)| directory.to_owned());
        Asked {
            kind,
            session: session.unwrap_or_else(|| DEFAULT_SESSION.into()),
            operands: line.operands.clone(),
            conversation: line.value("session").map(String::from),
            current: current.into(),
            plan: results.clone().or(first).unwrap_or_default().into(),
            results: results.unwrap_or_default(),
        }
    }

    /// Asks, and gives nothing where nothing answers.
    pub fn answer(&self) -> Vec<Candidate> {
        self.found().unwrap_or_default()
    }

    fn found(&self) -> Result<Vec<Candidate>> {
        let context = Context::new(Environment::of_process(), |_| {})?;
        let context = context.limited_to(Some(ANSWER_WITHIN)).for_purpose(Purpose::Read);
        match self.kind {
            Kind::Session => sessions(&context),
            Kind::Conversation => self.conversations(&context),
            Kind::Turn => self.turns(&context),
            Kind::Permission => {
                let found = runner::asks::permissions(&context, &self.session)?.permissions?;
                let what = |one: &runner::asks::PendingPermission| brief(&one.permission);
                Ok(found.iter().map(|one| Candidate::new(&one.id, what(one))).collect())
            }
            Kind::Question => {
                let found = runner::asks::questions(&context, &self.session)?;
                Ok(found.iter().map(|one| Candidate::new(&one.id, "")).collect())
            }
            Kind::Answer => self.answers(&context),
            Kind::Model => {
                let found = runner::session::models(&context, &self.session)?;
                let word = |one: &runner::session::ModelFacts| {
                    Candidate::new(format!("{}/{}", one.provider, one.id), "")
                };
                Ok(found.iter().map(word).collect())
            }
            Kind::Agent => {
                let mut found = runner::session::agents(&context, &self.session)?;
                found.retain(|agent| agent.hidden != Some(true));
                let what = |text: &Option<String>| brief(text.as_deref().unwrap_or_default());
                let word = |agent: &runner::session::Agent| {
                    Candidate::new(&agent.name, what(&agent.description))
                };
                Ok(found.iter().map(word).collect())
            }
            Kind::Task => Ok(plain(outline(&self.plan)?.tasks)),
            Kind::Arm => Ok(plain(outline(&self.plan)?.arms)),
            Kind::Run => Ok(plain(runs(&self.plan)?)),
            Kind::Results => {
                let arms = outline(&self.plan)?.arms.into_iter();
                Ok(plain(arms.map(|arm| format!("{}:{arm}", self.results)).collect()))
            }
            Kind::Text | Kind::File | Kind::Directory => Ok(Vec::new()),
        }
    }

    fn conversations(&self, context: &Context) -> Result<Vec<Candidate>> {
        let found = runner::conversation::suggest(context, &self.session, &self.current)?;
        let what = |title: &Option<String>| brief(title.as_deref().unwrap_or_default());
        Ok(found.iter().map(|one| Candidate::new(&one.id, what(&one.title))).collect())
    }

    /// The labels of the part of a question that comes next.
    fn answers(&self, context: &Context) -> Result<Vec<Candidate>> {
        let Some((id, given)) = self.operands.get(1..).and_then(<[String]>::split_first) else {
            return Ok(Vec::new());
        };
        let found = runner::asks::questions(context, &self.session)?;
        let asked = found.iter().find(|one| one.id == *id);
        let part = asked.and_then(|one| one.questions.get(given.len()));
        let options = part.into_iter().flat_map(|part| &part.options);
        Ok(options.map(|one| Candidate::new(&one.label, brief(&one.description))).collect())
    }

    fn turns(&self, context: &Context) -> Result<Vec<Candidate>> {
        let options = TailOptions {
            conversation: self.conversation.clone(),
            count: Some(NEWEST),
            role: Some("user".into()),
            ..TailOptions::default()
        };
        let mut turns = Turns(Vec::new());
        runner::conversation::tail(context, &self.session, &options, &mut turns)?;
        turns.0.reverse();
        Ok(turns.0)
    }
}

fn sessions(context: &Context) -> Result<Vec<Candidate>> {
    let found = runner::session::names(context)?;
    let mut candidates = Vec::new();
    for one in found {
        let place = brief(one.directory.as_deref().unwrap_or_default());
        if let Some(name) = one.name {
            candidates.push(Candidate::new(name, format!("{} {place}", one.id)));
        }
        candidates.push(Candidate::new(one.id, place));
    }
    Ok(candidates)
}

/// The runs of a batch, in the order of its plan.
fn runs(plan: &Path) -> Result<Vec<String>> {
    let outline = outline(plan)?;
    let mut runs = Vec::new();
    for task in &outline.tasks {
        for arm in &outline.arms {
            runs.extend((1..=outline.repeats).map(|repeat| format!("{task}/{arm}/{repeat}")));
        }
    }
    Ok(runs)
}

fn plain(words: Vec<String>) -> Vec<Candidate> {
    words.into_iter().map(|word| Candidate::new(word, "")).collect()
}

/// Text from a model or a user, on one line and harmless for a terminal.
fn brief(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or_default();
    one_line(&line.chars().take(LONGEST_WHAT).collect::<String>())
}

/// The turns of a conversation, oldest first.
struct Turns(Vec<Candidate>);

impl MessageSink for Turns {
    fn begin(&mut self, _: &str, _: &str) -> Result<()> {
        Ok(())
    }

    fn entry(&mut self, entry: &Entry) -> Result<bool> {
        self.0.push(Candidate::new(&entry.id, brief(&entry.text)));
        Ok(true)
    }
}
