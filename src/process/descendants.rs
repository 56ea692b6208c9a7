//! Ends everything that this process has started, however far it has gone away from it.

use std::collections::HashSet;
use std::io;

use rustix::io::Errno;
use rustix::process::{
    WaitId, WaitIdOptions, WaitOptions, getpid, set_child_subreaper, wait, waitid,
};

use super::{Handle, each_marked, table};
use crate::sorting;
use crate::units::{Backoff, Deadline, POLL_FIRST, POLL_LONGEST, pause};

/// From now on a process whose parent ends becomes a child of this process, if it descends from it,
/// and not one of init. So nothing that is started here can get out of sight: neither by a process
/// session of its own, nor by an environment without a mark, nor by forking twice.
pub fn become_subreaper() -> io::Result<()> {
    let own = getpid();
    match set_child_subreaper(Some(own)) {
        Ok(()) => Ok(()),
        // The first process takes in all orphans as it is. qemu, which runs containers of another
        // processor, does not know the call.
        Err(_) if own.is_init() => Ok(()),
        Err(error) => Err(io::Error::other(format!("the kernel makes no subreaper: {error}"))),
    }
}

/// Kills all descendants of this process, and all processes that were started with the variable
/// `name` set to `value`, until none is left. Returns the pids of those that are left at the
/// deadline. Children of this process are reaped, so none of them can be waited for afterwards.
pub fn end_everything(name: &str, value: &str, deadline: Deadline) -> Vec<u32> {
    end_each(&|act| each_of_us(name, value, act), deadline)
}

/// The same for the descendants of this process alone.
pub(super) fn end_descendants(deadline: Deadline) -> Vec<u32> {
    end_each(&each_descendant, deadline)
}

/// Calls a function for every process of some kind.
type Each<'a> = &'a dyn Fn(&mut dyn FnMut(u32, Handle));

/// Kills every process that `each` finds, until it finds none.
fn end_each(each: Each, deadline: Deadline) -> Vec<u32> {
    let mut pauses = Backoff::new(POLL_FIRST, POLL_LONGEST);
    loop {
        reap();
        // They are stopped before any of them is killed, again until no new one is seen: a process
        // that starts another one as soon as it sees one end sees none end.
        let mut stopped = HashSet::new();
        loop {
            let before = stopped.len();
            each(&mut |pid, handle| {
                if stopped.insert(pid) {
                    let _ = handle.freeze();
                }
            });
            if stopped.len() == before || deadline.expired() {
                break;
            }
        }
        if stopped.is_empty() {
            return Vec::new();
        }
        each(&mut |_, handle| drop(handle.kill()));
        if deadline.expired() {
            reap();
            let mut left: Vec<u32> = stopped.into_iter().collect();
            sorting::sort(&mut left);
            return left;
        }
        pause(deadline.remaining(pauses.next()));
    }
}

/// Reaps every child that has ended, so that none of them stays as a zombie.
pub(super) fn reap() {
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
}

/// Whether no process descends from this one: each that does is a child of it or descends from
/// one, and a zombie is a child still.
fn has_no_child() -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    matches!(waitid(WaitId::All, options), Err(Errno::CHILD))
}

/// Calls `act` for every running process that descends from this one.
pub(super) fn each_descendant(act: &mut dyn FnMut(u32, Handle)) {
    // To ask the kernel this is cheap, and to look at all processes of a machine is not.
    if has_no_child() {
        return;
    }
    for pid in table::descendants() {
        // Opened before its parents are looked at once more: the pid may be another process's now.
        if let Some(handle) = Handle::of(pid)
            && table::descends_from_us(pid)
        {
            act(pid, handle);
        }
    }
}

/// Calls `act` for every running process that descends from this one or carries the mark.
fn each_of_us(name: &str, value: &str, act: &mut dyn FnMut(u32, Handle)) {
    let mut seen = HashSet::new();
    each_descendant(&mut |pid, handle| {
        if seen.insert(pid) {
            act(pid, handle);
        }
    });
    each_marked(name, value, &mut |pid, handle| {
        if seen.insert(pid) {
            act(pid, handle);
        }
    });
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};
    use std::time::Duration;

    use super::*;

    /// The test runs in a process of its own, because a subreaper is one for all its threads.
    #[test]
    fn what_hides_by_a_session_an_empty_environment_and_a_double_fork_ends_too() {
        if std::env::var_os("OCCTL_TEST_REAPER").is_none() {
            let name = "process::descendants::tests::\
                        what_hides_by_a_session_an_empty_environment_and_a_double_fork_ends_too";
            let own = std::env::current_exe().unwrap();
            let mut again = Command::new(own);
            again.args(["--exact", name, "--nocapture"]).env("OCCTL_TEST_REAPER", "1");
            let ended = again.output().unwrap();
            assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
            return;
        }
        become_subreaper().unwrap();
        let file = std::env::temp_dir().join(format!("occtl-reaper-{}", std::process::id()));
        let script = format!(
            "env -i setsid sh -c '(trap \"\" TERM; while :; do echo >> {0}; sleep 0.05; done) &' &",
            file.display()
        );
        let mut shell = Command::new("sh");
        shell.args(["-c", &script]).stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
        let size = || std::fs::metadata(&file).map_or(0, |entry| entry.len());
        let there = Deadline::after(Duration::from_secs(60));
        while size() == 0 {
            assert!(!there.expired(), "the writer does not write");
            pause(POLL_LONGEST);
        }
        let limit = Deadline::after(Duration::from_secs(60));
        assert_eq!(end_everything("OCCTL_NO_SUCH", "x", limit), [0; 0]);
        assert_eq!(table::descendants(), [0; 0]);
        let written = size();
        pause(Duration::from_millis(300));
        assert_eq!(size(), written, "it still writes");
        std::fs::remove_file(&file).unwrap();
    }
}
