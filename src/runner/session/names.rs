//! What sessions are called, from the store alone: no server is asked.

use serde::Deserialize;

use crate::error::Result;
use crate::runner::context::Context;

/// What a session is called, and where it works.
pub struct SessionName {
    /// `oc-…`.
    pub id: String,
    /// The name that the user gave it.
    pub name: Option<String>,
    /// Where it works.
    pub directory: Option<String>,
}

#[derive(Default, Deserialize)]
struct Named {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    workdir: Option<String>,
}

/// All sessions, in the order of the store.
pub fn names(context: &Context) -> Result<Vec<SessionName>> {
    let document = context.store.read()?;
    document.each_known(|id, named: Named| SessionName {
        id: id.into(),
        name: named.name,
        directory: named.workdir,
    })
}
