//! Tells processes apart, and reads facts about this one.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;
use std::time::Duration;

/// How long a clock tick is, in which Linux counts processor time for `/proc`.
const TICK_MS: u64 = 10;

/// One process, told apart from every other process that ever had or will have its pid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The process id.
    pub pid: u32,
    /// Clock ticks between boot and its start: field 22 of `/proc/PID/stat`, as the machine's own
    /// clock has it. In a time namespace that field is moved.
    pub start_time: u64,
    /// `/proc/sys/kernel/random/boot_id` when it ran.
    pub boot_id: String,
}

impl Identity {
    /// The process that has this pid now; `None` if there is no such process, or only a zombie.
    pub fn of(pid: u32) -> Option<Identity> {
        Some(Identity { pid, start_time: start_time(pid)?, boot_id: own_home().boot.clone() })
    }

    /// Whether exactly this process is still running.
    pub fn is_alive(&self) -> bool {
        Identity::of(self.pid).is_some_and(|now| {
            // Where `/proc` holds processes alone, the boot is not known.
            let is_unknown = now.boot_id.is_empty() || self.boot_id.is_empty();
            // A clock that is moved by a part of a tick can show another tick.
            let apart = moved().map_or(0, |(_, rest)| u64::from(rest != 0));
            now.start_time.abs_diff(self.start_time) <= apart
                && (is_unknown || now.boot_id == self.boot_id)
        })
    }

    /// How much processor time it has used; zero if that is not known.
    pub fn work(&self) -> Duration {
        let ticks = stat(self.pid).as_deref().and_then(parse_ticks).unwrap_or(0);
        Duration::from_millis(ticks * TICK_MS)
    }
}

/// Where a process lives: pids mean something only within one pid namespace of one boot of one
/// machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Home {
    /// The machine's id, the same after each boot; `None` if it has none.
    pub machine: Option<String>,
    /// The machine's name, only to be shown: many machines have the same.
    pub host: Option<String>,
    /// The current boot; empty if `/proc` does not tell.
    pub boot: String,
    /// The inode of the pid namespace; `None` if `/proc` does not tell.
    pub pid_namespace: Option<u64>,
    /// Whether anything is known of processes here: without `/proc` nothing is.
    pub tells_processes: bool,
}

/// Where this process lives. It is read once, because a process does not move.
pub fn own_home() -> &'static Home {
    static HOME: OnceLock<Home> = OnceLock::new();
    HOME.get_or_init(|| {
        let id = |path| fs::read_to_string(path).ok().map(|text| text.trim().to_string());
        let machine = id("/etc/machine-id").or_else(|| id("/var/lib/dbus/machine-id"));
        // systemd writes this while it sets a new machine up.
        let machine = machine.filter(|id| !id.is_empty() && id != "uninitialized");
        let host = id("/proc/sys/kernel/hostname").filter(|name| !name.is_empty());
        let namespace = fs::metadata("/proc/self/ns/pid").ok().map(|entry| entry.ino());
        let tells_processes = fs::metadata("/proc/self/stat").is_ok();
        Home { machine, host, boot: boot_id(), pid_namespace: namespace, tells_processes }
    })
}

/// This process.
pub fn own_identity() -> Identity {
    Identity::of(std::process::id()).unwrap_or(Identity {
        pid: std::process::id(),
        start_time: 0,
        boot_id: own_home().boot.clone(),
    })
}

/// The user id that this process acts as.
pub fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// How many descriptors this process may have open.
pub fn descriptor_limit() -> usize {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    limit.and_then(|limit| limit.try_into().ok()).unwrap_or(usize::MAX)
}

/// The current boot of this machine; empty if `/proc` does not tell.
fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_string()
}

fn start_time(pid: u32) -> Option<u64> {
    parse_start_time(&stat(pid)?)?.checked_add_signed(-moved().map_or(0, |(ticks, _)| ticks))
}

/// By how many clock ticks, and nanoseconds beyond them, the time namespace of this process moves
/// the time since boot; `None` if the kernel has no such namespaces.
fn moved() -> Option<(i64, i64)> {
    static MOVED: OnceLock<Option<(i64, i64)>> = OnceLock::new();
    let read = || fs::read_to_string("/proc/self/timens_offsets").ok();
    *MOVED.get_or_init(|| read().as_deref().and_then(parse_boot_offset))
}

/// Reads the line `boottime SECONDS NANOSECONDS`.
fn parse_boot_offset(offsets: &str) -> Option<(i64, i64)> {
    const TICK_NS: i64 = TICK_MS as i64 * 1_000_000;
    let line = offsets.lines().find_map(|line| line.strip_prefix("boottime "))?;
    let mut numbers = line.split_ascii_whitespace().map(str::parse::<i64>);
    let (seconds, nanoseconds) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    let all = seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)?;
    Some((all.div_euclid(TICK_NS), all.rem_euclid(TICK_NS)))
}

/// The line of `/proc/PID/stat`. The program's name in it may be any bytes.
pub(super) fn stat(pid: u32) -> Option<String> {
    let line = fs::read(format!("/proc/{pid}/stat")).ok()?;
    Some(String::from_utf8_lossy(&line).into_owned())
}

fn parse_start_time(stat: &str) -> Option<u64> {
    // The second field is the program's name in brackets and may contain spaces and brackets
    // itself.
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X" | "x") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

/// The clock ticks that a process used, in its own code and in the kernel.
fn parse_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat[stat.rfind(')')? + 1..].split_ascii_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some(ticks()? + ticks()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_in_a_time_namespace_is_counted_by_the_clock_of_the_machine() {
        let offsets = "monotonic           0         0\nboottime       100000 500000000\n";
        assert_eq!(parse_boot_offset(offsets), Some((10_000_050, 0)));
        assert_eq!(parse_boot_offset("boottime -3 0"), Some((-300, 0)));
        assert_eq!(parse_boot_offset("boottime 1 15000000"), Some((101, 5_000_000)));
        for strange in ["", "monotonic 1 0", "boottime", "boottime x 0", "boottime 9e9 0"] {
            assert_eq!(parse_boot_offset(strange), None, "{strange}");
        }
    }

    #[test]
    fn the_work_of_a_process_is_the_sum_of_user_and_system_time() {
        let stat = "42 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 14 15 16 17 18 19 20 21 987 20";
        assert_eq!(parse_ticks(stat), Some(29));
        assert_eq!(parse_ticks("42 (x) Z 1 2 3"), None);
    }

    #[test]
    fn a_process_is_found_whatever_bytes_its_name_has() {
        use std::os::unix::ffi::OsStrExt;
        let name = std::ffi::OsStr::from_bytes(b"occtl-\xff\xfe");
        let directory = std::env::temp_dir().join(format!("occtl-name-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let program = directory.join(name);
        fs::copy("/bin/sleep", &program).unwrap();
        let mut child = std::process::Command::new(&program).arg("60").spawn().unwrap();
        let found = Identity::of(child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        fs::remove_dir_all(&directory).unwrap();
        assert!(found.is_some());
    }

    #[test]
    fn start_time_is_found_behind_any_program_name() {
        let stat = "42 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 987 20";
        assert_eq!(parse_start_time(stat), Some(987));
        assert_eq!(parse_start_time("42 (x) Z 1 2 3"), None);
        assert_eq!(parse_start_time("nonsense"), None);
    }
}
