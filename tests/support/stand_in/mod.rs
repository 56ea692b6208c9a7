//! A program that is called as `opencode` is and answers as it does, in memory, with faults on
//! demand.
//!
//! `stand-in serve --port N`, `stand-in --version`, `stand-in attach URL …`. A turn echoes its
//! prompt, one delta for each word. `attach` writes `{arguments, password, username, cwd}` to the
//! file `STAND_IN_ATTACH_LOG` and ends with the status `STAND_IN_ATTACH_STATUS`. Every request is
//! noted in `requests.jsonl` beside the file with the faults.
//!
//! Faults are a JSON object in the file `STAND_IN_FAULTS`, which is read again for every request
//! and turn. A PATH is a path in which `*` means any one segment, such as `/session/*/message`; a
//! method before it, as in `GET /session`, restricts it to that method.
//!
//! | fault | effect |
//! | --- | --- |
//! | `exit_at_start: {status, stderr}` | ends at once |
//! | `silent_start: true` | says nothing and never listens |
//! | `listening_line: "none"` | never says that it listens |
//! | `listening_line: "late"` | says it after a second, and never answers connections before that |
//! | `ignore_sigterm: true` | SIGTERM does not end it |
//! | `version: "1.0.5"` | the version that it claims |
//! | `health: {…}` | the answer of `/global/health` |
//! | `ignores_rules: true` | ignores the rules of a PATCH, as versions before 1.14 do |
//! | `lists_no_asks: true` | 400 for `GET /permission` while one is pending, as from 1.15.13 on |
//! | `never_answer: true` | accepts every request and answers none |
//! | `unauthorized: true` | 401 for everything |
//! | `status: {PATH: 500}` | this status with an error object |
//! | `late_status: {PATH: 404}` | does what is wanted, and then answers with this status |
//! | `body: {PATH: {…}}` | this document with status 200 |
//! | `html: [PATH]` | the page of unknown routes with status 200 |
//! | `silence: [PATH]` | never answers these |
//! | `hold: [PATH]` | does not answer these before the fault is lifted |
//! | `early_head: [PATH]` | sends the beginning of the head at once, whatever follows |
//! | `cut_body: [PATH]` | announces the whole body and sends half of it |
//! | `stall_body: [PATH]` | the same, but keeps the connection open |
//! | `delay_ms: {PATH: N}` | answers N ms later |
//! | `trickle: {PATH: N}` | sends a blank every N ms instead of an answer |
//! | `flood: [PATH]` | sends blanks without end |
//! | `endless_relatives: true` | has a new conversation above and below each conversation |
//! | `no_cursors: true` | pages of messages do not name the next page, as in 1.1.65 |
//! | `messages: N` | starts with a conversation of N messages |
//! | `message_bytes: N` | each of these has N bytes more |
//! | `bulk_conversations: N` | starts with N empty conversations |
//! | `clock_ms: N` | its clock is N ms ahead of that of the machine |
//! | `ids_decide: true` | goes by ids, as versions before 1.16 do |
//! | `halves: true` | sends `<` and `>` in bodies and events as the two halves of 😀 |
//! | `turn: {…}` | see `turn` |
//! | `events: {…}` | see `events` |

mod answers;
mod conversation;
mod endless;
mod events;
mod faults;
mod ids;
mod routes;
mod state;
mod tool;
mod turn;

use std::io::Write;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use lexopt::prelude::*;
use serde_json::json;

use super::http_server::Server;
use faults::Faults;
use state::Shared;

/// How long a start with `listening_line: "late"` is deaf; for a real server it is 0.3 s.
const DEAF: Duration = Duration::from_secs(1);
/// The version that this program stands in for.
const VERSION: &str = "1.18.33";

/// The program.
pub fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("stand-in: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut words = lexopt::Parser::from_env();
    match words.next()? {
        Some(Long("version") | Short('v')) => {
            println!("{}", Faults::read().text("/version").unwrap_or(VERSION.to_owned()));
            Ok(ExitCode::SUCCESS)
        }
        Some(Value(command)) if command == "serve" => {
            let (mut port, mut hostname) = (4096, "127.0.0.1".to_owned());
            while let Some(word) = words.next()? {
                match word {
                    Long("port") => port = words.value()?.parse()?,
                    Long("hostname") => hostname = words.value()?.string()?,
                    // The real program has more flags. None of them changes what is tested here.
                    _ => drop(words.optional_value()),
                }
            }
            serve(&hostname, port)
        }
        Some(Value(command)) if command == "attach" => attach(words.raw_args()?),
        _ => Err("only serve, attach and --version are here".into()),
    }
}

fn attach(
    arguments: impl Iterator<Item = std::ffi::OsString>,
) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let arguments: Vec<_> = arguments.map(|word| word.to_string_lossy().into_owned()).collect();
    let call = json!({
        "arguments": arguments,
        "password": std::env::var("OPENCODE_SERVER_PASSWORD").is_ok(),
        "username": std::env::var("OPENCODE_SERVER_USERNAME").ok(),
        "cwd": std::env::current_dir()?,
    });
    if let Some(log) = std::env::var_os("STAND_IN_ATTACH_LOG") {
        std::fs::write(log, call.to_string())?;
    }
    let status = std::env::var("STAND_IN_ATTACH_STATUS").unwrap_or_default();
    Ok(ExitCode::from(status.parse::<u8>().unwrap_or(0)))
}

fn serve(hostname: &str, port: u16) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let faults = Faults::read();
    if faults.has("/exit_at_start") {
        eprintln!("{}", faults.text("/exit_at_start/stderr").unwrap_or_default());
        let status = faults.number("/exit_at_start/status").unwrap_or(1);
        return Ok(ExitCode::from(u8::try_from(status)?));
    }
    if faults.has("/silent_start") {
        loop {
            std::thread::park();
        }
    }
    if faults.has("/ignore_sigterm") {
        // Any handler replaces the default action; this one only sets a flag.
        signal_hook::flag::register(
            signal_hook::consts::SIGTERM,
            Arc::new(AtomicBool::new(false)),
        )?;
    }
    if std::env::var_os("OPENCODE_SERVER_PASSWORD").is_none() {
        println!("Warning: OPENCODE_SERVER_PASSWORD is not set; server is unsecured.");
    }
    let Ok(listener) = TcpListener::bind((hostname, port)) else {
        eprintln!("\u{1b}[91m\u{1b}[1mError: \u{1b}[0mUnexpected error\n\nServeError");
        return Ok(ExitCode::FAILURE);
    };
    let port = listener.local_addr()?.port();
    let line = faults.text("/listening_line");
    let shared = Arc::new(Shared::new(&faults));
    let deaf_until = Instant::now() + DEAF * u32::from(line.as_deref() == Some("late"));
    let server = Server::start(listener, move |request, connection| {
        if Instant::now() < deaf_until {
            return connection.wait_until_closed();
        }
        routes::handle(&shared, request, connection)
    })?;
    std::thread::sleep(deaf_until.saturating_duration_since(Instant::now()));
    if line.as_deref() != Some("none") {
        println!("opencode server listening on http://{hostname}:{port}");
        std::io::stdout().flush()?;
    }
    loop {
        // Dropping the server would end it.
        std::thread::park();
        let _ = &server;
    }
}
