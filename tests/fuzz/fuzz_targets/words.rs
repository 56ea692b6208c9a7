//! The command line: it is read, or refused with a usage error.
#![no_main]
#![allow(dead_code, unused_imports)]

#[path = "../../../src/cli/mod.rs"]
mod cli;
#[path = "../../../src/client/mod.rs"]
mod client;
#[path = "../../../src/error.rs"]
mod error;
#[path = "../../../src/process/mod.rs"]
mod process;
#[path = "../../../src/runner/mod.rs"]
mod runner;
#[path = "../../../src/store/mod.rs"]
mod store;
#[path = "../../../src/units.rs"]
mod units;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use cli::read;
use cli::words::{Found, Global};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let words = bytes.split(|byte| *byte == b'\n').filter(|word| !word.contains(&0));
    let words = words.map(|word| OsString::from_vec(word.to_vec())).collect();
    match read(words, &mut Global::default()) {
        Ok(Found::Command(words)) => drop((words.command.parse)(&words)),
        Ok(_) => {}
        Err(error) => assert_eq!(error.code.exit(), 2, "{error}"),
    }
});
