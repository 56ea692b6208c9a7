//! Finds processes of this user, through `/proc`.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use super::{Handle, Identity, Variables, own_uid};
use crate::sorting;
use crate::units::pause;

/// How often a process in the middle of exec is looked at, with [`EXEC_PAUSE`] between the looks.
const EXEC_LOOKS: usize = 500;
const EXEC_PAUSE: Duration = Duration::from_micros(100);
/// How much of a file of `/proc` is read at once. Few environments are longer.
const PIECE: usize = 4096;
/// How many times [`each`] looks for processes that were started meanwhile. On a machine that
/// starts processes all the time there is never a last one.
const NEW_LOOKS: usize = 1000;

/// A running process, and the variables that it was started with.
pub struct Running {
    /// Which process it is.
    pub identity: Identity,
    /// Its variables.
    pub variables: Variables,
}

/// The content of `/proc/PID/environ`.
///
/// While a process executes another program, it briefly has neither environment nor arguments, but
/// it has a program. Skipping it then would miss a process that is about to carry the mark.
fn block(pid: u32) -> Option<Vec<u8>> {
    for _ in 0..EXEC_LOOKS {
        let block = content(&format!("/proc/{pid}/environ"))?;
        // Zombies and threads of the kernel have no program, and there are many of those.
        let between = || {
            fs::read_link(format!("/proc/{pid}/exe")).is_ok()
                && content(&format!("/proc/{pid}/cmdline")).is_some_and(|words| words.is_empty())
        };
        if !block.is_empty() || !between() {
            return Some(block);
        }
        pause(EXEC_PAUSE);
    }
    None
}

/// The content of a file of `/proc`. These have no length that could be asked for, and a machine
/// has hundreds of them.
fn content(path: &str) -> Option<Vec<u8>> {
    let mut content = Vec::with_capacity(PIECE);
    File::open(path).ok()?.take(u64::MAX).read_to_end(&mut content).ok()?;
    Some(content)
}

/// The environment that a process was started with; `None` if the process has ended or belongs to
/// another user.
pub fn environment(pid: u32) -> Option<Variables> {
    let block = block(pid)?;
    let mut variables = Variables::default();
    for entry in block.split(|byte| *byte == 0) {
        if let Some(at) = entry.iter().position(|byte| *byte == b'=') {
            let (name, value) = (&entry[..at], &entry[at + 1..]);
            variables.set(OsStr::from_bytes(name), OsStr::from_bytes(value));
        }
    }
    Some(variables)
}

/// Calls `act` for every other running process of this user that was started with the variable
/// `name` set to `value`. Environments are inherited, so this finds everything that a server
/// started, even after its parent has ended.
pub fn each_marked(name: &str, value: &str, act: &mut dyn FnMut(u32, Handle)) {
    let mark = format!("{name}={value}").into_bytes();
    each(&|entry| entry == mark, act);
}

/// Calls `act` for every other process of this user that has a variable of which `is_meant` holds;
/// it is told `NAME=VALUE`.
///
/// A process that starts another one and ends could always be a step ahead of a list. So this also
/// looks at the pids that were given out meanwhile, until no more are given out.
fn each(is_meant: &dyn Fn(&[u8]) -> bool, act: &mut dyn FnMut(u32, Handle)) {
    let own = (std::process::id(), own_uid());
    let is_found =
        |pid: u32| block(pid).is_some_and(|block| block.split(|byte| *byte == 0).any(is_meant));
    let mut look = |pid: u32| {
        // Nearly all are others. One that is meant is opened and then looked at once more: its pid
        // may have passed to another process, and a signal reaches the one that was opened.
        if pid != own.0
            && is_found(pid)
            && let Some(handle) = Handle::of(pid)
            && fs::metadata(format!("/proc/{pid}")).is_ok_and(|entry| entry.uid() == own.1)
            && is_found(pid)
        {
            act(pid, handle);
        }
    };
    let mut last = newest();
    processes().into_iter().for_each(&mut look);
    for _ in 0..NEW_LOOKS {
        let now = newest();
        match (last, now) {
            (Some(from), Some(to)) if from < to => (from + 1..=to).for_each(&mut look),
            // The pids have wrapped around.
            (Some(from), Some(to)) if from > to => processes().into_iter().for_each(&mut look),
            _ => break,
        }
        last = now;
    }
}

/// The processes of [`each_marked`] that are still running.
pub fn marked(name: &str, value: &str) -> Vec<Identity> {
    let mut found = Vec::new();
    each_marked(name, value, &mut |pid, _| found.extend(Identity::of(pid)));
    found
}

/// Every other running process of this user that was started with the variable `name`.
pub fn with_variable(name: &str) -> Vec<Running> {
    let mut found = Vec::new();
    let is_meant = |entry: &[u8]| {
        entry.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b"="))
    };
    each(&is_meant, &mut |pid, _| {
        if let (Some(variables), Some(identity)) = (environment(pid), Identity::of(pid)) {
            found.push(Running { identity, variables });
        }
    });
    found
}

/// The arguments that a process was started with; empty if it has ended.
pub fn command_line(pid: u32) -> Vec<OsString> {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words = words.split(|byte| *byte == 0).filter(|word| !word.is_empty());
    words.map(|word| OsStr::from_bytes(word).into()).collect()
}

/// What a process has open: the paths of files, and names such as `socket:[1]`. Empty if `/proc`
/// does not tell.
pub fn open_files(pid: u32) -> Vec<PathBuf> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> =
        entries.filter_map(|entry| fs::read_link(entry.path()).ok()).collect();
    sorting::sort(&mut found);
    found.dedup();
    found
}

/// The processes that this one descends from, its parent first.
pub fn ancestors() -> Vec<u32> {
    let mut found = Vec::new();
    let mut next = Some(std::process::id());
    while let Some(pid) = next.and_then(parent) {
        // A pid that was given out again meanwhile could lead in circles.
        if pid == 0 || found.contains(&pid) {
            break;
        }
        found.push(pid);
        next = Some(pid);
    }
    found
}

fn parent(pid: u32) -> Option<u32> {
    let stat = super::identity::stat(pid)?;
    stat[stat.rfind(')')? + 1..].split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The running processes that descend from this one. Zombies do not run.
pub fn descendants() -> Vec<u32> {
    let parents: Vec<(u32, u32)> =
        processes().into_iter().filter_map(|pid| Some((pid, living_parent(pid)?))).collect();
    let mut found = vec![std::process::id()];
    let mut at = 0;
    while let Some(&pid) = found.get(at) {
        let children = parents.iter().filter(|(child, parent)| *parent == pid && *child != pid);
        let new: Vec<u32> =
            children.map(|(child, _)| *child).filter(|child| !found.contains(child)).collect();
        found.extend(new);
        at += 1;
    }
    found.remove(0);
    found
}

/// Whether a running process descends from this one.
pub fn descends_from_us(pid: u32) -> bool {
    let own = std::process::id();
    let mut seen = Vec::new();
    let mut next = living_parent(pid);
    while let Some(parent) = next.filter(|one| *one != 0 && !seen.contains(one)) {
        if parent == own {
            return true;
        }
        seen.push(parent);
        next = self::parent(parent);
    }
    false
}

/// The parent of a process that still runs.
fn living_parent(pid: u32) -> Option<u32> {
    let stat = super::identity::stat(pid)?;
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
    let runs = !matches!(fields.next()?, "Z" | "X" | "x");
    fields.next()?.parse().ok().filter(|_| runs)
}

/// All pids, the newest first: a process that starts many and ends is met before those.
fn processes() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<u32> =
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    sorting::sort_by(&mut pids, |one, other| other.cmp(one));
    pids
}

/// The pid that was given out last; `None` if `/proc` does not tell.
fn newest() -> Option<u32> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split_ascii_whitespace().last()?.parse().ok()
}
