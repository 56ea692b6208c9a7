//! Looks at everything that can be wrong, and mends it if asked to.
//!
//! Whatever occtl was killed at, the store says what it was about to do and the mark in the
//! environment says which processes belong to it; from these two everything is found again.

mod place;
mod programs;
mod sessions;

use crate::error::Result;
use crate::runner::context::Context;

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// As it should be.
    Good,
    /// It works, and the user should know about it.
    Warning,
    /// It is wrong.
    Bad,
    /// It was wrong and has been mended.
    Mended,
}

impl Health {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Health::Good => "ok",
            Health::Warning => "warning",
            Health::Bad => "wrong",
            Health::Mended => "mended",
        }
    }
}

/// What was found about one thing.
#[derive(Clone, Debug)]
pub struct Finding {
    /// For example `store`, `session`, `process`.
    pub check: &'static str,
    /// Which one, where there are several.
    pub subject: Option<String>,
    /// How it is.
    pub health: Health,
    /// What was seen.
    pub detail: String,
    /// What to do, or what was done.
    pub advice: Option<String>,
}

impl Finding {
    fn good(check: &'static str, detail: impl Into<String>) -> Finding {
        Finding { check, subject: None, health: Health::Good, detail: detail.into(), advice: None }
    }

    fn warning(check: &'static str, detail: impl Into<String>, advice: &str) -> Finding {
        let advice = Some(advice.into());
        Finding { health: Health::Warning, advice, ..Finding::good(check, detail) }
    }

    fn bad(check: &'static str, detail: impl Into<String>, advice: &str) -> Finding {
        Finding { health: Health::Bad, ..Finding::warning(check, detail, advice) }
    }

    fn of(mut self, subject: &str) -> Finding {
        self.subject = Some(subject.into());
        self
    }

    /// The same after an attempt to mend it.
    fn after(mut self, mended: Result<&str>) -> Finding {
        match mended {
            Ok(what) => {
                self.health = Health::Mended;
                self.advice = Some(what.into());
            }
            Err(error) => self.advice = Some(error.to_string()),
        }
        self
    }
}

/// Looks at everything; with `fix` what is wrong is mended as far as that loses nothing.
pub fn doctor(context: &Context, fix: bool) -> Result<Vec<Finding>> {
    let mut findings = place::check(context, fix);
    findings.extend(sessions::check(context, fix));
    findings.extend(programs::check(context));
    Ok(findings)
}
