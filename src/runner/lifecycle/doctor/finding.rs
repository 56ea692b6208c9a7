//! What `doctor` finds, thing by thing.

use crate::error::Result;

/// What `doctor` may do besides looking.
#[derive(Clone, Copy, Debug, Default)]
pub struct DoctorOptions {
    /// Mend what is wrong, as far as that loses nothing.
    pub fix: bool,
    /// With `fix`, drop the records and files of sessions that are elsewhere.
    pub forget_elsewhere: bool,
}

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
    /// A thing that is as it should be.
    pub fn good(check: &'static str, detail: impl Into<String>) -> Finding {
        Finding { check, subject: None, health: Health::Good, detail: detail.into(), advice: None }
    }

    /// A thing that works, and that the user should know about.
    pub fn warning(check: &'static str, detail: impl Into<String>, advice: &str) -> Finding {
        let advice = Some(advice.into());
        Finding { health: Health::Warning, advice, ..Finding::good(check, detail) }
    }

    /// A thing that is wrong.
    pub fn bad(check: &'static str, detail: impl Into<String>, advice: &str) -> Finding {
        Finding { health: Health::Bad, ..Finding::warning(check, detail, advice) }
    }

    /// The same about one of several things.
    pub fn of(mut self, subject: &str) -> Finding {
        self.subject = Some(subject.into());
        self
    }

    /// The same after an attempt to mend it.
    pub fn after(mut self, mended: Result<&str>) -> Finding {
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
