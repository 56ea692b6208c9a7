//! Opens OpenCode's own screen on a session.

use std::ffi::OsString;
use std::path::PathBuf;

use super::find::by_id;
use crate::error::{Error, Result};
use crate::process::{self, Variables};
use crate::runner::context::Context;
use crate::runner::environment::INSTALL_HINT;
use crate::runner::session::server::{PASSWORD, Server, endpoint};

/// A program that is ready to take the place of this one.
pub struct Attachment {
    /// Where the server answers.
    pub url: String,
    program: PathBuf,
    arguments: Vec<OsString>,
    variables: Variables,
}

/// Prepares `opencode attach` for a session, and for a conversation of it if one is given.
///
/// The program is the one that the server was started with, so that both speak the same.
pub fn attach(context: &Context, session: &str, conversation: Option<&str>) -> Result<Attachment> {
    let server = Server::open(context, session)?;
    let mut directory = server.directory.clone();
    let mut arguments: Vec<OsString> = Vec::new();
    if let Some(id) = conversation {
        let place = by_id(&server, id).map_err(|error| server.explain(context, error))?;
        directory = place.directory;
        arguments = vec!["--session".into(), place.id.into()];
    }
    let endpoint = endpoint(&server.record, server.process.as_ref());
    let mut all: Vec<OsString> =
        vec!["attach".into(), endpoint.url.clone().into(), "--dir".into(), directory.into()];
    all.append(&mut arguments);
    let recorded = server.record.opencode.as_ref().map(PathBuf::from);
    let program = match recorded.filter(|path| path.is_file()) {
        Some(program) => program,
        None => context.environment.opencode(None)?,
    };
    // In the environment and never in the arguments, which every user of the machine can read.
    let mut variables = context.environment.variables.clone();
    variables.remove(PASSWORD);
    variables.remove("OPENCODE_SERVER_USERNAME");
    if let Some(password) = endpoint.password {
        variables.set(PASSWORD, password);
        variables.set("OPENCODE_SERVER_USERNAME", endpoint.username);
    }
    let _ = server.touch(context);
    Ok(Attachment { url: endpoint.url, program, arguments: all, variables })
}

impl Attachment {
    /// Becomes that program. Only a failure returns.
    pub fn run(self) -> Error {
        let failure = process::replace(&self.program, &self.arguments, &self.variables);
        let program = self.program.display();
        Error::failed(format!("cannot run {program}: {failure}")).hint(INSTALL_HINT)
    }
}
