//! Catches the signals that this process receives.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use signal_hook::consts::SIGHUP;

use crate::units::note_end_by_signal;

/// A second signal that arrives this soon after the first counts as the same: `timeout` sends its
/// signal to the program and then to the program's whole group. Milliseconds.
const SAME_SIGNAL_MS: u64 = 200;

/// Whether [`catch`] decides what becomes of a signal.
static IS_CAUGHT: AtomicBool = AtomicBool::new(false);

/// Signals end the process as before, but what [`crate::units::call_before_signal_ends`] has left
/// is called first. What [`catch`] does goes before this.
pub fn end_in_order(signals: [i32; 3]) -> io::Result<()> {
    for signal in signals.into_iter().filter(|signal| !is_ignored(*signal)) {
        let handler = move || {
            if !IS_CAUGHT.load(Ordering::Relaxed) {
                note_end_by_signal();
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        };
        // SAFETY: the handler reads an atomic and makes system calls; what it calls neither
        // allocates nor locks.
        #[allow(unsafe_code)]
        unsafe {
            signal_hook::low_level::register(signal, handler)?;
        }
    }
    Ok(())
}

/// Stores signals in `received` from now on. A second signal ends the process, and so does the
/// first one while `at_once` is set. SIGHUP stays ignored if it is (`nohup`).
pub fn catch(
    signals: [i32; 3],
    received: &Arc<AtomicUsize>,
    at_once: &Arc<AtomicBool>,
) -> io::Result<()> {
    let (began, first) = (Instant::now(), Arc::new(AtomicU64::new(u64::MAX)));
    for signal in signals.into_iter().filter(|signal| *signal != SIGHUP || !is_ignored(SIGHUP)) {
        let (received, at_once, first) = (received.clone(), at_once.clone(), first.clone());
        let handler = move || {
            let now = began.elapsed().as_millis() as u64;
            let since_first = now.saturating_sub(first.fetch_min(now, Ordering::Relaxed));
            // The kernel and the shell both send SIGHUP when a terminal closes, at any distance.
            let insists = signal != SIGHUP && since_first > SAME_SIGNAL_MS;
            if at_once.load(Ordering::Relaxed) || insists {
                note_end_by_signal();
                signal_hook::low_level::exit(128 + signal);
            }
            received.store(signal as usize, Ordering::Relaxed);
        };
        // SAFETY: the handler reads the clock and touches atomics; it neither allocates nor locks.
        #[allow(unsafe_code)]
        unsafe {
            signal_hook::low_level::register(signal, handler)?;
        }
    }
    IS_CAUGHT.store(true, Ordering::Relaxed);
    Ok(())
}

/// Whether this process was started with a signal ignored. Without `/proc` that is not known.
pub(super) fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 << (signal - 1) != 0)
}
