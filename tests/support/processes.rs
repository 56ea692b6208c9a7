//! Finding and ending processes by a mark in their environment, as `/proc/PID/environ` shows it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// The time between the first looks at a condition outside this process.
const POLL: Duration = Duration::from_millis(5);
/// The most that it grows to. A look at a real server costs it 10 to 20 ms of a core, so a test
/// that looks all the time holds up what it waits for, and the tests beside it.
const SLOWEST_POLL: Duration = Duration::from_millis(100);
/// How long killed processes may take to disappear.
const KILL_WAIT: Duration = Duration::from_secs(10);

/// Waits until `done` gives a value; `None` after `timeout`. The longer it has waited, the more
/// rarely it looks: what comes at once is seen at once, and what takes a while is seen a tenth
/// late.
pub fn poll<T>(timeout: Duration, mut done: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    loop {
        if let Some(value) = done() {
            return Some(value);
        }
        let waited = began.elapsed();
        if waited >= timeout {
            return None;
        }
        std::thread::sleep((waited / 10).clamp(POLL, SLOWEST_POLL).min(timeout - waited));
    }
}

/// Every process whose environment holds `variable` (`NAME=value`), with its command line.
///
/// Zombies have no environment any more, so they are not among these.
pub fn marked(variable: &str) -> Vec<(u32, String)> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            // Processes of other users, and processes that just ended, cannot be read.
            std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
                environment.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes())
            })
        })
        .map(|pid| (pid, command_line(pid)))
        .collect()
}

/// Whether a process exists and is not a zombie.
pub fn is_running(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state follows the name, which may itself hold brackets and spaces.
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

/// The words of a process's command line, joined by spaces.
pub fn command_line(pid: u32) -> String {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).trim_end_matches('\0').replace('\0', " ")
}

/// Kills every marked process until none is left; gives those that cannot be killed.
pub fn kill_marked(variable: &str) -> Vec<(u32, String)> {
    let none_left = poll(KILL_WAIT, || {
        let left = marked(variable);
        for (pid, _) in &left {
            signal(*pid, Signal::KILL);
        }
        left.is_empty().then_some(())
    });
    match none_left {
        Some(()) => Vec::new(),
        None => marked(variable),
    }
}

/// Kills a process and waits until it has ended.
#[track_caller]
pub fn kill(pid: u32) {
    signal(pid, Signal::KILL);
    poll(KILL_WAIT, || (!is_running(pid)).then_some(())).expect("the end of a killed process");
}

/// The line of `/proc/PID/status` with this name.
fn status_line(pid: u32, name: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":"));
    line.map(|line| line.trim().to_owned())
}

/// Whether a signal has been sent to a process and not been delivered yet.
pub fn is_signal_pending(pid: u32) -> bool {
    status_line(pid, "ShdPnd").is_some_and(|set| set.contains(|digit| digit != '0'))
}

/// Whether a process catches SIGINT and sleeps: it waits for something, and a signal would be
/// heard.
pub fn is_waiting(pid: u32) -> bool {
    let caught = status_line(pid, "SigCgt").and_then(|set| u64::from_str_radix(&set, 16).ok());
    let interrupt = 1 << (Signal::INT.as_raw() - 1);
    let sleeps = status_line(pid, "State").is_some_and(|state| state.starts_with('S'));
    sleeps && caught.is_some_and(|set| set & interrupt != 0)
}

/// The working directories of all processes that have one in or below a directory, which may be
/// removed by now.
pub fn working_below(directory: &Path) -> Vec<PathBuf> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let places = processes.filter_map(|entry| std::fs::read_link(entry.path().join("cwd")).ok());
    places.filter(|place| place.starts_with(directory)).collect()
}

/// Whether a process has a socket open.
pub fn has_socket(pid: u32) -> bool {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let links = files.filter_map(|file| std::fs::read_link(file.path()).ok());
    links.into_iter().any(|link| link.to_string_lossy().starts_with("socket:"))
}

/// Sends a signal; that a process is gone already is not an error.
pub fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}
