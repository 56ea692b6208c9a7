//! The ids of prompts, which the client may choose.

use std::sync::atomic::{AtomicU64, Ordering};

/// A new message id in OpenCode's own form, so that it sorts by time among the server's ids:
/// `msg_`, 12 hexadecimal digits of milliseconds × 4096 plus a counter, and 14 random characters.
pub fn new_message_id() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(1);
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let milliseconds = jiff::Timestamp::now().as_millisecond() as u64;
    let count = COUNTER.fetch_add(1, Ordering::Relaxed) & 0xfff;
    let time = (milliseconds.wrapping_mul(0x1000) + count) & 0xffff_ffff_ffff;
    let random = uuid::Uuid::new_v4();
    let letters = random.as_bytes().iter().take(14);
    let tail: String = letters.map(|byte| char::from(ALPHABET[usize::from(*byte) % 62])).collect();
    format!("msg_{time:012x}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_ids_sort_by_time_and_are_of_the_servers_form() {
        let ids: Vec<String> = (0..100).map(|_| new_message_id()).collect();
        assert!(ids.windows(2).all(|pair| pair[0][..16] < pair[1][..16]), "{ids:?}");
        for id in ids {
            let (head, tail) = id.strip_prefix("msg_").unwrap().split_at(12);
            assert!(head.chars().all(|c| c.is_ascii_hexdigit()));
            assert!(tail.len() == 14 && tail.chars().all(|c| c.is_ascii_alphanumeric()));
        }
    }
}
