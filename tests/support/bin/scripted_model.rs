//! The scripted model as a program:
//! `scripted-model [--port N] [--solve DIR [--steady]] [--until-stdin-closes]`.
//!
//! `--solve` names a directory with tasks of a benchmark, of which it solves a known share;
//! `--steady` makes it do the same for a task each time.
//! The first line on stdout is its base URL. It serves until it is killed or, with the flag, until
//! its stdin closes.
#![allow(missing_docs, dead_code, clippy::unwrap_used, clippy::print_stdout)]
#![allow(clippy::disallowed_methods)]

#[path = "../http_server.rs"]
mod http_server;
#[path = "../model.rs"]
mod model;
#[path = "../model_answer.rs"]
mod model_answer;
#[path = "../model_script.rs"]
mod model_script;
#[path = "../model_solver.rs"]
mod model_solver;

use std::io::{self, Write};
use std::process::ExitCode;

use lexopt::prelude::*;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            drop(writeln!(io::stderr(), "scripted-model: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut port = 0;
    let mut until_stdin_closes = false;
    let mut is_steady = false;
    let mut tasks = None;
    let mut words = lexopt::Parser::from_env();
    while let Some(word) = words.next()? {
        match word {
            Long("port") => port = words.value()?.parse()?,
            Long("solve") => tasks = Some(words.value()?),
            Long("steady") => is_steady = true,
            Long("until-stdin-closes") => until_stdin_closes = true,
            _ => return Err(word.unexpected().into()),
        }
    }
    let model = model::Model::start_on(port)?;
    if let Some(tasks) = tasks {
        let solver = model_solver::Solver::read(tasks.as_ref())?;
        model.solve(if is_steady { solver.steady() } else { solver });
    }
    println!("{}", model.base_url());
    io::stdout().flush()?;
    if until_stdin_closes {
        io::copy(&mut io::stdin(), &mut io::sink())?;
        return Ok(());
    }
    loop {
        std::thread::park();
    }
}
