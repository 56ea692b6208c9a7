//! The process that starts the agent's server, gives it the prompt and follows the turn. It may run
//! in a container. What it leaves in the outbox is data for the trial, which trusts none of it.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::agent_order::AgentOrder;
use crate::bench::hash;
use crate::error::{Code, Error, Result};
use crate::runner::asks::{Otherwise, Policy, PolicyFlags};
use crate::runner::conversation::{Account, Target, account};
use crate::runner::lifecycle::start::{StartOptions, launch};
use crate::runner::lifecycle::{StopOptions, stop};
use crate::runner::prompt::{
    Finished, Follow, Hook, Limits, ModelName, PromptOptions, Terms, Wanted, Watcher,
    send_and_follow,
};
use crate::runner::session::{PriceState, SessionFacts, models, price_state};
use crate::runner::{Context, Signals};
use crate::units::milliseconds;

/// An explicit title costs no call of a model, and this one tells the agent nothing.
const TITLE: &str = "Task";

/// How long reading the policy's file may take; it was written a moment ago.
const READ_LIMIT: Duration = Duration::from_secs(10);

/// How long the server has between SIGTERM and SIGKILL once nothing more is wanted of it.
const GRACE: Duration = Duration::from_secs(1);

/// How much is kept of what the server printed.
const LONGEST_LOG: u64 = 16 << 20;

/// Carries out the order in a file. What becomes of it is in the outbox: `server.json` once the
/// server answers, `turn.json` or `end.json`, `usage.json`, `transcript.json`, `server.log`.
/// Without a prompt no model is asked, and `price.json` says whether its price is known.
pub fn agent(context: &Context, file: &Path) -> Result<()> {
    let order = AgentOrder::read(file)?;
    let outbox = Outbox { place: &order.outbox };
    let policy = policy(&outbox, &order.policy);
    // The model has no use for it.
    let _ = fs::remove_file(file);
    let signals = context.catch_signals()?;
    let began = Instant::now();
    let (session, guard) =
        match policy.and_then(|policy| Ok((policy, launch_for(context, &order)?))) {
            Ok((policy, (session, guard))) => {
                let start_ms = milliseconds(began.elapsed());
                outbox.put("server.json", &server(context, &session, start_ms));
                if let Some(prompt) = &order.prompt {
                    match follow(context, &session.id, (&order, prompt), policy) {
                        Ok(finished) => outbox.put("turn.json", &json!(finished.record)),
                        Err(error) => outbox.put("end.json", &ended("prompt", &error)),
                    };
                    take_account(context, &session.id, &outbox, &signals);
                } else {
                    outbox.put("price.json", &price(context, &session.id, &order));
                }
                (session, guard)
            }
            Err(error) => {
                outbox.put("end.json", &ended("start", &error));
                return Ok(());
            }
        };
    outbox.put_log(Path::new(&session.log));
    let options = StopOptions { recursive: true, grace: GRACE, ..StopOptions::default() };
    let stopped = stop(context, &session.id, &options);
    drop(guard);
    stopped.map(drop)
}

/// Why there is no turn.
fn ended(phase: &str, error: &Error) -> Value {
    json!({"phase": phase, "code": error.code.name(), "message": error.to_string(),
           "reason": error.reason.map(|reason| reason.name())})
}

/// What is known of the server before the prompt.
fn server(context: &Context, session: &SessionFacts, start_ms: u64) -> Value {
    // Without keys, which stand with the providers and not with their models.
    let catalogue =
        models(context, &session.id).ok().map(|all| hash::bytes(format!("{all:?}").as_bytes()));
    json!({"server_start_ms": start_ms, "opencode_version": session.opencode_version,
           "catalogue_sha256": catalogue})
}

/// Whether the server knows what the order's model costs; `state` is null if it does not say.
fn price(context: &Context, session: &str, order: &AgentOrder) -> Value {
    match price_state(context, session, order.model.as_deref(), order.agent.as_deref()) {
        Ok((model, state)) => {
            let state = match state {
                PriceState::Known => "known",
                PriceState::Unknown => "unknown",
                PriceState::NoModel => "no_model",
                PriceState::NotNamed => "not_named",
            };
            json!({"model": model, "state": state})
        }
        Err(error) => json!({"state": null, "message": error.to_string()}),
    }
}

/// The policy's file is written for as long as it takes to read it.
fn policy(outbox: &Outbox, policy: &Value) -> Result<Policy> {
    let file = outbox.put("policy.json", policy);
    let flags =
        PolicyFlags { file: Some(file.clone()), limit: READ_LIMIT, ..PolicyFlags::default() };
    let policy = Policy::new(&flags, Otherwise::Fail);
    let _ = fs::remove_file(file);
    policy
}

fn launch_for(
    context: &Context,
    order: &AgentOrder,
) -> Result<(SessionFacts, Option<crate::runner::programs::Guardian>)> {
    let config = format!("OPENCODE_CONFIG_CONTENT={}", order.config);
    launch(
        context,
        &StartOptions {
            workdir: Some(order.workdir.clone()),
            timeout: seconds(order.limits.start_s),
            opencode: Some(order.opencode.clone()),
            dies_with_us: true,
            // HOME and the XDG directories are the run's own, so the database is.
            isolate: false,
            lean: true,
            providers: model(order).map(|(provider, _)| provider.into()).into_iter().collect(),
            variables: vec![config.into()],
            ..StartOptions::default()
        },
    )
}

/// Provider and model of the order.
fn model(order: &AgentOrder) -> Option<(&str, &str)> {
    order.model.as_deref()?.split_once('/')
}

fn follow(
    context: &Context,
    session: &str,
    (order, prompt): (&AgentOrder, &str),
    policy: Policy,
) -> Result<Finished> {
    let limits = &order.limits;
    let limits = Limits {
        timeout: seconds(limits.wall_s),
        stall: Some(seconds(limits.stall_s)),
        working: limits.working_s.map(seconds),
        steps: limits.steps,
        cost: limits.cost_usd,
        ..Limits::default()
    };
    let target = match &order.conversation {
        Some(id) => Target::Given(id.clone()),
        None => Target::New(Some(TITLE.into())),
    };
    let options = PromptOptions {
        agent: order.agent.clone(),
        model: model(order)
            .map(|(provider, model)| ModelName { provider: provider.into(), model: model.into() }),
        variant: order.variant.clone(),
        ..PromptOptions::new(prompt.into(), target)
    };
    let terms = Terms { limits, policy, hook: Hook::new(None) };
    let follow = Follow { terms, watcher: &mut Quiet, wanted: Wanted::Record };
    send_and_follow(context, session, options, follow)
}

/// A watcher that shows nothing.
struct Quiet;

impl Watcher for Quiet {
    fn text(&mut self, _: &str) {}
}

/// Adds up everything that happened on the server, while it still runs.
fn take_account(context: &Context, session: &str, outbox: &Outbox, signals: &Signals) {
    let place = outbox.file("transcript.json");
    let file = outbox.create("transcript.json");
    let mut file = file.map(BufWriter::new);
    let result = account(context, session, &mut |text| match &mut file {
        Ok(file) => file.write_all(text.as_bytes()).map_err(|error| unwritten(&place, &error)),
        // The sums are worth having without it.
        Err(_) => Ok(()),
    });
    if let Ok(mut file) = file {
        let _ = file.flush();
    }
    match result {
        Ok(account) => drop(outbox.put("usage.json", &sums(&account))),
        // Half a document is of no use to a reader of JSON.
        Err(_) if signals.received().is_some() => drop(fs::remove_file(&place)),
        Err(error) => {
            let _ = fs::remove_file(&place);
            outbox.put("usage.json", &json!({"trouble": error.to_string()}));
        }
    }
}

fn sums(account: &Account) -> Value {
    let used = &account.used;
    json!({"conversations": account.conversations, "steps": used.steps, "tokens": used.tokens,
           "cost_usd": used.cost_usd(), "cost_known_usd": used.cost_known_usd,
           "cut": account.cut, "tool_calls": account.tool_calls,
           "tool_errors": account.tool_errors, "tool_ms": account.tool_ms,
           "compactions": account.compactions, "trouble": null})
}

fn unwritten(path: &Path, error: &io::Error) -> Error {
    Error::new(Code::Failed, format!("cannot write {}: {error}", path.display()))
}

fn seconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value).unwrap_or(Duration::MAX)
}

/// The directory for what the trial is to know. The agent may have removed it at any time.
struct Outbox<'a> {
    place: &'a Path,
}

impl Outbox<'_> {
    fn file(&self, name: &str) -> PathBuf {
        self.place.join(name)
    }

    fn create(&self, name: &str) -> io::Result<File> {
        let path = self.file(name);
        // A link that the agent has planted is replaced and not followed.
        let _ = fs::remove_file(&path);
        fs::create_dir_all(self.place)?;
        File::options().write(true).create_new(true).open(path)
    }

    /// Writes a document. If that fails, the trial finds none and says so.
    fn put(&self, name: &str, document: &Value) -> PathBuf {
        if let Ok(mut file) = self.create(name) {
            let _ = file.write_all(document.to_string().as_bytes());
        }
        self.file(name)
    }

    /// Copies what the server printed, as far as it is of a size that a person reads.
    fn put_log(&self, log: &Path) {
        if let (Ok(log), Ok(mut copy)) = (File::open(log), self.create("server.log")) {
            let _ = io::copy(&mut log.take(LONGEST_LOG), &mut copy);
        }
    }
}
