//! A stand-in for `opencode`, for faults that a real server does not produce on demand. The module
//! `stand_in` says more.
#![allow(missing_docs, dead_code, clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]
#![allow(clippy::disallowed_methods)]

#[path = "../http_server.rs"]
mod http_server;
#[path = "../stand_in/mod.rs"]
mod stand_in;

fn main() -> std::process::ExitCode {
    stand_in::main()
}
