//! Addresses: looks host names up, and says what can be bound on this machine.
//!
//! The C library's own look-up cannot be limited in time without a thread. A static binary would
//! also have to include a large part of that library, and would still need the machine's shared
//! ones. So `/etc/hosts` is read, and `getent`, a program that can be given a limit, looks up what
//! is not there.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::Command;
use std::time::Duration;

use crate::process::Capture;
use crate::store::Record;
use crate::units::Deadline;

/// A name whose look-up takes longer counts as unknown.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(5);

/// The addresses of the host in `http://HOST:PORT`; none if the name is unknown until the deadline,
/// or after [`LOOK_UP_LIMIT`]. A server may listen on any of them.
pub fn look_up(url: &str, deadline: Deadline) -> Vec<IpAddr> {
    let known = without_look_up(url);
    if !known.is_empty() {
        return known;
    }
    let found = host(url).and_then(|host| by_getent(host, deadline.or_after(LOOK_UP_LIMIT)));
    found.unwrap_or_default()
}

/// The addresses if no other program has to tell them: a number, or what `/etc/hosts` says.
pub fn without_look_up(url: &str) -> Vec<IpAddr> {
    let Some(host) = host(url) else { return Vec::new() };
    if let Ok(address) = host.parse() {
        return vec![address];
    }
    if host.eq_ignore_ascii_case("localhost") {
        return vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    }
    in_hosts(&fs::read_to_string("/etc/hosts").unwrap_or_default(), host)
}

/// Whether a URL leads to this machine by its loopback, as far as is known without a look-up.
pub fn is_on_loopback(url: &str) -> bool {
    let addresses = without_look_up(url);
    !addresses.is_empty() && addresses.iter().all(leads_to_itself)
}

/// Whether what is sent to an address stays on this machine. The system takes `0.0.0.0` and `::`
/// for its own loopback, and `::ffff:127.0.0.1` is `127.0.0.1`.
pub fn leads_to_itself(address: &IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_loopback() || address.is_unspecified()
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

fn by_getent(host: &str, deadline: Deadline) -> Option<Vec<IpAddr>> {
    let mut getent = Command::new("getent");
    let output = Capture::start(getent.args(["ahosts", "--", host])).ok()?;
    let output = output.finish(deadline)?;
    let text = String::from_utf8_lossy(&output);
    // A line for each kind of socket: the same address comes several times.
    Some(distinct(text.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok())))
}

fn in_hosts(text: &str, host: &str) -> Vec<IpAddr> {
    distinct(text.lines().filter_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let address = words.next()?.parse().ok()?;
        words.any(|name| name.eq_ignore_ascii_case(host)).then_some(address)
    }))
}

fn distinct(addresses: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for address in addresses {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    found
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
    fn an_address_of_this_machine_alone_is_known_in_each_of_its_forms() {
        for host in ["127.0.0.1", "127.1.2.3", "localhost", "[::1]", "0.0.0.0", "[::]"] {
            assert!(is_on_loopback(&format!("http://{host}:4096")), "{host}");
        }
        assert!(is_on_loopback("http://[::ffff:127.0.0.1]:4096"));
        for host in ["10.0.0.1", "[::ffff:10.0.0.1]", "[fe80::1]", "no.such.name.invalid"] {
            assert!(!is_on_loopback(&format!("http://{host}:4096")), "{host}");
        }
    }

    #[test]
    fn numbers_need_no_look_up_and_names_are_found_in_the_table() {
        let found = |url: &str| {
            let found = look_up(url, Deadline::after(Duration::ZERO));
            found.iter().map(IpAddr::to_string).collect::<Vec<_>>()
        };
        assert_eq!(found("http://127.0.0.1:9100"), ["127.0.0.1"]);
        assert_eq!(found("http://[::1]:80"), ["::1"]);
        assert_eq!(found("http://localhost:80"), ["127.0.0.1", "::1"]);
        assert_eq!(found("http://no.such.name.invalid:80"), [""; 0]);
        let table = "# c\n10.0.0.1 box box.lan # x y\n10.0.0.2 other\n::2 box.lan\n";
        let of =
            |host: &str| in_hosts(table, host).iter().map(IpAddr::to_string).collect::<Vec<_>>();
        assert_eq!(of("BOX.lan"), ["10.0.0.1", "::2"]);
        assert!(of("y").is_empty());
    }
}
