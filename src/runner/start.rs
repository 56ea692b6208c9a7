//! Starts a server: reserve, spawn, wait until it answers, record.
//!
//! The reservation is what makes concurrent starts safe: a record in state `starting` holds the
//! port, so the store's lock is free while servers start. Whoever is killed in between leaves a
//! record that says so and a process that carries the session's mark, and `stop` finds both.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::Duration;

use super::ready::{NotReady, Ready, await_ready};
use super::select::check_name;
use super::server::{Life, last_lines, life, port_free};
use super::state::SessionFacts;
use super::{Context, Signals, guard, stop};
use crate::error::{Code, Error, Result};
use crate::process::{self, Guardian, Handle, Identity};
use crate::store::{Document, Record};
use crate::units::{Deadline, LOG_TAIL_LINES, seconds};

/// How often a server that stumbled over another one's first start is started again. Servers that
/// migrate one database together kill each other; the last one standing has done the work.
const DATABASE_TRIES: usize = 20;

/// What `start` was asked for.
#[derive(Clone, Debug, Default)]
pub struct StartOptions {
    /// As typed; default the working directory. Created if it is missing.
    pub workdir: Option<PathBuf>,
    /// From the first step to the first answer.
    pub timeout: Duration,
    /// The agent for prompts that name none.
    pub agent: Option<String>,
    /// A name besides the id.
    pub name: Option<String>,
    /// Whether conversations may run occtl.
    pub allow_occtl: bool,
    /// The OpenCode program.
    pub opencode: Option<PathBuf>,
    /// End the server, and all that it started, when this process ends.
    pub dies_with_us: bool,
}

/// Starts a server and returns once it has answered. If it fails, nothing is left.
pub fn start(context: &Context, signals: &Signals, options: &StartOptions) -> Result<SessionFacts> {
    launch(context, signals, options).map(|(facts, _)| facts)
}

/// The same, with the guard of a server that dies with us.
pub fn launch(
    context: &Context,
    signals: &Signals,
    options: &StartOptions,
) -> Result<(SessionFacts, Option<Guardian>)> {
    let deadline = Deadline::after(options.timeout);
    let program = context.environment.opencode(options.opencode.as_deref())?;
    let workdir = workdir(context, options.workdir.as_deref())?;
    let record = reserve(context, options, &workdir, &program)?;
    let mut attempt = Attempt { context, signals, options, deadline, record, workdir, program };
    // Before there is a process, so that none is ever without its guard.
    let guard = options.dies_with_us.then(|| guard::start(context, &attempt.record.id)).transpose();
    let started = guard.and_then(|guard| Ok((attempt.run()?, guard)));
    match started {
        Ok((record, guard)) => Ok((SessionFacts::of(context, &record, &life(&record)), guard)),
        Err(error) => {
            attempt.clean_up();
            Err(error)
        }
    }
}

/// The directory to start in, absolute and without links.
fn workdir(context: &Context, given: Option<&Path>) -> Result<PathBuf> {
    let path = context.environment.absolute(given.unwrap_or(Path::new(".")));
    let shown = path.display();
    let failed =
        |what: &str, error| Error::failed(format!("cannot {what} workdir {shown}: {error}"));
    if given.is_none() && context.environment.directory.is_none() {
        return Err(Error::failed("the working directory is gone").hint("name one with --workdir"));
    }
    if path.exists() && !path.is_dir() {
        return Err(Error::failed(format!("workdir {shown} is not a directory")));
    }
    fs::create_dir_all(&path).map_err(|error| failed("create", error))?;
    let real = path.canonicalize().map_err(|error| failed("use", error))?;
    if real.to_str().is_none() {
        return Err(Error::failed(format!("workdir {shown} has a name that is not UTF-8"))
            .hint("OpenCode takes directories as JSON text only"));
    }
    if rustix::fs::access(&real, rustix::fs::Access::EXEC_OK).is_err() {
        return Err(failed("enter", std::io::ErrorKind::PermissionDenied.into()));
    }
    if rustix::fs::access(&real, rustix::fs::Access::WRITE_OK).is_err() {
        (context.say)(&format!(
            "warning: workdir {shown} is not writable; the model can only read"
        ));
    }
    Ok(real)
}

/// Takes an id and a port. What is written is a record whose pid is ours.
fn reserve(
    context: &Context,
    options: &StartOptions,
    workdir: &Path,
    program: &Path,
) -> Result<Record> {
    let own = process::own_identity();
    let ports = context.environment.ports()?;
    let abandoned = abandoned(context)?;
    let mut record = Record {
        id: new_id(),
        pid: Some(own.pid),
        pid_start_time: Some(own.start_time),
        boot_id: Some(own.boot_id),
        config_path: options.workdir.as_ref().map(|path| path.display().to_string()),
        status: "starting".into(),
        agent: options.agent.clone(),
        workdir: Some(workdir.display().to_string()),
        name: options.name.clone(),
        password: Some(new_password()),
        opencode: Some(program.display().to_string()),
        parent: context.environment.parent_session(),
        allow_occtl_commands: Some(options.allow_occtl),
        ..Record::default()
    };
    record.set_created(jiff::Timestamp::now());
    context.update(|document| {
        for id in &abandoned {
            document.remove(id);
        }
        if let Some(name) = &options.name {
            check_name(document, name)?;
        }
        while document.ids().any(|id| id == record.id) {
            record.id = new_id();
        }
        record.port = free_port(document, &ports, &[])?;
        document.put(&record)?;
        document.set_next_port(record.port.saturating_add(1));
        Ok(())
    })?;
    Ok(record)
}

/// Reservations whose `occtl start` was killed and that have no process: their ports are free.
fn abandoned(context: &Context) -> Result<Vec<String>> {
    let records = context.store.read()?.records()?;
    let dead = records.into_iter().filter(|record| {
        record.status() == crate::store::Status::Starting && life(record) == Life::Dead
    });
    Ok(dead.map(|record| record.id).collect())
}

/// The lowest port that no record holds, that is not in `busy`, and that can be bound right now.
fn free_port(
    document: &Document,
    ports: &std::ops::RangeInclusive<u16>,
    busy: &[u16],
) -> Result<u16> {
    #[derive(serde::Deserialize)]
    struct Held {
        port: u16,
    }
    let held: std::collections::HashSet<u16> =
        document.each(|_, held: Held| held.port)?.into_iter().collect();
    let free = |port: &u16| !held.contains(port) && !busy.contains(port) && port_free(*port);
    ports.clone().find(free).ok_or_else(|| {
        let (first, last) = (ports.start(), ports.end());
        Error::failed(format!("no port from {first} to {last} is free")).hint(
            "occtl cleanup and occtl stop free some; OCCTL_PORT_RANGE=FIRST-LAST names others",
        )
    })
}

fn new_id() -> String {
    format!("oc-{}", &uuid::Uuid::new_v4().simple().to_string()[..8])
}

/// 244 random bits: each of the two has 122.
fn new_password() -> String {
    format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple())
}

/// One `start`, which may need several servers until one stays.
struct Attempt<'a> {
    context: &'a Context,
    signals: &'a Signals,
    options: &'a StartOptions,
    deadline: Deadline,
    record: Record,
    workdir: PathBuf,
    program: PathBuf,
}

impl Attempt<'_> {
    fn run(&mut self) -> Result<Record> {
        let mut busy = Vec::new();
        let mut database_tries = 0;
        loop {
            let mut child = self.spawn()?;
            let log = self.context.store.log_path(&self.record.id);
            let ready = match Identity::of(child.id()).as_ref().and_then(Handle::open) {
                Some(handle) => {
                    await_ready(&self.record, &handle, &log, self.deadline, self.signals)
                }
                // It was quicker than our look at it.
                None => Err(NotReady::Exited),
            };
            match ready {
                Ok(ready) => return self.record_running(&child, ready),
                Err(NotReady::Exited) => {
                    let status = child.wait().map_err(|error| Error::failed(error.to_string()))?;
                    let said = last_lines(&log, LOG_TAIL_LINES).join("\n");
                    if port_taken(&said) || !port_free(self.record.port) {
                        busy.push(self.record.port);
                        self.move_port(&busy)?;
                    } else if database_busy(&said) && database_tries < DATABASE_TRIES {
                        database_tries += 1;
                        process::pause(Duration::from_millis(50 * database_tries as u64));
                    } else {
                        return Err(self.exited(status));
                    }
                }
                Err(other) => {
                    // Before the log is read: it is complete once its writer is gone.
                    let _ = child.kill();
                    let _ = child.wait();
                    return Err(self.failed(other));
                }
            }
            if self.deadline.expired() {
                return Err(self.failed(NotReady::TimedOut(None)));
            }
        }
    }

    fn spawn(&self) -> Result<Child> {
        let record = &self.record;
        let environment = self.context.environment.for_server(
            &record.id,
            record.password.as_deref().unwrap_or_default(),
            record.parent.as_deref(),
            self.options.allow_occtl,
        );
        let log = self.context.store.create_log(&record.id)?;
        let port = record.port.to_string();
        let arguments = ["serve", "--hostname", "127.0.0.1", "--port", &port].map(OsStr::new);
        process::spawn_detached(
            &self.program,
            &arguments,
            &environment,
            &self.workdir,
            &log,
            self.options.dies_with_us,
        )
        .map_err(|error| {
            let program = self.program.display();
            Error::failed(format!("cannot run {program}: {error}"))
                .hint(super::environment::INSTALL_HINT)
        })
    }

    fn move_port(&mut self, busy: &[u16]) -> Result<()> {
        let ports = self.context.environment.ports()?;
        self.record.port = self.context.update(|document| {
            let port = free_port(document, &ports, busy)?;
            let moved = document.change(&self.record.id, |record| record.port = port)?;
            moved.map(|_| port).ok_or_else(|| self.withdrawn())
        })?;
        Ok(())
    }

    fn record_running(&mut self, child: &Child, ready: Ready) -> Result<Record> {
        let identity = Identity::of(child.id()).ok_or_else(|| self.failed(NotReady::Exited))?;
        let running = |record: &mut Record| {
            record.status = "running".into();
            record.pid = Some(identity.pid);
            record.pid_start_time = Some(identity.start_time);
            record.boot_id = Some(identity.boot_id.clone());
            record.opencode_version = Some(ready.version.clone());
            record.set_active(jiff::Timestamp::now());
        };
        let changed = self.context.update(|document| document.change(&self.record.id, running))?;
        // Somebody may have stopped the session while it was starting.
        changed.ok_or_else(|| self.withdrawn())
    }

    fn withdrawn(&self) -> Error {
        Error::new(
            Code::Aborted,
            format!("session {} was stopped while it started", self.record.id),
        )
    }

    fn exited(&self, status: ExitStatus) -> Error {
        let how = match (status.code(), status.signal()) {
            (Some(code), _) => format!("ended with status {code}"),
            (None, Some(signal)) => format!("was ended by signal {signal}"),
            _ => "ended".into(),
        };
        self.with_log(
            Code::Unreachable,
            format!("{} {how} before it answered", self.program.display()),
        )
    }

    fn failed(&self, why: NotReady) -> Error {
        let program = self.program.display();
        let limit = seconds(self.options.timeout);
        match why {
            NotReady::Exited => self.with_log(Code::Unreachable, format!("{program} ended")),
            NotReady::TimedOut(last) => {
                let last = last.map(|failure| format!(": {failure}")).unwrap_or_default();
                let message = format!("{program} did not answer within {limit}{last}");
                self.with_log(Code::Timeout, message)
            }
            NotReady::Alien(failure) => {
                let message = format!("{program} is not an OpenCode that occtl can use: {failure}");
                self.with_log(Code::Unreachable, message)
            }
            NotReady::Interrupted(code) => Error::new(code, "interrupted; the server was stopped"),
        }
    }

    fn with_log(&self, code: Code, message: String) -> Error {
        let log = self.context.store.log_path(&self.record.id);
        let lines = last_lines(&log, LOG_TAIL_LINES);
        match lines.is_empty() {
            true => Error::new(code, format!("{message}; it printed nothing")),
            false => {
                let tail: Vec<String> = lines.iter().map(|line| format!("  {line}")).collect();
                Error::new(code, format!("{message}; it printed:\n{}", tail.join("\n")))
            }
        }
    }

    /// Ends what was started and forgets the session.
    fn clean_up(&self) {
        let _ = stop::end_processes(&self.record, None, Duration::ZERO);
        let _ = self.context.update(|document| Ok(document.remove(&self.record.id)));
        let _ = fs::remove_file(self.context.store.log_path(&self.record.id));
    }
}

fn port_taken(log: &str) -> bool {
    ["EADDRINUSE", "address already in use", "port in use", "ServeError", "Is port"]
        .iter()
        .any(|sign| log.contains(sign))
}

fn database_busy(log: &str) -> bool {
    let sign = |text: &str| log.contains(text);
    sign("database is locked") || sign("SQLITE_BUSY") || (sign("CREATE TABLE") && sign("ailed"))
}
