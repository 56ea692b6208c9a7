//! Records a server that occtl did not start.

use std::path::PathBuf;
use std::time::Duration;

use crate::client::{Cause, Client};
use crate::error::{Error, Result};
use crate::process::{self, Identity};
use crate::runner::context::Context;
use crate::runner::input::{self, Wanted};
use crate::runner::lifecycle::start::new_id;
use crate::runner::session::address;
use crate::runner::session::facts::SessionFacts;
use crate::runner::session::life::{Life, life};
use crate::runner::session::select::check_name;
use crate::runner::session::server::{USERNAME, endpoint, url};
use crate::runner::session::version::usable;
use crate::store::Record;
use crate::units::Deadline;

/// One question to a server that is being adopted.
const ADOPT_LIMIT: Duration = Duration::from_secs(10);

/// Stands in the record for a process that we do not know: 0.4.0 needs a number there, and no
/// process ever has this one.
const NO_PID: u32 = i32::MAX as u32;

/// A password is a line of text.
const LONGEST_PASSWORD: usize = 4096;

/// What `adopt` was asked for.
#[derive(Clone, Debug)]
pub struct AdoptOptions {
    /// `http://HOST:PORT`.
    pub url: String,
    /// A name besides the id.
    pub name: Option<String>,
    /// The server's process.
    pub pid: Option<u32>,
    /// A file with the password; default `$OPENCODE_SERVER_PASSWORD`.
    pub password_file: Option<PathBuf>,
}

/// Checks that an OpenCode answers there with these credentials, and records it.
pub fn adopt(context: &Context, options: &AdoptOptions) -> Result<SessionFacts> {
    let deadline = Deadline::after(ADOPT_LIMIT);
    let (base, port) = base(&options.url)?;
    let process = options.pid.map(|pid| identity(pid, &base, port, deadline)).transpose()?;
    let username = context.environment.get("OPENCODE_SERVER_USERNAME");
    let home = process::own_home();
    let mut record = Record {
        id: new_id(),
        port,
        pid: Some(process.as_ref().map_or(NO_PID, |process| process.pid)),
        pid_start_time: process.as_ref().map(|process| process.start_time),
        boot_id: process.map(|process| process.boot_id),
        machine_id: home.machine.clone(),
        host: home.host.clone(),
        pid_namespace: home.pid_namespace,
        status: "running".into(),
        name: options.name.clone(),
        password: password(context, options)?,
        username: username
            .and_then(|name| name.to_str())
            .filter(|name| *name != USERNAME)
            .map(String::from),
        adopted_url: Some(base),
        // The server's owner decided what its conversations may do.
        allow_occtl_commands: Some(false),
        ..Record::default()
    };
    record.set_created(jiff::Timestamp::now());
    let client = Client::new(endpoint(&record, None, deadline));
    let answers = usable(&client, ADOPT_LIMIT)
        .and_then(|version| Ok((version, client.own_paths(ADOPT_LIMIT)?.directory)));
    let (version, own) = answers.map_err(|failure| {
        let error = Error::unreachable(format!("cannot adopt {}: {failure}", url(&record)));
        match failure.cause {
            Cause::Unauthorized => error.hint("--password-file or OPENCODE_SERVER_PASSWORD"),
            _ => error,
        }
    })?;
    record.opencode_version = Some(version);
    record.config_path = Some(own.clone());
    record.workdir = Some(own);
    context.update(|document| {
        if let Some(name) = &options.name {
            check_name(document, name)?;
        }
        for other in document.records() {
            let other = other?;
            if same_place(&url(&other), &url(&record))
                && !matches!(life(context, &other), Life::Dead | Life::Elsewhere)
            {
                let message = format!("{} is session {} already", url(&record), other.id);
                return Err(Error::failed(message));
            }
        }
        document.put(&record)
    })?;
    Ok(SessionFacts::of(context, &record, &life(context, &record)))
}

/// The address without a path, and its port.
fn base(text: &str) -> Result<(String, u16)> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let wrong = |why: &str| {
        Error::usage(format!("cannot adopt {text}: {why}"))
            .hint("http://HOST:PORT, for example http://127.0.0.1:4096")
    };
    // First, because every other refusal repeats the address.
    if text.contains('@') {
        return Err(Error::usage("cannot adopt an address with a password in it")
            .hint("everybody can read it there: use --password-file or OPENCODE_SERVER_PASSWORD"));
    }
    if text.starts_with("https://") {
        return Err(wrong("only http is spoken here"));
    }
    let rest = text.strip_prefix("http://").ok_or_else(|| wrong("it is no http address"))?;
    let rest = rest.trim_end_matches('/');
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (rest, "80"),
    };
    let known = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.contains(plain) && !host.contains(|c| !plain(c)),
    };
    if !known || port.contains(['/', '?', '#']) {
        return Err(wrong("a host and a port are all that it may have"));
    }
    let port = port.parse().map_err(|_| wrong("its port is no number"))?;
    Ok((format!("http://{host}:{port}"), port))
}

/// Whether two addresses lead to one server, as far as their names tell.
fn same_place(one: &str, other: &str) -> bool {
    let plain = |url: &str| {
        let url = url.to_ascii_lowercase();
        ["localhost", "[::1]", "0.0.0.0"]
            .iter()
            .fold(url, |url, name| url.replace(&format!("//{name}:"), "//127.0.0.1:"))
    };
    plain(one) == plain(other)
}

/// The process, if it really is the listener: `stop --kill` is going to end it.
fn identity(pid: u32, base: &str, port: u16, deadline: Deadline) -> Result<Identity> {
    let identity =
        Identity::of(pid).ok_or_else(|| Error::not_found(format!("there is no process {pid}")))?;
    // Another machine may have a port of the same number.
    let addresses = address::look_up(base, deadline);
    if !addresses.iter().any(|address| address::is_local(*address)) {
        return Err(Error::usage(format!("{base} is not on this machine, process {pid} is"))
            .hint("leave --pid out"));
    }
    if process::listens(pid, port) {
        return Ok(identity);
    }
    Err(Error::failed(format!("process {pid} of yours does not listen on port {port}"))
        .hint(format!("ss -ltnp 'sport = :{port}' names the one that does; or leave --pid out")))
}

fn password(context: &Context, options: &AdoptOptions) -> Result<Option<String>> {
    let Some(path) = &options.password_file else {
        let inherited = context.environment.get("OPENCODE_SERVER_PASSWORD");
        return Ok(inherited.and_then(|text| text.to_str()).map(String::from));
    };
    // Room for a byte order mark and the end of a line.
    let most = LONGEST_PASSWORD + 5;
    let wanted = Wanted { what: "the password file", most, limit: ADOPT_LIMIT };
    let text = input::read_text(path, wanted)?;
    let shown = input::name(path);
    let password = text.trim_end_matches(['\n', '\r']);
    if password.is_empty() || password.len() > LONGEST_PASSWORD || password.contains('\n') {
        return Err(Error::usage(format!("{shown} does not hold a password on one line")));
    }
    Ok(Some(password.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_under_two_names_is_one() {
        assert!(same_place("http://LOCALHOST:1", "http://127.0.0.1:1"));
        assert!(!same_place("http://127.0.0.1:12", "http://127.0.0.1:1"));
    }

    #[test]
    fn only_plain_http_addresses_are_adopted() {
        assert_eq!(base("http://127.0.0.1:4096/").unwrap(), ("http://127.0.0.1:4096".into(), 4096));
        assert_eq!(base("http://box").unwrap(), ("http://box:80".into(), 80));
        assert_eq!(base("http://[::1]:4096").unwrap(), ("http://[::1]:4096".into(), 4096));
        let bad = "https://x:1 x:1 http:// http://x:y http://x:1/a http://u:p@x:1 http://::1:2 \
                   http://[x]:1 http://:1";
        for bad in bad.split(' ').chain(["http://x y", "http://x\u{1b}:1"]) {
            assert_eq!(base(bad).unwrap_err().code.exit(), 2, "{bad}");
        }
    }
}
