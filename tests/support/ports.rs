//! Blocks of ports that no other sandbox uses, in this process or in any other on this machine.

use std::net::TcpListener;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU16, Ordering};

/// The ports of a sandbox.
pub const BLOCK: u16 = 39;
/// Below the kernel's ephemeral range (32768), so that no outgoing connection takes one of the
/// ports.
const FIRST: u16 = 11_000;
const LAST: u16 = 32_000;
/// From one block to the next: its ports, and the one before them that guards them.
const STEP: u16 = BLOCK + 1;
const COUNT: u16 = (LAST - FIRST) / STEP;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A block of ports, reserved until it is dropped.
pub struct Block {
    /// Listens on the port before the block. A file would not do for a lock: another user, or a
    /// process with another TMPDIR, would not see it, and the ports are the same.
    guard: TcpListener,
}

impl Block {
    /// Takes the next free block. Processes begin at different places; the guard decides when two
    /// of them meet.
    pub fn take() -> Self {
        let seed = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap_or(0);
        let begin = seed.wrapping_mul(97) % COUNT;
        for _ in 0..COUNT {
            let number = (begin + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
            if let Ok(guard) = TcpListener::bind(("127.0.0.1", FIRST + number * STEP)) {
                let block = Self { guard };
                if block.range().all(is_free) {
                    return block;
                }
            }
        }
        panic!("no block of {BLOCK} ports between {FIRST} and {LAST} is free");
    }

    /// The ports.
    pub fn range(&self) -> RangeInclusive<u16> {
        let guard = self.guard.local_addr().expect("a listener has an address").port();
        guard + 1..=guard + BLOCK
    }
}

/// Whether nothing listens on a port, at any address of this machine.
fn is_free(port: u16) -> bool {
    TcpListener::bind(("0.0.0.0", port)).is_ok()
}
