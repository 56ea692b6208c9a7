//! Finding and ending processes by a mark in their environment, as `/proc/PID/environ` shows it.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How often a condition outside this process is looked at.
pub const POLL: Duration = Duration::from_millis(5);
/// How long killed processes may take to disappear.
const KILL_WAIT: Duration = Duration::from_secs(10);

/// Waits until `done` gives a value; `None` after `timeout`.
pub fn poll<T>(timeout: Duration, mut done: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(value) = done() {
            return Some(value);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(POLL);
    }
}

/// Every process whose environment holds `variable` (`NAME=value`), with its command line.
///
/// Zombies have no environment any more, so they are not among them.
pub fn marked(variable: &str) -> Vec<(u32, String)> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            // Other users' processes, and those that just ended, cannot be read.
            std::fs::read(format!("/proc/{pid}/environ")).is_ok_and(|environment| {
                environment.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes())
            })
        })
        .map(|pid| (pid, command_line(pid)))
        .collect()
}

/// Whether a process is there and no zombie.
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

/// Kills every marked process until none is left; gives those that would not die.
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

/// Sends a signal; a process that is gone already is fine.
pub fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}
