//! Starts the server of a reserved session.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::time::Duration;

use rustix::io::Errno;
use serde::de::IgnoredAny;

use super::options::StartOptions;
use super::ready::{NotReady, Ready, Waiting, await_ready};
use super::reserve::free_port;
use super::variables::CONFIG_CONTENT;
use crate::client::Failure;
use crate::error::{Code, Error, Result};
use crate::process::{Detached, Handle, Identity, Variables};
use crate::runner::context::Context;
use crate::runner::environment::INSTALL_HINT;
use crate::runner::lifecycle::end;
use crate::runner::lifecycle::remains;
use crate::runner::lifecycle::template::Template;
use crate::runner::session::address::{is_port_free, listening_address};
use crate::runner::session::logs::file::last_lines;
use crate::runner::session::logs::source::{OWN_LOG, Source};
use crate::runner::session::server::LOOPBACK;
use crate::runner::session::version::Version;
use crate::runner::signals::Signals;
use crate::store::Record;
use crate::units::{Backoff, Deadline, LOG_TAIL_LINES, POLL_FIRST, POLL_LONGEST, pause, seconds};

/// How often a server that stumbled over another one's first start is started again. Servers that
/// migrate one database together kill each other; the last one standing has done the work.
const DATABASE_TRIES: usize = 20;

/// How often a start moves on because its port was taken between the look at it and the server's
/// own. More often than that is no accident: the program says so for another reason.
const PORT_TRIES: usize = 3;

/// In how many logs the reference of an error is looked for.
const RECENT_LOGS: usize = 4;

/// How long a server may take to end after SIGKILL before the rest goes on without that.
const CHILD_ENDS: Duration = Duration::from_secs(1);

/// One `start`, which may need several servers until one stays.
pub struct Attempt<'a> {
    pub context: &'a Context,
    pub signals: &'a Signals,
    pub options: &'a StartOptions,
    pub deadline: Deadline,
    pub record: Record,
    /// The lock that the server holds for life.
    pub lock: Option<File>,
    pub workdir: PathBuf,
    pub program: PathBuf,
    pub extra: Variables,
}

impl Attempt<'_> {
    /// Starts servers until one stays; the session is recorded as running.
    pub fn run(&mut self) -> Result<Record> {
        let template = self.prepare()?;
        let announced = || template.iter().for_each(Template::take);
        let own_log = self.own_log();
        let named_in_log = |reference: &str| error_named(own_log.as_ref()?, reference);
        let mut busy = Vec::new();
        let mut database_tries = 0;
        loop {
            let mut child = self.spawn()?;
            let log = self.context.store.log_path(&self.record.id);
            let ready = match handle(&mut child)? {
                Some(handle) => {
                    let Attempt { record, deadline, signals, .. } = self;
                    let (log, deadline, announced) = (&log, *deadline, &announced);
                    let named_in_log = &named_in_log;
                    let waiting =
                        Waiting { record, log, deadline, signals, announced, named_in_log };
                    await_ready(&waiting, &handle)
                }
                // It was quicker than our look at it.
                None => Err(NotReady::Exited),
            };
            match ready {
                Ok(ready) => return self.record_running(&child, ready),
                Err(NotReady::Exited) => {
                    let status = child.wait().map_err(|error| Error::failed(error.to_string()))?;
                    let said = last_lines(&log, LOG_TAIL_LINES).join("\n");
                    let is_taken = !is_port_free(listening_address(&self.record), self.record.port);
                    if is_taken && busy.len() < PORT_TRIES {
                        busy.push(self.record.port);
                        self.move_port(&busy)?;
                    } else if database_busy(&said) && database_tries < DATABASE_TRIES {
                        database_tries += 1;
                        pause(Duration::from_millis(50 * database_tries as u64));
                    } else {
                        return Err(self.exited(status));
                    }
                }
                Err(other) => {
                    // Before the log is read: it is complete once its writer is gone.
                    end_child(&mut child);
                    return Err(self.failed(other));
                }
            }
            if self.deadline.expired() {
                return Err(self.failed(NotReady::TimedOut(None)));
            }
        }
    }

    fn spawn(&mut self) -> Result<Child> {
        // Each server gets a password of its own: the one before may have ended because another
        // program took its port, and that program must not know the password of this one.
        if self.options.hostname.as_deref().is_none_or(|host| host == LOOPBACK) {
            self.record.password = Some(new_password());
        }
        let record = &self.record;
        let variables = self.variables();
        let log = self.context.store.create_log(&record.id)?;
        let port = record.port.to_string();
        let host = record.hostname.as_deref().unwrap_or(LOOPBACK);
        let arguments = ["serve", "--hostname", host, "--port", &port].map(OsStr::new);
        let server = Detached {
            program: &self.program,
            arguments: &arguments,
            variables: &variables,
            directory: &self.workdir,
            log: &log,
            lock: self.lock.as_ref(),
            dies_with_us: self.options.dies_with_us,
        };
        server.spawn().map_err(|error| self.not_spawned(&error))
    }

    fn not_spawned(&self, error: &io::Error) -> Error {
        let failed = Error::failed(format!("cannot run {}: {error}", self.program.display()));
        match error.raw_os_error().map(Errno::from_raw_os_error) {
            Some(Errno::AGAIN) => failed.hint("no more processes are allowed: ulimit -u, pids.max"),
            Some(Errno::NOMEM) => failed.hint("the machine is out of memory"),
            Some(Errno::MFILE | Errno::NFILE) => {
                failed.hint("no more files can be opened: ulimit -n, fs.file-max")
            }
            Some(Errno::NOENT) if !Path::new("/dev/null").exists() => {
                failed.hint("there is no /dev/null, which its stdin would be")
            }
            Some(Errno::TOOBIG) => failed.hint("the environment is too large"),
            _ => failed.hint(INSTALL_HINT),
        }
    }

    fn move_port(&mut self, busy: &[u16]) -> Result<()> {
        let ports = self.context.environment.ports()?;
        self.record.port = self.context.update(|document| {
            let port = free_port(document, listening_address(&self.record), &ports, busy)?;
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
            record.password = self.record.password.clone();
            record.set_active(jiff::Timestamp::now());
        };
        let changed = self.context.update(|document| document.change(&self.record.id, running))?;
        // Another process may have stopped the session while it was starting.
        changed.ok_or_else(|| self.withdrawn())
    }

    /// The error for a session that another process has stopped meanwhile.
    pub fn withdrawn(&self) -> Error {
        Error::new(
            Code::Aborted,
            format!("session {} was stopped while it started", self.record.id),
        )
    }

    fn exited(&self, status: ExitStatus) -> Error {
        let how = match (status.code(), status.signal()) {
            (Some(code), _) => format!("ended with status {code}"),
            (None, Some(4)) => "was ended by SIGILL".into(),
            (None, Some(9)) => "was killed (out of memory?)".into(),
            (None, Some(15)) => "was ended by SIGTERM".into(),
            (None, Some(signal)) => format!("was ended by signal {signal}"),
            _ => "ended".into(),
        };
        let error = self.with_log(
            Code::Unreachable,
            format!("{} {how} before it answered", self.program.display()),
        );
        if status.signal().is_some() && !Path::new("/dev/urandom").exists() {
            return error.hint("there is no /dev/urandom, without which OpenCode cannot run");
        }
        // The baseline build calls itself that in what it prints when it crashes.
        if status.signal() == Some(4) && !error.message.contains("(baseline)") {
            return error.hint(
                "this processor lacks an instruction of that build: the baseline build \
                 (opencode-linux-x64-baseline) does without",
            );
        }
        if error.message.contains("uv_os_homedir") {
            // Neither the variable nor an entry of the user in /etc/passwd names a home.
            return error.hint("set HOME to a directory that OpenCode can write, for example /tmp");
        }
        match unwritable(&error.message) {
            Some(variable) => error.hint(format!(
                "this user cannot write there: set HOME or {variable} to a directory of its own"
            )),
            None => error,
        }
    }

    fn failed(&self, why: NotReady) -> Error {
        let program = self.program.display();
        let limit = seconds(self.options.timeout);
        match why {
            NotReady::Exited => self.with_log(Code::Unreachable, format!("{program} ended")),
            NotReady::TimedOut(Some(failure)) if failure.is_unloaded_project() => {
                self.unloaded(&failure)
            }
            NotReady::TimedOut(last) => {
                let port = self.record.port;
                let why = match last {
                    Some(failure) => failure.to_string(),
                    None => format!("none of its processes listens on port {port}"),
                };
                let message = format!("{program} did not answer within {limit}: {why}");
                self.with_log(Code::Timeout, message).hint("--timeout gives it longer")
            }
            NotReady::Alien(failure)
                if failure.status() == Some(400) || failure.is_about_configuration() =>
            {
                let mut why = failure.to_string();
                if !why.contains(CONFIG_CONTENT) && self.has_broken_content() {
                    why = format!("{CONFIG_CONTENT} is no JSON: {why}");
                }
                if let Some(file) = &self.options.config {
                    why = why.replace(CONFIG_CONTENT, &format!("--config {}", file.display()));
                }
                let message = format!("{program} does not take its configuration: {why}");
                self.with_log(Code::Unreachable, message)
            }
            NotReady::Alien(failure) => {
                let oldest = Version::OLDEST;
                let message = format!(
                    "{program} is not an OpenCode that occtl can use ({oldest} is the \
                     oldest): {failure}"
                );
                self.with_log(Code::Unreachable, message)
            }
            NotReady::Interrupted(code) => {
                Error::new(code, format!("{}; the server was stopped", code.interrupted()))
            }
        }
    }

    /// Whether the variable with a whole configuration is certainly the one that does not parse.
    /// Old versions do not say which it is.
    fn has_broken_content(&self) -> bool {
        let inherited = || self.context.environment.get(CONFIG_CONTENT);
        let content = self.extra.get(CONFIG_CONTENT).or_else(inherited);
        content.is_some_and(|content| {
            serde_json::from_slice::<IgnoredAny>(content.as_encoded_bytes()).is_err()
        })
    }

    /// The error for a server that listens and waits for something before it loads its project.
    /// What that is, is at most in its own log, whose last line names a plugin or a configuration.
    fn unloaded(&self, failure: &Failure) -> Error {
        let (program, workdir) = (self.program.display(), self.workdir.display());
        let mut message = format!(
            "{program} listens, but did not load the project {workdir} within {}: {failure}",
            seconds(self.options.timeout)
        );
        let files = self.own_log().and_then(|log| log.files(true).ok()).unwrap_or_default();
        if let Some(log) = files.last()
            && let Some(line) = last_lines(log, 1).pop()
        {
            message = format!("{message}; the last line of {} is:\n  {line}", log.display());
        }
        Error::new(Code::Timeout, message).hint(
            "a plugin or a package of its configuration may come from a registry that does not \
             answer; OPENCODE_PURE=1 starts without plugins, --timeout gives it longer",
        )
    }

    /// The log that the server itself writes.
    fn own_log(&self) -> Option<Source> {
        let data = self.extra.get("XDG_DATA_HOME").map(PathBuf::from);
        let data = data.or_else(|| self.context.environment.data_home());
        data.map(|data| Source::Directory(data.join(OWN_LOG)))
    }

    fn with_log(&self, code: Code, message: String) -> Error {
        let log = self.context.store.log_path(&self.record.id);
        let lines = last_lines(&log, LOG_TAIL_LINES);
        if lines.is_empty() {
            return Error::new(code, format!("{message}; it printed nothing"));
        }
        let tail: Vec<String> = lines.iter().map(|line| format!("  {line}")).collect();
        Error::new(code, format!("{message}; it printed:\n{}", tail.join("\n")))
    }

    /// Ends what was started and forgets the session, until a deadline. The record of a session of
    /// which something is left stays, so that it can be stopped later.
    pub fn clean_up(&self, deadline: Deadline) {
        if let Err(error) = end::end_processes(&self.record, None, Duration::ZERO, deadline) {
            (self.context.say)(&format!("warning: {error}"));
            return;
        }
        if self.options.keeps_remains
            && let Err(error) = remains::keep_all(self.context, &self.record)
        {
            (self.context.say)(&format!("warning: {error}"));
        }
        let forget = || self.context.update(|document| Ok(document.remove(&self.record.id)));
        let _ = self.context.within(deadline, forget);
        end::sweep(self.context, &self.record);
    }
}

/// Ends a server that did not become ready, and collects what is left of it. One that SIGKILL does
/// not end is not waited for.
fn end_child(child: &mut Child) {
    let _ = child.kill();
    let deadline = Deadline::after(CHILD_ENDS);
    let mut pauses = Backoff::new(POLL_FIRST, POLL_LONGEST);
    while matches!(child.try_wait(), Ok(None)) && !deadline.expired() {
        pause(pauses.next());
    }
}

/// The handle of a server that was just started; `None` if it has ended already.
fn handle(child: &mut Child) -> Result<Option<Handle>> {
    if let Some(handle) = Identity::of(child.id()).as_ref().and_then(Handle::open) {
        return Ok(Some(handle));
    }
    if !matches!(child.try_wait(), Ok(None)) {
        return Ok(None);
    }
    end_child(child);
    Err(Error::failed(format!(
        "/proc does not show process {}, which was just started",
        child.id()
    ))
    .hint("occtl needs /proc of its own pid namespace: mount -t proc proc /proc"))
}

/// The name of an error, in the line of a server's own log that has its reference. Other servers
/// may have written to a log of theirs since.
fn error_named(log: &Source, reference: &str) -> Option<String> {
    let files = log.files(true).ok()?;
    let recent = files.iter().rev().take(RECENT_LOGS);
    let mut lines = recent.flat_map(|file| last_lines(file, usize::MAX));
    let line = lines.find(|line| line.contains(reference) && line.contains(" error="))?;
    let name = line.split_once(" error=")?.1;
    let end = name.find(|end: char| !end.is_ascii_alphanumeric() && end != '_');
    Some(name[..end.unwrap_or(name.len())].to_owned()).filter(|name| !name.is_empty())
}

/// 244 random bits: each of the two has 122.
fn new_password() -> String {
    format!("{}{}", crate::random::id().simple(), crate::random::id().simple())
}

/// The variable that leads a server elsewhere than to the directory that it could not make, out of
/// what it printed. All versions say it like this.
fn unwritable(log: &str) -> Option<&'static str> {
    let sign = ["EACCES: permission denied, mkdir '", "EROFS: read-only file system, mkdir '"];
    let path = sign.iter().find_map(|sign| log.split_once(sign))?.1.split('\'').next()?;
    [
        ("/.local/share", "XDG_DATA_HOME"),
        ("/.local/state", "XDG_STATE_HOME"),
        ("/.cache", "XDG_CACHE_HOME"),
        ("/.config", "XDG_CONFIG_HOME"),
    ]
    .into_iter()
    .find_map(|(part, variable)| path.contains(part).then_some(variable))
}

fn database_busy(log: &str) -> bool {
    let sign = |text: &str| log.contains(text);
    // A query that creates the database is named without its reason: CREATE TABLE, PRAGMA
    // journal_mode.
    let unmade = || sign("ailed") && (sign("CREATE TABLE") || sign("PRAGMA"));
    sign("database is locked") || sign("SQLITE_BUSY") || unmade()
}
