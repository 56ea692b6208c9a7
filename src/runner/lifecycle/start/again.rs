//! Starts the server of a session again: in its directory, with what its record tells.

use std::path::PathBuf;
use std::time::Duration;

use super::attempt::Attempt;
use super::options::StartOptions;
use super::reserve::{Reservation, reserve_again};
use super::{CLEAN_UP, opened, variables};
use crate::error::{Error, Result};
use crate::runner::context::Context;
use crate::runner::lifecycle::end::{await_free_port, end_processes};
use crate::runner::session::directory::known_directory;
use crate::runner::session::doorstep::check_answers;
use crate::runner::session::facts::SessionFacts;
use crate::runner::session::life::{Life, elsewhere, life};
use crate::runner::session::select::select;
use crate::store::{QueueLock, Record};
use crate::units::{Deadline, STOP_GRACE};

/// Ends a session's server, if it runs, and starts it again. The session keeps its id, its name,
/// its labels, its own data and all that its record tells of the start; `given` has what the record
/// does not. If the new server does not start, the session is dead, and nothing of it is lost.
pub fn restart(context: &Context, word: &str, given: &StartOptions) -> Result<SessionFacts> {
    let signals = &context.catch_signals()?;
    let id = select(context, &context.store.read()?, word)?.id;
    let _turn = turn(context, &id)?;
    let record = select(context, &context.store.read()?, &id)?;
    let now = life(context, &record);
    let workdir = startable(&record, &now, given.timeout)?;
    let recorded = record.opencode.as_ref().map(PathBuf::from);
    let program = given.opencode.clone().or(recorded);
    let program = context.environment.opencode(program.as_deref())?;
    let options = options(&record, given);
    // All that can be wrong is looked at before the server is ended.
    let extra = variables(&options)?;
    let password = match &record.password {
        Some(password) => Some(password.clone()),
        None => opened(context, &options)?.map(|(_, password)| password),
    };
    say_what_is_missing(context, &record, given);
    let ended = end_processes(&record, now.server(), STOP_GRACE, Deadline::never())?;
    if ended.count > 0 {
        await_free_port(&record, Deadline::never());
    }
    let Reservation { record: reserved, lock } = reserve_again(context, &record, password)?;
    if reserved.port != record.port {
        (context.say)(&format!("port {} is taken: {} is used", record.port, reserved.port));
    }
    let attempt = Attempt {
        context,
        signals,
        options: &options,
        deadline: Deadline::after(given.timeout),
        record: with_worktree_kept(reserved),
        lock,
        workdir,
        program,
        extra,
    };
    let running = try_again(attempt)?;
    Ok(SessionFacts::of(context, &running, &life(context, &running)))
}

/// Keeps other restarts of the session away, which would take the new server for the one that is to
/// be ended. A file system without locks lets them in.
fn turn(context: &Context, id: &str) -> Result<Option<QueueLock>> {
    match context.store.try_queue_lock(id) {
        Ok(None) => Err(Error::failed(format!("session {id} is being restarted already"))
            .hint(format!("occtl status {id} shows how it is now"))),
        Ok(lock) => Ok(lock),
        Err(_) => Ok(None),
    }
}

/// The directory of a session whose server can be started again from here.
fn startable(record: &Record, now: &Life, limit: Duration) -> Result<PathBuf> {
    let id = &record.id;
    match now {
        _ if record.adopted_url.is_some() => {
            return Err(Error::failed(format!("session {id} was adopted"))
                .hint("occtl did not start its server, and does not know how to"));
        }
        Life::Elsewhere => return Err(elsewhere(record)),
        Life::Starting => {
            return Err(Error::failed(format!("session {id} is still starting"))
                .hint(format!("occtl stop {id} ends that")));
        }
        Life::Alive(_) | Life::Adopted | Life::Dead => {}
    }
    let unknown = || Error::failed(format!("the directory of session {id} is not known"));
    let workdir = PathBuf::from(known_directory(record, now).ok_or_else(unknown)?);
    check_answers(&workdir, limit)?;
    if !workdir.is_dir() {
        return Err(Error::failed(format!("the directory {} is gone", workdir.display()))
            .hint(format!("occtl stop {id} forgets the session")));
    }
    Ok(workdir)
}

/// What the first start was told, as far as the record tells, and what is given now.
fn options(record: &Record, given: &StartOptions) -> StartOptions {
    StartOptions {
        agent: record.agent.clone(),
        allow_occtl: record.allow_occtl_commands.unwrap_or(false),
        hostname: record.hostname.clone(),
        isolate: record.isolated.is_some(),
        ..given.clone()
    }
}

/// Says which flags of the first start are gone, because no record has their values.
fn say_what_is_missing(context: &Context, record: &Record, given: &StartOptions) {
    let id = &record.id;
    let again = given.not_recorded();
    match &record.not_recorded {
        Some(flags) => {
            let missing: Vec<&str> =
                flags.iter().filter(|flag| !again.contains(flag)).map(String::as_str).collect();
            if !missing.is_empty() {
                let missing = missing.join(", ");
                (context.say)(&format!(
                    "{missing} of the first start of {id} is not recorded: give it again if it is \
                     needed"
                ));
            }
        }
        None if again.is_empty() => (context.say)(&format!(
            "whether {id} was started with --env or --config is not recorded: give them again if \
             they are needed"
        )),
        None => {}
    }
}

/// The worktree is there, and stays whatever becomes of the start.
fn with_worktree_kept(mut record: Record) -> Record {
    if let Some(worktree) = &mut record.worktree {
        worktree.reused = true;
    }
    record
}

/// Starts the server. If that fails, the session has no process and keeps the rest.
fn try_again(mut attempt: Attempt) -> Result<Record> {
    attempt.run().map_err(|error| {
        let Attempt { context, record, .. } = &attempt;
        let id = &record.id;
        let deadline = Deadline::after(CLEAN_UP);
        if let Err(error) = end_processes(record, None, Duration::ZERO, deadline) {
            (context.say)(&format!("warning: {error}"));
            return error;
        }
        let dead = |record: &mut Record| {
            record.status = "running".into();
            record.pid = None;
            record.pid_start_time = None;
        };
        let change = || context.update(|document| document.change(id, dead));
        if let Ok(None) = context.within(deadline, change) {
            return attempt.withdrawn();
        }
        (context.say)(&format!("session {id} is stopped and keeps its data: occtl restart {id}"));
        error
    })
}
