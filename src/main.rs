//! occtl starts, drives and stops OpenCode servers from scripts.

mod cli;
mod client;
mod error;
mod process;
mod runner;
mod store;
mod units;

fn main() -> std::process::ExitCode {
    cli::main()
}
