//! occtl starts, drives and stops OpenCode servers from scripts.

#![cfg_attr(test, allow(clippy::disallowed_methods))]

mod bench;
mod cli;
mod client;
mod error;
mod process;
mod random;
mod runner;
mod sorting;
mod store;
#[cfg(test)]
mod testing;
mod units;

fn main() -> std::process::ExitCode {
    cli::main()
}
