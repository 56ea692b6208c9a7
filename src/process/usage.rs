//! What the processes used that have ended.

/// The most memory in bytes that one child of this process, or a descendant that was reaped below
/// it, has had so far; `None` if there was none.
pub fn largest_child() -> Option<u64> {
    // The C library's `struct rusage` of 64-bit Linux: two times of two words each, and then the
    // largest resident size in KiB; 18 words altogether.
    const WORDS: usize = 18;
    const MAX_RSS: usize = 4;
    const RUSAGE_CHILDREN: i32 = -1;
    if cfg!(not(target_pointer_width = "64")) {
        return None;
    }
    #[allow(unsafe_code)]
    unsafe extern "C" {
        fn getrusage(who: i32, usage: *mut i64) -> i32;
    }
    let mut usage = [0i64; WORDS];
    // SAFETY: the library writes one `struct rusage`, for which there is room.
    #[allow(unsafe_code)]
    let status = unsafe { getrusage(RUSAGE_CHILDREN, usage.as_mut_ptr()) };
    let kib = u64::try_from(usage[MAX_RSS]).ok().filter(|kib| status == 0 && *kib > 0)?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_was_waited_for_had_some_memory() {
        assert!(std::process::Command::new("true").status().unwrap().success());
        let bytes = largest_child().unwrap();
        assert!((100 << 10..1 << 40).contains(&bytes), "{bytes}");
    }
}
