//! The one test binary.
#![allow(missing_docs, dead_code, clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)]
#![allow(clippy::disallowed_methods)]

mod alone;
mod bench;
mod bench_check;
mod budgets;
mod chaos;
mod cli;
mod containers;
mod crash;
mod docs;
mod harness;
mod lock;
mod package;
mod real;
mod recordings;
mod stand_in;
mod supply_chain;
mod support;
mod tidy;
