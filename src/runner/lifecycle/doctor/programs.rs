//! The programs that occtl needs, and the database that servers share.

use std::fs;
use std::process::Command;

use super::finding::Finding;
use crate::process::{self, Capture};
use crate::runner::context::Context;
use crate::runner::session::version::{self, Version, program_version};
use crate::units::{Deadline, GIT_LIMIT};

pub fn check(context: &Context) -> Vec<Finding> {
    vec![opencode(context), git(), database(context), kernel()]
}

fn opencode(context: &Context) -> Finding {
    let program = match context.environment.opencode(None) {
        Ok(program) => program,
        Err(error) => {
            let advice = error.hint.clone().unwrap_or_default();
            return Finding::bad("opencode", error.into_message(), &advice);
        }
    };
    let shown = program.display();
    match program_version(&program, Deadline::never()) {
        // What it says there may be as simple as a home that it cannot write to.
        None => {
            let advice = format!("{shown} --version says why");
            Finding::bad("opencode", format!("{shown} --version fails"), &advice)
        }
        Some(version) if version::check(&version).is_err() => {
            let advice = format!("{} is the oldest that occtl can use", Version::OLDEST);
            Finding::bad("opencode", format!("{shown} is version {version}"), &advice)
        }
        Some(version) => Finding::good("opencode", format!("{shown} is version {version}")),
    }
}

fn git() -> Finding {
    let output = Capture::start(Command::new("git").arg("--version")).ok();
    let output = output.and_then(|capture| capture.finish(Deadline::after(GIT_LIMIT)));
    match output {
        Some(bytes) => Finding::good("git", String::from_utf8_lossy(&bytes).trim().to_string()),
        None => Finding::warning(
            "git",
            "there is none on PATH",
            "without it uncommitted changes are unknown",
        ),
    }
}

fn kernel() -> Finding {
    let told = fs::read_to_string("/proc/self/stat").is_ok();
    match process::pidfd_trouble() {
        _ if !told => Finding::bad("kernel", "/proc is not there", "mount -t proc proc /proc"),
        None => Finding::good("kernel", "tells processes apart by pidfd"),
        Some(error) => Finding::warning(
            "kernel",
            format!("pidfd_open is refused ({error}); pid and start time are compared instead"),
            "allow pidfd_open and pidfd_send_signal in the container's seccomp profile",
        ),
    }
}

fn database(context: &Context) -> Finding {
    let Some(home) = context.environment.data_home() else {
        return Finding::warning("database", "neither XDG_DATA_HOME nor HOME is set", "set HOME");
    };
    let place = home.join("opencode");
    let shown = place.display();
    if !place.exists() {
        return Finding::good("database", format!("{shown} will be made by the first server"));
    }
    match rustix::fs::access(&place, rustix::fs::Access::WRITE_OK) {
        Ok(()) => Finding::good("database", format!("in {shown}")),
        Err(error) => Finding::bad(
            "database",
            format!("{shown}: {error}"),
            "servers must be able to write there; start --isolate does without it",
        ),
    }
}
