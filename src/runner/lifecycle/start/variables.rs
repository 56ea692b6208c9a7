//! The environment of a new server.

use std::path::Path;

use crate::process::Variables;
use crate::runner::environment::Environment;
use crate::runner::lifecycle::lean;
use crate::runner::lifecycle::remembered::CARRIED;

/// Variables that an outer OpenCode or session sets for what it starts, or that would lock us out
/// of our own server. None of them is for the server that we start.
const LEFT_BEHIND: [&str; 15] = [
    CARRIED,
    "OPENCODE",
    "OPENCODE_PID",
    "OPENCODE_PPID",
    "OPENCODE_CALLER",
    "OPENCODE_RUN_ID",
    "OPENCODE_PROCESS_ROLE",
    "OPENCODE_SERVER_PASSWORD",
    "OPENCODE_SERVER_USERNAME",
    "OPENCODE_SESSION_ID",
    "OPENCODE_PARENT_SESSION_ID",
    "OPENCODE_WORKSPACE_ID",
    "AGENT",
    // They speak of where the caller was.
    "OLDPWD",
    "INIT_CWD",
];

/// What the environment of a new server depends on.
pub struct NewServer<'a> {
    /// `oc-…`.
    pub session: &'a str,
    /// For Basic auth.
    pub password: &'a str,
    /// Where the store is.
    pub data_directory: &'a Path,
    /// Where it is started.
    pub workdir: &'a Path,
    /// The session below which it is started.
    pub parent: Option<&'a str>,
    /// Whether conversations may run occtl.
    pub allow_occtl: bool,
    /// What it carries of its record.
    pub carried: Option<String>,
    /// What goes before the inherited variables.
    pub extra: &'a Variables,
}

/// Variables that a server gets from us alone.
pub const RESERVED: [&str; 7] = [
    CARRIED,
    "OPENCODE_SESSION_ID",
    "OPENCODE_PARENT_SESSION_ID",
    "OPENCODE_SERVER_PASSWORD",
    "OPENCODE_SERVER_USERNAME",
    "OPENCODE_DISABLE_AUTOUPDATE",
    "OCCTL_DATA_DIR",
];

/// The variable that holds a whole configuration.
pub const CONFIG_CONTENT: &str = "OPENCODE_CONFIG_CONTENT";

/// The entry of `OPENCODE_BLACKLIST` that keeps occtl away.
const NO_OCCTL: &str = "bash:occtl";

/// The same for isolated servers.
pub const ISOLATED: [&str; 3] = ["XDG_DATA_HOME", "XDG_STATE_HOME", "OPENCODE_DB"];

/// The environment of a new server that is started from `own`.
pub fn variables(own: &Environment, new: &NewServer) -> Variables {
    let mut variables = own.variables.clone();
    for name in LEFT_BEHIND {
        variables.remove(name);
    }
    // The catalogue of an outer session has no more than that one needs, and goes with it.
    if variables.get(lean::MODELS_PATH).is_some_and(|path| lean::is_cut(Path::new(path))) {
        variables.remove(lean::MODELS_PATH);
    }
    // Programs trust it, and the caller may be somewhere else.
    variables.set("PWD", new.workdir);
    for (name, value) in new.extra.iter() {
        variables.set(name, value);
    }
    variables.set("OPENCODE_SESSION_ID", new.session);
    variables.set("OPENCODE_SERVER_PASSWORD", new.password);
    variables.set("OPENCODE_DISABLE_AUTOUPDATE", "1");
    // Tells our servers from those of another store, and leads a nested occtl to this one.
    variables.set("OCCTL_DATA_DIR", new.data_directory);
    if let Some(carried) = &new.carried {
        variables.set(CARRIED, carried);
    }
    if let Some(parent) = new.parent {
        variables.set("OPENCODE_PARENT_SESSION_ID", parent);
    }
    if !new.allow_occtl {
        // Plugins read it; what really keeps occtl away is a rule in every conversation.
        let mut list = variables.get("OPENCODE_BLACKLIST").unwrap_or_default().to_owned();
        // A nested session inherits it.
        let mut entries = list.as_encoded_bytes().split(|byte| *byte == b',');
        if !entries.any(|entry| entry.trim_ascii() == NO_OCCTL.as_bytes()) {
            if !list.is_empty() {
                list.push(",");
            }
            list.push(NO_OCCTL);
        }
        variables.set("OPENCODE_BLACKLIST", list);
    }
    variables
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::environment::tests::environment;

    #[test]
    fn a_server_gets_nothing_that_an_outer_opencode_left_behind() {
        let outer = environment(&[
            ("KEEP", "1"),
            ("PWD", "/elsewhere"),
            ("OLDPWD", "/before"),
            ("INIT_CWD", "/npm"),
            ("OPENCODE", "1"),
            ("OPENCODE_PID", "7"),
            ("OPENCODE_SERVER_PASSWORD", "theirs"),
            ("OPENCODE_SERVER_USERNAME", "them"),
            ("OPENCODE_SESSION_ID", "oc-outer"),
            ("OPENCODE_BLACKLIST", "bash:rm"),
            ("OPENCODE_MODELS_PATH", "/data/isolated/oc-outer/occtl-models.json"),
        ]);
        let parent = outer.parent_session();
        let mut extra = Variables::default();
        extra.set("EXTRA", "x");
        let new = NewServer {
            session: "oc-1",
            password: "ours",
            data_directory: Path::new("/data"),
            workdir: Path::new("/srv/project"),
            parent: parent.as_deref(),
            allow_occtl: false,
            carried: None,
            extra: &extra,
        };
        let given = variables(&outer, &new);
        let get = |name: &str| given.get(name).map(|value| value.to_str().unwrap().to_string());
        assert_eq!(get("KEEP").as_deref(), Some("1"));
        assert_eq!(get("EXTRA").as_deref(), Some("x"));
        assert_eq!(get("PWD").as_deref(), Some("/srv/project"));
        assert_eq!((get("OLDPWD"), get("INIT_CWD")), (None, None));
        assert_eq!(get("OCCTL_DATA_DIR").as_deref(), Some("/data"));
        assert_eq!(get("OPENCODE"), None);
        assert_eq!(get("OPENCODE_PID"), None);
        assert_eq!(get("OPENCODE_MODELS_PATH"), None);
        assert_eq!(get("OPENCODE_SERVER_USERNAME"), None);
        assert_eq!(get("OPENCODE_SERVER_PASSWORD").as_deref(), Some("ours"));
        assert_eq!(get("OPENCODE_SESSION_ID").as_deref(), Some("oc-1"));
        assert_eq!(get("OPENCODE_PARENT_SESSION_ID").as_deref(), Some("oc-outer"));
        assert_eq!(get("OPENCODE_BLACKLIST").as_deref(), Some("bash:rm,bash:occtl"));
        // What a nested session starts is kept from occtl once, and not once more for each level.
        let nested = Environment { variables: given.clone(), ..outer };
        let given = variables(&nested, &new);
        assert_eq!(given.get("OPENCODE_BLACKLIST").unwrap(), "bash:rm,bash:occtl");
    }
}
