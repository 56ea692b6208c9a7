//! occtl starts, drives and stops OpenCode servers from scripts.

mod bench;
mod cli;
mod client;
mod error;
mod process;
mod runner;
mod store;
#[cfg(test)]
mod testing;
mod units;

fn main() -> std::process::ExitCode {
    cli::main()
}
