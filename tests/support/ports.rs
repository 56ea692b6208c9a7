//! Blocks of ports that no other sandbox uses, neither in this process nor in another one on this machine.

use std::fs::File;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU16, Ordering};

/// Ports a sandbox has.
pub const BLOCK: u16 = 40;
/// Below the kernel's ephemeral range (32768), so that no outgoing connection takes a port of ours.
const FIRST: u16 = 11_000;
const LAST: u16 = 32_000;
const COUNT: u16 = (LAST - FIRST) / BLOCK;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A block of ports, ours until it is dropped.
pub struct Block {
    first: u16,
    _lock: File,
}

impl Block {
    /// Takes the next free block. Processes begin at different places; the lock settles what is left.
    pub fn take() -> Self {
        let user = rustix::process::getuid().as_raw();
        let directory = std::env::temp_dir().join(format!("occtl-test-ports-{user}"));
        std::fs::create_dir_all(&directory).expect("a directory for port locks");
        let seed = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap_or(0);
        for _ in 0..COUNT {
            let number =
                (seed.wrapping_mul(97) % COUNT + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
            let lock = File::create(directory.join(format!("{number}.lock"))).expect("a port lock");
            if fs2::FileExt::try_lock_exclusive(&lock).is_ok() {
                return Self { first: FIRST + number * BLOCK, _lock: lock };
            }
        }
        panic!("every block of ports is taken: see {}", directory.display());
    }

    /// The ports.
    pub fn range(&self) -> RangeInclusive<u16> {
        self.first..=self.first + BLOCK - 1
    }
}
