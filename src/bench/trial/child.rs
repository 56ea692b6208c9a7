//! The agent's process: started, waited for until its last moment, ended.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use super::agent_order::AgentOrder;
use crate::bench::site::{MARK, Site, Trouble, TroubleKind};
use crate::bench::wrap::{self, Wrapped};
use crate::runner::programs::{Detached, Handle, Variables, end_everything};
use crate::units::{Deadline, TICK};

/// How long the agent's process has beyond its limits: to abort the turn, to read everything that
/// happened, to stop the server.
pub const GRACE: Duration = Duration::from_secs(20);

/// How long it has once the run is to end. The record is to be written within 8 s.
const STOPS_WITHIN: Duration = Duration::from_secs(6);

/// How long processes may take to end after SIGKILL. One that waits for a dead disk never does.
const ENDS_WITHIN: Duration = Duration::from_secs(1);

/// How the agent's process came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChildEnd {
    /// By itself.
    Ended,
    /// It was killed at its last moment.
    Late,
    /// It was ended because the run was to end.
    Stopped,
}

/// Runs the agent's process to its end. Nothing that it started is left afterwards.
pub fn run(
    site: &Site,
    order: &AgentOrder,
    variables: &Variables,
    log: &Path,
) -> Result<ChildEnd, Trouble> {
    let failed = |what: &'static str| Trouble::because(TroubleKind::Setup, what);
    let file = site.outbox().join("order.json");
    std::fs::write(&file, order.to_json().to_string()).map_err(failed("cannot write an order"))?;
    // A container has it under its own name. Without one, an update of occtl while a batch runs may
    // have replaced the file, and this path is still the program that runs.
    let own = if site.plan.wrap.is_empty() {
        PathBuf::from("/proc/self/exe")
    } else {
        std::env::current_exe().map_err(failed("cannot find occtl"))?
    };
    let words: Vec<OsString> =
        vec![own.into(), "bench".into(), "agent".into(), file.into_os_string()];
    let wrapped = wrapped(site, variables, &words)?;
    let log = File::create(log).map_err(failed("cannot write the agent's log"))?;
    let [program, arguments @ ..] = &wrapped.words[..] else {
        return Err(Trouble::new(TroubleKind::Setup, "wrap leaves no command"));
    };
    let around = if site.plan.wrap.is_empty() { variables.clone() } else { outer(site) };
    let arguments: Vec<&OsStr> = arguments.iter().map(OsString::as_os_str).collect();
    let tree = site.tree();
    let child = Detached {
        program: program.as_ref(),
        arguments: &arguments,
        variables: &around,
        directory: &tree,
        log: &log,
        lock: None,
        dies_with_us: true,
    };
    let what = format!("cannot start the agent's process, {}", program.display());
    let child = child.spawn().map_err(Trouble::because(TroubleKind::Setup, &what))?;
    let most = order.limits.start_s + order.limits.wall_s;
    let limit = Duration::try_from_secs_f64(most).unwrap_or(Duration::MAX).saturating_add(GRACE);
    let ended = wait(site, &child, limit);
    if ended != ChildEnd::Ended {
        wrapped.kill(site);
    }
    // It is reaped with all others.
    drop(child);
    end_all(site);
    Ok(ended)
}

/// Kills everything of the run that still runs.
pub fn end_all(site: &Site) -> Vec<u32> {
    end_everything(MARK, &site.mark(), Deadline::after(ENDS_WITHIN))
}

/// The command behind `wrap`.
fn wrapped(site: &Site, variables: &Variables, words: &[OsString]) -> Result<Wrapped, Trouble> {
    let run = site.agent();
    let name = wrap::name(site, "agent");
    if site.plan.wrap.is_empty() {
        return wrap::command(site, &run, &name, words);
    }
    let all = variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    wrap::command(site, &run, &name, &wrap::inside(&site.tree(), &all, words))
}

/// The environment of the programs of `wrap`, with the mark by which they are found.
fn outer(site: &Site) -> Variables {
    let mut variables: Variables = wrap::variables(site).into_iter().collect();
    variables.set(MARK, site.mark());
    variables
}

/// Waits for the process until `limit`, and for a moment longer once the run is to end.
fn wait(site: &Site, child: &Child, limit: Duration) -> ChildEnd {
    let mut ended = ChildEnd::Ended;
    let Some(handle) = Handle::of_child(child) else { return ended };
    let mut deadline = Deadline::after(limit);
    while !handle.wait(deadline.remaining(TICK)) {
        if ended == ChildEnd::Ended && (site.is_stopped)() {
            ended = ChildEnd::Stopped;
            deadline = deadline.or_after(STOPS_WITHIN);
            let _ = handle.terminate();
        }
        if deadline.expired() {
            if ended == ChildEnd::Ended {
                ended = ChildEnd::Late;
            }
            break;
        }
    }
    ended
}
