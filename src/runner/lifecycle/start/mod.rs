//! Starts a server: reserve, spawn, wait until it answers, record.
//!
//! The reservation is what makes concurrent starts safe: a record in state `starting` holds the
//! port, so the store's lock is free while servers start. A start that is killed in between leaves
//! a record that says so and a process that carries the session's mark, and `stop` finds both.

mod again;
mod attempt;
mod options;
mod prepare;
pub mod ready;
mod reserve;
pub mod variables;

pub use again::restart;
pub use options::StartOptions;
pub use reserve::new_id;

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::guard;
use super::worktree;
use crate::client::{Client, Endpoint};
use crate::error::{Code, Error, Result};
use crate::process::{Guardian, Variables};
use crate::runner::context::Context;
use crate::runner::input::{self, Wanted};
use crate::runner::session::address;
use crate::runner::session::doorstep::check_answers;
use crate::runner::session::facts::SessionFacts;
use crate::runner::session::labels::parse_labels;
use crate::runner::session::life::life;
use crate::runner::session::server::{LOOPBACK, PASSWORD, endpoint};
use crate::store::{Patience, Record};
use crate::units::{Deadline, LOCK_CROWD_WAIT, LOCK_WAIT, PROBE_LIMIT};
use attempt::Attempt;
use reserve::{Plan, Reservation, reserve};
use variables::{CONFIG_CONTENT, ISOLATED, RESERVED};

/// The longest value of a variable that Linux hands to a program.
const LONGEST_VARIABLE: usize = 128 * 1024 - 64;

/// What was started is ended within this time after the limit or a signal.
const CLEAN_UP: Duration = Duration::from_secs(5);

const LARGE_CONFIG: &str = "OPENCODE_CONFIG=FILE in the environment names a large configuration";

/// Starts a server and returns once it has answered. If it fails, nothing is left.
pub fn start(context: &Context, options: &StartOptions) -> Result<SessionFacts> {
    launch(context, options).map(|(facts, _)| facts)
}

/// The same, with the guard of a server that dies with us.
pub fn launch(
    context: &Context,
    options: &StartOptions,
) -> Result<(SessionFacts, Option<Guardian>)> {
    let signals = &context.catch_signals()?;
    let deadline = Deadline::after(options.timeout);
    context.warn_of_foreign_home();
    let program = context.environment.opencode(options.opencode.as_deref())?;
    let extra = variables(options)?;
    let most = options.timeout.clamp(LOCK_WAIT, LOCK_CROWD_WAIT);
    context.store.set_patience(Patience { most, ..Patience::default() });
    let labels = parse_labels(&options.labels)?;
    let opened = opened(context, options)?;
    let mut workdir = workdir(context, options.workdir.as_deref(), options.timeout)?;
    let worktree = match &options.worktree {
        Some(name) => Some(worktree::plan(&workdir, name, options.base.as_deref())?),
        None => None,
    };
    if let Some(worktree) = &worktree {
        workdir = PathBuf::from(&worktree.path);
    }
    // Before there is a record, so that nothing of the session is ever without its guard.
    let guard = options.dies_with_us.then(|| guard::start(context)).transpose()?;
    let (place, worktree, watch) = (&workdir, &worktree, guard.as_ref());
    let plan =
        Plan { options, workdir: place, program: &program, worktree, labels, opened, guard: watch };
    let Reservation { record, lock } = reserve(context, &plan)?;
    let mut attempt =
        Attempt { context, signals, options, deadline, record, lock, workdir, program, extra };
    let record = match attempt.run() {
        Ok(record) => record,
        Err(error) => {
            let deadline = Deadline::after(CLEAN_UP);
            attempt.clean_up(deadline);
            if let Some(guard) = guard {
                guard.end(deadline);
            }
            return Err(error);
        }
    };
    warn_of_mixed_versions(context, &record);
    warn_of_an_open_server(context, &record);
    Ok((SessionFacts::of(context, &record, &life(context, &record)), guard))
}

/// The address and the password of a server that other machines can reach. A generated password
/// would lock them out, and none would let everyone in, so the caller must supply one.
fn opened(context: &Context, options: &StartOptions) -> Result<Option<(String, String)>> {
    let Some(hostname) = options.hostname.as_deref().filter(|name| *name != LOOPBACK) else {
        return Ok(None);
    };
    if !hostname.parse::<Ipv4Addr>().is_ok_and(|address| address::is_local(address.into())) {
        return Err(Error::usage(format!("--hostname cannot be {hostname}"))
            .hint("an IPv4 address of this machine, for example 0.0.0.0"));
    }
    match context.environment.get(PASSWORD).and_then(|password| password.to_str()) {
        Some(password) => Ok(Some((hostname.into(), password.into()))),
        None => Err(Error::usage(format!("--hostname {hostname} needs a password"))
            .hint(format!("it is taken from {PASSWORD}; who has it has a shell here"))),
    }
}

/// The server's additional variables, `OPENCODE_CONFIG_CONTENT` among them.
fn variables(options: &StartOptions) -> Result<Variables> {
    let mut variables = Variables::default();
    for pair in &options.variables {
        let text = pair.to_str();
        let split = text.and_then(|text| text.split_once('=')).filter(|(name, _)| !name.is_empty());
        let Some((name, value)) = split else {
            // Not what it is: it may be a secret.
            return Err(Error::usage("--env needs NAME=VALUE, in UTF-8"));
        };
        if RESERVED.contains(&name) || options.isolate && ISOLATED.contains(&name) {
            return Err(Error::usage(format!("--env cannot set {name}: occtl does")));
        }
        variables.set(name, value);
    }
    if let Some(path) = &options.config {
        let shown = input::name(path);
        let limit = options.timeout;
        let wanted = Wanted { what: "the config", most: LONGEST_VARIABLE, limit };
        let content = input::read_text(path, wanted).map_err(|error| match error.code {
            Code::Usage if error.hint.is_none() => error.hint(LARGE_CONFIG),
            _ => error,
        })?;
        // OpenCode would ignore an empty one, and a script that failed to fill it would never know.
        if content.trim().is_empty() {
            let message = format!("the config {shown} is empty");
            return Err(Error::usage(message).hint("{} is a configuration that changes nothing"));
        }
        variables.set(CONFIG_CONTENT, content);
    }
    for (name, value) in variables.iter() {
        let name = name.display();
        if value.as_bytes().contains(&0) {
            let message = format!("{name} has a zero byte, which no variable can hold");
            return Err(Error::usage(message));
        }
        if value.len() > LONGEST_VARIABLE {
            let most = format!("the {LONGEST_VARIABLE} bytes that Linux hands over");
            return Err(Error::usage(format!("{name} has more than {most}")).hint(LARGE_CONFIG));
        }
    }
    Ok(variables)
}

/// Two versions on one database: the newer one migrates it, and the older one stumbles.
fn warn_of_mixed_versions(context: &Context, new: &Record) {
    let shares = |one: &Record| {
        one.isolated.is_none()
            && one.adopted_url.is_none()
            && one.opencode_version.is_some()
            && one.opencode_version != new.opencode_version
            && life(context, one).server().is_some()
    };
    let Ok(document) = context.store.read() else { return };
    if new.isolated.is_none()
        && let Some(other) = document.records().flatten().find(shares)
    {
        let own = new.opencode_version.as_deref().unwrap_or("another version");
        let theirs = other.opencode_version.as_deref().unwrap_or_default();
        (context.say)(&format!(
            "warning: {own} shares its database with {} ({theirs}); --isolate keeps them apart",
            other.id
        ));
    }
}

/// The first versions do not know of passwords.
fn warn_of_an_open_server(context: &Context, record: &Record) {
    let Some(version) = record.opencode_version.as_deref().filter(|text| text.starts_with("1.1."))
    else {
        return;
    };
    let open = Endpoint { password: None, ..endpoint(record, None, Deadline::never()) };
    if Client::new(open).health(PROBE_LIMIT).is_ok() {
        let what = "asks for no password: every user of this machine can use";
        (context.say)(&format!("warning: OpenCode {version} {what} {}", record.id));
    }
}

/// The directory to start in, absolute and without links.
fn workdir(context: &Context, given: Option<&Path>, limit: Duration) -> Result<PathBuf> {
    let path = context.environment.absolute(given.unwrap_or(Path::new(".")));
    let shown = path.display();
    let failed =
        |what: &str, error| Error::failed(format!("cannot {what} workdir {shown}: {error}"));
    if given.is_none() && context.environment.directory.is_none() {
        return Err(Error::failed("the working directory is gone").hint("name one with --workdir"));
    }
    check_answers(&path, limit)?;
    if path.exists() && !path.is_dir() {
        return Err(Error::failed(format!("workdir {shown} is not a directory")));
    }
    let not_text = || {
        Error::failed(format!("workdir {shown} has a name that is not UTF-8"))
            .hint("OpenCode takes directories as JSON text only")
    };
    if !path.exists() {
        // Before it is made.
        path.to_str().ok_or_else(not_text)?;
        fs::create_dir_all(&path).map_err(|error| failed("create", error))?;
        // It may be a directory whose name was mistyped.
        (context.say)(&format!("created {shown}"));
    }
    let real = path.canonicalize().map_err(|error| failed("use", error))?;
    if real.to_str().is_none() {
        return Err(not_text());
    }
    if rustix::fs::access(&real, rustix::fs::Access::EXEC_OK).is_err() {
        return Err(failed("enter", std::io::ErrorKind::PermissionDenied.into()));
    }
    if rustix::fs::access(&real, rustix::fs::Access::WRITE_OK).is_err() {
        (context.say)(&format!(
            "warning: workdir {} is not writable; the model can only read",
            real.display()
        ));
    }
    Ok(real)
}
