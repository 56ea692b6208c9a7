//! Opens OpenCode's own terminal interface on a session: `attach`.

use std::ffi::OsString;
use std::path::PathBuf;

use super::find::by_id;
use crate::error::{Error, Result};
use crate::process::{self, Variables};
use crate::runner::context::Context;
use crate::runner::environment::INSTALL_HINT;
use crate::runner::session::address;
use crate::runner::session::server::{PASSWORD, Server, endpoint};

/// Through a proxy OpenCode would send the password of the server to it, even on loopback. The
/// terminal interface asks nothing but the server, which keeps its own variables.
const PROXIES: [&str; 6] =
    ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"];

/// The variable with the user name for Basic auth.
const USERNAME_VARIABLE: &str = "OPENCODE_SERVER_USERNAME";

/// A program that is ready to replace this process.
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
    let find = |id| by_id(&server, id).map_err(|error| server.explain(context, error));
    let place = conversation.map(find).transpose()?;
    let directory = place.as_ref().map_or(&server.directory, |place| &place.directory);
    let endpoint = endpoint(&server.record, server.process.as_ref(), context.deadline());
    let mut arguments: Vec<OsString> = vec!["attach".into(), endpoint.url.clone().into()];
    arguments.extend(["--dir".into(), directory.into()]);
    if let Some(place) = &place {
        arguments.extend(["--session".into(), place.id.clone().into()]);
    }
    let recorded = server.record.opencode.as_ref().map(PathBuf::from);
    let program = match recorded.filter(|path| path.is_file()) {
        Some(program) => program,
        None => context.environment.opencode(None)?,
    };
    // The password goes into the environment: every user of the machine can read the arguments.
    let mut variables = context.environment.variables.clone();
    variables.remove(PASSWORD);
    variables.remove(USERNAME_VARIABLE);
    let is_near = address::is_on_loopback(&endpoint.url);
    if is_near || endpoint.addresses.iter().any(address::leads_to_itself) {
        PROXIES.iter().for_each(|name| variables.remove(name));
    }
    if let Some(password) = endpoint.password {
        variables.set(PASSWORD, password);
        variables.set(USERNAME_VARIABLE, endpoint.username);
    }
    server.note_use(context, place.as_ref().map(|place| place.id.as_str()));
    Ok(Attachment { url: endpoint.url, program, arguments, variables })
}

impl Attachment {
    /// Becomes that program. Returns only if that fails.
    pub fn run(self) -> Error {
        let failure = process::replace(&self.program, &self.arguments, &self.variables);
        let program = self.program.display();
        Error::failed(format!("cannot run {program}: {failure}")).hint(INSTALL_HINT)
    }
}
