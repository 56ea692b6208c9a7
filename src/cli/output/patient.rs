//! Writing to a descriptor that does not block.

use std::io::{self, Write};
use std::os::fd::AsFd;

use rustix::event::PollFlags;
use rustix::io::Errno;

use crate::units::{TICK, poll};

/// Writes to a descriptor and waits where that says to try again later. Whether it blocks is a
/// property of the open file, which all its users share: a parent, for example Node, may have
/// changed it.
pub struct Patient<T>(pub T);

impl<T: AsFd> Write for Patient<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match rustix::io::write(&self.0, bytes) {
                Err(Errno::AGAIN) => drop(poll(&self.0, PollFlags::OUT, TICK)),
                written => return Ok(written?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    #[test]
    fn every_byte_arrives_at_a_slow_reader_and_one_that_leaves_is_noticed() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let sent: Vec<u8> = (0..4_000_000u32).map(|at| at as u8).collect();
        let reader = std::thread::spawn(move || {
            let mut read = vec![0; 4_000_000];
            theirs.read_exact(&mut read).unwrap();
            read
        });
        Patient(&ours).write_all(&sent).unwrap();
        assert!(reader.join().unwrap() == sent, "other bytes arrived");
        let gone = Patient(&ours).write_all(&sent).unwrap_err();
        assert_eq!(gone.kind(), io::ErrorKind::BrokenPipe);
    }
}
