//! Looks at everything that can be wrong, and mends it if asked to.
//!
//! Whatever occtl was killed at, the store says what it was about to do and the mark in the
//! environment says which processes belong to it; from these two everything is found again.

mod finding;
mod place;
mod programs;
mod sessions;

pub use finding::{DoctorOptions, Finding, Health};

use crate::error::Result;
use crate::runner::context::Context;

/// Looks at everything, and mends what it may.
pub fn doctor(context: &Context, options: DoctorOptions) -> Result<Vec<Finding>> {
    let mut findings = place::check(context, options.fix);
    findings.extend(sessions::check(context, options));
    findings.extend(programs::check(context));
    Ok(findings)
}
