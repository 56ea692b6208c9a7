//! Addresses: looks host names up, and says what can be bound on this machine.
//!
//! The C library's own look-up cannot be limited in time without a thread. A static binary would
//! also have to include a large part of that library, and would still need the machine's shared
//! ones. So `/etc/hosts` is read, and `getent`, a program that can be given a limit, looks up what
//! is not there.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use crate::process::Capture;
use crate::store::Record;
use crate::units::Deadline;

/// A name whose look-up takes longer counts as unknown.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(5);

/// The address of the host in `http://HOST:PORT`; `None` if the name is unknown.
pub fn look_up(url: &str) -> Option<IpAddr> {
    look_up_by(url, Deadline::never())
}

/// The same, until a deadline if that comes before [`LOOK_UP_LIMIT`].
pub fn look_up_by(url: &str, deadline: Deadline) -> Option<IpAddr> {
    without_look_up(url).or_else(|| by_getent(host(url)?, deadline.or_after(LOOK_UP_LIMIT)))
}

/// The address if no other program has to tell it: it is a number, or in `/etc/hosts`.
pub fn without_look_up(url: &str) -> Option<IpAddr> {
    let host = host(url)?;
    if let Ok(address) = host.parse() {
        return Some(address);
    }
    if host == "localhost" {
        return Some(Ipv4Addr::LOCALHOST.into());
    }
    in_hosts(&fs::read_to_string("/etc/hosts").ok()?, host)
}

fn host(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("http://")?;
    let host = rest.rsplit_once(':').map_or(rest, |(host, _)| host);
    Some(host.trim_start_matches('[').trim_end_matches(']'))
}

/// Whether an address belongs to this machine: only such an address can be bound. Nothing is sent.
pub fn is_local(address: IpAddr) -> bool {
    std::net::UdpSocket::bind((address, 0)).is_ok()
}

fn by_getent(host: &str, deadline: Deadline) -> Option<IpAddr> {
    let mut getent = Command::new("getent");
    let output = Capture::start(getent.args(["ahosts", "--", host])).ok()?;
    let output = output.finish(deadline)?;
    String::from_utf8_lossy(&output).split_whitespace().next()?.parse().ok()
}

fn in_hosts(text: &str, host: &str) -> Option<IpAddr> {
    text.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|name| name.eq_ignore_ascii_case(host)).then_some(address)
    })
}

/// The address that a record's server listens on.
pub fn listening_address(record: &Record) -> Ipv4Addr {
    let given = record.hostname.as_deref().and_then(|hostname| hostname.parse().ok());
    given.unwrap_or(Ipv4Addr::LOCALHOST)
}

/// Whether no process listens on a port of that address right now. For 0.0.0.0 it must be free on
/// every address.
///
/// The standard library sets SO_REUSEADDR here; without it a port that was just freed looks taken
/// for a minute.
pub fn is_port_free(address: impl Into<IpAddr>, port: u16) -> bool {
    match std::net::TcpListener::bind(SocketAddr::from((address.into(), port))) {
        Ok(_) => true,
        // The machine no longer has this address, so no process can listen there.
        Err(error) => error.kind() == std::io::ErrorKind::AddrNotAvailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_need_no_look_up_and_names_are_found_in_the_table() {
        assert_eq!(look_up("http://127.0.0.1:9100"), "127.0.0.1".parse().ok());
        assert_eq!(look_up("http://[::1]:80"), "::1".parse().ok());
        assert_eq!(look_up("http://localhost:80"), "127.0.0.1".parse().ok());
        let table = "# c\n10.0.0.1 box box.lan # x y\n10.0.0.2 other\n";
        assert_eq!(in_hosts(table, "BOX.lan"), "10.0.0.1".parse().ok());
        assert_eq!(in_hosts(table, "y"), None);
    }
}
