//! Random ids.
//!
//! The library that makes ids would look for the function `getrandom` among those of the shared C
//! library. A static program has none, so it would read a device file instead, which is missing in
//! an empty root and where no more files may be open. Here the kernel is asked.

use rustix::io::retry_on_intr;
use rustix::rand::{GetRandomFlags, getrandom};
use uuid::{Builder, Uuid};

/// An id of 122 random bits.
pub fn id() -> Uuid {
    let mut bytes = [0; 16];
    // So few are given at once or not at all. No supported kernel is without them.
    let count = retry_on_intr(|| getrandom(&mut bytes, GetRandomFlags::empty()));
    assert_eq!(count, Ok(bytes.len()), "the kernel gives no random bytes");
    Builder::from_random_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_comes_twice() {
        let ids: std::collections::HashSet<Uuid> = (0..1000).map(|_| id()).collect();
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().all(|id| id.get_version_num() == 4));
    }
}
