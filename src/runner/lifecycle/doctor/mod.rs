//! Looks at everything that can be wrong, and mends it if asked to.
//!
//! Whatever occtl was killed at, the store says what it was about to do and the mark in the
//! environment says which processes belong to it; from these two everything is found again.

mod finding;
mod place;
mod programs;
mod sessions;

pub use finding::{Finding, Health};

use crate::error::Result;
use crate::runner::context::Context;

/// Looks at everything; with `fix` what is wrong is mended as far as that loses nothing.
pub fn doctor(context: &Context, fix: bool) -> Result<Vec<Finding>> {
    let mut findings = place::check(context, fix);
    findings.extend(sessions::check(context, fix));
    findings.extend(programs::check(context));
    Ok(findings)
}
