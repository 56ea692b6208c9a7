//! Finds out which process listens on a port, from `/proc`.

use std::collections::HashSet;
use std::fs;

use super::table::open_files;

/// Whether any process listens on a TCP port that this process can reach. False if `/proc` does not
/// tell. This reads two files, and so costs much less than to find out which process it is.
pub fn is_listened_to(port: u16) -> bool {
    !listeners("self", port).is_empty()
}

/// Whether a process of this user listens on a TCP port. False if `/proc` does not tell.
pub fn listens(pid: u32, port: u16) -> bool {
    let sockets = listeners(&pid.to_string(), port);
    open_files(pid).into_iter().any(|target| {
        let name = target.to_string_lossy();
        let inode = name.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
        inode.is_some_and(|inode| sockets.contains(inode))
    })
}

/// The inodes of the sockets that listen on a port in the network namespace of a process.
fn listeners(process: &str, port: u16) -> HashSet<String> {
    let mut sockets = HashSet::new();
    for table in ["tcp", "tcp6"] {
        let text = fs::read_to_string(format!("/proc/{process}/net/{table}")).unwrap_or_default();
        sockets.extend(text.lines().filter_map(|line| listening(line, port)));
    }
    sockets
}

/// The inode in a line of `/proc/net/tcp`, if the line's socket listens on that port.
fn listening(line: &str, port: u16) -> Option<String> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
    let own = u16::from_str_radix(local.rsplit_once(':')?.1, 16).ok()?;
    // 0A is TCP_LISTEN.
    (own == port && *state == "0A").then(|| inode.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_known_by_its_port() {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let own = std::process::id();
        assert!(is_listened_to(port) && listens(own, port));
        assert!(!listens(1, port) || own == 1);
        drop(listener);
        assert!(!is_listened_to(port) && !listens(own, port));
    }
}
